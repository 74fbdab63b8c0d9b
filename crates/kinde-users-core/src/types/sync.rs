//! The parts of `std` that the core uses: locks, and `catch_unwind` for the panic of a waker. No
//! other file names `std`.
//!
//! `fuzz/orders` compiles these sources with the lock of loom, which tries all orders of its users.
//! Only the build script of that package sets `kinde_orders`.

extern crate std;

#[cfg(kinde_orders)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(not(kinde_orders))]
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::sync::{OnceLock, PoisonError};
