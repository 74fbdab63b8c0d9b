//! Many users and many calls, in memory: `cargo bench -p kinde-users --bench many`.

mod client;

use std::alloc::System;
use std::error::Error;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use client::process::{cpu_of, peak};
use client::row::{Target, in_turns, measured};
use client::{credentials, page};
use http::{Request, Response};
use kinde_users::models::User;
use kinde_users::operations::{GetUserData, GetUsers};
use kinde_users::{
    AccessToken, AsyncClock, Domain, Instant, async_client_over, async_transport_fn, build_request,
    client_over, transport_fn,
};
use kinde_users_fake::FakeKinde;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: usize = 10_000;
const ROUNDS: usize = 51;

fn main() -> Result<(), Box<dyn Error>> {
    export()?;
    in_flight()?;
    with_fake();
    Ok(())
}

/// Goes through so many pages of 500 users.
fn walk(pages: u64) {
    let last = page::page();
    let text = String::from_utf8(last).expect("text");
    let served = AtomicU64::new(0);
    let transport = transport_fn(move |_: Request<Vec<u8>>| {
        let page = served.fetch_add(1, Ordering::Relaxed) + 1;
        let next = if page == pages { "null".to_owned() } else { format!("\"{page}\"") };
        Ok::<_, io::Error>(Response::new(text.replace("\"MTo6OmlkX2FzYw==\"", &next).into_bytes()))
    });
    let client = client_over(transport, acme(), credentials());
    let users =
        client.pages(GetUsers::new().page_size(500)).items().map(|user| black_box(user.expect("a user")));
    assert_eq!(users.count() as u64, pages * 500);
}

fn export() -> Result<(), Box<dyn Error>> {
    walk(10);
    let few = peak()?;
    walk(2000);
    let many = peak()?;
    measured(
        "export of 1,000,000 users, against 5,000",
        "KiB at the peak",
        [many, few],
        Target::More(2048.0),
        "",
    );
    let rounds: Vec<_> = (0..3)
        .map(|_| {
            let few = cpu_of(|| (0..200).for_each(|_| walk(10)));
            (cpu_of(|| walk(2000)) / 2000.0, few / 2000.0)
        })
        .collect();
    in_turns("export of 1,000,000 users, against 5,000", "ns of CPU a page", &rounds, Target::Times(1.1));
    Ok(())
}

struct Standing;

impl AsyncClock for Standing {
    fn now(&self) -> Instant {
        Instant::START
    }

    async fn sleep_until(&self, _: Instant) {}
}

/// All calls at once, beside one after another. Both yield once where a message would be under way,
/// so that all are under way at the same time. Bare ones build, wait and parse alike, with no
/// tenant, lock or machine: what they take more of in flight is the machine's, for its caches.
fn in_flight() -> Result<(), Box<dyn Error>> {
    let replies = Arc::new(Replies::new());
    let transport = async_transport_fn({
        let replies = Arc::clone(&replies);
        move |request| Replies::answer(Arc::clone(&replies), request)
    });
    let client = async_client_over(transport, Standing, acme(), credentials());
    let ours = || {
        let client = client.clone();
        async move { drop(black_box(client.send(&GetUserData::new("kp_1")).await.expect("a user"))) }
    };
    let shared = Arc::new((acme(), AccessToken::new(&page::token())?));
    let bare = || bare_call::<0>(&replies, &shared);
    let one_thread = Builder::new_current_thread().build()?;
    let all_threads = Builder::new_multi_thread().build()?;
    let padded = || bare_call::<712>(&replies, &shared);
    let most = Target::Times(1.1);
    compare("10,000 calls in flight, one thread", most, &one_thread, &one_thread, ours);
    compare("10,000 calls in flight, all cores", most, &all_threads, &one_thread, ours);
    let told = Target::Told;
    compare("10,000 bare calls in flight, one thread", told, &one_thread, &one_thread, bare);
    compare("10,000 bare calls in flight, all cores", told, &all_threads, &one_thread, bare);
    compare("10,000 bare calls as large as ours, one thread", told, &one_thread, &one_thread, padded);
    let bare = replies.held_by(&one_thread, bare);
    let (ours, padded) = (replies.held_by(&one_thread, ours), replies.held_by(&one_thread, padded));
    measured(
        "memory of a call in flight, its task included, against a bare one",
        "bytes",
        [ours, bare],
        told,
        "",
    );
    measured("memory of a bare call as large as ours, against a bare one", "bytes", [padded, bare], told, "");
    Ok(())
}

