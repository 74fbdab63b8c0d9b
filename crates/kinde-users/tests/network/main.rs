//! The hyper transport over a simulated network, with a tenant behind it. The network loses, holds
//! and delays messages, and the server restarts and crashes, all by a seed.
//!
//! Every call ends by its deadline with a right result or with an error that is true: true to what
//! the tenant recorded and holds, and to what the client saw of each attempt. Nothing is created
//! twice, tokens are few, jobs end complete, and a client works again when the network does.
//!
//! `.ci/network` runs more seeds; `KINDE_NETWORK_SEEDS` sets how many, and `KINDE_NETWORK_SEED`
//! runs a single one. The same seed gives the same run, and its story is printed if it fails.

#[path = "../faults/call.rs"]
mod call;
mod calls;
#[path = "../faults/dice.rs"]
mod dice;
mod jobs;
#[path = "../faults/judge.rs"]
mod judge;
mod net;
#[expect(dead_code, reason = "no gateway stands before this tenant")]
#[path = "../faults/wire.rs"]
mod wire;
mod world;

/// The time of the simulation is the only one.
mod clock {
    pub(crate) const SPEED: u32 = 1;
}

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use world::Story;

/// How many calls or imports ended how.
type Ends = BTreeMap<String, u64>;

/// Runs a seed, and returns what did not hold.
type Run = fn(u64, &Story, &mut Ends) -> Vec<String>;

fn setting(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is to be a number, and is {text:?}")))
}

/// So many seeds, or the only one that is to run.
fn seeds(default: u64) -> Range<u64> {
    match setting("KINDE_NETWORK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("KINDE_NETWORK_SEEDS").unwrap_or(default),
    }
}

/// Prints the story of a seed that fails, or that alone is to run.
struct Telling<'a>(u64, &'a Story);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if thread::panicking() || setting("KINDE_NETWORK_SEED").is_some() {
            println!("seed {}:\n{}", self.0, self.1.text());
        }
    }
}

/// The network has to lose requests before and after they reach the tenant, and to delay others
/// for too long. Calls end like this in a hundred seeds.
const ENDS_OF_CALLS: [&str; 5] =
    ["ok", "body lost", "deadline", "gave up: not sent", "gave up: outcome unknown"];

fn check(run: Run, expected: &[&str]) {
    let (seeds, began) = (seeds(100), Instant::now());
    let mut ends = Ends::new();
    for seed in seeds.clone() {
        let story = Story::default();
        let _telling = Telling(seed, &story);
        let wrong = run(seed, &story, &mut ends);
        assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    }
    println!("seeds {seeds:?} in {:.1?}: {ends:#?}", began.elapsed());
    if seeds.end - seeds.start >= 100 {
        for end in expected {
            let is_met = ends.iter().any(|(name, count)| name.starts_with(end) && *count > 0);
            assert!(is_met, "{end}: never");
        }
    }
}

#[test]
fn calls_end_in_time_with_a_true_outcome() {
    check(calls::run, &ENDS_OF_CALLS);
}

#[test]
fn jobs_end_complete_and_once() {
    check(jobs::run, &["failed, and went on"]);
}

#[test]
fn same_seed_gives_the_same_run() {
    for run in [calls::run as Run, jobs::run] {
        for seed in seeds(20).take(20) {
            let stories = [(); 2].map(|()| {
                let story = Story::default();
                run(seed, &story, &mut Ends::new());
                story
            });
            assert_eq!(stories[0], stories[1], "seed {seed}");
        }
    }
}
