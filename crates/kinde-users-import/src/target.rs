//! The parts of a user that a field of a file can become.

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

    /// Whether it is yes or no.
    pub(crate) fn is_flag(self) -> bool {
        matches!(self, Self::EmailVerified | Self::PhoneVerified | Self::Suspended)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(target, ..)| *target)
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
    /// If it has a time.
    Present,
    /// If it is a time that is not past.
    Later,
    /// If it has one of these values.
    Is(&'static [&'static str]),
}
