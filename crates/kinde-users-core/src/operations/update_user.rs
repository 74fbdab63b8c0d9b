use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::UserId;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::redacted::Redacted;
use crate::types::values::Patch;

/// Changes a user: suspends it, renames it, asks for a new password.
///
/// | | |
/// |---|---|
/// | Request | `PATCH /api/v1/user` |
/// | Scope | `update:users` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`UpdatedUser`] |
/// | Refused | an id that is empty, or has a control character or an outer blank |
/// | Errors | 400 for an unknown id or a value that the service refuses, 403 without the scope, 429 over the rate limit |
///
/// Each field is [left alone](Patch::Leave), [cleared](Patch::Clear) or [set](Patch::Set). [`Patch::Clear`] sends `null`,
/// which leaves a given name or a family name as it is: once set, a name can be replaced and not removed. Whether `null`
/// clears another field is not documented: read the user back where that matters.
///
/// ```
/// use kinde_users_core::Patch;
/// use kinde_users_core::operations::UpdateUser;
/// # use kinde_users_core::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = UpdateUser::new("kp_1").is_suspended(true).given_name("Ada").picture(Patch::Clear);
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(request.method(), "PATCH");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/user?id=kp_1");
/// assert_eq!(request.body(), br#"{"given_name":"Ada","picture":null,"is_suspended":true}"#);
///
/// let body = br#"{"id":"kp_1","given_name":"Ada","is_suspended":true,"picture":null}"#;
/// let updated = Reply::new::<UpdateUser>(http::Response::new(body.to_vec())).parse::<UpdateUser>()?;
/// assert_eq!(updated.is_suspended, Some(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct UpdateUser {
    id: UserId,
    body: Body,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Patch::is_leave")]
    given_name: Patch<Redacted>,
    #[serde(skip_serializing_if = "Patch::is_leave")]
    family_name: Patch<Redacted>,
    #[serde(skip_serializing_if = "Patch::is_leave")]
    picture: Patch<Redacted>,
    #[serde(skip_serializing_if = "Patch::is_leave")]
    is_suspended: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_leave")]
    is_password_reset_requested: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_leave")]
    provided_id: Patch<Redacted>,
}

impl UpdateUser {
    /// The user with this id, all fields left alone.
    pub fn new(id: impl Into<UserId>) -> Self {
        Self { id: id.into(), body: Body::default() }
    }

    /// The given name. It cannot be cleared.
    pub fn given_name(mut self, name: impl Into<Patch<Redacted>>) -> Self {
        self.body.given_name = name.into();
        self
    }

    /// The family name. It cannot be cleared.
    pub fn family_name(mut self, name: impl Into<Patch<Redacted>>) -> Self {
        self.body.family_name = name.into();
        self
    }

    /// The URL of the profile picture.
    pub fn picture(mut self, url: impl Into<Patch<Redacted>>) -> Self {
        self.body.picture = url.into();
        self
    }

    /// Whether the user is barred from signing in. Sessions go on: end them by
    /// [`DeleteUserSessions`](crate::operations::DeleteUserSessions).
    pub fn is_suspended(mut self, is_suspended: impl Into<Patch<bool>>) -> Self {
        self.body.is_suspended = is_suspended.into();
        self
    }

    /// Whether the user has to choose a new password at the next sign-in.
    pub fn is_password_reset_requested(mut self, is_requested: impl Into<Patch<bool>>) -> Self {
        self.body.is_password_reset_requested = is_requested.into();
        self
    }

    /// The id that the user has in a system outside of Kinde.
    pub fn provided_id(mut self, id: impl Into<Patch<Redacted>>) -> Self {
        self.body.provided_id = id.into();
        self
    }
}

impl Operation for UpdateUser {
    const META: Meta = Meta {
        name: "update_user",
        method: Method::PATCH,
        path: PathTemplate::new("/api/v1/user"),
        scopes: &["update:users"],
        success: 200,
        replay: Replay::Idempotent,
    };
    type Output = UpdatedUser;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.id_query("id", self.id.as_str())?;
        request.json(&self.body)
    }
}

/// A user after a change. It has no `provided_id`, and other names than [`User`](crate::models::User).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UpdatedUser {
    /// The user's id.
    pub id: UserId,
    /// The given name.
    pub given_name: Option<Redacted>,
    /// The family name.
    pub family_name: Option<Redacted>,
    /// The preferred e-mail address.
    pub email: Option<Redacted>,
    /// Whether the user is barred from signing in.
    pub is_suspended: Option<bool>,
    /// Whether the user has to choose a new password at the next sign-in.
    pub is_password_reset_requested: Option<bool>,
    /// The URL of the profile picture.
    pub picture: Option<Redacted>,
}
