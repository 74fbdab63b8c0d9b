//! Tests what `HyperTransport` does if the environment asks for a proxy, and if a connector fails.

use std::process::Command;
use std::time::Duration;

use http::Request;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use kinde_users_core::{AsyncTransport, Delivery, set_request_timeout};
use kinde_users_hyper::rustls::RootCertStore;
use kinde_users_hyper::{ErrorKind, HyperTransport, tls_builder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The child process of the tests: sends a request to `CHILD_URI` with its own environment
/// variables. Does nothing without that variable.
#[tokio::test]
async fn child() {
    let Ok(uri) = std::env::var("CHILD_URI") else { return };
    let transport = HyperTransport::default();
    let transport =
        if std::env::var_os("CHILD_DIRECT").is_some() { transport.without_proxy() } else { transport };
    let mut request = Request::get(uri).body(Vec::new()).unwrap();
    set_request_timeout(&mut request, Duration::from_secs(30));
    match transport.send(request).await {
        Ok(response) => println!("child: HTTP {}", response.status().as_u16()),
        Err(error) => {
            let is_proxy = error.kind() == ErrorKind::Proxy;
            println!("child: {is_proxy} {:?} {error} {error:?} {transport:?}", error.delivery());
        }
    }
}

/// Returns the output of a child process in which only these variables ask for a proxy.
async fn send(uri: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env("CHILD_URI", uri).env_remove("REQUEST_METHOD");
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.find("child: ").unwrap_or_else(|| panic!("{text}"));
    text[said..].lines().next().unwrap().to_owned()
}

const SECRET: &str = "http://sally:s3cret@proxy.invalid:3128";

#[tokio::test]
async fn proxy_in_the_environment_sends_nothing() {
    for (uri, variable) in [
        ("https://acme.invalid/", "HTTPS_PROXY"),
        ("https://acme.invalid/", "https_proxy"),
        ("https://acme.invalid/", "ALL_PROXY"),
        ("http://acme.invalid/", "http_proxy"),
        ("http://acme.invalid/", "HTTP_PROXY"),
    ] {
        for value in [SECRET, "socks5://proxy.invalid", "::no uri::"] {
            let said = send(uri, &[(variable, value), ("NO_PROXY", "example.com")]).await;
            let error = format!(
                "child: true NotSent this transport does not use proxies, and the environment asks for one \
                 (send with another transport, or directly by `without_proxy`): {variable} (not sent)"
            );
            assert!(said.starts_with(&error), "{said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}

#[tokio::test]
async fn request_is_sent_if_no_proxy_applies_to_its_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
        }
    });
    // By its name, this address is not a loopback address, but connections to it arrive there.
    let (any, loopback) = (format!("http://0.0.0.0:{port}/"), format!("http://127.0.0.1:{port}/"));
    let cases: [(&str, &[(&str, &str)]); 5] = [
        (&any, &[]),
        (&loopback, &[("HTTP_PROXY", SECRET)]),
        (&any, &[("HTTP_PROXY", SECRET), ("NO_PROXY", "example.com, 0.0.0.0")]),
        (&any, &[("HTTPS_PROXY", SECRET)]),
        (&any, &[("HTTP_PROXY", SECRET), ("CHILD_DIRECT", "")]),
    ];
    for (uri, variables) in cases {
        assert_eq!(send(uri, variables).await, "child: HTTP 204", "{variables:?}");
    }
    assert!(send(&any, &[("HTTP_PROXY", SECRET)]).await.contains("HTTP_PROXY"));
}

#[tokio::test]
async fn failure_of_a_connector_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap()).parse::<http::Uri>().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 407 s3cret\r\n\r\n").await;
        }
    });
    let tls = || tls_builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let tunnel = |to: http::Uri| HyperTransport::with_connector(Tunnel::new(to, HttpConnector::new()), tls());
    let refused = ErrorKind::Io(std::io::ErrorKind::ConnectionRefused);
    for (proxy, kind) in [(proxy, ErrorKind::Connector), ("http://127.0.0.1:1".parse().unwrap(), refused)] {
        let mut request = Request::get("https://acme.invalid/").body(Vec::new()).unwrap();
        set_request_timeout(&mut request, Duration::from_secs(30));
        let error = tunnel(proxy).send(request).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (kind, Delivery::NotSent), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}
