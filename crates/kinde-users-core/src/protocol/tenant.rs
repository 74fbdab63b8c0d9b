//! The state that all calls of a tenant share.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;
use core::{fmt, mem};

use http::{HeaderValue, Request, StatusCode};

use crate::protocol::credentials::Credentials;
use crate::protocol::pace::{Pace, Patience, Ticket};
use crate::protocol::retry::{Budget, Jitter, asked_for};
use crate::protocol::step::Input;
use crate::protocol::tokens::{TokenOutcome, TokenStep, Tokens};
use crate::types::access_token::AccessToken;
use crate::types::domain::Domain;
use crate::types::time::Instant;

#[cfg(test)]
mod for_explore;

/// The state that all calls of a tenant share: the domain, the credentials and their token, the
/// throttle after a 429, the rate that it learned, and the retry budget.
///
/// - **tenant** - a Kinde business, or one of its environments, with its own domain and users;
/// - **throttle** - the wait of all calls for the reset that a 429 names;
/// - **epoch** - a number that changes when waiting calls should look at the tenant again;
/// - **lease** - the right of one call to request a token, while the other calls wait.
///
/// A `Tenant` is plain data, without a lock, a clock or a connection. A [`Client`](crate::Client)
/// keeps its tenant behind a lock. Your own loop can keep the tenant anywhere.
///
/// # Tokens
///
/// Kinde bills every token request, so the tenant requests no more tokens than needed. The first
/// call without a token takes a lease, and requests a token. The other calls wait until the
/// [epoch](Self::epoch) changes. The epoch changes when the request ends, whether a token arrives
/// or not, and when the call with the lease is cancelled. It also changes when the program changes
/// the tenant, for instance with [`supply_token`](Self::supply_token). If the token endpoint
/// refuses the request, all waiting calls get the error of this request. A lease expires after 60
/// seconds.
///
/// A token is renewed shortly before it expires: when a tenth of its lifetime or 60 seconds are
/// left, whichever is less. During the renewal, calls still use the old token. Each call that
/// waited for a new token uses it at least once, even if the token expires very soon.
///
/// If the service refuses a token (401), the token is replaced. If a call gets a 401 with the new
/// token too, calls of the same operation do not request another token for ten seconds. So an
/// endpoint that always answers 401 costs one token in ten seconds. Calls of other operations still
/// request new tokens, until the service has refused four new tokens in a row. This count starts
/// again when a call succeeds with the latest token. After the fourth refusal, no 401 leads to a
/// token request until ten seconds have passed or a call succeeds with the latest token.
///
/// If the token endpoint is temporarily unavailable (no connection, 429, 5xx), all calls of the
/// tenant share one back-off. If the token endpoint refuses the request, or answers without a
/// usable token, calls within the next second get the same error without a request.
///
/// # The adaptive rate
///
/// A job with many calls should be as fast as the service allows, and should not fail because the
/// service is busy. [`with_adaptive_rate`](Self::with_adaptive_rate) is for such jobs:
///
/// - The tenant learns from the replies how many operations the service accepts per second, and how
///   many at the same time. Calls wait for their turn. If the limit of the service changes, the
///   rate follows.
/// - A 429 does not count as an attempt, and takes nothing from the retry budget. A call sends its
///   request again until the service accepts it.
/// - The total timeout of a call does not include the time in which the call waits for its turn,
///   for a reset, for a token that another call requests, or for a token endpoint that is
///   temporarily unavailable. A call fails if these waits take longer than the longest wait that
///   you set. The error is [`Error::Exhausted`](crate::Error::Exhausted) after a 429, and
///   [`Error::TotalTimeout`](crate::Error::TotalTimeout) otherwise. A call also fails after a 429
///   if the service has accepted no request for as long as the longest wait.
/// - If a call gets three 429s in a row while the service accepts other calls, the limit counts as
///   a limit of this call alone. The call then waits with a back-off of its own, and slows no other
///   call.
/// - A 429 without a reset does not make all calls wait. It only reduces how many operations are in
///   flight at the same time, or the rate if only one operation was in flight.
///
/// Kinde does not publish its limits. A tenant that learns the rate gets a 429 from time to time,
/// because the tenant tries out whether the limit was raised. In our simulations, this happened to
/// at most one in fifty operations after the first ten seconds.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    domain: Domain,
    tokens: Tokens,
    epoch: u64,
    throttled_until: Instant,
    /// The epoch that began when the throttle was last cleared.
    cleared: u64,
    spacing: Duration,
    /// The epoch that began when the rate limit was last set.
    rate_set: u64,
    next_slot: Instant,
    /// When an operation was last sent.
    last_sent: Option<Instant>,
    /// What was learned about the limits of the service, if the tenant learns.
    pace: Option<Pace>,
    pub(crate) budget: Budget,
    pub(crate) jitter: Jitter,
    pub(crate) user_agent: HeaderValue,
    /// A client lent it to the program, which may replace it.
    is_lent: bool,
}

