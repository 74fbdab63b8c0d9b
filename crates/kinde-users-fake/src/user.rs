//! What a tenant knows of a user, as plain structs for assertions, and the builder that seeds one.

use core::time::Duration;
use std::collections::BTreeMap;

/// `Debug` with the fields that are no personal data and no secret.
macro_rules! shy_debug {
    ($type:ident: $($field:ident),*) => {
        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($type))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use shy_debug;

/// A user as the tenant holds it. Instants are durations since 1970.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakeUser {
    /// `kp_` and 32 hex digits, unless seeded with another.
    pub id: String,
    /// The id that the owner of the tenant gave.
    pub provided_id: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Address of a picture.
    pub picture: Option<String>,
    /// Suspended users cannot sign in.
    pub is_suspended: bool,
    /// The user is to choose a new password.
    pub is_password_reset_requested: bool,
    /// How often the user signed in.
    pub total_sign_ins: u64,
    /// How often signing in failed in a row.
    pub failed_sign_ins: u64,
    /// When the user last signed in.
    pub last_signed_in: Option<Duration>,
    /// When the user was created.
    pub created_on: Duration,
    /// Codes of the organisations that the user is in.
    pub organizations: Vec<String>,
    /// Code of an organisation, and when the user last signed in to it.
    pub organization_sign_ins: Vec<(String, Duration)>,
    /// What the user signs in with, oldest first.
    pub identities: Vec<FakeIdentity>,
    /// Property values that are set.
    pub properties: BTreeMap<String, String>,
    /// Feature flag overrides.
    pub feature_flags: BTreeMap<String, String>,
    /// Sessions, ended ones gone.
    pub sessions: Vec<FakeSession>,
    /// Second factors.
    pub factors: Vec<FakeFactor>,
    /// The password hash, if one was set.
    pub password: Option<Box<FakePassword>>,
    /// Id of the billing customer that was created last, if any was.
    pub billing_customer: Option<String>,
    /// Codes of the organisations for which a billing customer was created.
    pub billing_organizations: Vec<String>,
    /// How often the user's claims were refreshed.
    pub claims_refreshed: u64,
}

shy_debug!(FakeUser: id, is_suspended);

impl FakeUser {
    fn first(&self, kind: &str) -> Option<&str> {
        self.identities.iter().find(|identity| identity.kind == kind).map(|identity| identity.value.as_str())
    }

    /// The preferred e-mail address: the first one.
    pub fn email(&self) -> Option<&str> {
        self.first("email")
    }

    /// The first phone number.
    pub fn phone(&self) -> Option<&str> {
        self.first("phone")
    }

    /// The first user name.
    pub fn username(&self) -> Option<&str> {
        self.first("username")
    }
}

/// Something a user signs in with.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakeIdentity {
    /// `identity_` and 32 hex digits.
    pub id: String,
    /// `email`, `phone`, `username`, `enterprise` or `oauth2:…`.
    pub kind: String,
    /// The address, number or name.
    pub value: String,
    /// Whether it is verified, if anybody said.
    pub is_confirmed: Option<bool>,
    /// The connection of a social or enterprise identity.
    pub connection_id: Option<String>,
    /// When it was created.
    pub created_on: Duration,
}

shy_debug!(FakeIdentity: id, kind, is_confirmed);

/// A session of a user.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakeSession {
    /// `session_0x` and 32 hex digits.
    pub id: String,
    /// The application signed in to.
    pub client_id: String,
    /// The organisation signed in to.
    pub org_code: Option<String>,
    /// The connection signed in through.
    pub connection_id: String,
    /// When it began. It lasts a day.
    pub started_on: Duration,
}

shy_debug!(FakeSession: id);

impl FakeSession {
    pub(crate) fn expires_on(&self) -> Duration {
        self.started_on.saturating_add(Duration::from_secs(24 * 60 * 60))
    }
}

/// A second factor of a user.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakeFactor {
    /// `mfa_` and 32 hex digits.
    pub id: String,
    /// Such as `email`, `sms` or `authenticator`.
    pub kind: String,
    /// The address or number that it uses.
    pub name: String,
    /// When it was set up.
    pub created_on: Duration,
}

shy_debug!(FakeFactor: id, kind);

/// A password hash as it was set, with what its method needs.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakePassword {
    /// The hash.
    pub hashed_password: String,
    /// The method, `bcrypt` where none was given.
    pub hashing_method: String,
    /// The salt, base64 for some methods.
    pub salt: Option<String>,
    /// `prefix` or `suffix`.
    pub salt_position: Option<String>,
    /// Iterations; 24,000 for PBKDF2 where none were given.
    pub iterations: Option<u64>,
    /// Variant of PBKDF2.
    pub variant: Option<String>,
    /// Signer key of Firebase.
    pub signer_key: Option<String>,
    /// Salt separator of Firebase.
    pub salt_separator: Option<String>,
    /// Rounds of Firebase.
    pub rounds: Option<u64>,
    /// Memory cost of Firebase.
    pub mem_cost: Option<u64>,
    /// The user has to choose another after the next sign-in.
    pub is_temporary_password: bool,
}

shy_debug!(FakePassword: hashing_method, is_temporary_password);

