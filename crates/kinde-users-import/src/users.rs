//! Reads the users of files, one by one.

use alloc::borrow::Cow;
use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasher as _, Hash as _, Hasher as _};

use foldhash::fast::{FixedState, FoldHasher};
use hashbrown::HashTable;
use kinde_users_core::Problem;

use crate::draft::{Draft, Note};
use crate::error::{ImportError, ImportErrors, ImportProblem, Place};
use crate::io::{BufRead, Read};
use crate::mapping::{Mapping, suggestion};
use crate::node::{Node, below};
use crate::plan::Plan;
use crate::read::csv::{CsvError, CsvProblem, CsvReader};
use crate::read::json::{JsonError, JsonProblem, JsonReader};
use crate::read::text::{self, NotText};
use crate::rule::Rule;
use crate::shown::shown;
use crate::source::Source;
use crate::sources::auth0::Hashes;
use crate::target::Target;
use crate::user::ImportUser;

/// A user of a file, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadUser {
    /// The file, from 1.
    pub file: usize,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The user.
    pub user: ImportUser,
}

/// A line that is not valid and cannot be imported.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The file, from 1.
    pub file: usize,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The problems of the line.
    pub errors: ImportErrors,
    /// The record as it is in the file, if it could be separated from others. It contains personal
    /// data.
    pub record: Option<RawRecord>,
}

/// A record as it is in a file.
#[derive(Clone, PartialEq, Eq)]
pub enum RawRecord {
    /// A row of CSV. It has as many values as the header.
    Row(Vec<String>),
    /// A JSON object.
    Json(String),
}

impl fmt::Debug for RawRecord {
    /// Writes the form only, as the values are personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Row(_) => "Row(..)",
            Self::Json(_) => "Json(..)",
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

impl Mapping {
    /// Reads the users of files, one by one.
    ///
    /// Only packed keys of the users that were read stay in memory, and the hashes of an Auth0 hash
    /// export.
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
    /// [`FileError`] if a file is not text, if two columns have the same name, or if no column
    /// identifies a user.
    pub fn users<'a, R: Read + Send + 'a>(
        &'a self,
        files: impl IntoIterator<Item = R>,
    ) -> Result<Users<'a>, FileError> {
        Users::open(self, files)
    }

    /// Reads a row of CSV, given as pairs of column name and value.
    ///
    /// # Errors
    ///
    /// [`ImportErrors`] has every problem of the row and every value that would be lost. Operations
    /// can send every user that is returned.
    pub fn row<'a>(
        &self,
        columns: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<ImportUser, ImportErrors> {
        let columns =
            columns.into_iter().map(|(name, value)| (Cow::Borrowed(name), Node::Text(value.into())));
        self.record(&columns.collect::<Vec<_>>(), true)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    ///
    /// [`ImportErrors`] has every problem of the object and every value that would be lost.
    /// Operations can send every user that is returned.
    pub fn line(&self, json: &str) -> Result<ImportUser, ImportErrors> {
        match Node::parse(json.trim_start_matches('\u{feff}')) {
            Ok(Node::Object(members)) => self.record(&members, false),
            Ok(_) => Err(ImportErrors(alloc::vec![ImportError::line().because("is not a JSON object")])),
            Err(error) => Err(ImportErrors(alloc::vec![error])),
        }
    }

    fn record(&self, members: &[(Cow<'_, str>, Node<'_>)], is_csv: bool) -> Result<ImportUser, ImportErrors> {
        let mut reading = Reading::new(self);
        let user = reading.record(members.iter().map(|(name, node)| (name.as_ref(), node)), is_csv);
        let mut lost = reading.plan.errors_of_untaken();
        match user {
            Ok(user) if lost.is_empty() => Ok(user),
            Ok(_) => Err(ImportErrors(lost)),
            Err(mut errors) => {
                errors.append(&mut lost);
                Err(ImportErrors(errors))
            }
        }
    }
}

impl Source {
    /// Returns the system that a file comes from, or `None` if it is not recognized.
    ///
    /// It is recognized by the names of the columns of CSV, or of the first record of JSON.
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
    /// [`FileError`] if the file is not text, or if its first row is not valid CSV.
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

/// The error of a file that cannot be read.
#[derive(Debug)]
pub struct FileError {
    file: usize,
    problem: FileProblem,
}

#[derive(Debug)]
enum FileProblem {
    NotText(NotText),
    /// Two columns of CSV have the same name.
    Columns(usize, usize),
    /// No column identifies a user. The header may be of another system, and it may have names that
    /// can be mapped, listed here with their targets.
    Header(Option<Source>, Vec<(String, &'static str)>),
    Csv(CsvError),
}

impl FileError {
    /// Returns the number of the file. The first is 1.
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

/// Reads the users of files; see [`Mapping::users`].
///
/// Each item is a user, or a line that is not valid. A line that repeats a user of an earlier line
/// is no item: the plan counts it.
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
            let head = head.get(..512).unwrap_or(head);
            let is_of_hashes = holds(head, b"\"_id\"") || holds(head, b"\"passwordHash\"");
            return Ok(Self { number, is_of_hashes, records: Records::Json(JsonReader::new(text)) });
        }
        let csv = |reader, names| Self {
            number,
            is_of_hashes: false,
            records: Records::Csv { reader, names, row: Vec::new() },
        };
        let columns = mapping.source.table().columns;
        let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let has_header = columns.first().is_none_or(|name| holds(first_line, name.as_bytes()));
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

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A record, or the error of one that cannot be read.
enum Found<'m> {
    Record { line: u64, draft: Box<Draft<'m>>, digest: u64 },
    Broken { line: u64, error: ImportError, is_last: bool },
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
            seen: Seen::default(),
            hashes: None,
            waiting: VecDeque::new(),
            is_over: false,
        };
        let is_merged = mapping.source == Source::Auth0 && open.len() > 1;
        let (of_hashes, of_users): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|file| is_merged && file.is_of_hashes);
        if of_users.is_empty() {
            // Without a user export, the records of a hash export are the users.
            users.files = of_hashes.into();
        } else {
            users.files = of_users.into();
            for file in of_hashes {
                users.read_hashes(file);
            }
        }
        Ok(users)
    }

