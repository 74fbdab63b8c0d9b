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
    /// The scopes that the token needs. Without these scopes, Kinde answers 403.
    pub scopes: &'static [&'static str],
    /// The documented status of a success. The client accepts any 2xx.
    pub success: u16,
    /// Whether the operation may be sent again.
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

/// Whether an operation may be sent again after a request that may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Replay {
    /// The operation only reads. It may be sent again.
    Safe,
    /// The operation has no further effect if it is sent twice. It may be sent again.
    Idempotent,
    /// The service answers a second request with a special error code, so the operation may be sent
    /// again. If an earlier attempt may have taken effect, this code proves that the earlier
    /// attempt took effect.
    RefusesRepeat {
        /// The error code that answers a repeated request.
        code: &'static str,
    },
    /// The operation is not idempotent: sending it again repeats the effect. The operation is sent
    /// again only if the first request was certainly never sent, or was refused.
    OnlyIfUnsent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_answers_200_unless_it_says_otherwise() {
        let path = PathTemplate::new("/a/{b}/c/{d}");
        let meta = Meta::new("a", Method::GET, path, &["read:a"], Replay::Safe);
        assert_eq!((meta.success, meta.name, meta.scopes), (200, "a", &["read:a"][..]));
        assert!(meta.path.parameters().eq(["b", "d"]));
    }
}
