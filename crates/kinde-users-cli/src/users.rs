//! The users that a command works on: one user, or a list.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use indicatif::ProgressBar;
use kinde_users::models::User;
use kinde_users::{CallError, FindUser, Found, UserId, in_parallel};
use serde_json::json;

use crate::failure::{Failure, IN_A_ROW};
use crate::limits::Limits;
use crate::look_up::LIST_LINES;
use crate::output::counted;
use crate::tenant::{Session, WayError};
use crate::text_file;

impl Session {
    /// Returns the id of the user that `text` names. `text` is an email address, a phone number,
    /// an id or a user name.
    ///
    /// # Errors
    ///
    /// Fails if no user or more than one user matches, or if the search cannot be trusted.
    pub(crate) fn find(&self, text: &str) -> Result<UserId, Failure> {
        let text = text.trim();
        // An id is not looked up, because the user may already be deleted.
        if FindUser::by(text) == FindUser::by_id(text) { Ok(text.into()) } else { Ok(self.user(text)?.id) }
    }

    /// Returns the user that `text` names.
    ///
    /// # Errors
    ///
    /// Fails like [`find`](Self::find), and if there is no user with the id.
    pub(crate) fn user(&self, text: &str) -> Result<User, Failure> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::input("no user is given"));
        }
        one(self.client.run(&mut FindUser::by(text))?)
    }
}

/// Returns the user that a search found.
fn one(found: Found) -> Result<User, Failure> {
    match found {
        Found::One(user) => Ok(user),
        Found::None => Err(Failure::of_one("there is no such user")),
        Found::Several(users) => Err(Failure::of_one(format!("{} users share it: give an id", users.len()))),
        Found::Mismatch { id } => Err(Failure::new(format!("{}: give an id", mismatch(&id)))),
        Found::Unfinished => Err(Failure::new(format!("{UNFINISHED}: give an id"))),
    }
}

/// Returns the message for a search that found another user.
pub(crate) fn mismatch(id: &UserId) -> String {
    format!("the tenant's search cannot be trusted: it found {id}, who is another user")
}

/// The message for a search that was given up.
pub(crate) const UNFINISHED: &str =
    "the tenant's search did not end: it is not known whether there is such a user";

/// How a command goes through a list.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// Number of users to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: u16,

    /// Maximum number of calls per second, for all users together. By default, the command learns
    /// the rate that the tenant accepts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pace: Option<u32>,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

impl Many {
    /// Works on the items, several at a time, with a progress bar. Prints each failure, and returns
    /// the number of failures. A batch of items is requested when all items before it are done.
    ///
    /// # Errors
    ///
    /// Fails if a batch does, or if the run gives up the list; see [`IN_A_ROW`].
    pub(crate) fn each<I: Send>(
        &self,
        session: &Session,
        bar: &ProgressBar,
        batches: impl IntoIterator<Item = Result<Vec<I>, Failure>>,
        work: impl Fn(I) -> Result<(), Failure> + Sync,
    ) -> Result<usize, Failure> {
        session.client.with_tenant(|tenant| tenant.set_rate_limit(self.pace.unwrap_or_default()));
        let (mut failed, mut in_a_row) = (0, 0);
        let mut ended = |result| {
            bar.inc(1);
            match result {
                Ok(()) => in_a_row = 0,
                Err(failure) => {
                    bar.suspend(|| session.output.failed(&failure));
                    failed += 1;
                    in_a_row = if failure.weight() == 0 { 0 } else { in_a_row + failure.weight() };
                }
            }
            if in_a_row < IN_A_ROW { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let all = || {
            batches.into_iter().try_for_each(|batch| {
                let batch = batch.map_err(Some)?;
                let is_over = in_parallel(self.at_once.into(), batch, &work, &mut ended).is_break();
                if is_over { Err(None) } else { Ok(()) }
            })
        };
        let result = self.limits.keep(session, bar, all);
        bar.finish_and_clear();
        match result {
            Ok(()) => Ok(failed),
            Err(Some(failure)) => Err(failure),
            Err(None) => {
                let users = counted(failed, "user");
                Err(Failure::new(format!(
                    "gave up after {users} failed: correct the cause, and run the same command again"
                )))
            }
        }
    }

    /// Reads a list of users, looks up their ids, does `work` for each of them, and prints a
    /// receipt. First calls `ask` with the number of users in words.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read, if `ask` fails, or if `work` failed for some users.
    pub(crate) fn each_user(
        &self,
        session: &Session,
        list: &Path,
        dry_run: bool,
        ask: impl FnOnce(&str) -> Result<(), Failure>,
        work: impl Fn(UserId, &ProgressBar) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let text = text_file::read(list)?;
        let lines = text_file::list(list, &text)?;
        let (total, done) = (lines.len(), AtomicUsize::new(0));
        let users = counted(total, "user");
        ask(&users)?;
        let bar = session.output.progress(Some(total as u64));
        let batches = lines.chunks(LIST_LINES).map(|lines| Ok(session.look_up(lines)));
        let failed = self.each(session, &bar, batches, |(number, user, found)| {
            let id = match found {
                Found::Unfinished => session.find(user),
                found => one(found).map(|user| user.id),
            };
            let result = id.and_then(|id| work(id, &bar));
            done.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
            result.map_err(|failure| failure.at_line(number))
        });
        let done = done.into_inner();
        let told = session.output.receipt(
            &json!({ "tenant": session.name(), "dry_run": dry_run, "done": done, "users": total }),
            format_args!("{} for {done} of {users}", if dry_run { "to be done" } else { "done" }),
        );
        match failed? {
            0 => told,
            failed => Err(Failure::new(format!("{failed} of {users} failed"))),
        }
    }
}

/// A list of users, and how a command goes through it.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// File with one user on each line (an id, email address, phone number or user name), or - for
    /// standard input
    users: PathBuf,

    /// Look up the users of the list that are not given by id, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    many: Many,
}

impl List {
    /// Does `work` for each user of the list, and prints a receipt.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read, or if `work` failed for some users.
    pub(crate) fn each_user(
        &self,
        session: &Session,
        work: impl Fn(&UserId) -> Result<(), CallError<WayError>> + Sync,
    ) -> Result<(), Failure> {
        let Self { users, dry_run, many } = self;
        let work = |id: UserId, _: &_| if *dry_run { Ok(()) } else { work(&id).map_err(Failure::from) };
        many.each_user(session, users, *dry_run, |_| Ok(()), work)
    }
}
