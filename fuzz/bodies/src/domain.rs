//! Any text as a domain: it is refused, or an origin that has just the host that was typed.

/// The bytes are the text.
pub fn domain(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        crate::support::domain::check(text);
    }
}
