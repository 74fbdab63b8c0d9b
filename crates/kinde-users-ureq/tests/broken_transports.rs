//! Tests transports that are broken in one way each, and the clause of the contract that detects
//! each of them.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, ETAG, EXPECT, HOST,
    IF_NONE_MATCH, LOCATION, REFERER, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use kinde_users_core::{BodyFailure, Delivery, Transport, request_timeout, set_request_timeout};
use kinde_users_fake::contract::{Authority, Case, Clause, Failure, Options, Report, cases};
use kinde_users_ureq::{ErrorKind, UreqError, UreqTransport};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

type Message = Request<Vec<u8>>;
type Result = std::result::Result<Response<Vec<u8>>, Failed>;

const LIMIT: usize = 64 * 1024;

/// What a broken transport reports about a failure.
#[derive(Debug)]
struct Failed {
    text: String,
    delivery: Delivery,
    head: Option<Box<Response<BodyFailure>>>,
}

impl Failed {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), delivery: Delivery::Unknown, head: None }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failed {}

impl From<UreqError> for Failed {
    fn from(error: UreqError) -> Self {
        Self { text: error.to_string(), delivery: error.delivery(), head: None }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Returns a correct transport with the TLS settings of the test.
fn ureq_with(tls: TlsConfig) -> UreqTransport {
    UreqTransport::configured(|config| {
        config.proxy(None).input_buffer_size(8192).output_buffer_size(8192).tls_config(tls)
    })
    .body_limit(LIMIT as u64)
}

fn trusting(authority: &Authority) -> UreqTransport {
    let roots = RootCerts::from(vec![Certificate::from_der(authority.certificate()).to_owned()]);
    ureq_with(TlsConfig::builder().root_certs(roots).build())
}

fn options() -> Options {
    Options::new()
        .body_limit(LIMIT)
        .request_timeout(Duration::from_millis(150))
        .patience(Duration::from_secs(2))
}

/// Checks a transport in some of the cases.
fn try_in(
    options: &Options,
    is_tried: impl Fn(&Case) -> bool,
    send: &(dyn Fn(Message) -> Result + Sync),
) -> Report {
    let mut report = Report::default();
    for case in cases(options).unwrap().into_iter().filter(is_tried) {
        let mut trial = case.start(options).unwrap();
        while let Some(requests) = trial.next_requests() {
            std::thread::scope(|scope| {
                let send = |request| {
                    send(request).map_err(|error| {
                        Failure::new(error.delivery, &error).with_head(error.head.as_deref())
                    })
                };
                let threads: Vec<_> =
                    requests.into_iter().map(|request| scope.spawn(move || send(request))).collect();
                for thread in threads {
                    trial.came(thread.join().unwrap());
                }
            });
        }
        trial.judge(&mut report);
    }
    report
}

/// A broken transport.
struct Row {
    does: String,
    /// Part of the names of the cases to check it in.
    case: &'static str,
    /// The clause that detects it.
    clause: Clause,
    send: Box<dyn Fn(Message) -> Result + Sync>,
}

fn row(
    does: impl Into<String>,
    case: &'static str,
    clause: Clause,
    send: impl Fn(&UreqTransport, Message) -> Result + Sync + 'static,
) -> Row {
    let ureq = ureq_with(TlsConfig::default());
    Row { does: does.into(), case, clause, send: Box::new(move |request| send(&ureq, request)) }
}

/// Asserts that each transport breaks its clause and no other. Another test shows that a correct
/// transport passes.
fn assert_found(rows: impl IntoIterator<Item = Row>) {
    for Row { does, case, clause, send } in rows {
        let is_tried = |tried: &Case| tried.name().contains(case);
        let report = try_in(&options(), is_tried, &send);
        assert_eq!(report.broken_clauses(), [clause], "{does}: {report}");
    }
}

/// Encodes in Base64 without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let sextets = bits.chunks(6).map(|bits| (0..6).fold(0, |sum, at| sum << 1 | bits.get(at).unwrap_or(&0)));
    sextets.map(|sextet| char::from(LETTERS[usize::from(sextet)])).collect()
}

fn with_target(mut request: Message, change: impl Fn(&str) -> String) -> Message {
    let uri = request.uri();
    let origin = format!("{}://{}", uri.scheme_str().unwrap(), uri.authority().unwrap());
    let target = change(uri.path_and_query().unwrap().as_str());
    *request.uri_mut() = Uri::try_from(format!("{origin}{target}")).unwrap();
    request
}

fn with_header(mut request: Message, name: impl http::header::IntoHeaderName, value: &str) -> Message {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

// ---- What goes out ----------------------------------------------------------

#[test]
fn changed_targets_are_detected() {
    fn changes(does: &str, case: &'static str, change: fn(&str) -> String) -> Row {
        row(does, case, Clause::Target, move |ureq, request| Ok(ureq.send(with_target(request, change))?))
    }
    assert_found([
        changes("merges slashes", "GET /api//v1", |target| target.replace("//", "/")),
        changes("cuts the last slash", "GET /api//v1", |target| target.trim_end_matches('/').to_owned()),
        changes("decodes dots", "%2e%2E", |target| target.replace("%2e", ".").replace("%2E", ".")),
        changes("decodes letters", "%41", |target| target.replace("%41", "A")),
        changes("decodes slashes", "a%2Fb", |target| target.replace("%2F", "/")),
        changes("encodes the letters of paths", "a;b=c", |target| target.replace('!', "%21")),
        changes("makes spaces of pluses", "plus=+", |target| target.replace('+', "%20")),
        changes("drops empty pairs of the query", "b=2", |target| target.replace("&&", "&")),
        changes("sorts the query", "b=2", |target| target.replace("b=2&a=1", "a=1&b=2")),
        row("sends a PUT as a POST", "PUT without", Clause::Target, |ureq, mut request| {
            *request.method_mut() = Method::POST;
            Ok(ureq.send(request)?)
        }),
    ]);
}

#[test]
fn other_letter_case_of_percent_encodings_is_weak() {
    let ureq = ureq_with(TlsConfig::default());
    let send = |request| {
        Ok(ureq.send(with_target(request, |target| target.replace("%2f", "%2F").replace("%2e", "%2E")))?)
    };
    let report = try_in(&options(), |case| case.name().starts_with("GET /"), &send);
    report.assert_kept();
    assert_eq!(report.weak_clauses(), [Clause::Target], "{report}");
    assert_eq!(report.weak().len(), 2, "{report}");
    let seen = &report.weak()[0].seen;
    assert!(
        seen.contains("sent GET /api/v1/users/a%2Fb%2fc/mfa, the server saw GET /api/v1/users/a%2Fb%2Fc/mfa")
    );
}

#[test]
fn changed_request_headers_are_detected() {
    fn changes(does: &str, case: &'static str, change: fn(&mut HeaderMap)) -> Row {
        row(does, case, Clause::RequestHeaders, move |ureq, mut request| {
            change(request.headers_mut());
            Ok(ureq.send(request)?)
        })
    }
    fn insert(map: &mut HeaderMap, name: http::HeaderName, value: &'static str) {
        map.insert(name, HeaderValue::from_static(value));
    }
    assert_found([
        changes("drops an empty header", "of your own", |map| drop(map.remove("x-empty"))),
        changes("keeps one header of a name", "headers that come twice", |map| {
            if let Some(first) = map.get("x-twice").cloned() {
                map.insert("x-twice", first);
            }
        }),
        changes("folds headers of a name", "headers that come twice", |map| {
            let values: Vec<_> = map.get_all("x-twice").iter().map(|value| value.to_str().unwrap()).collect();
            let folded = values.join(", ");
            map.insert("x-twice", folded.parse().unwrap());
        }),
        changes("sends the token twice", "without a body", |map| {
            let token = map[AUTHORIZATION].clone();
            map.append(AUTHORIZATION, token);
        }),
        changes("adds a content type", "GET without a body", |map| {
            insert(map, CONTENT_TYPE, "application/json");
        }),
        changes("adds a referer", "GET without a body", |map| insert(map, REFERER, "/")),
        changes("adds an idempotency key", "POST without a body", |map| {
            map.insert("idempotency-key", HeaderValue::from_static("1"));
        }),
        changes("asks to go on", "POST without a body", |map| insert(map, EXPECT, "100-continue")),
        changes("names itself", "of your own", |map| insert(map, USER_AGENT, "mine/1")),
        changes("asks for compression all the same", "has values for", |map| {
            insert(map, ACCEPT_ENCODING, "gzip");
        }),
        changes("takes any type", "has values for", |map| insert(map, http::header::ACCEPT, "*/*")),
        changes("names another host", "GET without a body", |map| insert(map, HOST, "kinde.com")),
    ]);
}

#[test]
fn changed_request_bodies_are_detected() {
    fn changes(does: &str, change: fn(Vec<u8>) -> Vec<u8>) -> Row {
        row(does, "POST of", Clause::RequestBody, move |ureq, request| Ok(ureq.send(request.map(change))?))
    }
    fn lossy(body: &[u8]) -> String {
        String::from_utf8_lossy(body).into_owned()
    }
    assert_found([
        changes("trims the body", |body| body.trim_ascii().to_vec()),
        changes("makes text of the body", |body| lossy(&body).into_bytes()),
        changes("drops a byte order mark", |body| {
            body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(body)
        }),
        changes("ends the body at a NUL", |body| body.split(|byte| *byte == 0).next().unwrap().to_vec()),
        changes("cuts the body", |mut body| {
            body.truncate(65_536);
            body
        }),
        row("sends the body in chunks", "POST of", Clause::RequestBody, |ureq, request| {
            Ok(ureq.send(with_header(request, TRANSFER_ENCODING, "chunked"))?)
        }),
    ]);
    let compressing = |ureq: &UreqTransport, request: Message| {
        let request = with_header(request, CONTENT_ENCODING, "gzip");
        Ok(ureq.send(request.map(|body| [b"\x1f\x8b", body.as_slice()].concat()))?)
    };
    let Row { send, .. } = row("compresses the body", "", Clause::RequestBody, compressing);
    let report = try_in(&options(), |case| case.name().contains("POST of"), &send);
    assert_eq!(report.broken_clauses(), [Clause::RequestHeaders, Clause::RequestBody], "{report}");
}

// ---- How often --------------------------------------------------------------

#[test]
fn retries_on_a_status_are_detected() {
    let statuses = [400, 401, 403, 404, 408, 409, 421, 425, 429, 500, 501, 502, 503, 504, 520, 529];
    assert_found(statuses.map(|status| {
        row(
            format!("sends again on {status}"),
            "statuses from 400 to a PUT",
            Clause::OneAttempt,
            move |ureq, request| {
                let response = ureq.send(request.clone())?;
                let is_final = response.status() != status;
                Ok(if is_final { response } else { ureq.send(request)? })
            },
        )
    }));
    for (case, is_hint) in [
        ("`retry-after: 0`", (|hint| hint == "0") as fn(&str) -> bool),
        ("`retry-after: 1`", |hint| hint.parse().is_ok_and(|seconds: u32| seconds > 0)),
        ("`retry-after: Fri", |hint| hint.ends_with("GMT")),
    ] {
        assert_found([row("sends again when told to", case, Clause::OneAttempt, move |ureq, request| {
            let response = ureq.send(request.clone())?;
            let hint = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let is_final = response.status() != 503 || !hint.is_some_and(is_hint);
            Ok(if is_final { response } else { ureq.send(request)? })
        })]);
    }
}

#[test]
fn retries_after_a_failure_are_detected() {
    fn again(does: &str, case: &'static str, is_tried: fn(&Message, &UreqError) -> bool) -> Row {
        row(does, case, Clause::OneAttempt, move |ureq, request| match ureq.send(request.clone()) {
            Err(error) if is_tried(&request, &error) => Ok(ureq.send(request)?),
            result => Ok(result?),
        })
    }
    let safe = [Method::GET, Method::PUT, Method::DELETE];
    let mut rows: Vec<_> = [
        again("sends again after a reset", "resets the connection", |_, _| true),
        again("sends again over a new connection", "over a used connection", |_, error| {
            error.delivery() == Delivery::Unknown
        }),
        again("sends a cut off request again", "POST of a megabyte", |_, _| true),
        again("sends again after half a response", "within a chunk", |_, _| true),
    ]
    .into();
    rows.extend(safe.map(|method| {
        row(
            "sends a method again",
            "server closes the connection",
            Clause::OneAttempt,
            move |ureq, request| match ureq.send(request.clone()) {
                Err(_) if *request.method() == method => Ok(ureq.send(request)?),
                result => Ok(result?),
            },
        )
    }));
    // The repeats that get an answer in the end are detected by that as well.
    for Row { does, case, send, .. } in rows {
        let report = try_in(&options(), |tried| tried.name().contains(case), &send);
        assert!(report.broken_clauses().contains(&Clause::OneAttempt), "{does}: {report}");
    }
}

#[test]
fn second_copies_are_detected() {
    let case = "a server that takes its time";
    let hedges = row("sends a copy when it takes long", case, Clause::OneAttempt, |ureq, request| {
        std::thread::scope(|scope| {
            let first = scope.spawn(|| ureq.send(request.clone()));
            std::thread::sleep(Duration::from_millis(30));
            if !first.is_finished() {
                let _ = ureq.send(request.clone());
            }
            Ok(first.join().unwrap()?)
        })
    });
    assert_found([hedges]);
}

#[test]
fn followed_redirects_are_detected() {
    fn follows(does: &str, case: &'static str, is_followed: fn(&str) -> bool) -> Row {
        row(does, case, Clause::NoRedirect, move |ureq, mut request| {
            let response = ureq.send(request.clone())?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|location| is_followed(location)) else {
                return Ok(response);
            };
            let authority = request.uri().authority().unwrap();
            let uri = match location {
                path if path.starts_with("//") => format!("http:{path}"),
                path if !path.contains(':') => {
                    format!("http://{authority}/{}", path.trim_matches(['.', '/']))
                }
                uri => uri.to_owned(),
            };
            *request.uri_mut() = uri.parse().unwrap();
            Ok(ureq.send(request)?)
        })
    }
    assert_found([
        follows("follows paths", "redirects to a path", |_| true),
        follows("follows relative paths", "redirects to a relative path", |_| true),
        follows("follows to the same server", "redirects to the same server", |_| true),
        follows("follows to another port", "redirects to another port", |_| true),
        follows("follows to another host", "redirects to another host", |to| to.contains("localhost")),
        follows("follows to the same scheme", "redirects to", |to| to.starts_with("//")),
        follows("follows absolute redirects", "redirects to", |to| to.starts_with("http")),
    ]);
    let follows_303 =
        row("follows 303 with a GET", "redirects to a path", Clause::NoRedirect, |ureq, request| {
            let response = ureq.send(request.clone())?;
            if response.status() != 303 {
                return Ok(response);
            }
            let mut get = with_target(request.map(|_| Vec::new()), |_| "/elsewhere".to_owned());
            *get.method_mut() = Method::GET;
            Ok(ureq.send(get)?)
        });
    assert_found([follows_303]);
    assert_found([(200, LOCATION), (200, CONTENT_LOCATION), (202, LOCATION)].map(|(status, name)| {
        let does = format!("asks at the `{name}` of a {status}");
        row(does, "redirects to another port", Clause::NoRedirect, move |ureq, request| {
            let response = ureq.send(request.clone())?;
            let location = response.headers().get(&name).filter(|_| response.status() == status);
            let Some(location) = location else { return Ok(response) };
            let mut get = request.map(|_| Vec::new());
            *get.method_mut() = Method::GET;
            *get.uri_mut() = location.to_str().unwrap().parse().unwrap();
            Ok(ureq.send(get)?)
        })
    }));
}

// ---- What comes back --------------------------------------------------------

#[test]
fn statuses_as_errors_are_detected() {
    assert_found([300, 401, 404, 429, 500, 599].map(|status| {
        row(
            "makes an error of a status",
            "statuses from 200 to a POST",
            Clause::NoStatusIsAnError,
            move |ureq, request| {
                let response = ureq.send(request)?;
                if response.status() == status { Err(Failed::new("status")) } else { Ok(response) }
            },
        )
    }));
}

#[test]
fn changed_responses_are_detected() {
    fn changes(does: &str, case: &'static str, clause: Clause, change: fn(&mut Response<Vec<u8>>)) -> Row {
        row(does, case, clause, move |ureq, request| {
            let mut response = ureq.send(request)?;
            change(&mut response);
            Ok(response)
        })
    }
    let headers = |does, change| changes(does, "headers that come twice", Clause::ResponseHeaders, change);
    let body = |does, case, change| changes(does, case, Clause::WholeResponse, change);
    assert_found([
        headers("keeps the last header of a name", |response| {
            let last = response.headers().get_all("set-cookie").iter().next_back().cloned();
            response.headers_mut().extend(last.map(|last| (http::header::SET_COOKIE, last)));
        }),
        headers("folds headers of a name", |response| {
            let values: Vec<_> = response.headers().get_all("x-list").iter().cloned().collect();
            if let [a, b] = &values[..] {
                let folded = [a.as_bytes(), b", ", b.as_bytes()].concat();
                response.headers_mut().insert("x-list", folded.try_into().unwrap());
            }
        }),
        headers("adds a header of its own", |response| {
            response.headers_mut().insert("x-cache", HeaderValue::from_static("miss"));
        }),
        changes("adds the trailers to the headers", "and trailers", Clause::ResponseHeaders, |response| {
            response.headers_mut().insert("x-trailer", HeaderValue::from_static("1"));
        }),
        changes("keeps the first hundred headers", "120 headers", Clause::ResponseHeaders, |response| {
            let headers: Vec<_> = response.headers_mut().drain().take(100).collect();
            response.headers_mut().extend(headers);
        }),
        headers("drops headers that are no ASCII", |response| drop(response.headers_mut().remove("server"))),
        headers("drops empty headers", |response| drop(response.headers_mut().remove("x-empty"))),
        body("makes text of the body", "another charset", |response| {
            *response.body_mut() = String::from_utf8_lossy(response.body()).into_owned().into_bytes();
        }),
        body("heeds the charset", "another charset", |response| {
            let text: String = response.body().iter().copied().map(char::from).collect();
            *response.body_mut() = text.into_bytes();
        }),
        body("trims the body", "a body with blanks", |response| {
            *response.body_mut() = response.body().trim_ascii().to_vec();
        }),
        body("drops a byte order mark", "a body with blanks", |response| {
            if let Some(rest) = response.body().strip_prefix(b"\xef\xbb\xbf") {
                *response.body_mut() = rest.to_vec();
            }
        }),
        body("ends the body at a NUL", "a body with blanks", |response| {
            *response.body_mut() = response.body().split(|byte| *byte == 0).next().unwrap().to_vec();
        }),
        body("takes the first chunk", "a body in chunks", |response| response.body_mut().truncate(999)),
        body("takes the first byte", "byte by byte", |response| response.body_mut().truncate(1)),
        body("adds the trailers to the body", "and trailers", |response| {
            response.body_mut().extend_from_slice(b"x-trailer: 1\r\n");
        }),
        body("takes the length instead of the chunks", "a length that is wrong", |response| {
            response.body_mut().truncate(5);
        }),
        changes("takes the first member", "two members", Clause::Decompression, |response| {
            response.body_mut().truncate(5);
        }),
        changes("cuts long bodies", "a body of the limit", Clause::BodyLimit, |response| {
            response.body_mut().truncate(LIMIT - 1);
        }),
    ]);
}

#[test]
fn incomplete_bodies_are_detected() {
    fn takes(does: &str, case: &'static str, clause: Clause) -> Row {
        row(does, case, clause, |ureq, request| {
            Ok(ureq.send(request).unwrap_or_else(|_| Response::new(b"{".to_vec())))
        })
    }
    assert_found([
        takes(
            "takes a body that was cut off",
            "the server closes the connection within the body",
            Clause::WholeResponse,
        ),
        takes("takes no byte for an empty body", "before the body", Clause::WholeResponse),
        takes("takes no chunk for an empty body", "before the first chunk", Clause::WholeResponse),
        takes("takes chunks without the last one", "before the last chunk", Clause::WholeResponse),
        takes("takes a head that was cut off", "within the head", Clause::WholeResponse),
        takes("takes a part of a long body", "one byte more in chunks", Clause::BodyLimit),
        takes("takes half a compressed body", "compressed body that was cut off", Clause::Decompression),
        takes("takes no byte for an empty body", "before its first byte", Clause::Decompression),
        takes("looks at no check sum", "without its check sum", Clause::Decompression),
        takes("looks at no check sum", "with a wrong check sum", Clause::Decompression),
        takes("takes what is not compressed", "said to be compressed", Clause::Decompression),
    ]);
}

/// Sends a request as ureq does by itself: a reset ends a body without a length, and nothing is
/// decompressed.
fn bare(request: Message) -> std::result::Result<Response<Vec<u8>>, ureq::Error> {
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().proxy(None).build());
    let (head, mut body) = agent.run(request.map(|_| ()))?.into_parts();
    Ok(Response::from_parts(head, body.read_to_vec()?))
}

