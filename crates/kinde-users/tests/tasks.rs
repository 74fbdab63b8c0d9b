//! A thousand tasks at once through one tenant: one token request, and nothing sent while a 429
//! stands. What `concurrency.rs` is for threads.

mod sim;

use core::time::Duration;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kinde_users::operations::GetUsers;
use kinde_users::{
    AsyncClient, AsyncTransport, CallError, CallOptions, Delivery, Error, HyperTransport, Instant,
    RetryPolicy, Tenant,
};
use kinde_users_fake::Fault;
use sim::{SimClock, Way};
use tokio::sync::Semaphore;

const CALLS: u32 = 1000;

/// Notes when operations are sent, and keeps the token request until all calls are under way.
struct Noting<T> {
    inner: T,
    clock: SimClock,
    sent: Arc<Mutex<Vec<Instant>>>,
    under_way: Arc<Semaphore>,
}

impl<T: AsyncTransport + Sync> AsyncTransport for Noting<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        if request.uri().path() == "/oauth2/token" {
            drop(self.under_way.acquire_many(CALLS).await);
        } else {
            self.sent.lock().unwrap().push(self.clock.time());
        }
        self.inner.send(request).await
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }
}

type Outcome<E> = Result<(), CallError<E>>;

fn over_loopback() -> Way<HyperTransport> {
    Way::over_loopback(HyperTransport::new())
}

/// Makes a thousand calls at once from as many tasks, and tells what came of them and when each was
/// sent. `has_token` gets a token before, by a call that gives up at once.
async fn call_from_tasks<T>(way: Way<T>, has_token: bool) -> (Vec<Outcome<T::Error>>, Vec<Instant>)
where
    T: AsyncTransport + Send + Sync + 'static,
{
    let fake = way.fake;
    let clock = SimClock::telling({
        let fake = fake.clone();
        move |passed| fake.advance(passed)
    });
    let (sent, under_way) = (Arc::default(), Arc::new(Semaphore::new(0)));
    let transport = Noting {
        inner: way.transport,
        clock: clock.clone(),
        sent: Arc::clone(&sent),
        under_way: Arc::clone(&under_way),
    };
    let client = AsyncClient::new(Tenant::new(way.domain, fake.credentials()), transport, clock.clone());
    if has_token {
        under_way.add_permits(CALLS as usize);
        let first = client.with_options(CallOptions::new().retry(RetryPolicy::never()));
        let error = first.send(&GetUsers::new()).await.unwrap_err();
        assert_eq!(error.as_api().unwrap().status(), 429);
        sent.lock().unwrap().clear();
    }

    let client = client.with_options(CallOptions::new().total_timeout(Duration::from_secs(3600)));
    let guards: Vec<_> = (0..CALLS).map(|_| clock.under_way()).collect();
    let tasks: Vec<_> = guards
        .into_iter()
        .map(|guard| {
            let (client, under_way) = (client.clone(), Arc::clone(&under_way));
            tokio::spawn(async move {
                under_way.add_permits(1);
                let result = client.send(&GetUsers::new()).await.map(|_| ());
                drop(guard);
                result
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    (outcomes, sent)
}

async fn without_a_token_they_ask_for_one<T: AsyncTransport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    let (outcomes, _) = call_from_tasks(way, false).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(fake.token_requests(), 1);
    assert_eq!(fake.requests().of("get_users").len(), CALLS as usize);
}

async fn whose_credentials_are_refused_they_ask_once<T: AsyncTransport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    fake.fail("token").always().with(Fault::status(401));
    let (outcomes, _) = call_from_tasks(way, false).await;
    let refused =
        |outcome: &Outcome<_>| matches!(outcome, Err(error) if matches!(error.error(), Error::Auth(_)));
    assert!(outcomes.iter().all(refused));
    assert_eq!(fake.token_requests(), 1);
    assert_eq!(fake.requests().of("get_users").len(), 0);
}

async fn while_a_429_stands_they_send_nothing<T: AsyncTransport + Send + Sync + 'static>(way: Way<T>) {
    let fake = way.fake.clone();
    fake.next("get_users", Fault::rate_limited(30));
    let (outcomes, sent) = call_from_tasks(way, true).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((sent.len(), fake.requests().of("get_users").len()), (CALLS as usize, CALLS as usize + 1));
    let opens = Instant::from_start(Duration::from_secs(30));
    assert!(sent.iter().all(|at| *at >= opens));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_in_memory_share_one_token() {
    without_a_token_they_ask_for_one(Way::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_over_loopback_share_one_token() {
    without_a_token_they_ask_for_one(over_loopback()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tasks_in_memory_ask_once() {
    whose_credentials_are_refused_they_ask_once(Way::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tasks_over_loopback_ask_once() {
    whose_credentials_are_refused_they_ask_once(over_loopback()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_tasks_in_memory_wait() {
    while_a_429_stands_they_send_nothing(Way::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_tasks_over_loopback_wait() {
    while_a_429_stands_they_send_nothing(over_loopback()).await;
}
