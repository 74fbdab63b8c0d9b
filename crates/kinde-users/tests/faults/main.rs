//! Many calls of all operations over real sockets, by threads and by tasks, against a tenant that
//! is busy and where one request in twenty goes wrong in one of many ways.
//!
//! Every call ends with a right result or with an error that is true: true to what the tenant
//! recorded and holds, and to what the client saw of each attempt. Nothing hangs, nothing is
//! created twice, tokens are few, and in the end no socket is left open and memory has not grown. A
//! client sees each head that the tenant sent in time, whatever becomes of the body. All of this
//! holds over TLS with a custom root, through a proxy and with a client certificate too.
//!
//! `.ci/faults` makes more calls; `KINDE_FAULTS_CALLS` and `KINDE_FAULTS_SEED` set how many and
//! which. The same seed plans the same calls and throws the same faults; which call meets which
//! fault is up to the threads.

mod call;
mod clock;
mod dice;
mod http2;
mod judge;
mod machine;
#[path = "../ways/mod.rs"]
mod ways;
mod wire;

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Response};
use kinde_users::{
    AsyncClient, CallOptions, Client, FactorId, HyperTransport, OPERATIONS, SystemClock, Tenant, TokioClock,
    UreqTransport,
};
use kinde_users_fake::{FakeKinde, Fault};
use tokio::runtime::{self, Runtime};

use call::{Caller, Ended, Outcome, Plan, make, user};
use clock::{Fast, SPEED};
use dice::Dice;
use http2::Gateway;
use judge::Judge;
use ways::{Road, Way};
use wire::{Tokens, Wire};

/// How many calls are made before all that came of them is looked at.
const BATCH: usize = 1000;
const THREADS: usize = 8;
const TASKS: usize = 32;

/// In the time of the run, as all that a client or the tenant is told.
const TOKEN_LIFETIME: Duration = Duration::from_secs(1000);
/// A client renews its token a minute before its end.
const TOKEN_RENEWED: Duration = Duration::from_secs(1000 - 60);
/// Longer than a busy machine lets an answer lie.
const ATTEMPT: Duration = Duration::from_secs(100);
/// For how long a call waits for limits, if its tenant learns the rate.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How long the server says nothing, now and then: four seconds of the machine's time.
const SILENCE: Duration = Duration::from_secs(4 * SPEED as u64);
/// The longest body that a client takes, and one that is longer.
const LONGEST: u64 = 3 * 512 * 1024;
const TOO_LONG: usize = 2 * 1024 * 1024;
/// The seconds until the reset that a reply names whose body cannot be read.
const RESET: &str = "100";

/// How long all may take that a batch does, in the machine's time, before it counts as hanging.
const BATCH_LIMIT: Duration = Duration::from_secs(60);
/// How long the last sockets may take to be closed, in the machine's time. A transport may try to
/// connect for ten seconds, and keeps an idle connection for fifteen.
const CLOSING: Duration = Duration::from_secs(30);
/// By how much memory may grow after the first tenth of the calls, in KiB.
const GROWTH: u64 = 32 * 1024;
/// How many files may be open beyond those at the start: two a connection, its socket and the
/// server's. hyper connects while it waits for a connection to come free, and then keeps both. Half
/// of the tasks go by way of a gateway, to which they connect too.
const MOST_FILES: usize = 2 * (THREADS + 2 * TASKS + TASKS / 2) + 20;
/// How many violations are shown.
const SHOWN: usize = 20;

fn setting(name: &str, default: u64) -> u64 {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name} is to be a number, and is {text:?}"))
}

type Blocking = Client<Wire<UreqTransport>, Fast<SystemClock>>;
type Async = AsyncClient<Wire<HyperTransport>, Fast<TokioClock>>;

/// The clients, each with a tenant of its own, as in several programs.
struct Clients {
    blocking: Blocking,
    asynchronous: Async,
    over_http_2: Async,
    ureq: Wire<UreqTransport>,
    hyper: Wire<HyperTransport>,
    http_2: Wire<HyperTransport>,
}

