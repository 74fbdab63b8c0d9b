//! All decisions about the access token of a tenant: which call requests one, how long it is used,
//! and what a refusal or a failure means for all calls.
//!
//! - **lease** - the right of one call to request a token, while the others wait;
//! - **generation** - the number of a token; a later token has a higher number;
//! - **trouble** - the outcome of the last token request, if it failed;
//! - **distrust** - how long a 401 leads to no token request, because new tokens were refused too.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use http::Request;

use crate::error::auth_error::AuthProblem;
use crate::protocol::credentials::{Credentials, Kind};
use crate::protocol::retry::{Jitter, RetryPolicy, asked_for};
use crate::protocol::step::{Input, without_body};
use crate::protocol::token_reply::read_token;
use crate::protocol::token_request::token_request;
use crate::types::access_token::AccessToken;
use crate::types::delivery::Delivery;
use crate::types::domain::Domain;
use crate::types::time::Instant;

#[cfg(test)]
pub(super) mod for_explore;

/// The token of a tenant, and the state of requesting it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Tokens {
    credentials: Credentials,
    held: Option<Held>,
    /// The number of tokens so far: the generation of the latest.
    generation: u64,
    lease: Option<Lease>,
    /// The number of leases so far: the number of the latest.
    leases: u64,
    /// The first lease whose call may still use the answer of a provider if it has lost the lease,
    /// because the provider took longer.
    answerable: u64,
    trouble: Option<Trouble>,
    /// How often the token endpoint failed in a row.
    failures: u32,
    distrust: Distrust,
}

/// A token and its lifetime.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Held {
    token: AccessToken,
    generation: u64,
    /// When it expires and when to renew it. `None` if its lifetime is not known: it is then used
    /// until the service refuses it.
    ends: Option<Ends>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    renew: Instant,
    end: Instant,
}

impl Held {
    fn lasts(&self, now: Instant) -> bool {
        self.ends.is_none_or(|ends| now < ends.end)
    }
}

/// Tokens that replaced refused ones and were refused as well. Each further one would be billed,
/// and perhaps refused.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Distrust {
    /// Until when the calls of an operation cause no new token.
    operations: Vec<(&'static str, Instant)>,
    /// Until when no call causes one.
    all: Instant,
    /// The number of such tokens since the last success with the latest token.
    refused: u8,
    /// Whether the latest token is one of them.
    counted: bool,
}

impl Distrust {
    fn is_over(&self, operation: &str, now: Instant) -> bool {
        let of_operation = self.operations.iter().find(|(name, _)| *name == operation);
        now >= self.all && of_operation.is_none_or(|(_, until)| now >= *until)
    }
}

/// The right to request a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Lease {
    number: u64,
    until: Instant,
}

/// The outcome of the last token request, if it brought no token.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Trouble {
    /// The epoch that began with it.
    epoch: u64,
    problem: AuthProblem,
    /// Until when no other token is requested.
    until: Instant,
}

/// What a call that needs a token does.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum TokenStep {
    /// It sends with this token of this generation.
    Use(AccessToken, u64),
    /// It requests one: it sends this request within this time, and reports the answer with the
    /// number of the lease.
    Fetch { request: Request<Vec<u8>>, limit: Duration, lease: u64 },
    /// It asks the provider of the credentials, and reports the answer with the number of the
    /// lease.
    Ask { lease: u64 },
    /// It waits until then, or until the epoch changes.
    Wait(Instant),
    /// It ends, because no token can be had.
    Fail(AuthProblem),
}

/// The outcome of a token request, for the call that made it and for those that waited for it.
pub(crate) enum TokenOutcome {
    /// There is a token, or another one may be requested. The call takes its next step.
    Proceed,
    /// The call ran out of time before the answer came.
    OutOfTime,
    /// There is no token for now. This counts as an attempt of the call, except for a 429 with the
    /// adaptive rate.
    NotNow(AuthProblem),
    /// It ends, because no token can be had.
    Never(AuthProblem),
}

impl Tokens {
    /// How long a lease lasts. It is longer than [any token request takes](Self::TOKEN_LIMIT).
    const LEASE: Duration = Duration::from_secs(60);
    /// How long a token request may take.
    const TOKEN_LIMIT: Duration = Duration::from_secs(30);
    /// How long a refusal of the token endpoint applies to later calls.
    const REFUSAL_STANDS: Duration = Duration::from_secs(1);
    /// How long a 401 causes no new token after a new one was refused.
    const DISTRUST: Duration = Duration::from_secs(10);
    /// After this many refused new tokens, no operation causes another one for a while.
    const MOST_REFUSED: u8 = 4;

