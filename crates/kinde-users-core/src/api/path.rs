//! Path templates, and the values that are allowed in a path segment.

use alloc::string::String;
use alloc::vec::Vec;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::types::build_error::Problem;
use crate::types::check_id::check_id;

/// Everything but the unreserved characters of RFC 3986 (`A-Z a-z 0-9 - . _ ~`) is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends `value` as one percent-encoded query name or value.
pub(crate) fn percent_encode(value: &str, into: &mut String) {
    // The part before the first character that needs encoding is copied. Most ids and names need
    // none.
    let (plain, rest) = split_plain(value);
    into.push_str(plain);
    into.extend(utf8_percent_encode(rest, RESERVED));
}

/// Appends `value` as one percent-encoded path segment, unless [`check_segment`] refuses it.
pub(crate) fn push_segment(value: &str, into: &mut String) -> Result<(), Problem> {
    let (plain, rest) = split_plain(value);
    if rest.is_empty() {
        refuse_folded(plain)?;
    } else {
        check_segment(value)?;
    }
    into.push_str(plain);
    into.extend(utf8_percent_encode(rest, RESERVED));
    Ok(())
}

fn split_plain(value: &str) -> (&str, &str) {
    value.split_at(value.bytes().take_while(|byte| is_unreserved(*byte)).count())
}

#[expect(clippy::indexing_slicing, reason = "a place for each byte")]
const fn is_unreserved(byte: u8) -> bool {
    // A table, because every byte of every request is checked.
    static UNRESERVED: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        // The last byte is not ASCII.
        while byte < u8::MAX {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            byte += 1;
        }
        table
    };
    UNRESERVED[byte as usize]
}

/// Returns what is wrong with `value` as a whole path segment, if anything.
///
/// Percent-encoding does not protect a path. A proxy may decode it, fold dot segments, merge
/// slashes and pass the rest on, and the server behind it may decode again. So every character that
/// ends or splits a segment for some server is refused, however often it is encoded: `/`, `\`, `?`,
/// `#`, control characters, and `;`, which begins a parameter that some servers strip. Escapes of
/// bytes that are not UTF-8 are refused too, because some servers read an overlong form such as
/// `%c0%af` as a slash.
fn check_segment(value: &str) -> Result<(), Problem> {
    let decoded = if value.contains('%') { decode_fully(value) } else { Vec::new() };
    let value = match core::str::from_utf8(&decoded) {
        Ok("") => value,
        Ok(decoded) => decoded,
        Err(_) => return Err(Problem::NotASegment),
    };
    refuse_folded(value)?;
    check_id(value)?;
    if value.contains(['/', '\\', '?', '#', ';']) {
        return Err(Problem::NotASegment);
    }
    Ok(())
}

/// Refuses segments that servers and proxies fold. An empty segment may also name a whole
/// collection.
fn refuse_folded(segment: &str) -> Result<(), Problem> {
    match segment {
        "" => Err(Problem::Empty),
        "." | ".." => Err(Problem::DotSegment),
        _ => Ok(()),
    }
}

/// Decodes escapes until none is left, including those that decoding forms.
///
/// An escape is decoded as soon as its last digit is read, and each one shortens the output, so the
/// work is linear in the length of `value`. The order does not matter, because no two escapes
/// overlap. It decodes `%u002F` as well as `%2F`.
fn decode_fully(value: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        decoded.push(byte);
        while let Some((escape, character)) = last_escape(&decoded) {
            decoded.truncate(decoded.len() - escape);
            if let Ok(byte) = u8::try_from(character) {
                decoded.push(byte);
            } else {
                let character = char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
                decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    decoded
}

/// Returns the length of the escape at the end of `text`, and its character.
fn last_escape(text: &[u8]) -> Option<(usize, u32)> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
    };
    match *text {
        [.., b'%', a, b] => Some((3, number(&[a, b])?)),
        [.., b'%', b'u' | b'U', a, b, c, d] => Some((6, number(&[a, b, c, d])?)),
        _ => None,
    }
}

/// A path with named places, such as `/api/v1/users/{user_id}/mfa`.
///
/// A template is checked when it is created. A constant is checked at compile time. A segment is
/// either one `{name}`, or a text of unreserved characters (`A-Z a-z 0-9 - . _ ~`) that is not a
/// dot segment.
///
/// ```compile_fail
/// # use kinde_users::PathTemplate;
/// const PATH: PathTemplate = PathTemplate::new("/api/v1/users/{user_id"); // a brace is missing
/// # fn main() { let _ = PATH; }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathTemplate(&'static str);