impl Clients {
    fn new(fake: &FakeKinde, road: &Road, gateway: &Gateway, seed: u64, learns: Option<Duration>) -> Self {
        let tenant = |seed| {
            let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials()).with_seed(seed);
            tenant.with_adaptive_rate(learns)
        };
        let ureq = Wire::new(road.ureq().body_limit(LONGEST), Dice::new(seed ^ 1));
        let hyper = Wire::new(road.hyper().body_limit(LONGEST), Dice::new(seed ^ 2));
        let http_2 = Wire::new(gateway.transport.clone().body_limit(LONGEST), Dice::new(seed ^ 5))
            .by(gateway.authority.clone());
        Self {
            blocking: Client::new(tenant(seed ^ 3), ureq.clone(), Fast::default()),
            asynchronous: AsyncClient::new(tenant(seed ^ 4), hyper.clone(), Fast::default()),
            over_http_2: AsyncClient::new(tenant(seed ^ 6), http_2.clone(), Fast::default()),
            ureq,
            hyper,
            http_2,
        }
    }
}

/// Plans the calls of a batch and adds the users that they are about.
fn plan(
    fake: &FakeKinde,
    dice: &mut Dice,
    batch: usize,
    count: usize,
    created: &mut Vec<String>,
) -> Vec<Plan> {
    let plan = |slot: usize| {
        let operation = dice.pick(OPERATIONS).name;
        // Two batches later the id is free again: the calls were judged, and the user is replaced.
        let own = format!("kp_{:032x}", batch % 2 * BATCH + slot);
        let mut factor = FactorId::from("");
        let id = match operation {
            "create_user" => own,
            "delete_user" if !created.is_empty() => created.pop().unwrap(),
            _ => {
                fake.add_user(user(&own));
                factor.clone_from(&fake.user(&own).unwrap().factors[0].id);
                own
            }
        };
        let options = CallOptions::new().attempt_timeout(ATTEMPT);
        let deadline = Duration::from_secs(if dice.one_in(20) { 5 } else { 400 });
        let dropped_after = dice.one_in(50).then(|| Duration::from_micros(dice.below(5000)));
        Plan { operation, id, factor, options: options.total_timeout(deadline), dropped_after }
    };
    (0..count).map(plan).collect()
}

/// Replies that say how their body is encoded, and whose body is not.
fn encoded(name: &'static str) -> Fault {
    Fault::edit(move |reply| {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    })
}

/// An error whose body is not encoded like this.
fn refused(status: u16, encoding: &str) -> Fault {
    let reply = Response::builder().status(status).header("ratelimit-reset", RESET);
    Fault::reply(reply.header(CONTENT_ENCODING, encoding).body(b"{}".to_vec()).unwrap())
}

/// Replies with a head that can be read, and a body that cannot.
fn without_body() -> [Fault; 11] {
    [
        Fault::real_reply().broken_off(),
        Fault::real_reply().chunked().broken_off(),
        Fault::real_reply().gzipped().broken_off(),
        encoded("gzip"),
        encoded("br"),
        encoded("gzip, gzip").chunked(),
        Fault::larger_by(TOO_LONG),
        Fault::larger_by(TOO_LONG).chunked(),
        Fault::larger_by(TOO_LONG).gzipped(),
        refused(400, "br"),
        refused(503, "gzip"),
    ]
}

/// As [`without_body`], and with a reset far ahead.
fn limited_without_body() -> [Fault; 4] {
    let plain = || refused(429, "identity");
    [refused(429, "br"), refused(429, "gzip"), plain().broken_off(), plain().chunked().broken_off()]
}

/// The plans of a batch, handed out to those who make the calls.
#[derive(Clone)]
struct Queue {
    plans: Arc<[Plan]>,
    next: Arc<AtomicUsize>,
}

impl Queue {
    fn new(plans: Vec<Plan>) -> Self {
        Self { plans: plans.into(), next: Arc::default() }
    }

    fn next(&self) -> Option<Plan> {
        self.plans.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned()
    }
}

/// Makes the calls that the queue gives out.
async fn work(caller: impl Caller, queue: Queue, done: mpsc::Sender<Outcome>) {
    while let Some(plan) = queue.next() {
        let began = Instant::now();
        let call = async { make(&caller, &plan).await.map_or_else(Ended::Failed, Ended::Ok) };
        let result = match plan.dropped_after {
            Some(limit) => tokio::time::timeout(limit, call).await.unwrap_or(Ended::Dropped),
            None => call.await,
        };
        done.send(Outcome { plan, result, took: began.elapsed() }).unwrap();
    }
}

/// Runs a future that never waits: those of a blocking client are ready at once.
fn finish(future: impl Future<Output = ()>) {
    assert_eq!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}

