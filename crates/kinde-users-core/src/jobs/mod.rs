//! Layer 7: what takes several calls, as machines with no I/O.

pub(crate) mod erase;
pub(crate) mod find;
pub(crate) mod job;
pub(crate) mod pages;
pub(crate) mod removal;
pub(crate) mod suspend;

#[cfg(test)]
pub(crate) mod tests;
