//! What carries messages.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;

use http::{Request, Response};

use crate::types::delivery::{BodyFailure, Delivery};

/// Carries one HTTP message and brings back the other.
///
/// A transport makes **no decision**. It has these duties, and `contract::check` of `kinde-users-fake`
/// tests each of them. For each call of [`send`](Self::send):
///
/// - method and target go out byte for byte: nothing is decoded, encoded, merged or sorted;
/// - the headers go out as they are, and those that come twice go out twice. An HTTP stack may add
///   the host, the framing, the connection, the user agent and the accepted encodings, and nothing
///   else: no cookie, no referer, no content type;
/// - the body goes out byte for byte, framed by its length: neither compressed nor in chunks;
/// - the server sees one attempt at most: no retry of its own, whatever the status or the failure is;
/// - no redirect is followed, to the same server or another one;
/// - no status is turned into an error;
/// - the headers of the response come back as they are, and those that come twice come back twice;
/// - the response comes back whole or not at all: a body that was cut off is an error;
/// - a body up to the limit is read, and a longer one is an error. A limit of 16 MiB is usual;
/// - a compressed body is decompressed, and the limit counts what it becomes;
/// - the time limit bounds the whole, the response's body included: it is the
///   [`request_timeout`](crate::request_timeout) of the request, which a transport does not raise. A transport
///   around another one that makes a request of its own gives it the same limit;
/// - `NotSent` is said where nothing was sent, and nowhere else, by [`delivery`](Self::delivery).
///   Where there is any doubt it is `Unknown`;
/// - each request gets its own response: a connection on which a reply or the rest of one may still
///   come is not used again;
/// - each response comes from the server, and none from a cache;
/// - `https` goes to a server with a trusted certificate of its name, and nowhere else: there is no
///   second attempt by plain HTTP;
/// - the texts of errors hold nothing of the token, the URI or the bodies, and neither do the texts
///   of the errors under them;
/// - requests in a row share a connection, where the HTTP stack can;
/// - a head without a body that can be read is handed over, by [`head`](Self::head). The body was cut
///   off, is too long, or is in an encoding that is broken or unknown. Where an error keeps no head,
///   a 429 makes no other call wait.
///
/// ```
/// use http::{Request, Response};
/// use kinde_users_core::{Delivery, Transport};
///
/// struct Mine;
///
/// impl Transport for Mine {
///     type Error = std::io::Error;
///
///     fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error> {
///         // Hand it to the HTTP stack of your choice.
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
pub trait Transport {
    /// Why no response came. Its texts hold nothing of the token, of the bodies, and of the URI, whose
    /// query holds what was searched for.
    type Error: StdError + Send + Sync + 'static;

    /// Sends the request, and waits for the whole response.
    ///
    /// # Errors
    ///
    /// The transport's own error, if no whole response came.
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Self::Error>;

    /// Whether the request that ended in `error` may have reached the service. [`Delivery::NotSent`] allows a create to
    /// be sent again, so where there is any doubt it is [`Delivery::Unknown`], which is the default.
    fn delivery(&self, error: &Self::Error) -> Delivery {
        let _ = error;
        Delivery::Unknown
    }

    /// The head of the response, where `error` says that its body could not be read.
    ///
    /// The status of a response means a lot without its body: a 429 makes all calls wait, a 401 renews the token, and a 2xx
    /// says that the operation took place. Where this is given, [`delivery`](Self::delivery) is not asked. The default is
    /// `None`: without a head the outcome of the request is unknown.
    fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
        let _ = error;
        None
    }
}

/// Makes a pointer to a transport one.
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

/// Makes a transport of a closure. Every error's delivery is unknown, so that a create that failed is never sent again; a type
/// of your own can say more. The closure has the duties of any [`Transport`]: it heeds the
/// [`request_timeout`](crate::request_timeout) of the request, without which a call may hang, and its error (any that implements `Error`; `io::Error::other` wraps the rest)
/// prints no token, URI or body. `kinde-users-fake` tests it all.
///
/// ```
/// use http::{Request, Response};
/// use kinde_users_core::{Transport, transport_fn};
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

/// A transport that is a closure; see [`transport_fn`] and [`async_transport_fn`].
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

/// Carries one HTTP message and brings back the other, for async code. The contract is that of [`Transport`].
///
/// A future that is dropped sends nothing more, as far as the HTTP stack can still hold it back.
pub trait AsyncTransport {
    /// Why no response came. Its texts hold nothing of the token, of the bodies, and of the URI, whose
    /// query holds what was searched for.
    type Error: StdError + Send + Sync + 'static;

    /// Sends the request, and waits for the whole response.
    ///
    /// # Errors
    ///
    /// The transport's own error, if no whole response came.
    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, Self::Error>> + Send;

    /// Whether the request that ended in `error` may have reached the service; see [`Transport::delivery`].
    fn delivery(&self, error: &Self::Error) -> Delivery {
        let _ = error;
        Delivery::Unknown
    }

    /// The head of the response, where `error` says that its body could not be read; see [`Transport::head`].
    fn head<'e>(&self, error: &'e Self::Error) -> Option<&'e Response<BodyFailure>> {
        let _ = error;
        None
    }
}

/// Makes a pointer to an async transport one.
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

/// Makes an async transport of a closure that returns a future. What is said of [`transport_fn`] holds here too.
///
/// ```
/// use http::{Request, Response};
/// use kinde_users_core::async_transport_fn;
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
