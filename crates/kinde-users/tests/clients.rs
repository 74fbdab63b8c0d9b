//! What the clients add to the machine: locks, wakers, drop guards, iterators and streams.

mod sim;

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::task::Wake;

use http::{Request, Response};
use kinde_users::operations::{
    CreateUser, CreateUserIdentity, DeleteUserSessions, GetUserIdentities, GetUsers, UsersPage,
};
use kinde_users::{
    AccessToken, AsyncClient, AsyncClock, AsyncTransport, CallError, CallOptions, Client, Clock, Credentials,
    DynOperation, Effect, Error, FindUser, Found, Instant, RetryPolicy, Tenant, Text, Transport, UserId,
    transport_fn,
};
use kinde_users_fake::{FakeError, FakeKinde, Fault, NewFakeUser};
use serde::Deserialize;
use sim::SimClock;

fn tenant(fake: &FakeKinde) -> Tenant {
    Tenant::new(fake.domain().unwrap(), fake.credentials())
}

fn blocking(fake: &FakeKinde) -> Client<FakeKinde, SimClock> {
    Client::new(tenant(fake), fake.clone(), SimClock::default())
}

/// Polls a future to its end that does not wait for another call.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it never ends");
}

/// A tenant that takes a few polls to answer.
#[derive(Clone)]
struct Slow(FakeKinde);

impl AsyncTransport for Slow {
    type Error = FakeError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        let pause = || {
            let mut polls = 0;
            poll_fn(move |_| {
                polls += 1;
                if polls > 2 { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        pause().await;
        let response = self.0.handle(request);
        pause().await;
        response
    }
}

fn is_sync<T: Sync>(_: &T) {}

fn is_send<T: Send>(value: T) -> T {
    value
}

// ---- Dropping
// ---------------------------------------------------------------------------------------------

#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn dropped_call_spares_the_others() {
    let operation = GetUsers::new();
    let mut ended = false;
    for polls in 0.. {
        let fake = FakeKinde::new();
        // With a failure on the way, so that there is a back-off to be dropped in too.
        fake.next("get_users", Fault::server_error());
        let clock = SimClock::default();
        let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), clock.clone());
        // Both are under way, so that no time passes but by their own waiting.
        let guards = (clock.under_way(), clock.under_way());
        let woken = Arc::new(Counting::default());

        let mut other = Box::pin(client.reply(&operation));
        let mut waits = false;
        {
            let mut dropped = Box::pin(client.reply(&operation));
            for poll in 0..polls {
                ended |= dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if ended {
                    break;
                }
                if poll == 0 {
                    // It finds the token being got.
                    let waker = Waker::from(Arc::clone(&woken));
                    assert!(other.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                    waits = true;
                }
            }
        }
        if ended {
            break;
        }
        if waits {
            assert!(
                woken.0.load(Ordering::Relaxed) > 0,
                "dropped after {polls} polls, and no call was woken"
            );
        }
        // It hears of it before time passes.
        let heard = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(guards.0);
        match heard {
            Poll::Ready(result) => result,
            Poll::Pending => finish(other),
        }
        .unwrap();
        assert!(fake.token_requests() <= 2, "dropped after {polls} polls");
        assert!(clock.time().since_start() < Duration::from_secs(10), "dropped after {polls} polls");
    }
    assert!(ended);
}

#[test]
fn panic_in_a_transport_spares_other_calls() {
    let fake = FakeKinde::new();
    let panics = AtomicUsize::new(1);
    let transport = {
        let fake = fake.clone();
        transport_fn(move |request| {
            let panicking = panics.fetch_sub(1, Ordering::Relaxed) == 1;
            assert!(!panicking, "a bug of the transport's");
            fake.handle(request)
        })
    };
    let clock = SimClock::default();
    let client = Client::new(tenant(&fake), transport, clock.clone());
    let call = AssertUnwindSafe(|| client.send(&GetUsers::new()));
    assert!(catch_unwind(call).is_err());
    client.send(&GetUsers::new()).unwrap();
    // It did not have to wait for the lease to end.
    assert_eq!(clock.time().since_start(), Duration::ZERO);
}

#[test]
fn panic_in_a_change_of_tenant_spares_calls() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), clock.clone());
    let _under_way = (clock.under_way(), clock.under_way());
    let operation = GetUsers::new();
    let (mut leader, mut waits) = (Box::pin(client.reply(&operation)), Box::pin(client.reply(&operation)));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let woken = Arc::new(Counting::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let change = AssertUnwindSafe(|| {
        client.with_tenant(|tenant| {
            tenant.replace_credentials(fake.credentials());
            panic!("a bug of the caller's");
        });
    });
    assert!(catch_unwind(change).is_err());
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

/// A waker that panics in one of its methods, or in both.
struct Panicking {
    in_wake: bool,
    in_drop: bool,
}

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        assert!(!self.in_wake, "a bug of this waker's wake");
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        assert!(!self.in_drop, "a bug of this waker's drop");
    }
}

