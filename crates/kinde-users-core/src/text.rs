//! Text that borrows, text that is personal, and text that may be shown.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::cmp::Ordering;
use core::fmt::{self, Write as _};
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::error::Problem;

/// A string of a reply that borrows from the reply's body wherever it can: where it holds no escape.
///
/// For models of your own that read a large page without copying it
/// ([`Reply::parse_as`](crate::Reply::parse_as)). Serde's own `Cow<str>` copies always, inside of an `Option`
/// even with `#[serde(borrow)]`.
///
/// ```
/// use kinde_users_core::Text;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Row<'a> {
///     #[serde(borrow)]
///     id: Text<'a>,
///     #[serde(borrow)]
///     email: Option<Text<'a>>,
/// }
///
/// let row: Row<'_> = serde_json::from_str(r#"{"id":"kp_1","email":"ada\u0040example.com"}"#)?;
/// assert!(row.id.is_borrowed());
/// assert_eq!(row.email.as_deref(), Some("ada@example.com"));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Its `Debug` form tells the length only, as it may be personal.
#[derive(Clone)]
pub struct Text<'a>(Inner<'a>);

/// No `Cow`: that one takes more instructions to make and to move, some 2 of 100 for a page of whole users.
#[derive(Clone)]
enum Inner<'a> {
    Borrowed(&'a str),
    Owned(Box<str>),
}

impl<'a> Text<'a> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Inner::Borrowed(text) => text,
            Inner::Owned(text) => text,
        }
    }

    /// Whether it points into the body of the reply.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.0, Inner::Borrowed(_))
    }

    /// The same as a `Cow`, which copies nothing.
    pub fn into_cow(self) -> Cow<'a, str> {
        match self.0 {
            Inner::Borrowed(text) => Cow::Borrowed(text),
            Inner::Owned(text) => Cow::Owned(text.into()),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

// Where the text lies makes no difference.

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self(Inner::Borrowed(""))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            #[inline]
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Inner::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Inner::Owned(text.into())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Inner::Owned(text.into())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hidden(f, "Text", self.len())
    }
}

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

/// What `Debug` shows of a text that must not be shown.
pub(crate) fn write_hidden(f: &mut fmt::Formatter<'_>, name: &str, bytes: usize) -> fmt::Result {
    write!(f, "{name}({bytes} bytes)")
}

/// What is wrong with an id or a secret, if anything. None has a control character or a blank at an end: a file, a
/// terminal or a form left it there, and the service would answer that it knows no such thing.
pub(crate) fn check_id(text: &str) -> Result<(), Problem> {
    const INVISIBLE: [char; 6] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{2060}', '\u{feff}'];
    let is_blank = |character: char| character.is_whitespace() || INVISIBLE.contains(&character);
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::ControlCharacter);
    }
    if text.starts_with(is_blank) || text.ends_with(is_blank) {
        return Err(Problem::OuterBlank);
    }
    Ok(())
}

/// Whether a text that should be an id may be an e-mail address or a phone number: unless it has the form of one of Kinde's
/// ids, it does if it holds an `@`, a `%` or six digits.
pub(crate) fn looks_like_an_address(text: &str) -> bool {
    const PREFIXES: [&str; 10] =
        ["kp_", "kp:", "identity_", "mfa_", "conn_", "org_", "prop_", "session_", "customer_", "agreement_"];
    let has_form_of_id = PREFIXES.iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    });
    !has_form_of_id && (text.contains(['@', '%']) || count_digits(text) > Shown::MOST_DIGITS)
}

fn count_digits(text: &str) -> usize {
    text.chars().filter(|character| character.is_numeric()).count()
}

