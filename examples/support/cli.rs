//! What the programs share: how they end, how they fail, and how they go through a list.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{error, fmt};

use clap::{Args, Command};
use fs4::{FileExt, TryLockError};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use kinde_users::{CallError, Client, Clock, Error, FindUser, Found, Transport, UserId, in_parallel};

use super::{EnvironmentError, counted, text, warn};

/// For the end of each program's help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 all is done; 1 something failed, as stderr says; 2 what was asked for is wrong, and nothing was called.

The tenant is that of KINDE_DOMAIN, KINDE_MANAGEMENT_CLIENT_ID and KINDE_MANAGEMENT_CLIENT_SECRET, and without any of them one
in memory with made-up users. Some of them and not all is exit code 2.";

/// The command line of a program that takes no arguments, but has help.
pub fn no_arguments(about: &'static str, exit_codes: &'static str) {
    Command::new("").about(about).after_help(exit_codes).get_matches();
}

/// Why a program ends otherwise than well: one line for stderr, and an exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
    /// How much it says of the others of a list; see [`IN_A_ROW`].
    weight: usize,
}

impl Failure {
    /// Something failed.
    pub fn new(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into(), weight: 1 }
    }

    /// Something failed for one user alone: others may do better.
    pub fn of_one(text: impl Into<String>) -> Self {
        Self { weight: 0, ..Self::new(text) }
    }

    /// What was asked for is wrong, and nothing was called.
    pub fn input(text: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(text) }
    }

    /// The same, said of a line of a list.
    #[must_use]
    pub fn at_line(self, line: impl fmt::Display) -> Self {
        Self { text: format!("line {line}: {}", self.text), ..self }
    }

    /// What is wrong with a file, which is the input.
    pub fn file(path: &Path, what: impl fmt::Display) -> Self {
        let name = if path == Path::new("-") { Path::new("stdin") } else { path };
        Self::input(format!("{}: {what}", name.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The operation, the status, Kinde's code and message, and on 403 the scope that is missing; after them what the transport says,
/// if it is at fault.
impl<E: error::Error> From<CallError<E>> for Failure {
    fn from(error: CallError<E>) -> Self {
        let transport = error.transport().map(|transport| format!(": {transport}")).unwrap_or_default();
        let text = format!("{error}{transport}");
        // Nothing leaves for what cannot be sent.
        let code = if matches!(error.error(), Error::Build(_)) { 2 } else { 1 };
        // What Kinde refuses is wrong with one user, but for what it refuses to everybody. No reply, or one that is no reply of
        // Kinde's, is a failure of all.
        let is_for_all = |status: u16| matches!(status, 401 | 403 | 407 | 429) || status >= 500;
        let refused = error.as_api().map(|refused| refused.status().as_u16());
        let weight = match error.error() {
            Error::Auth(_) => IN_A_ROW,
            Error::Exhausted { last, .. } if matches!(**last, Error::Auth(_)) => IN_A_ROW,
            _ => usize::from(code != 2 && refused.is_none_or(is_for_all)),
        };
        Self { code, text, weight }
    }
}

impl From<EnvironmentError> for Failure {
    fn from(error: EnvironmentError) -> Self {
        Self::input(error.to_string())
    }
}

/// The file that stands beside another one, with its name and this ending.
pub fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.to_path_buf().into_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

/// How to open a file that is for its owner alone, where there is such a thing.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Has the file to itself until the program ends, however it does.
///
/// # Errors
///
/// Where another run has it, of which `what` tells what it does.
pub fn locked(file: File, path: &Path, what: &str) -> Result<File, Failure> {
    FileExt::try_lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => Failure::input(format!("{} is in use: {what}", path.display())),
        TryLockError::Error(error) => Failure::file(path, &error),
    })?;
    Ok(file)
}

/// Ends the program.
pub fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, text, .. }) => {
            warn(format_args!("error: {text}"));
            code.into()
        }
    }
}

/// Writes a line to stdout.
///
/// # Errors
///
/// Where nobody reads it.
pub fn tell(line: impl fmt::Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::new(format!("stdout: {error}")))
}

/// Writes what was done to stdout, or to stderr where nobody reads that: it is done, and must not be lost.
///
/// # Errors
///
/// Where it is on stderr.
pub fn receipt(line: impl fmt::Display) -> Result<(), Failure> {
    tell(&line).inspect_err(|_| warn(&line))
}

