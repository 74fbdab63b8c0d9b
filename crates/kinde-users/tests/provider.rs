//! Credentials from a provider: asked before each token request and after a refusal, by one call
//! for all that wait.

mod sim;

use core::future::ready;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use http::Request;
use kinde_users::operations::GetUsers;
use kinde_users::{
    AccessToken, AsyncClient, AuthProblem, CallError, CallOptions, Client, Clock as _, Credentials, Effect,
    Error, Instant, Problem, Tenant, transport_fn,
};
use kinde_users_fake::{FakeError, FakeKinde, Fault};
use sim::SimClock;

/// A secrets manager, which counts how often it is asked.
#[derive(Clone)]
struct Vault(Arc<(FakeKinde, AtomicUsize)>);

impl Vault {
    fn of(fake: &FakeKinde) -> Self {
        Self(Arc::new((fake.clone(), AtomicUsize::new(0))))
    }

    fn read(&self) -> Credentials {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        self.0.0.credentials()
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::Relaxed)
    }
}

fn rotate(fake: &FakeKinde, number: usize) {
    fake.rotate_secret(format!("secret number {number}"));
    fake.revoke_tokens();
}

/// The token requests, by their statuses.
fn token_statuses(fake: &FakeKinde) -> Vec<u16> {
    fake.requests().of("token").iter().filter_map(|request| request.status()).collect()
}

fn problem(error: &Error) -> &AuthProblem {
    match error {
        Error::Auth(error) => error.problem(),
        Error::Exhausted { last, .. } => problem(last),
        error => panic!("not about the token: {error}"),
    }
}

const CALLERS: usize = 8;
const ROTATIONS: usize = 25;

