//! The error of a file that cannot be read.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::parse::csv::CsvError;
use crate::parse::text::NotText;
use crate::sources::Source;

/// The error of a file that cannot be read.
#[derive(Debug)]
pub struct FileError {
    pub(super) file: usize,
    pub(super) problem: FileProblem,
}

#[derive(Debug)]
pub(super) enum FileProblem {
    NotText(NotText),
    /// Two columns of CSV have the same name.
    Columns(usize, usize),
    /// No column identifies a user. The header may be of another system, and it may have names that
    /// can be mapped, listed here with their targets.
    Header(Option<Source>, Vec<(String, &'static str)>),
    Csv(CsvError),
}

impl FileError {
    /// Returns the number of the file. The first file has the number 1.
    pub fn file(&self) -> usize {
        self.file
    }
}

impl fmt::Display for FileError {
    /// Writes the problem, without the name of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            FileProblem::NotText(problem) => problem.fmt(f),
            FileProblem::Columns(one, other) => {
                write!(f, "columns {one} and {other} have the same name: rename one of them")
            }
            FileProblem::Csv(problem) => problem.fmt(f),
            FileProblem::Header(source, names) => {
                f.write_str(
                    "no column becomes an email address, phone number, user name or id; the first line \
                     must name the columns",
                )?;
                if let Some(source) = source {
                    return write!(f, " (this looks like {}: --from {source})", source.table().title);
                }
                for (name, target) in names {
                    write!(f, "; `{name}`: did you mean `{target}`? --map '{name}={target}'")?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for FileError {}
