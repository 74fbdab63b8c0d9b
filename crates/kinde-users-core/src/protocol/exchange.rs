//! A call as a state machine, which decides what to do next.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::header::USER_AGENT;
use http::{Request, Response, StatusCode};

use crate::api::meta::Meta;
use crate::api::operation::Operation;
use crate::api::prepared::Prepared;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::auth_error::{AuthError, AuthProblem};
use crate::error::call::Error;
use crate::protocol::call_options::CallOptions;
use crate::protocol::credentials::Credentials;
use crate::protocol::pace::{Pace, Patience};
use crate::protocol::request_timeout::set_request_timeout;
use crate::protocol::retry::{Outcome, Verdict, asked_for};
use crate::protocol::step::{Input, Step, Wait, without_body};
use crate::protocol::tenant::{Answer, Tenant};
use crate::protocol::tokens::{TokenOutcome, TokenStep};
use crate::types::build_error::{BuildError, Problem};
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::domain::Domain;
use crate::types::effect::{Effect, effect_of};
use crate::types::time::Instant;

#[cfg(test)]
mod explore;

/// One call of an operation, as a state machine. An exchange gets a token if there is none, sends
/// the request, retries if that is safe, and ends.
///
/// An exchange does no I/O. The **driver**, a client or your own loop, carries out each [`Step`]
/// and reports what happened. The loop of a driver is the same for every operation, and for
/// blocking and async code. The [front page](crate) shows this loop.
///
/// ```text
///                        ┌──────────────────── wait over ◀──────────────────────┐
///                        ▼                                                      │
///  Start ─▶ time left? ─▶ 429? ─▶ token? ─▶ rate? ─▶ Send(operation)            │
///              │           │        │         │            │                    │
///              │           │        │         │            ├─ 2xx ─▶ Done(Ok)   │
///              │           │        │         │            ├─ no retry ─▶ Done(Err)
///              │           │        │         │            └─ retry ───────────▶ Wait (back-off, reset)
///              │           │        │         └── not yet ─────────────────────▶ Wait (its slot, epoch)
///              │           │        ├── another call gets one ─────────────────▶ Wait (epoch)
///              │           │        └── none ─▶ Send(token request) ─▶ kept ───▶ token?
///              │           └── throttled ───────────────────────────────▶ Wait (reset + jitter, epoch)
///              └── no ─▶ Done(Err)
/// ```
///
/// # What follows an attempt
///
/// What happens after an attempt depends on the [`Replay`](crate::Replay) class of the operation:
///
/// | an attempt ended in | `Safe` | `Idempotent` | `OnlyIfUnsent` |
/// |---|---|---|---|
/// | not sent: no connection | retry | retry | retry |
/// | delivery unknown: time-out, connection reset, incomplete head | retry | retry | [`Error::UnknownOutcome`] |
/// | first 401 | get a new token, then send again | the same | the same |
/// | second 401, or a 401 while [no token may be requested](Tenant#tokens) | [`Error::Api`] | the same | the same |
/// | 403 | [`Error::Api`]; with [`reauthenticate_on_403`] like 401 | the same | the same |
/// | 429 | all calls of the tenant wait for the reset; retry | the same | the same, unless [`throttled_creates`] is off |
/// | 408, 460, 499, 500, 502, 503, 504 | retry | retry | [`Error::Api`], effect `Possible` |
/// | other 4xx | [`Error::Api`], effect `None` | the same | the same |
/// | other 5xx and beyond, 1xx | [`Error::Api`], effect `Possible` | the same | the same |
/// | 3xx | [`Error::Api`], effect `Possible`; never followed | the same | the same |
/// | 2xx whose body is cut off or broken | retry | retry | [`Error::Body`], effect `Happened` |
/// | 2xx whose body is too large | [`Error::Body`], effect `Happened` | the same | the same |
/// | 2xx whose body does not fit the output type | [`Error::Decode`], effect `Happened` | the same | the same |
/// | attempts, retry budget or time used up | [`Error::Exhausted`] with the last error | the same | the same |
///
/// If the body of a response could not be read ([`Input::HeadOnly`]) and the status is not 2xx, the
/// response is treated as if its body were empty. A response of the token endpoint is treated in
/// this way too. If the token endpoint answers 2xx but the body is cut off or broken, the token is
/// requested again.
///
/// If the tenant [learns the rate](Tenant#the-adaptive-rate), a 429 does not count as an attempt or
/// against the retry budget. A 429 makes all calls wait only if it has a reset and is not [about
/// this call alone](Tenant#the-adaptive-rate). The call also waits for its turn before it sends.
///
/// An operation of the class [`RefusesRepeat`](crate::Replay::RefusesRepeat) is retried like an
/// `Idempotent` one. If the service answers with the error code of a repeat, the call ends with
/// [`Error::Api`]. The effect of this error is `Happened` if an earlier attempt may have taken
/// effect.
///
/// [`reauthenticate_on_403`]: crate::RetryPolicy::reauthenticate_on_403
/// [`throttled_creates`]: crate::RetryPolicy::throttled_creates
///
/// # What a status proves
///
/// | status | effect | because |
/// |---|---|---|
/// | 2xx | `Happened` | the service reports success |
/// | 408, 460, 499 | `Possible` | the service or a proxy stopped waiting, but work in progress may continue |
/// | other 4xx | `None` | the service or a proxy refused the request: 401, 403, 404, 409, 421, 425, 429 and so on |
/// | 5xx and beyond | `Possible` | a proxy may answer (502, 504, 520 to 530) while the service continues |
/// | 1xx, 3xx | `Possible` | the service never sends such a status, and it is not known what a proxy did |
///
/// An error reports the strongest effect of all attempts (`None`, `Possible`, `Happened`, in this
/// order), whatever ended the call.
///
/// Before its first attempt, a call waits for no back-off, except for the back-off of the token
/// endpoint, which all calls share. If the next step would happen after the total timeout, the call
/// ends at once. With the adaptive rate, waits for limits do not count towards the total timeout.
/// These waits together may take as long as the longest wait of the tenant.
///
/// # Every input has an answer
///
/// While the exchange expects a reply, [`Start`](Input::Start) and [`Woken`](Input::Woken) count as
/// a failure with unknown delivery. An unexpected reply or failure, or a `Woken` before the end of
/// a wait, changes nothing: [`advance`](Self::advance) returns the current wait again. After the
/// end, `advance` returns [`Error::Finished`] for every input. The exchange never sends a request
/// while it expects a reply.
///
/// A driver that gives up an exchange before its end must call [`cancel`](Self::cancel). Otherwise,
/// other calls may wait for the token request of the exchange. With the adaptive rate, other calls
/// may also wait up to 30 seconds for the place of the exchange among the operations in flight.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Exchange {
    prepared: Prepared,
    options: CallOptions,
    deadline: Instant,
    phase: Phase,
    /// Why the last attempt failed, if it is being retried.
    last: Option<Error>,
    /// The token generation that was used last, or that existed at the start.
    seen: u64,
    attempts: u32,
    effect: Effect,
    reauthenticated: bool,
    /// The next send belongs to an attempt that was counted already: its token was refused, or the
    /// tenant learns from a 429.
    resends: bool,
    /// Whether the driver asks a provider for the credentials, instead of a token request.
    pub(crate) has_provider: bool,
    /// How the call waits for limits, if the tenant learns.
    patience: Option<Box<Patience>>,
}

