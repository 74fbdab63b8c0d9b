//! The mapping from the fields of a file to users.

use alloc::borrow::ToOwned as _;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use kinde_users_core::OrganizationCode;
use kinde_users_core::operations::FirebaseParameters;

use crate::error::{ImportError, ImportProblem};
use crate::rule::Rule;
use crate::settings::Settings;
use crate::sources::Source;
use crate::table::plain;
use crate::target::Target;

/// Defines how the fields of a file become users, by the rules of the source and your own rules.
///
/// [`users`](Self::users) reads files, one user at a time. [`row`](Self::row) and
/// [`line`](Self::line) read single records. If a value becomes no part of a user, it is never
/// dropped in silence: [`map`](Self::map) or [`ignore`](Self::ignore) its field.
///
/// ```
/// use kinde_users_import::{Mapping, Source};
///
/// let mapping = Mapping::new(Source::Kinde);
/// let ada = mapping.row([("email", "ada@example.com"), ("email_verified", "TRUE")])?;
/// assert_eq!(ada.keys().next(), Some(("email", "ada@example.com".to_owned())));
///
/// let line = r#"{"id":"42","identities":[{"type":"phone","identity":"+61555111555"}],
///     "feature_flags":[{"key":"theme","value":"dark"}]}"#;
/// assert_eq!(mapping.line(line)?.provided_id(), Some("42"));
///
/// let error = mapping.row([("email", "ada"), ("role_key", "admin")]).unwrap_err();
/// assert_eq!(error.iter().count(), 2);
/// assert!(mapping.ignore("role_key").row([("id", "42"), ("role_key", "admin")]).is_ok());
/// # Ok::<(), kinde_users_import::ImportErrors>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Mapping {
    pub(crate) source: Source,
    maps: BTreeMap<String, Rule>,
    ignored: BTreeSet<String>,
    pub(crate) ignores_rest: bool,
    nulls: Vec<String>,
    pub(crate) settings: Settings,
}

/// The column that holds the errors of rejected lines. It is never read.
const REASON: &str = "import_error";

impl Mapping {
    /// Creates a mapping with the rules of a source.
    pub fn new(source: Source) -> Self {
        let table = source.table();
        let settings = Settings { method: table.method, is_strict: table.is_strict, ..Settings::default() };
        Self {
            source,
            maps: BTreeMap::new(),
            ignored: BTreeSet::new(),
            ignores_rest: false,
            nulls: table.null.into_iter().map(str::to_owned).collect(),
            settings,
        }
    }

    /// Returns the source.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Sets what a field becomes, in place of the rule of the source. A field within an object is
    /// named by its path, such as `app_metadata.plan`.
    ///
    /// A field can become `email`, `email_verified`, `phone`, `phone_verified`, `username`,
    /// `provided_id` (or `id`), `first_name`, `last_name`, `full_name`, `picture`, `is_suspended`,
    /// `hashed_password`, `hashing_method`, `salt`, `salt_position`, `salt_format`, `variant`,
    /// `iterations`, `signer_key`, `salt_separator`, `rounds`, `mem_cost`, `property:KEY` or
    /// `feature_flag:KEY`.
    ///
    /// ```
    /// # use kinde_users_import::{Mapping, Source};
    /// let mapping = Mapping::new(Source::Kinde)
    ///     .map("Given Name", "first_name")?
    ///     .map("Plan", "property:plan")?;
    /// assert!(mapping.row([("id", "42"), ("Given Name", "Ada"), ("Plan", "gold")]).is_ok());
    /// assert!(mapping.map("Shoe Size", "shoe_size").is_err());
    /// # Ok::<(), kinde_users_import::UnknownTarget>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`UnknownTarget`] if `becomes` is not one of the names above.
    pub fn map(mut self, field: impl Into<String>, becomes: &str) -> Result<Self, UnknownTarget> {
        let rule = becomes.parse().map_err(|()| UnknownTarget)?;
        self.maps.insert(field.into(), rule);
        Ok(self)
    }

    /// Ignores a field and everything within it. The [`Plan`](crate::Plan) still counts the field.
    pub fn ignore(mut self, field: impl Into<String>) -> Self {
        self.ignored.insert(field.into());
        self
    }

    /// Ignores all fields that cannot be imported. The [`Plan`](crate::Plan) lists these fields.
    pub fn ignore_rest(mut self) -> Self {
        self.ignores_rest = true;
        self
    }

    /// Sets a text, such as `NULL`, that means "no value" in CSV. By default, such a text is an
    /// error.
    pub fn null(mut self, text: impl Into<String>) -> Self {
        self.nulls.push(text.into());
        self
    }

    /// Sets the current time, such as `2026-01-31T12:00:00Z`. A user whose ban or lock-out ended
    /// before this time is not suspended. If you do not set the current time, such a user is
    /// suspended too.
    pub fn now(mut self, time: impl Into<String>) -> Self {
        self.settings.now = Some(time.into());
        self
    }

