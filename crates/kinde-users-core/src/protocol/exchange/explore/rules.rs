//! What has to be true of every state, and of all that a call says.

use core::time::Duration;
use std::string::String;

use http::Request;
use http::header::AUTHORIZATION;

use super::onlooker::{Budgeted, Due, Failure, Known};
use super::state::State;
use super::{Call, NOW};
use crate::api::meta::Replay;
use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::protocol::exchange::Exchange;
use crate::protocol::request_timeout::request_timeout;
use crate::protocol::step::{Step, Wait};
use crate::types::effect::Effect;
use crate::types::time::Instant;

const TOKEN_LIMIT: Duration = Duration::from_secs(30);

/// A call was told something in the state `before`, and says `step`.
pub(super) struct Move<'a> {
    pub(super) call: &'a Call,
    pub(super) before: &'a State,
    /// The onlooker has heard what the call was told, and not yet what it says.
    pub(super) after: &'a State,
    pub(super) who: usize,
    pub(super) due: Due,
    pub(super) step: &'a Step,
}

impl Move<'_> {
    fn known(&self) -> &Known {
        self.after.known.call(self.who)
    }

    fn deadline(&self) -> Instant {
        self.known().deadline()
    }

    /// It goes on, be it to send, to wait or to end as it cannot.
    fn is_on_its_way(&self) -> bool {
        matches!(self.due, Due::Onward | Due::Perhaps | Due::Again(..) | Due::Aside(_))
    }

    fn token_request(&self) -> Option<&Request<std::vec::Vec<u8>>> {
        self.sends().filter(|request| is_for_token(request))
    }

    fn operation(&self) -> Option<&Request<std::vec::Vec<u8>>> {
        self.sends().filter(|request| !is_for_token(request))
    }

    fn sends(&self) -> Option<&Request<std::vec::Vec<u8>>> {
        if let Step::Send(request) = self.step { Some(request) } else { None }
    }

    /// What it says to wait for, newly.
    fn waits(&self) -> Option<Wait> {
        if let Step::Wait(wait) = self.step {
            Some(*wait).filter(|_| !matches!(self.due, Due::Nothing | Due::WaitOn))
        } else {
            None
        }
    }

    fn fails(&self) -> Option<&Error> {
        if let Step::Done(Err(error)) = self.step { Some(error) } else { None }
    }

    fn succeeds(&self) -> Option<&Reply> {
        if let Step::Done(Ok(reply)) = self.step { Some(reply) } else { None }
    }

    /// It ended as it had no time left, and not for another reason.
    fn is_out_of_time(&self) -> bool {
        match self.fails() {
            Some(Error::TotalTimeout { .. }) => true,
            Some(Error::Exhausted { .. }) => self.due != Due::GiveUp && !self.is_out_of_budget(),
            _ => false,
        }
    }

    fn is_out_of_budget(&self) -> bool {
        matches!(self.due, Due::Again(_, Budgeted::Yes)) && !self.before.tenant.budget.clone().take()
    }
}

pub(super) fn is_for_token(request: &Request<std::vec::Vec<u8>>) -> bool {
    request.uri() == "https://acme.kinde.com/oauth2/token"
}

// ---- moves

type Rule = fn(&Move<'_>) -> bool;

macro_rules! named {
    ($($rule:ident,)*) => { &[$((stringify!($rule), $rule)),*] };
}

const RULES: &[(&str, Rule)] = named![
    what_was_not_asked_for_changes_nothing,
    a_call_ends_as_the_table_says,
    a_success_that_cannot_be_read_happened,
    an_error_tells_what_all_attempts_came_to,
    an_exhausted_call_shows_its_attempts_and_the_last_error,
    a_call_on_its_way_ends_for_a_reason,
    only_calls_on_their_way_send_and_wait,
    nothing_is_sent_at_or_after_the_deadline,
    nothing_is_sent_while_the_gate_is_closed,
    nothing_is_sent_before_backoff_and_reset_are_over,
    a_create_is_not_sent_again_once_it_may_have_happened,
    attempts_are_bounded,
    an_operation_carries_the_current_token,
    a_token_is_asked_for_only_where_none_is_to_be_had,
    every_request_has_its_time_limit,
    operations_keep_the_pace,
    a_wait_is_ahead_and_leaves_time,
    a_wait_has_a_reason,
    a_retry_costs_one_of_the_budget,
];

/// What is wrong.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl From<&str> for Broken {
    fn from(rule: &str) -> Self {
        Self(rule.into())
    }
}

