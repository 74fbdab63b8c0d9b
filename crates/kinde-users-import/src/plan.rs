//! The plan of an import: what each field, line and user becomes.

use alloc::borrow::ToOwned as _;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

mod text;

use crate::draft::Note;
use crate::error::{ImportError, Place};
use crate::mapping::{Mapping, lost};
use crate::rule::Rule;
use crate::shown::shown;
use crate::sources::Source;
use crate::user::ImportUser;

/// The most field names and kinds of problems that are listed. A file has more only if its names
/// are values.
const MOST: usize = 2000;
/// The longest field name that is listed, in bytes.
const LONGEST_NAME: usize = 200;
const MORE_NAMES: &str = "(more names)";
/// How many line numbers are listed for each entry.
const NAMED_LINES: usize = 5;

/// Describes an import before it begins: what each field becomes, which lines are not valid, and
/// which users need a new password.
///
/// The plan grows while [`Users`](crate::Users) reads records, and is complete after the last
/// record. `Display` writes the plan as text for people. The text contains names of fields, but no
/// values.
#[derive(Clone)]
pub struct Plan {
    mapping: Mapping,
    fields: Vec<Field>,
    index: BTreeMap<Arc<str>, usize>,
    pub(crate) files: usize,
    pub(crate) lines: u64,
    pub(crate) users: u64,
    pub(crate) merged: Lines,
    pub(crate) rejected: u64,
    pub(crate) is_cut: bool,
    pub(crate) suspended: u64,
    /// The number of users that only the mapping suspends.
    suspended_by_mapping: u64,
    /// The numbers of users with a password, by hashing method.
    passwords: BTreeMap<&'static str, u64>,
    without_password: Lines,
    /// Users without an address, number or user name.
    without_identity: Lines,
    /// Users of an Auth0 database without a password. Each has one in Auth0.
    without_hash: Lines,
    /// The keys of properties and of feature flags.
    properties: BTreeSet<String>,
    feature_flags: BTreeSet<String>,
    problems: BTreeMap<String, Lines>,
    changes: BTreeMap<String, Lines>,
    unverifiable: BTreeMap<String, Lines>,
}

/// A field of the files.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) rule: Rule,
    /// The lines on which it has a value.
    has: Lines,
    /// The lines on which the value is not taken, for `reason`.
    lost: Lines,
    reason: &'static str,
    /// The number of lines on which it suspends the user.
    suspends: u64,
}

/// The first lines of an entry, and the number of all.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    first: Vec<Place>,
    count: u64,
}

impl Lines {
    pub(crate) fn add(&mut self, place: Place) {
        self.count += 1;
        if self.first.len() < NAMED_LINES {
            self.first.push(place);
        }
    }
}

impl Plan {
    pub(crate) fn new(mapping: Mapping) -> Self {
        Self {
            mapping,
            fields: Vec::new(),
            index: BTreeMap::new(),
            files: 1,
            lines: 0,
            users: 0,
            merged: Lines::default(),
            rejected: 0,
            is_cut: false,
            suspended: 0,
            suspended_by_mapping: 0,
            passwords: BTreeMap::new(),
            without_password: Lines::default(),
            without_identity: Lines::default(),
            without_hash: Lines::default(),
            properties: BTreeSet::new(),
            feature_flags: BTreeSet::new(),
            problems: BTreeMap::new(),
            changes: BTreeMap::new(),
            unverifiable: BTreeMap::new(),
        }
    }

    /// Returns the number of records, valid or not.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the number of users that can be imported.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// Returns the number of lines that are not valid.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Returns `true` if a file could not be read to its end, such as a gzip file that is cut off.
    ///
    /// The lines that are missing are counted nowhere else.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the number of lines that repeat a user of an earlier line.
    ///
    /// A file that has a line for each organization of a user contains such lines.
    pub fn merged(&self) -> u64 {
        self.merged.count
    }

    /// Returns the number of users that are imported as suspended.
    pub fn suspended(&self) -> u64 {
        self.suspended
    }

    /// Returns the number of users that are imported with a password.
    pub fn passwords(&self) -> u64 {
        self.passwords.values().sum()
    }

    /// Returns the number of users that are imported without a password, for any reason.
    pub fn without_password(&self) -> u64 {
        self.without_password.count
    }

    /// Returns the number of users whose password hash Kinde cannot verify. These users will need a
    /// new password.
    pub fn unverifiable(&self) -> u64 {
        self.unverifiable.values().map(|lines| lines.count).sum()
    }

    /// Returns the names of the fields with values that are neither imported nor ignored.
    pub fn untaken(&self) -> impl Iterator<Item = &str> {
        self.not_taken().filter(|_| !self.mapping.ignores_rest).map(|field| &*field.name)
    }

    /// Returns `true` if every value is imported, or is left out because the mapping says so.
    ///
    /// This method does not consider lines that are not valid; see [`rejected`](Self::rejected).
    pub fn loses_nothing(&self) -> bool {
        self.untaken().next().is_none()
            && (self.unverifiable() == 0 || self.mapping.settings.drops_unverifiable)
    }

