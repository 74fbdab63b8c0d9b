//! Everything that is decided about the access token of a tenant: which call asks for one, how long it
//! is used, and what a refusal or a failure means for all calls.
//!
//! - **lease** - the right of one call to ask for a token, while the others wait;
//! - **generation** - the number of a token, so that a call knows a later one from its own;
//! - **trouble** - what came of the last request for a token, where no token did;
//! - **distrust** - for how long a 401 causes no new token, because new ones were refused too.

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
pub(super) mod normal;

/// The token of a tenant, and how it is got.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Tokens {
    credentials: Credentials,
    held: Option<Held>,
    /// How many tokens there were: the generation of the latest.
    generation: u64,
    lease: Option<Lease>,
    /// How many leases there were: the number of the latest.
    leases: u64,
    trouble: Option<Trouble>,
    /// How often in a row the token endpoint failed.
    failures: u32,
    distrust: Distrust,
}

/// A token, and how long to use it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Held {
    token: AccessToken,
    generation: u64,
    /// When it ends and when to get another; `None` where its lifetime is not known: it is used until it is refused.
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

/// What came of tokens that replaced refused ones, and were refused too: each more of them would be billed, and perhaps refused.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Distrust {
    /// Until when calls of an operation cause no new token.
    operations: Vec<(&'static str, Instant)>,
    /// Until when no call does.
    all: Instant,
    /// How many such tokens there were since the last success with the latest token.
    refused: u8,
    /// The latest token is one of them.
    counted: bool,
}

impl Distrust {
    fn is_over(&self, operation: &str, now: Instant) -> bool {
        let of_operation = self.operations.iter().find(|(name, _)| *name == operation);
        now >= self.all && of_operation.is_none_or(|(_, until)| now >= *until)
    }
}

/// The right to get a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Lease {
    number: u64,
    until: Instant,
}

/// What came of the last token request, where no token did.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Trouble {
    /// The epoch that it began.
    epoch: u64,
    problem: AuthProblem,
    /// Until when no other token is asked for.
    until: Instant,
}

/// What a call that needs a token is to do.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum TokenStep {
    /// Send with this one, of this generation.
    Use(AccessToken, u64),
    /// Get one: send this request, within this time, and report the answer with the number of the lease.
    Fetch { request: Request<Vec<u8>>, limit: Duration, lease: u64 },
    /// Wait until then, or until the epoch moves.
    Wait(Instant),
    /// There is none to be had.
    Fail(AuthProblem),
}

/// What came of a token request, for the call that made it and for those that waited for it.
pub(crate) enum TokenOutcome {
    /// Take the next step: there is a token, or another one may be asked for.
    Proceed,
    /// The time of the call was over before an answer came.
    OutOfTime,
    /// There is no token for now. That was an attempt of the call.
    NotNow(AuthProblem),
    /// There is none to be had.
    Never(AuthProblem),
}

impl Tokens {
    /// How long a call has the right to get a token. Longer than [any token request takes](Self::TOKEN_LIMIT).
    const LEASE: Duration = Duration::from_secs(60);
    /// How long a token request may take.
    const TOKEN_LIMIT: Duration = Duration::from_secs(30);
    /// How long a refusal of the token endpoint stands for calls that come after it.
    const REFUSAL_STANDS: Duration = Duration::from_secs(1);
    /// How long no new token is asked for because of a 401 after a new one was refused.
    const DISTRUST: Duration = Duration::from_secs(10);
    /// After so many new tokens that were refused, all operations ask for no more for a while.
    const MOST_REFUSED: u8 = 4;

