//! Layer 6: the state machine of a call, and the state that all calls of a tenant share.

pub(crate) mod call_options;
pub(crate) mod credentials;
pub(crate) mod dyn_operation;
pub(crate) mod exchange;
pub(crate) mod pace;
pub(crate) mod request_timeout;
pub(crate) mod retry;
pub(crate) mod step;
pub(crate) mod tenant;
pub(crate) mod token_reply;
pub(crate) mod token_request;
pub(crate) mod tokens;
