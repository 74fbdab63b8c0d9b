use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kinde_users_core::operations::{CreateUser, GetUsers};
use kinde_users_core::{AsyncClock, CallError, CallOptions, Clock, Delivery, Effect, Error, Transport};
use kinde_users_fake::{FakeError, FakeKinde, Fault, NewFakeUser, ROUTES};
use serde_json::Value;

use crate::{get, send};

fn status(fake: &FakeKinde) -> u16 {
    send(fake, "POST", "/api/v1/user", "").status().as_u16()
}

fn create(fake: &FakeKinde) -> Result<u16, FakeError> {
    let request =
        http::Request::post("/api/v1/user").header("authorization", format!("Bearer {}", fake.issue_token()));
    fake.handle(request.body(Vec::new()).unwrap()).map(|response| response.status().as_u16())
}

#[test]
fn faults_come_in_order_for_their_operation_only() {
    let fake = FakeKinde::new();
    fake.fail("create_user").times(2).with(Fault::server_error());
    fake.next("create_user", Fault::unavailable());
    fake.next("get_users", Fault::forbidden());
    assert_eq!(fake.faults_left(), 4);
    assert_eq!([status(&fake), status(&fake), status(&fake), status(&fake)], [500, 500, 503, 200]);
    assert_eq!(fake.users().len(), 1);
    assert_eq!(send(&fake, "GET", "/api/v1/users", "").body().len(), 0);
    assert_eq!(fake.faults_left(), 0);
    let course: Vec<_> =
        fake.requests().of("create_user").iter().map(|r| (r.status(), r.took_effect)).collect();
    assert_eq!(course, [(Some(500), false), (Some(500), false), (Some(503), false), (Some(200), true)]);
}

#[test]
fn reply_can_be_replaced_after_the_effect() {
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::status(504).after_the_effect());
    assert_eq!(status(&fake), 504);
    assert_eq!(fake.users().len(), 1);
    assert!(fake.requests()[0].took_effect);
}

#[test]
fn rate_limit_says_how_long_to_wait() {
    let fake = FakeKinde::new();
    fake.next("get_users", Fault::rate_limited(17));
    let response = send(&fake, "GET", "/api/v1/users", "");
    assert_eq!(
        (response.status().as_u16(), response.headers()["RateLimit-Reset"].as_bytes()),
        (429, &b"17"[..])
    );
}

#[test]
fn connections_break_before_or_after_the_effect() {
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::not_sent().after_the_effect());
    fake.next("create_user", Fault::connection_lost());
    fake.next("create_user", Fault::connection_lost().after_the_effect());
    assert_eq!(create(&fake), Err(FakeError::NotSent));
    assert_eq!(create(&fake), Err(FakeError::ConnectionLost));
    assert_eq!(fake.users().len(), 0);
    assert_eq!(create(&fake), Err(FakeError::ConnectionLost));
    assert_eq!(fake.users().len(), 1);
    assert_eq!(create(&fake), Ok(200));
    let course: Vec<_> = fake.requests().iter().map(|r| (r.answer.is_ok(), r.took_effect)).collect();
    assert_eq!(course, [(false, false), (false, false), (false, true), (true, true)]);
}

#[test]
fn body_can_be_cut_or_changed() {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new());
    fake.next("get_users", Fault::cut_body());
    let cut = send(&fake, "GET", "/api/v1/users", "");
    assert_eq!(cut.status(), 200);
    assert!(serde_json::from_slice::<Value>(cut.body()).is_err());
    fake.next("get_users", Fault::edit(|response| *response.body_mut() = b"{\"users\":[]}".to_vec()));
    assert_eq!(get(&fake, "/api/v1/users").1["users"], serde_json::json!([]));
}

#[test]
fn unsent_token_requests_are_not_counted() {
    let fake = FakeKinde::new();
    fake.next("token", Fault::not_sent());
    fake.next("token", Fault::status(500));
    for _ in 0..2 {
        let _ = fake.handle(http::Request::post("/oauth2/token").body(Vec::new()).unwrap());
    }
    assert_eq!(fake.token_requests(), 1);
    assert_eq!(fake.requests().course(), [("token", None), ("token", Some(500))]);
}

#[test]
fn fault_can_last_until_it_is_cleared() {
    let fake = FakeKinde::new();
    fake.fail("create_user").always().with(Fault::status(502));
    assert!((0..10).all(|_| status(&fake) == 502));
    fake.clear_faults();
    assert_eq!(status(&fake), 200);
    fake.forget_requests();
    assert!(fake.requests().is_empty());
}

#[test]
fn unknown_operation_of_a_fault_panics() {
    let fake = FakeKinde::new();
    let told = |name: &'static str, of: &dyn Fn(&FakeKinde)| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| of(&fake))).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap().clone();
        assert!(
            text.starts_with(&format!("no operation is named {name:?}; the operations are: create_user, ")),
            "{text}"
        );
        assert!(
            text.contains(", get_user_data, ") && text.ends_with(", update_user_property, token"),
            "{text}"
        );
    };
    told("get_user", &|fake| fake.next("get_user", Fault::status(500)));
    told("Token", &|fake| fake.fail("Token").always().with(Fault::status(500)));
    told("create_users", &|fake| drop(fake.requests().of("create_users")));
    // The tenant still works, and no fault is left.
    assert_eq!((get(&fake, "/api/v1/users").0, fake.faults_left()), (200, 0));
    for name in ROUTES.iter().map(|route| route.name).chain(["token"]) {
        fake.next(name, Fault::status(500));
        assert!(fake.requests().of(name).len() <= 1, "{name}");
    }
    assert_eq!(fake.faults_left(), ROUTES.len() + 1);
}

