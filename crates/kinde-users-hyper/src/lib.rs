//! Async transport over [hyper](https://docs.rs/hyper) 1 for the Kinde Users client, and a clock
//! for tokio. The transport uses rustls and pooled connections, and supports HTTP/1.1 and HTTP/2.
//! The transport makes no decisions of its own.
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
//! The transport and the clock need a tokio runtime with time and I/O enabled, such as the runtime
//! that `#[tokio::main]` creates.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// Runs the example in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod body;
mod clock;
mod connect;
mod drain;
mod error;

#[cfg(feature = "native-certs")]
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, HeaderValue};
use http::{Request, Response, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kinde_users_core::{AsyncTransport, BodyFailure, Delivery, ProxyVariables, request_timeout};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tower_service::Service;

use crate::body::{Message, RequestBody};
pub use crate::clock::TokioClock;
use crate::connect::{Connector, Dialer};
pub use crate::error::{ErrorKind, HyperError};
// The argument of `with_tls` must be of this version.
pub use rustls;

/// Sends requests over hyper. Clones share connections.
///
/// - The transport keeps and reuses connections. If the server supports HTTP/2, one connection is
///   enough.
/// - If the server closed a kept connection before a request could be written, the request goes
///   over another connection. The server sees the request once.
/// - If the time limit of a request passes before hyper begins to send the request, the request was
///   [not sent](Delivery::NotSent). Over HTTP/2, hyper may still send the headers when the time
///   limit passes, and then it resets the stream. In this case, the server gets neither the end of
///   the request nor a part of its body.
/// - The transport asks for responses in gzip, unless the request has its own `Accept-Encoding`
///   header. Gzip reduces a page of users to a tenth of its size. The transport cannot read a body
///   in any other encoding.
/// - If the body of a response cannot be read, the error has the [head](HyperError::head) of the
///   response.
/// - The transport checks certificates against [Mozilla's root certificates](mozilla_roots), which
///   are compiled in. To use other root certificates, see [`with_tls`](Self::with_tls).
/// - The head of a response may be up to 64 KiB long. Over HTTP/1 it may have up to 1,024 headers.
///   A longer head is an error.
/// - The transport closes a connection that is idle for 15 seconds, before a firewall or a server
///   forgets the connection.
/// - If an HTTP/2 connection with open requests is silent for 10 seconds, the transport pings the
///   server. If no answer comes within 10 more seconds, the transport closes the connection.
/// - If the server refuses a request over HTTP/2 with `REFUSED_STREAM`, the request was [not
///   sent](Delivery::NotSent). A request with a body was also not sent if the server sends a GOAWAY
///   that excludes the stream of the request. If the request has no body, it is unknown whether the
///   server processed the request before it sent such a GOAWAY.
/// - The transport uses a proxy only through your own [connector](Self::with_connector). Without
///   such a connector, a request fails if environment variables name a proxy for its host (see
///   [`ProxyVariables`]), and nothing is sent. To send requests directly in this case, call
///   [`without_proxy`](Self::without_proxy). The constructor reads the variables once.
#[derive(Clone, Debug)]
pub struct HyperTransport {
    connector: Connector,
    client: Client<Connector, RequestBody>,
    body_limit: u64,
    proxies: Arc<ProxyVariables>,
}

impl HyperTransport {
    /// The default limit for the body of a response, in bytes: 16 MiB.
    pub const BODY_LIMIT: u64 = 16 * 1024 * 1024;
    /// The default time limit for connecting: 10 seconds.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Creates a transport that uses TLS 1.2 and 1.3 of rustls, the cryptography of ring, and
    /// Mozilla's root certificates.
    pub fn new() -> Self {
        Self::with_tls(tls_builder().with_root_certificates(mozilla_roots()).with_no_client_auth())
    }

    /// Creates a transport with your own TLS settings, for example for other root certificates or a
    /// client certificate. The server always chooses between HTTP/2 and HTTP/1.1 (ALPN), even if
    /// the settings have other protocols.
    ///
    /// # Examples
    ///
    /// ```
    /// use kinde_users_hyper::{HyperTransport, mozilla_roots, tls_builder};
    ///
    /// let roots = mozilla_roots(); // Add yours.
    /// let config = tls_builder().with_root_certificates(roots).with_no_client_auth();
    /// let transport = HyperTransport::with_tls(config);
    /// ```
    pub fn with_tls(config: ClientConfig) -> Self {
        let variable = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        let proxies = ProxyVariables::read(variable);
        Self { proxies: Arc::new(proxies), ..Self::with_connector(connect::direct(), config) }
    }

    /// Creates a transport over your own connector, for example for a proxy. The connector returns
    /// a connection to the host of a URI. The transport sets up TLS on the connection with the
    /// settings in `tls`. A time limit applies to connecting and the TLS handshake together. The
    /// transport does not read the proxy variables of the environment.
    ///
    /// If the connector fails, the request was [not sent](Delivery::NotSent). The error of this
    /// transport shows the text of the connector's error only if the connector's error is an I/O or
    /// TLS error.
    ///
    /// # Examples
    ///
    /// ```
    /// use hyper_util::client::legacy::connect::HttpConnector;
    /// use hyper_util::client::legacy::connect::proxy::Tunnel;
    /// use kinde_users_hyper::{HyperTransport, mozilla_roots, tls_builder};
    ///
    /// let tunnel = Tunnel::new("http://proxy.example:3128".parse()?, HttpConnector::new());
    /// let tls = tls_builder().with_root_certificates(mozilla_roots()).with_no_client_auth();
    /// let transport = HyperTransport::with_connector(tunnel, tls);
    /// # Ok::<(), http::uri::InvalidUri>(())
    /// ```
    pub fn with_connector<C>(connector: C, tls: ClientConfig) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connection + Read + Write + Send + Unpin + 'static,
        C::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        C::Future: Send + 'static,
    {
        let connector = Connector::new(Dialer::new(connector), tls, Self::CONNECT_TIMEOUT);
        let client = client(connector.clone());
        Self { connector, client, body_limit: Self::BODY_LIMIT, proxies: Arc::default() }
    }

    /// Sends requests directly, even if the environment asks for a proxy.
    #[must_use]
    pub fn without_proxy(mut self) -> Self {
        self.proxies = Arc::default();
        self
    }

    /// Sets the limit for the body of a response, in bytes after decompression.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets the time limit for connecting, from the lookup of the name to the end of the TLS
    /// handshake. The time limit of the request also applies. The returned transport does not use
    /// connections that are already open.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connector.limit = limit;
        self.client = client(self.connector.clone());
        self
    }
}

