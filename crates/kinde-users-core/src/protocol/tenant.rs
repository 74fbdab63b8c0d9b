//! What all calls to one tenant share.

use core::time::Duration;
use core::{fmt, mem};

use crate::protocol::credentials::Credentials;
use crate::protocol::retry::{Budget, Jitter};
use crate::protocol::step::Input;
use crate::protocol::tokens::{TokenOutcome, TokenStep, Tokens};
use crate::types::access_token::AccessToken;
use crate::types::domain::Domain;
use crate::types::time::Instant;

#[cfg(test)]
mod normal;

/// What all calls to one tenant share: its domain and credentials, the token that was got with them, the gate that a 429
/// closes, the budget of retries.
///
/// It is plain state: no lock, no clock, no connection. A [`Client`](crate::Client) keeps one behind a lock; a loop of
/// your own keeps it where it likes.
///
/// # Tokens
///
/// Every token request is billed, so there is never one more than needed. The first call without a token takes a *lease*
/// on getting one, and the others wait until the tenant's [epoch](Self::epoch) moves: because the token is there, because it
/// was refused (all who waited get that error), or because the call that had the lease was cancelled. A lease ends by
/// itself after 60 seconds.
///
/// A token is renewed a little before its end, by a tenth of its lifetime and at most 60 seconds; meanwhile it is used on. A
/// fresh one is used at least once by each call that waited for it, whatever its lifetime is said to be.
///
/// A token that is refused (401) is replaced. Where a call meets 401 with the new token too, the calls of that operation cause
/// no further token for ten seconds, so that a route which always answers 401 costs one token in that time. Calls of other
/// operations still get a new one, until four new tokens in a row were refused and no call has succeeded in between: then
/// none is asked for because of a 401 for ten seconds, by any operation, or until a call succeeds with the latest token.
///
/// Where the token endpoint fails for a while (no connection, 429, 5xx), the tenant backs off once for all its calls. Where
/// it refuses, calls that come within a second get the same error and no request is made.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    domain: Domain,
    tokens: Tokens,
    epoch: u64,
    throttled_until: Instant,
    /// The epoch that began when the gate was last opened by hand.
    cleared: u64,
    spacing: Duration,
    /// The epoch that began when the pace was last set.
    rate_set: u64,
    next_slot: Instant,
    /// When an operation was last sent.
    last_sent: Option<Instant>,
    pub(crate) budget: Budget,
    pub(crate) jitter: Jitter,
    /// A client has lent it to the program, which may put another one in its place.
    is_lent: bool,
}

impl Tenant {
    /// How long a 429 that does not tell closes the gate.
    pub(crate) const UNTOLD_RESET: Duration = Duration::from_secs(1);
    /// Over how long those who wait for the gate leave when it opens.
    pub(crate) const SPREAD: Duration = Duration::from_secs(1);

    /// A tenant with no token yet, no pacing, a budget of 100 retries, and a fixed seed of randomness.
    pub fn new(domain: Domain, credentials: Credentials) -> Self {
        Self {
            domain,
            tokens: Tokens::new(credentials),
            epoch: 0,
            throttled_until: Instant::START,
            cleared: 0,
            spacing: Duration::ZERO,
            rate_set: 0,
            next_slot: Instant::START,
            last_sent: None,
            budget: Budget::new(100),
            jitter: Jitter(0),
            is_lent: false,
        }
    }

