//! What a driver tells an exchange, and what the exchange has it do.

use alloc::vec::Vec;
use core::fmt;

use http::{Request, Response};

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::time::Instant;

/// What happened, as the driver tells the exchange.
pub enum Input {
    /// Begin.
    Start,
    /// A response came for what was sent.
    Response(Response<Vec<u8>>),
    /// The head of a response came for what was sent, and its body could not be read.
    HeadOnly(Response<BodyFailure>),
    /// No response came for what was sent.
    Failed(Delivery),
    /// The wait is over.
    Woken,
}

/// What the driver is to do next.
pub enum Step {
    /// Send this, once, and tell what came of it. [`request_timeout`](crate::request_timeout) tells how long it may take.
    Send(Request<Vec<u8>>),
    /// Wait, then say [`Input::Woken`].
    Wait(Wait),
    /// The call has ended.
    Done(Result<Reply, Error>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Until when, at the latest.
    pub until: Instant,
    /// If given, also end the wait when [`Tenant::epoch`](crate::Tenant::epoch) is no longer this.
    pub epoch: Option<u64>,
}

impl Input {
    /// What a transport's error means: the head that came, if one did, or else what is known of the delivery.
    pub(crate) fn lost(head: Option<&Response<BodyFailure>>, delivery: impl FnOnce() -> Delivery) -> Self {
        head.map_or_else(|| Self::Failed(delivery()), |head| Self::HeadOnly(head.clone()))
    }
}

/// The head of a response, with an empty body.
pub(crate) fn without_body(head: Response<BodyFailure>) -> Response<Vec<u8>> {
    head.map(|_| Vec::new())
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Response(response) => {
                write!(f, "Response(HTTP {}, {} bytes)", response.status().as_u16(), response.body().len())
            }
            Self::HeadOnly(head) => write!(f, "HeadOnly(HTTP {}, {:?})", head.status().as_u16(), head.body()),
            Self::Failed(delivery) => write!(f, "Failed({delivery:?})"),
            Self::Woken => f.write_str("Woken"),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request) => write!(f, "Send({}, {} bytes)", request.method(), request.body().len()),
            Self::Wait(wait) => wait.fmt(f),
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
        }
    }
}
