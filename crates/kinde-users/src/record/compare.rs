//! Compares what is sent with a recording.

use core::fmt;
use std::collections::HashMap;

use serde_json::Value;

use super::mask::{Mask, is_mask};

/// The text for which each mask stands. A mask of a reply that the program has not named yet
/// stands for itself.
#[derive(Default)]
pub(super) struct Bindings {
    texts: HashMap<String, String>,
    masks: HashMap<String, String>,
    /// What each mask that was bound since the last [`keep`](Self::keep) stood for before.
    undo: Vec<(String, Option<String>)>,
}

impl fmt::Debug for Bindings {
    /// Writes the number of masks only, as the texts are personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bindings({} masks)", self.texts.len())
    }
}

impl Bindings {
    /// Returns the text for which a text of a reply stands.
    pub(super) fn text(&mut self, recorded: &str) -> String {
        if is_mask(recorded) && !self.texts.contains_key(recorded) {
            self.bind(recorded, recorded);
        }
        self.texts.get(recorded).map_or(recorded, String::as_str).to_owned()
    }

    /// Makes the last bindings permanent.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Removes the bindings since the last [`keep`](Self::keep).
    pub(super) fn undo(&mut self) {
        while let Some((mask, before)) = self.undo.pop() {
            if let Some(text) = self.texts.remove(&mask) {
                self.masks.remove(&text);
            }
            if let Some(text) = before {
                self.masks.insert(text.clone(), mask.clone());
                self.texts.insert(mask, text);
            }
        }
    }

    fn bind(&mut self, mask: &str, text: &str) {
        let before = self.texts.insert(mask.to_owned(), text.to_owned());
        if let Some(before) = &before {
            self.masks.remove(before);
        }
        self.masks.insert(text.to_owned(), mask.to_owned());
        self.undo.push((mask.to_owned(), before));
    }

    /// Returns whether a masked text is what the recording has. A text without a mask gets the mask
    /// of the recording, if this mask stands for nothing or for itself.
    fn accepts(&mut self, recorded: &str, given: &str) -> bool {
        if is_mask(recorded) {
            let is_free = self.texts.get(recorded).is_none_or(|text| text == recorded);
            return match self.masks.get(given) {
                // Seen before in the same request.
                Some(mask) => mask == recorded,
                None if recorded == given => true,
                None if is_free && !is_mask(given) => {
                    self.bind(recorded, given);
                    true
                }
                None => false,
            };
        }
        // The arguments of a path may be masks.
        let is_path =
            recorded.starts_with('/') && recorded.matches('/').count() == given.matches('/').count();
        let mut parts = recorded.split('/').zip(given.split('/'));
        let accepts = |(part, given)| part == given || (is_mask(part) && self.accepts(part, given));
        recorded == given || (is_path && parts.all(accepts))
    }
}

/// Masks a request with the masks of the recording. A text that stands for no mask yet stays as it
/// is until it is compared.
impl Mask for Bindings {
    fn hide(&mut self, text: &str) -> String {
        self.masks.get(text).map_or(text, String::as_str).to_owned()
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
