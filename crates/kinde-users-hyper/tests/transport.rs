//! Tests what `HyperTransport` does beyond the contract of transports: kinds of errors,
//! compression, TLS and HTTP/2.

mod tls;

use std::convert::Infallible;
use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kinde_users_core::{AsyncClock, AsyncTransport, BodyFailure, Delivery, set_request_timeout};
use kinde_users_hyper::rustls::pki_types::CertificateDer;
use kinde_users_hyper::{ErrorKind, HyperError, HyperTransport, TokioClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

type Result = std::result::Result<Response<Vec<u8>>, HyperError>;

/// A time limit that no test reaches.
const AMPLE: Duration = Duration::from_secs(30);
/// A time limit that a test is meant to reach.
const SHORT: Duration = Duration::from_millis(100);

fn request(method: &Method, uri: String, body: &[u8], limit: Duration) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(uri).body(body.to_vec()).unwrap();
    set_request_timeout(&mut request, limit);
    request
}

fn get(origin: &str, limit: Duration) -> Request<Vec<u8>> {
    request(&Method::GET, format!("{origin}/users?email=sally%40example.com"), b"", limit)
}

#[track_caller]
fn assert_failure(result: Result, kind: ErrorKind, delivery: Delivery) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{error}");
    assert_eq!(HyperTransport::new().delivery(&error), delivery);
    let texts = format!("{error} {error:?}");
    assert!(!texts.contains("sally") && !texts.contains("/users"), "{texts}");
    error.to_string()
}

// ---- Raw servers ------------------------------------------------------------

#[derive(Clone, Copy)]
enum Then {
    Close,
    Hold,
}

/// Starts a server that reads the start of a request, sends these bytes, and then closes the
/// connection or stays silent. Returns its address.
async fn saying(bytes: impl Into<Vec<u8>>, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, bytes) = (listener.local_addr().unwrap(), bytes.into());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&bytes).await;
                if matches!(then, Then::Hold) {
                    // Waits until the client closes the connection.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
        }
    });
    address
}

async fn ask(address: SocketAddr, limit: Duration) -> Result {
    HyperTransport::new().send(get(&format!("http://{address}"), limit)).await
}

// ---- Failures ---------------------------------------------------------------

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The local port of a connection is taken, and connections to it are refused.
    let taken = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let result = ask(taken.local_addr().unwrap(), AMPLE).await;
    assert_failure(result, ErrorKind::Io(std::io::ErrorKind::ConnectionRefused), Delivery::NotSent);
}

#[tokio::test]
async fn cut_off_handshake_is_not_sent() {
    let address = saying("", Then::Close).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, ErrorKind::Closed, Delivery::NotSent);
}

#[tokio::test]
async fn handshake_without_tls_is_not_sent() {
    let address = saying("HTTP/1.1 400 Bad Request\r\n\r\n", Then::Hold).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, ErrorKind::Tls, Delivery::NotSent);
}

#[tokio::test(start_paused = true)]
async fn hanging_handshake_ends_with_connect_timeout() {
    let address = saying("", Then::Hold).await;
    let transport = HyperTransport::new().connect_timeout(SHORT);
    let begun = tokio::time::Instant::now();
    let result = transport.send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, ErrorKind::Timeout, Delivery::NotSent);
    assert!(begun.elapsed() < 2 * SHORT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn hanging_handshake_is_not_sent() {
    let address = saying("", Then::Hold).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), SHORT)).await;
    let text = assert_failure(result, ErrorKind::Timeout, Delivery::NotSent);
    assert_eq!(text, "the time limit was reached (not sent)");
}

#[tokio::test]
async fn silent_server_is_an_unknown_outcome() {
    let address = saying("", Then::Hold).await;
    assert_failure(ask(address, SHORT).await, ErrorKind::Timeout, Delivery::Unknown);
}

#[tokio::test]
async fn a_body_that_stops_ends_by_the_time_limit() {
    let address = saying("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", Then::Hold).await;
    assert_failure(ask(address, SHORT).await, ErrorKind::Timeout, Delivery::Unknown);
}

#[tokio::test]
async fn early_close_is_of_unknown_delivery() {
    for half in ["", "HTTP/1.1 200 OK\r\nx-", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let address = saying(half, Then::Close).await;
        let result = ask(address, AMPLE).await;
        assert_failure(result, ErrorKind::Closed, Delivery::Unknown);
    }
}