    pub(super) fn new(credentials: Credentials) -> Self {
        let mut tokens = Self {
            credentials,
            held: None,
            generation: 0,
            lease: None,
            leases: 0,
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

    /// Goes on with other credentials. A token that is under way is not kept.
    pub(super) fn replace_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
        self.held = None;
        self.lease = None;
        self.trouble = None;
        self.failures = 0;
        self.distrust = Distrust::default();
        self.hold_supplied();
    }

    /// Goes on with a token that was got elsewhere.
    pub(super) fn supply(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        self.hold(token, lifetime, now);
        self.lease = None;
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// The token, and how long it still lasts if that is known.
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

    /// Takes the place of tokens with these numbers: no number of theirs is taken for one of these.
    pub(super) fn come_after(&mut self, (generation, leases): (u64, u64)) {
        self.leases = self.leases.max(leases);
        self.generation = self.generation.max(generation).wrapping_add(1);
        if let Some(held) = &mut self.held {
            held.generation = self.generation;
        }
    }

    /// What a call that needs a token and has so much time `left` is to do. `seen` is the generation that
    /// it has used, or that was there when it began: a later one is fresh to it.
    pub(super) fn step(&mut self, domain: &Domain, now: Instant, seen: u64, left: Duration) -> TokenStep {
        let held = self.held.as_ref();
        let fresh = |held: &&Held| held.generation > seen || held.ends.is_none_or(|ends| now < ends.renew);
        if let Some(held) = held.filter(fresh) {
            return TokenStep::Use(held.token.clone(), held.generation);
        }
        let lease = self.lease.filter(|lease| now < lease.until);
        let trouble = self.trouble.as_ref().filter(|trouble| now < trouble.until);
        let stuck = lease.is_some() || trouble.is_some() || !self.is_renewable();
        if let Some(held) = held.filter(|held| stuck && held.lasts(now)) {
            // It is being renewed, or could not be just now, or cannot be at all.
            return TokenStep::Use(held.token.clone(), held.generation);
        }
        match (lease, trouble) {
            (Some(lease), _) => TokenStep::Wait(lease.until),
            (None, Some(trouble)) if trouble.problem.is_final() => TokenStep::Fail(trouble.problem.clone()),
            (None, Some(trouble)) => TokenStep::Wait(trouble.until),
            (None, None) => self.fetch(domain, now, left),
        }
    }

    fn fetch(&mut self, domain: &Domain, now: Instant, left: Duration) -> TokenStep {
        let Kind::Client { id, secret, scopes } = &self.credentials.0 else {
            return TokenStep::Fail(AuthProblem::Ended);
        };
        match token_request(domain, id, secret, scopes) {
            Ok(request) => {
                self.leases = self.leases.wrapping_add(1);
                self.lease = Some(Lease { number: self.leases, until: now.saturating_add(Self::LEASE) });
                // While a token lasts, this call is to have time left to go on with it.
                let left = if self.token(now).is_some() { left / 2 } else { left };
                TokenStep::Fetch { request, limit: Self::TOKEN_LIMIT.min(left), lease: self.leases }
            }
            Err(problem) => TokenStep::Fail(problem),
        }
    }

    /// Takes in what came of the token request of the call with this lease. Where others waited for it,
    /// the epoch moves.
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
            // The status decides, but for a success: that has its token in the body.
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
                // It had less time than the others have: that is no news of the endpoint.
                self.end_lease(lease, epoch);
                return TokenOutcome::OutOfTime;
            }
            Err(lost) => lost,
        };
        // For all calls, so not by the policy of this one.
        let backoff = jitter.up_to(RetryPolicy::new().backoff_after(self.failures.saturating_add(1)));
        if self.end_lease(lease, epoch) {
            // Never nothing: the call that has it goes on with a token that lasts, if there is one, and does not ask again.
            let delay = backoff.max(reset.unwrap_or_default()).max(Duration::from_millis(1));
            let delay = if problem.is_final() { Self::REFUSAL_STANDS } else { delay };
            self.failures = self.failures.saturating_add(1);
            let (problem, until) = (problem.clone(), now.saturating_add(delay));
            self.trouble = Some(Trouble { epoch: *epoch, problem, until });
        } else if problem.is_final() {
            // It was refused with credentials that were replaced since, or to a lease that has passed to another call.
            return TokenOutcome::Proceed;
        }
        self.without_token(now, problem)
    }

    /// What became of getting a token since `epoch`, for a call that waited for it.
    pub(super) fn outcome_since(&self, epoch: u64, now: Instant) -> TokenOutcome {
        match self.trouble.as_ref().filter(|trouble| trouble.epoch > epoch) {
            Some(trouble) => self.without_token(now, trouble.problem.clone()),
            None => TokenOutcome::Proceed,
        }
    }

    fn without_token(&self, now: Instant, problem: AuthProblem) -> TokenOutcome {
        if self.token(now).is_some() {
            // It was to be renewed before its end.
            TokenOutcome::Proceed
        } else if problem.is_final() {
            TokenOutcome::Never(problem)
        } else {
            TokenOutcome::NotNow(problem)
        }
    }

    /// Gives the right to get a token back. Says whether the lease still counted; then the epoch has moved.
    pub(super) fn end_lease(&mut self, number: u64, epoch: &mut u64) -> bool {
        let is_held = self.lease.is_some_and(|lease| lease.number == number);
        if is_held {
            self.lease = None;
            *epoch = epoch.wrapping_add(1);
        }
        is_held
    }

    /// Takes in that the service refused the token of this generation to a call of `operation`. Says whether
    /// the call is to be sent again with another token: not where it `was_renewed` for the call already.
    pub(super) fn refused(
        &mut self,
        generation: u64,
        operation: &'static str,
        was_renewed: bool,
        now: Instant,
    ) -> bool {
        if was_renewed {
            self.distrust(generation, operation, now);
            return false;
        }
        match &self.held {
            Some(held) if held.generation > generation => true,
            Some(_) => {
                let replaced = self.is_renewable() && self.distrust.is_over(operation, now);
                self.held = self.held.take().filter(|_| !replaced);
                replaced
            }
            // Another call had it dropped, and causes the next one.
            None => self.is_renewable(),
        }
    }

    /// Notes that a token of this generation, which had just replaced a refused one, was refused too.
    fn distrust(&mut self, generation: u64, operation: &'static str, now: Instant) {
        let until = now.saturating_add(Self::DISTRUST);
        let distrust = &mut self.distrust;
        distrust.operations.retain(|(name, until)| *name != operation && now < *until);
        distrust.operations.push((operation, until));
        // By many calls that use it at once, it is still one token.
        if generation == self.generation && !mem::replace(&mut distrust.counted, true) {
            distrust.refused = distrust.refused.saturating_add(1).min(Self::MOST_REFUSED);
        }
        if distrust.refused == Self::MOST_REFUSED {
            distrust.all = until;
        }
    }

    /// Notes that an operation succeeded with the token of this generation.
    pub(super) fn succeeded(&mut self, generation: u64) {
        // An older token says nothing about those that came after it.
        if generation == self.generation {
            self.distrust.refused = 0;
            self.distrust.all = Instant::START;
        }
    }

    fn is_renewable(&self) -> bool {
        matches!(self.credentials.0, Kind::Client { .. })
    }

    fn hold(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        let ends = lifetime.map(|lifetime| {
            let margin = (lifetime / 10).min(Duration::from_secs(60));
            let end = now.saturating_add(lifetime);
            Ends { renew: now.saturating_add(lifetime.saturating_sub(margin)), end }
        });
        self.generation = self.generation.wrapping_add(1);
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
