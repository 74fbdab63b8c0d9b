//! Faults without a script: too many requests, and chaos.

use core::time::Duration;

use crate::fault::Fault;
use crate::ids::Ids;
use crate::limit::{Limit, Limiter};
use crate::settings::Settings;

#[derive(Clone)]
pub(crate) struct Luck {
    limiters: Vec<Limiter>,
    /// Those that do not apply yet.
    later: Vec<(Duration, Limit)>,
    /// When the first request came.
    began: Option<Duration>,
    in_flight_limit: Option<usize>,
    /// The number of requests in flight, and their weight.
    pub(crate) in_flight: usize,
    pub(crate) weight: u32,
    latency: Duration,
    latency_spread: Duration,
    chaos: f64,
    /// Separate generators, so that the ids do not depend on how many faults happen, nor the faults
    /// on whether replies are late.
    dice: Ids,
    latencies: Ids,
}

impl Luck {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            limiters: Vec::new(),
            later: settings.limits.clone(),
            began: None,
            in_flight_limit: settings.in_flight_limit,
            in_flight: 0,
            weight: 0,
            latency: settings.latency,
            latency_spread: settings.latency_spread,
            chaos: settings.chaos,
            dice: Ids::new(!settings.seed),
            latencies: Ids::new(settings.seed.rotate_left(32)),
        }
    }

    /// Takes over the number and the weight of the requests in flight.
    pub(crate) fn fly_like(&mut self, other: &Self) {
        (self.in_flight, self.weight) = (other.in_flight, other.weight);
    }

    /// Replaces the limit of the same kind.
    pub(crate) fn set_limit(&mut self, limit: Limit) {
        match self.limiters.iter_mut().find(|limiter| limiter.is_like(&limit)) {
            Some(limiter) => *limiter = Limiter::new(limit),
            None => self.limiters.push(Limiter::new(limit)),
        }
    }

    /// Removes all limits.
    pub(crate) fn clear_limits(&mut self) {
        self.limiters.clear();
        self.later.clear();
        self.in_flight_limit = None;
    }

    /// Returns the fault of the next request, which already counts as in flight with its weight.
    pub(crate) fn fault(&mut self, now: Duration, weight: u32) -> Option<Fault> {
        self.limited(now, weight).or_else(|| self.chaos())
    }

    /// Returns how late the next reply comes.
    pub(crate) fn latency(&mut self) -> Duration {
        if self.latency.is_zero() {
            return Duration::ZERO;
        }
        let spread = self.latency_spread.saturating_mul(2).mul_f64(fraction(self.latencies.next()));
        self.latency.saturating_sub(self.latency_spread).saturating_add(spread)
    }

    /// Returns a 429 if a limit refuses the request.
    fn limited(&mut self, now: Duration, weight: u32) -> Option<Fault> {
        let since = now.saturating_sub(*self.began.get_or_insert(now));
        while let Some((_, limit)) = self.later.first().filter(|(after, _)| *after <= since).copied() {
            self.later.remove(0);
            self.set_limit(limit);
        }
        if self.in_flight_limit.is_some_and(|limit| self.in_flight > limit) {
            return Some(Fault::rate_limited(1));
        }
        let others = self.weight.saturating_sub(weight);
        for limiter in &mut self.limiters {
            if let Some(reset) = limiter.refuses(now, others, weight) {
                // The header has whole seconds.
                let seconds = (reset.as_secs() + u64::from(reset.subsec_nanos() > 0)).max(1);
                return Some(Fault::limited(limiter.limit.tells_reset.then_some(seconds)));
            }
        }
        self.limiters.iter_mut().for_each(Limiter::take);
        None
    }

    fn chaos(&mut self) -> Option<Fault> {
        // There are always three draws, whatever the first one gives.
        let (is_struck, sort) = (fraction(self.dice.next()) < self.chaos, self.dice.next());
        let delay = Duration::from_secs(5).mul_f64(fraction(self.dice.next()));
        is_struck.then(|| match sort % 17 {
            0 => Fault::rate_limited(1),
            1 => Fault::server_error(),
            2 => Fault::server_error().after_the_effect(),
            3 => Fault::status(502),
            4 => Fault::unavailable(),
            5 => Fault::forbidden(),
            6 => Fault::cut_body(),
            7 => Fault::connection_lost(),
            8 => Fault::connection_lost().after_the_effect(),
            9 => Fault::real_reply().broken_off(),
            10 => Fault::real_reply().head_after(delay),
            11 => Fault::real_reply().body_after(delay),
            12 => Fault::real_reply().gzipped(),
            13 => Fault::real_reply().chunked(),
            14 => Fault::real_reply().then_closed(),
            15 => Fault::content_type("text/html"),
            _ => Fault::larger_by(1024 * 1024),
        })
    }
}

/// Returns a number from 0 up to but not including 1.
fn fraction(random: u64) -> f64 {
    const UNIT: f64 = 4_294_967_296.0;
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / UNIT
}
