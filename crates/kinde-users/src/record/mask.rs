//! Replaces texts that may be personal or secret.

use core::fmt;
use std::collections::HashMap;

use kinde_users_core::masked_text;

/// What each time becomes.
const TIME: &str = "2000-01-01T00:00:00.000000+00:00";

/// The fields whose texts are words of the API.
const WORDS: [&str; 13] = [
    "expand",
    "feature_flag_key",
    "grant_type",
    "hashing_method",
    "page_size",
    "property_key",
    "salt_format",
    "salt_position",
    "scope",
    "sort",
    "token_type",
    "type",
    "variant",
];

/// The fields whose texts are messages, or codes that a proxy may have written.
const MESSAGES: [&str; 4] = ["code", "error", "error_description", "message"];

/// The most digits of a number that is kept.
const MOST_DIGITS: usize = 5;

/// Decides what stands in the place of a text or number.
pub(super) trait Mask {
    /// Returns what stands in the place of a text that may be personal or secret.
    fn hide(&mut self, text: &str) -> String;

    /// Returns a message with a mask in the place of each text that was hidden before.
    fn known(&self, message: &str) -> String {
        message.to_owned()
    }

    /// Returns what stands in the place of a message.
    fn message(&self, text: &str) -> String {
        masked_text(&self.known(text))
    }

    /// Returns what stands in the place of the name of a field.
    fn name(&mut self, name: &str) -> String {
        if name.contains('@') { self.hide(name) } else { name.to_owned() }
    }

    /// Returns what stands in the place of the text of a field.
    fn text(&mut self, field: &str, text: &str) -> String {
        if matches!(text, "" | "true" | "false") || (WORDS.contains(&field) && is_word(text)) {
            text.to_owned()
        } else if is_time(text) {
            TIME.to_owned()
        } else if MESSAGES.contains(&field) {
            self.message(text)
        } else {
            self.hide(text)
        }
    }
}

/// Returns whether a number is short enough to be kept.
pub(super) fn is_short(number: &serde_json::Number) -> bool {
    number.to_string().len() <= MOST_DIGITS
}

/// Returns whether a text may be a word of the API, or several, and no address or number.
fn is_word(text: &str) -> bool {
    text.split(' ').count() < 50
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-: ".contains(&byte))
        && text.bytes().filter(u8::is_ascii_digit).count() < 8
}

fn is_time(text: &str) -> bool {
    matches!(text.as_bytes(), [b'1' | b'2', _, _, _, b'-', _, _, b'-', _, _, b'T' | b' ', _, _, b':', ..])
}

/// Gives each text a number.
#[derive(Default)]
pub(super) struct Numbered(HashMap<String, usize>);

impl fmt::Debug for Numbered {
    /// Writes the number of texts only, as they are personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbered({} texts)", self.0.len())
    }
}

impl Mask for Numbered {
    fn hide(&mut self, text: &str) -> String {
        let next = self.0.len() + 1;
        let number = *self.0.entry(text.to_owned()).or_insert(next);
        let prefix = text.split_inclusive(['_', ':']).next().filter(|prefix| is_prefix(prefix));
        let suffix = if text.contains('@') { "@example.com" } else { "" };
        format!("{}masked-{number}{suffix}", prefix.unwrap_or_default())
    }

    fn known(&self, message: &str) -> String {
        // Longer texts first, as they may contain shorter ones.
        let mut texts: Vec<_> = self.0.iter().filter(|(text, _)| text.len() > 2).collect();
        texts.retain(|(text, _)| message.contains(text.as_str()));
        texts.sort_by_key(|(text, _)| core::cmp::Reverse(text.len()));
        texts.into_iter().fold(message.to_owned(), |message, (text, number)| {
            message.replace(text.as_str(), &format!("masked-{number}"))
        })
    }
}

/// Returns whether a text is the prefix of an id, such as `kp_`.
fn is_prefix(text: &str) -> bool {
    const PREFIXES: [&str; 9] =
        ["kp", "identity", "mfa", "conn", "org", "prop", "session", "customer", "agreement"];
    text.strip_suffix(['_', ':']).is_some_and(|name| PREFIXES.contains(&name))
}

/// Returns whether a text of a recording is a mask.
pub(super) fn is_mask(text: &str) -> bool {
    let text = text.strip_suffix("@example.com").unwrap_or(text);
    text.split_once("masked-").is_some_and(|(prefix, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && (prefix.is_empty() || is_prefix(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_api_are_kept() {
        let words = |count| vec!["read:users"; count].join(" ");
        for (field, text, is_kept) in [
            ("scope", "openid offline read:users", true),
            ("scope", &words(49), true),
            ("scope", &words(50), false),
            ("type", "ada@example.com", false),
            ("type", "1234567", true),
            ("type", "12345678", false),
            ("name", "oauth2", false),
            ("name", "true", true),
        ] {
            assert_eq!(Numbered::default().text(field, text) == text, is_kept, "{field}: {text}");
        }
    }

    #[test]
    fn masks_keep_the_kind_of_a_text() {
        let mut mask = Numbered::default();
        for (text, masked) in [
            ("kp_0a1b", "kp_masked-1"),
            ("identity_0a1b", "identity_masked-2"),
            ("customer:0a1b", "customer:masked-3"),
            ("ada@example.org", "masked-4@example.com"),
            // No id, but a name.
            ("org", "masked-5"),
            ("ada_lovelace", "masked-6"),
        ] {
            assert_eq!(mask.hide(text), masked);
            assert!(is_mask(masked), "{masked}");
        }
        for text in ["masked-", "masked-a", "ada_masked-1", "/users/kp_masked-1", "no user masked-1"] {
            assert!(!is_mask(text), "{text}");
        }
    }

    #[test]
    fn texts_of_two_letters_stay_in_messages() {
        let mut mask = Numbered::default();
        for text in ["au", "ada", "ada@example.com"] {
            mask.hide(text);
        }
        assert_eq!(mask.known("ada@example.com of au is ada"), "masked-3 of au is masked-2");
    }
}
