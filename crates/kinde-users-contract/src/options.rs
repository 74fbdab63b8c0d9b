//! What the check needs to know about a transport.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::authority::Authority;

/// What the check needs to know about the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) authority: Option<Authority>,
    pub(crate) security: Security,
}

/// How the servers of the check speak, where a case does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Without TLS.
    Plain,
    /// With certificates of the authority.
    Tls,
    /// As `Tls`, and they demand certificates of the authority from the transport.
    MutualTls,
}

impl Options {
    /// Creates options for a transport that accepts bodies of 16 MiB.
    pub fn new() -> Self {
        Self {
            body_limit: 16 * 1024 * 1024,
            request_timeout: Duration::from_millis(200),
            patience: Duration::from_secs(5),
            authority: None,
            security: Security::Plain,
        }
    }

    /// Sets the exact limit of the transport for the body of a response, in bytes. The check is
    /// faster with a small limit.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets the time limit of the requests that are meant to reach it. The default is 200 ms. A
    /// request may end late by three quarters of its limit, or by 150 ms if that is more.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Sets the time after which a request counts as hanging. The default is 5 s. It is the time
    /// limit of all other requests. After this time the server closes the connection, so that the
    /// check ends whatever the transport does.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// States that the transport trusts the certificates of this authority. Without it, the cases
    /// that need such a transport are [skipped](crate::Report::skipped).
    pub fn trusted(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.clone());
        self
    }

    /// Runs the cases over TLS, with certificates of this [trusted](Self::trusted) authority. A few
    /// cases stay without TLS, because they are about the bytes on the connection.
    pub fn over_tls(self, authority: &Authority) -> Self {
        Self { security: Security::Tls, ..self.trusted(authority) }
    }

    /// Runs the cases over TLS like [`over_tls`](Self::over_tls), and lets the servers demand a
    /// [client certificate](Authority::client_certificate) of this authority.
    pub fn mutual_tls(self, authority: &Authority) -> Self {
        Self { security: Security::MutualTls, ..self.trusted(authority) }
    }

    /// Returns the TLS settings of the servers, if they speak TLS.
    pub(crate) fn server_tls(&self) -> io::Result<Option<Arc<ServerConfig>>> {
        let Some(authority) = &self.authority else { return Ok(None) };
        let config = match self.security {
            Security::Plain => return Ok(None),
            Security::Tls => authority.tls(&["127.0.0.1"])?,
            Security::MutualTls => authority.mutual_tls(&["127.0.0.1"])?,
        };
        Ok(Some(Arc::new(config)))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