/// The id of the user that a text means: an e-mail address, a phone number, an id or a user name.
///
/// # Errors
///
/// Where there is no such user, or more than one, or the tenant's search cannot be trusted.
pub fn find<T: Transport, C: Clock>(client: &Client<T, C>, text: &str) -> Result<UserId, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::input("no user is given"));
    }
    let mut find = FindUser::by(text);
    // Who has the id need not be there any more.
    if find == FindUser::by_id(text) {
        return Ok(text.into());
    }
    match client.run(&mut find)? {
        Found::One(user) => Ok(user.id),
        Found::None => Err(Failure::of_one("there is no such user")),
        Found::Several(users) => Err(Failure::of_one(format!("{} users share it: give an id", users.len()))),
        Found::Mismatch { id } => Err(Failure::new(format!("{}: give an id", mismatch(&id)))),
        Found::Unfinished => Err(Failure::new(format!("{UNFINISHED}: give an id"))),
    }
}

/// What is to be said of a search that found another user.
pub fn mismatch(id: &UserId) -> String {
    format!("the tenant's search cannot be trusted: it found {id}, who is another user")
}

/// What is to be said of a search that gave up.
pub const UNFINISHED: &str =
    "the tenant's search did not come to its end: it is not known whether there is such a user";

/// A bar with rate and remaining time, which shows on a terminal only. Without a total it counts.
pub fn progress(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {human_pos}/{human_len}  {rate}  {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {human_pos}  {rate}  {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // What a bar cannot show is no failure of what it shows.
        write!(text, "{:.0}/s", state.per_sec()).unwrap_or_default();
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(style.with_key("rate", rate))
}

/// How programs go through a list.
#[derive(Debug, Args)]
pub struct Many {
    /// How many users to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: u16,

    /// How many calls to make a second, at the most, all together [default: as many as the tenant allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pace: Option<u32>,
}

/// Gives up after failures in a row that weigh so much: what is wrong is wrong with all. One of one user alone weighs nothing, and
/// the want of a token as much as all of these, as nothing can be called without one.
const IN_A_ROW: usize = 25;

impl Many {
    /// Works on each item, several at once, with a progress bar. `work` gives what to tell if it failed, and nothing if it went
    /// well; each failure is a line on stderr. Tells how many failed.
    ///
    /// # Errors
    ///
    /// Where it gave up, as it fails for all.
    pub fn each<T, C, I>(
        &self,
        client: &Client<T, C>,
        bar: &ProgressBar,
        items: I,
        work: impl Fn(I::Item) -> Result<(), Failure> + Sync,
    ) -> Result<usize, Failure>
    where
        T: Transport,
        C: Clock,
        I: IntoIterator<IntoIter: Send>,
    {
        client.with_tenant(|tenant| tenant.set_rate_limit(self.pace.unwrap_or_default()));
        let (mut failed, mut in_a_row) = (0, 0);
        let ended = in_parallel(self.at_once.into(), items, work, |result| {
            bar.inc(1);
            match result {
                Ok(()) => in_a_row = 0,
                Err(failure) => {
                    bar.suspend(|| warn(&failure));
                    failed += 1;
                    in_a_row = if failure.weight == 0 { 0 } else { in_a_row + failure.weight };
                }
            }
            if in_a_row < IN_A_ROW { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        bar.finish_and_clear();
        match ended {
            ControlFlow::Continue(()) => Ok(failed),
            ControlFlow::Break(()) => {
                Err(Failure::new(format!("gave up, as it fails for all; {failed} failed")))
            }
        }
    }

    /// Does something to each user of a list: a file of one id, e-mail address, phone number or user name a line, or `-` for
    /// stdin.
    ///
    /// # Errors
    ///
    /// Where the list cannot be read, or some of it failed.
    pub fn each_user<T: Transport + Send + Sync, C: Clock + Send + Sync>(
        &self,
        client: &Client<T, C>,
        list: &Path,
        work: impl Fn(&UserId) -> Result<(), CallError<T::Error>> + Sync,
    ) -> Result<(), Failure> {
        let text = text::read(list)?;
        let users = text::list(list, &text)?;
        let (total, done) = (users.len(), AtomicUsize::new(0));
        let bar = progress(Some(total as u64));
        let failed = self.each(client, &bar, users, |(number, user)| {
            let result = find(client, user).and_then(|id| work(&id).map_err(Failure::from));
            done.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
            result.map_err(|failure| failure.at_line(number))
        });
        let told = receipt(format_args!("done for {} of {}", done.into_inner(), counted(total, "user")));
        match failed? {
            0 => told,
            failed => Err(Failure::new(format!("{failed} of {} failed", counted(total, "user")))),
        }
    }
}
