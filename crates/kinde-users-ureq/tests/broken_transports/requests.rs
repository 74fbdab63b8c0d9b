//! Transports that send another request.

use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HOST, REFERER, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method};
use kinde_users_contract::Clause;
use kinde_users_core::Transport;
use kinde_users_ureq::UreqTransport;
use ureq::tls::TlsConfig;

use crate::{Message, Row, assert_found, options, row, try_in, ureq_with, with_header, with_target};

#[test]
fn changed_targets_are_detected() {
    fn changes(does: &str, case: &'static str, change: fn(&str) -> String) -> Row {
        row(does, case, Clause::Target, move |ureq, request| Ok(ureq.send(with_target(request, change))?))
    }
    assert_found([
        changes("merges slashes", "GET /api//v1", |target| target.replace("//", "/")),
        changes("cuts the last slash", "GET /api//v1", |target| target.trim_end_matches('/').to_owned()),
        changes("decodes dots", "%2e%2E", |target| target.replace("%2e", ".").replace("%2E", ".")),
        changes("decodes letters", "%41", |target| target.replace("%41", "A")),
        changes("decodes slashes", "a%2Fb", |target| target.replace("%2F", "/")),
        changes("encodes the letters of paths", "a;b=c", |target| target.replace('!', "%21")),
        changes("makes spaces of pluses", "plus=+", |target| target.replace('+', "%20")),
        changes("drops empty pairs of the query", "b=2", |target| target.replace("&&", "&")),
        changes("sorts the query", "b=2", |target| target.replace("b=2&a=1", "a=1&b=2")),
        row("sends a PUT as a POST", "PUT without", Clause::Target, |ureq, mut request| {
            *request.method_mut() = Method::POST;
            Ok(ureq.send(request)?)
        }),
    ]);
}

#[test]
fn other_letter_case_of_percent_encodings_is_weak() {
    let ureq = ureq_with(TlsConfig::default());
    let send = |request| {
        Ok(ureq.send(with_target(request, |target| target.replace("%2f", "%2F").replace("%2e", "%2E")))?)
    };
    let report = try_in(&options(), |case| case.name().starts_with("GET /"), &send);
    report.assert_kept();
    assert_eq!(report.weak_clauses(), [Clause::Target], "{report}");
    assert_eq!(report.weak().len(), 2, "{report}");
    let seen = &report.weak()[0].seen;
    assert!(
        seen.contains("sent GET /api/v1/users/a%2Fb%2fc/mfa, the server saw GET /api/v1/users/a%2Fb%2Fc/mfa")
    );
}

#[test]
fn changed_request_headers_are_detected() {
    fn changes(does: &str, case: &'static str, change: fn(&mut HeaderMap)) -> Row {
        row(does, case, Clause::RequestHeaders, move |ureq, mut request| {
            change(request.headers_mut());
            Ok(ureq.send(request)?)
        })
    }
    fn insert(map: &mut HeaderMap, name: http::HeaderName, value: &'static str) {
        map.insert(name, HeaderValue::from_static(value));
    }
    assert_found([
        changes("drops an empty header", "of your own", |map| drop(map.remove("x-empty"))),
        changes("keeps one header of a name", "headers that come twice", |map| {
            if let Some(first) = map.get("x-twice").cloned() {
                map.insert("x-twice", first);
            }
        }),
        changes("folds headers of a name", "headers that come twice", |map| {
            let values: Vec<_> = map.get_all("x-twice").iter().map(|value| value.to_str().unwrap()).collect();
            let folded = values.join(", ");
            map.insert("x-twice", folded.parse().unwrap());
        }),
        changes("sends the token twice", "without a body", |map| {
            let token = map[AUTHORIZATION].clone();
            map.append(AUTHORIZATION, token);
        }),
        changes("adds a content type", "GET without a body", |map| {
            insert(map, CONTENT_TYPE, "application/json");
        }),
        changes("adds a referer", "GET without a body", |map| insert(map, REFERER, "/")),
        changes("adds an idempotency key", "POST without a body", |map| {
            map.insert("idempotency-key", HeaderValue::from_static("1"));
        }),
        changes("asks to go on", "POST without a body", |map| insert(map, EXPECT, "100-continue")),
        changes("names itself", "of your own", |map| insert(map, USER_AGENT, "mine/1")),
        changes("asks for compression all the same", "has values for", |map| {
            insert(map, ACCEPT_ENCODING, "gzip");
        }),
        changes("takes any type", "has values for", |map| insert(map, http::header::ACCEPT, "*/*")),
        changes("names another host", "GET without a body", |map| insert(map, HOST, "kinde.com")),
    ]);
}

#[test]
fn changed_request_bodies_are_detected() {
    fn changes(does: &str, change: fn(Vec<u8>) -> Vec<u8>) -> Row {
        row(does, "POST of", Clause::RequestBody, move |ureq, request| Ok(ureq.send(request.map(change))?))
    }
    fn lossy(body: &[u8]) -> String {
        String::from_utf8_lossy(body).into_owned()
    }
    assert_found([
        changes("trims the body", |body| body.trim_ascii().to_vec()),
        changes("makes text of the body", |body| lossy(&body).into_bytes()),
        changes("drops a byte order mark", |body| {
            body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(body)
        }),
        changes("ends the body at a NUL", |body| body.split(|byte| *byte == 0).next().unwrap().to_vec()),
        changes("cuts the body", |mut body| {
            body.truncate(65_536);
            body
        }),
        row("sends the body in chunks", "POST of", Clause::RequestBody, |ureq, request| {
            Ok(ureq.send(with_header(request, TRANSFER_ENCODING, "chunked"))?)
        }),
    ]);
    let compressing = |ureq: &UreqTransport, request: Message| {
        let request = with_header(request, CONTENT_ENCODING, "gzip");
        Ok(ureq.send(request.map(|body| [b"\x1f\x8b", body.as_slice()].concat()))?)
    };
    let Row { send, .. } = row("compresses the body", "", Clause::RequestBody, compressing);
    let report = try_in(&options(), |case| case.name().contains("POST of"), &send);
    assert_eq!(report.broken_clauses(), [Clause::RequestHeaders, Clause::RequestBody], "{report}");
}
