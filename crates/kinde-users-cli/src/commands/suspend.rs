//! Suspends a user, or all users of a list, and ends the sessions.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use kinde_users::{Job, Suspend, Suspended, UserId};
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;
use crate::tenant::Session;
use crate::users::Many;

const USAGE: &str =
    "kinde-users suspend [OPTIONS] <USER>\n       kinde-users suspend [OPTIONS] --list <FILE>";

/// Suspend a user, or all users of a list, and end all sessions
///
/// The user is suspended first, so that no session begins in between. The receipt says whether the
/// user is suspended, and whether the sessions are ended. It is safe to run the command again.
///
/// With --list, the command looks up the users of the list together: one call asks for many users.
/// There is a receipt for each user.
///
/// Examples: kinde-users suspend ada@example.com; kinde-users suspend --list users.txt
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub(crate) struct Arguments {
    /// Id of the user (kp_...), or an email address, phone number or user name that only this user
    /// has
    #[arg(required_unless_present = "list", conflicts_with_all = ["list", "at_once", "pace", "max_wait"])]
    user: Option<String>,

    /// File with one user on each line (an id, email address, phone number or user name), or - for
    /// standard input
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,

    /// Look up the user, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    many: Many,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let session = shared.connect(10)?;
    let Arguments { user, list, dry_run, many } = arguments;
    let suspend = |id, bar: &_| suspend(&session, id, *dry_run, bar);
    if let Some(list) = list {
        return many.each_user(&session, list, *dry_run, |_| Ok(()), suspend);
    }
    suspend(session.find(user.as_deref().unwrap_or_default())?, &ProgressBar::hidden())
}

/// Suspends a user, and prints a receipt.
fn suspend(session: &Session, id: UserId, dry_run: bool, bar: &ProgressBar) -> Result<(), Failure> {
    if dry_run {
        let json = json!({ "tenant": session.name(), "dry_run": true, "user_id": id });
        return bar
            .suspend(|| session.output.result(&json, format_args!("{id}: to be suspended and signed out")));
    }
    let mut suspend = Suspend::new(id);
    let result = session.client.run(&mut suspend);
    // If a call failed, the receipt says what was done before.
    let Suspended { user_id, is_suspended, is_signed_out, .. } = suspend.output();
    let not = |is_done: bool| if is_done { "" } else { "not " };
    let json = json!({
        "tenant": session.name(), "user_id": user_id, "is_suspended": is_suspended,
        "is_signed_out": is_signed_out,
    });
    let words = format!("{user_id}: {}suspended, {}signed out", not(is_suspended), not(is_signed_out));
    let told = bar.suspend(|| session.output.receipt(&json, words));
    result?;
    told
}
