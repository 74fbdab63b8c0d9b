//! The judgement of what a case saw.

use std::collections::HashMap;

use http::header::{self, HeaderName};
use http::{HeaderMap, Method, Request, Response, Uri};
use kinde_users_core::{BodyFailure, Delivery};

use crate::case::{Attempt, Expected, SECRETS, Twist, takes_gzip};
use crate::failure::{Failure, Outcome};
use crate::report::{Clause, Finding, Report};
use crate::server::{Partial, Secure, Seen, Server};
use crate::trial::Trial;

impl Trial {
    /// Ends the server and adds the findings to the report.
    pub fn judge(mut self, report: &mut Report) {
        let seen = self.server.take().map(Server::stop).unwrap_or_default();
        let bystander = self.bystander.take().map(|server| server.take_seen()).unwrap_or_default();
        let is_for_it = self.twist != Twist::Compressed || seen.requests.iter().any(takes_gzip);
        if !is_for_it || self.attempts.is_empty() {
            report.skipped.push(self.name);
            return;
        }
        report.cases += 1;
        let mut targets = HashMap::<_, Target<'_>>::new();
        for attempt in &self.attempts {
            targets.entry(normal(attempt.request.uri())).or_default().sent.push(&attempt.request);
        }
        for request in &seen.requests {
            targets.entry(normal(request.uri())).or_default().arrivals += 1;
        }
        let mut verdict = Verdict { trial: &self, targets, report };
        for request in &seen.requests {
            verdict.judge_arrival(request);
        }
        for request in &bystander.requests {
            let what = format!("sent nothing to another server, which saw {}", line(request));
            verdict.broken(self.clause, what);
        }
        for (attempt, (outcome, _)) in self.attempts.iter().zip(&self.outcomes) {
            verdict.judge_failure(attempt, outcome);
            verdict.judge_outcome(attempt, outcome);
        }
        verdict.judge_time();
        verdict.judge_attempts();
        verdict.judge_whole(&seen);
    }
}

/// What was sent to a target, and how many requests arrived for it.
#[derive(Default)]
struct Target<'a> {
    sent: Vec<&'a Request<Vec<u8>>>,
    arrivals: usize,
}

/// The judgement of one trial.
struct Verdict<'a> {
    trial: &'a Trial,
    targets: HashMap<Vec<u8>, Target<'a>>,
    report: &'a mut Report,
}

