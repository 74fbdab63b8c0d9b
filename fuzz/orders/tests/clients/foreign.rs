//! The clients run foreign code: transports, clocks, wakers, observers and providers. Here it uses
//! the client itself. If the client held its lock meanwhile, it would wait for itself.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kinde_users_core::operations::GetUsers;
use kinde_users_core::{Answered, Attempt, Done, Observer};
use loom::thread;

use crate::world::{
    AtDrop, Call, Foreign, Service, Standing, block_on, block_on_with, blocking, call, credentials, in_async,
    in_every_order, poll, spawn,
};

/// An observer that runs the foreign code.
struct Watching(Foreign, #[expect(dead_code, reason = "its drop runs")] AtDrop);

impl Watching {
    fn new(foreign: &Foreign) -> Self {
        foreign.runs("Observer::new");
        Self(foreign.clone(), foreign.at_drop("Observer::drop"))
    }
}

impl Observer for Watching {
    fn sent(&mut self, _: &Attempt<'_>) {
        self.0.runs("Observer::sent");
    }

    fn answered(&mut self, _: &Attempt<'_>, _: &Answered<'_>) {
        self.0.runs("Observer::answered");
    }

    fn waits(&mut self, _: Duration) {
        self.0.runs("Observer::waits");
    }

    fn token_renewed(&mut self, _: Option<Duration>) {
        self.0.runs("Observer::token_renewed");
    }

    fn done(&mut self, _: &Done<'_>) {
        self.0.runs("Observer::done");
    }
}

const OBSERVER: [&str; 7] = [
    "Observer::answered",
    "Observer::done",
    "Observer::drop",
    "Observer::new",
    "Observer::sent",
    "Observer::token_renewed",
    "Observer::waits",
];

/// Runs `run` in every order, and checks that the foreign code ran at these places.
fn at_places(test: &str, places: &[&'static str], run: impl Fn(&Record) + Send + Sync + 'static) {
    let record = Record::default();
    let recorded = record.clone();
    in_every_order(test, Some(3), move || run(&recorded));
    let missing: Vec<_> = places.iter().filter(|place| !record.0.lock().unwrap().contains(*place)).collect();
    assert!(missing.is_empty(), "no foreign code ran at {missing:?}");
}

#[derive(Clone, Default)]
struct Record(Arc<Mutex<BTreeSet<&'static str>>>);

impl Record {
    /// Returns foreign code that makes `use_client`, and notes where it ran.
    fn foreign(
        &self,
        use_client: impl Fn() + Send + Sync + 'static,
    ) -> Arc<dyn Fn(&'static str) + Send + Sync> {
        let record = self.clone();
        Arc::new(move |place| {
            use_client();
            record.0.lock().unwrap().insert(place);
        })
    }
}

#[test]
fn blocking_client_runs_foreign_code_without_a_lock() {
    let places =
        ["Clock::now", "Clock::wait_until", "Clock::waker", "Transport::send", "Waker::drop", "Waker::wake"];
    let places = [&places[..], &OBSERVER, &["provider"]].concat();
    at_places("two calls, foreign code", &places, |record| {
        let service = Service::default();
        let foreign = service.foreign.clone();
        let client = blocking(&service);
        let used = client.clone();
        foreign.set(Some(record.foreign(move || used.with_tenant(|_| ()))));
        let (observed, asked) = (foreign.clone(), foreign.clone());
        let client = client.with_observer(move |_| Watching::new(&observed)).with_provider(move || {
            asked.runs("provider");
            Ok::<_, Infallible>(credentials())
        });
        let other = client.clone();
        let other = thread::spawn(move || other.reply(&GetUsers::new()).is_ok());
        assert!(client.reply(&GetUsers::new()).is_ok());
        assert!(other.join().unwrap());
        foreign.set(None);
        assert_eq!(service.requests(), (1, 2));
    });
}

#[test]
fn async_client_runs_foreign_code_without_a_lock() {
    let places =
        ["AsyncClock::now", "AsyncClock::sleep_until", "Sleep::drop", "Sleep::poll", "Transport::send"];
    let places =
        [&places[..], &OBSERVER, &["provider", "provider's future", "Waker::drop", "Waker::wake"]].concat();
    at_places("two tasks, foreign code", &places, |record| {
        let service = Service::default();
        let foreign = service.foreign.clone();
        let client = in_async(&service);
        let used = client.clone();
        foreign.set(Some(record.foreign(move || used.with_tenant(|_| ()))));
        let (observed, asked) = (foreign.clone(), foreign.clone());
        let client = client.with_observer(move |_| Watching::new(&observed)).with_provider(move || {
            asked.runs("provider");
            let asked = asked.clone();
            async move {
                asked.runs("provider's future");
                Ok::<_, Infallible>(credentials())
            }
        });
        let (other, clock) = (call(&client), Standing(foreign.clone()));
        let other = thread::spawn(move || block_on_with(&clock, other));
        assert!(block_on_with(&Standing(foreign.clone()), call(&client)));
        assert!(other.join().unwrap());
        foreign.set(None);
        assert_eq!(service.requests(), (1, 2));
    });
}

/// An observer alone is enough to be told. Only this package shows it: other tests have the feature
/// `tracing`, with which the client reports every call.
#[test]
fn observer_is_told_without_a_provider() {
    let places = ["Observer::new", "Observer::sent", "Observer::answered", "Observer::done"];
    at_places("a call, an observer", &places, |record| {
        let service = Service::default();
        let foreign = service.foreign.clone();
        foreign.set(Some(record.foreign(|| ())));
        let observed = foreign.clone();
        let client = blocking(&service).with_observer(move |_| Watching::new(&observed));
        assert!(client.reply(&GetUsers::new()).is_ok());
        foreign.set(None);
    });
}

/// The waker of an executor that polls a call while it is woken.
struct Inline {
    call: Mutex<Option<Call>>,
    is_woken: AtomicBool,
    succeeded: AtomicUsize,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Relaxed);
        // If the call is being polled, it is polled again after that.
        while let Ok(mut call) = self.call.try_lock() {
            if !self.is_woken.swap(false, Relaxed) {
                return;
            }
            let waker = Waker::from(Arc::clone(&self));
            let polled = call.as_mut().map(|call| call.as_mut().poll(&mut Context::from_waker(&waker)));
            if let Some(Poll::Ready(is_ok)) = polled {
                *call = None;
                self.succeeded.fetch_add(usize::from(is_ok), Relaxed);
            }
        }
    }
}

#[test]
fn waker_may_poll_at_once() {
    in_every_order("two tasks, and one that is polled while it is woken", Some(3), || {
        let service = Service { is_slow: true, ..Service::default() };
        let client = in_async(&service);
        let mut leader = call(&client);
        assert!(poll(&mut leader, Waker::noop()).is_pending());
        let inline = Arc::new(Inline {
            call: Mutex::new(Some(call(&client))),
            is_woken: AtomicBool::new(false),
            succeeded: AtomicUsize::new(0),
        });
        Arc::clone(&inline).wake();
        let other = spawn(&client);
        assert!(block_on(leader));
        assert!(other.join().unwrap());
        assert_eq!(inline.succeeded.load(Relaxed), 1);
        assert_eq!(service.requests(), (1, 3));
    });
}

/// A waker that owns a call of the same tenant, as those of some executors do.
struct Owning(#[expect(dead_code, reason = "it is dropped with the waker")] Mutex<Call>);

impl Wake for Owning {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn waker_that_owns_a_call_can_be_dropped() {
    in_every_order("a task, and a waker that owns another", Some(3), || {
        let service = Service { is_slow: true, ..Service::default() };
        let client = in_async(&service);
        let leader = spawn(&client);
        let [mut owned, mut waits] = [call(&client), call(&client)];
        let _ = poll(&mut owned, Waker::noop());
        let waker = Waker::from(Arc::new(Owning(Mutex::new(owned))));
        let is_ready = poll(&mut waits, &waker).is_ready();
        drop(waker);
        // The last of it goes when another waker takes its place, or when it is woken.
        if !is_ready {
            let _ = poll(&mut waits, Waker::noop());
        }
        drop(waits);
        assert!(leader.join().unwrap());
    });
}