    fn not_taken(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.lost.count > 0)
    }

    /// Returns the index of a field. `guess` is usually right, as records have their fields in the
    /// same order.
    pub(crate) fn field(&mut self, guess: usize, name: &str) -> usize {
        if self.fields.get(guess).is_some_and(|field| &*field.name == name) {
            return guess;
        }
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        if self.fields.len() >= MOST || name.len() > LONGEST_NAME {
            return self.add_field(MORE_NAMES, Rule::NotTaken("there are too many field names to list"));
        }
        let rule = self.mapping.rule(name.trim());
        self.add_field(name, rule)
    }

    fn add_field(&mut self, name: &str, rule: Rule) -> usize {
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        let (name, at): (Arc<str>, _) = (name.into(), self.fields.len());
        self.index.insert(name.clone(), at);
        let (has, lost) = (Lines::default(), Lines::default());
        self.fields.push(Field { name, rule, has, lost, reason: "", suspends: 0 });
        at
    }

    pub(crate) fn get(&self, at: usize) -> Option<(Arc<str>, Rule)> {
        self.fields.get(at).map(|field| (field.name.clone(), field.rule.clone()))
    }

    pub(crate) fn has_value(&mut self, at: usize, place: Place) {
        if let Some(field) = self.fields.get_mut(at) {
            field.has.add(place);
        }
    }

    pub(crate) fn lose(&mut self, at: usize, reason: &'static str, place: Place) {
        if let Some(field) = self.fields.get_mut(at) {
            field.lost.add(place);
            field.reason = reason;
        }
    }

    /// Counts the notes of a line.
    pub(crate) fn note(&mut self, notes: Vec<Note>, place: Place) {
        for note in notes {
            match note {
                Note::NotTaken(name, reason) => {
                    let parent = name.split(['.', '[']).next().unwrap_or_default();
                    let is_ignored = self.mapping.is_ignored(&name) || self.mapping.is_ignored(parent);
                    let at = match self.index.get(&name) {
                        Some(at) => *at,
                        None if self.fields.len() >= MOST || name.len() > LONGEST_NAME => {
                            self.add_field(MORE_NAMES, Rule::NotTaken(reason))
                        }
                        None => {
                            let rule = if is_ignored { Rule::Ignored } else { Rule::NotTaken(reason) };
                            self.add_field(&name, rule)
                        }
                    };
                    if is_ignored {
                        self.has_value(at, place);
                    } else {
                        self.lose(at, reason, place);
                    }
                }
                Note::Suspended(None) => self.suspended_by_mapping += 1,
                Note::Suspended(Some(name)) => {
                    if let Some(field) = self.index.get(&name).and_then(|at| self.fields.get_mut(*at)) {
                        field.suspends += 1;
                    }
                }
                Note::Changed(name, problem) => {
                    count(&mut self.changes, format!("{} {problem}", shown(&name)), place);
                }
                Note::Unverifiable(form) => count(&mut self.unverifiable, form.into_owned(), place),
            }
        }
    }

    /// Counts a user that can be imported.
    pub(crate) fn count_user(&mut self, user: &ImportUser, place: Place) {
        self.users += 1;
        self.suspended += u64::from(user.is_suspended == Some(true));
        if user.identities.is_empty() {
            self.without_identity.add(place);
        }
        // Kinde's own properties exist in each tenant.
        let own = |key: &&str| !key.starts_with("kp_");
        add_keys(&mut self.properties, user.properties.iter().map(|(key, _)| key.as_str()).filter(own));
        add_keys(&mut self.feature_flags, user.feature_flags.iter().map(|(key, _)| key.as_str()));
        if let Some(password) = &user.password {
            *self.passwords.entry(password.hashing_method()).or_default() += 1;
            return;
        }
        self.without_password.add(place);
        let is_of_database = user.provided_id().is_some_and(|id| id.starts_with("auth0|"));
        if is_of_database && self.mapping.source == Source::Auth0 {
            self.without_hash.add(place);
        }
    }

    pub(crate) fn reject(&mut self, errors: &[ImportError], place: Place) {
        self.rejected += 1;
        for error in errors {
            count(&mut self.problems, format!("{error}"), place);
        }
    }

    /// Returns an error for each field whose value would be lost.
    pub(crate) fn errors_of_untaken(&self) -> Vec<ImportError> {
        let lost_fields = self.not_taken().filter(|_| !self.mapping.ignores_rest);
        let mut errors: Vec<_> = lost_fields.map(|field| lost(&shown(&field.name), field.reason)).collect();
        if !self.mapping.settings.drops_unverifiable {
            let hashes = self
                .unverifiable
                .keys()
                .map(|form| lost("hashed_password", &format!("it looks like {form}")));
            errors.extend(hashes);
        }
        errors
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, users, rejected, .. } = self;
        write!(f, "Plan({lines} lines, {users} users, {rejected} rejected)")
    }
}

/// Adds keys, which are mostly known.
fn add_keys<'k>(known: &mut BTreeSet<String>, keys: impl Iterator<Item = &'k str>) {
    for key in keys {
        if known.len() < MOST && !known.contains(key) {
            known.insert(key.to_owned());
        }
    }
}

fn count(groups: &mut BTreeMap<String, Lines>, text: String, place: Place) {
    let text =
        if groups.len() < MOST || groups.contains_key(&text) { text } else { "other problems".to_owned() };
    groups.entry(text).or_default().add(place);
}
