//! The cases, as data, in the order of the clauses.

mod attempts;
mod connections;
mod requests;
mod responses;

use std::io;

use crate::case::Case;
use crate::options::Options;

/// Returns all cases, in the order of the clauses.
///
/// # Errors
///
/// If a server on the loopback interface cannot be started, or the key for its certificate cannot
/// be created.
pub fn cases(options: &Options) -> io::Result<Vec<Case>> {
    let mut cases = Vec::new();
    cases.extend(requests::targets());
    cases.extend(requests::request_headers());
    cases.extend(requests::request_bodies());
    cases.extend(attempts::hang_ups());
    cases.extend(attempts::redirects(options.patience)?);
    cases.extend(attempts::statuses());
    cases.extend(responses::responses());
    cases.extend(responses::body_limit(options.body_limit));
    cases.extend(responses::compression(options.body_limit)?);
    cases.extend(connections::request_timeout());
    cases.extend(connections::never_sent());
    cases.extend(connections::own_response(options.body_limit));
    cases.extend(connections::no_cache());
    cases.extend(connections::certificates(options.authority.as_ref())?);
    cases.extend(connections::cut_tls(options.authority.as_ref())?);
    cases.extend(attempts::reuse());
    cases.extend(responses::heads());
    Ok(cases)
}
