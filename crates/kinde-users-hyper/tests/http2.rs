//! Tests how `HyperTransport` handles HTTP/2 frames that a usual server does not send.

mod tls;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use kinde_users_core::{AsyncTransport, BodyFailure, Delivery, set_request_timeout};
use kinde_users_hyper::{ErrorKind, HyperError, HyperTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

// Types of frames, flags and error codes: RFC 9113, sections 6 and 7.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u8 = 0;
const REFUSED_STREAM: u8 = 7;
const CANCEL: u8 = 8;
const ENHANCE_YOUR_CALM: u8 = 11;
/// The last stream in a GOAWAY from a server that is about to close but still accepts all open
/// requests.
const ANY: u32 = 0x7fff_ffff;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn status_200(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[0x88])
}

fn ok(stream: u32) -> Vec<u8> {
    [status_200(stream), frame(DATA, END_STREAM, stream, b"{}")].concat()
}

fn reset(stream: u32, code: u8) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, code])
}

fn go_away(last: u32, code: u8) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0, 0, 0, code]].concat())
}

async fn next(stream: &mut TlsStream<TcpStream>) -> std::io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [a, b, c, kind, flags, id @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, u32::from_be_bytes(id) & ANY, payload))
}

/// The frames that the server answers, and whether it keeps the connection open.
type Answer = (Vec<u8>, bool);

/// The name of a case, for messages, and the server's answer to the request on a stream.
type Case = (String, Box<dyn Fn(u32) -> Answer + Send + Sync>);

fn case(name: impl Into<String>, answer: impl Fn(u32) -> Answer + Send + Sync + 'static) -> Case {
    (name.into(), Box::new(answer))
}

struct Server {
    origin: String,
    transport: HyperTransport,
    /// The number of whole requests that arrived.
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    /// Is notified of each whole request.
    came: Arc<Notify>,
}

impl Server {
    /// Starts a server. `answer` gets the number of each request, starting at 0, and its stream.
    /// After `None` the server is silent, also to pings.
    async fn start(answer: impl Fn(usize, u32) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let (config, certificate) = tls::server(&["h2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (requests, connections) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let server = Self {
            origin: format!("https://{}", listener.local_addr().unwrap()),
            transport: HyperTransport::with_tls(tls::client(certificate)),
            requests: requests.clone(),
            connections: connections.clone(),
            came: Arc::default(),
        };
        let (acceptor, came) = (TlsAcceptor::from(Arc::new(config)), server.came.clone());
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                let (requests, came) = (requests.clone(), came.clone());
                // An error means that the client closed the connection, which it may do.
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    stream.read_exact(&mut [0; 24]).await?;
                    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
                    loop {
                        let (kind, flags, id, payload) = next(&mut stream).await?;
                        match kind {
                            SETTINGS if flags & ACK == 0 => {
                                stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?;
                            }
                            PING if flags & ACK == 0 => {
                                stream.write_all(&frame(PING, ACK, 0, &payload)).await?;
                            }
                            HEADERS | DATA if flags & END_STREAM != 0 => {
                                let answer = answer(requests.fetch_add(1, Ordering::Relaxed), id);
                                came.notify_one();
                                let Some((bytes, goes_on)) = answer else {
                                    std::future::pending::<()>().await;
                                    continue;
                                };
                                stream.write_all(&bytes).await?;
                                if !goes_on {
                                    // Only the sending side is closed, so that the client can read
                                    // everything.
                                    stream.shutdown().await?;
                                    return std::io::Result::Ok(());
                                }
                            }
                            _ => {}
                        }
                    }
                });
            }
        });
        server
    }

    async fn send(&self, method: Method, body: &[u8]) -> Result<Response<Vec<u8>>, HyperError> {
        let request = Request::builder().method(method).uri(format!("{}/user?email=sally", self.origin));
        let mut request = request.body(body.to_vec()).unwrap();
        set_request_timeout(&mut request, Duration::from_secs(30));
        self.transport.send(request).await
    }
}

const REQUESTS: [(Method, &[u8]); 5] = [
    (Method::POST, b"{}"),
    (Method::PATCH, b"{}"),
    (Method::PUT, b""),
    (Method::DELETE, b""),
    (Method::GET, b""),
];

