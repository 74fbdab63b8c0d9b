//! A closure as a transport, here over ureq by itself, and the contract of transports that it is put to.
//!
//! `cargo run --example closure --features other-stacks`

use std::io;
use std::process::ExitCode;

use http::{Request, Response};
use kinde_users::{TimeLimit, transport_fn};
use kinde_users_fake::contract::{Options, check};
use ureq::Agent;

const BODY_LIMIT: u64 = 16 * 1024 * 1024;

fn main() -> io::Result<ExitCode> {
    let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).build();
    let agent = Agent::from(agent);
    let transport = transport_fn(|request: Request<Vec<u8>>| {
        let limit = request.extensions().get::<TimeLimit>().map(|limit| limit.0);
        let response = if request.body().is_empty() {
            // An empty `Vec` would be said to have no bytes, which is not for a GET.
            agent.run(agent.configure_request(request.map(|_| ())).timeout_global(limit).build())
        } else {
            agent.run(agent.configure_request(request).timeout_global(limit).build())
        };
        let (head, mut body) = response?.into_parts();
        let body = body.with_config().limit(BODY_LIMIT).read_to_vec()?;
        Ok::<_, ureq::Error>(Response::from_parts(head, body))
    });

    let report = check(&transport, &Options::new())?;
    println!("{report}");
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
