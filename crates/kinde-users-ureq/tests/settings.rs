//! Tests which guarantees hold whatever is configured, and which settings reach ureq.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use kinde_users_core::Transport;
use kinde_users_fake::contract::Server;
use kinde_users_ureq::UreqTransport;
use log::{LevelFilter, Log, Metadata, Record};
use ureq::tls::TlsConfig;

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