    pub(super) fn new(credentials: Credentials) -> Self {
        let mut tokens = Self {
            credentials,
            held: None,
            generation: 0,
            lease: None,
            leases: 0,
            answerable: 0,
            trouble: None,
            failures: 0,
            distrust: Distrust::default(),
        };
        tokens.hold_supplied();
        tokens
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Replaces the credentials. A token that is being requested is not kept.
    pub(super) fn replace_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
        self.held = None;
        self.lease = None;
        self.answerable = self.leases.wrapping_add(1);
        self.trouble = None;
        self.failures = 0;
        self.distrust = Distrust::default();
        self.hold_supplied();
    }

    /// Uses a token from elsewhere.
    pub(super) fn supply(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        self.hold(token, lifetime, now);
        self.lease = None;
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns the token and its remaining lifetime, if known.
    pub(super) fn token(&self, now: Instant) -> Option<(&AccessToken, Option<Duration>)> {
        let held = self.held.as_ref().filter(|held| held.lasts(now))?;
        Some((&held.token, held.ends.map(|ends| ends.end.saturating_since(now))))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the latest generation and lease, for [`Tokens::come_after`].
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.generation, self.leases)
    }

    /// Continues the numbers of other tokens, so that none of theirs is mistaken for one of these.
    pub(super) fn come_after(&mut self, (generation, leases): (u64, u64)) {
        self.leases = self.leases.max(leases);
        self.answerable = self.leases.wrapping_add(1);
        self.generation = self.generation.max(generation).wrapping_add(1);
        if let Some(held) = &mut self.held {
            held.generation = self.generation;
        }
    }

    /// Decides what a call that needs a token and has the time `left` does. `seen` is the
    /// generation that it used, or that existed when it started. A later generation is new to it.
    pub(super) fn step(
        &mut self,
        domain: &Domain,
        now: Instant,
        seen: u64,
        left: Duration,
        has_provider: bool,
    ) -> TokenStep {
        let held = self.held.as_ref();
        let fresh = |held: &&Held| held.generation > seen || held.ends.is_none_or(|ends| now < ends.renew);
        if let Some(held) = held.filter(fresh) {
            return TokenStep::Use(held.token.clone(), held.generation);
        }
        let lease = self.lease.filter(|lease| now < lease.until);
        let trouble = self.trouble.as_ref().filter(|trouble| now < trouble.until);
        let stuck = lease.is_some() || trouble.is_some() || !self.is_renewable(has_provider);
        if let Some(held) = held.filter(|held| stuck && held.lasts(now)) {
            // It is being renewed, cannot be renewed now, or can never be renewed.
            return TokenStep::Use(held.token.clone(), held.generation);
        }
        match (lease, trouble) {
            (Some(lease), _) => TokenStep::Wait(lease.until),
            (None, Some(trouble)) if trouble.problem.is_final() => TokenStep::Fail(trouble.problem.clone()),
            (None, Some(trouble)) => TokenStep::Wait(trouble.until),
            (None, None) if has_provider => {
                let lease = self.next_lease();
                self.lease(lease, now, left);
                TokenStep::Ask { lease }
            }
            (None, None) => self.fetch(domain, now, left),
        }
    }

    fn next_lease(&mut self) -> u64 {
        self.leases = self.leases.wrapping_add(1);
        self.leases
    }

    fn fetch(&mut self, domain: &Domain, now: Instant, left: Duration) -> TokenStep {
        let Kind::Client { id, secret, scopes } = &self.credentials.0 else {
            return TokenStep::Fail(AuthProblem::Ended);
        };
        match token_request(domain, id, secret, scopes) {
            Ok(request) => {
                let lease = self.next_lease();
                TokenStep::Fetch { request, limit: self.lease(lease, now, left), lease }
            }
            Err(problem) => TokenStep::Fail(problem),
        }
    }

    /// Gives a call the right to request a token. Returns how long the request may take.
    fn lease(&mut self, number: u64, now: Instant, left: Duration) -> Duration {
        self.lease = Some(Lease { number, until: now.saturating_add(Self::LEASE) });
        // While a token lasts, the call keeps time to continue with it.
        let left = if self.token(now).is_some() { left / 2 } else { left };
        Self::TOKEN_LIMIT.min(left)
    }

