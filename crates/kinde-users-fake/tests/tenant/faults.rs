use kinde_users_fake::{FakeError, FakeKinde, Fault, NewFakeUser};
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
fn faults_come_in_order_for_their_operation_alone() {
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
fn a_reply_can_be_replaced_after_the_effect() {
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::status(504).after_the_effect());
    assert_eq!(status(&fake), 504);
    assert_eq!(fake.users().len(), 1);
    assert!(fake.requests()[0].took_effect);
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
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
fn a_body_can_be_cut_or_changed() {
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
fn the_token_endpoint_fails_too_and_what_never_left_is_not_counted() {
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
fn a_fault_can_last_until_it_is_cleared() {
    let fake = FakeKinde::new();
    fake.fail("create_user").always().with(Fault::status(502));
    assert!((0..10).all(|_| status(&fake) == 502));
    fake.clear_faults();
    assert_eq!(status(&fake), 200);
    fake.forget_requests();
    assert!(fake.requests().is_empty());
}

#[test]
fn a_misspelt_operation_stays_in_the_script() {
    let fake = FakeKinde::new();
    fake.next("get_user", Fault::status(500));
    get(&fake, "/api/v1/users");
    assert_eq!(fake.faults_left(), 1);
}