/// A text of the server's that goes into a log line: on one line, at most 200 characters, and without the words
/// that may be personal or secret.
///
/// A server's message may quote what it was sent. A word is masked that holds an `@` (or `%40`) or is longer than 32
/// characters (ids, tokens, hashes), and so are neighbouring words that hold six digits together (phone numbers, most ids).
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Shown<'_> {
    const MOST: usize = 200;
    const LONGEST_WORD: usize = 32;
    const MOST_DIGITS: usize = 5;
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self
            .0
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .peekable();
        let mut room = Self::MOST;
        // The digits of this word and of those with digits before it.
        let mut digits = 0;
        while let Some(word) = words.next() {
            let in_word = count_digits(word);
            digits = if in_word == 0 { 0 } else { digits + in_word };
            // No further than it takes to tell: each of them has a digit.
            let neighbours = words.clone().map(count_digits).take_while(|digits| *digits > 0 && in_word > 0);
            let after: usize = neighbours.take(Self::MOST_DIGITS).sum();
            let hide = word.contains('@')
                || word.contains("%40")
                || word.chars().count() > Self::LONGEST_WORD
                || digits + after > Self::MOST_DIGITS;
            let word = if hide { "[…]" } else { word };
            let Some(left) = room.checked_sub(word.chars().count() + 1) else {
                return f.write_char('…');
            };
            room = left;
            f.write_str(word)?;
            if words.peek().is_some() {
                f.write_char(' ')?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn shown(text: &str) -> String {
        Shown(text).to_string()
    }

    #[test]
    fn a_plain_message_is_shown_as_it_is() {
        assert_eq!(shown("User invalid"), "User invalid");
        assert_eq!(shown("at most 500 of 12345"), "at most 500 of 12345");
    }

    #[test]
    fn words_that_may_be_personal_are_masked() {
        assert_eq!(shown("Email sally@example.com is taken"), "Email […] is taken");
        assert_eq!(shown("sally%40example.com"), "[…]");
        assert_eq!(shown("phone +61412345678 is taken"), "phone […] is taken");
        assert_eq!(shown("phone +61 412 345 678 is taken"), "phone […] […] […] […] is taken");
        assert_eq!(shown("no user kp_c3143a4b50ad43c88e541d9077681782"), "no user […]");
        assert_eq!(shown(&format!("a {} b", "x".repeat(33))), "a […] b");
        assert_eq!(shown(&"x".repeat(32)), "x".repeat(32));
    }

    #[test]
    fn it_is_one_line_of_bounded_length() {
        assert_eq!(shown("a\nb\r\n\tc\u{0}d\u{1b}[31m"), "a b c d [31m");
        let long = shown(&"word ".repeat(1000));
        assert!(long.chars().count() <= 202, "{}", long.chars().count());
        assert!(long.ends_with(" …"));
        assert_eq!(shown(""), "");
    }

    #[test]
    fn text_borrows_unless_the_string_holds_an_escape() {
        let plain: Text<'_> = serde_json::from_str("\"plain\"").unwrap();
        assert!(plain.is_borrowed());
        let escaped: Text<'_> = serde_json::from_str(r#""a\nb""#).unwrap();
        assert!(!escaped.is_borrowed());
        assert_eq!(&*escaped, "a\nb");
        assert_eq!(format!("{plain:?}"), "Text(5 bytes)");
        assert_eq!(serde_json::to_string(&escaped).unwrap(), r#""a\nb""#);
    }

    #[test]
    fn where_a_text_lies_makes_no_difference() {
        let hash = |text: &Text<'_>| {
            let mut hasher = std::hash::DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let borrowed: Text<'_> = serde_json::from_str("\"a@b\"").unwrap();
        let owned: Text<'_> = serde_json::from_str(r#""a\u0040b""#).unwrap();
        assert!(borrowed.is_borrowed() && !owned.is_borrowed());
        assert_eq!(borrowed, owned);
        assert_eq!(borrowed.cmp(&owned), Ordering::Equal);
        assert_eq!(hash(&borrowed), hash(&owned));
        assert_ne!(borrowed, Text::default());
        assert_ne!(hash(&borrowed), hash(&Text::default()));
        assert!(Text::default() < owned);
        assert_eq!((borrowed.into_cow(), owned.into_cow()), ("a@b".into(), "a@b".into()));
    }

    #[test]
    fn a_text_is_made_of_strings_alone_and_of_those_that_are_given_away() {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StringDeserializer};

        let given: StringDeserializer<Error> = String::from("given").into_deserializer();
        assert_eq!(Text::deserialize(given).unwrap().as_str(), "given");
        let wrong = serde_json::from_str::<Text<'_>>("1").unwrap_err().to_string();
        assert!(wrong.contains("expected a string"), "{wrong}");
    }

    #[test]
    fn an_address_is_told_from_an_id() {
        for address in
            ["ada@example.com", "ada%40example.com", "+61 400 000", "kp_ada@example.com", "kp_1%40"]
        {
            assert!(looks_like_an_address(address), "{address}");
        }
        for id in ["kp_123456", "kp:c314_3a4b", "org_1ccfb819462", "12345", "ada", "kp_1-2"] {
            assert!(!looks_like_an_address(id), "{id}");
        }
    }

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
