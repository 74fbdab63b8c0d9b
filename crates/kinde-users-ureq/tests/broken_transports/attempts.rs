//! Transports that send more than one request.

use std::time::Duration;

use http::Method;
use http::header::{CONTENT_LOCATION, LOCATION};
use kinde_users_contract::Clause;
use kinde_users_core::{Delivery, Transport};
use kinde_users_ureq::UreqError;

use crate::{Message, Row, assert_found, options, row, try_in, with_target};

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
