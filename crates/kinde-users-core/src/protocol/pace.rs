//! Learns how fast the service accepts requests, for the calls of one tenant.
//!
//! - **rate** - how many operations per second may be sent;
//! - **window** - how many operations may be in flight;
//! - **period** - the time from one cut of the rate to the next one.
//!
//! Neither is limited before the first 429. A 429 has one of two explanations, and cuts one of the
//! two levels:
//!
//! - *Too many requests in flight.* This explains a 429 without a reset. It also explains one with
//!   a short reset, if more requests were in flight than with any request that was accepted lately.
//!   The window becomes the number of requests that were in flight.
//! - *Too many requests per second.* This explains all others. The rate becomes the rate at which
//!   the service accepted requests in the period.
//!
//! After a cut, a [`Level`] stays as it is for a while, and then grows in steps: slowly at first,
//! and twice as much with each step. So a level that is right is rarely exceeded, and a limit that
//! was raised is reached soon.
//!
//! The service may also limit a single user, or refuse the requests about one. If a call gets one
//! 429 after the other while the service accepts later requests of other calls, its further 429s
//! cut nothing, and the call waits alone.

use core::mem;
use core::time::Duration;

use crate::protocol::retry::RetryPolicy;
use crate::types::time::Instant;

/// What a request that was sent counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    /// How many other requests were in flight.
    others: u64,
    pub(crate) sent: Instant,
}

/// How a call waits for limits. Such waits do not count against the deadline of the call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Patience {
    /// For how long the call may still wait.
    pub(crate) left: Duration,
    /// Since when it waits, if it does.
    pub(crate) since: Option<Instant>,
    /// What its request in flight counts for.
    pub(crate) ticket: Option<Ticket>,
    /// When it got the last 429, if its last reply was one.
    refused: Option<Instant>,
    /// How many 429s in a row it got, without those that came while the service accepted no other
    /// request.
    refusals: u32,
    /// Whether it waits by itself after the last 429.
    pub(crate) steps_aside: bool,
}

impl Patience {
    /// After this many 429s, further ones are about this call alone.
    const MOST_SHARED: u32 = 2;

    pub(crate) fn new(left: Duration) -> Self {
        Self { left, since: None, ticket: None, refused: None, refusals: 0, steps_aside: false }
    }

    /// Notes that the service did not refuse the request.
    pub(crate) fn accepted(&mut self) {
        (self.refused, self.refusals, self.steps_aside) = (None, 0, false);
    }

    /// Notes a 429. `accepted` is when the latest request that the service accepted was sent.
    pub(crate) fn refused(&mut self, now: Instant, accepted: Instant) {
        // From the second 429 on, other calls get their turn before this one.
        self.steps_aside = self.refused.is_some();
        if self.is_alone() || self.refused.is_none_or(|refused| refused <= accepted) {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.refused = Some(now);
    }

    /// Whether the last 429 was about this call alone.
    pub(crate) fn is_alone(&self) -> bool {
        self.refusals > Self::MOST_SHARED
    }

    /// Whether the last 429 is the first one that was about this call alone.
    pub(crate) fn turns_alone(&self) -> bool {
        self.refusals == Self::MOST_SHARED + 1
    }

    /// Returns how long the call waits by itself, before jitter.
    pub(crate) fn backoff(&self) -> Duration {
        RetryPolicy::new().backoff_after(self.refusals.saturating_sub(Self::MOST_SHARED).max(1))
    }
}

/// A rate, in operations per 1,000,000 seconds, or a window. Zero means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Level {
    base: u64,
    /// What is tried beyond the base, in thousandths of it.
    excess: u64,
    /// The excess of the first step.
    first: u64,
    /// When the current step began.
    since: Instant,
    /// How long the base has to stand before it grows.
    hold: Duration,
    /// The values of the last step that ended without a 429, and of the one before.
    stood: u64,
    stood_before: u64,
    /// Whether the base stood its time.
    proven: bool,
    /// Whether a call had to wait for this level during the step. If not, the step proves nothing.
    used: bool,
}

impl Level {
    /// How long a new base stands. The time doubles up to the longest one.
    const SHORTEST: Duration = Duration::from_millis(1500);
    const LONGEST: Duration = Duration::from_secs(12);
    /// How long each further step takes. It is long enough to contain a whole window of one second,
    /// wherever the step begins.
    const STEP: Duration = Duration::from_secs(2);
    /// Up to here the excess doubles with each step, and from here on it trebles.
    const LITTLE: u64 = 150;
    /// A limit that stands a hundredfold is none.
    const MOST_EXCESS: u64 = 100_000;

    fn is_set(&self) -> bool {
        self.base > 0
    }

