//! Arguments that cannot be sent.

use core::fmt;

/// An argument that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BuildError {
    operation: &'static str,
    argument: &'static str,
    problem: Problem,
}

impl BuildError {
    /// Creates an error, for operations of your own; see also
    /// [`RequestWriter::refuse`](crate::RequestWriter::refuse).
    pub const fn new(operation: &'static str, argument: &'static str, problem: Problem) -> Self {
        Self { operation, argument, problem }
    }

    /// Returns the name of the operation.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Returns the name of the argument, as in Kinde's documentation.
    pub fn argument(&self) -> &'static str {
        self.argument
    }

    /// Returns what is wrong with the argument.
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
    /// It is empty. It would address something else, or not filter.
    Empty,
    /// It is `.` or `..`, which servers and proxies fold, even percent-encoded.
    DotSegment,
    /// It is a path argument and contains `/`, `\`, `?`, `#` or `;`, or an escape of one of them or
    /// of bytes that are not UTF-8. Behind some proxies the request would reach another route.
    NotASegment,
    /// It contains a comma, and belongs to a list that commas separate.
    Comma,
    /// It is a number outside of its range.
    OutOfRange {
        /// The minimum.
        least: u32,
        /// The maximum.
        most: u32,
    },
    /// It is not a date-time in the form of RFC 3339.
    NotATimestamp,
    /// It is required, but missing.
    Missing,
    /// It does not go with the other arguments, such as a salt with a hash that contains its salt.
    NotAllowed,
    /// It has a wrong type or form.
    WrongType,
    /// The whole URI is longer than this many bytes.
    TooLong {
        /// The maximum, in bytes.
        longest: usize,
    },
    /// It contains a line break or another control character, for instance because a quote is not
    /// closed.
    ControlCharacter,
    /// It begins or ends with a blank or an invisible character. Text that was copied from a file
    /// often does.
    OuterBlank,
    /// It has no JSON form.
    NotJson,
    /// It contains a character that a header cannot carry.
    NotAHeader,
    /// The result is not a URI, because no HTTP stack accepts the domain.
    NotAUri,
    /// The request was written for another tenant.
    OtherTenant,
    /// The code of the operation wrote it out of the order of its path template, or did not write
    /// it.
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
