//! Reads the users of files, one by one.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kinde_users_core::Problem;

mod file_error;
mod reading;
mod rejected;
mod seen;

pub use self::file_error::FileError;
use self::file_error::FileProblem;
use self::reading::Reading;
pub use self::rejected::{RawRecord, ReadUser, Rejected};
use self::seen::Seen;
use crate::draft::Draft;
use crate::error::{ImportError, ImportErrors, Place};
use crate::io::{BufRead, Read};
use crate::json_value::Node;
use crate::mapping::{Mapping, suggestion};
use crate::parse::csv::{CsvError, CsvProblem, CsvReader};
use crate::parse::json_records::{JsonError, JsonReader};
use crate::parse::text::{self, NotText};
use crate::plan::Plan;
use crate::rule::Rule;
use crate::shown::shown;
use crate::sources::Source;
use crate::sources::auth0::Hashes;
use crate::target::Target;

impl Mapping {
    /// Reads the users of files, one by one.
    ///
    /// Two things stay in memory: a short key for each user that was read, and the hashes of an
    /// Auth0 hash export.
    ///
    /// ```
    /// # use kinde_users_import::{Mapping, Source};
    /// let file = "login,firstName,email,status\n\
    ///     ada,Ada,ada@example.com,SUSPENDED\n\
    ///     grace,Grace,grace,ACTIVE\n";
    /// let mapping = Mapping::new(Source::Okta);
    /// let mut users = mapping.users([file.as_bytes()])?;
    /// for read in &mut users {
    ///     match read {
    ///         Ok(read) => println!("line {}: {:?}", read.line, read.user),
    ///         Err(rejected) => eprintln!("{rejected}"),
    ///     }
    /// }
    /// let plan = users.plan();
    /// assert_eq!((plan.users(), plan.suspended(), plan.rejected()), (1, 1, 1));
    /// # Ok::<(), kinde_users_import::FileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if a file is not text, if two columns have the same name, or if no
    /// column identifies a user.
    pub fn users<'a, R: Read + Send + 'a>(
        &'a self,
        files: impl IntoIterator<Item = R>,
    ) -> Result<Users<'a>, FileError> {
        Users::open(self, files)
    }
}

impl Source {
    /// Returns the system that a file comes from, or `None` if the system is not recognized.
    ///
    /// The system is recognized by the names of the columns of a CSV file, or by the names in the
    /// first record of a JSON file.
    ///
    /// ```
    /// use kinde_users_import::Source;
    ///
    /// let file = r#"{"users":[{"localId":"u1","email":"ada@example.com"}]}"#;
    /// assert_eq!(Source::of_file(file.as_bytes())?, Some(Source::Firebase));
    /// # Ok::<(), kinde_users_import::FileError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if the file is not text, or if its first row is not valid CSV.
    pub fn of_file<'a>(file: impl Read + Send + 'a) -> Result<Option<Self>, FileError> {
        let failed = |problem| FileError { file: 1, problem };
        let mut text = text::reader(file).map_err(|problem| failed(FileProblem::NotText(problem)))?;
        let head = text.fill_buf().map_err(|error| failed(FileProblem::NotText(NotText::Io(error))))?;
        if is_json(head) {
            let mut reader = JsonReader::new(text);
            let record = reader.next().and_then(Result::ok).map(|(_, record)| Node::parse(record));
            return Ok(match record {
                Some(Ok(Node::Object(members))) => {
                    Self::of_fields(members.iter().map(|(name, _)| name.as_ref()))
                }
                _ => None,
            });
        }
        let Some(header) = CsvReader::new(text).next() else { return Ok(None) };
        let names = header.map_err(|error| failed(FileProblem::Csv(error)))?.values;
        let source = Self::of_fields(names.iter().map(String::as_str));
        // The CSV of Firebase has no header, but many columns.
        let is_firebase = names.len() > 23 && names.get(1).is_some_and(|email| email.contains('@'));
        Ok(source.or(is_firebase.then_some(Self::Firebase)))
    }
}

