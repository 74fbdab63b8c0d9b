//! The state of the tenant.

use core::ops::Bound;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kinde_users_core::{PropertyKey, UserId};

use crate::fault::Script;
use crate::ids::Ids;
use crate::random_faults::Luck;
use crate::request_log::Log;
use crate::settings::Settings;
use crate::user::{FakeIdentity, FakeUser, NewFakeUser};

#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) settings: Settings,
    /// The clock, since 1970.
    pub(crate) now: Duration,
    /// When the machine's clock was last looked at, and how many times as fast the tenant's goes,
    /// if it goes by itself.
    pub(crate) running: Option<(Instant, u32)>,
    pub(crate) ids: Ids,
    pub(crate) users: Users,
    /// The properties that the tenant knows: key to id.
    pub(crate) properties: BTreeMap<PropertyKey, String>,
    pub(crate) tokens: HashMap<String, Grant>,
    /// With more tokens than this, those that have expired are removed.
    pub(crate) tokens_to_keep: usize,
    /// Environment API keys, with their scopes.
    pub(crate) api_keys: HashMap<String, Vec<String>>,
    pub(crate) script: Script,
    pub(crate) luck: Luck,
    pub(crate) requests: Log,
}

/// What an issued token is good for.
#[derive(Clone)]
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
            tokens_to_keep: 0,
            api_keys: HashMap::new(),
            script: Script::default(),
            requests: Log::default(),
        }
    }

    /// Goes back to the state of `start`, but stays where it listens, and keeps counting the
    /// requests in flight. A clock that runs continues from the present.
    pub(crate) fn restart(&mut self, start: &Self) {
        let mut fresh = start.clone();
        fresh.settings.origin.clone_from(&self.settings.origin);
        // The speed may have changed since.
        let speed = start.running.map(|(_, speed)| speed);
        fresh.running = self.running.map(|(seen, now)| (seen, speed.unwrap_or(now)));
        fresh.luck.fly_like(&self.luck);
        *self = fresh;
        self.catch_up();
    }

    /// Moves a clock that runs to the machine's time if it is behind and its start was not chosen.
    pub(crate) fn catch_up(&mut self) {
        if self.running.is_some() && !self.settings.start_is_chosen {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
            self.now = self.now.max(since_1970.unwrap_or_default());
        }
    }

    /// Catches up with the machine's clock.
    pub(crate) fn tick(&mut self) {
        if let Some((seen, speed)) = &mut self.running {
            let elapsed = seen.elapsed();
            *seen += elapsed;
            self.now = self.now.saturating_add(elapsed.saturating_mul(*speed));
        }
    }

    /// Fills in what the seed left out, and adds the user.
    pub(crate) fn add(&mut self, new: NewFakeUser) -> UserId {
        let user = self.filled(new);
        let id = user.id.clone();
        self.users.insert(user);
        id
    }

    /// Fills in what is left out, and replaces the user, who keeps the place in the list.
    pub(crate) fn change(&mut self, new: NewFakeUser) {
        let user = self.filled(new);
        self.users.replace(user);
    }

    fn filled(&mut self, new: NewFakeUser) -> FakeUser {
        let (mut user, now, ids) = (new.user, self.now, &mut self.ids);
        let client = self.settings.client_id.as_str();
        ids.fill(&mut user.id, "kp_", 32);
        fill_in(&mut user.created_on, now);
        for identity in &mut user.identities {
            ids.fill(&mut identity.id, "identity_", 32);
            fill_in(&mut identity.created_on, user.created_on);
        }
        for session in &mut user.sessions {
            ids.fill(&mut session.id, "session_0x", 32);
            ids.fill(&mut session.connection_id, "conn_", 32);
            if session.client_id.as_str().is_empty() {
                session.client_id = client.into();
            }
            fill_in(&mut session.started_on, now);
        }
        for factor in &mut user.factors {
            ids.fill(&mut factor.id, "mfa_", 32);
            fill_in(&mut factor.created_on, user.created_on);
        }
        for key in user.properties.keys() {
            self.properties.entry(key.clone()).or_insert_with(|| ids.make("prop_", 32));
        }
        user
    }

    pub(crate) fn set_property(&mut self, user_id: &str, key: PropertyKey, value: Option<String>) {
        let ids = &mut self.ids;
        if value.is_some() {
            self.properties.entry(key.clone()).or_insert_with(|| ids.make("prop_", 32));
        }
        if let Some(user) = self.users.get_mut(user_id) {
            match value {
                Some(value) => user.properties.insert(key, value),
                None => user.properties.remove(&key),
            };
        }
    }
}

fn fill_in(instant: &mut Duration, with: Duration) {
    if instant.is_zero() {
        *instant = with;
    }
}

