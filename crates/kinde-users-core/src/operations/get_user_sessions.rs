use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::BuildError;
use crate::types::ids::{ClientId, ConnectionId, OrganizationCode, SessionId, UserId};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::lenient::list;
use crate::types::redacted::Redacted;
use crate::types::timestamp::Timestamp;

/// Lists the active sessions of a user.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/users/{user_id}/sessions` |
/// | Scope | `read:user_sessions` |
/// | Replay | `Safe` |
/// | Reply | 200, [`UserSessions`] |
/// | Refused before sending | a user id that [is not one path segment](crate::RequestWriter::path) |
/// | Errors | 400 or 404 for an unknown user, 403 without the scope, 429 over the rate limit |
///
/// ```
/// use kinde_users::operations::GetUserSessions;
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&GetUserSessions::new("kp_1"), &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users/kp_1/sessions");
///
/// let body = br#"{"sessions":[{"session_id":"session_0x1","updated_on":"2025-04-01T13:04:20+11"}]}"#;
/// let reply = Reply::new::<GetUserSessions>(http::Response::new(body.to_vec()));
/// let sessions = reply.parse::<GetUserSessions>()?.sessions;
/// assert_eq!(sessions[0].updated_on.as_ref().unwrap().as_str(), "2025-04-01T13:04:20+11");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUserSessions {
    user_id: UserId,
}

impl GetUserSessions {
    /// Creates a request for the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self { user_id: user_id.into() }
    }
}

impl Operation for GetUserSessions {
    const META: Meta = Meta {
        name: "get_user_sessions",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/users/{user_id}/sessions"),
        scopes: &["read:user_sessions"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = UserSessions;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("user_id", self.user_id.as_str())
    }
}

/// The sessions of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserSessions {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// Whether there are more sessions. The operation takes no argument to get them.
    pub has_more: Option<bool>,
    /// The sessions.
    #[serde(default, deserialize_with = "list")]
    pub sessions: Vec<Session>,
}

/// A session of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Session {
    /// The id of the user.
    pub user_id: Option<UserId>,
    /// The organization that the user signed in to.
    pub org_code: Option<OrganizationCode>,
    /// The application that the user signed in to.
    pub client_id: Option<ClientId>,
    /// When the session expires.
    pub expires_on: Option<Timestamp>,
    /// The id of the session.
    pub session_id: Option<SessionId>,
    /// When the session began.
    pub started_on: Option<Timestamp>,
    /// When the session was last used. The offset of this time may have no minutes, as in `+11`.
    pub updated_on: Option<Timestamp>,
    /// The connection that the user signed in with.
    pub connection_id: Option<ConnectionId>,
    /// The last IP address of the session.
    pub last_ip_address: Option<Redacted>,
    /// The last user agent of the session.
    pub last_user_agent: Option<Redacted>,
    /// The first IP address of the session.
    pub initial_ip_address: Option<Redacted>,
    /// The first user agent of the session.
    pub initial_user_agent: Option<Redacted>,
}
