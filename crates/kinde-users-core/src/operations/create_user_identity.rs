use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{ConnectionId, IdentityId, UserId};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::redacted::Redacted;

/// Adds an identity to a user.
///
/// | | |
/// |---|---|
/// | Request | `POST /api/v1/users/{user_id}/identities` |
/// | Scope | `create:user_identities` |
/// | Replay | `OnlyIfUnsent` |
/// | Reply | 201, [`CreatedIdentity`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 for an unknown user or an identity that another user has, 403 without the scope (often with no body), 429 over the rate limit |
///
/// The operation is not idempotent. Each type of identity has a constructor, which takes the
/// arguments that the service requires for this type.
///
/// ```
/// use kinde_users::operations::CreateUserIdentity;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = CreateUserIdentity::phone("kp_1", "0412345678", "au");
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/identities");
/// assert_eq!(request.body(), br#"{"value":"0412345678","type":"phone","phone_country_id":"au"}"#);
///
/// let body = br#"{"message":"Success","code":"OK","identity":{"id":"identity_1"}}"#;
/// let reply = Reply::new::<CreateUserIdentity>(http::Response::new(body.to_vec()));
/// let created = reply.parse::<CreateUserIdentity>()?;
/// assert_eq!(created.identity.and_then(|identity| identity.id).unwrap(), "identity_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct CreateUserIdentity {
    user_id: UserId,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Body {
    value: Redacted,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_country_id: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<ConnectionId>,
}

impl CreateUserIdentity {
    /// Adds an e-mail address.
    pub fn email(user_id: impl Into<UserId>, email: impl Into<Redacted>) -> Self {
        Self::of(user_id.into(), email.into(), "email")
    }

    /// Adds a user name.
    pub fn username(user_id: impl Into<UserId>, username: impl Into<Redacted>) -> Self {
        Self::of(user_id.into(), username.into(), "username")
    }

    /// Adds a phone number. The country of the number is, for instance, `au`.
    pub fn phone(
        user_id: impl Into<UserId>,
        phone: impl Into<Redacted>,
        phone_country_id: impl Into<Redacted>,
    ) -> Self {
        let mut operation = Self::of(user_id.into(), phone.into(), "phone");
        operation.body.phone_country_id = Some(phone_country_id.into());
        operation
    }

    /// Adds the user's id at a social connection.
    pub fn social(
        user_id: impl Into<UserId>,
        identity: impl Into<Redacted>,
        connection_id: impl Into<ConnectionId>,
    ) -> Self {
        let mut operation = Self::of(user_id.into(), identity.into(), "social");
        operation.body.connection_id = Some(connection_id.into());
        operation
    }

    /// Adds the user's id at an enterprise connection.
    pub fn enterprise(
        user_id: impl Into<UserId>,
        identity: impl Into<Redacted>,
        connection_id: impl Into<ConnectionId>,
    ) -> Self {
        let mut operation = Self::social(user_id, identity, connection_id);
        operation.body.kind = "enterprise";
        operation
    }

    fn of(user_id: UserId, value: Redacted, kind: &'static str) -> Self {
        Self { user_id, body: Body { value, kind, phone_country_id: None, connection_id: None } }
    }
}

impl Operation for CreateUserIdentity {
    const META: Meta = Meta {
        name: "create_user_identity",
        method: Method::POST,
        path: PathTemplate::new("/api/v1/users/{user_id}/identities"),
        scopes: &["create:user_identities"],
        success: 201,
        replay: Replay::OnlyIfUnsent,
    };
    type Output = CreatedIdentity;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        request.json(&self.body)
    }
}

/// The reply to [`CreateUserIdentity`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedIdentity {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The new identity.
    pub identity: Option<CreatedIdentityId>,
}

/// A new identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedIdentityId {
    /// The id of the identity.
    pub id: Option<IdentityId>,
}