    /// Repairs addresses, phone numbers and user names, such as `mailto:ada@example.com`, if it is
    /// clear what they should be. The [`Plan`](crate::Plan) lists the repaired lines. By default, a
    /// value that needs a repair is an error.
    pub fn clean(mut self) -> Self {
        self.settings.cleans = true;
        self
    }

    /// If Kinde cannot verify the password hash of a user, imports the user without a password.
    /// Such users need a new password.
    pub fn drop_unverifiable(mut self) -> Self {
        self.settings.drops_unverifiable = true;
        self
    }

    /// Sets the variant and the iterations of PBKDF2 hashes. A variant or a number of iterations in
    /// the file takes precedence.
    pub fn pbkdf2(mut self, variant: impl Into<String>, iterations: Option<u32>) -> Self {
        self.settings.variant = variant.into();
        self.settings.iterations = iterations;
        self
    }

    /// Sets the format of the salts for which the file gives no format: `string`, `hex` or
    /// `base64`.
    pub fn salt_format(mut self, format: impl Into<String>) -> Self {
        self.settings.salt_format = format.into();
        self
    }

    /// Sets the position of the salts for which the file gives no position: `prefix` or `suffix`.
    pub fn salt_position(mut self, position: impl Into<String>) -> Self {
        self.settings.salt_position = position.into();
        self
    }

    /// Sets the parameters of the Firebase project. The scrypt hashes of the project need these
    /// parameters.
    pub fn firebase(mut self, parameters: FirebaseParameters) -> Self {
        self.settings.firebase = Some(parameters);
        self
    }

    /// Suspends each user, unless the file says that the user is not suspended.
    pub fn suspended(mut self) -> Self {
        self.settings.is_suspended = Some(true);
        self
    }

    /// Creates the users as members of an organization.
    pub fn organization(mut self, code: impl Into<OrganizationCode>) -> Self {
        self.settings.organization = Some(code.into());
        self
    }

    pub(crate) fn is_ignored(&self, name: &str) -> bool {
        self.ignored.contains(name)
    }

    pub(crate) fn rule(&self, name: &str) -> Rule {
        if self.is_ignored(name) {
            return Rule::Ignored;
        }
        if name == REASON {
            return Rule::Idle("the reasons why the line was not valid");
        }
        let mapped = self.maps.get(name).cloned();
        mapped.or_else(|| self.source.table().rule(name)).unwrap_or(Rule::Unknown)
    }

    /// Returns the names that are mapped or ignored.
    pub(crate) fn named(&self) -> impl Iterator<Item = &str> {
        self.maps.keys().chain(&self.ignored).map(String::as_str)
    }

    pub(crate) fn is_null(&self, text: &str) -> bool {
        self.nulls.iter().any(|null| null == text)
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("source", &self.source)
            .field("firebase", &self.settings.firebase)
            .finish_non_exhaustive()
    }
}

/// The error for a text that does not name a target of [`Mapping::map`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownTarget;

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown target: expected ")?;
        for name in Target::all_names() {
            write!(f, "{name}, ")?;
        }
        f.write_str("property:KEY or feature_flag:KEY")
    }
}

impl core::error::Error for UnknownTarget {}

/// Returns the target that the name of a field suggests.
pub(crate) fn suggestion(name: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 26] = [
        ("id", "provided_id"),
        ("userid", "provided_id"),
        ("externalid", "provided_id"),
        ("mail", "email"),
        ("emailaddress", "email"),
        ("useremail", "email"),
        ("emailconfirmed", "email_verified"),
        ("verified", "email_verified"),
        ("phonenumber", "phone"),
        ("mobile", "phone"),
        ("mobilephone", "phone"),
        ("telephone", "phone"),
        ("login", "username"),
        ("nickname", "username"),
        ("givenname", "first_name"),
        ("forename", "first_name"),
        ("familyname", "last_name"),
        ("surname", "last_name"),
        ("name", "full_name"),
        ("displayname", "full_name"),
        ("photourl", "picture"),
        ("avatar", "picture"),
        ("suspended", "is_suspended"),
        ("password", "hashed_password"),
        ("passwordhash", "hashed_password"),
        ("hashingalgorithm", "hashing_method"),
    ];
    let name = plain(name);
    let exact = Target::all_names().find(|known| plain(known) == name);
    exact.or_else(|| OTHERS.iter().find(|(known, _)| *known == name).map(|(_, becomes)| *becomes))
}

/// Returns the error of a field whose value would be lost.
pub(crate) fn lost(field: &str, reason: &str) -> ImportError {
    ImportError::new(field.to_owned(), ImportProblem::NotTaken)
        .because(alloc::format!("is not taken: {reason}"))
}
