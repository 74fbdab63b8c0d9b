//! The clauses as data: the requests, the behaviour of the server, and the expected outcome.

use core::time::Duration;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use kinde_users_core::BodyFailure;
use rustls::ServerConfig;

use super::server::{Answer, Pace, Script, Server, Then, listen};
use super::trial::takes_gzip;
use super::{Authority, Clause, Options};

/// Requests, the behaviour of the server, and the expected outcome.
#[derive(Debug)]
pub struct Case {
    pub(crate) clause: Clause,
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Another server, which must not receive anything.
    pub(crate) bystander: Option<Arc<Server>>,
    /// The requests of one round are sent at once. A case without a round does not apply to the
    /// transport.
    pub(crate) rounds: Vec<Vec<Attempt>>,
    pub(crate) twist: Twist,
}

impl Case {
    /// Returns the clause that the case is about. The check of a case looks at other clauses as
    /// well.
    pub fn clause(&self) -> Clause {
        self.clause
    }

    /// Returns what is sent and what the server does.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn with(self, twist: Twist) -> Self {
        Self { twist, ..self }
    }
}

/// Where the requests of a case go.
#[derive(Debug)]
pub(crate) enum Place {
    /// A server.
    Plain(Script),
    /// A server with a port that the script names.
    Bound(TcpListener, Script),
    /// A server at an `https` address, which may or may not speak TLS.
    Tls(Option<Arc<ServerConfig>>, Script),
    /// A port that refuses connections.
    RefusedPort,
    /// A host whose name has no address.
    NoSuchHost,
}

/// A request and its expected outcome.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) expected: Expected,
    /// Whether the request has the short time limit.
    pub(crate) is_limited: bool,
}

impl Attempt {
    fn new(method: &Method, target: &str, body: &[u8], expected: Expected) -> Self {
        Self { request: request(method, target, body), expected, is_limited: false }
    }

    /// Creates an attempt with a body if the method has one.
    fn simple(method: &Method, target: &str, expected: Expected) -> Self {
        let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        Self::new(method, target, if has_body { BODY } else { b"" }, expected)
    }

    fn limited(self) -> Self {
        Self { is_limited: true, ..self }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// This response, perhaps with more headers.
    Response(Response<Vec<u8>>),
    /// This response, perhaps with more headers. A failure is only a weakness.
    Rather(Response<Vec<u8>>),
    /// A failure.
    Failure,
    /// A failure with this head.
    Unread(Response<Vec<u8>>, BodyFailure),
    /// A failure with this head. A response is only a weakness.
    RatherUnread(Response<Vec<u8>>, BodyFailure),
    /// A failure, and the transport reports that nothing was sent.
    NotSent,
    /// Any outcome, because another case checks it.
    Any,
}

/// What is special about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    Nothing,
    /// A good transport sends all requests over one connection.
    OneConnection,
    /// The server closes the connection before the second round.
    ClosedInBetween,
    /// The server sends the bytes that it held back before the second round.
    LateReply,
    /// The case is about compression, which the transport may not request.
    Compressed,
}

/// What the text of an error must not contain, with words that reveal it. The words are in each
/// request that fails and in the responses to it.
pub(crate) const SECRETS: [(&str, &str); 4] = [
    ("the token", "t0ps3cr3t"),
    ("the URI", "sally"),
    ("the request's body", "rosalind"),
    ("the response", "penelope"),
];
const TOKEN: &str = "Bearer t0ps3cr3t.b-c_d";
const PERSON: &str = "/api/v1/users/kp_sally?email=sally%40example.com";
const BODY: &[u8] = b"{\"given_name\":\"rosalind\"}";

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Returns all cases, in the order of the clauses.
///
/// # Errors
///
/// If a server on the loopback interface cannot be started, or the key for its certificate cannot
/// be created.
pub fn cases(options: &Options) -> io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    cases.extend(targets());
    cases.extend(request_headers());
    cases.extend(request_bodies());
    cases.extend(hang_ups());
    cases.extend(redirects(options.patience)?);
    cases.extend(statuses());
    cases.extend(responses());
    cases.extend(body_limit(options.body_limit));
    cases.extend(compression(options.body_limit)?);
    cases.extend(request_timeout());
    cases.extend(never_sent());
    cases.extend(own_response(options.body_limit));
    cases.extend(no_cache());
    cases.extend(certificates(options.authority.as_ref())?);
    cases.extend(reuse());
    cases.extend(heads());
    Ok(cases)
}

