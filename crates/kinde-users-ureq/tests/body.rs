//! Tests how bodies are read, and what remains of a response whose body cannot be read.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Request, Response};
use kinde_users_contract::Server;
use kinde_users_core::{BodyFailure, Delivery, Transport, set_request_timeout};
use kinde_users_ureq::{ErrorKind, UreqError, UreqTransport};

fn get(origin: &str) -> Request<Vec<u8>> {
    let mut request = Request::get(origin).body(Vec::new()).unwrap();
    set_request_timeout(&mut request, Duration::from_secs(5));
    request
}

/// Returns the result of a request to a server that sends these bytes and closes the connection.
fn answer(transport: &UreqTransport, said: Vec<u8>) -> Result<Response<Vec<u8>>, UreqError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        // The client may close the connection before everything is sent.
        let _ = stream.write_all(&said);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    transport.send(get(&format!("http://{address}")))
}

fn message(head: &str, body: &[u8]) -> Vec<u8> {
    [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat()
}

/// Returns a response that is valid, except perhaps for the encoding of its body.
fn encoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    message(&format!("HTTP/1.1 200 OK\ncontent-encoding: {encoding}\ncontent-length: {length}"), body)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let chunks =
        body.chunks(5).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    [chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()].concat()
}

const TEXT: &[u8] = b"{\"code\":\"OK\"}";

#[test]
fn announced_length_is_reserved() {
    const LENGTH: usize = 345_678;
    let server = Server::answering(|_| Response::new(vec![b' '; LENGTH])).unwrap();
    let body = UreqTransport::default().send(get(&server.origin())).unwrap().into_body();
    assert_eq!((body.len(), body.capacity()), (LENGTH, LENGTH));
}

#[test]
fn immense_length_reserves_a_mebibyte() {
    // No machine has this much memory: reserving it would end the program.
    for told in [u64::MAX / 2, 1 << 40] {
        let said = message(&format!("HTTP/1.1 200 OK\ncontent-length: {told}"), b"{");
        let error = answer(&UreqTransport::new().body_limit(64), said.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BodyTooLong(64));
        let error = answer(&UreqTransport::new().body_limit(u64::MAX), said).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io(std::io::ErrorKind::UnexpectedEof));
    }
}

#[test]
fn empty_body_of_any_encoding_is_empty() {
    for encoding in ["gzip", "GZIP", "x-gzip", "br", "deflate", "identity", "gzip, br", "nonsense"] {
        for status in ["200 OK", "400 Bad Request", "429 Too Many"] {
            for (framing, body) in [
                ("content-length: 0", &b""[..]),
                ("transfer-encoding: chunked", b"0\r\n\r\n"),
                ("connection: close", b""),
            ] {
                let head = format!("HTTP/1.1 {status}\ncontent-encoding: {encoding}\n{framing}");
                let response = answer(&UreqTransport::new(), message(&head, body)).unwrap();
                assert_eq!(response.body(), b"", "{head}");
            }
        }
        for head in ["204 No Content", "304 Not Modified"] {
            let head = format!("HTTP/1.1 {head}\ncontent-encoding: {encoding}");
            assert_eq!(answer(&UreqTransport::new(), message(&head, b"")).unwrap().body(), b"", "{head}");
        }
    }
}

#[test]
fn gzip_is_decompressed_under_each_of_its_names() {
    let names = [
        "gzip",
        "GZIP",
        "Gzip",
        "x-gzip",
        "X-GZip",
        "identity, gzip",
        "gzip,",
        "gzip\ncontent-encoding: identity",
    ];
    for name in names {
        for framing in ["content-length", "chunked", "close"] {
            let (header, body) = match framing {
                "content-length" => (format!("content-length: {}", gzip(TEXT).len()), gzip(TEXT)),
                "chunked" => ("transfer-encoding: chunked".to_owned(), chunked(&gzip(TEXT))),
                _ => ("connection: close".to_owned(), gzip(TEXT)),
            };
            let head = format!("HTTP/1.1 200 OK\nx: y\ncontent-encoding: {name}\n{header}");
            let response = answer(&UreqTransport::new(), message(&head, &body)).unwrap();
            assert_eq!(response.body(), TEXT, "{head}");
            // These headers described the body before decompression.
            assert!(!response.headers().contains_key(CONTENT_ENCODING), "{head}");
            assert!(!response.headers().contains_key(CONTENT_LENGTH), "{head}");
            assert!(response.headers().contains_key("x"));
        }
    }
    let twice = [gzip(b"{\"code\":"), gzip(b"\"OK\"}")].concat();
    assert_eq!(answer(&UreqTransport::new(), encoded("gzip", &twice)).unwrap().body(), TEXT);
    assert_eq!(answer(&UreqTransport::new(), encoded("gzip", &gzip(b""))).unwrap().body(), b"");
    assert_eq!(answer(&UreqTransport::new(), encoded("identity", TEXT)).unwrap().body(), TEXT);
}

