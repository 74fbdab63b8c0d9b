//! Transports that wait too long, or that take the reply of another request or server.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Response};
use kinde_users_contract::{Authority, Case, Clause};
use kinde_users_core::{Delivery, Transport, request_timeout, set_request_timeout};
use kinde_users_ureq::{ErrorKind, UreqTransport};
use ureq::tls::TlsConfig;

use crate::{Failed, LIMIT, Message, Result, Row, assert_found, options, row, trusting, try_in, ureq_with};

#[test]
fn raised_time_limits_are_detected() {
    fn limits(does: &str, limit: fn(Duration) -> Duration) -> Row {
        row(does, "does not answer a GET", Clause::TimeLimit, move |ureq, mut request| {
            let limit = limit(request_timeout(&request));
            set_request_timeout(&mut request, limit);
            Ok(ureq.send(request)?)
        })
    }
    // The variants wait at least a second, wait half a second more, or have no limit. A plain check
    // uses a longer limit, which reveals a doubled one.
    let rows = [
        limits("waits a second at least", |limit| limit.max(Duration::from_secs(1))),
        limits("waits half a second more", |limit| limit + Duration::from_millis(500)),
        limits("has no limit", |_| Duration::MAX),
    ];
    assert_found(rows);
    let line = Mutex::new(());
    let waits = move |ureq: &UreqTransport, request: Message| {
        let _turn = line.lock().unwrap();
        Ok(ureq.send(request)?)
    };
    let options_of_200_ms = options().request_timeout(Duration::from_millis(200));
    let Row { send, .. } = row("counts no wait for the connection", "", Clause::TimeLimit, waits);
    let report = try_in(&options_of_200_ms, |case| case.name().contains("neither of two"), &send);
    assert_eq!(report.broken_clauses(), [Clause::TimeLimit], "{report}");
    let doubles = limits("doubles the limit", |limit| limit * 2);
    let options = options().request_timeout(Duration::from_millis(200));
    let report = try_in(&options, |case| case.name().contains("does not answer"), &doubles.send);
    assert_eq!(report.broken_clauses(), [Clause::TimeLimit], "{report}");
}

#[test]
fn limits_of_single_reads_are_detected() {
    // Each read of this transport has the limit of the request, and its writes have none.
    let cases =
        [("waits for the next byte", "one interim response"), ("writes without a limit", "not read a body")];
    assert_found(cases.map(|(does, case)| {
        let keeps = Keeps::default();
        row(does, case, Clause::TimeLimit, move |_, request| keeps.send(&request))
    }));
}

