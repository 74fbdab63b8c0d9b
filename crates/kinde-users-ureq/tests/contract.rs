//! Tests that `UreqTransport` keeps the contract of transports, and that the contract detects
//! broken transports, clause by clause.

mod connect_proxy;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, Uri};
use kinde_users_contract::{Authority, Clause, Options, Report, check};
use kinde_users_core::{
    BodyFailure, Delivery, Transport, request_timeout, set_request_timeout, transport_fn,
};
use kinde_users_ureq::{UreqError, UreqTransport};
use ureq::Proxy;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsConfigBuilder};
use ureq::typestate::AgentScope;

use connect_proxy::ConnectProxy;

type Result<E = UreqError> = std::result::Result<Response<Vec<u8>>, E>;

const LIMIT: usize = 64 * 1024;

/// Returns a correct transport that uses no proxy.
fn ureq() -> UreqTransport {
    // Without optimisation, buffers of ureq's default size would take most of the time.
    let small = |config: ConfigBuilder<_>| config.input_buffer_size(8192).output_buffer_size(8192);
    UreqTransport::configured(|config| small(config).proxy(None)).body_limit(LIMIT as u64)
}

/// Returns TLS settings with the root certificates of a test.
fn trusted(authority: &Authority) -> TlsConfigBuilder {
    let roots = RootCerts::from(vec![Certificate::from_der(authority.certificate()).to_owned()]);
    TlsConfig::builder().root_certs(roots)
}

/// Returns options that suffice to detect a breach. To detect a weakness, a connection must be
/// under way within the time limit.
fn quick() -> Options {
    Options::new().body_limit(LIMIT).request_timeout(Duration::from_millis(20))
}

/// Returns options for transports whose connections take longer.
fn unhurried() -> Options {
    Options::new().request_timeout(Duration::from_millis(400))
}

fn report_of(transport: &(impl Transport + Sync)) -> Report {
    check(transport, &quick()).unwrap()
}

/// Checks a transport that is a closure.
fn report_of_fn(send: impl Fn(Request<Vec<u8>>) -> Result + Sync) -> Report {
    report_of(&transport_fn(send))
}

fn assert_broken(report: &Report, clauses: &[Clause]) {
    assert_eq!(report.broken_clauses(), clauses, "{report}");
}

// ---- Good ones --------------------------------------------------------------

/// Checks ureq with settings that add to those of [`ureq`]. Only the listed clauses may be weak,
/// and the time limit, because ureq limits each write.
fn assert_kept(
    options: &Options,
    configure: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    weak: &[Clause],
) {
    let small = |config: ConfigBuilder<_>| config.input_buffer_size(8192).output_buffer_size(8192);
    let ureq = UreqTransport::configured(|config| configure(small(config).proxy(None)));
    let report = check(&ureq.body_limit(LIMIT as u64), &options.clone().body_limit(LIMIT)).unwrap();
    report.assert_kept();
    let may_be_weak = |clause: &Clause| weak.contains(clause) || *clause == Clause::TimeLimit;
    assert!(report.weak_clauses().iter().all(may_be_weak), "{report}");
    assert_eq!(report.skipped(), &[] as &[String], "{report}");
    assert!(report.cases() > 150, "{report}");
}

#[test]
fn ureq_keeps_every_clause() {
    let authority = Authority::new().unwrap();
    let tls = trusted(&authority).build();
    assert_kept(&Options::new().trusted(&authority), |config| config.tls_config(tls), &[]);
}

#[test]
fn every_clause_is_kept_over_tls_with_a_custom_root() {
    let authority = Authority::new().unwrap();
    let tls = trusted(&authority).build();
    assert_kept(&unhurried().over_tls(&authority), |config| config.tls_config(tls), &[]);
}

#[test]
fn every_clause_is_kept_with_a_client_certificate() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.client_certificate().unwrap();
    let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
    let key = PrivateKey::from_pem(key.as_bytes()).unwrap();
    let tls = trusted(&authority).client_cert(Some(ClientCert::new_with_certs(&[certificate], key))).build();
    assert_kept(&unhurried().mutual_tls(&authority), |config| config.tls_config(tls), &[]);
}

