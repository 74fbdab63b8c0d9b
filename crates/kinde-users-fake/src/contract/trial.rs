//! A case under way, and the judgement over it.

use core::error::Error as StdError;
use core::fmt::Write as _;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use http::header::{self, HeaderName};
use http::{HeaderMap, Method, Request, Response, Uri};
use kinde_users_core::{Delivery, set_time_limit};

use super::cases::{Attempt, Case, Expected, Place, SECRET, Twist};
use super::server::{Seen, Server};
use super::{Clause, Finding, Options, Report};

/// What came of a request.
pub type Outcome = Result<Response<Vec<u8>>, Failure>;

/// Why no response came, as far as the check looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    delivery: Delivery,
    display: String,
    /// All that the error, or one under it, prints.
    texts: String,
}

impl Failure {
    /// What a transport's error says, and what the transport says of it.
    pub fn new(delivery: Delivery, error: &dyn StdError) -> Self {
        let mut texts = String::new();
        let mut next = Some(error);
        while let Some(error) = next {
            // Writing to a string does not fail.
            let _ = write!(texts, "{error} {error:?} {error:#?} ");
            next = error.source();
        }
        Self { delivery, display: error.to_string(), texts }
    }
}

/// A [`Case`] whose server is running.
#[derive(Debug)]
#[must_use = "a trial tells nothing before `judge`"]
pub struct Trial {
    clause: Clause,
    name: String,
    twist: Twist,
    patience: Duration,
    server: Option<Server>,
    /// Keeps the port to itself of which the case says that nobody listens there.
    _taken: Option<TcpStream>,
    /// What is still to be sent.
    rounds: VecDeque<Vec<Request<Vec<u8>>>>,
    attempts: Vec<Attempt>,
    outcomes: Vec<Outcome>,
    sent_at: Instant,
    slowest: Duration,
}

impl Case {
    /// Starts the server's part.
    ///
    /// # Errors
    ///
    /// If there can be no server on the loopback interface.
    pub fn start(self, options: &Options) -> io::Result<Trial> {
        let (mut server, mut taken) = (None, None);
        let origin = match self.place {
            Place::Plain(script) => server.insert(Server::start(script, options.patience)?).origin(),
            Place::Tls(script) => {
                let server = server.insert(Server::start(script, options.patience)?);
                format!("https://{}", server.address())
            }
            Place::NobodyListens => {
                // The near end of a connection is a port that is taken and that nobody listens at.
                let listener = TcpListener::bind(("127.0.0.1", 0))?;
                let stream = taken.insert(TcpStream::connect(listener.local_addr()?)?);
                format!("http://{}", stream.local_addr()?)
            }
            // A label has 63 characters at most, so nobody need be asked for this name.
            Place::NoSuchHost => format!("http://{}.example", "a".repeat(64)),
        };
        let limit = if self.twist == Twist::Limited { options.time_limit } else { options.patience };
        let mut rounds = VecDeque::new();
        let mut attempts = Vec::new();
        for round in self.rounds {
            let mut requests = Vec::new();
            for attempt in round {
                let mut request = attempt.request.clone();
                let uri = format!("{origin}{}", request.uri());
                *request.uri_mut() = Uri::try_from(uri).map_err(io::Error::other)?;
                set_time_limit(&mut request, limit);
                requests.push(request);
                attempts.push(attempt);
            }
            rounds.push_back(requests);
        }
        Ok(Trial {
            clause: self.clause,
            name: self.name,
            twist: self.twist,
            patience: options.patience,
            server,
            _taken: taken,
            rounds,
            attempts,
            outcomes: Vec::new(),
            sent_at: Instant::now(),
            slowest: Duration::ZERO,
        })
    }
}

