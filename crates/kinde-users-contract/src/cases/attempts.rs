//! Cases about how often a request goes out, whatever the server answers.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use http::{HeaderValue, Method, Response, header};

use crate::case::{
    Attempt, BODY, Case, Expected, METHODS, PERSON, Place, Twist, always, answer, answering, append, broken,
    in_a_row, ok, response, to_server,
};
use crate::report::Clause;
use crate::script::{Answer, Script, Then};
use crate::server::{Server, listen};

/// Returns the cases in which the server closes the connection before the response is whole.
pub(super) fn hang_ups() -> Vec<Case> {
    // If the transport tries again, it gets an answer in the end, so that the check ends too.
    let closing = || {
        Script::answers(|number, _| if number < 4 { Answer::nothing(Then::Close) } else { Answer::of(&ok()) })
    };
    let cut = |reply: Response<Vec<u8>>| always(Answer::short(&reply, 1000, Then::Close));
    let half_a_head =
        || Script::answers(|_, _| Answer::bytes(b"HTTP/1.1 200 OK\r\nx-penelope: ".to_vec(), Then::Close));
    let half_a_chunk = |reply: Response<Vec<u8>>, missing: usize| {
        let mut answer = Answer::chunked(&reply, 5);
        answer.bytes.truncate(answer.bytes.len().saturating_sub(missing));
        always(Answer { then: Then::Close, ..answer })
    };
    let empty = || ok().map(|_| Vec::new());
    let mut cases = Vec::new();
    for method in METHODS {
        let mut case = |clause, what: &str, script, expected| {
            let attempt = Attempt::simple(&method, PERSON, expected);
            cases.push(to_server(clause, format!("{method}, and the server {what}"), script, attempt));
        };
        let mut fails = |clause, what: &str, script| case(clause, what, script, Expected::Failure);
        fails(Clause::OneAttempt, "closes the connection", closing());
        fails(Clause::OneAttempt, "resets the connection", Script::Reset(Vec::new()));
        fails(Clause::WholeResponse, "closes the connection within the head", half_a_head());
        let mut unread = |what: &str, script| case(Clause::WholeResponse, what, script, broken(&ok()));
        unread("closes the connection before the body", cut(empty()));
        unread("closes the connection within the body", cut(ok()));
        unread("closes the connection before the first chunk", half_a_chunk(empty(), 5));
        unread("closes the connection within a chunk", half_a_chunk(ok(), 9));
        unread("closes the connection before the last chunk", half_a_chunk(ok(), 5));
    }
    let attempt = Attempt::new(&Method::POST, PERSON, &BODY.repeat(40_000), Expected::Failure);
    let name = "POST of a megabyte, and the server resets the connection after the head";
    cases.push(to_server(Clause::OneAttempt, name, Script::Reset(Vec::new()), attempt));
    // A body without a length ends with the connection, so only the reset says that it is not whole.
    for (when, reply) in [("before", empty()), ("within", ok())] {
        let attempt = Attempt::simple(&Method::GET, PERSON, broken(&reply));
        let name = format!("GET, and the server resets the connection {when} a body without a length");
        let script = Script::Reset(Answer::until_close(&reply).bytes);
        cases.push(to_server(Clause::WholeResponse, name, script, attempt));
    }
    cases
}

pub(super) fn redirects(patience: Duration) -> io::Result<Vec<Case>> {
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

pub(super) fn statuses() -> Vec<Case> {
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
    for (method, all) in METHODS.into_iter().zip([200..600, 200..600, 400..600, 400..600, 400..600]) {
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

pub(super) fn reuse() -> Vec<Case> {
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
