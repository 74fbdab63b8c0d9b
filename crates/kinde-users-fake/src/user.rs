//! What a tenant knows of a user, as plain structs for assertions, and a builder for new users.

use core::time::Duration;
use std::collections::BTreeMap;

use kinde_users_core::{
    BillingCustomerId, ClientId, ConnectionId, FactorId, FeatureFlagKey, IdentityId, OrganizationCode,
    PropertyKey, SessionId, UserId,
};

/// Implements `Debug` with only the fields that are neither personal data nor secret.
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

/// A user in the tenant. Instants are durations since 1970.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeUser {
    /// `kp_` and 32 hex digits, unless another id was set.
    pub id: UserId,
    /// The id that the owner of the tenant assigned.
    pub provided_id: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// The address of a picture.
    pub picture: Option<String>,
    /// Whether the user is suspended and cannot sign in.
    pub is_suspended: bool,
    /// Whether the user has to choose a new password.
    pub is_password_reset_requested: bool,
    /// The number of sign-ins.
    pub total_sign_ins: u64,
    /// The number of failed sign-ins in a row.
    pub failed_sign_ins: u64,
    /// The time of the last sign-in.
    pub last_signed_in: Option<Duration>,
    /// The time of creation.
    pub created_on: Duration,
    /// The codes of the user's organisations.
    pub organizations: Vec<OrganizationCode>,
    /// The code of each organisation to which the user signed in, with the time of the last
    /// sign-in.
    pub organization_sign_ins: Vec<(OrganizationCode, Duration)>,
    /// What the user signs in with, oldest first.
    pub identities: Vec<FakeIdentity>,
    /// The values of the properties that are set.
    pub properties: BTreeMap<PropertyKey, String>,
    /// The overrides of feature flags.
    pub feature_flags: BTreeMap<FeatureFlagKey, String>,
    /// The sessions that have not ended.
    pub sessions: Vec<FakeSession>,
    /// The second factors.
    pub factors: Vec<FakeFactor>,
    /// The password hash, if one was set.
    pub password: Option<Box<FakePassword>>,
    /// The id of the last billing customer that was created, if any.
    pub billing_customer: Option<BillingCustomerId>,
    /// The codes of the organisations for which a billing customer was created.
    pub billing_organizations: Vec<OrganizationCode>,
    /// How many times the user's claims were refreshed.
    pub claims_refreshed: u64,
}

shy_debug!(FakeUser: id, is_suspended);

// These cannot be derived, because ids have no default.
impl Default for FakeUser {
    fn default() -> Self {
        Self {
            id: "".into(),
            provided_id: None,
            given_name: None,
            family_name: None,
            picture: None,
            is_suspended: false,
            is_password_reset_requested: false,
            total_sign_ins: 0,
            failed_sign_ins: 0,
            last_signed_in: None,
            created_on: Duration::ZERO,
            organizations: Vec::new(),
            organization_sign_ins: Vec::new(),
            identities: Vec::new(),
            properties: BTreeMap::new(),
            feature_flags: BTreeMap::new(),
            sessions: Vec::new(),
            factors: Vec::new(),
            password: None,
            billing_customer: None,
            billing_organizations: Vec::new(),
            claims_refreshed: 0,
        }
    }
}

impl FakeUser {
    fn first(&self, kind: &str) -> Option<&str> {
        self.identities.iter().find(|identity| identity.kind == kind).map(|identity| identity.value.as_str())
    }

    /// Returns the preferred e-mail address, which is the first one.
    pub fn email(&self) -> Option<&str> {
        self.first("email")
    }

    /// Returns the first phone number.
    pub fn phone(&self) -> Option<&str> {
        self.first("phone")
    }

    /// Returns the first user name.
    pub fn username(&self) -> Option<&str> {
        self.first("username")
    }
}

