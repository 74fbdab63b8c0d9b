//! Resets the second factor that a user has lost, or all of them.
//!
//! `cargo run --example reset_mfa -- user3@example.com`

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use kinde_users::CallError;
use kinde_users::models::Success;
use kinde_users::operations::{GetUsersMfa, ResetUsersMfa, ResetUsersMfaAll};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, find, receipt, tell};
use kinde_users_examples::support::{connect, warn};

/// Reset the second factors of a user, who sets up new ones when signing in the next time.
///
/// A line on stdout tells whether there was one to reset. That is seen with the scope `read:user_mfa`; without it they are reset
/// all the same.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user; no id of another system
    user: String,

    /// Only this factor, and not all of them
    #[arg(long, value_name = "ID")]
    factor: Option<String>,

    /// Only tell which factors there are
    #[arg(long, conflicts_with = "factor")]
    list: bool,
}

const UNLISTED: &str = "reset, though the user seemed to have no factor";
const UNSEEN: &str = "reset, if there was a factor: that cannot be told without the scope read:user_mfa";

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = connect(10)?.client;
    let id = find(&client, &arguments.user)?;
    if arguments.list {
        let factors = client.send(&GetUsersMfa::new(&id))?.mfa;
        if factors.is_empty() {
            warn("The user has no factor.");
        }
        for factor in factors {
            let (id, kind) = (factor.id.as_ref().map_or("?", |id| id.as_str()), factor.kind.as_deref());
            tell(format_args!("{id} {}", kind.unwrap_or("?")))?;
        }
        return Ok(());
    }
    if let Some(factor) = &arguments.factor {
        return ended(client.send(&ResetUsersMfa::new(&id, factor)), "reset");
    }
    // First, as the reply of the reset is the same where there was nothing to reset. It is sent all the same: a list that is not
    // whole is no reason to leave a factor where it is.
    let told = match client.send(&GetUsersMfa::new(&id)) {
        Ok(listed) if listed.mfa.is_empty() => UNLISTED,
        Ok(_) => "reset",
        // Who may reset need not be one who may look.
        Err(error) if error.as_api().is_some_and(|refused| refused.status() == 403) => UNSEEN,
        Err(error) => return Err(error.into()),
    };
    ended(client.send(&ResetUsersMfaAll::new(&id)), told)
}

fn ended<E: Error>(reset: Result<Success, CallError<E>>, told: &str) -> Result<(), Failure> {
    match reset {
        // Removal by an attempt of which no reply came, most likely.
        Err(error) if !error.error().is_already_gone() => Err(error.into()),
        _ => receipt(told),
    }
}
