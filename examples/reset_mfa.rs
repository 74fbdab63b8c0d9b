//! Resets the second factor that a user has lost, or all of them.
//!
//! `cargo run --example reset_mfa -- user3@example.com`

use std::process::ExitCode;

use clap::Parser;
use kinde_users::operations::{GetUsersMfa, ResetUsersMfa, ResetUsersMfaAll};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, find, receipt, tell};
use kinde_users_examples::support::connect;

/// Reset the second factors of a user, who sets up new ones when signing in the next time.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user; no id of another system
    user: String,

    /// Only this factor, and not all of them
    #[arg(long, value_name = "ID")]
    factor: Option<String>,

    /// Only tell which factors there are
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = connect(10)?.client;
    let id = find(&client, &arguments.user)?;
    if arguments.list {
        for factor in client.send(&GetUsersMfa::new(&id))?.mfa {
            let (id, kind) = (factor.id.as_ref().map_or("?", |id| id.as_str()), factor.kind.as_deref());
            tell(format_args!("{id} {}", kind.unwrap_or("?")))?;
        }
        return Ok(());
    }
    let reset = match &arguments.factor {
        Some(factor) => client.send(&ResetUsersMfa::new(&id, factor)).map(drop),
        None => client.send(&ResetUsersMfaAll::new(&id)).map(drop),
    };
    match reset {
        // Gone by an attempt of which no reply came, most likely.
        Err(error) if !error.error().is_already_gone() => Err(error.into()),
        _ => receipt("reset"),
    }
}
