//! The locks of `std`. This is the one file of the core that names `std`, and it takes nothing else from it.

extern crate std;

pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
