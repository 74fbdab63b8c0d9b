//! What the clients meet: a clock, a service, and threads that run in every order.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant as Began;

use http::{Request, Response, StatusCode};
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{
    AsyncClient, AsyncClock, AsyncTransport, Client, Clock, Credentials, Delivery, Domain, Instant, Tenant,
    Transport,
};
use loom::sync::Notify;
use loom::thread::{self, JoinHandle};

pub(crate) type Blocking = Client<Service, Standing>;
pub(crate) type Async = AsyncClient<Service, Standing>;

/// Runs `run` in every order of its threads in which a thread is interrupted at most this many
/// times, or any number of times. A thread that waits is not interrupted. Prints the number of
/// orders.
pub(crate) fn in_every_order(
    test: &str,
    interruptions: Option<usize>,
    run: impl Fn() + Send + Sync + 'static,
) {
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&orders);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = interruptions;
    builder.max_branches = 10_000;
    let began = Began::now();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        run();
    });
    println!("{test}: {} orders in {:.1} s", orders.load(Relaxed), began.elapsed().as_secs_f64());
}

/// What the foreign code does wherever the clients run it: nothing, unless a test sets it.
#[derive(Clone, Default)]
pub(crate) struct Foreign(Arc<Mutex<Option<Run>>>);

type Run = Arc<dyn Fn(&'static str) + Send + Sync>;

impl Foreign {
    pub(crate) fn set(&self, run: Option<Run>) {
        *self.0.lock().unwrap() = run;
    }

    /// The foreign code runs at this place.
    pub(crate) fn runs(&self, place: &'static str) {
        let run = self.0.lock().unwrap().clone();
        if let Some(run) = run {
            run(place);
        }
    }

    /// Returns a value that runs it when it is dropped.
    pub(crate) fn at_drop(&self, place: &'static str) -> AtDrop {
        AtDrop(self.clone(), place)
    }
}

pub(crate) struct AtDrop(Foreign, &'static str);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.runs(self.1);
    }
}

loom::thread_local! {
    static WOKEN: Arc<Notify> = Arc::new(Notify::new());
}

/// Ends the next wait of a thread.
struct Woken(Arc<Notify>, Foreign, #[expect(dead_code, reason = "its drop runs")] AtDrop);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.1.runs("Waker::wake");
        self.0.notify();
    }
}

fn wait() {
    WOKEN.with(Arc::clone).wait();
}

/// A clock that stands still. A wait ends when its waker is woken, and may end once before. If no
/// call ends a wait, all threads wait in the end, and the test fails.
#[derive(Clone, Default)]
pub(crate) struct Standing(pub(crate) Foreign);

impl Clock for Standing {
    fn now(&self) -> Instant {
        self.0.runs("Clock::now");
        Instant::START
    }

    fn waker(&self) -> Waker {
        self.0.runs("Clock::waker");
        Waker::from(Arc::new(Woken(WOKEN.with(Arc::clone), self.0.clone(), self.0.at_drop("Waker::drop"))))
    }

    fn wait_until(&self, _: Instant) {
        self.0.runs("Clock::wait_until");
        wait();
    }
}

