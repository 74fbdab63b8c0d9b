//! The errors of the lines of a file.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use kinde_users_core::Problem;

/// An error in a line of a file, or in the parts of a password.
///
/// The error names the field but never contains the value of the field, so you can log the error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImportError {
    field: Cow<'static, str>,
    problem: ImportProblem,
    /// What is expected. Empty if the problem says it.
    expected: Cow<'static, str>,
    /// A text that replaces the text of the problem. It follows the name of the field.
    because: Cow<'static, str>,
}

impl ImportError {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, problem: impl Into<ImportProblem>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        Self { field, problem, expected: Cow::Borrowed(""), because: Cow::Borrowed("") }
    }

    /// Creates an error of a whole line.
    pub(crate) fn line() -> Self {
        Self::new("line", Problem::WrongType)
    }

    pub(crate) fn expecting(self, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    pub(crate) fn because(self, because: impl Into<Cow<'static, str>>) -> Self {
        Self { because: because.into(), ..self }
    }

    /// Returns the column or path, such as `identities[0].type`, or `line` for a whole line.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Returns the problem of the field.
    pub fn problem(&self) -> ImportProblem {
        self.problem
    }
}

impl fmt::Display for ImportError {
    /// Writes the field, the problem and what is expected, and never the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.field)?;
        if self.because.is_empty() {
            self.problem.fmt(f)?;
        } else {
            f.write_str(&self.because)?;
        }
        if self.expected.is_empty() { Ok(()) } else { write!(f, ": expected {}", self.expected) }
    }
}

impl core::error::Error for ImportError {}

/// The errors in a line of a file. There is at least one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportErrors(pub(crate) Vec<ImportError>);

impl ImportErrors {
    /// Returns the errors.
    pub fn iter(&self) -> core::slice::Iter<'_, ImportError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a ImportErrors {
    type Item = &'a ImportError;
    type IntoIter = core::slice::Iter<'a, ImportError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ImportErrors {
    /// Writes the errors, separated by semicolons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "; " })?;
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl core::error::Error for ImportErrors {}

/// The problem of a field of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportProblem {
    /// The value is not accepted.
    Unknown,
    /// The field is duplicated.
    Twice,
    /// The value would be lost: it becomes no part of a user, and the mapping does not ignore its
    /// field.
    NotTaken,
    /// No operation can send the value.
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
            Self::Unknown => f.write_str("is not an accepted value"),
            Self::Twice => f.write_str("is duplicated"),
            Self::NotTaken => f.write_str("is not taken"),
            Self::Argument(problem) => problem.fmt(f),
        }
    }
}

/// A line of a file. Both numbers begin at 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) line: u64,
}
