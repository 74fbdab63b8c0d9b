//! What is asked of a domain.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use kinde_users_core::{Domain, DomainError};

/// Any text is refused, or an origin that has just the host that was typed.
pub(crate) fn check(text: &str) {
    let parsed = Domain::parse(text);
    assert_eq!(text.parse(), parsed);
    let allowing = Domain::allowing_plain_http(text);
    assert!(allowing != Err(DomainError::PlainHttp));
    if parsed != Err(DomainError::PlainHttp) {
        assert_eq!(parsed, allowing);
    } else if let Ok(domain) = allowing {
        assert_eq!(domain.origin(), text.strip_suffix('/').unwrap_or(text));
        assert!(text.starts_with("http://"));
    }
    match &parsed {
        Ok(domain) => check_origin(text, domain),
        Err(error) => assert!(!is_plain(text), "{error}"),
    }
}

/// Whether it can only be a subdomain: an international name may be
/// malformed.
fn is_plain(text: &str) -> bool {
    is_label(text) && !text.starts_with("xn--") && text != "localhost"
}

fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let hyphen_at_an_end = text.starts_with('-') || text.ends_with('-');
    (1..=63).contains(&text.len()) && text.bytes().all(fits) && !hyphen_at_an_end
}

fn check_origin(text: &str, domain: &Domain) {
    let origin = domain.origin();
    assert_eq!(domain.audience(), format!("{origin}/api"));
    let typed = text.strip_suffix('/').unwrap_or(text);
    let whole = if typed.contains("://") {
        typed.to_owned()
    } else if typed.contains(['.', ':']) {
        format!("https://{typed}")
    } else {
        format!("https://{typed}.kinde.com")
    };
    assert_eq!(origin, whole);

    let (scheme, authority) = origin.split_once("://").unwrap();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    assert!(port.is_none_or(|port| port.parse::<u16>().is_ok()), "{origin}");
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let v6: Option<Ipv6Addr> = v6.map(|address| address.parse().unwrap());
    let v4: Option<Ipv4Addr> = host.parse().ok();
    assert!(v6.is_some() || host.split('.').all(is_label), "{origin}");
    // What ends in a number is an address to some parsers: it has to be one to all.
    let last = host.rsplit('.').next().unwrap_or_default();
    assert!(v4.is_some() || !last.bytes().all(|byte| byte.is_ascii_digit()), "{origin}");

    let loopback = host == "localhost"
        || v4.is_some_and(|address| address.is_loopback())
        || v6.is_some_and(|address| address.is_loopback());
    assert!(scheme == "https" || (scheme == "http" && loopback), "{origin}");

    let uri: Uri = format!("{origin}/x").parse().unwrap();
    assert_eq!(uri.scheme_str(), Some(scheme));
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some(authority));
    assert_eq!((uri.path(), uri.query()), ("/x", None));
}
