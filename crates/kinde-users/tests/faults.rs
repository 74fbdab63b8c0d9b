//! Calls of all operations over sockets that fail in every way, by many threads over ureq and hyper: each ends in a result
//! that is right or in an error that is true, by the record of the tenant that answered.
//!
//! Time goes a thousand times as fast, on the clock of the clients and on the tenant's: a second is a millisecond. `FAULTS`
//! says how many calls there are, `SEED` which faults they meet; `.ci/faults` runs it at length.

#[path = "../../kinde-users-core/tests/support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant as StdInstant};

use http::{Request, Response};
use kinde_users::hyper::HyperTransport;
use kinde_users::ureq::UreqTransport;
use kinde_users::{
    AsyncClient, AsyncClock, AsyncTransport, CallError, CallOptions, Client, Clock, Delivery, Effect,
    Instant, OPERATIONS, Operation, Replay, Tenant, TimeLimit, Transport,
};
use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{FakeKinde, Recorded};
use serde::Serialize;
use serde_json::{Value as Json, json};
use support::{Visit, with_operation};

const SPEED: u32 = 1_000;
const THREADS: usize = 12;
/// How many calls are made before they are judged and the record is forgotten.
const BATCH: usize = 2_000;
const DEADLINE: Duration = Duration::from_secs(5_000);
/// What the machine may add to a deadline when it has other things to do.
const SLACK: Duration = Duration::from_secs(5);

// ---- A fast clock -----------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
struct Fast(StdInstant);

impl Fast {
    fn time(self) -> Instant {
        Instant::from_start(self.0.elapsed() * SPEED)
    }

    fn until(self, until: Instant) -> Duration {
        until.saturating_since(self.time()) / SPEED
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

impl Clock for Fast {
    fn now(&self) -> Instant {
        self.time()
    }

    fn waker(&self) -> Waker {
        Waker::from(std::sync::Arc::new(Unpark(thread::current())))
    }

    fn wait_until(&self, until: Instant) {
        thread::park_timeout(self.until(until));
    }
}

impl AsyncClock for Fast {
    fn now(&self) -> Instant {
        self.time()
    }

    async fn sleep_until(&self, until: Instant) {
        tokio::time::sleep(self.until(until)).await;
    }
}

/// A transport to which a limit of a second is one of a millisecond.
struct Hurried<T>(T);

fn hurry(mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
    if let Some(TimeLimit(limit)) = request.extensions_mut().get_mut() {
        *limit /= SPEED;
    }
    request
}

impl<T: Transport> Transport for Hurried<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        self.0.send(hurry(request))
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.0.delivery(error)
    }
}

impl<T: AsyncTransport + Sync> AsyncTransport for Hurried<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        self.0.send(hurry(request)).await
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.0.delivery(error)
    }
}

// ---- Calls ------------------------------------------------------------------------------------------------

/// How a call ended.
struct Ended {
    /// The reply, or the effect that the error tells and the error.
    outcome: Result<Json, (Effect, String)>,
    took: Duration,
}

fn ended<R: Serialize, E>(result: Result<R, CallError<E>>) -> Result<Json, (Effect, String)>
where
    CallError<E>: std::fmt::Display,
{
    let error = match result {
        Ok(reply) => return Ok(serde_json::to_value(reply).unwrap()),
        Err(error) => error,
    };
    let kind = format!("{:?}", error.error());
    Err((error.effect(), kind.split([' ', '(', '{']).next().unwrap_or_default().to_owned()))
}

/// The two clients, and how the calls of one thread are made.
struct Clients {
    blocking: Client<Hurried<UreqTransport>, Fast>,
    hurried: Client<Hurried<UreqTransport>, Fast>,
    unhurried: AsyncClient<Hurried<HyperTransport>, Fast>,
    runtime: tokio::runtime::Runtime,
}

struct Call<'a>(&'a Clients, usize);

