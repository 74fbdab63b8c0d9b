//! Helpers that read what the service really sends.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::num::IntErrorKind;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

/// Reads a list that may be `null`, and skips elements that are `null`. With `#[serde(default)]` it
/// may also be absent.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_option(Items { expected: "a list or null", item: PhantomData })
}

/// Reads one object or a [`list`] of them, as `errors` and `mfa` are.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(Items { expected: "an object, a list or null", item: PhantomData })
}

struct Items<T> {
    expected: &'static str,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(vec![])
    }

    fn visit_none<E>(self) -> Result<Vec<T>, E> {
        Ok(vec![])
    }

    /// Asks for a list, so that an object is an error here.
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|item| vec![item])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Option<T>>()? {
            items.extend(item);
        }
        Ok(items)
    }
}

/// Reads a field that the description of this operation does not have, but that the type has
/// because of another operation. A value that does not fit is a new field of the same name, and
/// counts as absent.
pub(crate) fn if_it_fits<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Field<T> {
        Fits(T),
        Other(IgnoredAny),
    }

    Ok(match Field::deserialize(deserializer)? {
        Field::Fits(value) => value,
        Field::Other(_) => T::default(),
    })
}

/// Reads such a field that is a [`list`].
pub(crate) fn list_if_it_fits<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(bound = "T: Deserialize<'de>")]
    struct List<T>(#[serde(deserialize_with = "list")] Vec<T>);

    Ok(if_it_fits::<_, Option<List<T>>>(deserializer)?.map(|List(items)| items).unwrap_or_default())
}

/// Reads an integer, which may be written as `3.0`, `2e1` or `-0`. A number that does not fit an
/// `i64` is `None`, like `null`. With `#[serde(default)]` it may also be absent.
pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct Integer;

    impl<'de> Visitor<'de> for Integer {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer or null")
        }

        fn visit_unit<E>(self) -> Result<Option<i64>, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Option<i64>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_i64(self)
        }

        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(number.try_into().ok())
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
            // The decimal form has a point only if there is a fraction, and never an exponent.
            match number.to_string().parse() {
                Ok(integer) => Ok(Some(integer)),
                Err(error) => match error.kind() {
                    IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Ok(None),
                    _ => Err(E::invalid_type(Unexpected::Float(number), &self)),
                },
            }
        }
    }

    deserializer.deserialize_option(Integer)
}

/// Reads an object and nothing else. The code that serde derives for a struct also accepts a list
/// of fields.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Lists {
        #[serde(default, deserialize_with = "list")]
        list: Vec<u8>,
        #[serde(default, deserialize_with = "one_or_many")]
        any: Vec<Item>,
    }

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Item {
        a: u8,
    }

    #[derive(serde::Deserialize)]
    struct Count(#[serde(deserialize_with = "integer")] Option<i64>);

    #[derive(serde::Deserialize)]
    struct Undescribed {
        #[serde(default, deserialize_with = "if_it_fits")]
        one: Option<Item>,
        #[serde(default, deserialize_with = "list_if_it_fits")]
        list: Vec<Item>,
    }

    #[test]
    fn null_is_no_integer_in_a_flattened_part_either() {
        #[derive(serde::Deserialize)]
        struct Whole {
            #[serde(flatten)]
            part: Part,
        }

        #[derive(serde::Deserialize)]
        struct Part {
            #[serde(deserialize_with = "integer")]
            number: Option<i64>,
        }

        for (text, number) in [(r#"{"number":null}"#, None), (r#"{"number":3}"#, Some(3))] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap().part.number, number);
        }
    }

    #[test]
    fn undescribed_field_is_read_where_it_fits() {
        for (text, one, list) in [
            ("{}", None, vec![]),
            (r#"{"one":null,"list":null}"#, None, vec![]),
            (r#"{"one":{"a":1},"list":[{"a":1},null]}"#, Some(Item { a: 1 }), vec![Item { a: 1 }]),
            (r#"{"one":{"a":[]},"list":[{"a":1},{"a":[]}]}"#, None, vec![]),
            (r#"{"one":1,"list":{"a":1}}"#, None, vec![]),
            (r#"{"one":"1","list":true}"#, None, vec![]),
        ] {
            let read: Undescribed = serde_json::from_str(text).unwrap();
            assert_eq!((read.one, read.list), (one, list), "{text}");
        }
    }

    #[test]
    fn lists_may_be_absent_null_or_hold_null() {
        for (text, list, any) in [
            ("{}", vec![], vec![]),
            (r#"{"list":null,"any":null}"#, vec![], vec![]),
            (r#"{"list":[],"any":[]}"#, vec![], vec![]),
            (r#"{"list":[1,null,2],"any":[{"a":1},null]}"#, vec![1, 2], vec![Item { a: 1 }]),
            (r#"{"any":{"a":2}}"#, vec![], vec![Item { a: 2 }]),
        ] {
            let read: Lists = serde_json::from_str(text).unwrap();
            assert_eq!((read.list, read.any), (list, any), "{text}");
        }
    }

    #[test]
    fn integers_are_read_in_every_notation() {
        for (text, number) in [
            ("3", Some(3)),
            ("-3", Some(-3)),
            ("3.0", Some(3)),
            ("2e1", Some(20)),
            ("2E+1", Some(20)),
            ("20e-1", Some(2)),
            ("-1.5e1", Some(-15)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("0e999", Some(0)),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("18446744073709551615", None),
            ("99999999999999999999", None),
            ("-9223372036854775809e9", None),
            ("1e308", None),
            ("null", None),
        ] {
            assert_eq!(serde_json::from_str::<Count>(text).unwrap().0, number, "{text}");
        }
        for text in ["1.5", "-0.5", "\"3\"", "true", "[3]", "{}"] {
            assert!(serde_json::from_str::<Count>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn error_of_serde_says_what_is_expected() {
        fn error<T: for<'de> Deserialize<'de>>(text: &str) -> String {
            serde_json::from_str::<T>(text).err().unwrap().to_string()
        }

        for (error, expected) in [
            (error::<Lists>(r#"{"list":"a"}"#), "expected a list or null"),
            (error::<Lists>(r#"{"any":"a"}"#), "expected an object, a list or null"),
            (error::<Count>("\"3\""), "expected an integer or null"),
            (error::<Object<Item>>("[1]"), "expected an object"),
        ] {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in [r#"{"list":{}}"#, r#"{"list":"a"}"#, r#"{"any":"a"}"#, r#"{"any":3}"#, r#"{"any":[3]}"#]
        {
            assert!(serde_json::from_str::<Lists>(text).is_err(), "{text}");
        }
    }
}
