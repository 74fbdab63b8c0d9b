//! How long the core takes, beside the floor, in turns: `cargo bench -p kinde-users-core --bench
//! times`. The ratio is the middle one of many rounds; in parentheses, where the middle half of
//! them lies.

mod cases;

use std::time::Instant;

use cases::{Work, cases, row::in_turns};

const ROUNDS: usize = 301;
/// How long a round of one work takes, about.
const ROUND: f64 = 1e5;

/// Nanoseconds for one time.
fn time(work: &Work, times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn main() {
    for case in cases() {
        time(&case.floor, 100);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a small number")]
        let times = (ROUND / time(&case.floor, 10)).clamp(1.0, 10_000.0) as u32;
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let less = case.less.as_ref().map_or(0.0, |less| time(less, times));
                (time(&case.ours, times) - less, time(&case.floor, times))
            })
            .collect();
        in_turns(&case.name, "ns", &rounds, case.time);
    }
}