/// The users in the order of their creation. A position is never used twice, so that it can mark a
/// place among users who come and go.
#[derive(Clone, Default)]
pub(crate) struct Users {
    by_position: BTreeMap<u64, Arc<FakeUser>>,
    by_id: HashMap<UserId, u64>,
    /// Who holds an e-mail address, phone number or user name. Seeds may give one to several.
    holders: BTreeSet<(Box<str>, u64)>,
    /// The ids of those who were deleted.
    gone: HashSet<UserId>,
    last_position: u64,
}

/// E-mail addresses and user names are the same in upper and lower case.
fn holding(kind: &str, value: &str) -> Option<Box<str>> {
    let is_held = matches!(kind, "email" | "phone" | "username");
    is_held.then(|| format!("{kind} {}", value.to_lowercase()).into_boxed_str())
}

impl Users {
    pub(crate) fn insert(&mut self, user: FakeUser) {
        self.remove(&user.id);
        self.gone.remove(&user.id);
        self.last_position += 1;
        let position = self.last_position;
        for identity in &user.identities {
            self.hold(position, identity);
        }
        self.by_id.insert(user.id.clone(), position);
        self.by_position.insert(position, Arc::new(user));
    }

    fn hold(&mut self, position: u64, identity: &FakeIdentity) {
        if let Some(key) = holding(&identity.kind, &identity.value) {
            self.holders.insert((key, position));
        }
    }

    fn holders(&self, key: Box<str>) -> impl Iterator<Item = u64> {
        self.holders.range((key.clone(), 0)..=(key, u64::MAX)).map(|(_, position)| *position)
    }

    pub(crate) fn is_held(&self, kind: &str, value: &str) -> bool {
        holding(kind, value).is_some_and(|key| self.holders(key).next().is_some())
    }

    pub(crate) fn add_identity(&mut self, user_id: &UserId, identity: FakeIdentity) {
        if let Some(&position) = self.by_id.get(user_id) {
            self.hold(position, &identity);
            if let Some(user) = self.by_position.get_mut(&position) {
                Arc::make_mut(user).identities.push(identity);
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&FakeUser> {
        self.by_position.get(self.by_id.get(id)?).map(Arc::as_ref)
    }

    /// To change anything but id and identities, which are indexed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut FakeUser> {
        self.by_position.get_mut(self.by_id.get(id)?).map(Arc::make_mut)
    }

    /// Replaces a user, who keeps the place in the list.
    pub(crate) fn replace(&mut self, user: FakeUser) {
        let Some(&position) = self.by_id.get(&user.id) else { return self.insert(user) };
        self.release(position);
        for identity in &user.identities {
            self.hold(position, identity);
        }
        self.by_position.insert(position, Arc::new(user));
    }

    /// Frees the identities of the user at this position.
    fn release(&mut self, position: u64) {
        let Some(user) = self.by_position.get(&position) else { return };
        for key in user.identities.iter().filter_map(|identity| holding(&identity.kind, &identity.value)) {
            self.holders.remove(&(key, position));
        }
    }

    pub(crate) fn remove(&mut self, id: &UserId) -> Option<Arc<FakeUser>> {
        let position = self.by_id.remove(id)?;
        self.release(position);
        let user = self.by_position.remove(&position)?;
        self.gone.insert(id.clone());
        Some(user)
    }

    /// Positions go on: a mark among those who were there is none among those who come.
    pub(crate) fn forget(&mut self) {
        *self = Self { last_position: self.last_position, ..Self::default() };
    }

    /// The ids of the users who were deleted.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &UserId> {
        self.gone.iter()
    }

    pub(crate) fn set_gone(&mut self, ids: impl IntoIterator<Item = UserId>) {
        self.gone.extend(ids);
    }

    /// Whether there was a user with that id, who was deleted.
    pub(crate) fn is_gone(&self, id: &str) -> bool {
        self.gone.contains(id)
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

    /// Those of them who have, for each filter (`user_id` or a kind of identity), one of its
    /// values.
    pub(crate) fn found<'f>(
        &self,
        position: u64,
        filters: impl Iterator<Item = &'f (&'f str, Vec<&'f str>)>,
    ) -> Box<dyn Iterator<Item = (u64, &FakeUser)> + '_> {
        let holders = |(name, values): &(&str, Vec<&str>)| -> BTreeSet<u64> {
            let ids =
                values.iter().filter(|_| *name == "user_id").filter_map(|id| self.by_id.get(*id)).copied();
            // A value may be repeated, and many users may hold it.
            let keys: BTreeSet<_> = values.iter().filter_map(|value| holding(name, value)).collect();
            ids.chain(keys.into_iter().flat_map(|key| self.holders(key))).collect()
        };
        let Some(found) = filters.map(holders).reduce(|one, other| &one & &other) else {
            return Box::new(self.after(position));
        };
        let found = found.into_iter().filter(move |found| *found > position);
        Box::new(found.filter_map(|position| Some((position, self.by_position.get(&position)?.as_ref()))))
    }
}