    fn value(&self) -> u64 {
        self.base.saturating_add(self.base.saturating_mul(self.excess).div_ceil(1000))
    }

    /// Grows if the step is over. `slower` multiplies the time of steps. Returns whether the value
    /// changed.
    fn grow(&mut self, now: Instant, slower: u32) -> bool {
        let time = if self.excess == 0 { self.hold } else { Self::STEP };
        if !self.is_set() || now.saturating_since(self.since) < time.saturating_mul(slower) {
            return false;
        }
        self.since = now;
        if !mem::take(&mut self.used) {
            return false;
        }
        let value = self.value();
        self.stood_before = if self.excess == 0 { value } else { self.stood };
        self.stood = value;
        self.proven = true;
        let factor = if self.excess < Self::LITTLE { 2 } else { 3 };
        self.excess = self.excess.saturating_mul(factor).max(self.first);
        if self.excess > Self::MOST_EXCESS {
            *self = Self::default();
        }
        true
    }

    /// Returns the latest value that stood, given that it was exceeded at `at`. A 429 soon after a
    /// step may come from the step before.
    fn stood(&self, at: Instant) -> u64 {
        let soon = at.saturating_since(self.since) < Duration::from_secs(1);
        if soon { self.stood_before } else { self.stood }
    }

    /// Sets another base from `at` on. `stood` is a lower value that is known to stand, or zero.
    /// The new base is then a guess, and tried at once.
    fn cut(&mut self, base: u64, stood: u64, first: u64, at: Instant) {
        let is_known = self.proven && stood == 0;
        let hold = if is_known { self.hold.saturating_mul(2).min(Self::LONGEST) } else { Duration::ZERO };
        *self = Self {
            base: base.max(1),
            first,
            since: at,
            hold: hold.max(Self::SHORTEST),
            stood,
            stood_before: stood,
            ..Self::default()
        };
    }
}

/// What a tenant has learned about the limits of the service. See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pace {
    /// For how long a call waits for limits.
    pub(crate) longest_wait: Duration,
    rate: Level,
    window: Level,
    in_flight: u64,
    /// Whether a call waits for one in flight to end.
    waiting: bool,
    /// When the period began, and how many requests were accepted in it.
    began: Option<Instant>,
    accepted: u64,
    /// The most others in flight with a request that was accepted: in this period, and before.
    most: [u64; 2],
    /// Set by a 429 that cuts the rate: when the first one came, and when the service accepts
    /// requests again. The rate is cut then, so that the replies until then count.
    closed: Option<(Instant, Instant)>,
    /// When the rate was last cut. A 429 to an earlier request belongs to that.
    cut: Instant,
    /// How many cuts in a row the rate did not stand its time.
    doubts: u32,
    /// Whether the last period ended with a long reset, and what multiplies the time of steps.
    was_long: bool,
    slower: u32,
    /// When the window was last narrowed. A 429 to an earlier request belongs to that.
    narrowed: Instant,
    /// Until when the window is a quarter smaller, so that another process finds room.
    yields: Instant,
    /// When the latest request that was accepted was sent.
    latest: Instant,
    /// Since when the service has refused all requests, and until when a 429 continues that.
    streak: Option<(Instant, Instant)>,
}

/// Once per second.
const UNIT: u64 = 1_000_000;

/// Returns `number` per `time`, as a rate.
fn rate(number: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1000);
    u64::try_from(u128::from(number) * 1_000_000_000_000 / micros).unwrap_or(u64::MAX)
}

impl Pace {
    /// A call that waits for the window takes the place of another one after this time: the driver
    /// of that one may be gone.
    pub(crate) const TAKEOVER: Duration = Duration::from_secs(30);
    /// A longer reset is not that of a limit per second, nor of one of requests in flight.
    const SHORT_RESET: Duration = Duration::from_secs(2);
    const LONG_RESET: Duration = Duration::from_secs(5);
    /// How long the window yields to other processes.
    const YIELD: Duration = Duration::from_secs(1);
    /// How long after a reset a 429 still belongs to the streak of the one before.
    const STREAK: Duration = Duration::from_secs(60);

    pub(crate) fn new(longest_wait: Duration) -> Self {
        Self {
            longest_wait,
            rate: Level::default(),
            window: Level::default(),
            in_flight: 0,
            waiting: false,
            began: None,
            accepted: 0,
            most: [0; 2],
            closed: None,
            cut: Instant::START,
            doubts: 0,
            was_long: false,
            slower: 1,
            narrowed: Instant::START,
            yields: Instant::START,
            latest: Instant::START,
            streak: None,
        }
    }

    /// Returns when the latest request that was accepted was sent.
    pub(crate) fn latest(&self) -> Instant {
        self.latest
    }