/// An identity, with which a user signs in.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeIdentity {
    /// `identity_` and 32 hex digits.
    pub id: IdentityId,
    /// `email`, `phone`, `username`, `enterprise` or `oauth2:…`.
    pub kind: String,
    /// The address, number or name.
    pub value: String,
    /// Whether the identity is verified, if known.
    pub is_confirmed: Option<bool>,
    /// The connection of a social or enterprise identity.
    pub connection_id: Option<ConnectionId>,
    /// The time of creation.
    pub created_on: Duration,
}

shy_debug!(FakeIdentity: id, kind, is_confirmed);

impl Default for FakeIdentity {
    fn default() -> Self {
        Self {
            id: "".into(),
            kind: String::new(),
            value: String::new(),
            is_confirmed: None,
            connection_id: None,
            created_on: Duration::ZERO,
        }
    }
}

/// A session of a user.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeSession {
    /// `session_0x` and 32 hex digits.
    pub id: SessionId,
    /// The client id of the application.
    pub client_id: ClientId,
    /// The code of the organisation.
    pub org_code: Option<OrganizationCode>,
    /// The id of the connection.
    pub connection_id: ConnectionId,
    /// The start of the session, which lasts a day.
    pub started_on: Duration,
}

shy_debug!(FakeSession: id);

impl Default for FakeSession {
    fn default() -> Self {
        Self {
            id: "".into(),
            client_id: "".into(),
            org_code: None,
            connection_id: "".into(),
            started_on: Duration::ZERO,
        }
    }
}

impl FakeSession {
    pub(crate) fn expires_on(&self) -> Duration {
        self.started_on.saturating_add(Duration::from_secs(24 * 60 * 60))
    }
}

/// A second factor of a user.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeFactor {
    /// `mfa_` and 32 hex digits.
    pub id: FactorId,
    /// The kind, such as `email`, `sms` or `authenticator`.
    pub kind: String,
    /// The address or number that the factor uses.
    pub name: String,
    /// The time of creation.
    pub created_on: Duration,
}

shy_debug!(FakeFactor: id, kind);

impl Default for FakeFactor {
    fn default() -> Self {
        Self { id: "".into(), kind: String::new(), name: String::new(), created_on: Duration::ZERO }
    }
}

/// A password hash as it was set, with the parameters of its method.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FakePassword {
    /// The hash.
    pub hashed_password: String,
    /// The method. The default is `bcrypt`.
    pub hashing_method: String,
    /// The salt, in base64 for some methods.
    pub salt: Option<String>,
    /// `prefix` or `suffix`.
    pub salt_position: Option<String>,
    /// The number of iterations. The default for PBKDF2 is 24,000.
    pub iterations: Option<u64>,
    /// The variant of PBKDF2.
    pub variant: Option<String>,
    /// The signer key of Firebase.
    pub signer_key: Option<String>,
    /// The salt separator of Firebase.
    pub salt_separator: Option<String>,
    /// The rounds of Firebase.
    pub rounds: Option<u64>,
    /// The memory cost of Firebase.
    pub mem_cost: Option<u64>,
    /// Whether the user has to choose another password after the next sign-in.
    pub is_temporary_password: bool,
}

shy_debug!(FakePassword: hashing_method, is_temporary_password);

/// A new user for [`FakeKinde::add_user`](crate::FakeKinde::add_user).
///
/// Nothing is checked, so that a tenant can hold data that the API would refuse. Missing ids and
/// times of creation are filled in.
///
/// # Examples
///
/// ```
/// # use kinde_users_fake::{FakeKinde, NewFakeUser};
/// let fake = FakeKinde::new();
/// let sally = NewFakeUser::new().email("sally@example.com").organization("org_1ccfb819462");
/// let id = fake.add_user(sally);
/// assert_eq!(fake.user(&id).unwrap().email(), Some("sally@example.com"));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct NewFakeUser {
    pub(crate) user: FakeUser,
}

shy_debug!(NewFakeUser: user);

