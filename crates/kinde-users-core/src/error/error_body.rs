//! The body of an error reply, as far as it was understood.

use alloc::boxed::Box;
use core::fmt;

use serde::Deserialize;

use crate::types::lenient::if_it_fits;
use crate::types::masking::Shown;

/// The body of an error reply, as far as it was understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ErrorBody<'a> {
    /// Kinde's shape: `{"errors": …}`, which may hold none.
    Kinde(&'a [ErrorItem]),
    /// Some other JSON, [repaired](crate::Reply::parse_as) where it was broken.
    Json(&'a str),
    /// Not JSON: nothing at all, text, HTML of a proxy.
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
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct ErrorItem {
    // One that is not a text must not cost the other.
    #[serde(default, deserialize_with = "if_it_fits")]
    code: Option<Box<str>>,
    #[serde(default, deserialize_with = "if_it_fits")]
    message: Option<Box<str>>,
}

impl ErrorItem {
    /// Kinde's code, such as `USER_INVALID`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Kinde's message, whole: it may quote what was sent, in any form.
    ///
    /// `Display` shows plain words, codes, scopes, routes and short numbers of it, and masks all other words. E-mail addresses
    /// with an `@` or a dot, phone numbers, ids, tokens, hashes and most salts are masked by this. A name, a secret or an
    /// address that is written like plain words cannot be told from them, and is shown.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for ErrorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.message()) {
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
