//! The clients in every order in which their threads can take the lock, be woken, and end. For two
//! calls that need a token these are all orders. The other tests say how often a thread is
//! interrupted at most.
//!
//! The clock stands still. So a call that sleeps although it could continue sleeps for ever, and
//! loom reports a deadlock. The first lines of the output of a failed run name the test. After them
//! the process may abort, because the calls that sleep are dropped without loom.
//!
//! `cargo test --test clients NAME` in this package runs one of them. `--test` is needed, because
//! cargo otherwise builds the tests of the core too.
//!
//! A defect that no plain test finds: `Call::register` compares the epoch, unlocks, locks again and
//! keeps the waker. If the epoch changes between the two locks, nothing wakes the call. Almost all
//! tests of this file find it, with two calls and one token at least.

mod foreign;
mod world;

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Poll, Waker};
use std::time::Duration;

use kinde_users_core::operations::GetUsers;
use kinde_users_core::{AccessToken, Instant, Tenant};
use loom::thread;

use world::{
    Async, Call, Service, Token, block_on, blocking, call, credentials, in_async, in_every_order, poll,
    spawn, spawn_blocking,
};

/// Makes this many calls at the same time with one client.
fn blocking_calls(calls: usize, token: Token) -> impl Fn() + Send + Sync + 'static {
    move || {
        let service = Service { token, ..Service::default() };
        let client = blocking(&service);
        let others: Vec<_> = (1..calls).map(|_| spawn_blocking(&client)).collect();
        let mut ended = vec![client.reply(&GetUsers::new()).is_ok()];
        ended.extend(others.into_iter().map(|other| other.join().unwrap()));
        check_shared(&service, calls, &ended);
    }
}

fn async_calls(calls: usize, token: Token) -> impl Fn() + Send + Sync + 'static {
    move || {
        let service = Service { token, ..Service::default() };
        let client = in_async(&service);
        let others: Vec<_> = (1..calls).map(|_| spawn(&client)).collect();
        let mut ended = vec![block_on(call(&client))];
        ended.extend(others.into_iter().map(|other| other.join().unwrap()));
        check_shared(&service, calls, &ended);
    }
}

/// Checks that this many calls ended as the answer to one token request says.
fn check_shared(service: &Service, calls: usize, ended: &[bool]) {
    let is_issued = matches!(service.token, Token::Issued);
    assert_eq!(ended, vec![is_issued; calls]);
    assert_eq!(service.requests(), (1, if is_issued { calls } else { 0 }));
}

#[test]
fn two_calls_share_a_token() {
    in_every_order("two calls, a token", None, blocking_calls(2, Token::Issued));
    in_every_order("two tasks, a token", None, async_calls(2, Token::Issued));
}

#[test]
fn two_calls_share_a_refusal() {
    in_every_order("two calls, a refusal", None, blocking_calls(2, Token::Refused));
    in_every_order("two tasks, a refusal", None, async_calls(2, Token::Refused));
}

#[test]
fn three_calls_share_a_token() {
    in_every_order("three calls, a token", Some(3), blocking_calls(3, Token::Issued));
    in_every_order("three tasks, a token", Some(3), async_calls(3, Token::Issued));
}

#[test]
fn three_calls_share_a_refusal() {
    in_every_order("three calls, a refusal", Some(3), blocking_calls(3, Token::Refused));
    in_every_order("three tasks, a refusal", Some(3), async_calls(3, Token::Refused));
}

#[test]
fn panic_of_the_leader_leaves_the_token_to_the_other() {
    in_every_order("two calls, a panic", None, || {
        let service = Service { token: Token::Panics, ..Service::default() };
        let client = blocking(&service);
        let calling = client.clone();
        let run = move || catch_unwind(AssertUnwindSafe(|| calling.reply(&GetUsers::new()).is_ok()));
        let other = thread::spawn(run.clone());
        let ended = [run(), other.join().unwrap()];
        assert_eq!(ended.iter().filter(|ended| ended.is_err()).count(), 1);
        assert!(ended.iter().flatten().all(|is_ok| *is_ok));
        assert_eq!(service.requests(), (2, 1));
    });
}

/// Lets two tasks wait for the token that a leader requests. The leader never gets its answer, so
/// `change` has to end the waits. It returns the leader, unless it drops the leader.
fn waits_end(
    test: &str,
    requests: (usize, usize),
    change: impl Fn(&Async, Call) -> Option<Call> + Send + Sync + 'static,
) {
    in_every_order(test, Some(3), move || {
        let service = Service { is_slow: true, ..Service::default() };
        let client = in_async(&service);
        let mut leader = call(&client);
        assert!(poll(&mut leader, Waker::noop()).is_pending());
        let others = [spawn(&client), spawn(&client)];
        let _leader = change(&client, leader);
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!(service.requests(), requests);
    });
}

#[test]
fn dropped_leader_leaves_the_token_to_the_others() {
    waits_end("two tasks, and a leader that is dropped", (1, 2), |_, leader| {
        drop(leader);
        None
    });
}

#[test]
fn replaced_credentials_strand_no_call() {
    in_every_order("two calls, other credentials", Some(3), || {
        let service = Service::default();
        let client = blocking(&service);
        let others = [spawn_blocking(&client), spawn_blocking(&client)];
        client.with_tenant(|tenant| tenant.replace_credentials(credentials()));
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert!((1..=2).contains(&service.requests().0));
    });
}

#[test]
fn replaced_credentials_end_all_waits() {
    waits_end("two tasks, other credentials", (1, 2), |client, leader| {
        client.with_tenant(|tenant| tenant.replace_credentials(credentials()));
        Some(leader)
    });
}

