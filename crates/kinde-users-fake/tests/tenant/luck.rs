use std::time::Duration;

use http::Request;
use kinde_users_fake::{FakeKinde, Fault};

/// The status of a request, 0 where there was none.
fn ask(fake: &FakeKinde) -> u16 {
    let request =
        Request::get("/api/v1/users").header("authorization", format!("Bearer {}", fake.issue_token()));
    fake.handle(request.body(Vec::new()).unwrap()).map_or(0, |response| response.status().as_u16())
}

#[test]
fn so_many_requests_a_second_are_answered() {
    let fake = FakeKinde::builder().rate_limit(2).build();
    assert_eq!([ask(&fake), ask(&fake), ask(&fake)], [200, 200, 429]);
    fake.advance(Duration::from_millis(999));
    assert_eq!(ask(&fake), 429);
    fake.advance(Duration::from_millis(1));
    // A scripted fault does not count.
    fake.next("get_users", Fault::server_error());
    assert_eq!([ask(&fake), ask(&fake), ask(&fake), ask(&fake)], [500, 200, 200, 429]);

    let limited = fake.handle(Request::post("/oauth2/token").body(Vec::new()).unwrap()).unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["ratelimit-reset"]),
        (429, &"1".parse().unwrap())
    );
}

#[test]
fn chaos_is_as_large_as_asked_and_the_same_for_the_same_seed() {
    let course = |share: f64, seed| {
        let fake = FakeKinde::builder().chaos(share).seed(seed).build();
        (0..1000).map(|_| ask(&fake)).collect::<Vec<_>>()
    };
    let failed = |course: &[u16]| course.iter().filter(|&&status| status != 200).count();
    assert_eq!(failed(&course(0.0, 1)), 0);
    assert_eq!(failed(&course(f64::NAN, 1)), 0);
    let all = course(1.0, 1);
    // A cut body has the status of the whole one.
    for status in [0, 200, 403, 429, 500, 502, 503] {
        assert!(all.contains(&status), "{status}");
    }
    let some = course(0.1, 1);
    assert!((50..150).contains(&failed(&some)), "{}", failed(&some));
    assert_eq!(some, course(0.1, 1));
    assert_ne!(some, course(0.1, 2));
}

#[test]
fn ids_do_not_depend_on_what_goes_wrong() {
    let ids = |share| FakeKinde::builder().chaos(share).seed(7).build().seed_users(5);
    assert_eq!(ids(0.0), ids(0.9));
}

#[test]
fn requests_can_be_forgotten() {
    let fake = FakeKinde::builder().forgetting_requests().build();
    assert_eq!(ask(&fake), 200);
    assert!(fake.requests().is_empty());
}