impl Visit for Call<'_> {
    type Out = Result<Json, (Effect, String)>;

    fn visit<O>(self, operation: &O) -> Self::Out
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let Self(clients, n) = self;
        if n % 40 == 7 {
            // A late reply is too late for this one.
            return ended(clients.hurried.send(operation));
        }
        if n % 2 == 0 {
            return ended(clients.blocking.send(operation));
        }
        // Driven by this thread, and carried by the runtime.
        ended(clients.runtime.block_on(clients.unhurried.send(operation)))
    }
}

fn tag(n: usize) -> String {
    format!("tag-{n}-")
}

/// The number in a tag, wherever it stands in a request.
fn tagged(request: &Recorded) -> Option<usize> {
    let text = format!("{}{}", request.path_and_query(), request.body_text());
    let (_, rest) = text.split_once("tag-")?;
    rest.split('-').next()?.parse().ok()
}

fn arguments(name: &str, n: usize) -> Json {
    let id = tag(n);
    match name {
        "create_user" => json!({ "provided_id": id }),
        "get_users" => json!({ "user_id": [id] }),
        "get_user_data" | "delete_user" => json!({ "id": id }),
        "update_user" => json!({ "id": id, "given_name": "Ada" }),
        "create_user_identity" => json!({ "user_id": id, "type": "username", "value": id }),
        "create_user_billing_customer" => json!({ "user_id": id, "org_code": "o", "billing_email": "a@b" }),
        "set_user_password" => json!({ "user_id": id, "hashed_password": "h", "hashing_method": "bcrypt" }),
        "reset_users_mfa" => json!({ "user_id": id, "factor_id": "mfa_1" }),
        "update_user_feature_flag_override" => {
            json!({ "user_id": id, "feature_flag_key": "f", "value": "v" })
        }
        "update_user_property" => json!({ "user_id": id, "property_key": "p", "value": "v" }),
        "update_user_properties" => json!({ "user_id": id, "properties": { "p": "v" } }),
        _ => json!({ "user_id": id }),
    }
}

// ---- Judging ----------------------------------------------------------------------------------------------

