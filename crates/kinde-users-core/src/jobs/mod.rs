//! Layer 7: what takes several calls, as machines with no I/O.

pub(crate) mod find;
pub(crate) mod job;
pub(crate) mod pages;
