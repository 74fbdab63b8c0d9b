//! Transports, which send requests and return responses.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;

use http::{Request, Response};

use crate::types::delivery::{BodyFailure, Delivery};

/// Sends an HTTP request and returns the response.
///
/// A transport makes **no decision**. It has the following duties for each call of
/// [`send`](Self::send). The contract test, `check` of `kinde-users-contract`, checks each duty.
///
/// - The method and the target are sent byte for byte. Nothing is decoded, encoded, merged or
///   sorted.
/// - The headers are sent unchanged, including repeated ones. The HTTP stack may add `Host`,
///   `Content-Length`, `Connection`, `User-Agent`, `Accept` and `Accept-Encoding`, but nothing
///   else: no cookie, no referer, no content type.
/// - The body is sent byte for byte with its length. It is not compressed and not chunked.
/// - The server receives at most one attempt. The transport does not retry, whatever the status or
///   the failure is.
/// - A redirect is not followed, even to the same server.
/// - A response with any status is returned as a response, not as an error.
/// - The headers of the response are returned unchanged, including repeated ones.
/// - Only a complete response is returned. A body that was cut off is an error.
/// - The transport limits the length of a body, usually to 16 MiB. A longer body is an error.
/// - A compressed body is decompressed. The limit counts the decompressed bytes.
/// - The [`request_timeout`](crate::request_timeout) of the request limits the whole attempt,
///   including the body of the response. A transport does not lengthen this timeout. A transport
///   that wraps another transport passes the timeout on.
/// - [`delivery`](Self::delivery) returns `NotSent` only if nothing was sent. If there is any
///   doubt, it returns `Unknown`.
/// - Each request gets its own response. A connection is not used again if a response, or part of
///   a response, may still arrive on it.
/// - Each response comes from the server, not from a cache.
/// - `https` requires a trusted certificate for the name of the server. There is no fallback to
///   plain HTTP.
/// - The messages of errors, and of the sources of errors, do not contain the token, the URI, the
///   bodies, or parts of them.
/// - Consecutive requests share a connection if the HTTP stack supports that.
/// - If the status and the headers (the head) of a response arrived, but its body cannot be read,
///   [`head`](Self::head) returns the head. A body cannot be read if it was cut off or is too long,
///   or if its encoding is broken or unknown. If `head` does not return the head of a 429, other
///   calls do not wait for the reset.
///
/// ```
/// use http::{Request, Response};
/// use kinde_users::{Delivery, Transport};
///
/// struct Mine;
///
/// impl Transport for Mine {
///     type Error = std::io::Error;
///
///     fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error> {
///         // Call your HTTP stack here.
///         Ok(Response::new(Vec::new()))
///     }
///
///     fn delivery(&self, error: &Self::Error) -> Delivery {
///         match error.kind() {
///             std::io::ErrorKind::ConnectionRefused => Delivery::NotSent,
///             _ => Delivery::Unknown,
///         }
///     }
/// }
/// ```
#[expect(unused_variables, reason = "the defaults do not look at the error")]
pub trait Transport {
    /// The error that says why there is no response. The messages of this error must not contain
    /// the token, the bodies or the URI. The query of the URI contains personal data.
    type Error: StdError + Send + Sync + 'static;

    /// Sends the request and waits for the whole response.
    ///
    /// # Errors
    ///
    /// Returns the error of the transport if there is no whole response.
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error>;

    /// Returns whether the request that ended in `error` may have reached the service.
    ///
    /// After [`Delivery::NotSent`], the client may send any request again, even a request that
    /// creates a user. If there is any doubt, return [`Delivery::Unknown`], which is the default.
    fn delivery(&self, error: &Self::Error) -> Delivery {
        Delivery::Unknown
    }

    /// Returns the head of the response if its body could not be read.
    ///
    /// The client uses the status even without the body. After a 429 all calls wait, after a 401
    /// the token is replaced, and a 2xx says that the operation took effect. If this method returns
    /// a head, [`delivery`](Self::delivery) is not called. The default implementation returns
    /// `None`, so the client calls `delivery`.
    fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
        None
    }
}

/// Implements `Transport` for pointer types.
macro_rules! transport_by_pointer {
    ($($pointer:ty),+) => {$(
        impl<T: Transport + ?Sized> Transport for $pointer {
            type Error = T::Error;

            fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error> {
                (**self).send(request)
            }

            fn delivery(&self, error: &Self::Error) -> Delivery {
                (**self).delivery(error)
            }

            fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
                (**self).head(error)
            }
        }
    )+};
}

