use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{Cursor, PropertyId, PropertyKey, UserId};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::lenient::list;
use crate::types::redacted::Redacted;

/// Lists the property values of a user.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/users/{user_id}/properties` |
/// | Scope | `read:user_properties` |
/// | Replay | `Safe` |
/// | Reply | 200, [`PropertyValues`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 for an unknown user, 403 without the scope (often with no body), 429 over the rate limit |
///
/// ```
/// use kinde_users::operations::GetUserPropertyValues;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&GetUserPropertyValues::new("kp_1"), &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/properties");
///
/// let body = br#"{"properties":[{"key":"paid_membership","value":"true"},{"key":"kp_town","value":null}]}"#;
/// let reply = Reply::new::<GetUserPropertyValues>(http::Response::new(body.to_vec()));
/// let values = reply.parse::<GetUserPropertyValues>()?;
/// assert_eq!(values.value_of("paid_membership"), Some("true"));
/// assert_eq!(values.value_of("kp_town"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUserPropertyValues {
    user_id: UserId,
}

impl GetUserPropertyValues {
    /// Creates a request for the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into() }
    }
}

impl Operation for GetUserPropertyValues {
    const META: Meta = Meta {
        name: "get_user_property_values",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/users/{user_id}/properties"),
        scopes: &["read:user_properties"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = PropertyValues;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())
    }
}

/// The property values of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PropertyValues {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The properties.
    #[serde(default, deserialize_with = "list")]
    pub properties: Vec<PropertyValue>,
    /// Kinde's API description has this field, but the operation takes no argument for paging.
    pub next_token: Option<Cursor>,
}

impl PropertyValues {
    /// Returns the value of the property with this key. Returns `None` if the list does not contain
    /// the property, or if the property has no value.
    pub fn value_of(&self, key: &str) -> Option<&str> {
        let matches = |property: &&PropertyValue| property.key.as_ref().is_some_and(|found| found == key);
        self.properties.iter().find(matches)?.value.as_deref()
    }
}

/// A property and its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PropertyValue {
    /// The property's id.
    pub id: Option<PropertyId>,
    /// The display name of the property.
    pub name: Option<Redacted>,
    /// The description of the property.
    pub description: Option<Redacted>,
    /// The property's key.
    pub key: Option<PropertyKey>,
    /// The value as text. The text of a boolean property is `true` or `false`.
    pub value: Option<Redacted>,
}