impl NewFakeUser {
    /// Creates a user with nothing but an id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the id, such as `kp:…` in old tenants. An existing user with this id is replaced.
    pub fn id(mut self, id: impl Into<UserId>) -> Self {
        self.user.id = id.into();
        self
    }

    /// Sets the id that the owner of the tenant assigned.
    pub fn provided_id(mut self, id: impl Into<String>) -> Self {
        self.user.provided_id = Some(id.into());
        self
    }

    /// Sets the given and the family name.
    pub fn name(mut self, given: impl Into<String>, family: impl Into<String>) -> Self {
        self.user.given_name = Some(given.into());
        self.user.family_name = Some(family.into());
        self
    }

    /// Sets the address of a picture.
    pub fn picture(mut self, url: impl Into<String>) -> Self {
        self.user.picture = Some(url.into());
        self
    }

    /// Suspends the user.
    pub fn suspended(mut self) -> Self {
        self.user.is_suspended = true;
        self
    }

    /// Sets the time of creation since 1970. The default is now.
    pub fn created_on(mut self, at: Duration) -> Self {
        self.user.created_on = at;
        self
    }

    /// Adds a sign-in at this time since 1970, which becomes the last one.
    pub fn signed_in(mut self, at: Duration) -> Self {
        self.user.last_signed_in = Some(at);
        self.user.total_sign_ins += 1;
        self
    }

    /// Adds a verified e-mail address.
    pub fn email(self, address: impl Into<String>) -> Self {
        self.identity("email", address, Some(true), None)
    }

    /// Adds a phone number, such as `+61412345678`.
    pub fn phone(self, number: impl Into<String>) -> Self {
        self.identity("phone", number, None, None)
    }

    /// Adds a user name.
    pub fn username(self, name: impl Into<String>) -> Self {
        self.identity("username", name, None, None)
    }

    /// Adds an identity of another kind, such as `oauth2:google` or `enterprise`, with its
    /// connection.
    pub fn connected(
        self,
        kind: impl Into<String>,
        value: impl Into<String>,
        connection_id: impl Into<ConnectionId>,
    ) -> Self {
        self.identity(kind, value, Some(true), Some(connection_id.into()))
    }

    pub(crate) fn identity(
        mut self,
        kind: impl Into<String>,
        value: impl Into<String>,
        is_confirmed: Option<bool>,
        connection_id: Option<ConnectionId>,
    ) -> Self {
        let (kind, value) = (kind.into(), value.into());
        let identity = FakeIdentity { kind, value, is_confirmed, connection_id, ..FakeIdentity::default() };
        self.user.identities.push(identity);
        self
    }

    /// Makes the user a member of this organisation.
    pub fn organization(mut self, code: impl Into<OrganizationCode>) -> Self {
        self.user.organizations.push(code.into());
        self
    }

    /// Makes the user a member of this organisation, with the last sign-in to it at this time since
    /// 1970.
    pub fn signed_in_to(mut self, code: impl Into<OrganizationCode>, at: Duration) -> Self {
        let code = code.into();
        self.user.organization_sign_ins.push((code.clone(), at));
        self.organization(code).signed_in(at)
    }

    /// Sets a property.
    pub fn property(mut self, key: impl Into<PropertyKey>, value: impl Into<String>) -> Self {
        self.user.properties.insert(key.into(), value.into());
        self
    }

    /// Sets an override of a feature flag.
    pub fn feature_flag(mut self, key: impl Into<FeatureFlagKey>, value: impl Into<String>) -> Self {
        self.user.feature_flags.insert(key.into(), value.into());
        self
    }

    /// Adds a session, which begins when the user is added.
    pub fn session(mut self) -> Self {
        self.user.sessions.push(FakeSession::default());
        self
    }

    /// Adds a second factor: its kind, and the address or number that it uses.
    pub fn mfa(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        let factor = FakeFactor { kind: kind.into(), name: name.into(), ..FakeFactor::default() };
        self.user.factors.push(factor);
        self
    }

    /// Creates the nth of many users. Every field has a value in some of them and none in others.
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
