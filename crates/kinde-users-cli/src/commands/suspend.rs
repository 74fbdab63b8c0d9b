//! Suspends a user and ends the sessions.

use clap::Args;
use kinde_users::{Job, Suspend, Suspended};
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;

/// Suspend a user and end all sessions
///
/// The receipt says whether each of the two is done. The command can be run again.
///
/// Example: kinde-users suspend ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Kinde's id (kp_...), or the e-mail address, phone number or user name of one user
    user: String,

    /// Look up the user, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let session = shared.connect(10)?;
    let id = session.find(&arguments.user)?;
    if arguments.dry_run {
        let json = json!({ "tenant": session.name(), "dry_run": true, "user_id": id });
        return shared.output.result(&json, format_args!("{id}: to be suspended and signed out"));
    }
    let mut suspend = Suspend::new(id);
    let result = session.client.run(&mut suspend);
    // If it failed midway, the receipt says how far it came.
    let Suspended { user_id, is_suspended, is_signed_out, .. } = suspend.output();
    let not = |is_done: bool| if is_done { "" } else { "not " };
    let told = shared.output.receipt(
        &json!({
            "tenant": session.name(), "user_id": user_id, "is_suspended": is_suspended,
            "is_signed_out": is_signed_out,
        }),
        format_args!("{user_id}: {}suspended, {}signed out", not(is_suspended), not(is_signed_out)),
    );
    result?;
    told
}