fn is_json(head: &[u8]) -> bool {
    matches!(head.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Reads the users of files; see [`Mapping::users`].
///
/// Each item is a user, or a line that is not valid. The iterator skips a line that repeats a user
/// of an earlier line, but the plan counts the line.
pub struct Users<'a> {
    reading: Reading<'a>,
    files: VecDeque<File<'a>>,
    seen: Seen,
    hashes: Option<Hashes>,
    /// Problems of the hash exports, reported after all users.
    waiting: VecDeque<(Place, ImportError)>,
    /// Whether all users are read.
    is_over: bool,
}

struct File<'a> {
    number: usize,
    /// Whether it is a password hash export of Auth0.
    is_of_hashes: bool,
    records: Records<'a>,
}

enum Records<'a> {
    Csv {
        reader: CsvReader<Box<dyn BufRead + Send + 'a>>,
        names: Vec<String>,
        /// The row that was read last.
        row: Vec<String>,
    },
    Json(JsonReader<Box<dyn BufRead + Send + 'a>>),
}

impl<'a> File<'a> {
    fn open(mapping: &Mapping, file: impl Read + Send + 'a, number: usize) -> Result<Self, FileProblem> {
        let mut text = text::reader(file).map_err(FileProblem::NotText)?;
        let head = text.fill_buf().map_err(|error| FileProblem::NotText(NotText::Io(error)))?;
        if is_json(head) {
            // A user that was rejected and corrected has its hash, too.
            let is_of_users = holds(first_line(head), b"\"user_id\"");
            let head = head.get(..512).unwrap_or(head);
            let is_of_hashes = holds(head, b"\"_id\"") || !is_of_users && holds(head, b"\"passwordHash\"");
            return Ok(Self { number, is_of_hashes, records: Records::Json(JsonReader::new(text)) });
        }
        let csv = |reader, names| Self {
            number,
            is_of_hashes: false,
            records: Records::Csv { reader, names, row: Vec::new() },
        };
        let columns = mapping.source.table().columns;
        let has_header = columns.first().is_none_or(|name| holds(first_line(head), name.as_bytes()));
        if !has_header {
            let names = columns.iter().map(|name| (*name).to_owned()).collect();
            return Ok(csv(CsvReader::without_header(text, columns.len()), names));
        }
        let mut reader = CsvReader::new(text);
        let names = match reader.next() {
            None => Vec::new(),
            Some(header) => header.map_err(FileProblem::Csv)?.values,
        };
        for (at, name) in names.iter().enumerate() {
            let name = name.trim();
            if let Some(before) = names.iter().take(at).position(|known| known.trim() == name) {
                return Err(FileProblem::Columns(before + 1, at + 1));
            }
        }
        let is_known_by = |name: &String| {
            matches!(
                mapping.rule(name.trim()),
                Rule::To(Target::Email | Target::Phone | Target::Username | Target::Id) | Rule::Several(..)
            ) || matches!(mapping.rule(name.trim()), Rule::Read(..) if name.trim() != "password")
        };
        if !names.is_empty() && !names.iter().any(is_known_by) {
            let source = Source::of_fields(names.iter().map(String::as_str));
            let meant = names.iter().filter_map(|name| Some((shown(name).into_owned(), suggestion(name)?)));
            return Err(FileProblem::Header(source, meant.collect()));
        }
        Ok(csv(reader, names))
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The field of a hash in the exports of Auth0.
const HASH: &str = "passwordHash";

/// Ends the text of an error after which a file cannot be read.
const NOTHING_AFTER: &str = ", so nothing after it was read";

/// A record, or the error of one that cannot be read.
enum Found<'m> {
    Record { line: u64, draft: Box<Draft<'m>>, digest: u64 },
    Broken { line: u64, error: ImportError, record: Option<RawRecord>, is_last: bool },
}

impl<'a> Users<'a> {
    pub(crate) fn open<R: Read + Send + 'a>(
        mapping: &'a Mapping,
        files: impl IntoIterator<Item = R>,
    ) -> Result<Self, FileError> {
        let mut open = Vec::new();
        for (file, number) in files.into_iter().zip(1..) {
            open.push(
                File::open(mapping, file, number).map_err(|problem| FileError { file: number, problem })?,
            );
        }
        let mut reading = Reading::new(mapping);
        reading.plan.files = open.len();
        let mut users = Self {
            reading,
            files: VecDeque::new(),
            seen: Seen::new(),
            hashes: None,
            waiting: VecDeque::new(),
            is_over: false,
        };
        let is_auth0 = mapping.source == Source::Auth0;
        let (of_hashes, of_users): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|file| is_auth0 && file.is_of_hashes);
        if of_users.is_empty() {
            // Without a user export, the records of a hash export are the users.
            users.files = of_hashes.into();
        } else {
            users.files = of_users.into();
            for file in of_hashes {
                users.read_hashes(file);
            }
            for file in users.files.iter_mut().filter(|_| users.hashes.is_some()) {
                file.add_hash_column();
            }
        }
        Ok(users)
    }

