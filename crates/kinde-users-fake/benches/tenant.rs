//! Measures the tenant on one thread: `cargo bench -p kinde-users-fake`.

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use http::Request;
use kinde_users_fake::FakeKinde;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const USERS: usize = 100_000;

/// Returns the least and the median time of many runs.
fn times(count: usize, mut run: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times.first().copied().unwrap_or_default(), times.get(count / 2).copied().unwrap_or_default())
}

fn main() {
    let held = Region::new(ALLOCATOR);
    let fake = FakeKinde::builder().forgetting_requests().build();
    let (seeding, _) = times(1, || drop(fake.seed_users(USERS)));
    let change = held.change();
    let held = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    println!("seed {USERS} users: {seeding:.0?}; a user takes {} bytes", held / USERS);

    let token = format!("Bearer {}", fake.issue_token());
    let get = |target: &str| {
        let request = Request::get(target).header("authorization", &token).body(Vec::new());
        let reply = fake.handle(request.expect("a good target")).expect("no faults");
        assert_eq!(reply.status(), 200, "{target}");
        reply.into_body().len()
    };
    for (name, target) in [
        ("a page of 500", "/api/v1/users?page_size=500"),
        ("the same with all expanded", "/api/v1/users?page_size=500&expand=organizations,identities,billing"),
        ("one user by e-mail address", "/api/v1/users?email=user77777@example.com"),
        ("a page of 10", "/api/v1/users"),
    ] {
        let (least, middle) = times(500, || {
            black_box(get(target));
        });
        println!("{name}: {middle:.1?} (least {least:.1?}), {} bytes", get(target));
    }

    let (exporting, _) = times(1, || drop(black_box(fake.export())));
    println!("export of {USERS}: {exporting:.0?}");
}
