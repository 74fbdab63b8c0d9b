use std::time::Duration;

use http::Request;
use kinde_users_fake::{FakeKinde, Fault, ROUTES};
use serde_json::json;

/// Returns the status of a request, or 0 if there was none.
fn ask(fake: &FakeKinde) -> u16 {
    let request =
        Request::get("/api/v1/users").header("authorization", format!("Bearer {}", fake.issue_token()));
    fake.handle(request.body(Vec::new()).unwrap()).map_or(0, |response| response.status().as_u16())
}

#[test]
fn requests_over_the_rate_limit_get_429() {
    let fake = FakeKinde::builder().rate_limit(2).build();
    assert_eq!([ask(&fake), ask(&fake), ask(&fake)], [200, 200, 429]);
    fake.advance(Duration::from_millis(999));
    assert_eq!(ask(&fake), 429);
    fake.advance(Duration::from_millis(1));
    // A request with a scripted fault does not count.
    fake.next("get_users", Fault::server_error());
    assert_eq!([ask(&fake), ask(&fake), ask(&fake), ask(&fake)], [500, 200, 200, 429]);

    let limited = fake.handle(Request::post("/oauth2/token").body(Vec::new()).unwrap()).unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["ratelimit-reset"]),
        (429, &"1".parse().unwrap())
    );
}

#[test]
fn only_described_operations_have_a_429_body() {
    for route in ROUTES {
        let has_body = route.path == "/api/v1/user"
            || ["/sessions", "/mfa", "/mfa/{factor_id}"].iter().any(|end| route.path.ends_with(end));
        let limits = FakeKinde::builder().rate_limit(1).build();
        ask(&limits);
        let fault = FakeKinde::new();
        fault.next(route.name, Fault::rate_limited(1));
        for fake in [limits, fault] {
            let path = route.path.replace(['{', '}'], "");
            let request = Request::builder().method(route.method.clone()).uri(path);
            let reply = fake.handle(request.body(Vec::new()).unwrap()).unwrap();
            assert_eq!(
                (reply.status().as_u16(), reply.headers()["ratelimit-reset"].to_str().unwrap()),
                (429, "1")
            );
            let errors = json!([{ "code": "TOO_MANY_REQUESTS", "message": "Request was throttled" }]);
            let body = json!({ "errors": errors }).to_string();
            assert_eq!(reply.body(), if has_body { body.as_bytes() } else { b"" }, "{route:?}");
        }
    }
}

#[test]
fn chaos_has_its_share_and_repeats_with_the_seed() {
    let course = |share: f64, seed| {
        let fake = FakeKinde::builder().chaos(share).seed(seed).build();
        (0..1000).map(|_| ask(&fake)).collect::<Vec<_>>()
    };
    let failed = |course: &[u16]| course.iter().filter(|&&status| status != 200).count();
    assert_eq!(failed(&course(0.0, 1)), 0);
    assert_eq!(failed(&course(f64::NAN, 1)), 0);
    let all = course(1.0, 1);
    // A reply with a cut body has the status of the whole one.
    for status in [0, 200, 403, 429, 500, 502, 503] {
        assert!(all.contains(&status), "{status}");
    }
    let some = course(0.1, 1);
    assert!((50..150).contains(&failed(&some)), "{}", failed(&some));
    assert_eq!(some, course(0.1, 1));
    assert_ne!(some, course(0.1, 2));
}

#[test]
fn ids_do_not_depend_on_faults() {
    let ids = |share| FakeKinde::builder().chaos(share).seed(7).build().seed_users(5);
    assert_eq!(ids(0.0), ids(0.9));
}

#[test]
fn requests_can_be_forgotten() {
    let fake = FakeKinde::builder().forgetting_requests().build();
    assert_eq!(ask(&fake), 200);
    assert!(fake.requests().is_empty());
}