/// Wakers that panic in each way there is.
fn panicking_wakers() -> [Waker; 3] {
    [(true, false), (false, true), (true, true)]
        .map(|(in_wake, in_drop)| Waker::from(Arc::new(Panicking { in_wake, in_drop })))
}

/// A clock that keeps no waker, so that the client has the only one.
struct Standing;

impl AsyncClock for Standing {
    fn now(&self) -> Instant {
        Instant::START
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

#[test]
fn panicking_waker_ends_no_other_call() {
    for waker in panicking_wakers() {
        let fake = FakeKinde::new();
        let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
        let operation = GetUsers::new();
        let [mut leader, mut before, mut faulty, mut after] =
            [(); 4].map(|()| Box::pin(client.reply(&operation)));
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let counts = [(); 2].map(|()| Arc::new(Counting::default()));
        let wakers = counts.clone().map(Waker::from);
        assert!(before.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(faulty.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        // The client has the last copy then.
        drop(waker);
        assert!(after.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());

        finish(leader).unwrap();
        assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [1, 1]);
        for call in [before, faulty, after] {
            finish(call).unwrap();
        }
        assert_eq!(fake.token_requests(), 1);
    }
}

#[test]
fn panicking_waker_keeps_the_first_panic() {
    for waker in panicking_wakers() {
        let fake = FakeKinde::new();
        let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
        let operation = GetUsers::new();
        let [mut leader, mut faulty, mut waits] = [(); 3].map(|()| Box::pin(client.reply(&operation)));
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(faulty.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        let woken = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        // While this thread panics, a second panic that gets out would end the process.
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _leader = leader;
            panic!("a bug of the leader's");
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"a bug of the leader's"));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        finish(waits).unwrap();
        finish(faulty).unwrap();
    }
}

#[test]
fn waker_that_panics_on_drop_ends_no_call() {
    let fake = FakeKinde::new();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
    let operation = GetUsers::new();
    let [mut leader, mut replaces, mut dropped, mut panics] =
        [(); 4].map(|()| Box::pin(client.reply(&operation)));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for call in [&mut replaces, &mut dropped, &mut panics] {
        let waker = Waker::from(Arc::new(Panicking { in_wake: false, in_drop: true }));
        assert!(call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(replaces.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(dropped);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _panics = panics;
        panic!("a bug of the caller's");
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"a bug of the caller's"));
    finish(leader).unwrap();
    finish(replaces).unwrap();
    assert_eq!(fake.token_requests(), 1);
}

/// A clock whose next waker is made by this closure.
#[derive(Clone)]
struct MakingWakers(SimClock, Arc<dyn Fn() -> Waker + Send + Sync>);

impl Clock for MakingWakers {
    fn now(&self) -> Instant {
        self.0.time()
    }

    fn waker(&self) -> Waker {
        (self.1)()
    }

    fn wait_until(&self, until: Instant) {
        self.0.pass_to(until);
    }
}

/// A transport that lets another call begin while it gets the token.
fn while_getting_the_token<C: Clock + Clone + Send + Sync + 'static>(
    fake: &FakeKinde,
    clock: C,
    other: impl Fn(&Client<Shared, C>) + Send + Sync + 'static,
) -> Client<Shared, C> {
    let transport = Shared(fake.clone(), Arc::default());
    let client = Client::new(tenant(fake), transport.clone(), clock);
    let calling = client.clone();
    *transport.1.lock().unwrap() = Some(Box::new(move || other(&calling)));
    client
}

#[derive(Clone)]
struct Shared(FakeKinde, Arc<Mutex<Option<Meanwhile>>>);

type Meanwhile = Box<dyn FnOnce() + Send>;

impl Transport for Shared {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        let meanwhile = self.1.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        self.0.handle(request)
    }
}

#[test]
fn panic_in_making_a_waker_ends_its_call_alone() {
    let fake = FakeKinde::new();
    let clock = MakingWakers(SimClock::default(), Arc::new(|| panic!("a bug of this waker's clone")));
    let panics = Arc::new(AtomicUsize::new(0));
    let client = while_getting_the_token(&fake, clock, {
        let panics = Arc::clone(&panics);
        move |client| {
            let call = catch_unwind(AssertUnwindSafe(|| client.send(&GetUsers::new())));
            panics.fetch_add(usize::from(call.is_err()), Ordering::Relaxed);
        }
    });
    client.send(&GetUsers::new()).unwrap();
    client.send(&GetUsers::new()).unwrap();
    assert_eq!((panics.load(Ordering::Relaxed), fake.token_requests()), (1, 1));
}

/// Runs a test that would never end if it failed.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (ended, ends) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = ended.send(());
    });
    let timed_out = ends.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!timed_out, "it waits for a lock that its own thread holds");
    thread.join().unwrap();
}

