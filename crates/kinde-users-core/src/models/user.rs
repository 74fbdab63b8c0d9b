use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{BillingCustomerId, ConnectionId, OrganizationCode, UserId};
use crate::models::IdentityType;
use crate::serde_with::list;
use crate::text::Personal;
use crate::timestamp::Timestamp;

/// A user, as `get_users` and `get_user_data` tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// The id that the user has in a system outside of Kinde.
    pub provided_id: Option<Personal>,
    // `get_users` says `email`, `get_user_data` says `preferred_email`, and nothing promises that they never come
    // together, which `serde(alias)` would refuse as a duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Personal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_email: Option<Personal>,
    /// The primary phone number.
    pub phone: Option<Personal>,
    /// The primary user name.
    pub username: Option<Personal>,
    /// The family name.
    pub last_name: Option<Personal>,
    /// The given name.
    pub first_name: Option<Personal>,
    /// Whether the user is barred from signing in.
    pub is_suspended: Option<bool>,
    /// The URL of the profile picture.
    pub picture: Option<Personal>,
    /// How often the user signed in.
    pub total_sign_ins: Option<i64>,
    /// How often in a row the user failed to sign in.
    pub failed_sign_ins: Option<i64>,
    /// When the user last signed in.
    pub last_signed_in: Option<Timestamp>,
    /// When the user was created.
    pub created_on: Option<Timestamp>,
    /// When the user last signed in to each organisation. In `get_users` only.
    #[serde(default, deserialize_with = "list")]
    pub last_organization_sign_ins: Vec<OrganizationSignIn>,
    /// The codes of the organisations that the user belongs to. With `expand` only.
    #[serde(default, deserialize_with = "list")]
    pub organizations: Vec<OrganizationCode>,
    /// The user's identities. With `expand` only.
    #[serde(default, deserialize_with = "list")]
    pub identities: Vec<UserIdentity>,
    /// The user in billing. With `expand` only.
    pub billing: Option<Billing>,
}

impl User {
    /// The preferred e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().or(self.preferred_email.as_ref()).map(Personal::as_str)
    }
}

/// When a user last signed in to an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct OrganizationSignIn {
    /// The organisation.
    pub org_code: Option<OrganizationCode>,
    /// When the user last signed in to it.
    pub last_signed_in: Option<Timestamp>,
}

/// An identity of a user, in short. [`GetUserIdentities`](crate::operations::GetUserIdentities) tells more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserIdentity {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<IdentityType>,
    /// The e-mail address, phone number, user name, or the id at the social or enterprise connection.
    pub identity: Option<Personal>,
    /// The social or enterprise connection.
    pub connection_id: Option<ConnectionId>,
}

/// A user in billing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Billing {
    /// The customer's id.
    pub customer_id: Option<BillingCustomerId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> User {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_email_comes_under_either_name_or_both() {
        assert_eq!(user(r#"{"id":"a","email":"x@example.com"}"#).email(), Some("x@example.com"));
        assert_eq!(user(r#"{"id":"a","preferred_email":"x@example.com"}"#).email(), Some("x@example.com"));
        let both = r#"{"id":"a","preferred_email":"p@example.com","email":"x@example.com"}"#;
        assert_eq!(user(both).email(), Some("x@example.com"));
        let one_null = r#"{"id":"a","preferred_email":"p@example.com","email":null}"#;
        assert_eq!(user(one_null).email(), Some("p@example.com"));
        assert_eq!(user(r#"{"id":"a"}"#).email(), None);
    }

    #[test]
    fn the_id_alone_is_required() {
        assert!(serde_json::from_str::<User>("{}").is_err());
        assert!(serde_json::from_str::<User>(r#"{"id":null}"#).is_err());
    }
}
