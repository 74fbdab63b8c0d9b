//! Clocks, which return the time and wait.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::Waker;

use crate::types::time::Instant;

/// Returns the time and waits, in blocking code.
pub trait Clock {
    /// Returns the current time, counted from an arbitrary start. The time never goes back.
    fn now(&self) -> Instant;

    /// Returns a waker that ends a wait of the current thread.
    fn waker(&self) -> Waker;

    /// Blocks until `until`, or until the [`waker`](Self::waker) of the current thread is woken.
    /// The method may return early.
    fn wait_until(&self, until: Instant);
}

/// Implements `Clock` for pointer types.
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

/// Returns the time and waits, in async code.
pub trait AsyncClock {
    /// Returns the current time, counted from an arbitrary start. The time never goes back.
    fn now(&self) -> Instant;

    /// Completes at `until`, or earlier.
    fn sleep_until(&self, until: Instant) -> impl Future<Output = ()> + Send;
}

/// Implements `AsyncClock` for pointer types.
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

#[cfg(test)]
mod tests {
    use alloc::task::Wake;

    use super::*;

    struct Asleep;

    impl Wake for Asleep {
        fn wake(self: Arc<Self>) {}
    }

    /// A clock with its own waker.
    struct Woken(Waker);

    impl Clock for Woken {
        fn now(&self) -> Instant {
            Instant::START
        }

        fn waker(&self) -> Waker {
            self.0.clone()
        }

        fn wait_until(&self, _: Instant) {}
    }

    #[test]
    fn pointers_have_the_waker_of_the_clock() {
        fn waker(clock: impl Clock) -> Waker {
            clock.waker()
        }
        let own = Waker::from(Arc::new(Asleep));
        let clock = || Woken(own.clone());
        let reference = &clock();
        assert!(waker(reference).will_wake(&own));
        assert!(waker(Box::new(clock())).will_wake(&own));
        assert!(waker(Arc::new(clock())).will_wake(&own));
    }
}
