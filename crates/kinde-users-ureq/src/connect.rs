//! Telling "not sent" from "unknown": what fails while a connection is made was certainly not sent.
//!
//! ureq's errors do not tell. A TLS handshake that is cut off is the same `Io(UnexpectedEof)` as a reply that is, and a
//! name that does not resolve is `Io` too. So the connector is wrapped, which looks names up too, and its errors marked.
//!
//! This is the only use of `ureq::unversioned`, which may change in a minor version of ureq: hence the bound on its
//! version in the manifest.

use std::time::Instant;

use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Error, Proxy, Timeout};

use crate::interim::WithoutInterim;

/// An error that came before there was a connection, and the host and port of the proxy that was to
/// make it.
#[derive(Debug)]
pub(crate) struct BeforeSending {
    pub(crate) error: Error,
    pub(crate) proxy: Option<String>,
}

impl std::fmt::Display for BeforeSending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no connection")
    }
}

impl std::error::Error for BeforeSending {}

fn mark(error: Error, proxy: Option<&Proxy>) -> Error {
    let proxy = proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
    Error::Other(Box::new(BeforeSending { error, proxy }))
}

/// The proxy that a connection goes through.
fn proxy_of<'a>(details: &ConnectionDetails<'a>) -> Option<&'a Proxy> {
    details.config.proxy().filter(|proxy| !proxy.is_no_proxy(details.uri))
}

/// Looks nothing up: ureq asks before it looks for a kept connection, which needs no address, and where there is a time
/// limit it starts a thread to do so. Most of the processor time of a call went there. The connector looks names up.
#[derive(Debug)]
pub(crate) struct LaterResolver;

impl Resolver for LaterResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Makes connections as ureq does, and looks up the names that they need.
#[derive(Debug)]
pub(crate) struct MarkedConnector<R> {
    connector: DefaultConnector,
    resolver: R,
}

impl<R: Resolver> MarkedConnector<R> {
    pub(crate) fn new(resolver: R) -> Self {
        Self { connector: DefaultConnector::default(), resolver }
    }

    /// The addresses to connect to, and what is left of the time to do so.
    fn look_up(&self, details: &ConnectionDetails<'_>) -> Result<(ResolvedSocketAddrs, NextTimeout), Error> {
        let by_proxy = proxy_of(details).is_some_and(|proxy| !proxy.resolve_target());
        // A connection to a proxy comes with the proxy's addresses.
        if by_proxy || !details.addrs.is_empty() {
            return Ok((details.addrs.clone(), details.timeout));
        }
        let start = Instant::now();
        let addrs = self.resolver.resolve(details.uri, details.config, for_lookup(details))?;
        let mut timeout = details.timeout;
        if let Duration::Exact(limit) = timeout.after {
            // ureq takes none at all for one second.
            let left = limit.checked_sub(start.elapsed()).filter(|left| !left.is_zero());
            timeout.after = left.ok_or(Error::Timeout(timeout.reason))?.into();
        }
        Ok((addrs, timeout))
    }
}

/// The time for connecting, or less where the lookup has a limit of its own.
fn for_lookup(details: &ConnectionDetails<'_>) -> NextTimeout {
    match details.config.timeouts().resolve.map(Duration::from) {
        Some(after) if after < details.timeout.after => {
            NextTimeout { after, reason: Timeout::Resolve, ..details.timeout }
        }
        _ => details.timeout,
    }
}

impl<R: Resolver> Connector for MarkedConnector<R> {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let (addrs, timeout) = self.look_up(details).map_err(|error| mark(error, None))?;
        // Each request has its own time limits, and ureq would set up TLS anew (root certificates, sessions) for each
        // connection of a request that has settings of its own. Its TLS settings are always those of the agent.
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: false,
            // For the name of a proxy.
            resolver: &self.resolver,
            now: (details.current_time)(),
            timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        match self.connector.connect(&details, chained) {
            Ok(transport) => Ok(transport.map(|transport| WithoutInterim::new(transport).boxed())),
            Err(error) => Err(mark(error, proxy_of(&details))),
        }
    }
}

#[cfg(test)]
mod tests;
