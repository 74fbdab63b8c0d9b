//! The systems whose files can be read.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::draft::Draft;
use crate::sources;
use crate::target::Rule;

/// A system whose files can be read.
///
/// `Display` and `FromStr` use the name, such as `auth0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Kinde: its custom CSV and NDJSON, its own export, and the exports of this project.
    Kinde,
    /// Auth0: the user export, the password hash export and the export of the import/export
    /// extension.
    Auth0,
    /// Firebase Authentication: `firebase auth:export` as JSON or CSV.
    Firebase,
    /// Clerk: the CSV export of its dashboard.
    Clerk,
    /// Supabase: the table `auth.users` as CSV or JSON.
    Supabase,
    /// `FusionAuth`: NDJSON of its users.
    FusionAuth,
    /// ASP.NET Identity: the table `AspNetUsers` as CSV or JSON.
    AspNetIdentity,
    /// `WordPress`: the table `wp_users` as CSV or JSON.
    WordPress,
    /// Keycloak: the export of a realm or of its users.
    Keycloak,
    /// Amazon Cognito: the reply of `list-users`, or CSV in the form of its import. It has no
    /// passwords.
    Cognito,
    /// Okta: CSV of its users. It has no passwords.
    Okta,
    /// Microsoft Entra and Azure AD B2C: users of Microsoft Graph. It has no passwords.
    Entra,
}

impl Source {
    /// All systems, in the order in which they are documented.
    pub const ALL: [Self; 12] = [
        Self::Kinde,
        Self::Auth0,
        Self::Firebase,
        Self::Clerk,
        Self::Supabase,
        Self::FusionAuth,
        Self::AspNetIdentity,
        Self::WordPress,
        Self::Keycloak,
        Self::Cognito,
        Self::Okta,
        Self::Entra,
    ];

    /// Returns the name, such as `aspnet-identity`.
    pub fn name(self) -> &'static str {
        self.table().name
    }

    /// Returns the title of a file of the system with its article, such as `a Clerk export`.
    pub fn title(self) -> &'static str {
        self.table().title
    }

    /// Returns the system that field names belong to, or `None` if they are not recognized.
    ///
    /// ```
    /// use kinde_users_import::Source;
    ///
    /// assert_eq!(Source::of_fields(["id", "primary_email_address"]), Some(Source::Clerk));
    /// assert_eq!(Source::of_fields(["email", "hashed_password"]), Some(Source::Kinde));
    /// assert_eq!(Source::of_fields(["shoe_size"]), None);
    /// ```
    pub fn of_fields<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let names: Vec<&str> = names.into_iter().map(str::trim).collect();
        Self::ALL.into_iter().rev().find(|source| {
            let table = source.table();
            let has = |mark: &&str| names.iter().any(|name| table.is_name(name, mark));
            table.marks.iter().any(|marks| marks.iter().all(has))
        })
    }

    pub(crate) fn table(self) -> &'static Table {
        match self {
            Self::Kinde => &sources::kinde::TABLE,
            Self::Auth0 => &sources::auth0::TABLE,
            Self::Firebase => &sources::firebase::TABLE,
            Self::Clerk => &sources::clerk::TABLE,
            Self::Supabase => &sources::supabase::TABLE,
            Self::FusionAuth => &sources::fusionauth::TABLE,
            Self::AspNetIdentity => &sources::aspnet_identity::TABLE,
            Self::WordPress => &sources::wordpress::TABLE,
            Self::Keycloak => &sources::keycloak::TABLE,
            Self::Cognito => &sources::cognito::TABLE,
            Self::Okta => &sources::okta::TABLE,
            Self::Entra => &sources::entra::TABLE,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        Self::ALL.into_iter().find(|source| source.name() == text).ok_or(UnknownSource)
    }
}

/// The error of a name that no [`Source`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownSource;

impl fmt::Display for UnknownSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown source: expected ")?;
        for (at, source) in Source::ALL.iter().enumerate() {
            write!(f, "{}{source}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownSource {}

/// The rules for the files of a system.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The title of a file with its article, such as `a Clerk export`.
    pub(crate) title: &'static str,
    /// Sets of field names. A file that has all names of one set is of this system.
    pub(crate) marks: &'static [&'static [&'static str]],
    pub(crate) fields: &'static [(&'static str, Rule)],
    /// Whether `firstName`, `FirstName`, `first_name` and `First Name` are the same field.
    pub(crate) is_loose: bool,
    /// The hashing method of a hash, if neither the file nor the hash names one.
    pub(crate) method: &'static str,
    /// Whether a contradiction in a record is a mistake, as in Kinde's own form. Other systems have
    /// such records.
    pub(crate) is_strict: bool,
    /// A text that means "no value", such as `NULL`.
    pub(crate) null: Option<&'static str>,
    /// The columns of CSV, if it has no header.
    pub(crate) columns: &'static [&'static str],
    /// A function that runs after all fields of a user are read.
    pub(crate) end: Option<fn(&mut Draft<'_>)>,
}

impl Table {
    /// The values that most systems have.
    pub(crate) const PLAIN: Self = Self {
        name: "",
        title: "",
        marks: &[],
        fields: &[],
        is_loose: false,
        method: "",
        is_strict: false,
        null: None,
        columns: &[],
        end: None,
    };

    pub(crate) fn rule(&self, name: &str) -> Option<Rule> {
        let exact = self.fields.iter().find(|(known, _)| *known == name);
        let found = exact.or_else(|| self.fields.iter().find(|(known, _)| self.is_name(name, known)))?;
        Some(found.1.clone())
    }

    fn is_name(&self, name: &str, known: &str) -> bool {
        if self.is_loose { plain(name) == plain(known) } else { name == known }
    }
}

/// Returns a name in lower case and without separators, for comparison.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