/// A user to seed with [`FakeKinde::add_user`](crate::FakeKinde::add_user). Nothing is checked, so that a
/// tenant can hold what the API would refuse. Ids and the instant of creation are filled in where left out.
///
/// ```
/// # use kinde_users_fake::{FakeKinde, NewFakeUser};
/// let fake = FakeKinde::new();
/// let id = fake.add_user(NewFakeUser::new().email("sally@example.com").organization("org_1ccfb819462"));
/// assert_eq!(fake.user(&id).unwrap().email(), Some("sally@example.com"));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct NewFakeUser {
    pub(crate) user: FakeUser,
}

shy_debug!(NewFakeUser: user);

impl NewFakeUser {
    /// A user with nothing but an id.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this id, as in `kp:…` of old tenants. A user who had it is replaced.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.user.id = id.into();
        self
    }

    /// With the id that the owner of the tenant gave.
    pub fn provided_id(mut self, id: impl Into<String>) -> Self {
        self.user.provided_id = Some(id.into());
        self
    }

    /// With given and family name.
    pub fn name(mut self, given: impl Into<String>, family: impl Into<String>) -> Self {
        self.user.given_name = Some(given.into());
        self.user.family_name = Some(family.into());
        self
    }

    /// With the address of a picture.
    pub fn picture(mut self, url: impl Into<String>) -> Self {
        self.user.picture = Some(url.into());
        self
    }

    /// Suspended.
    pub fn suspended(mut self) -> Self {
        self.user.is_suspended = true;
        self
    }

    /// Created at this instant since 1970, instead of now.
    pub fn created_on(mut self, at: Duration) -> Self {
        self.user.created_on = at;
        self
    }

    /// Signed in once more, last at this instant since 1970.
    pub fn signed_in(mut self, at: Duration) -> Self {
        self.user.last_signed_in = Some(at);
        self.user.total_sign_ins += 1;
        self
    }

    /// A verified e-mail address.
    pub fn email(self, address: impl Into<String>) -> Self {
        self.identity("email", address, Some(true), None)
    }

    /// A phone number, as `+61412345678`.
    pub fn phone(self, number: impl Into<String>) -> Self {
        self.identity("phone", number, None, None)
    }

    /// A user name.
    pub fn username(self, name: impl Into<String>) -> Self {
        self.identity("username", name, None, None)
    }

    /// An identity of another kind, as `oauth2:google` or `enterprise`, and its connection.
    pub fn connected(
        self,
        kind: impl Into<String>,
        value: impl Into<String>,
        connection_id: impl Into<String>,
    ) -> Self {
        self.identity(kind, value, Some(true), Some(connection_id.into()))
    }

    pub(crate) fn identity(
        mut self,
        kind: impl Into<String>,
        value: impl Into<String>,
        is_confirmed: Option<bool>,
        connection_id: Option<String>,
    ) -> Self {
        let (kind, value) = (kind.into(), value.into());
        let identity = FakeIdentity { kind, value, is_confirmed, connection_id, ..FakeIdentity::default() };
        self.user.identities.push(identity);
        self
    }

    /// A member of this organisation.
    pub fn organization(mut self, code: impl Into<String>) -> Self {
        self.user.organizations.push(code.into());
        self
    }

    /// A member of this organisation who signed in to it at this instant since 1970.
    pub fn signed_in_to(mut self, code: impl Into<String>, at: Duration) -> Self {
        let code = code.into();
        self.user.organization_sign_ins.push((code.clone(), at));
        self.organization(code).signed_in(at)
    }

    /// With this property.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.user.properties.insert(key.into(), value.into());
        self
    }

    /// With this feature flag override.
    pub fn feature_flag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.user.feature_flags.insert(key.into(), value.into());
        self
    }

    /// With a session, which begins when the user is added.
    pub fn session(mut self) -> Self {
        self.user.sessions.push(FakeSession::default());
        self
    }

    /// With a second factor: its kind, and the address or number that it uses.
    pub fn mfa(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        let factor = FakeFactor { kind: kind.into(), name: name.into(), ..FakeFactor::default() };
        self.user.factors.push(factor);
        self
    }

    /// The nth of many: every field has a value in some and none in others.
    pub(crate) fn sample(n: usize, now: Duration) -> Self {
        const GIVEN: [&str; 5] = ["Sally", "Terry", "Ngozi", "Zoë", "Hiroshi"];
        const FAMILY: [&str; 7] = ["Doe", "Okafor", "O'Neill", "Nguyễn", "García", "Sato", "Smith"];
        let pick = |names: &[&'static str]| names.get(n % names.len()).copied().unwrap_or_default();
        let days_ago = |days: usize| {
            now.saturating_sub(
                Duration::from_secs(86_400).saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)),
            )
        };
        let mut new = Self::new().created_on(days_ago(40 + n % 300)).email(format!("user{n}@example.com"));
        if n % 4 != 0 {
            new = new.name(pick(&GIVEN), pick(&FAMILY));
        }
        if n % 3 == 1 {
            new = new.provided_id(format!("external-{n}")).phone(format!("+614{:08}", n % 100_000_000));
        }
        if n % 5 == 2 {
            new = new.username(format!("user{n}")).property("kp_usr_industry", "Construction");
        }
        if n % 2 == 1 {
            new = new.signed_in_to(format!("org_{:011x}", n % 8), days_ago(n % 40));
        }
        if n % 7 == 3 {
            new = new.session().mfa("email", format!("user{n}@example.com"));
        }
        if n % 50 == 49 {
            new = new.suspended();
        }
        new
    }
}
