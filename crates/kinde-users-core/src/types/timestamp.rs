//! Timestamps in the form of the service.

use core::fmt;
use core::ops::Range;

use crate::types::text_type::text_type;

text_type! {
    /// A timestamp as text.
    ///
    /// Kinde writes most timestamps in RFC 3339 form, but not all. For instance,
    /// `2025-04-01T13:04:20+11` has an offset without minutes. This type keeps the text unparsed,
    /// so that a page of users is not lost because of an unknown form. Parse the text when you need
    /// it. `timestamp.as_str().parse::<jiff::Timestamp>()` reads all known forms. The crate
    /// `kinde-users` has the feature `jiff` for this.
    Timestamp
}

impl Timestamp {
    /// Whether it has the form of a date-time: `2025-04-01T13:04:20.315701+11:00`, `…Z`, or Kinde's
    /// `…+11`. The numbers are in their ranges, but the month may not have that day.
    pub(crate) fn is_well_formed(&self) -> bool {
        let Some((clock, rest)) = self.0.as_bytes().split_at_checked(19) else { return false };
        let offset_at = rest.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
        let Some((fraction, offset)) = offset_at.and_then(|at| rest.split_at_checked(at)) else {
            return false;
        };
        let in_range = |text: &[u8], range: Range<usize>, least: u8, most: u8| {
            let digits = text.get(range).and_then(|digits| core::str::from_utf8(digits).ok());
            let number = digits.and_then(|digits| digits.parse().ok());
            number.is_some_and(|number| (least..=most).contains(&number))
        };
        let fraction_fits = match fraction {
            [] => true,
            [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        matches_form(clock, b"0000-00-00T00:00:00")
            && in_range(clock, 5..7, 1, 12)
            && in_range(clock, 8..10, 1, 31)
            && in_range(clock, 11..13, 0, 23)
            && in_range(clock, 14..16, 0, 59)
            && in_range(clock, 17..19, 0, 60)
            && fraction_fits
            && match offset {
                b"Z" => true,
                [b'+' | b'-', hours_and_minutes @ ..] => {
                    let with_minutes = matches_form(hours_and_minutes, b"00:00");
                    (with_minutes || matches_form(hours_and_minutes, b"00"))
                        && in_range(hours_and_minutes, 0..2, 0, 23)
                        && (!with_minutes || in_range(hours_and_minutes, 3..5, 0, 59))
                }
                _ => false,
            }
    }
}

/// Whether `text` has the form of `form`, in which `0` stands for any digit.
fn matches_form(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text
            .iter()
            .zip(form)
            .all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_well_formed() {
            write!(f, "Timestamp({})", self.0)
        } else {
            crate::types::masking::write_hidden(f, "Timestamp", self.0.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times_are_well_formed() {
        for text in [
            "2025-04-01T13:04:20Z",
            "2025-04-01T13:04:20+11",
            "2025-04-01T13:04:20-03:30",
            "2026-03-01T19:54:37.337802+00:00",
            "2024-11-18T13:32:07.22538+11:00",
        ] {
            assert!(Timestamp::from(text).is_well_formed(), "{text}");
        }
    }

    #[test]
    fn debug_shows_only_what_is_well_formed() {
        let time = Timestamp::from("2025-04-01T13:04:20Z");
        assert_eq!(format!("{time} {time:?}"), "2025-04-01T13:04:20Z Timestamp(2025-04-01T13:04:20Z)");
        assert!(!format!("{:?}", Timestamp::from("yesterday")).contains("yesterday"));
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "",
            "yesterday",
            "2025-04-01",
            "2025-4-1",
            "2025-13-01T00:00:00Z",
            "2025-12-32T00:00:00Z",
            "2025-12-01T24:00:00Z",
            "2025-12-01T00:60:00Z",
            "2025-12-01T00:00:61Z",
            "2025-04-01T",
            "2025-04-01T13:04",
            "2025-04-01T13:04:20",
            "2025-04-01 13:04:20Z",
            "2025-04-01T13:04:20.Z",
            "2025-04-01T13:04:20,5Z",
            "2025-04-01T13:04:20+1",
            "2025-04-01T13:04:20+24",
            "2025-04-01T13:04:20-11:60",
            "2025-04-01T13:04:20ZZ",
            "2025-04-01T13:04:20.000000+0000",
            "2025\u{2010}04-01",
            "1743476660",
        ] {
            assert!(!Timestamp::from(text).is_well_formed(), "{text}");
        }
    }
}
