//! Path templates, and what may stand in a path segment.

use alloc::string::String;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Problem;

/// Everything but the unreserved characters of RFC 3986 (`A-Z a-z 0-9 - . _ ~`) is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Appends `value`, percent-encoded, so that it is one path segment, or one query name or value.
pub(crate) fn percent_encode(value: &str, into: &mut String) {
    // It goes in as it is up to the first character that has to be encoded; most ids and names have none.
    let plain = value.bytes().take_while(|byte| is_unreserved(*byte)).count();
    let (plain, rest) = value.split_at(plain);
    into.push_str(plain);
    into.extend(utf8_percent_encode(rest, RESERVED));
}

#[expect(clippy::indexing_slicing, reason = "a place for each byte")]
const fn is_unreserved(byte: u8) -> bool {
    // Looked up: each byte of each request is asked about.
    static UNRESERVED: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        // The last one is none of ASCII.
        while byte < u8::MAX {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            byte += 1;
        }
        table
    };
    UNRESERVED[byte as usize]
}

/// What is wrong with `value` as a whole path segment, if anything.
///
/// Percent-encoding does not protect dot segments: URL parsers and proxies fold `%2e%2e` like `..`, and the
/// request then reaches another route. An empty segment is folded too, or names the collection.
pub(crate) fn check_segment(value: &str) -> Result<(), Problem> {
    match value {
        "" => Err(Problem::Empty),
        "." | ".." => Err(Problem::DotSegment),
        _ => Ok(()),
    }
}

/// A path with named places, such as `/api/v1/users/{user_id}/mfa`.
///
/// It is checked when it is made, which for a constant is when the program is compiled: each segment is either
/// made of unreserved characters (`A-Z a-z 0-9 - . _ ~`) and no dot segment, or one `{name}` and nothing else.
///
/// ```compile_fail
/// # use kinde_users_core::PathTemplate;
/// const PATH: PathTemplate = PathTemplate::new("/api/v1/users/{user_id"); // a brace is missing
/// # fn main() { let _ = PATH; }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathTemplate(&'static str);

impl PathTemplate {
    /// Checks a template.
    ///
    /// # Panics
    ///
    /// On a malformed template: a compile error where the template is a constant, which is the way to use this.
    pub const fn new(template: &'static str) -> Self {
        assert!(is_template(template.as_bytes()), "malformed path template");
        Self(template)
    }

    /// The template as it was written.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The names of its places, in order.
    ///
    /// ```
    /// # use kinde_users_core::PathTemplate;
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

/// Splits `template` at its first place: what stands before it, its name, what comes after it.
pub(crate) fn next_place(template: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (before, place) = split_at(template, b'{')?;
    let (name, after) = split_at(place, b'}')?;
    Some((before, name, after))
}

/// `split_once`, with no search for the long texts that templates are not.
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
    fn a_segment_is_encoded_whole() {
        let mut encoded = String::new();
        percent_encode("a/b?c#d%e f+g&h=i,j;k:l@m\n\u{1f980}-._~", &mut encoded);
        assert_eq!(encoded, "a%2Fb%3Fc%23d%25e%20f%2Bg%26h%3Di%2Cj%3Bk%3Al%40m%0A%F0%9F%A6%80-._~");
    }

    #[test]
    fn empty_and_dot_segments_are_refused() {
        assert_eq!(check_segment(""), Err(Problem::Empty));
        assert_eq!(check_segment("."), Err(Problem::DotSegment));
        assert_eq!(check_segment(".."), Err(Problem::DotSegment));
        for fine in ["...", "a..", "%2e%2e", ".a", " "] {
            assert_eq!(check_segment(fine), Ok(()));
        }
    }
}
