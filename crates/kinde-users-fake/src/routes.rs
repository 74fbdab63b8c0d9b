//! The table of operations, and the search for the operation of a request.

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use crate::args::{Args, Takes};
use crate::failure::Handled;
use crate::request_log::Requests;
use crate::state::Tenant;
use crate::{handlers as h, user::shy_debug};

/// An operation of the tenant.
pub struct Route {
    /// The documented name, such as `get_users_mfa`.
    pub name: &'static str,
    /// The method of the request.
    pub method: Method,
    /// The path with its arguments in braces, such as `/api/v1/users/{user_id}/mfa`.
    pub path: &'static str,
    /// The status of a success.
    pub success: u16,
    /// The scope that the token needs.
    pub scope: &'static str,
    pub(crate) takes: Takes,
    pub(crate) handler: Handler,
}

type Handler = fn(&mut Tenant, &Args<'_>) -> Handled;

shy_debug!(Route: name, method, path, success, scope);

const fn route(
    name: &'static str,
    method: Method,
    path: &'static str,
    success: u16,
    scope: &'static str,
    takes: Takes,
    handler: Handler,
) -> Route {
    Route { name, method, path, success, scope, takes, handler }
}

const NOTHING: Takes = Takes { query: &[], body: false };
const BODY: Takes = Takes { query: &[], body: true };

const fn query(query: &'static [&'static str]) -> Takes {
    Takes { query, body: false }
}

/// The arguments of `get_users`.
const LIST: &[&str] = &[
    "page_size",
    "user_id",
    "next_token",
    "email",
    "username",
    "phone",
    "expand",
    "has_organization",
    "active_since",
];

const USER: &str = "/api/v1/user";
const USERS: &str = "/api/v1/users";
const IDENTITIES: &str = "/api/v1/users/{user_id}/identities";
const PROPERTIES: &str = "/api/v1/users/{user_id}/properties";
const PROPERTY: &str = "/api/v1/users/{user_id}/properties/{property_key}";
const SESSIONS: &str = "/api/v1/users/{user_id}/sessions";
const MFA: &str = "/api/v1/users/{user_id}/mfa";
const FACTOR: &str = "/api/v1/users/{user_id}/mfa/{factor_id}";
const CLAIMS: &str = "/api/v1/users/{user_id}/refresh_claims";
const PASSWORD: &str = "/api/v1/users/{user_id}/password";
const FLAG: &str = "/api/v1/users/{user_id}/feature_flags/{feature_flag_key}";
const BILLING: &str = "/api/v1/users/{user_id}/billing_customer";

/// The operations that the tenant answers. The token endpoint is not one of them.
#[rustfmt::skip] // a table
pub static ROUTES: &[Route] = &[
    route("create_user", Method::POST, USER, 200, "create:users", BODY, h::create_user),
    route("create_user_billing_customer", Method::POST, BILLING, 200, "create:user_billing_customers", BODY, h::create_user_billing_customer),
    route("create_user_identity", Method::POST, IDENTITIES, 201, "create:user_identities", BODY, h::create_user_identity),
    route("delete_user", Method::DELETE, USER, 200, "delete:users", query(&["id", "is_delete_profile"]), h::delete_user),
    route("delete_user_sessions", Method::DELETE, SESSIONS, 200, "delete:user_sessions", NOTHING, h::delete_user_sessions),
    route("get_user_data", Method::GET, USER, 200, "read:users", query(&["id", "expand"]), h::get_user_data),
    route("get_user_identities", Method::GET, IDENTITIES, 200, "read:user_identities", query(&["starting_after", "ending_before"]), h::get_user_identities),
    route("get_user_property_values", Method::GET, PROPERTIES, 200, "read:user_properties", NOTHING, h::get_user_property_values),
    route("get_user_sessions", Method::GET, SESSIONS, 200, "read:user_sessions", NOTHING, h::get_user_sessions),
    route("get_users", Method::GET, USERS, 200, "read:users", query(LIST), h::get_users),
    route("get_users_mfa", Method::GET, MFA, 200, "read:user_mfa", NOTHING, h::get_users_mfa),
    route("refresh_user_claims", Method::POST, CLAIMS, 200, "update:user_refresh_claims", NOTHING, h::refresh_user_claims),
    route("reset_users_mfa", Method::DELETE, FACTOR, 200, "delete:user_mfa", NOTHING, h::reset_users_mfa),
    route("reset_users_mfa_all", Method::DELETE, MFA, 200, "delete:user_mfa", NOTHING, h::reset_users_mfa_all),
    route("set_user_password", Method::PUT, PASSWORD, 200, "update:user_passwords", BODY, h::set_user_password),
    route("update_user", Method::PATCH, USER, 200, "update:users", Takes { query: &["id"], body: true }, h::update_user),
    route("update_user_feature_flag_override", Method::PATCH, FLAG, 200, "update:user_feature_flags", query(&["value"]), h::update_user_feature_flag_override),
    route("update_user_properties", Method::PATCH, PROPERTIES, 200, "update:user_properties", BODY, h::update_user_properties),
    route("update_user_property", Method::PUT, PROPERTY, 200, "update:user_properties", query(&["value"]), h::update_user_property),
];

