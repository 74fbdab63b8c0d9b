//! How one call is to be made.

use core::time::Duration;

use crate::protocol::retry::RetryPolicy;
use crate::types::time::Instant;

/// How one call is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long one attempt may take; 30 seconds unless set.
    pub attempt_timeout: Duration,
    /// How long the call may take in all, waits included; two minutes unless set. Where a list is paged through it is for all
    /// pages together, and where it is not set each page has its own.
    pub total_timeout: Option<Duration>,
    /// How failed attempts are retried.
    pub retry: RetryPolicy,
}

impl CallOptions {
    /// How long one attempt may take, unless set: 30 seconds.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

    /// How long a call may take in all, unless set: two minutes.
    pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(120);

    /// The defaults: 30 seconds an attempt, two minutes in all, [`RetryPolicy::new`].
    pub const fn new() -> Self {
        Self { attempt_timeout: Self::ATTEMPT_TIMEOUT, total_timeout: None, retry: RetryPolicy::new() }
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Sets how long the call may take in all, from its first step on, waits included. [`Duration::MAX`] is no limit.
    ///
    /// It bounds the token request too, if the call is the one that gets the token. Where deadlines are shorter than that
    /// takes, get the token first, by a call that has time or with
    /// [`Tenant::supply_token`](crate::Tenant::supply_token): otherwise each call asks for one,
    /// each is billed, and none arrives in time.
    #[must_use]
    pub const fn total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = Some(limit);
        self
    }

    /// Sets how failed attempts are retried.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The options for a page of a list. `until` is when the deadline of all pages ends, set for the first one.
    pub(crate) fn for_page(mut self, now: Instant, until: &mut Option<Instant>) -> Self {
        self.total_timeout = self.total_timeout.map(|timeout| {
            let until = *until.get_or_insert(now.saturating_add(timeout));
            until.saturating_since(now)
        });
        self
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}