fn targets() -> impl Iterator<Item = Case> {
    let targets = [
        "/",
        "/api/v1/users/a%2Fb%2fc/mfa",
        "/api/v1/users/a%20b%2C%252F%2e%2E",
        "/api/v1/users/kp_1%3Ax%40y/sessions",
        "/api//v1/users//",
        "/api/v1/users/a;b=c,d~e!f$g&h(i)*j+k:l@m",
        "/api/v1/users/%E2%82%AC%00%7F%7E%41%2D",
        "/api/v1/users?email=a%2Bb%40example.com&expand=a%2Cb&empty=&plus=+&bare",
        "/api/v1/users?next_token=MTA6OmlkX2FzYw%3D%3D",
        "/api/v1/users?b=2&a=1&b=1&&c=%7e/?:@",
    ];
    let get = targets.into_iter().map(|target| {
        let attempt = Attempt::new(&Method::GET, target, b"", answer(ok()));
        to_server(Clause::Target, format!("GET {target}"), answering(&ok()), attempt)
    });
    get.chain(METHODS.into_iter().map(|method| {
        let name = format!("{method} without a body");
        let attempt = Attempt::new(&method, "/user", b"", answer(ok()));
        to_server(Clause::Target, name, answering(&ok()), attempt)
    }))
}

fn request_headers() -> impl Iterator<Item = Case> {
    let every_kind: &[_] = &[
        ("x-custom", "a, b;c=\"d e\""),
        ("x-empty", ""),
        ("accept-language", "en"),
        ("user-agent", "contract/1"),
    ];
    let twice: &[_] = &[("x-twice", "a"), ("x-other", "c"), ("x-twice", "b, c"), ("x-twice", "a")];
    let of_the_stack: &[_] = &[("accept", "text/plain;q=0.5"), ("accept-encoding", "identity")];
    let own = [
        ("headers of your own", every_kind),
        ("headers that come twice", twice),
        ("headers that the HTTP stack has values for", of_the_stack),
    ];
    own.into_iter().flat_map(|(name, headers)| {
        [Method::GET, Method::POST].map(|method| {
            let mut attempt = Attempt::simple(&method, "/headers", answer(ok()));
            let map = attempt.request.headers_mut();
            for (name, _) in headers {
                map.remove(*name);
            }
            append(map, headers);
            to_server(Clause::RequestHeaders, format!("{method} with {name}"), answering(&ok()), attempt)
        })
    })
}

fn request_bodies() -> impl Iterator<Item = Case> {
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let bodies: [&[u8]; 4] =
        [b"{\"given_name\":\"Zo\xc3\xab\"}", b"\0", b"\xef\xbb\xbf {}\r\n\r\n", &every_byte];
    let bodies = bodies.map(<[u8]>::to_vec);
    [Method::POST, Method::PUT, Method::PATCH].into_iter().flat_map(move |method| {
        bodies.clone().map(|body| {
            let name = format!("{method} of {} bytes", body.len());
            let attempt = Attempt::new(&method, "/body", &body, answer(ok()));
            to_server(Clause::RequestBody, name, answering(&ok()), attempt)
        })
    })
}