#[tokio::test]
async fn response_that_is_not_http_is_an_error() {
    let address = saying("SSH-2.0-OpenSSH_9.2\r\n", Then::Hold).await;
    assert_failure(ask(address, AMPLE).await, ErrorKind::Protocol, Delivery::Unknown);
}

#[tokio::test]
async fn head_over_the_limit_is_an_error() {
    let with_head_of = |kilobytes: usize| async move {
        let filler = "x".repeat(kilobytes * 1024);
        let reply = format!("HTTP/1.1 200 OK\r\nx-filler: {filler}\r\ncontent-length: 0\r\n\r\n");
        ask(saying(reply, Then::Hold).await, AMPLE).await
    };
    assert!(with_head_of(60).await.is_ok());
    assert_failure(with_head_of(200).await, ErrorKind::Protocol, Delivery::Unknown);
}

#[tokio::test]
async fn head_may_have_hundreds_of_short_headers() {
    let with_headers = |count: usize| async move {
        let headers = "x-a: 1\r\n".repeat(count);
        let reply = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
        ask(saying(reply, Then::Hold).await, AMPLE).await
    };
    for count in [99, 100, 120, 500, 1000, 1023] {
        assert_eq!(with_headers(count).await.unwrap().headers().get_all("x-a").iter().count(), count);
    }
    assert_failure(with_headers(2000).await, ErrorKind::Protocol, Delivery::Unknown);
}

#[tokio::test]
async fn uri_without_a_scheme_is_an_error() {
    let result = HyperTransport::new().send(get("", AMPLE)).await;
    assert_failure(result, ErrorKind::Other, Delivery::NotSent);
}

// ---- Bodies -----------------------------------------------------------------

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn with_body(headers: &str, body: &[u8], limit: u64) -> Result {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    let origin = format!("http://{}", saying(bytes, Then::Hold).await);
    HyperTransport::new().body_limit(limit).send(get(&origin, AMPLE)).await
}

const GZIP: &str = "content-encoding: gzip\r\n";

#[tokio::test]
async fn a_body_over_the_limit_is_refused_without_being_read() {
    // The body never arrives, and the time limit is not reached.
    let address = saying("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n", Then::Hold).await;
    let transport = HyperTransport::new().body_limit(10);
    let result = transport.send(get(&format!("http://{address}"), AMPLE)).await;
    let text = assert_failure(result, ErrorKind::BodyTooLong(10), Delivery::Unknown);
    assert_eq!(text, "the response's body is longer than 10 bytes");
}

#[tokio::test]
async fn a_body_gets_the_room_that_it_is_said_to_need() {
    const LENGTH: usize = 345_678;
    let body = with_body("", &vec![b' '; LENGTH], 1 << 20).await.unwrap().into_body();
    assert_eq!((body.len(), body.capacity()), (LENGTH, LENGTH));
}

#[tokio::test]
async fn a_body_as_long_as_the_limit_is_whole() {
    assert_eq!(with_body("", b"1234567890", 10).await.unwrap().body(), b"1234567890");
}

#[test]
fn the_default_limit_of_a_body_is_16_mib() {
    assert_eq!(HyperTransport::BODY_LIMIT, 16_777_216);
}

#[tokio::test]
async fn chunked_body_over_the_limit_is_refused() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let address = saying(format!("{head}6\r\n123456\r\n5\r\n12345\r\n"), Then::Hold).await;
    let transport = HyperTransport::new().body_limit(10);
    let result = transport.send(get(&format!("http://{address}"), AMPLE)).await;
    assert_failure(result, ErrorKind::BodyTooLong(10), Delivery::Unknown);
}

#[tokio::test]
async fn compressed_body_is_returned_decompressed() {
    let response = with_body(GZIP, &gzip(b"{\"id\":\"kp_1\"}"), 100).await.unwrap();
    assert_eq!(response.body(), b"{\"id\":\"kp_1\"}");
    assert!(!response.headers().contains_key(CONTENT_ENCODING));
    assert!(!response.headers().contains_key(CONTENT_LENGTH));
}

