use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::{FeatureFlagKey, UserId};
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::values::Value;

/// Overrides the value of a feature flag for one user.
///
/// | | |
/// |---|---|
/// | Request | `PATCH /api/v1/users/{user_id}/feature_flags/{feature_flag_key}` |
/// | Scope | `update:user_feature_flags` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id or flag key that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 for an unknown user or flag, 403 without the scope (often with no body), 429 over the rate limit |
///
/// The request contains the value as text in the query.
///
/// ```
/// use kinde_users::operations::UpdateUserFeatureFlagOverride;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = UpdateUserFeatureFlagOverride::new("kp_1", "dark_mode", true);
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.method(), "PATCH");
/// assert_eq!(
///     request.uri(),
///     "https://acme.kinde.com/api/v1/users/kp_1/feature_flags/dark_mode?value=true"
/// );
/// assert_eq!(request.headers()["content-length"], "0");
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<UpdateUserFeatureFlagOverride>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<UpdateUserFeatureFlagOverride>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct UpdateUserFeatureFlagOverride {
    user_id: UserId,
    feature_flag_key: FeatureFlagKey,
    value: Value,
}

impl UpdateUserFeatureFlagOverride {
    /// Creates a request from the user, the flag, and the value for that user.
    pub fn new(
        user_id: impl Into<UserId>,
        feature_flag_key: impl Into<FeatureFlagKey>,
        value: impl Into<Value>,
    ) -> Self {
        Self { user_id: user_id.into(), feature_flag_key: feature_flag_key.into(), value: value.into() }
    }
}

impl Operation for UpdateUserFeatureFlagOverride {
    const META: Meta = Meta {
        name: "update_user_feature_flag_override",
        method: Method::PATCH,
        path: PathTemplate::new("/api/v1/users/{user_id}/feature_flags/{feature_flag_key}"),
        scopes: &["update:user_feature_flags"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        request.path("feature_flag_key", self.feature_flag_key.as_str())?;
        request.query("value", self.value.as_str());
        Ok(())
    }
}