    /// Returns since when the service has refused all requests.
    pub(crate) fn refuses_since(&self, now: Instant) -> Option<Instant> {
        self.streak.filter(|(_, until)| now <= *until).map(|(since, _)| since)
    }

    /// Notes a 429 to an operation or a token request.
    pub(crate) fn continues_streak(&mut self, now: Instant, reset: Option<Duration>) {
        let until = now.saturating_add(reset.unwrap_or_default()).saturating_add(Self::STREAK);
        self.streak = Some((self.refuses_since(now).unwrap_or(now), until));
    }

    /// Notes that the service accepted an operation or a token request.
    pub(crate) fn ends_streak(&mut self) {
        self.streak = None;
    }

    /// Returns the time between two operations, or zero.
    pub(crate) fn spacing(&self) -> Duration {
        Duration::from_nanos((UNIT * 1_000_000_000).checked_div(self.rate.value()).unwrap_or(0))
    }

    /// Notes that a call has to wait for its slot.
    pub(crate) fn delays(&mut self) {
        self.rate.used = true;
    }

    /// Cuts the rate if a 429 asked for it and the service accepts requests again. Returns whether
    /// the spacing changed.
    pub(crate) fn settle(&mut self, now: Instant) -> bool {
        let Some((closed, opens)) = self.closed.filter(|(_, opens)| *opens <= now) else { return false };
        let (began, pause) = (self.began.unwrap_or(closed), opens.saturating_since(closed));
        // The limit is between these two: the pause was needed, or a part of it.
        let low = rate(self.accepted, opens.saturating_since(began));
        let high = rate(self.accepted, closed.saturating_since(began));
        let (value, stood) = (self.rate.value(), self.rate.stood(closed));
        // Whether the rate grew so fast that the limit may be far from what stood.
        let leaps = value > stood + stood / 4;
        let mut base = if !self.rate.is_set() {
            low
        } else if stood == 0 {
            let mean = u64::try_from((u128::from(low) * u128::from(high)).isqrt()).unwrap_or(u64::MAX);
            mean.max(if self.doubts == 0 { value - value / 8 } else { 0 })
        } else if leaps {
            u64::midpoint(stood, value)
        } else if self.rate.proven {
            high.min(stood - stood / 64)
        } else {
            high.min(stood)
        };
        base = base.max(low);
        if self.accepted == 0 {
            base = base.max(value / 2).max(UNIT);
        }
        // A long reset may be that of a quota for minutes, or a single pause. After the first one,
        // the rate does not become so low that a pause costs more than itself.
        let is_long = pause > Self::LONG_RESET;
        if is_long && !self.was_long {
            base = base.max(high.min(10 * UNIT).min(if self.rate.is_set() { value } else { u64::MAX }));
        }
        let seconds = u32::try_from(pause.as_secs()).unwrap_or(u32::MAX);
        self.slower = (self.slower / 2).max(if is_long && self.was_long { seconds / 2 } else { 1 });
        self.was_long = is_long;
        self.doubts = if self.rate.proven { 0 } else { self.doubts.saturating_add(1) };
        let stood = if leaps { stood } else { 0 };
        // A lower rate grows by a larger part, so that processes which share a limit become equal.
        let first = (100 / (base / UNIT).max(1).isqrt()).clamp(10, 50);
        self.rate.cut(base.max(UNIT / 60), stood, first, opens);
        (self.closed, self.cut, self.began, self.accepted) = (None, opens, Some(opens), 0);
        self.forget_most();
        true
    }

    fn forget_most(&mut self) {
        self.most = [0, self.most[0].max(self.most[1] / 4 * 3)];
    }

