use crate::types::open_enum::open_enum;

open_enum! {
    /// The type of an identity. Kinde may add new types. The type of a social identity is, for
    /// instance, `oauth2:google`.
    IdentityType {
        /// An e-mail address.
        Email = "email",
        /// A phone number.
        Phone = "phone",
        /// A user name.
        Username = "username",
        /// A passkey.
        Passkey = "passkey",
        /// A connection to the identity provider of an enterprise.
        Enterprise = "enterprise",
        /// A social connection. Requests use this type. In replies, the type names the connection,
        /// for instance `oauth2:google`.
        Social = "social",
        /// Google.
        Google = "oauth2:google",
        /// Apple.
        Apple = "oauth2:apple",
        /// Facebook.
        Facebook = "oauth2:facebook",
        /// GitHub.
        GitHub = "oauth2:github",
        /// Microsoft.
        Microsoft = "oauth2:microsoft",
    }
}

impl IdentityType {
    /// Returns whether the type is a social connection. The connection may have a name that this
    /// crate does not know.
    pub fn is_social(&self) -> bool {
        *self == Self::Social || self.as_str().starts_with("oauth2:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_types_are_kept() {
        let unknown: IdentityType = serde_json::from_str("\"oauth2:newthing\"").unwrap();
        assert_eq!(unknown.as_str(), "oauth2:newthing");
        assert!(unknown.is_social());
        assert!(!IdentityType::Email.is_social());
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in ".*") {
            let kind = IdentityType::from(text.as_str());
            prop_assert_eq!(kind.as_str(), text);
        }
    }

    #[test]
    fn known_texts_come_back() {
        for text in ["email", "phone", "username", "passkey", "enterprise", "social", "oauth2:google"] {
            let known = IdentityType::from(text);
            assert!(!matches!(known, IdentityType::Other(_)));
            assert_eq!(known.as_str(), text);
        }
    }
}
