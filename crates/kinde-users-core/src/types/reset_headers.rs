//! Reads how long a reply asks to wait, from `RateLimit-Reset` and `Retry-After`.

use core::iter;
use core::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};

/// Returns how long the service asks to wait: the longest time in `RateLimit-Reset` and
/// `Retry-After`. Kinde sends the first with a 429, in seconds from now. The second is in seconds
/// or a date. Both may be repeated, and may be lists separated by commas. A date is compared with
/// the `Date` of the reply, because the core has no clock, and both dates come from the same clock.
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

/// Returns everything that may be an item of the lists in all headers of this name: the text
/// between two commas, and, because dates contain a comma, between a comma and the one after the
/// next.
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

/// A day. A longer time is not a wait.
const LONGEST_RESET_TOLD: Duration = Duration::from_secs(86_400);

/// Returns a number of seconds, rounded up. A number that is too large for a wait is a point in
/// time, which other services send.
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
    fn reset_is_in_seconds_from_now() {
        assert_eq!(delay(&[("ratelimit-reset", "17")]), Some(17));
        assert_eq!(delay(&[("ratelimit-reset", " 0 ")]), Some(0));
        assert_eq!(delay(&[("ratelimit-reset", "1.2")]), Some(2));
        assert_eq!(delay(&[("ratelimit-reset", "1.0")]), Some(1));
        assert_eq!(delay(&[("ratelimit-reset", "86400")]), Some(86_400));
    }

    #[test]
    fn reset_that_makes_no_sense_is_none() {
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
    fn every_wait_of_up_to_a_day_is_read() {
        for seconds in 0..=90_000 {
            let known = (seconds <= 86_400).then_some(Duration::from_secs(seconds));
            assert_eq!(seconds_to_wait(&format!("{seconds}")), known);
            assert_eq!(seconds_to_wait(&format!("{seconds}.00")), known);
            let later = (seconds < 86_400).then_some(Duration::from_secs(seconds + 1));
            assert_eq!(seconds_to_wait(&format!("{seconds}.01")), later);
        }
    }

    #[test]
    fn every_second_of_a_leap_day_counts_from_the_date() {
        let midnight = std::time::UNIX_EPOCH + Duration::from_secs(1_709_164_800);
        let date = ("date", &*httpdate::fmt_http_date(midnight));
        assert_eq!(date.1, "Thu, 29 Feb 2024 00:00:00 GMT");
        for seconds in 0..=86_400 {
            let until = httpdate::fmt_http_date(midnight + Duration::from_secs(seconds));
            assert_eq!(delay(&[("retry-after", &until), date]), Some(seconds), "{until}");
        }
    }

    #[test]
    fn header_with_many_commas_is_read_quickly() {
        let commas = ",".repeat(100_000);
        assert_eq!(delay(&[("retry-after", &format!("{commas}9{commas}"))]), Some(9));
    }

    #[test]
    fn date_counts_from_the_date_of_the_reply() {
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
