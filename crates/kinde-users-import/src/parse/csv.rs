//! Reads rows of CSV exactly as RFC 4180 defines it.
//!
//! A lenient reader takes the second value of `a, "b"` for ` "b"`. Here, quotes that RFC 4180 does
//! not allow are errors, so that no value is changed in silence.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::io::{self, BufRead, Read as _};

/// The longest row: 1 MiB. A quote that is still open after it counts as never closed.
const LONGEST_ROW: usize = 1_048_576;
/// The most bytes that are read at once from a text without line feeds, and the most that are
/// kept after they were read.
const CHUNK: usize = 65_536;

/// A row of a file, or its header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CsvRow {
    /// The line on which the row begins; the first line of the file is 1.
    pub(crate) line: u64,
    /// The values, as many as the header has.
    pub(crate) values: Vec<String>,
}

/// An error in a row. It never shows a value.
#[derive(Debug)]
pub(crate) struct CsvError {
    /// The line on which the row begins.
    pub(crate) line: u64,
    /// The last line that is skipped because of the error.
    pub(crate) last_line: u64,
    /// The column, from 1. If the row has too many or too few values, it is the first one.
    pub(crate) column: usize,
    /// The problem.
    pub(crate) problem: CsvProblem,
}

/// A problem of a row.
#[derive(Debug)]
pub(crate) enum CsvProblem {
    /// There is a blank between a separator and a quote.
    BlankBeforeQuote,
    /// A closing quote is followed by something other than a separator.
    TextAfterQuote,
    /// An unquoted value contains a quote.
    QuoteInText,
    /// A quote or separator is escaped by a backslash.
    Backslash,
    /// A value is in single quotes.
    SingleQuotes,
    /// A value is a formula, such as `="0123"`.
    Formula,
    /// A quote is never closed.
    Unclosed,
    /// The row is longer than 1 MiB.
    TooLong,
    /// The row has another number of values than the header.
    Columns {
        /// The number of values in the row.
        found: usize,
        /// The number of names in the header.
        expected: usize,
    },
    /// The value is not UTF-8.
    NotUtf8,
    /// The file could not be read further.
    Io(io::Error),
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, last_line, column, problem } = self;
        if last_line > line {
            write!(f, "lines {line} to {last_line}")?;
        } else {
            write!(f, "line {line}")?;
        }
        if !matches!(problem, CsvProblem::Columns { .. } | CsvProblem::TooLong | CsvProblem::Io(_)) {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {problem}")
    }
}

impl core::error::Error for CsvError {}

impl fmt::Display for CsvProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlankBeforeQuote => "a space before the opening quote makes the quotes part of the value: remove the space",
            Self::TextAfterQuote => {
                "text follows the closing quote: double each quote within a quoted value"
            }
            Self::QuoteInText => {
                "an unquoted value contains a quote: put the value in quotes, and double the quotes in it"
            }
            Self::Backslash => {
                "a backslash is no escape in CSV: double the quotes in a value, and put a value with separators in quotes"
            }
            Self::SingleQuotes => "single quotes would be part of the value: use double quotes or none",
            Self::Formula => "the value is a spreadsheet formula: write the value itself",
            Self::Unclosed => "the opening quote is never closed",
            Self::TooLong => "the row is longer than 1 MiB",
            Self::NotUtf8 => {
                "the value is not UTF-8: save the file in UTF-8 (it may be in Windows-1252 or Latin-1)"
            }
            Self::Columns { found, expected } => {
                let (values, names) =
                    (if *found == 1 { "value" } else { "values" }, if *expected == 1 { "column" } else { "columns" });
                return write!(f, "the row has {found} {values}, but the file has {expected} {names}");
            }
            Self::Io(error) => return write!(f, "the file cannot be read: {error}"),
        })
    }
}

/// Reads rows one by one, and continues after a row that is not valid. The first row is the header,
/// if there is one.
///
/// The separator is that of a line `sep=;` at the beginning. Without such a line, it is the comma,
/// semicolon or tab, depending on which is most frequent in the first row. Empty rows are skipped,
/// and so are empty columns at the end.
/// Time is linear in the size of the file, and memory is bounded by the longest row.
pub(crate) struct CsvReader<R> {
    input: R,
    /// Bytes that were read and are still needed.
    buffer: Vec<u8>,
    /// The offset in the buffer at which the last row begins, if it is still there.
    start: Option<usize>,
    /// The offset in the buffer and the line at which the next row begins.
    at: usize,
    line: u64,
    is_at_end: bool,
    separator: Option<u8>,
    columns: Option<usize>,
    #[cfg(test)]
    looks: usize,
}

