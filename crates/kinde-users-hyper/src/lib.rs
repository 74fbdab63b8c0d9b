//! Async transport over [hyper](https://docs.rs/hyper) 1 for the Kinde Users client, and the clock of tokio: rustls, pooled
//! connections, HTTP/1.1 and HTTP/2, no decision of its own.
//!
//! ```no_run
//! use kinde_users_core::AsyncTransport;
//! use kinde_users_hyper::HyperTransport;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = HyperTransport::new();
//! let request = http::Request::get("https://acme.kinde.com/api/v1/users").body(Vec::new())?;
//! println!("HTTP {}", transport.send(request).await?.status());
//! # Ok(())
//! # }
//! ```
//!
//! Both need a tokio runtime with time and I/O enabled, which `#[tokio::main]` makes.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod body;
mod clock;
mod connect;
mod error;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, HeaderValue};
use http::{Request, Response};
use hyper_rustls::ConfigBuilderExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kinde_users_core::{AsyncTransport, Delivery, time_limit};
use rustls::ClientConfig;

use crate::body::{Message, RequestBody};
pub use crate::clock::TokioClock;
use crate::connect::Connector;
pub use crate::error::{HyperError, Kind};
// For `with_tls`, whose argument has to be of this very version.
pub use rustls;

/// Carries messages over hyper. A clone shares its connections.
///
/// - Connections are kept and used again; where the server speaks HTTP/2, one is enough.
/// - A request that could not be written, because the server had closed the kept connection, goes over another one. The
///   server sees it once.
/// - A request whose time is over before anybody has looked at it is taken back, and was [not sent](Delivery::NotSent). Over
///   HTTP/2 its head may still go out, at that very moment, with no end and a reset behind it: no whole request, and nothing of its body.
/// - Responses are asked for in gzip, unless the request says otherwise: a page of users is a tenth of its size then. A
///   response in any other encoding is an error.
/// - Certificates are checked against Mozilla's roots, which are compiled in; see [`with_tls`](Self::with_tls).
/// - A response's head may have 64 KiB over HTTP/1, and just under 16 KiB over HTTP/2; one that is much longer is an error.
/// - There is no proxy. For one, carry messages with a stack that knows proxies.
#[derive(Clone, Debug)]
pub struct HyperTransport {
    connector: Connector,
    client: Client<Connector, RequestBody>,
    body_limit: u64,
}

impl HyperTransport {
    /// The most bytes that a response's body may have, unless set: 16 MiB.
    pub const BODY_LIMIT: u64 = 16 * 1024 * 1024;
    /// How long connecting may take, unless set: 10 seconds.
    pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

    /// With TLS 1.2 and 1.3 by rustls and ring, and Mozilla's root certificates.
    pub fn new() -> Self {
        Self::with_tls(tls())
    }

    /// With TLS settings of your own, for other root certificates or a client certificate.
    ///
    /// ```
    /// use kinde_users_hyper::{HyperTransport, rustls};
    /// use rustls::{ClientConfig, RootCertStore};
    ///
    /// let roots = RootCertStore::empty(); // Add yours.
    /// let provider = rustls::crypto::ring::default_provider();
    /// let config = ClientConfig::builder_with_provider(provider.into())
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// let transport = HyperTransport::with_tls(config);
    /// # Ok::<(), rustls::Error>(())
    /// ```
    ///
    /// The choice between HTTP/2 and HTTP/1.1 (ALPN) is left to the server, whatever the settings say.
    pub fn with_tls(config: ClientConfig) -> Self {
        let connector = Connector::new(config, Self::CONNECT_LIMIT);
        Self { client: client(connector.clone()), connector, body_limit: Self::BODY_LIMIT }
    }

    /// Sets the most bytes that a response's body may have, counted after decompression.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets how long connecting may take, from the name's lookup to the end of the TLS handshake. The request's own time
    /// limit holds as well. A transport that had connections starts with none.
    #[must_use]
    pub fn connect_limit(mut self, limit: Duration) -> Self {
        self.connector.limit = limit;
        self.client = client(self.connector.clone());
        self
    }
}

fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    #[expect(
        clippy::expect_used,
        reason = "it fails for a provider without cipher suites, which ring is not"
    )]
    let builder = builder.expect("ring has cipher suites for TLS 1.2 and 1.3");
    builder.with_webpki_roots().with_no_client_auth()
}

/// How long an HTTP/2 connection may be silent before it is asked whether it is alive, and how long it may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How many bytes of a response HTTP/1 reads at once, and has of a head before it gives up. Of its own accord hyper reads 408 KiB
/// at once, which for each long page it takes anew and gives back: so much that the allocator may give it back to the system.
const READ_BUFFER: usize = 64 * 1024;

fn client(connector: Connector) -> Client<Connector, RequestBody> {
    Client::builder(TokioExecutor::new())
        // Without timers idle connections stay for ever, and nobody asks whether they are alive.
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        // A time-out ends a stream and not its connection. Where a router has forgotten that one, every later request would
        // be sent into the void as well.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http1_max_buf_size(READ_BUFFER)
        // Only what never left is sent again: the server sees one attempt.
        .retry_canceled_requests(true)
        .build(connector)
}

impl Default for HyperTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncTransport for HyperTransport {
    type Error = HyperError;

    // No `async fn`, whose future would hold the request too, which hyper has then.
    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, HyperError>> + Send {
        let limit = time_limit(&request);
        let (head, body) = request.into_parts();
        let message = Message::new(body);
        let mut request = Request::from_parts(head, RequestBody::new(Arc::clone(&message)));
        request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        let response = self.client.request(request);
        async move {
            // In its place, so that nothing moves it.
            let exchange = pin!(async { body::read(response.await?, self.body_limit).await });
            let delivery = || if message.withdraw() { Delivery::NotSent } else { Delivery::Unknown };
            tokio::time::timeout(limit, exchange)
                .await
                .unwrap_or_else(|_| Err(HyperError::timeout(delivery())))
        }
    }

    fn delivery(&self, error: &HyperError) -> Delivery {
        error.delivery()
    }
}
