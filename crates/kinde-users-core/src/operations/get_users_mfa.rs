use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{FactorId, UserId};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::lenient::{integer, one_or_many};
use crate::types::redacted::Redacted;
use crate::types::timestamp::Timestamp;

/// Lists the multi-factor authentication factors of a user.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/users/{user_id}/mfa` |
/// | Scope | `read:user_mfa` |
/// | Replay | `Safe` |
/// | Reply | 200, [`UsersMfa`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 or 404 for an unknown user, 403 without the scope, 429 over the rate limit |
///
/// Kinde's API description has a single factor in the reply, but a user may have several factors. A
/// single factor, a list of factors and `null` are all read as a list.
///
/// ```
/// use kinde_users::operations::GetUsersMfa;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&GetUsersMfa::new("kp_1"), &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/mfa");
///
/// let body = br#"{"code":"OK","mfa":{"id":"mfa_1","type":"email","is_verified":true}}"#;
/// let reply = Reply::new::<GetUsersMfa>(http::Response::new(body.to_vec()));
/// assert_eq!(reply.parse::<GetUsersMfa>()?.mfa[0].id.as_ref().unwrap(), &"mfa_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUsersMfa {
    user_id: UserId,
}

impl GetUsersMfa {
    /// Creates a request for the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into() }
    }
}

impl Operation for GetUsersMfa {
    const META: Meta = Meta {
        name: "get_users_mfa",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/users/{user_id}/mfa"),
        scopes: &["read:user_mfa"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = UsersMfa;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())
    }
}

/// The factors of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UsersMfa {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The factors. The list is empty if the user has no factors.
    #[serde(default, deserialize_with = "one_or_many")]
    pub mfa: Vec<MfaFactor>,
}

/// A multi-factor authentication factor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct MfaFactor {
    /// The id of the factor.
    pub id: Option<FactorId>,
    /// The type of the factor: e-mail, SMS or an authenticator application.
    #[serde(rename = "type")]
    pub kind: Option<Redacted>,
    /// When the factor was set up.
    pub created_on: Option<Timestamp>,
    /// The e-mail address or phone number.
    pub name: Option<Redacted>,
    /// Whether the user has proved to own the factor.
    pub is_verified: Option<bool>,
    /// How often the factor was used.
    #[serde(default, deserialize_with = "integer")]
    pub usage_count: Option<i64>,
    /// When the factor was last used.
    pub last_used_on: Option<Timestamp>,
}