#[test]
fn supplied_token_ends_all_waits() {
    waits_end("two tasks, a token from elsewhere", (0, 2), |client, leader| {
        client.supply_token(AccessToken::new("t").unwrap(), None);
        Some(leader)
    });
}

#[test]
fn changed_rate_ends_all_waits() {
    in_every_order("two calls, another rate", Some(3), || {
        let service = Service::default();
        let client = blocking(&service);
        client.with_tenant(|tenant| {
            tenant.supply_token(AccessToken::new("t").unwrap(), None, Instant::START);
            tenant.set_rate_limit(1);
        });
        // One of them waits for the second after the other one.
        let others = [spawn_blocking(&client), spawn_blocking(&client)];
        client.with_tenant(|tenant| tenant.set_rate_limit(0));
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!(service.requests(), (0, 2));
    });
}

#[test]
fn learned_rate_ends_all_waits() {
    in_every_order("three tasks, a limit that ends", Some(3), || {
        // Two are in flight when the service refuses one, so one at a time is allowed from then on.
        let service = Service { is_slow: true, first: &[(429, "")], ..Service::default() };
        let client = in_async(&service);
        client.with_tenant(|tenant| {
            tenant.supply_token(AccessToken::new("t").unwrap(), None, Instant::START);
            tenant.set_adaptive_rate(Some(Duration::from_secs(3600)));
        });
        let [mut sent, mut refused] = [call(&client), call(&client)];
        assert!(poll(&mut sent, Waker::noop()).is_pending());
        assert!(poll(&mut refused, Waker::noop()).is_pending());
        assert!(poll(&mut refused, Waker::noop()).is_pending());
        assert_eq!(service.requests(), (0, 1));
        let others = [spawn(&client), thread::spawn(move || block_on(refused))];
        assert!(block_on(sent));
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!(service.requests(), (0, 4));
    });
}

#[test]
fn cleared_throttle_ends_all_waits() {
    in_every_order("two tasks, a reset that is cleared", Some(3), || {
        let service = Service { first: &[(429, "10")], ..Service::default() };
        let client = in_async(&service);
        client.supply_token(AccessToken::new("t").unwrap(), None);
        let mut refused = call(&client);
        assert!(poll(&mut refused, Waker::noop()).is_pending());
        let others = [spawn(&client), thread::spawn(move || block_on(refused))];
        client.with_tenant(Tenant::clear_throttle);
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!(service.requests(), (0, 3));
    });
}

#[test]
fn replaced_waker_is_woken() {
    in_every_order("two tasks, another waker", None, || {
        let service = Service::default();
        let client = in_async(&service);
        let other = spawn(&client);
        let mut moves = call(&client);
        assert!(match poll(&mut moves, Waker::noop()) {
            Poll::Ready(is_ok) => is_ok,
            Poll::Pending => block_on(moves),
        });
        assert!(other.join().unwrap());
        assert_eq!(service.requests(), (1, 2));
    });
}

fn dropped_wait() {
    let service = Service { is_slow: true, ..Service::default() };
    let client = in_async(&service);
    let [mut leader, mut early] = [call(&client), call(&client)];
    assert!(poll(&mut leader, Waker::noop()).is_pending());
    assert!(poll(&mut early, Waker::noop()).is_pending());
    let others = [spawn(&client), spawn(&client)];
    drop(early);
    assert!(block_on(leader));
    assert!(others.into_iter().all(|other| other.join().unwrap()));
    assert_eq!(service.requests(), (1, 3));
}

#[test]
fn dropped_wait_leaves_the_others_to_be_woken() {
    in_every_order("three tasks, and a wait that is dropped", Some(2), dropped_wait);
}

#[test]
fn provider_is_asked_once_for_all_calls() {
    in_every_order("three calls, a provider", Some(3), || {
        let (service, asked) = (Service::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let client = blocking(&service).with_provider(move || {
            counted.fetch_add(1, Relaxed);
            Ok::<_, Infallible>(credentials())
        });
        let others = [spawn_blocking(&client), spawn_blocking(&client)];
        assert!(client.reply(&GetUsers::new()).is_ok());
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!((asked.load(Relaxed), service.requests()), (1, (1, 3)));
    });
}

#[test]
fn leader_dropped_while_it_asks_leaves_it_to_the_others() {
    in_every_order("two tasks, and one that is dropped while it asks", Some(3), || {
        let (service, asked) = (Service::default(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let client = in_async(&service).with_provider(move || {
            let is_first = counted.fetch_add(1, Relaxed) == 0;
            async move {
                if is_first {
                    pending::<()>().await;
                }
                Ok::<_, Infallible>(credentials())
            }
        });
        let mut leader = call(&client);
        assert!(poll(&mut leader, Waker::noop()).is_pending());
        let others = [spawn(&client), spawn(&client)];
        drop(leader);
        assert!(others.into_iter().all(|other| other.join().unwrap()));
        assert_eq!((asked.load(Relaxed), service.requests()), (2, (1, 2)));
    });
}

#[test]
#[ignore = "107,190 orders, about 10 seconds"]
fn three_calls_share_a_token_in_more_orders() {
    in_every_order("three calls, a token, more orders", Some(5), blocking_calls(3, Token::Issued));
}

#[test]
#[ignore = "102,614 orders, about 10 seconds"]
fn dropped_wait_leaves_the_others_in_more_orders() {
    in_every_order("three tasks, and a wait that is dropped, more orders", Some(3), dropped_wait);
}
