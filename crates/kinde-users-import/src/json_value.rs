//! JSON values that borrow from the text that they were read from.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value as Json};

use crate::error::{ImportError, ImportProblem};
use crate::shown::shown;

/// A value of a file. All values of CSV are texts.
#[derive(Clone, PartialEq)]
pub(crate) enum Node<'a> {
    Null,
    Bool(bool),
    Whole(Number),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Object<'a>),
}

pub(crate) type Object<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// A decimal number with at most this many digits does not change when it is read.
const DIGITS: usize = 15;

impl<'a> Node<'a> {
    /// Parses a text that is one JSON value.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or an object has a duplicate key.
    pub(crate) fn parse(json: &'a str) -> Result<Self, ImportError> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let read = Self::deserialize(&mut deserializer);
        let node = read.and_then(|node| deserializer.end().map(|()| node)).map_err(|error| {
            // The message shows nothing of the text. The caller knows the line of the file.
            let problem = format!("{error}").replace(" at line 1 column ", " at column ");
            ImportError::line().because(format!("is not JSON: {problem}"))
        })?;
        match node.twice() {
            Some(path) => Err(ImportError::new(path, ImportProblem::Twice)),
            None => Ok(node),
        }
    }

    /// Returns the path of the first duplicate key.
    fn twice(&self) -> Option<String> {
        // Joins the path of this value and the path within it.
        let join = |path: String, inner: String| {
            let point = if inner.starts_with('[') { "" } else { "." };
            path + point + &inner
        };
        match self {
            Self::List(items) => {
                let mut items = items.iter().enumerate();
                items.find_map(|(at, item)| item.twice().map(|inner| join(format!("[{at}]"), inner)))
            }
            Self::Object(members) => {
                if let Some(name) = doubled(members) {
                    return Some(shown(name).into_owned());
                }
                members.iter().find_map(|(name, value)| {
                    value.twice().map(|inner| join(shown(name).into_owned(), inner))
                })
            }
            _ => None,
        }
    }

