//! Tests transports that are broken in one way each, and the clause of the contract that detects
//! each of them.

mod attempts;
mod connections;
mod errors;
mod requests;
mod responses;

use std::fmt;
use std::io;
use std::time::Duration;

use http::{Request, Response, Uri};
use kinde_users_contract::{Authority, Case, Clause, Failure, Options, Report, cases};
use kinde_users_core::{BodyFailure, Delivery};
use kinde_users_ureq::{UreqError, UreqTransport};
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
