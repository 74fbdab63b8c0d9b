//! When to retry, and how long to wait before a retry.

use core::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::api::meta::Replay;
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::effect::stopped_waiting;
use crate::types::reset_headers::reset_delay;

/// How failed attempts are retried. The defaults suit Kinde, whose documentation recommends
/// exponential back-off with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    attempts: u32,
    backoff_ms: u32,
    longest_backoff_ms: u32,
    throttled_creates: bool,
    reauthenticate_on_403: bool,
}

impl RetryPolicy {
    /// Returns the default policy: five attempts, with a back-off of up to 0.5, 1, 2 and 4 seconds
    /// between them.
    pub const fn new() -> Self {
        Self {
            attempts: 5,
            backoff_ms: 500,
            longest_backoff_ms: 30_000,
            throttled_creates: true,
            reauthenticate_on_403: false,
        }
    }

    /// Returns a policy of one attempt. A refused token is still replaced once.
    pub const fn never() -> Self {
        Self::new().attempts(1)
    }

    /// Sets the maximum number of attempts, at least 1. Sending a request again with a new token
    /// does not count as an attempt. See [`Exchange::attempts`](crate::Exchange::attempts).
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// Sets the maximum wait before the second attempt. The maximum doubles for each later attempt.
    /// Each wait is random, from zero to the maximum (full jitter). The maximum has a resolution of
    /// a millisecond, and is at most 49 days.
    #[must_use]
    pub const fn backoff(mut self, first: Duration) -> Self {
        self.backoff_ms = as_millis(first);
        self
    }

    /// Sets the longest back-off before any attempt. The default is 30 seconds.
    #[must_use]
    pub const fn longest_backoff(mut self, longest: Duration) -> Self {
        self.longest_backoff_ms = as_millis(longest);
        self
    }

    /// Sets whether a request that creates something is sent again after the reset of a 429. This
    /// is safe, because a 429 says that the service did nothing. This setting is on by default.
    #[must_use]
    pub const fn throttled_creates(mut self, retry: bool) -> Self {
        self.throttled_creates = retry;
        self
    }

    /// Sets whether a call requests a new token after a 403, as it does after a 401. A call sends
    /// its request again with a new token at most once. This setting helps if scopes were granted
    /// after the token was issued. It is off by default, because tokens are billed and a 403
    /// usually means that the application lacks a scope.
    #[must_use]
    pub const fn reauthenticate_on_403(mut self, reauthenticate: bool) -> Self {
        self.reauthenticate_on_403 = reauthenticate;
        self
    }

    pub(crate) const fn most_attempts(self) -> u32 {
        self.attempts
    }

    /// Returns the back-off after this many attempts, before jitter.
    pub(crate) fn backoff_after(self, attempts: u32) -> Duration {
        let doubled = u64::from(self.backoff_ms) << attempts.saturating_sub(1).min(31);
        Duration::from_millis(doubled.min(self.longest_backoff_ms.into()))
    }

    /// Decides what this outcome of an attempt means for the call.
    pub(crate) fn verdict(self, replay: Replay, outcome: Outcome) -> Verdict {
        let repeatable = replay != Replay::OnlyIfUnsent;
        let retry_if = |retry| if retry { Verdict::Retry } else { Verdict::End };
        match outcome {
            Outcome::Failed(Delivery::NotSent) => Verdict::Retry,
            Outcome::Failed(Delivery::Unknown) | Outcome::Unread(BodyFailure::Broken) => retry_if(repeatable),
            Outcome::Unread(BodyFailure::TooLarge) => Verdict::End,
            Outcome::Refused(status) => match status.as_u16() {
                401 => Verdict::Reauthenticate,
                403 if self.reauthenticate_on_403 => Verdict::Reauthenticate,
                429 => retry_if(repeatable || self.throttled_creates),
                500 | 502 | 503 | 504 => retry_if(repeatable),
                _ if stopped_waiting(status) => retry_if(repeatable),
                _ => Verdict::End,
            },
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

const fn as_millis(duration: Duration) -> u32 {
    let millis = duration.as_millis();
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    if millis > u32::MAX as u128 { u32::MAX } else { millis as u32 }
}

/// The longest wait that a server can ask for.
const LONGEST_RESET: Duration = Duration::from_secs(3600);

/// Returns the wait that the server asks for, within that bound.
pub(crate) fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    reset_delay(headers).map(|reset| reset.min(LONGEST_RESET))
}

/// How a failed attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Failed(Delivery),
    /// A success whose body could not be read.
    Unread(BodyFailure),
    Refused(StatusCode),
}

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ends with this result.
    End,
    /// It waits for the back-off or the reset, and tries again.
    Retry,
    /// It gets a new token and sends again, unless it did so already.
    Reauthenticate,
}