/// The product of this library, in the form of a `User-Agent` header.
const USER_AGENT: &str = concat!("kinde-users/", env!("CARGO_PKG_VERSION"));

/// What the service said about its limits in a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There was no reply.
    None,
    /// Any status but 429.
    Accepted,
    /// 429, with the time until the reset.
    Refused(Option<Duration>),
}

impl Answer {
    pub(crate) fn of(input: &Input) -> Self {
        let (status, headers) = match input {
            Input::Response(response) => (response.status(), response.headers()),
            Input::HeadOnly(head) => (head.status(), head.headers()),
            Input::Start | Input::Failed(_) | Input::Woken => return Self::None,
        };
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Refused(asked_for(headers)),
            _ => Self::Accepted,
        }
    }
}

impl Tenant {
    /// How long a 429 without a reset throttles calls.
    pub(crate) const UNTOLD_RESET: Duration = Duration::from_secs(1);
    /// The time over which waiting calls continue after a reset.
    pub(crate) const SPREAD: Duration = Duration::from_secs(1);

    /// Creates a tenant with a budget of 100 retries and a fixed random seed. The tenant has no
    /// rate limit. It has no token yet, unless the credentials are a token.
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
            pace: None,
            budget: Budget::new(100),
            jitter: Jitter(0),
            user_agent: HeaderValue::from_static(USER_AGENT),
            is_lent: false,
        }
    }

    /// Sets the random seed of waits. If many processes use one tenant, give each process its own
    /// seed, so that the processes do not retry at the same time.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.jitter = Jitter(seed);
        self
    }

    /// Names your program in the `User-Agent` header of all requests, before the name of this
    /// library. Without this method, the header contains only `kinde-users/` and the version.
    ///
    /// ```
    /// use http::HeaderValue;
    /// use kinde_users::{Credentials, Domain, Tenant};
    ///
    /// let tenant = Tenant::new(Domain::parse("acme")?, Credentials::new("id", "secret"))
    ///     .with_user_agent(&HeaderValue::from_static("my-sync/1.0"));
    /// # Ok::<(), kinde_users::DomainError>(())
    /// ```
    #[must_use]
    pub fn with_user_agent(mut self, product: &HeaderValue) -> Self {
        let both = [product.as_bytes(), b" ", USER_AGENT.as_bytes()].concat();
        // It is valid, because both of its parts are.
        self.user_agent = HeaderValue::try_from(both).unwrap_or_else(|_| product.clone());
        self
    }

    /// Sets the rate limit: at most this many operations are sent per second, evenly spaced. Zero,
    /// the default, means no limit. Kinde does not publish its limits, and recommends that programs
    /// limit their own rate.
    #[must_use]
    pub fn with_rate_limit(mut self, requests_per_second: u32) -> Self {
        self.set_rate_limit(requests_per_second);
        self
    }

    /// Changes the rate limit (see [`with_rate_limit`](Self::with_rate_limit)), even while calls
    /// are running.
    ///
    /// The new limit applies to waiting calls too. Each waiting call gets a new slot, which is the
    /// time at which it may be sent. Waiting calls get their slots in no particular order. A call
    /// fails if its slot lies after its total timeout.
    pub fn set_rate_limit(&mut self, requests_per_second: u32) {
        // It is rounded up, so that no second has one operation too many.
        let pace = match u64::from(requests_per_second) {
            0 => Duration::ZERO,
            number => Duration::from_nanos(1_000_000_000_u64.div_ceil(number)),
        };
        if pace != self.spacing {
            self.spacing = pace;
            self.drop_slots();
        }
    }

    /// Sets whether the tenant learns the rate that the service accepts, and the longest time that
    /// a call may wait for limits; see [The adaptive rate](Self#the-adaptive-rate). `None`, the
    /// default, means that the tenant does not learn. For a job, an hour is a good value.
    ///
    /// A [rate limit](Self::with_rate_limit) still applies: calls are sent no faster than the lower
    /// of the two rates allows.
    #[must_use]
    pub fn with_adaptive_rate(mut self, longest_wait: Option<Duration>) -> Self {
        self.set_adaptive_rate(longest_wait);
        self
    }

    /// Changes whether the tenant learns the rate (see
    /// [`with_adaptive_rate`](Self::with_adaptive_rate)), even while calls are running. A call
    /// keeps the longest wait that was set when it started. The tenant keeps what it has learned
    /// until `None` is set.
    pub fn set_adaptive_rate(&mut self, longest_wait: Option<Duration>) {
        match (longest_wait, &mut self.pace) {
            (Some(longest_wait), Some(pace)) => pace.longest_wait = longest_wait,
            (Some(longest_wait), pace) => *pace = Some(Pace::new(longest_wait)),
            (None, pace) => {
                if pace.take().is_some() {
                    self.drop_slots();
                }
            }
        }
    }

    /// Makes waiting calls take new slots.
    fn drop_slots(&mut self) {
        self.next_slot = Instant::START;
        self.move_epoch();
        self.rate_set = self.epoch;
    }

    /// Sets the retry budget, which all calls share. Each retry takes one from the budget, and
    /// every ten successful calls put one back, up to `retries`. A retry after the reset of a 429
    /// does not count.
    #[must_use]
    pub fn with_retry_budget(mut self, retries: u32) -> Self {
        self.budget = Budget::new(retries);
        self
    }

    /// Returns the domain of the tenant.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Returns a number that changes when waiting calls should look at the tenant again, for
    /// instance because a token arrived; see [`Wait::epoch`](crate::Wait::epoch).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Replaces the credentials, for instance after a secret was rotated. The token of the old
    /// credentials is dropped. Calls that were already sent with the old token continue. A token
    /// that is being requested with the old credentials is not kept.
    pub fn replace_credentials(&mut self, credentials: Credentials) {
        self.tokens.replace_credentials(credentials);
        self.move_epoch();
    }

    /// Uses a token from elsewhere, such as another process. `lifetime` is how long the token lasts
    /// from now on, if known. Kinde advises against sharing tokens between services.
    pub fn supply_token(&mut self, token: AccessToken, lifetime: Option<Duration>, now: Instant) {
        self.tokens.supply(token, lifetime, now);
        self.move_epoch();
    }

    /// Ends the wait for the reset of a 429. Use this method if you know that the service accepts
    /// calls again.
    pub fn clear_throttle(&mut self) {
        self.throttled_until = Instant::START;
        self.move_epoch();
        self.cleared = self.epoch;
    }

    /// Returns the token and its remaining lifetime, if known. Returns `None` if there is no token,
    /// or if the token has expired.
    pub fn token(&self, now: Instant) -> Option<(&AccessToken, Option<Duration>)> {
        self.tokens.token(now)
    }

    /// Returns how many tokens there were.
    pub(crate) fn generation(&self) -> u64 {
        self.tokens.generation()
    }

    /// Decides what a call that needs a token and has the time `left` does. `seen` is the
    /// generation that it used, or that existed when it started. A later generation is new to it.
    pub(crate) fn token_step(
        &mut self,
        now: Instant,
        seen: u64,
        left: Duration,
        has_provider: bool,
    ) -> TokenStep {
        self.tokens.step(&self.domain, now, seen, left, has_provider)
    }

    /// Takes the outcome of the token request of the call with this lease.
    pub(crate) fn token_answered(
        &mut self,
        lease: u64,
        input: Input,
        now: Instant,
        deadline: Instant,
    ) -> TokenOutcome {
        self.tokens.answered(lease, input, now, deadline, &mut self.epoch, &mut self.jitter)
    }

    /// Takes the credentials that a provider returned to the call with this lease. Returns the
    /// request to send, and how long it may take.
    pub(crate) fn token_provided(
        &mut self,
        lease: u64,
        provided: Result<Credentials, Box<str>>,
        now: Instant,
        left: Duration,
    ) -> Result<(Request<Vec<u8>>, Duration), TokenOutcome> {
        let (epoch, jitter) = (&mut self.epoch, &mut self.jitter);
        self.tokens.provided(lease, provided, &self.domain, now, left, epoch, jitter)
    }

    /// Returns whether `credentials` are others than those that tokens are requested with.
    pub(crate) fn has_other(&self, credentials: &Credentials) -> bool {
        credentials != self.tokens.credentials()
    }

    /// Returns what became of the token request since `epoch`, for a call that waited for it.
    pub(crate) fn token_outcome_since(&self, epoch: u64, now: Instant) -> TokenOutcome {
        self.tokens.outcome_since(epoch, now)
    }

    /// Returns the right to request a token.
    pub(crate) fn end_lease(&mut self, lease: u64) {
        self.tokens.end_lease(lease, &mut self.epoch);
    }

    /// Notes that the service refused the token of this generation to a call of `operation`.
    /// Returns whether to send the call again with another token. If it `was_renewed` for the call
    /// already, it is not.
    pub(crate) fn token_refused(
        &mut self,
        generation: u64,
        operation: &'static str,
        was_renewed: bool,
        has_provider: bool,
        now: Instant,
    ) -> bool {
        self.tokens.refused(generation, operation, was_renewed, has_provider, now)
    }

    /// Notes that an operation succeeded with the token of this generation.
    pub(crate) fn succeeded(&mut self, generation: u64) {
        self.budget.succeeded();
        self.tokens.succeeded(generation);
    }

    /// Returns when the throttle after a 429 ends, or `None` if there is no throttle. No call is
    /// sent before this time.
    pub fn throttled_until(&self, now: Instant) -> Option<Instant> {
        Some(self.throttled_until).filter(|gate| now < *gate)
    }

    pub(crate) fn throttle(&mut self, until: Instant) {
        self.throttled_until = self.throttled_until.max(until);
    }

    /// For how long a call of a tenant that learns waits for limits.
    pub(crate) fn longest_wait(&self) -> Option<Duration> {
        self.pace.as_ref().map(|pace| pace.longest_wait)
    }

    /// Takes the next slot of the rate limit and returns its time. If that is not before
    /// `deadline`, no slot is taken.
    pub(crate) fn take_slot(&mut self, now: Instant, deadline: Instant) -> Instant {
        if self.pace.as_mut().is_some_and(|pace| pace.settle(now)) {
            self.drop_slots();
        }
        let spacing = self.spacing();
        let slot = self.next_slot.max(self.after_last_send(now));
        if !spacing.is_zero() && slot < deadline {
            self.next_slot = slot.saturating_add(spacing);
        }
        if let Some(pace) = self.pace.as_mut().filter(|pace| now < slot && self.spacing <= pace.spacing()) {
            pace.delays();
        }
        slot
    }

    /// Returns the time between two operations: the longer one of the rate limit and of the rate
    /// that was learned.
    fn spacing(&self) -> Duration {
        self.pace.as_ref().map_or(self.spacing, |pace| self.spacing.max(pace.spacing()))
    }

    /// Returns whether as many operations are in flight as the service accepts.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.pace.as_mut().is_some_and(|pace| pace.is_full(now))
    }

    /// Notes that an operation in flight will never come back.
    pub(crate) fn loses_one(&mut self) {
        if self.pace.as_mut().is_some_and(Pace::loses_one) {
            self.move_epoch();
        }
    }

    /// Whether slots that were taken up to this epoch no longer count. A later epoch than the
    /// current one belongs to the tenant that was replaced.
    pub(crate) fn has_new_rate_since(&self, epoch: u64) -> bool {
        self.rate_set > epoch || self.epoch < epoch
    }

    /// Whether the throttle was cleared after this epoch, or belongs to the tenant that was
    /// replaced.
    pub(crate) fn was_cleared_since(&self, epoch: u64) -> bool {
        self.cleared > epoch || self.epoch < epoch
    }

    /// Returns an unused slot. Waiting calls keep theirs. It does not matter which slot it was,
    /// because each operation keeps its distance to the last one that was sent.
    pub(crate) fn return_slot(&mut self) {
        self.next_slot = Instant::from_start(self.next_slot.since_start().saturating_sub(self.spacing()));
    }

    /// Returns when an operation whose slot has come may be sent. Several may be late at the same
    /// time, so it is not before the rate limit allows. With a rate that was learned, late ones may
    /// catch up a little.
    pub(crate) fn after_last_send(&self, now: Instant) -> Instant {
        // Without a rate limit a call may have read the clock before the one that was sent last.
        let learned = self.pace.as_ref().map_or(Duration::ZERO, Pace::spacing);
        let spacing = self.spacing.max(learned / 16 * 15);
        let last = self.last_sent.filter(|_| !spacing.is_zero());
        last.map_or(now, |last| now.max(last.saturating_add(spacing)))
    }

    pub(crate) fn sends(&mut self, now: Instant) {
        self.last_sent = Some(now);
    }

    /// Returns a ticket for an operation that is sent, if the tenant learns. It is to be
    /// [returned](Self::came_back).
    pub(crate) fn ticket(&mut self, now: Instant) -> Option<Ticket> {
        self.pace.as_mut().map(|pace| pace.sends(now))
    }

    /// Learns from what became of an operation, and notes it for the call.
    pub(crate) fn came_back(&mut self, patience: &mut Patience, answer: Answer, now: Instant) {
        let (Some(ticket), Some(pace)) = (patience.ticket.take(), &mut self.pace) else { return };
        let is_awaited = pace.ends(now);
        let changes_rate = match answer {
            Answer::None => false,
            Answer::Accepted => {
                patience.accepted();
                pace.accepted(now, ticket)
            }
            Answer::Refused(reset) => {
                patience.refused(now, pace.latest());
                if !patience.is_alone() {
                    pace.refused(now, ticket, reset);
                }
                patience.turns_alone() && pace.starts_again()
            }
        };
        if changes_rate {
            self.drop_slots();
        } else if is_awaited {
            self.move_epoch();
        }
    }

    /// Notes whether the service refuses all requests, those for a token included.
    pub(crate) fn hears(&mut self, answer: Answer, now: Instant) {
        match (&mut self.pace, answer) {
            (Some(pace), Answer::Accepted) => pace.ends_streak(),
            (Some(pace), Answer::Refused(reset)) => pace.continues_streak(now, reset),
            (_, Answer::None) | (None, _) => {}
        }
    }

    /// Returns since when the service has answered 429 to all requests, if the tenant
    /// [learns the rate](Self#the-adaptive-rate). Requests for a token count too.
    pub fn refused_since(&self, now: Instant) -> Option<Instant> {
        self.pace.as_ref()?.refuses_since(now)
    }

    /// Whether the service has refused all requests for as long as a call waits for limits.
    pub(crate) fn is_refused_too_long(&self, now: Instant) -> bool {
        let waited = self.refused_since(now).map(|since| now.saturating_since(since));
        waited.zip(self.longest_wait()).is_some_and(|(waited, longest)| longest <= waited)
    }

    /// Lends the tenant to the program. If the program replaces it, waiting calls look again, and
    /// no number of the new tenant is mistaken for one of the old.
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
    fn supplied_token_is_returned_with_time_left() {
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
    fn lent_tenant_is_the_same_unless_it_is_replaced() {
        let mut tenant = tenant();
        tenant.supply_token(token("a"), None, at(0));
        tenant.supply_token(token("b"), None, at(0));
        let (epoch, generation) = (tenant.epoch(), tenant.generation());
        let copy = tenant.lend(|tenant| tenant.clone());
        assert_eq!((tenant.epoch(), tenant.generation()), (epoch, generation));
        tenant.lend(|tenant| tenant.supply_token(token("c"), None, at(0)));
        assert_eq!((tenant.epoch(), tenant.generation()), (epoch + 1, generation + 1));

        // A copy of an earlier time, and others with smaller and larger epochs.
        let mut other = self::tenant();
        for _ in 0..9 {
            other.supply_token(token("d"), None, at(0));
        }
        for replacement in [copy, self::tenant(), other] {
            let (epoch, generation) = (tenant.epoch().max(replacement.epoch()), tenant.generation());
            tenant.lend(|tenant| *tenant = replacement);
            assert_eq!(tenant.epoch(), epoch + 1);
            assert!(tenant.generation() > generation);
        }
    }

    #[test]
    fn second_refusal_of_an_operation_counts_from_anew() {
        let mut tenant = tenant();
        tenant.supply_token(token("a"), None, at(0));
        let generation = tenant.generation();
        for seconds in [0, 5] {
            assert!(!tenant.token_refused(generation, "get_users", true, false, at(seconds)));
        }
        assert!(!tenant.token_refused(generation, "get_users", false, false, at(12)));
        assert!(tenant.token_refused(generation, "get_users", false, false, at(15)));
    }

    #[test]
    fn debug_says_whether_there_is_a_token() {
        let mut tenant = tenant();
        assert!(format!("{tenant:?}").contains("has_token: false"));
        tenant.supply_token(token("a"), None, at(0));
        assert!(format!("{tenant:?}").contains("has_token: true"));
    }

    #[test]
    fn token_is_renewed_shortly_before_its_end() {
        for (lifetime, renewed_at) in [(100, 90), (600, 540), (3600, 3540), (86_399, 86_339)] {
            let mut tenant = tenant();
            tenant.supply_token(token("a"), Some(Duration::from_secs(lifetime)), at(0));
            let seen = tenant.generation();
            let mut step = |now| tenant.token_step(at(now), seen, Duration::MAX, false);
            assert!(matches!(step(renewed_at - 1), TokenStep::Use(..)), "{lifetime}");
            assert!(matches!(step(renewed_at), TokenStep::Fetch { .. }), "{lifetime}");
        }
    }

    #[test]
    fn pace_is_even_and_ends_at_the_deadline() {
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
