//! Clocks that go as fast as the tenant's.

use core::task::Waker;
use core::time::Duration;

use kinde_users::{AsyncClock, Clock, Instant};

/// How many times as fast as the machine's time the time of the run goes. Without optimisation a
/// TLS handshake takes long, and a time limit is to leave room for many at once.
pub(crate) const SPEED: u32 = if cfg!(debug_assertions) { 250 } else { 1000 };

/// A clock that goes [`SPEED`] times as fast as the one inside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fast<C>(C);

fn faster(slow: Instant) -> Instant {
    Instant::from_start(slow.since_start().saturating_mul(SPEED))
}

/// Not before the time, or a client would wait again for what the division cut off.
fn slower(fast: Instant) -> Instant {
    Instant::from_start(fast.since_start() / SPEED).saturating_add(Duration::from_nanos(1))
}

impl<C: Clock> Clock for Fast<C> {
    fn now(&self) -> Instant {
        faster(self.0.now())
    }

    fn waker(&self) -> Waker {
        self.0.waker()
    }

    fn wait_until(&self, until: Instant) {
        self.0.wait_until(slower(until));
    }
}

impl<C: AsyncClock + Sync> AsyncClock for Fast<C> {
    fn now(&self) -> Instant {
        faster(self.0.now())
    }

    async fn sleep_until(&self, until: Instant) {
        self.0.sleep_until(slower(until)).await;
    }
}