#[test]
fn false_deliveries_are_detected() {
    fn says(does: &str, case: &'static str, is_not_sent: fn(ErrorKind) -> bool) -> Row {
        row(does, case, Clause::Delivery, move |ureq, request| {
            ureq.send(request).map_err(|error| {
                let lies = is_not_sent(error.kind());
                let delivery = if lies { Delivery::NotSent } else { error.delivery() };
                Failed { delivery, ..error.into() }
            })
        })
    }
    assert_found([
        says("calls a reset not sent", "resets the connection", |kind| {
            matches!(kind, ErrorKind::Io(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
        }),
        says("calls a cut off request not sent", "POST of a megabyte", |_| true),
        says("calls a closed connection not sent", "server closes the connection", |kind| {
            matches!(kind, ErrorKind::Io(io::ErrorKind::UnexpectedEof))
        }),
        says("calls half a response not sent", "within the body", |_| true),
        says("calls a time-out not sent", "does not answer", |_| true),
        says("calls a long body not sent", "a body of one byte more", |_| true),
    ]);
}

/// A transport that keeps its connection whatever the outcome of a request.
#[derive(Default)]
struct Keeps(Mutex<HashMap<String, TcpStream>>);

impl Keeps {
    fn send(&self, request: &Message) -> Result {
        let authority = request.uri().authority().unwrap().to_string();
        let mut streams = self.0.lock().unwrap();
        let stream = match streams.entry(authority.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(TcpStream::connect(&authority)?),
        };
        stream.set_read_timeout(Some(request_timeout(request)))?;
        let target = request.uri().path_and_query().unwrap();
        let mut head =
            format!("{} {target} HTTP/1.1\r\nhost: {authority}\r\n", request.method()).into_bytes();
        for (name, value) in request.headers() {
            write!(head, "{name}: {}\r\n", value.to_str().unwrap())?;
        }
        if !request.body().is_empty() {
            write!(head, "content-length: {}\r\n", request.body().len())?;
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head)?;
        stream.write_all(request.body())?;

        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            bytes.extend(byte);
            if bytes.starts_with(b"HTTP/1.1 1") && bytes.ends_with(b"\r\n\r\n") {
                bytes.clear();
            }
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut response = Response::builder().status(&head[9..12]);
        let mut length = 0;
        for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
            response = response.header(name, value);
            length = if name == "content-length" { value.parse().unwrap() } else { length };
        }
        if length > LIMIT {
            return Err(Failed::new("too long"));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(response.body(body).unwrap())
    }
}

#[test]
fn replies_to_an_earlier_request_are_detected() {
    for case in ["GET whose reply", "POST whose reply", "a reply with another one behind it"] {
        let keeps = Keeps::default();
        let report = try_in(&options(), |tried| tried.name().contains(case), &|request| keeps.send(&request));
        assert_eq!(report.broken_clauses(), [Clause::OwnResponse], "{case}: {report}");
    }
    // This transport cannot read the rest of a body as a response.
    for case in ["a reply whose end", "a body that was too long"] {
        let keeps = Keeps::default();
        let send = |request: Message| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| keeps.send(&request)))
        };
        let send = |request| send(request).unwrap_or_else(|_| Err(Failed::new("no response")));
        let report = try_in(&options(), |tried| tried.name().contains(case), &send);
        assert!(report.broken_clauses().contains(&Clause::OwnResponse), "{case}: {report}");
    }
}

#[test]
fn late_reply_to_the_same_request_is_detected() {
    let late = Mutex::new(HashMap::new());
    let waits = move |ureq: &UreqTransport, request: Message| {
        let (uri, limit) = (request.uri().clone(), request_timeout(&request));
        let came = late.lock().unwrap().remove(&uri).unwrap_or_else(|| {
            let (ureq, (sender, came)) = (ureq.clone(), std::sync::mpsc::channel());
            std::thread::spawn(move || {
                let mut request = request;
                set_request_timeout(&mut request, Duration::from_secs(2));
                let _ = sender.send(ureq.send(request));
            });
            came
        });
        if let Ok(result) = came.recv_timeout(limit) {
            return Ok(result?);
        }
        late.lock().unwrap().insert(uri, came);
        Err(Failed::new("time-out"))
    };
    let does = "takes a late reply for the same request";
    assert_found([row(does, "POST whose reply", Clause::OwnResponse, waits)]);
}

