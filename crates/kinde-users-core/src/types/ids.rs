//! Ids, keys and codes of Kinde. Each has its own type, so that they cannot be mixed up.

use core::fmt;

use crate::types::masking::{looks_like_an_address, write_hidden};
use crate::types::text_type::text_type;

/// Defines a string newtype for an id, key or code of Kinde.
macro_rules! string_id {
    ($(#[$meta:meta])* $name:ident) => {
        string_id!($(#[$meta])* $name, hidden if looks_like_an_address);
    };
    ($(#[$meta:meta])* $name:ident, hidden if $hidden:expr) => {
        text_type! {
            $(#[$meta])*
            #[derive(PartialOrd, Ord)]
            $name
        }

        impl fmt::Display for $name {
            /// Shows the text.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            /// Shows the text, unless it may be an e-mail address or phone number that was used as
            /// an id by mistake.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let is_hidden: fn(&str) -> bool = $hidden;
                if is_hidden(&self.0) {
                    write_hidden(f, stringify!($name), self.0.len())
                } else {
                    write!(f, concat!(stringify!($name), "({:?})"), self.0)
                }
            }
        }
    };
}

string_id! {
    /// The id of a user: `kp_` and 32 hex digits, or `kp:` and 32 hex digits for older users.
    UserId
}
string_id! {
    /// The id of a multi-factor authentication factor: `mfa_` and 32 hex digits.
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
    /// The code of an organization: `org_` and 11 hex digits.
    OrganizationCode
}
string_id! {
    /// The id of a property: `prop_` and 32 hex digits.
    PropertyId
}
string_id! {
    /// The key of a property. Kinde's own keys start with `kp_`.
    PropertyKey
}
string_id! {
    /// The key of a feature flag.
    FeatureFlagKey
}
string_id! {
    /// The id of a billing customer: `customer_…`.
    BillingCustomerId
}
string_id! {
    /// The id of a billing agreement.
    BillingAgreementId
}
string_id! {
    /// The client id of an application.
    ClientId
}
string_id! {
    /// The place where a list continues: a text of the service that is sent back unchanged. `Debug`
    /// does not show the text, because it may encode anything.
    Cursor, hidden if |_| true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::string::{String, ToString};

    #[test]
    fn id_is_the_text_that_came() {
        let id: UserId = serde_json::from_str("\"kp:0123\"").unwrap();
        assert_eq!(id, "kp:0123");
        assert_eq!(id, String::from("kp:0123"));
        assert_ne!(id, String::from("kp_0123"));
        assert_eq!(id.to_string(), "kp:0123");
        assert_eq!(format!("{id:?}"), "UserId(\"kp:0123\")");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"kp:0123\"");
        assert_eq!(id.clone().into_string(), "kp:0123");
    }

    #[test]
    fn map_finds_an_id_by_its_text() {
        let ids = BTreeMap::from([(UserId::from("kp_1"), 1), (UserId::from("kp_2"), 2)]);
        assert_eq!((ids.get("kp_2"), ids.get("kp_3")), (Some(&2), None));
    }

    #[test]
    fn address_used_for_an_id_is_not_in_debug() {
        assert_eq!(format!("{:?}", UserId::from("ada@example.com")), "UserId(15 bytes)");
        assert_eq!(format!("{:?}", UserId::from("+61 412 345 678")), "UserId(15 bytes)");
    }
}