#[test]
fn rotation_under_load_fails_no_call() {
    let fake = FakeKinde::builder().forgetting_requests().build();
    let (vault, clock) = (Vault::of(&fake), SimClock::default());
    let tokens = Arc::new(AtomicUsize::new(0));
    let transport = transport_fn({
        let (fake, tokens) = (fake.clone(), Arc::clone(&tokens));
        move |request: Request<Vec<u8>>| {
            tokens.fetch_add(usize::from(request.uri().path() == "/oauth2/token"), Ordering::Relaxed);
            fake.handle(request)
        }
    });
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
    let client = Client::new(tenant, transport, clock.clone()).with_provider({
        let vault = vault.clone();
        move || Ok::<_, Infallible>(vault.read())
    });
    let made: Vec<AtomicUsize> = (0..CALLERS).map(|_| AtomicUsize::new(0)).collect();
    let so_far = || made.iter().map(|made| made.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let is_over = AtomicBool::new(false);
    let guards: Vec<_> = (0..CALLERS).map(|_| clock.under_way()).collect();
    thread::scope(|scope| {
        for (made, guard) in made.iter().zip(guards) {
            let (client, is_over) = (&client, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    client.send(&GetUsers::new()).unwrap();
                    made.fetch_add(1, Ordering::Relaxed);
                }
                drop(guard);
            });
        }
        for number in 0..ROTATIONS {
            // Each caller begins and ends a call with the latest secret.
            let before = so_far();
            while so_far().iter().zip(&before).any(|(now, before)| *now < before + 2) {
                thread::yield_now();
            }
            rotate(&fake, number);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // The last rotation may come after the last call.
    client.send(&GetUsers::new()).unwrap();
    assert_eq!((tokens.load(Ordering::Relaxed), vault.asked()), (ROTATIONS + 1, ROTATIONS + 1));
}

#[test]
fn one_call_asks_for_all_that_wait() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
    let begun = Arc::new(Barrier::new(CALLERS));
    let vault = Vault::of(&fake);
    let client = Client::new(tenant, fake.clone(), clock.clone()).with_provider({
        let (vault, begun) = (vault.clone(), Arc::clone(&begun));
        move || {
            // The others run meanwhile, and come here if they ask too.
            begun.wait();
            Ok::<_, Infallible>(vault.read())
        }
    });
    let guards: Vec<_> = (0..CALLERS).map(|_| clock.under_way()).collect();
    thread::scope(|scope| {
        for (caller, guard) in guards.into_iter().enumerate() {
            let (client, begun) = (&client, &begun);
            scope.spawn(move || {
                if caller > 0 {
                    begun.wait();
                }
                client.send(&GetUsers::new()).unwrap();
                drop(guard);
            });
        }
    });
    assert_eq!((vault.asked(), token_statuses(&fake)), (1, vec![200]));
}

/// Reads the secret, which is rotated right after the first time.
fn read_and_rotate(fake: &FakeKinde, vault: &Vault) -> Credentials {
    let credentials = vault.read();
    if vault.asked() == 1 {
        rotate(fake, 1);
    }
    credentials
}

#[test]
fn refused_secret_is_asked_for_again() {
    let fake = FakeKinde::new();
    let vault = Vault::of(&fake);
    let (tenant, asked) = (fake.clone(), vault.clone());
    let client =
        fake.client().unwrap().with_provider(move || Ok::<_, Infallible>(read_and_rotate(&tenant, &vault)));
    client.send(&GetUsers::new()).unwrap();
    assert_eq!((token_statuses(&fake), asked.asked()), (vec![401, 200], 2));
}

#[test]
fn refused_secret_is_asked_for_again_in_async_code() {
    let fake = FakeKinde::new();
    let vault = Vault::of(&fake);
    let (tenant, asked) = (fake.clone(), vault.clone());
    let client = fake
        .async_client()
        .unwrap()
        .with_provider(move || ready(Ok::<_, Infallible>(read_and_rotate(&tenant, &vault))));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(client.send(&GetUsers::new())).unwrap();
    assert_eq!((token_statuses(&fake), asked.asked()), (vec![401, 200], 2));
}

#[test]
fn refused_secret_is_not_sent_again() {
    let fake = FakeKinde::new();
    fake.fail("token").always().with(Fault::status(401));
    let vault = Vault::of(&fake);
    let asked = vault.clone();
    let client = fake.client().unwrap().with_provider(move || Ok::<_, Infallible>(vault.read()));
    for _ in 0..2 {
        // The second call comes within the second in which the refusal stands.
        let error = client.send(&GetUsers::new()).unwrap_err();
        assert!(matches!(problem(error.error()), AuthProblem::Refused { status: 401, .. }), "{error}");
    }
    assert_eq!((token_statuses(&fake), asked.asked()), (vec![401], 2));
}

#[test]
fn provider_is_asked_again_once_only() {
    let fake = FakeKinde::new();
    fake.fail("token").always().with(Fault::status(401));
    let numbers = AtomicUsize::new(0);
    let client = fake.client().unwrap().with_provider(move || {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(Credentials::new("id", format!("wrong {number}")))
    });
    client.send(&GetUsers::new()).unwrap_err();
    assert_eq!(token_statuses(&fake), [401, 401]);
}

#[test]
fn refusal_is_the_answer_if_the_provider_fails_then() {
    let fake = FakeKinde::new();
    let (id, is_asked) = (fake.client_id(), AtomicBool::new(false));
    let client = fake.client().unwrap().with_provider(move || {
        let is_first = !is_asked.swap(true, Ordering::Relaxed);
        is_first.then(|| Credentials::new(id.as_str(), "wrong")).ok_or("the vault is closed")
    });
    let error = client.send(&GetUsers::new()).unwrap_err();
    assert!(matches!(problem(error.error()), AuthProblem::Refused { status: 401, .. }), "{error}");
    assert_eq!(token_statuses(&fake), [401]);
}

type Failing = Mutex<Option<Result<Credentials, &'static str>>>;

/// A client whose provider returns what is in the cell, or else the right credentials.
fn client_of(fake: &FakeKinde, cell: &Arc<Failing>) -> Client<FakeKinde, FakeKinde> {
    let (vault, cell) = (Vault::of(fake), Arc::clone(cell));
    fake.client().unwrap().with_provider(move || {
        let provided = cell.lock().unwrap().clone();
        provided.unwrap_or_else(|| Ok(vault.read()))
    })
}

#[test]
fn failing_provider_sends_nothing() {
    let fake = FakeKinde::new();
    let cell = Arc::new(Failing::new(Some(Err("permission denied for s3cret"))));
    let client = client_of(&fake, &cell);
    let error: CallError<FakeError> = client.send(&GetUsers::new()).unwrap_err();
    let AuthProblem::NotProvided { reason, .. } = problem(error.error()) else { panic!("{error}") };
    assert_eq!(&**reason, "permission denied for s3cret");
    assert_eq!(
        error.to_string(),
        "get_users: no access token: the provider of the credentials failed (gave up after 5 attempts)"
    );
    assert_eq!((error.effect(), fake.requests().len()), (Effect::None, 0));

    *cell.lock().unwrap() = None;
    client.send(&GetUsers::new()).unwrap();
}

#[test]
fn failing_provider_keeps_a_token_that_lasts() {
    let fake = FakeKinde::builder().token_lifetime(Duration::from_secs(600)).build();
    let cell = Arc::new(Failing::default());
    let client = client_of(&fake, &cell);
    client.send(&GetUsers::new()).unwrap();
    *cell.lock().unwrap() = Some(Err("unavailable"));
    // It is time to renew the token.
    fake.advance(Duration::from_secs(550));
    client.send(&GetUsers::new()).unwrap();
    fake.advance(Duration::from_secs(50));
    client.send(&GetUsers::new()).unwrap_err();
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn malformed_secret_of_a_provider_is_not_kept() {
    let fake = FakeKinde::new();
    let cell = Arc::new(Failing::new(Some(Ok(Credentials::new("id", "secret\n")))));
    let client = client_of(&fake, &cell);
    let error = client.send(&GetUsers::new()).unwrap_err();
    let AuthProblem::Unsendable(error) = problem(error.error()) else { panic!("{error}") };
    assert_eq!((error.argument(), error.problem()), ("client_secret", Problem::ControlCharacter));
    assert_eq!(fake.requests().len(), 0);

    *cell.lock().unwrap() = None;
    fake.advance(Duration::from_secs(1));
    client.send(&GetUsers::new()).unwrap();
}

#[test]
fn key_of_a_provider_is_used_without_a_request() {
    let fake = FakeKinde::new();
    let key = fake.issue_api_key(["read:users"]);
    let key = Credentials::api_key(AccessToken::new(&key).unwrap());
    let cell = Arc::new(Failing::new(Some(Ok(key))));
    let client = client_of(&fake, &cell);
    client.send(&GetUsers::new()).unwrap();
    client.send(&GetUsers::new()).unwrap();
    assert_eq!(fake.token_requests(), 0);
}

/// A client whose provider returns a key of the tenant, and whose first key is another one.
fn client_with_keys(
    fake: &FakeKinde,
) -> (Client<FakeKinde, FakeKinde>, Arc<Mutex<String>>, Arc<AtomicUsize>) {
    let as_credentials = |key: &str| Credentials::api_key(AccessToken::new(key).unwrap());
    let first = as_credentials(&fake.issue_api_key(["read:users"]));
    let (key, asked) =
        (Arc::new(Mutex::new(fake.issue_api_key(["read:users"]))), Arc::new(AtomicUsize::new(0)));
    let client = Client::new(Tenant::new(fake.domain().unwrap(), first), fake.clone(), fake.clone());
    let client = client.with_provider({
        let (key, asked) = (Arc::clone(&key), Arc::clone(&asked));
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(as_credentials(&key.lock().unwrap()))
        }
    });
    (client, key, asked)
}

#[test]
fn revoked_key_is_asked_for_again() {
    let fake = FakeKinde::new();
    let (client, key, asked) = client_with_keys(&fake);
    client.send(&GetUsers::new()).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for times in 1..4 {
        let (token, _) = client.token().unwrap();
        let next = fake.issue_api_key(["read:users"]);
        assert!(fake.revoke_api_key(token.expose()));
        if times > 1 {
            key.lock().unwrap().clone_from(&next);
        }
        client.send(&GetUsers::new()).unwrap();
        client.send(&GetUsers::new()).unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), times);
    }
    assert_eq!(fake.token_requests(), 0);
}