#[test]
fn reset_taken_for_the_end_of_a_body_is_detected() {
    let sends = |_: &UreqTransport, request| bare(request).map_err(|error| UreqError::from(error).into());
    assert_found([row("takes a reset for the end", "within a body without", Clause::WholeResponse, sends)]);
}

#[test]
fn body_in_an_unknown_encoding_is_weak_with_its_headers_and_broken_without() {
    let is_tried = |case: &Case| case.name().contains("does not exist");
    let keeps = |request| bare(request).map_err(|error| UreqError::from(error).into());
    let report = try_in(&options(), is_tried, &keeps);
    report.assert_kept();
    assert_eq!(report.weak_clauses(), [Clause::Decompression], "{report}");
    let drops = |request| {
        let mut response = keeps(request)?;
        response.headers_mut().remove(CONTENT_ENCODING);
        Ok(response)
    };
    let report = try_in(&options(), is_tried, &drops);
    assert_eq!(report.broken_clauses(), [Clause::Decompression], "{report}");
}

#[test]
fn false_heads_are_detected() {
    fn hands_over(does: &str, case: &'static str, head: fn() -> Response<BodyFailure>) -> Row {
        row(does, case, Clause::Head, move |ureq, request| {
            ureq.send(request).map_err(|error| Failed { head: Some(Box::new(head())), ..error.into() })
        })
    }
    fn of_429() -> Response<BodyFailure> {
        let head = Response::builder().status(429).header("retry-after", "7").header("x-request-id", "1");
        let head = head.header("ratelimit-reset", "7").header("ratelimit-reset", "30");
        head.body(BodyFailure::Broken).unwrap()
    }
    let good = ureq_with(TlsConfig::default());
    let send = |request| {
        good.send(request).map_err(|error| Failed { head: Some(Box::new(of_429())), ..error.into() })
    };
    let is_tried = |case: &Case| case.name().starts_with("429");
    let report = try_in(&options(), is_tried, &send);
    assert!(report.is_kept() && report.weak().is_empty(), "{report}");
    assert_found([
        hands_over("hands over another status", "429, and", || {
            let (mut head, why) = of_429().into_parts();
            head.status = http::StatusCode::OK;
            Response::from_parts(head, why)
        }),
        hands_over("hands over no headers", "429, and", || {
            let mut head = of_429();
            head.headers_mut().clear();
            head
        }),
        hands_over("hands over one header of a name", "429, and", || {
            let mut head = of_429();
            head.headers_mut().insert("ratelimit-reset", HeaderValue::from_static("7"));
            head
        }),
        hands_over("calls a cut off body too large", "429, and", || of_429().map(|_| BodyFailure::TooLarge)),
        hands_over("calls a long body broken", "a body of one byte more", || {
            Response::new(BodyFailure::Broken)
        }),
        hands_over("makes up a head", "server closes the connection within the head", of_429),
        hands_over("makes up a head", "does not answer", of_429),
    ]);
}