impl Trial {
    /// The requests to send next, all at once: one in most cases. What comes of them is to be told before the next
    /// ones. It may wait for the server, for no longer than the patience.
    pub fn next_requests(&mut self) -> Option<Vec<Request<Vec<u8>>>> {
        let requests = self.rounds.pop_front()?;
        if let (Twist::ClosedInBetween, false, Some(server)) =
            (self.twist, self.outcomes.is_empty(), &self.server)
        {
            server.wait_for_close();
        }
        self.sent_at = Instant::now();
        Some(requests)
    }

    /// Takes in what came of the next request, in the order in which they were handed out.
    pub fn came(&mut self, outcome: Outcome) {
        self.slowest = self.slowest.max(self.sent_at.elapsed());
        self.outcomes.push(outcome);
    }

    /// Ends the server's part, and writes down what is not as it should be.
    pub fn judge(mut self, report: &mut Report) {
        let seen = self.server.take().map(Server::stop).unwrap_or_default();
        if self.twist == Twist::Compressed && !seen.requests.iter().any(takes_gzip) {
            report.skipped.push(self.name);
            return;
        }
        report.cases += 1;
        let mut verdict = Verdict { trial: &self, report };
        for request in &seen.requests {
            verdict.judge_arrival(request);
        }
        for (attempt, outcome) in self.attempts.iter().zip(&self.outcomes) {
            let target = attempt.request.uri();
            let arrivals = seen.requests.iter().filter(|request| request.uri() == target).count();
            verdict.judge_attempts(arrivals, outcome);
            verdict.judge_outcome(&attempt.expected, outcome);
        }
        verdict.judge_whole(&seen);
    }
}

/// The judgement over one trial.
struct Verdict<'a> {
    trial: &'a Trial,
    report: &'a mut Report,
}

