//! Calls of a tenant that learns the rate. When such a call sends depends on what the tenant
//! learned, so the truth here knows less than that of `world`: only what holds at any rate.

use std::time::Duration;

use http::StatusCode;
use kinde_users_core::{
    Credentials, Delivery, Domain, Effect, Exchange, Input, Instant, Replay, Step, Tenant,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::script::{Action, Call, ForEither, Line, Passing, Script, is_for_token};

struct Truth {
    call: Call,
    exchange: Exchange,
    state: State,
    effect: Effect,
    /// The operations that were sent, without those that met a 429.
    sent: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Ready,
    Waiting(Instant, Option<u64>),
    Owed { is_token: bool },
    Ended,
    Vanished,
}

/// Plays a script with a tenant that learns, and then answers all calls well until they end.
pub(crate) fn play(script: &Script, longest_wait: Duration) -> TestCaseResult {
    let shared = script.shared;
    let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"))
        .with_seed(shared.seed)
        .with_rate_limit(shared.pace)
        .with_retry_budget(shared.budget)
        .with_adaptive_rate(Some(longest_wait));
    let truth = |call: &Call| Truth {
        call: *call,
        exchange: call.exchange(&tenant).unwrap(),
        state: State::Ready,
        effect: Effect::None,
        sent: 0,
    };
    let mut calls: Vec<_> = script.calls.iter().map(truth).collect();
    let mut now = Instant::START;
    for (number, action) in script.actions.iter().enumerate() {
        match action {
            Action::Serve(who, news) => {
                let who = who.unwrap_or(number) % calls.len();
                serve(&mut calls[who], &mut tenant, &mut now, news)?;
            }
            Action::Say(who, line) => {
                let who = who % calls.len();
                tell(&mut calls[who], &mut tenant, now, line)?;
            }
            Action::Pass(Passing::For(time)) => now = now.saturating_add((*time).min(longest_wait * 2)),
            Action::Cancel(who) | Action::Vanish(who) => {
                let who = who.unwrap_or(number) % calls.len();
                if matches!(action, Action::Cancel(_)) {
                    calls[who].exchange.cancel(&mut tenant);
                }
                calls[who].state = State::Vanished;
            }
            Action::SetPace(pace) => tenant.set_rate_limit(*pace),
            Action::OpenGate => tenant.clear_throttle(),
            Action::Pass(_) | Action::ReplaceCredentials(_) | Action::SupplyToken(_) => {}
        }
    }
    // Calls may wait for a lost one in turn, each for half a minute at most.
    for _ in 0..200 {
        let is_over = |truth: &Truth| matches!(truth.state, State::Ended | State::Vanished);
        if calls.iter().all(is_over) {
            return Ok(());
        }
        // The driver carries out what is due first.
        let due = |truth: &Truth| match truth.state {
            State::Waiting(until, epoch) if epoch.is_none_or(|epoch| epoch == tenant.epoch()) => {
                until.max(now)
            }
            _ => now,
        };
        let next = calls.iter_mut().filter(|truth| !is_over(truth)).min_by_key(|truth| due(truth)).unwrap();
        serve(next, &mut tenant, &mut now, &ForEither::good())?;
    }
    let left = calls.iter().map(|truth| &truth.exchange);
    prop_assert!(false, "nothing comes of all the serving: {:?}", left.collect::<Vec<_>>());
    Ok(())
}

/// Reacts to `news` as a driver does.
fn serve(truth: &mut Truth, tenant: &mut Tenant, now: &mut Instant, news: &ForEither) -> TestCaseResult {
    let line = match truth.state {
        State::Waiting(until, epoch) => {
            if epoch.is_none_or(|epoch| epoch == tenant.epoch()) {
                *now = (*now).max(until);
            }
            Line::Woken
        }
        State::Owed { is_token: true } => Line::News(news.token.clone()),
        State::Owed { is_token: false } => Line::News(news.operation.clone()),
        State::Ready | State::Ended | State::Vanished => Line::Start,
    };
    tell(truth, tenant, *now, &line)
}

fn tell(truth: &mut Truth, tenant: &mut Tenant, now: Instant, line: &Line) -> TestCaseResult {
    if truth.state == State::Vanished {
        return Ok(());
    }
    let input = line.input("token");
    if hears(truth, &input) {
        // A 429 costs no attempt.
        truth.sent -= 1;
    }
    let step = truth.exchange.advance(tenant, now, input);
    let told = format!("{:?} was told {line:?} and said {step:?}", truth.exchange);
    let was = truth.state;
    match &step {
        Step::Send(request) => {
            let is_token = is_for_token(request);
            truth.state = State::Owed { is_token };
            if !is_token {
                sends(truth, tenant, now, &told)?;
            }
        }
        Step::Wait(wait) => {
            // A reply before the start changes nothing.
            if was != State::Ready || matches!(line, Line::Start | Line::Woken) {
                truth.state = State::Waiting(wait.until, wait.epoch);
            }
        }
        Step::Done(result) => {
            truth.state = State::Ended;
            if let Err(error) = result {
                prop_assert!(error.effect() >= truth.effect, "{told}");
            }
        }
    }
    Ok(())
}

/// Checks an operation that is sent.
fn sends(truth: &mut Truth, tenant: &Tenant, now: Instant, told: &str) -> TestCaseResult {
    prop_assert_eq!(tenant.throttled_until(now), None, "before a reset: {}", told);
    let may_repeat = truth.call.replay != Replay::OnlyIfUnsent || truth.effect == Effect::None;
    prop_assert!(may_repeat, "sent twice: {told}");
    truth.sent += 1;
    // One more with a new token.
    prop_assert!(truth.sent <= truth.call.attempts + 2, "too often: {told}");
    Ok(())
}

/// Records the effect of an answer to a call. Returns whether the answer is a 429 to the operation
/// of the call.
fn hears(truth: &mut Truth, input: &Input) -> bool {
    if truth.state != (State::Owed { is_token: false }) {
        return false;
    }
    let status = match input {
        Input::Response(response) => Some(response.status()),
        Input::HeadOnly(head) => Some(head.status()),
        Input::Failed(Delivery::NotSent) => return false,
        Input::Failed(Delivery::Unknown) | Input::Start | Input::Woken => None,
    };
    let effect = match status.map(|status| status.as_u16()) {
        Some(200..=299) => Effect::Happened,
        Some(408 | 460 | 499) | None => Effect::Possible,
        Some(400..=499) => Effect::None,
        Some(_) => Effect::Possible,
    };
    truth.effect = truth.effect.max(effect);
    status == Some(StatusCode::TOO_MANY_REQUESTS)
}
