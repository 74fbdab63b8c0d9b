//! Tests the tenant behind a real socket.

mod control;
mod framing;
#[cfg(unix)]
mod program;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response};
use kinde_users::operations::{CreateUser, GetUsers, NewIdentity};
use kinde_users::ureq::UreqTransport;
use kinde_users::{Client, Domain, SystemClock, client_over};
use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{FakeError, FakeKinde, Fault, Limit, NewFakeUser};
use serde_json::Value;

/// A connection that tests write to and read from by hand. Reading fails instead of hanging, after
/// a time that no test comes near.
struct Raw(BufReader<TcpStream>);

impl Raw {
    fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(socket))
    }

    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn get(&mut self, target: &str, token: &str) -> Option<(u16, HeaderMap, Vec<u8>)> {
        self.write(&format!("GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"));
        self.read()
    }

    /// Reads the status, the headers and the body, or returns `None` if the connection ends
    /// instead.
    fn read(&mut self) -> Option<(u16, HeaderMap, Vec<u8>)> {
        let mut line = String::new();
        // A connection that is reset has ended too.
        if self.0.read_line(&mut line).unwrap_or_default() == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let length = headers["content-length"].to_str().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Some((status, headers, body))
    }
}

fn started() -> (FakeKinde, Server) {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new()).unwrap();
    (fake, server)
}

fn client(fake: &FakeKinde) -> Client<UreqTransport, SystemClock> {
    let transport = UreqTransport::configured(|config| config.proxy(None));
    client_over(transport, fake.domain().unwrap(), fake.credentials())
}

#[test]
fn client_works_over_the_socket() {
    let (fake, server) = started();
    assert_eq!(server.origin(), format!("http://{}", server.address()));
    assert_eq!(fake.origin(), server.origin());
    // The audience that a client assumes by default is the right one.
    assert_eq!(Domain::parse(server.origin()).unwrap().audience(), fake.audience());

    let client = client(&fake);
    let created = client.send(&CreateUser::new().identity(NewIdentity::email("ada@example.com"))).unwrap();
    let page = client.send(&GetUsers::new()).unwrap();
    assert_eq!(page.users[0].id, created.id);
    assert_eq!(
        fake.requests().course(),
        [("token", Some(200)), ("create_user", Some(200)), ("get_users", Some(200))]
    );
}

#[test]
fn configured_audience_stays() {
    let audience = "https://acme.kinde.com/api";
    let fake = FakeKinde::builder().audience(audience).build();
    let server = Server::start(&fake, &Options::new()).unwrap();
    assert_eq!((fake.audience().as_str(), fake.origin().as_str()), (audience, server.origin()));
    client(&fake).send(&GetUsers::new()).unwrap();
}

#[test]
fn clock_is_the_machines_and_can_be_advanced() {
    let seconds = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let before = seconds();
    let (fake, server) = started();
    let first = fake.now();
    assert!(first >= before);
    // The clock runs by itself.
    while fake.now() == first {}

    let token = fake.issue_token();
    let mut connection = Raw::connect(server.address());
    assert_eq!(connection.get("/api/v1/users", &token).unwrap().0, 200);
    fake.advance(Duration::from_secs(86_400));
    assert_eq!(connection.get("/api/v1/users", &token).unwrap().0, 401);

    // A second server does not make the clock run twice as fast, and does not put back a clock that
    // is ahead.
    let ahead = fake.now();
    let _second = Server::start(&fake, &Options::new()).unwrap();
    assert!(fake.now() >= ahead);
}

#[test]
fn connections_do_not_wait_for_each_other() {
    let (fake, server) = started();
    let token = fake.issue_token();
    let mut stuck = Raw::connect(server.address());
    stuck.write("POST /api/v1/user HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{");

    let mut connections: Vec<Raw> = (0..50).map(|_| Raw::connect(server.address())).collect();
    for _ in 0..3 {
        for connection in &mut connections {
            let (status, headers, body) = connection.get("/api/v1/users?page_size=2", &token).unwrap();
            assert_eq!(
                (status, &headers["content-type"]),
                (200, &"application/json; charset=utf-8".parse().unwrap())
            );
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["users"], Value::Null);
        }
    }
    stuck.write("}");
    assert_eq!(stuck.read().unwrap().0, 401);
    assert_eq!(fake.requests().len(), 151);
}

