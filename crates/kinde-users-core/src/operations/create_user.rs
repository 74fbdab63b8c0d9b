use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{OrganizationCode, UserId};
use crate::models::identity_type::IdentityType;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::lenient::list;
use crate::types::redacted::Redacted;

/// Creates a user, with any number of identities.
///
/// | | |
/// |---|---|
/// | Request | `POST /api/v1/user` |
/// | Scope | `create:users` |
/// | Replay | `OnlyIfUnsent` |
/// | Reply | 200, [`CreatedUser`] |
/// | Errors | 400 if the service refuses a value, such as an identity that another user has; 403 without the scope; 429 over the rate limit |
///
/// The operation is not idempotent. If you send the operation again, the service creates a second
/// user, unless the service refuses an identity because the first user already has it. After an
/// error whose effect is [`Possible`](crate::Effect::Possible), search for the user before you send
/// the operation again.
///
/// ```
/// use kinde_users::operations::{CreateUser, NewIdentity};
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = CreateUser::new()
///     .given_name("Ada")
///     .identity(NewIdentity::email("ada@example.com").is_verified(true));
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/user");
/// assert_eq!(
///     request.body(),
///     br#"{"profile":{"given_name":"Ada"},"identities":[{"type":"email","is_verified":true,"details":{"email":"ada@example.com"}}]}"#
/// );
///
/// let body = br#"{"id":"kp_1","created":true,"identities":[{"type":"email","result":{"created":true}}]}"#;
/// let created = Reply::new::<CreateUser>(http::Response::new(body.to_vec())).parse::<CreateUser>()?;
/// assert_eq!(created.id, "kp_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct CreateUser {
    body: Body,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Profile::is_empty")]
    profile: Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_code: Option<OrganizationCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provided_id: Option<Redacted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identities: Vec<NewIdentity>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<Redacted>,
}

impl Profile {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CreateUser {
    /// Creates a request for a user without any data. The service assigns the id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the given name.
    pub fn given_name(mut self, name: impl Into<Redacted>) -> Self {
        self.body.profile.given_name = Some(name.into());
        self
    }

    /// Sets the family name.
    pub fn family_name(mut self, name: impl Into<Redacted>) -> Self {
        self.body.profile.family_name = Some(name.into());
        self
    }

    /// Sets the URL of the profile picture.
    pub fn picture(mut self, url: impl Into<Redacted>) -> Self {
        self.body.profile.picture = Some(url.into());
        self
    }

    /// Adds the user to an organization.
    pub fn organization_code(mut self, code: impl Into<OrganizationCode>) -> Self {
        self.body.organization_code = Some(code.into());
        self
    }

    /// Sets the id that the user has in another system.
    pub fn provided_id(mut self, id: impl Into<Redacted>) -> Self {
        self.body.provided_id = Some(id.into());
        self
    }

    /// Adds an identity.
    pub fn identity(mut self, identity: NewIdentity) -> Self {
        self.body.identities.push(identity);
        self
    }
}

/// An identity of a new user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[must_use]
pub struct NewIdentity {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_verified: Option<bool>,
    details: Details,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_country_id: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Redacted>,
}

impl NewIdentity {
    /// Creates an identity with an e-mail address.
    pub fn email(email: impl Into<Redacted>) -> Self {
        Self::of("email", Details { email: Some(email.into()), ..Details::default() })
    }

    /// Creates an identity with a phone number. Unless the number is in international form
    /// (E.164), also set its [country](Self::phone_country_id).
    pub fn phone(phone: impl Into<Redacted>) -> Self {
        Self::of("phone", Details { phone: Some(phone.into()), ..Details::default() })
    }

    /// Creates an identity with a user name.
    pub fn username(username: impl Into<Redacted>) -> Self {
        Self::of("username", Details { username: Some(username.into()), ..Details::default() })
    }

    /// Sets the country of the phone number, such as `au`.
    pub fn phone_country_id(mut self, country: impl Into<Redacted>) -> Self {
        self.details.phone_country_id = Some(country.into());
        self
    }

    /// Sets whether the e-mail address or phone number counts as verified.
    pub fn is_verified(mut self, is_verified: bool) -> Self {
        self.is_verified = Some(is_verified);
        self
    }

    fn of(kind: &'static str, details: Details) -> Self {
        Self { kind, is_verified: None, details }
    }
}

impl Operation for CreateUser {
    const META: Meta = Meta {
        name: "create_user",
        method: Method::POST,
        path: PathTemplate::new("/api/v1/user"),
        scopes: &["create:users"],
        success: 200,
        replay: Replay::OnlyIfUnsent,
    };
    type Output = CreatedUser;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.json(&self.body)
    }
}

/// The reply to [`CreateUser`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedUser {
    /// The new user's id.
    pub id: UserId,
    /// Whether the user was created.
    pub created: Option<bool>,
    /// The outcome for each identity.
    #[serde(default, deserialize_with = "list")]
    pub identities: Vec<CreatedUserIdentity>,
}

/// The outcome for one identity of a new user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedUserIdentity {
    /// The identity's type.
    #[serde(rename = "type")]
    pub kind: Option<IdentityType>,
    /// The outcome for the identity.
    pub result: Option<CreatedUserIdentityResult>,
}

/// The outcome for an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CreatedUserIdentityResult {
    /// Whether the identity was created.
    pub created: Option<bool>,
}
