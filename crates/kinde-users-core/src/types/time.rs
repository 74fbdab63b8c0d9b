//! Time, which the core takes as an argument.

use core::fmt;
use core::time::Duration;

/// A point in time, counted from a start that the driver chooses.
///
/// This crate never reads a clock: the driver passes the time as an argument. So an instant is a
/// plain number and not a `std::time::Instant`, which only a clock can create. A test can create an
/// instant from any [`Duration`].
///
/// ```
/// use core::time::Duration;
/// use kinde_users::Instant;
///
/// let start = Instant::START;
/// let later = start.saturating_add(Duration::from_secs(90));
/// assert_eq!(later.saturating_since(start), Duration::from_secs(90));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The start of the driver.
    pub const START: Self = Self(Duration::ZERO);

    /// Returns the instant that is `elapsed` after the start of the driver.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Returns the time since the start of the driver.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Returns this instant plus `duration`, or the latest instant if the sum does not fit.
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Returns the time from `earlier` to this instant, or zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start+{:?}", self.0)
    }
}