#[test]
fn addresses_other_than_loopback_are_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "[::ffff:127.0.0.1]:0"] {
        let error =
            Server::start(&FakeKinde::new(), &Options::new().listen(address.parse().unwrap())).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("is not a loopback address"), "{error}");
    }
    // The origin of the tenant is unchanged.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let fake = FakeKinde::new();
    Server::start(&fake, &Options::new().listen(taken.local_addr().unwrap())).unwrap_err();
    assert_eq!(fake.origin(), "https://acme.kinde.com");
}

#[test]
fn fault_without_a_reply_closes_the_connection() {
    let (fake, server) = started();
    let token = fake.issue_token();
    let id = fake.add_user(NewFakeUser::new());
    let target = format!("/api/v1/user?id={id}");
    for fault in [Fault::connection_lost(), Fault::not_sent(), Fault::connection_lost().after_the_effect()] {
        fake.next("get_user_data", fault);
        assert!(Raw::connect(server.address()).get(&target, &token).is_none());
    }
    let lost = Err(FakeError::ConnectionLost);
    let answers: Vec<_> =
        fake.requests().iter().map(|request| (request.answer.clone(), request.took_effect)).collect();
    assert_eq!(answers, [(lost.clone(), false), (Err(FakeError::NotSent), false), (lost, true)]);
    assert_eq!(Raw::connect(server.address()).get(&target, &token).unwrap().0, 200);
}

#[test]
fn changed_reply_is_still_a_whole_message() {
    let (fake, server) = started();
    let token = fake.issue_token();
    let mut connection = Raw::connect(server.address());
    fake.next("get_users", Fault::cut_body());
    fake.next(
        "get_users",
        Fault::reply(Response::builder().header("content-length", "7").body(b"other".to_vec()).unwrap()),
    );
    fake.next("get_users", Fault::rate_limited(3));
    let cut = connection.get("/api/v1/users", &token).unwrap();
    assert!(serde_json::from_slice::<Value>(&cut.2).is_err());
    assert_eq!(connection.get("/api/v1/users", &token).unwrap().2, b"other");
    let limited = connection.get("/api/v1/users", &token).unwrap();
    assert_eq!((limited.0, &limited.1["ratelimit-reset"]), (429, &"3".parse().unwrap()));
    assert_eq!(connection.get("/api/v1/users", &token).unwrap().0, 200);
}

#[test]
fn large_body_is_refused_and_connection_kept() {
    const CAP: usize = 4 * 1024 * 1024;
    let (fake, server) = started();
    let token = fake.issue_token();
    for (size, expected) in [(CAP, 400), (CAP + 1, 413)] {
        let mut connection = Raw::connect(server.address());
        connection.write(&format!(
            "POST /api/v1/user HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {size}\r\n\r\n"
        ));
        connection.write(&" ".repeat(size));
        assert_eq!(connection.read().unwrap().0, expected);
        assert_eq!(connection.get("/api/v1/users", &token).unwrap().0, 200);
    }
    // The tenant did not see the refused request.
    assert_eq!(fake.requests().of("create_user").len(), 1);

    let mut chunked = Raw::connect(server.address());
    chunked.write("POST /api/v1/user HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let megabyte = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    for _ in 0..5 {
        chunked.write(&megabyte);
    }
    chunked.write("0\r\n\r\n");
    assert_eq!(chunked.read().unwrap().0, 413);
}

#[test]
fn invalid_requests_harm_only_their_connection() {
    let (fake, server) = started();
    for bytes in [
        "\r\n\r\n\r\nhello\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{0}",
        "POST /api/v1/user HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "GET * HTTP/1.1\r\n\r\n",
        "CONNECT kinde.com:443 HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "GET http://example.com/api/v1/users HTTP/1.1\r\nhost: example.com\r\n\r\n",
    ] {
        let mut connection = Raw::connect(server.address());
        connection.write(bytes);
        connection.0.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
        let mut reply = Vec::new();
        // A connection may be reset if bytes are left unread.
        let is_closed = connection.0.read_to_end(&mut reply).map_err(|error| error.kind());
        assert!(matches!(is_closed, Ok(_) | Err(std::io::ErrorKind::ConnectionReset)), "{bytes:?}");
    }
    assert_eq!(Raw::connect(server.address()).get("/api/v1/users", &fake.issue_token()).unwrap().0, 200);
}

