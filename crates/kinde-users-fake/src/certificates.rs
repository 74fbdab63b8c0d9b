//! A certificate authority for one run, and certificates that it signs.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

/// The certificate and the key of an authority.
#[derive(Debug)]
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("kinde-users-fake, good for one run");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self { params, key, certificate })
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        self.certificate.der()
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Creates TLS settings for HTTP/1.1 with a new certificate for these names and addresses,
    /// changed by `adjust`. The certificate has everything that strict clients require: the usage
    /// of the key, and the key that signed the certificate.
    pub(crate) fn tls(
        &self,
        names: &[&str],
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> io::Result<ServerConfig> {
        self.server(names, adjust, WebPkiClientVerifier::no_client_auth())
    }

    /// Creates the same settings as [`tls`](Self::tls) for a server that demands a certificate of
    /// this authority from its clients.
    pub(crate) fn mutual_tls(&self, names: &[&str]) -> io::Result<ServerConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        self.server(names, |_| {}, verifier.build().map_err(io::Error::other)?)
    }

    /// Creates a certificate for a client and its key, both in PEM.
    pub(crate) fn client(&self) -> io::Result<(String, String)> {
        let (certificate, key) = self.sign(&[], "client", ExtendedKeyUsagePurpose::ClientAuth, |_| {})?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn server(
        &self,
        names: &[&str],
        adjust: impl FnOnce(&mut CertificateParams),
        verifier: Arc<dyn ClientCertVerifier>,
    ) -> io::Result<ServerConfig> {
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        let (certificate, key) = self.sign(names, "localhost", usage, adjust)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let config = config.with_client_cert_verifier(verifier);
                config.with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Signs a new certificate for a new key.
    fn sign(
        &self,
        names: &[&str],
        subject: &str,
        usage: ExtendedKeyUsagePurpose,
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> io::Result<(Certificate, KeyPair)> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name = named(subject);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        adjust(&mut params);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).map_err(io::Error::other)?;
        Ok((certificate, key))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