impl AsyncClock for Standing {
    fn now(&self) -> Instant {
        self.0.runs("AsyncClock::now");
        Instant::START
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> + Send {
        self.0.runs("AsyncClock::sleep_until");
        let (foreign, dropped) = (self.0.clone(), self.0.at_drop("Sleep::drop"));
        poll_fn(move |_| {
            let _ = &dropped;
            foreign.runs("Sleep::poll");
            Poll::Pending
        })
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block_on_with(&Standing::default(), future)
}

/// Polls `future` to its end with wakers of this clock.
pub(crate) fn block_on_with<F: Future>(clock: &Standing, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        // A new one for each poll, so that the client has the last copy.
        let waker = clock.waker();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        wait();
    }
}

/// Polls a call once.
pub(crate) fn poll(call: &mut Call, waker: &Waker) -> Poll<bool> {
    call.as_mut().poll(&mut Context::from_waker(waker))
}

/// What the service answers to a request for a token.
#[derive(Clone, Copy, Default)]
pub(crate) enum Token {
    #[default]
    Issued,
    Refused,
    /// The first request panics.
    Panics,
}

/// A service that answers at once. Clones are the same service.
#[derive(Clone, Default)]
pub(crate) struct Service {
    pub(crate) token: Token,
    /// Whether an async answer is there at the second poll only.
    pub(crate) is_slow: bool,
    /// What the first operations are answered with, instead of 200.
    pub(crate) first: &'static [(u16, &'static str)],
    pub(crate) foreign: Foreign,
    pub(crate) tokens: Arc<AtomicUsize>,
    pub(crate) operations: Arc<AtomicUsize>,
}

impl Service {
    fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.foreign.runs("Transport::send");
        let mut response = Response::new(Vec::new());
        if request.uri().path() != "/oauth2/token" {
            let before = self.operations.fetch_add(1, Relaxed);
            if let Some((status, reset)) = self.first.get(before) {
                *response.status_mut() = StatusCode::from_u16(*status).unwrap();
                if !reset.is_empty() {
                    response.headers_mut().insert("retry-after", reset.parse().unwrap());
                }
            }
            *response.body_mut() = br#"{"users":[]}"#.to_vec();
            return response;
        }
        let before = self.tokens.fetch_add(1, Relaxed);
        match self.token {
            Token::Refused => *response.status_mut() = StatusCode::UNAUTHORIZED,
            Token::Panics if before == 0 => std::panic::resume_unwind(Box::new("a bug of the transport's")),
            _ => *response.body_mut() = br#"{"access_token":"t","expires_in":86399}"#.to_vec(),
        }
        response
    }

    /// Returns how often a token was requested, and how often an operation.
    pub(crate) fn requests(&self) -> (usize, usize) {
        (self.tokens.load(Relaxed), self.operations.load(Relaxed))
    }
}

impl Transport for Service {
    type Error = Infallible;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Infallible> {
        Ok(self.answer(&request))
    }

    fn delivery(&self, error: &Infallible) -> Delivery {
        match *error {}
    }
}

impl AsyncTransport for Service {
    type Error = Infallible;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Infallible> {
        let mut is_first = self.is_slow;
        poll_fn(|cx| {
            if std::mem::take(&mut is_first) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        Ok(self.answer(&request))
    }

    fn delivery(&self, error: &Infallible) -> Delivery {
        match *error {}
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("id", "secret")
}

pub(crate) fn tenant() -> Tenant {
    Tenant::new(Domain::parse("acme").unwrap(), credentials())
}

pub(crate) fn blocking(service: &Service) -> Blocking {
    Client::new(tenant(), service.clone(), Standing(service.foreign.clone()))
}

pub(crate) fn in_async(service: &Service) -> Async {
    AsyncClient::new(tenant(), service.clone(), Standing(service.foreign.clone()))
}

/// A call of the async client that owns its client.
pub(crate) type Call = Pin<Box<dyn Future<Output = bool> + Send>>;

/// An async call, which returns whether it succeeds.
pub(crate) fn call(client: &Async) -> Call {
    let client = client.clone();
    Box::pin(async move { client.reply(&GetUsers::new()).await.is_ok() })
}

/// Makes a call in a thread, which returns whether it succeeds.
pub(crate) fn spawn_blocking(client: &Blocking) -> JoinHandle<bool> {
    let client = client.clone();
    thread::spawn(move || client.reply(&GetUsers::new()).is_ok())
}

/// Makes a call in a thread, which returns whether it succeeds.
pub(crate) fn spawn(client: &Async) -> JoinHandle<bool> {
    let call = call(client);
    thread::spawn(move || block_on(call))
}
