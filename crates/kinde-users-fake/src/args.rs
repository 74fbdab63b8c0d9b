//! The arguments of one call, read from the path, the query and the body.

use serde_json::{Map, Value};

use crate::choice::Null;
use crate::failure::{Failure, Problem, Problems};

/// The arguments that an operation accepts besides its path. A strict tenant refuses all others.
pub(crate) struct Takes {
    pub(crate) query: &'static [&'static str],
    pub(crate) body: bool,
}

pub(crate) struct Args<'r> {
    path: &'r [String],
    query: Vec<(String, String)>,
    body: &'r [u8],
    strict: bool,
}

impl<'r> Args<'r> {
    pub(crate) fn new(path: &'r [String], query: &str, body: &'r [u8], strict: bool) -> Self {
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path, query, body, strict }
    }

    /// In a strict tenant, refuses arguments that the operation does not accept. The keys of the
    /// body are checked when it is read.
    pub(crate) fn check(&self, takes: &Takes) -> Result<(), Failure> {
        if !self.strict {
            return Ok(());
        }
        let unknown = self.query.iter().filter(|(name, _)| !takes.query.contains(&name.as_str()));
        let mut problems = Problems::default();
        problems.extend(unknown.map(|(name, _)| Problem::unknown(name)));
        if !takes.body && !self.body.is_empty() {
            problems.push(Problem::not_allowed("body"));
        }
        problems.finish()
    }

    /// Returns the nth `{}` of the path.
    pub(crate) fn path(&self, nth: usize) -> &str {
        self.path.get(nth).map_or("", String::as_str)
    }

    /// Returns the first query argument with this name.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the first query argument with this name, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.query(name).filter(|value| !value.is_empty())
    }

    /// Reads a query argument that is `true` or `false`.
    pub(crate) fn flag(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.query(name)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            problems.push(Problem::invalid(name));
        }
        parsed
    }

    /// Reads a required body.
    pub(crate) fn body(&self) -> Result<Fields, Failure> {
        let mut fields = Fields::parse(self.body).ok_or_else(|| Failure::from(Problem::invalid("body")))?;
        fields.strict = self.strict;
        Ok(fields)
    }

    /// Reads an optional body.
    pub(crate) fn optional_body(&self) -> Result<Fields, Failure> {
        if self.body.is_empty() { Ok(Fields::default()) } else { self.body() }
    }
}

/// The fields of a JSON object, which are taken out one by one. Wrong types are recorded as
/// problems. Unknown fields are ignored, as in the live service; only a strict tenant records them
/// too.
#[derive(Default)]
pub(crate) struct Fields {
    object: Map<String, Value>,
    pub(crate) problems: Problems,
    /// What null means for the fields that are taken from now on.
    pub(crate) null: Null,
    strict: bool,
}

impl Fields {
    /// Returns `None` if the bytes are not a JSON object.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        Some(Self { object: serde_json::from_slice(json).ok()?, ..Self::default() })
    }

    /// Creates the fields of an object, all of which must be known.
    pub(crate) fn strict(object: Map<String, Value>) -> Self {
        Self { object, strict: true, ..Self::default() }
    }

    /// Creates the fields of an object inside this one.
    fn within(&self, object: Map<String, Value>) -> Self {
        Self { object, problems: Problems::default(), null: self.null, strict: self.strict }
    }

    /// Adds the problems of an object inside this one, after all of its fields were taken. `key`
    /// says where it is.
    pub(crate) fn absorb(&mut self, key: &str, inner: Self) {
        let mut problems = inner.into_problems();
        problems.place(key);
        self.problems.append(problems);
    }

    fn note_unknown(&mut self) {
        if self.strict {
            self.problems.extend(self.object.keys().map(|key| Problem::unknown(key)));
        }
    }

    /// Ignores a known field.
    pub(crate) fn skip(&mut self, key: &str) {
        self.object.remove(key);
    }

    /// Adds the fields of `other`.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.object.append(&mut other.object);
        self.problems.append(other.problems);
    }

    pub(crate) fn take<T>(&mut self, key: &str, convert: impl FnOnce(Value) -> Option<T>) -> Given<T> {
        match self.object.remove(key) {
            None => Given::Absent,
            Some(Value::Null) => match self.null {
                Null::Clears => Given::Null,
                Null::Ignored => Given::Absent,
                Null::Refused => {
                    self.problems.push(Problem::invalid(key));
                    Given::Absent
                }
            },
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

    fn list(&mut self, key: &str) -> Given<Vec<Value>> {
        self.take(key, |value| if let Value::Array(items) = value { Some(items) } else { None })
    }

    /// Calls `read` for each object of a list and returns the results.
    pub(crate) fn each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut all = Vec::new();
        for (n, item) in self.list(key).option().unwrap_or_default().into_iter().enumerate() {
            let Value::Object(object) = item else {
                self.problems.push(Problem::invalid(key));
                continue;
            };
            let mut inner = self.within(object);
            all.push(read(&mut inner));
            self.absorb(&format!("{key}[{n}]"), inner);
        }
        all
    }

    pub(crate) fn object(&mut self, key: &str) -> Given<Self> {
        let object =
            self.take(key, |value| if let Value::Object(object) = value { Some(object) } else { None });
        match object {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(object) => Given::Value(self.within(object)),
        }
    }

    /// Takes a required text that is not empty.
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
        self.into_problems().finish()
    }

    /// Returns all problems, after all fields were taken.
    pub(crate) fn into_problems(mut self) -> Problems {
        self.note_unknown();
        self.problems
    }
}

/// The three states of a field of a body, which PATCH treats differently.
pub(crate) enum Given<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    pub(crate) fn option(self) -> Option<T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    /// Leaves the slot alone if the field is absent, and clears it if the field is null.
    pub(crate) fn patch(self, slot: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *slot = None,
            Self::Value(value) => *slot = Some(value),
        }
    }
}
