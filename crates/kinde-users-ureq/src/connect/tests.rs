//! When names are looked up, and what comes of a lookup that fails or takes long.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration as Time;

use http::{Request, Response};
use kinde_users_core::{CallOptions, Delivery, Transport as _, set_time_limit};
use kinde_users_fake::contract::Server;
use ureq::Proxy;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use super::*;
use crate::{Kind, UreqError, UreqTransport};

/// Knows the same addresses for all names, and notes which it was asked for.
#[derive(Clone, Debug, Default)]
struct Names {
    addresses: Vec<SocketAddr>,
    /// How long a lookup takes.
    takes: Time,
    /// Goes on beyond its limit.
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
        UreqTransport::looking_up(self.clone(), configure)
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

const SECOND: Time = Time::from_secs(1);

fn get(origin: &str) -> Request<Vec<u8>> {
    let mut request = Request::get(format!("{origin}/api/v1/users")).body(Vec::new()).unwrap();
    set_time_limit(&mut request, SECOND);
    request
}

fn server() -> (Server, SocketAddr) {
    let server = Server::answering(|_| Response::new(b"here".to_vec())).unwrap();
    let address = server.origin().strip_prefix("http://").unwrap().parse().unwrap();
    (server, address)
}

/// The address of a server that is no more.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn check(error: &UreqError, kind: Kind) {
    assert_eq!((error.kind(), error.delivery()), (kind, Delivery::NotSent), "{error}");
}

#[test]
fn a_name_is_looked_up_for_a_new_connection_and_not_for_a_kept_one() {
    let (_server, address) = server();
    let names = Names::at([address]);
    let transport = names.transport();
    for _ in 0..3 {
        assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"here");
    }
    assert_eq!(names.asked(), ["acme.example"]);
    // Another name has connections of its own.
    transport.send(get("http://bree.example")).unwrap();
    assert_eq!(names.asked(), ["acme.example", "bree.example"]);
}

#[test]
fn where_the_first_address_refuses_the_next_one_is_tried() {
    let (_server, address) = server();
    let names = Names::at([nobody(), address]);
    assert_eq!(names.transport().send(get("http://acme.example")).unwrap().body(), b"here");
    assert_eq!(names.asked(), ["acme.example"]);

    let refused = Names::at([nobody(), nobody()]).transport().send(get("http://acme.example")).unwrap_err();
    check(&refused, Kind::Io(std::io::ErrorKind::ConnectionRefused));
}

#[test]
fn where_a_name_has_no_address_nothing_was_sent() {
    let error = Names::default().transport().send(get("http://acme.example")).unwrap_err();
    check(&error, Kind::HostNotFound);
}

#[test]
fn a_lookup_ends_with_the_time_limit_of_the_attempt() {
    let start = Instant::now();
    let names = Names::at([nobody()]).taking(SECOND * 9);
    let error = names.transport().send(get("http://acme.example")).unwrap_err();
    check(&error, Kind::Timeout);
    assert!(start.elapsed() < SECOND * 3, "{:?}", start.elapsed());
}

#[test]
fn what_a_lookup_takes_is_not_there_for_the_connection_any_more() {
    // The system accepts connections by itself; nobody answers the TLS handshake.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let names = Names::at([listener.local_addr().unwrap()]).taking(SECOND * 8 / 10);
    let start = Instant::now();
    let error = names.transport().send(get("https://acme.example")).unwrap_err();
    check(&error, Kind::Timeout);
    assert!(start.elapsed() < SECOND * 15 / 10, "{:?}", start.elapsed());
}

#[test]
fn after_a_lookup_that_took_all_the_time_no_connection_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut names = Names::at([listener.local_addr().unwrap()]).taking(SECOND * 11 / 10);
    names.stubborn = true;
    let error = names.transport().send(get("http://acme.example")).unwrap_err();
    check(&error, Kind::Timeout);
    assert!(listener.accept().is_err());
}

#[test]
fn a_limit_of_its_own_for_the_lookup_holds() {
    let limit = Time::from_millis(50);
    let names = Names::at([nobody()]).taking(SECOND * 9);
    let transport = names.configured(|config| config.proxy(None).timeout_resolve(Some(limit)));
    check(&transport.send(get("http://acme.example")).unwrap_err(), Kind::Timeout);
    let (_, told) = names.asked.lock().unwrap()[0].clone();
    assert_eq!((told.after, told.reason), (limit.into(), Timeout::Resolve));
}

/// A proxy that lets one client through, to a server that it is itself; and the name that it was asked to connect to.
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
fn a_proxy_gets_the_name_and_looks_it_up_itself() {
    let (address, asked) = proxy();
    let names = Names::at([address]);
    let transport = names.through(Proxy::new("http://proxy.example:3128").unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
    assert_eq!(asked.join().unwrap(), "CONNECT acme.example:80 HTTP/1.1");
    assert_eq!(names.asked(), ["proxy.example"]);
}

#[test]
fn a_proxy_that_wants_an_address_gets_one() {
    let (address, asked) = proxy();
    let names = Names::at([address]);
    let to_proxy = Proxy::builder(ureq::ProxyProtocol::Http).host("proxy.example").port(3128);
    let transport = names.through(to_proxy.resolve_target(true).build().unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"there");
    assert!(asked.join().unwrap().starts_with("CONNECT 127.0.0.1:"));
    assert_eq!(names.asked(), ["acme.example", "proxy.example"]);
}

#[test]
fn a_name_that_no_proxy_is_for_is_looked_up() {
    let (_server, address) = server();
    let names = Names::at([address]);
    let to_proxy = Proxy::builder(ureq::ProxyProtocol::Http).host("proxy.example").port(3128);
    let transport = names.through(to_proxy.no_proxy("acme.example").build().unwrap());
    assert_eq!(transport.send(get("http://acme.example")).unwrap().body(), b"here");
    assert_eq!(names.asked(), ["acme.example"]);
}

#[test]
fn the_lookup_of_a_proxys_name_has_the_time_limit_too() {
    let names = Names::at([nobody()]).taking(SECOND * 9);
    let start = Instant::now();
    let transport = names.through(Proxy::new("http://proxy.example:3128").unwrap());
    check(&transport.send(get("http://acme.example")).unwrap_err(), Kind::Timeout);
    assert!(start.elapsed() < SECOND * 3, "{:?}", start.elapsed());
}

const BEHIND_A_PROXY: &str = "KINDE_USERS_TEST_BEHIND_A_PROXY";

/// In a process of its own: the environment of this one is for all tests.
#[test]
fn a_proxy_of_the_environment_gets_a_name_that_only_it_knows() {
    if env::var_os(BEHIND_A_PROXY).is_some() {
        // Names that end so have no address, anywhere.
        let mut request = get("http://acme.invalid");
        set_time_limit(&mut request, CallOptions::ATTEMPT_LIMIT);
        let response = UreqTransport::new().send(request).unwrap();
        assert_eq!(response.body(), b"there");
        return;
    }

    let (address, asked) = proxy();
    let mut child = Command::new(env::current_exe().unwrap());
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "NO_PROXY", "no_proxy"]
    {
        child.env_remove(name);
    }
    let this = concat!(module_path!(), "::a_proxy_of_the_environment_gets_a_name_that_only_it_knows");
    let run = child.args(["--exact", this.split_once("::").unwrap().1]);
    let output =
        run.env(BEHIND_A_PROXY, "1").env("http_proxy", format!("http://{address}")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(asked.join().unwrap(), "CONNECT acme.invalid:80 HTTP/1.1");
}
