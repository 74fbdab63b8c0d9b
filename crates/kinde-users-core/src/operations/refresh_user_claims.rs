use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::UserId;
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

/// Refreshes the claims of a user, for instance after a change of roles.
///
/// | | |
/// |---|---|
/// | Request | `POST /api/v1/users/{user_id}/refresh_claims` |
/// | Scope | `update:user_refresh_claims` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 for an unknown user, 403 without the scope, 429 over the rate limit (often with no body) |
///
/// The request is a POST without a body.
///
/// ```
/// use kinde_users::operations::RefreshUserClaims;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&RefreshUserClaims::new("kp_1"), &domain, &token)?;
/// assert_eq!(request.method(), "POST");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/refresh_claims");
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<RefreshUserClaims>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<RefreshUserClaims>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct RefreshUserClaims {
    user_id: UserId,
}

impl RefreshUserClaims {
    /// Creates a request for the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into() }
    }
}

impl Operation for RefreshUserClaims {
    const META: Meta = Meta {
        name: "refresh_user_claims",
        method: Method::POST,
        path: PathTemplate::new("/api/v1/users/{user_id}/refresh_claims"),
        scopes: &["update:user_refresh_claims"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())
    }
}