    /// Seeds the randomness of waits. Programs that run many processes against one tenant give each another seed, so that
    /// they do not retry in step.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.jitter = Jitter(seed);
        self
    }

    /// Sends at most this many operations a second, evenly spaced. Zero, the default, is no limit. Kinde publishes no
    /// numbers, and advises programs to keep a pace.
    #[must_use]
    pub fn with_rate_limit(mut self, requests_per_second: u32) -> Self {
        self.set_rate_limit(requests_per_second);
        self
    }

    /// Sets the pace of [`with_rate_limit`](Self::with_rate_limit), while calls may run. It is that of all calls at once: those that wait
    /// for their turn take another one at the new pace, in no certain order, and end where that comes after their deadline.
    pub fn set_rate_limit(&mut self, requests_per_second: u32) {
        // Rounded up, so that a second never holds one more.
        let pace = match u64::from(requests_per_second) {
            0 => Duration::ZERO,
            number => Duration::from_nanos(1_000_000_000_u64.div_ceil(number)),
        };
        if pace != self.spacing {
            self.spacing = pace;
            // The slots that were given away count no more.
            self.next_slot = Instant::START;
            self.move_epoch();
            self.rate_set = self.epoch;
        }
    }

    /// Lets all calls together make at most this many retries more than a tenth of their successes. Waiting for the
    /// reset of a 429 is not a retry in this sense.
    #[must_use]
    pub fn with_retry_budget(mut self, retries: u32) -> Self {
        self.budget = Budget::new(retries);
        self
    }

    /// Where the tenant is.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// A number that moves when those who wait should look again, as there is a token or another pace; see [`Wait::epoch`](crate::Wait::epoch).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Goes on with other credentials, as after a secret was rotated. The token that was got with the old ones is dropped;
    /// calls that have it already go on with it, and a token that is under way is not kept.
    pub fn replace_credentials(&mut self, credentials: Credentials) {
        self.tokens.replace_credentials(credentials);
        self.move_epoch();
    }

    /// Goes on with a token that was got elsewhere, as by another process, and how long it lasts from now on if that is known.
    pub fn supply_token(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        self.tokens.supply(token, lifetime, now);
        self.move_epoch();
    }

    /// Lets calls go on that wait for the reset of a 429, and those that come: for a program that knows better.
    pub fn clear_throttle(&mut self) {
        self.throttled_until = Instant::START;
        self.move_epoch();
        self.cleared = self.epoch;
    }

    /// The token, and how long it still lasts if that is known; `None` where there is none or it has ended. For programs that
    /// keep it for their next run.
    pub fn token(&self, now: Instant) -> Option<(&AccessToken, Option<Duration>)> {
        self.tokens.token(now)
    }

    /// How many tokens there were.
    pub(crate) fn generation(&self) -> u64 {
        self.tokens.generation()
    }

    /// What a call that needs a token and has so much time `left` is to do. `seen` is the generation that
    /// it has used, or that was there when it began: a later one is fresh to it.
    pub(crate) fn token_step(&mut self, now: Instant, seen: u64, left: Duration) -> TokenStep {
        self.tokens.step(&self.domain, now, seen, left)
    }

    /// Takes in what came of the token request of the call with this lease.
    pub(crate) fn token_answered(
        &mut self,
        lease: u64,
        input: Input,
        now: Instant,
        deadline: Instant,
    ) -> TokenOutcome {
        self.tokens.answered(lease, input, now, deadline, &mut self.epoch, &mut self.jitter)
    }

    /// What became of getting a token since `epoch`, for a call that waited for it.
    pub(crate) fn token_outcome_since(&self, epoch: u64, now: Instant) -> TokenOutcome {
        self.tokens.outcome_since(epoch, now)
    }

    /// Gives the right to get a token back.
    pub(crate) fn end_lease(&mut self, lease: u64) {
        self.tokens.end_lease(lease, &mut self.epoch);
    }

    /// Takes in that the service refused the token of this generation to a call of `operation`. Says whether
    /// the call is to be sent again with another token: not where it `was_renewed` for the call already.
    pub(crate) fn token_refused(
        &mut self,
        generation: u64,
        operation: &'static str,
        was_renewed: bool,
        now: Instant,
    ) -> bool {
        self.tokens.refused(generation, operation, was_renewed, now)
    }

    /// Notes that an operation succeeded with the token of this generation.
    pub(crate) fn succeeded(&mut self, generation: u64) {
        self.budget.succeeded();
        self.tokens.succeeded(generation);
    }

    /// When the gate opens that a 429 closed, if it is closed.
    pub(crate) fn throttled_until(&self, now: Instant) -> Option<Instant> {
        Some(self.throttled_until).filter(|gate| now < *gate)
    }

    pub(crate) fn throttle(&mut self, until: Instant) {
        self.throttled_until = self.throttled_until.max(until);
    }

    /// When the next operation may be sent at the tenant's pace; nothing is taken where that is not before `deadline`.
    pub(crate) fn take_slot(&mut self, now: Instant, deadline: Instant) -> Instant {
        let slot = self.next_slot.max(self.after_last_send(now));
        if !self.spacing.is_zero() && slot < deadline {
            self.next_slot = slot.saturating_add(self.spacing);
        }
        slot
    }

    /// Whether slots that were taken up to this epoch count no more. An epoch that is still to come
    /// is that of another tenant, which was here before.
    pub(crate) fn has_new_rate_since(&self, epoch: u64) -> bool {
        self.rate_set > epoch || self.epoch < epoch
    }

    /// Whether the gate was opened by hand after this epoch, or is that of another tenant.
    pub(crate) fn was_cleared_since(&self, epoch: u64) -> bool {
        self.cleared > epoch || self.epoch < epoch
    }

    /// Gives a slot back that was not used. Which one does not matter: those who wait keep theirs, and what is sent keeps its
    /// distance to what was sent last.
    pub(crate) fn return_slot(&mut self) {
        self.next_slot = Instant::from_start(self.next_slot.since_start().saturating_sub(self.spacing));
    }

    /// When an operation may be sent whose slot has come: not before the pace allows, as several may come late at once.
    pub(crate) fn after_last_send(&self, now: Instant) -> Instant {
        // Without a pace a call may come that read the clock before the one that was sent last.
        let last = self.last_sent.filter(|_| !self.spacing.is_zero());
        last.map_or(now, |last| now.max(last.saturating_add(self.spacing)))
    }

    pub(crate) fn sends(&mut self, now: Instant) {
        self.last_sent = Some(now);
    }

    /// Lets the program work on the tenant. Where it puts another one in its place, calls that wait
    /// for something of the old one look again, and take no number of the new one for one of the old.
    pub(crate) fn lend<R>(&mut self, with: impl FnOnce(&mut Self) -> R) -> R {
        let (epoch, numbers) = (self.epoch, self.tokens.numbers());
        self.is_lent = true;
        let result = with(self);
        if !mem::take(&mut self.is_lent) || self.epoch < epoch {
            self.tokens.come_after(numbers);
            self.epoch = self.epoch.max(epoch);
            self.move_epoch();
            self.cleared = self.epoch;
            self.rate_set = self.epoch;
        }
        result
    }

    fn move_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("domain", &self.domain)
            .field("credentials", self.tokens.credentials())
            .field("has_token", &self.tokens.is_held())
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn tenant() -> Tenant {
        Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"))
    }

    fn token(text: &str) -> AccessToken {
        AccessToken::new(text).unwrap()
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_token_can_be_supplied_and_taken_out_with_what_is_left_of_it() {
        let mut tenant = tenant();
        assert_eq!(tenant.token(at(0)), None);
        tenant.supply_token(token("a"), Some(Duration::from_secs(100)), at(10));
        assert_eq!(tenant.epoch(), 1);
        assert_eq!(tenant.token(at(50)), Some((&token("a"), Some(Duration::from_secs(60)))));
        assert_eq!(tenant.token(at(110)), None);
        tenant.supply_token(token("b"), None, at(200));
        assert_eq!(tenant.token(at(10_000)), Some((&token("b"), None)));
    }

    #[test]
    fn a_token_is_renewed_a_tenth_of_its_life_before_its_end_and_at_most_a_minute() {
        for (lifetime, renewed_at) in [(100, 90), (600, 540), (3600, 3540), (86_399, 86_339)] {
            let mut tenant = tenant();
            tenant.supply_token(token("a"), Some(Duration::from_secs(lifetime)), at(0));
            let seen = tenant.generation();
            let mut step = |now| tenant.token_step(at(now), seen, Duration::MAX);
            assert!(matches!(step(renewed_at - 1), TokenStep::Use(..)), "{lifetime}");
            assert!(matches!(step(renewed_at), TokenStep::Fetch { .. }), "{lifetime}");
        }
    }

    #[test]
    fn a_pace_spaces_operations_evenly_and_takes_no_slot_past_the_deadline() {
        let mut tenant = tenant().with_rate_limit(4);
        let slots: Vec<_> =
            (0..4).map(|_| tenant.take_slot(at(1), at(2)).since_start().as_millis()).collect();
        assert_eq!(slots, [1000, 1250, 1500, 1750]);
        assert_eq!(tenant.take_slot(at(1), at(2)), at(2));
        assert_eq!(tenant.take_slot(at(1), at(2)), at(2));
        assert_eq!(tenant.take_slot(at(9), at(20)), at(9));
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut tenant =
            Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("the-id", "the-secret"));
        tenant.supply_token(token("the-token"), None, at(0));
        let shown = std::format!("{tenant:?}");
        assert!(!shown.contains("the-"), "{shown}");
        assert!(shown.starts_with("Tenant { domain: ") && shown.contains("has_token: true"), "{shown}");
    }
}
