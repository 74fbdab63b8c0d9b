//! Tests what the adapter reports for each failure: its kind, whether anything was sent, and
//! nothing of the URI.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use http::{Request, Response};
use kinde_users_contract::Server;
use kinde_users_core::{Delivery, Transport, set_request_timeout};
use kinde_users_ureq::{ErrorKind, UreqError, UreqTransport};

fn ureq() -> UreqTransport {
    UreqTransport::configured(|config| config.proxy(None))
}

fn get(origin: &str) -> Request<Vec<u8>> {
    let mut request = Request::get(format!("{origin}/api/v1/users?email=sally%40example.com"))
        .header("authorization", "Bearer s3cret")
        .body(Vec::new())
        .unwrap();
    set_request_timeout(&mut request, Duration::from_secs(5));
    request
}

/// Starts a server that reads the start of one request, sends this answer and closes. Returns its
/// address.
fn saying(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(answer).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        // With unread data, closing before the client does would reset the connection.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    address
}

/// Returns the address of a server that has closed.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Sends a request, expects an error and checks everything that it prints.
fn fail(transport: &UreqTransport, request: Request<Vec<u8>>) -> UreqError {
    let error = transport.send(request).unwrap_err();
    let mut texts = format!("{error:#?}");
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(error) = next {
        texts.extend([error.to_string(), format!("{error:?}")]);
        next = error.source();
    }
    for part in ["sally", "example.com", "api", "127.0.0.1", "s3cret", "://"] {
        assert!(!texts.contains(part), "{part} in {texts}");
    }
    assert_eq!(transport.delivery(&error), error.delivery());
    error
}

fn check(error: &UreqError, kind: ErrorKind, delivery: Delivery) {
    assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{error}");
}

#[test]
fn passed_time_limit_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let short = |scheme: &str| {
        let mut request = get(&format!("{scheme}://{address}"));
        set_request_timeout(&mut request, Duration::from_millis(100));
        request
    };
    // The system accepts connections by itself; the request gets no answer.
    check(&fail(&ureq(), short("http")), ErrorKind::Timeout, Delivery::Unknown);
    check(&fail(&ureq(), short("https")), ErrorKind::Timeout, Delivery::NotSent);
}

#[test]
fn where_there_is_no_connection_nothing_was_sent() {
    let refused = fail(&ureq(), get(&format!("http://{}", closed())));
    check(&refused, ErrorKind::Io(io::ErrorKind::ConnectionRefused), Delivery::NotSent);
    // A label has at most 63 characters, so this name is refused without a lookup.
    let no_such_host = fail(&ureq(), get(&format!("http://{}.example.com", "a".repeat(64))));
    assert_eq!(no_such_host.delivery(), Delivery::NotSent, "{no_such_host}");
}

#[test]
fn where_tls_fails_nothing_was_sent() {
    let not_tls = fail(&ureq(), get(&format!("https://{}", saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"))));
    check(&not_tls, ErrorKind::Tls, Delivery::NotSent);
    let cut = fail(&ureq(), get(&format!("https://{}", saying(b""))));
    assert_eq!(cut.delivery(), Delivery::NotSent, "{cut}");
}

#[test]
fn what_breaks_after_the_request_was_sent_is_unknown() {
    let cases: [(&'static [u8], ErrorKind); 5] = [
        (b"", ErrorKind::Io(io::ErrorKind::UnexpectedEof)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", ErrorKind::Io(io::ErrorKind::UnexpectedEof)),
        (b"sally@example.com s3cret 127.0.0.1\r\n\r\n", ErrorKind::Protocol),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nsally\r\n", ErrorKind::Protocol),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 12\r\n\r\nsally s3cret",
            ErrorKind::Protocol,
        ),
    ];
    for (answer, kind) in cases {
        let error = fail(&ureq(), get(&format!("http://{}", saying(answer))));
        check(&error, kind, Delivery::Unknown);
    }
}

#[test]
fn long_body_is_too_long() {
    let server = Server::answering(|_| Response::new(b"sally@example.com".to_vec())).unwrap();
    let error = fail(&ureq().body_limit(16), get(&server.origin()));
    check(&error, ErrorKind::BodyTooLong(16), Delivery::Unknown);
}

#[test]
fn unsendable_requests_print_nothing() {
    for origin in ["", "ftp://acme.example.com"] {
        fail(&ureq(), get(origin));
    }
    let https_only = UreqTransport::configured(|config| config.proxy(None).https_only(true));
    check(&fail(&https_only, get("http://127.0.0.1:9")), ErrorKind::Other, Delivery::Unknown);
}

#[test]
fn time_limit_beyond_the_clock_is_no_limit() {
    let server = Server::answering(|_| Response::new(b"here".to_vec())).unwrap();
    let mut request = Request::new(Vec::new());
    *request.uri_mut() = server.origin().parse().unwrap();
    set_request_timeout(&mut request, Duration::MAX);
    assert_eq!(UreqTransport::new().send(request).unwrap().body(), b"here");
}

#[test]
fn shorter_limit_of_agent_and_request_applies() {
    // The system accepts connections by itself; the request gets no answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (short, long) = (Duration::from_millis(100), Duration::from_secs(30));
    for (agent, limit) in [(short, Duration::MAX), (short, long), (long, short)] {
        let transport = UreqTransport::configured(|config| config.proxy(None).timeout_global(Some(agent)));
        let mut request = get(&origin);
        set_request_timeout(&mut request, limit);
        let start = Instant::now();
        check(&fail(&transport, request), ErrorKind::Timeout, Delivery::Unknown);
        assert!(start.elapsed() < Duration::from_secs(10), "{agent:?} {limit:?}");
    }
}
