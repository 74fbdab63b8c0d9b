//! Compares what is sent with a recording.

use core::fmt;
use std::collections::HashMap;

use serde_json::Value;

use super::mask::{Mask, is_mask};

/// The text for which each mask stands. A mask that is not here stands for itself: the program has
/// not named its text yet.
#[derive(Default)]
pub(super) struct Bindings {
    texts: HashMap<String, String>,
    masks: HashMap<String, String>,
    /// The masks that were bound since the last [`keep`](Self::keep).
    new: Vec<String>,
}

impl fmt::Debug for Bindings {
    /// Writes the number of masks only, as the texts are personal or secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bindings({} masks)", self.texts.len())
    }
}

impl Bindings {
    /// Returns the text for which a text of a reply stands.
    pub(super) fn text(&self, recorded: &str) -> String {
        self.texts.get(recorded).map_or(recorded, String::as_str).to_owned()
    }

    /// Makes the last bindings permanent.
    pub(super) fn keep(&mut self) {
        self.new.clear();
    }

    /// Removes the bindings since the last [`keep`](Self::keep).
    pub(super) fn undo(&mut self) {
        for mask in self.new.drain(..) {
            if let Some(text) = self.texts.remove(&mask) {
                self.masks.remove(&text);
            }
        }
    }

    /// Returns whether a masked text is what the recording has. The arguments of a path may be
    /// masks.
    fn accepts(&mut self, recorded: &str, given: &str) -> bool {
        let is_as_deep = recorded.matches('/').count() == given.matches('/').count();
        let mut parts = recorded.split('/').zip(given.split('/'));
        self.stands_for(recorded, given)
            || (is_as_deep && parts.all(|(part, given)| part == given || self.stands_for(part, given)))
    }

    /// Returns whether a text of the recording is a mask that stands for this text. A text without
    /// a mask gets this one, if it is free.
    fn stands_for(&mut self, mask: &str, text: &str) -> bool {
        if let Some(known) = self.masks.get(text) {
            // Seen before in the same request.
            return known == mask;
        }
        let is_free = is_mask(mask) && !is_mask(text) && !self.texts.contains_key(mask);
        if is_free {
            self.texts.insert(mask.to_owned(), text.to_owned());
            self.masks.insert(text.to_owned(), mask.to_owned());
            self.new.push(mask.to_owned());
        }
        is_free
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
