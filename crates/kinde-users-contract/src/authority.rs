//! A certificate authority for one run, and certificates that it signs.

use core::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

/// A certificate authority for one run of a test. It signs the certificates of servers, and of
/// clients if a server demands them.
///
/// A transport that trusts the authority can be checked with certificates that are valid, expired,
/// or for another name; see [`Options::trusted`](crate::Options::trusted). [`tls`](Self::tls) and
/// [`mutual_tls`](Self::mutual_tls) are for a server of your own.
#[derive(Clone)]
pub struct Authority {
    certificate: Certificate,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

impl Authority {
    /// Creates a new authority.
    ///
    /// # Errors
    ///
    /// If the system provides no randomness for the key.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("kinde-users test authority, good for one run");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        Ok(Self { certificate, issuer: Arc::new(Issuer::new(params, key)) })
    }

    /// Returns the certificate of the authority in DER, for the root certificates of a client.
    pub fn certificate(&self) -> &[u8] {
        self.certificate.der()
    }

    /// Returns the certificate of the authority in PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Creates a certificate for a client and its private key, both in PEM. Servers with the
    /// settings of [`mutual_tls`](Self::mutual_tls) demand it, and so do the servers of the check
    /// with [`Options::mutual_tls`](crate::Options::mutual_tls).
    ///
    /// # Errors
    ///
    /// If the system provides no randomness for the key.
    pub fn client_certificate(&self) -> io::Result<(String, String)> {
        let (certificate, key) = self.sign(&[], "client", ExtendedKeyUsagePurpose::ClientAuth, |_| {})?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// Creates TLS settings for a server that speaks HTTP/1.1, with a new certificate for these
    /// names and IP addresses. The certificate has everything that strict clients require: the
    /// usage of its key, and a reference to the key that signed it.
    ///
    /// ```
    /// let authority = kinde_users_contract::Authority::new()?;
    /// let config = authority.tls(&["localhost", "127.0.0.1"])?;
    /// assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a name is not ASCII, or the system provides no randomness for the key.
    pub fn tls(&self, names: &[&str]) -> io::Result<ServerConfig> {
        self.adjusted_tls(names, |_| {})
    }

    /// Creates the same settings as [`tls`](Self::tls) for a server that demands a certificate of
    /// this authority from its clients: [`client_certificate`](Self::client_certificate).
    ///
    /// # Errors
    ///
    /// If a name is not ASCII, or the system provides no randomness for the key.
    pub fn mutual_tls(&self, names: &[&str]) -> io::Result<ServerConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        self.server(names, |_| {}, verifier.build().map_err(io::Error::other)?)
    }

    /// Creates the same settings as [`tls`](Self::tls) with a certificate that `adjust` changed.
    pub(crate) fn adjusted_tls(
        &self,
        names: &[&str],
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> io::Result<ServerConfig> {
        self.server(names, adjust, WebPkiClientVerifier::no_client_auth())
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
        let certificate = params.signed_by(&key, &*self.issuer).map_err(io::Error::other)?;
        Ok((certificate, key))
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.certificate == other.certificate
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
