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
    /// Creates an error, for your own operations; see also
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
    /// The argument is empty. With an empty argument, the request would address something else, or
    /// would not filter.
    Empty,
    /// The argument is `.` or `..`. Servers and proxies normalize these segments, even if they are
    /// percent-encoded.
    DotSegment,
    /// A path argument contains `/`, `\`, `?`, `#` or `;`, an escape of one of these characters, or
    /// an escape of bytes that are not UTF-8. Behind some proxies, the request would reach another
    /// endpoint.
    NotASegment,
    /// The argument is an item of a list whose items are separated by commas, but contains a comma
    /// itself.
    Comma,
    /// The argument is a number outside of its range.
    OutOfRange {
        /// The minimum.
        least: u32,
        /// The maximum.
        most: u32,
    },
    /// The argument is not a date-time in the form of RFC 3339.
    NotATimestamp,
    /// The argument is required, but missing.
    Missing,
    /// The argument contradicts the other arguments, such as a salt with a hash that contains its
    /// salt.
    NotAllowed,
    /// The argument has a wrong type or form.
    WrongType,
    /// The whole URI is longer than this many bytes.
    TooLong {
        /// The maximum, in bytes.
        longest: usize,
    },
    /// The argument contains a line break or another control character, for instance because a
    /// quote is not closed.
    ControlCharacter,
    /// The argument begins or ends with a blank or an invisible character. Text that was copied
    /// from a file often has such characters.
    OuterBlank,
    /// The argument has no JSON form.
    NotJson,
    /// The argument contains a character that is not allowed in a header.
    NotAHeader,
    /// The request has no valid URI, because no HTTP stack accepts the domain.
    NotAUri,
    /// The request was written for another tenant.
    OtherTenant,
    /// The implementation of the operation did not write this argument of the path, or wrote it in
    /// the wrong place.
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