impl Verdict<'_> {
    fn broken(&mut self, clause: Clause, seen: impl Into<String>) {
        self.report.broken.push(Finding { clause, case: self.trial.name.clone(), seen: seen.into() });
    }

    fn weak(&mut self, clause: Clause, seen: impl Into<String>) {
        self.report.weak.push(Finding { clause, case: self.trial.name.clone(), seen: seen.into() });
    }

    /// What reached the server is what was sent.
    fn judge_arrival(&mut self, seen: &Request<Vec<u8>>) {
        let trial = self.trial;
        let sent = trial.attempts.iter().map(|attempt| &attempt.request);
        let Some(sent) = sent.into_iter().find(|sent| sent.uri() == seen.uri()) else {
            let what = format!("the server saw {} {}, which was not sent", seen.method(), seen.uri());
            let is_followed = trial.clause == Clause::NoRedirect;
            return self.broken(if is_followed { Clause::NoRedirect } else { Clause::Target }, what);
        };
        if sent.method() != seen.method() {
            self.broken(Clause::Target, format!("{} arrived as {}", sent.method(), seen.method()));
        }
        for name in sent.headers().keys().filter(|name| **name != header::CONTENT_LENGTH) {
            if let Some(difference) = difference(name, sent.headers(), seen.headers()) {
                self.broken(Clause::RequestHeaders, difference);
            }
        }
        for name in seen.headers().keys() {
            if !sent.headers().contains_key(name) && !OF_THE_TRANSPORT.contains(name) {
                self.broken(Clause::RequestHeaders, format!("`{name}` was added"));
            }
        }
        if sent.body() != seen.body() {
            let (sent, seen) = (sent.body().len(), seen.body().len());
            self.broken(Clause::RequestBody, format!("{sent} bytes arrived as {seen} or other bytes"));
        }
        let length = match (sent.body().len(), sent.method()) {
            (0, &Method::GET | &Method::DELETE) => vec![],
            (length, _) => vec![length.to_string()],
        };
        let lengths = texts(seen.headers(), &header::CONTENT_LENGTH);
        let codings = texts(seen.headers(), &header::TRANSFER_ENCODING);
        if length != lengths || !codings.is_empty() {
            let what =
                format!("content-length {lengths:?}, transfer-encoding {codings:?}, not {length:?}, []");
            self.broken(Clause::RequestBody, what);
        }
    }

    /// One attempt at most, and none where the transport says so.
    fn judge_attempts(&mut self, arrivals: usize, outcome: &Outcome) {
        if arrivals > 1 {
            self.broken(Clause::OneAttempt, format!("the server saw {arrivals} attempts"));
        }
        let Err(failure) = outcome else { return };
        if arrivals > 0 && failure.delivery == Delivery::NotSent {
            let what = format!("the server saw the request, and `NotSent` was said of: {}", failure.display);
            self.broken(Clause::Delivery, what);
        }
        if failure.texts.contains(SECRET) {
            self.weak(Clause::QuietErrors, "the error prints the URI");
        }
    }

    fn judge_outcome(&mut self, expected: &Expected, outcome: &Outcome) {
        let clause = self.trial.clause;
        match (expected, outcome) {
            (Expected::Response(expected) | Expected::Rather(expected), Ok(response)) => {
                self.judge_response(expected, response);
            }
            (Expected::Response(_), Err(failure)) => {
                self.broken(clause, format!("no response: {}", failure.display));
            }
            (Expected::Rather(_), Err(failure)) => {
                self.weak(clause, format!("no response: {}", failure.display));
            }
            (Expected::Failure | Expected::NotSent, Ok(response)) => {
                let what = format!("HTTP {} and {} bytes", response.status(), response.body().len());
                self.broken(clause, what);
            }
            (Expected::NotSent, Err(failure)) if failure.delivery == Delivery::Unknown => {
                let what = format!("nothing was sent, and `Unknown` was said of: {}", failure.display);
                self.weak(Clause::Delivery, what);
            }
            (Expected::Failure | Expected::NotSent, Err(_)) => {}
        }
    }

    fn judge_response(&mut self, expected: &Response<Vec<u8>>, response: &Response<Vec<u8>>) {
        let clause = self.trial.clause;
        if expected.status() != response.status() {
            return self.broken(clause, format!("{} came as {}", expected.status(), response.status()));
        }
        for name in expected.headers().keys() {
            if let Some(difference) = difference(name, expected.headers(), response.headers()) {
                self.broken(Clause::ResponseHeaders, difference);
            }
        }
        if expected.body() != response.body() {
            let is_about_bodies =
                matches!(clause, Clause::Decompression | Clause::BodyLimit | Clause::OwnResponse);
            let clause = if is_about_bodies { clause } else { Clause::WholeResponse };
            let (expected, came) = (expected.body().len(), response.body().len());
            self.broken(clause, format!("{expected} bytes came as {came} or other bytes"));
        }
    }

    /// What is to be said of all requests of the trial together.
    fn judge_whole(&mut self, seen: &Seen) {
        let trial = self.trial;
        if trial.slowest >= trial.patience {
            self.broken(Clause::TimeLimit, format!("it took {:.1} s", trial.slowest.as_secs_f32()));
        }
        if trial.outcomes.len() != trial.attempts.len() {
            let (told, sent) = (trial.outcomes.len(), trial.attempts.len());
            self.broken(trial.clause, format!("{told} outcomes of {sent} requests"));
        }
        if trial.twist == Twist::OneConnection && seen.connections > 1 {
            self.weak(Clause::Reuse, format!("{} connections", seen.connections));
        }
    }
}

/// Headers that are about the connection, the framing and the program rather than the request.
static OF_THE_TRANSPORT: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
];

/// Whether the transport asked for compression, without which the server does not compress.
pub(super) fn takes_gzip(request: &Request<Vec<u8>>) -> bool {
    texts(request.headers(), &header::ACCEPT_ENCODING).iter().any(|codings| codings.contains("gzip"))
}

fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

fn difference(name: &HeaderName, before: &HeaderMap, after: &HeaderMap) -> Option<String> {
    let (before, after) = (texts(before, name), texts(after, name));
    (before != after).then(|| format!("`{name}`: {before:?} came as {after:?}"))
}
