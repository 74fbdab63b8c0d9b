//! The seed of a tenant: its users, credentials, settings and clock.

use core::fmt;
use core::num::NonZeroUsize;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;

use kinde_users_core::UserId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::Refusal;
use crate::args::Fields;
use crate::choice::Choice;
use crate::fake_kinde::FakeKinde;
use crate::ids::Ids;
use crate::limit::Limit;
use crate::random_faults::Luck;
use crate::snapshot;
use crate::state::{Grant, Tenant};
use crate::time;
use crate::user::NewFakeUser;

/// How many sample users a seed can have.
const MOST_SAMPLES: usize = 10_000;

/// What a tenant starts with, as [JSON](super#seeds).
///
/// ```
/// use kinde_users_fake::FakeKinde;
/// use kinde_users_fake::control::Seed;
///
/// let seed: Seed = r#"{"client_id": "acme", "users": [{"id": "kp_1", "email": "a@example.com"}]}"#
///     .parse()?;
/// let fake = FakeKinde::new();
/// fake.plant(&seed);
/// assert_eq!(fake.client_id(), "acme");
/// assert_eq!(fake.user("kp_1").unwrap().email(), Some("a@example.com"));
///
/// let wrong = r#"{"users": [{"email": 7}]}"#.parse::<Seed>().unwrap_err();
/// assert_eq!(wrong.to_string(), "users[0]: email invalid at line 1 column 24");
/// # Ok::<(), kinde_users_fake::control::SeedError>(())
/// ```
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the program has the argument --seed too")]
pub struct Seed {
    seed: Option<u64>,
    client_id: Option<String>,
    client_secret: Option<String>,
    audience: Option<String>,
    scopes: Option<Vec<String>>,
    token_lifetime_seconds: Option<u64>,
    identities_page: Option<NonZeroUsize>,
    strict: Option<bool>,
    choices: Vec<Text<Choice>>,
    limits: Option<Vec<Text<Limit>>>,
    latency_ms: Option<u64>,
    latency_spread_ms: Option<u64>,
    chaos: Option<Share>,
    now: Option<Text<Instant>>,
    samples: Samples,
    users: Vec<SeedUser>,
    deleted_users: Vec<String>,
    properties: BTreeMap<String, String>,
    tokens: Vec<SeedToken>,
    api_keys: BTreeMap<String, Vec<String>>,
    ids: Option<Text<Rest>>,
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// Why a text is not a [`Seed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for SeedError {}

impl FromStr for Seed {
    type Err = SeedError;