/// Returns the cases in which the server closes the connection before the response is whole.
fn hang_ups() -> Vec<Case> {
    // If the transport tries again, it gets an answer in the end, so that the check ends too.
    let closing = || {
        Script::answers(|number, _| if number < 4 { Answer::nothing(Then::Close) } else { Answer::of(&ok()) })
    };
    let cut = |then| Script::answers(move |_, _| Answer::short(&ok(), 1000, then));
    let half_a_head =
        || Script::answers(|_, _| Answer::bytes(b"HTTP/1.1 200 OK\r\nx-penelope: ".to_vec(), Then::Close));
    let half_a_chunk = |missing: usize| {
        Script::answers(move |_, _| {
            let mut answer = Answer::chunked(&ok(), 5);
            answer.bytes.truncate(answer.bytes.len().saturating_sub(missing));
            Answer { then: Then::Close, ..answer }
        })
    };
    let mut cases = Vec::new();
    for method in METHODS {
        let mut case = |clause, what: &str, script, expected| {
            let attempt = Attempt::simple(&method, PERSON, expected);
            cases.push(to_server(clause, format!("{method}, and the server {what}"), script, attempt));
        };
        let mut fails = |clause, what: &str, script| case(clause, what, script, Expected::Failure);
        fails(Clause::OneAttempt, "closes the connection", closing());
        fails(Clause::OneAttempt, "resets the connection", Script::Reset);
        fails(Clause::WholeResponse, "closes the connection within the head", half_a_head());
        let mut unread = |what: &str, script| case(Clause::WholeResponse, what, script, broken(&ok()));
        unread("closes the connection within the body", cut(Then::Close));
        unread("closes the connection within a chunk", half_a_chunk(9));
        unread("closes the connection before the last chunk", half_a_chunk(5));
    }
    let attempt = Attempt::new(&Method::POST, PERSON, &BODY.repeat(40_000), Expected::Failure);
    let name = "POST of a megabyte, and the server resets the connection after the head";
    cases.push(to_server(Clause::OneAttempt, name, Script::Reset, attempt));
    cases
}

fn redirects(patience: Duration) -> io::Result<Vec<Case>> {
    // A redirect that is followed must not end in a circle, and its target has a distinct status.
    let elsewhere = response(404, &[], b"");
    let bystander = Arc::new(Server::start(listen()?, answering(&elsewhere), None, patience)?);
    let port = bystander.address().port();
    let own = listen()?;
    let locations = [
        ("a path", None, "/elsewhere".to_owned()),
        ("a relative path", None, "../elsewhere?a=b".to_owned()),
        ("the same server", Some(own.local_addr()?), String::new()),
        ("another port", None, format!("http://127.0.0.1:{port}/elsewhere")),
        ("another host", None, format!("http://localhost:{port}/elsewhere")),
        ("another host by the same scheme", None, format!("//localhost:{port}/elsewhere")),
    ];
    let mut own = Some(own);
    let mut cases = Vec::new();
    for (name, address, location) in locations {
        let location = address.map_or(location, |address| format!("http://{address}/elsewhere"));
        let redirect = move |target: &str| {
            let status = target.split('/').nth(2).and_then(|status| status.parse().ok());
            let mut redirect = response(status.unwrap_or(200), &[], b"moved");
            let value = HeaderValue::try_from(&location);
            for name in [header::LOCATION, header::CONTENT_LOCATION] {
                redirect.headers_mut().extend(value.as_ref().map(|value| (name, value.clone())));
            }
            redirect
        };
        let mut rounds = Vec::new();
        for status in [200, 201, 202, 300, 301, 302, 303, 307, 308] {
            for method in METHODS {
                let target = format!("/here/{status}/{method}");
                let expected = answer(redirect(&target));
                rounds.push(vec![Attempt::simple(&method, &target, expected)]);
            }
        }
        let elsewhere = elsewhere.clone();
        let script = Script::answers(move |_, request| {
            let target = request.uri().path();
            Answer::of(&if target.starts_with("/here") { redirect(target) } else { elsewhere.clone() })
        });
        let place = match address.and_then(|_| own.take()) {
            Some(listener) => Place::Bound(listener, script),
            None => Place::Plain(script),
        };
        let name = format!("redirects to {name}");
        let (bystander, twist) = (Some(Arc::clone(&bystander)), Twist::Nothing);
        cases.push(Case { clause: Clause::NoRedirect, name, place, bystander, rounds, twist });
    }
    Ok(cases)
}

