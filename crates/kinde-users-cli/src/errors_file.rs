//! The file of the lines that are not valid.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use kinde_users::import::{RawRecord, Rejected, Users};
use serde_json::Value;
use serde_json::value::RawValue;

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
    /// The column names of the lines and the separator of CSV, once a line is written.
    form: Option<(Vec<String>, Option<char>)>,
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
        Ok(Self { path: path.to_owned(), file, form: None, written: 0, missing: 0 })
    }

    /// Writes a line of the current file of `users`.
    ///
    /// # Errors
    ///
    /// Fails if the line cannot be written, or has other columns than the lines before.
    pub(crate) fn write(&mut self, rejected: &Rejected, users: &Users<'_>) -> Result<(), Failure> {
        let reasons = rejected.errors.to_string();
        let failed = |error: &dyn std::fmt::Display| Failure::file(&self.path, error);
        let Some(record) = &rejected.record else {
            self.missing += 1;
            return Ok(());
        };
        let (names, separator) = (users.header().unwrap_or_default(), users.separator());
        let form = self.form.get_or_insert_with(|| (names.to_owned(), separator));
        if (form.0.as_slice(), form.1) != (names, separator) {
            let message =
                "the files have different columns, separators or formats: import them one at a time";
            return Err(failed(&message));
        }
        let mut text = Vec::new();
        if let Some(separator) = separator.filter(|_| self.written == 0) {
            if !",;\t".contains(separator) {
                text.extend(format!("sep={separator}\n").bytes());
            }
            text.extend(row(names, names, REASON, separator));
        }
        match record {
            RawRecord::Row(values) => text.extend(row(names, values, &reasons, separator.unwrap_or(','))),
            RawRecord::Json(json) => text.extend(line(json, &reasons)),
            RawRecord::Broken(bytes) => {
                if let Some(separator) = separator {
                    text.extend(bytes);
                    // A corrected file may still have the column of reasons.
                    if !names.iter().any(|name| name.trim() == REASON) {
                        // With its quotes, the reason ends a value whose quote is not closed.
                        text.extend(format!("{separator}\"{}\"", reasons.replace('"', "\"\"")).bytes());
                    }
                } else {
                    text.extend(broken_line(bytes, &reasons));
                }
            }
        }
        if !text.ends_with(b"\n") {
            text.push(b'\n');
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

/// Returns a row of the values with the reasons in their column, which is the last one unless a
/// corrected file already has it. All values are in quotes: a name with a separator, or a value
/// such as `'Ada'`, is read as it is.
fn row(names: &[String], values: &[String], reasons: &str, separator: char) -> Vec<u8> {
    let separator = u8::try_from(separator).unwrap_or(b',');
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(Vec::new());
    let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
    let at = names.iter().position(|name| name.trim() == REASON);
    match at.and_then(|at| values.get_mut(at)) {
        Some(value) => *value = reasons,
        None => values.push(reasons),
    }
    // Neither fails in memory.
    let _ = writer.write_record(values);
    writer.into_inner().unwrap_or_default()
}

/// Returns an object as a line. The reasons are its first member: such an object is never read as
/// one that holds a list of users.
fn line(json: &str, reasons: &str) -> Vec<u8> {
    // Values are copied as text, as a number may not fit any type.
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) else {
        return broken_line(json.as_bytes(), reasons);
    };
    let mut line = format!("{{\"{REASON}\":{}", Value::from(reasons));
    for (name, value) in members.into_iter().filter(|(name, _)| name != REASON) {
        // Line breaks between the parts of a value are blanks.
        let value = value.get().replace(['\n', '\r'], " ");
        line.extend([",", &Value::from(name).to_string(), ":", &value]);
    }
    line.push('}');
    line.into_bytes()
}

/// Returns JSON that cannot be parsed as a line, with the reasons if it is an object.
fn broken_line(json: &[u8], reasons: &str) -> Vec<u8> {
    // A line feed within a text ends the record, so these are between values.
    let mut line: Vec<u8> = json.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect();
    let reason = format!("\"{REASON}\":");
    let has_reason = line.windows(reason.len()).any(|part| part == reason.as_bytes());
    if line.starts_with(b"{") && !has_reason {
        line.splice(1..1, format!("{reason}{},", Value::from(reasons)).into_bytes());
    }
    line
}
