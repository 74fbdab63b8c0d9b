//! What goes wrong without a script: too many requests, and chaos.

use core::time::Duration;

use crate::builder::Settings;
use crate::fault::Fault;
use crate::state::Ids;

pub(crate) struct Luck {
    rate_limit: Option<u32>,
    second_began: Duration,
    taken: u32,
    chaos: f64,
    /// Numbers of its own, so that the ids do not depend on how much goes wrong.
    dice: Ids,
}

impl Luck {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            rate_limit: settings.rate_limit,
            second_began: Duration::ZERO,
            taken: 0,
            chaos: settings.chaos,
            dice: Ids::new(!settings.seed),
        }
    }

    /// What goes wrong with the next request.
    pub(crate) fn fault(&mut self, now: Duration) -> Option<Fault> {
        self.too_many(now).or_else(|| self.chaos())
    }

    fn too_many(&mut self, now: Duration) -> Option<Fault> {
        let limit = self.rate_limit?;
        if now.saturating_sub(self.second_began) >= Duration::from_secs(1) {
            (self.second_began, self.taken) = (now, 0);
        }
        if self.taken >= limit {
            return Some(Fault::rate_limited(1));
        }
        self.taken += 1;
        None
    }

    fn chaos(&mut self) -> Option<Fault> {
        // Two throws each time, whatever the first one gives.
        let (is_struck, sort) = (fraction(self.dice.next()) < self.chaos, self.dice.next());
        is_struck.then(|| match sort % 8 {
            0 => Fault::rate_limited(1),
            1 => Fault::server_error(),
            2 => Fault::server_error().after_the_effect(),
            3 => Fault::status(502),
            4 => Fault::unavailable(),
            5 => Fault::cut_body(),
            6 => Fault::connection_lost(),
            _ => Fault::connection_lost().after_the_effect(),
        })
    }
}

/// From 0 up to and without 1.
fn fraction(random: u64) -> f64 {
    const UNIT: f64 = 4_294_967_296.0;
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / UNIT
}