#[test]
fn limit_counts_after_decompression() {
    let zeros = vec![0; 100_000];
    for name in ["gzip", "GZIP"] {
        let said = encoded(name, &gzip(&zeros));
        let whole = answer(&UreqTransport::new().body_limit(100_000), said.clone()).unwrap();
        assert_eq!(whole.body().len(), 100_000);
        for limit in [0, 1, 1000, 99_999] {
            let error = answer(&UreqTransport::new().body_limit(limit), said.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BodyTooLong(limit));
        }
    }
    // Data that cannot be compressed is longer in gzip.
    let said = encoded("gzip", &gzip(TEXT));
    assert_eq!(answer(&UreqTransport::new().body_limit(TEXT.len() as u64), said).unwrap().body(), TEXT);
}

#[test]
fn unreadable_body_still_gives_the_head() {
    let compressed = gzip(TEXT);
    let damaged = |at: usize, with: u8| {
        let mut damaged = compressed.clone();
        let at = if at > 100 { damaged.len() - 3 } else { at };
        damaged[at] ^= with;
        damaged
    };
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(TEXT).unwrap();
    let bodies: Vec<(&str, String, Vec<u8>, BodyFailure)> = {
        use BodyFailure::{Broken, TooLarge};
        let length = |length: usize| format!("content-length: {length}");
        let encoded =
            |name: &str, body: &[u8]| format!("content-encoding: {name}\ncontent-length: {}", body.len());
        let chunked_head = "transfer-encoding: chunked".to_owned();
        vec![
            ("cut", length(60), TEXT.to_vec(), Broken),
            ("cut before the first byte", length(60), Vec::new(), Broken),
            ("chunk is cut", chunked_head.clone(), b"ff\r\n{".to_vec(), Broken),
            ("chunks are cut", chunked_head.clone(), b"1\r\n{\r\n".to_vec(), Broken),
            ("no chunk", chunked_head.clone(), Vec::new(), Broken),
            ("chunk has no length", chunked_head.clone(), b"sally\r\n".to_vec(), Broken),
            ("too long", length(99_999_999), b"{".to_vec(), TooLarge),
            ("too long, with more than fits in 63 bits", length(usize::MAX), b"{".to_vec(), TooLarge),
            ("too long, in chunks", chunked_head, chunked(&[b' '; 65]), TooLarge),
            ("too long, to the end", "connection: close".to_owned(), vec![b' '; 65], TooLarge),
            ("too long, compressed", encoded("gzip", &gzip(&[b' '; 65])), gzip(&[b' '; 65]), TooLarge),
            ("br", encoded("br", b"\x06\0"), b"\x06\0".to_vec(), Broken),
            ("deflate", encoded("deflate", TEXT), deflated.finish().unwrap(), Broken),
            ("two encodings", encoded("gzip, br", &compressed), compressed.clone(), Broken),
            ("no gzip", encoded("gzip", TEXT), TEXT.to_vec(), Broken),
            ("no GZIP", encoded("GZIP", TEXT), TEXT.to_vec(), Broken),
            ("gzip is damaged", encoded("gzip", &compressed), damaged(14, 0xff), Broken),
            ("wrong checksum", encoded("gzip", &compressed), damaged(999, 1), Broken),
            ("gzip is incomplete", encoded("gzip", &compressed[..20]), compressed[..20].to_vec(), Broken),
            (
                "gzip lacks its end",
                encoded("x-gzip", &compressed[1..]),
                compressed[..compressed.len() - 1].to_vec(),
                Broken,
            ),
            ("gzip is cut", encoded("gzip", &[0; 100]), compressed[..20].to_vec(), Broken),
            ("gzip is cut before the first byte", encoded("gzip", &[0; 100]), Vec::new(), Broken),
            ("more after gzip", encoded("gzip", &[0; 34]), [&compressed[..], b"!"].concat(), Broken),
        ]
    };
    let transport = UreqTransport::new().body_limit(64);
    for (name, headers, body, failure) in bodies {
        for status in ["200 OK", "401 Unauthorized", "429 Too Many", "503 Unavailable", "302 Found"] {
            let head = format!("HTTP/1.1 {status}\nratelimit-reset: 5\nset-cookie: s3cret\n{headers}");
            let error = answer(&transport, message(&head, &body)).expect_err(name);
            let came = transport.head(&error).unwrap_or_else(|| panic!("{name}: {error}"));
            assert_eq!((came.status().as_str(), *came.body()), (&status[..3], failure), "{name}: {error}");
            assert_eq!(came.headers()["ratelimit-reset"], "5");
            assert_eq!(error.delivery(), Delivery::Unknown);
            let texts = format!("{error} {error:?}");
            assert!(!texts.contains("s3cret") && !texts.contains("sally"), "{texts}");
        }
    }
}