impl Move<'_> {
    pub(super) fn check(&self) -> Result<(), Broken> {
        match RULES.iter().find(|(_, rule)| !rule(self)) {
            None => Ok(()),
            Some((name, _)) => {
                Err(Broken(format!("{name}: due was {:?}, and it says {:?}", self.due, self.step)))
            }
        }
    }

    /// What it says, in a word.
    pub(super) fn word(&self) -> &'static str {
        match self.step {
            Step::Send(_) if self.token_request().is_some() => "a token is asked for",
            Step::Send(_) if self.known().resends => "an operation is sent again with a new token",
            Step::Send(_) if self.known().attempts > 0 => "an operation is sent again",
            Step::Send(_) => "an operation is sent",
            Step::Wait(_) if self.due == Due::Nothing => "a call waits on",
            Step::Wait(_) if self.due == Due::WaitOn => "a call waits on in another epoch",
            Step::Wait(Wait { epoch: None, .. }) => "a call waits for its back-off",
            Step::Wait(_) if matches!(self.due, Due::Aside(_)) && self.is_alone() => "a call waits alone",
            Step::Wait(_) if matches!(self.due, Due::Aside(_)) => "a call waits aside",
            Step::Wait(_) if NOW < self.after.known.common.throttled_until => "a call waits for the gate",
            Step::Wait(_) if !self.after.known.may_use_token(self.who) => "a call waits for a token",
            Step::Wait(_) => "a call waits for its slot",
            Step::Done(Ok(_)) => "a call succeeds",
            Step::Done(Err(Error::Exhausted { .. })) if self.due == Due::GiveUp => "the attempts are spent",
            Step::Done(Err(Error::Exhausted { .. })) if self.is_out_of_time() => "the time is spent",
            Step::Done(Err(Error::Exhausted { .. })) => "the budget is spent",
            Step::Done(Err(Error::TotalTimeout { .. })) => "the time is over before anything failed",
            Step::Done(Err(Error::Auth(_))) => "no token is to be had",
            Step::Done(Err(Error::UnknownOutcome(_))) => "a create may have happened",
            Step::Done(Err(Error::Body { .. })) => "a success cannot be read",
            Step::Done(Err(_)) => "an operation is refused",
        }
    }
}

/// All that has to come up on a walk, for it to mean anything.
pub(super) const WORDS: &[&str] = &[
    "a token is asked for",
    "an operation is sent again with a new token",
    "an operation is sent again",
    "an operation is sent",
    "a call waits on",
    "a call waits on in another epoch",
    "a call waits for a token",
    "a call waits for the gate",
    "a call waits for its back-off",
    "a call waits for its slot",
    "a call succeeds",
    "the attempts are spent",
    "the time is spent",
    "the budget is spent",
    "the time is over before anything failed",
    "no token is to be had",
    "a create may have happened",
    "a success cannot be read",
    "an operation is refused",
];

fn what_was_not_asked_for_changes_nothing(m: &Move<'_>) -> bool {
    let said = m.known().wait.unwrap_or(Wait { until: NOW, epoch: None });
    let is_same = |of: &State| of.tenant == m.before.tenant && of.exchanges == m.before.exchanges;
    match m.due {
        Due::Nothing => matches!(m.step, Step::Wait(wait) if *wait == said) && is_same(m.after),
        Due::WaitOn => {
            matches!(m.step, Step::Wait(wait) if *wait == said) && m.before.tenant == m.after.tenant
        }
        _ => true,
    }
}

fn a_call_ends_as_the_table_says(m: &Move<'_>) -> bool {
    match m.due {
        Due::Success(status) => m.succeeds().is_some_and(|reply| reply.status() == status),
        Due::Failure(failure) => m.fails().and_then(Failure::of) == Some(failure),
        Due::GiveUp => matches!(m.fails(), Some(Error::Exhausted { .. })),
        Due::Nothing | Due::WaitOn | Due::Onward | Due::Perhaps | Due::Again(..) | Due::Aside(_) => {
            m.succeeds().is_none()
        }
    }
}

fn a_success_that_cannot_be_read_happened(m: &Move<'_>) -> bool {
    m.succeeds().is_none_or(|reply| {
        let read = reply.clone().into_parsed::<crate::operations::UsersPage>();
        read.is_err_and(|error| error.effect() == Effect::Happened)
    })
}

fn an_error_tells_what_all_attempts_came_to(m: &Move<'_>) -> bool {
    let operation = m.after.exchanges[m.who].as_ref().unwrap().operation().name;
    m.fails().is_none_or(|error| error.effect() == m.known().effect && error.operation() == operation)
}

