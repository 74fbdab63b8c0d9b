//! A transport over attohttpc, and the contract of transports that it is put to.
//!
//! `cargo run --example attohttpc --features other-stacks`

use std::io::{self, Read};

use attohttpc::{Error, ErrorKind, ProxySettings, RequestBuilder};
use kinde_users::contract::{Options, check};
use kinde_users::http::header::CONTENT_LENGTH;
use kinde_users::http::{Request, Response};
use kinde_users::{Delivery, Transport, request_timeout};
use rustls::pki_types::CertificateDer;

const BODY_LIMIT: u64 = 16 * 1024 * 1024;

/// With root certificates, because attohttpc brings none along where ring does its cryptography.
struct AttohttpcTransport(Vec<CertificateDer<'static>>);

impl Transport for AttohttpcTransport {
    type Error = Error;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Error> {
        let limit = request_timeout(&request);
        let (head, body) = request.into_parts();
        let mut builder = RequestBuilder::try_new(head.method, head.uri.to_string())?
            .follow_redirects(false)
            // No proxy. Without this line, the environment names it.
            .proxy_settings(ProxySettings::builder().build());
        builder = self.0.iter().cloned().fold(builder, RequestBuilder::add_root_certificate);
        builder.headers_mut().extend(head.headers);
        builder = builder.timeout(limit).connect_timeout(limit).read_timeout(limit);
        // For an empty body, attohttpc would send `Content-Length: 0`, also with a GET.
        let response = if body.is_empty() { builder.send()? } else { builder.bytes(body).send()? };
        let (status, headers, reader) = response.split();
        if status.is_informational() {
            // attohttpc takes an interim response for the response itself.
            return Err(io::Error::other("an interim response came").into());
        }
        let mut body = Vec::new();
        let read = reader.take(BODY_LIMIT + 1).read_to_end(&mut body)?;
        // A body that was cut off comes as if it were whole.
        let told = headers.get(CONTENT_LENGTH);
        if read as u64 > BODY_LIMIT || told.is_some_and(|told| *told != read.to_string()) {
            return Err(io::Error::other("the body is too long, or not whole").into());
        }
        let mut whole = Response::new(body);
        (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
        Ok(whole)
    }

    fn delivery(&self, error: &Error) -> Delivery {
        // All other errors may also occur after the request was sent.
        match error.kind() {
            ErrorKind::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Delivery::NotSent,
            _ => Delivery::Unknown,
        }
    }
}

fn main() -> io::Result<()> {
    let report = check(&AttohttpcTransport(rustls_native_certs::load_native_certs().certs), &Options::new())?;
    println!("{report}");
    report.assert_kept();
    Ok(())
}