    /// Returns whether it holds a value: `null`, blank text, an empty list and an empty object do
    /// not.
    pub(crate) fn is_value(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Text(text) => !text.trim().is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Object(members) => !members.is_empty(),
            Self::Bool(_) | Self::Whole(_) | Self::Float(_) => true,
        }
    }

    /// Returns the trimmed text, or a whole number as text.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text.trim())),
            Self::Whole(number) => Some(Cow::Owned(format!("{number}"))),
            _ => None,
        }
    }

    /// Returns the text with its blanks.
    pub(crate) fn raw_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn items(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(crate) fn members(&self) -> Option<&Object<'a>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// Returns the member of an object, if it has a value.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let member = self.members()?.iter().find(|(known, _)| known == name);
        member.map(|(_, value)| value).filter(|value| value.is_value())
    }

    /// Returns the text of a member.
    pub(crate) fn text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name)?.text()
    }

    /// Returns the value as a flag, in the spellings of databases and spreadsheets.
    pub(crate) fn flag(&self) -> Option<bool> {
        const YES: [&str; 8] = ["true", "t", "yes", "y", "1", "wahr", "vrai", "verdadero"];
        const NO: [&str; 8] = ["false", "f", "no", "n", "0", "falsch", "faux", "falso"];
        match self {
            Self::Bool(flag) => Some(*flag),
            Self::Whole(number) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Self::Text(text) => {
                let is_among =
                    |words: [&str; 8]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
                if is_among(YES) { Some(true) } else { is_among(NO).then_some(false) }
            }
            _ => None,
        }
    }

    /// Returns the value as JSON, or `None` if a number would change when it is sent.
    pub(crate) fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::from(*flag),
            Self::Whole(number) => Json::Number(number.clone()),
            Self::Float(number) => Json::from(is_exact(*number).then_some(*number)?),
            Self::Text(text) => Json::from(text.as_ref()),
            Self::List(items) => items.iter().map(Self::to_json).collect::<Option<Vec<_>>>()?.into(),
            Self::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(name, value)| Some((name.clone().into_owned(), value.to_json()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}

/// Returns the path of a member of the object at `path`.
pub(crate) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Returns the first name that an earlier member has, too.
fn doubled<'n>(members: &'n Object<'_>) -> Option<&'n str> {
    if members.len() > 64 {
        let mut names: Vec<(&str, usize)> = members.iter().map(|(name, _)| name.as_ref()).zip(0..).collect();
        names.sort_unstable();
        let pairs = names.iter().zip(names.iter().skip(1));
        let again = pairs.filter(|((one, _), (next, _))| one == next).map(|(_, again)| again);
        return again.min_by_key(|(_, at)| *at).map(|(name, _)| *name);
    }
    // Few names have the same mark, so that few have to be compared.
    let mut marks = 0_u64;
    members.iter().enumerate().find_map(|(at, (name, _))| {
        let mark = 1 << (FixedState::default().hash_one(name.as_ref()) % 64);
        let may_be_known = marks & mark != 0;
        marks |= mark;
        let is_known = may_be_known && members.iter().take(at).any(|(known, _)| known == name);
        is_known.then_some(name.as_ref())
    })
}

fn is_exact(number: f64) -> bool {
    let text = format!("{number:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // A number beyond this range would be written with an exponent.
    digits <= DIGITS && (-1e15..=1e15).contains(&number)
}

impl<'de: 'a, 'a> Deserialize<'de> for Node<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNode;

        impl<'de> Visitor<'de> for AnyNode {
            type Value = Node<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Node<'de>, E> {
                Ok(Node::Bool(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'de>, E> {
                Ok(Node::Whole(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'de>, E> {
                Ok(Node::Whole(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'de>, E> {
                Ok(Node::Float(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Node<'de>, E> {
                Ok(Node::Text(Cow::Owned(value.to_owned())))
            }

            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Node<'de>, E> {
                Ok(Node::Text(Cow::Borrowed(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node<'de>, A::Error> {
                // Most users have at most twice as many, for which room is made once more.
                let mut members = Vec::with_capacity(10);
                while let Some((name, value)) = object.next_entry::<Key<'de>, Node<'de>>()? {
                    members.push((name.0, value));
                }
                Ok(Node::Object(members))
            }
        }

        deserializer.deserialize_any(AnyNode)
    }
}

/// A key. It is borrowed if it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }

            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(value)))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    #[test]
    fn first_name_that_comes_twice_is_told_with_its_path() {
        let error = |json: &str| Node::parse(json).err().map(|error| error.to_string());
        for (json, path) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"b":1,"a":2,"b":3,"a":4}"#, "b"),
            (r#"{"a":{"b":1,"b":2}}"#, "a.b"),
            (r#"{"a":[{"b":1},{"b":1,"b":2}]}"#, "a[1].b"),
            (r#"[[],[{"a":1,"a":2}]]"#, "[1][0].a"),
        ] {
            assert_eq!(error(json), Some(format!("{path} is duplicated")), "{json}");
        }
        for count in [1, 60, 100, 1000] {
            let members = (0..count).map(|at| format!(r#""m{at}":1,"#)).collect::<Vec<_>>().concat();
            assert_eq!(error(&format!(r#"{{{members}"b":1,"a":1}}"#)), None, "{count}");
            let twice = format!(r#"{{"z":1,{members}"b":1,"a":1,"b":1,"z":1,"a":1}}"#);
            assert_eq!(error(&twice), Some("b is duplicated".to_owned()), "{count}");
        }
    }

    #[test]
    fn object_may_have_many_members() {
        let members = (0..100_000).map(|at| format!(r#""m{at}":1,"#)).collect::<Vec<_>>().concat();
        assert!(Node::parse(&format!(r#"{{{members}"b":1}}"#)).is_ok());
    }

    #[test]
    fn flag_has_the_spellings_of_databases_and_spreadsheets() {
        for (json, flag) in [
            ("true", Some(true)),
            ("false", Some(false)),
            ("1", Some(true)),
            ("0", Some(false)),
            ("2", None),
            ("-1", None),
            ("1.0", None),
            ("null", None),
            (r#"" Yes ""#, Some(true)),
            (r#""FALSCH""#, Some(false)),
            (r#""perhaps""#, None),
        ] {
            assert_eq!(Node::parse(json).unwrap().flag(), flag, "{json}");
        }
    }
}
