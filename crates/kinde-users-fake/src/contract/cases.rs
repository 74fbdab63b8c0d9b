//! The clauses as data: what is sent, what the server does, and what is to come of it.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::server::{Answer, Script, Then};
use super::trial::takes_gzip;
use super::{Clause, Options};

/// Some requests, what the server does about them, and what is to come of it.
#[derive(Debug)]
pub struct Case {
    pub(crate) clause: Clause,
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The requests of a round are sent at once.
    pub(crate) rounds: Vec<Vec<Attempt>>,
    pub(crate) twist: Twist,
}

impl Case {
    /// The clause that it is about, though others are looked at as well.
    pub fn clause(&self) -> Clause {
        self.clause
    }

    /// What is sent, and what the server does.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Where the requests go.
#[derive(Debug)]
pub(crate) enum Place {
    /// To a server.
    Plain(Script),
    /// To a server of which they think that it speaks TLS.
    Tls(Script),
    /// To a port that refuses connections.
    NobodyListens,
    /// To a host whose name has no address.
    NoSuchHost,
}

/// A request to some place, and what is to come of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Its target is unlike those of the other requests of the case.
    pub(crate) request: Request<Vec<u8>>,
    pub(crate) expected: Expected,
}

#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// This response, perhaps with more headers.
    Response(Response<Vec<u8>>),
    /// The same, but a failure is a mere weakness.
    Rather(Response<Vec<u8>>),
    /// A failure.
    Failure,
    /// A failure, and the transport is sure that nothing was sent.
    NotSent,
}

/// What is special about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    Nothing,
    /// The time limit of the requests is the short one.
    Limited,
    /// All requests better go over one connection.
    OneConnection,
    /// The server has closed the connection before the second round.
    ClosedInBetween,
    /// It is about compression, which the transport may not ask for.
    Compressed,
}

/// In the targets of all requests that fail: no text of an error may hold it.
pub(crate) const SECRET: &str = "sally";

/// All cases, in the order of the clauses.
///
/// # Errors
///
/// None in practice: data for the tests is compressed in memory.
pub fn cases(options: &Options) -> io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    cases.extend(targets());
    cases.extend(request_headers_and_bodies());
    cases.extend(hang_ups());
    cases.extend(redirects());
    cases.extend(statuses());
    cases.extend(responses());
    cases.extend(body_limit(options.body_limit));
    cases.extend(compression(options.body_limit)?);
    cases.extend(time_limit());
    cases.extend(never_sent());
    cases.push(many_at_once());
    cases.extend(reuse());
    Ok(cases)
}

fn targets() -> impl Iterator<Item = Case> {
    let targets = [
        "/",
        "/api/v1/users/a%2Fb%2fc/mfa",
        "/api/v1/users/a%20b%2C%252F%2e%2E",
        "/api/v1/users/kp_1%3Ax%40y/sessions",
        "/api/v1/users?email=a%2Bb%40example.com&expand=a%2Cb&empty=&plus=+&bare",
        "/api/v1/users?next_token=MTA6OmlkX2FzYw%3D%3D",
    ];
    let get = targets.into_iter().map(|target| {
        let name = format!("GET {target}");
        to_server(Clause::Target, name, answering(&ok()), request(&Method::GET, target, b""), answer(ok()))
    });
    let every_method = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    get.chain(every_method.into_iter().map(|method| {
        let name = format!("{method} without a body");
        to_server(Clause::Target, name, answering(&ok()), request(&method, "/user", b""), answer(ok()))
    }))
}

fn request_headers_and_bodies() -> Vec<Case> {
    let mut custom = request(&Method::GET, "/headers", b"");
    for (name, value) in [
        ("x-custom", "a, b;c=\"d e\""),
        ("x-empty", ""),
        ("accept-language", "en"),
        ("user-agent", "contract/1"),
    ] {
        custom.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut cases = vec![to_server(
        Clause::RequestHeaders,
        "headers of one's own",
        answering(&ok()),
        custom,
        answer(ok()),
    )];
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        for body in [b"{\"given_name\":\"Zo\xc3\xab\"}".as_slice(), &every_byte] {
            let name = format!("{method} of {} bytes", body.len());
            let request = request(&method, "/body", body);
            cases.push(to_server(Clause::RequestBody, name, answering(&ok()), request, answer(ok())));
        }
    }
    cases
}

