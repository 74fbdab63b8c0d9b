//! Telling "not sent" from "unknown": what fails while a connection is made was certainly not sent.
//!
//! ureq's errors do not tell. A TLS handshake that is cut off is the same `Io(UnexpectedEof)` as a reply that is, and a
//! name that does not resolve is `Io` too. So name lookup and connector are wrapped, and their errors marked.
//!
//! This is the only use of `ureq::unversioned`, which may change in a minor version of ureq: hence the bound on its
//! version in the manifest.

use http::Uri;
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

/// An error that came before there was a connection.
#[derive(Debug)]
pub(crate) struct BeforeSending(pub(crate) Error);

impl std::fmt::Display for BeforeSending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no connection")
    }
}

impl std::error::Error for BeforeSending {}

fn mark(error: Error) -> Error {
    Error::Other(Box::new(BeforeSending(error)))
}

#[derive(Debug, Default)]
pub(crate) struct MarkedResolver(DefaultResolver);

impl Resolver for MarkedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(mark)
    }
}

#[derive(Debug, Default)]
pub(crate) struct MarkedConnector(DefaultConnector);

impl Connector for MarkedConnector {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        // Each request has its own time limits, and ureq would set up TLS anew (root certificates, sessions) for each
        // connection of a request that has settings of its own. Its TLS settings are always those of the agent.
        let details = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: false,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.0.connect(&details, chained).map_err(mark)
    }
}
