//! What of a tenant's state has to be looked at, or made small, to tell which states are the same
//! from now on. For the walk through all states, beside [`Exchange`](crate::Exchange).

use core::hash::Hash;
use core::time::Duration;

use super::Tenant;
use crate::protocol::pace::Pace;
use crate::protocol::retry::Jitter;
use crate::protocol::tokens::for_explore::Numbers;
use crate::types::access_token::AccessToken;
use crate::types::time::Instant;

impl Tenant {
    /// Shows `visit` all instants but that of the last operation, which alone is looked back at.
    pub(crate) fn instants(&mut self, visit: &mut impl FnMut(&mut Instant)) {
        self.tokens.instants(visit);
        visit(&mut self.throttled_until);
        visit(&mut self.next_slot);
    }

    /// Forgets what is over.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.tokens.tidy(now);
    }

    pub(crate) fn last_sent(&mut self) -> &mut Option<Instant> {
        &mut self.last_sent
    }

    pub(crate) fn epochs(&mut self, visit: &mut impl FnMut(&mut u64)) {
        visit(&mut self.epoch);
        visit(&mut self.cleared);
        visit(&mut self.rate_set);
        self.tokens.epochs(visit);
    }

    /// Keeps how long ago each instant is that the learner looks back at.
    pub(crate) fn rebase_pace(&mut self, passed: Duration) {
        if let Some(pace) = &mut self.pace {
            pace.rebase(passed);
        }
    }

    /// Returns the time between two operations that was learned.
    pub(crate) fn learned_spacing(&self) -> Duration {
        self.pace.as_ref().map_or(Duration::ZERO, Pace::spacing)
    }

    /// Makes generations and leases small, gives the token one name for all, and the randomness its
    /// seed again.
    pub(crate) fn renumber(&mut self, token: &AccessToken, jitter: Jitter) -> Numbers {
        self.jitter = jitter;
        self.tokens.renumber(token)
    }

    /// All that may change while calls run, for telling states apart.
    pub(crate) fn changing(&self) -> impl Hash {
        let Self {
            domain: _,
            tokens,
            epoch,
            throttled_until,
            cleared,
            spacing,
            rate_set,
            next_slot,
            last_sent,
            pace,
            budget,
            jitter,
            user_agent: _,
            is_lent: _,
        } = self;
        let rate = (spacing, rate_set, next_slot, last_sent, pace);
        (tokens.changing(), epoch, throttled_until, cleared, rate, budget, jitter)
    }
}
