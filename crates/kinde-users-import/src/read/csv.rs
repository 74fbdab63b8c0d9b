//! Reads rows of CSV by the letter of RFC 4180.
//!
//! A reader that makes the best of any text takes `a, "b"` for the value ` "b"`. Quotes of another
//! kind than RFC 4180 has are errors here, so that no value is changed in silence.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::io::{self, BufRead, Read as _};

/// The longest row, in bytes. A quote that is open for so long is never closed.
const LONGEST_ROW: usize = 1024 * 1024;
/// How much is read at once of a text without line feeds, and kept of what was read.
const CHUNK: usize = 64 * 1024;

/// A row of a file, or its header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CsvRow {
    /// The line on which the row begins; the first line of the file is 1.
    pub(crate) line: u64,
    /// The values, as many as the header has.
    pub(crate) values: Vec<String>,
}

impl fmt::Debug for CsvRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CsvRow(line {}, {} values)", self.line, self.values.len())
    }
}

/// Says what is wrong with a row, and never shows a value.
#[derive(Debug)]
pub(crate) struct CsvError {
    /// The line on which the row begins.
    pub(crate) line: u64,
    /// The last line that is not read because of it.
    pub(crate) last_line: u64,
    /// The column, from 1.
    pub(crate) column: usize,
    /// What is wrong.
    pub(crate) problem: CsvProblem,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(crate) enum CsvProblem {
    /// A blank stands between a separator and a quote.
    BlankBeforeQuote,
    /// Something follows a closing quote that is not a separator.
    TextAfterQuote,
    /// A quote stands in a value that is not in quotes.
    QuoteInText,
    /// A quote or separator is escaped by a backslash.
    Backslash,
    /// A value is in single quotes.
    SingleQuotes,
    /// A value is a formula, as `="0123"`.
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
            Self::BlankBeforeQuote => "a blank before a quote makes the quotes part of the value: remove the blank",
            Self::TextAfterQuote => {
                "text follows a closing quote: a quote within a value in quotes has to be doubled"
            }
            Self::QuoteInText => {
                "a quote is in a value that is not in quotes: put the value in quotes and double the quotes in it"
            }
            Self::Backslash => {
                "a backslash escapes nothing in CSV: double the quotes in a value, and put a value with separators in quotes"
            }
            Self::SingleQuotes => "single quotes would be part of the value: use double quotes or none",
            Self::Formula => "the value is a formula of a spreadsheet: write the value itself",
            Self::Unclosed => "the quote is never closed",
            Self::TooLong => "the row is longer than 1 MiB",
            Self::NotUtf8 => {
                "the value is not UTF-8: save the file in UTF-8 (it may be in Windows-1252 or Latin-1)"
            }
            Self::Columns { found, expected } => {
                let (values, names) =
                    (if *found == 1 { "value" } else { "values" }, if *expected == 1 { "column" } else { "columns" });
                return write!(f, "{found} {values} for {expected} {names}");
            }
            Self::Io(error) => return write!(f, "the file cannot be read: {error}"),
        })
    }
}

/// Reads rows one by one, and goes on after a row that is wrong. The first row is the header, if
/// there is one.
///
/// The separator is that of a line `sep=;` at the beginning, or the one of comma, semicolon and tab
/// that the first row has most of. Empty rows are skipped, and so are empty columns at the end.
/// Time is linear in the size of the file, and memory is bounded by the longest row.
pub(crate) struct CsvReader<R> {
    input: R,
    /// What was read and is still needed.
    buffer: Vec<u8>,
    /// Where in the buffer the next row begins, and on which line.
    at: usize,
    line: u64,
    is_at_end: bool,
    separator: Option<u8>,
    columns: Option<usize>,
    #[cfg(test)]
    looks: usize,
}

/// Where in a value the reader is.
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
            at: 0,
            line: 1,
            is_at_end: false,
            separator: None,
            columns: None,
            #[cfg(test)]
            looks: 0,
        }
    }

    /// Reads a file without a header, of rows of so many values.
    pub(crate) fn without_header(input: R, columns: usize) -> Self {
        Self { columns: Some(columns), ..Self::new(input) }
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

    /// Where the line after the one that ends with this byte begins; `None` if no line ends with
    /// it.
    fn line_end(&mut self, at: usize, byte: u8) -> io::Result<Option<usize>> {
        Ok(match byte {
            b'\r' if self.byte(at + 1)? == Some(b'\n') => Some(at + 2),
            b'\n' | b'\r' => Some(at + 1),
            _ => None,
        })
    }

    /// Goes on after the end of the line at `at`, which is that many lines after the row's first.
    fn skip_line(&mut self, mut at: usize) -> io::Result<()> {
        while let Some(byte) = self.byte(at)? {
            if let Some(end) = self.line_end(at, byte)? {
                at = end;
                break;
            }
            at += 1;
            if at > LONGEST_ROW {
                self.buffer.drain(..at);
                at = 0;
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
            // The separator was named on a line of its own, or lines were empty.
            return self.row();
        }
        let first_line = self.line;
        let problem = loop {
            let column = values.len() + 1;
            let io = |e| error(column, first_line, CsvProblem::Io(e));
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
                (self.at, self.line) = (at, first_line + lines);
                return Ok(Some(CsvRow { line: first_line, values }));
            };
            let line_end = self.line_end(at, byte).map_err(io)?;
            match state {
                State::Quoted => {
                    if byte == b'"' {
                        state = State::Closed;
                    } else {
                        value.push(byte);
                        // The line feed after a carriage return counts by itself.
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
        if matches!(error.problem, CsvProblem::Unclosed) {
            // What follows the line is no part of the value then.
            (at, lines) = (start, 0);
        }
        error.last_line += lines;
        self.line += lines;
        match self.skip_line(at) {
            Ok(()) => Err(error),
            Err(io) => Err(CsvError { problem: CsvProblem::Io(io), ..error }),
        }
    }

    /// Takes off the empty columns at the end; there have to be as many as in the header then.
    fn fit(&mut self, mut row: CsvRow) -> Result<CsvRow, CsvError> {
        let least = self.columns.unwrap_or(0);
        while row.values.len() > least && row.values.last().is_some_and(|value| value.trim().is_empty()) {
            row.values.pop();
        }
        let (found, expected) = (row.values.len(), *self.columns.get_or_insert(row.values.len()));
        if found == expected {
            return Ok(row);
        }
        let column = found.min(expected) + 1;
        let last_line = self.line.saturating_sub(1).max(row.line);
        Err(CsvError { line: row.line, last_line, column, problem: CsvProblem::Columns { found, expected } })
    }
}

/// The separator that a line `sep=;` names, which Excel writes and reads.
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
                        (self.at, self.is_at_end) = (0, true);
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
