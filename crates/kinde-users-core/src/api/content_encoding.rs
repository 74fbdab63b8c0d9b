//! The encoding of the body of a response.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// The encoding of the body of a response, according to `Content-Encoding`. Transports use this
/// type.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use kinde_users::ContentCoding;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(ContentCoding::of(&headers), ContentCoding::Identity);
/// headers.insert("content-encoding", HeaderValue::from_static("GZIP"));
/// assert_eq!(ContentCoding::of(&headers), ContentCoding::Gzip);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// The body is not encoded.
    Identity,
    /// The body is compressed with gzip, once.
    Gzip,
    /// The body is encoded in another way, or in several ways. Such a body can be read only if it
    /// is empty.
    Other,
}

impl ContentCoding {
    /// Returns the encoding that all `Content-Encoding` headers name, ignoring case. `x-gzip` means
    /// gzip.
    pub fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        names.map(<[u8]>::trim_ascii).fold(Self::Identity, |coding, name| {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if name.is_empty() || is("identity") {
                coding
            } else if coding == Self::Identity && (is("gzip") || is("x-gzip")) {
                Self::Gzip
            } else {
                Self::Other
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn encodings_of_all_headers_are_read() {
        use ContentCoding::*;
        let cases: [(&[&str], _); 23] = [
            (&[], Identity),
            (&[""], Identity),
            (&["identity"], Identity),
            (&["IDENTITY, identity"], Identity),
            (&["gzip"], Gzip),
            (&["GZIP"], Gzip),
            (&["GZip"], Gzip),
            (&["x-gzip"], Gzip),
            (&["X-GZIP"], Gzip),
            (&[" gzip\t"], Gzip),
            (&["gzip,"], Gzip),
            (&[", gzip"], Gzip),
            (&["identity, gzip"], Gzip),
            (&["gzip,identity"], Gzip),
            (&["identity", "gzip"], Gzip),
            (&["gzip", "identity"], Gzip),
            (&["gzip, gzip"], Other),
            (&["gzip", "x-gzip"], Other),
            (&["br"], Other),
            (&["deflate"], Other),
            (&["gzip, br"], Other),
            (&["br", "gzip"], Other),
            (&["gzip;q=1"], Other),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(ContentCoding::of(&headers), expected, "{values:?}");
        }
    }
}
