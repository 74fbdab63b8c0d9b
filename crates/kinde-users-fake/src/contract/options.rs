//! What the check needs to know about a transport.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;

use crate::certificates;

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

/// A certificate authority that signs the certificates of the check's servers. A transport that
/// trusts it can be checked with certificates that are valid, expired, or for another name; see
/// [`Options::trusted`].
#[derive(Clone)]
pub struct Authority(pub(crate) Arc<certificates::Authority>);

impl Authority {
    /// Creates a new authority.
    ///
    /// # Errors
    ///
    /// If the system provides no randomness for the key.
    pub fn new() -> io::Result<Self> {
        certificates::Authority::new().map(|authority| Self(Arc::new(authority)))
    }

    /// Returns the certificate of the authority in DER, for the root certificates of the transport.
    pub fn certificate(&self) -> &[u8] {
        self.0.der()
    }

    /// Returns the certificate of the authority in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Creates a client certificate and its private key for [`Options::mutual_tls`], both in PEM.
    ///
    /// # Errors
    ///
    /// If the system provides no randomness for the key.
    pub fn client_certificate(&self) -> io::Result<(String, String)> {
        self.0.client()
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.certificate() == other.certificate()
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
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
    /// that need such a transport are [skipped](super::Report::skipped).
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
        let Some(Authority(authority)) = &self.authority else { return Ok(None) };
        let config = match self.security {
            Security::Plain => return Ok(None),
            Security::Tls => authority.tls(&["127.0.0.1"], |_| {})?,
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
