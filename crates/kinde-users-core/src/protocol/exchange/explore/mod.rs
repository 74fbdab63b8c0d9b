//! Every state that calls can get a tenant into, all that can happen in each of them, and the rules
//! that each keeps.
//!
//! ```text
//! cargo test -p kinde-users-core --lib explore -- --nocapture
//! cargo test -p kinde-users-core --lib explore --release -- --nocapture --ignored
//!     (ten minutes: more of all)
//! ```
//!
//! Each prints how many states there are, how many events in all of them, and after how many events
//! there is nothing new.
//!
//! `state` says what a state is and what can happen; `onlooker` knows what calls were told and
//! said, and what the documentation makes of that; `rules` are what has to be true of each step and
//! state; `walk` goes everywhere, breadth first, so that it tells a shortest way to a broken rule.
//! It also sees that every way ends: without the events that change nothing there is no way back to
//! a state, and none that is stuck before all calls are over.
//!
//! # What makes the states few
//!
//! - It is always [`NOW`]. Where time passes, all that lies ahead comes nearer, and what is past is
//!   now: nothing looks further back. Time passes to the next instant that anything depends on, or
//!   to a little before it.
//! - Times lie on a grid, and jitter is one half. A grid of a second rounds the half of a second's
//!   jitter to none.
//! - Epochs are as many as there are different ones, in their order; a token is the tenant's or an
//!   older one, a lease too.
//! - Calls that are over are gone; that they stay so is looked at when they end.
//! - Of two calls that are alike, it does not matter which is which.
//! - One outcome stands for its class: 503 for all that pass, 501, 302 and 404 for all that do not.
//!
//! # What it does not see
//!
//! No call has a provider of credentials, and no call meets a replaced tenant. Unit tests and the
//! tests of the clients cover both.

mod onlooker;
mod rules;
mod state;
mod walk;

use core::time::Duration;
use std::collections::BTreeSet;
use std::string::String;
use std::thread;
use std::vec::Vec;

use state::{ALL, Alphabet, FEW, FEWEST, LIMITS, REFUSALS};
use walk::walk;

use crate::api::meta::Replay;
use crate::protocol::retry::Jitter;
use crate::types::time::Instant;

/// It is always now.
const NOW: Instant = Instant::from_start(Duration::from_secs(1_000_000));

const SECOND: Duration = Duration::from_secs(1);

/// All that is set up for a walk.
#[derive(Clone, Debug)]
struct Setup {
    calls: Vec<Call>,
    /// Operations a second; 0 is no limit.
    pace: u32,
    /// The budget of retries.
    retries: u32,
    /// How long calls wait for limits, if the tenant learns.
    learns: Option<Duration>,
    /// How often the tenant is given other credentials or a token.
    interventions: u8,
    /// Whether states differ that differ in the error that is retried, and would be shown at the
    /// end.
    keeps_last: bool,
    /// All times that are kept are multiples of this ahead.
    grid: Duration,
    alphabet: &'static Alphabet,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    replay: Replay,
    attempts: u32,
    backoff: Duration,
    deadline: Duration,
    attempt_timeout: Duration,
    throttled_creates: bool,
    reauthenticate_on_403: bool,
}

const fn call(replay: Replay) -> Call {
    Call {
        replay,
        attempts: 2,
        backoff: SECOND,
        deadline: Duration::from_secs(3),
        attempt_timeout: Duration::from_secs(2),
        throttled_creates: true,
        reauthenticate_on_403: false,
    }
}

/// One call, and all that can happen.
fn one(call: Call) -> Setup {
    Setup {
        calls: vec![call],
        pace: 0,
        retries: 1,
        learns: None,
        interventions: 1,
        keeps_last: true,
        grid: SECOND / 4,
        alphabet: &ALL,
    }
}

/// Two calls.
fn two(one: Call, other: Call) -> Setup {
    Setup {
        calls: vec![one, other],
        pace: 0,
        retries: 1,
        learns: None,
        interventions: 0,
        keeps_last: false,
        grid: SECOND,
        alphabet: &FEW,
    }
}

/// Randomness whose next four numbers are a little over a half. Rounded down to the grid, times are
/// as if it was a half.
fn halved_jitter() -> Jitter {
    Jitter(19_764)
}

#[test]
fn jitter_is_about_a_half() {
    let mut jitter = halved_jitter();
    for _ in 0..4 {
        let part = jitter.up_to(SECOND);
        assert!((SECOND / 2..SECOND * 9 / 16).contains(&part), "{part:?}");
    }
}

const REFUSES_REPEAT: Replay = Replay::RefusesRepeat { code: "BILLING_CUSTOMER_EXISTS" };

/// Those that differ for more than one call; [`REFUSES_REPEAT`] is as `Idempotent` but for what an
/// answer means.
const CLASSES: [Replay; 3] = [Replay::Safe, Replay::Idempotent, Replay::OnlyIfUnsent];

