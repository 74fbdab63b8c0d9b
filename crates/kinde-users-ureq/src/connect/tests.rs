//! Tests when names are looked up, and what happens if a lookup fails or takes long.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration as Time;

use http::{Request, Response};
use kinde_users_contract::Server;
use kinde_users_core::{CallOptions, Delivery, ProxyVariables, Transport as _, set_request_timeout};
use ureq::Proxy;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use super::*;
use crate::{ErrorKind, UreqError, UreqTransport};

/// A resolver that returns the same addresses for all names and records the names.
#[derive(Clone, Debug, Default)]
struct Names {
    addresses: Vec<SocketAddr>,
    /// How long a lookup takes.
    takes: Time,
    /// Whether a lookup ignores its time limit.
    stubborn: bool,
    asked: Arc<Mutex<Vec<(String, NextTimeout)>>>,
}

impl Names {
    fn at(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), ..Self::default() }
    }

    fn taking(mut self, time: Time) -> Self {
        self.takes = time;
        self
    }

    fn transport(&self) -> UreqTransport {
        self.configured(|config| config.proxy(None))
    }

    fn through(&self, proxy: Proxy) -> UreqTransport {
        self.configured(|config| config.proxy(Some(proxy)))
    }

    fn configured(
        &self,
        configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> UreqTransport {
        UreqTransport::with_parts(self.clone(), ProxyVariables::default(), configure)
    }

    /// Returns a transport for an environment with these variables.
    fn among(&self, variables: &[(&str, &str)]) -> UreqTransport {
        UreqTransport::with_parts(self.clone(), environment(variables), |config| config)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(host, _)| host.clone()).collect()
    }
}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, limit: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.asked.lock().unwrap().push((uri.host().unwrap().to_owned(), limit));
        if self.takes > *limit.after && !self.stubborn {
            thread::sleep(*limit.after);
            return Err(Error::Timeout(limit.reason));
        }
        thread::sleep(self.takes);
        if self.addresses.is_empty() {
            return Err(Error::HostNotFound);
        }
        let mut found = self.empty();
        self.addresses.iter().for_each(|address| found.push(*address));
        Ok(found)
    }
}

fn environment(variables: &[(&str, &str)]) -> ProxyVariables {
    ProxyVariables::read(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const SECOND: Time = Time::from_secs(1);

fn get(origin: &str) -> Request<Vec<u8>> {
    let mut request = Request::get(format!("{origin}/api/v1/users")).body(Vec::new()).unwrap();
    set_request_timeout(&mut request, SECOND);
    request
}

fn server() -> (Server, SocketAddr) {
    let server = Server::answering(|_| Response::new(b"here".to_vec())).unwrap();
    let address = server.origin().strip_prefix("http://").unwrap().parse().unwrap();
    (server, address)
}

/// Returns the address of a server that has closed.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn check(error: &UreqError, kind: ErrorKind) {
    assert_eq!((error.kind(), error.delivery()), (kind, Delivery::NotSent), "{error}");
}

#[test]
fn kept_connection_needs_no_lookup() {
    let (_server, address) = server();
    let names = Names::at([address]);
    let transport = names.transport();
    for _ in 0..3 {
        assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"here");
    }
    assert_eq!(names.asked(), ["acme.example"]);
    // Another name has its own connections.
    transport.send(get("http://bree.example")).unwrap();
    assert_eq!(names.asked(), ["acme.example", "bree.example"]);
}

#[test]
fn next_address_is_tried_after_a_refusal() {
    let (_server, address) = server();
    let names = Names::at([closed(), address]);
    assert_eq!(names.transport().send(get("http://acme.example")).unwrap().body(), b"here");
    assert_eq!(names.asked(), ["acme.example"]);

    let refused = Names::at([closed(), closed()]).transport().send(get("http://acme.example")).unwrap_err();
    check(&refused, ErrorKind::Io(std::io::ErrorKind::ConnectionRefused));
}

#[test]
fn name_without_an_address_is_not_sent() {
    let error = Names::default().transport().send(get("http://acme.example")).unwrap_err();
    check(&error, ErrorKind::HostNotFound);
}

#[test]
fn lookup_ends_with_the_time_limit_of_the_attempt() {
    let start = Instant::now();
    let names = Names::at([closed()]).taking(SECOND * 9);
    let error = names.transport().send(get("http://acme.example")).unwrap_err();
    check(&error, ErrorKind::Timeout);
    assert!(start.elapsed() < SECOND * 3, "{:?}", start.elapsed());
}

