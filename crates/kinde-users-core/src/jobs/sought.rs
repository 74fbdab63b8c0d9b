//! What a search looks for, and whether a user has it.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::models::identity_type::IdentityType;
use crate::models::user::User;
use crate::operations::get_users::GetUsers;
use crate::types::fold_case::{fold_case, is_same_text};
use crate::types::redacted::Redacted;

/// A text that a user has to have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sought {
    pub(super) kind: Kind,
    pub(super) text: Redacted,
}

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Email,
    Phone,
    Username,
    Id,
    /// The id in a system outside of Kinde. The service has no filter for it.
    ProvidedId,
}

impl Sought {
    /// Whether a field of the user, or an identity of a matching type, is equal to the text.
    pub(super) fn is(&self, user: &User) -> bool {
        self.kind.texts(user).any(|theirs| self.kind.is_same(theirs, &self.text))
    }
}

impl Kind {
    /// Adds a text to the filter of this kind.
    pub(super) fn filter(self, list: GetUsers, text: &Redacted) -> GetUsers {
        match self {
            Self::Email => list.email(text),
            Self::Phone => list.phone(text),
            Self::Username => list.username(text),
            Self::Id => list.user_id(text.as_str()),
            Self::ProvidedId => list,
        }
    }

    /// The texts of this kind that the user has.
    pub(super) fn texts(self, user: &User) -> impl Iterator<Item = &str> {
        use IdentityType::{Phone, Username};
        let field = match self {
            Self::Email => user.email(),
            Self::Phone => user.phone.as_deref(),
            Self::Username => user.username.as_deref(),
            Self::Id => Some(user.id.as_str()),
            Self::ProvidedId => user.provided_id.as_deref(),
        };
        let is_of_kind = move |kind: Option<&IdentityType>| match self {
            // An address of a connection counts too, because addresses are recognised by their
            // form.
            Self::Email => !matches!(kind, Some(Phone | Username)),
            Self::Phone => kind == Some(&Phone),
            Self::Username => kind == Some(&Username),
            Self::Id | Self::ProvidedId => false,
        };
        let listed = user.identities.iter().filter(move |identity| is_of_kind(identity.kind.as_ref()));
        field.into_iter().chain(listed.filter_map(|identity| identity.identity.as_deref()))
    }

    /// Whether two texts of this kind are equal; see [`FindUser`](crate::FindUser).
    pub(super) fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Email | Self::Username => is_same_text(one, other),
            Self::Phone => is_same_number(one, other),
            Self::Id | Self::ProvidedId => one == other,
        }
    }

    /// Returns a text that is the same for all texts that are equal by [`is_same`](Self::is_same).
    /// Other texts may have it too.
    pub(super) fn key(self, text: &str) -> String {
        match self {
            Self::Email | Self::Username => fold_case(text),
            Self::Phone => digits(text).unwrap_or_else(|| text.to_owned()),
            Self::Id | Self::ProvidedId => text.to_owned(),
        }
    }
}

/// Whether two phone numbers have the same digits; see [`FindUser`](crate::FindUser).
fn is_same_number(one: &str, other: &str) -> bool {
    match (digits(one), digits(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// Returns the digits of a phone number from the country code on. `None` if it is not a number.
fn digits(number: &str) -> Option<String> {
    let number = number.trim();
    let is_separator =
        |sign: char| sign.is_whitespace() || "-.()/\u{2010}\u{2011}\u{2012}\u{2013}".contains(sign);
    let (is_international, rest) = match number.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let is_number = |sign: char| sign.is_ascii_digit() || is_separator(sign);
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let national = if is_international { None } else { digits.strip_prefix("00").map(String::from) };
    (rest.chars().all(is_number) && !digits.is_empty()).then(|| national.unwrap_or(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_one_key() {
        let all = ["+61555111555", "61 555-111.555", "0061555111555", "+61 (555) 111/555"];
        for number in all {
            assert!(is_same_number(number, all[0]) && Kind::Phone.key(number) == "61555111555", "{number}");
        }
        for other in ["0555111555", "+0061555111555", "+1-800-FLOWERS", "", "+"] {
            assert_ne!(Kind::Phone.key(other), "61555111555", "{other}");
        }
    }
}
