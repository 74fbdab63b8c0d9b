//! Blocking transport over [`ureq`] 3 for the Kinde Users client: rustls, pooled connections, no decision of its own.
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

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod connect;
mod error;

use std::io::Read;
use std::net::IpAddr;
use std::time::Instant;

use http::{Request, Response, Uri};
use kinde_users_core::{Delivery, Transport, time_limit};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::{Agent, AsSendBody};

use crate::connect::{LaterResolver, MarkedConnector};
pub use crate::error::{Kind, UreqError};
/// The version of ureq that [`UreqTransport::configured`] configures.
pub use ureq;

/// Carries messages over ureq. A clone shares its connections.
///
/// Proxies are taken from the environment (`HTTPS_PROXY` and the like), as ureq does, but not for loopback addresses.
#[derive(Clone, Debug)]
pub struct UreqTransport {
    agent: Agent,
    body_limit: u64,
}

impl UreqTransport {
    /// The most bytes that a response's body may have, unless set: 16 MiB.
    pub const BODY_LIMIT: u64 = 16 * 1024 * 1024;

    /// With ureq's own settings for everything that is not part of the contract of [`Transport`].
    pub fn new() -> Self {
        Self::configured(|config| config)
    }

    /// With settings of your own, for a proxy, other root certificates, a client certificate or the pool:
    ///
    /// ```
    /// # use kinde_users_ureq::UreqTransport;
    /// let transport = UreqTransport::configured(|config| config.max_idle_connections_per_host(20));
    /// ```
    ///
    /// Redirects are not followed and no status is an error, whatever is set. Of a `timeout_global` and the request's own
    /// [`time_limit`], the shorter one holds.
    pub fn configured(
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Self {
        Self::looking_up(DefaultResolver::default(), configure)
    }

    fn looking_up(
        resolver: impl Resolver,
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Self {
        let config = configure(Agent::config_builder()).http_status_as_error(false).max_redirects(0).build();
        let agent = Agent::with_parts(config, MarkedConnector::new(resolver), LaterResolver);
        Self { agent, body_limit: Self::BODY_LIMIT }
    }

    /// Sets the most bytes that a response's body may have, counted after decompression.
    #[must_use]
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl UreqTransport {
    fn run(&self, request: Request<impl AsSendBody>) -> Result<Response<ureq::Body>, ureq::Error> {
        // One that the machine's clock cannot count is none.
        let limit = Some(time_limit(&request)).filter(|limit| Instant::now().checked_add(*limit).is_some());
        let limit = limit.into_iter().chain(self.agent.config().timeouts().global).min();
        let is_local = is_loopback(request.uri());
        let mut config = self.agent.configure_request(request).timeout_global(limit);
        if is_local {
            // A proxy of the environment's would carry off what is not to leave the machine, in the clear.
            config = config.proxy(None);
        }
        self.agent.run(config.build())
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
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
            // An empty `Vec` would put `content-length: 0` on GET and DELETE too.
            self.run(request.map(|_| ()))
        } else {
            self.run(request)
        };
        let (parts, body) = response?.into_parts();
        // With room for what is said to come, or else it is copied over and over as it grows.
        let told = body.content_length().unwrap_or_default().min(self.body_limit);
        let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or_default());
        let mut reader = body.into_with_config().limit(self.body_limit).reader();
        reader.read_to_end(&mut bytes).map_err(ureq::Error::from)?;
        Ok(Response::from_parts(parts, bytes))
    }

    fn delivery(&self, error: &UreqError) -> Delivery {
        error.delivery()
    }
}
