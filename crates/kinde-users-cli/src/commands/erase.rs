//! Erases a user, all users of a list, or all users that an import created.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use indicatif::ProgressBar;
use kinde_users::{Erase, Erased, Job, Removal, UserId};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::{AGAIN, Failure};
use crate::journal::{Created, Journal, State};
use crate::output::{counted, warn};
use crate::tenant::Session;
use crate::users::Many;

/// An error about a missing user shows this too, so that it mentions both forms.
const USAGE: &str = "kinde-users erase [OPTIONS] <USER>\n       kinde-users erase [OPTIONS] --list <FILE>\n       kinde-users erase [OPTIONS] --journal <FILE>";

/// Erase a user, all users of a list, or all users that an import created
///
/// The command ends the sessions of the user, and then deletes the user together with the Kinde
/// profile. This cannot be undone. The receipt has the id of the user, and says what this run
/// deleted and what was already absent. If no user has the id, the exit code is 1, because the id
/// may be mistyped. The exit code is also 1 if the user was erased before. An erased user cannot be
/// found by address or name. To continue an interrupted erasure, give the id.
///
/// With --list, the command looks up the users of the list together: one call asks for many users.
/// There is a receipt for each user, and a user that is already absent is an error.
///
/// With --journal, the command erases the users that an import created. The journal is the file in
/// which the import recorded these users. Users that the import updated or left alone are not
/// changed. If an import was interrupted while it created a user, this user is erased only if a
/// later run of the import found and recorded the user.
///
/// The command records each erased user in the journal. If the command is interrupted, run the same
/// command again: it continues. Afterwards you can import the same users again with the same
/// journal.
///
/// Examples: kinde-users erase ada@example.com;
/// kinde-users erase --journal users.csv.journal --dry-run
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
pub(crate) struct Arguments {
    /// Id of the user (kp_...), or an email address, phone number or user name that only this user
    /// has
    #[arg(required_unless_present_any = ["journal", "list"], conflicts_with_all = ["journal", "list", "at_once", "pace", "max_wait"])]
    user: Option<String>,

    /// File with one user on each line (an id, email address, phone number or user name), or - for
    /// standard input
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,

    /// Erase all users that an import created. FILE is the journal of the import
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    journal: Option<PathBuf>,

    /// Print what would be erased, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    confirm: Confirm,

    #[command(flatten)]
    many: Many,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let session = shared.connect(10)?;
    if !arguments.dry_run {
        arguments.confirm.check(&session, ", and --dry-run shows what it would do")?;
    }
    if let Some(journal) = &arguments.journal {
        return undo(arguments, &session, journal);
    }
    let Arguments { dry_run, confirm, many, .. } = arguments;
    let ask = |what: &str| match dry_run {
        true => Ok(()),
        false => confirm.ask(&session, format_args!("Erase {what} on {}?", session.name())),
    };
    if let Some(list) = &arguments.list {
        return many
            .each_user(&session, list, *dry_run, ask, |id, bar| erase_one(&session, id, *dry_run, bar));
    }
    let id = session.find(arguments.user.as_deref().unwrap_or_default())?;
    ask(id.as_str())?;
    erase_one(&session, id, *dry_run, &ProgressBar::hidden())
}

/// Erases a user that has to exist.
fn erase_one(session: &Session, id: UserId, dry_run: bool, bar: &ProgressBar) -> Result<(), Failure> {
    if dry_run {
        return bar.suspend(|| to_be_erased(session, id.as_str()));
    }
    let (removal, told) = erase(session, id, bar)?;
    if removal == Removal::AlreadyAbsent {
        return Err(Failure::of_one("there was no such user: erased before, or a wrong id"));
    }
    told
}

/// Erases the users that an import created.
fn undo(arguments: &Arguments, session: &Session, journal: &Path) -> Result<(), Failure> {
    let (journal, created, unknown) = Journal::undo(journal, session.name(), arguments.dry_run)?;
    let (total, name) = (created.len(), session.name());
    let users = counted(total, "user");
    for line in &unknown {
        warn(format_args!("line {line}: it is not known whether a user was created, and none is erased"));
    }
    let end = |unknown: usize| match unknown {
        0 => Ok(()),
        _ => Err(Failure::new(format!(
            "the outcome of {} is unknown: run the import again, and then this command",
            counted(unknown, "create")
        ))),
    };
    if arguments.dry_run {
        created.iter().try_for_each(|user| to_be_erased(session, &user.id))?;
        let json = json!({ "tenant": name, "dry_run": true, "users": total, "unknown": unknown.len() });
        session.output.result(&json, format_args!("{users} to be erased"))?;
        return end(unknown.len());
    }
    if total > 0 {
        arguments.confirm.ask(session, format_args!("Erase {users} that the import created on {name}?"))?;
    }
    let bar = session.output.progress(Some(total as u64));
    let (erased, absent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = arguments.many.each(session, &bar, [Ok(created)], |Created { line, key, id }| {
        let erased = erase(session, id.as_str().into(), &bar).and_then(|(removal, told)| {
            let count = if removal == Removal::Deleted { &erased } else { &absent };
            count.fetch_add(1, Ordering::Relaxed);
            // The user of this line is gone, so the next run of the import creates the user again.
            journal.write(line, &key, State::Failed, &id, 0)?;
            told
        });
        erased.map_err(|failure| failure.at_line(line))
    });
    let (erased, absent) = (erased.into_inner(), absent.into_inner());
    let json = json!({
        "tenant": name, "users": total, "erased": erased, "already_absent": absent, "unknown": unknown.len(),
    });
    let gone = if absent == 0 { String::new() } else { format!(", {absent} already absent") };
    let told = session.output.receipt(&json, format_args!("erased {erased} of {users}{gone}"));
    match failed? {
        0 => told.and_then(|()| end(unknown.len())),
        failed => Err(Failure::new(format!("{failed} of {users} failed: {AGAIN}"))),
    }
}

fn to_be_erased(session: &Session, id: &str) -> Result<(), Failure> {
    let json = json!({ "tenant": session.name(), "dry_run": true, "user_id": id });
    session.output.result(&json, format_args!("{id}: to be erased"))
}

/// Erases a user, and prints a receipt. Returns whether this call deleted the user, and whether the
/// receipt was written.
fn erase(
    session: &Session,
    id: UserId,
    bar: &ProgressBar,
) -> Result<(Removal, Result<(), Failure>), Failure> {
    let mut erase = Erase::new(id);
    let result = session.client.run(&mut erase);
    // If a call failed, the receipt says what was done before.
    let Erased { user_id, sessions, user, .. } = erase.output();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let json = json!({
        "tenant": session.name(), "user_id": user_id, "sessions": sessions, "user": user,
        "erased": user == Some(Removal::Deleted), "unix_time": at,
    });
    let words = format!("{user_id}: sessions {}, user {}", words(sessions), words(user));
    let told = bar.suspend(|| session.output.receipt(&json, words));
    result?;
    Ok((user.unwrap_or(Removal::AlreadyAbsent), told))
}

fn words(removal: Option<Removal>) -> &'static str {
    match removal {
        Some(Removal::Deleted) => "deleted",
        Some(Removal::AlreadyAbsent) => "already absent",
        _ => "not deleted",
    }
}