#[test]
fn caches_are_detected() {
    let cache = Mutex::new(HashMap::new());
    let caches = move |ureq: &UreqTransport, request: Message| {
        let key = (request.method().clone(), request.uri().clone());
        if let Some(response) = cache.lock().unwrap().get(&key) {
            return Ok(Response::clone(response));
        }
        let response = ureq.send(request)?;
        cache.lock().unwrap().insert(key, response.clone());
        Ok(response)
    };
    let tags = Mutex::new(None::<HeaderValue>);
    let revalidates = move |ureq: &UreqTransport, mut request: Message| {
        let tag = tags.lock().unwrap().clone();
        request.headers_mut().extend(tag.map(|tag| (IF_NONE_MATCH, tag)));
        let response = ureq.send(request)?;
        *tags.lock().unwrap() = response.headers().get(ETAG).cloned();
        Ok(response)
    };
    let shared = (Mutex::new((0, None)), Condvar::new());
    let joins = move |ureq: &UreqTransport, request: Message| {
        let (state, changed) = &shared;
        let mut waiting = state.lock().unwrap();
        waiting.0 += 1;
        if waiting.0 % 4 != 1 {
            let waiting = changed.wait_while(waiting, |(_, response)| response.is_none()).unwrap();
            return Ok(Response::clone(waiting.1.as_ref().unwrap()));
        }
        drop(waiting);
        let response = ureq.send(request)?;
        state.lock().unwrap().1 = Some(response.clone());
        changed.notify_all();
        Ok(response)
    };
    assert_found([
        row("keeps responses to GETs", "the same GET three times", Clause::NoCache, caches),
        row("asks whether it changed", "the same GET three times", Clause::RequestHeaders, revalidates),
        row("sends the same request once", "the same POST four times", Clause::NoCache, joins),
    ]);
    assert_found([301, 404, 410].map(|status| {
        let kept = Mutex::new(HashMap::new());
        let case = "three GETs, each answered";
        row(format!("keeps a {status}"), case, Clause::NoCache, move |ureq, request| {
            if let Some(response) = kept.lock().unwrap().get(request.uri()) {
                return Ok(Response::clone(response));
            }
            let uri = request.uri().clone();
            let response = ureq.send(request)?;
            if response.status() == status {
                kept.lock().unwrap().insert(uri, response.clone());
            }
            Ok(response)
        })
    }));
}

#[test]
fn accepting_any_certificate_is_detected() {
    let authority = Authority::new().unwrap();
    let options = options().trusted(&authority);
    let is_tried = |case: &Case| case.clause() == Clause::Tls;
    let good = trusting(&authority);
    let report = try_in(&options, is_tried, &|request| Ok(good.send(request)?));
    report.assert_kept();
    assert_eq!((report.weak(), report.skipped()), (&[][..], &[][..]), "{report}");

    let lax = ureq_with(TlsConfig::builder().disable_verification(true).build());
    let report = try_in(&options, is_tried, &|request| Ok(lax.send(request)?));
    assert_eq!(report.broken_clauses(), [Clause::Tls], "{report}");
    for kind in ["not trusted", "other names", "in the past", "in the future"] {
        assert!(report.broken().iter().any(|finding| finding.case.ends_with(kind)), "{kind}: {report}");
    }
}

#[test]
fn wrong_outcomes_of_tls_that_is_cut_are_detected() {
    let authority = Authority::new().unwrap();
    let options = options().trusted(&authority);
    let good = trusting(&authority);
    let check = |case: &str, clause, send: &(dyn Fn(Message) -> Result + Sync)| {
        let report = try_in(&options, |tried| tried.name().contains(case), send);
        assert_eq!(report.broken_clauses(), [clause], "{case}: {report}");
    };
    check("cut within a body", Clause::WholeResponse, &|request| {
        Ok(good.send(request).unwrap_or_else(|_| Response::new(b"{".to_vec())))
    });
    check("cut before the answer", Clause::OneAttempt, &|request| {
        Ok(good.send(request.clone()).or_else(|_| good.send(request))?)
    });
    // Without a connection, a failure of TLS means that nothing was sent, but not here.
    check("TLS that is cut", Clause::Delivery, &|request| {
        good.send(request).map_err(|error| Failed { delivery: Delivery::NotSent, ..error.into() })
    });
}

#[test]
fn fallback_to_plain_http_is_detected() {
    for case in ["instead of TLS", "an authority that is not trusted"] {
        assert_found([row("falls back to http", case, Clause::Tls, |ureq, request| {
            match ureq.send(request.clone()) {
                Err(_) if request.uri().scheme_str() == Some("https") => {
                    let plain = request.uri().to_string().replace("https://", "http://");
                    let mut request = request;
                    *request.uri_mut() = plain.parse().unwrap();
                    Ok(ureq.send(request)?)
                }
                result => Ok(result?),
            }
        })]);
    }
}
