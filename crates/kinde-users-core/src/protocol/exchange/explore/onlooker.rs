//! An observer that sees all inputs and outputs of calls, and knows the documentation. It
//! never looks into the machine.

use core::time::Duration;
use std::collections::BTreeMap;
use std::vec::Vec;

use super::state::{Answer, Body, FRESH, Tell};
use super::{Call, NOW};
use crate::api::meta::Replay;
use crate::error::call::Error;
use crate::protocol::retry::RetryPolicy;
use crate::protocol::step::{Step, Wait};
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::effect::Effect;
use crate::types::time::Instant;

const LEASE: Duration = Duration::from_secs(60);
const REFUSAL_STANDS: Duration = Duration::from_secs(1);
const DISTRUST: Duration = Duration::from_secs(10);
const MOST_REFUSED: u8 = 4;
const UNTOLD_RESET: Duration = Duration::from_secs(1);
const SPREAD: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Onlooker {
    /// Of those calls that are not over.
    pub(super) calls: Vec<Option<Known>>,
    pub(super) common: Common,
}

/// What is known of a call.
#[expect(clippy::struct_excessive_bools, reason = "each is by itself")]
#[derive(Clone, Default, Hash)]
pub(super) struct Known {
    /// For how long it still waits for limits, if the tenant learns.
    pub(super) learns: Option<Duration>,
    /// `None` until it begins.
    pub(super) deadline: Option<Instant>,
    pub(super) owed: Owed,
    /// It is the one that has the right to get a token.
    pub(super) has_lease: bool,
    pub(super) wait: Option<Wait>,
    pub(super) waits_for_slot: bool,
    pub(super) waits_for_reset: bool,
    /// The slot or the gate that it waits for is no more: the pace was set, or the gate opened.
    pub(super) is_free: bool,
    pub(super) attempts: u32,
    /// It has a new token for a refused one, as often as it may.
    pub(super) reauthenticated: bool,
    /// The next operation is part of an attempt that was counted.
    pub(super) resends: bool,
    /// Its last reply was a 429 of a tenant that learns.
    pub(super) was_refused: bool,
    /// The tenant's token came after the one that it used, or that was there when it began.
    pub(super) is_fresh: bool,
    pub(super) effect: Effect,
    /// How the last attempt failed.
    pub(super) last: Option<Failure>,
    /// The token that it waits for could not be had, and whether that is final.
    pub(super) news: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Owed {
    #[default]
    Nothing,
    Token,
    Operation,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Failure {
    Unsent,
    Unknown,
    Api(u16),
    /// A success whose body could not be read.
    Body(BodyFailure),
    Auth,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Unsent(_) => Some(Self::Unsent),
            Error::UnknownOutcome(_) => Some(Self::Unknown),
            Error::Api(error) => Some(Self::Api(error.status().as_u16())),
            Error::Body { failure, .. } => Some(Self::Body(*failure)),
            Error::Auth(_) => Some(Self::Auth),
            _ => None,
        }
    }
}

/// What is known of what calls share.
#[derive(Clone, Hash)]
pub(super) struct Common {
    /// Until when a call has the right to get a token.
    pub(super) lease: Option<Instant>,
    pub(super) token: Option<Token>,
    /// Why no token came, the last time.
    pub(super) trouble: Option<Trouble>,
    /// How often in a row none came.
    pub(super) failures: u32,
    /// When the gate opens.
    pub(super) throttled_until: Instant,
    /// Until when a refused token is not replaced, by the operation that met the refusal.
    pub(super) distrust: BTreeMap<&'static str, Instant>,
    /// How many tokens that replaced refused ones were refused since the last success with the
    /// latest one, and whether that is counted.
    pub(super) refused: u8,
    pub(super) counted: bool,
    /// Between two operations; zero where there is no pace.
    pub(super) interval: Duration,
    pub(super) next_slot: Instant,
    pub(super) last_sent: Option<Instant>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            lease: None,
            token: None,
            trouble: None,
            failures: 0,
            throttled_until: NOW,
            distrust: BTreeMap::new(),
            refused: 0,
            counted: false,
            interval: Duration::ZERO,
            next_slot: NOW,
            last_sent: None,
        }
    }
}