#[test]
fn lookup_time_counts_against_connecting() {
    // The system accepts connections by itself; the TLS handshake gets no answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let names = Names::at([listener.local_addr().unwrap()]).taking(SECOND * 8 / 10);
    let start = Instant::now();
    let error = names.transport().send(get("https://acme.example")).unwrap_err();
    check(&error, ErrorKind::Timeout);
    assert!(start.elapsed() < SECOND * 15 / 10, "{:?}", start.elapsed());
}

#[test]
fn no_connection_after_a_lookup_that_took_all_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut names = Names::at([listener.local_addr().unwrap()]).taking(SECOND * 11 / 10);
    names.stubborn = true;
    let error = names.transport().send(get("http://acme.example")).unwrap_err();
    check(&error, ErrorKind::Timeout);
    assert!(listener.accept().is_err());
}

#[test]
fn no_time_is_left_at_the_limit() {
    assert_eq!(time_left(SECOND * 3, SECOND), Some(SECOND * 2));
    assert_eq!(time_left(SECOND, SECOND), None);
    assert_eq!(time_left(SECOND, SECOND * 2), None);
}

#[test]
fn separate_lookup_limit_applies() {
    let limit = Time::from_millis(50);
    let names = Names::at([closed()]).taking(SECOND * 9);
    let transport = names.configured(|config| config.proxy(None).timeout_resolve(Some(limit)));
    check(&transport.send(get("http://acme.example")).unwrap_err(), ErrorKind::Timeout);
    let (_, told) = names.asked.lock().unwrap()[0].clone();
    assert_eq!((told.after, told.reason), (limit.into(), Timeout::Resolve));
}

#[test]
fn lookup_limit_does_not_lengthen_the_attempt() {
    let names = Names::at([closed()]);
    let transport = names.configured(|config| config.proxy(None).timeout_resolve(Some(SECOND * 9)));
    check(
        &transport.send(get("http://acme.example")).unwrap_err(),
        ErrorKind::Io(std::io::ErrorKind::ConnectionRefused),
    );
    let (_, told) = names.asked.lock().unwrap()[0].clone();
    assert!(told.after <= SECOND.into(), "{told:?}");
}

/// Starts a proxy that serves one client and answers as the target too. The thread returns the name
/// that the client asked to connect to.
fn proxy() -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut requests = BufReader::new(&stream).lines().map_while(Result::ok);
        let connect = requests.next().unwrap();
        requests.find(String::is_empty).unwrap();
        (&stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        requests.find(String::is_empty).unwrap();
        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere").unwrap();
        connect
    });
    (address, asked)
}

