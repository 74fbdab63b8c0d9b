//! Why no response came, in words that hold no URI.

use std::error::Error as StdError;
use std::{fmt, io};

use http::{Response, response};
use hyper_util::client::legacy;
use kinde_users_core::{BodyFailure, Delivery};

/// Why no whole response came.
///
/// It keeps the kind of hyper's error and none of the error: only the operating system's, rustls's or hyper's own words of
/// what happened to the connection, which hold no URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperError {
    kind: ErrorKind,
    detail: Option<String>,
    delivery: Delivery,
    head: Option<Box<Head>>,
}

/// The head of a response whose body could not be read. Its headers are not printed.
#[derive(Clone)]
struct Head(Response<BodyFailure>);

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        let parts = |Self(head): &Self| (head.status(), head.version(), *head.body());
        parts(self) == parts(other) && self.0.headers() == other.0.headers()
    }
}

impl Eq for Head {}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}, {:?}", self.0.status().as_u16(), self.0.body())
    }
}

/// In what way no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The time limit was reached: the request's, or that of connecting.
    Timeout,
    /// TLS failed: a certificate that does not hold, say.
    Tls,
    /// The operating system's error on the connection, or while looking up the host's address.
    Io(io::ErrorKind),
    /// The connection was closed before the response was whole, or before TLS was set up.
    Closed,
    /// The response was not HTTP, its head was too long, it could not be decompressed, or the server broke off an HTTP/2 stream.
    Protocol,
    /// The server said over HTTP/2 that it did not process the request: by `REFUSED_STREAM`, or by
    /// `GOAWAY` with a last stream before this one.
    Refused,
    /// The environment asks for a proxy, which this transport does not use. Nothing was sent.
    Proxy,
    /// The body was longer than this many bytes.
    BodyTooLong(u64),
    /// Something else.
    Other,
}

impl HyperError {
    /// In what way no whole response came.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the request may have reached the service.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The head of the response, where its body could not be read.
    pub fn head(&self) -> Option<&Response<BodyFailure>> {
        self.head.as_ref().map(|head| &head.0)
    }

    /// Without words of others.
    pub(crate) fn plain(kind: ErrorKind, delivery: Delivery) -> Self {
        Self { kind, detail: None, delivery, head: None }
    }

    /// This environment variable asks for a proxy.
    pub(crate) fn proxy(variable: &str) -> Self {
        let detail = Some(variable.to_owned());
        Self { kind: ErrorKind::Proxy, detail, delivery: Delivery::NotSent, head: None }
    }

    /// No head of a response came. `delivery` is what is known of it without looking at the error.
    /// `may_be_whole` says that the server may have had a whole request as soon as it had the head.
    pub(crate) fn of_request(error: &legacy::Error, delivery: Delivery, may_be_whole: bool) -> Self {
        if let Some(reason) = refusal(error, may_be_whole) {
            // The server just closes the connection, or keeps the reason to itself.
            let is_told = reason != h2::Reason::NO_ERROR;
            let detail = is_told.then(|| reason.description().to_owned());
            return Self { kind: ErrorKind::Refused, detail, delivery: Delivery::NotSent, head: None };
        }
        Self::of(error, if error.is_connect() { Delivery::NotSent } else { delivery })
    }

    /// A response with this head came, and its body could not be read.
    pub(crate) fn with_head(mut self, head: response::Parts) -> Self {
        let failure = match self.kind {
            ErrorKind::BodyTooLong(_) => BodyFailure::TooLarge,
            _ => BodyFailure::Broken,
        };
        self.head = Some(Box::new(Head(Response::from_parts(head, failure))));
        self
    }

    /// The innermost error that says what happened: those around it say only where.
    fn of(error: &(dyn StdError + 'static), delivery: Delivery) -> Self {
        let (mut kind, mut detail) = (ErrorKind::Other, None);
        let mut next = Some(error);
        while let Some(error) = next {
            let io = error.downcast_ref::<io::Error>();
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                (kind, detail) = (ErrorKind::Tls, Some(error.to_string()));
            } else if let Some(error) = io {
                (kind, detail) = match error.kind() {
                    io::ErrorKind::TimedOut => (ErrorKind::Timeout, None),
                    io::ErrorKind::UnexpectedEof => (ErrorKind::Closed, Some(error.to_string())),
                    kind => (ErrorKind::Io(kind), Some(error.to_string())),
                };
            } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
                // Its words name the step that failed, and what it was given is not in them.
                (kind, detail) = (kind_of(error), Some(error.to_string()));
            }
            // An input/output error that holds another one leaves it out of its sources.
            let held = io.and_then(io::Error::get_ref).map(|held| held as &(dyn StdError + 'static));
            next = held.or_else(|| error.source());
        }
        Self { kind, detail, delivery, head: None }
    }
}

/// Why the server did not process the request, if it said so over HTTP/2 and no head of a response
/// came.
fn refusal(error: &legacy::Error, may_be_whole: bool) -> Option<h2::Reason> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // A GOAWAY names the last stream that the server may process. It ends only the streams
            // above that one. But h2 also ends a request whose head it has just sent when a first
            // GOAWAY arrives that names no last stream. A request without a body is whole by then, and
            // the server may have processed it.
            let is_refused = error.reason() == Some(h2::Reason::REFUSED_STREAM) && error.is_reset();
            let is_above = error.is_go_away() && !may_be_whole;
            return error.reason().filter(|_| error.is_remote() && (is_refused || is_above));
        }
        next = error.source();
    }
    None
}

fn kind_of(error: &hyper::Error) -> ErrorKind {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        ErrorKind::Closed
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_user() {
        ErrorKind::Other
    } else {
        ErrorKind::Protocol
    }
}

/// While the response's body was read.
impl From<hyper::Error> for HyperError {
    fn from(error: hyper::Error) -> Self {
        Self::of(&error, Delivery::Unknown)
    }
}

impl fmt::Display for HyperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Timeout => f.write_str("the time limit was reached"),
            ErrorKind::Tls => f.write_str("TLS failed"),
            ErrorKind::Io(_) => f.write_str("input/output failed"),
            ErrorKind::Closed => f.write_str("the connection was closed"),
            ErrorKind::Protocol => f.write_str("the response could not be read"),
            ErrorKind::Refused => f.write_str("the server did not process the request"),
            ErrorKind::Proxy => f.write_str(
                "this transport does not use proxies, and the environment asks for one (send with another \
                 transport, or directly by `without_proxy`)",
            ),
            ErrorKind::BodyTooLong(limit) => write!(f, "the response's body is longer than {limit} bytes"),
            ErrorKind::Other => f.write_str("the HTTP client failed"),
        }?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        f.write_str(match self.delivery {
            Delivery::NotSent => " (not sent)",
            Delivery::Unknown => "",
        })
    }
}

impl StdError for HyperError {}
