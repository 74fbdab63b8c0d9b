//! Layer 8: the clients, which carry the steps of the machine over a transport and a clock.

pub(crate) mod async_client;
pub(crate) mod blocking_client;
pub(crate) mod call_error;
pub(crate) mod clock;
pub(crate) mod observer;
pub(crate) mod provider;
pub(crate) mod shared;
#[cfg(feature = "tracing")]
pub(crate) mod trace;
pub(crate) mod transport;
pub(crate) mod walk;
pub(crate) mod watch;