#[derive(Clone, Copy, Hash)]
pub(super) struct Token {
    pub(super) text: &'static str,
    pub(super) renew: Option<Instant>,
    pub(super) end: Option<Instant>,
}

impl Token {
    pub(super) fn lasts(&self) -> bool {
        self.end.is_none_or(|end| NOW < end)
    }

    pub(super) fn is_due(&self) -> bool {
        self.renew.is_some_and(|renew| renew <= NOW)
    }
}

#[derive(Clone, Copy, Hash)]
pub(super) struct Trouble {
    pub(super) is_final: bool,
    /// Until when no other token is asked for.
    pub(super) until: Span,
}

/// An instant, as far as it can be known where there is jitter: at the earliest, and at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) earliest: Instant,
    pub(super) latest: Instant,
}

impl Span {
    fn at(instant: Instant) -> Self {
        Self { earliest: instant, latest: instant }
    }

    /// What both of two waits allow.
    fn max(self, other: Self) -> Self {
        Self { earliest: self.earliest.max(other.earliest), latest: self.latest.max(other.latest) }
    }

    pub(super) fn holds(self, instant: Instant) -> bool {
        self.earliest <= instant && instant <= self.latest
    }
}

/// What a call has to do, given what it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Due {
    /// Nothing: to say what it said before.
    Nothing,
    /// To wait on, for the epoch that is now.
    WaitOn,
    /// To go on to sending.
    Onward,
    /// To go on to sending, or to wait on: it depends on what the tenant learned.
    Perhaps,
    /// To go on to sending in this span, as a retry, and out of the budget of these unless the gate
    /// makes all wait.
    Again(Span, Budgeted),
    /// To wait by itself until a moment in this span, after a 429.
    Aside(Span),
    /// To end with the reply.
    Success(u16),
    /// To end with this.
    Failure(Failure),
    /// To end, as the attempts are spent.
    GiveUp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Budgeted {
    Yes,
    No,
}

/// What comes of a failed attempt, by the table in the documentation of `Exchange`.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Retry,
    NewToken,
    End,
}

fn meaning(call: &Call, failure: Failure) -> Meaning {
    let repeatable = call.replay != Replay::OnlyIfUnsent;
    match failure {
        Failure::Unsent => Meaning::Retry,
        Failure::Unknown | Failure::Api(408 | 500 | 502 | 503 | 504) | Failure::Body(BodyFailure::Broken)
            if repeatable =>
        {
            Meaning::Retry
        }
        Failure::Api(429) if repeatable || call.throttled_creates => Meaning::Retry,
        Failure::Api(401) => Meaning::NewToken,
        Failure::Api(403) if call.reauthenticate_on_403 => Meaning::NewToken,
        _ => Meaning::End,
    }
}

fn after(duration: Duration) -> Instant {
    NOW.saturating_add(duration)
}

impl Onlooker {
    pub(super) fn call(&self, who: usize) -> &Known {
        self.calls[who].as_ref().unwrap()
    }

    fn call_mut(&mut self, who: usize) -> &mut Known {
        self.calls[who].as_mut().unwrap()
    }

    // ---- what calls are told

    /// `is_alone` is whether a 429 was about this call alone, which depends on what the tenant
    /// learned.
    pub(super) fn hear(&mut self, call: &Call, who: usize, tell: Tell, epoch: u64, is_alone: bool) -> Due {
        let known = self.call_mut(who);
        match (core::mem::take(&mut known.owed), tell) {
            (Owed::Nothing, Tell::Came(_) | Tell::HeadCame(..) | Tell::Lost(_)) => Due::Nothing,
            (Owed::Nothing, Tell::Start | Tell::Woken) => self.woken(call, who, epoch),
            (Owed::Token, tell) => self.token(call, who, tell),
            (Owed::Operation, tell) => self.operation(call, who, tell, is_alone),
        }
    }

