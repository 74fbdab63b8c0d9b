//! Tests that `HyperTransport` keeps the contract of transports, and that the contract detects
//! broken async transports.

#[path = "../../kinde-users-ureq/tests/connect_proxy/mod.rs"]
mod connect_proxy;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, LOCATION};
use http::{HeaderValue, Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use kinde_users_contract::{Authority, Clause, Options, check_async};
use kinde_users_core::{AsyncTransport, async_transport_fn, request_timeout, set_request_timeout};
use kinde_users_hyper::rustls::client::WantsClientCert;
use kinde_users_hyper::rustls::pki_types::pem::PemObject;
use kinde_users_hyper::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use kinde_users_hyper::rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use kinde_users_hyper::{HyperTransport, tls_builder};

use connect_proxy::ConnectProxy;

const LIMIT: usize = 64 * 1024;

fn quick() -> Options {
    Options::new().body_limit(LIMIT).request_timeout(Duration::from_millis(50))
}

/// Returns options for transports whose connections take longer.
fn unhurried() -> Options {
    quick().request_timeout(Duration::from_millis(400))
}

/// Starts TLS settings that trust this authority.
fn trusting(authority: &Authority) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate())).unwrap();
    tls_builder().with_root_certificates(roots)
}

/// Only the listed clauses may be weak.
async fn assert_kept(transport: HyperTransport, options: &Options, weak: &[Clause]) {
    let transport = transport.body_limit(LIMIT as u64);
    let report = check_async(&transport, options).await.unwrap();
    report.assert_kept();
    assert!(report.weak_clauses().iter().all(|clause| weak.contains(clause)), "{report}");
    assert_eq!(report.skipped(), &[] as &[String], "{report}");
    assert!(report.cases() > 150, "{report}");
}

#[tokio::test]
async fn it_keeps_every_clause_and_has_no_weakness() {
    let authority = Authority::new().unwrap();
    let tls = trusting(&authority).with_no_client_auth();
    assert_kept(HyperTransport::with_tls(tls), &quick().trusted(&authority), &[]).await;
}

#[tokio::test]
async fn every_clause_is_kept_over_tls_with_a_custom_root() {
    let authority = Authority::new().unwrap();
    let tls = trusting(&authority).with_no_client_auth();
    assert_kept(HyperTransport::with_tls(tls), &unhurried().over_tls(&authority), &[]).await;
}

#[tokio::test]
async fn every_clause_is_kept_with_a_client_certificate() {
    let authority = Authority::new().unwrap();
    let (certificate, key) = authority.client_certificate().unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let tls = trusting(&authority).with_client_auth_cert(vec![certificate], key).unwrap();
    assert_kept(HyperTransport::with_tls(tls), &unhurried().mutual_tls(&authority), &[]).await;
}

#[tokio::test]
async fn missing_client_certificate_is_detected() {
    let authority = Authority::new().unwrap();
    let transport = HyperTransport::with_tls(trusting(&authority).with_no_client_auth());
    let report = check_async(&transport, &quick().mutual_tls(&authority)).await.unwrap();
    assert!(report.broken_clauses().contains(&Clause::NoStatusIsAnError), "{report}");
}

