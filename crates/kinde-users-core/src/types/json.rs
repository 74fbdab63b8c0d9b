//! Reads JSON, and repairs text that a parser refuses although its meaning is clear.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::Utf8Error;

use serde::de::IgnoredAny;

use crate::types::sync::OnceLock;

/// The repaired text of a body, from the moment it is needed. Models borrow from it.
#[derive(Clone, Default)]
pub(crate) struct Repaired(OnceLock<Option<Box<str>>>);

// It follows from the body, so it does not matter for comparing two replies.

impl PartialEq for Repaired {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Repaired {}

/// Why a body cannot be read. If it was repaired, this is about the repaired text.
pub(crate) enum Unread<'a> {
    NotUtf8(Utf8Error),
    Unfit { text: &'a str, error: serde_json::Error },
}

/// Reads `body` with `read`. If that fails, repairs it with [`repair`] and reads it again.
pub(crate) fn read<'a, T>(
    body: &'a [u8],
    repaired: &'a Repaired,
    mut read: impl FnMut(&'a str) -> serde_json::Result<T>,
) -> Result<T, Unread<'a>> {
    // It validates the whole body once. The parser would validate each string.
    let unread = match core::str::from_utf8(body) {
        Ok(text) => match read(text) {
            Ok(value) => return Ok(value),
            Err(error) => Unread::Unfit { text, error },
        },
        Err(error) => Unread::NotUtf8(error),
    };
    match repaired.0.get_or_init(|| repair(body)).as_deref() {
        Some(text) => read(text).map_err(|error| Unread::Unfit { text, error }),
        None => Err(unread),
    }
}

/// How deep lists and objects may be nested: one less than the recursion limit of `serde_json`.
const DEEPEST: usize = 127;

/// Replaces what `serde_json` refuses to read:
///
/// - In a string, an unpaired surrogate (`\ud83d`) and bytes that are not UTF-8 become U+FFFD, and
///   a control character is escaped.
/// - A number that no `f64` holds (`1e999`), `NaN`, `Infinity` and `-Infinity` become `null`.
/// - A list or object that is nested too deeply becomes `null`.
/// - Byte order marks, NULs and blanks around the text are removed.
///
/// Everything else stays as it is, so a text that is not JSON in other ways is still not JSON.
/// Returns `None` if there is nothing to replace, if the text neither begins as a list, object or
/// string nor has a byte order mark or NUL around it, or if it is not UTF-8 outside of its strings.
/// It takes linear time, and does not recurse.
fn repair(body: &[u8]) -> Option<Box<str>> {
    const BLANKS: [&[u8]; 4] = [b" ", b"\n", b"\r", b"\t"];
    const MARKS: [&[u8]; 8] = [b" ", b"\n", b"\r", b"\t", b"\xef\xbb\xbf", b"\0", b"\x0b", b"\x0c"];
    let inner = trim(body, &MARKS);
    let has_marks = inner.len() != trim(body, &BLANKS).len();
    let mut rest = if has_marks { inner } else { body };
    // Pages of HTML and plain text are not worth a copy.
    let may_be_json = matches!(inner, [b'[' | b'{' | b'"', ..]);
    if !may_be_json && !has_marks {
        return None;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut depth = 0_usize;
    while let Some((token, after)) = split_token(rest) {
        rest = after;
        if matches!(token, b"[" | b"{") {
            depth += 1;
            if depth == DEEPEST + 1 {
                out.extend(b"null");
            }
        }
        match token {
            _ if depth > DEEPEST => {}
            [b'"', ..] => push_string(token, &mut out),
            _ if is_out_of_range(token) => out.extend(b"null"),
            _ => out.extend(token),
        }
        if matches!(token, b"]" | b"}") {
            depth = depth.saturating_sub(1);
        }
    }
    if out == body { None } else { String::from_utf8(out).ok().map(String::into_boxed_str) }
}

/// Removes all of `marks` from both ends.
fn trim<'a>(mut text: &'a [u8], marks: &[&[u8]]) -> &'a [u8] {
    let without =
        |text: &'a [u8], mark: &&[u8]| text.strip_prefix(*mark).or_else(|| text.strip_suffix(*mark));
    while let Some(rest) = marks.iter().find_map(|mark| without(text, mark)) {
        text = rest;
    }
    text
}

