//! Whether a request was sent, and why a body could not be read.

use core::fmt;

/// Whether a request that failed may have reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The request certainly did not reach the service, for instance because there was no
    /// connection.
    NotSent,
    /// It is not known whether the request reached the service, for instance after a time-out, a
    /// connection reset, or a reply that was cut off.
    Unknown,
}

/// Why the body of a response could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyFailure {
    /// The body was cut off, or its encoding is broken or unknown. Another attempt may succeed.
    Broken,
    /// The body is larger than the transport allows. Another attempt does not help.
    TooLarge,
}

impl fmt::Display for BodyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "its body is broken or incomplete",
            Self::TooLarge => "its body is larger than the transport allows",
        })
    }
}
