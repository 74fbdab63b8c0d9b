//! Names from a file in messages. What may be a value of a user is replaced.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::format;
use alloc::string::String;

/// Returns the name of a field for a message.
///
/// A name that looks like a value of a user is replaced: the file may have no header.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_value = name.contains('@') && !name.starts_with('@')
        || digits > 4
        || name.chars().count() > 80
        || name.contains(char::is_control);
    match name.trim() {
        "" => Cow::Borrowed("(a field without a name)"),
        _ if is_value => Cow::Borrowed("(a name that looks like a value)"),
        name => Cow::Borrowed(name),
    }
}

/// Returns a type, such as `oauth2:google`, for a message.
///
/// It is a value of the file: one that may be personal is replaced.
pub(crate) fn shown_type(text: &str) -> &str {
    let is_type = text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:.".contains(&b))
        && text.bytes().filter(u8::is_ascii_digit).count() <= 4;
    if is_type { text } else { "another kind" }
}

/// Returns a hashing method for a message. It is replaced if it has no word of such names: it may
/// be a password.
pub(crate) fn shown_method(text: &str) -> String {
    const WORDS: [&str; 9] =
        ["argon2", "crypt", "pbkdf2", "md5", "sha", "hmac", "phpass", "cognito", "plain"];
    let is_method = WORDS.iter().any(|word| text.contains(word)) && shown_type(text) == text;
    if is_method { format!("a hash of the method `{text}`") } else { "a hash of another method".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_is_shown_only_if_it_can_be_no_password() {
        for (text, shown) in [
            ("argon2id", "a hash of the method `argon2id`"),
            ("hmac-sha512", "a hash of the method `hmac-sha512`"),
            ("hunter2", "a hash of another method"),
            ("sha of ada@example.com", "a hash of another method"),
        ] {
            assert_eq!(shown_method(text), shown);
        }
    }
}
