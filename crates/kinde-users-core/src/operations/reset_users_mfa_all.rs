use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::UserId;
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

/// Resets all multi-factor authentication factors of a user. The user then sets up the factors
/// again.
///
/// | | |
/// |---|---|
/// | Request | `DELETE /api/v1/users/{user_id}/mfa` |
/// | Scope | `delete:user_mfa` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 or 404 for an unknown user, 403 without the scope, 429 over the rate limit |
///
/// [`ResetUsersMfa`](crate::operations::ResetUsersMfa) resets a single factor.
///
/// ```
/// use kinde_users::operations::ResetUsersMfaAll;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&ResetUsersMfaAll::new("kp_1"), &domain, &token)?;
/// assert_eq!(request.method(), "DELETE");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/mfa");
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<ResetUsersMfaAll>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<ResetUsersMfaAll>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct ResetUsersMfaAll {
    user_id: UserId,
}

impl ResetUsersMfaAll {
    /// Creates a request for the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into() }
    }
}

impl Operation for ResetUsersMfaAll {
    const META: Meta = Meta {
        name: "reset_users_mfa_all",
        method: Method::DELETE,
        path: PathTemplate::new("/api/v1/users/{user_id}/mfa"),
        scopes: &["delete:user_mfa"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())
    }
}