/// Returns a builder of TLS settings for [`HyperTransport::with_tls`]. The settings allow TLS 1.2
/// and 1.3, and use ring. Add the root certificates first. Then choose whether to use a client
/// certificate.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "it fails for a provider without cipher suites, which ring is not"
)]
pub fn tls_builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("ring has cipher suites for TLS 1.2 and 1.3")
}

/// Returns the root certificates of Mozilla, which are compiled in. You can add your own
/// certificates.
pub fn mozilla_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// Loads the root certificates of the operating system. If the environment variable `SSL_CERT_FILE`
/// or `SSL_CERT_DIR` is set, loads the certificates from there instead.
///
/// # Errors
///
/// Returns an error if no root certificate can be loaded.
#[cfg(feature = "native-certs")]
pub fn system_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs();
    match roots.add_parsable_certificates(found.certs) {
        (0, _) => Err(found.errors.pop().map_or_else(|| io::ErrorKind::NotFound.into(), io::Error::other)),
        _ => Ok(roots),
    }
}

/// How long an HTTP/2 connection with open requests may be silent before the server is pinged, and
/// how long the server may take to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long a connection without an open request is kept. Routers and firewalls forget a connection
/// after 30 seconds or more, and then silently drop what it sends. hyper's default is 90 seconds.
const IDLE: Duration = Duration::from_secs(15);

/// How many bytes of a response HTTP/1 reads at once, and how many a head may have. By default
/// hyper reads 408 KiB at once and allocates and frees a buffer of that size for each long page,
/// which the allocator may return to the system each time.
const HEAD: u32 = 64 * 1024;

/// How many headers a response may have over HTTP/1. By default hyper refuses more than 100.
const HEADERS: usize = 1024;

fn client(connector: Connector) -> Client<Connector, RequestBody> {
    // By default hyper sends a request again only if no part of it was sent, so the server sees it
    // once.
    Client::builder(TokioExecutor::new())
        // Without timers, idle connections stay open forever and are never pinged.
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .timer(TokioTimer::new())
        // A time-out ends a stream but not its connection. If a router has forgotten the
        // connection, every later request on it would be lost as well.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http1_max_buf_size(HEAD as usize)
        .http1_max_headers(HEADERS)
        .http2_max_header_list_size(HEAD)
        .build(connector)
}

impl Default for HyperTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncTransport for HyperTransport {
    type Error = HyperError;

    // This is not an `async fn`, because its future would also hold the request, which belongs to
    // hyper by then.
    fn send(
        &self,
        request: Request<Vec<u8>>,
    ) -> impl Future<Output = Result<Response<Vec<u8>>, HyperError>> + Send {
        let limit = request_timeout(&request);
        let proxy = self.proxies.proxy_for(request.uri()).map(|(variable, _)| variable);
        let may_be_whole = request.body().is_empty();
        let (head, body) = request.into_parts();
        let message = Message::new(body);
        let mut request = Request::from_parts(head, RequestBody::new(Arc::clone(&message)));
        request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        let response = proxy.map_or_else(|| Ok(self.client.request(request)), Err);
        async move {
            let mut response = pin!(response.map_err(HyperError::proxy)?);
            let mut over = pin!(tokio::time::sleep(limit));
            let delivery = || if message.withdraw() { Delivery::NotSent } else { Delivery::Unknown };
            let response = match body::until(over.as_mut(), response.as_mut()).await {
                Some(Ok(response)) => response,
                Some(Err(error)) => return Err(HyperError::of_request(&error, delivery(), may_be_whole)),
                None => return Err(HyperError::plain(ErrorKind::Timeout, delivery())),
            };
            // The future is pinned in place, so that it is not moved.
            pin!(body::read(response, self.body_limit, over)).await
        }
    }

    fn delivery(&self, error: &HyperError) -> Delivery {
        error.delivery()
    }

    fn head<'e>(&self, error: &'e HyperError) -> Option<&'e Response<BodyFailure>> {
        error.head()
    }
}
