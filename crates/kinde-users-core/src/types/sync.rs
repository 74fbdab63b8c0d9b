//! The parts of `std` that the core uses: locks, and `catch_unwind` for the panic of a waker. No
//! other file names `std`.

extern crate std;

pub(crate) use std::panic::{AssertUnwindSafe, catch_unwind};
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