#[test]
fn timeout_within_the_body_still_gives_the_head() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(&message("HTTP/1.1 429 Too Many\ncontent-length: 9", b"{")).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let transport = UreqTransport::new();
    let mut request = get(&format!("http://{address}"));
    set_request_timeout(&mut request, Duration::from_millis(100));
    let error = transport.send(request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let head = transport.head(&error).unwrap();
    assert_eq!((head.status().as_u16(), *head.body()), (429, BodyFailure::Broken));
    server.join().unwrap();
}

/// Returns the result of a request to a server that sends these bytes and resets the connection.
fn answer_and_reset(said: Vec<u8>) -> Result<Response<Vec<u8>>, UreqError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // Closing a connection with unread input resets it.
        assert!(stream.peek(&mut [0]).unwrap() > 0);
        stream.write_all(&said).unwrap();
    });
    UreqTransport::new().send(get(&format!("http://{address}")))
}

#[test]
fn body_that_a_reset_cuts_off_is_broken() {
    for framing in ["connection: close", "x: y", "content-length: 99", "transfer-encoding: chunked"] {
        for body in [&b"{\"code\":"[..], b""] {
            let is_chunked = framing.ends_with("chunked");
            let body = if is_chunked { chunked(body)[..body.len()].to_vec() } else { body.to_vec() };
            let said = message(&format!("HTTP/1.1 200 OK\n{framing}"), &body);
            let error = answer_and_reset(said).expect_err(framing);
            let head = error_head(&error);
            assert_eq!(head, Some((200, BodyFailure::Broken)), "{framing}: {error}");
            let is = (error.kind(), error.delivery());
            assert_eq!(
                is,
                (ErrorKind::Io(io::ErrorKind::ConnectionReset), Delivery::Unknown),
                "{framing}: {error}"
            );
        }
    }
}

#[test]
fn reset_before_the_end_of_a_head_is_unknown() {
    for said in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nx: y\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let error = answer_and_reset(said.into()).unwrap_err();
        assert_eq!(error_head(&error), None, "{said:?}");
        let is = (error.kind(), error.delivery());
        assert_eq!(
            is,
            (ErrorKind::Io(io::ErrorKind::ConnectionReset), Delivery::Unknown),
            "{said:?}: {error}"
        );
    }
}

fn error_head(error: &UreqError) -> Option<(u16, BodyFailure)> {
    let head = Transport::head(&UreqTransport::new(), error)?;
    Some((head.status().as_u16(), *head.body()))
}

#[test]
fn incomplete_head_gives_no_head() {
    let transport = UreqTransport::new();
    for said in ["", "HTTP/1.1 429", "HTTP/1.1 429 Too Many\r\nratelimit-reset: 5\r\n", "nonsense\r\n\r\n"] {
        let error = answer(&transport, said.as_bytes().to_vec()).unwrap_err();
        assert!(transport.head(&error).is_none(), "{said}");
    }
}

