//! Timestamps as instants.

use kinde_users_core::Timestamp;

/// Converts timestamps from and to `jiff` instants.
///
/// ```
/// use kinde_users::{Timestamp, TimestampExt};
///
/// // The short offset that Kinde sends is not valid in RFC 3339.
/// let instant = Timestamp::from("2025-04-01T13:04:20+11").to_jiff()?;
/// assert_eq!(instant.to_string(), "2025-04-01T02:04:20Z");
/// # Ok::<(), jiff::Error>(())
/// ```
pub trait TimestampExt {
    /// Parses the timestamp.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a timestamp.
    fn to_jiff(&self) -> Result<jiff::Timestamp, jiff::Error>;

    /// Creates a timestamp to send.
    fn from_jiff(instant: jiff::Timestamp) -> Self;
}

impl TimestampExt for Timestamp {
    fn to_jiff(&self) -> Result<jiff::Timestamp, jiff::Error> {
        self.as_str().parse()
    }

    fn from_jiff(instant: jiff::Timestamp) -> Self {
        Self::from(instant.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_survives_the_round_trip() {
        let instant: jiff::Timestamp = "2025-04-01T02:04:20.123456Z".parse().unwrap();
        assert_eq!(Timestamp::from_jiff(instant).to_jiff().unwrap(), instant);
        assert_eq!(Timestamp::from("2025-04-01T13:04:20.123456+11").to_jiff().unwrap(), instant);
        assert!(Timestamp::from("yesterday").to_jiff().is_err());
    }
}
