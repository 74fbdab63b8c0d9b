//! The core alone, with no client, transport or clock of ours: what a request looks like, how a reply is read, and the
//! whole loop in a dozen lines over a closure.

use std::error::Error;
use std::process::ExitCode;

use http::{Request, Response};
use kinde_users::operations::{Expand, GetUsers};
use kinde_users::{
    AccessToken, CallOptions, Credentials, Delivery, Domain, Exchange, Input, Instant, Reply, Step, Tenant,
    build_request,
};
use kinde_users_examples::support::cli::no_arguments;
use kinde_users_examples::support::{end_of_example, say};

fn main() -> ExitCode {
    no_arguments(
        "Build a request, read a reply and run the loop of a call, with canned replies and no tenant.",
        "Exit codes: 0 all is done; 1 something failed, as stderr says; 2 what was asked for is wrong.",
    );
    end_of_example(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let domain = Domain::parse("acme")?;
    let operation = GetUsers::new().page_size(2).email("ada+test@example.com").expand(Expand::Identities);

    say("The request:\n");
    print_request(&build_request(&operation, &domain, &AccessToken::new("eyJhbGciOi...")?)?);

    say("\nThe reply, read:\n");
    let reply = Reply::new::<GetUsers>(Response::new(PAGE.to_vec()));
    for user in reply.parse::<GetUsers>()?.users {
        say(format_args!("{} {:?}", user.id, user.email()));
    }
    say(format_args!("fields that the model does not know: {:?}", reply.unknown_fields::<GetUsers>()?));

    say("\nThe loop:\n");
    // In place of an HTTP stack: canned replies.
    let carry = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, std::io::Error> {
        say(format_args!("{} {}", request.method(), request.uri().path()));
        Ok(Response::new(match request.uri().path() {
            "/oauth2/token" => br#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#.to_vec(),
            _ => PAGE.to_vec(),
        }))
    };
    let mut tenant = Tenant::new(domain, Credentials::new("client-id", "client-secret"));
    let started = std::time::Instant::now();
    let mut exchange = Exchange::new(&operation, &tenant, CallOptions::new())?;
    let mut input = Input::Start;
    let result = loop {
        input = match exchange.advance(&mut tenant, Instant::from_start(started.elapsed()), input) {
            Step::Send(request) => match carry(request) {
                Ok(response) => Input::Response(response),
                Err(_) => Input::Failed(Delivery::Unknown),
            },
            Step::Wait(wait) => {
                std::thread::sleep(wait.until.since_start().saturating_sub(started.elapsed()));
                Input::Woken
            }
            Step::Done(result) => break result,
        };
    };
    say(format_args!("{} users", result?.parse::<GetUsers>()?.users.len()));
    Ok(())
}

const PAGE: &[u8] = br#"{"code":"OK","message":"Success","next_token":null,"users":[
    {"id":"kp_1","email":"ada+test@example.com","full_name":"Ada Example"},
    {"id":"kp_2","email":null}]}"#;

fn print_request(request: &Request<Vec<u8>>) {
    say(format_args!("{} {}", request.method(), request.uri()));
    for (name, value) in request.headers() {
        // A sensitive value prints as `Sensitive`.
        say(format_args!("{name}: {value:?}"));
    }
}
