//! Erases a user.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use kinde_users::{Erase, Erased, Job, Removal, UserId};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::Failure;
use crate::tenant::Session;

/// Erase a user: end the sessions, then delete the user and the profile
///
/// The user is deleted from all of Kinde, and this cannot be undone. The receipt says what this run
/// deleted, and what was already absent. If there is no user with an id, the exit code is 1: a user who
/// was erased before cannot be told from an id with a mistake in it. Keep the id: by the address or
/// the name an erased user is not found again.
///
/// Example: kinde-users erase ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user
    user: String,

    /// Look up the user, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    confirm: Confirm,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    if !arguments.dry_run {
        arguments.confirm.check(&shared.tenant)?;
    }
    let session = shared.connect(10)?;
    let id = session.find(&arguments.user)?;
    if arguments.dry_run {
        let json = json!({ "tenant": session.name(), "dry_run": true, "user_id": id });
        return shared.output.tell(&json, format_args!("{id}: to be erased"));
    }
    arguments.confirm.ask(&shared.tenant, format_args!("Erase {id} on {}?", session.name()))?;
    erase(&session, id)
}

/// Erases a user, and prints a receipt.
fn erase(session: &Session, id: UserId) -> Result<(), Failure> {
    let mut erase = Erase::new(id);
    let result = session.client.run(&mut erase);
    // If it failed midway, the receipt says how far it came.
    let Erased { user_id, sessions, user, .. } = erase.output();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let told = session.output.receipt(
        &json!({
            "tenant": session.name(), "user_id": user_id, "sessions": sessions, "user": user,
            "erased": user == Some(Removal::Deleted), "unix_time": at,
        }),
        format_args!("{user_id}: sessions {}, user {}", words(sessions), words(user)),
    );
    result?;
    if user == Some(Removal::AlreadyAbsent) {
        return Err(Failure::of_one("there was no such user: erased before, or a wrong id"));
    }
    told
}

fn words(removal: Option<Removal>) -> &'static str {
    match removal {
        Some(Removal::Deleted) => "deleted",
        Some(Removal::AlreadyAbsent) => "already absent",
        _ => "not deleted",
    }
}