/// A waker that uses the client when it is woken and when it is dropped, as those of executors do
/// which run the task at once or drop it with its last waker.
struct UsingTheClient(Box<dyn Fn() + Send + Sync>);

impl Wake for UsingTheClient {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl Drop for UsingTheClient {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn wakers_are_used_without_a_lock() {
    within_a_minute(|| {
        for epoch_moves in [false, true] {
            let fake = FakeKinde::new();
            let client = Arc::new(OnceLock::<Client<Shared, MakingWakers>>::new());
            let used = Arc::new(AtomicUsize::new(0));
            let use_client = {
                let (client, used) = (Arc::clone(&client), Arc::clone(&used));
                move || {
                    client.get().unwrap().with_tenant(|_| ());
                    used.fetch_add(1, Ordering::Relaxed);
                }
            };
            let make = {
                let (client, use_client) = (Arc::clone(&client), use_client.clone());
                move || {
                    use_client();
                    if epoch_moves {
                        // The call finds that there is nothing to wait for, and drops the waker.
                        client.get().unwrap().with_tenant(|tenant| {
                            tenant.supply_token(AccessToken::new("t").unwrap(), None, Instant::START);
                        });
                    }
                    Waker::from(Arc::new(UsingTheClient(Box::new(use_client.clone()))))
                }
            };
            let clock = MakingWakers(SimClock::default(), Arc::new(make));
            let calling = while_getting_the_token(&fake, clock, |client| {
                let _ = client.send(&GetUsers::new());
            });
            client.get_or_init(|| calling.clone()).send(&GetUsers::new()).unwrap();
            assert!(used.load(Ordering::Relaxed) >= 2, "the other call made no waker");
        }
        let fake = FakeKinde::new();
        let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
        let [mut leader, mut waits] = [client.clone(), client.clone()]
            .map(|client| Box::pin(async move { client.reply(&GetUsers::new()).await }));
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let used = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(UsingTheClient(Box::new({
            let used = Arc::clone(&used);
            move || {
                client.with_tenant(|_| ());
                used.fetch_add(1, Ordering::Relaxed);
            }
        }))));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        finish(leader).unwrap();
        assert_eq!(used.load(Ordering::Relaxed), 2, "it is woken and dropped");
    });
}

/// A waker that owns a call, as those of some executors do.
struct Owning(#[expect(dead_code, reason = "it is dropped with the waker")] Mutex<OwnedCall>);

type OwnedCall = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Wake for Owning {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn waker_that_owns_a_call_can_be_dropped() {
    within_a_minute(|| {
        let fake = FakeKinde::new();
        let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
        let operation = GetUsers::new();
        let mut leader = Box::pin(client.reply(&operation));
        assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let owned = client.clone();
        let mut owned = Box::pin(async move { drop(owned.reply(&GetUsers::new()).await) });
        assert!(owned.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let waker = Waker::from(Arc::new(Owning(Mutex::new(owned))));
        let mut waits = Box::pin(client.reply(&operation));
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        // The last of it goes when another waker takes its place.
        assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
}

/// Polls a call once.
fn poll<F: Future>(call: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    call.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn every_waiting_call_is_woken_once_by_its_last_waker() {
    let fake = FakeKinde::new();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
    let operation = GetUsers::new();
    let call = || Box::pin(client.reply(&operation));
    let (mut leader, mut gone) = (call(), call());
    assert!(poll(&mut leader, Waker::noop()).is_pending());
    assert!(poll(&mut gone, Waker::noop()).is_pending());
    let mut gone = Some(gone);
    let counts: [_; 4] = core::array::from_fn(|_| Arc::new(Counting::default()));
    let waiting = counts.clone().map(|count| {
        let mut waits = call();
        assert!(poll(&mut waits, Waker::noop()).is_pending());
        assert!(poll(&mut waits, &Waker::from(count)).is_pending());
        // A call that began to wait before this one is dropped.
        drop(gone.take());
        waits
    });
    finish(leader).unwrap();
    assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [1; 4]);
    for waits in waiting {
        finish(waits).unwrap();
    }
}

#[test]
fn dropped_call_leaves_no_waker() {
    let fake = FakeKinde::new();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
    let operation = GetUsers::new();
    let (mut leader, mut waits) = (Box::pin(client.reply(&operation)), Box::pin(client.reply(&operation)));
    assert!(poll(&mut leader, Waker::noop()).is_pending());
    let count = Arc::new(Counting::default());
    assert!(poll(&mut waits, &Waker::from(Arc::clone(&count))).is_pending());
    assert_eq!(Arc::strong_count(&count), 2);
    drop(waits);
    assert_eq!(Arc::strong_count(&count), 1);
}

/// The waker of an executor that polls a call while it is woken.
struct Inline(Mutex<OwnedCall>, AtomicUsize);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let ended = self.0.lock().unwrap().as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        self.1.fetch_add(usize::from(ended), Ordering::Relaxed);
    }
}

#[test]
fn call_that_is_polled_while_woken_finds_the_token() {
    for is_refused in [false, true] {
        within_a_minute(move || {
            let fake = FakeKinde::new();
            let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), Standing);
            if is_refused {
                let nobody = Credentials::new("nobody", "nothing");
                client.with_tenant(|tenant| tenant.replace_credentials(nobody));
            }
            let operation = GetUsers::new();
            let mut leader = Box::pin(client.reply(&operation));
            assert!(poll(&mut leader, Waker::noop()).is_pending());
            let other = client.clone();
            let other = Box::pin(async move { drop(other.reply(&GetUsers::new()).await) });
            let inline = Arc::new(Inline(Mutex::new(other), AtomicUsize::new(0)));
            Arc::clone(&inline).wake();
            assert_eq!(finish(leader).is_err(), is_refused);
            // With the token, the call has sent its own request, which takes four more polls.
            if !is_refused {
                (0..4).for_each(|_| Arc::clone(&inline).wake());
            }
            assert_eq!(inline.1.load(Ordering::Relaxed), 1);
            assert_eq!(fake.token_requests(), 1);
        });
    }
}

#[test]
fn futures_are_small_and_can_be_sent() {
    let fake = FakeKinde::new();
    let client = AsyncClient::new(tenant(&fake), fake.clone(), SimClock::default());
    let operation = GetUsers::new();
    let reply = is_send(client.reply(&operation));
    assert!(size_of_val(&reply) <= 2048, "{}", size_of_val(&reply));
    let send = is_send(client.send(&operation));
    assert!(size_of_val(&send) <= 2048, "{}", size_of_val(&send));
    drop(is_send(client.pages(GetUsers::new()).next_page()));
    is_send(client.clone());
    is_sync(&client);
    is_sync(&blocking(&fake));
}

// ---- Pages
// ------------------------------------------------------------------------------------------------

fn with_users(count: usize) -> (FakeKinde, Vec<UserId>) {
    let fake = FakeKinde::new();
    let ids = fake.seed_users(count);
    (fake, ids)
}

#[test]
fn list_is_read_by_pages_and_by_items() {
    let (fake, ids) = with_users(23);
    let client = blocking(&fake);
    let pages: Vec<usize> =
        client.pages(GetUsers::new().page_size(10)).map(|page| page.unwrap().users.len()).collect();
    assert_eq!(pages, [10, 10, 3]);
    let items: Vec<String> =
        client.pages(GetUsers::new()).items().map(|user| user.unwrap().id.into_string()).collect();
    assert_eq!(ids, items);
}

#[test]
fn empty_list_is_one_empty_page() {
    let (fake, _) = with_users(0);
    let client = blocking(&fake);
    let pages: Vec<_> = client.pages(GetUsers::new()).collect::<Result<_, _>>().unwrap();
    assert_eq!(pages.iter().map(|page: &UsersPage| page.users.len()).collect::<Vec<_>>(), [0]);
}

#[test]
fn walk_can_end_early_and_be_resumed() {
    let (fake, ids) = with_users(10);
    let client = blocking(&fake);
    let mut walk = client.pages(GetUsers::new().page_size(3)).max_pages(2);
    assert!(walk.cursor().is_none());
    let first: Vec<_> = walk.by_ref().flat_map(|page| page.unwrap().users).collect();
    assert_eq!(first.len(), 6);
    let cursor = walk.cursor().unwrap().clone();
    let rest = client.pages(GetUsers::new().page_size(3)).resume_from(cursor).items();
    let rest: Vec<String> = rest.map(|user| user.unwrap().id.into_string()).collect();
    assert_eq!(ids[6..], rest);
}

#[test]
fn failed_walk_resumes_at_its_cursor() {
    let (fake, ids) = with_users(6);
    let client = blocking(&fake);
    let mut walk = client.pages(GetUsers::new().page_size(2));
    walk.next().unwrap().unwrap();
    fake.next("get_users", Fault::status(400));
    assert!(walk.next().unwrap().is_err());
    assert!(walk.next().is_none());
    let rest = client.pages(GetUsers::new().page_size(2)).resume_from(walk.cursor().unwrap()).items();
    let rest: Vec<String> = rest.map(|user| user.unwrap().id.into_string()).collect();
    assert_eq!(ids[2..], rest);
}

#[test]
fn error_among_items_comes_once_and_last() {
    let (fake, _) = with_users(6);
    let client = blocking(&fake);
    fake.next("get_users", Fault::edit(|_| {}));
    fake.next("get_users", Fault::status(403));
    let items: Vec<bool> =
        client.pages(GetUsers::new().page_size(2)).items().map(|item| item.is_ok()).collect();
    assert_eq!(items, [true, true, false]);
}

#[test]
fn pages_have_own_attempts_and_one_deadline() {
    let (fake, _) = with_users(8);
    let clock = SimClock::default();
    let client = Client::new(tenant(&fake), fake.clone(), clock.clone());
    // Three failures for each of four pages are more than one call makes attempts.
    for _ in 0..4 {
        fake.fail("get_users").times(3).with(Fault::server_error());
        fake.next("get_users", Fault::edit(|_| {}));
    }
    assert_eq!(client.pages(GetUsers::new().page_size(2)).flatten().count(), 4);

    let slow = CallOptions::new().total_timeout(Duration::from_secs(10));
    let client = client.with_options(slow);
    let mut walk = client.pages(GetUsers::new().page_size(2));
    walk.next().unwrap().unwrap();
    clock.pass_to(clock.time().saturating_add(Duration::from_secs(10)));
    let error = walk.next().unwrap().unwrap_err();
    assert!(matches!(error.error(), Error::TotalTimeout { .. }), "{error:?}");
    // Without one, each page has its own.
    let client = client.with_options(CallOptions::new());
    for page in client.pages(GetUsers::new().page_size(2)) {
        page.unwrap();
        clock.pass_to(clock.time().saturating_add(Duration::from_secs(600)));
    }
}

#[test]
fn identities_are_paged_by_the_last_one() {
    let fake = FakeKinde::builder().identities_page(2).build();
    let ada = fake.add_user(NewFakeUser::new().email("a0@example.com"));
    let client = blocking(&fake);
    for number in 1..5 {
        client.send(&CreateUserIdentity::email(&ada, format!("a{number}@example.com"))).unwrap();
    }
    let walk = client.pages(GetUserIdentities::new(&ada));
    let sizes: Vec<usize> = walk.map(|page| page.unwrap().identities.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
}

#[test]
fn list_that_does_not_advance_is_an_error() {
    let fake = FakeKinde::new();
    let (client, other) =
        (blocking(&fake), AsyncClient::new(tenant(&fake), fake.clone(), SimClock::default()));
    for body in [
        r#"{"identities":[],"has_more":true}"#,
        r#"{"identities":[{"id":null}],"has_more":true}"#,
        r#"{"identities":[{"id":"identity_1"}],"has_more":true}"#,
    ] {
        let reply = Fault::reply(Response::new(body.as_bytes().to_vec()));
        fake.fail("get_user_identities").times(10).with(reply);
        let last = client.pages(GetUserIdentities::new("kp_1")).last().unwrap();
        assert!(matches!(last.unwrap_err().error(), Error::CursorLoop(_)), "{body}");
        let mut items = other.pages(GetUserIdentities::new("kp_1")).items();
        let last = std::iter::from_fn(|| finish(items.next_item())).last().unwrap();
        assert!(matches!(last.unwrap_err().error(), Error::CursorLoop(_)), "{body}");
        fake.clear_faults();
    }
}

#[test]
fn dropped_wait_for_a_page_loses_none() {
    let (fake, ids) = with_users(7);
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), SimClock::default());
    let mut pages = client.pages(GetUsers::new().page_size(3));
    let mut found = Vec::new();
    loop {
        // Dropped after its first poll, and asked for again.
        assert!(pin!(pages.next_page()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let Some(page) = finish(pages.next_page()) else { break };
        found.extend(page.unwrap().users.into_iter().map(|user| user.id.into_string()));
        if pages.cursor().is_none() {
            break;
        }
    }
    assert_eq!(ids, found);

    let mut items = client.pages(GetUsers::new().page_size(3)).max_pages(2).items();
    let mut count = 0;
    while let Some(item) = finish(items.next_item()) {
        item.unwrap();
        count += 1;
    }
    assert_eq!(count, 6);
    assert!(finish(items.next_item()).is_none());
}

#[test]
fn dropped_page_leaves_the_token_to_others() {
    let (fake, ids) = with_users(3);
    let clock = SimClock::default();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), clock.clone());
    let mut pages = client.pages(GetUsers::new());
    let mut items = client.pages(GetUsers::new()).items();
    let mut context = Context::from_waker(Waker::noop());
    // Each is getting the token when it is dropped.
    assert!(pin!(pages.next_page()).poll(&mut context).is_pending());
    assert!(pin!(items.next_item()).poll(&mut context).is_pending());
    finish(client.send(&GetUsers::new())).unwrap();
    assert_eq!(clock.time().since_start(), Duration::ZERO);
    assert_eq!(finish(pages.next_page()).unwrap().unwrap().users.len(), 3);
    assert_eq!(finish(items.next_item()).unwrap().unwrap().id, ids[0]);
}

#[test]
fn polled_call_keeps_one_waker() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let client = AsyncClient::new(tenant(&fake), Slow(fake.clone()), clock.clone());
    let _under_way = (clock.under_way(), clock.under_way());
    let operation = GetUsers::new();
    let mut leader = Box::pin(client.reply(&operation));
    let mut waits = Box::pin(client.reply(&operation));
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let woken = Arc::new(Counting::default());
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..100 {
        assert!(waits.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(leader);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    drop(waits);
    // Those of calls that are gone are not kept.
    assert_eq!(Arc::strong_count(&woken), 2);
}

#[test]
fn removed_limit_wakes_waiting_calls() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let client = AsyncClient::new(tenant(&fake).with_rate_limit(1), fake.clone(), clock.clone());
    // Time stands still.
    let _under_way = [(); 8].map(|()| clock.under_way());
    let operation = GetUsers::new();
    let woken = Arc::new(Counting::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = &mut Context::from_waker(&waker);
    let mut first = Box::pin(client.reply(&operation));
    assert!(first.as_mut().poll(cx).is_ready());
    let mut waiting = [0, 1].map(|_| Box::pin(client.reply(&operation)));
    for call in &mut waiting {
        assert!(call.as_mut().poll(cx).is_pending());
    }
    let before = woken.0.load(Ordering::Relaxed);
    client.with_tenant(|tenant| tenant.set_rate_limit(0));
    assert_eq!(woken.0.load(Ordering::Relaxed), before + 2);
    for call in &mut waiting {
        assert!(call.as_mut().poll(cx).is_ready());
    }

    fake.next("get_users", Fault::rate_limited(60));
    let mut waiting = [0, 1].map(|_| Box::pin(client.reply(&operation)));
    for call in &mut waiting {
        assert!(call.as_mut().poll(cx).is_pending());
    }
    let before = woken.0.load(Ordering::Relaxed);
    client.with_tenant(Tenant::clear_throttle);
    assert_eq!(woken.0.load(Ordering::Relaxed), before + 2);
    for call in &mut waiting {
        assert!(call.as_mut().poll(cx).is_ready());
    }
}

#[test]
fn replaced_tenant_wakes_waiting_calls() {
    // Its epoch may be smaller than the one of the old tenant, the same, or larger.
    for (moves_before, moves_after) in [(0, 0), (3, 0), (0, 3)] {
        let fake = FakeKinde::new();
        let clock = SimClock::default();
        let of_epoch = |moves| {
            let mut tenant = tenant(&fake);
            (0..moves).for_each(|_| tenant.clear_throttle());
            tenant
        };
        let client = AsyncClient::new(of_epoch(moves_before).with_rate_limit(1), fake.clone(), clock.clone());
        // Time stands still.
        let _under_way = [(); 8].map(|()| clock.under_way());
        let operation = GetUsers::new();
        let woken = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        assert!(pin!(client.reply(&operation)).poll(cx).is_ready());
        let mut paced = Box::pin(client.reply(&operation));
        assert!(paced.as_mut().poll(cx).is_pending());
        let epoch = client.with_tenant(|tenant| tenant.epoch());
        let before = woken.0.load(Ordering::Relaxed);
        client.with_tenant(|tenant| {
            *tenant = of_epoch(moves_after);
            while tenant.epoch() < epoch && moves_before == moves_after {
                tenant.clear_throttle();
            }
        });
        assert_eq!(woken.0.load(Ordering::Relaxed), before + 1, "{moves_before} {moves_after}");
        assert!(paced.as_mut().poll(cx).is_ready());

        fake.next("get_users", Fault::rate_limited(60));
        let mut throttled = Box::pin(client.reply(&operation));
        assert!(throttled.as_mut().poll(cx).is_pending());
        client.with_tenant(|tenant| *tenant = of_epoch(moves_after));
        assert!(throttled.as_mut().poll(cx).is_ready());
        // A look changes nothing.
        let epoch = client.with_tenant(|tenant| tenant.epoch());
        assert_eq!(client.with_tenant(|tenant| tenant.epoch()), epoch);
    }
}

#[test]
fn async_walks_resume_and_stop_at_errors_too() {
    let (fake, ids) = with_users(6);
    let client = AsyncClient::new(tenant(&fake), fake.clone(), SimClock::default());
    let mut pages = client.pages(GetUsers::new().page_size(2));
    finish(pages.next_page()).unwrap().unwrap();
    fake.next("get_users", Fault::status(400));
    assert!(finish(pages.next_page()).unwrap().is_err());
    assert!(finish(pages.next_page()).is_none());
    let cursor = pages.cursor().unwrap().clone();
    let mut rest = client.pages(GetUsers::new().page_size(4)).resume_from(cursor);
    assert_eq!(finish(rest.next_page()).unwrap().unwrap().users[0].id, ids[2]);
}

// ---- Calls
// ------------------------------------------------------------------------------------------------

#[test]
fn one_user_is_found_by_what_is_known_of_it() {
    let fake = FakeKinde::new();
    let ada =
        fake.add_user(NewFakeUser::new().email("ada@example.com").username("ada").phone("+61412345678"));
    fake.add_user(NewFakeUser::new().email("grace@example.com"));
    let client = blocking(&fake);
    for find in [
        FindUser::by_email("ada@example.com"),
        FindUser::by_username("ada"),
        FindUser::by_phone("+61412345678"),
        FindUser::by_id(&ada),
    ] {
        assert_eq!(client.run(&mut find.clone()).unwrap().one().unwrap().id, ada.as_str());
    }
    let absent = client.run(&mut FindUser::by_email("absent@example.com"));
    assert_eq!(absent.unwrap(), Found::None);
}

#[test]
fn reply_is_read_as_one_likes() {
    #[derive(Deserialize)]
    struct Slim {
        users: Vec<SlimUser>,
    }
    #[derive(Deserialize)]
    struct SlimUser {
        id: String,
    }
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        #[serde(borrow)]
        users: Vec<BorrowedUser<'a>>,
    }
    #[derive(Deserialize)]
    struct BorrowedUser<'a> {
        #[serde(borrow)]
        id: Text<'a>,
    }