#[test]
fn missing_head_is_weak() {
    let good = ureq_with(TlsConfig::default());
    let send = |request| good.send(request).map_err(|error| Failed::new(error.to_string()));
    let report = try_in(&options(), |case| case.clause() == Clause::Head, &send);
    report.assert_kept();
    assert_eq!((report.weak_clauses(), report.weak().len()), (vec![Clause::Head], 5), "{report}");
}

// ---- When -------------------------------------------------------------------

#[test]
fn raised_time_limits_are_detected() {
    fn limits(does: &str, limit: fn(Duration) -> Duration) -> Row {
        row(does, "does not answer a GET", Clause::TimeLimit, move |ureq, mut request| {
            let limit = limit(request_timeout(&request));
            set_request_timeout(&mut request, limit);
            Ok(ureq.send(request)?)
        })
    }
    // The variants wait at least a second, wait half a second more, or have no limit. A plain check
    // uses a longer limit, which reveals a doubled one.
    let rows = [
        limits("waits a second at least", |limit| limit.max(Duration::from_secs(1))),
        limits("waits half a second more", |limit| limit + Duration::from_millis(500)),
        limits("has no limit", |_| Duration::MAX),
    ];
    assert_found(rows);
    let line = Mutex::new(());
    let waits = move |ureq: &UreqTransport, request: Message| {
        let _turn = line.lock().unwrap();
        Ok(ureq.send(request)?)
    };
    let options_of_200_ms = options().request_timeout(Duration::from_millis(200));
    let Row { send, .. } = row("counts no wait for the connection", "", Clause::TimeLimit, waits);
    let report = try_in(&options_of_200_ms, |case| case.name().contains("neither of two"), &send);
    assert_eq!(report.broken_clauses(), [Clause::TimeLimit], "{report}");
    let doubles = limits("doubles the limit", |limit| limit * 2);
    let options = options().request_timeout(Duration::from_millis(200));
    let report = try_in(&options, |case| case.name().contains("does not answer"), &doubles.send);
    assert_eq!(report.broken_clauses(), [Clause::TimeLimit], "{report}");
}

