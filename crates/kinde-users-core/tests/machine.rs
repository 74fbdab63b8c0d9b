//! Whatever happens, in whatever order, to any number of calls at once: the machine keeps its
//! promises.
//!
//! The scripts and how they are made up are in `script`, what has to be true of each step is in
//! `world`, and lists that come in pages have a walk of their own in `pages`. Time is a number
//! here, and passes as the scripts say.

mod machine {
    pub(crate) mod learning;
    pub(crate) mod pages;
    pub(crate) mod script;
    pub(crate) mod world;

    pub(crate) use super::config;
}

use std::time::Duration;

use http::Response;
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{
    AccessToken, AuthProblem, CallOptions, Credentials, Delivery, Domain, Error, Exchange, Input, Instant,
    RetryPolicy, Step, Tenant,
};
use machine::script::{hostile_lines, is_for_token, scripts};
use machine::world::{World, same};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

pub(crate) fn config() -> ProptestConfig {
    let standard = ProptestConfig::default();
    // The variable `PROPTEST_CASES` makes it more.
    ProptestConfig { cases: standard.cases.max(1_000), failure_persistence: None, ..standard }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn steps_are_documented_and_calls_can_end(
        script in scripts(),
    ) {
        let mut world = World::new(&script);
        world.play()?;
        world.finish()?;
    }

    #[test]
    fn tenant_that_learns_keeps_the_promises(script in scripts(), longest_wait in 0..4000_u64) {
        machine::learning::play(&script, Duration::from_secs(longest_wait))?;
    }
}

proptest! {
    // A second look at what the clones in `world` show already, and a rough one: fewer will do.
    #![proptest_config(ProptestConfig { cases: config().cases / 8, ..config() })]

    #[test]
    fn same_script_gives_the_same_steps(script in scripts()) {
        let (mut one, mut other) = (World::new(&script), World::new(&script));
        one.play()?;
        other.play()?;
        prop_assert_eq!(one.steps.len(), other.steps.len());
        for (one, other) in one.steps.iter().zip(&other.steps) {
            prop_assert!(same(one, other), "{:?} and {:?}", one, other);
        }
    }

    #[test]
    fn clock_that_jumps_about_breaks_nothing(
        script in scripts(),
        lines in hostile_lines(),
        learns in proptest::option::of(0..4000_u64),
    ) {
        let mut tenant = tenant()
            .with_seed(script.shared.seed)
            .with_rate_limit(script.shared.pace)
            .with_adaptive_rate(learns.map(Duration::from_secs));
        let mut exchanges: Vec<_> =
            script.calls.iter().map(|call| call.exchange(&tenant).unwrap()).collect();
        for (who, line, now) in lines {
            let who = who % exchanges.len();
            // That it returns is the point.
            let _ = exchanges[who].advance(&mut tenant, now, line.input("token"));
        }
    }
}

/// What the scripts have to bring about, for the properties to mean anything.
const EVENTS: &[&str] = &[
    "a call got a new token after 401 or 403",
    "a call succeeded",
    "a call waited for a token",
    "a call waited for the gate",
    "a call waited on in another epoch",
    "a call waited for its slot",
    "a create was sent again",
    "a fresh token was refused too",
    "a lease was handed over",
    "a repeat was refused as such",
    "a refusal came for a lease that was lost",
    "a refused token was not replaced",
    "a retry followed 500, 502, 503 or 504",
    "a slot came too late",
    "a token could not be renewed ahead of its end",
    "a token was issued",
    "a token was refused",
    "a token was used on that was due to be renewed",
    "a vanished call's lease ran out",
    "the attempts were spent",
    "the budget was empty",
    "the gate was closed",
    "the token endpoint was in trouble",
    "Api",
    "Auth",
    "Body",
    "Deadline",
    "Exhausted",
    "Exhausted by the deadline",
    "Exhausted: Api",
    "Exhausted: Auth",
    "Exhausted: Body",
    "Exhausted: Unsent",
    "Exhausted: UnknownOutcome",
    "Finished",
    "UnknownOutcome",
];

#[test]
fn scripts_reach_all_that_can_happen() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config(), rng);
    let mut events = std::collections::BTreeMap::new();
    for _ in 0..3_000 {
        let script = scripts().new_tree(&mut runner).unwrap().current();
        let mut world = World::new(&script);
        world.play().unwrap();
        for (event, times) in world.events {
            *events.entry(event).or_insert(0) += times;
        }
    }
    let rare: Vec<_> =
        EVENTS.iter().filter(|event| events.get(**event).is_none_or(|times| *times < 20)).collect();
    assert!(rare.is_empty(), "too rare are {rare:?} of {events:#?}");
    let unlisted: Vec<_> = events.keys().filter(|event| !EVENTS.contains(event)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}