/// How far a call came in the queue of those that send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It has no slot.
    New,
    /// Its slot has come.
    Slot,
    /// It waited so long for an operation in flight that it takes its place.
    Overdue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Ready,
    Waiting(Instant, Reason),
    AwaitingToken { lease: u64 },
    AwaitingReply,
    Finished,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reason {
    /// To try again.
    Time,
    /// To wait for the reset of a 429.
    Throttle { epoch: u64 },
    /// To keep the rate limit of the tenant.
    Slot { epoch: u64 },
    /// To wait for an operation in flight to end.
    Room { epoch: u64 },
    /// To wait for the token that another call requests, or for the token endpoint to recover.
    Token { epoch: u64 },
}

impl Reason {
    /// Returns the epoch of the wait. The wait ends when the tenant has another one.
    fn epoch(self) -> Option<u64> {
        match self {
            Self::Time => None,
            Self::Throttle { epoch }
            | Self::Slot { epoch }
            | Self::Room { epoch }
            | Self::Token { epoch } => Some(epoch),
        }
    }
}

impl Exchange {
    /// Starts a call of `operation` and writes its request.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names the argument that cannot be sent.
    pub fn new<O: Operation>(
        operation: &O,
        tenant: &Tenant,
        options: CallOptions,
    ) -> Result<Self, BuildError> {
        Self::of(operation, tenant.domain(), options)
    }

