//! A recording and its file.

use core::fmt;
use core::str::FromStr;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

use super::compare::{Bindings, differences};

/// Requests and their answers, in the order of the requests; see the [module](super).
///
/// `Display` writes the text of the file, and `FromStr` reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    pub(super) exchanges: Vec<Exchange>,
}

/// A request and its answer. The answer is `null` if the call was dropped before it came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchange {
    /// The operation, or the method if there is none.
    pub(super) name: String,
    pub(super) request: Value,
    pub(super) response: Value,
}

impl Exchange {
    pub(super) fn new(request: Value, response: Value) -> Self {
        Self { name: name(&request), request, response }
    }
}

/// Returns the operation of a request, or its method.
pub(super) fn name(request: &Value) -> String {
    let text = |field| request.get(field).and_then(Value::as_str);
    text("operation").or(text("method")).unwrap_or_default().to_owned()
}

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is not a recording.
    pub fn load(path: impl AsRef<Path>) -> io::Result<Self> {
        std::fs::read_to_string(path)?
            .parse()
            .map_err(|error: RecordingError| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Writes the recording to a file. An existing file of that name is replaced.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.to_string())
    }

    /// Returns the differences between this recording and another recording of the same calls, such
    /// as a recording of the in-memory tenant. An empty list means that the service behaved in the
    /// same way.
    ///
    /// Each text gives the number of an exchange, from 1, and the place of a difference. It shows
    /// no value.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut bindings = Bindings::default();
        let mut all = Vec::new();
        for (number, (recorded, given)) in (1..).zip(self.exchanges.iter().zip(&other.exchanges)) {
            let mut found = Vec::new();
            differences(&recorded.request, &given.request, "request", &mut bindings, &mut found);
            differences(&recorded.response, &given.response, "response", &mut bindings, &mut found);
            let name = &recorded.name;
            all.extend(found.into_iter().map(|difference| format!("{number} ({name}): {difference}")));
        }
        let (recorded, given) = (self.exchanges.len(), other.exchanges.len());
        if recorded != given {
            all.push(format!("there are {given} exchanges instead of {recorded}"));
        }
        all
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchanges = self.exchanges.iter().map(|exchange| {
            let members = [("request", &exchange.request), ("response", &exchange.response)];
            Value::Object(members.map(|(name, value)| (name.to_owned(), value.clone())).into_iter().collect())
        });
        let mut all = Value::Array(exchanges.collect());
        all.sort_all_objects();
        writeln!(f, "{all:#}")
    }
}

impl FromStr for Recording {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        let read = |mut members: Map<String, Value>| {
            let request = members.remove("request").filter(Value::is_object)?;
            let response = members.remove("response")?;
            let status = response.get("status").map_or(Some(200), Value::as_u64)?;
            (100..1000).contains(&status).then_some(Exchange::new(request, response))
        };
        let exchanges: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|_| RecordingError)?;
        let exchanges: Option<_> = exchanges.into_iter().map(read).collect();
        Ok(Self { exchanges: exchanges.ok_or(RecordingError)? })
    }
}

/// The error of a text that is not a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingError;

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not a recording: expected a JSON array of objects with a request and a response")
    }
}

impl core::error::Error for RecordingError {}