    let (fake, ids) = with_users(3);
    let client = blocking(&fake);
    let slim: Slim = client.send_as(&GetUsers::new()).unwrap();
    assert!(ids.iter().map(UserId::as_str).eq(slim.users.iter().map(|user| user.id.as_str())));
    let reply = client.reply(&GetUsers::new()).unwrap();
    let borrowed: Borrowed<'_> = reply.parse_as().unwrap();
    assert!(borrowed.users.iter().all(|user| user.id.is_borrowed()));
}

#[test]
fn token_is_handed_on_with_its_time_left() {
    const AGE: Duration = Duration::from_secs(3600);
    let fake = FakeKinde::new();
    let clock = || {
        let clock = SimClock::default();
        clock.pass_to(Instant::from_start(AGE));
        clock
    };
    let (first, second) = (clock(), clock());
    let client = Client::new(tenant(&fake), fake.clone(), first.clone());
    let other = AsyncClient::new(tenant(&fake), fake.clone(), second.clone());
    assert_eq!((client.token(), other.token()), (None, None));
    client.send(&GetUsers::new()).unwrap();
    let lifetime = client.token().unwrap().1.unwrap();
    first.pass_to(first.time().saturating_add(AGE));
    let (token, left) = client.token().unwrap();
    assert_eq!(left, lifetime.checked_sub(AGE));
    // Another clock, which has just been made, would overstate it by the age of the client's.
    let elsewhere = client.with_tenant(|tenant| tenant.token(Instant::START).unwrap().1);
    assert_eq!(elsewhere, left.map(|left| left + 2 * AGE));

    other.supply_token(token, left);
    assert_eq!(other.token().unwrap().1, left);
    finish(other.send(&GetUsers::new())).unwrap();
    assert_eq!(fake.token_requests(), 1);
    second.pass_to(second.time().saturating_add(AGE));
    let (token, left) = other.token().unwrap();
    assert_eq!(left, lifetime.checked_sub(2 * AGE));
    // And back, to a client that has one already.
    client.supply_token(token, left);
    assert_eq!(client.token().unwrap().1, left);
    client.send(&GetUsers::new()).unwrap();
    assert_eq!(fake.token_requests(), 1);
    first.pass_to(first.time().saturating_add(left.unwrap()));
    assert_eq!(client.token(), None);
    // A token of unknown lifetime is used until it is refused.
    client.supply_token(AccessToken::new("t").unwrap(), None);
    assert_eq!(client.token().unwrap().1, None);
}

