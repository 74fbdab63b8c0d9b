//! Parts of messages that several errors share.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use url::{Host, Url};

use crate::types::domain::is_host;
use crate::types::masking::has_long_number;

/// Returns whether a text contains one of these words, ignoring case.
pub(super) fn mentions(text: Option<&str>, words: &[&str]) -> bool {
    let text = text.unwrap_or_default().as_bytes();
    words.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

/// Returns the host of the target of a redirect, if the host is a plain name with few digits. An
/// address may be a number that a parser read as one. The rest of the target may contain anything.
pub(crate) fn redirect_host(status: StatusCode, headers: &HeaderMap) -> Option<Box<str>> {
    let target = headers.get(LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    // A target may omit the scheme.
    let target = if target.starts_with("//") { format!("https:{target}") } else { target.into() };
    let target = Url::parse(&target).ok()?;
    match target.host()? {
        Host::Domain(host) if is_host(host) && !has_long_number(host) => Some(host.into()),
        _ => None,
    }
}

/// Writes the host of a redirect, and the likely reason of the redirect.
pub(super) fn write_redirect(f: &mut fmt::Formatter<'_>, host: Option<&str>) -> fmt::Result {
    write!(f, " (a redirect to {}, which is not followed; ", host.unwrap_or("another place"))?;
    f.write_str("the domain has to be the tenant's kinde.com domain, not a custom one)")
}
