//! Your own HTTP stack as a transport: a closure, here over ureq by itself. It is put to the contract of transports, and calls
//! the tenant that the environment names, if it names one.
//!
//! `cargo run --example custom_transport`

use std::error::Error;
use std::process::ExitCode;

use http::{Request, Response};
use kinde_users::operations::GetUsers;
use kinde_users::{Transport, client_over, request_timeout, transport_fn};
use kinde_users_examples::support::cli::no_arguments;
use kinde_users_examples::support::{counted, end_of_example, environment, say};
use kinde_users_fake::contract::{Options, check};
use ureq::Agent;
use ureq::config::AutoHeaderValue;

const HELP: &str = "\
Exit codes: 0 all is done; 1 the contract is broken, or something failed; 2 what was asked for is wrong, and nothing was called.

With KINDE_DOMAIN, KINDE_MANAGEMENT_CLIENT_ID and KINDE_MANAGEMENT_CLIENT_SECRET set, it reads the first page of that tenant's
users after the contract. Without these, no tenant is called: the contract is tried on a server that it starts on this machine.
Some of them and not all is exit code 2.";

const BODY_LIMIT: u64 = 16 * 1024 * 1024;

/// One attempt a call, no redirects, every status as it is, a capped body, and the time limit heeded: that is all of it.
fn transport() -> impl Transport {
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        // ureq takes an empty body that is said to be compressed for an error.
        .accept_encoding(AutoHeaderValue::None)
        .build();
    let agent = Agent::from(agent);
    transport_fn(move |request: Request<Vec<u8>>| {
        let limit = Some(request_timeout(&request));
        let response = if request.body().is_empty() {
            // An empty `Vec` would be said to have no bytes, which is not for a GET.
            agent.run(agent.configure_request(request.map(|_| ())).timeout_global(limit).build())
        } else {
            agent.run(agent.configure_request(request).timeout_global(limit).build())
        };
        let (head, mut body) = response?.into_parts();
        let body = body.with_config().limit(BODY_LIMIT).read_to_vec()?;
        Ok::<_, ureq::Error>(Response::from_parts(head, body))
    })
}

fn main() -> ExitCode {
    no_arguments(
        "Put a transport that is a closure to the contract of transports, and read a page of users over it.",
        HELP,
    );
    end_of_example(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let named = environment()?;
    let report = check(&transport(), &Options::new())?;
    say(&report);
    if let Some((domain, credentials)) = named {
        let client = client_over(transport(), domain, credentials);
        let users = client.send(&GetUsers::new())?.users.len();
        say(format_args!("the first page has {}", counted(users, "user")));
    }
    if report.is_kept() { Ok(()) } else { Err("the contract is broken".into()) }
}
