//! The clock of tokio.

use kinde_users_core::{AsyncClock, Instant};
use tokio::time;

/// Measures the time since this value was created, with the clock of tokio. If a test pauses
/// tokio's time, this clock pauses too.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: time::Instant,
}

impl TokioClock {
    /// Creates a clock that starts now.
    pub fn new() -> Self {
        Self { start: time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncClock for TokioClock {
    fn now(&self) -> Instant {
        Instant::from_start(self.start.elapsed())
    }

    async fn sleep_until(&self, until: Instant) {
        // Sleeps for the time that is left, which may be unlimited: the sum of start and end could
        // overflow.
        time::sleep(until.saturating_since(self.now())).await;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clock_stands_while_time_is_paused() {
        let clock = TokioClock::new();
        assert_eq!(clock.now(), Instant::START);
        let until = Instant::from_start(Duration::from_secs(3600));
        clock.sleep_until(until).await;
        assert_eq!(clock.now(), until);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_that_has_passed_is_not_waited_for() {
        let clock = TokioClock::default();
        time::advance(Duration::from_secs(1)).await;
        clock.sleep_until(Instant::START).await;
        assert_eq!(clock.now(), Instant::from_start(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_until_the_end_of_time_is_possible() {
        let clock = TokioClock::new();
        let until = Instant::from_start(Duration::MAX);
        assert!(time::timeout(Duration::from_secs(3600), clock.sleep_until(until)).await.is_err());
    }
}