#[test]
fn shutdown_closes_connections_and_port() {
    // Some systems have more than one loopback address. On those, this one is used by no other
    // test, which could take the port as soon as it is free.
    let host = Ipv4Addr::new(127, 0, 0, if cfg!(target_os = "linux") { 13 } else { 1 });
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new().listen((host, 0).into())).unwrap();
    let address = server.address();
    let mut idle = Raw::connect(address);
    assert_eq!(idle.get("/api/v1/users", &fake.issue_token()).unwrap().0, 200);
    let mut untouched = Raw::connect(address);
    server.shutdown();
    assert!(idle.read().is_none());
    assert!(untouched.read().is_none());
    // A program that another test is just starting holds every file of this process until it is
    // executed.
    let began = std::time::Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "the port is held");
        std::thread::yield_now();
    }
    // Another server can take its place.
    let again = Server::start(&fake, &Options::new().listen(address)).unwrap();
    assert_eq!(Raw::connect(again.address()).get("/api/v1/users", &fake.issue_token()).unwrap().0, 200);
}

/// Returns an agent that trusts only this authority, or the usual ones without an argument.
fn https(ca_pem: Option<&str>) -> ureq::Agent {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};
    let roots = match ca_pem {
        Some(pem) => RootCerts::new_with_certs(&[Certificate::from_pem(pem.as_bytes()).unwrap()]),
        None => RootCerts::WebPki,
    };
    let tls = TlsConfig::builder().root_certs(roots).build();
    ureq::Agent::config_builder().tls_config(tls).proxy(None).build().new_agent()
}

#[test]
fn clients_that_trust_the_authority_can_use_tls() {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new().tls()).unwrap();
    let (origin, port) = (server.origin(), server.address().port());
    assert_eq!(origin, format!("https://127.0.0.1:{port}"));
    let agent = https(server.ca_pem());
    for origin in [origin, &format!("https://localhost:{port}")] {
        let token = fake.issue_token();
        let reply = agent
            .get(format!("{origin}/api/v1/users"))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        assert_eq!(reply.status(), 200);
    }
    https(None).get(format!("{origin}/api/v1/users")).call().unwrap_err();
    // Plain HTTP is answered with a TLS alert, and other clients are still served.
    let mut plain = Raw::connect(server.address());
    plain.write("GET / HTTP/1.1\r\n\r\n");
    plain.0.read_to_end(&mut Vec::new()).unwrap_or_default();
    assert_eq!(fake.requests().len(), 2);
}

// ---- How replies travel -----------------------------------------------------

/// Sends a request that ends its connection, and returns everything that comes back. Fails if the
/// connection breaks.
fn whole(address: SocketAddr, token: &str, headers: &str) -> std::io::Result<Vec<u8>> {
    let mut connection = Raw::connect(address);
    connection.write(&format!(
        "GET /api/v1/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
    ));
    let mut bytes = Vec::new();
    connection.0.read_to_end(&mut bytes).map(|_| bytes)
}

fn split(reply: &[u8]) -> (String, &[u8]) {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(reply[..end].to_vec()).unwrap(), &reply[end + 4..])
}

const LAST: &str = "connection: close\r\n";

#[test]
fn reply_is_chunked_compressed_or_the_last() {
    let (fake, server) = started();
    fake.seed_users(10);
    let token = fake.issue_token();
    let plain = whole(server.address(), &token, LAST).unwrap();
    let (head, body) = split(&plain);
    assert!(head.contains("content-length"), "{head}");

    fake.next("get_users", Fault::real_reply().chunked());
    let chunked = whole(server.address(), &token, LAST).unwrap();
    let (head, chunks) = split(&chunked);
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
    assert!(chunks.ends_with(b"\r\n0\r\n\r\n"));

    let gzip = format!("accept-encoding: br;q=0.5, GZIP\r\n{LAST}");
    fake.fail("get_users").times(2).with(Fault::real_reply().gzipped());
    let compressed = whole(server.address(), &token, &gzip).unwrap();
    let (head, compressed) = split(&compressed);
    assert!(head.contains("content-encoding: gzip") && compressed.len() < body.len() / 2, "{head}");
    // A client that does not accept gzip does not get it.
    let refused = whole(server.address(), &token, &format!("accept-encoding: gzip;q=0\r\n{LAST}")).unwrap();
    assert_eq!(split(&refused).1, body);

    // The connection ends although the request did not ask for it.
    fake.next("get_users", Fault::real_reply().then_closed());
    assert_eq!(split(&whole(server.address(), &token, "").unwrap()).1, body);

    // A client sees no difference between these forms.
    let client = client(&fake);
    for fault in
        [Fault::real_reply().chunked(), Fault::real_reply().gzipped(), Fault::real_reply().then_closed()]
    {
        fake.next("get_users", fault);
        assert_eq!(client.send(&GetUsers::new()).unwrap().users.len(), 10);
    }
    assert_eq!(fake.faults_left(), 0);
}