#[tokio::test]
async fn a_small_body_that_becomes_a_long_one_is_refused() {
    let bomb = gzip(&vec![0; 10 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let result = with_body(GZIP, &bomb, 100_000).await;
    assert_failure(result, ErrorKind::BodyTooLong(100_000), Delivery::Unknown);
}

#[tokio::test]
async fn damaged_compressed_bodies_are_errors() {
    let good = gzip(b"{\"id\":\"kp_1\"}");
    let cut = &good[..good.len() - 4];
    let mut wrong_sum = good.clone();
    wrong_sum[good.len() - 8] ^= 1;
    let with_tail = [&good, b"tail".as_slice()].concat();
    for body in [cut, &wrong_sum, &with_tail, b"{\"id\":\"kp_1\"}"] {
        assert_failure(with_body(GZIP, body, 100).await, ErrorKind::Protocol, Delivery::Unknown);
    }
}

#[tokio::test]
async fn empty_body_is_empty_whatever_its_encoding() {
    for encoding in ["", "gzip", "GZIP", "x-gzip", "br", "gzip, gzip"] {
        for head in [
            "200 OK\r\ncontent-length: 0",
            "204 No Content",
            "304 Not Modified",
            "429 Slow Down\r\ncontent-length: 0",
        ] {
            let reply = format!("HTTP/1.1 {head}\r\ncontent-encoding: {encoding}\r\n\r\n");
            let response = ask(saying(reply, Then::Hold).await, AMPLE).await.unwrap();
            assert_eq!(response.body(), b"", "{encoding} {head}");
        }
        let chunked = format!(
            "HTTP/1.1 429 Slow Down\r\ntransfer-encoding: chunked\r\ncontent-encoding: {encoding}\r\n\r\n0\r\n\r\n"
        );
        let response = ask(saying(chunked, Then::Hold).await, AMPLE).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_slice()), (429, &b""[..]), "{encoding}");
    }
}

#[tokio::test]
async fn names_of_encodings_are_read_as_http_defines_them() {
    let body = b"{\"id\":\"kp_1\"}";
    let packed = gzip(body);
    for encoding in [
        "gzip",
        "GZIP",
        "Gzip",
        "x-gzip",
        "X-GZIP",
        " gzip ",
        "identity, gzip",
        ",gzip ,",
        "identity\r\ncontent-encoding: x-gzip",
    ] {
        let response = with_body(&format!("content-encoding: {encoding}\r\n"), &packed, 100).await.unwrap();
        assert_eq!(response.body(), body, "{encoding}");
        assert!(!response.headers().contains_key(CONTENT_ENCODING), "{encoding}");
    }
    for encoding in ["identity", "IDENTITY", "", "identity, identity"] {
        let response = with_body(&format!("content-encoding: {encoding}\r\n"), body, 100).await.unwrap();
        assert_eq!(response.body(), body, "{encoding}");
    }
}

#[tokio::test]
async fn body_in_unrequested_encoding_is_refused() {
    for encoding in ["br", "gzip, gzip", "gzip, br", "gzip\r\ncontent-encoding: gzip", "deflate", "gzip2"] {
        let result = with_body(&format!("content-encoding: {encoding}\r\n"), b"{}", 100).await;
        assert_failure(result, ErrorKind::Protocol, Delivery::Unknown);
    }
}