/// The retries that the calls of a tenant may still make. Each retry takes one from the budget, and
/// each success puts a fraction back. So a service that is down does not get every call several
/// times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    tenths: u32,
    most: u32,
}

impl Budget {
    pub(crate) const fn new(retries: u32) -> Self {
        let tenths = retries.saturating_mul(10);
        Self { tenths, most: tenths }
    }

    pub(crate) fn take(&mut self) -> bool {
        let left = self.tenths.checked_sub(10);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }

    pub(crate) fn succeeded(&mut self) {
        self.tenths = self.tenths.saturating_add(1).min(self.most);
    }
}

/// The random numbers for waits. They are not for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    /// Returns a random duration from zero to `most` (splitmix64).
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product is uniform in 0..=nanos.
        let scaled = (u128::from(bits) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_its_limit() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let most = Duration::from_millis(u32::MAX.into());
        let policy = RetryPolicy::new().backoff(days(50)).longest_backoff(days(60));
        assert_eq!((policy.backoff_after(1), policy.backoff_after(9)), (most, most));
        let policy = policy.backoff(days(1));
        assert_eq!(policy.backoff_after(0), days(1));
        assert_eq!(policy.backoff_after(1), days(1));
        assert_eq!(policy.backoff_after(2), days(2));
        assert_eq!(policy.backoff_after(u32::MAX), most);
        let policy = policy.longest_backoff(days(3));
        assert_eq!(policy.backoff_after(3), days(3));
    }

    #[test]
    fn every_back_off_is_the_doubled_one_within_its_limit() {
        let powers = (0..=32).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + 1]);
        let lengths: std::vec::Vec<_> = powers.collect();
        for first in &lengths {
            for longest in &lengths {
                let policy = RetryPolicy::new()
                    .backoff(Duration::from_millis(*first))
                    .longest_backoff(Duration::from_millis(*longest));
                let kept = |length: u64| u128::from(length.min(u32::MAX.into()));
                for attempts in 1..=40 {
                    // From the 32nd attempt on, even a millisecond has reached every limit.
                    let doubled = kept(*first) << (attempts - 1).min(31);
                    let expected = doubled.min(kept(*longest));
                    assert_eq!(policy.backoff_after(attempts).as_millis(), expected, "{policy:?} {attempts}");
                }
            }
        }
    }

    #[test]
    fn every_length_of_a_wait_has_a_resolution_of_a_millisecond() {
        for micros in 0..=3000 {
            let policy = RetryPolicy::new().backoff(Duration::from_micros(micros));
            assert_eq!(policy.backoff_after(1), Duration::from_millis(micros / 1000));
        }
    }

    #[test]
    fn jitter_reaches_every_length_up_to_the_longest() {
        for most in 0..=32 {
            let mut jitter = Jitter(most);
            let lengths: std::collections::BTreeSet<_> =
                (0..1000).map(|_| jitter.up_to(Duration::from_nanos(most))).collect();
            assert!(lengths.into_iter().eq((0..=most).map(Duration::from_nanos)), "{most}");
        }
    }

    #[test]
    fn jitter_is_splitmix64() {
        // The first numbers of the reference implementation for these seeds.
        for (seed, numbers) in [
            (0, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]),
            (1_234_567, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]),
        ] {
            let mut jitter = Jitter(seed);
            for number in numbers {
                assert_eq!(jitter.up_to(Duration::from_nanos(u64::MAX)), Duration::from_nanos(number));
            }
        }
        assert_eq!(Jitter(0).up_to(Duration::ZERO), Duration::ZERO);
        assert!(Jitter(0).up_to(Duration::MAX) > Duration::from_nanos(u64::MAX / 2));
    }
}
