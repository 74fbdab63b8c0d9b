//! The lines of an import file, in either of Kinde's two forms.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kinde_users::Problem;
use kinde_users::import::{ImportError, ImportForm, ImportProblem, ImportUser};

use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, counted, warn};
use crate::text;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// CSV: rows below a row of column names.
    Csv,
    /// NDJSON: a JSON object on each line.
    Ndjson,
}

impl Format {
    /// Returns the form that was named, or the one that the file's name ends in.
    ///
    /// # Errors
    ///
    /// Fails where neither says it.
    pub(crate) fn of(path: &Path, named: Option<Self>) -> Result<Self, Failure> {
        let ending = path.extension().and_then(OsStr::to_str);
        match (named, ending) {
            (Some(format), _) => Ok(format),
            (None, Some("csv")) => Ok(Self::Csv),
            (None, Some("ndjson" | "jsonl")) => Ok(Self::Ndjson),
            _ => Err(Failure::input(
                "the form of the file is not known from its name: give --format csv or --format ndjson",
            )),
        }
    }
}

/// How a file is read.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// The form of the file, if its name does not say it
    #[arg(long)]
    format: Option<Format>,

    /// Import what can be imported, and leave out what no Users operation can carry out: roles,
    /// permissions, organizations, social identities, unknown columns
    #[arg(long)]
    leave_out: bool,

    /// Suspend all users, except where the column `is_suspended` says otherwise
    #[arg(long)]
    suspend: bool,

    /// The variant of all PBKDF2 hashes, such as salted-pbkdf2-hmac-sha256
    #[arg(long, value_name = "VARIANT")]
    pbkdf2_variant: Option<String>,

    /// The iterations of all PBKDF2 hashes; Kinde assumes 24000 otherwise
    #[arg(long, value_name = "N", requires = "pbkdf2_variant")]
    pbkdf2_iterations: Option<u32>,

    /// JSON file of the project's hash parameters, under the names that the Firebase console shows
    #[arg(long, value_name = "FILE")]
    firebase: Option<PathBuf>,
}

impl Reading {
    /// Returns the form of the users.
    ///
    /// # Errors
    ///
    /// Fails where the file of hash parameters is not valid.
    pub(crate) fn form(&self) -> Result<ImportForm, Failure> {
        let mut form = ImportForm::new();
        if self.suspend {
            form = form.suspended();
        }
        if let Some(variant) = &self.pbkdf2_variant {
            form = form.pbkdf2(variant, self.pbkdf2_iterations);
        }
        if let Some(path) = &self.firebase {
            let names = "base64_signer_key, base64_salt_separator, rounds and mem_cost";
            let wrong = |_| Failure::file(path, format_args!("not a JSON object of Firebase's {names}"));
            form = form.firebase(serde_json::from_str(&text::read(path)?).map_err(wrong)?);
        }
        Ok(form)
    }

    /// Returns the users of a file one after another, so that one is in memory at a time.
    ///
    /// # Errors
    ///
    /// Fails where the file or its row of names cannot be read, or its form is not known.
    pub(crate) fn lines<'a>(&self, path: &Path, form: &'a ImportForm) -> Result<Lines<'a>, Failure> {
        regular(path)?;
        lines(path, Format::of(path, self.format)?, form)
    }

    /// Checks all lines, reports what is wrong, and returns how many lines there are.
    ///
    /// # Errors
    ///
    /// Fails where a line is wrong, or has a value that cannot be imported and is not left out.
    pub(crate) fn check(&self, lines: impl Iterator<Item = Line>, output: Output) -> Result<u64, Failure> {
        let Checked { total, wrong, left_out } = Checked::of(lines);
        output.tell(
            &json!({ "lines": total, "wrong": wrong, "kinds_left_out": left_out }),
            format_args!(
                "{}, {wrong} wrong, {} of values that cannot be imported",
                counted(total, "line"),
                counted(left_out, "kind")
            ),
        )?;
        if total == 0 {
            return Err(Failure::input("there is no user in the file"));
        }
        if wrong > 0 {
            let (wrong, are) = (counted(wrong, "line"), if wrong == 1 { "is" } else { "are" });
            return Err(Failure::input(format!("{wrong} {are} wrong; nothing was imported")));
        }
        if left_out > 0 && !self.leave_out {
            return Err(Failure::input("nothing was imported; --leave-out imports without those values"));
        }
        Ok(total)
    }
}

