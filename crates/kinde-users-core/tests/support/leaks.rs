//! Finds secrets and personal data in what is printed.

use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// E-mail addresses and phone numbers. They are hidden even where an id is expected.
pub(crate) const ADDRESSES: &[&str] = &["ada+billing@lovelace.example", "+61 412 345 678", "+61412345678"];

/// Secrets in the forms in which they are issued: long, or a long number. They are hidden in a
/// server's message, too.
pub(crate) const TOKENS: &[&str] = &["Zk9!qTx-vLw~mRb4$hYc_pNd+sJf/gKa-uWe", "740193825561920847"];

/// A secret and a name that look like any words.
pub(crate) const WORDS: &[&str] = &["correct horse battery staple", "Ada Augusta King-Noel"];

pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [ADDRESSES, TOKENS, WORDS].concat().into_iter()
}

/// In which form `printed` holds a piece of `hidden`, if it does.
pub(crate) fn leaks(printed: &str, hidden: &str) -> Option<&'static str> {
    // Of eight or nine bytes, any: a part of a secret is too much already. Wherever the secret
    // stands in what was encoded as base64, one of its pieces of nine begins with a group of three,
    // and is twelve characters of their own.
    let holds = |text: &str, length: usize, form: &dyn Fn(&[u8]) -> String| {
        hidden.as_bytes().windows(length).any(|piece| text.contains(&form(piece)))
    };
    let plain = |piece: &[u8]| String::from_utf8_lossy(piece).into_owned();
    let numbers = |piece: &[u8]| piece.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");

    // `{:#?}` prints each element of a list on a line of its own.
    let one_line = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    let decoded = percent_decoded(printed);
    if holds(printed, 8, &plain) {
        Some("plain")
    } else if holds(&decoded, 8, &plain) || holds(&decoded.replace('+', " "), 8, &plain) {
        Some("percent-encoded")
    } else if holds(printed, 9, &|piece| STANDARD_NO_PAD.encode(piece)) {
        Some("base64")
    } else if holds(printed, 9, &|piece| URL_SAFE_NO_PAD.encode(piece)) {
        Some("base64url")
    } else if holds(&one_line, 8, &numbers) {
        Some("bytes")
    } else if holds(&one_line.to_lowercase(), 8, &|piece| hex("", piece)) {
        Some("hex")
    } else {
        None
    }
}

/// Two digits for each byte, each with `mark` before it.
pub(crate) fn hex(mark: &str, bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [mark.to_owned(), format!("{byte:02x}")]).collect()
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(encoded) if byte == b'%' => {
                decoded.push(encoded);
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[track_caller]
pub(crate) fn assert_silent(printed: &str, hidden: &str, what: &str) {
    thread_local! {
        // Most things print lengths at the most, and so the same over and over.
        static SILENT: RefCell<HashSet<(String, String)>> = RefCell::default();
    }
    let is_new = SILENT.with_borrow_mut(|silent| silent.insert((printed.to_owned(), hidden.to_owned())));
    if is_new {
        let form = leaks(printed, hidden);
        assert!(form.is_none(), "{what} shows {hidden:?} ({}): {printed}", form.unwrap_or_default());
    }
}

#[track_caller]
pub(crate) fn debug_hides(value: &impl Debug, hidden: &str, what: &str) {
    assert_silent(&format!("{value:?}"), hidden, what);
    assert_silent(&format!("{value:#?}"), hidden, what);
}

#[track_caller]
pub(crate) fn display_hides(value: &impl Display, hidden: &str, what: &str) {
    assert_silent(&format!("{value}"), hidden, what);
    assert_silent(&format!("{value:#}"), hidden, what);
}

/// The error, and all that caused it.
#[track_caller]
pub(crate) fn error_hides(error: &dyn StdError, hidden: &str, what: &str) {
    let mut next = Some(error);
    while let Some(error) = next {
        debug_hides(&error, hidden, what);
        display_hides(&error, hidden, what);
        next = error.source();
    }
}

/// A text in the form of a hash of bcrypt, with the letters and digits of `text` in it.
pub(crate) fn bcrypt(text: &str) -> String {
    let text = text.replace(|letter: char| !letter.is_ascii_alphanumeric(), ".");
    format!("$2b$10${text:.<53.53}")
}