fn an_exhausted_call_shows_its_attempts_and_the_last_error(m: &Move<'_>) -> bool {
    match m.fails() {
        Some(Error::Exhausted { attempts, last, .. }) => {
            *attempts == m.known().attempts && Failure::of(last) == m.known().last
        }
        Some(Error::TotalTimeout { .. }) => m.known().last.is_none(),
        _ => true,
    }
}

/// Time, budget or a refusal of the token endpoint.
fn a_call_on_its_way_ends_for_a_reason(m: &Move<'_>) -> bool {
    if !m.is_on_its_way() {
        return true;
    }
    let common = &m.after.known.common;
    match m.fails() {
        None => true,
        Some(Error::Auth(_)) => {
            let is_refused =
                common.trouble.is_some_and(|trouble| trouble.is_final && NOW < trouble.until.latest);
            is_refused && !m.after.known.may_use_token(m.who)
        }
        Some(Error::TotalTimeout { .. } | Error::Exhausted { .. }) => m.is_out_of_budget() || m.has_no_time(),
        Some(_) => false,
    }
}

impl Move<'_> {
    /// Whether the next thing to do may lie at the deadline or beyond it.
    fn has_no_time(&self) -> bool {
        if self.has_no_patience() {
            return true;
        }
        let (common, deadline) = (&self.after.known.common, self.deadline());
        let backoff = match self.due {
            Due::Again(span, _) => span.latest,
            _ => NOW,
        };
        let gate = if NOW < common.throttled_until {
            self.known().leaves(common.throttled_until).latest
        } else {
            NOW
        };
        [NOW, backoff, gate, self.slot()].into_iter().any(|next| deadline <= next)
    }

    fn is_the_wait_before(&self, wait: Wait) -> bool {
        self.before.known.call(self.who).wait.is_some_and(|before| before.until == wait.until)
    }

    /// Whether a limit may take longer than the call waits for it.
    fn has_no_patience(&self) -> bool {
        let gate = match self.due {
            Due::Aside(span) => span.latest,
            _ => self.after.known.common.throttled_until,
        };
        self.known().learns.is_some_and(|left| {
            left.is_zero()
                || self.after.tenant.is_refused_too_long(NOW)
                || NOW.saturating_add(left) <= gate
                || left <= self.after.tenant.learned_spacing() * 2
        })
    }

    fn is_alone(&self) -> bool {
        self.after.exchanges[self.who].as_ref().is_some_and(Exchange::is_alone)
    }

    fn is_paced(&self) -> bool {
        !self.after.known.common.interval.is_zero() || self.known().learns.is_some()
    }

    fn slot(&self) -> Instant {
        self.after.known.common.slot(self.known().waits_for_slot)
    }
}

fn only_calls_on_their_way_send_and_wait(m: &Move<'_>) -> bool {
    m.is_on_its_way() || (m.sends().is_none() && m.waits().is_none())
}

fn nothing_is_sent_at_or_after_the_deadline(m: &Move<'_>) -> bool {
    m.sends().is_none() || NOW < m.deadline()
}

fn nothing_is_sent_while_the_gate_is_closed(m: &Move<'_>) -> bool {
    m.sends().is_none() || m.after.known.common.throttled_until <= NOW
}

fn nothing_is_sent_before_backoff_and_reset_are_over(m: &Move<'_>) -> bool {
    m.sends().is_none() || !matches!(m.due, Due::Again(span, _) | Due::Aside(span) if NOW < span.earliest)
}

fn a_create_is_not_sent_again_once_it_may_have_happened(m: &Move<'_>) -> bool {
    m.operation().is_none() || m.call.replay != Replay::OnlyIfUnsent || m.known().effect == Effect::None
}

fn attempts_are_bounded(m: &Move<'_>) -> bool {
    let with_this_one = m.known().attempts + u32::from(!m.known().resends);
    m.operation().is_none() || with_this_one <= m.call.attempts
}

fn an_operation_carries_the_current_token(m: &Move<'_>) -> bool {
    m.operation().is_none_or(|request| {
        let token = m.after.known.common.token.as_ref();
        token.is_some_and(|token| request.headers()[AUTHORIZATION] == format!("Bearer {}", token.text))
            && m.after.known.may_use_token(m.who)
    })
}

/// Each one is billed.
fn a_token_is_asked_for_only_where_none_is_to_be_had(m: &Move<'_>) -> bool {
    let common = &m.after.known.common;
    m.token_request().is_none()
        || (m.after.known.needs_token(m.who)
            && !common.lease_stands()
            && common.trouble.is_none_or(|trouble| trouble.until.earliest <= NOW))
}