transport_by_pointer!(&T, Box<T>, Arc<T>);

/// Creates a transport from a closure.
///
/// The closure has the duties of every [`Transport`]. In particular, it must apply the
/// [`request_timeout`](crate::request_timeout) of the request. Without the timeout, a call may
/// hang.
///
/// The delivery of every error of the closure is [`Delivery::Unknown`]. A failed request that
/// creates a user is therefore never sent again. A type that implements [`Transport`] can report
/// the delivery of each error.
///
/// The error of the closure may have any type that implements `Error`. `io::Error::other` wraps
/// errors of other types.
///
/// ```
/// use http::{Request, Response};
/// use kinde_users::{Transport, transport_fn};
///
/// let echo = transport_fn(|request: Request<Vec<u8>>| Ok::<_, std::io::Error>(Response::new(request.into_body())));
/// assert_eq!(echo.send(Request::new(b"hello".to_vec()))?.body(), b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn transport_fn<F, E>(send: F) -> TransportFn<F>
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, E>,
    E: StdError + Send + Sync + 'static,
{
    TransportFn(send)
}

/// A transport made from a closure; see [`transport_fn`] and [`async_transport_fn`].
#[derive(Clone, Copy)]
pub struct TransportFn<F>(F);

impl<F, E> Transport for TransportFn<F>
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, E>,
    E: StdError + Send + Sync + 'static,
{
    type Error = E;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, E> {
        (self.0)(request)
    }
}

impl<F> core::fmt::Debug for TransportFn<F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TransportFn")
    }
}

/// Sends an HTTP request and returns the response, in async code. An async transport has the same
/// duties as a [`Transport`].
///
/// If you drop the future of [`send`](Self::send), the transport sends nothing more, unless the
/// HTTP stack cannot stop sending.
///
/// The future is `Send`, so that calls can move between threads. Futures over promises of
/// JavaScript are not `Send`. In WebAssembly, wrap them in the type `SendWrapper` of the crate
/// `send_wrapper`.
#[expect(unused_variables, reason = "the defaults do not look at the error")]
pub trait AsyncTransport {
    /// The error that says why there is no response. The messages of this error must not contain
    /// the token, the bodies or the URI. The query of the URI contains personal data.
    type Error: StdError + Send + Sync + 'static;

    /// Sends the request and waits for the whole response.
    ///
    /// # Errors
    ///
    /// Returns the error of the transport if there is no whole response.
    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, Self::Error>> + Send;

    /// Returns whether the request that ended in `error` may have reached the service; see
    /// [`Transport::delivery`].
    fn delivery(&self, error: &Self::Error) -> Delivery {
        Delivery::Unknown
    }

    /// Returns the head of the response if its body could not be read; see [`Transport::head`].
    fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
        None
    }
}

/// Implements `AsyncTransport` for pointer types.
macro_rules! async_transport_by_pointer {
    ($($pointer:ty),+) => {$(
        impl<T: AsyncTransport> AsyncTransport for $pointer {
            type Error = T::Error;

            fn send(
                &self,
                request: Request<Vec<u8>>,
            ) -> impl Future<Output = Result<Response<Vec<u8>>, Self::Error>> + Send {
                (**self).send(request)
            }

            fn delivery(&self, error: &Self::Error) -> Delivery {
                (**self).delivery(error)
            }

            fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
                (**self).head(error)
            }
        }
    )+};
}

async_transport_by_pointer!(&T, Box<T>, Arc<T>);

/// Creates an async transport from a closure that returns a future; see [`transport_fn`].
///
/// ```
/// use http::{Request, Response};
/// use kinde_users::async_transport_fn;
///
/// let echo = async_transport_fn(|request: Request<Vec<u8>>| async {
///     Ok::<_, std::io::Error>(Response::new(request.into_body()))
/// });
/// ```
pub fn async_transport_fn<F, R, E>(send: F) -> TransportFn<F>
where
    F: Fn(Request<Vec<u8>>) -> R,
    R: Future<Output = Result<Response<Vec<u8>>, E>> + Send,
    E: StdError + Send + Sync + 'static,
{
    TransportFn(send)
}

impl<F, R, E> AsyncTransport for TransportFn<F>
where
    F: Fn(Request<Vec<u8>>) -> R,
    R: Future<Output = Result<Response<Vec<u8>>, E>> + Send,
    E: StdError + Send + Sync + 'static,
{
    type Error = E;

    fn send(&self, request: Request<Vec<u8>>) -> impl Future<Output = Result<Response<Vec<u8>>, E>> + Send {
        (self.0)(request)
    }
}
