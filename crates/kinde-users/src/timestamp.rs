//! Timestamps as instants.

use kinde_users_core::Timestamp;

/// Timestamps as `jiff` instants.
///
/// ```
/// use kinde_users::{Timestamp, TimestampExt};
///
/// // Kinde's short offset, which is not RFC 3339.
/// let instant = Timestamp::from("2025-04-01T13:04:20+11").to_jiff()?;
/// assert_eq!(instant.to_string(), "2025-04-01T02:04:20Z");
/// # Ok::<(), jiff::Error>(())
/// ```
pub trait TimestampExt {
    /// Parses the text.
    ///
    /// # Errors
    ///
    /// Where the text is no timestamp.
    fn to_jiff(&self) -> Result<jiff::Timestamp, jiff::Error>;

    /// A timestamp to send.
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
