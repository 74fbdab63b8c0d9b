//! Why no response came. The texts never contain a URI.

use std::fmt;
use std::io;

use http::{HeaderMap, Response, StatusCode};
use kinde_users_core::{BodyFailure, Delivery};
use ureq::{Error, Proxy};

/// The reason why no whole response came.
///
/// An error of ureq can print the URI with its query. So this type does not keep ureq's error. It
/// keeps only the kind of the error and, for input/output and TLS, the text of the operating system
/// or of rustls. This text contains no URI. The message names a proxy by its host and port.
#[derive(Clone)]
pub struct UreqError {
    kind: ErrorKind,
    detail: Option<String>,
    delivery: Delivery,
    /// Host and port of the proxy through which connecting failed.
    proxy: Option<String>,
    head: Option<Box<Response<BodyFailure>>>,
}

/// The kinds of failure in which no whole response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The time limit was reached.
    Timeout,
    /// The host's name has no address.
    HostNotFound,
    /// No connection to the host could be made.
    ConnectionFailed,
    /// The proxy refused to connect, or the environment variable for the proxy does not hold the
    /// address of a proxy.
    Proxy,
    /// TLS failed, for example because a certificate is not valid.
    Tls,
    /// The operating system reported an error on the connection.
    Io(io::ErrorKind),
    /// The response was not HTTP, its head was too long, or it could not be decompressed.
    Protocol,
    /// The body was longer than this limit in bytes.
    BodyTooLong(u64),
    /// Any other failure.
    Other,
}

impl UreqError {
    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the request may have reached the service.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }
}

impl From<Error> for UreqError {
    fn from(error: Error) -> Self {
        let (kind, detail) = match error {
            Error::Other(other) => match other.downcast() {
                Ok(before_sending) => return *before_sending,
                Err(_) => (ErrorKind::Other, None),
            },
            Error::Timeout(_) => (ErrorKind::Timeout, None),
            Error::HostNotFound => (ErrorKind::HostNotFound, None),
            Error::ConnectionFailed => (ErrorKind::ConnectionFailed, None),
            Error::ConnectProxyFailed(text) => (ErrorKind::Proxy, Some(answer_of_a_proxy(&text))),
            Error::InvalidProxyUrl => (ErrorKind::Proxy, None),
            Error::Io(error) => {
                let inner = innermost(&error);
                let kind =
                    if holds(inner, Error::Rustls) { ErrorKind::Tls } else { ErrorKind::Io(inner.kind()) };
                (kind, Some(error.to_string()))
            }
            Error::Tls(text) => (ErrorKind::Tls, Some(text.to_owned())),
            Error::Rustls(error) => (ErrorKind::Tls, Some(error.to_string())),
            Error::BodyExceedsLimit(limit) => (ErrorKind::BodyTooLong(limit), None),
            Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) | Error::BodyStalled => {
                (ErrorKind::Protocol, None)
            }
            _ => (ErrorKind::Other, None),
        };
        Self { detail, ..Self::new(kind, Delivery::Unknown) }
    }
}

/// Returns the error that the connection wrapped.
fn innermost(error: &io::Error) -> &io::Error {
    error.get_ref().and_then(|held| held.downcast_ref()).unwrap_or(error)
}

/// Returns whether `error` holds an error of the type that this variant of ureq's error wraps.
/// Naming the variant avoids a dependency on the crate of that type.
fn holds<E: std::error::Error + 'static>(error: &io::Error, _variant: fn(E) -> Error) -> bool {
    matches!(error.get_ref(), Some(held) if held.is::<E>())
}

/// Returns whether a SOCKS proxy refused, or its answer was not SOCKS. Errors of the operating
/// system hold no other error. Errors of TLS hold an error of rustls or are an `UnexpectedEof`.
fn is_refusal(error: &Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, PermissionDenied};
    let Error::Io(error) = error else { return false };
    let is_kind = matches!(error.kind(), InvalidData | InvalidInput | Other | PermissionDenied);
    is_kind && error.get_ref().is_some() && !holds(error, Error::Rustls)
}

/// Extracts the status from ureq's description of a proxy's answer.
fn answer_of_a_proxy(text: &str) -> String {
    let status = text.split(|char: char| !char.is_ascii_digit()).find(|digits| digits.len() == 3);
    status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"))
}

