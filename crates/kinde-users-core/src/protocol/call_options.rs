//! Options for a call.

use core::time::Duration;

use crate::protocol::retry::RetryPolicy;
use crate::types::time::Instant;

/// Options for a call: timeouts and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long an attempt may take. The default is 30 seconds.
    pub attempt_timeout: Duration,
    /// How long the call may take in total, including waits. With the [adaptive
    /// rate](crate::Tenant::with_adaptive_rate), waits for the rate limit do not count. `None`, the
    /// default, means two minutes. For a list, a timeout that you set applies to all pages
    /// together. With `None`, each page may take two minutes.
    pub total_timeout: Option<Duration>,
    /// How failed attempts are retried.
    pub retry: RetryPolicy,
}

impl CallOptions {
    /// The default timeout of an attempt: 30 seconds.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

    /// The default timeout of a call: two minutes.
    pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(120);

    /// Returns the defaults: 30 seconds for an attempt, two minutes in total, and the policy
    /// [`RetryPolicy::new`].
    pub const fn new() -> Self {
        Self { attempt_timeout: Self::ATTEMPT_TIMEOUT, total_timeout: None, retry: RetryPolicy::new() }
    }

    /// Sets how long an attempt may take.
    #[must_use]
    pub const fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt_timeout = limit;
        self
    }

    /// Sets how long the call may take in total, including waits. The time begins with the first
    /// step of the call. With the [adaptive rate](crate::Tenant::with_adaptive_rate), waits for the
    /// rate limit do not count. [`Duration::MAX`] means no limit.
    ///
    /// The total timeout also limits the token request, if this call requests a token. If the
    /// timeout is shorter than a token request takes, get the token before this call: make a call
    /// that has more time, or use [`Tenant::supply_token`](crate::Tenant::supply_token). Otherwise
    /// each call requests a token, each token is billed, and no token arrives in time.
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

    /// Returns the options for a page of a list. `until` is when the timeout for all pages ends.
    /// The first page sets `until`.
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
