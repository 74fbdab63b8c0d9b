//! Why no response came, in words that hold no URI.

use std::fmt;
use std::io::ErrorKind;

use kinde_users_core::Delivery;
use ureq::Error;

use crate::connect::BeforeSending;

/// Why no whole response came.
///
/// ureq's own errors can print the URI with its query, so this keeps the kind, and for input/output and TLS the operating
/// system's or rustls's words, which hold none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UreqError {
    kind: Kind,
    detail: Option<String>,
    delivery: Delivery,
}

/// In what way no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The time limit was reached.
    Timeout,
    /// The host's name has no address.
    HostNotFound,
    /// There was no connection to the host or its proxy.
    ConnectionFailed,
    /// TLS failed: a certificate that does not hold, say.
    Tls,
    /// The operating system's error on the connection.
    Io(ErrorKind),
    /// The response was not HTTP, its head was too long, or it could not be decompressed.
    Protocol,
    /// The body was longer than this many bytes.
    BodyTooLong(u64),
    /// Something else.
    Other,
}

impl UreqError {
    /// In what way no whole response came.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the request may have reached the service.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl From<Error> for UreqError {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}

impl UreqError {
    fn of(error: &Error) -> Self {
        let (kind, detail) = match error {
            Error::Other(other) => match other.downcast_ref() {
                // It may be marked twice: on the way to a proxy, and on the way through it.
                Some(BeforeSending(error)) => {
                    return Self { delivery: Delivery::NotSent, ..Self::of(error) };
                }
                None => (Kind::Other, None),
            },
            Error::Timeout(_) => (Kind::Timeout, None),
            Error::HostNotFound => (Kind::HostNotFound, None),
            Error::ConnectionFailed | Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => {
                (Kind::ConnectionFailed, None)
            }
            // So rustls's own errors come out of a handshake; nothing else of ureq's has this kind.
            Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                (Kind::Tls, Some(error.to_string()))
            }
            Error::Io(error) => (Kind::Io(error.kind()), Some(error.to_string())),
            Error::Tls(text) => (Kind::Tls, Some((*text).to_owned())),
            Error::Rustls(error) => (Kind::Tls, Some(error.to_string())),
            Error::BodyExceedsLimit(limit) => (Kind::BodyTooLong(*limit), None),
            Error::Protocol(_)
            | Error::Http(_)
            | Error::LargeResponseHeader(..)
            | Error::Decompress(..)
            | Error::BodyStalled => (Kind::Protocol, None),
            _ => (Kind::Other, None),
        };
        Self { kind, detail, delivery: Delivery::Unknown }
    }
}

impl fmt::Display for UreqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Timeout => f.write_str("the time limit was reached"),
            Kind::HostNotFound => f.write_str("the host was not found"),
            Kind::ConnectionFailed => f.write_str("no connection"),
            Kind::Tls => f.write_str("TLS failed"),
            Kind::Io(_) => f.write_str("input/output failed"),
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

impl std::error::Error for UreqError {}
