//! Blocking transport over [`ureq`] 3 for the Kinde Users client, with rustls and pooled
//! connections. The transport makes no decisions of its own.
//!
//! ```no_run
//! use kinde_users_core::Transport;
//! use kinde_users_ureq::UreqTransport;
//!
//! let transport = UreqTransport::new();
//! let request = http::Request::get("https://acme.kinde.com/api/v1/users").body(Vec::new())?;
//! println!("HTTP {}", transport.send(request)?.status());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// Runs the example in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod body;
mod client_cert;
mod connect;
mod error;
mod interim;
mod proxy;

#[cfg(feature = "native-certs")]
use std::io;
use std::time::Instant;

use http::{Request, Response};
use kinde_users_core::{BodyFailure, Delivery, ProxyVariables, Transport, request_timeout};
use ureq::config::ConfigBuilder;
#[cfg(feature = "native-certs")]
use ureq::tls::{Certificate, RootCerts};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::{Agent, AsSendBody, Proxy};

use crate::connect::{LaterResolver, MarkedConnector};
pub use crate::error::{ErrorKind, UreqError};
/// The version of ureq that [`UreqTransport::configured`] configures.
pub use ureq;

/// Sends requests over ureq. Clones share connections.
///
/// When the transport is created, it reads the proxy variables of the environment; see
/// [`ProxyVariables`]. If the variables name a proxy for a request, the request goes through that
/// proxy. The transport supports HTTP and HTTPS proxies with `CONNECT`, and the SOCKS versions 4,
/// 4a, 5 and 5h. It uses the user name and the password from the variable. If the variable does not
/// hold the address of a proxy, or if the proxy refuses to connect, each request fails and is [not
/// sent](Delivery::NotSent). If you [configure](Self::configured) a proxy or `None`, the transport
/// does not use the variables.
///
/// A response may have 128 headers, which is ureq's limit. More headers are an error.
///
/// If a server stops reading a large body, a request may take twice its time limit. If the server
/// reads it slowly, the request may take longer still. If the operating system has taken only a
/// part of a write when the limit is reached, ureq writes the rest with the whole limit again.
#[derive(Clone, Debug)]
pub struct UreqTransport {
    agent: Agent,
    body_limit: u64,
    /// What the environment asks for, or `None` if the proxy was configured.
    environment: Option<ProxyVariables>,
    has_usable_certificate: bool,
}

impl UreqTransport {
    /// The default limit for the body of a response, in bytes: 16 MiB.
    pub const BODY_LIMIT: u64 = 16 * 1024 * 1024;

    /// Creates a transport with ureq's default settings, unless the contract of [`Transport`]
    /// requires other settings.
    pub fn new() -> Self {
        Self::configured(|config| config)
    }

    /// Creates a transport with your own settings, for example for a proxy, other root
    /// certificates, a client certificate or the pool.
    ///
    /// Whatever you set, the transport follows no redirects and returns every status as a response.
    /// If you set `timeout_global`, the time limit of a request is `timeout_global` or the
    /// request's own [`request_timeout`], whichever is shorter. If a client certificate and its
    /// private key cannot be used, each request fails and is [not sent](Delivery::NotSent).
    /// `RootCerts::PlatformVerifier` needs ureq's feature `platform-verifier`. Without this
    /// feature, ureq panics. The function `system_roots` of this crate needs only the feature
    /// `native-certs`. Requests to loopback addresses go through a configured proxy too. The
    /// transport sends the `User-Agent` header that `kinde-users-core` added to the request.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kinde_users_ureq::UreqTransport;
    /// let for_twenty_threads = UreqTransport::configured(|config| {
    ///     config.max_idle_connections_per_host(20).max_idle_connections(20)
    /// });
    /// ```
    pub fn configured(
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Self {
        Self::with_parts(DefaultResolver::default(), proxy::from_environment(), configure)
    }

    fn with_parts(
        resolver: impl Resolver,
        variables: ProxyVariables,
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Self {
        // This value stands for "not configured"; each request replaces it. ureq's own reading of
        // the environment ignores variables that it cannot parse, and reads `NO_PROXY` in its own
        // way.
        let unset = Proxy::new("http://environment.invalid").ok();
        let config = Agent::config_builder().accept_encoding("gzip").proxy(unset.clone());
        let config = configure(config).http_status_as_error(false).max_redirects(0).build();
        let environment = (config.proxy() == unset.as_ref()).then_some(variables);
        let agent = Agent::with_parts(config, MarkedConnector::new(resolver), LaterResolver);
        let has_usable_certificate = client_cert::is_usable(agent.config().tls_config());
        Self { agent, body_limit: Self::BODY_LIMIT, environment, has_usable_certificate }
    }

    /// Sets the limit for the body of a response, in bytes after decompression.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl UreqTransport {
    fn run(&self, request: Request<impl AsSendBody>) -> Result<Response<ureq::Body>, UreqError> {
        if !self.has_usable_certificate {
            return Err(UreqError::of_certificate());
        }
        // A limit that the machine's clock cannot represent counts as no limit.
        let limit =
            Some(request_timeout(&request)).filter(|limit| Instant::now().checked_add(*limit).is_some());
        let limit = limit.into_iter().chain(self.agent.config().timeouts().global).min();
        let proxy = self.environment.as_ref().map(|variables| proxy::of(variables, request.uri()));
        let mut config = self.agent.configure_request(request).timeout_global(limit);
        if let Some(proxy) = proxy {
            config = config.proxy(proxy?);
        }
        Ok(self.agent.run(config.build())?)
    }
}

/// Loads the root certificates of the operating system. If the environment variable `SSL_CERT_FILE`
/// or `SSL_CERT_DIR` is set, loads the certificates from there instead.
///
/// # Errors
///
/// Returns an error if no root certificate can be loaded.
///
/// # Examples
///
/// ```no_run
/// use kinde_users_ureq::{UreqTransport, system_roots, ureq::tls::TlsConfig};
///
/// let tls = TlsConfig::builder().root_certs(system_roots()?).build();
/// let transport = UreqTransport::configured(|config| config.tls_config(tls));
/// # Ok::<(), std::io::Error>(())
/// ```
#[cfg(feature = "native-certs")]
pub fn system_roots() -> io::Result<RootCerts> {
    let mut found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(found.errors.pop().map_or_else(|| io::ErrorKind::NotFound.into(), io::Error::other));
    }
    Ok(found.certs.iter().map(|root| Certificate::from_der(root).to_owned()).into())
}

impl Default for UreqTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for UreqTransport {
    type Error = UreqError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, UreqError> {
        let response = if request.body().is_empty() {
            // An empty `Vec` would add `content-length: 0` to GET and DELETE requests too.
            self.run(request.map(|_| ()))
        } else {
            self.run(request)
        };
        let (mut head, body) = response?.into_parts();
        match body::read(&mut head.headers, body, self.body_limit) {
            Ok(bytes) => Ok(Response::from_parts(head, bytes)),
            Err(error) => Err(error.with_head(head.status, head.headers)),
        }
    }

    fn delivery(&self, error: &UreqError) -> Delivery {
        error.delivery()
    }

    fn head<'e>(&self, error: &'e UreqError) -> Option<&'e Response<BodyFailure>> {
        error.head()
    }
}
