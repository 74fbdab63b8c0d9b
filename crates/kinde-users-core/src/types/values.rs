//! Values that operations take.

use alloc::string::{String, ToString};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::redacted::Redacted;

/// What a PATCH does with a field.
///
/// The service decides what `null` does. For a name of a user, `null` has no effect: once
/// `given_name` or `family_name` is set, the name can be replaced but not removed. The source of
/// this is Kinde's own Terraform provider. For other fields, Kinde does not publish what `null`
/// does. If it matters, read the value back.
///
/// ```
/// use kinde_users::Patch;
///
/// // A column of a database is optional. If it has no value, the field is cleared.
/// let column: Option<&str> = None;
/// assert_eq!(Patch::set_or_clear(column), Patch::<String>::Clear);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Patch<T> {
    /// Does not change the field: the request does not contain it.
    #[default]
    Leave,
    /// Asks to clear the field: the request contains `null`. A name of a user does not change.
    Clear,
    /// Sets the field.
    Set(T),
}

impl<T> Patch<T> {
    /// Sets the field if there is a value. Otherwise, [clears](Self::Clear) the field.
    pub fn set_or_clear<U: Into<T>>(value: Option<U>) -> Self {
        value.map_or(Self::Clear, |value| Self::Set(value.into()))
    }

    /// Sets the field if there is a value. Otherwise, does not change the field.
    pub fn set_or_leave<U: Into<T>>(value: Option<U>) -> Self {
        value.map_or(Self::Leave, |value| Self::Set(value.into()))
    }

    /// For `#[serde(skip_serializing_if)]`.
    pub(crate) fn is_leave(&self) -> bool {
        matches!(self, Self::Leave)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leave | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

impl From<&str> for Patch<Redacted> {
    fn from(value: &str) -> Self {
        Self::Set(value.into())
    }
}

impl From<String> for Patch<Redacted> {
    fn from(value: String) -> Self {
        Self::Set(value.into())
    }
}

impl From<Redacted> for Patch<Redacted> {
    fn from(value: Redacted) -> Self {
        Self::Set(value)
    }
}

impl From<bool> for Patch<bool> {
    fn from(value: bool) -> Self {
        Self::Set(value)
    }
}

/// The value of a property or a feature flag. On the wire, every value is text. For instance, the
/// value of a flag that is on is `true`.
///
/// ```
/// use kinde_users::Value;
///
/// assert_eq!(Value::from(true).as_str(), "true");
/// assert_eq!(Value::from(42).as_str(), "42");
/// assert_eq!(Value::from("Construction").as_str(), "Construction");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value(Redacted);

impl Value {
    /// Returns the text on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value of a flag that is on or off. Returns `None` if the text is not `true` or
    /// `false`.
    pub fn as_bool(&self) -> Option<bool> {
        self.as_str().parse().ok()
    }

    /// Returns the value as a whole number. Returns `None` if the text is not a whole number that
    /// fits an `i64`.
    pub fn as_integer(&self) -> Option<i64> {
        self.as_str().parse().ok()
    }
}

/// Reads a value from JSON. A string becomes the value as it is. `true`, `false` and numbers become
/// their text. An object or a list, which a flag of type JSON has, becomes its JSON text. `null` is
/// an error.
///
/// ```
/// use kinde_users::Value;
///
/// let values: Vec<Value> = serde_json::from_str(r#"["Construction", true, 42, 0.5, {"theme": "dark"}]"#)?;
/// let texts: Vec<&str> = values.iter().map(Value::as_str).collect();
/// assert_eq!(texts, ["Construction", "true", "42", "0.5", r#"{"theme":"dark"}"#]);
/// assert_eq!((values[1].as_bool(), values[2].as_integer()), (Some(true), Some(42)));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(text.into()),
            serde_json::Value::Null => Err(D::Error::custom("null is no value")),
            other => Ok(other.to_string().into()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self(value.into())
    }
}

impl From<Redacted> for Value {
    fn from(value: Redacted) -> Self {
        Self(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self(if value { "true" } else { "false" }.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self(value.to_string().into())
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        i64::from(value).into()
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        i64::from(value).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_becomes_a_patch() {
        let (ada, none) = (Some("Ada"), None::<&str>);
        let set = Patch::Set(Redacted::from("Ada"));
        assert_eq!([Patch::set_or_clear(ada), Patch::set_or_clear(none)], [set.clone(), Patch::Clear]);
        assert_eq!([Patch::set_or_leave(ada), Patch::set_or_leave(none)], [set.clone(), Patch::Leave]);
        for patch in ["Ada".into(), String::from("Ada").into(), Redacted::from("Ada").into()] {
            assert_eq!(set, patch);
        }
        assert_eq!([Patch::from(true), Patch::from(false)], [Patch::Set(true), Patch::Set(false)]);
    }

    #[test]
    fn value_of_any_type_becomes_its_text() {
        let gold = String::from("gold");
        for (value, text) in [
            (Value::from(&gold), "gold"),
            (gold.clone().into(), "gold"),
            (Redacted::from("gold").into(), "gold"),
            (true.into(), "true"),
            (false.into(), "false"),
            (7_u32.into(), "7"),
            ((-7_i32).into(), "-7"),
            (i64::MIN.into(), "-9223372036854775808"),
        ] {
            assert_eq!(value.as_str(), text);
        }
    }

    #[test]
    fn text_is_read_as_the_type_that_it_has() {
        for (text, flag, number) in [
            ("true", Some(true), None),
            ("false", Some(false), None),
            ("True", None, None),
            ("1", None, Some(1)),
            ("-9223372036854775808", None, Some(i64::MIN)),
            ("9223372036854775808", None, None),
            ("0.5", None, None),
            ("", None, None),
        ] {
            let value = Value::from(text);
            assert_eq!((value.as_bool(), value.as_integer()), (flag, number), "{text}");
        }
    }

    #[test]
    fn json_value_is_read_unless_it_is_null() {
        for (json, text) in [(r#""gold""#, "gold"), ("true", "true"), ("0.5", "0.5"), ("[1]", "[1]")] {
            assert_eq!(serde_json::from_str::<Value>(json).unwrap().as_str(), text);
        }
        assert!(serde_json::from_str::<Value>("null").is_err());
    }
}