#[test]
fn refused_key_is_final_if_it_is_provided_again() {
    let fake = FakeKinde::new();
    let (client, _, asked) = client_with_keys(&fake);
    fake.fail("get_users").always().with(Fault::status(401));
    for _ in 0..3 {
        // The later calls come within the ten seconds in which a 401 causes no question.
        let error = client.send(&GetUsers::new()).unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error}");
    }
    assert_eq!((asked.load(Ordering::Relaxed), fake.requests().len()), (1, 4));
    fake.clear_faults();
    client.send(&GetUsers::new()).unwrap();
}

#[test]
fn refused_key_is_final_without_a_provider() {
    let fake = FakeKinde::new();
    let key = fake.issue_api_key(["read:users"]);
    let credentials = Credentials::api_key(AccessToken::new(&key).unwrap());
    let client = Client::new(Tenant::new(fake.domain().unwrap(), credentials), fake.clone(), fake.clone());
    fake.revoke_api_key(&key);
    for _ in 0..2 {
        let error = client.send(&GetUsers::new()).unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error}");
    }
}

#[test]
fn slow_provider_serves_all_calls() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
    let vault = Vault::of(&fake);
    let options = CallOptions::new().total_timeout(Duration::from_secs(200));
    let client = Client::new(tenant, fake.clone(), clock.clone()).with_options(options).with_provider({
        let (vault, clock) = (vault.clone(), clock.clone());
        move || {
            // Another call asks meanwhile, because this one has had the lease for so long.
            let until = clock.time().saturating_add(Duration::from_secs(61));
            clock.wait_until(until);
            Ok::<_, Infallible>(vault.read())
        }
    });
    let guards: Vec<_> = (0..4).map(|_| clock.under_way()).collect();
    thread::scope(|scope| {
        for guard in guards {
            let client = &client;
            scope.spawn(move || {
                client.send(&GetUsers::new()).unwrap();
                drop(guard);
            });
        }
    });
    assert_eq!((vault.asked(), token_statuses(&fake)), (2, vec![200]));
    assert_eq!(clock.time(), Instant::START.saturating_add(Duration::from_secs(121)));
}

