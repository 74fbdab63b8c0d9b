//! Finding one user.

use alloc::vec::Vec;

use serde::{Deserialize, Deserializer};

use crate::error::BuildError;
use crate::ids::UserId;
use crate::models::User;
use crate::operation::{Meta, Operation};
use crate::operations::{Expand, GetUsers, UsersPage};
use crate::request::RequestWriter;
use crate::text::Personal;

/// Finds the user with an e-mail address, phone number, user name or id, by way of [`GetUsers`].
///
/// ```
/// use kinde_users_core::{AccessToken, Domain, FindUser, Found, Reply, build_request};
/// # let (domain, token) = (Domain::parse("acme")?, AccessToken::new("t")?);
///
/// let request = build_request(&FindUser::by_email("ada@example.com"), &domain, &token)?;
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/users?email=ada%40example.com");
///
/// let reply = Reply::new::<FindUser>(http::Response::new(br#"{"users":[{"id":"kp_1"}]}"#.to_vec()));
/// match reply.parse::<FindUser>()? {
///     Found::None => println!("nobody"),
///     Found::One(user) => println!("{}", user.id),
///     Found::Several(users) => println!("{} users share it", users.len()),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An id that is unknown finds [`Found::None`] where [`GetUserData`](crate::operations::GetUserData) is an error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "an operation does nothing until it is sent"]
pub struct FindUser(GetUsers);

impl FindUser {
    /// The user with this e-mail address.
    pub fn by_email(email: impl Into<Personal>) -> Self {
        Self(GetUsers::new().email(email))
    }

    /// The user with this phone number.
    pub fn by_phone(phone: impl Into<Personal>) -> Self {
        Self(GetUsers::new().phone(phone))
    }

    /// The user with this user name.
    pub fn by_username(username: impl Into<Personal>) -> Self {
        Self(GetUsers::new().username(username))
    }

    /// The user with this id.
    pub fn by_id(id: impl Into<UserId>) -> Self {
        Self(GetUsers::new().user_id(id))
    }

    /// The user whom a text means that a person gave: with an `@` it is an e-mail address, with a `+` before digits a phone number,
    /// as `kp_` or `kp:` and 32 hex digits an id, and else a user name, which may begin with `kp_` too.
    ///
    /// ```
    /// use kinde_users_core::FindUser;
    ///
    /// assert_eq!(FindUser::by("ada@example.com"), FindUser::by_email("ada@example.com"));
    /// assert_eq!(FindUser::by("+61555111555"), FindUser::by_phone("+61555111555"));
    /// let id = "kp_0123456789abcdef0123456789abcdef";
    /// assert_eq!(FindUser::by(id), FindUser::by_id(id));
    /// assert_eq!(FindUser::by("ada"), FindUser::by_username("ada"));
    /// assert_eq!(FindUser::by("kp_ada"), FindUser::by_username("kp_ada"));
    /// ```
    pub fn by(text: &str) -> Self {
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if text.contains('@') {
            Self::by_email(text)
        } else if text.strip_prefix('+').is_some_and(is_number) {
            Self::by_phone(text)
        } else if is_id(text) {
            Self::by_id(text)
        } else {
            Self::by_username(text)
        }
    }

    /// Tells this too, besides the user itself.
    pub fn expand(self, expand: impl Into<Expand>) -> Self {
        Self(self.0.expand(expand))
    }
}

/// In the form that the service gives its ids. A user name may well begin as one does.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("kp_").or_else(|| text.strip_prefix("kp:"));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Operation for FindUser {
    const META: Meta = GetUsers::META;
    type Output = Found;

    fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        self.0.write(request)
    }
}

/// What a search for one user found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "one user is what is hoped for")]
pub enum Found {
    /// Nobody.
    None,
    /// One user.
    One(User),
    /// Several: those of the first page.
    Several(Vec<User>),
}

impl Found {
    /// The user, if there is exactly one.
    pub fn one(self) -> Option<User> {
        match self {
            Self::One(user) => Some(user),
            Self::None | Self::Several(_) => None,
        }
    }
}

impl From<UsersPage> for Found {
    fn from(page: UsersPage) -> Self {
        let mut users = page.users;
        match users.pop() {
            None => Self::None,
            Some(user)
                if users.is_empty() && page.next_token.is_none_or(|token| token.as_str().is_empty()) =>
            {
                Self::One(user)
            }
            Some(user) => {
                users.push(user);
                Self::Several(users)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UsersPage::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Found {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn none_one_and_several_are_told_apart() {
        assert_eq!(found(r#"{"users":null}"#), Found::None);
        assert!(matches!(found(r#"{"users":[{"id":"a"}]}"#), Found::One(user) if user.id == "a"));
        let Found::Several(users) = found(r#"{"users":[{"id":"a"},{"id":"b"}]}"#) else { panic!() };
        assert_eq!(users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(found(r#"{"users":[{"id":"a"},{"id":"b"}]}"#).one().is_none());
    }

    #[test]
    fn a_user_name_that_begins_as_an_id_does_is_none() {
        for start in ["kp_", "kp:"] {
            let id = |digits: &str| std::format!("{start}{digits}");
            let known = id("0123456789abcdef0123456789ABCDEF");
            assert_eq!(FindUser::by(&known), FindUser::by_id(known.as_str()));
            let (short, long) = ("0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0");
            for digits in ["", "ada", short, long, "g123456789abcdef0123456789abcdef"] {
                assert_eq!(FindUser::by(&id(digits)), FindUser::by_username(id(digits)));
            }
        }
    }

    #[test]
    fn one_of_more_pages_is_not_the_only_one() {
        assert!(matches!(found(r#"{"users":[{"id":"a"}],"next_token":"x"}"#), Found::Several(_)));
        assert!(matches!(found(r#"{"users":[{"id":"a"}],"next_token":""}"#), Found::One(_)));
    }
}
