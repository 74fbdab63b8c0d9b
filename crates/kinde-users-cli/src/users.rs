//! The users that a command works on: one user, or a list.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use indicatif::ProgressBar;
use kinde_users::models::User;
use kinde_users::{CallError, FindUser, Found, UserId, in_parallel};
use serde_json::json;

use crate::failure::{Failure, IN_A_ROW};
use crate::limits::Limits;
use crate::output::counted;
use crate::tenant::{Session, WayError};
use crate::text;

impl Session {
    /// Returns the id of the user that `text` names. `text` is an e-mail address, a phone number,
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
        match self.client.run(&mut FindUser::by(text))? {
            Found::One(user) => Ok(user),
            Found::None => Err(Failure::of_one("there is no such user")),
            Found::Several(users) => {
                Err(Failure::of_one(format!("{} users share it: give an id", users.len())))
            }
            Found::Mismatch { id } => Err(Failure::new(format!("{}: give an id", mismatch(&id)))),
            Found::Unfinished => Err(Failure::new(format!("{UNFINISHED}: give an id"))),
        }
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
    /// the number of failures.
    ///
    /// # Errors
    ///
    /// Fails if the run gives up the list; see [`IN_A_ROW`].
    pub(crate) fn each<I>(
        &self,
        session: &Session,
        bar: &ProgressBar,
        items: I,
        work: impl Fn(I::Item) -> Result<(), Failure> + Sync,
    ) -> Result<usize, Failure>
    where
        I: IntoIterator<IntoIter: Send>,
    {
        session.client.with_tenant(|tenant| tenant.set_rate_limit(self.pace.unwrap_or_default()));
        let (mut failed, mut in_a_row) = (0, 0);
        let each = |result| {
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
        let ended = self.limits.keep(session, bar, || in_parallel(self.at_once.into(), items, work, each));
        bar.finish_and_clear();
        match ended {
            ControlFlow::Continue(()) => Ok(failed),
            ControlFlow::Break(()) => {
                Err(Failure::new(format!("gave up, as it fails for all; {failed} failed")))
            }
        }
    }
}

/// A list of users, and how a command goes through it.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// File with one user on each line (an id, e-mail address, phone number or user name), or - for
    /// standard input
    users: PathBuf,

    /// Look up each user of the list, and change nothing
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
        let text = text::read(&self.users)?;
        let users = text::list(&self.users, &text)?;
        let (total, done) = (users.len(), AtomicUsize::new(0));
        let bar = session.output.progress(Some(total as u64));
        let failed = self.many.each(session, &bar, users, |(number, user)| {
            let work = |id| if self.dry_run { Ok(()) } else { work(&id).map_err(Failure::from) };
            let result = session.find(user).and_then(work);
            done.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
            result.map_err(|failure| failure.at_line(number))
        });
        let (done, users) = (done.into_inner(), counted(total, "user"));
        let told = session.output.receipt(
            &json!({ "tenant": session.name(), "dry_run": self.dry_run, "done": done, "users": total }),
            format_args!("{} for {done} of {users}", if self.dry_run { "to be done" } else { "done" }),
        );
        match failed? {
            0 => told,
            failed => Err(Failure::new(format!("{failed} of {users} failed"))),
        }
    }
}
