//! Distinguishes "not sent" from "unknown": if making a connection fails, nothing was sent.
//!
//! ureq's errors do not make this distinction. A TLS handshake that is cut off gives the same
//! `Io(UnexpectedEof)` as a reply that is cut off, and a name that does not resolve gives `Io` too.
//! So this module wraps the connector, which also looks names up, and marks its errors.
//!
//! This is the only use of `ureq::unversioned`. That module may change in a minor version of ureq,
//! so the manifest bounds the version.

use std::time::{self, Instant};

use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Error, Proxy, Timeout};

use crate::error::UreqError;
use crate::interim::WithoutInterim;

/// Marks an error that occurred before there was a connection.
fn mark(error: Error, proxy: Option<&Proxy>) -> Error {
    Error::Other(Box::new(UreqError::before_sending(error, proxy)))
}

/// Returns the proxy that a connection goes through.
fn proxy_of<'a>(details: &ConnectionDetails<'a>) -> Option<&'a Proxy> {
    details.config.proxy().filter(|proxy| !proxy.is_no_proxy(details.uri))
}

/// A resolver that looks nothing up. ureq resolves a name before it searches for a kept connection,
/// which needs no address. With a time limit, ureq also starts a thread for this, which took most
/// of the processor time of a call. The connector looks names up instead.
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

    /// Returns the addresses to connect to and the time that is left for connecting.
    fn look_up(&self, details: &ConnectionDetails<'_>) -> Result<(ResolvedSocketAddrs, NextTimeout), Error> {
        let by_proxy = proxy_of(details).is_some_and(|proxy| !proxy.resolve_target());
        // For a connection to a proxy, the details already hold the addresses of the proxy.
        if by_proxy || !details.addrs.is_empty() {
            return Ok((details.addrs.clone(), details.timeout));
        }
        let start = Instant::now();
        let addrs = self.resolver.resolve(details.uri, details.config, for_lookup(details))?;
        let mut timeout = details.timeout;
        if let Duration::Exact(limit) = timeout.after {
            let left = time_left(limit, start.elapsed()).ok_or(Error::Timeout(timeout.reason))?;
            timeout.after = left.into();
        }
        Ok((addrs, timeout))
    }
}

/// Returns what remains of a time limit, if anything does. ureq reads a limit of zero as one
/// second.
fn time_left(limit: time::Duration, elapsed: time::Duration) -> Option<time::Duration> {
    limit.checked_sub(elapsed).filter(|left| !left.is_zero())
}

/// Returns the time limit for connecting, or the limit for the lookup if that is shorter.
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
        // Each request has its own time limits. For a request with its own settings, ureq would set
        // up TLS again (root certificates, sessions) for each connection. Its TLS settings are
        // always those of the agent.
        let details = ConnectionDetails {
            uri: details.uri,
            addrs,
            config: details.config,
            request_level: false,
            // Resolves the name of a proxy.
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