#[test]
fn late_answer_of_a_slow_provider_keeps_the_key() {
    let fake = FakeKinde::new();
    let key = fake.issue_api_key(["read:users"]);
    let asked = Arc::new(AtomicUsize::new(0));
    let client = fake.client().unwrap().with_provider({
        let (fake, asked) = (fake.clone(), Arc::clone(&asked));
        move || {
            asked.fetch_add(1, Ordering::Relaxed);
            fake.advance(CallOptions::TOTAL_TIMEOUT);
            Ok::<_, Infallible>(Credentials::api_key(AccessToken::new(&key).unwrap()))
        }
    });
    let error = client.send(&GetUsers::new()).unwrap_err();
    assert!(matches!(error.error(), Error::TotalTimeout { .. }), "{error}");
    client.send(&GetUsers::new()).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn panic_of_a_provider_leaves_the_lease() {
    let fake = FakeKinde::new();
    let (vault, is_first) = (Vault::of(&fake), AtomicUsize::new(0));
    let client = fake.client().unwrap().with_provider(move || {
        assert!(is_first.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
        Ok::<_, Infallible>(vault.read())
    });
    assert!(catch_unwind(AssertUnwindSafe(|| client.send(&GetUsers::new()))).is_err());
    client.send(&GetUsers::new()).unwrap();
    assert_eq!(fake.now(), FakeKinde::new().now(), "it waited for the lease");
}

#[test]
fn provider_runs_outside_of_the_lock() {
    let fake = FakeKinde::new();
    let other = Arc::new(Mutex::new(None::<Client<FakeKinde, FakeKinde>>));
    let vault = Vault::of(&fake);
    let client = fake.client().unwrap().with_provider({
        let other = Arc::clone(&other);
        move || {
            let other = other.lock().unwrap();
            other.as_ref().unwrap().with_tenant(|tenant| tenant.set_rate_limit(5));
            Ok::<_, Infallible>(vault.read())
        }
    });
    *other.lock().unwrap() = Some(client.clone());
    client.send(&GetUsers::new()).unwrap();
}

#[test]
fn dropped_call_lets_another_one_ask() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
    let (vault, asked) = (Vault::of(&fake), Arc::new(AtomicUsize::new(0)));
    let client = AsyncClient::new(tenant, fake.clone(), clock.clone()).with_provider({
        let asked = Arc::clone(&asked);
        move || {
            let (is_first, vault) = (asked.fetch_add(1, Ordering::Relaxed) == 0, vault.clone());
            async move {
                if is_first {
                    core::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(vault.read())
            }
        }
    });
    let operation = GetUsers::new();
    let _under_way = (clock.under_way(), clock.under_way());
    let mut context = Context::from_waker(Waker::noop());
    let mut asks = Box::pin(client.reply(&operation));
    let mut waits = pin!(client.reply(&operation));
    assert!(asks.as_mut().poll(&mut context).is_pending());
    assert!(waits.as_mut().poll(&mut context).is_pending());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    drop(asks);
    assert!(waits.as_mut().poll(&mut context).is_ready());
    assert_eq!((asked.load(Ordering::Relaxed), clock.time()), (2, Instant::START));
}
