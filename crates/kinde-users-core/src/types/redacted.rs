//! Personal text that does not print itself.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::masking::write_hidden;

/// A personal text: an e-mail address, a phone number, a name, or an IP address.
///
/// It dereferences to `str`, but never prints itself. `Debug` shows only the length, and there is
/// no `Display`, so it does not get into a log as part of a struct. To print it, use
/// [`as_str`](Self::as_str).
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redacted(Box<str>);

impl Redacted {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text, owned.
    pub fn into_string(self) -> String {
        self.0.into()
    }
}

impl Deref for Redacted {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Redacted {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Redacted {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Redacted {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&str> for Redacted {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Redacted {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Redacted {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<&Redacted> for Redacted {
    fn from(text: &Redacted) -> Self {
        text.clone()
    }
}

impl<'de> Deserialize<'de> for Redacted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hidden(f, "Redacted", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacted_text_is_compared_as_a_str() {
        let email = Redacted::from(&String::from("ada@example.com"));
        assert!(email == *"ada@example.com" && email == "ada@example.com");
        assert!(email != *"bob@example.com" && email != "bob@example.com");
        assert_eq!(email.into_string(), "ada@example.com");
    }

    #[test]
    fn personal_text_is_a_str_that_does_not_print() {
        let email = Redacted::from("ada@example.com");
        assert_eq!(format!("{email:?}"), "Redacted(15 bytes)");
        assert_eq!(email, "ada@example.com");
        assert!(email.contains('@'));
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"ada@example.com\"");
    }
}
