//! Virtual time for many calls at once: it passes when every call that is under way waits for it,
//! and then to the moment that the first of them waits for. Nothing sleeps.
#![allow(dead_code, reason = "each test program uses a part of it")]

use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use kinde_users::contract::Server;
use kinde_users::{AsyncClock, Clock, Domain, Instant};
use kinde_users_fake::FakeKinde;

/// A tenant and a way to it.
pub(crate) struct Way<T> {
    pub(crate) fake: FakeKinde,
    pub(crate) domain: Domain,
    pub(crate) transport: T,
    _server: Option<Server>,
}

impl Way<FakeKinde> {
    pub(crate) fn in_memory() -> Self {
        let fake = FakeKinde::new();
        Self { domain: fake.domain().unwrap(), transport: fake.clone(), fake, _server: None }
    }
}

impl<T> Way<T> {
    /// Real sockets; the time is virtual all the same.
    pub(crate) fn over_loopback(transport: T) -> Self {
        let fake = FakeKinde::new();
        let tenant = fake.clone();
        let server = Server::answering(move |request| tenant.handle(request).unwrap()).unwrap();
        let domain = Domain::parse(&server.origin()).unwrap().with_audience(&fake.audience());
        Self { fake, domain, transport, _server: Some(server) }
    }
}

/// A clock that its calls move on by waiting. A clone is the same clock.
#[derive(Clone, Default)]
pub(crate) struct SimClock(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Instant,
    /// How many calls are under way, waiting or not.
    calls: usize,
    waits: BTreeMap<u64, Waiting>,
    last_wait: u64,
    /// Told how much time passed.
    passed: Option<Box<dyn Fn(Duration) + Send>>,
}

struct Waiting {
    until: Instant,
    waker: Waker,
}

/// A call under way. Until it is dropped, time passes only while it waits.
pub(crate) struct UnderWay(SimClock);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.calls -= 1;
        state.pass();
    }
}

impl State {
    /// Moves time on if everyone waits.
    fn pass(&mut self) {
        if self.waits.is_empty() || self.waits.len() < self.calls {
            return;
        }
        let next = self.waits.values().map(|waiting| waiting.until).min().unwrap();
        self.pass_to(next);
    }

    fn pass_to(&mut self, until: Instant) {
        let before = self.now;
        self.now = self.now.max(until);
        if let Some(passed) = &self.passed {
            passed(self.now.saturating_since(before));
        }
        self.waits
            .values()
            .filter(|waiting| waiting.until <= self.now)
            .for_each(|waiting| waiting.waker.wake_by_ref());
        self.waits.retain(|_, waiting| waiting.until > self.now);
    }

    fn begin_wait(&mut self, until: Instant, waker: Waker) -> u64 {
        self.last_wait += 1;
        self.waits.insert(self.last_wait, Waiting { until, waker });
        self.pass();
        self.last_wait
    }
}

impl SimClock {
    /// Tells `passed` whenever time passes, and how much.
    pub(crate) fn telling(passed: impl Fn(Duration) + Send + 'static) -> Self {
        let clock = Self::default();
        clock.lock().passed = Some(Box::new(passed));
        clock
    }

    /// Says that a call begins.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.lock().calls += 1;
        UnderWay(self.clone())
    }

    /// Lets time pass without a wait.
    pub(crate) fn pass_to(&self, until: Instant) {
        self.lock().pass_to(until);
    }

    pub(crate) fn time(&self) -> Instant {
        self.lock().now
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

std::thread_local! {
    /// Whether this thread was woken since it last waited, and the wait that it is in.
    static PARKED: Arc<Parked> = Arc::new(Parked { thread: std::thread::current(), state: Mutex::default() });
}

struct Parked {
    thread: std::thread::Thread,
    state: Mutex<ParkedState>,
}

#[derive(Default)]
struct ParkedState {
    woken: bool,
    wait: Option<(SimClock, u64)>,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        let mut state = self.state.lock().unwrap();
        state.woken = true;
        let wait = state.wait.take();
        drop(state);
        // It does not wait any more, though it may take a while to run: time must not pass
        // meanwhile.
        if let Some((clock, wait)) = wait {
            clock.lock().waits.remove(&wait);
        }
        self.thread.unpark();
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.time()
    }

    fn waker(&self) -> Waker {
        PARKED.with(|parked| Waker::from(Arc::clone(parked)))
    }

    fn wait_until(&self, until: Instant) {
        struct Unpark(std::thread::Thread);

        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let parked = PARKED.with(Arc::clone);
        let mut state = parked.state.lock().unwrap();
        if !state.woken && self.time() < until {
            let wait = self.lock().begin_wait(until, Waker::from(Arc::new(Unpark(std::thread::current()))));
            state.wait = Some((self.clone(), wait));
        }
        while !state.woken && self.time() < until {
            drop(state);
            std::thread::park();
            state = parked.state.lock().unwrap();
        }
        *state = ParkedState::default();
    }
}

impl AsyncClock for SimClock {
    fn now(&self) -> Instant {
        self.time()
    }

    async fn sleep_until(&self, until: Instant) {
        Sleep { clock: self.clone(), until, wait: None }.await;
    }
}

struct Sleep {
    clock: SimClock,
    until: Instant,
    wait: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { clock, until, wait } = &mut *self;
        // Dropping a waker can run foreign code, so it does not happen under the lock.
        let mut waker = cx.waker().clone();
        let mut state = clock.lock();
        if state.now < *until {
            match wait.and_then(|wait| state.waits.get_mut(&wait)) {
                Some(waiting) => mem::swap(&mut waiting.waker, &mut waker),
                None => *wait = Some(state.begin_wait(*until, waker.clone())),
            }
        }
        // Beginning to wait may have been what time waited for.
        let is_over = state.now >= *until;
        drop(state);
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            let waiting = self.clock.lock().waits.remove(&wait);
            drop(waiting);
        }
    }
}
