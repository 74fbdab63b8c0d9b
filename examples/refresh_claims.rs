//! Refreshes the claims of all users of a list: after a change of roles, so that their next tokens tell of it.
//!
//! `cargo run --example refresh_claims -- members.txt`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kinde_users::operations::RefreshUserClaims;
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, Many, end};
use kinde_users_examples::support::connect;

/// Refresh the claims of many users. It can be run again: twice has the effect of once.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// File of one id, e-mail address, phone number or user name a line; - is stdin
    users: PathBuf,

    #[command(flatten)]
    many: Many,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = connect(10)?.client;
    let refresh = |id: &_| client.send(&RefreshUserClaims::new(id)).map(drop);
    arguments.many.each_user(&client, &arguments.users, refresh)
}