impl Verdict<'_> {
    fn broken(&mut self, clause: Clause, seen: impl Into<String>) {
        self.report.broken.push(Finding { clause, case: self.trial.name.clone(), seen: seen.into() });
    }

    fn weak(&mut self, clause: Clause, seen: impl Into<String>) {
        self.report.weak.push(Finding { clause, case: self.trial.name.clone(), seen: seen.into() });
    }

    /// Checks that the request that reached the server is the one that was sent.
    fn judge_arrival(&mut self, seen: &Request<Vec<u8>>) {
        let trial = self.trial;
        if trial.is_tls && seen.extensions().get::<Secure>().is_none() {
            self.broken(Clause::Tls, format!("sent to https, the server saw {} without TLS", line(seen)));
        }
        let of_its_target =
            self.targets.get(&normal(seen.uri())).map(|target| &*target.sent).unwrap_or_default();
        let of_its_method = of_its_target.iter().find(|sent| sent.method() == seen.method());
        let Some(&sent) = of_its_method.or(of_its_target.first()) else {
            let sent: Vec<_> = trial.attempts.iter().take(2).map(|attempt| line(&attempt.request)).collect();
            let what = format!("sent {}, the server saw {}", sent.join(" and "), line(seen));
            let is_followed = trial.clause == Clause::NoRedirect;
            return self.broken(if is_followed { Clause::NoRedirect } else { Clause::Target }, what);
        };
        let what = format!("sent {}, the server saw {}", line(sent), line(seen));
        if sent.method() != seen.method() {
            self.broken(Clause::Target, what);
        } else if sent.uri() != seen.uri() {
            self.weak(Clause::Target, what);
        }
        for name in sent.headers().keys().filter(|name| **name != header::CONTENT_LENGTH) {
            if let Some([sent, seen]) = difference(name, sent.headers(), seen.headers()) {
                let what = format!("sent `{name}: {sent}`, the server saw {seen}");
                self.broken(Clause::RequestHeaders, what);
            }
        }
        for name in seen.headers().keys().filter(|name| !sent.headers().contains_key(*name)) {
            let values = texts(seen.headers(), name);
            if !OF_THE_TRANSPORT.contains(name) || values.len() > 1 {
                let what = format!("sent no `{name}`, the server saw {values:?}");
                self.broken(Clause::RequestHeaders, what);
            }
        }
        let hosts = texts(seen.headers(), &header::HOST);
        if hosts != [trial.authority.as_str()] {
            let what = format!("sent to {}, the server saw `host: {hosts:?}`", trial.authority);
            self.broken(Clause::RequestHeaders, what);
        }
        self.judge_body(sent, seen);
    }

    fn judge_body(&mut self, sent: &Request<Vec<u8>>, seen: &Request<Vec<u8>>) {
        let is_partial = seen.extensions().get::<Partial>().is_some();
        let is_same =
            if is_partial { sent.body().starts_with(seen.body()) } else { sent.body() == seen.body() };
        if !is_same {
            let what = format!("sent {}, the server saw {}", bytes(sent.body()), bytes(seen.body()));
            self.broken(Clause::RequestBody, what);
        }
        let length = match (sent.body().len(), sent.method()) {
            (0, &Method::GET | &Method::DELETE) => vec![],
            (length, _) => vec![length.to_string()],
        };
        let lengths = texts(seen.headers(), &header::CONTENT_LENGTH);
        let codings = texts(seen.headers(), &header::TRANSFER_ENCODING);
        if length != lengths || !codings.is_empty() {
            let what = format!(
                "sent `content-length: {length:?}`, the server saw {lengths:?} and `transfer-encoding: {codings:?}`"
            );
            self.broken(Clause::RequestBody, what);
        }
    }

    /// Checks that each request arrived at most once.
    fn judge_attempts(&mut self) {
        let mut findings = Vec::new();
        for Target { sent, arrivals } in self.targets.values() {
            if let Some(first) = sent.first().filter(|_| *arrivals > sent.len()) {
                let (sent, seen) = (times(sent.len()), times(*arrivals));
                findings.push(format!("sent {} {sent}, the server saw it {seen}", line(first)));
            }
        }
        // The order of a map is random.
        findings.sort();
        for what in findings {
            self.broken(Clause::OneAttempt, what);
        }
    }

    /// Checks that no request that arrived was reported as not sent, and that the texts reveal
    /// nothing.
    fn judge_failure(&mut self, attempt: &Attempt, outcome: &Outcome) {
        let request = &attempt.request;
        let arrivals = self.targets.get(&normal(request.uri())).map_or(0, |target| target.arrivals);
        if arrivals > 0 && matches!(attempt.expected, Expected::NotSent) {
            let what = format!("sent {}, and the server saw it, which must not", line(request));
            self.broken(self.trial.clause, what);
        }
        let Err(failure) = outcome else { return };
        if arrivals > 0 && failure.delivery == Delivery::NotSent {
            let what = format!(
                "sent {}, the server saw it, and `NotSent` was reported for: {}",
                line(request),
                failure.display
            );
            self.broken(Clause::Delivery, what);
        }
        for (what, word) in SECRETS.iter().filter(|(_, word)| failure.prints(word)) {
            self.broken(Clause::QuietErrors, format!("the error prints {what}, as in `{word}`"));
        }
    }

    fn judge_outcome(&mut self, attempt: &Attempt, outcome: &Outcome) {
        let clause = self.trial.clause;
        let sent = line(&attempt.request);
        match (&attempt.expected, outcome) {
            (Expected::Response(expected) | Expected::Rather(expected), Ok(response)) => {
                self.judge_response(&sent, expected, response);
            }
            (Expected::Response(expected), Err(failure)) => {
                // A failure on a status does not come from a cache.
                let is_status = clause == Clause::NoCache && !expected.status().is_success();
                let clause = if is_status { Clause::NoStatusIsAnError } else { clause };
                self.broken(clause, format!("sent {sent}, no response came: {}", failure.display));
            }
            (Expected::Rather(_), Err(failure)) => {
                self.weak(clause, format!("sent {sent}, no response came: {}", failure.display));
            }
            (Expected::Failure | Expected::Unread(..) | Expected::NotSent, Ok(response)) => {
                self.broken(clause, format!("sent {sent}, {} came", summary(response)));
            }
            (Expected::RatherUnread(given, _), Ok(response)) => {
                let headers = || given.headers().keys();
                let is_kept = |name| difference(name, given.headers(), response.headers()).is_none();
                let what = format!("sent {sent}, {} came", summary(response));
                // A response that keeps its headers says that its body is encoded.
                if headers().all(is_kept) && given.body() == response.body() {
                    self.weak(clause, what);
                } else {
                    self.broken(clause, what);
                }
            }
            (Expected::Unread(head, why) | Expected::RatherUnread(head, why), Err(failure)) => {
                self.judge_head(&sent, head, *why, failure);
            }
            (Expected::NotSent, Err(failure)) if failure.delivery == Delivery::Unknown => {
                let what = format!("nothing was sent, and `Unknown` was reported for: {}", failure.display);
                self.weak(Clause::Delivery, what);
            }
            (Expected::Failure | Expected::NotSent, Err(_)) | (Expected::Any, _) => {}
        }
        let is_expected =
            matches!(attempt.expected, Expected::Unread(..) | Expected::RatherUnread(..) | Expected::Any);
        if let (false, Err(Failure { head: Some(head), .. })) = (is_expected, outcome) {
            let (status, ..) = **head;
            self.broken(Clause::Head, format!("sent {sent}, no head came, and {status} was handed over"));
        }
    }

    fn judge_head(&mut self, sent: &str, given: &Response<Vec<u8>>, why: BodyFailure, failure: &Failure) {
        let Some((status, headers, told)) = failure.head.as_deref() else {
            let what =
                format!("sent {sent}, the server answered {}, no head was handed over", given.status());
            return self.weak(Clause::Head, what);
        };
        if (given.status(), why) != (*status, *told) {
            let (given, came) = (given.status(), status);
            let what = format!("the server answered {given} ({why:?}), {came} ({told:?}) was handed over");
            self.broken(Clause::Head, what);
        }
        for name in given.headers().keys() {
            if let Some([given, came]) = difference(name, given.headers(), headers) {
                let what = format!("the server answered `{name}: {given}`, {came} was handed over");
                self.broken(Clause::Head, what);
            }
        }
    }

    fn judge_response(&mut self, sent: &str, expected: &Response<Vec<u8>>, response: &Response<Vec<u8>>) {
        let clause = self.trial.clause;
        if expected.status() != response.status() {
            let what =
                format!("sent {sent}, the server answered {}, {} came", summary(expected), summary(response));
            return self.broken(clause, what);
        }
        for name in expected.headers().keys() {
            if let Some([given, came]) = difference(name, expected.headers(), response.headers()) {
                let what = format!("the server answered `{name}: {given}`, {came} came");
                self.broken(Clause::ResponseHeaders, what);
            }
        }
        if expected.body() != response.body() {
            let is_about_bodies = matches!(
                clause,
                Clause::Decompression | Clause::BodyLimit | Clause::OwnResponse | Clause::NoCache
            );
            let clause = if is_about_bodies { clause } else { Clause::WholeResponse };
            let (given, came) = (bytes(expected.body()), bytes(response.body()));
            // It may be another response, with other headers.
            return self.broken(clause, format!("sent {sent}, the server answered {given}, {came} came"));
        }
        let is_new = |name: &&HeaderName| !expected.headers().contains_key(*name) && !FRAMING.contains(*name);
        for name in response.headers().keys().filter(is_new) {
            let values = texts(response.headers(), name);
            self.broken(Clause::ResponseHeaders, format!("the server sent no `{name}`, {values:?} came"));
        }
    }

    /// Checks that a limited request ended with its limit, and any other within the patience.
    fn judge_time(&mut self) {
        let trial = self.trial;
        let timed = || trial.attempts.iter().zip(trial.outcomes.iter().map(|(_, time)| *time));
        let hanging = timed().find(|(_, time)| *time >= trial.patience);
        let size = trial.limited.len();
        // The last outcome of a round has the time of the round.
        let rounds = timed().skip(size.saturating_sub(1)).step_by(size.max(1));
        let quickest = rounds.min_by_key(|(_, time)| *time);
        let late = quickest.filter(|(_, time)| size > 0 && trial.is_late(*time));
        if let Some((attempt, time)) = hanging.or(late) {
            let limit = if attempt.is_limited { trial.request_timeout } else { trial.patience };
            let (sent, limit, took) = (line(&attempt.request), limit.as_secs_f32(), time.as_secs_f32());
            let what = format!("sent {sent} with a limit of {limit:.2} s, it took {took:.2} s");
            // A blocking socket limits each write, and the last one may begin when the limit ends.
            let is_twice = !trial.is_late(time.saturating_sub(trial.request_timeout));
            let is_weak = trial.twist == Twist::Unread && hanging.is_none() && is_twice;
            if is_weak { self.weak(Clause::TimeLimit, what) } else { self.broken(Clause::TimeLimit, what) }
        }
    }

    /// Checks all requests of the trial together.
    fn judge_whole(&mut self, seen: &Seen) {
        let trial = self.trial;
        let (told, sent) = (trial.outcomes.len(), trial.attempts.len());
        if told != sent {
            self.broken(trial.clause, format!("{told} outcomes of {sent} requests"));
        }
        let answered = trial.outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).count();
        let arrived = seen.requests.len();
        if arrived < answered {
            let what =
                format!("sent {sent} requests, the server saw {arrived}, and {answered} responses came");
            self.broken(Clause::NoCache, what);
        }
        if trial.twist == Twist::OneConnection && seen.connections > 1 {
            let what = format!("sent {sent} requests, the server saw {} connections", seen.connections);
            self.weak(Clause::Reuse, what);
        }
    }
}

