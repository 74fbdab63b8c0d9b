//! What `HyperTransport` does beyond the contract of transports: kinds of errors, compression, TLS and HTTP/2.

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
use kinde_users_core::{AsyncClock, AsyncTransport, Delivery, set_time_limit};
use kinde_users_hyper::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use kinde_users_hyper::rustls::{ClientConfig, RootCertStore, ServerConfig};
use kinde_users_hyper::{HyperError, HyperTransport, Kind, TokioClock, rustls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

type Result = std::result::Result<Response<Vec<u8>>, HyperError>;

/// Above what anything here takes.
const AMPLE: Duration = Duration::from_secs(30);
/// For what is to run into it.
const SHORT: Duration = Duration::from_millis(100);

fn request(method: &Method, uri: String, body: &[u8], limit: Duration) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(uri).body(body.to_vec()).unwrap();
    set_time_limit(&mut request, limit);
    request
}

fn get(origin: &str, limit: Duration) -> Request<Vec<u8>> {
    request(&Method::GET, format!("{origin}/users?email=sally%40example.com"), b"", limit)
}

#[track_caller]
fn assert_failure(result: Result, kind: Kind, delivery: Delivery) -> String {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{error}");
    assert_eq!(HyperTransport::new().delivery(&error), delivery);
    let texts = format!("{error} {error:?}");
    assert!(!texts.contains("sally") && !texts.contains("/users"), "{texts}");
    error.to_string()
}

// ---- Raw servers --------------------------------------------------------------------------------------------

#[derive(Clone, Copy)]
enum Then {
    Close,
    Hold,
}

/// Listens, reads what comes first, says this, and closes the connection or keeps silent. Gives the server's authority.
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
                    // Until the client hangs up.
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

// ---- Failures -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The near end of a connection is a port that is taken and that nobody listens at.
    let taken = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let result = ask(taken.local_addr().unwrap(), AMPLE).await;
    assert_failure(result, Kind::Io(std::io::ErrorKind::ConnectionRefused), Delivery::NotSent);
}

#[tokio::test]
async fn a_handshake_that_is_cut_off_is_not_sent() {
    let address = saying("", Then::Close).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, Kind::Closed, Delivery::NotSent);
}

