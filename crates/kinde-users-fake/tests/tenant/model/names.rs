//! Maps the names that the model gives to ids and tokens to the values of the tenant.

use std::collections::BTreeMap;

use serde_json::Value;

/// The tenant's values for the names of the model.
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

    /// Returns the tenant's value for a name, or for each name of a list. Other texts stay as they
    /// are.
    pub(super) fn real(&self, text: &str) -> String {
        let real = |name| self.real.get(name).map_or(name, String::as_str);
        text.split(',').map(real).collect::<Vec<_>>().join(",")
    }

    /// Compares the tenant's text with the model's. If the text can be the value of a new name, it
    /// is from now on.
    pub(super) fn match_text(&mut self, expected: &str, actual: &str) -> Result<(), String> {
        let Some((prefix, _)) = expected.split_once('<').filter(|_| expected.ends_with('>')) else {
            return if expected == actual { Ok(()) } else { Err(format!("{actual:?} for {expected:?}")) };
        };
        match (self.real.get(expected), self.name.get(actual)) {
            (Some(real), _) if real == actual => Ok(()),
            // A page token may have other forms for the same position.
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

    /// Does the same for an id, and replaces the name by the tenant's value.
    pub(super) fn match_id<Id: AsRef<str> + Clone>(
        &mut self,
        name: &mut Id,
        real: &Id,
    ) -> Result<(), String> {
        self.match_text(name.as_ref(), real.as_ref())?;
        name.clone_from(real);
        Ok(())
    }

    pub(super) fn match_json(&mut self, expected: &Value, actual: &Value) -> Result<(), String> {
        match (expected, actual) {
            (Value::String(expected), Value::String(actual)) => self.match_text(expected, actual),
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
                .iter()
                .zip(actual)
                .try_for_each(|(expected, actual)| self.match_json(expected, actual)),
            // Objects are compared by key, because their order depends on a feature of serde_json
            // that other crates may enable.
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

/// Returns whether the text has the form of a generated value with this prefix.
fn is_like(prefix: &str, text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match prefix {
        "access" => text.split('.').count() == 3,
        "token" => text.len() % 4 == 0,
        // No public source says more about these.
        "customer_" | "agreement_" => text.starts_with(prefix),
        _ => text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && is_hex(rest)),
    }
}
