//! The arguments of one call, read from path, query and body.

use serde_json::{Map, Value};

use crate::failure::{Failure, Problem};

pub(crate) struct Args<'r> {
    path: &'r [String],
    query: Vec<(String, String)>,
    body: &'r [u8],
}

impl<'r> Args<'r> {
    pub(crate) fn new(path: &'r [String], query: &str, body: &'r [u8]) -> Self {
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path, query, body }
    }

    /// The nth `{}` of the path.
    pub(crate) fn path(&self, nth: usize) -> &str {
        self.path.get(nth).map_or("", String::as_str)
    }

    /// The first query argument of that name.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The same, where an empty value is no value.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.query(name).filter(|value| !value.is_empty())
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str, problems: &mut Vec<Problem>) -> Option<bool> {
        let value = self.query(name)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            problems.push(Problem::invalid(name));
        }
        parsed
    }

    /// A body that must be there.
    pub(crate) fn body(&self) -> Result<Fields, Failure> {
        match serde_json::from_slice(self.body) {
            Ok(Value::Object(object)) => Ok(Fields { object, problems: Vec::new() }),
            Ok(_) | Err(_) => Err(Problem::new("BODY_INVALID", "The body is not a JSON object").into()),
        }
    }

    /// A body that may be left out.
    pub(crate) fn optional_body(&self) -> Result<Fields, Failure> {
        if self.body.is_empty() { Ok(Fields::default()) } else { self.body() }
    }
}

/// The fields of a JSON object, taken out one by one; what has a wrong type is noted. Unknown fields stay
/// unread, as the live service leaves them.
#[derive(Default)]
pub(crate) struct Fields {
    object: Map<String, Value>,
    pub(crate) problems: Vec<Problem>,
}

impl From<Map<String, Value>> for Fields {
    fn from(object: Map<String, Value>) -> Self {
        Self { object, problems: Vec::new() }
    }
}

impl Fields {
    fn take<T>(&mut self, key: &str, convert: impl FnOnce(Value) -> Option<T>) -> Given<T> {
        match self.object.remove(key) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => convert(value).map_or_else(
                || {
                    self.problems.push(Problem::invalid(key));
                    Given::Absent
                },
                Given::Value,
            ),
        }
    }

    pub(crate) fn text(&mut self, key: &str) -> Given<String> {
        self.take(key, |value| if let Value::String(text) = value { Some(text) } else { None })
    }

    pub(crate) fn flag(&mut self, key: &str) -> Given<bool> {
        self.take(key, |value| value.as_bool())
    }

    pub(crate) fn number(&mut self, key: &str) -> Given<u64> {
        self.take(key, |value| value.as_u64())
    }

    pub(crate) fn list(&mut self, key: &str) -> Given<Vec<Value>> {
        self.take(key, |value| if let Value::Array(items) = value { Some(items) } else { None })
    }

    pub(crate) fn object(&mut self, key: &str) -> Given<Self> {
        self.take(key, |value| if let Value::Object(object) = value { Some(object.into()) } else { None })
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required(&mut self, key: &str) -> String {
        let before = self.problems.len();
        let text = self.text(key).option().unwrap_or_default();
        if text.is_empty() && self.problems.len() == before {
            self.problems.push(Problem::required(key));
        }
        text
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.object.keys().cloned().collect()
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        Failure::unless_empty(self.problems)
    }
}

/// A field of a body has three states, and PATCH treats each differently.
pub(crate) enum Given<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    pub(crate) fn option(self) -> Option<T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// Absent leaves the slot alone, null clears it.
    pub(crate) fn patch(self, slot: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *slot = None,
            Self::Value(value) => *slot = Some(value),
        }
    }
}