impl UreqError {
    fn new(kind: ErrorKind, delivery: Delivery) -> Self {
        Self { kind, detail: None, delivery, proxy: None, head: None }
    }

    /// Creates the error for a connection that could not be made through `proxy`. Failures to reach
    /// a proxy have none.
    pub(crate) fn before_sending(error: Error, proxy: Option<&Proxy>) -> Self {
        let is_refusal = proxy.is_some() && is_refusal(&error);
        let mut error = Self::from(error);
        if is_refusal {
            error.kind = ErrorKind::Proxy;
        }
        error.delivery = Delivery::NotSent;
        error.proxy = proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        error
    }

    /// Creates the error for a client certificate that cannot be used.
    pub(crate) fn of_certificate() -> Self {
        let detail = Some("the client certificate and its private key cannot be used".to_owned());
        Self { detail, ..Self::new(ErrorKind::Tls, Delivery::NotSent) }
    }

    /// Creates the error for an environment variable that does not hold the address of a proxy.
    pub(crate) fn of_variable(name: &str) -> Self {
        let detail = Some(format!("{name} does not hold the address of a proxy"));
        Self { detail, ..Self::new(ErrorKind::Proxy, Delivery::NotSent) }
    }

    /// Creates the error for a body that cannot be read.
    pub(crate) fn of_body(kind: ErrorKind) -> Self {
        Self::new(kind, Delivery::Unknown)
    }

    /// Adds the head of the response whose body could not be read.
    pub(crate) fn with_head(mut self, status: StatusCode, headers: HeaderMap) -> Self {
        let failure = match self.kind {
            ErrorKind::BodyTooLong(_) => BodyFailure::TooLarge,
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

/// Does not print the headers of the response.
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
            ErrorKind::Timeout => f.write_str("the time limit was reached"),
            ErrorKind::HostNotFound => f.write_str("the host was not found"),
            ErrorKind::ConnectionFailed => f.write_str("no connection"),
            ErrorKind::Proxy => f.write_str("the proxy cannot be used"),
            ErrorKind::Tls => f.write_str("TLS failed"),
            ErrorKind::Io(_) => f.write_str("input/output failed"),
            ErrorKind::Protocol => f.write_str("the response could not be read"),
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

impl std::error::Error for UreqError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_ureq_has_its_kind_and_message() {
        for (error, kind, message) in [
            (Error::Timeout(ureq::Timeout::Global), ErrorKind::Timeout, "the time limit was reached"),
            (Error::HostNotFound, ErrorKind::HostNotFound, "the host was not found"),
            (Error::ConnectionFailed, ErrorKind::ConnectionFailed, "no connection"),
            (Error::InvalidProxyUrl, ErrorKind::Proxy, "the proxy cannot be used"),
            (Error::Tls("no roots"), ErrorKind::Tls, "TLS failed: no roots"),
            (
                Error::Rustls(rustls::Error::DecryptError),
                ErrorKind::Tls,
                "TLS failed: cannot decrypt peer's message",
            ),
            (Error::BodyStalled, ErrorKind::Protocol, "the response could not be read"),
            (
                Error::BodyExceedsLimit(9),
                ErrorKind::BodyTooLong(9),
                "the response's body is longer than 9 bytes",
            ),
            (Error::Other("of another crate".into()), ErrorKind::Other, "the HTTP client failed"),
            (Error::StatusCode(500), ErrorKind::Other, "the HTTP client failed"),
        ] {
            let error = UreqError::from(error);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
            assert_eq!(error.delivery(), Delivery::Unknown);
        }
    }

    #[test]
    fn debug_form_has_the_kind_and_no_header_of_the_response() {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "sid=s3cret".parse().unwrap());
        let error = UreqError::of_body(ErrorKind::BodyTooLong(9)).with_head(StatusCode::OK, headers);
        let shown = format!("{error:?}");
        assert!(
            shown.contains("BodyTooLong(9)") && shown.contains("200") && !shown.contains("s3cret"),
            "{shown}"
        );
    }

    #[test]
    fn refusal_of_the_system_is_not_of_a_proxy() {
        // A firewall of the machine may refuse a connection with the kind of a SOCKS refusal.
        let of_system = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(!is_refusal(&Error::Io(of_system)));
        let of_socks = io::Error::new(io::ErrorKind::PermissionDenied, "refused");
        assert!(is_refusal(&Error::Io(of_socks)));
    }
}