#[test]
fn limits_of_single_reads_are_detected() {
    // Each read of this transport has the limit of the request, and its writes have none.
    let cases =
        [("waits for the next byte", "one interim response"), ("writes without a limit", "not read a body")];
    assert_found(cases.map(|(does, case)| {
        let keeps = Keeps::default();
        row(does, case, Clause::TimeLimit, move |_, request| keeps.send(&request))
    }));
}

#[test]
fn false_deliveries_are_detected() {
    fn says(does: &str, case: &'static str, is_not_sent: fn(ErrorKind) -> bool) -> Row {
        row(does, case, Clause::Delivery, move |ureq, request| {
            ureq.send(request).map_err(|error| {
                let lies = is_not_sent(error.kind());
                let delivery = if lies { Delivery::NotSent } else { error.delivery() };
                Failed { delivery, ..error.into() }
            })
        })
    }
    assert_found([
        says("calls a reset not sent", "resets the connection", |kind| {
            matches!(kind, ErrorKind::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
        }),
        says("calls a cut off request not sent", "POST of a megabyte", |_| true),
        says("calls a closed connection not sent", "server closes the connection", |kind| {
            matches!(kind, ErrorKind::Io(io::ErrorKind::UnexpectedEof))
        }),
        says("calls half a response not sent", "within the body", |_| true),
        says("calls a time-out not sent", "does not answer", |_| true),
        says("calls a long body not sent", "a body of one byte more", |_| true),
    ]);
}

/// A transport that keeps its connection whatever the outcome of a request.
#[derive(Default)]
struct Keeps(Mutex<HashMap<String, TcpStream>>);

impl Keeps {
    fn send(&self, request: &Message) -> Result {
        let authority = request.uri().authority().unwrap().to_string();
        let mut streams = self.0.lock().unwrap();
        let stream = match streams.entry(authority.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(TcpStream::connect(&authority)?),
        };
        stream.set_read_timeout(Some(request_timeout(request)))?;
        let target = request.uri().path_and_query().unwrap();
        let mut head =
            format!("{} {target} HTTP/1.1\r\nhost: {authority}\r\n", request.method()).into_bytes();
        for (name, value) in request.headers() {
            write!(head, "{name}: {}\r\n", value.to_str().unwrap())?;
        }
        if !request.body().is_empty() {
            write!(head, "content-length: {}\r\n", request.body().len())?;
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head)?;
        stream.write_all(request.body())?;

        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            bytes.extend(byte);
            if bytes.starts_with(b"HTTP/1.1 1") && bytes.ends_with(b"\r\n\r\n") {
                bytes.clear();
            }
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut response = Response::builder().status(&head[9..12]);
        let mut length = 0;
        for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
            response = response.header(name, value);
            length = if name == "content-length" { value.parse().unwrap() } else { length };
        }
        if length > LIMIT {
            return Err(Failed::new("too long"));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(response.body(body).unwrap())
    }
}

#[test]
fn replies_to_an_earlier_request_are_detected() {
    for case in ["GET whose reply", "POST whose reply", "a reply with another one behind it"] {
        let keeps = Keeps::default();
        let report = try_in(&options(), |tried| tried.name().contains(case), &|request| keeps.send(&request));
        assert_eq!(report.broken_clauses(), [Clause::OwnResponse], "{case}: {report}");
    }
    // This transport cannot read the rest of a body as a response.
    for case in ["a reply whose end", "a body that was too long"] {
        let keeps = Keeps::default();
        let send = |request: Message| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| keeps.send(&request)))
        };
        let send = |request| send(request).unwrap_or_else(|_| Err(Failed::new("no response")));
        let report = try_in(&options(), |tried| tried.name().contains(case), &send);
        assert!(report.broken_clauses().contains(&Clause::OwnResponse), "{case}: {report}");
    }
}

