//! `HyperTransport` keeps the contract of transports.

use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request};
use kinde_users_core::{AsyncTransport, async_transport_fn};
use kinde_users_fake::contract::{Authority, Clause, Options, check_async};
use kinde_users_hyper::HyperTransport;
use kinde_users_hyper::rustls::pki_types::CertificateDer;
use kinde_users_hyper::rustls::{ClientConfig, RootCertStore, crypto::ring};

const LIMIT: usize = 64 * 1024;

fn quick() -> Options {
    Options::new().body_limit(LIMIT).time_limit(Duration::from_millis(50))
}

#[tokio::test]
async fn it_keeps_every_clause_and_has_no_weakness() {
    let authority = Authority::new().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate())).unwrap();
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let tls = builder.with_root_certificates(roots).with_no_client_auth();
    let transport = HyperTransport::with_tls(tls).body_limit(LIMIT as u64);
    let report = check_async(&transport, &quick().trusted(&authority)).await.unwrap();
    report.assert_kept();
    assert_eq!((report.weak(), report.skipped()), (&[][..], &[][..]), "{report}");
    assert!(report.cases() > 150, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_every_clause_on_many_threads_too_and_with_bodies_of_16_mib() {
    let options = Options::new().time_limit(Duration::from_millis(50));
    let report = check_async(&HyperTransport::new(), &options).await.unwrap();
    report.assert_kept();
    // Whether another thread has seen that the server closed a connection is a matter of luck.
    assert!(report.weak_clauses().iter().all(|clause| *clause == Clause::Reuse), "{report}");
}

#[tokio::test]
async fn it_keeps_every_clause_where_no_compression_is_asked_for() {
    let transport = HyperTransport::new().body_limit(LIMIT as u64);
    let plain = async_transport_fn(|mut request: Request<Vec<u8>>| {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let transport = transport.clone();
        async move { transport.send(request).await }
    });
    let report = check_async(&plain, &quick()).await.unwrap();
    report.assert_kept();
    // Those of compression, and those of certificates from an authority that it does not know.
    assert_eq!(report.skipped().len(), 12, "{report}");
}
