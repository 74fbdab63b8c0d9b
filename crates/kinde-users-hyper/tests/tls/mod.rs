//! A new certificate for a server on loopback, and settings of a client that trusts it.

use kinde_users_hyper::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use kinde_users_hyper::rustls::{ClientConfig, RootCertStore, ServerConfig};
use kinde_users_hyper::{rustls, tls_builder};

/// Returns the settings of a server at 127.0.0.1 that supports these protocols, and its
/// certificate.
pub(crate) fn server(protocols: &[&str]) -> (ServerConfig, CertificateDer<'static>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let builder = ServerConfig::builder_with_provider(provider.into());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate.clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    (config, certificate)
}

/// Returns the settings of a client that trusts only this certificate.
pub(crate) fn client(certificate: CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut config = tls_builder().with_root_certificates(roots).with_no_client_auth();
    // The transport ignores this setting.
    config.alpn_protocols = vec![b"spdy/3".to_vec()];
    config
}