    /// Takes the credentials that a provider returned to the call with this lease. If the call has
    /// lost the lease to another call that asks, it takes the lease back: the first answer counts.
    /// Returns the request to send.
    #[expect(clippy::too_many_arguments, reason = "the epoch and the jitter are the tenant's")]
    pub(super) fn provided(
        &mut self,
        lease: u64,
        provided: Result<Credentials, Box<str>>,
        domain: &Domain,
        now: Instant,
        left: Duration,
        epoch: &mut u64,
        jitter: &mut Jitter,
    ) -> Result<(Request<Vec<u8>>, Duration), TokenOutcome> {
        let problem = match provided {
            // The credentials were replaced since, or another call was faster.
            Ok(_) if !self.has_lease(lease) && lease < self.answerable => return Err(TokenOutcome::Proceed),
            Ok(Credentials(Kind::Client { .. })) if left.is_zero() => {
                self.end_lease(lease, epoch);
                return Err(TokenOutcome::OutOfTime);
            }
            Ok(credentials) => {
                self.answerable = self.leases.wrapping_add(1);
                let limit = self.lease(lease, now, left);
                let request = match &credentials.0 {
                    Kind::Client { id, secret, scopes } => Some(token_request(domain, id, secret, scopes)),
                    Kind::Token(_) => None,
                };
                // What cannot be sent is not kept.
                if !matches!(request, Some(Err(_))) && credentials != self.credentials {
                    self.credentials = credentials;
                    self.failures = 0;
                    self.distrust = Distrust::default();
                }
                match request {
                    Some(Ok(request)) => return Ok((request, limit)),
                    Some(Err(problem)) => problem,
                    None => {
                        self.hold_supplied();
                        self.end_lease(lease, epoch);
                        return Err(TokenOutcome::Proceed);
                    }
                }
            }
            Err(reason) => AuthProblem::NotProvided { reason },
        };
        Err(self.failed(lease, problem, None, now, epoch, jitter))
    }

    fn has_lease(&self, number: u64) -> bool {
        self.lease.is_some_and(|lease| lease.number == number)
    }

    /// Takes the outcome of the token request of the call with this lease. If others waited for it,
    /// the epoch changes.
    pub(super) fn answered(
        &mut self,
        lease: u64,
        input: Input,
        now: Instant,
        deadline: Instant,
        epoch: &mut u64,
        jitter: &mut Jitter,
    ) -> TokenOutcome {
        let response = match input {
            Input::Response(response) => Ok(response),
            // The status decides, except for a success, whose body has the token.
            Input::HeadOnly(head) if !head.status().is_success() => Ok(without_body(head)),
            Input::HeadOnly(head) => Err((AuthProblem::Body(*head.body()), asked_for(head.headers()))),
            Input::Failed(delivery) => Err((AuthProblem::Unreachable(delivery), None)),
            Input::Start | Input::Woken => Err((AuthProblem::Unreachable(Delivery::Unknown), None)),
        };
        let (problem, reset) = match response {
            Ok(response) => match read_token(&response) {
                Ok(issued) => {
                    if self.end_lease(lease, epoch) {
                        self.hold(issued.token, issued.lifetime, now);
                    }
                    return TokenOutcome::Proceed;
                }
                Err(problem) => (problem, asked_for(response.headers())),
            },
            Err(_) if now >= deadline && self.token(now).is_none() => {
                // It had less time than other calls, so this says nothing about the endpoint.
                self.end_lease(lease, epoch);
                return TokenOutcome::OutOfTime;
            }
            Err(lost) => lost,
        };
        self.failed(lease, problem, reset, now, epoch, jitter)
    }

