//! Why a run fails, and the exit code for it.

use std::fmt;
use std::path::Path;

use kinde_users::{CallError, Error};

/// The end of the help of each subcommand.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  everything was done
  1  something failed: standard error says what failed, and receipts say what was done
  2  nothing was changed: an argument or an input file is not valid, or you did not confirm
  3  only with import --skip-invalid: everything was done, except for the invalid lines";

/// What to do about lines that failed.
pub(crate) const AGAIN: &str = "to retry, run the same command again";

/// The number of failures in a row after which a run gives up a list, because every user seems to
/// fail. A failure that is about one user does not count. A failure to get a token counts as this
/// many, because no call is possible without a token.
pub(crate) const IN_A_ROW: usize = 25;

/// Why a run failed: one line for standard error, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    /// The line of the file or list that the failure is about.
    line: Option<u64>,
    /// How much the failure counts as a failure of all users of a list; see [`IN_A_ROW`].
    weight: usize,
}

impl Failure {
    /// Creates a failure with exit code 1.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into(), line: None, weight: 1 }
    }

    /// Creates a failure that is about one user. The same call may succeed for other users.
    pub(crate) fn of_one(text: impl Into<String>) -> Self {
        Self { weight: 0, ..Self::new(text) }
    }

    /// Creates a failure with exit code 2: the input is not valid, and nothing was changed.
    pub(crate) fn input(text: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(text) }
    }

    /// Everything was done except for lines that were left out, as the user asked.
    pub(crate) fn skipped(text: impl Into<String>) -> Self {
        Self { code: 3, ..Self::new(text) }
    }

    /// Creates a failure with exit code 2 that is about an input file.
    pub(crate) fn file(path: &Path, what: impl fmt::Display) -> Self {
        let name = if path == Path::new("-") { Path::new("stdin") } else { path };
        Self::input(format!("{}: {what}", name.display()))
    }

    /// Adds the line that the failure is about.
    pub(crate) fn at_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    /// Returns the line that the failure is about.
    pub(crate) fn line(&self) -> Option<u64> {
        self.line
    }

    /// Returns what is wrong, without the line.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Returns how much the failure counts as a failure of all users of a list.
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

/// The text has the operation, the status, Kinde's code and message, and for a 403 the missing
/// scope. If the transport failed, the error of the transport follows.
impl<E: std::error::Error + 'static> From<CallError<E>> for Failure {
    fn from(error: CallError<E>) -> Self {
        let transport = error.transport().map(|transport| format!(": {transport}")).unwrap_or_default();
        let text = format!("{error}{transport}");
        // A request that cannot be built was not sent.
        let code = if matches!(error.error(), Error::Build(_)) { 2 } else { 1 };
        // Most refusals are about one user. These statuses are about all users, and so is a missing
        // reply or a reply that is not from Kinde.
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

#[cfg(test)]
mod tests {
    use kinde_users::fake::{FakeKinde, Fault};
    use kinde_users::operations::{DeleteUser, GetUsers};

    use super::*;

    /// Returns the weight of the failure of a call in which all requests meet the fault.
    fn weight(operation: &'static str, fault: &Fault) -> usize {
        let fake = FakeKinde::new();
        for _ in 0..10 {
            fake.next(operation, fault.clone());
        }
        let client = fake.client().unwrap();
        Failure::from(client.send(&GetUsers::new()).unwrap_err()).weight
    }

    #[test]
    fn one_failure_to_get_a_token_ends_a_list() {
        // A call repeats a request after a 503, and not after a 401.
        assert_eq!(weight("token", &Fault::status(503)), IN_A_ROW);
        assert_eq!(weight("token", &Fault::status(401)), IN_A_ROW);
        assert_eq!(weight("get_users", &Fault::status(503)), 1);
        assert_eq!(weight("get_users", &Fault::forbidden()), 1);
        assert_eq!(weight("get_users", &Fault::status(404)), 0);
    }

    #[test]
    fn a_request_that_cannot_be_built_is_no_failure_of_all_users() {
        let client = FakeKinde::new().client().unwrap();
        let failure = Failure::from(client.send(&DeleteUser::new("")).unwrap_err());
        assert_eq!((failure.code, failure.weight), (2, 0));
    }
}