#[tokio::test]
async fn every_clause_is_kept_through_a_proxy() {
    let (authority, proxy) = (Authority::new().unwrap(), ConnectProxy::start());
    let tunnel = Tunnel::new(format!("http://{}", proxy.address()).parse().unwrap(), HttpConnector::new());
    let tunnel = tunnel.with_auth(HeaderValue::from_static("Basic c2FsbHk6cDRzcw=="));
    let transport = HyperTransport::with_connector(tunnel, trusting(&authority).with_no_client_auth());
    assert!(!format!("{transport:?}").contains("c2FsbHk6cDRzcw=="));
    // The proxy passes on with a delay that the server closed a connection.
    assert_kept(transport, &unhurried().over_tls(&authority), &[Clause::Reuse]).await;
    let heads = proxy.take_heard().heads;
    assert!(heads.len() > 100, "{}", heads.len());
    for head in heads {
        let names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
        let ours = ["host", "proxy-authorization"];
        assert!(names.iter().all(|(name, _)| ours.contains(&&*name.to_ascii_lowercase())), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_bodies_keep_the_contract() {
    let options = Options::new().request_timeout(Duration::from_millis(50));
    let report = check_async(&HyperTransport::new(), &options).await.unwrap();
    report.assert_kept();
    // It is a matter of luck whether another thread has seen that the server closed a connection.
    assert!(report.weak_clauses().iter().all(|clause| *clause == Clause::Reuse), "{report}");
}

#[tokio::test]
async fn every_clause_is_kept_without_compression() {
    let transport = HyperTransport::new().body_limit(LIMIT as u64);
    let plain = async_transport_fn(|mut request: Request<Vec<u8>>| {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let transport = transport.clone();
        async move { transport.send(request).await }
    });
    let report = check_async(&plain, &quick()).await.unwrap();
    report.assert_kept();
    // The cases of compression are skipped, and those of certificates from an authority that this
    // transport does not trust.
    assert_eq!(report.skipped().len(), 18, "{report}");
}

// ---- Broken transports ------------------------------------------------------

type Result = std::result::Result<Response<Vec<u8>>, Failed>;

#[derive(Debug)]
struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

async fn send(transport: &HyperTransport, request: Request<Vec<u8>>) -> Result {
    transport.send(request).await.map_err(|error| Failed(error.to_string()))
}

/// Checks a broken transport and returns the clauses that it breaks.
async fn broken<F>(transport: impl Fn(HyperTransport, Request<Vec<u8>>) -> F) -> Vec<Clause>
where
    F: Future<Output = Result> + Send,
{
    let good = HyperTransport::new().body_limit(LIMIT as u64);
    let transport = async_transport_fn(move |request| transport(good.clone(), request));
    check_async(&transport, &quick()).await.unwrap().broken_clauses()
}

#[tokio::test]
async fn followed_absolute_redirects_are_detected() {
    let found = broken(|good, mut request| async move {
        let response = send(&good, request.clone()).await?;
        match response.headers().get(LOCATION).map(|location| Uri::try_from(location.as_bytes())) {
            Some(Ok(uri)) if uri.authority().is_some() && uri.scheme().is_some() => {
                *request.uri_mut() = uri;
                send(&good, request).await
            }
            _ => Ok(response),
        }
    });
    assert_eq!(found.await, [Clause::NoRedirect]);
}

#[tokio::test]
async fn retry_on_502_is_detected() {
    let found = broken(|good, request| async move {
        let response = send(&good, request.clone()).await?;
        if response.status() == 502 { send(&good, request).await } else { Ok(response) }
    });
    assert_eq!(found.await, [Clause::OneAttempt]);
}

#[tokio::test]
async fn raised_time_limit_is_detected() {
    let found = broken(|good, mut request| async move {
        let limit = request_timeout(&request) + Duration::from_millis(400);
        set_request_timeout(&mut request, limit);
        send(&good, request).await
    });
    assert_eq!(found.await, [Clause::TimeLimit]);
}

#[tokio::test]
async fn late_reply_to_the_next_request_is_detected() {
    type Late = Arc<tokio::sync::Mutex<Option<tokio::task::JoinHandle<Result>>>>;
    let late = Late::default();
    let found = broken(|good, mut request| {
        let late = late.clone();
        async move {
            let limit = request_timeout(&request);
            let mut late = late.lock().await;
            let is_first = limit < Duration::from_secs(1);
            if let Some(task) = late.take_if(|_| !is_first) {
                if let Ok(response) = task.await.unwrap() {
                    return Ok(response);
                }
            }
            set_request_timeout(&mut request, Duration::from_secs(1));
            let mut task = tokio::spawn(async move { send(&good, request).await });
            if let Ok(result) = tokio::time::timeout(limit, &mut task).await {
                return result.unwrap();
            }
            *late = Some(task);
            Err(Failed("time-out".to_owned()))
        }
    });
    let found = found.await;
    assert!(found.contains(&Clause::OwnResponse), "{found:?}");
}

#[tokio::test]
async fn printed_secrets_and_http_fallback_are_detected() {
    let found = broken(|good, mut request| async move {
        let token = format!("{:?}", request.headers()[AUTHORIZATION].to_str());
        let https = request.uri().to_string();
        match send(&good, request.clone()).await {
            Err(_) if https.starts_with("https") => {
                *request.uri_mut() = https.replace("https", "http").parse().unwrap();
                send(&good, request).await
            }
            result => result.map_err(|Failed(error)| Failed(format!("{error} {token}"))),
        }
    });
    assert_eq!(found.await, [Clause::Tls, Clause::QuietErrors]);
}