/// Walks them all, and says what was there: in words, and from which phase calls came to which.
fn explore(setups: &[(String, Setup)]) -> Seen {
    let walks: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = setups.iter().map(|(_, setup)| scope.spawn(|| walk(setup))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("{:50} {:>9} {:>11} {:>5}", "", "states", "transitions", "depth");
    for ((name, _), walk) in setups.iter().zip(&walks) {
        println!("{name:50} {:9} {:11} {:5}", walk.states, walk.transitions, walk.depth);
    }
    let states: usize = walks.iter().map(|walk| walk.states).sum();
    let transitions: usize = walks.iter().map(|walk| walk.transitions).sum();
    println!("{:50} {states:9} {transitions:11}", "together");
    Seen {
        words: walks.iter().flat_map(|walk| walk.words.keys().copied()).collect(),
        moves: walks.iter().flat_map(|walk| walk.moves.iter().copied()).collect(),
    }
}

struct Seen {
    words: BTreeSet<&'static str>,
    moves: BTreeSet<(&'static str, &'static str)>,
}

/// The arrows between phases in the README's diagram.
fn drawn() -> BTreeSet<(&'static str, &'static str)> {
    let readme = include_str!("../../../../README.md");
    let diagram = readme.split("```mermaid").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let arrows = diagram.lines().filter_map(|line| line.split(':').next()?.split_once("-->"));
    arrows.map(|(from, to)| (from.trim(), to.trim())).collect()
}

#[test]
fn one_call_keeps_all_rules_in_all_states() {
    let mut setups = Vec::new();
    for replay in CLASSES {
        let usual = call(replay);
        let unusual =
            Call { backoff: Duration::ZERO, throttled_creates: false, reauthenticate_on_403: true, ..usual };
        setups.push((format!("{replay:?}"), one(usual)));
        setups.push((format!("{replay:?}, with the other policies"), one(unusual)));
    }
    setups.push(("RefusesRepeat".into(), one(call(REFUSES_REPEAT))));
    let more = Call { attempts: 3, ..call(Replay::Safe) };
    setups.push(("Safe, three attempts, at a pace".into(), Setup { pace: 1, interventions: 0, ..one(more) }));
    let seen = explore(&setups);
    assert!(seen.moves.is_subset(&drawn()), "{:?}", seen.moves);
}

/// Each pair of classes.
fn pairs() -> Vec<(String, Call, Call)> {
    let pairs = CLASSES.into_iter().enumerate().flat_map(|(number, one)| {
        CLASSES[number..].iter().map(move |other| (format!("{one:?} and {other:?}"), call(one), call(*other)))
    });
    pairs.collect()
}

#[test]
fn two_calls_keep_all_rules_in_all_states() {
    let mut setups: Vec<_> = pairs().into_iter().map(|(name, one, other)| (name, two(one, other))).collect();
    let long = Call { deadline: 90 * SECOND, ..call(Replay::Safe) };
    setups.push(("Safe twice, beyond a lease".into(), Setup { alphabet: &FEWEST, ..two(long, long) }));
    let paced = two(call(Replay::Safe), call(Replay::Safe));
    setups.push(("Safe twice, at a pace".into(), Setup { pace: 1, alphabet: &FEWEST, ..paced }));
    let seen = explore(&setups);
    assert_eq!(seen.moves, drawn());
    for word in rules::WORDS {
        assert!(seen.words.contains(word), "{word}: never");
    }
}

/// The rate that is learned is not known to the onlooker. So where a call waits for its turn, the
/// rules say less about when that is.
#[test]
fn calls_of_a_tenant_that_learns_keep_all_rules() {
    let usual = |replay| Call { attempts: 1, deadline: 2 * SECOND, ..call(replay) };
    let mut setups = Vec::new();
    for replay in CLASSES {
        let alone = Setup { learns: Some(3 * SECOND), alphabet: &LIMITS, ..one(usual(replay)) };
        setups.push((format!("{replay:?}, learning"), Setup { interventions: 0, ..alone }));
    }
    let both = two(usual(Replay::Safe), usual(Replay::OnlyIfUnsent));
    let both = Setup { learns: Some(2 * SECOND), alphabet: &LIMITS, grid: SECOND / 2, ..both };
    setups.push(("Safe and OnlyIfUnsent, learning".into(), both));
    let more = Call { backoff: Duration::ZERO, ..call(Replay::Safe) };
    let refused = two(more, usual(Replay::OnlyIfUnsent));
    let refused = Setup { learns: Some(3 * SECOND), alphabet: &REFUSALS, grid: SECOND / 2, ..refused };
    setups.push(("Safe and OnlyIfUnsent, with many refusals".into(), refused));
    let seen = explore(&setups);
    assert!(seen.moves.is_subset(&drawn()), "{:?}", seen.moves);
    for word in ["a call waits aside", "a call waits alone"] {
        assert!(seen.words.contains(word), "{word}: never");
    }
}

#[test]
#[ignore = "takes ten minutes in a release build"]
fn many_more_states_keep_all_rules() {
    let whole = |(name, one, other)| (name, Setup { alphabet: &ALL, ..two(one, other) });
    let mut setups: Vec<_> = pairs().into_iter().map(whole).collect();
    for replay in [Replay::Safe, Replay::OnlyIfUnsent] {
        let usual = two(call(replay), call(replay));
        let other = Call { reauthenticate_on_403: true, ..call(replay) };
        let long = Call { deadline: 90 * SECOND, ..call(replay) };
        let short = Call { deadline: 2 * SECOND, ..call(replay) };
        let more = [
            ("twice, with other credentials and tokens", Setup { interventions: 1, ..usual }),
            ("twice, at a pace", Setup { pace: 1, ..two(other, other) }),
            ("twice, beyond a lease", Setup { alphabet: &FEWEST, interventions: 1, ..two(long, long) }),
            ("three times", Setup { calls: vec![short; 3], ..two(short, short) }),
        ];
        setups.extend(more.map(|(name, setup)| (format!("{replay:?} {name}"), setup)));
    }
    let short = |replay| Call { deadline: 2 * SECOND, ..call(replay) };
    let each = Setup { calls: CLASSES.map(short).to_vec(), ..two(short(Replay::Safe), short(Replay::Safe)) };
    setups.push(("One of each".into(), each.clone()));
    let again = Setup { alphabet: &FEWEST, interventions: 1, ..each };
    setups.push(("One of each, with other credentials and tokens".into(), again));
    explore(&setups);
}
