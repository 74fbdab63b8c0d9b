//! Scripted faults.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;

use crate::failure::{empty, reply};
use crate::head::FakeHead;

/// Why a request got no reply, or only a part of it. Only a [`Fault`] causes this error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FakeError {
    /// The request was not sent, and the tenant did not see it.
    NotSent,
    /// The connection broke after the request was sent. The caller cannot know whether it took
    /// effect.
    ConnectionLost,
    /// The reply took longer than the caller waits.
    TimedOut,
    /// The head of the reply arrived, but its body did not.
    HeadOnly(FakeHead),
}

impl fmt::Display for FakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "the request was not sent",
            Self::ConnectionLost => "the connection was lost before a reply came",
            Self::TimedOut => "no reply came in time",
            Self::HeadOnly(_) => "the connection was lost before the body of the reply came",
        })
    }
}

impl core::error::Error for FakeError {}

/// Something that goes wrong with one request. It goes wrong before the request takes effect,
/// unless [`after_the_effect`](Self::after_the_effect) says otherwise.
///
/// A fault can also change how a reply travels, be it the real reply or that of another fault:
/// `Fault::real_reply().head_after(seconds)`, `Fault::server_error().gzipped()`. This holds for
/// replies over a socket. In process, nothing sleeps and there is no socket, so delays move the
/// clock and the form makes no difference.
#[derive(Clone)]
#[must_use]
pub struct Fault {
    pub(crate) what: What,
    pub(crate) after: bool,
    pub(crate) wire: Wire,
    /// The bytes of the control request that scripted it.
    pub(crate) held: usize,
}

/// How a reply travels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wire {
    pub(crate) head_after: Duration,
    pub(crate) body_after: Duration,
    pub(crate) chunked: bool,
    pub(crate) gzipped: bool,
    pub(crate) ending: Ending,
}

/// What happens to the connection in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    #[default]
    KeptAlive,
    Closed,
    /// The connection breaks off in the middle of the body.
    BrokenOff,
}

type Edit = dyn Fn(&mut Response<Vec<u8>>) + Send + Sync;

#[derive(Clone)]
pub(crate) enum What {
    Reply(Response<Vec<u8>>),
    /// The operation's reply to a request over the limit. It has this reset in seconds, or none.
    Limited(Option<u64>),
    Edit(Arc<Edit>),
    NoReply(FakeError),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, status) = match &self.what {
            What::Reply(response) => ("reply", Some(response.status())),
            What::Limited(_) => ("rate limited", None),
            What::Edit(_) => ("edit", None),
            What::NoReply(FakeError::NotSent) => ("not sent", None),
            What::NoReply(_) => ("connection lost", None),
        };
        f.debug_struct("Fault")
            .field("what", &name)
            .field("status", &status)
            .field("after", &self.after)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

impl Fault {
    fn new(what: What, after: bool) -> Self {
        Self { what, after, wire: Wire::default(), held: 0 }
    }

    /// Creates a fault that keeps the real reply and only changes how it travels.
    pub fn real_reply() -> Self {
        Self::edit(|_| ())
    }

    /// Replaces the real reply with this response.
    pub fn reply(response: Response<Vec<u8>>) -> Self {
        Self::new(What::Reply(response), false)
    }

