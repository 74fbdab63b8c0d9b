//! Checks of single values of a file.

pub(crate) mod hash;
pub(crate) mod identity;
pub(crate) mod stand_in;
