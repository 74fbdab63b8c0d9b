//! Checks a client certificate and its private key before ureq does, which panics if it cannot use
//! them.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::TlsConfig;

/// Returns whether ureq can use the client certificate and its key, if there are any.
pub(crate) fn is_usable(tls: &TlsConfig) -> bool {
    let Some(client) = tls.client_cert() else { return true };
    let Ok(key) = PrivateKeyDer::try_from(client.private_key().der()) else { return false };
    let certificates = client.certs().iter().map(|one| CertificateDer::from(one.der().to_vec())).collect();
    // The provider that ureq chooses.
    let provider = tls.unversioned_rustls_crypto_provider().clone();
    let provider = provider.or_else(|| CryptoProvider::get_default().cloned());
    let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
    CertifiedKey::from_der(certificates, key.clone_key(), &provider).is_ok()
}