/// Headers of the connection, the framing and the program rather than of the request.
static OF_THE_TRANSPORT: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
];

/// Headers of a response that the server adds to those of the case.
static FRAMING: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// Returns a target with its percent-encodings in capitals. By RFC 3986 their letter case makes no
/// difference.
fn normal(uri: &Uri) -> Vec<u8> {
    let mut left = 0_u8;
    let text = uri.to_string();
    let bytes = text.bytes().map(|byte| {
        let is_encoded = left > 0;
        left = if byte == b'%' { 2 } else { left.saturating_sub(1) };
        if is_encoded { byte.to_ascii_uppercase() } else { byte }
    });
    bytes.collect()
}

/// Returns the first line of a request for the findings.
fn line(request: &Request<Vec<u8>>) -> String {
    format!("{} {}", request.method(), request.uri())
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn summary(response: &Response<Vec<u8>>) -> String {
    format!("HTTP {} and {}", response.status(), bytes(response.body()))
}

/// Returns the number of bytes, and the first ones.
fn bytes(bytes: &[u8]) -> String {
    const SHOWN: usize = 32;
    let count = bytes.len();
    let start = bytes.get(..SHOWN).unwrap_or(bytes).escape_ascii();
    let end = if count > SHOWN { "..." } else { "" };
    format!("{count} bytes (`{start}{end}`)")
}

fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.as_bytes().escape_ascii().to_string()).collect()
}

/// Returns the values of a header in both, if they differ.
fn difference(name: &HeaderName, before: &HeaderMap, after: &HeaderMap) -> Option<[String; 2]> {
    let (before, after) = (texts(before, name), texts(after, name));
    (before != after).then(|| [before, after].map(|values| format!("{values:?}")))
}
