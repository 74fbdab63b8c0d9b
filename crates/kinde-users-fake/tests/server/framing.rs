//! Requests that end early, are too large or are no valid HTTP.

use std::io::Read as _;
use std::net::Shutdown;
use std::time::Duration;

use http::StatusCode;
use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{FakeKinde, Fault};

use crate::{Raw, started};

const MEGABYTE: usize = 1024 * 1024;

/// Sends this, ends the client's side, and returns the statuses of all replies.
fn statuses(server: &Server, text: &str) -> Vec<u16> {
    let mut connection = Raw::connect(server.address());
    connection.write(text);
    connection.0.get_mut().shutdown(Shutdown::Write).unwrap();
    core::iter::from_fn(|| connection.read()).map(|(status, _, _)| status).collect()
}

#[test]
fn half_closed_client_gets_its_reply() {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new().speed(1_000)).unwrap();
    let token = fake.issue_token();
    let head = format!("host: x\r\nauthorization: Bearer {token}\r\n");
    let get = format!("GET /api/v1/users HTTP/1.1\r\n{head}\r\n");
    let post = format!("POST /api/v1/user HTTP/1.1\r\n{head}content-length: 2\r\n\r\n{{}}");
    let chunked = format!(
        "POST /api/v1/user HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    for request in [&get, &post, &chunked] {
        assert_eq!(statuses(&server, request), [200], "{request}");
    }
    assert_eq!(statuses(&server, &[&*get, &post, &get].concat()), [200, 200, 200]);
    // A late reply arrives too.
    let minute = Duration::from_secs(60);
    for fault in [Fault::real_reply().head_after(minute), Fault::real_reply().body_after(minute)] {
        fake.next("get_users", fault);
        assert_eq!(statuses(&server, &get), [200]);
    }
}

#[test]
fn half_closed_client_that_sent_nothing_gets_nothing() {
    let (_fake, server) = started();
    assert!(statuses(&server, "").is_empty());
    assert!(statuses(&server, "\r\n").is_empty());
}

#[test]
fn malformed_body_gets_400_and_the_connection_ends() {
    let (fake, server) = started();
    let endless_extension = format!("1;{}\r\n", "x".repeat(20_000));
    for (head, body) in [
        ("transfer-encoding: chunked", "zz\r\n"),
        ("transfer-encoding: chunked", "-1\r\n"),
        ("transfer-encoding: chunked", "fffffffffffffffff\r\n"),
        ("transfer-encoding: chunked", "2\r\n{}x"),
        ("transfer-encoding: chunked", "2\n{}"),
        ("transfer-encoding: chunked", &endless_extension),
        // The body ends early.
        ("transfer-encoding: chunked", ""),
        ("transfer-encoding: chunked", "2\r\n{}\r\n"),
        ("content-length: 3", "{}"),
    ] {
        let request = format!("POST /api/v1/user HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}");
        assert_eq!(statuses(&server, &request), [400], "{head} {body:.30}");
    }
    // The tenant saw none of them.
    assert!(fake.requests().is_empty());
    // The connection ends although the client does not end it.
    let mut connection = Raw::connect(server.address());
    connection.write("POST /api/v1/user HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    let (status, headers, _) = connection.read().unwrap();
    assert_eq!((status, &headers["connection"]), (400, &"close".parse().unwrap()));
    assert!(connection.read().is_none());
}

#[test]
fn malformed_head_gets_400_414_or_431() {
    let (fake, server) = started();
    let post = "POST /api/v1/user HTTP/1.1\r\nhost: x\r\n";
    let many_headers = "x: y\r\n".repeat(200);
    let long_header = format!("x: {}\r\n", "y".repeat(MEGABYTE));
    for (text, expected) in [
        ("hello\r\n\r\n".to_owned(), 400),
        ("GET  HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/7.0\r\n\r\n".to_owned(), 400),
        ("G@T / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{0}\u{0}".to_owned(), 400),
        (format!("{post}content-length: x\r\n\r\n"), 400),
        (format!("{post}content-length: -1\r\n\r\n"), 400),
        (format!("{post}content-length: +1\r\n\r\n"), 400),
        (format!("{post}content-length: 99999999999999999999999\r\n\r\n"), 400),
        (format!("{post}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"), 400),
        (format!("{post}transfer-encoding: gzip\r\n\r\n"), 400),
        (format!("{post}transfer-encoding: chunked, gzip\r\n\r\n"), 400),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000)), 414),
        (format!("GET / HTTP/1.1\r\n{many_headers}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{long_header}\r\n"), 431),
    ] {
        let mut connection = Raw::connect(server.address());
        // The server may end the connection before it has read everything.
        std::io::Write::write_all(connection.0.get_mut(), text.as_bytes()).unwrap_or_default();
        assert_eq!(connection.read().map(|reply| reply.0), Some(expected), "{text:.60}");
        assert!(connection.read().is_none());
    }
    assert!(fake.requests().is_empty());
}

#[test]
fn length_beside_chunks_ends_the_connection() {
    let (fake, server) = started();
    let token = fake.issue_token();
    for lengths in
        ["content-length: 5\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 5"]
    {
        let mut connection = Raw::connect(server.address());
        connection.write(&format!(
            "POST /api/v1/user HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{lengths}\r\n\r\n\
             2\r\n{{}}\r\n0\r\n\r\n"
        ));
        assert_eq!(connection.read().unwrap().0, 200);
        assert_eq!(connection.0.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn body_without_end_gets_413() {
    let (_fake, server) = started();
    let post = "POST /api/v1/user HTTP/1.1\r\nhost: x\r\n";
    // The reply to an immense length does not wait for the body.
    let mut announced = Raw::connect(server.address());
    announced.write(&format!("{post}content-length: {}\r\n\r\n", u64::MAX / 4));
    assert_eq!(announced.read().map(|reply| reply.0), Some(StatusCode::PAYLOAD_TOO_LARGE.as_u16()));

    let mut endless = Raw::connect(server.address());
    endless.write(&format!("{post}transfer-encoding: chunked\r\n\r\n"));
    let chunk = format!("{MEGABYTE:x}\r\n{}\r\n", " ".repeat(MEGABYTE));
    // The server reads some of what it refuses, because many clients look for a reply only when
    // they have sent everything.
    for _ in 0..32 {
        endless.write(&chunk);
    }
    std::io::Write::write_all(endless.0.get_mut(), b"1\r\n \r\n").unwrap_or_default();
    let (status, headers, _) = endless.read().unwrap();
    assert_eq!((status, &headers["connection"]), (413, &"close".parse().unwrap()));
    assert!(endless.read().is_none());
}
