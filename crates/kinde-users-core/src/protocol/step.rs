//! The inputs and outputs of an exchange.

use alloc::vec::Vec;
use core::fmt;

use http::{Request, Response};

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::time::Instant;

/// What happened. A driver passes an input to [`Exchange::advance`](crate::Exchange::advance).
pub enum Input {
    /// The call starts.
    Start,
    /// The response arrived.
    Response(Response<Vec<u8>>),
    /// The head of the response arrived, but its body could not be read.
    HeadOnly(Response<BodyFailure>),
    /// There is no response. The [`Delivery`] says whether the request may have arrived.
    Failed(Delivery),
    /// The wait is over.
    Woken,
}

/// What the driver does next.
pub enum Step {
    /// Send this request once, and report the outcome. [`request_timeout`](crate::request_timeout)
    /// returns how long the attempt may take.
    Send(Request<Vec<u8>>),
    /// Wait, then pass [`Input::Woken`].
    Wait(Wait),
    /// The call has ended.
    Done(Result<Reply, Error>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// The end of the wait.
    pub until: Instant,
    /// If this is `Some`, also end the wait as soon as [`Tenant::epoch`](crate::Tenant::epoch)
    /// returns a different number.
    pub epoch: Option<u64>,
}

impl Input {
    /// Returns the input for an error of a transport: the head if it arrived, or else the delivery.
    pub(crate) fn lost(head: Option<&Response<BodyFailure>>, delivery: impl FnOnce() -> Delivery) -> Self {
        head.map_or_else(|| Self::Failed(delivery()), |head| Self::HeadOnly(head.clone()))
    }
}

/// Returns the head of a response with an empty body.
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
