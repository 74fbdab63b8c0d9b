//! A certificate authority that exists as long as the server, and its certificate.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;

/// Creates an acceptor, and returns it with the certificate of the authority in PEM. The key of the
/// authority is dropped here, so that trusting the authority after the server has ended does no
/// harm.
pub(super) fn acceptor() -> io::Result<(TlsAcceptor, String)> {
    let authority = Authority::new()?;
    let config = authority.tls(&["localhost", "127.0.0.1", "::1"], |_| {})?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}
