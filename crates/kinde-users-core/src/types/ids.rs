//! Names of things at Kinde, each of its own type, so that two of them cannot be swapped.

use crate::types::macros::string_id;

string_id! {
    /// A user's id: `kp_` and 32 hex digits, or `kp:` and 32 hex digits for older users.
    UserId
}
string_id! {
    /// The id of a factor of multi-factor authentication: `mfa_` and 32 hex digits.
    FactorId
}
string_id! {
    /// The id of an identity of a user: `identity_` and 32 hex digits.
    IdentityId
}
string_id! {
    /// The id of a social or enterprise connection: `conn_` and 32 hex digits.
    ConnectionId
}
string_id! {
    /// The id of a session: `session_0x…`.
    SessionId
}
string_id! {
    /// The code of an organisation: `org_` and 11 hex digits.
    OrganizationCode
}
string_id! {
    /// The id of a property: `prop_` and 32 hex digits.
    PropertyId
}
string_id! {
    /// The key of a property; those of Kinde's own start with `kp_`.
    PropertyKey
}
string_id! {
    /// The key of a feature flag.
    FeatureFlagKey
}
string_id! {
    /// The id of a customer in billing: `customer_…`.
    BillingCustomerId
}
string_id! {
    /// The id of an agreement in billing.
    BillingAgreementId
}
string_id! {
    /// The client id of an application.
    ClientId
}
string_id! {
    /// Where a list goes on: an opaque text of the service's, to be given back as it came. `Debug` does not show it, as nobody
    /// knows what is encoded in it.
    Cursor, hidden if |_| true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn an_id_is_the_text_that_came() {
        let id: UserId = serde_json::from_str("\"kp:0123\"").unwrap();
        assert_eq!(id, "kp:0123");
        assert_eq!(id.to_string(), "kp:0123");
        assert_eq!(format!("{id:?}"), "UserId(\"kp:0123\")");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"kp:0123\"");
        assert_eq!(id.clone().into_string(), "kp:0123");
    }

    #[test]
    fn an_address_used_for_an_id_is_not_in_debug() {
        assert_eq!(format!("{:?}", UserId::from("ada@example.com")), "UserId(15 bytes)");
        assert_eq!(format!("{:?}", UserId::from("+61 412 345 678")), "UserId(15 bytes)");
    }
}
