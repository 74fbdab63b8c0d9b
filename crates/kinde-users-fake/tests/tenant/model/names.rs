//! The model names what it cannot know, as ids and tokens. Here is learnt what the tenant calls it.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the model's names are in the tenant.
#[derive(Default)]
pub(super) struct Names {
    real: BTreeMap<String, String>,
    name: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn learn(&mut self, name: &str, real: &str) {
        self.real.insert(name.to_owned(), real.to_owned());
        self.name.insert(real.to_owned(), name.to_owned());
    }

    /// A name or a list of names as the tenant knows them; other texts as they are.
    pub(super) fn real(&self, text: &str) -> String {
        let real = |name| self.real.get(name).map_or(name, String::as_str);
        text.split(',').map(real).collect::<Vec<_>>().join(",")
    }

    /// Whether the tenant's text is the model's, or could be what a name stands for, and then is from now on.
    pub(super) fn match_text(&mut self, expected: &str, actual: &str) -> Result<(), String> {
        let Some((prefix, _)) = expected.split_once('<').filter(|_| expected.ends_with('>')) else {
            return if expected == actual { Ok(()) } else { Err(format!("{actual:?} for {expected:?}")) };
        };
        match (self.real.get(expected), self.name.get(actual)) {
            (Some(real), _) if real == actual => Ok(()),
            // A page token may have other forms for the same place.
            (Some(_), None) if prefix == "token" => {
                self.learn(expected, actual);
                Ok(())
            }
            (Some(real), _) => Err(format!("{actual:?} for {real:?}")),
            (None, Some(other)) => Err(format!("{actual:?} for {expected}, which is {other} already")),
            (None, None) if is_like(prefix, actual) => {
                self.learn(expected, actual);
                Ok(())
            }
            (None, None) => Err(format!("{actual:?} for a new {prefix}…")),
        }
    }

    pub(super) fn match_json(&mut self, expected: &Value, actual: &Value) -> Result<(), String> {
        match (expected, actual) {
            (Value::String(expected), Value::String(actual)) => self.match_text(expected, actual),
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
                .iter()
                .zip(actual)
                .try_for_each(|(expected, actual)| self.match_json(expected, actual)),
            // By key: in which order they come, depends on a feature of serde_json that other crates may ask for.
            (Value::Object(expected), Value::Object(actual)) if expected.len() == actual.len() => {
                expected.iter().try_for_each(|(key, expected)| {
                    let actual = actual.get(key).ok_or_else(|| format!("no {key}"))?;
                    self.match_json(expected, actual).map_err(|error| format!("{key}: {error}"))
                })
            }
            _ if expected == actual => Ok(()),
            _ => Err(format!("{actual} for {expected}")),
        }
    }
}

/// Whether it has the form of what is made up with that prefix.
fn is_like(prefix: &str, text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match prefix {
        "access" => text.split('.').count() == 3,
        "token" => text.len() % 4 == 0,
        // Nothing public tells more about them.
        "customer_" | "agreement_" => text.starts_with(prefix),
        _ => text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && is_hex(rest)),
    }
}
