//! Erases a user: ends the sessions, deletes the user with the profile, and prints a receipt as JSON.
//!
//! `cargo run --example erase_user -- user3@example.com`

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use kinde_users::{Erase, Job, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, find};
use kinde_users_examples::support::connect;
use serde_json::json;

/// Erase a user: end the sessions, then delete the user and the profile, from all of Kinde.
///
/// The receipt is a line of JSON on stdout. "now" is what this run did; "before" is what was gone already, or never was, so that
/// it can be run again. By an address or a name a user is found only as long as there is one: keep the id.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// An id, or the e-mail address, phone number or user name of one user
    user: String,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tenant = connect(10)?;
    let client = &tenant.client;
    let id: UserId = find(client, &arguments.user)?;
    let mut erase = Erase::new(id);
    let result = client.run(&mut erase);
    // Where it failed midway, the receipt tells how far it came.
    let erased = erase.output();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    println!(
        "{}",
        json!({
            "tenant": tenant.name(), "user_id": erased.user_id, "sessions": erased.sessions, "user": erased.user,
            "erased": erased.user.is_some(), "unix_time": at,
        })
    );
    result?;
    Ok(())
}
