//! The file of the lines that are not valid.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use kinde_users::import::{RawRecord, Rejected, Users};
use serde_json::value::{RawValue, to_raw_value};

use crate::failure::Failure;
use crate::output::{Output, counted};
use crate::private_files::private;

/// The column of the reasons. An import never reads it.
const REASON: &str = "import_error";

/// A file of the lines that are not valid, unchanged and with the reasons. The user corrects and
/// imports it. Only the owner of the file can read it.
pub(crate) struct ErrorsFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// The column names of the rows and their separator, once a row is written.
    header: Option<(Vec<String>, char)>,
    written: u64,
    /// The lines that are too long, or that the end of the file cuts off.
    missing: u64,
}

impl ErrorsFile {
    /// Creates the file. It must not exist, as the user may have corrected it.
    ///
    /// # Errors
    ///
    /// Fails if the file exists or cannot be created.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let file = private().write(true).create_new(true).open(path);
        let file = BufWriter::new(file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::input(format!("{} exists: move it away, or name another file", path.display()))
            }
            _ => Failure::file(path, error),
        })?);
        Ok(Self { path: path.to_owned(), file, header: None, written: 0, missing: 0 })
    }

    /// Writes a line of the current file of `users`.
    ///
    /// # Errors
    ///
    /// Fails if the line cannot be written, or has other columns than the lines before.
    pub(crate) fn write(&mut self, rejected: &Rejected, users: &Users<'_>) -> Result<(), Failure> {
        let reasons = rejected.errors.to_string();
        let failed = |error: &dyn std::fmt::Display| Failure::file(&self.path, error);
        let mut text = Vec::new();
        let names = users.header().unwrap_or_default();
        if let Some(separator) = users.separator() {
            let is_new = self.header.is_none();
            let header = self.header.get_or_insert_with(|| (names.to_owned(), separator));
            if (header.0.as_slice(), header.1) != (names, separator) {
                let message = "the files have different columns or separators: import them one at a time";
                return Err(failed(&message));
            }
            if is_new {
                text = row(names, names, REASON, separator);
            }
        }
        match &rejected.record {
            Some(RawRecord::Row(values)) => {
                text.extend(row(names, values, &reasons, users.separator().unwrap_or(',')));
            }
            Some(RawRecord::Json(json)) => {
                // Values are copied as text, as a number may not fit any type.
                let members = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json);
                let line = members.and_then(|mut members| {
                    members.insert(REASON.to_owned(), to_raw_value(&reasons)?);
                    serde_json::to_string(&members)
                });
                text.extend(line.as_ref().unwrap_or(json).bytes());
                text.push(b'\n');
            }
            Some(RawRecord::Broken(bytes)) => {
                text.extend(bytes);
                // A corrected file may still have the column of reasons. JSON has no place for them.
                let has_reason = names.iter().any(|name| name.trim() == REASON);
                if let Some(separator) = users.separator().filter(|_| !has_reason) {
                    // With its quotes, the reason ends a value whose quote is not closed.
                    text.extend(format!("{separator}\"{}\"", reasons.replace('"', "\"\"")).bytes());
                }
                text.push(b'\n');
            }
            None => {
                self.missing += 1;
                return Ok(());
            }
        }
        self.written += 1;
        self.file.write_all(&text).map_err(|error| failed(&error))
    }

    /// Completes the file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub(crate) fn end(mut self, output: Output) -> Result<(), Failure> {
        self.file.flush().map_err(|error| Failure::file(&self.path, error))?;
        let Self { path, written, missing, .. } = self;
        if missing > 0 {
            let lines = counted(missing, "line");
            output.note(format_args!(
                "{lines} could not be read to the end, and {} does not contain them",
                path.display()
            ));
        }
        output.note(format_args!("{}: {}", path.display(), counted(written, "line")));
        Ok(())
    }
}

/// Returns a row of the values with the reasons in the last column. A corrected file may already
/// have that column.
fn row(names: &[String], values: &[String], reasons: &str, separator: char) -> Vec<u8> {
    let separator = u8::try_from(separator).unwrap_or(b',');
    let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
    let kept = names.iter().zip(values).filter(|(name, _)| name.trim() != REASON);
    // Neither fails in memory.
    let _ = writer.write_record(kept.map(|(_, value)| value.as_str()).chain([reasons]));
    writer.into_inner().unwrap_or_default()
}
