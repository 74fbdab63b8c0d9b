//! What is wrong with a line of a file.

use alloc::borrow::Cow;
use core::fmt;

use kinde_users_core::Problem;

/// Says what is wrong with a line of a file, or with the parts of a password.
///
/// It names the field and never has its value, so that it can be logged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImportError {
    field: Cow<'static, str>,
    problem: ImportProblem,
    /// Empty where the problem says it all.
    expected: Cow<'static, str>,
}

impl ImportError {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<ImportProblem>) -> Self {
        Self { field: field.into(), problem: problem.into(), expected: Cow::Borrowed("") }
    }

    pub(crate) fn expecting(self, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Returns the column or key, as `identities[0].type`, or `line` for a whole line that is not a
    /// JSON object.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns what is wrong with the field.
    pub fn problem(&self) -> ImportProblem {
        self.problem
    }
}

impl fmt::Display for ImportError {
    /// Writes the field, the problem and what is expected, and never the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)?;
        if self.expected.is_empty() { Ok(()) } else { write!(f, ": expected {}", self.expected) }
    }
}

impl core::error::Error for ImportError {}

/// What is wrong with a field of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportProblem {
    /// It is not an accepted value.
    Unknown,
    /// The field is duplicated.
    Twice,
    /// An operation cannot send it.
    Argument(Problem),
}

impl From<Problem> for ImportProblem {
    fn from(problem: Problem) -> Self {
        Self::Argument(problem)
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is none of the values that there are"),
            Self::Twice => f.write_str("stands there twice"),
            Self::Argument(problem) => problem.fmt(f),
        }
    }
}
