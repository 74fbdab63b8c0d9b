//! How close many calls come to the limit of a service, if the tenant learns it.
//!
//! The calls go through `Exchange`, the limits are models, and the time is virtual. So each figure
//! is the same in each run. To see the table of the page on performance:
//!
//! ```text
//! cargo test -p kinde-users-core --test limits -- --nocapture
//! ```

#![cfg(not(miri))]

#[path = "limits/model.rs"]
mod model;
#[path = "limits/sim.rs"]
mod sim;

use std::time::Duration;

use model::{Limit, Service};
use sim::{LATENCY, Outcome, Setup, count, run};

/// After this time, at most one in fifty requests may be refused.
const START: f64 = 10.0;

/// Prints a row, and checks it.
fn row(what: &str, ratio: f64, most: f64, refused: f64) {
    let refused = refused * 100.0;
    println!("| {what} | {ratio:.3} | ≤ {most:.2} | {refused:.1} % |");
    assert!(ratio <= most && refused <= 2.0, "{what}: {ratio}, {refused} % refused");
}

/// Returns the part of requests after the start that were refused.
fn refused(outcomes: &[Outcome], start: f64) -> f64 {
    let sum = |times: fn(&Outcome) -> &Vec<f64>| -> f64 {
        outcomes.iter().map(|outcome| count(times(outcome), start, f64::MAX)).sum()
    };
    let refused = sum(|outcome| &outcome.refused);
    refused / (refused + sum(|outcome| &outcome.done)).max(1.0)
}

/// Makes 10,000 calls, and compares the time with the floor.
fn alone(what: &str, service: &Service, rate: f64, most: f64) {
    for (spread, seed) in [(0.0, 1), (0.5, 2)] {
        let outcomes = run(Setup { spread, seed, ..Setup::new(service.clone()) });
        assert_eq!((outcomes[0].done.len(), outcomes[0].failed.len()), (10_000, 0), "{what}");
        let what = format!("{what}, {:.0} % spread, seed {seed}", spread * 100.0);
        row(&what, outcomes[0].end() * rate / 10_000.0, most, refused(&outcomes, START));
    }
}

#[test]
fn token_bucket_takes_little_more_than_the_floor() {
    for rate in [10.0, 50.0, 500.0] {
        alone(&format!("bucket, {rate} a second"), &Service::new(Limit::bucket(rate)), rate, 1.10);
    }
}

#[test]
fn windows_of_a_second_are_near_the_floor() {
    for (limit, most) in [(10.0, 1.15), (50.0, 1.15), (500.0, 1.35)] {
        let service = Service::new(Limit::windows(limit, 1.0));
        alone(&format!("windows, {limit} a second"), &service, limit, most);
    }
}

#[test]
fn requests_in_flight_take_little_more_than_the_floor() {
    for limit in [2.0, 8.0, 64.0] {
        let service = Service::new(Limit::flight(limit));
        let rate = limit / LATENCY;
        alone(&format!("{limit} in flight, with a reset"), &service, rate, 1.35);
        alone(&format!("{limit} in flight, no reset"), &service.without_reset(), rate, 1.10);
    }
}

#[test]
fn limit_that_changes_is_reached_within_30_seconds() {
    for (what, limit) in [("bucket", Limit::bucket(50.0)), ("windows", Limit::windows(50.0, 1.0))] {
        for rises in [160.0, 166.0, 172.0] {
            let service =
                Service { changes: vec![(60.0, 10.0), (rises, 50.0)], ..Service::new(limit.clone()) };
            let outcomes = run(Setup { calls: 14_000, ..Setup::new(service) });
            assert_eq!((outcomes[0].done.len(), outcomes[0].failed.len()), (14_000, 0));
            let parts = [(0.0, 60.0, 50.0), (60.0, rises, 10.0), (rises, rises + 180.0, 50.0)];
            for (from, to, limit) in parts {
                let part = outcomes[0].rate(from + 30.0, to) / limit;
                println!("{what}, {limit} a second from {from} s on: {part:.3} of it");
                assert!(part >= 0.9, "{what}, {limit} from {from}: {part}");
            }
            assert!(refused(&outcomes, START) <= 0.02);
        }
    }
}

