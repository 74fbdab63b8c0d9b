//! Splits JSON into records, one at a time.
//!
//! A file consists of lines of objects, of an array of objects, or of an object that holds an array
//! under a known name, such as `{"users":[…]}`. Memory is bounded by the longest record. Time is
//! linear in the size of the file: each byte is inspected once.

use alloc::vec::Vec;
use core::fmt;

use memchr::{memchr, memchr_iter, memchr3};

use crate::io::{self, BufRead};

/// The longest record: 1 MiB.
const LONGEST_RECORD: usize = 1_048_576;
/// The names of arrays of users in the exports of the systems.
const LISTS: [&[u8]; 3] = [b"users", b"Users", b"value"];

/// Members that only a record has. An array after one of them is a value of the record.
const OF_RECORDS: [&[u8]; 4] = [b"import_error", b"email", b"username", b"phone"];

/// An error in the JSON of a file. It never shows a value.
#[derive(Debug)]
pub(crate) struct JsonError {
    /// The line on which the record begins.
    pub(crate) line: u64,
    /// The problem.
    pub(crate) problem: JsonProblem,
    /// Whether nothing after the record can be read.
    pub(crate) is_last: bool,
}

/// A problem of the JSON of a file.
#[derive(Debug)]
pub(crate) enum JsonProblem {
    /// Another value is in the place of an object.
    NotAnObject,
    /// The line or the file ends before the object does.
    Unfinished,
    /// The record is longer than 1 MiB.
    TooLong,
    /// The record is not UTF-8.
    NotUtf8,
    /// The file could not be read further.
    Io(io::Error),
}

impl fmt::Display for JsonProblem {
    /// Writes the problem as the rest of a sentence that begins with the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "is not a JSON object",
            Self::Unfinished => "is not a complete JSON object",
            Self::TooLong => "is longer than 1 MiB",
            Self::NotUtf8 => "is not UTF-8: save the file in UTF-8",
            Self::Io(error) => return write!(f, "cannot be read: {error}"),
        })
    }
}

impl From<io::Error> for JsonProblem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The position of the reader in the structure of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between the lines or documents of the file.
    Top,
    /// In an array. The flag says whether the array is in an object.
    List(bool),
    /// In the object that holds an array, after the array.
    AfterList,
    End,
}

/// Reads records one by one, and continues after one that is not valid if it can.
pub(crate) struct JsonReader<R> {
    input: R,
    record: Vec<u8>,
    is_too_long: bool,
    line: u64,
    place: Place,
    /// Whether the next object may hold an array of records: the first object may, and so may those
    /// after an object that does.
    may_hold_list: bool,
}