impl Route {
    /// Returns whether a 429 of the operation has an error body, by Kinde's description.
    pub(crate) fn explains_limits(&self) -> bool {
        [USER, SESSIONS, MFA, FACTOR].contains(&self.path)
    }
}

/// The names of all operations, and of the token endpoint.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.name).chain(["token"])
}

/// Asserts that an operation, or the token endpoint, has this name.
#[track_caller]
pub(crate) fn assert_named(operation: &str) {
    assert!(
        names().any(|name| name == operation),
        "no operation is named {operation:?}; the operations are: {}",
        names().collect::<Vec<_>>().join(", ")
    );
}

impl Requests {
    /// Returns the requests of one operation, or of the token endpoint if the name is `token`.
    ///
    /// # Panics
    ///
    /// Panics if no operation has this name. Otherwise a test with a misspelt name would find that
    /// no request was made.
    #[track_caller]
    pub fn of(&self, operation: &str) -> Self {
        assert_named(operation);
        Self(self.0.iter().filter(|request| request.operation == Some(operation)).cloned().collect())
    }
}

/// What a request asks for.
pub(crate) enum Target {
    Token,
    Operation(&'static Route, Vec<String>),
    Unknown,
}

impl Target {
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Token => Some("token"),
            Self::Operation(route, _) => Some(route.name),
            Self::Unknown => None,
        }
    }

    /// Returns what a request weighs while it is in flight.
    pub(crate) fn weight(&self, uri: &Uri) -> u32 {
        let Self::Operation(route, _) = self else { return 1 };
        let arguments = form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
        let expanded = arguments.filter(|(name, value)| name == "expand" && !value.is_empty());
        let expanded: usize = expanded.map(|(_, value)| value.split(',').count()).sum();
        let weight = if route.name == "get_users" { 2 } else { 1 };
        u32::try_from(expanded).unwrap_or(u32::MAX).saturating_add(weight)
    }

    /// Finds the operation of a request. A path with an empty argument has no operation.
    pub(crate) fn find(method: &Method, raw_path: &str) -> Self {
        let Some(segments) = split(raw_path) else { return Self::Unknown };
        if *method == Method::POST && segments == ["", "oauth2", "token"] {
            return Self::Token;
        }
        ROUTES
            .iter()
            .filter(|route| route.method == *method)
            .find_map(|route| Some(Self::Operation(route, arguments(route.path, &segments)?)))
            .unwrap_or(Self::Unknown)
    }
}

/// Splits a path. It is split first, and each segment is decoded once. So an encoded slash stays in
/// its segment, and no segments are removed. A path with a dot segment or a segment that is not
/// UTF-8 has no segments.
pub(crate) fn split(raw_path: &str) -> Option<Vec<String>> {
    let decoded = raw_path.split('/').map(|segment| percent_decode_str(segment).decode_utf8());
    let segments: Vec<String> =
        decoded.map(|segment| Some(segment.ok()?.into_owned())).collect::<Option<_>>()?;
    let has_dots = segments.iter().any(|segment| segment == "." || segment == "..");
    (!has_dots).then_some(segments)
}

/// Returns the arguments of a path that fits the template. None of them is empty.
pub(crate) fn arguments(template: &str, segments: &[String]) -> Option<Vec<String>> {
    let mut arguments = Vec::new();
    let mut segments = segments.iter();
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            arguments.push(segment.clone());
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        match Target::find(method, path) {
            Target::Operation(route, arguments) => Some((route.name, arguments)),
            Target::Token | Target::Unknown => None,
        }
    }

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for route in ROUTES {
            assert_eq!(found(&route.method, route.path).map(|(name, _)| name), Some(route.name));
        }
        assert_eq!(ROUTES.len(), 19);
    }

    #[test]
    fn argument_is_decoded_once_with_its_slashes() {
        let (name, arguments) = found(&Method::DELETE, "/api/v1/users/a%2F..%2Fb/mfa/%2525").unwrap();
        assert_eq!((name, arguments), ("reset_users_mfa", vec!["a/../b".to_owned(), "%25".to_owned()]));
    }

    #[test]
    fn what_is_no_route_is_not_guessed_at() {
        for path in [
            "",
            "*",
            "/",
            "/api/v1/users/",
            "/api/v1/users//mfa",
            "/api/v1/users/a/mfa/",
            "/api/v1/users/./mfa",
            "/api/v1/users/../users/a/mfa",
            "/api/v1/users/%2e%2E/mfa",
            "/api/v1/users/%ff/mfa",
            "/oauth2/token",
        ] {
            assert_eq!(found(&Method::DELETE, path), None, "{path}");
            assert_eq!(found(&Method::GET, path), None, "{path}");
        }
        assert_eq!(found(&Method::PUT, "/api/v1/users"), None);
    }
}
