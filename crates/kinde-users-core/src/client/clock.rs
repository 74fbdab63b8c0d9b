//! What tells the time, and waits for it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::Waker;

use crate::types::time::Instant;

/// Tells the time, and waits for it.
pub trait Clock {
    /// The time now, counted from some moment of the clock's choice. It never goes back.
    fn now(&self) -> Instant;

    /// What ends a wait of this thread.
    fn waker(&self) -> Waker;

    /// Returns at `until`, or once this thread's [`waker`](Self::waker) was woken. It may return early.
    fn wait_until(&self, until: Instant);
}

/// Makes a pointer to a clock one.
macro_rules! clock_by_pointer {
    ($($pointer:ty),+) => {$(
        impl<C: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> Instant {
                (**self).now()
            }

            fn waker(&self) -> Waker {
                (**self).waker()
            }

            fn wait_until(&self, until: Instant) {
                (**self).wait_until(until);
            }
        }
    )+};
}

clock_by_pointer!(&C, Box<C>, Arc<C>);

/// Tells the time, and waits for it, in async code.
pub trait AsyncClock {
    /// The time now, counted from some moment of the clock's choice. It never goes back.
    fn now(&self) -> Instant;

    /// Is ready at `until`. It may be ready early.
    fn sleep_until(&self, until: Instant) -> impl Future<Output = ()> + Send;
}

/// Makes a pointer to an async clock one.
macro_rules! async_clock_by_pointer {
    ($($pointer:ty),+) => {$(
        impl<C: AsyncClock> AsyncClock for $pointer {
            fn now(&self) -> Instant {
                (**self).now()
            }

            fn sleep_until(&self, until: Instant) -> impl Future<Output = ()> + Send {
                (**self).sleep_until(until)
            }
        }
    )+};
}

async_clock_by_pointer!(&C, Box<C>, Arc<C>);