/// Makes the calls of a batch, half of them by threads and half by tasks, of which every other one
/// speaks HTTP/2.
fn run(runtime: &Runtime, clients: &Clients, mut for_threads: Vec<Plan>) -> Vec<Outcome> {
    let count = for_threads.len();
    let for_tasks = Queue::new(for_threads.split_off(count / 2));
    // A thread cannot be dropped.
    for plan in &mut for_threads {
        plan.dropped_after = None;
    }
    let for_threads = Queue::new(for_threads);
    let (done, outcomes) = mpsc::channel();
    for _ in 0..THREADS {
        let (client, queue, done) = (clients.blocking.clone(), for_threads.clone(), done.clone());
        thread::spawn(|| finish(work(client, queue, done)));
    }
    for task in 0..TASKS {
        let client = if task % 2 == 0 { &clients.asynchronous } else { &clients.over_http_2 };
        runtime.spawn(work(client.clone(), for_tasks.clone(), done.clone()));
    }
    drop(done);
    let until = Instant::now() + BATCH_LIMIT;
    let next = |ended| {
        let left = until.saturating_duration_since(Instant::now());
        let outcome = outcomes.recv_timeout(left);
        outcome.unwrap_or_else(|error| panic!("{ended} of {count} calls ended, and then: {error}"))
    };
    (0..count).map(next).collect()
}

/// What the run took of the machine.
#[derive(Default)]
struct Taken {
    time: Duration,
    files_before: Option<usize>,
    files_at_most: Option<usize>,
    files_after: Option<usize>,
    memory_before: Option<u64>,
    memory_after: Option<u64>,
}

#[test]
fn calls_end_in_time_with_a_true_outcome() {
    // One after the other, because each looks at the open files and the memory of the process.
    for way in Way::ALL {
        soak(way, None);
    }
    soak(Way::ALL[0], Some(LONGEST_WAIT));
}

/// `learns` is for how long the calls wait for limits, if the tenants learn the rate.
fn soak(way: Way, learns: Option<Duration>) {
    let calls = usize::try_from(setting("KINDE_FAULTS_CALLS", 2000)).unwrap();
    let seed = setting("KINDE_FAULTS_SEED", 1);
    println!("{way:?}: {calls} calls, seed {seed}, waiting for limits for {learns:?}");
    let mut dice = Dice::new(seed);
    let fake = FakeKinde::builder()
        .seed(seed)
        .chaos(0.05)
        .rate_limit(40)
        .in_flight_limit(THREADS + TASKS - 4)
        .token_lifetime(TOKEN_LIFETIME)
        .build();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let road = way.open(&fake, SPEED);
    let files_before = machine::open_files();
    let mut taken = Taken { files_before, ..Taken::default() };
    let gateway = Gateway::start(&road, ATTEMPT / SPEED, Dice::new(seed ^ 7));
    let clients = Clients::new(&fake, &road, &gateway, seed, learns);
    let mut judge = Judge::new(learns.map(|wait| wait / SPEED));
    let mut revoked = 0;
    let began = Instant::now();

    let batches = calls.div_ceil(BATCH);
    for batch in 0..batches {
        let count = BATCH.min(calls - batch * BATCH);
        let plans = plan(&fake, &mut dice, batch, count, &mut judge.created);
        for late in [Fault::head_after, Fault::body_after] {
            fake.next(dice.pick(OPERATIONS).name, late(Fault::real_reply(), SILENCE));
        }
        let limited = dice.pick(&limited_without_body()).clone();
        for fault in without_body().into_iter().chain([limited]) {
            fake.next(dice.pick(OPERATIONS).name, fault);
        }
        if batch % 4 == 1 {
            fake.next("token", dice.pick(&without_body()).clone());
            fake.revoke_tokens();
            revoked += 1;
        }
        let ended = run(&runtime, &clients, plans);
        let sent = clients.ureq.take_attempts().into_iter().chain(clients.hyper.take_attempts());
        let sent = sent.chain(clients.http_2.take_attempts());
        let requests = fake.requests();
        fake.forget_requests();
        judge.take_in(&fake, ended, sent, gateway.take_headless(), requests);
        road.check_proxy();
        taken.files_at_most = taken.files_at_most.max(machine::open_files());
        if batch == batches / 10 {
            taken.memory_before = machine::memory();
        }
    }
    taken.memory_after = machine::memory();
    taken.time = began.elapsed();
    judge.end(&fake, fake.requests());
    let per_client = [
        ("ureq", clients.ureq.tokens(), clients.ureq.early()),
        ("hyper", clients.hyper.tokens(), clients.hyper.early()),
        ("HTTP/2", clients.http_2.tokens(), clients.http_2.early()),
    ];

    drop(clients);
    drop(gateway);
    let until = Instant::now() + CLOSING;
    while machine::open_files() > files_before && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    taken.files_after = machine::open_files();
    drop(road);

    println!(
        "tokens and early requests: {per_client:?}, {} token requests; revoked {revoked} times",
        judge.token_requests
    );
    tell(&judge, &taken);
    let renewed = (taken.time * SPEED).as_secs() / TOKEN_RENEWED.as_secs();
    judge_clients(&mut judge, per_client, revoked + renewed);
    judge_run(&mut judge, way, calls, &taken);
    let violations = judge.violations(LOST);
    for violation in violations.iter().take(SHOWN) {
        println!("{violation}");
    }
    assert!(violations.is_empty(), "{way:?}, seed {seed}: {} times something did not hold", violations.len());
}