    /// Replies with this status and an empty body. A number that is not a status counts as 500.
    pub fn status(status: u16) -> Self {
        Self::reply(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
    }

    /// Replies with 429 and `RateLimit-Reset`, the number of seconds to wait. Some operations have
    /// an error body in this reply and others do not, unless
    /// [`Choice::TooManyRequests`](crate::Choice::TooManyRequests) says otherwise.
    pub fn rate_limited(reset_seconds: u64) -> Self {
        Self::limited(Some(reset_seconds))
    }

    pub(crate) fn limited(reset_seconds: Option<u64>) -> Self {
        Self::new(What::Limited(reset_seconds), false)
    }

    /// Replies with 403 without a body, as the description says of several operations.
    pub fn forbidden() -> Self {
        Self::status(403)
    }

    /// Replies with 500 in plain text, as recorded from the live service.
    pub fn server_error() -> Self {
        let body = b"INTERNAL SERVER ERROR".to_vec();
        Self::reply(reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", body))
    }

    /// Replies with 503 and a page of HTML, like a proxy in between.
    pub fn unavailable() -> Self {
        let body = b"<html><body><h1>503 Service Unavailable</h1></body></html>".to_vec();
        Self::reply(reply(StatusCode::SERVICE_UNAVAILABLE, "text/html", body))
    }

    /// Cuts the body of the real reply in the middle, after the effect.
    pub fn cut_body() -> Self {
        Self::edit(|response| {
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
        })
    }

    /// Makes the real reply larger by at least this many bytes, after the effect. The bytes are in
    /// a field that the description does not have.
    pub fn larger_by(bytes: usize) -> Self {
        Self::edit(move |response| {
            let body = response.body_mut();
            let rest = body.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).unwrap_or_default();
            if let [first, ..] = rest {
                let comma = if *first == b'}' { "" } else { "," };
                let field = format!("{{\"padding\":\"{}\"{comma}", "x".repeat(bytes));
                *body = [field.as_bytes(), rest].concat();
            }
        })
    }

    /// Changes the content type of the real reply, for example to `text/html`, after the effect. A
    /// text that is not a valid header value removes the content type.
    pub fn content_type(media_type: &str) -> Self {
        let value = HeaderValue::from_str(media_type).ok();
        Self::edit(move |response| {
            response.headers_mut().remove(header::CONTENT_TYPE);
            if let Some(value) = &value {
                response.headers_mut().insert(header::CONTENT_TYPE, value.clone());
            }
        })
    }

    /// Changes the real reply by `edit`, after the effect. `edit` runs inside the tenant and must
    /// not call it.
    pub fn edit(edit: impl Fn(&mut Response<Vec<u8>>) + Send + Sync + 'static) -> Self {
        Self::new(What::Edit(Arc::new(edit)), true)
    }

    /// Does not send the request.
    pub fn not_sent() -> Self {
        Self::new(What::NoReply(FakeError::NotSent), false)
    }

    /// Breaks the connection after the request was sent.
    pub fn connection_lost() -> Self {
        Self::new(What::NoReply(FakeError::ConnectionLost), false)
    }

    /// Makes the fault happen after the request has taken effect. A request that was not sent has
    /// no effect, so this does not change [`not_sent`](Self::not_sent).
    pub fn after_the_effect(mut self) -> Self {
        self.after = !matches!(self.what, What::NoReply(FakeError::NotSent));
        self
    }
}

/// How the reply travels.
impl Fault {
    /// Delays the head. If the delay is longer than the caller waits, the caller gets a time-out.
    pub fn head_after(mut self, delay: Duration) -> Self {
        self.wire.head_after = delay;
        self
    }

    /// Delays the body after the head. If the delay is longer than the caller waits, the body does
    /// not arrive.
    pub fn body_after(mut self, delay: Duration) -> Self {
        self.wire.body_after = delay;
        self
    }

    /// Sends the reply in chunks, without `Content-Length`.
    pub fn chunked(mut self) -> Self {
        self.wire.chunked = true;
        self
    }

    /// Compresses the reply if the request accepts gzip.
    pub fn gzipped(mut self) -> Self {
        self.wire.gzipped = true;
        self
    }

    /// Closes the connection after the reply.
    pub fn then_closed(mut self) -> Self {
        self.wire.ending = Ending::Closed;
        self
    }

    /// Breaks the connection off in the middle of the body. The caller has the head; in process the
    /// error is [`FakeError::HeadOnly`].
    pub fn broken_off(mut self) -> Self {
        self.wire.ending = Ending::BrokenOff;
        self
    }
}

/// The scripted faults of each operation, in order.
#[derive(Clone, Default)]
pub(crate) struct Script(BTreeMap<String, VecDeque<(usize, Fault)>>);

impl Script {
    pub(crate) fn push(&mut self, operation: &str, times: usize, fault: Fault) {
        if times > 0 {
            self.0.entry(operation.to_owned()).or_default().push_back((times, fault));
        }
    }

    pub(crate) fn take(&mut self, operation: &str) -> Option<Fault> {
        let queue = self.0.get_mut(operation)?;
        let (times, fault) = queue.front_mut()?;
        *times -= 1;
        if *times == 0 { queue.pop_front().map(|(_, fault)| fault) } else { Some(fault.clone()) }
    }

    /// Returns the operation of each fault, and for how many requests it is left.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().flat_map(|(name, queue)| queue.iter().map(|(times, _)| (name.as_str(), *times)))
    }

    pub(crate) fn held(&self) -> usize {
        self.0.values().flatten().fold(0, |sum, (_, fault)| sum.saturating_add(fault.held))
    }

    pub(crate) fn left(&self) -> usize {
        self.faults().fold(0, |sum, (_, times)| sum.saturating_add(times))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
