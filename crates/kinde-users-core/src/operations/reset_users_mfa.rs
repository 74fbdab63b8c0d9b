use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::{FactorId, UserId};
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;

/// Resets one multi-factor authentication factor of a user, for instance after the
/// user lost a phone.
///
/// | | |
/// |---|---|
/// | Request | `DELETE /api/v1/users/{user_id}/mfa/{factor_id}` |
/// | Scope | `delete:user_mfa` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id or factor id that [is not one path segment](crate::RequestWriter::path); a request with an empty factor id would reset all factors |
/// | Errors | 400 or 404 for an unknown user or factor, 403 without the scope, 429 over the rate limit |
///
/// ```
/// use kinde_users::operations::ResetUsersMfa;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&ResetUsersMfa::new("kp_1", "mfa_1"), &domain, &token)?;
/// assert_eq!(request.method(), "DELETE");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/mfa/mfa_1");
/// assert!(build_request(&ResetUsersMfa::new("kp_1", ""), &domain, &token).is_err());
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<ResetUsersMfa>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<ResetUsersMfa>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct ResetUsersMfa {
    user_id: UserId,
    factor_id: FactorId,
}

impl ResetUsersMfa {
    /// Creates a request for this factor of this user.
    pub fn new(user_id: impl Into<UserId>, factor_id: impl Into<FactorId>) -> Self {
        Self { user_id: user_id.into(), factor_id: factor_id.into() }
    }
}

impl Operation for ResetUsersMfa {
    const META: Meta = Meta {
        name: "reset_users_mfa",
        method: Method::DELETE,
        path: PathTemplate::new("/api/v1/users/{user_id}/mfa/{factor_id}"),
        scopes: &["delete:user_mfa"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        request.path("factor_id", self.factor_id.as_str())
    }
}
