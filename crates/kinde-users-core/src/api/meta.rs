//! What is fixed about an operation.

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
    /// The path below the tenant's origin.
    pub path: PathTemplate,
    /// The scopes that the token needs; Kinde answers 403 without them.
    pub scopes: &'static [&'static str],
    /// The status that the documentation promises. The client takes any 2xx for a success.
    pub success: u16,
    /// What sending it twice does.
    pub replay: Replay,
}

impl Meta {
    /// An operation that answers 200, for constants.
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

/// What sending an operation a second time does, where nobody knows whether the first one arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It only reads. Send it again at will.
    Safe,
    /// Twice has the effect of once.
    Idempotent,
    /// A repeat is harmless, because the service refuses it with a special error code. Send it again at will. If an
    /// earlier attempt may have taken effect, this code says that it did.
    RefusesRepeat {
        /// The error code of a repeat.
        code: &'static str,
    },
    /// Twice does it twice. Send it again only when the first one certainly never left, or was refused.
    OnlyIfUnsent,
}