/// The server goes away before the response is whole.
fn hang_ups() -> Vec<Case> {
    // Whoever tries again gets an answer in the end, so that the check has one too.
    let closing = || {
        Script::answers(|number, _| if number < 4 { Answer::nothing(Then::Close) } else { Answer::of(&ok()) })
    };
    let cut = |then| Script::answers(move |_, _| Answer::short(&ok(), 1000, then));
    let half_a_head =
        || Script::answers(|_, _| Answer { bytes: b"HTTP/1.1 200 OK\r\nx-".to_vec(), then: Then::Close });
    let half_a_chunk = || {
        Script::answers(|_, _| {
            let mut answer = Answer::chunked(&ok(), 5);
            answer.bytes.truncate(answer.bytes.len().saturating_sub(7));
            Answer { then: Then::Close, ..answer }
        })
    };
    let mut cases = Vec::new();
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let body: &[u8] = if method == Method::POST { b"{}" } else { b"" };
        let mut fails = |clause, what: &str, script| {
            let name = format!("{method}, and the server {what}");
            let request = request(&method, "/user?email=sally%40example.com", body);
            cases.push(to_server(clause, name, script, request, Expected::Failure));
        };
        fails(Clause::OneAttempt, "closes the connection", closing());
        if method == Method::POST {
            fails(Clause::OneAttempt, "resets the connection", Script::Reset);
        }
        fails(Clause::WholeResponse, "closes the connection within the head", half_a_head());
        fails(Clause::WholeResponse, "closes the connection within the body", cut(Then::Close));
        fails(Clause::WholeResponse, "closes the connection within a chunk", half_a_chunk());
    }
    cases
}

fn redirects() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        for (method, body) in [(Method::GET, b"".as_slice()), (Method::POST, b"{}"), (Method::DELETE, b"")] {
            let redirect = response(status, &[("location", "/elsewhere")], b"moved");
            // What was followed is not to end in a circle.
            let script = Script::answers({
                let redirect = redirect.clone();
                move |number, _| if number == 1 { Answer::of(&redirect) } else { Answer::of(&ok()) }
            });
            let name = format!("{status} to a {method}");
            let request = request(&method, "/here", body);
            cases.push(to_server(Clause::NoRedirect, name, script, request, answer(redirect)));
        }
    }
    cases
}

fn statuses() -> Vec<Case> {
    let json = ("content-type", "application/json");
    let errors = b"{\"errors\":[{\"code\":\"X\",\"message\":\"no\"}]}".as_slice();
    let soon = ("retry-after", "0");
    let replies = [
        response(200, &[json], b"{\"id\":\"kp_1\"}"),
        response(204, &[("x-request-id", "1")], b""),
        response(400, &[json], errors),
        response(401, &[json, ("www-authenticate", "Bearer realm=\"kinde\"")], errors),
        response(403, &[json], b""),
        response(404, &[json], errors),
        response(408, &[json, soon], errors),
        response(429, &[json, ("ratelimit-limit", "200"), ("ratelimit-reset", "0"), soon], errors),
        response(500, &[("content-type", "text/html")], b"<h1>no</h1>"),
        response(503, &[json, soon], errors),
    ];
    let mut cases = Vec::new();
    for reply in replies {
        for (method, body) in [(Method::GET, b"".as_slice()), (Method::POST, b"{}")] {
            let name = format!("{} to a {method}", reply.status().as_u16());
            let request = request(&method, "/status", body);
            let script = answering(&reply);
            cases.push(to_server(Clause::NoStatusIsAnError, name, script, request, answer(reply.clone())));
        }
    }
    cases
}

