use http::Method;

use crate::types::build_error::BuildError;
use crate::types::ids::{PropertyKey, UserId};
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::values::Value;

/// Sets one property of a user.
///
/// | | |
/// |---|---|
/// | Request | `PUT /api/v1/users/{user_id}/properties/{property_key}` |
/// | Scope | `update:user_properties` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id or property key that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 for an unknown user or property, 403 without the scope (often with no body), 429 over the rate limit |
///
/// The request contains the value as text in the query, so proxies may log the value.
/// [`UpdateUserProperties`] sends values in the body.
///
/// [`UpdateUserProperties`]: crate::operations::UpdateUserProperties
///
/// ```
/// use kinde_users::operations::UpdateUserProperty;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&UpdateUserProperty::new("kp_1", "kp_town", "Port Moresby"), &domain, &token)?;
/// assert_eq!(request.method(), "PUT");
/// assert_eq!(
///     request.uri(),
///     "https://acme.kinde.com/api/v1/users/kp_1/properties/kp_town?value=Port%20Moresby"
/// );
/// assert_eq!(request.headers()["content-length"], "0");
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<UpdateUserProperty>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<UpdateUserProperty>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct UpdateUserProperty {
    user_id: UserId,
    property_key: PropertyKey,
    value: Value,
}

impl UpdateUserProperty {
    /// Creates a request from the user, the property, and its value.
    pub fn new(
        user_id: impl Into<UserId>,
        property_key: impl Into<PropertyKey>,
        value: impl Into<Value>,
    ) -> Self {
        Self { user_id: user_id.into(), property_key: property_key.into(), value: value.into() }
    }
}

impl Operation for UpdateUserProperty {
    const META: Meta = Meta {
        name: "update_user_property",
        method: Method::PUT,
        path: PathTemplate::new("/api/v1/users/{user_id}/properties/{property_key}"),
        scopes: &["update:user_properties"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        request.path("property_key", self.property_key.as_str())?;
        request.query("value", self.value.as_str());
        Ok(())
    }
}
