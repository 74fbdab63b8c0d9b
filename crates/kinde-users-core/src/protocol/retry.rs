//! When to try again, and how long to wait before.

use core::iter;
use core::time::Duration;

use http::header::{DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::api::operation::Replay;
use crate::api::reply::stopped_waiting;
use crate::protocol::exchange::{BodyFailure, Delivery};

/// How failed attempts are retried. The defaults suit Kinde; its documentation asks for exponential back-off with
/// randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    attempts: u32,
    backoff_ms: u32,
    longest_backoff_ms: u32,
    throttled_creates: bool,
    reauthenticate_on_403: bool,
}

impl RetryPolicy {
    /// Five attempts, with a back-off of up to 0.5, 1, 2 and 4 seconds between them.
    pub const fn new() -> Self {
        Self {
            attempts: 5,
            backoff_ms: 500,
            longest_backoff_ms: 30_000,
            throttled_creates: true,
            reauthenticate_on_403: false,
        }
    }

    /// One attempt, whatever comes of it. A refused token is still renewed once.
    pub const fn never() -> Self {
        Self::new().attempts(1)
    }

    /// The most attempts that a call makes, at least 1. A resend with a new token does not count.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// How long to wait before the second attempt, at the most; it doubles for each one after. The wait is anything from
    /// nothing to this (full jitter). Counted in milliseconds, up to 49 days.
    #[must_use]
    pub const fn backoff(mut self, first: Duration) -> Self {
        self.backoff_ms = as_millis(first);
        self
    }

    /// What the back-off never exceeds.
    #[must_use]
    pub const fn longest_backoff(mut self, longest: Duration) -> Self {
        self.longest_backoff_ms = as_millis(longest);
        self
    }

    /// Whether a create that was answered 429 is sent again after the reset: the service says that it did nothing. On by
    /// default.
    #[must_use]
    pub const fn throttled_creates(mut self, retry: bool) -> Self {
        self.throttled_creates = retry;
        self
    }

    /// Whether 403 is met with a new token, once a call, as 401 is: for scopes that were granted after the token was issued.
    /// Off by default, as a token costs money and 403 mostly means a missing scope.
    #[must_use]
    pub const fn reauthenticate_on_403(mut self, reauthenticate: bool) -> Self {
        self.reauthenticate_on_403 = reauthenticate;
        self
    }

    pub(crate) const fn most_attempts(self) -> u32 {
        self.attempts
    }

    /// The back-off after this many attempts, before jitter.
    pub(crate) fn backoff_after(self, attempts: u32) -> Duration {
        let doubled = u64::from(self.backoff_ms) << attempts.saturating_sub(1).min(31);
        Duration::from_millis(doubled.min(self.longest_backoff_ms.into()))
    }

    /// What an attempt that ended like this means for the call.
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

/// How an attempt without success ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Failed(Delivery),
    /// A success whose body could not be read.
    Unread(BodyFailure),
    Refused(StatusCode),
}

/// What it means for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This is the result.
    End,
    /// Wait for the back-off or the reset, and try again.
    Retry,
    /// Get a new token and send again, unless that was done already.
    Reauthenticate,
}

/// Retries that calls of one tenant may still make: a bucket that each retry takes a token from and each success puts a
/// fraction back into, so that a service that is down does not get every call several times over.
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

/// The randomness of waits. Not for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Jitter(pub(crate) u64);