#[test]
fn proxy_looks_the_name_up_itself() {
    let (address, asked) = proxy();
    let names = Names::at([address]);
    let transport = names.through(Proxy::new("http://proxy.example:3128").unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
    assert_eq!(asked.join().unwrap(), "CONNECT acme.example:80 HTTP/1.1");
    assert_eq!(names.asked(), ["proxy.example"]);
}

#[test]
fn proxy_that_needs_an_address_gets_one() {
    let (address, asked) = proxy();
    let names = Names::at([address]);
    let to_proxy = Proxy::builder(ureq::ProxyProtocol::Http).host("proxy.example").port(3128);
    let transport = names.through(to_proxy.resolve_target(true).build().unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
    assert!(asked.join().unwrap().starts_with("CONNECT 127.0.0.1:"));
    assert_eq!(names.asked(), ["acme.example", "proxy.example"]);
}

#[test]
fn name_without_a_proxy_is_looked_up() {
    let (_server, address) = server();
    let names = Names::at([address]);
    let to_proxy = Proxy::builder(ureq::ProxyProtocol::Http).host("proxy.example").port(3128);
    let transport = names.through(to_proxy.no_proxy("acme.example").build().unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"here");
    assert_eq!(names.asked(), ["acme.example"]);
}

#[test]
fn lookup_of_a_proxy_name_has_the_time_limit() {
    let names = Names::at([closed()]).taking(SECOND * 9);
    let start = Instant::now();
    let transport = names.through(Proxy::new("http://proxy.example:3128").unwrap());
    check(&transport.send(get("http://acme.example")).unwrap_err(), ErrorKind::Timeout);
    assert!(start.elapsed() < SECOND * 3, "{:?}", start.elapsed());
}

/// Starts a server that reads the head of one request, sends this answer and closes. Returns its
/// address.
fn saying(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = BufReader::new(&stream).lines().map_while(Result::ok).find(String::is_empty);
        assert_eq!(read.as_deref(), Some(""));
        stream.write_all(answer).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    address
}

#[test]
fn failure_of_a_proxy_names_it_without_its_password() {
    let closed = closed();
    let refused = ErrorKind::Io(std::io::ErrorKind::ConnectionRefused);
    let cases = [
        (closed, refused, ": input/output failed: Connection refused"),
        (saying(b"HTTP/1.1 407 s3cret\r\n\r\n"), ErrorKind::Proxy, ": the proxy cannot be used: HTTP 407"),
        (
            saying(b"HTTP/1.1 403 No\r\nx: s3cret\r\n\r\n"),
            ErrorKind::Proxy,
            ": the proxy cannot be used: HTTP 403",
        ),
        (saying(b"HTTP/1.0 502 No\r\n\r\ns3cret"), ErrorKind::Proxy, ": the proxy cannot be used: HTTP 502"),
        (saying(b""), ErrorKind::Proxy, ": the proxy cannot be used: no answer"),
        (saying(b"s3cret\r\n\r\n"), ErrorKind::Protocol, ": the response could not be read"),
        // The other end of the tunnel does not speak TLS.
        (saying(b"HTTP/1.1 200 OK\r\n\r\ns3cret\r\n\r\n"), ErrorKind::Tls, ": TLS failed"),
    ];
    for (address, kind, text) in cases {
        let names = Names::at([address]);
        let value = format!("http://sally:s3cret@{address}");
        let proxy = Proxy::new(&value).unwrap();
        let configured = names.through(proxy);
        let transports = [names.among(&[("https_proxy", &value)]), configured];
        // A server answers only once.
        let transports = if address == closed { &transports[..] } else { &transports[..1] };
        for transport in transports {
            let error = transport.send(get("https://acme.example")).unwrap_err();
            check(&error, kind);
            let texts = format!("{error} {error:?}");
            assert!(texts.starts_with(&format!("through the proxy {address}{text}")), "{texts}");
            assert!(!texts.contains("s3cret") && !texts.contains("sally"), "{texts}");
        }
    }
}

#[test]
fn https_proxy_without_tls_is_named() {
    let address = closed();
    let transport = Names::at([address]).among(&[("HTTPS_PROXY", "https://s3cret:@proxy.example")]);
    let error = transport.send(get("https://acme.example")).unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(error.to_string().starts_with("through the proxy proxy.example:443: "), "{error}");
}

#[test]
fn proxy_name_without_an_address_is_reported() {
    let transport = Names::default().among(&[("ALL_PROXY", "http://proxy.example:3128")]);
    let error = transport.send(get("https://acme.example")).unwrap_err();
    check(&error, ErrorKind::HostNotFound);
    let text = "through the proxy proxy.example:3128: the host was not found (not sent)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn malformed_proxy_variable_sends_nothing() {
    let (_server, address) = server();
    let names = Names::at([address]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        for value in ["s3cret", "http://s3cret:x@proxy", "ftp://s3cret@proxy", "s3cret\u{fffd}"] {
            // The first two are valid addresses, so each gets a port that is not valid.
            let value = format!("{value}:99999");
            let error = names.among(&[(name, &value)]).send(get("http://acme.example")).unwrap_err();
            check(&error, ErrorKind::Proxy);
            let text =
                format!("the proxy cannot be used: {name} does not hold the address of a proxy (not sent)");
            assert_eq!(error.to_string(), text);
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
    assert_eq!(names.asked(), [] as [&str; 0]);
}

#[test]
fn requests_through_the_proxy_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut requests = BufReader::new(&stream).lines().map_while(Result::ok);
        let mut first_lines = Vec::new();
        while let Some(line) = requests.next() {
            first_lines.push(line);
            requests.find(String::is_empty).unwrap();
            let is_connect = first_lines.len() == 1;
            let rest: &[u8] = if is_connect { b"\r\n" } else { b"content-length: 5\r\n\r\nthere" };
            (&stream).write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
            (&stream).write_all(rest).unwrap();
        }
        first_lines.len()
    });
    let transport = Names::at([address]).among(&[("http_proxy", "proxy.example:3128")]);
    for _ in 0..3 {
        assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
    }
    drop(transport);
    assert_eq!(proxy.join().unwrap(), 4);
}

#[test]
fn no_proxy_and_loopback_hosts_are_reached_directly() {
    let (_server, address) = server();
    let variables = [("ALL_PROXY", "http://proxy:x"), ("NO_PROXY", "other.example, .example")];
    let transport = Names::at([address]).among(&variables);
    for host in ["acme.example", "127.0.0.1", "127.1.2.3", "localhost", "[::1]"] {
        assert_eq!(transport.send(get(&format!("http://{host}"))).unwrap().body(), b"here", "{host}");
    }
    check(&transport.send(get("http://acme.kinde.com")).unwrap_err(), ErrorKind::Proxy);
}

#[test]
fn configured_proxy_replaces_the_environment() {
    let (_server, address) = server();
    let names = Names::at([address]);
    let closed = format!("http://{}", closed());
    let all = environment(&[("ALL_PROXY", &closed)]);
    let direct = UreqTransport::with_parts(names.clone(), all.clone(), |config| config.proxy(None));
    assert_eq!(direct.send(get("http://acme.example")).unwrap().body(), b"here");

    for host in ["acme.example", "127.0.0.1", "localhost", "[::1]"] {
        let (address, asked) = proxy();
        let names = Names::at([address]);
        let to_proxy = Proxy::new("http://proxy.example:3128").unwrap();
        let configure = |config: ConfigBuilder<_>| config.proxy(Some(to_proxy));
        let transport = UreqTransport::with_parts(names, all.clone(), configure);
        let response = transport.send(get(&format!("http://{host}"))).unwrap();
        assert_eq!(response.body(), b"there");
        assert_eq!(asked.join().unwrap(), format!("CONNECT {host}:80 HTTP/1.1"));
    }
}

/// Starts a SOCKS 5 proxy for one client. It expects this name and password, if any, answers with
/// this code, and then acts as the server itself. The thread returns the address that the client
/// asked to connect to.
fn socks5(login: Option<&'static str>, code: u8) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = |mut stream: &TcpStream, length: usize| {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).unwrap();
            bytes
        };
        let methods = read(&stream, 2)[1];
        read(&stream, methods.into());
        stream.write_all(&[5, if login.is_some() { 2 } else { 0 }]).unwrap();
        if let Some(login) = login {
            let user = read(&stream, 2)[1];
            let mut given = read(&stream, user.into());
            given.push(b':');
            let password = read(&stream, 1)[0];
            given.extend(read(&stream, password.into()));
            assert_eq!(String::from_utf8(given).unwrap(), login);
            stream.write_all(&[1, 0]).unwrap();
        }
        let kind = read(&stream, 4)[3];
        let length = if kind == 3 { read(&stream, 1)[0] } else { 4 };
        let target = read(&stream, usize::from(length) + 2);
        stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        if code == 0 {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.find(String::is_empty).unwrap();
            (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthere").unwrap();
        }
        target
    });
    (address, asked)
}