/// The position of the reader within a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// After a quote that closes the value, or is the first half of a doubled one.
    Closed,
}

impl<R: BufRead> CsvReader<R> {
    /// Reads a file whose first row is a header.
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: None,
            at: 0,
            line: 1,
            is_at_end: false,
            separator: None,
            columns: None,
            #[cfg(test)]
            looks: 0,
        }
    }

    /// Reads a file that has no header, and this number of columns.
    pub(crate) fn without_header(input: R, columns: usize) -> Self {
        Self { columns: Some(columns), ..Self::new(input) }
    }

    /// Returns the separator, once the first row is read.
    pub(crate) fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// Returns the number of columns, once the first row is read.
    pub(crate) fn columns(&self) -> usize {
        self.columns.unwrap_or(0)
    }

    /// Returns the bytes of the lines of the last row without the last line end, or `None` if they
    /// are too long.
    pub(crate) fn raw(&self) -> Option<&[u8]> {
        let row = self.buffer.get(self.start?..self.at)?;
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        Some(row.strip_suffix(b"\r").unwrap_or(row))
    }

    fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        #[cfg(test)]
        {
            self.looks += 1;
        }
        while self.buffer.len() <= at && !self.is_at_end {
            let read = self.input.by_ref().take(CHUNK as u64).read_until(b'\n', &mut self.buffer)?;
            self.is_at_end = read == 0;
        }
        Ok(self.buffer.get(at).copied())
    }

    /// Returns the offset of the next line if `byte`, which is at `at`, ends a line.
    fn line_end(&mut self, at: usize, byte: u8) -> io::Result<Option<usize>> {
        Ok(match byte {
            b'\r' if self.byte(at + 1)? == Some(b'\n') => Some(at + 2),
            b'\n' | b'\r' => Some(at + 1),
            _ => None,
        })
    }

    /// Continues after the end of the line that contains `at`.
    fn skip_line(&mut self, mut at: usize) -> io::Result<()> {
        while let Some(byte) = self.byte(at)? {
            if let Some(end) = self.line_end(at, byte)? {
                at = end;
                break;
            }
            at += 1;
            if at > LONGEST_ROW {
                self.buffer.drain(..at);
                (self.start, at) = (None, 0);
            }
        }
        self.at = at;
        self.line += 1;
        Ok(())
    }

    /// Finds the separator in the first row that is not empty.
    fn find_separator(&mut self) -> io::Result<u8> {
        let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
        let (mut is_quoted, mut at) = (false, self.at);
        while let Some(byte) = self.byte(at)?.filter(|_| at < LONGEST_ROW) {
            if byte == b'"' {
                is_quoted = !is_quoted;
            }
            if !is_quoted {
                if let Some(end) = self.line_end(at, byte)? {
                    let line = self.buffer.get(self.at..at).unwrap_or_default();
                    if let Some(separator) = named_separator(line) {
                        (self.at, self.line) = (end, self.line + 1);
                        return Ok(separator);
                    }
                    if !line.trim_ascii().is_empty() {
                        break;
                    }
                    (self.at, self.line, at) = (end, self.line + 1, end);
                    continue;
                }
                for (separator, count) in &mut counts {
                    *count += usize::from(*separator == byte);
                }
            }
            at += 1;
        }
        let [first, second, third] = counts;
        let more = if second.1 > first.1 { second } else { first };
        Ok(if third.1 > more.1 { third.0 } else { more.0 })
    }

    /// Reads a row, which may be empty.
    fn row(&mut self) -> Result<Option<CsvRow>, CsvError> {
        let start = self.at;
        self.start = Some(start);
        let (mut at, mut lines, mut state) = (start, 0, State::Start);
        let mut values = Vec::new();
        // The bytes of the value, and whether they were in quotes.
        let (mut value, mut was_quoted) = (Vec::new(), false);
        let error = |column, line, problem| CsvError { line, last_line: line, column, problem };
        if self.separator.is_none() {
            self.separator = Some(self.find_separator().map_err(|e| error(1, 1, CsvProblem::Io(e)))?);
        }
        let separator = self.separator.unwrap_or(b',');
        if self.at != start {
            // A line named the separator, or lines were empty.
            return self.row();
        }
        let first_line = self.line;
        let problem = loop {
            let io = |e| error(1, first_line, CsvProblem::Io(e));
            if at - start > LONGEST_ROW {
                break if state == State::Quoted { CsvProblem::Unclosed } else { CsvProblem::TooLong };
            }
            let Some(byte) = self.byte(at).map_err(io)? else {
                if state == State::Quoted {
                    break CsvProblem::Unclosed;
                }
                if at == start {
                    return Ok(None);
                }
                match finish(&value, was_quoted) {
                    Ok(value) => values.push(value),
                    Err(problem) => break problem,
                }
                (self.at, self.line) = (at, first_line + lines + 1);
                return Ok(Some(CsvRow { line: first_line, values }));
            };
            let line_end = self.line_end(at, byte).map_err(io)?;
            match state {
                State::Quoted => {
                    if byte == b'"' {
                        state = State::Closed;
                    } else {
                        value.push(byte);
                        // The line feed after a carriage return is counted when it is reached.
                        let is_one_of_two = byte == b'\r' && line_end == Some(at + 2);
                        lines += u64::from(line_end.is_some() && !is_one_of_two);
                    }
                }
                State::Closed if byte == b'"' => {
                    value.push(byte);
                    state = State::Quoted;
                }
                _ if line_end.is_some() || byte == separator => {
                    match finish(&value, was_quoted) {
                        Ok(value) => values.push(value),
                        Err(problem) => break problem,
                    }
                    value.clear();
                    (was_quoted, state) = (false, State::Start);
                    if let Some(end) = line_end {
                        (self.at, self.line) = (end, first_line + lines + 1);
                        return Ok(Some(CsvRow { line: first_line, values }));
                    }
                }
                State::Start if byte == b'"' => (was_quoted, state) = (true, State::Quoted),
                State::Closed => {
                    let is_escape = value.ends_with(b"\\");
                    break if is_escape { CsvProblem::Backslash } else { CsvProblem::TextAfterQuote };
                }
                State::Start | State::Plain if byte == b'"' => {
                    break match value.as_slice() {
                        [b'='] => CsvProblem::Formula,
                        [.., b'\\'] => CsvProblem::Backslash,
                        blanks if blanks.trim_ascii().is_empty() => CsvProblem::BlankBeforeQuote,
                        _ => CsvProblem::QuoteInText,
                    };
                }
                State::Start | State::Plain => {
                    value.push(byte);
                    state = State::Plain;
                }
            }
            at += 1;
        };
        let mut error = error(values.len() + 1, first_line, problem);
        // The quote before the text may be the first one of another row.
        if matches!(error.problem, CsvProblem::Unclosed | CsvProblem::TextAfterQuote) {
            // Only the first line of the row is skipped: the next lines are rows again.
            (at, lines) = (start, 0);
        }
        error.last_line += lines;
        self.line += lines;
        match self.skip_line(at) {
            Ok(()) => Err(error),
            Err(io) => Err(CsvError { problem: CsvProblem::Io(io), ..error }),
        }
    }

    /// Removes empty values at the end, and checks that the row has as many values as the header.
    fn fit(&mut self, mut row: CsvRow) -> Result<CsvRow, CsvError> {
        let least = self.columns.unwrap_or(0);
        while row.values.len() > least && row.values.last().is_some_and(|value| value.trim().is_empty()) {
            row.values.pop();
        }
        let (found, expected) = (row.values.len(), *self.columns.get_or_insert(row.values.len()));
        if found == expected {
            return Ok(row);
        }
        let last_line = self.line.saturating_sub(1);
        let problem = CsvProblem::Columns { found, expected };
        Err(CsvError { line: row.line, last_line, column: 1, problem })
    }
}