    /// Returns the plan of everything that was read so far.
    pub fn plan(&self) -> &Plan {
        &self.reading.plan
    }

    /// Returns the names of the columns of the current file, if it is CSV.
    pub fn header(&self) -> Option<&[String]> {
        match &self.files.front()?.records {
            Records::Csv { names, .. } => Some(names),
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
                Err(error) => (error.line, Err(error.into())),
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
                Found::Broken { line, error, is_last } => {
                    if is_last {
                        self.files.pop_front();
                    }
                    return Some(Err(self.reject(Place { file: number, line }, alloc::vec![error], None)));
                }
                Found::Record { line, draft, digest } => (line, draft, digest),
            };
            let place = Place { file: number, line };
            if let (Some(hashes), Some(id)) = (&mut self.hashes, draft.said(Target::Id)) {
                if let Some(hash) = hashes.take(id) {
                    draft.say(Target::Hash, &"passwordHash".into(), hash);
                }
            }
            let errors = match self.reading.finish(draft, place) {
                Ok(user) => match self.seen.add(&user, place, digest) {
                    Ok(true) => {
                        self.reading.plan.users += 1;
                        self.reading.plan.suspended += u64::from(user.is_suspended == Some(true));
                        return Some(Ok(ReadUser { file: number, line, user }));
                    }
                    Ok(false) => {
                        self.reading.plan.merged += 1;
                        continue;
                    }
                    Err(errors) => errors,
                },
                Err(errors) => errors,
            };
            let record = self.files.front().map(File::raw);
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
    /// Returns the record that was read last, as it is in the file.
    fn raw(&self) -> RawRecord {
        match &self.records {
            Records::Csv { row, .. } => RawRecord::Row(row.clone()),
            Records::Json(reader) => RawRecord::Json(reader.record().to_owned()),
        }
    }

    fn next<'m>(&mut self, reading: &mut Reading<'m>) -> Option<Found<'m>> {
        let number = self.number;
        let broken = |line, error, is_last| Found::Broken { line, error, is_last };
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
                    let error = ImportError::new(field, Problem::WrongType)
                        .because(format!("cannot be read: {problem}"));
                    broken(*line, error, is_last)
                }
            },
            Records::Json(reader) => match reader.next()? {
                Ok((line, record)) => match Node::parse(record) {
                    Ok(Node::Object(members)) => {
                        let members = members.iter().map(|(name, node)| (name.as_ref(), node));
                        let (draft, digest) = reading.draft(members, false, Place { file: number, line });
                        Found::Record { line, draft, digest }
                    }
                    Ok(_) => broken(line, ImportError::line().because("is not a JSON object"), false),
                    Err(error) => broken(line, error, false),
                },
                Err(error) => {
                    let is_last = matches!(error.problem, JsonProblem::Io(_));
                    broken(error.line, error.into(), is_last)
                }
            },
        })
    }
}

impl From<JsonError> for ImportError {
    fn from(error: JsonError) -> Self {
        Self::line().because(format!("{}", error.problem))
    }
}

/// Reads records with a mapping, and keeps the plan.
pub(crate) struct Reading<'m> {
    mapping: &'m Mapping,
    pub(crate) plan: Plan,
    /// Whether names are not checked for stand-ins.
    trusts_names: bool,
}