#[test]
fn missing_client_certificate_is_detected() {
    let authority = Authority::new().unwrap();
    let tls = trusted(&authority).build();
    let transport = UreqTransport::configured(|config| config.proxy(None).tls_config(tls));
    let report = check(&transport, &quick().mutual_tls(&authority)).unwrap();
    assert!(report.broken_clauses().contains(&Clause::NoStatusIsAnError), "{report}");
}

#[test]
fn every_clause_is_kept_through_a_proxy() {
    let (authority, proxy) = (Authority::new().unwrap(), ConnectProxy::start());
    let tls = trusted(&authority).build();
    let to_proxy = Proxy::new(&format!("http://proxy-user:proxy-password@{}", proxy.address())).unwrap();
    let configure = |config: ConfigBuilder<_>| config.tls_config(tls).proxy(Some(to_proxy));
    // The proxy passes on with a delay that the server closed a connection.
    assert_kept(&unhurried().over_tls(&authority), configure, &[Clause::Reuse]);
    let heads = proxy.take_heard().heads;
    assert!(heads.len() > 100, "{}", heads.len());
    for head in heads {
        let names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
        let ours = ["host", "proxy-authorization", "proxy-connection", "user-agent"];
        assert!(names.iter().all(|(name, _)| ours.contains(&&*name.to_ascii_lowercase())), "{head}");
    }
}

#[test]
fn ureq_as_it_comes_takes_bodies_of_16_mib() {
    let transport = UreqTransport::configured(|config| config.proxy(None));
    let report = check(&transport, &Options::new().request_timeout(Duration::from_millis(50))).unwrap();
    report.assert_kept();
    // The six cases of certificates are skipped: they need a transport that trusts an authority of
    // the test.
    assert_eq!(report.skipped().len(), 6, "{report}");
}

#[test]
fn compression_cases_need_a_request_for_gzip() {
    let ureq = ureq();
    let report = report_of_fn(|mut request| {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        ureq.send(request)
    });
    report.assert_kept();
    assert_eq!(report.skipped().len(), 18, "{report}");
}

// ---- What goes out ----------------------------------------------------------

#[test]
fn normalised_targets_are_detected() {
    let ureq = ureq();
    let report = report_of_fn(|mut request| {
        let uri = request.uri().to_string().replace("%2C", ",");
        *request.uri_mut() = Uri::try_from(uri).unwrap();
        ureq.send(request)
    });
    assert_broken(&report, &[Clause::Target]);
}

#[test]
fn dropped_header_is_detected() {
    let ureq = ureq();
    let report = report_of_fn(|mut request| {
        request.headers_mut().remove(CONTENT_TYPE);
        ureq.send(request)
    });
    assert_broken(&report, &[Clause::RequestHeaders]);
}

#[test]
fn kept_cookies_are_detected() {
    let (ureq, jar) = (ureq(), Mutex::new(None));
    let report = report_of_fn(|mut request| {
        let cookie = jar.lock().unwrap().take();
        request.headers_mut().extend(cookie.map(|cookie| (COOKIE, cookie)));
        let response = ureq.send(request)?;
        *jar.lock().unwrap() = response.headers().get(SET_COOKIE).cloned();
        Ok(response)
    });
    assert_broken(&report, &[Clause::RequestHeaders]);
}

