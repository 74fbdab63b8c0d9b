//! The body of an error reply.

use core::fmt;

use serde::Deserialize;

use crate::types::lenient::if_it_fits;
use crate::types::masking::Shown;
use crate::types::redacted::Redacted;

/// The body of an error reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ErrorBody<'a> {
    /// Kinde's form: `{"errors": …}`. The list may be empty.
    Kinde(&'a [ErrorItem]),
    /// Other JSON, [repaired](crate::Reply::parse_as) if it was broken.
    Json(&'a str),
    /// Anything else: an empty body, text, or the HTML of a proxy.
    Other(&'a [u8]),
}

impl fmt::Debug for ErrorBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kinde(errors) => f.debug_tuple("Kinde").field(errors).finish(),
            Self::Json(text) => write!(f, "Json({} bytes)", text.len()),
            Self::Other(bytes) => write!(f, "Other({} bytes)", bytes.len()),
        }
    }
}

/// One error of an error reply.
///
/// `Display` and `Debug` show plain words, codes, scopes, routes and short numbers, and mask all
/// other words. So e-mail addresses with an `@` or a dot, phone numbers, ids, tokens, hashes and
/// most salts are masked. However, a name, a secret or an address that is written like plain words
/// is shown.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub struct ErrorItem {
    // A field that is not a text must not cost the other one.
    /// Kinde's code, such as `USER_INVALID`.
    #[serde(default, deserialize_with = "if_it_fits")]
    pub code: Option<Redacted>,
    /// Kinde's whole message. The message may quote any part of the request, including secrets, in
    /// any encoding.
    #[serde(default, deserialize_with = "if_it_fits")]
    pub message: Option<Redacted>,
}

impl fmt::Display for ErrorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_deref(), self.message.as_deref()) {
            (Some(code), Some(message)) => write!(f, "{}: {}", Shown(code), Shown(message)),
            (Some(text), None) | (None, Some(text)) => Shown(text).fmt(f),
            (None, None) => f.write_str("no code or message"),
        }
    }
}

impl fmt::Debug for ErrorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
