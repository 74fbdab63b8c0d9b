//! The ways from a client to the in-memory tenant that companies have: their own root certificate,
//! a proxy, and a client certificate.

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use kinde_users::hyper::rustls::pki_types::pem::PemObject;
use kinde_users::hyper::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use kinde_users::hyper::rustls::{ClientConfig, RootCertStore};
use kinde_users::hyper::tls_builder;
use kinde_users::ureq::ureq::Proxy;
use kinde_users::ureq::ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use kinde_users::{HyperTransport, UreqTransport};
use kinde_users_fake::FakeKinde;
use kinde_users_fake::server::{Options, Server};

#[path = "../../../kinde-users-ureq/tests/connect_proxy/mod.rs"]
mod connect_proxy;

use connect_proxy::{ConnectProxy, Heard};

/// The name and password for the proxy, plain and in base64.
pub(crate) const LOGIN: [&str; 2] = ["proxy-user:pr0xy-s3cret", "cHJveHktdXNlcjpwcjB4eS1zM2NyZXQ="];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Without TLS.
    Direct,
    /// Over TLS with a custom root.
    CustomRoot,
    /// As `CustomRoot`, and through a proxy.
    Proxy,
    /// As `CustomRoot`, and the server demands a client certificate.
    ClientCertificate,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Direct, Self::CustomRoot, Self::Proxy, Self::ClientCertificate];

    /// Lets the tenant listen.
    pub(crate) fn open(self, fake: &FakeKinde, speed: u32) -> Road {
        let options = Options::new().speed(speed);
        let options = match self {
            Self::Direct => options,
            Self::CustomRoot | Self::Proxy => options.tls(),
            Self::ClientCertificate => options.mutual_tls(),
        };
        let server = Server::start(fake, &options).unwrap();
        Road { server, proxy: (self == Self::Proxy).then(ConnectProxy::start) }
    }
}

/// A tenant that listens, and what stands before it.
pub(crate) struct Road {
    pub(crate) server: Server,
    pub(crate) proxy: Option<ConnectProxy>,
}

impl Road {
    /// Returns a transport that goes this way.
    pub(crate) fn ureq(&self) -> UreqTransport {
        let mut tls = TlsConfig::builder();
        if let Some(root) = self.server.ca_pem() {
            tls = tls.root_certs(RootCerts::from([Certificate::from_pem(root.as_bytes()).unwrap()]));
        }
        if let Some((certificate, key)) = self.server.client_certificate() {
            let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
            let key = PrivateKey::from_pem(key.as_bytes()).unwrap();
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&[certificate], key)));
        }
        self.over_ureq(tls.build())
    }

    /// Returns a transport with these TLS settings, which goes through the proxy if there is one.
    pub(crate) fn over_ureq(&self, tls: TlsConfig) -> UreqTransport {
        let address = self.proxy.as_ref().map(ConnectProxy::address);
        let proxy = address.map(|address| Proxy::new(&format!("http://{}@{address}", LOGIN[0])).unwrap());
        UreqTransport::configured(|config| config.tls_config(tls).proxy(proxy))
    }

    /// Returns a transport that goes this way.
    pub(crate) fn hyper(&self) -> HyperTransport {
        let mut roots = RootCertStore::empty();
        if let Some(root) = self.server.ca_pem() {
            roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        }
        let tls = tls_builder().with_root_certificates(roots);
        let tls = match self.server.client_certificate() {
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                tls.with_client_auth_cert(vec![certificate], key).unwrap()
            }
            None => tls.with_no_client_auth(),
        };
        self.over_hyper(tls)
    }

    /// Checks that the proxy, if there is one, was told only where to connect, and that nothing
    /// readable went through it since this was last called.
    pub(crate) fn check_proxy(&self) {
        let Some(proxy) = &self.proxy else { return };
        let Heard { heads, tunnelled } = proxy.take_heard();
        assert!(!heads.is_empty());
        for head in heads {
            let names = head.lines().skip(1).filter_map(|line| line.split(':').next());
            for name in names.map(str::to_ascii_lowercase).filter(|name| !name.is_empty()) {
                let known = ["host", "proxy-authorization", "proxy-connection", "user-agent"];
                assert!(known.contains(&name.as_str()), "the proxy was told {head}");
            }
        }
        // Shorter words may be in encrypted bytes by chance.
        let readable = ["Bearer", "client_secret", "/api/v1", "/oauth2"];
        for bytes in tunnelled {
            let text = String::from_utf8_lossy(&bytes);
            let found = readable.iter().find(|readable| text.contains(**readable));
            assert_eq!(found, None, "{text} went through the proxy");
        }
    }

    /// Returns a transport with these TLS settings, which goes through the proxy if there is one.
    pub(crate) fn over_hyper(&self, tls: ClientConfig) -> HyperTransport {
        let Some(proxy) = &self.proxy else { return HyperTransport::with_tls(tls).without_proxy() };
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        let tunnel = Tunnel::new(format!("http://{}", proxy.address()).parse().unwrap(), tcp);
        let login = format!("Basic {}", LOGIN[1]).parse().unwrap();
        HyperTransport::with_connector(tunnel.with_auth(login), tls)
    }
}
