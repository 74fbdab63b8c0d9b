//! Checks any text as a domain: it is refused, or becomes an origin with exactly the host that was
//! typed.

/// Reads the bytes as the text.
pub fn domain(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        crate::support::domain::check(text);
    }
}
