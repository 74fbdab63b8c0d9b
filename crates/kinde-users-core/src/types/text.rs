//! Text that borrows from a reply.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::types::masking::write_hidden;

/// A string of a reply. The text borrows from the body of the reply unless the string contains an
/// escape.
///
/// Use this type in your own models if you read large pages without copying them; see
/// [`Reply::parse_as`](crate::Reply::parse_as). Without `#[serde(borrow)]`, serde copies the text
/// of a `Cow<str>`. In an `Option<Cow<str>>`, serde copies the text even with this attribute.
///
/// ```
/// use kinde_users::Text;
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
/// `Debug` shows only the length, because the text may be personal.
#[derive(Clone)]
pub struct Text<'a>(Inner<'a>);

/// This is not a `Cow`, because a `Cow` takes more instructions to create and move: about 2 % for a
/// page of users.
#[derive(Clone)]
enum Inner<'a> {
    Borrowed(&'a str),
    Owned(Box<str>),
}

impl<'a> Text<'a> {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Inner::Borrowed(text) => text,
            Inner::Owned(text) => text,
        }
    }

    /// Returns whether the text borrows from the body of the reply.
    pub fn is_borrowed(&self) -> bool {
        matches!(self.0, Inner::Borrowed(_))
    }

    /// Returns the text, owned.
    #[inline]
    pub(crate) fn into_boxed_str(self) -> Box<str> {
        match self.0 {
            Inner::Borrowed(text) => text.into(),
            Inner::Owned(text) => text,
        }
    }

    /// Returns the text as a `Cow`, without copying.
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

// Borrowed and owned texts are equal.

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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn text_borrows_unless_it_has_an_escape() {
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
    fn text_is_read_only_from_strings() {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, StringDeserializer};

        let given: StringDeserializer<Error> = String::from("given").into_deserializer();
        assert_eq!(Text::deserialize(given).unwrap().as_str(), "given");
        let wrong = serde_json::from_str::<Text<'_>>("1").unwrap_err().to_string();
        assert!(wrong.contains("expected a string"), "{wrong}");
    }
}