fn every_request_has_its_time_limit(m: &Move<'_>) -> bool {
    m.sends().is_none_or(|request| {
        let left = m.deadline().saturating_since(NOW);
        let most = if m.operation().is_some() {
            m.call.attempt_timeout.min(left)
        } else if m.after.known.common.token.is_some_and(|token| token.lasts()) {
            // While a token lasts, the call is to have time left to go on with it.
            TOKEN_LIMIT.min(left / 2)
        } else {
            TOKEN_LIMIT.min(left)
        };
        request_timeout(request) == most
    })
}

fn operations_keep_the_pace(m: &Move<'_>) -> bool {
    m.operation().is_none() || m.slot() <= NOW
}

fn a_wait_is_ahead_and_leaves_time(m: &Move<'_>) -> bool {
    m.waits().is_none_or(|wait| {
        let deadline = if wait.epoch.is_some() { m.known().latest() } else { m.deadline() };
        NOW < wait.until && (wait.until < deadline || (wait.epoch.is_some() && wait.until == deadline))
    })
}

/// It ends in time for what is waited for, and then something else is done: there is no wait for
/// back-off before the first attempt, and none without end.
fn a_wait_has_a_reason(m: &Move<'_>) -> bool {
    let Some(wait) = m.waits() else { return true };
    let known = &m.after.known;
    let common = &known.common;
    match (m.due, wait.epoch) {
        (Due::Again(span, Budgeted::Yes), None) if NOW < span.latest => span.holds(wait.until),
        (_, None) => false,
        (_, Some(epoch)) if epoch != m.after.tenant.epoch() => false,
        (Due::Aside(span), Some(_)) => span.holds(wait.until),
        (Due::Perhaps, Some(_)) if m.is_the_wait_before(wait) => true,
        (Due::Again(span, Budgeted::No), Some(_)) => NOW < common.throttled_until && span.holds(wait.until),
        (_, Some(_)) if NOW < common.throttled_until => {
            m.known().leaves(common.throttled_until).holds(wait.until)
        }
        (_, Some(_)) if known.may_use_token(m.who) && m.known().learns.is_some() => true,
        (_, Some(_)) if known.may_use_token(m.who) => wait.until == m.slot(),
        (_, Some(_)) => {
            let until = |instant: Instant| instant.min(m.known().latest());
            let ends_in_time = match (common.lease.filter(|_| common.lease_stands()), common.trouble) {
                (Some(lease), _) => wait.until == until(lease),
                (None, Some(trouble)) if !trouble.is_final => {
                    until(trouble.until.earliest) <= wait.until && wait.until <= until(trouble.until.latest)
                }
                (None, _) => false,
            };
            ends_in_time && known.needs_token(m.who)
        }
    }
}

fn a_retry_costs_one_of_the_budget(m: &Move<'_>) -> bool {
    let left = m.after.tenant.budget;
    let mut expected = m.before.tenant.budget;
    match m.due {
        Due::Success(_) => expected.succeeded(),
        // If the slot or the gate comes too late for the retry, this is known only after the retry
        // was taken from the budget.
        Due::Again(_, Budgeted::Yes) if !m.is_out_of_time() || (left != expected && m.is_paced()) => {
            expected.take();
        }
        _ => {}
    }
    left == expected
}

// ---- states

/// Checks what is true of every state.
pub(super) fn check_state(state: &State) -> Result<(), Broken> {
    let known = state.known.calls.iter().zip(&state.exchanges);
    let rules = [
        ("the tenant has the token that came last, while it lasts", has_its_token(state)),
        ("no call waits for a token that no call gets", no_call_is_stranded(state)),
        (
            "attempts and effect are what they were",
            known.filter_map(|(known, exchange)| known.as_ref().zip(exchange.as_ref())).all(
                |(known, exchange)| (known.attempts, known.effect) == (exchange.attempts(), exchange.effect),
            ),
        ),
    ];
    match rules.into_iter().find(|(_, is_kept)| !is_kept) {
        None => Ok(()),
        Some((rule, _)) => Err(Broken(format!("it is not so that {rule}"))),
    }
}

fn has_its_token(state: &State) -> bool {
    let known = state.known.common.token.as_ref().filter(|token| token.lasts());
    let known = known.map(|token| (token.text, token.end.map(|end| end.saturating_since(NOW))));
    state.tenant.token(NOW).map(|(token, left)| (token.expose(), left)) == known
}

/// Who waits for the epoch to move waits for a token request, or for the end of the endpoint's
/// trouble.
fn no_call_is_stranded(state: &State) -> bool {
    let common = &state.known.common;
    let somebody_waits =
        state.known.calls.iter().flatten().any(|known| known.waits_for_token() == Some(state.tenant.epoch()));
    !somebody_waits || common.lease.is_some() || common.trouble.is_some()
}