#[test]
fn interim_responses_are_skipped() {
    let last = message("HTTP/1.1 201 Created\ncontent-length: 2", b"{}");
    let many = (0..50).fold(String::new(), |head, n| format!("{head}\nlink: </{n}>; rel=preload"));
    let interim = [
        "HTTP/1.1 100 Continue".to_owned(),
        "HTTP/1.1 100 Continue\nx: y".to_owned(),
        "HTTP/1.1 100 Continue\ncontent-length: 0\nconnection: keep-alive".to_owned(),
        format!("HTTP/1.1 100 Continue{many}"),
        "HTTP/1.1 102 Processing\nx: y".to_owned(),
        format!("HTTP/1.1 103 Early Hints{many}"),
        "HTTP/1.1 199 What\nx: y".to_owned(),
    ];
    for method in ["GET", "POST", "DELETE"] {
        for heads in interim.iter().map(std::slice::from_ref).chain([&interim[..]]) {
            for pause in [false, true] {
                let mut parts: Vec<_> = heads.iter().map(|head| message(head, b"")).collect();
                parts.push(last.clone());
                if !pause {
                    parts = vec![parts.concat()];
                }
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let server = thread::spawn(move || {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.set_nodelay(true).unwrap();
                    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                    for part in parts {
                        let (start, end) = part.split_at(part.len() / 2);
                        stream.write_all(start).unwrap();
                        thread::yield_now();
                        stream.write_all(end).unwrap();
                    }
                    let _ = stream.read_to_end(&mut Vec::new());
                });
                let mut request = get(&format!("http://{address}"));
                *request.method_mut() = method.parse().unwrap();
                if method == "POST" {
                    *request.body_mut() = b"{}".to_vec();
                }
                let transport = UreqTransport::new();
                let response = transport.send(request).unwrap_or_else(|error| panic!("{heads:?}: {error}"));
                assert_eq!(
                    (response.status().as_u16(), &response.body()[..]),
                    (201, &b"{}"[..]),
                    "{heads:?}"
                );
                drop(transport);
                server.join().unwrap();
            }
        }
    }
}

#[test]
fn thousands_of_interim_responses_take_little_time() {
    let said = [b"HTTP/1.1 100\r\n\r\n".repeat(50_000), message("HTTP/1.1 204 No Content", b"")].concat();
    let response = answer(&UreqTransport::new(), said).unwrap();
    assert_eq!(response.status(), 204);
}

#[test]
fn endless_interim_responses_end_with_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        while stream.write_all(&b"HTTP/1.1 103\r\nx: y\r\n\r\n".repeat(100)).is_ok() {}
    });
    let mut request = get(&format!("http://{address}"));
    set_request_timeout(&mut request, Duration::from_millis(100));
    let transport = UreqTransport::new();
    let start = Instant::now();
    let error = transport.send(request).unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::Timeout, Delivery::Unknown), "{error}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.join().unwrap();
}

#[test]
fn response_may_have_128_headers() {
    for (count, is_read) in [(128, true), (129, false)] {
        let headers = "\nx: y".repeat(count - 1);
        let said = message(&format!("HTTP/1.1 200 OK\ncontent-length: 2{headers}"), b"{}");
        match answer(&UreqTransport::new(), said) {
            Ok(response) => assert!(is_read && response.headers().len() == count, "{count}"),
            Err(error) => {
                assert!(!is_read, "{count}: {error}");
                assert_eq!((error.kind(), error.delivery()), (ErrorKind::Protocol, Delivery::Unknown));
            }
        }
    }
}

#[test]
fn body_of_any_length_is_read_whole() {
    for length in [0, 1, 1023, 1 << 20, (1 << 20) + 1, 3_000_000] {
        let server = Server::answering(move |_| Response::new(vec![b'x'; length])).unwrap();
        let body = UreqTransport::new().send(get(&server.origin())).unwrap().into_body();
        assert!(body.len() == length && body.iter().all(|byte| *byte == b'x'), "{length}");
    }
}
