//! Faults without a script: too many requests, and chaos.

use core::time::Duration;

use crate::fault::Fault;
use crate::ids::Ids;
use crate::settings::Settings;

pub(crate) struct Luck {
    rate_limit: Option<u32>,
    second_began: Duration,
    taken: u32,
    in_flight_limit: Option<usize>,
    pub(crate) in_flight: usize,
    chaos: f64,
    /// A separate generator, so that the ids do not depend on how many faults happen.
    dice: Ids,
}

impl Luck {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            rate_limit: settings.rate_limit,
            second_began: Duration::ZERO,
            taken: 0,
            in_flight_limit: settings.in_flight_limit,
            in_flight: 0,
            chaos: settings.chaos,
            dice: Ids::new(!settings.seed),
        }
    }

    /// Returns the fault of the next request, which already counts as in flight.
    pub(crate) fn fault(&mut self, now: Duration) -> Option<Fault> {
        if self.is_too_many(now) {
            return Some(Fault::rate_limited(1));
        }
        self.chaos()
    }

    fn is_too_many(&mut self, now: Duration) -> bool {
        if self.in_flight_limit.is_some_and(|limit| self.in_flight > limit) {
            return true;
        }
        let Some(limit) = self.rate_limit else { return false };
        if now.saturating_sub(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.taken) = (now, 0);
        }
        let is_too_many = self.taken >= limit;
        self.taken = self.taken.saturating_add(u32::from(!is_too_many));
        is_too_many
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
