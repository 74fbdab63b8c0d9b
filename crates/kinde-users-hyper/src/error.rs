//! Why no response came, in words that hold no URI.

use std::error::Error as StdError;
use std::{fmt, io};

use hyper_util::client::legacy;
use kinde_users_core::Delivery;

/// Why no whole response came.
///
/// It keeps the kind of hyper's error and none of the error: only the operating system's, rustls's or hyper's own words of
/// what happened to the connection, which hold no URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperError {
    kind: Kind,
    detail: Option<String>,
    delivery: Delivery,
}

/// In what way no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
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
    /// The body was longer than this many bytes.
    BodyTooLong(u64),
    /// Something else.
    Other,
}

impl HyperError {
    /// In what way no whole response came.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the request may have reached the service.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The time limit of the whole request.
    pub(crate) fn timeout(delivery: Delivery) -> Self {
        Self { kind: Kind::Timeout, detail: None, delivery }
    }

    /// A response came that cannot be handed on.
    pub(crate) fn of_response(kind: Kind) -> Self {
        Self { kind, detail: None, delivery: Delivery::Unknown }
    }

    /// The innermost error that says what happened: those around it say only where.
    fn of(error: &(dyn StdError + 'static), delivery: Delivery) -> Self {
        let (mut kind, mut detail) = (Kind::Other, None);
        let mut next = Some(error);
        while let Some(error) = next {
            let io = error.downcast_ref::<io::Error>();
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                (kind, detail) = (Kind::Tls, Some(error.to_string()));
            } else if let Some(error) = io {
                (kind, detail) = match error.kind() {
                    io::ErrorKind::TimedOut => (Kind::Timeout, None),
                    io::ErrorKind::UnexpectedEof => (Kind::Closed, Some(error.to_string())),
                    kind => (Kind::Io(kind), Some(error.to_string())),
                };
            } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
                // Its words name the step that failed, and what it was given is not in them.
                (kind, detail) = (kind_of(error), Some(error.to_string()));
            }
            // An input/output error that holds another one leaves it out of its sources.
            let held = io.and_then(io::Error::get_ref).map(|held| held as &(dyn StdError + 'static));
            next = held.or_else(|| error.source());
        }
        Self { kind, detail, delivery }
    }
}

fn kind_of(error: &hyper::Error) -> Kind {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        Kind::Closed
    } else if error.is_timeout() {
        Kind::Timeout
    } else if error.is_user() {
        Kind::Other
    } else {
        Kind::Protocol
    }
}

impl From<legacy::Error> for HyperError {
    fn from(error: legacy::Error) -> Self {
        let delivery = if error.is_connect() { Delivery::NotSent } else { Delivery::Unknown };
        Self::of(&error, delivery)
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
            Kind::Timeout => f.write_str("the time limit was reached"),
            Kind::Tls => f.write_str("TLS failed"),
            Kind::Io(_) => f.write_str("input/output failed"),
            Kind::Closed => f.write_str("the connection was closed"),
            Kind::Protocol => f.write_str("the response could not be read"),
            Kind::BodyTooLong(limit) => write!(f, "the response's body is longer than {limit} bytes"),
            Kind::Other => f.write_str("the HTTP client failed"),
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
