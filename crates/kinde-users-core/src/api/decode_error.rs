//! Why a successful reply could not be read, and where.

use alloc::boxed::Box;
use core::fmt;

/// Why a successful reply could not be read, and where. The error quotes no value of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecodeError {
    pub(crate) path: Box<str>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) category: DecodeCategory,
}

impl DecodeError {
    /// Returns the path of the value that could not be read or is missing, such as
    /// `users[3].is_suspended`. The path of the whole body is empty. A key that is not a plain
    /// field name is shown as `?`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the line, starting at 1. The line and the column refer to the text that was read.
    /// This text differs from the body if the body was [repaired](crate::Reply::parse_as).
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column in bytes, starting at 1. The column is 0 if the error is before the first
    /// byte of the line.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns why the reply could not be read.
    pub fn category(&self) -> DecodeCategory {
        self.category
    }
}

/// Why a reply could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeCategory {
    /// The body is not UTF-8, and some wrong bytes are outside of strings.
    NotUtf8,
    /// The body is not JSON.
    Syntax,
    /// The body is JSON, but does not fit the type: a value has a wrong type, or a required value
    /// is missing.
    Data,
    /// The body ends too early, or is empty.
    Eof,
    /// The status is not a success, so the body was not read as the output of the operation.
    NotSuccess,
    /// The status is a success, but the body does not confirm the success. The body has an error,
    /// the id of another user, or a state of the user other than the requested one. The operation
    /// may have taken effect. [`Erase`](crate::Erase) and [`Suspend`](crate::Suspend) report this
    /// category.
    NotDone,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.category {
            DecodeCategory::NotUtf8 => "the reply is not UTF-8",
            DecodeCategory::Syntax => "the reply is not JSON",
            DecodeCategory::Data => "the reply does not fit its type",
            DecodeCategory::Eof => "the reply ends too early",
            DecodeCategory::NotSuccess => "the reply is no success",
            DecodeCategory::NotDone => "the reply does not confirm what was asked for",
        };
        f.write_str(problem)?;
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, " (line {}, column {})", self.line, self.column)
    }
}

impl core::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn message_says_what_is_wrong_and_where() {
        let error = |path: &str, category| DecodeError { path: path.into(), line: 1, column: 7, category };
        for (error, message) in [
            (error("", DecodeCategory::NotUtf8), "the reply is not UTF-8 (line 1, column 7)"),
            (error("", DecodeCategory::NotSuccess), "the reply is no success (line 1, column 7)"),
            (
                error("users[3].id", DecodeCategory::Data),
                "the reply does not fit its type at users[3].id (line 1, column 7)",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }
}