#[test]
fn reply_breaks_off_or_connection_is_reset() {
    let (fake, server) = started();
    let token = fake.issue_token();
    fake.next("get_users", Fault::real_reply().broken_off());
    let half = whole(server.address(), &token, LAST).unwrap();
    let (head, body) = split(&half);
    let promised: usize =
        head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), promised / 2);
    assert_eq!(fake.requests()[0].answer, Err(FakeError::ConnectionLost));

    fake.next("get_users", Fault::connection_lost());
    let reset = whole(server.address(), &token, LAST).unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn late_head_or_body_follows_the_clock_speed() {
    let fake = FakeKinde::new();
    let server = Server::start(&fake, &Options::new().speed(1_000)).unwrap();
    let token = fake.issue_token();
    // A minute takes 60 milliseconds.
    let minute = Duration::from_secs(60);
    for fault in [Fault::real_reply().head_after(minute), Fault::real_reply().body_after(minute)] {
        fake.next("get_users", fault);
        let before = fake.now();
        assert_eq!(Raw::connect(server.address()).get("/api/v1/users", &token).unwrap().0, 200);
        let passed = fake.now().saturating_sub(before);
        assert!(passed >= minute, "{passed:?}");
    }
}

#[test]
fn requests_over_the_in_flight_limit_get_429() {
    let fake = FakeKinde::builder().in_flight_limit(2).build();
    let server = Server::start(&fake, &Options::new()).unwrap();
    let token = fake.issue_token();
    // Two requests whose bodies do not come. Their heads show that they are in flight.
    fake.fail("get_users").times(2).with(Fault::real_reply().body_after(Duration::from_secs(3600)));
    let request = format!("GET /api/v1/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut slow: Vec<Raw> = (0..2).map(|_| Raw::connect(server.address())).collect();
    for connection in &mut slow {
        connection.write(&request);
        connection.0.read_line(&mut String::new()).unwrap();
    }
    let limited = Raw::connect(server.address()).get("/api/v1/users", &token).unwrap();
    assert_eq!((limited.0, &limited.1["ratelimit-reset"]), (429, &"1".parse().unwrap()));
    // One client gives up, and its place is free as soon as the server notices.
    drop(slow.pop());
    let mut tries =
        (0..100_000).map(|_| Raw::connect(server.address()).get("/api/v1/users", &token).unwrap().0);
    assert!(tries.any(|status| status == 200));
}

#[test]
fn lists_fill_a_limit_in_flight_sooner() {
    let fake = FakeKinde::builder().limit(Limit::in_flight(5).without_reset()).build();
    let server = Server::start(&fake, &Options::new()).unwrap();
    let token = fake.issue_token();
    // A list with two expansions, whose body does not come, weighs 4.
    fake.next("get_users", Fault::real_reply().body_after(Duration::from_secs(3600)));
    let path = "/api/v1/users?expand=identities,billing";
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut slow = Raw::connect(server.address());
    slow.write(&request);
    slow.0.read_line(&mut String::new()).unwrap();
    let limited = Raw::connect(server.address()).get("/api/v1/users", &token).unwrap();
    assert_eq!((limited.0, limited.1.get("ratelimit-reset")), (429, None));
    // One user weighs 1.
    assert_eq!(Raw::connect(server.address()).get("/api/v1/user?id=kp_1", &token).unwrap().0, 400);
}