/// Whether what was told of a call is true, by what the tenant was asked and did.
fn judge(n: usize, ended: &Ended, requests: &[&Recorded]) {
    let meta = &OPERATIONS[n % OPERATIONS.len()];
    let name = meta.name;
    assert!(ended.took <= DEADLINE / SPEED + SLACK, "{name} {n} took {:?}", ended.took);
    assert!(requests.iter().all(|request| request.operation == Some(name)), "{name} {n}");
    let effects = requests.iter().filter(|request| request.took_effect).count();
    match &ended.outcome {
        Ok(reply) => {
            assert!(effects > 0, "{name} {n}: told to have happened");
            match name {
                "get_users" => assert_eq!(reply["users"][0]["id"], tag(n), "{reply}"),
                "get_user_data" | "update_user" => assert_eq!(reply["id"], tag(n), "{reply}"),
                "create_user" => {
                    assert!(reply["id"].as_str().is_some_and(|id| id.starts_with("kp_")), "{reply}");
                }
                _ => {}
            }
        }
        Err((Effect::Happened, kind)) => assert!(effects > 0, "{name} {n}: {kind} told to have happened"),
        // Reading has no effect, whether or not it was answered.
        Err((Effect::No, kind)) => {
            assert!(effects == 0 || meta.replay == Replay::Safe, "{name} {n}: {kind} told to have no effect");
        }
        Err((Effect::Possible, _)) => {}
    }
    if meta.replay == Replay::OnlyIfUnsent {
        assert!(effects <= 1, "{name} {n} was done {effects} times");
        let before_last = requests.iter().rev().skip(1);
        for request in before_last {
            assert!(
                matches!(request.status(), Some(401 | 429)),
                "{name} {n} again after {:?}",
                request.answer
            );
        }
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// What the process holds in memory, in MiB; nothing where the system does not tell.
fn memory() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4 / 1024
}

fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_call_ends_in_a_right_result_or_a_true_error() {
    let calls = setting("FAULTS", BATCH);
    let seed = u64::try_from(setting("SEED", 7)).unwrap();
    // What tokio opens once for the whole process is no leak.
    drop(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let files = open_files();
    let began = StdInstant::now();
    let fake = FakeKinde::builder().seed(seed).chaos(0.05).in_flight_limit(THREADS - 2).build();
    let server = Server::start(&fake, &Options::new().speed(SPEED)).unwrap();
    let tenant = || Tenant::new(fake.domain().unwrap(), fake.credentials()).with_retry_budget(u32::MAX / 100);
    let clock = Fast(began);
    let options = CallOptions::new().deadline(DEADLINE).attempt_limit(Duration::from_secs(1_000));
    let ureq = || Hurried(UreqTransport::configured(|config| config.proxy(None)));
    let clients = Clients {
        blocking: Client::new(tenant(), ureq(), clock).with_options(options),
        hurried: Client::new(tenant(), ureq(), clock)
            .with_options(options.attempt_limit(Duration::from_secs(3))),
        unhurried: AsyncClient::new(tenant(), Hurried(HyperTransport::new()), clock).with_options(options),
        runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    };

    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let (mut asked, mut tokens, mut faults, mut warm) = (0, 0, 0, 0);
    for first in (0..calls).step_by(BATCH) {
        let last = (first + BATCH).min(calls);
        let user = |n| json!({ "id": tag(n), "sessions": [{}], "mfa": [{ "id": "mfa_1", "type": "sms" }] });
        let lines: Vec<String> = (first..last).map(|n| user(n).to_string()).collect();
        fake.import(&lines.join("\n")).unwrap();
        let next = AtomicUsize::new(first);
        let results: HashMap<usize, Ended> = thread::scope(|scope| {
            let work = || {
                let mut results = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= last {
                        return results;
                    }
                    let name = OPERATIONS[n % OPERATIONS.len()].name;
                    let start = StdInstant::now();
                    let outcome = with_operation(name, &arguments(name, n), Call(&clients, n));
                    results.push((n, Ended { outcome, took: start.elapsed() }));
                }
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.len(), last - first);

        let requests = fake.requests();
        let mut by_call: HashMap<usize, Vec<&Recorded>> = HashMap::new();
        for request in requests.iter() {
            let is_good = request.status().is_some_and(|status| (200..300).contains(&status));
            faults += usize::from(!is_good);
            match tagged(request) {
                Some(n) => by_call.entry(n).or_default().push(request),
                None => tokens += usize::from(request.operation == Some("token")),
            }
        }
        asked += requests.len();
        for (n, ended) in &results {
            judge(*n, ended, by_call.get(n).map_or(&[], Vec::as_slice));
            let told_of = match &ended.outcome {
                Ok(_) => "Ok".to_owned(),
                Err((effect, kind)) => format!("{kind}, effect {effect:?}"),
            };
            *told.entry(told_of).or_default() += 1;
        }
        fake.forget_requests();
        fake.forget_users();
        if first == 0 {
            warm = memory();
        }
    }
    let grown = memory().saturating_sub(warm);
    drop(clients);
    server.shutdown();
    drop(fake);

    println!(
        "seed {seed}: {calls} calls in {:.1?}, {asked} requests, {faults} not answered well",
        began.elapsed()
    );
    println!("{told:?}\n{tokens} token requests, {grown} MiB more than after the first {BATCH} calls");
    println!("{files} open files before, {} after", open_files());
    assert!(told.get("Ok").is_some_and(|ok| *ok > calls * 9 / 10), "{told:?}");
    assert!(faults > calls / 50, "{faults}");
    assert!(tokens < 30 + calls / 100, "{tokens}");
    assert!(grown < 64, "{grown}");
    assert_eq!(open_files(), files);
}