    fn woken(&mut self, call: &Call, who: usize, epoch: u64) -> Due {
        let known = self.call_mut(who);
        let Some(wait) = known.wait else {
            *known = Known { learns: known.learns, deadline: Some(after(call.deadline)), ..Known::default() };
            return Due::Onward;
        };
        let has_news = wait.epoch.is_some_and(|waited_for| waited_for != epoch);
        match known.news.take() {
            Some(is_final) if has_news => self.no_token(call, who, is_final),
            _ if known.waits_for_slot || known.waits_for_reset || known.is_free => {
                if (known.is_free && has_news) || wait.until <= NOW {
                    return Due::Onward;
                }
                if has_news && known.learns.is_some() {
                    return Due::Perhaps;
                }
                known.wait = Some(Wait { epoch: Some(epoch), ..wait });
                if has_news { Due::WaitOn } else { Due::Nothing }
            }
            _ if has_news || wait.until <= NOW => Due::Onward,
            _ => Due::Nothing,
        }
    }

    fn token(&mut self, call: &Call, who: usize, tell: Tell) -> Due {
        let had_lease = self.end_lease(who);
        if let Tell::Came(Answer { status: 200, body: Body::Token(lifetime), .. }) = tell {
            if had_lease {
                self.token_came(lifetime);
            }
            return Due::Onward;
        }
        let (is_final, reset) = match tell {
            Tell::Came(Answer { status: 408 | 429 | 503, reset, .. })
            | Tell::HeadCame(Answer { status: 408 | 429 | 503, reset, .. }, _)
            | Tell::HeadCame(Answer { status: 200, reset, .. }, BodyFailure::Broken) => (false, reset),
            Tell::Came(_) | Tell::HeadCame(..) => (true, None),
            Tell::Lost(_) | Tell::Start | Tell::Woken => (false, None),
        };
        let is_answer = matches!(tell, Tell::Came(_) | Tell::HeadCame(Answer { status: 300.., .. }, _));
        let was_cut_short = !is_answer && self.call(who).is_late() && !self.token_lasts();
        if was_cut_short {
            // By its own deadline: others hear nothing of it.
            return Due::Onward;
        }
        if had_lease {
            self.no_token_came(is_final, reset);
        } else if is_final {
            // Of credentials that were replaced, or of a lease that has passed on: it says nothing
            // of what is to be had now.
            return Due::Onward;
        }
        self.no_token(call, who, is_final)
    }

    fn no_token_came(&mut self, is_final: bool, reset: Option<u64>) {
        let until = if is_final {
            Span::at(after(REFUSAL_STANDS))
        } else {
            let asked = Duration::from_secs(reset.unwrap_or(0)).max(Duration::from_millis(1));
            let doubled = RetryPolicy::new().backoff_after(self.common.failures + 1);
            Span { earliest: after(asked), latest: after(asked.max(doubled)) }
        };
        self.common.failures += 1;
        self.common.trouble = Some(Trouble { is_final, until });
        for known in self.calls.iter_mut().flatten() {
            known.news = known.waits_for_token().map(|_| is_final);
        }
    }

    /// A call learns that no token came, from the reply or from the one that it waited for.
    fn no_token(&mut self, call: &Call, who: usize, is_final: bool) -> Due {
        if self.token_lasts() {
            return Due::Onward;
        }
        if is_final {
            return Due::Failure(Failure::Auth);
        }
        let known = self.call_mut(who);
        known.attempts += 1;
        known.last = Some(Failure::Auth);
        if known.attempts >= call.attempts { Due::GiveUp } else { Due::Onward }
    }

