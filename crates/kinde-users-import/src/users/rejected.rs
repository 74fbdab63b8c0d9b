//! Lines of files: users, and what is not valid.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::ImportErrors;
use crate::user::ImportUser;

/// A user of a file, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadUser {
    /// The number of the file, from 1.
    pub file: usize,
    /// The number of the line on which the record begins, from 1.
    pub line: u64,
    /// The user.
    pub user: ImportUser,
}

/// A line that is not valid and cannot be imported.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The number of the file, from 1.
    pub file: usize,
    /// The number of the line on which the record begins, from 1.
    pub line: u64,
    /// The problems of the line.
    pub errors: ImportErrors,
    /// The record as it is in the file, or `None` if the record is longer than 1 MiB or if the file
    /// ends within the record. A hash of a separate hash export is added to the record as
    /// `passwordHash`. The record contains personal data.
    pub record: Option<RawRecord>,
}

/// A record as it is in a file. A hash of a separate hash export is added to the record.
#[derive(Clone, PartialEq, Eq)]
pub enum RawRecord {
    /// A row of CSV. It has as many values as the header.
    Row(Vec<String>),
    /// A JSON object.
    Json(String),
    /// The bytes of a record that cannot be parsed, without the end of its last line. In a row of
    /// CSV, [`Users::separator`] separates the values.
    ///
    /// [`Users::separator`]: crate::Users::separator
    Broken(Vec<u8>),
}

impl fmt::Debug for RawRecord {
    /// Writes the form only, as the values are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Row(_) => "Row(..)",
            Self::Json(_) => "Json(..)",
            Self::Broken(_) => "Broken(..)",
        })
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, errors, .. } = self;
        write!(f, "Rejected(file {file}, line {line}: {errors})")
    }
}

impl fmt::Display for Rejected {
    /// Writes the line and its problems.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}", self.errors);
        match text.strip_prefix("line ") {
            Some(rest) => write!(f, "line {} {rest}", self.line),
            None => write!(f, "line {}: {text}", self.line),
        }
    }
}

impl core::error::Error for Rejected {}
