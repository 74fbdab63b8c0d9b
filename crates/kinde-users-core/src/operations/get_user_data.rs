use alloc::vec::Vec;

use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::UserId;
use crate::models::user::User;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::operations::expand::Expand;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

/// Gets a user by id.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/user` |
/// | Scope | `read:users` |
/// | Replay | `Safe` |
/// | Reply | 200, [`User`] |
/// | Refused before sending | an id that is empty, contains a control character, or begins or ends with a blank |
/// | Errors | 400 with `USER_INVALID` for an unknown id (a recorded reply has both `USER_INVALID` and `ID_REQUIRED`), 403 without the scope, 429 over the rate limit |
///
/// Kinde does not document whether the status for a deleted user is 400 or 404.
///
/// ```
/// use kinde_users::operations::{Expand, GetUserData};
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = GetUserData::new("kp_1").expand(Expand::Organizations).expand(Expand::Billing);
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/user?id=kp_1&expand=organizations%2Cbilling");
///
/// let body = br#"{"id":"kp_1","preferred_email":"ada@example.com","organizations":["org_1"]}"#;
/// let user = Reply::new::<GetUserData>(http::Response::new(body.to_vec())).parse::<GetUserData>()?;
/// assert_eq!(user.email(), Some("ada@example.com"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUserData {
    id: UserId,
    expand: Vec<Expand>,
}

impl GetUserData {
    /// Creates a request for the user with this id.
    pub fn new(id: impl Into<UserId>) -> Self {
        Self { id: id.into(), expand: Vec::new() }
    }

    /// Asks the service to include more data about the user: organizations, identities or billing.
    pub fn expand(mut self, expand: impl Into<Expand>) -> Self {
        self.expand.push(expand.into());
        self
    }
}

impl Operation for GetUserData {
    const META: Meta = Meta {
        name: "get_user_data",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/user"),
        scopes: &["read:users"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = User;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.id_query("id", self.id.as_str())?;
        request.query_list("expand", &self.expand)
    }
}
