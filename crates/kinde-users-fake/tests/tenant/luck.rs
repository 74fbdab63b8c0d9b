use std::time::Duration;

use http::Request;
use kinde_users_fake::{FakeKinde, Fault, Limit, ROUTES};
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

/// Returns the status of a request, and the reset that it names.
fn ask_for(fake: &FakeKinde, path: &str) -> (u16, Option<String>) {
    let request = Request::get(path).header("authorization", format!("Bearer {}", fake.issue_token()));
    let reply = fake.handle(request.body(Vec::new()).unwrap()).unwrap();
    let reset = reply.headers().get("ratelimit-reset").map(|reset| reset.to_str().unwrap().to_owned());
    (reply.status().as_u16(), reset)
}

#[test]
fn window_limit_may_hide_its_reset() {
    let limit = Limit::windows(1, Duration::from_secs(60));
    for (limit, reset) in [(limit, Some("45".to_owned())), (limit.without_reset(), None)] {
        let fake = FakeKinde::builder().limit(limit).build();
        assert_eq!(ask(&fake), 200);
        fake.advance(Duration::from_millis(15_500));
        assert_eq!(ask_for(&fake, "/api/v1/users"), (429, reset));
        fake.advance(Duration::from_millis(44_500));
        assert_eq!(ask(&fake), 200);
    }
}

#[test]
fn limit_changes_while_the_tenant_runs() {
    let second = Duration::from_secs(1);
    let fake =
        FakeKinde::builder().limit(Limit::bucket(2, 2)).limit_from(second * 10, Limit::bucket(1, 1)).build();
    assert_eq!([ask(&fake), ask(&fake), ask(&fake)], [200, 200, 429]);
    fake.advance(second * 10);
    assert_eq!([ask(&fake), ask(&fake)], [200, 429]);
    fake.set_limit(Limit::bucket(3, 3));
    assert_eq!([ask(&fake), ask(&fake), ask(&fake), ask(&fake)], [200, 200, 200, 429]);
    fake.clear_limits();
    assert_eq!(ask(&fake), 200);
}

#[test]
fn latency_is_within_its_spread() {
    let [latency, spread, least, most] = [100, 50, 50, 150].map(Duration::from_millis);
    let fake = FakeKinde::builder().latency(latency, spread).build();
    let times: Vec<_> = (0..100)
        .map(|_| {
            let before = fake.now();
            ask(&fake);
            fake.now().saturating_sub(before)
        })
        .collect();
    assert!(times.iter().all(|time| (least..=most).contains(time)), "{times:?}");
    assert!(times.iter().min() < times.iter().max());
}

#[test]
fn lists_and_expansions_weigh_more_in_flight() {
    // In process, no two requests are in flight at the same time. So a heavy one is accepted alone.
    let fake = FakeKinde::builder().limit(Limit::in_flight(1)).build();
    for path in ["/api/v1/users?expand=identities,billing", "/api/v1/users", "/api/v1/users"] {
        assert_eq!(ask_for(&fake, path).0, 200, "{path}");
    }
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