    fn operation(&mut self, call: &Call, who: usize, tell: Tell, is_alone: bool) -> Due {
        let known = self.call_mut(who);
        let (failure, effect, reset) = match tell {
            Tell::HeadCame(Answer { status: 200..300, reset, .. }, failure) => {
                (Failure::Body(failure), Effect::Happened, reset.map(Duration::from_secs))
            }
            Tell::Came(Answer { status, reset, .. }) | Tell::HeadCame(Answer { status, reset, .. }, _) => {
                let proves = matches!(call.replay, Replay::RefusesRepeat { .. })
                    && matches!(tell, Tell::Came(Answer { body: Body::Repeat, .. }))
                    && known.effect == Effect::Possible;
                let effect = match status {
                    _ if proves => Effect::Happened,
                    200..300 => Effect::Happened,
                    408 => Effect::Possible,
                    400..500 => Effect::None,
                    _ => Effect::Possible,
                };
                (Failure::Api(status), effect, reset.map(Duration::from_secs))
            }
            Tell::Lost(Delivery::NotSent) => (Failure::Unsent, Effect::None, None),
            Tell::Lost(Delivery::Unknown) | Tell::Start | Tell::Woken => {
                (Failure::Unknown, Effect::Possible, None)
            }
        };
        known.effect = known.effect.max(effect);
        if let Failure::Api(status @ 200..300) = failure {
            if !known.is_fresh {
                self.common.refused = 0;
            }
            return Due::Success(status);
        }
        let learns = known.learns.is_some();
        let is_aside = known.was_refused && failure == Failure::Api(429);
        if !matches!(failure, Failure::Unsent | Failure::Unknown) {
            known.was_refused = learns && failure == Failure::Api(429);
        }
        if failure == Failure::Api(429) && (reset.is_some() || !learns) && !is_alone {
            self.common.throttled_until =
                self.common.throttled_until.max(after(reset.unwrap_or(UNTOLD_RESET)));
        }
        match meaning(call, failure) {
            Meaning::End => Due::Failure(failure),
            Meaning::NewToken => self.token_refused(call.operation(), who, failure),
            Meaning::Retry if is_aside => self.steps_aside(who, reset.unwrap_or_default()),
            Meaning::Retry => self.retry(call, who, failure, reset),
        }
    }

    fn token_refused(&mut self, operation: &'static str, who: usize, failure: Failure) -> Due {
        let common = &mut self.common;
        let known = self.calls[who].as_mut().unwrap();
        let has_newer = known.is_fresh && common.token.is_some();
        if known.reauthenticated {
            common.distrust.insert(operation, after(DISTRUST));
            if !known.is_fresh && !core::mem::replace(&mut common.counted, true) {
                common.refused += 1;
            }
            return Due::Failure(failure);
        }
        // Two calls cause no more than two such tokens, so that those of all operations are still
        // replaced.
        assert!(common.refused < MOST_REFUSED);
        let is_distrusted = common.distrust.get(operation).is_some_and(|until| NOW < *until);
        if !has_newer && common.token.is_some() && is_distrusted {
            return Due::Failure(failure);
        }
        if !has_newer {
            common.token = None;
        }
        known.reauthenticated = true;
        known.resends = true;
        known.last = Some(failure);
        Due::Onward
    }

    /// A call got a second 429 in a row.
    fn steps_aside(&mut self, who: usize, reset: Duration) -> Due {
        let known = self.call_mut(who);
        known.last = Some(Failure::Api(429));
        known.resends = true;
        let after_reset = |backoff| after(reset.saturating_add(backoff));
        let (shortest, longest) = (RetryPolicy::new().backoff_after(1) / 2, Duration::from_secs(30));
        Due::Aside(Span { earliest: after_reset(shortest), latest: after_reset(longest) })
    }

    fn retry(&mut self, call: &Call, who: usize, failure: Failure, reset: Option<Duration>) -> Due {
        let known = self.call_mut(who);
        known.last = Some(failure);
        if known.learns.is_some() && failure == Failure::Api(429) {
            known.resends = true;
            return Due::Onward;
        }
        if known.attempts >= call.attempts {
            return Due::GiveUp;
        }
        let asked = after(reset.unwrap_or_default());
        let doubled = call.backoff * 2_u32.pow(known.attempts.saturating_sub(1));
        let backoff = Span { earliest: asked, latest: asked.max(after(doubled)) };
        if failure != Failure::Api(429) {
            return Due::Again(backoff, Budgeted::Yes);
        }
        let opens = after(reset.unwrap_or(UNTOLD_RESET));
        Due::Again(backoff.max(known.leaves(opens)), Budgeted::No)
    }

    // ---- what calls say