impl fmt::Display for Reading {
    /// Writes the options that change what is imported.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (suspend, firebase) = (self.suspend, self.firebase.is_some());
        let variant = self.pbkdf2_variant.as_deref().unwrap_or("none");
        let iterations = self.pbkdf2_iterations.unwrap_or_default();
        write!(f, "suspend {suspend}, PBKDF2 {variant} {iterations}, Firebase {firebase}")
    }
}

/// The number of a line, from 1, and the user, or what is wrong.
pub(crate) type Line = (u64, Result<ImportUser, String>);

/// Checks that the file can be read more than once. A pipe would be empty the second time.
///
/// # Errors
///
/// Fails where it is not a regular file.
pub(crate) fn regular(path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(data) if data.is_file() => Ok(()),
        Ok(_) => Err(Failure::file(path, "not a regular file")),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

/// Ends after the first broken item, as an endless number of them may follow.
fn until_broken<T>(
    items: impl Iterator<Item = T>,
    is_broken: impl Fn(&T) -> bool,
) -> impl Iterator<Item = T> {
    let mut is_over = false;
    items.take_while(move |item| !std::mem::replace(&mut is_over, is_broken(item)))
}

fn text_lines(file: impl BufRead) -> impl Iterator<Item = io::Result<String>> {
    let is_broken =
        |error: &io::Error| !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::Interrupted);
    until_broken(file.lines(), move |line| line.as_ref().is_err_and(is_broken))
}

/// The lines of a file.
pub(crate) type Lines<'a> = Box<dyn Iterator<Item = Line> + Send + 'a>;

fn lines<'a>(path: &Path, format: Format, form: &'a ImportForm) -> Result<Lines<'a>, Failure> {
    let open = || File::open(path).map(BufReader::new).map_err(|error| Failure::file(path, &error));
    let mut file = open()?;
    let start = file.fill_buf().map_err(|error| Failure::file(path, &error))?;
    text::utf8(path, start)?;
    text::of_form(path, format, start)?;
    match format {
        Format::Ndjson => {
            let read = |line: io::Result<String>| {
                let line = line.map_err(|error| match error.kind() {
                    io::ErrorKind::InvalidData => NOT_UTF8.to_owned(),
                    _ => error.to_string(),
                })?;
                form.line(&line).map_err(|error| told(&error))
            };
            let is_blank = |line: &io::Result<String>| line.as_ref().is_ok_and(|line| line.trim().is_empty());
            let numbered = (1..).zip(text_lines(file)).filter(move |(_, line)| !is_blank(line));
            Ok(Box::new(numbered.map(move |(number, line)| (number, read(line)))))
        }
        Format::Csv => {
            let mut reader = csv::Reader::from_reader(file);
            let unnamed = |what: &str| Failure::file(path, what);
            let names = reader.headers().map_err(|error| unnamed(&problem(&error)))?.clone();
            if !names.is_empty() && !names.iter().any(|name| IDENTIFYING.contains(&name.trim())) {
                // The first row is not shown: in a file without names it has personal data.
                return Err(unnamed(NAMELESS));
            }
            let mut columns = HashMap::new();
            for (column, name) in (1..).zip(&names) {
                if let Some(first) = columns.insert(name.trim(), column) {
                    return Err(unnamed(&format!("columns {first} and {column} have one name")));
                }
            }
            let mut line_of = LineOf { text: open()?, byte: 0, line: 1 };
            let mut number =
                move |position: Option<&csv::Position>| line_of.byte(position.map_or(0, csv::Position::byte));
            let records = until_broken(reader.into_records(), |record| {
                record.as_ref().is_err_and(csv::Error::is_io_error)
            });
            Ok(Box::new(records.map(move |record| match record {
                Ok(record) => {
                    let user = form.row(names.iter().zip(&record)).map_err(|error| told(&error));
                    (number(record.position()), user)
                }
                Err(error) => (number(error.position()), Err(problem(&error))),
            })))
        }
    }
}

/// The columns of which a file needs at least one.
pub(crate) const IDENTIFYING: [&str; 4] = ["email", "phone", "username", "id"];
const NAMELESS: &str = "no column is named email, phone, username or id: the first line names the columns, in lower case and with \
    commas between";

