//! Layer 5: why a call has no result.

pub(crate) mod call;
