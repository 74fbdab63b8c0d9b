//! The lines of an import file, in either of Kinde's two forms.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use clap::ValueEnum;
use kinde_users::{ImportForm, ImportUser};

use super::cli::Failure;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Rows of CSV under a row of names.
    Csv,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// The one that was named, or that of the ending of the file's name.
    ///
    /// # Errors
    ///
    /// Where neither tells.
    pub fn of(path: &Path, named: Option<Self>) -> Result<Self, Failure> {
        let ending = path.extension().and_then(OsStr::to_str);
        match (named, ending) {
            (Some(format), _) => Ok(format),
            (None, Some("csv")) => Ok(Self::Csv),
            (None, Some("ndjson" | "jsonl")) => Ok(Self::Ndjson),
            _ => Err(Failure::input("--format csv or --format ndjson: the file's name does not tell")),
        }
    }
}

/// A line's number, from 1, and the user, or why there is none.
pub type Line = (u64, Result<ImportUser, String>);

/// The users of a file, one after another: no more of it is in memory.
///
/// # Errors
///
/// Where the file or its row of names cannot be read.
pub fn lines<'a>(
    path: &Path,
    format: Format,
    form: &'a ImportForm,
) -> Result<Box<dyn Iterator<Item = Line> + Send + 'a>, Failure> {
    let file = BufReader::new(File::open(path).map_err(|error| Failure::file(path, &error))?);
    match format {
        Format::Ndjson => {
            let read = |line: std::io::Result<String>| {
                form.line(&line.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
            };
            let is_blank =
                |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.trim().is_empty());
            let numbered = (1..).zip(file.lines()).filter(move |(_, line)| !is_blank(line));
            Ok(Box::new(numbered.map(move |(number, line)| (number, read(line)))))
        }
        Format::Csv => {
            let mut reader = csv::Reader::from_reader(file);
            let names = reader.headers().map_err(|error| Failure::file(path, &error))?.clone();
            let twice = |name: &&str| names.iter().filter(|other| other.trim() == name.trim()).count() > 1;
            if let Some(name) = names.iter().find(twice) {
                return Err(Failure::input(format!("{}: two columns are named {name}", path.display())));
            }
            let mut last = 1;
            Ok(Box::new(reader.into_records().map(move |record| match record {
                Ok(record) => {
                    last = record.position().map_or(last + 1, csv::Position::line);
                    (last, form.row(names.iter().zip(&record)).map_err(|error| error.to_string()))
                }
                Err(error) => {
                    last = error.position().map_or(last + 1, csv::Position::line);
                    (last, Err(problem(&error)))
                }
            })))
        }
    }
}

/// What is wrong with a row, without its place, which stands before it.
fn problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where there are {expected_len} names")
        }
        csv::ErrorKind::Utf8 { .. } => "not in UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// What is to be said of a file before anything of it is imported.
pub struct Checked {
    /// How many lines there are.
    pub total: u64,
    /// How many of them are wrong.
    pub wrong: u64,
    /// How many kinds of values there are that no operation can carry out.
    pub left_out: usize,
}

impl Checked {
    /// Looks through all lines, and tells on stderr what is wrong with each and what cannot be carried out of them.
    pub fn of(lines: impl Iterator<Item = Line>) -> Self {
        let (mut total, mut wrong) = (0, 0);
        let mut seen = HashMap::new();
        let mut left_out: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, user) in lines {
            total += 1;
            let problem = match user {
                Err(problem) => Some(problem),
                Ok(user) => {
                    for name in user.left_out() {
                        left_out.entry(name.clone()).or_default().push(number);
                    }
                    user.keys().find_map(|(kind, value)| {
                        let first = *seen.entry((kind, value)).or_insert(number);
                        (first != number).then(|| format!("the {kind} is that of line {first} too"))
                    })
                }
            };
            if let Some(problem) = problem {
                eprintln!("line {number}: {problem}");
                wrong += 1;
            }
        }
        for (name, numbers) in &left_out {
            let few: Vec<_> = numbers.iter().take(5).map(u64::to_string).collect();
            let more = numbers.len() - few.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            eprintln!("{name}: no Users operation can carry it out (lines {}{more})", few.join(", "));
        }
        Self { total, wrong, left_out: left_out.len() }
    }
}
