//! Layer 7: tasks that take several calls, as state machines without I/O.

pub(crate) mod erase;
pub(crate) mod find;
pub(crate) mod find_users;
pub(crate) mod job;
pub(crate) mod pages;
pub(crate) mod removal;
pub(crate) mod sought;
pub(crate) mod suspend;

#[cfg(test)]
pub(crate) mod tests;
