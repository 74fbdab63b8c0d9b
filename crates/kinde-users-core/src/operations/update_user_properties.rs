use alloc::vec::Vec;

use http::Method;
use serde::ser::{SerializeMap, Serializer};
use serde::Serialize;

use crate::types::build_error::{BuildError, Problem};
use crate::types::ids::{PropertyKey, UserId};
use crate::models::success::Success;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::values::{Patch, Value};

/// Sets any number of properties of a user.
///
/// | | |
/// |---|---|
/// | Request | `PATCH /api/v1/users/{user_id}/properties` |
/// | Scope | `update:user_properties` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`Success`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path); an empty property key |
/// | Errors | 400 for an unknown user or property, 403 without the scope (often with no body), 429 over the rate limit |
///
/// Properties that the request does not contain keep their values. Kinde does not document whether
/// `null` clears a property.
///
/// ```
/// use kinde_users::operations::UpdateUserProperties;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = UpdateUserProperties::new("kp_1")
///     .property("kp_usr_industry", "Construction")
///     .property("paid_membership", true)
///     .clear_property("kp_town");
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/properties");
/// assert_eq!(
///     request.body(),
///     br#"{"properties":{"kp_usr_industry":"Construction","paid_membership":"true","kp_town":null}}"#
/// );
///
/// let body = br#"{"message":"Success","code":"OK"}"#;
/// let reply = Reply::new::<UpdateUserProperties>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<UpdateUserProperties>()?.code.as_deref(), Some("OK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct UpdateUserProperties {
    user_id: UserId,
    body: Body,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
struct Body {
    properties: Properties,
}

/// The properties in the order in which they were set, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Properties(Vec<(PropertyKey, Patch<Value>)>);

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl UpdateUserProperties {
    /// Creates a request that changes no property of the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into(), body: Body::default() }
    }

    /// Sets a property. If you set a key several times, the last value is sent.
    pub fn property(self, key: impl Into<PropertyKey>, value: impl Into<Value>) -> Self {
        self.with(key.into(), Patch::Set(value.into()))
    }

    /// Clears a property by setting it to `null`.
    pub fn clear_property(self, key: impl Into<PropertyKey>) -> Self {
        self.with(key.into(), Patch::Clear)
    }

    fn with(mut self, key: PropertyKey, value: Patch<Value>) -> Self {
        let properties = &mut self.body.properties.0;
        match properties.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => properties.push((key, value)),
        }
        self
    }
}

impl Operation for UpdateUserProperties {
    const META: Meta = Meta {
        name: "update_user_properties",
        method: Method::PATCH,
        path: PathTemplate::new("/api/v1/users/{user_id}/properties"),
        scopes: &["update:user_properties"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = Success;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        if self.body.properties.0.iter().any(|(key, _)| key.as_str().is_empty()) {
            return Err(request.refuse("properties", Problem::Empty));
        }
        request.json(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_values_for_one_key_the_last_one_counts() {
        let operation = UpdateUserProperties::new("kp_1").property("a", 1).property("b", 2).clear_property("a");
        assert_eq!(serde_json::to_string(&operation.body).unwrap(), r#"{"properties":{"a":null,"b":"2"}}"#);
    }
}
