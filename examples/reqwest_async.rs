//! A transport over reqwest's async client, and the contract of transports that it is put to.
//!
//! `cargo run --example reqwest_async --features other-stacks`

use std::io;
use std::time::Duration;

use kinde_users::contract::{Options, check_async};
use kinde_users::http::{Request, Response};
use kinde_users::{AsyncTransport, Delivery, request_timeout};
use reqwest::{Client, redirect, retry};

const BODY_LIMIT: usize = 16 * 1024 * 1024;

struct ReqwestTransport(Client);

impl ReqwestTransport {
    fn new() -> reqwest::Result<Self> {
        let client = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
        Ok(Self(client.connect_timeout(Duration::from_secs(10)).build()?))
    }
}

impl AsyncTransport for ReqwestTransport {
    type Error = io::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        let limit = request_timeout(&request);
        let mut request = reqwest::Request::try_from(request).map_err(quiet)?;
        *request.timeout_mut() = Some(limit);
        let mut response = self.0.execute(request).await.map_err(quiet)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(quiet)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(io::Error::other("the body is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = Response::new(body);
        *whole.status_mut() = response.status();
        *whole.headers_mut() = std::mem::take(response.headers_mut());
        Ok(whole)
    }

    fn delivery(&self, error: &io::Error) -> Delivery {
        let error = error.get_ref().and_then(|error| error.downcast_ref::<reqwest::Error>());
        if error.is_some_and(reqwest::Error::is_connect) { Delivery::NotSent } else { Delivery::Unknown }
    }
}

/// reqwest's errors print the URI, whose query holds what was searched for.
fn quiet(error: reqwest::Error) -> io::Error {
    io::Error::other(error.without_url())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // reqwest takes the cryptography of the process. An error means that the process has one
    // already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let report = check_async(&ReqwestTransport::new()?, &Options::new()).await?;
    println!("{report}");
    report.assert_kept();
    Ok(())
}