#[test]
fn sixty_a_minute_are_reached_after_one_window() {
    let outcomes = run(Setup { calls: 900, ..Setup::new(Service::new(Limit::windows(60.0, 60.0))) });
    assert_eq!((outcomes[0].done.len(), outcomes[0].failed.len()), (900, 0));
    let part = outcomes[0].rate(60.0, 840.0);
    let refused = refused(&outcomes, 60.0);
    println!("60 a minute: {part:.3} of it, {:.1} % refused", refused * 100.0);
    assert!(part >= 0.9 && refused <= 0.02, "{part}, {refused}");
}

/// Two processes make 5,000 calls each, and the second one begins at `begins`.
fn shared(what: &str, service: &Service, rate: f64, begins: f64, most: f64) {
    let floor = run(Setup::new(service.clone()))[0].end() * rate / 10_000.0;
    for seed in [1, 20, 300] {
        let setup = Setup::new(service.clone());
        let outcomes = run(Setup { calls: 5000, begin: vec![0.0, begins], seed, ..setup });
        assert!(outcomes.iter().all(|outcome| (outcome.done.len(), outcome.failed.len()) == (5000, 0)));
        let ends = [outcomes[0].end(), outcomes[1].end()];
        let [first_end, end] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
        let calls = |process: usize| count(&outcomes[process].done, begins, first_end);
        let share = calls(0).min(calls(1)) / (calls(0) + calls(1));
        let ratio = end * rate / 10_000.0 / floor;
        let refused = refused(&outcomes, begins + START) * 100.0;
        println!("| two, {what}, seed {seed} | {ratio:.3} | ≤ {most:.2} | {refused:.1} % | share {share:.2}");
        assert!(ratio <= most && share >= 0.35, "{what}, seed {seed}: {ratio}, {share}");
    }
}

#[test]
fn two_processes_share_a_limit() {
    for begins in [0.0, 5.5] {
        let what = format!("the second from {begins} s on");
        for rate in [10.0, 50.0] {
            let bucket = Service::new(Limit::bucket(rate));
            shared(&format!("bucket of {rate}, {what}"), &bucket, rate, begins, 1.25);
            let windows = Service::new(Limit::windows(rate, 1.0));
            shared(&format!("windows of {rate}, {what}"), &windows, rate, begins, 1.25);
        }
        for limit in [8.0, 64.0] {
            let flight = Service::new(Limit::flight(limit)).without_reset();
            // Of 64, it takes the second one longer to find its place than the calls take.
            if limit < 64.0 || begins < 1.0 {
                shared(&format!("{limit} in flight, {what}"), &flight, limit / LATENCY, begins, 1.25);
            }
        }
    }
}

#[test]
fn call_that_is_always_refused_slows_no_other() {
    for reset in [None, Some(0), Some(1), Some(30)] {
        for (limit, rate) in [(Limit::bucket(50.0), 50.0), (Limit::flight(64.0), 64.0 / LATENCY)] {
            let service = Service::new(limit).without_reset();
            let floor = run(Setup { calls: 9999, ..Setup::new(service.clone()) })[0].end();
            let refused = Setup { refuses_first: true, reset: reset.map(u64::from), ..Setup::new(service) };
            let outcomes = run(refused);
            let Outcome { done, failed, .. } = &outcomes[0];
            // Its first refusals look as if they were about all calls.
            let told = 3.0 * reset.map_or(0.0, |reset: u32| f64::from(reset));
            let end = outcomes[0].end();
            println!("first call refused, reset {reset:?}, {rate} a second: {end:.1} s, {floor:.1} s alone");
            assert_eq!((done.len(), failed.len()), (9999, 1));
            assert!((3500.0..3650.0).contains(&failed[0]), "{failed:?}");
            assert!(end <= 1.1 * floor + told + 60.0, "{end} {floor}");
        }
    }
}

#[test]
fn calls_that_are_all_refused_end_with_the_longest_wait() {
    for tells_reset in [false, true] {
        let service = Service { tells_reset, ..Service::new(Limit::flight(0.0)) };
        let longest_wait = Duration::from_secs(60);
        let outcomes = run(Setup { calls: 24, at_once: 8, longest_wait, ..Setup::new(service) });
        let Outcome { done, failed, refused } = &outcomes[0];
        println!("all refused: {failed:.1?}, {} requests", refused.len());
        assert_eq!((done.len(), failed.len()), (0, 24));
        // Later calls are not tried for as long again.
        assert!(failed[0] >= 50.0 && failed[23] <= 80.0);
        assert!(refused.len() <= 120, "{}", refused.len());
    }
}
