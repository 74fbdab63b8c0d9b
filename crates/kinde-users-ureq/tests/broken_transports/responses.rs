//! Transports that return another response, or a wrong head.

use http::header::CONTENT_ENCODING;
use http::{HeaderValue, Response};
use kinde_users_contract::{Case, Clause};
use kinde_users_core::{BodyFailure, Transport};
use kinde_users_ureq::{UreqError, UreqTransport};
use ureq::tls::TlsConfig;

use crate::{Failed, LIMIT, Message, Row, assert_found, options, row, try_in, ureq_with};

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
    assert_found([row("takes a reset for the end", "a body without a length", Clause::WholeResponse, sends)]);
}

#[test]
fn unknown_encoding_without_headers_is_broken() {
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