/// Finds the line of a byte in a file. The CSV reader does not count empty lines, and it reads
/// ahead. To count its lines takes a list of where lines begin, which is more than to read the file
/// a second time.
struct LineOf<R> {
    text: R,
    byte: u64,
    line: u64,
}

impl<R: BufRead> LineOf<R> {
    /// Returns the line of the first byte at or after `from` that is not a line break. `from` must
    /// not decrease from call to call.
    fn byte(&mut self, from: u64) -> u64 {
        // If nothing more can be read, the records have ended too.
        while let Some(next) = self.text.fill_buf().ok().and_then(|buffer| buffer.first().copied()) {
            if self.byte >= from && !matches!(next, b'\n' | b'\r') {
                break;
            }
            self.byte += 1;
            self.line += u64::from(next == b'\n');
            self.text.consume(1);
        }
        self.line
    }
}

/// Returns what is wrong with a user, and the option that adds a missing value.
fn told(error: &ImportError) -> String {
    let text = error.to_string();
    if let ("line", Some((_, rest))) = (error.field(), text.split_once("expected a JSON object")) {
        return format!("not a JSON object{rest}");
    }
    let name = error.field().rsplit('.').next().unwrap_or_default();
    match (name, error.problem()) {
        ("signer_key", ImportProblem::Argument(Problem::Missing)) => format!("{text} (--firebase)"),
        ("variant", ImportProblem::Argument(Problem::Missing)) => format!("{text} (--pbkdf2-variant)"),
        _ => text,
    }
}

const NOT_UTF8: &str = "not in UTF-8; save the file as UTF-8";

/// Returns what is wrong with a row, without its line, which is written before it.
fn problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let are = if *expected_len == 1 { "is" } else { "are" };
            format!("{} where there {are} {}", counted(len, "column"), counted(expected_len, "name"))
        }
        csv::ErrorKind::Utf8 { .. } => NOT_UTF8.to_owned(),
        _ => error.to_string(),
    }
}

/// What the check of a file found.
struct Checked {
    /// The number of lines.
    total: u64,
    /// The number of wrong lines.
    wrong: u64,
    /// The number of kinds of values that no operation can import.
    left_out: usize,
}

/// So many wrong lines are reported one by one.
const TOLD: u64 = 20;

impl Checked {
    /// Checks all lines, and writes to standard error what is wrong and what cannot be imported.
    fn of(lines: impl Iterator<Item = Line>) -> Self {
        let (mut total, mut wrong) = (0, 0);
        let mut seen = HashMap::new();
        let mut left_out: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, user) in lines {
            total += 1;
            let problems = match user {
                Err(problem) => vec![problem],
                Ok(user) => {
                    for name in user.left_out() {
                        left_out.entry(name.clone()).or_default().push(number);
                    }
                    let that_of = |(kind, value)| {
                        let first = *seen.entry((kind, value)).or_insert(number);
                        (first != number).then(|| format!("the {kind} is that of line {first} too"))
                    };
                    user.keys().filter_map(that_of).collect()
                }
            };
            if !problems.is_empty() {
                wrong += 1;
                if wrong <= TOLD {
                    warn(format_args!("line {number}: {}", problems.join("; ")));
                }
            }
        }
        if wrong > TOLD {
            warn(format_args!("and {}", counted(wrong - TOLD, "more line")));
        }
        for (name, numbers) in &left_out {
            let few: Vec<_> = numbers.iter().take(5).map(u64::to_string).collect();
            let more = numbers.len() - few.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let (lines, few) = (if numbers.len() == 1 { "line" } else { "lines" }, few.join(", "));
            warn(format_args!("{name}: no Users operation can carry it out ({lines} {few}{more})"));
        }
        Self { total, wrong, left_out: left_out.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that fails again and again after its first lines.
    struct Broken(&'static [u8]);

    impl io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            if read == 0 { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(read) }
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_once_and_what_is_no_text_is_one_line() {
        let lines = text_lines(BufReader::new(Broken(b"one\n\xff\nthree\n"))).take(9);
        let told: Vec<_> = lines.map(|line| line.map_err(|error| error.kind())).collect();
        let (no_text, broken) = (io::ErrorKind::InvalidData, io::ErrorKind::PermissionDenied);
        assert_eq!(told, [Ok("one".to_owned()), Err(no_text), Ok("three".to_owned()), Err(broken)]);
    }
}