#[test]
fn socks_proxy_of_the_environment_carries_the_request() {
    let target = Names::at(["10.1.2.3:80".parse().unwrap()]);
    for (scheme, login) in [("socks5h", None), ("socks5", None), ("socks5h", Some("us@er:p@ss"))] {
        let (address, asked) = socks5(login, 0);
        let user = if login.is_some() { "us%40er:p%40ss@" } else { "" };
        let value = format!("{scheme}://{user}{address}");
        // The system's resolver knows only the address of the proxy. It need not know the target.
        let names = SocksNames { proxy: address, target: target.clone() };
        let variables = environment(&[("ALL_PROXY", &value)]);
        let transport = UreqTransport::with_parts(names, variables, |config| config);
        assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there", "{scheme}");
        let expected: &[u8] = if scheme == "socks5h" { b"acme.example\0\x50" } else { &[10, 1, 2, 3, 0, 80] };
        assert_eq!(asked.join().unwrap(), expected, "{scheme}");
    }
}

/// A resolver that knows the address of a proxy and those of the target.
#[derive(Clone, Debug)]
struct SocksNames {
    proxy: SocketAddr,
    target: Names,
}

impl Resolver for SocksNames {
    fn resolve(&self, uri: &Uri, config: &Config, limit: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let is_proxy = uri.host() == Some("127.0.0.1");
        let names = if is_proxy { &Names::at([self.proxy]) } else { &self.target };
        names.resolve(uri, config, limit)
    }
}