// ---- single scripts, of which there are few in the crowd

fn tenant() -> Tenant {
    Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"))
}

fn tenant_with_token() -> Tenant {
    let mut tenant = tenant();
    tenant.supply_token(AccessToken::new("t").unwrap(), None, Instant::START);
    tenant
}

fn at(millis: u64) -> Instant {
    Instant::from_start(Duration::from_millis(millis))
}

fn call(tenant: &Tenant, options: CallOptions) -> Exchange {
    Exchange::new(&GetUsers::new(), tenant, options).unwrap()
}

fn issued(token: &str) -> Input {
    let body = format!(r#"{{"access_token":"{token}"}}"#).into_bytes();
    Input::Response(Response::new(body))
}

fn status(status: u16) -> Input {
    Input::Response(Response::builder().status(status).body(Vec::new()).unwrap())
}

#[test]
fn supplied_token_is_used_to_its_end() {
    let token = |text| AccessToken::new(text).unwrap();
    let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::access_token(token("a")));
    tenant.supply_token(token("b"), Some(Duration::from_secs(100)), at(0));
    // Calls that begin after it is due to be renewed, in its last tenth: it is no news to them.
    let mut early = call(&tenant, CallOptions::new());
    let step = early.advance(&mut tenant, at(99_999), Input::Start);
    assert!(matches!(&step, Step::Send(request) if !is_for_token(request)), "{step:?}");
    let mut late = call(&tenant, CallOptions::new());
    let step = late.advance(&mut tenant, at(100_000), Input::Start);
    let Step::Done(Err(Error::Auth(error))) = step else { panic!("{step:?}") };
    assert_eq!(*error.problem(), AuthProblem::Ended);
}

#[test]
fn giving_up_after_401_counts_that_attempt() {
    let mut tenant = tenant_with_token();
    let mut call = call(&tenant, CallOptions::new().total_timeout(Duration::from_secs(10)));
    assert!(matches!(call.advance(&mut tenant, at(0), Input::Start), Step::Send(_)));
    assert!(matches!(call.advance(&mut tenant, at(0), status(401)), Step::Send(_)));
    // No new token comes in time.
    let step = call.advance(&mut tenant, at(10_000), Input::Failed(Delivery::Unknown));
    let Step::Done(Err(Error::Exhausted { attempts, .. })) = step else { panic!("{step:?}") };
    assert_eq!(attempts, 1);
}

#[test]
fn retry_that_is_not_made_costs_no_budget() {
    let mut tenant = tenant_with_token().with_retry_budget(1);
    let hurried = CallOptions::new().total_timeout(Duration::from_secs(10));
    let mut gives_up = call(&tenant, hurried);
    assert!(matches!(gives_up.advance(&mut tenant, at(0), Input::Start), Step::Send(_)));
    let busy = Response::builder().status(503).header("retry-after", "60").body(Vec::new()).unwrap();
    let step = gives_up.advance(&mut tenant, at(0), Input::Response(busy));
    assert!(matches!(step, Step::Done(Err(Error::Exhausted { attempts: 1, .. }))), "{step:?}");

    let mut has_time = call(&tenant, CallOptions::new());
    assert!(matches!(has_time.advance(&mut tenant, at(0), Input::Start), Step::Send(_)));
    let step = has_time.advance(&mut tenant, at(0), status(503));
    assert!(matches!(step, Step::Wait(_)), "no call has made a retry, and {step:?}");
}

#[test]
fn ten_successes_pay_for_one_retry() {
    let mut tenant = tenant_with_token().with_retry_budget(1);
    let mut end_in = |input: Input| {
        let mut call = call(&tenant, CallOptions::new());
        assert!(matches!(call.advance(&mut tenant, at(0), Input::Start), Step::Send(_)));
        call.advance(&mut tenant, at(0), input)
    };
    assert!(matches!(end_in(status(503)), Step::Wait(_)), "there is one retry from the start");
    for successes in 0..10 {
        let step = end_in(status(503));
        assert!(matches!(step, Step::Done(Err(Error::Exhausted { .. }))), "{successes}: {step:?}");
        assert!(matches!(end_in(status(200)), Step::Done(Ok(_))));
    }
    assert!(matches!(end_in(status(503)), Step::Wait(_)));
    assert!(matches!(end_in(status(503)), Step::Done(_)));
}