    /// Returns the plan of everything that was read so far.
    pub fn plan(&self) -> &Plan {
        &self.reading.plan
    }

    /// Returns the names of the columns of the current file, if the file is CSV.
    pub fn header(&self) -> Option<&[String]> {
        match &self.files.front()?.records {
            Records::Csv { names, .. } => Some(names),
            Records::Json(_) => None,
        }
    }

    /// Returns the character that separates the values of the current file, if the file is CSV.
    /// This is usually a comma, a semicolon or a tab.
    pub fn separator(&self) -> Option<char> {
        match &self.files.front()?.records {
            Records::Csv { reader, .. } => reader.separator().map(char::from),
            Records::Json(_) => None,
        }
    }

    /// Reads and keeps the hashes of a password hash export.
    fn read_hashes(&mut self, File { number, records, .. }: File<'a>) {
        let hashes = self.hashes.get_or_insert_default();
        let Records::Json(mut reader) = records else { return };
        while let Some(read) = reader.next() {
            let (line, result) = match read {
                Ok((line, record)) => {
                    let place = Place { file: number, line };
                    (line, Node::parse(record).and_then(|record| hashes.add(&record, place)))
                }
                Err(error) => {
                    self.reading.plan.is_cut |= error.is_last;
                    (error.line, Err(error.into()))
                }
            };
            if let Err(error) = result {
                self.waiting.push_back((Place { file: number, line }, error));
            }
        }
    }

    fn reject(&mut self, place: Place, errors: Vec<ImportError>, record: Option<RawRecord>) -> Rejected {
        self.reading.plan.reject(&errors, place);
        Rejected { file: place.file, line: place.line, errors: ImportErrors(errors), record }
    }
}

impl Iterator for Users<'_> {
    type Item = Result<ReadUser, Rejected>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(file) = self.files.front_mut() {
            let number = file.number;
            let Some(found) = file.next(&mut self.reading) else {
                self.files.pop_front();
                continue;
            };
            self.reading.plan.lines += 1;
            let (line, mut draft, digest) = match found {
                Found::Broken { line, error, record, is_last } => {
                    self.reading.plan.is_cut |= is_last;
                    let place = Place { file: number, line };
                    return Some(Err(self.reject(place, alloc::vec![error], record)));
                }
                Found::Record { line, draft, digest } => (line, draft, digest),
            };
            let place = Place { file: number, line };
            let id = draft.said(Target::Id);
            let hash = self.hashes.as_mut().zip(id).and_then(|(hashes, id)| hashes.take(id));
            // A record that has a hash keeps it.
            let is_added = draft.said(Target::Hash).is_none();
            if let Some(hash) = &hash {
                self.reading.add(&mut draft, HASH, &Node::Text(hash.into()), place);
            }
            let errors = match self.reading.finish(draft, place) {
                Ok(user) => match self.seen.add(&user, place, digest) {
                    Ok(true) => {
                        self.reading.plan.count_user(&user, place);
                        return Some(Ok(ReadUser { file: number, line, user }));
                    }
                    Ok(false) => {
                        self.reading.plan.merged.add(place);
                        continue;
                    }
                    Err(errors) => errors,
                },
                Err(errors) => errors,
            };
            let record = self.files.front().map(|file| file.raw(hash.filter(|_| is_added)));
            return Some(Err(self.reject(place, errors, record)));
        }
        if !core::mem::replace(&mut self.is_over, true) {
            let unused = self.hashes.iter().flat_map(Hashes::unused);
            let error =
                || ImportError::line().because("has the hash of a user that is not in the user export");
            self.waiting.extend(unused.map(|place| (place, error())));
        }
        let (place, error) = self.waiting.pop_front()?;
        self.reading.plan.lines += 1;
        Some(Err(self.reject(place, alloc::vec![error], None)))
    }
}

