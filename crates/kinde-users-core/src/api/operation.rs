//! The trait of operations.

use serde::de::DeserializeOwned;

use crate::api::meta::Meta;
use crate::api::request_writer::RequestWriter;
use crate::types::build_error::BuildError;

/// An operation of the Management API: its constant properties, and how its arguments become a
/// request.
///
/// The operations of this crate are in [`operations`](crate::operations). For any other endpoint of
/// Kinde, implement this trait for your own type. Tokens, retries and errors then work in the same
/// way:
///
/// ```
/// use http::Method;
/// use kinde_users::{BuildError, Meta, Operation, PathTemplate, Replay, RequestWriter};
/// use serde::Deserialize;
///
/// struct SearchUsers<'a> {
///     query: &'a str,
/// }
///
/// #[derive(Deserialize)]
/// struct Found {
///     results: Vec<kinde_users::models::User>,
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

    /// The type of a successful reply. To read a reply as another type, use
    /// [`Reply::parse_as`](crate::Reply::parse_as).
    type Output: DeserializeOwned;

    /// Writes the arguments: the path arguments in the order of the template, then the query pairs,
    /// then the body.
    ///
    /// # Errors
    ///
    /// Returns a [`BuildError`] that names the argument that cannot be sent. In this case, nothing
    /// is sent.
    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError>;
}

/// Gives the constant [`Operation::META`] an address.
pub(crate) trait MetaRef {
    const META_REF: &'static Meta;
}

impl<O: Operation> MetaRef for O {
    const META_REF: &'static Meta = &O::META;
}