fn statuses() -> Vec<Case> {
    /// Statuses that suggest a later attempt may succeed.
    const LATER: [u16; 14] = [401, 403, 408, 409, 413, 421, 423, 425, 429, 500, 502, 503, 504, 529];
    let hints: [&[_]; 5] = [
        &[],
        &[("retry-after", "0")],
        &[("retry-after", "1")],
        &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")],
        &[("ratelimit-limit", "200"), ("ratelimit-remaining", "0"), ("ratelimit-reset", "0")],
    ];
    let mut cases = Vec::new();
    for (method, all) in METHODS.into_iter().zip([200..600, 200..600, 400..530, 400..530, 400..530]) {
        for hint in hints {
            let reply = move |status: u16| {
                let body: &[u8] = match status {
                    204 | 205 | 304 => b"",
                    403 | 502 => b"<h1>no</h1>",
                    _ => b"{\"errors\":[{\"code\":\"X\",\"message\":\"no\"}]}",
                };
                let mut reply = response(status, &[("content-type", "application/json")], body);
                let challenges: &[_] = &[
                    ("www-authenticate", "Bearer realm=\"kinde\""),
                    ("www-authenticate", "Basic realm=\"x\""),
                ];
                append(reply.headers_mut(), if status == 401 { challenges } else { &[] });
                append(reply.headers_mut(), hint);
                reply
            };
            let statuses = if hint.is_empty() { all.clone().collect() } else { LATER.to_vec() };
            let attempts = statuses
                .into_iter()
                .map(|status| Attempt::simple(&method, &format!("/status/{status}"), answer(reply(status))));
            let script = Script::answers(move |_, request| {
                let status = request.uri().path().strip_prefix("/status/");
                Answer::of(&reply(status.and_then(|status| status.parse().ok()).unwrap_or(200)))
            });
            let name = match hint.first() {
                None => format!("statuses from {} to a {method}", all.start),
                Some((name, value)) => format!("statuses with `{name}: {value}` to a {method}"),
            };
            cases.push(in_a_row(Clause::NoStatusIsAnError, name, script, attempts));
        }
    }
    cases
}

fn responses() -> Vec<Case> {
    let mut many = response(
        200,
        &[
            ("set-cookie", "a=1"),
            ("x-list", "a, b"),
            ("x-empty", ""),
            ("set-cookie", "b=2"),
            ("x-list", "c"),
            ("ratelimit-reset", "7"),
            ("set-cookie", "a=1"),
        ],
        b"{}",
    );
    many.headers_mut().extend(HeaderValue::from_bytes(b"caf\xe9").map(|value| (header::SERVER, value)));
    let long = response(200, &[], &b"0123456789abcdef".repeat(2000));
    let empty = response(200, &[], b"");
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(1024).collect();
    let latin = response(200, &[("content-type", "text/plain; charset=iso-8859-1")], &every_byte);
    let blanks = response(200, &[("content-type", "text/plain")], b"\xef\xbb\xbf \r\n{\"a\":\"\0\"}\n\r\n ");
    let extended = |reply: &Response<Vec<u8>>| {
        let mut answer = Answer::chunked(reply, usize::MAX);
        let end = b"0;last\r\nx-trailer: 1\r\nset-cookie: c=3\r\n\r\n";
        answer.bytes.truncate(answer.bytes.len().saturating_sub(b"0\r\n\r\n".len()));
        answer.bytes.extend_from_slice(end);
        answer
    };
    let bytewise = |answer: Answer| Answer { pace: Pace::ByteByByte, ..answer };
    let chunks = |reply: &_, size| Answer::chunked(reply, size);
    let rows = [
        (Clause::ResponseHeaders, "headers that come twice", Answer::of(&many), &many),
        (Clause::WholeResponse, "a body in chunks", chunks(&long, 999), &long),
        (Clause::WholeResponse, "a body in chunks of one byte", chunks(&latin, 1), &latin),
        (Clause::WholeResponse, "no chunk but the last", chunks(&empty, 1), &empty),
        (Clause::WholeResponse, "a body that ends with the connection", Answer::until_close(&long), &long),
        (Clause::WholeResponse, "an empty body", Answer::of(&empty), &empty),
        (Clause::WholeResponse, "a body of an announced length", Answer::of(&long), &long),
        (Clause::WholeResponse, "a body of every byte in another charset", Answer::of(&latin), &latin),
        (Clause::WholeResponse, "a body with blanks around it", Answer::of(&blanks), &blanks),
        (Clause::WholeResponse, "a response byte by byte", bytewise(Answer::of(&blanks)), &blanks),
        (Clause::WholeResponse, "chunks byte by byte", bytewise(chunks(&blanks, 3)), &blanks),
    ];
    let case = |clause, name, given, expected| {
        to_server(clause, name, always(given), Attempt::new(&Method::GET, "/response", b"", expected))
    };
    let rows =
        rows.into_iter().map(|(clause, name, given, reply)| case(clause, name, given, answer(reply.clone())));
    let after = |interim: &str| {
        let mut answer = Answer::of(&many);
        answer.bytes.splice(..0, format!("HTTP/1.1 {interim}\r\n\r\n").into_bytes());
        answer
    };
    // Few servers send these, and an error does not lose anything silently.
    let rare = [
        ("a body in a chunk, and trailers", extended(&long), &long),
        ("a response after `100 Continue`", after("100 Continue"), &many),
        ("a response after `100 Continue` with headers", after("100 Continue\r\nx-a: 1"), &many),
        ("a response after early hints", after("103 Early Hints\r\nlink: </>; rel=preload"), &many),
    ];
    let rare = rare.map(|(name, given, reply)| {
        case(Clause::WholeResponse, name, given, Expected::Rather(reply.clone()))
    });
    rows.chain(rare).collect()
}

