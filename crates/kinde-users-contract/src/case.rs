//! What a case is, and what all cases are made of.

use std::net::TcpListener;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use kinde_users_core::BodyFailure;
use rustls::ServerConfig;

use crate::report::Clause;
use crate::script::{Answer, Script};
use crate::server::Server;

/// Requests, the behaviour of the server, and the expected outcome.
#[derive(Debug)]
pub struct Case {
    pub(crate) clause: Clause,
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Another server, which must not receive anything.
    pub(crate) bystander: Option<Arc<Server>>,
    /// The requests of one round are sent at once. A case without rounds is skipped, because it
    /// does not apply to the transport.
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

    pub(crate) fn with(self, twist: Twist) -> Self {
        Self { twist, ..self }
    }
}

/// Where the requests of a case go.
#[derive(Debug)]
pub(crate) enum Place {
    /// A server.
    Plain(Script),
    /// A server on a port that its own answers name.
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
    pub(crate) fn new(method: &Method, target: &str, body: &[u8], expected: Expected) -> Self {
        Self { request: request(method, target, body), expected, is_limited: false }
    }

    /// Creates an attempt with a body if the method has one.
    pub(crate) fn simple(method: &Method, target: &str, expected: Expected) -> Self {
        let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        Self::new(method, target, if has_body { BODY } else { b"" }, expected)
    }

    pub(crate) fn limited(self) -> Self {
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
    /// A failure with this head. The response as it came, with all its headers, is only a weakness.
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
    /// The case is about compression. It is skipped for a transport that requests none.
    Compressed,
    /// The server reads no body. A good transport still keeps the time limit, and another one may
    /// take it twice.
    Unread,
}

/// What the text of an error must not contain, with words that reveal it. The words are in each
/// request that fails and in the responses to it.
pub(crate) const SECRETS: [(&str, &str); 5] = [
    ("the token", "t0ps3cr3t"),
    ("the end of the token", "b-c_d"),
    ("the URI", "sally"),
    ("the request's body", "rosalind"),
    ("the response", "penelope"),
];
pub(crate) const TOKEN: &str = "Bearer t0ps3cr3t.b-c_d";
pub(crate) const PERSON: &str = "/api/v1/users/kp_sally?email=sally%40example.com";
pub(crate) const BODY: &[u8] = b"{\"given_name\":\"rosalind\"}";

pub(crate) const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Creates a case with one request to one server.
pub(crate) fn to_server(clause: Clause, name: impl Into<String>, script: Script, attempt: Attempt) -> Case {
    in_a_row(clause, name, script, [attempt])
}

/// Creates a case with several requests to one server, one after the other.
pub(crate) fn in_a_row(
    clause: Clause,
    name: impl Into<String>,
    script: Script,
    attempts: impl IntoIterator<Item = Attempt>,
) -> Case {
    at(Place::Plain(script), clause, name, attempts)
}

pub(crate) fn at(
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
pub(crate) fn request(method: &Method, target: &str, body: &[u8]) -> Request<Vec<u8>> {
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

pub(crate) fn response(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &[u8],
) -> Response<Vec<u8>> {
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    append(response.headers_mut(), headers);
    response
}

pub(crate) fn append(map: &mut HeaderMap, headers: &[(&'static str, &'static str)]) {
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

pub(crate) fn ok() -> Response<Vec<u8>> {
    response(200, &[("content-type", "application/json")], b"{\"email\":\"penelope@example.com\"}")
}

pub(crate) fn sized(bytes: usize) -> Response<Vec<u8>> {
    response(200, &[], &vec![b'x'; bytes])
}

/// Expects no response, because its body is broken.
pub(crate) fn broken(head: &Response<Vec<u8>>) -> Expected {
    Expected::Unread(head.clone(), BodyFailure::Broken)
}

/// Expects no response, because its body is too long.
pub(crate) fn too_large(head: &Response<Vec<u8>>) -> Expected {
    Expected::Unread(head.clone(), BodyFailure::TooLarge)
}

pub(crate) fn answer(response: Response<Vec<u8>>) -> Expected {
    Expected::Response(response)
}

/// Answers every request with this response.
pub(crate) fn answering(response: &Response<Vec<u8>>) -> Script {
    always(Answer::of(response))
}

pub(crate) fn always(answer: Answer) -> Script {
    Script::answers(move |_, _| answer.clone())
}

/// Returns whether the transport requested compression. Otherwise the server does not compress.
pub(crate) fn takes_gzip(request: &Request<Vec<u8>>) -> bool {
    let mut codings = request.headers().get_all(header::ACCEPT_ENCODING).iter();
    codings.any(|codings| codings.as_bytes().escape_ascii().to_string().contains("gzip"))
}
