//! An argument that cannot be sent, and what is wrong with it.

use core::fmt;

/// An argument that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BuildError {
    operation: &'static str,
    argument: &'static str,
    problem: Problem,
}

impl BuildError {
    /// For operations of your own; see also [`RequestWriter::refuse`](crate::RequestWriter::refuse).
    pub const fn new(operation: &'static str, argument: &'static str, problem: Problem) -> Self {
        Self { operation, argument, problem }
    }

    /// The operation's name.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The argument's name, as in Kinde's documentation.
    pub fn argument(&self) -> &'static str {
        self.argument
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.operation, self.argument, self.problem)
    }
}

impl core::error::Error for BuildError {}

/// What is wrong with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// It is empty, and would address something else or filter nothing.
    Empty,
    /// It is `.` or `..`, which servers and proxies fold away, percent-encoded or not.
    DotSegment,
    /// It is in a path and holds `/`, `\`, `?`, `#` or `;`, or an escape of one of them or of bytes that are not UTF-8.
    /// Behind some proxies the request would reach another route.
    NotASegment,
    /// It holds a comma, and stands in a list that commas separate.
    Comma,
    /// It is a number outside of its range.
    OutOfRange {
        /// The least that is allowed.
        least: u32,
        /// The most that is allowed.
        most: u32,
    },
    /// It is no date-time in the form of RFC 3339.
    NotATimestamp,
    /// It is needed, and not there.
    Missing,
    /// It does not go with the others, as a salt with a hash that holds its own.
    NotAllowed,
    /// It is of another type, or in another form, than it has to be.
    WrongType,
    /// The whole URI is longer than this many bytes.
    TooLong {
        /// The most that is allowed, in bytes.
        longest: usize,
    },
    /// It holds a line break or another control character, as where a quote is not closed.
    ControlCharacter,
    /// It begins or ends with a blank or an invisible character, as a text does that was cut out of a file.
    OuterBlank,
    /// It has no JSON form.
    NotJson,
    /// It holds a character that a header cannot carry.
    NotAHeader,
    /// The whole is no URI: a domain that no HTTP stack takes.
    NotAUri,
    /// The request was written for another tenant than the one that it is to be sent with.
    OtherTenant,
    /// The operation's code wrote it out of the order of its path template, or not at all.
    Misplaced,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::DotSegment => f.write_str("must not be `.` or `..`"),
            Self::NotASegment => f.write_str(
                "must be one path segment: no `/`, `\\`, `?`, `#` or `;`, and no encoded form of them",
            ),
            Self::Comma => f.write_str("must not hold a comma"),
            Self::OutOfRange { least, most } => write!(f, "must be {least} to {most}"),
            Self::NotATimestamp => f.write_str("must be a date-time as in RFC 3339"),
            Self::Missing => f.write_str("is missing"),
            Self::NotAllowed => f.write_str("does not go with the rest"),
            Self::WrongType => f.write_str("has the wrong type or form"),
            Self::TooLong { longest } => write!(f, "must not be longer than {longest} bytes"),
            Self::ControlCharacter => f.write_str("must not hold a line break or another control character"),
            Self::OuterBlank => f.write_str("must not begin or end with a blank or an invisible character"),
            Self::NotJson => f.write_str("must have a JSON form"),
            Self::NotAHeader => f.write_str("must hold visible ASCII characters only"),
            Self::NotAUri => f.write_str("must form a URI"),
            Self::OtherTenant => f.write_str("is another one than the request was written for"),
            Self::Misplaced => f.write_str("is not where the path template has it"),
        }
    }
}
