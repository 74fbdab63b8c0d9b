//! Time as the core sees it: an argument.

use core::fmt;
use core::time::Duration;

/// A point in time, counted from a moment that the driver chose (usually its own start).
///
/// The core never asks what time it is: whoever drives it passes the time in. That is why this is a plain number
/// and not `std::time::Instant`, which only a clock can make; a test makes one from any [`Duration`].
///
/// ```
/// use core::time::Duration;
/// use kinde_users_core::Instant;
///
/// let start = Instant::START;
/// let later = start.saturating_add(Duration::from_secs(90));
/// assert_eq!(later.saturating_since(start), Duration::from_secs(90));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's own start.
    pub const START: Self = Self(Duration::ZERO);

    /// The instant that lies `elapsed` after the driver's start.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the driver's start this is.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This instant and `duration` more; the end of time where the sum does not fit.
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// The time from `earlier` to this, zero where `earlier` is the later one.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start+{:?}", self.0)
    }
}
