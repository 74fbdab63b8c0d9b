//! Scripted misbehaviour.

use core::fmt;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use http::{HeaderValue, Response, StatusCode};

use crate::failure::reply;

/// Why a request got no reply. Only a [`Fault`] makes these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FakeError {
    /// The request never left: the tenant did not see it.
    NotSent,
    /// The connection broke after the request had left; whether it took effect cannot be told from here.
    ConnectionLost,
}

impl fmt::Display for FakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "the request was not sent",
            Self::ConnectionLost => "the connection was lost before a reply came",
        })
    }
}

impl core::error::Error for FakeError {}

/// Something that goes wrong with one request. Before the request takes effect, unless made with
/// [`after_the_effect`](Self::after_the_effect).
#[derive(Clone)]
#[must_use]
pub struct Fault {
    pub(crate) what: What,
    pub(crate) after: bool,
}

type Edit = dyn Fn(&mut Response<Vec<u8>>) + Send + Sync;

#[derive(Clone)]
pub(crate) enum What {
    Reply(Response<Vec<u8>>),
    Edit(Arc<Edit>),
    NoReply(FakeError),
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, status) = match &self.what {
            What::Reply(response) => ("reply", Some(response.status())),
            What::Edit(_) => ("edit", None),
            What::NoReply(FakeError::NotSent) => ("not sent", None),
            What::NoReply(FakeError::ConnectionLost) => ("connection lost", None),
        };
        f.debug_struct("Fault")
            .field("what", &name)
            .field("status", &status)
            .field("after", &self.after)
            .finish()
    }
}

impl Fault {
    /// This response instead of the real one.
    pub fn reply(response: Response<Vec<u8>>) -> Self {
        Self { what: What::Reply(response), after: false }
    }

    /// An empty body with this status; 500 for a number that is no status.
    pub fn status(status: u16) -> Self {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::reply(response)
    }

    /// 429 with `RateLimit-Reset`: seconds to wait, as Kinde counts them. The body is empty.
    pub fn rate_limited(reset_seconds: u64) -> Self {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert("ratelimit-reset", HeaderValue::from(reset_seconds));
        Self::reply(response)
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

    /// The real reply, after the effect, changed by `edit`: which runs inside the tenant and must not ask it.
    pub fn edit(edit: impl Fn(&mut Response<Vec<u8>>) + Send + Sync + 'static) -> Self {
        Self { what: What::Edit(Arc::new(edit)), after: true }
    }

    /// The request does not leave.
    pub fn not_sent() -> Self {
        Self { what: What::NoReply(FakeError::NotSent), after: false }
    }

    /// The connection breaks once the request has left.
    pub fn connection_lost() -> Self {
        Self { what: What::NoReply(FakeError::ConnectionLost), after: false }
    }

    /// The same once the request has taken effect. A request that was not sent has none, so that
    /// [`not_sent`](Self::not_sent) stays as it is.
    pub fn after_the_effect(mut self) -> Self {
        self.after = !matches!(self.what, What::NoReply(FakeError::NotSent));
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
