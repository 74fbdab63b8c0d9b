//! The systems whose files are read.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::draft::Draft;
use crate::sources;
use crate::target::Rule;

/// A system whose files can be read.
///
/// `Display` and `FromStr` use its name, as `auth0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Kinde: its custom CSV and NDJSON, its export and the exports of this project.
    Kinde,
    /// Auth0: the export of users, the export of password hashes and the export of the extension.
    Auth0,
    /// Firebase Authentication: `firebase auth:export` as JSON or CSV.
    Firebase,
    /// Clerk: the CSV of its dashboard.
    Clerk,
    /// Supabase: the table `auth.users` as CSV or JSON.
    Supabase,
    /// `FusionAuth`: lines of users as its import takes them.
    FusionAuth,
    /// ASP.NET Identity: the table `AspNetUsers` as CSV or JSON.
    AspNetIdentity,
    /// `WordPress`: the table `wp_users` as CSV or JSON.
    WordPress,
    /// Keycloak: the export of a realm or of its users.
    Keycloak,
    /// Amazon Cognito: the reply of `list-users`, or a CSV with its header. It has no passwords.
    Cognito,
    /// Okta: a CSV of its users. It has no passwords.
    Okta,
    /// Microsoft Entra and Azure AD B2C: users of Microsoft Graph. They have no passwords.
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

    /// Returns the name, as `aspnet-identity`.
    pub fn name(self) -> &'static str {
        self.table().name
    }

    /// Returns what a file of the system is called, with its article, such as `a Clerk export`.
    pub fn title(self) -> &'static str {
        self.table().title
    }

    /// Returns the system that has such field names, if they are those of one.
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

/// The name is not that of a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownSource;

impl fmt::Display for UnknownSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no system has this name: expected ")?;
        for (at, source) in Source::ALL.iter().enumerate() {
            write!(f, "{}{source}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownSource {}

/// What the files of a system have, and what becomes of it.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What such a file is, with its article.
    pub(crate) title: &'static str,
    /// Names of fields that together tell that a file is of this system.
    pub(crate) marks: &'static [&'static [&'static str]],
    pub(crate) fields: &'static [(&'static str, Rule)],
    /// Whether names are the same in `PascalCase`, `camelCase`, `snake_case` and with blanks.
    pub(crate) is_loose: bool,
    /// The hashing method where neither the file nor the hash names one.
    pub(crate) method: &'static str,
    /// Whether a hash that Kinde cannot verify is an error of its line. It is a mistake where the
    /// form is Kinde's own, and to be expected in the files of other systems.
    pub(crate) is_strict: bool,
    /// A text that means that there is no value.
    pub(crate) null: Option<&'static str>,
    /// The columns of CSV, if it has no header.
    pub(crate) columns: &'static [&'static str],
    /// What is left to do when all fields are read.
    pub(crate) end: Option<fn(&mut Draft<'_>)>,
}

impl Table {
    /// What most systems have.
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

/// A name without what tells one way of writing names from another.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
