//! The systems whose files can be read, with one file each.
//!
//! A file has a table of fields and what they become, and functions for what a table cannot
//! express. `docs/adding-a-source.md` explains them.

pub(crate) mod aspnet_identity;
pub(crate) mod auth0;
pub(crate) mod clerk;
pub(crate) mod cognito;
pub(crate) mod entra;
pub(crate) mod firebase;
pub(crate) mod fusionauth;
pub(crate) mod keycloak;
pub(crate) mod kinde;
pub(crate) mod okta;
pub(crate) mod supabase;
pub(crate) mod wordpress;

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::table::Table;

/// A system whose files can be read.
///
/// `Display` and `FromStr` use the name, such as `auth0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Kinde: the custom CSV and NDJSON of its importer, the `users.ndjson` of its export, and the
    /// exports of this project.
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
    /// Amazon Cognito: the reply of `list-users`, or CSV in the form of its import. The files have
    /// no passwords.
    Cognito,
    /// Okta: CSV of its users. The files have no passwords.
    Okta,
    /// Microsoft Entra and Azure AD B2C: users of Microsoft Graph. The files have no passwords.
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

    /// Returns the title of a file of the system, with an article, such as `a Clerk export`.
    pub fn title(self) -> &'static str {
        self.table().title
    }

    /// Returns the system whose files have these field names, or `None` if no system is recognized.
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
            Self::Kinde => &kinde::TABLE,
            Self::Auth0 => &auth0::TABLE,
            Self::Firebase => &firebase::TABLE,
            Self::Clerk => &clerk::TABLE,
            Self::Supabase => &supabase::TABLE,
            Self::FusionAuth => &fusionauth::TABLE,
            Self::AspNetIdentity => &aspnet_identity::TABLE,
            Self::WordPress => &wordpress::TABLE,
            Self::Keycloak => &keycloak::TABLE,
            Self::Cognito => &cognito::TABLE,
            Self::Okta => &okta::TABLE,
            Self::Entra => &entra::TABLE,
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

/// The error for a name that no [`Source`] has.
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