#[test]
fn clones_have_one_token_and_keep_one_pace() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let client = Client::new(tenant(&fake).with_rate_limit(2), fake.clone(), clock.clone());
    let clones =
        [client.clone(), client.with_options(CallOptions::new().total_timeout(Duration::MAX)), client];
    for (half_seconds, clone) in (0..).zip(clones.iter().cycle().take(9)) {
        clone.send(&GetUsers::new()).unwrap();
        assert_eq!(clock.time().since_start(), Duration::from_millis(500) * half_seconds);
    }
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn refused_argument_sends_no_request() {
    let fake = FakeKinde::new();
    let (client, other) =
        (blocking(&fake), AsyncClient::new(tenant(&fake), fake.clone(), SimClock::default()));
    for id in ["", ".", ".."] {
        let operation = DeleteUserSessions::new(id);
        let any = DynOperation::new(DeleteUserSessions::new(id));
        let errors = [
            client.reply(&operation).unwrap_err(),
            client.call(&any).unwrap_err(),
            finish(other.reply(&operation)).unwrap_err(),
            finish(other.call(&any)).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error.error(), Error::Build(_)), "{error:?}");
            assert_eq!(error.effect(), Effect::None);
        }
    }
    assert!(fake.requests().is_empty() && fake.token_requests() == 0);
}