    pub(super) fn said(&mut self, who: usize, due: Due, step: &Step) {
        if matches!(due, Due::Nothing | Due::WaitOn) {
            return;
        }
        let may_use_token = self.may_use_token(who);
        if matches!(step, Step::Send(request) if super::rules::is_for_token(request)) {
            self.take_lease(who);
        }
        let common = &mut self.common;
        let known = self.calls[who].as_mut().unwrap();
        let had_slot = core::mem::take(&mut known.waits_for_slot);
        known.wait = None;
        known.waits_for_reset = false;
        known.is_free = false;
        match step {
            Step::Send(_) if known.has_lease => known.owed = Owed::Token,
            Step::Send(_) => {
                known.owed = Owed::Operation;
                known.attempts += u32::from(!core::mem::take(&mut known.resends));
                known.is_fresh = false;
                common.sends(had_slot);
            }
            Step::Wait(wait) => {
                known.wait = Some(*wait);
                let is_aside = matches!(due, Due::Aside(_));
                known.waits_for_reset = is_aside || NOW < common.throttled_until && wait.epoch.is_some();
                known.waits_for_slot = wait.epoch.is_some() && !known.waits_for_reset && may_use_token;
                if known.waits_for_slot && !had_slot && !common.interval.is_zero() {
                    common.next_slot = wait.until.saturating_add(common.interval);
                }
            }
            Step::Done(_) => {}
        }
    }

    /// Says whether it was getting a token.
    pub(super) fn cancelled(&mut self, who: usize) -> bool {
        let known = self.call_mut(who);
        if known.owed == Owed::Operation {
            known.effect = known.effect.max(Effect::Possible);
        }
        if known.waits_for_slot {
            let common = &mut self.common;
            common.next_slot =
                Instant::from_start(common.next_slot.since_start().saturating_sub(common.interval));
        }
        self.end_lease(who)
    }

    // ---- the tenant

    fn take_lease(&mut self, who: usize) {
        self.lose_lease();
        self.common.lease = Some(after(LEASE));
        self.call_mut(who).has_lease = true;
    }

    fn lose_lease(&mut self) {
        self.common.lease = None;
        self.calls.iter_mut().flatten().for_each(|known| known.has_lease = false);
    }

    /// Says whether it had the lease.
    fn end_lease(&mut self, who: usize) -> bool {
        let had_lease = self.call(who).has_lease;
        if had_lease {
            self.lose_lease();
        }
        had_lease
    }

    fn token_came(&mut self, lifetime: Option<u64>) {
        // Renewed "by a tenth of its lifetime and at most 60 seconds" before its end.
        self.common.token = Some(Token {
            text: FRESH,
            renew: lifetime.map(|lifetime| after(Duration::from_secs(lifetime) * 9 / 10)),
            end: lifetime.map(|lifetime| after(Duration::from_secs(lifetime))),
        });
        self.common.trouble = None;
        self.common.failures = 0;
        self.common.counted = false;
        self.forget_news();
        for known in self.calls.iter_mut().flatten() {
            known.is_fresh = known.deadline.is_some();
        }
    }

    pub(super) fn token_supplied(&mut self, lifetime: Option<u64>) {
        self.lose_lease();
        self.token_came(lifetime);
    }

    pub(super) fn credentials_replaced(&mut self) {
        self.lose_lease();
        self.forget_news();
        self.common.token = None;
        self.common.trouble = None;
        self.common.failures = 0;
        self.common.distrust.clear();
        self.common.refused = 0;
        self.common.counted = false;
    }

    pub(super) fn pace_set(&mut self, interval: Duration) {
        self.common.interval = interval;
        self.common.next_slot = NOW;
        for known in self.calls.iter_mut().flatten() {
            known.is_free |= core::mem::take(&mut known.waits_for_slot);
        }
    }

    pub(super) fn gate_opened(&mut self) {
        self.common.throttled_until = NOW;
        for known in self.calls.iter_mut().flatten() {
            known.is_free |= core::mem::take(&mut known.waits_for_reset);
        }
    }

    fn forget_news(&mut self) {
        self.calls.iter_mut().flatten().for_each(|known| known.news = None);
    }

    fn token_lasts(&self) -> bool {
        self.common.token.is_some_and(|token| token.lasts())
    }

    /// Whether a call may use the token that there is: it is fresh to the call, or not due to be
    /// renewed, or another call is renewing it, or it could not be renewed just now.
    pub(super) fn may_use_token(&self, who: usize) -> bool {
        let common = &self.common;
        let is_stuck =
            common.lease_stands() || common.trouble.is_some_and(|trouble| NOW < trouble.until.latest);
        common
            .token
            .is_some_and(|token| self.call(who).is_fresh || !token.is_due() || (token.lasts() && is_stuck))
    }