#[test]
fn late_reply_to_the_same_request_is_detected() {
    let late = Mutex::new(HashMap::new());
    let waits = move |ureq: &UreqTransport, request: Message| {
        let (uri, limit) = (request.uri().clone(), request_timeout(&request));
        let came = late.lock().unwrap().remove(&uri).unwrap_or_else(|| {
            let (ureq, (sender, came)) = (ureq.clone(), std::sync::mpsc::channel());
            std::thread::spawn(move || {
                let mut request = request;
                set_request_timeout(&mut request, Duration::from_secs(2));
                let _ = sender.send(ureq.send(request));
            });
            came
        });
        if let Ok(result) = came.recv_timeout(limit) {
            return Ok(result?);
        }
        late.lock().unwrap().insert(uri, came);
        Err(Failed::new("time-out"))
    };
    let does = "takes a late reply for the same request";
    assert_found([row(does, "POST whose reply", Clause::OwnResponse, waits)]);
}

#[test]
fn caches_are_detected() {
    let cache = Mutex::new(HashMap::new());
    let caches = move |ureq: &UreqTransport, request: Message| {
        let key = (request.method().clone(), request.uri().clone());
        if let Some(response) = cache.lock().unwrap().get(&key) {
            return Ok(Response::clone(response));
        }
        let response = ureq.send(request)?;
        cache.lock().unwrap().insert(key, response.clone());
        Ok(response)
    };
    let tags = Mutex::new(None::<HeaderValue>);
    let revalidates = move |ureq: &UreqTransport, mut request: Message| {
        let tag = tags.lock().unwrap().clone();
        request.headers_mut().extend(tag.map(|tag| (IF_NONE_MATCH, tag)));
        let response = ureq.send(request)?;
        *tags.lock().unwrap() = response.headers().get(ETAG).cloned();
        Ok(response)
    };
    let shared = (Mutex::new((0, None)), Condvar::new());
    let joins = move |ureq: &UreqTransport, request: Message| {
        let (state, changed) = &shared;
        let mut waiting = state.lock().unwrap();
        waiting.0 += 1;
        if waiting.0 % 4 != 1 {
            let waiting = changed.wait_while(waiting, |(_, response)| response.is_none()).unwrap();
            return Ok(Response::clone(waiting.1.as_ref().unwrap()));
        }
        drop(waiting);
        let response = ureq.send(request)?;
        state.lock().unwrap().1 = Some(response.clone());
        changed.notify_all();
        Ok(response)
    };
    assert_found([
        row("keeps responses to GETs", "the same GET three times", Clause::NoCache, caches),
        row("asks whether it changed", "the same GET three times", Clause::RequestHeaders, revalidates),
        row("sends the same request once", "the same POST four times", Clause::NoCache, joins),
    ]);
    assert_found([301, 404, 410].map(|status| {
        let kept = Mutex::new(HashMap::new());
        let case = "three GETs, each answered";
        row(format!("keeps a {status}"), case, Clause::NoCache, move |ureq, request| {
            if let Some(response) = kept.lock().unwrap().get(request.uri()) {
                return Ok(Response::clone(response));
            }
            let uri = request.uri().clone();
            let response = ureq.send(request)?;
            if response.status() == status {
                kept.lock().unwrap().insert(uri, response.clone());
            }
            Ok(response)
        })
    }));
}

