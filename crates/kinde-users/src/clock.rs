//! The clock of the system.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use kinde_users_core::{Clock, Instant};

/// The monotonic clock of the system. The time is counted from the creation of this value.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// Creates a clock that starts now.
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::from_start(self.start.elapsed())
    }

    fn waker(&self) -> Waker {
        struct Unpark(Thread);

        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        Waker::from(Arc::new(Unpark(thread::current())))
    }

    fn wait_until(&self, until: Instant) {
        let left = until.saturating_since(self.now());
        if !left.is_zero() {
            thread::park_timeout(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn thread_that_was_woken_does_not_wait() {
        let clock = SystemClock::new();
        clock.waker().wake();
        clock.wait_until(clock.now().saturating_add(Duration::from_secs(3600)));
        assert!(clock.now() < Instant::from_start(Duration::from_secs(3600)));
    }

    #[test]
    fn thread_waits_until_the_time() {
        let clock = SystemClock::new();
        let until = clock.now().saturating_add(Duration::from_millis(10));
        let mut waits = 0;
        while clock.now() < until {
            clock.wait_until(until);
            waits += 1;
        }
        // A wait may end early, but it does not end at once.
        assert!(waits < 100, "{waits}");
    }

    #[test]
    fn time_that_has_passed_is_not_waited_for() {
        let clock = SystemClock::default();
        clock.wait_until(Instant::START);
    }
}
