//! Drives the core by hand: the loop of a call over any function that carries a message.
//!
//! `cargo run --example by_hand` needs no tenant: canned replies stand in for the network.

use std::error::Error;
use std::io;
use std::thread;
use std::time;

use kinde_users::http::{Request, Response};
use kinde_users::operations::GetUsers;
use kinde_users::{CallOptions, Credentials, Delivery, Exchange, Input, Instant, Step, Tenant};

fn main() -> Result<(), Box<dyn Error>> {
    // Carries one message. Put your HTTP stack here.
    let carry = |request: Request<Vec<u8>>| {
        println!("{} {}", request.method(), request.uri());
        let body = match request.uri().path() {
            "/oauth2/token" => r#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#,
            _ => r#"{"users":[{"id":"kp_1","email":"ada@example.com"},{"id":"kp_2"}]}"#,
        };
        Ok::<_, io::Error>(Response::new(body.into()))
    };

    let mut tenant = Tenant::new("acme".parse()?, Credentials::new("client-id", "client-secret"));
    let started = time::Instant::now();

    let mut exchange = Exchange::new(&GetUsers::new().page_size(2), &tenant, CallOptions::new())?;
    let mut input = Input::Start;
    let reply = loop {
        let now = Instant::from_start(started.elapsed());
        input = match exchange.advance(&mut tenant, now, input) {
            Step::Send(request) => match carry(request) {
                Ok(response) => Input::Response(response),
                // `NotSent` would let a create be sent again; say it only where it is certain.
                Err(_) => Input::Failed(Delivery::Unknown),
            },
            Step::Wait(wait) => {
                thread::sleep(wait.until.saturating_since(now));
                Input::Woken
            }
            Step::Done(result) => break result?,
        };
    };

    for user in reply.parse::<GetUsers>()?.users {
        println!("{} {}", user.id, user.email().unwrap_or("no address"));
    }
    Ok(())
}