fn tell(judge: &Judge, taken: &Taken) {
    let Taken { time, files_before, files_at_most, files_after, memory_before, memory_after } = taken;
    println!("{} calls in {time:.1?}, of which {} ok", judge.calls, judge.ok);
    println!("how they ended: {:#?}", judge.ends);
    println!("attempts as the clients saw them: {:#?}", judge.seen);
    println!("{} requests as the tenant answered them: {:#?}", judge.requests, judge.answers);
    println!("latest call: {:?} after its deadline", judge.latest);
    println!("open files: {files_before:?} before, {files_at_most:?} at most, {files_after:?} after");
    println!("memory: {memory_before:?} KiB after a tenth of the calls, {memory_after:?} KiB at the end");
}

/// How often a busy machine may hold a thread between a look at the clock and the socket for longer
/// than the clocks allow. A client that does not wait at all does so in most batches.
const HELD: u64 = 2;

/// How many replies may be lost because their connection ends while they are on the way.
const LOST: usize = 2;

/// Each client gets a token at the start, and another one where that was revoked or ends. It sends
/// nothing before a reset.
fn judge_clients(judge: &mut Judge, clients: [(&str, Tokens, u64); 3], replaced: u64) {
    for (client, Tokens { got, failed, at_once, .. }, early) in clients {
        judge.rule(early <= HELD, || format!("{client}: {early} requests before a reset"));
        judge.rule(got <= 1 + replaced, || format!("{client}: {got} tokens, replaced {replaced} times"));
        // One in twenty goes wrong, and some more where the tenant is busy.
        judge.rule(failed <= 20 + got, || format!("{client}: {failed} failed token requests"));
        judge.rule(at_once <= HELD, || format!("{client}: {at_once} token requests at once"));
    }
    let sent = clients.iter().map(|(_, tokens, _)| tokens.got + tokens.failed).sum();
    let served = judge.token_requests;
    judge.rule(served <= sent, || format!("{served} token requests were served of {sent}"));
}

fn judge_run(judge: &mut Judge, way: Way, calls: usize, taken: &Taken) {
    let (judged, ok) = (judge.calls, judge.ok);
    judge.rule(usize::try_from(judged) == Ok(calls), || format!("{judged} calls were judged"));
    judge.rule(ok * 2 >= judged, || format!("only {ok} calls were ok"));
    let attempts: u64 = judge.seen.values().sum();
    let fine: u64 = ["200", "201"].iter().filter_map(|status| judge.seen.get(*status)).sum();
    judge.rule((attempts - fine) * 100 >= attempts, || "hardly anything went wrong".to_owned());
    let Taken { files_before, files_at_most, files_after, memory_before, memory_after, .. } = *taken;
    // A proxy has two more for each connection, and learns late that one has ended.
    let most = if way == Way::Proxy { 3 * MOST_FILES } else { MOST_FILES };
    let files = files_before.map(|before| before + most);
    judge.rule(files_at_most <= files, || format!("{files_at_most:?} files were open at once"));
    judge.rule(files_after == files_before, || format!("{files_after:?} files are left open"));
    let memory = memory_before.map(|before| before + GROWTH);
    judge.rule(memory_after <= memory, || format!("memory grew to {memory_after:?} KiB"));
}
