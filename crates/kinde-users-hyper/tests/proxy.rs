//! Tests what `HyperTransport` does if the environment asks for a proxy.

use std::process::Command;
use std::time::Duration;

use http::Request;
use kinde_users_core::{AsyncTransport, set_request_timeout};
use kinde_users_hyper::{ErrorKind, HyperTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The child process of the tests: sends a request to `CHILD_URI` with its own environment
/// variables. Does nothing without that variable.
#[tokio::test]
async fn child() {
    let Ok(uri) = std::env::var("CHILD_URI") else { return };
    let transport = HyperTransport::new();
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