impl<R: BufRead> JsonReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            record: Vec::new(),
            is_too_long: false,
            line: 1,
            place: Place::Top,
            may_hold_list: true,
        }
    }

    /// Returns the next record and the line on which it begins.
    pub(crate) fn next(&mut self) -> Option<Result<(u64, &str), JsonError>> {
        self.record.clear();
        self.is_too_long = false;
        let mut line = self.line;
        let found = self.find(&mut line);
        let mut is_last = false;
        let problem = match found {
            Ok(false) => {
                self.place = Place::End;
                return None;
            }
            Ok(true) if self.is_too_long => JsonProblem::TooLong,
            Ok(true) => match core::str::from_utf8(&self.record) {
                Ok(record) => return Some(Ok((line, record))),
                Err(_) => JsonProblem::NotUtf8,
            },
            Err(problem) => {
                is_last = self.place != Place::Top || matches!(problem, JsonProblem::Io(_));
                if is_last {
                    self.place = Place::End;
                }
                problem
            }
        };
        Some(Err(JsonError { line, problem, is_last }))
    }

    /// Returns the record that was read last.
    pub(crate) fn record(&self) -> &str {
        core::str::from_utf8(&self.record).unwrap_or_default()
    }

    /// Returns the bytes of the record that was read last and is not valid, or `None` if it is not
    /// complete or too long.
    pub(crate) fn raw(&self) -> Option<&[u8]> {
        let record = self.record.trim_ascii();
        (self.place != Place::End && !self.is_too_long && !record.is_empty()).then_some(record)
    }

    /// Reads up to the end of the next record. Returns `false` at the end of the file.
    fn find(&mut self, line: &mut u64) -> Result<bool, JsonProblem> {
        loop {
            let next = if self.place == Place::End { None } else { self.skip_blanks()? };
            *line = self.line;
            match (self.place, next) {
                (Place::End, _) | (Place::Top, None) => return Ok(false),
                (Place::Top, Some(b'{')) if self.may_hold_list => {
                    if !self.object()? {
                        // The first object is a record, so all others are.
                        self.may_hold_list = false;
                        return Ok(true);
                    }
                    self.place = Place::List(true);
                }
                (Place::Top, Some(b'{')) => {
                    self.value(true)?;
                    return Ok(true);
                }
                (Place::Top, Some(b'[')) => {
                    self.input.consume(1);
                    self.place = Place::List(false);
                }
                (Place::Top, Some(_)) => {
                    self.take_line()?;
                    return Err(JsonProblem::NotAnObject);
                }
                (Place::List(_) | Place::AfterList, None) | (Place::List(_), Some(b'}' | b':')) => {
                    return Err(JsonProblem::Unfinished);
                }
                (Place::List(_), Some(b',')) => self.input.consume(1),
                (Place::List(is_held), Some(b']')) => {
                    self.input.consume(1);
                    self.place = if is_held { Place::AfterList } else { Place::Top };
                }
                (Place::List(_), Some(_)) => {
                    self.value(false)?;
                    return Ok(true);
                }
                (Place::AfterList, _) => {
                    let is_list = self.members()?;
                    self.record.clear();
                    self.is_too_long = false;
                    self.place = if is_list { Place::List(true) } else { Place::Top };
                }
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    /// Returns the next byte that is not blank, and does not consume it.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.peek()? {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                other => return Ok(Some(other)),
            }
            self.input.consume(1);
        }
        Ok(None)
    }

    /// Returns the next byte that is not blank, and adds the blanks before it to the record.
    fn take_blanks(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.input.fill_buf()?;
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let blanks = chunk.iter().take_while(|byte| is_blank(byte)).count();
            let next = chunk.get(blanks).copied();
            let is_at_end = chunk.is_empty();
            self.take(blanks)?;
            if next.is_some() || is_at_end {
                return Ok(next);
            }
        }
    }

    /// Adds the rest of the line to the record, up to the line feed.
    fn take_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.input.fill_buf()?;
            let end = memchr(b'\n', chunk);
            let used = end.unwrap_or(chunk.len());
            self.take(used)?;
            if end.is_some() || used == 0 {
                return Ok(());
            }
        }
    }

    /// Adds this many bytes of the current chunk to the record.
    fn take(&mut self, used: usize) -> io::Result<()> {
        let part = self.input.fill_buf()?.get(..used).unwrap_or_default();
        self.line += memchr_iter(b'\n', part).count() as u64;
        if self.record.len() + used <= LONGEST_RECORD {
            self.record.extend_from_slice(part);
        } else {
            self.is_too_long = true;
        }
        self.input.consume(used);
        Ok(())
    }

    fn keep(&mut self, byte: u8) {
        if self.record.len() < LONGEST_RECORD {
            self.record.push(byte);
        } else {
            self.is_too_long = true;
        }
        self.input.consume(1);
    }

    /// Reads an object. Returns `true` if it holds an array of records, and stops there.
    fn object(&mut self) -> Result<bool, JsonProblem> {
        let line = self.line;
        self.keep(b'{');
        let held = self.members();
        if matches!(held, Err(JsonProblem::Unfinished)) && self.line == line {
            self.take_line()?;
        }
        if matches!(held, Ok(true)) {
            self.record.clear();
            self.is_too_long = false;
        }
        held
    }

    /// Reads the rest of an object, and returns the same.
    fn members(&mut self) -> Result<bool, JsonProblem> {
        let (mut was_too_long, mut is_record) = (false, false);
        loop {
            match self.take_blanks()? {
                Some(b'}') => {
                    self.keep(b'}');
                    self.is_too_long |= was_too_long;
                    return Ok(false);
                }
                Some(b',') => self.keep(b','),
                Some(b'"') => {
                    let start = self.record.len();
                    self.value(false)?;
                    let name = self.record.get(start + 1..self.record.len().saturating_sub(1));
                    is_record |= name.is_some_and(|name| OF_RECORDS.contains(&name));
                    let is_list = !is_record && name.is_some_and(|name| LISTS.contains(&name));
                    if self.take_blanks()? != Some(b':') {
                        return Err(JsonProblem::Unfinished);
                    }
                    self.keep(b':');
                    match self.take_blanks()? {
                        Some(b'[') if is_list => {
                            self.input.consume(1);
                            return Ok(true);
                        }
                        Some(b',' | b'}' | b']' | b':') | None => return Err(JsonProblem::Unfinished),
                        Some(_) => self.value(false)?,
                    }
                    if self.is_too_long {
                        // It is too long for a record, but may still hold an array of records.
                        self.record.clear();
                        (self.is_too_long, was_too_long) = (false, true);
                    }
                }
                _ => return Err(JsonProblem::Unfinished),
            }
        }
    }

    /// Reads the value that begins at the next byte.
    ///
    /// With `is_line`, a line that begins with `{` ends the value: the value is not complete then.
    fn value(&mut self, is_line: bool) -> Result<(), JsonProblem> {
        let (mut depth, mut is_text, mut is_escaped, mut begins_line) = (0_usize, false, false, false);
        let mut is_begun = false;
        loop {
            let chunk = self.input.fill_buf()?;
            let (mut used, mut end) = (0, chunk.is_empty().then_some(Err(JsonProblem::Unfinished)));
            if chunk.is_empty() && is_begun && depth == 0 && !is_text {
                end = Some(Ok(()));
            }
            while let (Some(byte), None) = (chunk.get(used), &end) {
                if is_text {
                    // Most bytes of a file are in texts, so they are searched quickly.
                    let rest = chunk.get(used..).unwrap_or_default();
                    let skipped = if is_escaped { Some(0) } else { memchr3(b'"', b'\\', b'\n', rest) };
                    used += skipped.unwrap_or(rest.len());
                    match chunk.get(used) {
                        Some(b'\n') => end = Some(Err(JsonProblem::Unfinished)),
                        Some(_) if is_escaped => is_escaped = false,
                        Some(b'"') => {
                            is_text = false;
                            end = (depth == 0).then_some(Ok(()));
                        }
                        Some(_) => is_escaped = true,
                        None => break,
                    }
                    used += 1;
                    continue;
                }
                match byte {
                    b'"' => is_text = true,
                    b'{' if is_line && begins_line => {
                        end = Some(Err(JsonProblem::Unfinished));
                        break;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 1 => depth -= 1,
                    b'}' | b']' => {
                        used += depth;
                        end = Some(Ok(()));
                        break;
                    }
                    b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => {
                        end = Some(Ok(()));
                        break;
                    }
                    _ => {}
                }
                begins_line = *byte == b'\n';
                is_begun = true;
                used += 1;
            }
            self.take(used)?;
            if let Some(end) = end {
                return end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::ToOwned as _;
    use std::io::Read;
    use std::string::{String, ToString as _};

    /// Returns the records, which do not depend on how many bytes are read at once.
    fn all(text: &[u8]) -> Vec<Result<(u64, String), String>> {
        let records = read(text);
        assert_eq!(read(std::io::BufReader::with_capacity(5, text)), records);
        records
    }

    fn read(input: impl BufRead) -> Vec<Result<(u64, String), String>> {
        let mut reader = JsonReader::new(input);
        let mut records = Vec::new();
        while let Some(record) = reader.next() {
            records.push(match record {
                Ok((line, text)) => Ok((line, text.to_owned())),
                Err(JsonError { line, problem, .. }) => Err(alloc::format!("line {line} {problem}")),
            });
        }
        records
    }

    fn of(text: &str) -> Vec<String> {
        all(text.as_bytes())
            .into_iter()
            .map(|record| record.map_or_else(|e| e, |(line, text)| std::format!("{line} {text}")))
            .collect()
    }

    #[test]
    fn lines_arrays_and_named_arrays_hold_the_same_records() {
        let records = [r#"{"a":"}\"{[","b":[{"c":1}]}"#, "{}", r#"{"users":{"b":"\\"}}"#];
        let lines = records.join("\n");
        let array = std::format!("[\n{}\n]", records.join(" ,\n"));
        let named = std::format!(
            "{{\"kind\":\"x\",\"list\":[1,{{}}],\"users\":[\n{}],\"b\":{{}}}}",
            records.join(",\n")
        );
        for (text, first) in [(lines, 1), (array, 2), (named, 2)] {
            let expected: Vec<_> =
                (first..).zip(records).map(|(line, record)| std::format!("{line} {record}")).collect();
            assert_eq!(of(&text), expected, "{text}");
        }
        assert_eq!(of("{\"Users\":[{\"a\":1}]}\n{\"Users\":[{\"a\":2}]}"), ["1 {\"a\":1}", "2 {\"a\":2}"]);
        assert_eq!(of("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n"), ["1 {\n  \"a\": {\n    \"b\": 1\n  }\n}"]);
        assert!(
            of("").is_empty()
                && of("[]").is_empty()
                && of(" \n").is_empty()
                && of("{\"users\":[]}").is_empty()
        );
    }

    #[test]
    fn broken_line_leaves_the_other_lines_readable() {
        assert_eq!(
            of("{\"a\":1}\n{\"a\":\n{\"a\":\"x\n{\"b\":2}\nword\n[]\n{\"c\":3"),
            [
                "1 {\"a\":1}",
                "line 2 is not a complete JSON object",
                "line 3 is not a complete JSON object",
                "4 {\"b\":2}",
                "line 5 is not a JSON object",
                "line 7 is not a complete JSON object",
            ]
        );
        assert_eq!(of("{\"a\":\"x\n{\"b\":2}"), ["line 1 is not a complete JSON object", "2 {\"b\":2}"]);
        assert_eq!(of("{\"a\" 1}\n{\"b\":2}"), ["line 1 is not a complete JSON object", "2 {\"b\":2}"]);
        assert_eq!(of("[{\"a\":1},{\"b\":"), ["1 {\"a\":1}", "line 1 is not a complete JSON object"]);
        assert_eq!(of("[1234567,\"x\",{}]"), ["1 1234567", "1 \"x\"", "1 {}"]);
        assert_eq!(of("[7"), ["1 7", "line 1 is not a complete JSON object"]);
        assert_eq!(of("[\"x"), ["line 1 is not a complete JSON object"]);
        assert_eq!(of("{}\na long line of words\n{}"), ["1 {}", "line 2 is not a JSON object", "3 {}"]);
        assert_eq!(of("{}{\"a\":1}{\"b\":[2]}"), ["1 {}", "1 {\"a\":1}", "1 {\"b\":[2]}"]);
        assert_eq!(all(b"{\"a\":\"\xff\"}\n{}").len(), 2);
    }

    #[test]
    fn first_record_keeps_its_blanks() {
        let text = "{ \"a\" :\ttru e }";
        let mut reader = JsonReader::new(text.as_bytes());
        assert!(reader.next().unwrap().is_err());
        assert_eq!(reader.raw(), Some(text.as_bytes()));
    }

    #[test]
    fn bytes_of_a_wrong_record_are_kept_if_they_are_whole() {
        let long = std::format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_RECORD));
        for (text, kept) in [
            ("{}\n {\"a\":\n{}", Some("{\"a\":")),
            ("{}\n word \n{}", Some("word")),
            (&std::format!("{{}}\n{long}\n{{}}"), None),
            ("[{},{\"a\":", None),
            ("{}\n\u{c}\n{}", None),
            (&std::format!("[{{}},{long}x"), None),
        ] {
            let mut reader = JsonReader::new(text.as_bytes());
            reader.next().unwrap().unwrap();
            assert!(reader.next().unwrap().is_err());
            assert_eq!(reader.raw(), kept.map(str::as_bytes), "{kept:?}");
        }
    }

    #[test]
    fn array_after_a_member_of_records_is_a_value() {
        for name in ["import_error", "email"] {
            let text = std::format!("{{\"{name}\":\"x\",\"users\":[{{\"a\":1}}]}}");
            assert_eq!(of(&text), [std::format!("1 {text}")]);
        }
    }

    #[test]
    fn too_long_record_is_skipped() {
        let long = std::format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_RECORD));
        assert_eq!(of(&std::format!("{{}}\n{long}\n{{}}")), ["1 {}", "line 2 is longer than 1 MiB", "3 {}"]);
        assert_eq!(LONGEST_RECORD, 1024 * 1024);
        let more = std::format!("{{\"a\":\"{}\",\"b\":1}}\n{{}}", "x".repeat(LONGEST_RECORD));
        assert_eq!(of(&more), ["line 1 is longer than 1 MiB", "2 {}"]);
        let longest = std::format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST_RECORD - 8));
        let longer = longest.replacen('{', "{ ", 1);
        for (first, second) in [(&longest, &longer), (&longer, &longest)] {
            let is_read: Vec<_> =
                all(std::format!("{first}\n{second}").as_bytes()).iter().map(Result::is_ok).collect();
            assert_eq!(is_read, [first == &longest, second == &longest]);
        }
        let around =
            std::format!("{{\"clients\":[\"{}\"],\"users\":[{{}}]}}", "x".repeat(2 * LONGEST_RECORD));
        assert_eq!(of(&around), ["1 {}"]);
    }

    /// A file whose bytes come from a function.
    struct Source<F>(F);
    impl<F: FnMut(&mut [u8]) -> std::io::Result<usize>> Read for Source<F> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            (self.0)(buffer)
        }
    }

    #[test]
    fn records_are_not_kept_in_memory() {
        let lines = (0..100_000).map(|n| std::format!("{{\"id\":{n}}},"));
        let text = std::iter::once("{\"users\":[".to_string()).chain(lines).chain(["{}]}".to_string()]);
        let mut left = text;
        let mut part = std::io::Cursor::new(Vec::new());
        let read = move |buffer: &mut [u8]| {
            let mut got = part.read(buffer)?;
            if got == 0 {
                if let Some(next) = left.next() {
                    part = std::io::Cursor::new(next.into_bytes());
                    got = part.read(buffer)?;
                }
            }
            Ok(got)
        };
        let mut reader = JsonReader::new(std::io::BufReader::new(Source(read)));
        let mut records = 0;
        while let Some(record) = reader.next() {
            record.unwrap();
            records += 1;
        }
        assert_eq!(records, 100_001);
        assert!(reader.record.capacity() < 1024);
    }
}
