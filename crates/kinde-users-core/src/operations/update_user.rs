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

/// Updates a user, for instance to suspend the user, change a name, or request a new password.
///
/// | | |
/// |---|---|
/// | Request | `PATCH /api/v1/user` |
/// | Scope | `update:users` |
/// | Replay | `Idempotent` |
/// | Reply | 200, [`UpdatedUser`] |
/// | Refused before sending | an id that is empty, contains a control character, or begins or ends with a blank |
/// | Errors | 400 for an unknown id or a value that is not valid, 403 without the scope, 429 over the rate limit |
///
/// For each field, you can choose to [leave it unchanged](Patch::Leave), to [clear
/// it](Patch::Clear) or to [set it](Patch::Set). [`Patch::Clear`] sends `null`. `null` has no
/// effect on `given_name` and `family_name`. You can replace these names, but you cannot remove
/// them. Kinde does not document whether `null` clears the other fields. If you have to be sure,
/// get the user again after the update.
///
/// ```
/// use kinde_users::Patch;
/// use kinde_users::operations::UpdateUser;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
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
    /// Creates a request that changes no field of the user with this id.
    pub fn new(id: impl Into<UserId>) -> Self {
        Self { id: id.into(), body: Body::default() }
    }

    /// Sets the given name. The given name cannot be cleared.
    pub fn given_name(mut self, name: impl Into<Patch<Redacted>>) -> Self {
        self.body.given_name = name.into();
        self
    }

    /// Sets the family name. The family name cannot be cleared.
    pub fn family_name(mut self, name: impl Into<Patch<Redacted>>) -> Self {
        self.body.family_name = name.into();
        self
    }

    /// Sets the URL of the profile picture.
    pub fn picture(mut self, url: impl Into<Patch<Redacted>>) -> Self {
        self.body.picture = url.into();
        self
    }

    /// Sets whether the user is suspended and cannot sign in. The sessions of a suspended user
    /// continue. To end the sessions, use
    /// [`DeleteUserSessions`](crate::operations::DeleteUserSessions).
    pub fn is_suspended(mut self, is_suspended: impl Into<Patch<bool>>) -> Self {
        self.body.is_suspended = is_suspended.into();
        self
    }

    /// Sets whether the user must choose a new password at the next sign-in.
    pub fn is_password_reset_requested(mut self, is_requested: impl Into<Patch<bool>>) -> Self {
        self.body.is_password_reset_requested = is_requested.into();
        self
    }

    /// Sets the id that the user has in another system.
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

/// A user after an update. This type has no `provided_id`, and some fields have other names than in
/// [`User`](crate::models::User).
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
    /// Whether the user is suspended and cannot sign in.
    pub is_suspended: Option<bool>,
    /// Whether the user must choose a new password at the next sign-in.
    pub is_password_reset_requested: Option<bool>,
    /// The URL of the profile picture.
    pub picture: Option<Redacted>,
}