#[test]
fn delivery_of_a_closure_is_unknown() {
    let fake = FakeKinde::new();
    let options = CallOptions::new().retry(RetryPolicy::new().backoff(Duration::ZERO));
    let closure = transport_fn({
        let fake = fake.clone();
        move |request| Transport::send(&fake, request)
    });
    let closure = Client::new(tenant(&fake), closure, SimClock::default()).with_options(options);
    fake.next("create_user", Fault::not_sent());
    assert_eq!(closure.send(&CreateUser::new()).unwrap_err().effect(), Effect::Possible);
    assert_eq!(fake.users().len(), 0);
    fake.next("create_user", Fault::not_sent());
    blocking(&fake).with_options(options).send(&CreateUser::new()).unwrap();
    assert_eq!(fake.users().len(), 1);
}

#[test]
fn pointer_to_a_transport_or_clock_is_one() {
    /// A tenant that needs every method of the transport and the clock: the first request does not
    /// arrive, the second one is refused for a while, and only the head of the last reply arrives.
    fn faults() -> FakeKinde {
        let fake = FakeKinde::new();
        fake.next("create_user", Fault::not_sent());
        fake.next("create_user", Fault::rate_limited(30));
        fake.next("create_user", Fault::real_reply().broken_off());
        fake
    }

    fn check(fake: &FakeKinde, error: &Error) {
        assert!(matches!(error, Error::Body { .. }), "{error:?}");
        assert_eq!((fake.requests().of("create_user").len(), fake.users().len()), (3, 1));
    }

    fn call(fake: &FakeKinde, transport: impl Transport, clock: impl Clock) {
        let client = Client::new(tenant(fake), transport, clock);
        check(fake, client.send(&CreateUser::new()).unwrap_err().error());
    }

    fn call_async(fake: &FakeKinde, transport: impl AsyncTransport, clock: impl AsyncClock) {
        let client = AsyncClient::new(tenant(fake), transport, clock);
        check(fake, finish(client.send(&CreateUser::new())).unwrap_err().error());
    }

    let fake = faults();
    call(&fake, &fake, &fake);
    let fake = faults();
    call(&fake, Box::new(fake.clone()), Arc::new(fake.clone()));
    let fake = faults();
    call(&fake, Arc::new(fake.clone()), Box::new(fake.clone()));
    let fake = faults();
    call_async(&fake, &fake, &fake);
    let fake = faults();
    call_async(&fake, Box::new(fake.clone()), Arc::new(fake.clone()));
    let fake = faults();
    call_async(&fake, Arc::new(fake.clone()), Box::new(fake.clone()));
}

