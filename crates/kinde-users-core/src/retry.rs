//! How long to wait before trying again.

use core::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// How long the service asks to wait: `RateLimit-Reset`, which Kinde sends with 429 in seconds from now, or
/// `Retry-After`, in seconds or as a date. A date is measured against the reply's own `Date`: the core has no clock, and
/// the two come from the same one.
pub(crate) fn reset_delay(headers: &HeaderMap) -> Option<Duration> {
    const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(seconds) = text(&RATELIMIT_RESET).and_then(whole_seconds) {
        return Some(seconds);
    }
    let retry_after = text(&RETRY_AFTER)?;
    whole_seconds(retry_after).or_else(|| {
        let until = httpdate::parse_http_date(retry_after).ok()?;
        let now = httpdate::parse_http_date(text(&DATE)?).ok()?;
        Some(until.duration_since(now).unwrap_or_default())
    })
}

/// A number of seconds, rounded up; more than fit is the most that fit.
fn whole_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds = whole.parse().unwrap_or(u64::MAX);
    let rounding = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(Duration::from_secs(seconds.saturating_add(rounding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delay(headers: &[(&'static str, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        reset_delay(&map).map(|delay| delay.as_secs())
    }

    #[test]
    fn the_reset_is_in_seconds_from_now() {
        assert_eq!(delay(&[("ratelimit-reset", "17")]), Some(17));
        assert_eq!(delay(&[("ratelimit-reset", " 0 ")]), Some(0));
        assert_eq!(delay(&[("ratelimit-reset", "1.2")]), Some(2));
        assert_eq!(delay(&[("ratelimit-reset", "1.0")]), Some(1));
        assert_eq!(delay(&[("ratelimit-reset", "99999999999999999999999")]), Some(u64::MAX));
    }

    #[test]
    fn retry_after_is_read_where_there_is_no_reset() {
        assert_eq!(delay(&[("retry-after", "5")]), Some(5));
        assert_eq!(delay(&[("retry-after", "5"), ("ratelimit-reset", "7")]), Some(7));
        assert_eq!(delay(&[("retry-after", "5"), ("ratelimit-reset", "soon")]), Some(5));
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
