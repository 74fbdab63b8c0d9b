//! A thousand calls at once through one tenant: one token request, and nothing sent while a 429
//! stands.

mod sim;

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use http::{Request, Response};
use kinde_users::operations::GetUsers;
use kinde_users::{
    CallError, CallOptions, Client, Delivery, Error, Instant, RetryPolicy, Tenant, Transport, UreqTransport,
};
use kinde_users_fake::Fault;
use sim::{SimClock, Way};

const CALLS: usize = 1000;

/// Notes when operations are sent, and keeps the first token request until all calls are under way.
struct Noting<T> {
    inner: T,
    clock: SimClock,
    sent: Arc<Mutex<Vec<Instant>>>,
    all_under_way: Option<Arc<Barrier>>,
}

impl<T: Transport> Transport for Noting<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        self.sent.lock().unwrap().push(self.clock.time());
        if let (true, Some(barrier)) = (request.uri().path() == "/oauth2/token", &self.all_under_way) {
            barrier.wait();
        }
        self.inner.send(request)
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }
}

type Outcome<E> = Result<(), CallError<E>>;

fn over_loopback() -> Way<UreqTransport> {
    Way::over_loopback(UreqTransport::new())
}

/// Makes a thousand calls at once from as many threads, and tells what came of them and when each
/// was sent. `first` is done before, with a client that gives up at once; with `token_waits`, the
/// token request is answered when all are under way.
fn call_from_threads<T>(
    way: Way<T>,
    token_waits: bool,
    first: impl FnOnce(&Client<Noting<T>, SimClock>),
) -> (Vec<Outcome<T::Error>>, Vec<Instant>)
where
    T: Transport + Send + Sync + 'static,
{
    let fake = way.fake;
    let clock = SimClock::telling({
        let fake = fake.clone();
        move |passed| fake.advance(passed)
    });
    let (sent, barrier) = (Arc::default(), Arc::new(Barrier::new(2)));
    let all_under_way = token_waits.then(|| Arc::clone(&barrier));
    let transport =
        Noting { inner: way.transport, clock: clock.clone(), sent: Arc::clone(&sent), all_under_way };
    let client = Client::new(Tenant::new(way.domain, fake.credentials()), transport, clock.clone());
    first(&client.with_options(CallOptions::new().retry(RetryPolicy::never())));
    sent.lock().unwrap().clear();

    let client = client.with_options(CallOptions::new().total_timeout(Duration::from_secs(3600)));
    // Each call is under way from here on, so that no time passes before all have begun.
    let guards: Vec<_> = (0..CALLS).map(|_| clock.under_way()).collect();
    let begun = Arc::new(Barrier::new(CALLS + 1));
    let threads: Vec<_> = guards
        .into_iter()
        .map(|guard| {
            let (client, begun) = (client.clone(), Arc::clone(&begun));
            let call = move || {
                begun.wait();
                let result = client.send(&GetUsers::new()).map(|_| ());
                drop(guard);
                result
            };
            thread::Builder::new().stack_size(512 * 1024).spawn(call).unwrap()
        })
        .collect();
    begun.wait();
    if token_waits {
        barrier.wait();
    }
    let outcomes = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    (outcomes, sent)
}

fn without_a_token_they_ask_for_one<T: Transport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    let (outcomes, sent) = call_from_threads(way, true, |_| {});
    assert!(outcomes.iter().all(Result::is_ok));
    // All were woken: no call waited for the end of the lease.
    assert!(sent.iter().all(|at| *at == Instant::START));
    assert_eq!(fake.token_requests(), 1);
    assert_eq!(fake.requests().of("get_users").len(), CALLS);
}

fn whose_credentials_are_refused_they_ask_once<T: Transport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    fake.fail("token").always().with(Fault::status(401));
    let (outcomes, _) = call_from_threads(way, true, |_| {});
    let refused =
        |outcome: &Outcome<_>| matches!(outcome, Err(error) if matches!(error.error(), Error::Auth(_)));
    assert!(outcomes.iter().all(refused));
    assert_eq!(fake.token_requests(), 1);
    assert_eq!(fake.requests().of("get_users").len(), 0);
}

fn while_a_429_stands_they_send_nothing<T: Transport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    fake.next("get_users", Fault::rate_limited(30));
    let (outcomes, sent) = call_from_threads(way, false, |client| {
        let error = client.send(&GetUsers::new()).unwrap_err();
        assert_eq!(error.as_api().unwrap().status(), 429);
    });
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((sent.len(), fake.requests().of("get_users").len()), (CALLS, CALLS + 1));
    let opens = Instant::from_start(Duration::from_secs(30));
    assert!(sent.iter().all(|at| *at >= opens));
    // And then they do not leave all at once.
    let moments: BTreeSet<_> = sent.iter().collect();
    assert!(moments.len() > CALLS / 2, "{}", moments.len());
}

#[test]
fn threads_in_memory_share_one_token() {
    without_a_token_they_ask_for_one(Way::in_memory());
}

#[test]
fn threads_over_loopback_share_one_token() {
    without_a_token_they_ask_for_one(over_loopback());
}

#[test]
fn refused_threads_in_memory_ask_once() {
    whose_credentials_are_refused_they_ask_once(Way::in_memory());
}

#[test]
fn refused_threads_over_loopback_ask_once() {
    whose_credentials_are_refused_they_ask_once(over_loopback());
}

#[test]
fn throttled_threads_in_memory_wait() {
    while_a_429_stands_they_send_nothing(Way::in_memory());
}

#[test]
fn throttled_threads_over_loopback_wait() {
    while_a_429_stands_they_send_nothing(over_loopback());
}