/// A call with neither tenant nor lock nor machine, which holds so many bytes more than it needs.
fn bare_call<const MORE: usize>(
    replies: &Arc<Replies>,
    shared: &Arc<(Domain, AccessToken)>,
) -> impl Future<Output = ()> + Send + use<MORE> {
    let (replies, shared) = (Arc::clone(replies), Arc::clone(shared));
    async move {
        let more = black_box([1_u8; MORE]);
        let request = build_request(&GetUserData::new("kp_1"), &shared.0, &shared.1).expect("good arguments");
        let response = Replies::answer(replies, request).await.expect("a reply");
        let text = std::str::from_utf8(response.body()).expect("text");
        drop(black_box(serde_json::from_str::<User>(text).expect("a user")));
        black_box(&more);
    }
}

fn compare<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    target: Target,
    runtime: &Runtime,
    one_thread: &Runtime,
    call: impl Fn() -> F,
) {
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let cpu = |runtime, at_once| cpu_of(|| run(runtime, &call, at_once)) / CALLS as f64;
    let rounds: Vec<_> = (0..ROUNDS).map(|_| (cpu(runtime, CALLS), cpu(one_thread, 1))).collect();
    in_turns(name, "ns of CPU a call", &rounds, target);
}

/// Answers each request alike, and counts what is held once all calls are under way.
struct Replies {
    body: Vec<u8>,
    begun: AtomicUsize,
    held: AtomicUsize,
    region: Region<'static, System>,
}

impl Replies {
    fn new() -> Self {
        let (begun, held) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { body: page::user_data(), begun, held, region: Region::new(ALLOCATOR) }
    }

    async fn answer(replies: Arc<Self>, request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        if replies.begun.fetch_add(1, Ordering::Relaxed) + 1 == CALLS {
            replies.held.store(replies.now_held(), Ordering::Relaxed);
        }
        yield_now().await;
        drop(black_box(request));
        Ok(Response::new(replies.body.clone()))
    }

    fn now_held(&self) -> usize {
        let change = self.region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    }

    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    fn held_by<F: Future<Output = ()> + Send + 'static>(
        &self,
        runtime: &Runtime,
        call: impl Fn() -> F,
    ) -> f64 {
        let before = self.now_held();
        self.begun.store(0, Ordering::Relaxed);
        run(runtime, &call, CALLS);
        (self.held.load(Ordering::Relaxed) - before) as f64 / CALLS as f64
    }
}

/// Makes all calls, that many at once.
fn run<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, call: &impl Fn() -> F, at_once: usize) {
    runtime.block_on(async {
        for _ in 0..CALLS / at_once {
            let calls: Vec<_> = (0..at_once).map(|_| tokio::spawn(call())).collect();
            for call in calls {
                call.await.expect("no panic");
            }
        }
    });
}

/// A call that the tenant in memory answers, beside one whose reply is at hand.
fn with_fake() {
    let fake = FakeKinde::builder().forgetting_requests().build();
    let id = fake.seed_users(100).remove(42);
    let call = GetUserData::new(id.as_str());
    let ours = fake.client().expect("a good domain");
    let body = ours.reply(&call).expect("a user").into_body();
    let transport = transport_fn(move |_| Ok::<_, io::Error>(Response::new(body.clone())));
    let bare = client_over(transport, acme(), credentials());
    let times = |send: &dyn Fn()| cpu_of(|| (0..CALLS).for_each(|_| send())) / 1e4;
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            (
                times(&|| drop(black_box(ours.send(&call).expect("a user")))),
                times(&|| drop(black_box(bare.send(&call).expect("a user")))),
            )
        })
        .collect();
    in_turns(
        "get_user_data of the fake in process, against a reply at hand",
        "ns of CPU",
        &rounds,
        Target::Told,
    );
}

fn acme() -> Domain {
    Domain::parse("acme").expect("a good domain")
}