    /// Notes that the token request of the call with this lease failed.
    fn failed(
        &mut self,
        lease: u64,
        problem: AuthProblem,
        reset: Option<Duration>,
        now: Instant,
        epoch: &mut u64,
        jitter: &mut Jitter,
    ) -> TokenOutcome {
        // It is for all calls, so the policy of this call does not matter.
        let backoff = jitter.up_to(RetryPolicy::new().backoff_after(self.failures.saturating_add(1)));
        if self.end_lease(lease, epoch) {
            // It is never zero. The call continues with a token that still lasts, if there is one,
            // and does not request another.
            let delay = backoff.max(reset.unwrap_or_default()).max(Duration::from_millis(1));
            let delay = if problem.is_final() { Self::REFUSAL_STANDS } else { delay };
            self.failures = self.failures.saturating_add(1);
            let (problem, until) = (problem.clone(), now.saturating_add(delay));
            self.trouble = Some(Trouble { epoch: *epoch, problem, until });
        } else if problem.is_final() {
            // The credentials were replaced since, or the lease has passed to another call.
            return TokenOutcome::Proceed;
        }
        self.without_token(now, problem)
    }

    /// Returns what became of the token request since `epoch`, for a call that waited for it.
    pub(super) fn outcome_since(&self, epoch: u64, now: Instant) -> TokenOutcome {
        match self.trouble.as_ref().filter(|trouble| trouble.epoch > epoch) {
            Some(trouble) => self.without_token(now, trouble.problem.clone()),
            None => TokenOutcome::Proceed,
        }
    }

    fn without_token(&self, now: Instant, problem: AuthProblem) -> TokenOutcome {
        if self.token(now).is_some() {
            // It was being renewed before it expired.
            TokenOutcome::Proceed
        } else if problem.is_final() {
            TokenOutcome::Never(problem)
        } else {
            TokenOutcome::NotNow(problem)
        }
    }

    /// Returns the right to request a token. Returns whether the lease still counted. If so, the
    /// epoch has changed.
    pub(super) fn end_lease(&mut self, number: u64, epoch: &mut u64) -> bool {
        let is_held = self.has_lease(number);
        if is_held {
            self.lease = None;
            *epoch = epoch.wrapping_add(1);
        }
        is_held
    }

    /// Notes that the service refused the token of this generation to a call of `operation`.
    /// Returns whether to send the call again with another token. If it `was_renewed` for the call
    /// already, it is not.
    pub(super) fn refused(
        &mut self,
        generation: u64,
        operation: &'static str,
        was_renewed: bool,
        has_provider: bool,
        now: Instant,
    ) -> bool {
        if was_renewed {
            self.distrust(generation, operation, now);
            return false;
        }
        match &self.held {
            Some(held) if held.generation > generation => true,
            Some(_) => {
                let replaced = self.is_renewable(has_provider) && self.distrust.is_over(operation, now);
                self.held = self.held.take().filter(|_| !replaced);
                replaced
            }
            // Another call dropped it already, and causes the next one.
            None => self.is_renewable(has_provider),
        }
    }

    /// Notes that a token of this generation, which replaced a refused one, was refused as well.
    fn distrust(&mut self, generation: u64, operation: &'static str, now: Instant) {
        let until = now.saturating_add(Self::DISTRUST);
        let distrust = &mut self.distrust;
        distrust.operations.retain(|(name, until)| *name != operation && now < *until);
        distrust.operations.push((operation, until));
        // If many calls use it at once, it is still one token.
        if generation == self.generation && !mem::replace(&mut distrust.counted, true) {
            distrust.refused = distrust.refused.saturating_add(1).min(Self::MOST_REFUSED);
        }
        if distrust.refused == Self::MOST_REFUSED {
            distrust.all = until;
        }
    }

    /// Notes that an operation succeeded with the token of this generation.
    pub(super) fn succeeded(&mut self, generation: u64) {
        // An older token says nothing about later ones.
        if generation == self.generation {
            self.distrust.refused = 0;
            self.distrust.all = Instant::START;
        }
    }

    fn is_renewable(&self, has_provider: bool) -> bool {
        has_provider || matches!(self.credentials.0, Kind::Client { .. })
    }

    fn hold(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        let ends = lifetime.map(|lifetime| {
            let margin = (lifetime / 10).min(Duration::from_secs(60));
            let end = now.saturating_add(lifetime);
            Ends { renew: now.saturating_add(lifetime.saturating_sub(margin)), end }
        });
        self.generation = self.generation.wrapping_add(1);
        self.answerable = self.leases.wrapping_add(1);
        self.distrust.counted = false;
        self.held = Some(Held { token, generation: self.generation, ends });
        self.trouble = None;
        self.failures = 0;
    }

    fn hold_supplied(&mut self) {
        if let Kind::Token(token) = &self.credentials.0 {
            let token = token.clone();
            self.hold(token, None, Instant::START);
        }
    }
}
