//! Suspends a user and signs them out, and tells of both.
//!
//! `cargo run --example suspend_user -- user3@example.com`

use std::process::ExitCode;

use clap::Parser;
use kinde_users::{Job, Suspend, Suspended};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, find, receipt};
use kinde_users_examples::support::connect;
use serde_json::json;

/// Suspend a user, and then end all sessions.
///
/// A line of JSON on stdout tells whether each of the two is done. It can be run again.
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
    let mut suspend = Suspend::new(find(&tenant.client, &arguments.user)?);
    let result = tenant.client.run(&mut suspend);
    let Suspended { user_id, is_suspended, is_signed_out, .. } = suspend.output();
    let told = receipt(json!({
        "tenant": tenant.name(), "user_id": user_id, "is_suspended": is_suspended,
        "is_signed_out": is_signed_out,
    }));
    result?;
    told
}