    pub(crate) fn of<O: Operation>(
        operation: &O,
        domain: &Domain,
        options: CallOptions,
    ) -> Result<Self, BuildError> {
        Ok(Self::prepared(Prepared::new(operation, domain)?, options))
    }

    pub(crate) fn prepared(prepared: Prepared, options: CallOptions) -> Self {
        Self {
            prepared,
            options,
            deadline: Instant::START,
            phase: Phase::Ready,
            last: None,
            seen: 0,
            attempts: 0,
            effect: Effect::None,
            reauthenticated: false,
            resends: false,
            has_provider: false,
            patience: None,
        }
    }

    /// Returns the operation that is called.
    pub fn operation(&self) -> &'static Meta {
        self.prepared.meta
    }

    /// Returns the number of attempts, including the current one. Sending the request again with a
    /// new token does not count as a new attempt. A failed token request counts as an attempt. If
    /// the last attempt that the policy allows has to be sent again, and the token request for it
    /// fails, the number is one more than the policy allows. With the adaptive rate, a 429 does not
    /// count as an attempt. This is also true for a 429 to a token request.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Tells the exchange what has happened, and returns the step that the driver carries out next.
    /// `now` is the current time.
    pub fn advance(&mut self, tenant: &mut Tenant, now: Instant, input: Input) -> Step {
        match (self.phase, input) {
            (Phase::Finished, _) => {
                self.end(Err(Error::Finished { operation: self.prepared.meta, effect: self.effect }))
            }
            // The reply is a token of another tenant.
            (Phase::AwaitingToken { .. }, _) if !self.is_of(tenant) => self.other_tenant(),
            (Phase::Ready, Input::Start | Input::Woken) => {
                self.deadline =
                    now.saturating_add(self.options.total_timeout.unwrap_or(CallOptions::TOTAL_TIMEOUT));
                self.seen = tenant.generation();
                self.patience = tenant.longest_wait().map(|wait| Box::new(Patience::new(wait)));
                self.proceed(tenant, now, Turn::New)
            }
            (Phase::Ready, Input::Response(_) | Input::HeadOnly(_) | Input::Failed(_)) => {
                Step::Wait(Wait { until: now, epoch: None })
            }
            (Phase::Waiting(until, reason), Input::Start | Input::Woken) => {
                self.woken(tenant, now, until, reason)
            }
            (Phase::Waiting(until, reason), Input::Response(_) | Input::HeadOnly(_) | Input::Failed(_)) => {
                Self::wait_for(until, reason)
            }
            (Phase::AwaitingToken { lease }, input) => {
                tenant.hears(Answer::of(&input), now);
                let outcome = tenant.token_answered(lease, input, now, self.deadline);
                self.token_came(tenant, now, outcome)
            }
            (Phase::AwaitingReply, input) => {
                if self.is_of(tenant) {
                    let answer = Answer::of(&input);
                    tenant.hears(answer, now);
                    if let Some(patience) = &mut self.patience {
                        tenant.came_back(patience, answer, now);
                    }
                }
                match input {
                    Input::Response(response) => self.answered(tenant, now, response),
                    Input::HeadOnly(head) => self.head_came(tenant, now, head),
                    Input::Failed(delivery) => self.unanswered(tenant, now, delivery),
                    Input::Start | Input::Woken => self.unanswered(tenant, now, Delivery::Unknown),
                }
            }
        }
    }

    /// Returns the number of the lease, if the call is requesting a token or asks a provider.
    pub(crate) fn lease(&self) -> Option<u64> {
        match self.phase {
            Phase::AwaitingToken { lease } => Some(lease),
            _ => None,
        }
    }

    /// Continues with what a provider returned, if the call [asks one](Self::lease): with a token
    /// request, or without.
    pub(crate) fn provided(
        &mut self,
        tenant: &mut Tenant,
        now: Instant,
        provided: Result<Credentials, Box<str>>,
    ) -> Step {
        let Phase::AwaitingToken { lease } = self.phase else {
            return Step::Wait(Wait { until: now, epoch: None });
        };
        if !self.is_of(tenant) {
            return self.other_tenant();
        }
        match tenant.token_provided(lease, provided, now, self.deadline.saturating_since(now)) {
            Ok((request, limit)) => Self::send(tenant, request, limit),
            Err(outcome) => self.token_came(tenant, now, outcome),
        }
    }

    /// Ends the call because the driver gives it up. If the call was requesting a token, one of the
    /// calls that wait for the token requests a token instead.
    ///
    /// A client calls this method when a call is dropped. In your own loop, call this method when
    /// you give up a call.
    pub fn cancel(&mut self, tenant: &mut Tenant) {
        if self.is_of(tenant) {
            match self.phase {
                Phase::AwaitingToken { lease } => tenant.end_lease(lease),
                Phase::Waiting(_, Reason::Slot { epoch }) if !tenant.has_new_rate_since(epoch) => {
                    tenant.return_slot();
                }
                _ => {}
            }
            if self.patience.as_mut().and_then(|patience| patience.ticket.take()).is_some() {
                tenant.loses_one();
            }
        }
        if self.phase == Phase::AwaitingReply {
            self.effect = self.effect.max(Effect::Possible);
        }
        self.phase = Phase::Finished;
        self.last = None;
    }

    /// Takes the next step towards sending: waits, gets a token, or sends.
    fn proceed(&mut self, tenant: &mut Tenant, now: Instant, turn: Turn) -> Step {
        if !self.is_of(tenant) {
            return self.other_tenant();
        }
        if self.has_no_patience_left(now) || now >= self.deadline {
            return self.out_of_time();
        }
        if let Some(opens) = tenant.throttled_until(now) {
            let until = self.spread(tenant, opens);
            return self.wait(tenant, now, until, Reason::Throttle { epoch: tenant.epoch() });
        }
        let left = self.deadline.saturating_since(now);
        match tenant.token_step(now, self.seen, left, self.has_provider) {
            TokenStep::Wait(until) => self.wait_at_most(now, until, Reason::Token { epoch: tenant.epoch() }),
            TokenStep::Fail(problem) => {
                let error = self.auth_error(problem);
                self.end(Err(error))
            }
            TokenStep::Fetch { request, limit, lease } => {
                self.phase = Phase::AwaitingToken { lease };
                Self::send(tenant, request, limit)
            }
            TokenStep::Ask { lease } => {
                self.phase = Phase::AwaitingToken { lease };
                Step::Wait(Wait { until: now, epoch: None })
            }
            TokenStep::Use(token, generation) => {
                let slot = match turn {
                    Turn::New => tenant.take_slot(now, self.latest(now)),
                    Turn::Slot | Turn::Overdue => tenant.after_last_send(now),
                };
                if now < slot {
                    return self.wait(tenant, now, slot, Reason::Slot { epoch: tenant.epoch() });
                }
                if tenant.is_full(now) {
                    if turn != Turn::Overdue {
                        let until = now.saturating_add(Pace::TAKEOVER);
                        return self.wait_at_most(now, until, Reason::Room { epoch: tenant.epoch() });
                    }
                    tenant.loses_one();
                }
                tenant.sends(now);
                if let Some(patience) = &mut self.patience {
                    patience.ticket = tenant.ticket(now);
                }
                self.seen = generation;
                self.attempts = self.attempts.saturating_add(u32::from(!self.resends));
                self.resends = false;
                self.phase = Phase::AwaitingReply;
                let request = self.prepared.clone().into_request(&token);
                Self::send(tenant, request, self.options.attempt_timeout.min(left))
            }
        }
    }

    /// Ends the wait for a limit, if there was one: moves the deadline. Returns whether the call
    /// may wait no longer.
    fn has_no_patience_left(&mut self, now: Instant) -> bool {
        let Some(patience) = &mut self.patience else { return false };
        let Some(since) = patience.since.take() else { return false };
        let waited = now.saturating_since(since);
        self.deadline = self.deadline.saturating_add(waited);
        patience.left = patience.left.saturating_sub(waited);
        patience.left.is_zero()
    }

    /// Returns until when the call may wait for a limit or a token.
    fn latest(&self, now: Instant) -> Instant {
        self.patience.as_ref().map_or(self.deadline, |patience| now.saturating_add(patience.left))
    }

    fn is_of(&self, tenant: &Tenant) -> bool {
        self.prepared.is_for(tenant.domain())
    }

    /// Ends the call because the tenant is not the one that the request was written for. Its token
    /// is not for this host.
    fn other_tenant(&mut self) -> Step {
        self.end(Err(BuildError::new(self.prepared.meta.name, "tenant", Problem::OtherTenant).into()))
    }

    fn send(tenant: &Tenant, mut request: Request<Vec<u8>>, limit: Duration) -> Step {
        request.headers_mut().insert(USER_AGENT, tenant.user_agent.clone());
        set_request_timeout(&mut request, limit);
        Step::Send(request)
    }

    fn wait(&mut self, tenant: &mut Tenant, now: Instant, until: Instant, reason: Reason) -> Step {
        let latest = if reason == Reason::Time { self.deadline } else { self.latest(now) };
        if until >= latest {
            return self.out_of_time();
        }
        if until <= now {
            return self.proceed(tenant, now, Turn::New);
        }
        self.wait_at_most(now, until, reason)
    }

    /// Waits until then, or until there is no time left.
    fn wait_at_most(&mut self, now: Instant, mut until: Instant, reason: Reason) -> Step {
        if reason != Reason::Time {
            until = until.min(self.latest(now));
            if let Some(patience) = &mut self.patience {
                patience.since = Some(now);
            }
        }
        self.phase = Phase::Waiting(until, reason);
        Self::wait_for(until, reason)
    }

    fn wait_for(until: Instant, reason: Reason) -> Step {
        Step::Wait(Wait { until, epoch: reason.epoch() })
    }

    fn woken(&mut self, tenant: &mut Tenant, now: Instant, until: Instant, reason: Reason) -> Step {
        match reason {
            Reason::Token { epoch } if epoch != tenant.epoch() => {
                let outcome = tenant.token_outcome_since(epoch, now);
                self.token_came(tenant, now, outcome)
            }
            Reason::Throttle { epoch } if tenant.was_cleared_since(epoch) => {
                self.proceed(tenant, now, Turn::New)
            }
            // The slot belongs to the old rate limit.
            Reason::Slot { epoch } if tenant.has_new_rate_since(epoch) => {
                self.proceed(tenant, now, Turn::New)
            }
            Reason::Room { epoch } if epoch != tenant.epoch() => self.proceed(tenant, now, Turn::Slot),
            Reason::Room { .. } if now >= until => self.proceed(tenant, now, Turn::Overdue),
            Reason::Slot { .. } if now >= until => self.proceed(tenant, now, Turn::Slot),
            _ if now >= until => self.proceed(tenant, now, Turn::New),
            reason => {
                // The epoch may have changed for calls that wait for something else.
                let epoch = tenant.epoch();
                let reason = match reason {
                    Reason::Throttle { .. } => Reason::Throttle { epoch },
                    Reason::Slot { .. } => Reason::Slot { epoch },
                    Reason::Time | Reason::Room { .. } | Reason::Token { .. } => reason,
                };
                self.phase = Phase::Waiting(until, reason);
                Self::wait_for(until, reason)
            }
        }
    }

    /// Continues after a token request of this call, or of the call that it waited for.
    fn token_came(&mut self, tenant: &mut Tenant, now: Instant, outcome: TokenOutcome) -> Step {
        match outcome {
            TokenOutcome::Proceed => self.proceed(tenant, now, Turn::New),
            TokenOutcome::OutOfTime => self.out_of_time(),
            TokenOutcome::Never(problem) => {
                let error = self.auth_error(problem);
                self.end(Err(error))
            }
            TokenOutcome::NotNow(problem) => {
                // The token endpoint has limits too.
                let is_limit = matches!(problem, AuthProblem::Unavailable { status: 429, .. });
                let error = self.auth_error(problem);
                if is_limit && self.patience.is_some() {
                    if tenant.is_refused_too_long(now) {
                        return self.exhausted(error);
                    }
                } else {
                    self.attempts = self.attempts.saturating_add(1);
                    if self.is_spent() {
                        return self.exhausted(error);
                    }
                }
                self.last = Some(error);
                self.proceed(tenant, now, Turn::New)
            }
        }
    }

    fn auth_error(&self, problem: AuthProblem) -> Error {
        Error::Auth(Box::new(AuthError { operation: self.prepared.meta, problem, effect: self.effect }))
    }

    fn answered(&mut self, tenant: &mut Tenant, now: Instant, response: Response<Vec<u8>>) -> Step {
        let reply = Reply::of(self.prepared.meta, response);
        let status = reply.status();
        let may_have_happened = self.effect == Effect::Possible;
        self.effect = self.effect.max(effect_of(status));
        if status.is_success() {
            if self.is_of(tenant) {
                tenant.succeeded(self.seen);
            }
            return self.end(Ok(reply));
        }
        let reset = asked_for(reply.headers());
        let error = ApiError::new(reply, self.effect);
        if may_have_happened && error.is_refused_repeat() {
            self.effect = Effect::Happened;
        }
        self.failed(tenant, now, Outcome::Refused(status), Error::Api(Box::new(error)), reset)
    }

    fn head_came(&mut self, tenant: &mut Tenant, now: Instant, head: Response<BodyFailure>) -> Step {
        let (status, failure) = (head.status(), *head.body());
        if !status.is_success() {
            return self.answered(tenant, now, without_body(head));
        }
        self.effect = self.effect.max(effect_of(status));
        let reset = asked_for(head.headers());
        let reply = Box::new(Reply::of(self.prepared.meta, without_body(head)));
        self.failed(tenant, now, Outcome::Unread(failure), Error::Body { failure, reply }, reset)
    }

    fn unanswered(&mut self, tenant: &mut Tenant, now: Instant, delivery: Delivery) -> Step {
        let error = match delivery {
            Delivery::NotSent => Error::Unsent(self.prepared.meta),
            Delivery::Unknown => {
                self.effect = self.effect.max(Effect::Possible);
                Error::UnknownOutcome(self.prepared.meta)
            }
        };
        self.failed(tenant, now, Outcome::Failed(delivery), error, None)
    }

    /// Applies the policy to a failed attempt.
    fn failed(
        &mut self,
        tenant: &mut Tenant,
        now: Instant,
        outcome: Outcome,
        error: Error,
        reset: Option<Duration>,
    ) -> Step {
        let (policy, name) = (self.options.retry, self.prepared.meta.name);
        let verdict = policy.verdict(self.prepared.meta.replay, outcome);
        if !self.is_of(tenant) {
            // This call must not change the shared state of another tenant.
            return if verdict == Verdict::End { self.end(Err(error)) } else { self.other_tenant() };
        }
        let backoff = tenant.jitter.up_to(policy.backoff_after(self.attempts));
        let mut again = now.saturating_add(backoff.max(reset.unwrap_or_default()));
        let throttled = outcome == Outcome::Refused(StatusCode::TOO_MANY_REQUESTS);
        let learns = throttled && self.patience.is_some() && tenant.longest_wait().is_some();
        if throttled && !(learns && (reset.is_none() || self.is_alone())) {
            // It is for all calls, so the service decides, and not the timeout of this call.
            let opens = now.saturating_add(reset.unwrap_or(Tenant::UNTOLD_RESET));
            tenant.throttle(opens);
            again = again.max(self.spread(tenant, opens));
        }
        match verdict {
            Verdict::Reauthenticate
                if tenant.token_refused(self.seen, name, self.reauthenticated, self.has_provider, now) =>
            {
                self.reauthenticated = true;
                self.resends = true;
                self.last = Some(error);
                self.proceed(tenant, now, Turn::New)
            }
            Verdict::Reauthenticate | Verdict::End => self.end(Err(error)),
            Verdict::Retry if learns && tenant.is_refused_too_long(now) => self.exhausted(error),
            Verdict::Retry if learns => {
                self.resends = true;
                self.last = Some(error);
                let Some(backoff) = self.backs_off(tenant) else {
                    return self.proceed(tenant, now, Turn::New);
                };
                let until = now.saturating_add(reset.unwrap_or_default()).saturating_add(backoff);
                self.wait(tenant, now, until, Reason::Throttle { epoch: tenant.epoch() })
            }
            Verdict::Retry if self.is_spent() || again >= self.deadline => self.exhausted(error),
            // The throttle makes all calls wait, so the retry budget has nothing to protect.
            Verdict::Retry if !throttled && !tenant.budget.take() => self.exhausted(error),
            Verdict::Retry => {
                self.last = Some(error);
                let reason =
                    if throttled { Reason::Throttle { epoch: tenant.epoch() } } else { Reason::Time };
                self.wait(tenant, now, again, reason)
            }
        }
    }

    /// Whether the last 429 of the call was about no other call.
    fn is_alone(&self) -> bool {
        self.patience.as_ref().is_some_and(|patience| patience.is_alone())
    }

    /// Returns how long a call waits by itself after a 429, if it does. It is not short, whatever
    /// the policy of the call is.
    fn backs_off(&self, tenant: &mut Tenant) -> Option<Duration> {
        let patience = self.patience.as_ref().filter(|patience| patience.steps_aside)?;
        let half = patience.backoff() / 2;
        Some(half + tenant.jitter.up_to(half))
    }

    /// Returns an instant at or shortly after `opens`, so that waiting calls do not all continue at
    /// once. It is not so late that the call misses its deadline.
    fn spread(&self, tenant: &mut Tenant, opens: Instant) -> Instant {
        if self.patience.is_some() {
            // The rate that the tenant learned spreads them.
            return opens;
        }
        let left = self.deadline.saturating_since(opens);
        opens.saturating_add(tenant.jitter.up_to(Tenant::SPREAD.min(left / 2)))
    }

    fn is_spent(&self) -> bool {
        self.attempts >= self.options.retry.most_attempts()
    }

    fn exhausted(&mut self, last: Error) -> Step {
        let (attempts, effect) = (self.attempts, self.effect);
        self.end(Err(Error::Exhausted { attempts, effect, last: Box::new(last) }))
    }

    fn out_of_time(&mut self) -> Step {
        match self.last.take() {
            Some(last) => self.exhausted(last),
            None => self.end(Err(Error::TotalTimeout { operation: self.prepared.meta, effect: self.effect })),
        }
    }

    /// Ends the call. Every end goes through here, so that no error reports less than the largest
    /// effect of all attempts.
    fn end(&mut self, result: Result<Reply, Error>) -> Step {
        self.phase = Phase::Finished;
        self.last = None;
        Step::Done(result.map_err(|error| error.with_at_least(self.effect, self.attempts)))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Exchange({}: {:?}, {} attempts, effect {:?})",
            self.prepared.meta.name, self.phase, self.attempts, self.effect
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::get_users::GetUsers;
    use crate::types::access_token::AccessToken;
    use alloc::string::String;

    const NOW: Instant = Instant::from_start(Duration::from_secs(100));

    fn tenant() -> Tenant {
        Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "old"))
    }

    /// A call that asks a provider for credentials.
    fn asking(tenant: &mut Tenant) -> Exchange {
        let mut call = Exchange::new(&GetUsers::new(), tenant, CallOptions::new()).unwrap();
        assert_eq!(call.lease(), None);
        call.has_provider = true;
        let Step::Wait(wait) = call.advance(tenant, NOW, Input::Start) else { panic!("{call:?}") };
        assert_eq!(wait, Wait { until: NOW, epoch: None });
        call
    }

    #[test]
    fn token_is_requested_with_provided_credentials() {
        let mut tenant = tenant();
        let mut call = asking(&mut tenant);
        assert_eq!(call.lease(), Some(1));
        let new = || Credentials::new("id", "new");
        assert!(tenant.has_other(&new()));
        let Step::Send(request) = call.provided(&mut tenant, NOW, Ok(new())) else { panic!("{call:?}") };
        assert!(String::from_utf8(request.into_body()).unwrap().contains("client_secret=new"));
        assert!(!tenant.has_other(&new()));

        let token = Response::new(br#"{"access_token":"t","expires_in":3600}"#.to_vec());
        assert!(matches!(call.advance(&mut tenant, NOW, Input::Response(token)), Step::Send(_)));
        // Now it requests no token, so an answer of the provider changes nothing.
        assert_eq!(call.lease(), None);
        assert!(matches!(call.provided(&mut tenant, NOW, Ok(new())), Step::Wait(_)));
    }

    #[test]
    fn each_call_that_asks_has_a_lease_of_its_own() {
        let mut tenant = tenant();
        asking(&mut tenant).cancel(&mut tenant);
        assert_eq!(asking(&mut tenant).lease(), Some(2));
    }

    #[test]
    fn first_answer_of_a_provider_counts() {
        // Each call asks when the lease of the one before is over.
        let mut tenant = tenant();
        let mut now = NOW;
        let mut asking = |tenant: &mut Tenant| {
            let mut call = Exchange::new(&GetUsers::new(), tenant, CallOptions::new()).unwrap();
            call.has_provider = true;
            now = now.saturating_add(Duration::from_secs(61));
            let _ = call.advance(tenant, now, Input::Start);
            (call, now)
        };
        let answer = || Ok(Credentials::new("id", "new"));
        let (mut first, _) = asking(&mut tenant);
        let (mut second, later) = asking(&mut tenant);
        assert!(matches!(first.provided(&mut tenant, later, answer()), Step::Send(_)));
        // The second one waits for the token of the first.
        assert!(matches!(second.provided(&mut tenant, later, answer()), Step::Wait(_)));

        // Those that asked after that answer may answer again.
        let (mut third, _) = asking(&mut tenant);
        let (mut fourth, later) = asking(&mut tenant);
        assert_eq!((third.lease(), fourth.lease()), (Some(3), Some(4)));
        assert!(matches!(third.provided(&mut tenant, later, answer()), Step::Send(_)));
        assert!(matches!(fourth.provided(&mut tenant, later, answer()), Step::Wait(_)));
    }

    #[test]
    fn answer_of_a_provider_may_come_too_late() {
        let mut tenant = tenant();
        let mut call = asking(&mut tenant);
        let end = NOW.saturating_add(CallOptions::TOTAL_TIMEOUT);
        let step = call.provided(&mut tenant, end, Ok(Credentials::new("id", "new")));
        assert!(matches!(step, Step::Done(Err(Error::TotalTimeout { .. }))));
        // Another call asks again.
        assert_eq!(asking(&mut tenant).lease(), Some(2));
    }

    #[test]
    fn credentials_that_cannot_be_sent_are_not_kept() {
        let mut tenant = tenant();
        let wrong = || Credentials::new("id", "a\nb");
        let step = asking(&mut tenant).provided(&mut tenant, NOW, Ok(wrong()));
        assert!(matches!(step, Step::Done(Err(Error::Auth(_)))));
        assert!(tenant.has_other(&wrong()));
    }

    #[test]
    fn credentials_for_another_tenant_end_the_call() {
        let mut call = asking(&mut tenant());
        let mut other = Tenant::new(Domain::parse("other").unwrap(), Credentials::new("id", "old"));
        let step = call.provided(&mut other, NOW, Ok(Credentials::new("id", "new")));
        assert!(matches!(step, Step::Done(Err(_))));
    }

    fn start(tenant: &mut Tenant) -> (Exchange, Step) {
        let mut call = Exchange::new(&GetUsers::new(), tenant, CallOptions::new()).unwrap();
        let step = call.advance(tenant, NOW, Input::Start);
        (call, step)
    }

    #[test]
    fn wait_for_a_reset_stays_the_same_if_it_is_interrupted() {
        let mut tenant = tenant();
        tenant.supply_token(AccessToken::new("t").unwrap(), None, NOW);
        tenant.clear_throttle();
        tenant.throttle(NOW.saturating_add(Duration::from_secs(10)));
        let (mut call, step) = start(&mut tenant);
        let Step::Wait(wait) = step else { panic!("{call:?}") };
        // The jitter is not drawn again.
        for _ in 0..20 {
            let Step::Wait(again) = call.advance(&mut tenant, NOW, Input::Woken) else { panic!("{call:?}") };
            assert_eq!(again, wait);
        }
    }

    #[test]
    fn wait_for_a_token_stays_the_same_if_it_is_interrupted() {
        let mut tenant = tenant();
        let (_first, step) = start(&mut tenant);
        assert!(matches!(step, Step::Send(_)));
        let (mut second, step) = start(&mut tenant);
        let Step::Wait(wait) = step else { panic!("{second:?}") };
        // The reset of another call does not end the wait for the token.
        tenant.throttle(NOW.saturating_add(Duration::from_secs(10)));
        let Step::Wait(again) = second.advance(&mut tenant, NOW, Input::Woken) else { panic!("{second:?}") };
        assert_eq!(again, wait);
    }

    #[test]
    fn interrupted_wait_for_room_sends_nothing() {
        let mut tenant = tenant().with_adaptive_rate(Some(Duration::from_secs(3600)));
        tenant.supply_token(AccessToken::new("t").unwrap(), None, NOW);
        let (_first, _) = start(&mut tenant);
        let (mut second, step) = start(&mut tenant);
        assert!(matches!(step, Step::Send(_)));
        let refused = Response::builder().status(429).body(Vec::new()).unwrap();
        let _ = second.advance(&mut tenant, NOW, Input::Response(refused));
        // The service accepts one request at a time.
        let (mut third, step) = start(&mut tenant);
        let Step::Wait(wait) = step else { panic!("{third:?}") };
        let Step::Wait(again) = third.advance(&mut tenant, NOW, Input::Woken) else { panic!("{third:?}") };
        assert_eq!(again, wait);
        // Then one of those in flight counts as lost.
        let later = wait.until;
        assert!(matches!(third.advance(&mut tenant, later, Input::Woken), Step::Send(_)));
    }
}