#[tokio::test]
async fn a_handshake_that_is_no_tls_is_not_sent() {
    let address = saying("HTTP/1.1 400 Bad Request\r\n\r\n", Then::Hold).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, Kind::Tls, Delivery::NotSent);
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_by_the_limit_of_connecting_and_is_not_sent() {
    let address = saying("", Then::Hold).await;
    let transport = HyperTransport::new().connect_limit(SHORT);
    let result = transport.send(get(&format!("https://{address}"), AMPLE)).await;
    assert_failure(result, Kind::Timeout, Delivery::NotSent);
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_by_the_limit_of_the_request_and_is_not_sent() {
    let address = saying("", Then::Hold).await;
    let result = HyperTransport::new().send(get(&format!("https://{address}"), SHORT)).await;
    let text = assert_failure(result, Kind::Timeout, Delivery::NotSent);
    assert_eq!(text, "the time limit was reached (not sent)");
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_by_the_time_limit_and_may_have_heard() {
    let address = saying("", Then::Hold).await;
    assert_failure(ask(address, SHORT).await, Kind::Timeout, Delivery::Unknown);
}

#[tokio::test]
async fn a_body_that_stops_ends_by_the_time_limit() {
    let address = saying("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", Then::Hold).await;
    assert_failure(ask(address, SHORT).await, Kind::Timeout, Delivery::Unknown);
}

#[tokio::test]
async fn a_connection_that_closes_before_the_response_is_whole_may_have_carried_the_request() {
    for half in ["", "HTTP/1.1 200 OK\r\nx-", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let address = saying(half, Then::Close).await;
        let result = ask(address, AMPLE).await;
        assert_failure(result, Kind::Closed, Delivery::Unknown);
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_is_an_error() {
    let address = saying("SSH-2.0-OpenSSH_9.2\r\n", Then::Hold).await;
    assert_failure(ask(address, AMPLE).await, Kind::Protocol, Delivery::Unknown);
}

#[tokio::test]
async fn a_head_has_room_and_no_more() {
    let with_head_of = |kilobytes: usize| async move {
        let filler = "x".repeat(kilobytes * 1024);
        let reply = format!("HTTP/1.1 200 OK\r\nx-filler: {filler}\r\ncontent-length: 0\r\n\r\n");
        ask(saying(reply, Then::Hold).await, AMPLE).await
    };
    assert!(with_head_of(60).await.is_ok());
    assert_failure(with_head_of(200).await, Kind::Protocol, Delivery::Unknown);
}

#[tokio::test]
async fn a_uri_without_a_scheme_is_an_error() {
    let result = HyperTransport::new().send(get("", AMPLE)).await;
    assert_failure(result, Kind::Other, Delivery::Unknown);
}

// ---- Bodies -------------------------------------------------------------------------------------------------

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
    // The body never comes, and there is ample time.
    let address = saying("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n", Then::Hold).await;
    let transport = HyperTransport::new().body_limit(10);
    let result = transport.send(get(&format!("http://{address}"), AMPLE)).await;
    let text = assert_failure(result, Kind::BodyTooLong(10), Delivery::Unknown);
    assert_eq!(text, "the response's body is longer than 10 bytes");
}

#[tokio::test]
async fn a_body_gets_the_room_that_it_is_said_to_need() {
    const LENGTH: usize = 345_678;
    let body = with_body("", &vec![b' '; LENGTH], 1 << 20).await.unwrap().into_body();
    assert_eq!((body.len(), body.capacity()), (LENGTH, LENGTH));
}

#[tokio::test]
async fn a_body_over_the_limit_in_chunks_is_refused_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let address = saying(format!("{head}6\r\n123456\r\n5\r\n12345\r\n"), Then::Hold).await;
    let transport = HyperTransport::new().body_limit(10);
    let result = transport.send(get(&format!("http://{address}"), AMPLE)).await;
    assert_failure(result, Kind::BodyTooLong(10), Delivery::Unknown);
}

#[tokio::test]
async fn a_compressed_body_comes_back_plain_and_no_header_says_otherwise() {
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
    assert_failure(result, Kind::BodyTooLong(100_000), Delivery::Unknown);
}

#[tokio::test]
async fn compressed_bodies_that_are_damaged_are_errors() {
    let good = gzip(b"{\"id\":\"kp_1\"}");
    let cut = &good[..good.len() - 4];
    let mut wrong_sum = good.clone();
    wrong_sum[good.len() - 8] ^= 1;
    let with_tail = [&good, b"tail".as_slice()].concat();
    for body in [cut, &wrong_sum, &with_tail, b"{\"id\":\"kp_1\"}"] {
        assert_failure(with_body(GZIP, body, 100).await, Kind::Protocol, Delivery::Unknown);
    }
}

#[tokio::test]
async fn an_empty_body_is_empty_whatever_its_encoding() {
    for headers in ["", GZIP, "content-encoding: br\r\n"] {
        let result = with_body(headers, b"", 100).await;
        assert_eq!(result.unwrap().body(), b"", "{headers}");
    }
}

#[tokio::test]
async fn a_body_in_an_encoding_that_was_not_asked_for_is_not_taken_for_plain() {
    for headers in ["br", "gzip, gzip", "identity\r\ncontent-encoding: gzip", ""] {
        let result = with_body(&format!("content-encoding: {headers}\r\n"), b"{}", 100).await;
        assert_failure(result, Kind::Protocol, Delivery::Unknown);
    }
    let plain = with_body("content-encoding: identity\r\n", b"{}", 100).await;
    assert_eq!(plain.unwrap().body(), b"{}");
}

// ---- TLS and HTTP/2 -----------------------------------------------------------------------------------------

/// A server that speaks TLS and, of the two versions, what the client and it agree on.
struct TlsServer {
    origin: String,
    connections: Arc<AtomicUsize>,
    seen: Log,
    certificate: CertificateDer<'static>,
}

type Log = Arc<Mutex<Vec<Seen>>>;

struct Seen {
    method: Method,
    version: Version,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl TlsServer {
    /// It answers with the path; but `/mute` not at all.
    async fn start(protocols: &[&str]) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let builder = ServerConfig::builder_with_provider(provider.into());
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = builder.with_single_cert(vec![certificate.clone()], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let (connections, seen) = <(Arc<AtomicUsize>, Log)>::default();
        let server = Self { origin, connections: connections.clone(), seen: seen.clone(), certificate };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, connections, seen) = (acceptor.clone(), connections.clone(), seen.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::Relaxed);
                    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let service = service_fn(move |request| answer(request, seen.clone()));
                    let io = TokioIo::new(stream);
                    // An error is the client's hanging up, which is its right.
                    if is_h2 {
                        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
                    } else {
                        let _ = http1::Builder::new().serve_connection(io, service).await;
                    }
                });
            }
        });
        server
    }

    fn transport(&self) -> HyperTransport {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let builder = ClientConfig::builder_with_provider(provider.into());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // What the settings say of this is not listened to.
        config.alpn_protocols = vec![b"spdy/3".to_vec()];
        HyperTransport::with_tls(config)
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
async fn bodies_are_framed_as_they_should_over_http_2_too() {
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
async fn a_time_out_over_http_2_ends_its_request_alone() {
    let server = TlsServer::start(BOTH).await;
    let transport = server.transport();
    let mute = request(&Method::POST, format!("{}/mute", server.origin), b"{}", SHORT);
    assert_failure(transport.send(mute).await, Kind::Timeout, Delivery::Unknown);
    // Without a body too: its headers are on their way.
    let mute = request(&Method::GET, format!("{}/mute", server.origin), b"", SHORT);
    assert_failure(transport.send(mute).await, Kind::Timeout, Delivery::Unknown);
    transport.send(get(&server.origin, AMPLE)).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_sent_to() {
    let server = TlsServer::start(BOTH).await;
    let result = HyperTransport::new().send(get(&server.origin, AMPLE)).await;
    let text = assert_failure(result, Kind::Tls, Delivery::NotSent);
    assert_eq!(text, "TLS failed: invalid peer certificate: UnknownIssuer (not sent)");
    assert!(server.seen.lock().unwrap().is_empty());
}

// ---- Many at once -------------------------------------------------------------------------------------------

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
        // Without connections, and with them.
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
            // A clone has the same connections.
            transport.clone().send(get(&server.origin, AMPLE)).await.unwrap();
        }
        assert_eq!(server.connections(), 1);
    }
}

// ---- Types --------------------------------------------------------------------------------------------------

#[test]
fn all_of_it_can_be_sent_to_other_threads() {
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
    // The response once, hyper's own future, and a timer. Neither holds the request.
    assert!(size_of_val(&call) <= 640, "{}", size_of_val(&call));
}
