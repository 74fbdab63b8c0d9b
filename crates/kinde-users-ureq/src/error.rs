//! Why no response came, in words that hold no URI.

use std::fmt;
use std::io::{self, ErrorKind};

use http::{HeaderMap, Response, StatusCode};
use kinde_users_core::{BodyFailure, Delivery};
use ureq::Error;

use crate::connect::BeforeSending;

/// Why no whole response came.
///
/// ureq's own errors can print the URI with its query, so this keeps the kind, and for input/output and TLS the operating
/// system's or rustls's words, which hold none. A proxy is named by its host and port.
#[derive(Clone)]
pub struct UreqError {
    kind: Kind,
    detail: Option<String>,
    delivery: Delivery,
    /// Host and port of the proxy through which no connection came about.
    proxy: Option<String>,
    head: Option<Box<Response<BodyFailure>>>,
}

/// In what way no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The time limit was reached.
    Timeout,
    /// The host's name has no address.
    HostNotFound,
    /// There was no connection to the host.
    ConnectionFailed,
    /// The proxy refused to connect, or the environment variable that asks for a proxy does not hold
    /// the address of one.
    Proxy,
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
        let (kind, detail) = match error {
            Error::Other(other) => match other.downcast() {
                Ok(before) => {
                    let BeforeSending { error, proxy } = *before;
                    let is_refusal = proxy.is_some() && is_refusal(&error);
                    let mut error = Self::from(error);
                    if is_refusal {
                        error.kind = Kind::Proxy;
                    }
                    error.delivery = Delivery::NotSent;
                    // The way to a proxy is marked too, with no proxy.
                    error.proxy = proxy;
                    return error;
                }
                Err(_) => (Kind::Other, None),
            },
            Error::Timeout(_) => (Kind::Timeout, None),
            Error::HostNotFound => (Kind::HostNotFound, None),
            Error::ConnectionFailed => (Kind::ConnectionFailed, None),
            Error::ConnectProxyFailed(text) => (Kind::Proxy, Some(answer_of_a_proxy(&text))),
            Error::InvalidProxyUrl => (Kind::Proxy, None),
            Error::Io(error) => {
                let inner = innermost(&error);
                let kind = if holds(inner, Error::Rustls) { Kind::Tls } else { Kind::Io(inner.kind()) };
                (kind, Some(error.to_string()))
            }
            Error::Tls(text) => (Kind::Tls, Some(text.to_owned())),
            Error::Rustls(error) => (Kind::Tls, Some(error.to_string())),
            Error::BodyExceedsLimit(limit) => (Kind::BodyTooLong(limit), None),
            Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) | Error::BodyStalled => {
                (Kind::Protocol, None)
            }
            _ => (Kind::Other, None),
        };
        Self { detail, ..Self::new(kind, Delivery::Unknown) }
    }
}

/// The error as it was before the connection wrapped it.
fn innermost(error: &io::Error) -> &io::Error {
    error.get_ref().and_then(|held| held.downcast_ref()).unwrap_or(error)
}

/// Whether the error holds one that this variant of ureq's error is for. It saves a dependency on the
/// crate of that error.
fn holds<E: std::error::Error + 'static>(error: &io::Error, _variant: fn(E) -> Error) -> bool {
    matches!(error.get_ref(), Some(held) if held.is::<E>())
}

/// Whether a SOCKS proxy refused, or its answer was not SOCKS. Errors of the operating system hold
/// nothing, and those of TLS hold an error of rustls or are an `UnexpectedEof`.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{InvalidData, InvalidInput, Other, PermissionDenied};
    let Error::Io(error) = error else { return false };
    let is_kind = matches!(error.kind(), InvalidData | InvalidInput | Other | PermissionDenied);
    is_kind && error.get_ref().is_some() && !holds(error, Error::Rustls)
}

/// The status in ureq's words for the answer of a proxy.
fn answer_of_a_proxy(text: &str) -> String {
    let status = text.split(|char: char| !char.is_ascii_digit()).find(|digits| digits.len() == 3);
    status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"))
}

impl UreqError {
    fn new(kind: Kind, delivery: Delivery) -> Self {
        Self { kind, detail: None, delivery, proxy: None, head: None }
    }

    /// The environment variable of this name does not hold the address of a proxy.
    pub(crate) fn of_variable(name: &str) -> Self {
        let detail = Some(format!("{name} does not hold the address of a proxy"));
        Self { detail, ..Self::new(Kind::Proxy, Delivery::NotSent) }
    }

    /// The body of a response cannot be read.
    pub(crate) fn of_body(kind: Kind) -> Self {
        Self::new(kind, Delivery::Unknown)
    }

    /// Adds the head of the response whose body could not be read.
    pub(crate) fn with_head(mut self, status: StatusCode, headers: HeaderMap) -> Self {
        let failure = match self.kind {
            Kind::BodyTooLong(_) => BodyFailure::TooLarge,
            _ => BodyFailure::Broken,
        };
        let mut head = Response::new(failure);
        *head.status_mut() = status;
        *head.headers_mut() = headers;
        self.head = Some(Box::new(head));
        self
    }

    pub(crate) fn head(&self) -> Option<&Response<BodyFailure>> {
        self.head.as_deref()
    }
}

/// Without the headers of the response.
impl fmt::Debug for UreqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqError")
            .field("kind", &self.kind)
            .field("detail", &self.detail)
            .field("delivery", &self.delivery)
            .field("proxy", &self.proxy)
            .field("head", &self.head.as_ref().map(|head| (head.status(), *head.body())))
            .finish()
    }
}

impl fmt::Display for UreqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.proxy {
            write!(f, "through the proxy {proxy}: ")?;
        }
        match self.kind {
            Kind::Timeout => f.write_str("the time limit was reached"),
            Kind::HostNotFound => f.write_str("the host was not found"),
            Kind::ConnectionFailed => f.write_str("no connection"),
            Kind::Proxy => f.write_str("the proxy cannot be used"),
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
