//! HTTP messages as readable bytes: a first line, headers, an empty line, and a body.

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) struct Message<'a> {
    pub(crate) first_line: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message. Lines that are not headers are ignored. Returns `None` if the first line is
    /// not text.
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let end = data.windows(2).position(|two| two == b"\n\n");
        let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
        let (first_line, lines) = match head.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&head[..end], &head[end + 1..]),
            None => (head, &[][..]),
        };
        Some(Self { first_line: std::str::from_utf8(first_line).ok()?, headers: headers(lines), body })
    }
}

/// Reads lines with a name, a colon and a value.
pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let value = &line[colon + 1..];
        let value = HeaderValue::from_bytes(value.strip_prefix(b" ").unwrap_or(value));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    headers
}
