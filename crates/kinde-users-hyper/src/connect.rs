//! A time limit for connecting.
//!
//! `HttpConnector::set_connect_timeout` does not cover the TLS handshake, and hyper finishes a
//! connection that it no longer needs in the background. If the server stays silent during the
//! handshake, such a connection would stay open forever.
//!
//! hyper reports every failure in this module as a connect error, so the request was certainly not
//! sent.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use tower_service::Service;

use crate::drain::Drained;

type Https = HttpsConnector<Dialer>;
type BoxError = Box<dyn StdError + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Connects by TCP and TLS within the time limit.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    https: Https,
    pub(crate) limit: Duration,
}

impl Connector {
    pub(crate) fn new(dialer: Dialer, mut config: ClientConfig, limit: Duration) -> Self {
        // The builder sets the protocols itself, and panics if there are any.
        config.alpn_protocols.clear();
        let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        Self { https: https.enable_all_versions().wrap_connector(dialer), limit }
    }
}

impl Service<Uri> for Connector {
    type Response = Drained<<Https as Service<Uri>>::Response>;
    type Error = <Https as Service<Uri>>::Error;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(uri), self.limit);
        Box::pin(async move {
            let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            let connected = tokio::time::timeout(limit, connecting).await.unwrap_or_else(timed_out);
            connected.map(Drained::new)
        })
    }
}

/// Connects by TCP, directly.
pub(crate) fn direct() -> HttpConnector {
    let mut http = HttpConnector::new();
    // The TLS layer checks the scheme. The core allows plain HTTP only for the loopback interface.
    http.enforce_http(false);
    // Otherwise the last bytes of a request would wait until the server acknowledges the first
    // ones.
    http.set_nodelay(true);
    http
}

/// A connector without TLS, of any type.
#[derive(Clone)]
pub(crate) struct Dialer(Arc<dyn Fn(Uri) -> Connecting<Line> + Send + Sync>);

impl Dialer {
    pub(crate) fn new<C>(connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connection + Read + Write + Send + Unpin + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send + 'static,
    {
        Self(Arc::new(move |uri| {
            let mut connector = connector.clone();
            Box::pin(async move {
                poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
                let connection = connector.call(uri).await.map_err(Into::into)?;
                Ok(Line(Box::new(connection)))
            })
        }))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A connector may hold the password of a proxy.
        f.write_str("Dialer")
    }
}

impl Service<Uri> for Dialer {
    type Response = Line;
    type Error = BoxError;
    type Future = Connecting<Line>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        (self.0)(uri)
    }
}

trait AnyLine: Connection + Read + Write + Send + Unpin {}

impl<T: Connection + Read + Write + Send + Unpin> AnyLine for T {}

/// A connection without TLS, of any type.
pub(crate) struct Line(Box<dyn AnyLine>);

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, slices)
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use hyper::rt::ReadBuf;

    use super::*;

    #[test]
    fn debug_hides_the_connector() {
        assert_eq!(format!("{:?}", Dialer::new(direct())), "Dialer");
    }

    /// A connection that answers each call in its own way.
    struct Distinct {
        is_vectored: bool,
    }

    impl Read for Distinct {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    impl Write for Distinct {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(7))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
        }

        fn is_write_vectored(&self) -> bool {
            self.is_vectored
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(8))
        }
    }

    impl Connection for Distinct {
        fn connected(&self) -> Connected {
            Connected::new().proxy(true)
        }
    }

    #[test]
    fn all_calls_reach_the_connection() {
        fn kind<T>(result: Poll<io::Result<T>>) -> Option<io::ErrorKind> {
            if let Poll::Ready(Err(error)) = result { Some(error.kind()) } else { None }
        }

        for is_vectored in [false, true] {
            let mut line = Drained::new(Line(Box::new(Distinct { is_vectored })));
            let (mut line, cx) = (Pin::new(&mut line), &mut Context::from_waker(Waker::noop()));
            let read = line.as_mut().poll_read(cx, ReadBuf::new(&mut [0; 4]).unfilled());
            assert_eq!(kind(read), Some(io::ErrorKind::UnexpectedEof));
            assert!(matches!(line.as_mut().poll_write(cx, b"x"), Poll::Ready(Ok(7))));
            assert!(matches!(line.as_mut().poll_write_vectored(cx, &[]), Poll::Ready(Ok(8))));
            assert_eq!(kind(line.as_mut().poll_flush(cx)), Some(io::ErrorKind::WriteZero));
            assert_eq!(kind(line.as_mut().poll_shutdown(cx)), Some(io::ErrorKind::NotConnected));
            assert_eq!(line.is_write_vectored(), is_vectored);
            assert!(line.connected().is_proxied());
        }
    }

    #[tokio::test]
    async fn request_is_sent_without_delay() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let stream = direct().call(uri).await.unwrap();
        assert!(stream.inner().nodelay().unwrap());
    }
}
