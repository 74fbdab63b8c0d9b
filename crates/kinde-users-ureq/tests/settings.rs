//! Tests which guarantees hold whatever is configured, and which settings reach ureq.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use kinde_users_contract::{Authority, Server};
use kinde_users_core::{Delivery, Transport};
use kinde_users_ureq::{ErrorKind, UreqTransport};
use log::{LevelFilter, Log, Metadata, Record};
use ureq::tls::{Certificate, ClientCert, PrivateKey, TlsConfig};

fn get(server: &Server) -> Request<Vec<u8>> {
    Request::get(server.origin()).body(Vec::new()).unwrap()
}

#[test]
fn redirects_and_statuses_ignore_the_configuration() {
    for status in [301, 302, 303, 307, 308, 400, 401, 404, 429, 500] {
        let server = Server::answering(move |_| {
            let response = Response::builder().status(status).header("location", "/elsewhere");
            response.body(Vec::new()).unwrap()
        });
        let transport = UreqTransport::configured(|config| {
            config.proxy(None).max_redirects(5).max_redirects_will_error(true).http_status_as_error(true)
        });
        assert_eq!(transport.send(get(&server.unwrap())).unwrap().status(), status);
    }
}

#[test]
fn gzip_is_requested_by_default() {
    let server = Server::answering(|request| {
        let asked = request.headers().get("accept-encoding");
        Response::new(asked.map(|asked| asked.as_bytes().to_vec()).unwrap_or_default())
    });
    let server = server.unwrap();
    let answer = |transport: UreqTransport| transport.send(get(&server)).unwrap().into_body();
    assert_eq!(answer(UreqTransport::new()), b"gzip");
    assert_eq!(answer(UreqTransport::configured(|config| config.user_agent("mine"))), b"gzip");
    let plain = UreqTransport::configured(|config| config.accept_encoding("identity"));
    assert_eq!(answer(plain), b"identity");
}

#[test]
fn unusable_client_certificate_is_an_error() {
    let authority = Authority::new().unwrap();
    let (matching, key) = authority.client_certificate().unwrap();
    let (other, _) = authority.client_certificate().unwrap();
    let certificate = |pem: &str| Certificate::from_pem(pem.as_bytes()).unwrap();
    let sent = |certificates: &[Certificate<'static>]| {
        let key = PrivateKey::from_pem(key.as_bytes()).unwrap();
        let both = ClientCert::new_with_certs(certificates, key);
        let tls = TlsConfig::builder().client_cert(Some(both)).build();
        let server = Server::answering(|_| Response::new(Vec::new())).unwrap();
        let mut request = get(&server);
        *request.uri_mut() = server.origin().replace("http", "https").parse().unwrap();
        let transport = UreqTransport::configured(|config| config.proxy(None).tls_config(tls));
        transport.send(request).unwrap_err()
    };
    let text = "TLS failed: the client certificate and its private key cannot be used (not sent)";
    let broken = Certificate::from_der(b"broken").to_owned();
    for certificates in [&[certificate(&other)][..], &[broken], &[]] {
        let error = sent(certificates);
        assert_eq!((error.kind(), error.delivery()), (ErrorKind::Tls, Delivery::NotSent), "{error}");
        assert_eq!(error.to_string(), text);
    }
    // The server does not speak TLS.
    assert_ne!(sent(&[certificate(&matching)]).to_string(), text);
}

/// Counts from the log how often ureq sets up TLS without certificate checks.
struct Counter;

static SET_UP: AtomicUsize = AtomicUsize::new(0);

impl Log for Counter {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if record.args().to_string() == "Certificate verification disabled" {
            SET_UP.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

#[test]
fn tls_is_set_up_once_for_all_connections() {
    log::set_logger(&Counter).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let server = Server::answering(|_| Response::new(Vec::new())).unwrap();
    let tls = TlsConfig::builder().disable_verification(true).build();
    let transport = UreqTransport::configured(|config| config.tls_config(tls));
    for _ in 0..3 {
        // The server does not speak TLS, so each attempt needs a new connection.
        let mut request = get(&server);
        *request.uri_mut() = server.origin().replace("http", "https").parse().unwrap();
        assert!(transport.send(request).is_err());
    }
    assert_eq!(SET_UP.load(Ordering::Relaxed), 1);
}