impl Jitter {
    /// Anything from nothing to `most` (splitmix64).
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

/// How long the service asks to wait: the longest of all that `RateLimit-Reset`, which Kinde sends with 429 in seconds from
/// now, and `Retry-After`, in seconds or as a date, say. Both may be repeated, and hold lists that commas separate. A date
/// is measured against the reply's own `Date`: the core has no clock, and the two come from the same one.
pub(crate) fn reset_delay(headers: &HeaderMap) -> Option<Duration> {
    const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
    let resets = items(headers, &RATELIMIT_RESET).filter_map(seconds_to_wait);
    let now = items(headers, &DATE).filter_map(|text| httpdate::parse_http_date(text).ok()).min();
    let retry_after = items(headers, &RETRY_AFTER).filter_map(|text| {
        seconds_to_wait(text).or_else(|| {
            let until = httpdate::parse_http_date(text).ok()?;
            Some(until.duration_since(now?).unwrap_or_default())
        })
    });
    resets.chain(retry_after).max()
}

/// Everything that may be one item of the lists in all headers of this name: what is between two commas, and what is between
/// a comma and the one after the next, as dates hold a comma.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let texts = headers.get_all(name).iter().filter_map(|value| core::str::from_utf8(value.as_bytes()).ok());
    texts.flat_map(|text| {
        let starts = iter::once(0).chain(text.match_indices(',').map(|(comma, _)| comma + 1));
        starts.filter_map(|start| text.get(start..)).flat_map(|rest| {
            let ends = rest.match_indices(',').map(|(comma, _)| comma).chain(iter::once(rest.len()));
            ends.take(2).filter_map(|end| rest.get(..end).map(str::trim))
        })
    })
}

/// More than this is no wait: a day.
const LONGEST_RESET_TOLD: Duration = Duration::from_secs(86_400);