/// Fields that only exports of this project have.
const OWN: [&str; 2] = ["total_sign_ins", "failed_sign_ins"];

impl<'m> Reading<'m> {
    pub(crate) fn new(mapping: &'m Mapping) -> Self {
        Self { mapping, plan: Plan::new(mapping.clone()), trusts_names: false }
    }

    /// Reads a single record.
    pub(crate) fn record<'n, 'd: 'n>(
        &mut self,
        members: impl Iterator<Item = (&'n str, &'n Node<'d>)>,
        is_csv: bool,
    ) -> Result<ImportUser, Vec<ImportError>> {
        let place = Place { file: 1, line: 1 };
        let mut names: Vec<&str> = Vec::new();
        let mut members: Vec<_> =
            members.map(|(name, node)| (name.trim_start_matches('\u{feff}').trim(), node)).collect();
        let mut doubled = Vec::new();
        members.retain(|(name, _)| {
            let is_first = !names.contains(name);
            if is_first {
                names.push(name);
            } else {
                doubled.push(*name);
            }
            is_first
        });
        let (mut draft, _) = self.draft(members.into_iter(), is_csv, place);
        for name in doubled {
            draft.problem(&shown(name), ImportProblem::Twice, "");
        }
        self.finish(draft, place)
    }

    /// Reads the fields of a record. Also returns a digest of all values that are taken.
    pub(crate) fn draft<'n, 'd: 'n>(
        &mut self,
        members: impl Iterator<Item = (&'n str, &'n Node<'d>)>,
        is_csv: bool,
        place: Place,
    ) -> (Box<Draft<'m>>, u64) {
        let mut draft = Box::new(Draft::new(&self.mapping.settings, is_csv));
        let mut record = Record { place, digest: FixedState::default().build_hasher(), guess: 0 };
        for (name, node) in members {
            if OWN.contains(&name) {
                self.trusts_names = true;
            }
            self.field(&mut draft, &mut record, name, node);
        }
        draft.trusts_names = self.trusts_names;
        (draft, record.digest.finish())
    }

    fn finish(&mut self, mut draft: Box<Draft<'m>>, place: Place) -> Result<ImportUser, Vec<ImportError>> {
        if let Some(end) = self.mapping.source.table().end {
            end(&mut draft);
        }
        let (user, mut notes) = draft.finish();
        if user.is_err() {
            // These notes count only users that can be imported.
            notes.retain(|note| !matches!(note, Note::Suspended(_) | Note::Unverifiable(_)));
        }
        self.plan.note(notes, place);
        user
    }

    fn field(&mut self, draft: &mut Draft<'m>, record: &mut Record, name: &str, node: &Node<'_>) {
        let at = self.plan.field(record.guess, name);
        record.guess = at + 1;
        let is_null = draft.is_csv && node.raw_text().is_some_and(|text| self.mapping.is_null(text.trim()));
        if is_null || !node.is_value() {
            return;
        }
        let Some((name, rule)) = self.plan.get(at) else { return };
        // In systems whose attributes are lists, most lists have one value.
        let one = match (node, &rule) {
            (Node::List(items), Rule::To(_) | Rule::Flag(..) | Rule::Property(_) | Rule::FeatureFlag(_)) => {
                if let [one] = items.as_slice() {
                    one
                } else {
                    node
                }
            }
            _ => node,
        };
        if !one.is_value() {
            return;
        }
        let mut is_taken = true;
        match rule {
            Rule::To(target) => draft.text(target, &name, one),
            Rule::Or(target) => draft.other(target, &name, node, None),
            Rule::Same(target, reason) => draft.other(target, &name, node, Some(reason)),
            Rule::Flag(target, when) => draft.flag(target, when, &name, one),
            Rule::Several(kind, is_verified) => draft.identities(kind, &name, node, is_verified),
            Rule::Property(key) => draft.property(false, &key, &name, one),
            Rule::FeatureFlag(key) => draft.property(true, &key, &name, one),
            Rule::Read(_, read) => read(draft, &name, node),
            Rule::Deep => return self.deep(draft, record, &name, node),
            Rule::Unknown if node.members().is_some() => return self.deep(draft, record, &name, node),
            Rule::Pairs(key, value) => {
                let after = record.guess;
                for pair in node.items().unwrap_or_default() {
                    match (pair.text_of(key), pair.get(value)) {
                        (Some(key), Some(value)) => self.field(draft, record, &key, value),
                        (Some(_), None) => {}
                        (None, _) => draft.problem(&format!("{name}.{key}"), Problem::Missing, ""),
                    }
                }
                record.guess = after;
                return;
            }
            Rule::Unknown => {
                self.plan.lose(at, "unknown field", record.place);
                is_taken = false;
            }
            Rule::NotTaken(reason) => {
                self.plan.lose(at, reason, record.place);
                is_taken = false;
            }
            Rule::NotTakenUnless(values, reason) => {
                let text = match node {
                    Node::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
                    other => other.text(),
                };
                if !text.is_some_and(|text| values.iter().any(|value| value.eq_ignore_ascii_case(&text))) {
                    self.plan.lose(at, reason, record.place);
                }
                is_taken = false;
            }
            Rule::Idle(_) | Rule::Ignored => is_taken = false,
        }
        self.plan.has_value(at, record.place);
        if is_taken {
            name.hash(&mut record.digest);
            hash(node, &mut record.digest);
        }
    }