#[test]
fn no_second_exceeds_the_pace() {
    for pace in 1..=50 {
        let mut tenant = tenant_with_token().with_rate_limit(pace);
        let begun: Vec<_> = (0..=pace)
            .map(|_| match call(&tenant, CallOptions::new()).advance(&mut tenant, at(0), Input::Start) {
                Step::Send(_) => at(0),
                Step::Wait(wait) => wait.until,
                done @ Step::Done(_) => panic!("{done:?}"),
            })
            .collect();
        let within = begun.iter().filter(|begin| begin.since_start() < Duration::from_secs(1)).count();
        assert!(within <= pace as usize, "{within} operations in a second at a pace of {pace}: {begun:?}");
    }
}

#[test]
fn calls_that_are_woken_late_keep_the_pace_too() {
    let mut tenant = tenant_with_token().with_rate_limit(1);
    let mut calls: Vec<_> = (0..5).map(|_| call(&tenant, CallOptions::new())).collect();
    for call in &mut calls {
        call.advance(&mut tenant, at(0), Input::Start);
    }
    // The machine slept, and wakes up after all of their slots.
    let sent = calls[1..]
        .iter_mut()
        .filter_map(|call| match call.advance(&mut tenant, at(60_000), Input::Woken) {
            Step::Send(_) => Some(()),
            Step::Wait(_) | Step::Done(_) => None,
        })
        .count();
    assert!(sent <= 1, "{sent} operations at once at a pace of 1");
}

#[test]
fn refusal_of_old_credentials_spares_the_new() {
    let mut tenant = tenant();
    let mut call = call(&tenant, CallOptions::new().retry(RetryPolicy::never()));
    assert!(matches!(call.advance(&mut tenant, at(0), Input::Start), Step::Send(_)));
    tenant.replace_credentials(Credentials::new("id", "the-new-secret"));
    let step = call.advance(&mut tenant, at(100), status(401));
    let Step::Send(request) = step else { panic!("the new credentials were not tried: {step:?}") };
    assert!(String::from_utf8_lossy(request.body()).contains("the-new-secret"));
}

#[test]
fn new_credentials_end_the_state_of_refusals() {
    let mut tenant = tenant_with_token();
    let refused_twice = |tenant: &mut Tenant| {
        let mut call = call(tenant, CallOptions::new());
        assert!(matches!(call.advance(tenant, at(0), Input::Start), Step::Send(_)));
        assert!(matches!(call.advance(tenant, at(0), status(401)), Step::Send(_)));
        assert!(matches!(call.advance(tenant, at(0), issued("fresh")), Step::Send(_)));
        assert!(matches!(call.advance(tenant, at(0), status(401)), Step::Done(Err(Error::Api(_)))));
    };
    let refused_next = |tenant: &mut Tenant, now| {
        let mut call = call(tenant, CallOptions::new());
        let step = call.advance(tenant, now, Input::Start);
        assert!(matches!(&step, Step::Send(request) if !is_for_token(request)), "{step:?}");
        call.advance(tenant, now, status(401))
    };
    refused_twice(&mut tenant);
    let step = refused_next(&mut tenant, at(9_999));
    assert!(matches!(step, Step::Done(Err(Error::Api(_)))), "{step:?}");
    // The token is kept for later calls.
    assert!(tenant.token(at(9_999)).is_some());

    let mut later = tenant.clone();
    let step = refused_next(&mut later, at(10_000));
    assert!(matches!(&step, Step::Send(request) if is_for_token(request)), "{step:?}");

    tenant.replace_credentials(Credentials::new("id", "the-new-secret"));
    tenant.supply_token(AccessToken::new("another").unwrap(), None, at(9_999));
    let step = refused_next(&mut tenant, at(9_999));
    assert!(matches!(&step, Step::Send(request) if is_for_token(request)), "{step:?}");
}

#[test]
fn late_failed_renewal_is_reported_to_others() {
    let mut tenant = tenant();
    tenant.supply_token(AccessToken::new("t").unwrap(), Some(Duration::from_secs(100)), at(0));
    let mut renews = call(&tenant, CallOptions::new().total_timeout(Duration::from_secs(1)));
    let step = renews.advance(&mut tenant, at(90_000), Input::Start);
    assert!(matches!(&step, Step::Send(request) if is_for_token(request)), "{step:?}");
    let step = renews.advance(&mut tenant, at(91_000), Input::Failed(Delivery::Unknown));
    assert!(matches!(step, Step::Done(Err(Error::TotalTimeout { .. }))), "{step:?}");
    // Which does not try that again right away.
    let step = call(&tenant, CallOptions::new()).advance(&mut tenant, at(91_000), Input::Start);
    assert!(matches!(&step, Step::Send(request) if !is_for_token(request)), "{step:?}");
}
