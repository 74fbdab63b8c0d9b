use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize};

use crate::models::identity_type::IdentityType;
use crate::types::ids::{BillingCustomerId, ConnectionId, OrganizationCode, UserId};
use crate::types::lenient::{if_it_fits, integer, list, list_if_it_fits};
use crate::types::redacted::Redacted;
use crate::types::timestamp::Timestamp;

/// A user, as `get_users` and `get_user_data` return it.
///
/// Kinde documents some fields for only one of the two operations. If the reply of the other
/// operation has such a field, the field is read too. If the field has another type there, its
/// value is `None` or an empty list. `Deserialize` reads a user in the form of `get_user_data`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct User {
    /// The id of the user.
    pub id: UserId,
    /// The id that the user has in a system outside of Kinde.
    pub provided_id: Option<Redacted>,
    // `get_users` says `email`, `get_user_data` says `preferred_email`, and nothing promises that
    // they never come together, which `serde(alias)` would refuse as a duplicate.
    #[serde(default, deserialize_with = "if_it_fits", skip_serializing_if = "Option::is_none")]
    email: Option<Redacted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_email: Option<Redacted>,
    /// The primary phone number.
    pub phone: Option<Redacted>,
    /// The primary user name.
    pub username: Option<Redacted>,
    /// The family name.
    pub last_name: Option<Redacted>,
    /// The given name.
    pub first_name: Option<Redacted>,
    /// Whether the user is suspended and cannot sign in.
    pub is_suspended: Option<bool>,
    /// The URL of the profile picture.
    pub picture: Option<Redacted>,
    /// How often the user signed in.
    #[serde(default, deserialize_with = "integer")]
    pub total_sign_ins: Option<i64>,
    /// How often in a row the user failed to sign in.
    #[serde(default, deserialize_with = "integer")]
    pub failed_sign_ins: Option<i64>,
    /// When the user last signed in.
    pub last_signed_in: Option<Timestamp>,
    /// When the user was created.
    pub created_on: Option<Timestamp>,
    /// When the user last signed in to each organization. Only `get_users` returns this list.
    #[serde(default, deserialize_with = "list_if_it_fits")]
    pub last_organization_sign_ins: Vec<OrganizationSignIn>,
    /// The codes of the organizations that the user belongs to. The operation has to request them
    /// with `expand`.
    #[serde(default, deserialize_with = "list")]
    pub organizations: Vec<OrganizationCode>,
    /// The identities of the user. The operation has to request them with `expand`.
    #[serde(default, deserialize_with = "list")]
    pub identities: Vec<UserIdentity>,
    /// The billing data of the user. The operation has to request it with `expand`.
    pub billing: Option<Billing>,
}

/// Reads a [`User`] as `get_users` lists it, which has other fields than a user alone.
#[derive(Deserialize)]
#[serde(remote = "User")]
struct ListedFields {
    id: UserId,
    provided_id: Option<Redacted>,
    email: Option<Redacted>,
    #[serde(default, deserialize_with = "if_it_fits")]
    preferred_email: Option<Redacted>,
    phone: Option<Redacted>,
    username: Option<Redacted>,
    last_name: Option<Redacted>,
    first_name: Option<Redacted>,
    is_suspended: Option<bool>,
    picture: Option<Redacted>,
    #[serde(default, deserialize_with = "integer")]
    total_sign_ins: Option<i64>,
    #[serde(default, deserialize_with = "integer")]
    failed_sign_ins: Option<i64>,
    last_signed_in: Option<Timestamp>,
    created_on: Option<Timestamp>,
    #[serde(default, deserialize_with = "list")]
    last_organization_sign_ins: Vec<OrganizationSignIn>,
    #[serde(default, deserialize_with = "list")]
    organizations: Vec<OrganizationCode>,
    #[serde(default, deserialize_with = "listed_identities")]
    identities: Vec<UserIdentity>,
    billing: Option<Billing>,
}

#[derive(Deserialize)]
struct ListedUser(#[serde(with = "ListedFields")] User);

/// Reads a [`list`] of users as `get_users` has it.
pub(crate) fn listed_users<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<User>, D::Error> {
    Ok(list(deserializer)?.into_iter().map(|ListedUser(user)| user).collect())
}

impl User {
    /// Returns the preferred e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().or(self.preferred_email.as_ref()).map(Redacted::as_str)
    }
}

/// When a user last signed in to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct OrganizationSignIn {
    /// The organization.
    pub org_code: Option<OrganizationCode>,
    /// When the user last signed in to the organization.
    pub last_signed_in: Option<Timestamp>,
}

/// An identity of a user, with few details. Use
/// [`GetUserIdentities`](crate::operations::GetUserIdentities) to get more details.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserIdentity {
    /// The type of the identity.
    #[serde(rename = "type")]
    pub kind: Option<IdentityType>,
    /// The e-mail address, the phone number, the user name, or the user's id at the social or
    /// enterprise connection.
    pub identity: Option<Redacted>,
    /// The social or enterprise connection. Only `get_users` returns this field.
    #[serde(default, deserialize_with = "if_it_fits")]
    pub connection_id: Option<ConnectionId>,
}

/// Reads a [`UserIdentity`] as `get_users` lists it, where the connection is described.
#[derive(Deserialize)]
#[serde(remote = "UserIdentity")]
struct ListedIdentityFields {
    #[serde(rename = "type")]
    kind: Option<IdentityType>,
    identity: Option<Redacted>,
    connection_id: Option<ConnectionId>,
}

#[derive(Deserialize)]
struct ListedIdentity(#[serde(with = "ListedIdentityFields")] UserIdentity);

fn listed_identities<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<UserIdentity>, D::Error> {
    Ok(list(deserializer)?.into_iter().map(|ListedIdentity(identity)| identity).collect())
}

/// The billing data of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Billing {
    /// The id of the user as a billing customer.
    pub customer_id: Option<BillingCustomerId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> User {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn email_comes_under_either_name_or_both() {
        assert_eq!(user(r#"{"id":"a","email":"x@example.com"}"#).email(), Some("x@example.com"));
        assert_eq!(user(r#"{"id":"a","preferred_email":"x@example.com"}"#).email(), Some("x@example.com"));
        let both = r#"{"id":"a","preferred_email":"p@example.com","email":"x@example.com"}"#;
        assert_eq!(user(both).email(), Some("x@example.com"));
        let one_null = r#"{"id":"a","preferred_email":"p@example.com","email":null}"#;
        assert_eq!(user(one_null).email(), Some("p@example.com"));
        assert_eq!(user(r#"{"id":"a"}"#).email(), None);
    }

    #[test]
    fn id_alone_is_required() {
        assert!(serde_json::from_str::<User>("{}").is_err());
        assert!(serde_json::from_str::<User>(r#"{"id":null}"#).is_err());
    }
}