fn responses() -> Vec<Case> {
    let many = response(
        200,
        &[("set-cookie", "a=1"), ("x-list", "a, b"), ("set-cookie", "b=2"), ("ratelimit-reset", "7")],
        b"{}",
    );
    let get = || request(&Method::GET, "/response", b"");
    let long = response(200, &[], &b"0123456789abcdef".repeat(2000));
    let empty = response(200, &[], b"");
    let with = |framed: fn(&Response<Vec<u8>>) -> Answer, reply: &Response<Vec<u8>>| {
        let reply = reply.clone();
        Script::answers(move |_, _| framed(&reply))
    };
    let mut cases = vec![to_server(
        Clause::ResponseHeaders,
        "headers that come twice",
        answering(&many),
        get(),
        answer(many),
    )];
    let in_chunks: fn(&Response<Vec<u8>>) -> Answer = |reply| Answer::chunked(reply, 999);
    for (name, framed, reply) in [
        ("a body in chunks", in_chunks, &long),
        ("no chunk but the last", in_chunks, &empty),
        ("a body that ends with the connection", Answer::until_close, &long),
        ("an empty body", Answer::of, &empty),
        ("a body of a told length", Answer::of, &long),
    ] {
        let script = with(framed, reply);
        cases.push(to_server(Clause::WholeResponse, name, script, get(), answer(reply.clone())));
    }
    cases
}

fn body_limit(limit: usize) -> Vec<Case> {
    let case = |name: &str, size, is_chunked: bool, expected| {
        let script = Script::answers(move |_, _| {
            let reply = sized(size);
            if is_chunked { Answer::chunked(&reply, 64 * 1024) } else { Answer::of(&reply) }
        });
        let request = request(&Method::GET, "/users?email=sally%40example.com", b"");
        to_server(Clause::BodyLimit, name, script, request, expected)
    };
    let over = limit.saturating_add(1);
    vec![
        case("a body of the limit", limit, false, answer(sized(limit))),
        case("a body of the limit in chunks", limit, true, answer(sized(limit))),
        case("a body of one byte more", over, false, Expected::Failure),
        case("a body of one byte more in chunks", over, true, Expected::Failure),
    ]
}

fn compression(limit: usize) -> io::Result<Vec<Case>> {
    let case = |name: &str, reply: Response<Vec<u8>>, expected| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(reply.body())?;
        let mut compressed = reply.clone().map(|_| Vec::new());
        *compressed.body_mut() = encoder.finish()?;
        compressed.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let script = Script::answers(move |_, request| {
            Answer::of(if takes_gzip(request) { &compressed } else { &reply })
        });
        let request = request(&Method::GET, "/users?email=sally%40example.com", b"");
        let case = to_server(Clause::Decompression, name, script, request, expected);
        Ok(Case { twist: Twist::Compressed, ..case })
    };
    let small = response(200, &[("content-type", "application/json")], b"{\"id\":\"kp_1\"}");
    [
        case("a compressed body", small.clone(), answer(small)),
        case("a compressed body that becomes the limit", sized(limit), answer(sized(limit))),
        case(
            "a compressed body that becomes one byte more",
            sized(limit.saturating_add(1)),
            Expected::Failure,
        ),
    ]
    .into_iter()
    .collect()
}

fn time_limit() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut limited = |name: &str, method: &Method, body: &[u8], script| {
        let request = request(method, "/users?email=sally%40example.com", body);
        let case = to_server(Clause::TimeLimit, name, script, request, Expected::Failure);
        cases.push(Case { twist: Twist::Limited, ..case });
    };
    let mute = || Script::answers(|_, _| Answer::nothing(Then::Hold));
    let cut = |then| Script::answers(move |_, _| Answer::short(&ok(), 10_000, then));
    limited("a server that does not answer a GET", &Method::GET, b"", mute());
    limited("a server that does not answer a POST", &Method::POST, b"{}", mute());
    limited("a server that stops within the body", &Method::GET, b"", cut(Then::Hold));
    limited("a server that sends byte by byte", &Method::GET, b"", cut(Then::Drip));
    cases
}

/// There is no connection to send anything over.
fn never_sent() -> Vec<Case> {
    let case = |name: &str, place, twist| {
        let request = request(&Method::POST, "/user?email=sally%40example.com", b"{}");
        let rounds = vec![vec![Attempt { request, expected: Expected::NotSent }]];
        Case { clause: Clause::Delivery, name: name.to_owned(), place, rounds, twist }
    };
    let tls = |then| Place::Tls(Script::Raw(then));
    vec![
        case("a port that nobody listens at", Place::NobodyListens, Twist::Nothing),
        case("a host that has no address", Place::NoSuchHost, Twist::Nothing),
        case("a server that closes the connection instead of TLS", tls(Then::Close), Twist::Nothing),
        case("a server that says nothing instead of TLS", tls(Then::Hold), Twist::Limited),
    ]
}

