use alloc::vec::Vec;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::types::build_error::{BuildError, Problem};
use crate::types::ids::{Cursor, UserId};
use crate::models::user::{User, listed_users};
use crate::api::meta::{Meta, Replay};
use crate::api::operation::Operation;
use crate::operations::expand::Expand;
use crate::api::paginated::Paginated;
use crate::api::path::PathTemplate;
use crate::api::request_writer::RequestWriter;
use crate::types::redacted::Redacted;
use crate::types::timestamp::Timestamp;

/// Lists users page by page, with optional filters.
///
/// | | |
/// |---|---|
/// | Request | `GET /api/v1/users` |
/// | Scope | `read:users` |
/// | Replay | `Safe` |
/// | Reply | 200, [`UsersPage`] |
/// | Refused before sending | a `page_size` that is not 1 to 500; a filter value that is empty or contains a comma; an `active_since` that is not a date-time |
/// | Errors | 400 if the service refuses an argument, 403 without the scope, 429 over the rate limit |
///
/// ```
/// use kinde_users::operations::{Expand, GetUsers};
/// # use kinde_users::{AccessToken, Domain, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let operation = GetUsers::new().page_size(500).email("ada@example.com").expand(Expand::Identities);
/// let request = build_request(&operation, &domain, &token)?;
/// assert_eq!(
///     request.uri(),
///     "https://acme.kinde.com/api/v1/users?page_size=500&email=ada%40example.com&expand=identities"
/// );
///
/// let body = br#"{"code":"OK","message":"Success","users":[{"id":"kp_1","email":"ada@example.com"}],"next_token":null}"#;
/// let page = Reply::new::<GetUsers>(http::Response::new(body.to_vec())).parse::<GetUsers>()?;
/// assert_eq!(page.users[0].id, "kp_1");
/// assert!(page.next_token.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct GetUsers {
    page_size: Option<u32>,
    user_id: Vec<UserId>,
    next_token: Option<Cursor>,
    email: Vec<Redacted>,
    username: Vec<Redacted>,
    phone: Vec<Redacted>,
    expand: Vec<Expand>,
    has_organization: Option<bool>,
    active_since: Option<Timestamp>,
}

impl GetUsers {
    /// Creates a request for all users. If you do not set the page size, the service uses its
    /// default of 10 users.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of users in a page. The number must be 1 to 500.
    pub fn page_size(mut self, users: u32) -> Self {
        self.page_size = Some(users);
        self
    }

    /// Adds an id to the filter by id. A user matches if it has one of the ids of the filter.
    pub fn user_id(mut self, id: impl Into<UserId>) -> Self {
        self.user_id.push(id.into());
        self
    }

    /// Requests the next page. Pass the [`UsersPage::next_token`] of the page before, and do not
    /// change the other arguments.
    pub fn next_token(mut self, token: impl Into<Cursor>) -> Self {
        self.next_token = Some(token.into());
        self
    }

    /// Adds an e-mail address to the filter by address. A user matches if it has one
    /// of the addresses of the filter.
    pub fn email(mut self, email: impl Into<Redacted>) -> Self {
        self.email.push(email.into());
        self
    }

    /// Adds a user name to the filter by user name. A user matches if it has one of
    /// the user names of the filter.
    pub fn username(mut self, username: impl Into<Redacted>) -> Self {
        self.username.push(username.into());
        self
    }

    /// Adds a phone number to the filter by number. A user matches if it has one of the
    /// numbers of the filter.
    pub fn phone(mut self, phone: impl Into<Redacted>) -> Self {
        self.phone.push(phone.into());
        self
    }

    /// Asks the service to include more data for each user: organizations, identities or billing.
    pub fn expand(mut self, expand: impl Into<Expand>) -> Self {
        self.expand.push(expand.into());
        self
    }

    /// With `true`, lists only users that belong to an organization. With `false`, lists only users
    /// that belong to no organization.
    pub fn has_organization(mut self, has: bool) -> Self {
        self.has_organization = Some(has);
        self
    }

    /// Lists only users that were active since this date-time. Write the date-time in RFC 3339
    /// form with an offset.
    pub fn active_since(mut self, since: impl Into<Timestamp>) -> Self {
        self.active_since = Some(since.into());
        self
    }

    pub(crate) fn expanded(&self) -> &[Expand] {
        &self.expand
    }
}

impl Operation for GetUsers {
    const META: Meta = Meta {
        name: "get_users",
        method: Method::GET,
        path: PathTemplate::new("/api/v1/users"),
        scopes: &["read:users"],
        success: 200,
        replay: Replay::Safe,
    };
    type Output = UsersPage;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        if let Some(page_size) = self.page_size {
            request.number_query("page_size", page_size, 1..=500)?;
        }
        request.query_list("user_id", &self.user_id)?;
        if let Some(token) = &self.next_token {
            request.required_query("next_token", token.as_str())?;
        }
        request.query_list("email", &self.email)?;
        request.query_list("username", &self.username)?;
        request.query_list("phone", &self.phone)?;
        request.query_list("expand", &self.expand)?;
        if let Some(has) = self.has_organization {
            request.bool_query("has_organization", has);
        }
        if let Some(since) = &self.active_since {
            if !since.is_well_formed() {
                return Err(request.refuse("active_since", Problem::NotATimestamp));
            }
            request.query("active_since", since.as_str());
        }
        Ok(())
    }
}

impl Paginated for GetUsers {
    type Item = User;

    fn at(self, cursor: Cursor) -> Self {
        self.next_token(cursor)
    }

    fn next(&self, page: &UsersPage) -> Option<Cursor> {
        page.next_token.clone().filter(|token| !token.as_str().is_empty())
    }

    fn items(page: UsersPage) -> Vec<User> {
        page.users
    }

    fn cursor(&self) -> Option<Cursor> {
        self.next_token.clone()
    }
}

/// A page of users.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UsersPage {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`.
    pub message: Option<Redacted>,
    /// The users. If there are no users, the service sends `null`, and this list is empty.
    #[serde(default, deserialize_with = "listed_users")]
    pub users: Vec<User>,
    /// The cursor of the next page. The cursor is `None` or empty on the last page.
    pub next_token: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_at_all_is_an_empty_page() {
        let page: UsersPage = serde_json::from_str(r#"{"users":null,"next_token":null}"#).unwrap();
        assert!(page.users.is_empty() && page.next_token.is_none());
    }
}
