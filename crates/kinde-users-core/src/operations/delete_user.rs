use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::UserId;
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

/// Deletes a user.
///
/// | | |
/// |---|---|
/// | Request | `DELETE /api/v1/user` |
/// | Scope | `delete:users` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | an id that is empty, contains a control character, or begins or ends with a blank |
/// | Errors | 400 for an unknown id, 403 without the scope, 429 over the rate limit |
///
/// Unless [`is_delete_profile`](Self::is_delete_profile) is set, Kinde keeps the profile of the
/// user. The profile then also stays in Kinde's list of subscribers. To erase a user, run the job
/// [`Erase`](crate::Erase), or end the sessions with
/// [`DeleteUserSessions`](crate::operations::DeleteUserSessions) before you delete the user.
///
/// ```
/// use kinde_users::operations::DeleteUser;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&DeleteUser::new("kp_1").is_delete_profile(true), &domain, &token)?;
/// assert_eq!(request.method(), "DELETE");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/user?id=kp_1&is_delete_profile=true");
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let deleted = Reply::new::<DeleteUser>(http::Response::new(body.to_vec())).parse::<DeleteUser>()?;
/// assert_eq!(deleted.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct DeleteUser {
    id: UserId,
    is_delete_profile: Option<bool>,
}

impl DeleteUser {
    /// Creates a request for the user with this id.
    pub fn new(id: impl Into<UserId>) -> Self {
        Self { id: id.into(), is_delete_profile: None }
    }

    /// Sets whether to also delete the profile and all data of the user from Kinde.
    pub fn is_delete_profile(mut self, is_delete_profile: bool) -> Self {
        self.is_delete_profile = Some(is_delete_profile);
        self
    }
}

impl Operation for DeleteUser {
    const META: Meta = Meta {
        name: "delete_user",
        method: Method::DELETE,
        path: PathTemplate::new("/api/v1/user"),
        scopes: &["delete:users"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.id_query("id", self.id.as_str())?;
        if let Some(is_delete_profile) = self.is_delete_profile {
            request.bool_query("is_delete_profile", is_delete_profile);
        }
        Ok(())
    }
}