fn many_at_once() -> Case {
    let round = (0..8).map(|number| {
        let target = format!("/echo/{number}");
        let request = request(&Method::GET, &target, b"");
        Attempt { request, expected: answer(response(200, &[], target.as_bytes())) }
    });
    let echo =
        Script::answers(|_, request| Answer::of(&response(200, &[], request.uri().to_string().as_bytes())));
    Case {
        clause: Clause::OwnResponse,
        name: "eight requests at once".to_owned(),
        place: Place::Plain(echo),
        rounds: vec![round.collect()],
        twist: Twist::Nothing,
    }
}

fn reuse() -> Vec<Case> {
    let in_a_row = |clause, name: &str, script, twist, attempts: Vec<Attempt>| {
        let rounds = attempts.into_iter().map(|attempt| vec![attempt]).collect();
        Case { clause, name: name.to_owned(), place: Place::Plain(script), rounds, twist }
    };
    let attempt = |method: &Method, target: &str, expected| {
        let body: &[u8] = if *method == Method::POST { b"{}" } else { b"" };
        Attempt { request: request(method, target, body), expected }
    };
    let first = || attempt(&Method::GET, "/first", answer(ok()));
    // A transport with a jar would send the cookie back, which is a header that nobody gave it.
    let cookie = response(200, &[("set-cookie", "a=1; Path=/")], b"{}");
    let mut cases = vec![in_a_row(
        Clause::Reuse,
        "three requests in a row",
        answering(&cookie),
        Twist::OneConnection,
        vec![
            attempt(&Method::GET, "/first", answer(cookie.clone())),
            attempt(&Method::POST, "/second", answer(cookie.clone())),
            attempt(&Method::GET, "/third", answer(cookie.clone())),
        ],
    )];
    for method in [Method::GET, Method::POST] {
        let then_close = Script::answers(|number, _| {
            let then = if number == 1 { Then::Close } else { Then::Keep };
            Answer { then, ..Answer::of(&ok()) }
        });
        cases.push(in_a_row(
            Clause::Reuse,
            &format!("{method} after the server closed the connection in between"),
            then_close,
            Twist::ClosedInBetween,
            vec![first(), attempt(&method, "/second", Expected::Rather(ok()))],
        ));
        let close_on_the_second = Script::answers(|number, _| match number {
            2..=4 => Answer::nothing(Then::Close),
            _ => Answer::of(&ok()),
        });
        cases.push(in_a_row(
            Clause::OneAttempt,
            &format!("{method} over a used connection, and the server closes it"),
            close_on_the_second,
            Twist::Nothing,
            vec![first(), attempt(&method, "/user?email=sally%40example.com", Expected::Failure)],
        ));
    }
    cases
}

/// One request to one server.
fn to_server(
    clause: Clause,
    name: impl Into<String>,
    script: Script,
    request: Request<Vec<u8>>,
    expected: Expected,
) -> Case {
    let rounds = vec![vec![Attempt { request, expected }]];
    Case { clause, name: name.into(), place: Place::Plain(script), rounds, twist: Twist::Nothing }
}

/// A request with the headers that the core writes. Its URI is a target, which goes behind an origin.
fn request(method: &Method, target: &str, body: &[u8]) -> Request<Vec<u8>> {
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::try_from(target).unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer a.b-c_d"));
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
    for (name, value) in headers {
        response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn ok() -> Response<Vec<u8>> {
    response(200, &[("content-type", "application/json")], b"{\"code\":\"OK\"}")
}

fn sized(bytes: usize) -> Response<Vec<u8>> {
    response(200, &[], &vec![b'x'; bytes])
}

fn answer(response: Response<Vec<u8>>) -> Expected {
    Expected::Response(response)
}

/// Answers every request so.
fn answering(response: &Response<Vec<u8>>) -> Script {
    let response = response.clone();
    Script::answers(move |_, _| Answer::of(&response))
}
