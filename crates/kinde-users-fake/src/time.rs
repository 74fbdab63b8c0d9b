//! Converts instants, which are a `Duration` since 1970, to the texts that Kinde sends, and back.

use core::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// 2026-01-01T00:00:00Z: the time of the clock in a new tenant.
pub(crate) const START: Duration = Duration::from_secs(1_767_225_600);

/// The last instant that can be written and read, to the microsecond.
const LAST: Timestamp = Timestamp::constant(253_402_207_200, 999_999_000);

/// Sessions and factors have the offset of Sydney in the public examples.
const SYDNEY: Offset = Offset::constant(11);
const MICROS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
const SECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

pub(crate) fn timestamp(at: Duration) -> Timestamp {
    i64::try_from(at.as_micros()).ok().and_then(|m| Timestamp::from_microsecond(m).ok()).unwrap_or(LAST)
}

fn print(printer: &DateTimePrinter, at: Duration, offset: Offset) -> String {
    let mut text = String::with_capacity(32);
    // Writing into a `String` cannot fail.
    printer.print_timestamp_with_offset(&timestamp(at), offset, &mut text).unwrap_or_default();
    text
}

/// Formats as `2026-03-01T19:54:37.337802+00:00`, the form of a user's own timestamps.
pub(crate) fn utc(at: Duration) -> String {
    print(&MICROS, at, Offset::UTC)
}

/// Formats as `2025-01-01T00:00:00Z`, the form in identities.
pub(crate) fn zulu(at: Duration) -> String {
    let mut text = String::with_capacity(24);
    SECONDS.print_timestamp(&timestamp(at), &mut text).unwrap_or_default();
    text
}

/// Formats as `2025-04-01T13:04:20.315701+11:00`, the form of the start of a session or a factor.
pub(crate) fn sydney(at: Duration) -> String {
    print(&MICROS, at, SYDNEY)
}

/// Formats as `2025-04-01T13:04:20+11`, the form of a change of a session. The offset has no
/// minutes, which RFC 3339 forbids.
pub(crate) fn sydney_short(at: Duration) -> String {
    let mut text = print(&SECONDS, at, SYDNEY);
    text.truncate(text.len().saturating_sub(":00".len()));
    text
}

/// Parses an ISO 8601 text. A time without an offset, and a date without a time, count as UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::from_micros(1_743_473_060_315_701);

    #[test]
    fn each_form_is_one_that_kinde_sends() {
        assert_eq!(utc(AT), "2025-04-01T02:04:20.315701+00:00");
        assert_eq!(zulu(AT), "2025-04-01T02:04:20Z");
        assert_eq!(sydney(AT), "2025-04-01T13:04:20.315701+11:00");
        assert_eq!(sydney_short(AT), "2025-04-01T13:04:20+11");
        assert_eq!(utc(START), "2026-01-01T00:00:00.000000+00:00");
    }

    #[test]
    fn clock_beyond_the_calendar_stays_at_its_end() {
        assert!(utc(Duration::MAX).starts_with("9999-12-30"));
        assert!(sydney_short(Duration::MAX).starts_with("9999-12-3"));
    }

    #[test]
    fn instant_is_read_with_any_offset_or_none() {
        let at = |text| parse(text).map(Timestamp::as_second);
        for text in [
            "2025-04-01T02:04:20Z",
            "2025-04-01T13:04:20+11",
            "2025-04-01T13:04:20.3+11:00",
            "2025-04-01T02:04:20",
            "2025-04-01 02:04:20",
            "2025-04-01T02:04:20+00:00[UTC]",
        ] {
            assert_eq!(at(text), Some(1_743_473_060), "{text}");
        }
        assert_eq!(at("2025-04-01"), Some(1_743_465_600));
        for text in ["", "yesterday", "2025-13-01", "1743473060"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