#[test]
fn content_length_of_a_get_is_detected() {
    let ureq = ureq();
    let report = report_of_fn(|mut request| {
        if request.method() == Method::GET {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        ureq.send(request)
    });
    assert_broken(&report, &[Clause::RequestBody]);
}

#[test]
fn repeated_attempt_is_detected() {
    let ureq = ureq();
    let report = report_of_fn(|request| ureq.send(request.clone()).or_else(|_| ureq.send(request)));
    assert_broken(&report, &[Clause::OneAttempt]);
}

// ---- What comes back --------------------------------------------------------

#[test]
fn a_transport_that_follows_redirects_is_found_out() {
    let ureq = ureq();
    let report = report_of_fn(|mut request| {
        let response = ureq.send(request.clone())?;
        match response.headers().get(LOCATION) {
            Some(location) if location.as_bytes().starts_with(b"/e") => {
                let authority = request.uri().authority().unwrap();
                let uri = format!("http://{authority}{}", location.to_str().unwrap());
                *request.uri_mut() = Uri::try_from(uri).unwrap();
                ureq.send(request)
            }
            _ => Ok(response),
        }
    });
    assert_broken(&report, &[Clause::NoRedirect]);
}

#[test]
fn error_for_404_is_detected() {
    let ureq = ureq();
    let report = report_of_fn(|request| match ureq.send(request)? {
        response if response.status() == 404 => Err(ureq::Error::StatusCode(404).into()),
        response => Ok(response),
    });
    assert_broken(&report, &[Clause::NoStatusIsAnError]);
}

#[test]
fn lost_repeated_header_is_detected() {
    let ureq = ureq();
    let report = report_of_fn(|request| {
        let mut response = ureq.send(request)?;
        if let Some(first) = response.headers().get(SET_COOKIE).cloned() {
            response.headers_mut().insert(SET_COOKIE, first);
        }
        Ok(response)
    });
    assert_broken(&report, &[Clause::ResponseHeaders]);
}

#[test]
fn cut_long_bodies_are_detected() {
    let endless = ureq().body_limit(u64::MAX);
    let report = report_of_fn(|request| {
        let mut response = endless.send(request)?;
        response.body_mut().truncate(LIMIT);
        Ok(response)
    });
    assert_broken(&report, &[Clause::BodyLimit, Clause::Decompression]);
}

#[test]
fn mixed_up_responses_are_detected() {
    let (ureq, cache) = (ureq(), Mutex::new(HashMap::new()));
    let report = report_of_fn(|request| {
        if !request.uri().path().starts_with("/echo/") {
            return ureq.send(request);
        }
        let key = request.uri().authority().cloned();
        let mut cache = cache.lock().unwrap();
        if let Some(response) = cache.get(&key) {
            return Ok(Response::clone(response));
        }
        let response = ureq.send(request)?;
        cache.insert(key, response.clone());
        Ok(response)
    });
    assert_broken(&report, &[Clause::OwnResponse, Clause::NoCache]);
}

// ---- Failures ---------------------------------------------------------------

#[test]
fn ignored_time_limit_is_detected() {
    let ureq = ureq();
    let unlimited = transport_fn(|mut request: Request<Vec<u8>>| {
        set_request_timeout(&mut request, Duration::MAX);
        ureq.send(request)
    });
    let report = check(&unlimited, &quick().patience(Duration::from_millis(300))).unwrap();
    assert_broken(&report, &[Clause::TimeLimit]);
    assert!(report.broken().len() >= 5, "{report}");
}

#[test]
fn raised_time_limit_of_a_large_body_is_detected() {
    let ureq = ureq();
    let raised = transport_fn(|mut request: Request<Vec<u8>>| {
        if request.body().len() > LIMIT {
            set_request_timeout(&mut request, Duration::from_millis(400));
        }
        ureq.send(request)
    });
    let report = report_of(&raised);
    assert_broken(&report, &[Clause::TimeLimit]);
    assert_eq!(report.broken().len(), 1, "{report}");
}

/// A correct transport that reports this delivery for each error.
struct Says(UreqTransport, Delivery);

impl Transport for Says {
    type Error = UreqError;

    fn send(&self, request: Request<Vec<u8>>) -> Result {
        self.0.send(request)
    }

    fn delivery(&self, _: &UreqError) -> Delivery {
        self.1
    }

    fn head<'e>(&self, error: &'e UreqError) -> Option<&'e Response<BodyFailure>> {
        self.0.head(error)
    }
}

#[test]
fn false_delivery_is_detected() {
    let report = report_of(&Says(ureq(), Delivery::NotSent));
    assert_broken(&report, &[Clause::Delivery]);
}

