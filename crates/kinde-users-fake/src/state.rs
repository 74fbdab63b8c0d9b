//! The state of the tenant, and the ids it hands out.

use core::ops::Bound;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::builder::Settings;
use crate::fault::Script;
use crate::luck::Luck;
use crate::record::Recorded;
use crate::user::{FakeIdentity, FakeUser, NewFakeUser};

pub(crate) struct Tenant {
    pub(crate) settings: Settings,
    /// The clock, since 1970.
    pub(crate) now: Duration,
    /// When the machine's clock was last looked at, if the tenant's goes by itself.
    pub(crate) running: Option<Instant>,
    pub(crate) ids: Ids,
    pub(crate) users: Users,
    /// The properties that the tenant knows: key to id.
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) tokens: HashMap<String, Grant>,
    pub(crate) script: Script,
    pub(crate) luck: Luck,
    pub(crate) requests: Vec<Arc<Recorded>>,
}

/// What an issued token is good for.
pub(crate) struct Grant {
    pub(crate) expires: Duration,
    pub(crate) scopes: Vec<String>,
}

impl Tenant {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            now: settings.start,
            running: None,
            ids: Ids::new(settings.seed),
            luck: Luck::new(&settings),
            settings,
            users: Users::default(),
            properties: BTreeMap::new(),
            tokens: HashMap::new(),
            script: Script::default(),
            requests: Vec::new(),
        }
    }

    /// Catches up with the machine's clock.
    pub(crate) fn tick(&mut self) {
        if let Some(seen) = &mut self.running {
            let elapsed = seen.elapsed();
            *seen += elapsed;
            self.now = self.now.saturating_add(elapsed);
        }
    }

    /// Fills in what the seed left out, and adds the user.
    pub(crate) fn add(&mut self, new: NewFakeUser) -> String {
        let (mut user, now, ids) = (new.user, self.now, &mut self.ids);
        let client = self.settings.client_id.as_str();
        ids.fill(&mut user.id, "kp_", 32);
        if user.created_on.is_zero() {
            user.created_on = now;
        }
        for identity in &mut user.identities {
            ids.fill(&mut identity.id, "identity_", 32);
            identity.created_on = user.created_on;
        }
        for session in &mut user.sessions {
            ids.fill(&mut session.id, "session_0x", 32);
            ids.fill(&mut session.connection_id, "conn_", 32);
            client.clone_into(&mut session.client_id);
            session.started_on = now;
        }
        for factor in &mut user.factors {
            ids.fill(&mut factor.id, "mfa_", 32);
            factor.created_on = user.created_on;
        }
        for key in user.properties.keys() {
            self.properties.entry(key.clone()).or_insert_with(|| ids.make("prop_", 32));
        }
        let id = user.id.clone();
        self.users.insert(user);
        id
    }

    pub(crate) fn set_property(&mut self, user_id: &str, key: String, value: Option<String>) {
        let ids = &mut self.ids;
        self.properties.entry(key.clone()).or_insert_with(|| ids.make("prop_", 32));
        if let Some(user) = self.users.get_mut(user_id) {
            match value {
                Some(value) => user.properties.insert(key, value),
                None => user.properties.remove(&key),
            };
        }
    }
}

/// The users in the order of their creation. A position is never used twice, so that it can mark a place
/// among users who come and go.
#[derive(Default)]
pub(crate) struct Users {
    by_position: BTreeMap<u64, Box<FakeUser>>,
    by_id: HashMap<String, u64>,
    /// Who holds an e-mail address, phone number or user name.
    holders: HashMap<String, u64>,
    last_position: u64,
}

/// E-mail addresses and user names are the same in upper and lower case.
fn holding(kind: &str, value: &str) -> Option<String> {
    matches!(kind, "email" | "phone" | "username").then(|| format!("{kind} {}", value.to_ascii_lowercase()))
}

impl Users {
    pub(crate) fn insert(&mut self, user: FakeUser) {
        self.remove(&user.id);
        self.last_position += 1;
        let position = self.last_position;
        for identity in &user.identities {
            self.hold(position, identity);
        }
        self.by_id.insert(user.id.clone(), position);
        self.by_position.insert(position, Box::new(user));
    }

    fn hold(&mut self, position: u64, identity: &FakeIdentity) {
        if let Some(key) = holding(&identity.kind, &identity.value) {
            self.holders.entry(key).or_insert(position);
        }
    }

    pub(crate) fn is_held(&self, kind: &str, value: &str) -> bool {
        holding(kind, value).is_some_and(|key| self.holders.contains_key(&key))
    }

    pub(crate) fn add_identity(&mut self, user_id: &str, identity: FakeIdentity) {
        if let Some(&position) = self.by_id.get(user_id) {
            self.hold(position, &identity);
            if let Some(user) = self.by_position.get_mut(&position) {
                user.identities.push(identity);
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&FakeUser> {
        self.by_position.get(self.by_id.get(id)?).map(Box::as_ref)
    }

    /// To change anything but id and identities, which are indexed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut FakeUser> {
        self.by_position.get_mut(self.by_id.get(id)?).map(Box::as_mut)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Box<FakeUser>> {
        let position = self.by_id.remove(id)?;
        let user = self.by_position.remove(&position)?;
        for key in user.identities.iter().filter_map(|identity| holding(&identity.kind, &identity.value)) {
            if self.holders.get(&key) == Some(&position) {
                self.holders.remove(&key);
            }
        }
        Some(user)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The users created after that position.
    pub(crate) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &FakeUser)> {
        self.by_position
            .range((Bound::Excluded(position), Bound::Unbounded))
            .map(|(&position, user)| (position, user.as_ref()))
    }
}

/// Ids that look random and are the same for the same seed (`SplitMix64`).
pub(crate) struct Ids(u64);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Up to 32 hex digits after the prefix.
    pub(crate) fn make(&mut self, prefix: &str, digits: usize) -> String {
        let mut id = format!("{prefix}{:016x}{:016x}", self.next(), self.next());
        id.truncate(prefix.len() + digits);
        id
    }

    fn fill(&mut self, id: &mut String, prefix: &str, digits: usize) {
        if id.is_empty() {
            *id = self.make(prefix, digits);
        }
    }
}
