//! Erases a user: ends the sessions, deletes the user with the profile, and prints a receipt as JSON.
//!
//! `cargo run --example erase_user -- user3@example.com`

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use kinde_users::{Erase, Job, Removal, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, find, receipt};
use kinde_users_examples::support::connect;
use serde_json::json;

/// Erase a user: end the sessions, then delete the user and the profile, from all of Kinde.
///
/// The receipt is a line of JSON on stdout: "erased" is true where the user was there and is gone. "deleted" is what this run did;
/// `already_absent` is what did not exist. For an unknown id the exit code is 1, and the receipt says `already_absent`
/// and "erased": false: who was erased by an earlier run cannot be told from an id that is mistyped. For an address or a name of
/// nobody the exit code is 1 and there is no receipt: keep the id.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user; no id of another system
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
    let told = receipt(json!({
        "tenant": tenant.name(), "user_id": erased.user_id, "sessions": erased.sessions, "user": erased.user,
        "erased": erased.user == Some(Removal::Deleted), "unix_time": at,
    }));
    result?;
    if erased.user == Some(Removal::AlreadyAbsent) {
        return Err(Failure::new("there was no such user: erased before, or a wrong id"));
    }
    told
}