#[test]
fn transport_without_delivery_is_weak() {
    let report = report_of(&Says(ureq(), Delivery::Unknown));
    report.assert_kept();
    assert_eq!(report.weak_clauses(), [Clause::Delivery], "{report}");
    assert_eq!(report.weak().len(), 6, "{report}");
}

#[test]
fn connection_for_each_request_is_weak() {
    let report = report_of_fn(|request| ureq().send(request));
    report.assert_kept();
    // A closure reports neither the delivery nor the head of a failed response.
    assert_eq!(report.weak_clauses(), [Clause::Delivery, Clause::Reuse, Clause::Head], "{report}");
}

#[test]
fn uri_in_errors_is_detected() {
    struct Noisy(UreqTransport);

    impl Transport for Noisy {
        type Error = NoisyError;

        fn send(&self, request: Request<Vec<u8>>) -> Result<NoisyError> {
            let uri = request.uri().clone();
            self.0.send(request).map_err(|error| NoisyError(Inner(uri), error))
        }

        fn delivery(&self, NoisyError(_, error): &NoisyError) -> Delivery {
            error.delivery()
        }
    }

    /// Its own text is safe, but not that of its source.
    struct NoisyError(Inner, UreqError);

    impl fmt::Debug for NoisyError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("NoisyError")
        }
    }

    impl fmt::Display for NoisyError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.1.fmt(f)
        }
    }

    impl std::error::Error for NoisyError {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[derive(Debug)]
    struct Inner(Uri);

    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl std::error::Error for Inner {}

    assert_broken(&report_of(&Noisy(ureq())), &[Clause::QuietErrors]);
}

// ---- A bare socket ----------------------------------------------------------

/// A transport written in a quarter of an hour: the time limit applies to each read, and the body
/// ends with the connection.
fn naive(request: &Request<Vec<u8>>) -> Result<io::Error> {
    let authority = request.uri().authority().unwrap();
    let mut stream = TcpStream::connect(authority.as_str())?;
    stream.set_read_timeout(Some(request_timeout(request)))?;
    let target = request.uri().path_and_query().unwrap();
    let mut head = Vec::new();
    write!(head, "{} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method())?;
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
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head: String = bytes[..end].iter().copied().map(char::from).collect();
    let mut response = Response::builder().status(&head[9..12]);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        let value: Vec<u8> = value.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
        response = response.header(name, value);
    }
    Ok(response.body(bytes[end + 4..].to_vec()).unwrap())
}

#[test]
fn a_naive_transport_hears_all_that_it_lacks() {
    let naive = transport_fn(|request| naive(&request));
    // The server sends bytes faster than the time limit and for as long as the patience.
    let limits = quick().request_timeout(Duration::from_millis(200)).patience(Duration::from_millis(500));
    let report = check(&naive, &limits).unwrap();
    let lacks = [
        Clause::WholeResponse,
        Clause::BodyLimit,
        Clause::TimeLimit,
        Clause::OwnResponse,
        Clause::Tls,
        Clause::Head,
    ];
    assert_broken(&report, &lacks);
    let weak = [Clause::Decompression, Clause::Delivery, Clause::Reuse, Clause::Head];
    assert_eq!(report.weak_clauses(), weak, "{report}");

    let text = report.to_string();
    for line in [
        "broken: only a complete response is returned (WholeResponse)",
        "  GET, and the server closes the connection within the body: sent GET /api",
        "  a server that sends a head byte by byte: sent GET /api/v1/users/kp_sally?email=sally%40example.com with a \
         limit of 0.20 s, it took 0.5",
        "  a server that closes the connection instead of TLS: sent to https, the server saw POST /api/v1/users/kp_sally\
         ?email=sally%40example.com without TLS",
        "weak: consecutive requests share a connection (Reuse)",
        "not applicable: a compressed body",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}\n\n{text}");
    }
    let panic = catch_unwind(|| report.assert_kept()).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&text));
}