impl File<'_> {
    /// Adds the column of hashes that are merged. The rows of the file do not have it.
    fn add_hash_column(&mut self) {
        if let Records::Csv { names, .. } = &mut self.records {
            if !names.iter().any(|name| name.trim() == HASH) {
                names.push(HASH.to_owned());
            }
        }
    }

    /// Returns the record that was read last as it is in the file, with the hash that was added.
    fn raw(&self, hash: Option<String>) -> RawRecord {
        match &self.records {
            Records::Csv { row, names, .. } => {
                let mut row = row.clone();
                row.resize(names.len(), String::new());
                let at = names.iter().position(|name| name.trim() == HASH);
                if let (Some(hash), Some(value)) = (hash, at.and_then(|at| row.get_mut(at))) {
                    *value = hash;
                }
                RawRecord::Row(row)
            }
            Records::Json(reader) => RawRecord::Json(match (hash, reader.record().split_once('{')) {
                (Some(hash), Some((_, rest))) => {
                    format!("{{\"{HASH}\":{},{rest}", serde_json::Value::from(hash))
                }
                _ => reader.record().to_owned(),
            }),
        }
    }

    fn next<'m>(&mut self, reading: &mut Reading<'m>) -> Option<Found<'m>> {
        let number = self.number;
        Some(match &mut self.records {
            Records::Csv { reader, names, row } => match reader.next()? {
                Ok(read) => {
                    let line = read.line;
                    *row = read.values;
                    let nodes: Vec<Node<'_>> =
                        row.iter().map(|value| Node::Text(Cow::Borrowed(value))).collect();
                    let members = names.iter().map(String::as_str).zip(&nodes);
                    let (draft, digest) = reading.draft(members, true, Place { file: number, line });
                    Found::Record { line, draft, digest }
                }
                Err(error) => {
                    let CsvError { line, column, problem, .. } = &error;
                    let field = match problem {
                        CsvProblem::Columns { .. } | CsvProblem::TooLong | CsvProblem::Io(_) => None,
                        _ => names.get(column.saturating_sub(1)),
                    };
                    let field = field.map_or(Cow::Borrowed("line"), |name| shown(name).into_owned().into());
                    let is_last = matches!(problem, CsvProblem::Io(_));
                    let end = if is_last { NOTHING_AFTER } else { "" };
                    let because = format!("cannot be read: {problem}{end}");
                    let error = ImportError::new(field, Problem::WrongType).because(because);
                    // A column that is added has no value here.
                    let added = names.len().saturating_sub(reader.columns());
                    let separator = reader.separator().into_iter().cycle().take(added);
                    let record = reader.raw().map(|row| row.iter().copied().chain(separator).collect());
                    Found::Broken { line: *line, error, record: record.map(RawRecord::Broken), is_last }
                }
            },
            Records::Json(reader) => {
                let (line, error, is_last) = match reader.next()? {
                    Ok((line, record)) => match Node::parse(record) {
                        Ok(Node::Object(members)) => {
                            let members = members.iter().map(|(name, node)| (name.as_ref(), node));
                            let (draft, digest) = reading.draft(members, false, Place { file: number, line });
                            return Some(Found::Record { line, draft, digest });
                        }
                        Ok(_) => (line, ImportError::line().because("is not a JSON object"), false),
                        Err(error) => (line, error, false),
                    },
                    Err(error) => {
                        let is_last = error.is_last;
                        (error.line, error.into(), is_last)
                    }
                };
                let record = reader.raw().map(|record| RawRecord::Broken(record.to_owned()));
                Found::Broken { line, error, record, is_last }
            }
        })
    }
}

impl From<JsonError> for ImportError {
    fn from(error: JsonError) -> Self {
        let end = if error.is_last { NOTHING_AFTER } else { "" };
        Self::line().because(format!("{}{end}", error.problem))
    }
}
