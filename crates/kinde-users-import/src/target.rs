//! The rules for fields: what a field of a file can become.

use alloc::sync::Arc;
use core::str::FromStr;

use crate::draft::Draft;
use crate::node::Node;
use crate::user::Kind;

/// A part of a user that a field can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Email,
    EmailVerified,
    Phone,
    PhoneVerified,
    Username,
    Id,
    FirstName,
    LastName,
    FullName,
    Picture,
    Suspended,
    Hash,
    Method,
    Salt,
    SaltPosition,
    SaltFormat,
    Variant,
    Iterations,
    SignerKey,
    SaltSeparator,
    Rounds,
    MemCost,
}

impl Target {
    const ALL: [(Self, &'static str, &'static str); Self::COUNT] = [
        (Self::Email, "email", "the email address"),
        (Self::EmailVerified, "email_verified", "whether the email address is verified"),
        (Self::Phone, "phone", "the phone number"),
        (Self::PhoneVerified, "phone_verified", "whether the phone number is verified"),
        (Self::Username, "username", "the user name"),
        (Self::Id, "provided_id", "the id in another system (`provided_id`)"),
        (Self::FirstName, "first_name", "the first name"),
        (Self::LastName, "last_name", "the last name"),
        (Self::FullName, "full_name", "the first and last name, split at the first space"),
        (Self::Picture, "picture", "the picture"),
        (Self::Suspended, "is_suspended", "whether the user is suspended"),
        (Self::Hash, "hashed_password", "the password"),
        (Self::Method, "hashing_method", "the hashing method of the password"),
        (Self::Salt, "salt", "the salt of the password"),
        (Self::SaltPosition, "salt_position", "the position of the salt"),
        (Self::SaltFormat, "salt_format", "the format of the salt"),
        (Self::Variant, "variant", "the variant of PBKDF2"),
        (Self::Iterations, "iterations", "the iterations of PBKDF2"),
        (Self::SignerKey, "signer_key", "the signer key of the Firebase project"),
        (Self::SaltSeparator, "salt_separator", "the salt separator of the Firebase project"),
        (Self::Rounds, "rounds", "the rounds of the Firebase project"),
        (Self::MemCost, "mem_cost", "the memory cost of the Firebase project"),
    ];
    pub(crate) const COUNT: usize = 22;

    /// Returns a description for the plan.
    pub(crate) fn says(self) -> &'static str {
        let found = Self::ALL.iter().find(|(target, ..)| *target == self);
        found.map_or("", |(.., says)| says)
    }

    pub(crate) fn is_name(self) -> bool {
        matches!(self, Self::FirstName | Self::LastName | Self::FullName)
    }

    /// Whether a user is found by it or signs in with it.
    pub(crate) fn is_identity(self) -> bool {
        matches!(self, Self::Email | Self::Phone | Self::Username | Self::Id | Self::Hash)
    }

    pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name, _)| *name)
    }
}

/// The condition under which a field means yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    True,
    False,
    /// If it has any value.
    Present,
    /// If it is a time in the future.
    Later,
    /// If it has one of these values.
    Is(&'static [&'static str]),
}

/// What a field becomes.
#[derive(Clone)]
pub(crate) enum Rule {
    /// The text becomes this part of the user.
    To(Target),
    /// The field becomes yes or no: yes under the condition.
    Flag(Target, When),
    /// The field has several identities. The flag says whether they are verified.
    Several(Kind, Option<bool>),
    /// The field becomes the property with this key.
    Property(Arc<str>),
    /// The field becomes the feature flag with this key.
    FeatureFlag(Arc<str>),
    /// A function reads the field. The text says what the field becomes.
    Read(&'static str, fn(&mut Draft<'_>, &Arc<str>, &Node<'_>)),
    /// The field is an object, or JSON as text. Each member has a rule, under a path such as
    /// `data.plan`.
    Deep,
    /// The field is a list of objects that have a name and a value under these keys. Each name has
    /// a rule.
    Pairs(&'static str, &'static str),
    /// The text becomes this part of the user, if no other field does.
    Or(Target),
    /// Not taken, for the reason. Nothing is lost if it equals this part of the user.
    Same(Target, &'static str),
    /// Not taken, for the reason.
    NotTaken(&'static str),
    /// Not taken, for the reason. Nothing is lost if it has one of these values.
    NotTakenUnless(&'static [&'static str], &'static str),
    /// Not taken. Nothing is lost, for the reason.
    Idle(&'static str),
    /// The source has no rule for the field.
    Unknown,
    /// Not taken, as the mapping ignores the field.
    Ignored,
}

pub(crate) const UNSET: &str = "no operation of the Users API sets it";
pub(crate) const CONNECTION: &str = "it needs the id of a connection in Kinde";
pub(crate) const ORGANIZATIONS: &str =
    "it needs operations on organizations, which the Users API does not have";
pub(crate) const FACTOR: &str = "no operation sets a second factor; users enroll again";

/// Parses a target of `--map`.
impl FromStr for Rule {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((kind, key)) = text.split_once(':') {
            return match kind {
                _ if key.is_empty() => Err(()),
                "property" => Ok(Self::Property(key.into())),
                "feature_flag" => Ok(Self::FeatureFlag(key.into())),
                _ => Err(()),
            };
        }
        let name = if text == "id" { "provided_id" } else { text };
        let found = Target::ALL.iter().find(|(_, known, _)| *known == name).ok_or(())?;
        Ok(match found.0 {
            flag @ (Target::EmailVerified | Target::PhoneVerified | Target::Suspended) => {
                Self::Flag(flag, When::True)
            }
            target => Self::To(target),
        })
    }
}
