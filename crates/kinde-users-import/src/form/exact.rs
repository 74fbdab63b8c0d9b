//! JSON as it stands: refused where reading it would drop or change something.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use kinde_users_core::Problem;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

use super::{expected, shown};
use crate::error::{ImportError, ImportProblem};

/// Reads all of a text, whose keys must not stand twice, and whose numbers must be the same when
/// they are written again.
pub(super) fn read(json: &str) -> Result<Json, ImportError> {
    let wrong = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = At { path: String::new(), wrong: &wrong }.deserialize(&mut deserializer);
    let result = read.and_then(|value| deserializer.end().map(|()| value));
    // What is no JSON is told without a word of it, and of its place the line is known by whoever
    // handed it in.
    let no_json = |error: serde_json::Error| {
        let problem = format!("{error}").replace(" at line 1 column ", " at column ");
        ImportError::new("line", Problem::WrongType).expecting(format!("{}: {problem}", expected::LINE))
    };
    result.map_err(|error| wrong.into_inner().unwrap_or_else(|| no_json(error)))
}

/// A value at a place, and where to leave what is wrong: an error of serde's has no room for it.
struct At<'a> {
    path: String,
    wrong: &'a RefCell<Option<ImportError>>,
}

impl At<'_> {
    fn below(&self, path: String) -> At<'_> {
        At { path, wrong: self.wrong }
    }

    fn refuse<E: Error>(&self, error: ImportError) -> E {
        *self.wrong.borrow_mut() = Some(error);
        E::custom("refused")
    }
}

/// As many digits as a decimal number has that is surely the same after it was read.
const DIGITS: usize = 15;

fn is_exact(number: f64) -> bool {
    let text = format!("{number:e}");
    let digits = text.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    // One that is beyond these, and has few digits, would be written in another form.
    digits <= DIGITS && (-1e15..=1e15).contains(&number)
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        if is_exact(value) {
            Ok(value.into())
        } else {
            let error = ImportError::new(self.path.clone(), Problem::WrongType);
            Err(self.refuse(error.expecting(expected::DIGITS)))
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) =
            list.next_element_seed(self.below(format!("{}[{}]", self.path, items.len())))?
        {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            let path = match self.path.as_str() {
                "" => shown(&key).to_owned(),
                above => format!("{above}.{}", shown(&key)),
            };
            let value = object.next_value_seed(self.below(path.clone()))?;
            if fields.insert(key, value).is_some() {
                return Err(self.refuse(ImportError::new(path, ImportProblem::Twice)));
            }
        }
        Ok(Json::Object(fields))
    }
}
