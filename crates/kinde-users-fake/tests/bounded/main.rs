//! The work for a request and its reply are bounded. Work is counted in allocated bytes.

use std::alloc::System;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response};
use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test runs at a time, because all share the allocator and the time.
fn alone<T>(test: impl FnOnce() -> T) -> T {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    test()
}

fn send(fake: &FakeKinde, method: &str, target: &str, body: String) -> Response<Vec<u8>> {
    let token = format!("Bearer {}", fake.issue_token());
    let request = Request::builder().method(method).uri(target).header("authorization", token);
    fake.handle(request.body(body.into_bytes()).unwrap()).unwrap()
}

/// Sends a request, and returns the status, the reply and how many bytes were allocated for it.
fn measured(fake: &FakeKinde, method: &str, target: &str, body: String) -> (u16, Value, usize) {
    let region = Region::new(ALLOCATOR);
    let response = send(fake, method, target, body);
    let allocated = region.change().bytes_allocated;
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap(), allocated)
}

fn list_of(item: &str, count: usize) -> String {
    format!("{{\"identities\":[{}]}}", vec![item; count].join(","))
}

#[test]
fn many_problems_get_a_short_reply() {
    alone(|| {
        let strict = FakeKinde::builder().strict().build();
        let unknown = (0..100_000).fold("{".to_owned(), |mut body, n| {
            write!(body, "\"k{n}\":0,").unwrap();
            body
        });
        let unknown = unknown + "\"picture\":\"\"}";
        let post = |body| ("POST", "/api/v1/user".to_owned(), body);
        for (method, target, body) in [
            post(list_of("0", 1_000_000)),
            post(list_of("{}", 700_000)),
            post(list_of("{\"type\":\"email\"}", 100_000)),
            post(unknown),
            ("GET", format!("/api/v1/users?expand={}", ",".repeat(60_000)), String::new()),
            ("GET", format!("/api/v1/users?{}", "a&".repeat(30_000)), String::new()),
        ] {
            let size = target.len() + body.len();
            let (status, reply, allocated) = measured(&strict, method, &target, body);
            assert_eq!((status, reply["errors"].as_array().unwrap().len()), (400, 101));
            assert!(reply.to_string().len() < 10_000, "{}", reply.to_string().len());
            assert!(allocated < 250 * size, "{target:.40}: {allocated} for {size}");
        }
    });
}

#[test]
fn work_grows_in_proportion_to_the_identities() {
    alone(|| {
        let work = |count: usize| {
            let identity =
                |n| format!("{{\"type\":\"username\",\"details\":{{\"username\":\"user{n:06}\"}}}}");
            let items: Vec<String> = (0..count).map(identity).collect();
            let body = format!("{{\"identities\":[{}]}}", items.join(","));
            let (status, reply, allocated) = measured(&FakeKinde::new(), "POST", "/api/v1/user", body);
            assert_eq!((status, reply["identities"].as_array().unwrap().len()), (200, count));
            allocated
        };
        let (one, four) = (work(1_000), work(4_000));
        assert!(four < 6 * one, "{one} {four}");
    });
}

#[test]
fn filter_values_that_are_the_same_are_sought_once() {
    alone(|| {
        let fake = FakeKinde::new();
        for _ in 0..2_000 {
            fake.add_user(NewFakeUser::new().email("a@example.com"));
        }
        let time = |value: &str| {
            let target = format!("/api/v1/users?page_size=1&email={}", vec![value; 3_000].join(","));
            let start = Instant::now();
            assert_eq!(send(&fake, "GET", &target, String::new()).status(), 200);
            start.elapsed()
        };
        let (held, unknown) = (time("A@example.com"), time("b@example.com"));
        assert!(held < 20 * unknown, "{held:?} {unknown:?}");
    });
}

#[test]
fn token_request_takes_the_same_time_beside_many_tokens() {
    alone(|| {
        let time = |before: usize| {
            let fake = FakeKinde::builder().scopes(["read:users"]).build();
            (0..before).for_each(|_| drop(fake.issue_token()));
            // The least of several times, because other programs run as well.
            let batch = |_| {
                let start = Instant::now();
                (0..50).for_each(|_| drop(fake.issue_token()));
                start.elapsed()
            };
            (0..20).map(batch).min().unwrap()
        };
        let (few, many) = (time(0), time(20_000));
        assert!(many < 3 * few, "{few:?} {many:?}");
    });
}

#[test]
fn expired_tokens_are_forgotten() {
    alone(|| {
        let fake = FakeKinde::builder().token_lifetime(Duration::from_secs(1)).build();
        let region = Region::new(ALLOCATOR);
        for _ in 0..5_000 {
            fake.issue_token();
            fake.advance(Duration::from_secs(1));
        }
        let change = region.change();
        assert!(change.bytes_allocated.saturating_sub(change.bytes_deallocated) < 1_000_000, "{change:?}");
    });
}

#[test]
fn repeated_scopes_are_granted_once() {
    alone(|| {
        let fake = FakeKinde::new();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&audience={}&scope={}",
            fake.client_id(),
            fake.client_secret(),
            fake.audience(),
            "read:users+".repeat(100_000)
        );
        let request = Request::post("https://acme.kinde.com/oauth2/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.into_bytes())
            .unwrap();
        let response = fake.handle(request).unwrap();
        let reply: Value = serde_json::from_slice(response.body()).unwrap();
        assert!(response.body().len() < 2_000, "{}", response.body().len());
        assert_eq!(reply["scope"], "read:users");
    });
}

#[test]
fn recorded_request_keeps_no_buffer_alive() {
    alone(|| {
        const MEBIBYTE: usize = 1024 * 1024;
        let fake = FakeKinde::new();
        let region = Region::new(ALLOCATOR);
        for _ in 0..100 {
            // A server reads headers into a buffer, of which each value is a part.
            let mut value = String::with_capacity(MEBIBYTE);
            value.push('x');
            let request =
                Request::get("/api/v1/users").header("x-trace", HeaderValue::try_from(value).unwrap());
            fake.handle(request.body(Vec::with_capacity(MEBIBYTE)).unwrap()).unwrap();
        }
        let change = region.change();
        let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
        assert!(held < MEBIBYTE, "{held}");
        assert_eq!(fake.requests()[99].headers["x-trace"], "x");
    });
}

#[test]
fn oldest_requests_are_dropped() {
    alone(|| {
        const MEBIBYTE: usize = 1024 * 1024;
        let fake = FakeKinde::new();
        let region = Region::new(ALLOCATOR);
        let sent = 100_u64;
        for n in 0..sent {
            send(&fake, "POST", &format!("/api/v1/unknown/{n}"), " ".repeat(MEBIBYTE));
        }
        let change = region.change();
        let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
        assert!(held < 66 * MEBIBYTE, "{held}");
        let kept = fake.requests();
        assert_eq!(kept.len(), 63);
        assert_eq!(fake.requests_dropped(), sent - 63);
        assert_eq!(kept[62].path_and_query(), "/api/v1/unknown/99");
        fake.forget_requests();
        assert_eq!((fake.requests().len(), fake.requests_dropped()), (0, 0));
        // A single request is kept, however large it is.
        send(&fake, "POST", "/", " ".repeat(65 * MEBIBYTE));
        assert_eq!((fake.requests().len(), fake.requests_dropped()), (1, 0));
    });
}
