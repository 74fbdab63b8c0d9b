//! The constant properties of an operation.

use http::Method;

use crate::api::path::PathTemplate;

/// Everything about an operation that does not depend on its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Meta {
    /// The operation's name, as in Kinde's documentation (`get_users`).
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below the origin of the tenant.
    pub path: PathTemplate,
    /// The scopes that the token needs; Kinde answers 403 without them.
    pub scopes: &'static [&'static str],
    /// The documented status of a success. The client accepts any 2xx.
    pub success: u16,
    /// Whether it may be sent twice.
    pub replay: Replay,
}

impl Meta {
    /// Creates the properties of an operation that answers 200.
    pub const fn new(
        name: &'static str,
        method: Method,
        path: PathTemplate,
        scopes: &'static [&'static str],
        replay: Replay,
    ) -> Self {
        Self { name, method, path, scopes, success: 200, replay }
    }
}

/// The effect of sending an operation again if it is not known whether the first request arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It only reads. It may be sent again.
    Safe,
    /// Idempotent. It may be sent again.
    Idempotent,
    /// The service refuses a repeat with a special error code, so it may be sent again. If an
    /// earlier attempt may have taken effect, this code says that it did.
    RefusesRepeat {
        /// The error code of a repeat.
        code: &'static str,
    },
    /// Not idempotent: sending it again repeats the effect. It is sent again only if the first
    /// request was certainly never sent, or was refused.
    OnlyIfUnsent,
}
