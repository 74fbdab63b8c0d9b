//! What an operation is.

use alloc::vec::Vec;

use http::Method;
use serde::de::DeserializeOwned;

use crate::api::path::PathTemplate;
use crate::api::request::RequestWriter;
use crate::error::call::BuildError;
use crate::operations;

/// One operation of the Management API: all that is fixed about it, and how its arguments become a request.
///
/// The operations of this crate are in [`operations`]. Any other endpoint of Kinde takes a type of your
/// own, and gets tokens and errors from the same machinery:
///
/// ```
/// use http::Method;
/// use kinde_users_core::{BuildError, Meta, Operation, PathTemplate, Replay, RequestWriter};
/// use serde::Deserialize;
///
/// struct SearchUsers<'a> {
///     query: &'a str,
/// }
///
/// #[derive(Deserialize)]
/// struct Found {
///     results: Vec<kinde_users_core::models::User>,
/// }
///
/// impl Operation for SearchUsers<'_> {
///     const META: Meta = Meta::new(
///         "search_users",
///         Method::GET,
///         PathTemplate::new("/api/v1/search/users"),
///         &["read:users"],
///         Replay::Safe,
///     );
///     type Output = Found;
///
///     fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
///         request.query("query", self.query);
///         Ok(())
///     }
/// }
/// ```
pub trait Operation {
    /// Everything about the operation that does not depend on its arguments.
    const META: Meta;

    /// What a successful reply is read as. [`Reply::parse_as`](crate::Reply::parse_as) reads it as another type.
    type Output: DeserializeOwned;

    /// Writes the arguments: path arguments in the template's order, then query pairs, then the body.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] names the argument that cannot be sent. It comes before any I/O.
    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError>;
}

/// Gives the constant [`Operation::META`] an address.
pub(crate) trait MetaRef {
    const META_REF: &'static Meta;
}

impl<O: Operation> MetaRef for O {
    const META_REF: &'static Meta = &O::META;
}

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

/// All operations of this crate, in the order of their names.
///
/// ```
/// use kinde_users_core::OPERATIONS;
///
/// for meta in OPERATIONS {
///     println!("{:6} {} needs {:?}", meta.method, meta.path.as_str(), meta.scopes);
/// }
/// ```
pub static OPERATIONS: &[Meta] = operations::ALL;

/// The scopes that a program needs which uses just these operations: sorted, each once.
///
/// ```
/// use kinde_users_core::operations::{DeleteUser, GetUserData, GetUsers};
/// use kinde_users_core::{Operation, scopes_for};
///
/// let scopes = scopes_for(&[GetUsers::META, GetUserData::META, DeleteUser::META]);
/// assert_eq!(scopes, ["delete:users", "read:users"]);
/// ```
pub fn scopes_for(operations: &[Meta]) -> Vec<&'static str> {
    let mut scopes: Vec<_> = operations.iter().flat_map(|meta| meta.scopes).copied().collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn operations_are_listed_once_each_in_the_order_of_their_names() {
        assert_eq!(OPERATIONS.len(), 19);
        assert!(OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
        let routes: BTreeSet<_> =
            OPERATIONS.iter().map(|meta| (meta.method.as_str(), meta.path.as_str())).collect();
        assert_eq!(routes.len(), OPERATIONS.len());
    }

    #[test]
    fn every_operation_needs_a_scope_and_a_read_is_a_get() {
        for meta in OPERATIONS {
            assert_eq!(meta.scopes.len(), 1, "{}", meta.name);
            assert_eq!(meta.replay == Replay::Safe, meta.method == Method::GET, "{}", meta.name);
        }
    }

    #[test]
    fn all_scopes_of_all_operations_come_once_each() {
        let scopes = scopes_for(OPERATIONS);
        assert_eq!(scopes.len(), 16);
        assert_eq!(scopes_for(&[]), Vec::<&str>::new());
    }
}