#[tokio::test]
async fn error_about_a_body_has_the_head_of_the_response() {
    const LIMIT: u64 = 1000;
    let packed = gzip(b"{\"errors\":[]}");
    let (mut wrong_sum, bomb) = (packed.clone(), gzip(&vec![0; 100_000]));
    wrong_sum[packed.len() - 8] ^= 1;
    let with_length = |headers: &str, body: &[u8]| {
        let head = format!("{headers}content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let chunked = |body: &str| format!("transfer-encoding: chunked\r\n\r\n{body}").into_bytes();
    let (broken, too_large) = (BodyFailure::Broken, BodyFailure::TooLarge);
    let cases = [
        ("cut off", b"content-length: 100\r\n\r\n{\"errors\"".to_vec(), Then::Close, broken),
        ("cut off before the first byte", b"content-length: 100\r\n\r\n".to_vec(), Then::Close, broken),
        ("chunk cut off", chunked("9\r\n{\"err"), Then::Close, broken),
        ("chunks without an end", chunked("2\r\n{}\r\n"), Then::Close, broken),
        ("chunks that are none", chunked("zz\r\n{}\r\n"), Then::Hold, broken),
        ("stops until the time is over", b"content-length: 100\r\n\r\n{".to_vec(), Then::Hold, broken),
        ("too long by its header", b"content-length: 99999999\r\n\r\n".to_vec(), Then::Hold, too_large),
        (
            "too long in chunks",
            chunked(&format!("{:x}\r\n{}\r\n", 2000, "x".repeat(2000))),
            Then::Hold,
            too_large,
        ),
        ("too long once it is unpacked", with_length(GZIP, &bomb), Then::Hold, too_large),
        ("gzip with a wrong sum", with_length(GZIP, &wrong_sum), Then::Hold, broken),
        ("gzip cut off", with_length(GZIP, &packed[..packed.len() - 4]), Then::Hold, broken),
        ("plain called gzip", with_length(GZIP, b"{\"errors\":[]}"), Then::Hold, broken),
        ("br", with_length("content-encoding: br\r\n", &[6, 0]), Then::Hold, broken),
        ("gzip twice", with_length("content-encoding: gzip, gzip\r\n", &gzip(&packed)), Then::Hold, broken),
    ];
    for (name, rest, then, failure) in cases {
        for status in [200_u16, 401, 429, 500] {
            let head = format!("HTTP/1.1 {status} So\r\nratelimit-reset: 5\r\nset-cookie: sally\r\n");
            let address = saying([head.as_bytes(), &rest].concat(), then).await;
            let transport = HyperTransport::new().body_limit(LIMIT);
            // The limit leaves enough time for the head if it is to end while the body is read.
            let limit = if name.starts_with("stops") { SHORT * 5 } else { AMPLE };
            let result = transport.send(get(&format!("http://{address}"), limit)).await;
            let error = result.as_ref().unwrap_err().clone();
            let head = transport.head(&error).unwrap_or_else(|| panic!("{name}: no head"));
            assert_eq!((head.status().as_u16(), *head.body()), (status, failure), "{name}");
            assert_eq!(head.headers()["ratelimit-reset"], "5", "{name}");
            assert_failure(result, error.kind(), Delivery::Unknown);
        }
    }
    for no_head in ["", "HTTP/1.1 429 Slow Down\r\nratelimit-reset: 5\r\n", "SSH-2.0\r\n\r\n"] {
        let error = ask(saying(no_head, Then::Close).await, AMPLE).await.unwrap_err();
        assert!(error.head().is_none(), "{no_head}");
    }
}

#[tokio::test]
async fn header_does_not_decide_how_much_is_reserved() {
    for length in [1_u64 << 33, 1 << 50, u64::MAX - 2] {
        let address =
            saying(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"), Then::Close).await;
        let transport = HyperTransport::new().body_limit(u64::MAX);
        let error = transport.send(get(&format!("http://{address}"), AMPLE)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.head().unwrap().status().as_u16()),
            (ErrorKind::Closed, 200),
            "{length}"
        );
    }
}

// ---- Kept connections -------------------------------------------------------

#[test]
fn ended_kept_connection_is_replaced() {
    use std::io::Read;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = std::sync::mpsc::channel();
    let (close, closes) = std::sync::mpsc::channel();
    let (gone, is_gone) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let _ = heads.send(head[..length].to_vec());
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            let _ = closes.recv();
            drop(stream);
            let _ = gone.send(());
        }
    });
    let transport = HyperTransport::new();
    let exchange = async || {
        for _ in 0..3 {
            let (transport, uri) = (transport.clone(), format!("{origin}/user"));
            let post = async move { transport.send(request(&Method::POST, uri, b"{}", AMPLE)).await };
            tokio::spawn(post).await.unwrap().unwrap();
            // The client keeps the connection. It cannot notice its end before the next request,
            // because no part of the client runs on this thread in the meantime.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            close.send(()).unwrap();
            is_gone.recv().unwrap();
        }
    };
    // The request is on its way to the task of the connection when that task learns of the end,
    // because the runtime polls the sockets after each step.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(1).build();
    runtime.unwrap().block_on(exchange());
    assert_eq!(seen.try_iter().count(), 3);
}

