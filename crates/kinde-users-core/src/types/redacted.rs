//! Personal text that does not print itself.

use core::fmt;
use core::ops::Deref;

use crate::types::masking::write_hidden;
use crate::types::text_type::text_type;

text_type! {
    /// A personal text: an e-mail address, a phone number, a name, or an IP address.
    ///
    /// The type dereferences to `str`, but does not print the text. `Debug` shows only the length,
    /// and there is no `Display`. So the text does not get into a log as part of a struct. To print
    /// the text, use [`as_str`](Self::as_str).
    #[derive(Default, PartialOrd, Ord)]
    Redacted
}

impl Deref for Redacted {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
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
    use alloc::string::String;

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