#[tokio::test]
async fn unprocessed_request_is_not_sent() {
    let cases = || {
        [
            case("stream above the last one", |id| (go_away(id - 1, NO_ERROR), true)),
            case("stream above the last one, for an error", |id| (go_away(id - 1, ENHANCE_YOUR_CALM), true)),
            case("stream above the last one, and an end", |id| (go_away(id - 1, NO_ERROR), false)),
            case("no stream at all", |_| (go_away(0, CANCEL), false)),
            case("about to close, and then above", |id| {
                ([go_away(ANY, NO_ERROR), go_away(id - 1, NO_ERROR)].concat(), true)
            }),
        ]
    };
    for (method, body) in REQUESTS {
        // The case runs on a new connection, and on one that has carried a request.
        for before in [0, 1] {
            // A GOAWAY proves this only for a request whose body was still to come.
            let of_body = cases().into_iter().filter(|_| !body.is_empty());
            let refused = case("refused", |id| (reset(id, REFUSED_STREAM), true));
            for (name, answer) in of_body.chain([refused]) {
                let answers = move |nth, id| Some(if nth == before { answer(id) } else { (ok(id), true) });
                let server = Server::start(answers).await;
                for _ in 0..before {
                    server.send(Method::GET, b"").await.unwrap();
                }
                let error = server.send(method.clone(), body).await.unwrap_err();
                let is = (error.kind(), error.delivery());
                assert_eq!(is, (ErrorKind::Refused, Delivery::NotSent), "{name}, {method}: {error}");
                assert!(error.head().is_none());
                let text = error.to_string();
                assert!(text.starts_with("the server did not process the request"), "{text}");
                // The reason of a server that just closes the connection adds nothing.
                assert!(!text.contains("not a result of an error"), "{text}");
                // The request was sent once, and the next one succeeds.
                assert_eq!(server.requests.load(Ordering::Relaxed), before + 1, "{name}");
                assert_eq!(server.send(method.clone(), body).await.unwrap().body(), b"{}", "{name}");
            }
        }
    }
}

#[tokio::test]
async fn possibly_processed_request_is_of_unknown_delivery() {
    let mut cases = vec![
        case("the last stream, and an end", |id| (go_away(id, NO_ERROR), false)),
        case("the last stream, for an error", |id| (go_away(id, ENHANCE_YOUR_CALM), false)),
        case("about to close, and an end", |_| (go_away(ANY, NO_ERROR), false)),
        case("an end", |_| (Vec::new(), false)),
        // The client ends the connection with its own GOAWAY.
        case("data of no stream", |_| (frame(DATA, 0, 0, b"x"), true)),
    ];
    for code in (0..=14).filter(|code| *code != REFUSED_STREAM) {
        cases.push(case(format!("reset with code {code}"), move |id| (reset(id, code), true)));
        let both = move |id| ([go_away(id, code), reset(id, code)].concat(), false);
        cases.push(case(format!("the last stream, and a reset with code {code}"), both));
    }
    for (name, answer) in cases {
        let server = Server::start(move |_, id| Some(answer(id))).await;
        for (method, body) in [(Method::POST, &b"{}"[..]), (Method::GET, b"")] {
            let error = server.send(method.clone(), body).await.unwrap_err();
            assert_eq!(error.delivery(), Delivery::Unknown, "{name}, {method}: {error}");
            assert_ne!(error.kind(), ErrorKind::Refused, "{name}, {method}: {error}");
        }
    }
}

#[tokio::test]
async fn bodyless_request_ended_by_go_away_is_unknown() {
    // A first GOAWAY looks the same to the client, whether the head of the request was sent or not.
    let cases = || {
        [
            case("stream above the last one", |id| (go_away(id - 1, NO_ERROR), true)),
            case("stream above the last one, for an error", |id| (go_away(id - 1, ENHANCE_YOUR_CALM), true)),
            case("no stream at all", |_| (go_away(0, CANCEL), false)),
            case("about to close, and then above", |id| {
                ([go_away(ANY, NO_ERROR), go_away(id - 1, NO_ERROR)].concat(), true)
            }),
        ]
    };
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
        for (name, answer) in cases() {
            let server = Server::start(move |_, id| Some(answer(id))).await;
            let error = server.send(method.clone(), b"").await.unwrap_err();
            assert_eq!(error.delivery(), Delivery::Unknown, "{name}, {method}: {error}");
            assert_ne!(error.kind(), ErrorKind::Refused, "{name}, {method}: {error}");
        }
        let server = Server::start(|_, id| Some((reset(id, REFUSED_STREAM), true))).await;
        let error = server.send(method.clone(), b"").await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::NotSent, "{method}: {error}");
    }
}

