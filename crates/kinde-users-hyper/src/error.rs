//! Why no response came. The texts never contain a URI.

use std::error::Error as StdError;
use std::{fmt, io};

use http::{Response, response};
use hyper_util::client::legacy;
use kinde_users_core::{BodyFailure, Delivery};

/// The reason why no whole response came.
///
/// This type keeps the kind of hyper's error, but not the error itself. Of the text of the error,
/// it keeps only what the operating system, rustls, or hyper says about the connection. This text
/// contains no URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperError {
    kind: ErrorKind,
    detail: Option<String>,
    delivery: Delivery,
    head: Option<Box<Head>>,
}

/// The head of a response whose body could not be read. `Debug` does not print its headers.
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

/// The kinds of failure in which no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The time limit of the request, or the time limit for connecting, was reached.
    Timeout,
    /// TLS failed, for example because a certificate is not valid.
    Tls,
    /// The operating system reported an error on the connection or while it looked up the host's
    /// address.
    Io(io::ErrorKind),
    /// The connection was closed before the response was complete, or before TLS was set up.
    Closed,
    /// The response was not HTTP, its head was too long, it could not be decompressed, or the
    /// server reset an HTTP/2 stream.
    Protocol,
    /// The server reported over HTTP/2 that it did not process the request. It sent
    /// `REFUSED_STREAM`, or a `GOAWAY` whose last stream is before the stream of the request.
    Refused,
    /// Environment variables name a proxy for the request, but this transport does not use the
    /// proxies that they name. Nothing was sent.
    Proxy,
    /// Your own connector failed with an error that is neither an I/O error nor a TLS error.
    /// Nothing was sent.
    Connector,
    /// The body was longer than this limit in bytes.
    BodyTooLong(u64),
    /// Any other failure.
    Other,
}

impl HyperError {
    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the request may have reached the service.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Returns the head of the response, if a response came but its body could not be read.
    pub fn head(&self) -> Option<&Response<BodyFailure>> {
        self.head.as_ref().map(|head| &head.0)
    }

    /// Creates an error without text from another crate.
    pub(crate) fn plain(kind: ErrorKind, delivery: Delivery) -> Self {
        Self { kind, detail: None, delivery, head: None }
    }

    /// Creates the error for an environment variable that asks for a proxy.
    pub(crate) fn proxy(variable: &str) -> Self {
        let detail = Some(variable.to_owned());
        Self { kind: ErrorKind::Proxy, detail, delivery: Delivery::NotSent, head: None }
    }

    /// Creates the error for a request without the head of a response. `delivery` is what is known
    /// without looking at the error. `may_be_whole` means that the server may have a whole request
    /// as soon as it has the head.
    pub(crate) fn of_request(error: &legacy::Error, delivery: Delivery, may_be_whole: bool) -> Self {
        if let Some(reason) = refusal(error, may_be_whole) {
            // With this reason the server just closes the connection, or does not give its reason.
            let is_told = reason != h2::Reason::NO_ERROR;
            let detail = is_told.then(|| reason.description().to_owned());
            return Self { kind: ErrorKind::Refused, detail, delivery: Delivery::NotSent, head: None };
        }
        if !error.is_connect() {
            return Self::of(error, delivery);
        }
        let mut error = Self::of(error, Delivery::NotSent);
        if error.kind == ErrorKind::Other {
            error.kind = ErrorKind::Connector;
        }
        error
    }

    /// Adds the head of the response whose body could not be read.
    pub(crate) fn with_head(mut self, head: response::Parts) -> Self {
        let failure = match self.kind {
            ErrorKind::BodyTooLong(_) => BodyFailure::TooLarge,
            _ => BodyFailure::Broken,
        };
        self.head = Some(Box::new(Head(Response::from_parts(head, failure))));
        self
    }

    /// Creates an error from the innermost source that says what happened; the outer ones only say
    /// where.
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
                // hyper's text names the step that failed, and contains no data of the request.
                (kind, detail) = (kind_of(error), Some(error.to_string()));
            }
            // An input/output error that wraps another error does not list it as its source.
            let held = io.and_then(io::Error::get_ref).map(|held| held as &(dyn StdError + 'static));
            next = held.or_else(|| error.source());
        }
        Self { kind, detail, delivery, head: None }
    }
}

/// Returns why the server did not process the request, if it reported that over HTTP/2 and no head
/// of a response came.
fn refusal(error: &legacy::Error, may_be_whole: bool) -> Option<h2::Reason> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            // A GOAWAY names the last stream that the server may process, and ends only the streams
            // above it. But h2 also ends a request whose head it has just sent if a first GOAWAY
            // arrives that names no last stream. A request without a body is whole by then, so the
            // server may have processed it.
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

/// Converts an error of reading a response's body.
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
            ErrorKind::Connector => f.write_str("no connection could be made"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_says_what_failed_and_whether_it_was_sent() {
        for (kind, message) in [
            (ErrorKind::Timeout, "the time limit was reached"),
            (ErrorKind::Tls, "TLS failed"),
            (ErrorKind::Io(io::ErrorKind::BrokenPipe), "input/output failed"),
            (ErrorKind::Closed, "the connection was closed"),
            (ErrorKind::Protocol, "the response could not be read"),
            (ErrorKind::Refused, "the server did not process the request"),
            (ErrorKind::Connector, "no connection could be made"),
            (ErrorKind::BodyTooLong(9), "the response's body is longer than 9 bytes"),
            (ErrorKind::Other, "the HTTP client failed"),
        ] {
            let error = |delivery| HyperError::plain(kind, delivery).to_string();
            assert_eq!(error(Delivery::Unknown), message);
            assert_eq!(error(Delivery::NotSent), format!("{message} (not sent)"));
        }
    }

    #[test]
    fn errors_are_equal_if_the_heads_are() {
        let error = |status: u16, date: &str, kind| {
            let head = Response::builder().status(status).header("date", date).body(()).unwrap();
            HyperError::plain(kind, Delivery::Unknown).with_head(head.into_parts().0)
        };
        let one = error(200, "today", ErrorKind::Closed);
        assert_eq!(one, one.clone());
        assert_eq!(one, error(200, "today", ErrorKind::Closed));
        assert_ne!(one, error(201, "today", ErrorKind::Closed));
        assert_ne!(one, error(200, "yesterday", ErrorKind::Closed));
        assert_ne!(one, error(200, "today", ErrorKind::BodyTooLong(9)));
    }

    #[test]
    fn the_head_of_an_unreadable_body_says_why_and_hides_headers() {
        for (kind, failure) in [
            (ErrorKind::BodyTooLong(9), BodyFailure::TooLarge),
            (ErrorKind::Closed, BodyFailure::Broken),
            (ErrorKind::Timeout, BodyFailure::Broken),
        ] {
            let head = Response::builder().status(201).header("set-cookie", "s3cret").body(()).unwrap();
            let error = HyperError::plain(kind, Delivery::Unknown).with_head(head.into_parts().0);
            assert_eq!(error.head().unwrap().body(), &failure);
            let text = format!("{error:?}");
            assert!(text.contains(&format!("HTTP 201, {failure:?}")) && !text.contains("s3cret"), "{text}");
        }
    }
}
