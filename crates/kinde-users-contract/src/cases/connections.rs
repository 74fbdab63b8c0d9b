//! Cases about how long a request takes, and which server and which reply it gets.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use http::{Method, Request};

use crate::authority::Authority;
use crate::case::{
    Attempt, BODY, Case, Expected, METHODS, PERSON, Place, Twist, always, answer, answering, at, broken,
    in_a_row, ok, response, sized, to_server,
};
use crate::report::Clause;
use crate::script::{Answer, Pace, Script, Then};

pub(super) fn request_timeout() -> Vec<Case> {
    let mute = || Answer::nothing(Then::Hold);
    let cut = |then| Answer::short(&ok(), 1000, then);
    let head = |then| Answer::bytes(b"HTTP/1.1 200 OK\r\nx-penelope: a".to_vec(), then);
    let chunk = || {
        let mut chunked = Answer::chunked(&ok(), 5);
        chunked.bytes.truncate(chunked.bytes.len().saturating_sub(5));
        Answer { then: Then::Drip(b"1\r\n \r\n"), ..chunked }
    };
    let interim = Answer::nothing(Then::Drip(b"HTTP/1.1 100 Continue\r\n\r\n"));
    let rows = [
        ("a server that does not answer a GET", Method::GET, mute(), Expected::Failure),
        ("a server that does not answer a POST", Method::POST, mute(), Expected::Failure),
        ("a server that stops within the body", Method::GET, cut(Then::Hold), broken(&ok())),
        ("a server that sends a head byte by byte", Method::GET, head(Then::Drip(b"a")), Expected::Failure),
        ("a server that sends one interim response after another", Method::GET, interim, Expected::Failure),
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
    // The buffers of the system hold a few megabytes.
    let attempt = Attempt::new(&Method::POST, PERSON, &BODY.repeat(320_000), Expected::Failure).limited();
    let deaf =
        to_server(Clause::TimeLimit, "a server that does not read a body of 8 MB", Script::Deaf, attempt)
            .with(Twist::Unread);
    // A request that waits for another one to end has its time limit as well.
    let attempt = || Attempt::simple(&Method::GET, PERSON, Expected::Failure).limited();
    let at_once =
        in_a_row(Clause::TimeLimit, "a server that answers neither of two GETs", always(mute()), []);
    let at_once = Case { rounds: vec![vec![attempt(), attempt()]], ..at_once };
    limited.into_iter().chain([deaf, slow, at_once]).collect()
}

/// Returns the cases in which there is no connection to send anything over.
pub(super) fn never_sent() -> Vec<Case> {
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
pub(super) fn own_response(limit: usize) -> Vec<Case> {
    let echo = |request: &Request<Vec<u8>>| response(200, &[], request.uri().to_string().as_bytes());
    let own = move |method: &Method, target: &str| {
        let mut attempt = Attempt::simple(method, target, Expected::Failure);
        attempt.expected = answer(echo(&attempt.request));
        attempt
    };
    let get = move |target: &str| own(&Method::GET, target);
    // The answer to the first request leaves bytes over for the second one. The last request is the
    // first one again, and has its own answer.
    let after = |name: &str, first: Attempt, given: Answer| {
        let script = Script::answers(
            move |number, request| {
                if number == 1 { given.clone() } else { Answer::of(&echo(request)) }
            },
        );
        let name = format!("requests after {name}");
        let again = Attempt { expected: answer(echo(&first.request)), is_limited: false, ..first.clone() };
        let attempts = [first, get("/second"), own(&Method::POST, "/third"), again];
        in_a_row(Clause::OwnResponse, name, script, attempts)
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
pub(super) fn no_cache() -> Vec<Case> {
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

pub(super) fn certificates(trusted: Option<&Authority>) -> io::Result<Vec<Case>> {
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
        let config = authority.unwrap_or(&unknown).adjusted_tls(names, |params| {
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

/// Returns the cases in which a TLS connection ends without a notice, as if it were cut.
pub(super) fn cut_tls(trusted: Option<&Authority>) -> io::Result<Vec<Case>> {
    let config = trusted.map(|authority| authority.tls(&["127.0.0.1"])).transpose()?.map(Arc::new);
    let rows = [
        (
            Clause::OneAttempt,
            "TLS that is cut before the answer",
            Answer::nothing(Then::Close),
            Expected::Failure,
        ),
        (
            Clause::WholeResponse,
            "TLS that is cut within a body without a length",
            Answer::until_close(&ok()),
            broken(&ok()),
        ),
    ];
    let cases = rows.map(|(clause, name, given, expected)| {
        let attempt = config.as_ref().map(|_| Attempt::simple(&Method::POST, PERSON, expected));
        at(Place::Tls(config.clone(), always(given)), clause, name, attempt)
    });
    Ok(cases.into())
}