// ---- To which server --------------------------------------------------------

#[test]
fn accepting_any_certificate_is_detected() {
    let authority = Authority::new().unwrap();
    let options = options().trusted(&authority);
    let is_tried = |case: &Case| case.clause() == Clause::Tls;
    let good = trusting(&authority);
    let report = try_in(&options, is_tried, &|request| Ok(good.send(request)?));
    report.assert_kept();
    assert_eq!((report.weak(), report.skipped()), (&[][..], &[][..]), "{report}");

    let lax = ureq_with(TlsConfig::builder().disable_verification(true).build());
    let report = try_in(&options, is_tried, &|request| Ok(lax.send(request)?));
    assert_eq!(report.broken_clauses(), [Clause::Tls], "{report}");
    for kind in ["not trusted", "other names", "in the past", "in the future"] {
        assert!(report.broken().iter().any(|finding| finding.case.ends_with(kind)), "{kind}: {report}");
    }
}

#[test]
fn wrong_outcomes_of_tls_that_is_cut_are_detected() {
    let authority = Authority::new().unwrap();
    let options = options().trusted(&authority);
    let good = trusting(&authority);
    let check = |case: &str, clause, send: &(dyn Fn(Message) -> Result + Sync)| {
        let report = try_in(&options, |tried| tried.name().contains(case), send);
        assert_eq!(report.broken_clauses(), [clause], "{case}: {report}");
    };
    check("cut within a body", Clause::WholeResponse, &|request| {
        Ok(good.send(request).unwrap_or_else(|_| Response::new(b"{".to_vec())))
    });
    check("cut before the answer", Clause::OneAttempt, &|request| {
        Ok(good.send(request.clone()).or_else(|_| good.send(request))?)
    });
    // Without a connection, a failure of TLS means that nothing was sent, but not here.
    check("TLS that is cut", Clause::Delivery, &|request| {
        good.send(request).map_err(|error| Failed { delivery: Delivery::NotSent, ..error.into() })
    });
}

