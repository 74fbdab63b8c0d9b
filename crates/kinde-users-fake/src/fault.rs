//! Scripted misbehaviour.

use core::fmt;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode, header};

use crate::failure::{empty, reply};
use crate::head::FakeHead;

/// Why a request got no reply, or not all of it. Only a [`Fault`] makes these.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FakeError {
    /// The request never left: the tenant did not see it.
    NotSent,
    /// The connection broke after the request had left; whether it took effect cannot be told from here.
    ConnectionLost,
    /// The reply took longer than the caller would wait.
    TimedOut,
    /// The head of the reply came, and its body did not.
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

/// Something that goes wrong with one request. Before the request takes effect, unless made with
/// [`after_the_effect`](Self::after_the_effect).
///
/// What goes wrong can also be how the reply travels, be it the real one or that of another fault:
/// `Fault::real_reply().head_after(seconds)`, `Fault::server_error().gzipped()`. Over a socket it travels so; in
/// process, where nothing sleeps and there is no wire, delays move the clock and the form makes no difference.
#[derive(Clone)]
#[must_use]
pub struct Fault {
    pub(crate) what: What,
    pub(crate) after: bool,
    pub(crate) wire: Wire,
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

/// What becomes of the connection in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    KeptAlive,
    Closed,
    /// In the middle of the body.
    BrokenOff,
}

type Edit = dyn Fn(&mut Response<Vec<u8>>) + Send + Sync;

#[derive(Clone)]
pub(crate) enum What {
    Reply(Response<Vec<u8>>),
    /// What the operation answers over the limit, with the seconds to wait.
    Limited(u64),
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
            .finish()
    }
}

impl Fault {
    fn new(what: What, after: bool) -> Self {
        Self { what, after, wire: Wire::default() }
    }

    /// Nothing goes wrong but how the real reply travels.
    pub fn real_reply() -> Self {
        Self::edit(|_| ())
    }

    /// This response instead of the real one.
    pub fn reply(response: Response<Vec<u8>>) -> Self {
        Self::new(What::Reply(response), false)
    }

    /// An empty body with this status; 500 for a number that is no status.
    pub fn status(status: u16) -> Self {
        Self::reply(empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)))
    }

    /// 429 with `RateLimit-Reset`: seconds to wait, as Kinde counts them. Some operations have an error body with it,
    /// and others none, unless [chosen](crate::Choice::TooManyRequests).
    pub fn rate_limited(reset_seconds: u64) -> Self {
        Self::new(What::Limited(reset_seconds), false)
    }

    /// 403 with no body, as several operations are described to answer.
    pub fn forbidden() -> Self {
        Self::status(403)
    }

    /// 500 in plain text, as recorded from the live service.
    pub fn server_error() -> Self {
        let body = b"INTERNAL SERVER ERROR".to_vec();
        Self::reply(reply(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", body))
    }

    /// 503 with a page of HTML, as a proxy in between answers.
    pub fn unavailable() -> Self {
        let body = b"<html><body><h1>503 Service Unavailable</h1></body></html>".to_vec();
        Self::reply(reply(StatusCode::SERVICE_UNAVAILABLE, "text/html", body))
    }

    /// The real reply, after the effect, with its body cut in the middle.
    pub fn cut_body() -> Self {
        Self::edit(|response| {
            let half = response.body().len() / 2;
            response.body_mut().truncate(half);
        })
    }

    /// The real reply, after the effect, and at least so many bytes larger by a field that nobody described.
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

    /// The real reply, after the effect, that says it is something else than JSON, as `text/html`. What is no value
    /// of a header is left out, and the content type with it.
    pub fn content_type(media_type: &str) -> Self {
        let value = HeaderValue::from_str(media_type).ok();
        Self::edit(move |response| {
            response.headers_mut().remove(header::CONTENT_TYPE);
            if let Some(value) = &value {
                response.headers_mut().insert(header::CONTENT_TYPE, value.clone());
            }
        })
    }

    /// The real reply, after the effect, changed by `edit`: which runs inside the tenant and must not ask it.
    pub fn edit(edit: impl Fn(&mut Response<Vec<u8>>) + Send + Sync + 'static) -> Self {
        Self::new(What::Edit(Arc::new(edit)), true)
    }

    /// The request does not leave.
    pub fn not_sent() -> Self {
        Self::new(What::NoReply(FakeError::NotSent), false)
    }

    /// The connection breaks once the request has left.
    pub fn connection_lost() -> Self {
        Self::new(What::NoReply(FakeError::ConnectionLost), false)
    }

    /// The same once the request has taken effect. A request that was not sent has none, so that
    /// [`not_sent`](Self::not_sent) stays as it is.
    pub fn after_the_effect(mut self) -> Self {
        self.after = !matches!(self.what, What::NoReply(FakeError::NotSent));
        self
    }
}

/// How the reply travels.
impl Fault {
    /// Nothing comes for so long. Longer than the caller waits, it is a time-out.
    pub fn head_after(mut self, delay: Duration) -> Self {
        self.wire.head_after = delay;
        self
    }

    /// The head comes, and then nothing for so long. Longer than the caller waits, the body does not arrive.
    pub fn body_after(mut self, delay: Duration) -> Self {
        self.wire.body_after = delay;
        self
    }

    /// In chunks, with no `Content-Length`.
    pub fn chunked(mut self) -> Self {
        self.wire.chunked = true;
        self
    }

    /// Compressed, if the request accepts gzip.
    pub fn gzipped(mut self) -> Self {
        self.wire.gzipped = true;
        self
    }

    /// On the last journey of its connection, which is not kept alive.
    pub fn then_closed(mut self) -> Self {
        self.wire.ending = Ending::Closed;
        self
    }

    /// Not all the way: the connection breaks off in the middle of the body. The caller has the head, and in process it is
    /// [`FakeError::HeadOnly`].
    pub fn broken_off(mut self) -> Self {
        self.wire.ending = Ending::BrokenOff;
        self
    }
}

/// The faults to come, for each operation in order.
#[derive(Default)]
pub(crate) struct Script(HashMap<String, VecDeque<(usize, Fault)>>);

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

    pub(crate) fn left(&self) -> usize {
        self.0.values().flatten().fold(0, |sum, (times, _)| sum.saturating_add(*times))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