#[test]
fn reply_can_be_larger_or_of_another_type() {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new().id("kp_1"));
    fake.next("get_users", Fault::larger_by(100_000));
    let (status, large) = get(&fake, "/api/v1/users");
    assert_eq!((status, &large["users"][0]["id"]), (200, &"kp_1".into()));
    assert_eq!(large["padding"].as_str().unwrap().len(), 100_000);
    for (given, seen) in [("text/html", Some("text/html")), ("\n", None)] {
        fake.next("get_users", Fault::content_type(given));
        let reply = send(&fake, "GET", "/api/v1/users", "");
        assert_eq!(reply.headers().get("content-type").map(|value| value.to_str().unwrap()), seen);
    }
}

// ---- How a reply travels without a socket -----------------------------------

#[test]
fn late_reply_moves_clock_or_times_out() {
    let fake = FakeKinde::new();
    let client = fake.client().unwrap();
    let late = || Fault::real_reply().head_after(Duration::from_secs(40));
    let before = fake.now();
    fake.next("create_user", late());
    assert_eq!(create(&fake), Ok(200));
    assert_eq!(fake.now().saturating_sub(before), Duration::from_secs(40));

    // The time limit of an attempt is 30 seconds.
    fake.next("create_user", late());
    let before = fake.now();
    let error = client.send(&CreateUser::new()).unwrap_err();
    assert!(matches!(error.error(), Error::UnknownOutcome(_)));
    assert_eq!(
        (error.transport(), fake.now().saturating_sub(before)),
        (Some(&FakeError::TimedOut), Duration::from_secs(30))
    );
    assert_eq!(Transport::delivery(&fake, &FakeError::TimedOut), Delivery::Unknown);
    // The call took effect anyway.
    assert_eq!(fake.users().len(), 2);
}

#[test]
fn reply_that_breaks_off_has_a_head() {
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::real_reply().broken_off());
    let error = create(&fake).unwrap_err();
    assert!(matches!(&error, FakeError::HeadOnly(head) if head.status() == 200), "{error:?}");
    assert_eq!(error.to_string(), "the connection was lost before the body of the reply came");
    assert_eq!(fake.users().len(), 1);
    fake.next("create_user", Fault::not_sent().broken_off());
    assert_eq!(create(&fake), Err(FakeError::NotSent));
    assert_eq!(fake.requests().course(), [("create_user", None), ("create_user", None)]);
    // The form of a real reply makes no difference.
    fake.next("create_user", Fault::real_reply().gzipped().chunked().then_closed());
    assert_eq!(create(&fake), Ok(200));
}

/// Makes a call through both clients, each with its own tenant.
fn by_both(fault: &Fault, deadline: u64) -> [(FakeKinde, Result<(), CallError<FakeError>>); 2] {
    let options = CallOptions::new().total_timeout(Duration::from_secs(deadline));
    let fakes = [(); 2].map(|()| {
        let fake = FakeKinde::new();
        fake.next("create_user", fault.clone());
        fake
    });
    let blocking = fakes[0].client().unwrap().with_options(options).send(&CreateUser::new());
    let client = fakes[1].async_client().unwrap().with_options(options);
    let create = CreateUser::new();
    let call = core::pin::pin!(client.send(&create));
    let Poll::Ready(result) = call.poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
    let [blocking_fake, async_fake] = fakes;
    [(blocking_fake, blocking.map(|_| ())), (async_fake, result.map(|_| ()))]
}

#[test]
fn create_with_lost_success_body_happened() {
    let late = Fault::real_reply().head_after(Duration::from_secs(20)).body_after(Duration::from_secs(20));
    for fault in [Fault::real_reply().broken_off(), late] {
        for (fake, result) in by_both(&fault, 60) {
            let error = result.unwrap_err();
            assert!(matches!(error.error(), Error::Body { .. }), "{error:?}");
            assert!(matches!(error.transport(), Some(FakeError::HeadOnly(_))), "{error:?}");
            assert_eq!((error.effect(), fake.users().len()), (Effect::Happened, 1));
        }
    }
}

#[test]
fn throttle_without_body_waits_for_the_reset() {
    for (fake, result) in by_both(&Fault::rate_limited(60).broken_off(), 90) {
        result.unwrap();
        assert_eq!(fake.users().len(), 1);
        assert_eq!(fake.requests().of("create_user").len(), 2);
    }
    for (fake, result) in by_both(&Fault::rate_limited(60).broken_off(), 30) {
        let error = result.unwrap_err();
        assert_eq!(error.as_api().unwrap().status(), 429);
        assert!(matches!(error.transport(), Some(FakeError::HeadOnly(head)) if head.status() == 429));
        assert_eq!((error.effect(), fake.users().len()), (Effect::None, 0));
    }
}

#[test]
fn refused_token_is_renewed_without_a_body() {
    for (fake, result) in by_both(&Fault::status(401).broken_off(), 60) {
        result.unwrap();
        assert_eq!((fake.users().len(), fake.token_requests()), (1, 2));
    }
}

#[test]
fn client_on_the_tenants_clock_waits_no_time() {
    let fake = FakeKinde::new();
    let client =
        fake.client().unwrap().with_options(CallOptions::new().total_timeout(Duration::from_secs(7200)));
    fake.fail("get_users").times(3).with(Fault::rate_limited(900));
    let before = Clock::now(&fake);
    assert!(client.send(&GetUsers::new()).is_ok());
    let waited = Clock::now(&fake).saturating_since(before);
    assert!(waited >= Duration::from_secs(2700), "{waited:?}");
    assert_eq!(AsyncClock::now(&fake), Clock::now(&fake));
    // A wait for a time in the past does not put the clock back.
    fake.wait_until(before);
    assert!(Clock::now(&fake) > before);
}
