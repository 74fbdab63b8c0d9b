//! What the core takes from `std`: locks, and what contains the panic of a waker. No other file names `std`.

extern crate std;

pub(crate) use std::panic::{AssertUnwindSafe, catch_unwind};
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
