//! A time limit for connecting.
//!
//! `HttpConnector::set_connect_timeout` does not cover the TLS handshake, and hyper finishes a
//! connection that it no longer needs in the background. If the server stays silent during the
//! handshake, such a connection would stay open forever.
//!
//! hyper reports every failure in this module as a connect error, so the request was certainly not
//! sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

use crate::drain::Drained;

type Https = HttpsConnector<HttpConnector>;

/// Connects by TCP and TLS within the time limit.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    https: Https,
    pub(crate) limit: Duration,
}

impl Connector {
    pub(crate) fn new(mut config: ClientConfig, limit: Duration) -> Self {
        // The builder sets the protocols itself, and panics if there are any.
        config.alpn_protocols.clear();
        let mut http = HttpConnector::new();
        // The TLS layer checks the scheme. The core allows plain HTTP only for the loopback
        // interface.
        http.enforce_http(false);
        // Otherwise the last bytes of a request would wait until the server acknowledges the first
        // ones.
        http.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        Self { https: https.enable_all_versions().wrap_connector(http), limit }
    }
}

impl Service<Uri> for Connector {
    type Response = Drained<<Https as Service<Uri>>::Response>;
    type Error = <Https as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

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

#[cfg(test)]
mod tests {
    use hyper_rustls::MaybeHttpsStream;

    use super::*;

    #[tokio::test]
    async fn request_is_sent_without_delay() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let mut connector = Connector::new(crate::tls(), Duration::from_secs(30));
        let MaybeHttpsStream::Http(stream) = connector.call(uri).await.unwrap().inner else { panic!("TLS") };
        assert!(stream.inner().nodelay().unwrap());
    }
}
