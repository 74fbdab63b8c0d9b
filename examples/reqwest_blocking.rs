//! A transport over reqwest's blocking client, and the contract of transports that it is put to.
//!
//! `cargo run --example reqwest_blocking --features other-stacks`

use std::io::{self, Read};
use std::time::Duration;

use kinde_users::contract::{Options, check};
use kinde_users::http::{Request, Response};
use kinde_users::{Delivery, Transport, request_timeout};
use reqwest::blocking::{self, Client};
use reqwest::{redirect, retry};

const BODY_LIMIT: u64 = 16 * 1024 * 1024;

struct ReqwestTransport(Client);

impl ReqwestTransport {
    fn new() -> reqwest::Result<Self> {
        let client = Client::builder().redirect(redirect::Policy::none()).retry(retry::never());
        Ok(Self(client.connect_timeout(Duration::from_secs(10)).build()?))
    }
}

impl Transport for ReqwestTransport {
    type Error = io::Error;

    fn send(&self, request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        let limit = request_timeout(&request);
        let is_empty = request.body().is_empty();
        let mut request = blocking::Request::try_from(request).map_err(quiet)?;
        // For an empty body, reqwest would send `Content-Length: 0`, also with a GET.
        request.body_mut().take_if(|_| is_empty);
        *request.timeout_mut() = Some(limit);
        let mut response = self.0.execute(request).map_err(quiet)?;
        let mut body = Vec::new();
        // The error of a read may hold one of reqwest's, which prints the URI.
        let read = response.by_ref().take(BODY_LIMIT + 1).read_to_end(&mut body);
        if read.map_err(|error| error.kind())? as u64 > BODY_LIMIT {
            return Err(io::Error::other("the body is too long"));
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // reqwest takes the cryptography of the process. An error means that the process has one
    // already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let report = check(&ReqwestTransport::new()?, &Options::new())?;
    println!("{report}");
    report.assert_kept();
    Ok(())
}