/// Splits off the first token: a string, a run of the characters of numbers and words, or any other
/// byte.
fn split_token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let length = match text.split_first()? {
        (b'"', string) => {
            let mut is_escaped = false;
            let end = string.iter().position(|byte| {
                let is_end = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                is_end
            });
            end.map_or(text.len(), |end| end + 2)
        }
        _ => text.iter().position(|byte| !in_word(byte)).unwrap_or(text.len()).max(1),
    };
    text.split_at_checked(length)
}

/// Whether a token is a number that `serde_json` does not represent, or a word that other languages
/// write for one.
fn is_out_of_range(token: &[u8]) -> bool {
    match token {
        b"NaN" | b"Infinity" | b"-Infinity" => true,
        [b'-' | b'0'..=b'9', ..] => {
            serde_json::from_slice::<IgnoredAny>(token).is_ok()
                && serde_json::from_slice::<f64>(token).is_err()
        }
        _ => false,
    }
}

/// Writes a string token with its quotes.
fn push_string(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some((first, after)) = rest.split_first() {
        let length = match first {
            b'\\' => match (escaped_unit(rest), rest.get(6..).and_then(escaped_unit)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
                (Some(0xd800..=0xdfff), _) => {
                    // No escape, which would keep a `&str` from borrowing.
                    out.extend("\u{fffd}".bytes());
                    rest = rest.get(6..).unwrap_or_default();
                    continue;
                }
                (Some(_), _) => 6,
                // The escape of a quote or a backslash is one unit; a character that is not ASCII
                // stays whole.
                (None, _) if after.first().is_some_and(u8::is_ascii) => 2,
                (None, _) => 1,
            },
            0..0x20 => {
                out.extend(format!("\\u{first:04x}").bytes());
                rest = after;
                continue;
            }
            _ => rest.iter().position(|byte| matches!(byte, b'\\' | 0..0x20)).unwrap_or(rest.len()),
        };
        let (plain, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        out.extend(String::from_utf8_lossy(plain).bytes());
        rest = after;
    }
}

/// The code unit of UTF-16 that the text begins with, as in `\ud83d`.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = core::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    fn repaired(body: impl AsRef<[u8]>) -> String {
        let body = body.as_ref();
        repair(body).map_or_else(|| String::from_utf8(body.to_vec()).unwrap(), String::from)
    }

    #[test]
    fn unpaired_surrogates_are_replaced() {
        for (text, read) in [
            (r#""Ada \ud83d""#, "Ada \u{fffd}"),
            (r#""\uD83D""#, "\u{fffd}"),
            (r#""\ude00""#, "\u{fffd}"),
            (r#""\uDE00\uD83D""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\uD83d\uDe00\ude00""#, "\u{1f600}\u{fffd}"),
            (r#""\ud83d \ude00""#, "\u{fffd} \u{fffd}"),
            (r#""\ud83d\\ude00""#, "\u{fffd}\\ude00"),
            (r#""\ud83d\n\ude00""#, "\u{fffd}\n\u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\"""#, "\u{fffd}\""),
            (r#""\\ud83d\ud83d""#, "\\ud83d\u{fffd}"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\udfff\ud800\udbff\udc00""#, "\u{fffd}\u{fffd}\u{10fc00}"),
        ] {
            assert_eq!(serde_json::from_str::<String>(&repaired(text)).unwrap(), read, "{text}");
        }
        assert_eq!(repaired(r#"{"\ud83d":{"a\udc00":1}}"#), "{\"\u{fffd}\":{\"a\u{fffd}\":1}}");
    }

    #[test]
    fn every_surrogate_is_read_or_replaced() {
        let read = |text: &str| serde_json::from_str::<String>(&repaired(text)).unwrap();
        for unit in 0xd800..=0xdfff {
            assert_eq!(read(&format!(r#""a\u{unit:04x}b""#)), "a\u{fffd}b", "{unit:x}");
        }
        for high in 0xd800..=0xdbff_u16 {
            // All pairs of this one in a text, with one alone between them.
            let pairs: Vec<_> = (0xdc00..=0xdfff_u16).map(|low| [high, low]).collect();
            let written = |[high, low]: &[u16; 2]| format!(r"\u{high:04x}\u{low:04X}\u{high:04X}");
            let text = pairs.iter().map(written).collect::<Vec<_>>().concat();
            let units = pairs.iter().flat_map(|[high, low]| [*high, *low, 0xfffd]);
            let expected: String = char::decode_utf16(units).map(Result::unwrap).collect();
            assert_eq!(read(&format!("\"{text}.\"")), expected + ".", "{high:x}");
        }
    }

    #[test]
    fn invalid_bytes_of_a_string_are_repaired() {
        for (body, text) in [
            (&b"[\"caf\xe9\"]"[..], "[\"caf\u{fffd}\"]"),
            (b"{\"\xff\":\"\xc3\"}", "{\"\u{fffd}\":\"\u{fffd}\"}"),
            (b"\"\xe2\x82\xe2\x82\xac\"", "\"\u{fffd}\u{20ac}\""),
            (b"\"\xed\xa0\xbd\"", "\"\u{fffd}\u{fffd}\u{fffd}\""),
            (b"\"a\tb\nc\r\x00\x1f\x7f\"", "\"a\\u0009b\\u000ac\\u000d\\u0000\\u001f\x7f\""),
            (b"\xef\xbb\xbf{}", "{}"),
            (b"\xef\xbb\xbf\xef\xbb\xbf null", "null"),
            (b" \n\xef\xbb\xbf {} ", "{}"),
            (b"{}\xef\xbb\xbf", "{}"),
            (b"[1]\r\n\xef\xbb\xbf\n", "[1]"),
            (b"{}\0", "{}"),
            (b"\0\xef\xbb\xbf\0 {\"a\":1}\n\0\0", "{\"a\":1}"),
            (b"null\0", "null"),
            (b"\x0c[]\x0b", "[]"),
            ("\"\u{feff}\"".as_bytes(), "\"\u{feff}\""),
        ] {
            assert_eq!(repaired(body), text);
        }
    }

    #[test]
    fn numbers_out_of_range_become_null() {
        for (text, expected) in [
            ("[1e999]", "[null]"),
            ("[-1E+400]", "[null]"),
            ("[1e308,1e309,-1e309]", "[1e308,null,null]"),
            (r#"{"a":123456789e9999,"b":[1.5e400]}"#, r#"{"a":null,"b":[null]}"#),
            ("[NaN, Infinity,-Infinity ]", "[null, null,null ]"),
            ("[0e999,1e-999,-0,99999999999999999999]", "[0e999,1e-999,-0,99999999999999999999]"),
            (r#"["1e999","NaN",true,false,null]"#, r#"["1e999","NaN",true,false,null]"#),
            // These are no numbers of JSON, and stay an error.
            ("[01e999]", "[01e999]"),
            ("[1e999x]", "[1e999x]"),
            ("[-,+1e999,.5e999,1.e999]", "[-,+1e999,.5e999,1.e999]"),
        ] {
            assert_eq!(repaired(text), expected);
        }
        let long = format!("[{}]", "9".repeat(100_000));
        assert_eq!(repaired(long), "[null]");
    }

    #[test]
    fn what_is_nested_too_deeply_becomes_null() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(repaired(nested(DEEPEST)), nested(DEEPEST));
        let deepest = format!("{}null{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        for depth in [DEEPEST + 1, DEEPEST + 2, 100_000] {
            assert_eq!(repaired(nested(depth)), deepest, "{depth}");
        }
        assert!(serde_json::from_str::<Json>(&nested(DEEPEST)).is_ok());
        assert!(serde_json::from_str::<Json>(&nested(DEEPEST + 1)).is_err());

        let (open, close) = (r#"{"a":["]\"}", "#.repeat(200), r#", "\ud83d[{"]}"#.repeat(200));
        let text = repaired(format!(r#"{{"deep":{open}1e999{close},"after":[[{{"b":"\ud83d"}}]]}}"#));
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(json["after"], serde_json::json!([[{"b": "\u{fffd}"}]]));
    }

    #[test]
    fn what_is_no_json_or_in_order_is_left_alone() {
        for text in [
            "",
            "null",
            "<html lang=\"\\ud83d\">",
            "404 \"\t\"",
            "{\"a\":\"\\",
            "{\"a\":\"\\u",
            "{\"a\":\"\\ud8",
            "\"\\x41\\u00zz\\u+123\\\n\\\u{e9}\"",
            "]]}}",
            " {\"a\" : [ 1, -2.5e3, \"\\ud83d\\ude00 \\\"\\\\\\/\" ] }\n",
        ] {
            assert_eq!(repair(text.as_bytes()), None, "{text}");
        }
        // Outside of strings, there is nothing to put in the place of a wrong byte.
        assert_eq!(repair(b"<p>caf\xe9</p>"), None);
        assert_eq!(repair(b"[\"\\ud83d\"\xff]"), None);
    }

    #[test]
    fn text_that_ends_too_early_still_does() {
        let whole = br#"{"a":["\ud83d\ude00 \ud83d",1e999,"#;
        for length in 0..whole.len() {
            let text = repaired(&whole[..length]);
            assert!(serde_json::from_str::<Json>(&text).unwrap_err().is_eof(), "{text}");
        }
    }

    /// A value, as a broken reply writes it and as it is to be read.
    fn value() -> impl Strategy<Value = (String, Json)> {
        let text = proptest::collection::vec(
            prop_oneof![
                ("[ a-z\u{e9}\u{1f600}]{0,3}").prop_map(|plain| (plain.clone(), plain)),
                Just((r"\ud83d".to_string(), "\u{fffd}".to_string())),
                // Never right behind the other half.
                Just((r"-\uDC00".to_string(), "-\u{fffd}".to_string())),
                Just((r"\ud83d\ude00".to_string(), "\u{1f600}".to_string())),
                Just((r"\\".to_string(), "\\".to_string())),
                Just((r#"\""#.to_string(), "\"".to_string())),
                Just(("\t".to_string(), "\t".to_string())),
                Just(("u".to_string(), "u".to_string())),
            ],
            0..6,
        )
        .prop_map(|parts| {
            let (written, read): (String, String) = parts.into_iter().unzip();
            (format!("\"{written}\""), read)
        });
        let leaf = prop_oneof![
            any::<i64>().prop_map(|number| (number.to_string(), number.into())),
            any::<bool>().prop_map(|flag| (flag.to_string(), flag.into())),
            Just(("1e999".to_string(), Json::Null)),
            Just(("-Infinity".to_string(), Json::Null)),
            text.clone().prop_map(|(written, read)| (written, read.into())),
        ];
        leaf.prop_recursive(6, 64, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                    let (written, read): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                    (format!("[ {}]", written.join(" ,")), Json::Array(read))
                }),
                proptest::collection::vec((text.clone(), inner), 0..4).prop_map(|fields| {
                    let mut written = Vec::new();
                    let mut read = serde_json::Map::new();
                    for ((key, key_read), (value, value_read)) in fields {
                        written.push(format!("{key}:{value}"));
                        read.insert(key_read, value_read);
                    }
                    (format!("{{{}}}", written.join(",")), Json::Object(read))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn broken_json_is_read_as_what_it_means((written, read) in value()) {
            let text = repaired(format!("[{written}]"));
            prop_assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), Json::Array(vec![read]));
            // There is nothing left to repair.
            prop_assert_eq!(repair(text.as_bytes()), None);
        }

        #[test]
        fn json_that_can_be_read_is_left_alone(written in value()) {
            let text = written.1.to_string();
            prop_assert_eq!(repair(text.as_bytes()), None);
        }

        #[test]
        fn any_bytes_are_repaired_once(
            body in proptest::collection::vec(prop_oneof![
                prop::sample::select(br#"{}[]":,\ud83dc0e1N-.+ "#.to_vec()), any::<u8>(),
            ], 0..64),
        ) {
            if let Some(text) = repair(&body) {
                prop_assert_eq!(repair(text.as_bytes()), None, "{}", text);
            }
            // What the parser takes already means the same.
            if let Ok(json) = serde_json::from_slice::<Json>(&body) {
                prop_assert_eq!(serde_json::from_str::<Json>(&repaired(&body)).unwrap(), json);
            }
        }
    }
}