    /// Whether a call has to ask for a token before it goes on, where it may.
    pub(super) fn needs_token(&self, who: usize) -> bool {
        self.common.token.is_none_or(|token| !self.call(who).is_fresh && token.is_due())
    }

    // ---- the normal form

    pub(super) fn blank_last(&mut self) {
        for known in self.calls.iter_mut().flatten() {
            known.last = known.last.map(|_| Failure::Unsent);
        }
    }

    /// Takes off what calls wait for limits, which does not count against their deadlines.
    pub(super) fn wait(&mut self, passed: Duration) {
        for known in self.calls.iter_mut().flatten().filter(|known| known.is_held()) {
            known.learns = known.learns.map(|left| left.saturating_sub(passed));
            known.deadline = known.deadline.map(|deadline| deadline.saturating_add(passed));
        }
    }

    /// Shows `visit` the deadlines of calls that wait for limits, and for how long they still do.
    pub(super) fn hold(&mut self, visit: &mut impl FnMut(&mut Instant, Duration)) {
        for known in self.calls.iter_mut().flatten().filter(|known| known.is_held()) {
            if let (Some(deadline), Some(left)) = (&mut known.deadline, known.learns) {
                visit(deadline, left);
            }
        }
    }

    pub(super) fn instants(&mut self, visit: &mut impl FnMut(&mut Instant)) {
        for known in self.calls.iter_mut().flatten() {
            known.deadline.iter_mut().for_each(&mut *visit);
            known.wait.iter_mut().for_each(|wait| visit(&mut wait.until));
        }
        let common = &mut self.common;
        common.lease.iter_mut().for_each(&mut *visit);
        if let Some(token) = &mut common.token {
            token.renew.iter_mut().chain(&mut token.end).for_each(&mut *visit);
        }
        if let Some(Trouble { until, .. }) = &mut common.trouble {
            visit(&mut until.earliest);
            visit(&mut until.latest);
        }
        visit(&mut common.throttled_until);
        common.distrust.values_mut().for_each(&mut *visit);
        visit(&mut common.next_slot);
    }

    pub(super) fn epochs(&mut self, visit: &mut impl FnMut(&mut u64)) {
        for wait in self.calls.iter_mut().flatten().filter_map(|known| known.wait.as_mut()) {
            wait.epoch.iter_mut().for_each(&mut *visit);
        }
    }
}

impl Known {
    /// What ends its wait for a token.
    pub(super) fn waits_for_token(&self) -> Option<u64> {
        let is_other = self.waits_for_slot || self.waits_for_reset || self.is_free;
        self.wait.and_then(|wait| wait.epoch).filter(|_| !is_other)
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline.unwrap()
    }

    /// Whether it waits for a limit of a tenant that learns.
    fn is_held(&self) -> bool {
        self.learns.is_some() && self.wait.is_some_and(|wait| wait.epoch.is_some())
    }

    /// Until when it may wait for a limit.
    pub(super) fn latest(&self) -> Instant {
        self.learns.map_or(self.deadline(), after)
    }

    pub(super) fn is_late(&self) -> bool {
        self.deadline() <= NOW
    }

    /// When it leaves a gate: a little after that opens, and not so late as to miss the deadline.
    pub(super) fn leaves(&self, opens: Instant) -> Span {
        if self.learns.is_some() {
            return Span::at(opens);
        }
        let left = self.deadline().saturating_since(opens);
        Span { earliest: opens, latest: opens.saturating_add(SPREAD.min(left / 2)) }
    }
}

impl Common {
    pub(super) fn lease_stands(&self) -> bool {
        self.lease.is_some_and(|until| NOW < until)
    }

    /// When a call may send that is ready now: in its slot, or later where that came too late for
    /// the one before.
    pub(super) fn slot(&self, has_slot: bool) -> Instant {
        let spaced = self.last_sent.map_or(NOW, |last| NOW.max(last.saturating_add(self.interval)));
        if has_slot { spaced } else { spaced.max(self.next_slot) }
    }

    fn sends(&mut self, had_slot: bool) {
        self.last_sent = Some(NOW);
        if self.interval.is_zero() {
            return;
        }
        if !had_slot {
            self.next_slot = after(self.interval);
        }
    }
}
