//! Why a run fails, and the exit code that says so.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use kinde_users::{CallError, Error};

use crate::output::warn;
use crate::tenant::WayError;

/// For the end of each subcommand's help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  everything was done
  1  something failed: standard error says what, and receipts say what was done
  2  the request is not valid, or was not confirmed, and nothing was changed
  3  everything was done, except for the lines that --skip-invalid left out";

/// After so many failures in a row a list is given up: what is wrong is wrong for all users. A
/// failure of one user alone counts nothing. Having no token counts as much as all of them, as
/// nothing can be called without one.
pub(crate) const IN_A_ROW: usize = 25;

/// Why a run does not end well: one line for standard error, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    /// The line of the file or list that it is about.
    line: Option<u64>,
    /// How much it says about the other users of a list; see [`IN_A_ROW`].
    weight: usize,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into(), line: None, weight: 1 }
    }

    /// Something failed for one user alone: it may work for others.
    pub(crate) fn of_one(text: impl Into<String>) -> Self {
        Self { weight: 0, ..Self::new(text) }
    }

    /// The request is not valid, and nothing was changed.
    pub(crate) fn input(text: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(text) }
    }

    /// Everything was done except for lines that were left out, as the user asked.
    pub(crate) fn skipped(text: impl Into<String>) -> Self {
        Self { code: 3, ..Self::new(text) }
    }

    /// A file of the input is not valid.
    pub(crate) fn file(path: &Path, what: impl fmt::Display) -> Self {
        let name = if path == Path::new("-") { Path::new("stdin") } else { path };
        Self::input(format!("{}: {what}", name.display()))
    }

    /// Says on which line it happened.
    pub(crate) fn at_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    /// The line that it is about.
    pub(crate) fn line(&self) -> Option<u64> {
        self.line
    }

    /// What is wrong, without the line.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How much it says about the other users of a list.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// The text has the operation, the status, Kinde's code and message, and for 403 the missing scope.
/// Where the transport failed, its error follows.
impl From<CallError<WayError>> for Failure {
    fn from(error: CallError<WayError>) -> Self {
        let transport = error.transport().map(|transport| format!(": {transport}")).unwrap_or_default();
        let text = format!("{error}{transport}");
        // A request that cannot be built was not sent.
        let code = if matches!(error.error(), Error::Build(_)) { 2 } else { 1 };
        // Most refusals are about one user. These statuses are about all, and so is a missing or
        // foreign reply.
        let is_for_all = |status: u16| matches!(status, 401 | 403 | 407 | 429) || status >= 500;
        let refused = error.error().as_api().map(|refused| refused.status().as_u16());
        let weight = match error.error() {
            Error::Auth(_) => IN_A_ROW,
            Error::Exhausted { last, .. } if matches!(**last, Error::Auth(_)) => IN_A_ROW,
            _ => usize::from(code != 2 && refused.is_none_or(is_for_all)),
        };
        Self { code, text, line: None, weight }
    }
}

/// Ends the run.
pub(crate) fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn(format_args!("error: {failure}"));
            failure.code.into()
        }
    }
}
