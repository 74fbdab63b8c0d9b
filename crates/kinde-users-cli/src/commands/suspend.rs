//! Suspends a user and ends the sessions.

use clap::Args;
use kinde_users::{Job, Suspend, Suspended};
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;

/// Suspend a user and end all sessions
///
/// The user is suspended first, so that no session begins in between. The receipt says whether the
/// user is suspended, and whether the sessions are ended. It is safe to run the command again.
///
/// Example: kinde-users suspend ada@example.com
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Id of the user (kp_...), or an e-mail address, phone number or user name that only this user
    /// has
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
    // If a call failed, the receipt says what was done before.
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
