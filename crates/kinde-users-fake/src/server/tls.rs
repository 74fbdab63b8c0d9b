//! A certificate authority that lives as long as the server, and a certificate of it.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;

/// With the certificate of the authority in PEM. The key of the authority is gone after this, so that a trust
/// that outlives the server is of no use to anyone.
pub(super) fn acceptor() -> io::Result<(TlsAcceptor, String)> {
    let authority = Authority::new()?;
    let config = authority.tls(&["localhost", "127.0.0.1", "::1"], |_| {})?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}