fn body_limit(limit: usize) -> Vec<Case> {
    let case = |name: &str, size, is_chunked: bool, expected| {
        let script = Script::answers(move |_, _| {
            let reply = sized(size);
            if is_chunked { Answer::chunked(&reply, 64 * 1024) } else { Answer::of(&reply) }
        });
        to_server(Clause::BodyLimit, name, script, Attempt::simple(&Method::GET, PERSON, expected))
    };
    let over = limit.saturating_add(1);
    vec![
        case("a body of the limit", limit, false, answer(sized(limit))),
        case("a body of the limit in chunks", limit, true, answer(sized(limit))),
        case("a body of one byte more", over, false, too_large(&sized(0))),
        case("a body of one byte more in chunks", over, true, too_large(&sized(0))),
    ]
}

fn compression(limit: usize) -> io::Result<Vec<Case>> {
    let small = response(200, &[("content-type", "application/json")], b"{\"id\":\"penelope\"}");
    let coded = |name: &str, coding, plain: &Response<Vec<u8>>, compressed: Vec<u8>, expected| {
        let plain = plain.clone();
        let mut compressed = plain.clone().map(|_| compressed);
        append(compressed.headers_mut(), &[("content-encoding", coding)]);
        let script = Script::answers(move |_, request| match request.uri().query() {
            _ if !takes_gzip(request) => Answer::of(&plain),
            Some("chunked") => Answer::chunked(&compressed, 7),
            _ => Answer::of(&compressed),
        });
        let attempts = ["/users/sally", "/users/sally?chunked"]
            .map(|target| Attempt::simple(&Method::GET, target, Expected::clone(&expected)));
        in_a_row(Clause::Decompression, name, script, attempts).with(Twist::Compressed)
    };
    let case = |name: &str, plain: &_, compressed, expected| coded(name, "gzip", plain, compressed, expected);
    let whole = gzip(small.body())?;
    let (start, end) = small.body().split_at(5);
    let members = [gzip(start)?, gzip(end)?].concat();
    let cut = |missing| whole.get(..whole.len().saturating_sub(missing)).unwrap_or_default().to_vec();
    let mut wrong = whole.clone();
    // The check sum is before the length, which has four bytes.
    wrong.iter_mut().rev().skip(4).take(4).for_each(|byte| *byte ^= 1);
    let (full, over) = (sized(limit), sized(limit.saturating_add(1)));
    Ok(vec![
        case("a compressed body", &small, whole.clone(), answer(small.clone())),
        coded("a body compressed by `GZIP`", "GZIP", &small, whole.clone(), answer(small.clone())),
        coded("a body compressed by `x-gzip`", "x-gzip", &small, whole.clone(), answer(small.clone())),
        case("an empty body that is said to be compressed", &sized(0), Vec::new(), answer(sized(0))),
        case("a compressed body in two members", &small, members, answer(small.clone())),
        case("a compressed body that becomes the limit", &full, gzip(full.body())?, answer(full.clone())),
        case("a compressed body that becomes one byte more", &over, gzip(over.body())?, too_large(&sized(0))),
        case("a compressed body that was cut off", &small, cut(12), broken(&small)),
        case("a compressed body without its check sum", &small, cut(8), broken(&small)),
        case("a compressed body with a wrong check sum", &small, wrong, broken(&small)),
        case("a plain body that is said to be compressed", &small, small.body().clone(), broken(&small)),
        to_server(
            Clause::Decompression,
            "a body in an encoding that does not exist",
            answering(&response(200, &[("content-encoding", "penelope")], b"{}")),
            Attempt::simple(
                &Method::GET,
                PERSON,
                Expected::RatherUnread(response(200, &[], b""), BodyFailure::Broken),
            ),
        ),
    ])
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn request_timeout() -> Vec<Case> {
    let mute = || Answer::nothing(Then::Hold);
    let cut = |then| Answer::short(&ok(), 1000, then);
    let head = |then| Answer::bytes(b"HTTP/1.1 200 OK\r\nx-penelope: a".to_vec(), then);
    let chunk = || {
        let mut chunked = Answer::chunked(&ok(), 5);
        chunked.bytes.truncate(chunked.bytes.len().saturating_sub(5));
        Answer { then: Then::Drip(b"1\r\n \r\n"), ..chunked }
    };
    let rows = [
        ("a server that does not answer a GET", Method::GET, mute(), Expected::Failure),
        ("a server that does not answer a POST", Method::POST, mute(), Expected::Failure),
        ("a server that stops within the body", Method::GET, cut(Then::Hold), broken(&ok())),
        ("a server that sends a head byte by byte", Method::GET, head(Then::Drip(b"a")), Expected::Failure),
        ("a server that sends byte by byte", Method::GET, cut(Then::Drip(b" ")), broken(&ok())),
        ("a server that sends chunk by chunk", Method::POST, chunk(), broken(&ok())),
    ];
    let limited = rows.map(|(name, method, given, expected)| {
        let attempt = Attempt::simple(&method, PERSON, expected).limited();
        to_server(Clause::TimeLimit, name, always(given), attempt)
    });
    let slow = Answer { pace: Pace::After(Duration::from_millis(100)), ..Answer::of(&ok()) };
    let attempt = Attempt::simple(&Method::POST, "/slow", answer(ok()));
    let slow = to_server(Clause::OneAttempt, "a server that takes its time", always(slow), attempt);
    // A request that waits for another one to end has its time limit as well.
    let attempt = || Attempt::simple(&Method::GET, PERSON, Expected::Failure).limited();
    let at_once =
        in_a_row(Clause::TimeLimit, "a server that answers neither of two GETs", always(mute()), []);
    let at_once = Case { rounds: vec![vec![attempt(), attempt()]], ..at_once };
    limited.into_iter().chain([slow, at_once]).collect()
}

/// Returns the cases in which there is no connection to send anything over.
fn never_sent() -> Vec<Case> {
    let case = |clause, name, place, is_limited| {
        let attempt = Attempt::simple(&Method::POST, PERSON, Expected::NotSent);
        at(place, clause, name, [Attempt { is_limited, ..attempt }])
    };
    let tls = |then| Place::Tls(None, Script::Raw(then));
    vec![
        case(Clause::Delivery, "a port that refuses connections", Place::RefusedPort, false),
        case(Clause::Delivery, "a host that has no address", Place::NoSuchHost, false),
        case(Clause::Tls, "a server that closes the connection instead of TLS", tls(Then::Close), false),
        case(Clause::Tls, "a server that says nothing instead of TLS", tls(Then::Hold), true),
    ]
}

/// Returns the cases in which a reply must not answer another request.
fn own_response(limit: usize) -> Vec<Case> {
    let echo = |request: &Request<Vec<u8>>| response(200, &[], request.uri().to_string().as_bytes());
    let own = move |method: &Method, target: &str| {
        let mut attempt = Attempt::simple(method, target, Expected::Failure);
        attempt.expected = answer(echo(&attempt.request));
        attempt
    };
    let get = move |target: &str| own(&Method::GET, target);
    // The answer to the first request leaves bytes over for the second one.
    let after = |name: &str, first: Attempt, given: Answer| {
        let target = first.request.uri().clone();
        let script = Script::answers(move |_, request| {
            if *request.uri() == target { given.clone() } else { Answer::of(&echo(request)) }
        });
        let name = format!("requests after {name}");
        in_a_row(Clause::OwnResponse, name, script, [first, get("/second"), own(&Method::POST, "/third")])
    };
    let failing = |method| Attempt::simple(&method, PERSON, Expected::Any);
    let late = |at_once| Answer { pace: Pace::HeldBack(at_once), ..Answer::of(&ok()) };
    let mut unasked = Answer::of(&ok());
    unasked.bytes.extend_from_slice(&Answer::of(&response(200, &[], b"unasked")).bytes);
    let mut cases = vec![
        after("a GET whose reply came too late", failing(Method::GET).limited(), late(0)),
        after("a POST whose reply came too late", failing(Method::POST).limited(), late(0)),
        after("a reply whose end came too late", failing(Method::GET).limited(), late(90)),
    ];
    for case in &mut cases {
        case.twist = Twist::LateReply;
    }
    cases.push(after(
        "a body that was too long",
        failing(Method::GET),
        Answer::of(&sized(limit.saturating_add(1))),
    ));
    cases.push(after(
        "a reply with another one behind it",
        Attempt::simple(&Method::GET, "/first", answer(ok())),
        unasked,
    ));
    let at_once = (0..8).map(|number| get(&format!("/echo/{number}"))).collect();
    let script = Script::answers(move |_, request| Answer::of(&echo(request)));
    cases.push(Case {
        rounds: vec![at_once],
        ..in_a_row(Clause::OwnResponse, "eight requests at once", script, [])
    });
    cases
}

/// Returns the cases in which an earlier response must not answer a request.
fn no_cache() -> Vec<Case> {
    let reply = |status, number: usize| {
        let fresh = [
            ("cache-control", "public, max-age=3600"),
            ("etag", "\"1\""),
            ("last-modified", "Fri, 31 Dec 1999 23:59:59 GMT"),
            ("expires", "Fri, 31 Dec 2100 23:59:59 GMT"),
        ];
        response(status, &fresh, format!("{{\"id\":{number}}}").as_bytes())
    };
    let mut cases = Vec::new();
    for method in METHODS {
        let script = Script::answers(move |number, _| Answer::of(&reply(200, number)));
        let attempts = (1..=3).map(|number| Attempt::simple(&method, "/fresh", answer(reply(200, number))));
        let name = format!("the same {method} three times");
        cases.push(in_a_row(Clause::NoCache, name, script, attempts));
        let at_once = (0..4).map(|_| Attempt::simple(&method, "/same", answer(ok()))).collect();
        let name = format!("the same {method} four times at once");
        let case = in_a_row(Clause::NoCache, name, answering(&ok()), []);
        cases.push(Case { rounds: vec![at_once], ..case });
    }
    // A cache may keep these statuses too.
    for status in [301, 404, 410] {
        let script = Script::answers(move |number, _| Answer::of(&reply(status, number)));
        let attempts =
            (1..=3).map(|number| Attempt::simple(&Method::GET, "/fresh", answer(reply(status, number))));
        let name = format!("three GETs, each answered with {status}");
        cases.push(in_a_row(Clause::NoCache, name, script, attempts));
    }
    cases
}

fn certificates(trusted: Option<&Authority>) -> io::Result<Vec<Case>> {
    let unknown = Authority::new()?;
    let here: &[_] = &["127.0.0.1", "localhost"];
    let others: &[_] = &["example.com", "127.0.0.2"];
    let (any, past, future) = (None, Some((2001, 2002)), Some((4001, 4002)));
    let yes = || answer(ok());
    let no = || Expected::NotSent;
    let rows = [
        ("an authority that is not trusted", Some(&unknown), here, any, no()),
        ("a trusted authority", trusted, here, any, yes()),
        ("a trusted authority for other names", trusted, others, any, no()),
        ("a trusted authority for a time in the past", trusted, here, past, no()),
        ("a trusted authority for a time in the future", trusted, here, future, no()),
    ];
    let mut cases = Vec::new();
    for (name, authority, names, years, expected) in rows {
        let is_known = authority.is_some();
        let config = authority.unwrap_or(&unknown).0.tls(names, |params| {
            if let Some((from, to)) = years {
                params.not_before = rcgen::date_time_ymd(from, 1, 1);
                params.not_after = rcgen::date_time_ymd(to, 1, 1);
            }
        })?;
        let attempts = [Method::GET, Method::POST]
            .into_iter()
            .filter(|_| is_known)
            .map(|method| Attempt::simple(&method, PERSON, expected.clone()));
        let place = Place::Tls(Some(Arc::new(config)), answering(&ok()));
        cases.push(at(place, Clause::Tls, format!("a certificate of {name}"), attempts));
    }
    Ok(cases)
}

fn reuse() -> Vec<Case> {
    let first = || Attempt::simple(&Method::GET, "/first", answer(ok()));
    // A transport with a cookie jar would send the cookie back, which adds a header to the request.
    let cookie = response(200, &[("set-cookie", "a=1; Path=/")], b"{}");
    let attempts = [(Method::GET, "/first"), (Method::POST, "/second"), (Method::GET, "/third")]
        .map(|(method, target)| Attempt::simple(&method, target, answer(cookie.clone())));
    let row = in_a_row(Clause::Reuse, "three requests in a row", answering(&cookie), attempts);
    let mut cases = vec![row.with(Twist::OneConnection)];
    for method in METHODS {
        let then_close = Script::answers(|number, _| {
            let then = if number == 1 { Then::Close } else { Then::Keep };
            Answer { then, ..Answer::of(&ok()) }
        });
        let name = format!("{method} after the server closed the connection in between");
        let second = Attempt::simple(&method, "/second", Expected::Rather(ok()));
        let case = in_a_row(Clause::Reuse, name, then_close, [first(), second]);
        cases.push(case.with(Twist::ClosedInBetween));
        let close_on_the_second = Script::answers(|number, _| match number {
            2..=4 => Answer::nothing(Then::Close),
            _ => Answer::of(&ok()),
        });
        let name = format!("{method} over a used connection, and the server closes it");
        let second = Attempt::simple(&method, PERSON, Expected::Failure);
        cases.push(in_a_row(Clause::OneAttempt, name, close_on_the_second, [first(), second]));
    }
    cases
}

/// Returns the cases in which the body of a response breaks off after the head.
fn heads() -> impl Iterator<Item = Case> {
    [201, 401, 404, 429, 503].into_iter().map(|status| {
        let headers = [
            ("retry-after", "7"),
            ("x-request-id", "1"),
            ("ratelimit-reset", "7"),
            ("ratelimit-reset", "30"),
        ];
        let reply = response(status, &headers, b"{\"errors\":");
        let attempt = Attempt::simple(&Method::POST, PERSON, broken(&reply));
        let script = always(Answer::short(&reply, 1000, Then::Close));
        to_server(Clause::Head, format!("{status}, and the body is cut off"), script, attempt)
    })
}

/// Creates a case with one request to one server.
fn to_server(clause: Clause, name: impl Into<String>, script: Script, attempt: Attempt) -> Case {
    in_a_row(clause, name, script, [attempt])
}

/// Creates a case with several requests to one server, one after the other.
fn in_a_row(
    clause: Clause,
    name: impl Into<String>,
    script: Script,
    attempts: impl IntoIterator<Item = Attempt>,
) -> Case {
    at(Place::Plain(script), clause, name, attempts)
}

fn at(
    place: Place,
    clause: Clause,
    name: impl Into<String>,
    attempts: impl IntoIterator<Item = Attempt>,
) -> Case {
    let rounds = attempts.into_iter().map(|attempt| vec![attempt]).collect();
    Case { clause, name: name.into(), place, bystander: None, rounds, twist: Twist::Nothing }
}

/// Creates a request with the headers that the core writes. Its URI is only the target, without an
/// origin.
fn request(method: &Method, target: &str, body: &[u8]) -> Request<Vec<u8>> {
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::try_from(target).unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static(TOKEN));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if !body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if ![Method::GET, Method::DELETE].contains(method) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

fn response(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    append(response.headers_mut(), headers);
    response
}

fn append(map: &mut HeaderMap, headers: &[(&'static str, &'static str)]) {
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

fn ok() -> Response<Vec<u8>> {
    response(200, &[("content-type", "application/json")], b"{\"email\":\"penelope@example.com\"}")
}

fn sized(bytes: usize) -> Response<Vec<u8>> {
    response(200, &[], &vec![b'x'; bytes])
}

/// Expects no response, because its body is broken.
fn broken(head: &Response<Vec<u8>>) -> Expected {
    Expected::Unread(head.clone(), BodyFailure::Broken)
}

/// Expects no response, because its body is too long.
fn too_large(head: &Response<Vec<u8>>) -> Expected {
    Expected::Unread(head.clone(), BodyFailure::TooLarge)
}

fn answer(response: Response<Vec<u8>>) -> Expected {
    Expected::Response(response)
}

/// Answers every request with this response.
fn answering(response: &Response<Vec<u8>>) -> Script {
    always(Answer::of(response))
}

fn always(answer: Answer) -> Script {
    Script::answers(move |_, _| answer.clone())
}