#[test]
fn lookup_before_a_socks_proxy_counts_once() {
    let (address, _asked) = socks5(None, 0);
    let target = Names::at(["10.1.2.3:80".parse().unwrap()]).taking(SECOND * 6 / 10);
    let names = SocksNames { proxy: address, target };
    let variables = environment(&[("ALL_PROXY", &format!("socks5://{address}"))]);
    let transport = UreqTransport::with_parts(names, variables, |config| config);
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
}

#[test]
fn socks_proxy_that_refuses_is_named() {
    let (address, _asked) = socks5(None, 2);
    let value = format!("socks5h://{address}");
    let transport = Names::at([address]).among(&[("all_proxy", &value)]);
    let error = transport.send(get("https://acme.example")).unwrap_err();
    check(&error, ErrorKind::Proxy);
    let text =
        format!("through the proxy {address}: the proxy cannot be used: connection not allowed by ruleset");
    assert!(error.to_string().starts_with(&text), "{error}");
}

#[test]
fn answer_that_is_not_socks_is_of_the_kind_proxy() {
    let cases: [(&str, &'static [u8], ErrorKind); 8] = [
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::Proxy),
        ("socks5h", &[5, 0xff], ErrorKind::Proxy),
        ("socks5h", &[5, 9], ErrorKind::Proxy),
        ("socks5h", &[5, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0], ErrorKind::Proxy),
        ("socks4a", b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::Proxy),
        ("socks4a", &[0, 91, 0, 0, 0, 0, 0, 0], ErrorKind::Proxy),
        ("socks4a", &[0, 93, 0, 0, 0, 0, 0, 0], ErrorKind::Proxy),
        // The other end of the tunnel does not speak TLS.
        ("socks4a", b"\0\x5a\0\0\0\0\0\0HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::Tls),
    ];
    for (scheme, answer, kind) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(answer).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let value = format!("{scheme}://{address}");
        let transport = Names::at([address]).among(&[("all_proxy", &value)]);
        let error = transport.send(get("https://acme.example")).unwrap_err();
        check(&error, kind);
        assert!(error.to_string().starts_with(&format!("through the proxy {address}: ")), "{error}");
    }
}

/// Checks defaults of ureq that this transport relies on.
#[test]
fn connections_have_nodelay_and_a_short_idle_limit() {
    let transport = UreqTransport::new();
    let config = transport.agent.config();
    // Otherwise the last bytes of a request would wait until the server acknowledges the first
    // ones.
    assert!(config.no_delay());
    // Firewalls forget idle connections after a minute or more.
    assert!(config.max_idle_age() < Time::from_secs(60), "{:?}", config.max_idle_age());
}

#[cfg(unix)]
const BEHIND_A_PROXY: &str = "KINDE_USERS_TEST_BEHIND_A_PROXY";

/// Runs in its own process, because all tests of this process share its environment.
#[cfg(unix)]
#[test]
fn environment_proxy_gets_a_name_only_it_knows() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    if env::var_os(BEHIND_A_PROXY).is_some() {
        // Names that end like this never have an address.
        let mut request = get("http://acme.invalid");
        set_request_timeout(&mut request, CallOptions::ATTEMPT_TIMEOUT);
        let response = UreqTransport::new().send(request).unwrap();
        assert_eq!(response.body(), b"there");
        // A variable that is not valid Unicode still counts as set.
        check(&UreqTransport::new().send(get("https://acme.invalid")).unwrap_err(), ErrorKind::Proxy);
        return;
    }

    let (address, asked) = proxy();
    let mut child = Command::new(env::current_exe().unwrap());
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "NO_PROXY", "no_proxy"]
    {
        child.env_remove(name);
    }
    let this = concat!(module_path!(), "::environment_proxy_gets_a_name_only_it_knows");
    let run = child.args(["--exact", this.split_once("::").unwrap().1]);
    let not_unicode: OsString = OsStringExt::from_vec(b"http://proxy\xff".to_vec());
    let run = run.env("https_proxy", not_unicode).env("http_proxy", format!("http://{address}"));
    let output = run.env(BEHIND_A_PROXY, "1").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(asked.join().unwrap(), "CONNECT acme.invalid:80 HTTP/1.1");
}