#[test]
fn request_is_of_unknown_delivery_if_the_runtime_of_its_connection_ends() {
    use std::io::Read;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (second, second_came) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        second.send(()).unwrap();
        // Waits until the client closes the connection.
        let _ = stream.read(&mut [0; 4096]);
    });
    let transport = HyperTransport::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, is_kept) = std::sync::mpsc::channel();
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let (first, request) = (transport.clone(), get(&origin, AMPLE));
    let owner = std::thread::spawn(move || {
        runtime().block_on(async {
            first.send(request).await.unwrap();
            // The client keeps the connection.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            kept.send(()).unwrap();
            ends.await.unwrap();
        });
    });
    is_kept.recv_timeout(AMPLE).unwrap();
    let waiting = std::thread::spawn(move || runtime().block_on(transport.send(get(&origin, AMPLE))));
    second_came.recv_timeout(AMPLE).unwrap();
    end.send(()).unwrap();
    owner.join().unwrap();
    assert_failure(waiting.join().unwrap(), ErrorKind::Other, Delivery::Unknown);
}

// ---- TLS and HTTP/2 ---------------------------------------------------------

/// A server that supports TLS and the HTTP version that it agrees on with the client.
struct TlsServer {
    origin: String,
    connections: Arc<AtomicUsize>,
    seen: Log,
    certificate: CertificateDer<'static>,
    /// Is notified of each connection that has ended.
    closed: Arc<Notify>,
}

type Log = Arc<Mutex<Vec<Seen>>>;

struct Seen {
    method: Method,
    version: Version,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl TlsServer {
    /// Starts a server that answers with the path of the request, except that it never answers
    /// `/mute`.
    async fn start(protocols: &[&str]) -> Self {
        let (config, certificate) = tls::server(protocols);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let (connections, seen) = <(Arc<AtomicUsize>, Log)>::default();
        let closed = Arc::new(Notify::new());
        let server = Self {
            origin,
            connections: connections.clone(),
            seen: seen.clone(),
            certificate,
            closed: closed.clone(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, connections, seen) = (acceptor.clone(), connections.clone(), seen.clone());
                let closed = closed.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::Relaxed);
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let service = service_fn(move |request| answer(request, seen.clone()));
                    let io = TokioIo::new(stream);
                    // An error means that the client closed the connection, which it may do.
                    if is_h2 {
                        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
                    } else {
                        let _ = http1::Builder::new().serve_connection(io, service).await;
                    }
                    closed.notify_one();
                });
            }
        });
        server
    }

    fn transport(&self) -> HyperTransport {
        HyperTransport::with_tls(tls::client(self.certificate.clone()))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Log,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    seen.lock().unwrap().push(Seen {
        method: head.method,
        version: head.version,
        headers: head.headers,
        body,
    });
    if path == "/mute" {
        pending::<()>().await;
    }
    Ok(Response::new(Full::from(path)))
}

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn http_2_is_spoken_where_the_server_can() {
    for (protocols, version) in
        [(BOTH, Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let server = TlsServer::start(protocols).await;
        let transport = server.transport();
        let response = transport.send(get(&server.origin, AMPLE)).await.unwrap();
        assert_eq!((response.version(), response.body().as_slice()), (version, b"/users".as_slice()));
        assert_eq!(server.seen.lock().unwrap()[0].version, version);
    }
}

#[tokio::test]
async fn http_2_bodies_are_framed_correctly() {
    let server = TlsServer::start(BOTH).await;
    let transport = server.transport();
    for (method, body) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, ""), (Method::PATCH, "{}")]
    {
        let mut request = request(&method, format!("{}/user", server.origin), body.as_bytes(), AMPLE);
        if method == Method::POST {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        transport.send(request).await.unwrap();
        let seen = server.seen.lock().unwrap().pop().unwrap();
        assert_eq!((seen.method, seen.body.as_slice()), (method.clone(), body.as_bytes()));
        let length = seen.headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned());
        let expected = match method {
            Method::POST => Some("0"),
            Method::PATCH => Some("2"),
            _ => None,
        };
        assert_eq!(length.as_deref(), expected, "{method}");
    }
}