    /// Returns whether as many operations are in flight as may be.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        let value = self.window.value();
        let value = if now < self.yields { value - value.div_ceil(4) } else { value };
        let is_full = self.window.is_set() && self.in_flight >= value.max(1);
        self.window.used |= is_full;
        self.waiting |= is_full;
        is_full
    }

    /// Notes that a request in flight will never come back. Returns whether a call waits for that.
    pub(crate) fn loses_one(&mut self) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        mem::take(&mut self.waiting)
    }

    pub(crate) fn sends(&mut self, now: Instant) -> Ticket {
        self.began.get_or_insert(now);
        self.in_flight = self.in_flight.saturating_add(1);
        Ticket { others: self.in_flight - 1, sent: now }
    }

    /// Notes that a request is no longer in flight. Returns whether a call waits for that.
    pub(crate) fn ends(&mut self, now: Instant) -> bool {
        self.in_flight = self.in_flight.saturating_sub(1);
        if !self.waiting || self.is_full(now) {
            return false;
        }
        self.waiting = false;
        true
    }

    /// Notes that the service accepted a request. Returns whether the spacing changed.
    pub(crate) fn accepted(&mut self, now: Instant, ticket: Ticket) -> bool {
        self.accepted = self.accepted.saturating_add(1);
        self.latest = self.latest.max(ticket.sent);
        self.most[0] = self.most[0].max(ticket.others);
        if self.closed.is_some() {
            return false;
        }
        self.window.grow(now, 1);
        let grew = self.rate.grow(now, self.slower);
        if grew && self.rate.excess > 200 {
            // What was accepted at a much lower rate says little about the limit.
            (self.began, self.accepted) = (Some(now), 0);
        }
        grew
    }

    /// Notes that the service refused a request with 429.
    pub(crate) fn refused(&mut self, now: Instant, ticket: Ticket, reset: Option<Duration>) {
        let opens = now.saturating_add(reset.unwrap_or_default());
        let belongs = ticket.sent < self.narrowed;
        if ticket.others > 0 && (reset.is_none() || belongs || self.is_crowded(ticket, reset)) {
            self.narrow(now, opens, ticket.others, belongs);
        } else if self.cut <= ticket.sent {
            let (closed, until) = self.closed.unwrap_or((now, opens));
            self.closed = Some((closed, until.max(opens)));
        }
    }

    /// Forgets the rate, because 429s that cut it were about one call. Returns whether the spacing
    /// changed.
    pub(crate) fn starts_again(&mut self) -> bool {
        (self.was_long, self.slower, self.doubts) = (false, 1, 0);
        (self.closed, self.began, self.accepted) = (None, None, 0);
        mem::take(&mut self.rate).is_set()
    }

    /// Returns whether a 429 with a reset is explained by the number of requests in flight.
    fn is_crowded(&self, ticket: Ticket, reset: Option<Duration>) -> bool {
        // The number that the service sees is a little smaller than the number here.
        let margin = if self.window.proven { ticket.others / 8 + 1 } else { 0 };
        reset.is_some_and(|reset| reset <= Self::SHORT_RESET)
            && self.closed.is_none()
            && self.cut <= ticket.sent
            && !self.rate.used
            && ticket.others + margin > self.most[0].max(self.most[1])
    }

    /// Narrows the window to a little less than `others`. If it `belongs` to an earlier 429, it is
    /// one more reply to the same excess.
    fn narrow(&mut self, now: Instant, opens: Instant, others: u64, belongs: bool) {
        let mut to = others - others / 32;
        let was_wider = self.window.is_set() && others >= self.window.value();
        if belongs || was_wider {
            self.window.base = if self.window.is_set() { self.window.value().min(to) } else { to };
            self.window.excess = 0;
        } else {
            if self.window.proven {
                let stood = self.window.stood(now);
                to = to.min(stood - stood / 32);
                self.yields = opens.saturating_add(Self::YIELD);
            }
            self.window.cut(to, 0, 20, opens);
            self.forget_most();
        }
        self.narrowed = self.narrowed.max(now);
    }
}

#[cfg(test)]
impl Patience {
    /// Returns all instants, which are in the past.
    pub(crate) fn instants(&mut self) -> impl Iterator<Item = &mut Instant> {
        let sent = self.ticket.as_mut().map(|ticket| &mut ticket.sent);
        self.since.as_mut().into_iter().chain(sent).chain(&mut self.refused)
    }
}

#[cfg(test)]
impl Pace {
    /// Moves all instants to earlier ones, for the walk through all states, in which it is always
    /// the same time.
    pub(crate) fn rebase(&mut self, passed: Duration) {
        let Self { rate, window, began, closed, cut, narrowed, yields, latest, streak, .. } = self;
        let (closed, opens) = closed.as_mut().map(|(closed, opens)| (closed, opens)).unzip();
        let (since, until) = streak.as_mut().map(|(since, until)| (since, until)).unzip();
        let instants = [&mut rate.since, &mut window.since, cut, narrowed, yields, latest];
        let others = [began.as_mut(), closed, opens, since, until];
        for instant in instants.into_iter().chain(others.into_iter().flatten()) {
            *instant = Instant::from_start(instant.since_start().saturating_sub(passed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_that_stands_a_hundredfold_is_none() {
        let mut level = Level { base: 5, first: 20, ..Level::default() };
        let (mut now, mut steps) = (Instant::START, 0);
        while level.is_set() {
            assert!(level.value() <= 5 * 101 && steps < 20, "{level:?}");
            now = now.saturating_add(Level::STEP);
            level.used = true;
            assert!(level.grow(now, 1));
            steps += 1;
        }
        assert_eq!(level, Level::default());
    }
}
