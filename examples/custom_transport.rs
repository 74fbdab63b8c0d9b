//! A transport over an HTTP stack of your choice, here a closure over ureq.
//!
//! `cargo run --example custom_transport` runs the contract test against it. With
//! `KINDE_DOMAIN`, `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET` set, it then
//! reads a page of users.

use std::env;
use std::error::Error;

use kinde_users::contract::{Options, check};
use kinde_users::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use kinde_users::http::{Request, Response, StatusCode};
use kinde_users::operations::GetUsers;
use kinde_users::{Credentials, Transport, client_over, request_timeout, transport_fn};
use ureq::Agent;
use ureq::config::AutoHeaderValue;

const BODY_LIMIT: u64 = 16 * 1024 * 1024;

/// A transport makes one attempt a call, follows no redirect, hands over every status, caps the
/// body and keeps the time limit.
fn transport() -> impl Transport {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // The contract test runs without the proxy of the environment. Leave this out if you use
        // one.
        .proxy(None)
        // ureq fails for an empty body whose header says that it is compressed.
        .accept_encoding(AutoHeaderValue::None);
    let agent = Agent::from(config.build());
    transport_fn(move |request: Request<Vec<u8>>| {
        let limit = Some(request_timeout(&request));
        let response = if request.body().is_empty() {
            // ureq would send a length of zero for an empty `Vec`, also with a GET.
            agent.run(agent.configure_request(request.map(|_| ())).timeout_global(limit).build())
        } else {
            agent.run(agent.configure_request(request).timeout_global(limit).build())
        };
        let (head, mut body) = response?.into_parts();
        // If the length of a body is not known, ureq takes a broken connection for its end.
        let is_bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
        if !is_bodiless
            && ![CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| head.headers.contains_key(name))
        {
            return Err(ureq::Error::BodyStalled);
        }
        let body = body.with_config().limit(BODY_LIMIT).read_to_vec()?;
        Ok::<_, ureq::Error>(Response::from_parts(head, body))
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = check(&transport(), &Options::new())?;
    println!("{report}");
    report.assert_kept();

    let Ok(domain) = env::var("KINDE_DOMAIN") else { return Ok(()) };
    let id = env::var("KINDE_MANAGEMENT_CLIENT_ID")?;
    let secret = env::var("KINDE_MANAGEMENT_CLIENT_SECRET")?;
    let client = client_over(transport(), domain.parse()?, Credentials::new(id, secret));
    println!("{} users", client.send(&GetUsers::new())?.users.len());
    Ok(())
}
