//! What of the state of tokens has to be looked at, or made small, to tell which states are the
//! same from now on. For the walk through all states, beside [`Exchange`](crate::Exchange).

use core::hash::Hash;

use super::Tokens;
use crate::types::access_token::AccessToken;
use crate::types::time::Instant;

/// The numbers that calls compare theirs with, as they were.
pub(crate) struct Numbers {
    pub(crate) generation: u64,
    pub(crate) lease: Option<u64>,
}

impl Tokens {
    pub(crate) const GENERATION: u64 = 1;
    pub(crate) const CURRENT_LEASE: u64 = 1;

    /// Shows `visit` all instants.
    pub(crate) fn instants(&mut self, visit: &mut impl FnMut(&mut Instant)) {
        if let Some(ends) = self.held.as_mut().and_then(|held| held.ends.as_mut()) {
            visit(&mut ends.renew);
            visit(&mut ends.end);
        }
        self.lease.iter_mut().for_each(|lease| visit(&mut lease.until));
        self.trouble.iter_mut().for_each(|trouble| visit(&mut trouble.until));
        visit(&mut self.distrust.all);
        self.distrust.operations.iter_mut().for_each(|(_, until)| visit(until));
    }

    /// Forgets what is over.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.distrust.operations.retain(|(_, until)| now < *until);
        self.distrust.operations.sort_unstable();
    }

    pub(crate) fn epochs(&mut self, visit: &mut impl FnMut(&mut u64)) {
        self.trouble.iter_mut().for_each(|trouble| visit(&mut trouble.epoch));
    }

    /// Makes generations and leases small, and gives the token one name for all.
    pub(crate) fn renumber(&mut self, token: &AccessToken) -> Numbers {
        let had = Numbers { generation: self.generation, lease: self.lease.map(|lease| lease.number) };
        self.generation = Self::GENERATION;
        if let Some(held) = &mut self.held {
            held.generation = Self::GENERATION;
            held.token = token.clone();
        }
        self.leases = Self::CURRENT_LEASE;
        self.lease.iter_mut().for_each(|lease| lease.number = Self::CURRENT_LEASE);
        had
    }

    /// All that may change while calls run, for telling states apart.
    pub(crate) fn changing(&self) -> impl Hash {
        // No call of the walk asks a provider.
        let Self {
            credentials: _,
            answerable: _,
            held,
            generation,
            lease,
            leases,
            trouble,
            failures,
            distrust,
        } = self;
        let held = held.as_ref().map(|held| (held.generation, held.ends));
        (held, generation, lease, leases, trouble, failures, distrust)
    }
}