/// A number of seconds, rounded up. A number that makes no sense as a wait is a point in time, which
/// other services send.
fn seconds_to_wait(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds = whole.parse().unwrap_or(u64::MAX);
    let rounding = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(seconds.saturating_add(rounding))).filter(|wait| *wait <= LONGEST_RESET_TOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(headers: &[(&'static str, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        reset_delay(&map).map(|delay| delay.as_secs())
    }

    #[test]
    fn back_off_doubles_to_its_longest_and_is_counted_in_milliseconds_that_fit_32_bits() {
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

    #[test]
    fn the_reset_is_in_seconds_from_now() {
        assert_eq!(delay(&[("ratelimit-reset", "17")]), Some(17));
        assert_eq!(delay(&[("ratelimit-reset", " 0 ")]), Some(0));
        assert_eq!(delay(&[("ratelimit-reset", "1.2")]), Some(2));
        assert_eq!(delay(&[("ratelimit-reset", "1.0")]), Some(1));
        assert_eq!(delay(&[("ratelimit-reset", "86400")]), Some(86_400));
    }

    #[test]
    fn a_reset_that_makes_no_sense_is_none() {
        assert_eq!(delay(&[("ratelimit-reset", "1795449000")]), None);
        assert_eq!(delay(&[("ratelimit-reset", "99999999999999999999999")]), None);
        assert_eq!(delay(&[("ratelimit-reset", "1795449000"), ("retry-after", "5")]), Some(5));
        for text in ["1795449000", "1764360000", "1764360000000", "99999999999999999999999"] {
            assert_eq!(delay(&[("retry-after", text)]), None, "{text}");
            assert_eq!(delay(&[("retry-after", &format!("{text}, 5"))]), Some(5), "{text}");
            assert_eq!(delay(&[("retry-after", text), ("ratelimit-reset", "7")]), Some(7), "{text}");
        }
        assert_eq!(delay(&[("retry-after", "86400")]), Some(86_400));
    }

    #[test]
    fn retry_after_is_read_where_there_is_no_reset() {
        assert_eq!(delay(&[("retry-after", "5")]), Some(5));
        assert_eq!(delay(&[("retry-after", "5"), ("ratelimit-reset", "soon")]), Some(5));
    }

    #[test]
    fn longest_wait_of_all_headers_and_lists_counts() {
        const DATE: (&str, &str) = ("date", "Mon, 23 Nov 2026 12:00:00 GMT");
        const IN_90: &str = "Mon, 23 Nov 2026 12:01:30 GMT";
        const IN_30: &str = "Monday, 23-Nov-26 12:00:30 GMT";
        const IN_60: &str = "Mon Nov 23 12:01:00 2026";
        let (reset, retry) = (|text| ("ratelimit-reset", text), |text| ("retry-after", text));
        let list = |items: &[&str]| items.join(", ");
        for (headers, expected) in [
            // Over both headers, in either order.
            (vec![reset("0"), retry("3000")], Some(3000)),
            (vec![retry("3000"), reset("1")], Some(3000)),
            (vec![reset("7"), retry("5")], Some(7)),
            (vec![reset("1795449000"), retry("0")], Some(0)),
            (vec![reset("86401"), retry("86401")], None),
            // Repeated.
            (vec![reset("1"), reset("60")], Some(60)),
            (vec![reset("60"), reset("1"), reset("soon")], Some(60)),
            (vec![retry("1"), retry("60"), retry("")], Some(60)),
            (vec![reset("86401"), reset("2")], Some(2)),
            // Lists.
            (vec![reset("1, 60")], Some(60)),
            (vec![reset("60,1")], Some(60)),
            (vec![reset(",, 60 ,\t, 1,")], Some(60)),
            (vec![reset("1, 1795449000")], Some(1)),
            (vec![reset("1, 2"), reset("3, 4"), retry("2, 3")], Some(4)),
            (vec![retry("5, 60")], Some(60)),
            (vec![retry("soon, 60, later")], Some(60)),
            (vec![retry("0.5, 1.5")], Some(2)),
            (vec![reset(","), retry(", ,")], None),
            (vec![reset("1 2"), retry("3;4")], None),
            // Dates, in each form, alone and in lists.
            (vec![retry(IN_90), DATE], Some(90)),
            (vec![retry(IN_30), DATE], Some(30)),
            (vec![retry(IN_60), DATE], Some(60)),
            (vec![retry(&list(&[IN_90, "60"])), DATE], Some(90)),
            (vec![retry(&list(&["60", IN_90])), DATE], Some(90)),
            (vec![retry(&list(&["100", IN_90])), DATE], Some(100)),
            (vec![retry(&list(&[IN_60, IN_90, IN_30])), DATE], Some(90)),
            (vec![retry(&list(&[IN_30, IN_60])), DATE], Some(60)),
            (vec![retry(IN_30), retry(IN_90), DATE], Some(90)),
            (vec![retry(IN_90), reset("7"), DATE], Some(90)),
            (vec![retry(IN_30), reset("70"), DATE], Some(70)),
            // Of several dates of the reply, the earliest.
            (vec![retry(IN_90), DATE, ("date", IN_60)], Some(90)),
            (vec![retry(&list(&[IN_90, "2"]))], Some(2)),
            (vec![retry("Mon, 23 Nov"), DATE], None),
            (vec![retry("Mon, 23, Nov 2026 12:01:30 GMT"), DATE], Some(23)),
        ] {
            assert_eq!(delay(&headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn header_with_many_commas_is_read_quickly() {
        let commas = ",".repeat(100_000);
        assert_eq!(delay(&[("retry-after", &format!("{commas}9{commas}"))]), Some(9));
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_reply() {
        let date = ("date", "Mon, 23 Nov 2026 12:00:00 GMT");
        assert_eq!(delay(&[("retry-after", "Mon, 23 Nov 2026 12:01:30 GMT"), date]), Some(90));
        assert_eq!(delay(&[("retry-after", "Mon, 23 Nov 2026 11:00:00 GMT"), date]), Some(0));
        assert_eq!(delay(&[("retry-after", "Mon, 23 Nov 2026 12:01:30 GMT")]), None);
    }

    #[test]
    fn what_is_no_delay_is_none() {
        for text in ["", "-1", "soon", "1e3", "1.", ".5", "+5", "٣", "5 s"] {
            assert_eq!(
                delay(&[("ratelimit-reset", text), ("retry-after", text)]),
                (text == "1.").then_some(1),
                "{text}"
            );
        }
        assert_eq!(delay(&[]), None);
    }
}
