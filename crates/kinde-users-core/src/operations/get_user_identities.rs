use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{ConnectionId, Cursor, IdentityId, UserId};
use crate::models::identity_type::IdentityType;
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::paginated::Paginated;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::lenient::{integer, list};
use crate::types::redacted::Redacted;
use crate::types::timestamp::Timestamp;

/// Lists the identities of a user, page by page.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/users/{user_id}/identities` |
/// | Scope | `read:user_identities` |
/// | Replay | `Safe` |
/// | Reply | 200, [`UserIdentities`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path); an empty cursor |
/// | Errors | 400 for an unknown user, 403 without the scope (often with no body), 429 over the rate limit |
///
/// The service chooses the size of a page.
///
/// ```
/// use kinde_users::models::IdentityType;
/// use kinde_users::operations::GetUserIdentities;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = GetUserIdentities::new("kp_1").starting_after("identity_1");
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(
///     request.uri(),
///     "https://acme.kinde.com/api/v1/users/kp_1/identities?starting_after=identity_1"
/// );
///
/// let body = br#"{"code":"OK","identities":[{"id":"identity_2","type":"oauth2:google"}],"has_more":false}"#;
/// let reply = Reply::new::<GetUserIdentities>(http::Response::new(body.to_vec()));
/// let page = reply.parse::<GetUserIdentities>()?;
/// assert_eq!(page.identities[0].kind, Some(IdentityType::Google));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUserIdentities {
    user_id: UserId,
    cursor: Option<(&'static str, IdentityId)>,
}

impl GetUserIdentities {
    /// Creates a request for the first page of identities of this user.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into(), cursor: None }
    }

    /// Requests the page that starts after this identity. This setting replaces
    /// [`ending_before`](Self::ending_before).
    pub fn starting_after(mut self, identity: impl Into<IdentityId>) -> Self {
        self.cursor = Some(("starting_after", identity.into()));
        self
    }

    /// Requests the page that ends before this identity. This setting replaces
    /// [`starting_after`](Self::starting_after).
    pub fn ending_before(mut self, identity: impl Into<IdentityId>) -> Self {
        self.cursor = Some(("ending_before", identity.into()));
        self
    }
}

impl Operation for GetUserIdentities {
    const META: Meta = Meta {
        name: "get_user_identities",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/users/{user_id}/identities"),
        scopes: &["read:user_identities"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = UserIdentities;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())?;
        match &self.cursor {
            Some((name, identity)) => request.required_query(name, identity.as_str()),
            None => Ok(()),
        }
    }
}

impl Paginated for GetUserIdentities {
    type Item = Identity;

    /// Requests the page at this cursor. The walk goes backwards if the operation requests a page
    /// that ends before an identity. Otherwise the walk goes forwards.
    fn at(mut self, cursor: Cursor) -> Self {
        let direction = self.cursor.map_or("starting_after", |(direction, _)| direction);
        self.cursor = Some((direction, cursor.as_str().into()));
        self
    }

    fn next(&self, page: &UserIdentities) -> Option<Cursor> {
        page.has_more.filter(|has_more| *has_more)?;
        let is_backwards = self.cursor.as_ref().is_some_and(|(direction, _)| *direction == "ending_before");
        let outermost = if is_backwards { page.identities.first() } else { page.identities.last() };
        // There is more, but no identity to continue from. The list does not advance, so the cursor
        // stays the same.
        let id = outermost.and_then(|identity| identity.id.as_ref().map(IdentityId::as_str));
        id.map(Cursor::from).or_else(|| Paginated::cursor(self)).or_else(|| Some("".into()))
    }

    fn items(page: UserIdentities) -> Vec<Identity> {
        page.identities
    }

    fn cursor(&self) -> Option<Cursor> {
        self.cursor.as_ref().map(|(_, identity)| identity.as_str().into())
    }
}

/// A page of identities.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserIdentities {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The identities.
    #[serde(default, deserialize_with = "list")]
    pub identities: Vec<Identity>,
    /// Whether more identities follow.
    pub has_more: Option<bool>,
}

/// An identity of a user, which is a way to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Identity {
    /// The id of the identity.
    pub id: Option<IdentityId>,
    /// The type of the identity.
    #[serde(rename = "type")]
    pub kind: Option<IdentityType>,
    /// Whether the user has proved to own the identity.
    pub is_confirmed: Option<bool>,
    /// When the identity was created.
    pub created_on: Option<Timestamp>,
    /// When the identity was last used to sign in.
    pub last_login_on: Option<Timestamp>,
    /// How often the identity was used to sign in.
    #[serde(default, deserialize_with = "integer")]
    pub total_logins: Option<i64>,
    /// The e-mail address, the phone number in E.164 form, the user name, or the user's id at the
    /// connection.
    pub name: Option<Redacted>,
    /// The e-mail address that belongs to the identity.
    pub email: Option<Redacted>,
    /// The social or enterprise connection. Kinde added this field to its API description later
    /// than the other fields.
    pub connection_id: Option<ConnectionId>,
    /// Whether this is the primary identity of the user.
    pub is_primary: Option<bool>,
}