    fn from_str(json: &str) -> Result<Self, SeedError> {
        super::read(json.as_bytes()).map_err(|Refusal { message, path, .. }| {
            SeedError(if path.is_empty() { message } else { format!("{path}: {message}") })
        })
    }
}

impl FakeKinde {
    /// Adds the users of the seed, and changes the settings that it names. The others stay.
    pub fn plant(&self, seed: &Seed) {
        seed.clone().apply(&mut self.lock());
    }
}

impl Seed {
    pub(super) fn apply(self, tenant: &mut Tenant) {
        let settings = &mut tenant.settings;
        put(self.client_id, &mut settings.client_id);
        put(self.client_secret, &mut settings.client_secret);
        put(self.audience.map(Some), &mut settings.audience);
        put(self.scopes, &mut settings.scopes);
        put(self.token_lifetime_seconds.map(Duration::from_secs), &mut settings.token_lifetime);
        put(self.identities_page.map(NonZeroUsize::get), &mut settings.identities_page);
        put(self.strict, &mut settings.strict);
        self.choices.into_iter().for_each(|choice| settings.choices.make(choice.0));
        if let Some(seed) = self.seed {
            settings.seed = seed;
            tenant.ids = Ids::new(seed);
        }
        // Without one of these, the limits go on counting.
        let is_lucky = self.seed.is_some() || self.limits.is_some() || self.chaos.is_some();
        let is_late = self.latency_ms.is_some() || self.latency_spread_ms.is_some();
        let limits =
            self.limits.map(|limits| limits.into_iter().map(|limit| (Duration::ZERO, limit.0)).collect());
        put(limits, &mut settings.limits);
        put(self.chaos.map(|share| share.0), &mut settings.chaos);
        put(self.latency_ms.map(Duration::from_millis), &mut settings.latency);
        put(self.latency_spread_ms.map(Duration::from_millis), &mut settings.latency_spread);
        settings.latency_spread = settings.latency_spread.min(settings.latency);
        if is_lucky || is_late {
            let mut luck = Luck::new(settings);
            luck.fly_like(&tenant.luck);
            tenant.luck = luck;
        }
        put(self.ids.map(|rest| Ids::new(rest.0.0)), &mut tenant.ids);
        if let Some(now) = self.now {
            (tenant.now, tenant.settings.start) = (now.0.0, now.0.0);
            tenant.settings.start_is_chosen = true;
        }
        tenant.properties.extend(self.properties.into_iter().map(|(key, id)| (key.into(), id)));
        for user in self.users {
            tenant.add(user.0);
        }
        for n in 0..self.samples.0 {
            tenant.add(NewFakeUser::sample(n, tenant.now));
        }
        tenant.users.set_gone(self.deleted_users.into_iter().map(UserId::from));
        for SeedToken { token, expires_on, scopes } in self.tokens {
            tenant.tokens.insert(token, Grant { expires: expires_on.0.0, scopes });
        }
        tenant.api_keys.extend(self.api_keys);
    }
}

/// Returns the state of a tenant, without its settings, as a seed.
pub(super) fn state(tenant: &Tenant) -> Value {
    let at = |at: Duration| time::timestamp(at).to_string();
    let mut tokens: Vec<_> = tenant.tokens.iter().collect();
    tokens.sort_by_key(|(token, _)| *token);
    let token = |(token, grant): (&String, &Grant)| json!({ "token": token, "expires_on": at(grant.expires), "scopes": grant.scopes });
    let mut gone: Vec<_> = tenant.users.gone().collect();
    gone.sort();
    json!({
        "client_id": tenant.settings.client_id,
        "client_secret": tenant.settings.client_secret,
        "scopes": tenant.settings.scopes,
        "now": at(tenant.now),
        "users": tenant.users.after(0).map(|(_, user)| snapshot::write(user)).collect::<Value>(),
        "deleted_users": gone,
        "properties": tenant.properties,
        "tokens": tokens.into_iter().map(token).collect::<Value>(),
        "api_keys": tenant.api_keys.iter().collect::<BTreeMap<_, _>>(),
        "ids": format!("{:016x}", tenant.ids.rest()),
    })
}

fn put<T>(value: Option<T>, slot: &mut T) {
    if let Some(value) = value {
        *slot = value;
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedToken {
    token: String,
    expires_on: Text<Instant>,
    scopes: Vec<String>,
}

/// A user in the form of an [export](FakeKinde::export).
#[derive(Clone)]
pub(super) struct SeedUser(pub(super) NewFakeUser);

impl SeedUser {
    /// Reads a user. Unlike an import, it refuses unknown fields.
    pub(super) fn read(object: Map<String, Value>) -> Result<Self, String> {
        let mut fields = Fields::strict(object);
        let user = snapshot::read(&mut fields);
        // Kinde's export has it, and nothing depends on it.
        fields.text("business_code");
        let problems = fields.into_problems();
        if problems.is_empty() { Ok(Self(user)) } else { Err(problems.words()) }
    }
}

impl<'de> Deserialize<'de> for SeedUser {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(Map::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A value that is written as a text.
#[derive(Clone)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// An instant since 1970.
#[derive(Clone)]
struct Instant(Duration);

impl FromStr for Instant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = time::parse(text).and_then(|at| Duration::try_from(at.as_duration()).ok());
        at.map(Self).ok_or("it must be an instant such as 2026-01-01T00:00:00Z")
    }
}

/// The rest of the ids. It is not a number, because programs in JavaScript would round it.
#[derive(Clone)]
struct Rest(u64);

impl FromStr for Rest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self).map_err(|_| "it must be hexadecimal")
    }
}

#[derive(Clone, Deserialize)]
#[serde(try_from = "f64")]
struct Share(f64);

impl TryFrom<f64> for Share {
    type Error = &'static str;

    fn try_from(share: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err("it must be from 0 to 1") }
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "usize")]
struct Samples(usize);

impl TryFrom<usize> for Samples {
    type Error = String;

    fn try_from(count: usize) -> Result<Self, Self::Error> {
        if count <= MOST_SAMPLES {
            Ok(Self(count))
        } else {
            Err(format!("it must be at most {MOST_SAMPLES}"))
        }
    }
}
