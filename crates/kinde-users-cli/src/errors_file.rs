//! The file of the lines that are not valid.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kinde_users::import::{RawRecord, Rejected};
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
    /// The column names of the rows, once a row is written.
    header: Option<Vec<String>>,
    written: u64,
    /// The lines that could not be read far enough to be written.
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

    /// Writes a line. `header` has the column names of its file, if that is CSV.
    ///
    /// # Errors
    ///
    /// Fails if the line cannot be written, or has other columns than the lines before.
    pub(crate) fn write(&mut self, rejected: &Rejected, header: Option<&[String]>) -> Result<(), Failure> {
        let reasons = rejected.errors.to_string();
        let failed = |error: &dyn std::fmt::Display| Failure::file(&self.path, error);
        match &rejected.record {
            Some(RawRecord::Row(values)) => {
                let header = header.unwrap_or_default();
                let is_new = self.header.is_none();
                if self.header.get_or_insert_with(|| header.to_owned()) != header {
                    return Err(failed(&"the files have different columns: import them one at a time"));
                }
                // A corrected file may still have the column of reasons.
                let of_file = |texts: &[String]| {
                    let named = header.iter().zip(texts).filter(|(name, _)| name.trim() != REASON);
                    named.map(|(_, text)| text.clone()).collect::<Vec<_>>()
                };
                if is_new {
                    write_row(&mut self.file, &of_file(header), REASON).map_err(|error| failed(&error))?;
                }
                write_row(&mut self.file, &of_file(values), &reasons).map_err(|error| failed(&error))?;
            }
            Some(RawRecord::Json(text)) => {
                // Values are copied as text, as a number may not fit any type.
                let members = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
                let line = members.and_then(|mut members| {
                    members.insert(REASON.to_owned(), to_raw_value(&reasons)?);
                    serde_json::to_string(&members)
                });
                let line = line.unwrap_or_else(|_| text.clone());
                writeln!(self.file, "{line}").map_err(|error| failed(&error))?;
            }
            None => {
                self.missing += 1;
                return Ok(());
            }
        }
        self.written += 1;
        Ok(())
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
                "{lines} could not be read, and {} does not contain them",
                path.display()
            ));
        }
        output.note(format_args!("{}: {}", path.display(), counted(written, "line")));
        Ok(())
    }
}

fn write_row(file: impl Write, values: &[String], reason: &str) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(values.iter().map(String::as_str).chain([reason]))?;
    writer.flush()
}
