//! Why a successful reply could not be read, and where.

use alloc::boxed::Box;
use core::fmt;

/// Why a successful reply could not be read, and where. It quotes no value of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecodeError {
    pub(crate) path: Box<str>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) category: DecodeCategory,
}

impl DecodeError {
    /// The path of the value that could not be read or is missing, such as `users[3].is_suspended`; empty for the whole
    /// body. A key that is not a plain field name is `?`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1. Line and column are those of the text that was read, which differs from the body where that had
    /// to be [repaired](crate::Reply::parse_as).
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, in bytes from 1; 0 before the first byte of a line.
    pub fn column(&self) -> usize {
        self.column
    }

    /// In what way it could not be read.
    pub fn category(&self) -> DecodeCategory {
        self.category
    }
}

/// In what way a reply could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeCategory {
    /// The body is not UTF-8, and wrong bytes are not in strings alone.
    NotUtf8,
    /// The body is not JSON.
    Syntax,
    /// The body is JSON that does not fit the type: a value of a wrong type, or a required one missing.
    Data,
    /// The body ends too early, or is empty.
    Eof,
    /// The status is none of success, so that the body is another one.
    NotSuccess,
    /// The status is a success, but the body does not confirm it: it has an error, another user's id
    /// or another state. The operation may have happened. [`Erase`](crate::Erase) and
    /// [`Suspend`](crate::Suspend) report this.
    NotDone,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.category {
            DecodeCategory::NotUtf8 => "the reply is not UTF-8",
            DecodeCategory::Syntax => "the reply is not JSON",
            DecodeCategory::Data => "the reply does not fit its type",
            DecodeCategory::Eof => "the reply ends too early",
            DecodeCategory::NotSuccess => "the reply is no success",
            DecodeCategory::NotDone => "the reply does not confirm what was asked for",
        })?;
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, " (line {}, column {})", self.line, self.column)
    }
}

impl core::error::Error for DecodeError {}