#[tokio::test]
async fn http_2_timeout_ends_only_its_request() {
    let server = TlsServer::start(BOTH).await;
    let transport = server.transport();
    let mute = request(&Method::POST, format!("{}/mute", server.origin), b"{}", SHORT);
    assert_failure(transport.send(mute).await, ErrorKind::Timeout, Delivery::Unknown);
    // A request without a body is checked too: its headers are on their way.
    let mute = request(&Method::GET, format!("{}/mute", server.origin), b"", SHORT);
    assert_failure(transport.send(mute).await, ErrorKind::Timeout, Delivery::Unknown);
    transport.send(get(&server.origin, AMPLE)).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn untrusted_certificate_gets_no_request() {
    let server = TlsServer::start(BOTH).await;
    let result = HyperTransport::new().send(get(&server.origin, AMPLE)).await;
    let text = assert_failure(result, ErrorKind::Tls, Delivery::NotSent);
    assert_eq!(text, "TLS failed: invalid peer certificate: UnknownIssuer (not sent)");
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn connect_timeout_keeps_the_other_settings() {
    let server = TlsServer::start(BOTH).await;
    let transport = server.transport().body_limit(3).connect_timeout(AMPLE);
    let result = transport.send(get(&server.origin, AMPLE)).await;
    assert_failure(result, ErrorKind::BodyTooLong(3), Delivery::Unknown);
}

#[tokio::test(start_paused = true)]
async fn connecting_takes_ten_seconds_at_most_unless_set() {
    let address = saying("", Then::Hold).await;
    let begun = tokio::time::Instant::now();
    let result = HyperTransport::new().send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, ErrorKind::Timeout, Delivery::NotSent);
    assert_eq!(begun.elapsed().as_secs(), HyperTransport::CONNECT_TIMEOUT.as_secs());
}

#[tokio::test]
async fn connection_is_reused_within_15_seconds_idle() {
    for protocols in [BOTH, &["http/1.1"]] {
        for (idle, connections) in [(14, 1), (16, 2)] {
            let server = TlsServer::start(protocols).await;
            let transport = server.transport();
            transport.send(get(&server.origin, AMPLE)).await.unwrap();
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(idle)).await;
            tokio::time::resume();
            transport.send(get(&server.origin, AMPLE)).await.unwrap();
            assert_eq!(server.connections(), connections, "{protocols:?}, {idle} s");
        }
    }
}

#[tokio::test]
async fn idle_connection_is_closed_without_another_request() {
    for protocols in [BOTH, &["http/1.1"]] {
        let server = TlsServer::start(protocols).await;
        let transport = server.transport();
        transport.send(get(&server.origin, AMPLE)).await.unwrap();
        tokio::time::pause();
        let closed = tokio::time::timeout(Duration::from_secs(40), server.closed.notified()).await;
        assert!(closed.is_ok(), "{protocols:?}");
        tokio::time::resume();
    }
}

// ---- Many at once -----------------------------------------------------------

async fn send_64(transport: &HyperTransport, origin: &str) {
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let transport = transport.clone();
        let request = request(&Method::GET, format!("{origin}/{number}"), b"", AMPLE);
        tasks.spawn(async move { (number, transport.send(request).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (number, result) = done.unwrap();
        assert_eq!(result.unwrap().body(), format!("/{number}").as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_64_requests_at_once_gets_its_own_response() {
    for protocols in [BOTH, &["http/1.1"]] {
        let server = TlsServer::start(protocols).await;
        let transport = server.transport();
        // The first round starts without connections, the second one with them.
        send_64(&transport, &server.origin).await;
        let connections = server.connections();
        send_64(&transport, &server.origin).await;
        assert_eq!(server.seen.lock().unwrap().len(), 128);
        assert!(connections <= 64 && server.connections() <= 128, "{connections}");
    }
}

#[tokio::test]
async fn requests_in_a_row_share_a_connection() {
    for protocols in [BOTH, &["http/1.1"]] {
        let server = TlsServer::start(protocols).await;
        let transport = server.transport();
        for _ in 0..10 {
            // A clone uses the same connections.
            transport.clone().send(get(&server.origin, AMPLE)).await.unwrap();
        }
        assert_eq!(server.connections(), 1);
    }
}

// ---- Types ------------------------------------------------------------------

#[test]
fn all_types_can_be_sent_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let (transport, clock) = (HyperTransport::new(), TokioClock::new());
    is_shared(&transport);
    is_shared(&clock);
    is_send(&transport.send(get("http://127.0.0.1", AMPLE)));
    is_send(&clock.sleep_until(clock.now()));
}

#[test]
fn a_call_under_way_takes_little_room() {
    let transport = HyperTransport::new();
    let call = transport.send(get("http://127.0.0.1:9", AMPLE));
    // The future holds the response once, hyper's own future and a timer, but not the request.
    assert!(size_of_val(&call) <= 640, "{}", size_of_val(&call));
}
