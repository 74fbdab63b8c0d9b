//! A certificate authority that exists as long as the server, and its certificate.

use std::io;
use std::sync::Arc;

use kinde_users_contract::Authority;
use tokio_rustls::TlsAcceptor;

/// How a server speaks TLS, and what its clients need for it.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate of the authority, in PEM.
    pub(super) ca: String,
    /// A certificate for clients and its key in PEM, if clients need one.
    pub(super) client: Option<(String, String)>,
}

impl Tls {
    /// Creates an authority, and its certificates. The key of the authority is dropped here, so
    /// that trusting the authority after the server has ended does no harm.
    pub(super) fn new(is_mutual: bool) -> io::Result<Self> {
        let authority = Authority::new()?;
        let names = ["localhost", "127.0.0.1", "::1"];
        let config = if is_mutual { authority.mutual_tls(&names)? } else { authority.tls(&names)? };
        let client = is_mutual.then(|| authority.client_certificate()).transpose()?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca: authority.pem(), client })
    }
}