#[test]
fn fallback_to_plain_http_is_detected() {
    for case in ["instead of TLS", "an authority that is not trusted"] {
        assert_found([row("falls back to http", case, Clause::Tls, |ureq, request| {
            match ureq.send(request.clone()) {
                Err(_) if request.uri().scheme_str() == Some("https") => {
                    let plain = request.uri().to_string().replace("https://", "http://");
                    let mut request = request;
                    *request.uri_mut() = plain.parse().unwrap();
                    Ok(ureq.send(request)?)
                }
                result => Ok(result?),
            }
        })]);
    }
}

// ---- What errors say --------------------------------------------------------

#[test]
fn errors_that_print_secrets_are_detected() {
    fn token(request: &Message) -> &[u8] {
        request.headers()[AUTHORIZATION].as_bytes().strip_prefix(b"Bearer ").unwrap()
    }
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
    }
    fn prints(does: &str, text: fn(&Message) -> String) -> Row {
        row(does, "server closes the connection", Clause::QuietErrors, move |ureq, request| {
            let text = text(&request);
            ureq.send(request).map_err(|error| Failed { text: format!("{error} {text}"), ..error.into() })
        })
    }
    assert_found([
        prints("prints the token", |request| request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()),
        prints("prints the headers", |request| format!("{:?}", request.headers())),
        prints("prints the body", |request| String::from_utf8_lossy(request.body()).into_owned()),
        prints("prints the bytes of the body", |request| format!("{:#?}", request.body())),
        prints("prints the URI", |request| request.uri().to_string()),
        prints("prints the query", |request| request.uri().query().unwrap_or_default().to_uppercase()),
        prints("prints the path", |request| request.uri().path().to_owned()),
    ]);
    assert_found([
        prints("prints the start of the token", |request| {
            String::from_utf8_lossy(&token(request)[..6]).into_owned()
        }),
        prints("prints the end of the token", |request| {
            let token = String::from_utf8_lossy(token(request)).into_owned();
            format!("...{}", &token[token.len() - 6..])
        }),
        prints("prints the token in hex", |request| hex(token(request))),
        prints("prints the token in base64", |request| base64(token(request))),
        prints("prints the header of the token in base64", |request| {
            base64(request.headers()[AUTHORIZATION].as_bytes())
        }),
        prints("prints the body in hex", |request| hex(request.body())),
        prints("prints a list of the body in hex", |request| format!("{:#x?}", request.body())),
        prints("prints the body in base64", |request| base64(request.body())),
    ]);
    let prints_response =
        row("prints the response", "within the body", Clause::QuietErrors, |ureq, request| {
            ureq.send(request).map_err(|_| Failed::new("cut off: {\"email\":\"penelope@example.com\"}"))
        });
    assert_found([prints_response]);
}