#[test]
fn options_of_an_async_client_are_those_of_its_calls() {
    let fake = FakeKinde::new();
    fake.next("get_users", Fault::status(503));
    let never = CallOptions::new().retry(RetryPolicy::never());
    let client = AsyncClient::new(tenant(&fake), fake.clone(), fake.clone()).with_options(never);
    assert!(finish(client.send(&GetUsers::new())).is_err());
    assert_eq!(fake.requests().of("get_users").len(), 1);
}

#[test]
fn error_has_the_request_ids_of_its_reply() {
    let fake = FakeKinde::new();
    let reply = Response::builder().status(400).header("cf-ray", "8f1c-MEL").body(Vec::new()).unwrap();
    fake.next("get_users", Fault::reply(reply));
    let error = blocking(&fake).send(&GetUsers::new()).unwrap_err();
    assert_eq!(error.request_ids().collect::<Vec<_>>(), [("cf-ray", "8f1c-MEL")]);
}

#[test]
fn failure_of_a_transport_is_the_error_source() {
    let fake = FakeKinde::new();
    let client = blocking(&fake).with_options(CallOptions::new().retry(RetryPolicy::never()));
    fake.next("get_users", Fault::not_sent());
    let error: CallError<FakeError> = client.send(&GetUsers::new()).unwrap_err();
    assert_eq!(error.transport(), Some(&FakeError::NotSent));
    assert_eq!(error.to_string(), "get_users: not sent: no connection (gave up after 1 attempt)");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), FakeError::NotSent.to_string());
    assert!(matches!(error.clone().into_error(), Error::Exhausted { .. }));
    let core: Error = error.into();
    assert!(matches!(core, Error::Exhausted { .. }));

    // A failure that was got over is not the source of what came after it.
    let client = blocking(&fake);
    let other = AsyncClient::new(tenant(&fake), fake.clone(), SimClock::default());
    for is_async in [false, true] {
        fake.next("get_users", Fault::not_sent());
        fake.next("get_users", Fault::status(400));
        let operation = GetUsers::new();
        let result = if is_async { finish(other.send(&operation)) } else { client.send(&operation) };
        assert!(result.unwrap_err().transport().is_none(), "async: {is_async}");
    }
}

#[test]
fn replaced_tenant_gets_no_more_calls() {
    let (fake, other) = (FakeKinde::new(), FakeKinde::builder().host("other").build());
    let client = blocking(&fake);
    client.with_tenant(|tenant| *tenant = Tenant::new(other.domain().unwrap(), fake.credentials()));
    let error = client.send(&GetUsers::new()).unwrap_err();
    assert!(matches!(error.error(), Error::Build(error) if error.argument() == "tenant"), "{error:?}");
    assert_eq!(fake.requests().of("get_users").len(), 0);
}
