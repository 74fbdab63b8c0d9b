//! Compares what is sent with a recording.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mask::is_mask;

/// The text for which each mask stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(BTreeMap<String, String>);

impl Bindings {
    /// Returns the text for which a mask stands, or the mask itself.
    pub(super) fn text(&self, mask: &str) -> String {
        self.0.get(mask).map_or(mask, String::as_str).to_owned()
    }

    /// Returns whether a text is what the recording has. A mask that stands for nothing yet stands
    /// for this text from now on.
    fn accepts(&mut self, recorded: &str, given: &str) -> bool {
        if is_mask(recorded) {
            let bound = self.0.get(recorded).map(String::as_str);
            if let Some(text) = bound {
                return text == given;
            }
            // Each text has one mask.
            if self.0.values().any(|text| text == given) {
                return false;
            }
            self.0.insert(recorded.to_owned(), given.to_owned());
            return true;
        }
        // The arguments of a path may be masks.
        let is_path =
            recorded.starts_with('/') && recorded.matches('/').count() == given.matches('/').count();
        recorded == given
            || (is_path
                && recorded
                    .split('/')
                    .zip(given.split('/'))
                    .all(|(part, given)| part == given || (is_mask(part) && self.accepts(part, given))))
    }
}

/// Adds the places at which a value differs from the recording. No value is shown.
pub(super) fn differences(
    recorded: &Value,
    given: &Value,
    place: &str,
    bindings: &mut Bindings,
    found: &mut Vec<String>,
) {
    match (recorded, given) {
        (Value::String(recorded), Value::String(given)) if bindings.accepts(recorded, given) => {}
        (Value::Array(recorded), Value::Array(given)) => {
            for (at, (recorded, given)) in recorded.iter().zip(given).enumerate() {
                differences(recorded, given, &format!("{place}[{at}]"), bindings, found);
            }
            if recorded.len() != given.len() {
                found.push(format!("{place} has {} items instead of {}", given.len(), recorded.len()));
            }
        }
        (Value::Object(recorded), Value::Object(given)) => {
            let below =
                |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
            let names = recorded.keys().chain(given.keys().filter(|name| !recorded.contains_key(*name)));
            for name in names {
                match (recorded.get(name), given.get(name)) {
                    (Some(recorded), Some(given)) => {
                        differences(recorded, given, &below(name), bindings, found);
                    }
                    (Some(_), None) => found.push(format!("{} is missing", below(name))),
                    _ => found.push(format!("{} is not in the recording", below(name))),
                }
            }
        }
        (recorded, given) if recorded == given => {}
        _ => found.push(format!("{place} is different")),
    }
}
