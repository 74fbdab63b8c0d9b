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
    use alloc::vec::Vec;

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

    fn at(millis: u64) -> Instant {
        Instant::from_start(Duration::from_millis(millis))
    }

    /// A pace, and what happens to it. Times are in milliseconds.
    #[derive(Clone)]
    struct Story(Pace);

    impl Story {
        fn new() -> Self {
            Self(Pace::new(Duration::from_secs(3600)))
        }

        /// Requests are sent and accepted, one after the other.
        fn accepts(mut self, time: u64, number: u64) -> Self {
            for _ in 0..number {
                let ticket = self.0.sends(at(time));
                self.0.ends(at(time));
                self.0.accepted(at(time), ticket);
            }
            self
        }

        /// A request that waited for its slot is accepted. So the rate grows if a step is over.
        fn waits(mut self, time: u64) -> Self {
            self.0.delays();
            self.accepts(time, 1)
        }

        /// The rate grows so many times, as soon as it may: at 3.5, 5.5, 7.5, 9.5, 11.5 and 13.5
        /// seconds. A rate of 50 is then 14, 28, 56, 112, 224 and 672 thousandths more.
        fn grows(self, times: usize) -> Self {
            [3500, 5500, 7500, 9500, 11_500, 13_500].into_iter().take(times).fold(self, Self::waits)
        }

        /// A request that was alone is refused, and the seconds of the reset pass.
        fn refuses(mut self, time: u64, reset: u64) -> Self {
            let ticket = self.0.sends(at(time));
            self.0.ends(at(time));
            self.0.refused(at(time), ticket, Some(Duration::from_secs(reset)));
            assert!(self.0.settle(at(time + reset * 1000)));
            self
        }

        /// A request is accepted that was sent with so many others in flight.
        fn accepts_with(mut self, time: u64, others: u64) -> Self {
            self.0.accepted(at(time), Ticket { others, sent: at(time) });
            self
        }

        /// A request is refused that was sent at `sent`, with so many others in flight.
        fn refuses_with(mut self, time: u64, sent: u64, others: u64, reset: Option<u64>) -> Self {
            let ticket = Ticket { others, sent: at(sent) };
            self.0.refused(at(time), ticket, reset.map(Duration::from_secs));
            self
        }

        /// The rate in operations per 1,000,000 seconds.
        fn rate(&self) -> u64 {
            self.0.rate.value()
        }

        /// How many operations may be in flight, or more than a thousand.
        fn window(&self, time: u64) -> u64 {
            let mut pace = Pace { in_flight: 0, ..self.0.clone() };
            while pace.in_flight <= 1000 && !pace.is_full(at(time)) {
                pace.sends(at(time));
            }
            pace.in_flight
        }

        /// Whether the rate grows if it is used and this time has passed.
        fn grows_after(&self, time: u64) -> bool {
            let since = u64::try_from(self.0.rate.since.since_start().as_millis()).unwrap();
            self.clone().waits(since + time).rate() > self.rate()
        }
    }

    /// A service accepted so many requests in a second, and then wanted a pause of a second. So
    /// half as many are sent per second, from 2 s on.
    fn learned(requests: u64) -> Story {
        Story::new().accepts(0, 1).accepts(1000, requests - 1).refuses(1000, 1)
    }

    /// It stood at 50 a second, and was refused at 50.7.
    fn fell() -> Story {
        learned(100).grows(1).accepts(3500, 99).refuses(3500, 1)
    }

    /// It stood at 61.2 a second, and was refused at 83.6.
    fn leapt() -> Story {
        learned(100).grows(6).accepts(14_500, 80).refuses(14_500, 1)
    }

    #[test]
    fn rate_after_a_429_is_what_the_replies_say() {
        let rows = [
            // The first rate is the number of accepted requests by the time, with the pause.
            ("100 in a second and a pause", learned(100), 50_000_000),
            ("one in 120 s: one a minute", Story::new().accepts(0, 1).refuses(118_000, 2), 16_666),
            // Without a single request accepted, there is nothing to count.
            ("none: one a second", Story::new().refuses(0, 1), 1_000_000),
            ("none at 50 a second: half", learned(100).refuses(2500, 1), 25_000_000),
            ("none at one a second", Story::new().refuses(0, 1).refuses(1500, 1), 1_000_000),
            // The rate did not stand yet. The limit is between 15 a second (60 in 4 s, with the
            // pause) and 60 (without it): their mean is sqrt(15 * 60).
            ("before it stood", learned(100).accepts(3000, 60).refuses(3000, 3), 30_000_000),
            // It stood at 50: now a 64th less, but no more than without the pause, and no less than
            // with it.
            ("soon after a step", fell(), 49_218_750),
            ("few accepted", learned(100).grows(1).accepts(3500, 59).refuses(3500, 1), 40_000_000),
            ("many accepted", learned(100).grows(1).accepts(3500, 299).refuses(3500, 1), 120_000_000),
            // A 429 in the first second of a step comes from the one before.
            ("step of 0.999 s", learned(100).grows(2).accepts(6499, 300).refuses(6499, 3), 49_218_750),
            ("step of 1 s", learned(100).grows(2).accepts(6500, 300).refuses(6500, 3), 49_907_813),
            // The next 429 comes before that stood. It takes an eighth at most, although 30 in a
            // second and 3 s of pause are 7.5 to 30 a second.
            ("again", fell().accepts(5500, 30).refuses(5500, 3), 43_066_407),
            // From 61.2 (stood) to 83.6 (did not) it is far: it tries the middle, and falls back to
            // what stood.
            ("leap", leapt(), 72_400_000),
            // In the first second it may come from 61.2 already, so the middle is that from 55.6.
            ("soon", learned(100).grows(6).accepts(14_000, 40).refuses(14_000, 1), 69_600_000),
            ("fall back", leapt().accepts(16_500, 70).refuses(16_500, 1), 61_200_000),
            ("fall back soon", leapt().accepts(15_600, 70).refuses(15_600, 2), 61_200_000),
            // What was accepted before the rate grew by more than a fifth does not count: 60 in the
            // last second do. It stood at 55.6.
            ("fast growth", learned(100).grows(5).accepts(12_500, 60).refuses(12_500, 1), 54_731_250),
            // It does before: 26 in 6.5 s. It stood at 4.4.
            ("a fifth", learned(8).grows(3).accepts(8500, 23).refuses(8500, 1), 4_000_000),
        ];
        for (what, story, rate) in rows {
            assert_eq!(story.rate(), rate, "{what}");
        }
    }

    #[test]
    fn first_long_reset_is_no_reason_for_a_very_low_rate() {
        let accepted = |requests: u64| Story::new().accepts(0, 1).accepts(1000, requests - 1);
        let long = || accepted(30).refuses(1000, 9);
        let rows = [
            ("5 s are not long: 30 in 6 s", accepted(30).refuses(1000, 5), 5_000_000),
            ("30 in 10 s would be 3 a second", long(), 10_000_000),
            ("no more than without the pause", accepted(5).refuses(1000, 9), 5_000_000),
            ("no more than before", learned(8).accepts(3000, 5).refuses(3000, 9), 4_000_000),
            // The mean of 20 in a second, and in 10 s.
            ("the second one", long().accepts(11_000, 20).refuses(11_000, 9), 6_324_555),
        ];
        for (what, story, rate) in rows {
            assert_eq!(story.rate(), rate, "{what}");
        }
    }

    #[test]
    fn steps_are_longer_after_long_resets() {
        let first = || Story::new().accepts(0, 30).refuses(1000, 9);
        let second = || first().accepts(11_000, 20).refuses(11_000, 9);
        let rows = [
            ("one", first(), 1500),
            // Half of the seconds of the reset, times 1.5 s.
            ("two", second(), 4 * 1500),
            ("a short one after them", second().accepts(21_000, 20).refuses(21_000, 1), 2 * 1500),
        ];
        for (what, story, hold) in rows {
            assert!(!story.grows_after(hold - 1), "{what}");
            assert!(story.grows_after(hold), "{what}");
        }
    }

    #[test]
    fn rate_that_stood_stands_twice_as_long_after_a_429() {
        let rows = [
            ("first", learned(100), 1500),
            ("did not stand", learned(100).accepts(3000, 60).refuses(3000, 1), 1500),
            ("stood", fell(), 3000),
            ("stood, then did not", fell().accepts(5500, 60).refuses(5500, 1), 1500),
            ("is a guess", leapt(), 1500),
        ];
        for (what, story, hold) in rows {
            assert!(!story.grows_after(hold - 1), "{what}");
            assert!(story.grows_after(hold), "{what}");
        }
    }

    #[test]
    fn low_rate_grows_by_a_larger_part() {
        // By the inverse of the square root, from 1 % to 5 %.
        let rows = [(1, 1_050_000), (4, 4_200_000), (25, 25_500_000), (100, 101_000_000), (400, 404_000_000)];
        for (rate, next) in rows {
            assert_eq!(learned(2 * rate).waits(3500).rate(), next, "{rate}");
        }
    }

    #[test]
    fn excess_doubles_and_then_trebles() {
        // The first step, the excess, and the next one. Without a limit there is none.
        let rows = [
            (20, 0, Some(20)),
            (20, 20, Some(40)),
            (20, 149, Some(298)),
            (20, 150, Some(450)),
            (20, 33_333, Some(99_999)),
            (100_000, 0, Some(100_000)),
            (20, 33_334, None),
        ];
        for (first, excess, next) in rows {
            let mut level = Level { base: 5, first, excess, used: true, ..Level::default() };
            assert!(level.grow(at(2000), 1));
            assert_eq!(level.is_set().then_some(level.excess), next, "{excess}");
        }
    }

    #[test]
    fn quarter_more_than_what_stood_is_no_leap() {
        for (value, rate) in [(125, 100_000_000), (126, 113_000_000)] {
            let mut story = learned(200).accepts(3000, 110);
            story.0.rate = Level { base: value * UNIT, stood: 100 * UNIT, ..Level::default() };
            assert_eq!(story.refuses(3000, 1).rate(), rate);
        }
    }

    #[test]
    fn rate_that_one_call_cut_is_forgotten() {
        assert!(!Story::new().0.starts_again());
        let Story(mut pace) =
            Story::new().accepts(0, 30).refuses(1000, 9).accepts(11_000, 20).refuses(11_000, 9);
        assert!(pace.starts_again());
        assert_eq!(pace.spacing(), Duration::ZERO);
        // The next 429 is the first one again.
        let story = Story(pace).accepts(30_000, 100).refuses(31_000, 1);
        assert_eq!(story.rate(), 50_000_000);
        assert!(story.grows_after(1500));
    }

    #[test]
    fn third_429_in_a_row_is_about_the_call_alone() {
        let mut patience = Patience::new(Duration::MAX);
        let mut seen = Vec::new();
        for second in 1..=4 {
            // Others are accepted between any two.
            patience.refused(at(second * 1000), at(second * 1000 - 1));
            seen.push((patience.is_alone(), patience.turns_alone()));
        }
        assert_eq!(seen, [(false, false), (false, false), (true, true), (true, false)]);
        // After any other reply the next 429 is the first one in a row.
        patience.accepted();
        patience.refused(at(6000), at(5999));
        assert!(!patience.is_alone() && !patience.steps_aside);
    }

    #[test]
    fn call_that_waits_for_room_is_told_when_there_is_some() {
        let Story(mut pace) = Story::new().refuses_with(1000, 900, 8, None);
        for _ in 0..9 {
            pace.sends(at(1000));
        }
        assert!(pace.is_full(at(1000)));
        // With 8 in flight there is no room yet. Later, no call waits.
        let told = [(); 3].map(|()| pace.ends(at(1000)));
        assert_eq!(told, [false, true, false]);
    }

    #[test]
    fn window_is_a_little_less_than_what_was_refused() {
        // The first 429 comes at one second, with 64 others in flight, and without a reset.
        let first = || Story::new().refuses_with(1000, 900, 64, None);
        // It stands for 1.5 s, and grows by 2 %, to 64.
        let grown = || {
            let mut story = first();
            assert_eq!(story.window(1000), 62);
            story.0.in_flight = 62;
            assert!(story.0.is_full(at(1000)));
            story.0.in_flight = 0;
            let story = story.accepts_with(2499, 61).accepts_with(2500, 61);
            assert_eq!(story.window(2500), 64);
            story
        };
        let again = || grown().refuses_with(4000, 3900, 63, None);
        let rows = [
            ("by a 32nd", first(), 1000, 62),
            ("8 are less than 32", Story::new().refuses_with(1000, 900, 8, None), 1000, 8),
            // Those that were sent before say the same again, even if the reply has a long reset.
            ("wider", first().refuses_with(1100, 950, 100, None), 1100, 62),
            ("narrower", first().refuses_with(1100, 950, 10, Some(30)), 1100, 10),
            ("wider at the same time", first().refuses_with(1100, 1000, 100, None), 1100, 62),
            // What was sent after that is news: a 32nd less than the 62 which stood. For a second
            // another process may have a quarter of that.
            ("yields", again(), 4999, 45),
            ("yielded", again(), 5000, 61),
            ("few", grown().refuses_with(4000, 3900, 30, None), 5000, 30),
            ("soon after the step", grown().refuses_with(2600, 2550, 63, None), 3600, 61),
        ];
        for (what, story, time, window) in rows {
            assert_eq!(story.window(time), window, "{what}");
            assert_eq!(story.0.closed, None, "{what}");
        }
        // After a window that stood, the next one stands for 3 s. A 429 that belongs to the same
        // excess changes nothing about that.
        for mut story in [again(), again().refuses_with(4100, 3950, 20, None)] {
            let window = story.window(6999);
            story.0.window.used = true;
            assert_eq!(story.clone().accepts_with(6999, 1).window(6999), window);
            assert!(story.accepts_with(7000, 1).window(7000) > window);
        }
    }

    #[test]
    fn long_reset_of_a_request_after_the_narrowing_is_about_the_rate() {
        for (sent, is_about_rate) in [(999, false), (1000, true)] {
            let story = Story::new().refuses_with(1000, 900, 8, None).refuses_with(1100, sent, 7, Some(30));
            assert_eq!(story.0.closed.is_some(), is_about_rate, "{sent}");
        }
    }

    #[test]
    fn short_reset_is_about_the_window_if_more_were_in_flight_than_ever() {
        let is_crowded = |story: Story, others| {
            let story = story.refuses_with(90_000, 90_000, others, Some(1));
            assert_eq!(story.0.window.is_set(), story.0.closed.is_none());
            story.0.closed.is_none()
        };
        let accepted = |others| Story::new().accepts_with(0, others);
        assert!(is_crowded(accepted(15), 16));
        assert!(!is_crowded(accepted(16), 16));
        // What was accepted before the last cut counts, and three quarters of what was before the
        // one before.
        let cut = || accepted(8).refuses(1000, 1);
        assert!(!is_crowded(cut(), 8));
        assert!(is_crowded(cut(), 9));
        assert!(!is_crowded(cut().refuses(3000, 1), 6));
        assert!(is_crowded(cut().refuses(3000, 1), 7));
    }

    #[test]
    fn short_reset_is_about_a_window_that_stood_if_nearly_as_many_were_in_flight() {
        for (most, is_crowded) in [(18, true), (19, false)] {
            let mut story = Story::new().refuses_with(1000, 900, 64, None);
            story.0.window.used = true;
            // The window stood for 1.5 s. So 16 may have been 19 for the service: three more.
            let story = story.accepts_with(3000, most).refuses_with(4000, 3900, 16, Some(1));
            assert_eq!(story.0.closed.is_none(), is_crowded, "{most}");
        }
    }
}