impl PathTemplate {
    /// Creates a template and checks it.
    ///
    /// # Panics
    ///
    /// Panics if the template is malformed. For a constant, which is the usual case, this is a
    /// compile error.
    pub const fn new(template: &'static str) -> Self {
        assert!(is_template(template.as_bytes()), "malformed path template");
        Self(template)
    }

    /// Returns the template.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns the names of the places of the template, in order.
    ///
    /// ```
    /// # use kinde_users::PathTemplate;
    /// const PATH: PathTemplate = PathTemplate::new("/api/v1/users/{user_id}/mfa/{factor_id}");
    /// assert!(PATH.parameters().eq(["user_id", "factor_id"]));
    /// ```
    pub fn parameters(self) -> impl Iterator<Item = &'static str> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (_, name, after) = next_place(rest)?;
            rest = after;
            Some(name)
        })
    }
}

/// Splits `template` at its first place: the part before it, its name, and the part after it.
pub(crate) fn next_place(template: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (before, place) = split_at(template, b'{')?;
    let (name, after) = split_at(place, b'}')?;
    Some((before, name, after))
}

/// Like `split_once`, but without its search for long texts. Templates are short.
fn split_at(text: &'static str, ascii: u8) -> Option<(&'static str, &'static str)> {
    let at = text.bytes().position(|byte| byte == ascii)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time, on indices below the length")]
const fn is_template(template: &[u8]) -> bool {
    let mut at = 0;
    if template.is_empty() {
        return false;
    }
    while at < template.len() {
        if template[at] != b'/' {
            return false;
        }
        at += 1;
        let place = at < template.len() && template[at] == b'{';
        if place {
            at += 1;
        }
        let mut dots = true;
        let name = at;
        while at < template.len() && template[at] != b'/' && template[at] != b'}' {
            let byte = template[at];
            if !is_unreserved(byte) {
                return false;
            }
            dots = dots && byte == b'.';
            at += 1;
        }
        // No empty segment or name, and no `.` or `..`.
        if at == name || dots {
            return false;
        }
        if place {
            if at == template.len() || template[at] != b'}' {
                return false;
            }
            at += 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_templates_are_taken() {
        for template in ["/a", "/api/v1/user", "/users/{user_id}", "/{a}/{b}", "/a.b/c~d-e_f", "/a/{b}/c"] {
            assert!(is_template(template.as_bytes()), "{template}");
        }
    }

    #[test]
    fn malformed_templates_are_refused() {
        for template in [
            "", "a", "/", "//", "/a/", "/a//b", "/.", "/a/..", "/{}", "/{a", "/a}", "/{a}b", "/b{a}",
            "/{a}{b}", "/{a{b}}", "/a b", "/a?b", "/a#b", "/%41", "/é", "{a}", "/{.}", "/a/{",
        ] {
            assert!(!is_template(template.as_bytes()), "{template}");
        }
    }

    #[test]
    fn segment_is_encoded_whole() {
        let mut encoded = String::new();
        percent_encode("a/b?c#d%e f+g&h=i,j;k:l@m\n\u{1f980}-._~", &mut encoded);
        assert_eq!(encoded, "a%2Fb%3Fc%23d%25e%20f%2Bg%26h%3Di%2Cj%3Bk%3Al%40m%0A%F0%9F%A6%80-._~");
    }

    fn pushed(value: &str) -> Result<String, Problem> {
        let mut path = String::new();
        push_segment(value, &mut path).map(|()| path)
    }

    #[test]
    fn encoded_dot_segments_are_refused() {
        assert_eq!(pushed(""), Err(Problem::Empty));
        for dots in [
            ".",
            "..",
            "%2e",
            "%2E",
            "%2e%2E",
            ".%2e",
            "%2e.",
            "%252e",
            "%25252E%25252e",
            "%%32%65",
            "%25%32%65.",
            "%u002e",
            "%2%65",
            "%2525%32e.",
        ] {
            assert_eq!(pushed(dots), Err(Problem::DotSegment), "{dots}");
        }
    }

    #[test]
    fn encoded_separators_are_refused() {
        for (mark, lower, upper) in
            [('/', "2f", "2F"), ('\\', "5c", "5C"), ('?', "3f", "3F"), ('#', "23", "23"), (';', "3b", "3B")]
        {
            for digits in [lower, upper] {
                for escape in [
                    format!("{mark}"),
                    format!("%{digits}"),
                    format!("%25{digits}"),
                    format!("%2525{digits}"),
                    format!("%{}{digits}", "25".repeat(1000)),
                    format!("%u00{digits}"),
                    format!("%25U00{digits}"),
                    format!("%%3{digits}"),
                ] {
                    for (before, after) in
                        [("", ""), ("x", ""), ("", "x"), ("%", "%zz"), ("é%2", "%4"), ("..", "..")]
                    {
                        let value = format!("{before}{escape}{after}");
                        assert_eq!(pushed(&value), Err(Problem::NotASegment), "{value}");
                    }
                }
            }
        }
        for value in
            ["%c0%af", "%c0%ae%c0%ae", "%C1%9c", "%e0%80%af", "%f0%80%80%af", "%25c0%25af", "a%ff", "%c3"]
        {
            assert_eq!(pushed(value), Err(Problem::NotASegment), "{value}");
        }
        for value in ["..;", "..;x", ";", "a;..", "%2e%2e;a=b", "\\..\\x", "../x", "x/..", "//"] {
            assert_eq!(pushed(value), Err(Problem::NotASegment), "{value}");
        }
    }

    #[test]
    fn encoded_controls_and_blanks_are_refused() {
        for value in
            ["a\0", "%00", "a%2500b", "a\r", "a\n", "%0d%0aHost:x", "a\tb", "%7f", "\u{85}", "%C2%85"]
        {
            assert_eq!(pushed(value), Err(Problem::ControlCharacter), "{value:?}");
        }
        for value in
            [" a", "a ", "%20a", "a%2520", "\u{a0}a", "a\u{3000}", "\u{feff}a", "a%E2%80%8B", "..%20", " "]
        {
            assert_eq!(pushed(value), Err(Problem::OuterBlank), "{value:?}");
        }
    }

    #[test]
    fn other_segments_are_encoded_once() {
        for (value, encoded) in [
            ("kp:1", "kp%3A1"),
            ("kp_1", "kp_1"),
            ("...", "..."),
            ("a..", "a.."),
            (".a", ".a"),
            ("100%", "100%25"),
            ("%zz", "%25zz"),
            ("%2", "%252"),
            ("%25", "%2525"),
            ("%41 b", "%2541%20b"),
            ("%c3%a9", "%25c3%25a9"),
            ("%u00zz", "%25u00zz"),
            ("%u0416", "%25u0416"),
            ("%ud800", "%25ud800"),
            ("a+b,c=d&e@f", "a%2Bb%2Cc%3Dd%26e%40f"),
        ] {
            assert_eq!(pushed(value).as_deref(), Ok(encoded));
        }
    }

    #[test]
    fn every_character_is_encoded_and_decoded_again() {
        let all: String = (char::MIN..=char::MAX).collect();
        let mut encoded = String::new();
        percent_encode(&all, &mut encoded);
        assert_eq!(percent_encoding::percent_decode_str(&encoded).decode_utf8().unwrap(), all);
        assert!(encoded.bytes().all(|byte| is_unreserved(byte) || byte == b'%'));
        for character in (char::MIN..='\u{7f}').filter(|character| !is_unreserved(*character as u8)) {
            assert!(encoded.contains(&format!("%{:02X}", character as u8)), "{character:?}");
        }
    }

    /// Returns what servers that decode once, twice and so on would read.
    fn read_by_servers(value: &str) -> Vec<String> {
        let next = |value: &String| {
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
            (decoded != *value).then_some(decoded)
        };
        core::iter::successors(Some(value.into()), next).collect()
    }

    #[test]
    fn every_short_segment_is_safe_or_refused() {
        // Escapes of these stand for a slash, a dot, a percent sign, other ASCII, or invalid bytes.
        const PARTS: [&str; 7] = ["%", "2", "5", "e", "F", ".", "/"];
        let mut values = vec![String::new()];
        for _ in 0..6 {
            values = values.iter().flat_map(|value| PARTS.map(|part| format!("{value}{part}"))).collect();
            for value in &values {
                let is_unsafe = read_by_servers(value).iter().any(|read| {
                    matches!(read.as_str(), "" | "." | "..")
                        || read.contains(['/', char::REPLACEMENT_CHARACTER])
                });
                assert_eq!(pushed(value).is_err(), is_unsafe, "{value}");
            }
        }
    }

    #[test]
    fn decoding_is_linear_in_the_length() {
        // A pass for each depth would take some 10^11 steps, and decoding again from the start of
        // each escape as many.
        for value in [
            "%25".repeat(200_000),
            format!("%{}", "25".repeat(300_000)),
            "%2".repeat(300_000),
            "%".repeat(600_000),
        ] {
            assert!(pushed(&value).is_ok());
            assert_eq!(pushed(&(value + "2F%2F")), Err(Problem::NotASegment));
        }
    }
}