/// Returns the separator that a line such as `sep=;` names. Excel writes and reads such lines.
fn named_separator(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] if separator.is_ascii() => Some(*separator),
        _ => None,
    }
}

fn finish(value: &[u8], was_quoted: bool) -> Result<String, CsvProblem> {
    match value {
        [b'\'', .., b'\''] if !was_quoted => return Err(CsvProblem::SingleQuotes),
        [.., b'\\'] if !was_quoted => return Err(CsvProblem::Backslash),
        _ => {}
    }
    core::str::from_utf8(value).map(String::from).map_err(|_| CsvProblem::NotUtf8)
}

impl<R: BufRead> Iterator for CsvReader<R> {
    type Item = Result<CsvRow, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.at == self.buffer.len() || self.at > CHUNK {
                self.buffer.drain(..self.at);
                self.at = 0;
            }
            let row = match self.row() {
                Ok(row) => row?,
                Err(error) => {
                    if matches!(error.problem, CsvProblem::Io(_)) {
                        // Nothing more can be read.
                        self.buffer.clear();
                        (self.start, self.at, self.is_at_end) = (None, 0, true);
                    }
                    return Some(Err(error));
                }
            };
            if row.values.iter().any(|value| !value.trim().is_empty()) {
                return Some(self.fit(row));
            }
        }
    }
}

#[cfg(test)]
mod tests;
