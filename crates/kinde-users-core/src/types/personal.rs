//! Text about persons, which does not print itself.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::masking::write_hidden;

/// A text about a person: an e-mail address, a phone number, a name, an address on the network.
///
/// It is a `str` in every way, except that it never prints itself: `Debug` tells the length only, and there is no
/// `Display`, so that it does not get into a log by way of a struct. Print [`as_str`](Self::as_str) where you mean to.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal(Box<str>);

impl Personal {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0.into()
    }
}

impl Deref for Personal {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Personal {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Personal {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Personal {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&str> for Personal {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Personal {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<&Personal> for Personal {
    fn from(text: &Personal) -> Self {
        text.clone()
    }
}

impl<'de> Deserialize<'de> for Personal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Personal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hidden(f, "Personal", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_text_is_compared_and_taken_out_as_a_str() {
        let email = Personal::from(&String::from("ada@example.com"));
        assert!(email == *"ada@example.com" && email == "ada@example.com");
        assert!(email != *"bob@example.com" && email != "bob@example.com");
        assert_eq!(email.into_string(), "ada@example.com");
    }

    #[test]
    fn personal_text_is_a_str_that_does_not_print() {
        let email = Personal::from("ada@example.com");
        assert_eq!(format!("{email:?}"), "Personal(15 bytes)");
        assert_eq!(email, "ada@example.com");
        assert!(email.contains('@'));
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"ada@example.com\"");
    }
}