    /// Reads each member of an object, or of an object in a text, as a field.
    fn deep(&mut self, draft: &mut Draft<'m>, record: &mut Record, name: &Arc<str>, node: &Node<'_>) {
        let parsed;
        let members = match node {
            Node::Object(members) => members,
            Node::Text(text) => match Node::parse(text) {
                Ok(Node::Object(members)) => {
                    parsed = members;
                    &parsed
                }
                _ => return draft.wrong(name, "is not a JSON object"),
            },
            _ => return draft.wrong(name, "is not a JSON object"),
        };
        let after = record.guess;
        for (inner, node) in members {
            self.field(draft, record, &below(name, inner), node);
        }
        // The next field may follow this one or its members.
        record.guess = after.max(record.guess);
    }
}

/// The state of the record that is being read.
struct Record {
    place: Place,
    digest: FoldHasher<'static>,
    /// The index in the plan that the next field probably has.
    guess: usize,
}

fn hash(node: &Node<'_>, digest: &mut FoldHasher<'static>) {
    match node {
        Node::Null => 0_u8.hash(digest),
        Node::Bool(flag) => flag.hash(digest),
        Node::Whole(number) => number.hash(digest),
        Node::Float(number) => number.to_bits().hash(digest),
        Node::Text(text) => text.hash(digest),
        Node::List(items) => items.iter().for_each(|item| hash(item, digest)),
        Node::Object(members) => {
            for (name, value) in members {
                name.hash(digest);
                hash(value, digest);
            }
        }
    }
}

/// The keys of the users that were read, in a packed form.
#[derive(Default)]
struct Seen {
    /// Several tables, so that they do not all grow at once.
    parts: [HashTable<Mark>; 32],
}

/// A hash of an address, number, name or id, its line, and a part of the digest of its user.
struct Mark {
    key: [u32; 2],
    line: u32,
    /// The highest byte is the file.
    digest: u32,
}

impl Mark {
    fn hash(&self) -> u64 {
        u64::from(self.key[0]) << 32 | u64::from(self.key[1])
    }
}

impl Seen {
    /// Adds a user. Returns `false` if an earlier line has the same user with the same values.
    fn add(&mut self, user: &ImportUser, place: Place, digest: u64) -> Result<bool, Vec<ImportError>> {
        let file = u32::try_from(place.file).unwrap_or(u32::MAX).min(255) << 24;
        let mark = Mark {
            key: [0; 2],
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
            digest: file | (digest & 0x00ff_ffff) as u32,
        };
        let (mut errors, mut is_known) = (Vec::new(), false);
        let keys: Vec<(&str, u64)> =
            user.keys().map(|(kind, value)| (kind, FixedState::default().hash_one((kind, value)))).collect();
        for (kind, key) in &keys {
            let Some(before) = self.part(*key).find(*key, |mark| mark.hash() == *key) else { continue };
            if before.digest & 0x00ff_ffff == mark.digest & 0x00ff_ffff {
                is_known = true;
                continue;
            }
            let of_file = if before.digest >> 24 == mark.digest >> 24 {
                String::new()
            } else {
                format!(" of file {}", before.digest >> 24)
            };
            let line = before.line;
            let because =
                format!("is also on line {line}{of_file}, with different data: change or remove one line");
            errors.push(ImportError::new(format!("the {kind}"), Problem::NotAllowed).because(because));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if is_known {
            return Ok(false);
        }
        for (_, key) in keys {
            let (high, low) = ((key >> 32) as u32, (key & 0xffff_ffff) as u32);
            let mark = Mark { key: [high, low], ..mark };
            self.part(key).insert_unique(key, mark, Mark::hash);
        }
        Ok(true)
    }

    fn part(&mut self, key: u64) -> &mut HashTable<Mark> {
        // The lowest and highest bits choose the place within a table, so others choose the table.
        let [first, rest @ ..] = &mut self.parts;
        let at = (key >> 40) as usize % 32;
        if at == 0 { first } else { rest.get_mut(at - 1).unwrap_or(first) }
    }
}
