//! Layer 5: why a call has no result.

pub(crate) mod api_error;
pub(crate) mod auth_error;
pub(crate) mod call;
pub(crate) mod error_body;
pub(crate) mod hints;
pub(crate) mod results;

#[cfg(test)]
pub(crate) mod tests;