#[tokio::test]
async fn refusal_after_the_head_is_a_broken_body() {
    let data = |id| frame(DATA, 0, id, b"{");
    let answers: [fn(u32, Vec<u8>) -> Answer; 6] = [
        |id, _| ([status_200(id), reset(id, REFUSED_STREAM)].concat(), true),
        |id, data| ([status_200(id), data, reset(id, REFUSED_STREAM)].concat(), true),
        |id, data| ([status_200(id), data, go_away(id - 1, NO_ERROR)].concat(), true),
        |id, data| ([status_200(id), data, reset(id, CANCEL)].concat(), true),
        |id, data| ([status_200(id), data, reset(id, NO_ERROR)].concat(), true),
        |id, data| ([status_200(id), data].concat(), false),
    ];
    for (case, answer) in answers.into_iter().enumerate() {
        let server = Server::start(move |_, id| Some(answer(id, data(id)))).await;
        let error = server.send(Method::POST, b"{}").await.unwrap_err();
        assert_ne!(error.delivery(), Delivery::NotSent, "{case}: {error}");
        assert_ne!(error.kind(), ErrorKind::Refused, "{case}: {error}");
        let head = error.head().map(|head| (head.status().as_u16(), *head.body()));
        assert_eq!(head, Some((200, BodyFailure::Broken)), "{case}: {error}");
    }
}

#[tokio::test]
async fn response_before_go_away_or_clean_reset_is_whole() {
    let answers: [fn(u32) -> Answer; 5] = [
        // The head announces two bytes, which come without the end of the stream.
        |id| {
            let head = frame(HEADERS, END_HEADERS, id, &[0x88, 0x0f, 0x0d, 1, b'2']);
            ([head, frame(DATA, 0, id, b"{}"), reset(id, NO_ERROR)].concat(), true)
        },
        // A trailer ends the stream.
        |id| {
            let trailer = frame(HEADERS, END_HEADERS | END_STREAM, id, &[0, 3, b'x', b'-', b't', 1, b'1']);
            ([status_200(id), frame(DATA, 0, id, b"{}"), trailer].concat(), true)
        },
        |id| ([ok(id), go_away(id, NO_ERROR)].concat(), false),
        |id| ([go_away(id, NO_ERROR), ok(id)].concat(), false),
        |id| ([ok(id), reset(id, NO_ERROR)].concat(), true),
    ];
    for answer in answers {
        let server = Server::start(move |_, id| Some(answer(id))).await;
        for _ in 0..2 {
            assert_eq!(server.send(Method::POST, b"{}").await.unwrap().body(), b"{}");
        }
    }
}

#[tokio::test]
async fn head_may_have_hundreds_of_short_headers() {
    let server = Server::start(|_, id| {
        // Each header is sent in full: without an index, and with a new name of six bytes.
        let headers: Vec<u8> = (0..700)
            .flat_map(|number: u32| {
                let name = format!("x-{number:04}");
                [&[0, 6], name.as_bytes(), &[1, b'1']].concat()
            })
            .collect();
        let head = [&[0x88], &headers[..]].concat();
        Some(([frame(HEADERS, END_HEADERS, id, &head), frame(DATA, END_STREAM, id, b"{}")].concat(), true))
    })
    .await;
    assert_eq!(server.send(Method::GET, b"").await.unwrap().headers().len(), 700);
}

#[tokio::test]
async fn silent_connection_is_given_up_before_the_time_limit() {
    let silent = Arc::new(Mutex::new(true));
    let server = Server::start({
        let silent = silent.clone();
        move |_, id| (!*silent.lock().unwrap()).then(|| (ok(id), true))
    })
    .await;
    let came = server.came.clone();
    tokio::spawn(async move {
        came.notified().await;
        tokio::time::pause();
    });
    let begun = tokio::time::Instant::now();
    let error = server.send(Method::POST, b"{}").await.unwrap_err();
    let seconds = begun.elapsed().as_secs();
    tokio::time::resume();
    assert_eq!(error.delivery(), Delivery::Unknown, "{error}");
    assert!((20..25).contains(&seconds), "{seconds}: {error}");
    *silent.lock().unwrap() = false;
    server.send(Method::POST, b"{}").await.unwrap();
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}
