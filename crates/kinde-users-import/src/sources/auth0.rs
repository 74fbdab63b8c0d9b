//! Auth0: the user export (NDJSON), the password hash export (NDJSON) and the export of the
//! import/export extension (NDJSON, or CSV with tabs).

use alloc::borrow::ToOwned as _;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use kinde_users_core::Problem;

use core::hash::BuildHasher as _;

use crate::draft::{Draft, TEXT};
use crate::error::Place;
use crate::error::{ImportError, ImportProblem};
use crate::json_value::Node;
use crate::rule::Rule::{self, Deep, Flag, Idle, NotTaken, NotTakenUnless, Read, To};
use crate::rule::{CONNECTION, FACTOR, UNSET};
use crate::shown::shown_type;
use crate::table::Table;
use crate::target::{Target, When};
use crate::user::Kind;

pub(crate) const TABLE: Table = Table {
    name: "auth0",
    title: "an Auth0 export",
    marks: &[
        &["user_id", "identities"],
        &["user_id", "email_verified"],
        &["user_id", "logins_count"],
        &["_id", "passwordHash"],
        &["id", "connection", "given_name"],
    ],
    fields: FIELDS,
    is_loose: true,
    ..Table::PLAIN
};

const HERE: &str = "it has a meaning only in Auth0";

const FIELDS: &[(&str, Rule)] = &[
    ("user_id", To(Target::Id)),
    ("Id", To(Target::Id)),
    ("email", To(Target::Email)),
    ("email_verified", Flag(Target::EmailVerified, When::True)),
    ("given_name", To(Target::FirstName)),
    ("family_name", To(Target::LastName)),
    ("name", To(Target::FullName)),
    ("picture", To(Target::Picture)),
    ("phone_number", To(Target::Phone)),
    ("phone_verified", Flag(Target::PhoneVerified, When::True)),
    ("username", To(Target::Username)),
    ("blocked", Flag(Target::Suspended, When::True)),
    ("identities", Read("not needed for a database connection", identities)),
    ("connection", NotTakenUnless(&["Username-Password-Authentication"], CONNECTION)),
    ("app_metadata", Deep),
    ("user_metadata", Deep),
    ("nickname", NotTaken(UNSET)),
    ("created_at", NotTaken(UNSET)),
    ("updated_at", NotTaken(UNSET)),
    ("last_login", NotTaken(UNSET)),
    ("last_ip", NotTaken(UNSET)),
    ("last_password_reset", NotTaken(UNSET)),
    ("logins_count", NotTaken(UNSET)),
    ("multifactor", NotTaken(FACTOR)),
    // The password hash export.
    ("_id", Read("the id in another system (`provided_id`), after `auth0|`", object_id)),
    ("alt_id", Read("the id in another system (`provided_id`), after `auth0|`", alternative_id)),
    ("passwordHash", To(Target::Hash)),
    ("identifiers", Read("addresses, phone numbers and user names", identifiers)),
    ("password_set_date", NotTaken(UNSET)),
    ("tenant", Idle(HERE)),
    ("_tmp_is_unique", Idle(HERE)),
];

fn identities(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    let Some(items) = node.items() else {
        return draft.problem(field, Problem::WrongType, "a list in brackets");
    };
    for item in items {
        // An identity of a database connection is the user itself.
        match item.text_of("provider").as_deref() {
            Some("auth0") | None => {}
            Some(provider) => draft.not_taken(&format!("{field}.{}", shown_type(provider)), CONNECTION),
        }
    }
}

fn object_id(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    match node.text_of("$oid").or(node.text()) {
        Some(id) if draft.said(Target::Id).is_none() => draft.say(Target::Id, field, prefixed(&id)),
        Some(_) => {}
        None => draft.problem(field, Problem::WrongType, "an object with $oid"),
    }
}

fn alternative_id(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    match node.text() {
        Some(id) => draft.say_anew(Target::Id, field, prefixed(&id)),
        None => draft.problem(field, Problem::WrongType, TEXT),
    }
}

/// Returns the id in the form of the user export, in which ids of a database have this prefix.
fn prefixed(id: &str) -> String {
    format!("auth0|{id}")
}

/// Reads `identifiers`, which has the address if the root of the record does not.
fn identifiers(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    for item in node.items().unwrap_or_default() {
        let (kind, value) = (item.text_of("type"), item.text_of("value"));
        let kind = match kind.as_deref() {
            Some("email") => Kind::Email,
            Some("phone" | "phone_number") => Kind::Phone,
            Some("username") => Kind::Username,
            _ => {
                draft.not_taken(&format!("{field}[]"), UNSET);
                continue;
            }
        };
        match value {
            Some(value) => {
                let is_verified = draft.flag_of(field, item, "verified");
                draft.identity(kind, field, &value, is_verified);
            }
            None => draft.problem(field, Problem::Missing, ""),
        }
    }
}

/// The number of hashes in a chunk. Chunks are not copied when the list grows.
const CHUNK: usize = 4096;

/// The hashes of a password hash export by the ids of their users, in a packed form.
#[derive(Default)]
pub(crate) struct Hashes {
    chunks: Vec<Vec<Entry>>,
    index: HashTable<u32>,
    /// Hashes that are not 60 bytes long, as bcrypt hashes are, by their index.
    others: BTreeMap<u32, Box<str>>,
}

struct Entry {
    id: u64,
    hash: [u8; 60],
    line: u32,
    file: u16,
    is_used: bool,
}

impl Hashes {
    /// Adds the hash of a record. The user export has the other fields of the record, too.
    pub(crate) fn add(&mut self, record: &Node<'_>, at: Place) -> Result<(), ImportError> {
        let alternative = record.text_of("alt_id");
        let id = alternative.or_else(|| record.get("_id").and_then(|id| id.text_of("$oid").or(id.text())));
        let Some(id) = id else { return Err(ImportError::new("_id", Problem::Missing)) };
        let Some(hash) = record.text_of("passwordHash") else { return Ok(()) };
        let id = hash_of(&prefixed(&id));
        if self.find(id).is_some() {
            return Err(ImportError::new("_id", ImportProblem::Twice));
        }
        let place = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let packed: [u8; 60] = hash.as_bytes().try_into().unwrap_or_else(|_| {
            self.others.insert(place, hash.as_ref().into());
            [0; 60]
        });
        let line = u32::try_from(at.line).unwrap_or(u32::MAX);
        let file = u16::try_from(at.file).unwrap_or(u16::MAX);
        let entry = Entry { id, hash: packed, line, file, is_used: false };
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(entry),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.chunks.push(chunk);
            }
        }
        let chunks = &self.chunks;
        self.index.insert_unique(id, place, |place| entry_at(chunks, *place).map_or(0, |entry| entry.id));
        Ok(())
    }

    fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    fn find(&self, id: u64) -> Option<u32> {
        let is_it = |place: &u32| entry_at(&self.chunks, *place).is_some_and(|entry| entry.id == id);
        self.index.find(id, is_it).copied()
    }

    /// Returns the hash of a user, and marks it as used.
    pub(crate) fn take(&mut self, id: &str) -> Option<String> {
        let place = self.find(hash_of(id))?;
        let (chunk, at) = (place as usize / CHUNK, place as usize % CHUNK);
        let entry = self.chunks.get_mut(chunk)?.get_mut(at)?;
        entry.is_used = true;
        if entry.hash == [0; 60] {
            return self.others.get(&place).map(|hash| (**hash).to_owned());
        }
        core::str::from_utf8(&entry.hash).ok().map(str::to_owned)
    }

    /// Returns the places of the hashes that are not used.
    pub(crate) fn unused(&self) -> impl Iterator<Item = Place> {
        let unused = self.chunks.iter().flatten().filter(|entry| !entry.is_used);
        unused.map(|entry| Place { file: entry.file.into(), line: entry.line.into() })
    }
}

fn entry_at(chunks: &[Vec<Entry>], place: u32) -> Option<&Entry> {
    chunks.get(place as usize / CHUNK)?.get(place as usize % CHUNK)
}

fn hash_of(id: &str) -> u64 {
    FixedState::default().hash_one(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mapping, Source};

    #[test]
    fn each_of_many_users_has_its_hash() {
        let count = 2 * CHUNK + 2;
        let mut hashes = Hashes::default();
        for at in 0..count {
            // A hash of another length than that of bcrypt is kept, too.
            let hash = if at == CHUNK { "short".to_owned() } else { format!("{at:060}") };
            let json = format!(r#"{{"_id":"{at}","passwordHash":"{hash}"}}"#);
            hashes.add(&Node::parse(&json).unwrap(), Place { file: 2, line: at as u64 }).unwrap();
        }
        for at in [0, CHUNK - 1, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1] {
            assert_eq!(hashes.take(&format!("auth0|{at}")), Some(format!("{at:060}")));
        }
        assert_eq!(hashes.take(&format!("auth0|{CHUNK}")).as_deref(), Some("short"));
        assert_eq!(hashes.take(&format!("auth0|{count}")), None);
        assert_eq!(hashes.unused().count(), count - 7);
        let twice = hashes
            .add(&Node::parse(r#"{"_id":"7","passwordHash":"x"}"#).unwrap(), Place { file: 2, line: 1 });
        assert_eq!(twice.unwrap_err().problem(), ImportProblem::Twice);
    }

    #[test]
    fn record_of_a_hash_export_is_a_user() {
        let mapping = Mapping::new(Source::Auth0);
        let keys = |json: &str| mapping.line(json).unwrap().keys().map(|(_, key)| key).collect::<Vec<_>>();
        assert_eq!(keys(r#"{"_id":{"$oid":"1"}}"#), ["auth0|1"]);
        // The other id is that of the user export.
        assert_eq!(keys(r#"{"_id":{"$oid":"1"},"alt_id":"a"}"#), ["auth0|a"]);
        assert_eq!(keys(r#"{"alt_id":"a","_id":{"$oid":"1"}}"#), ["auth0|a"]);
        let identifiers = r#"[{"type":"email","value":"ada@example.com"},{"type":"phone","value":"+61555111555"},
            {"type":"phone_number","value":"+61555111556"},{"type":"username","value":"ada"}]"#;
        let expected = ["ada@example.com", "+61555111555", "+61555111556", "ada", "auth0|1"];
        assert_eq!(keys(&format!(r#"{{"_id":"1","identifiers":{identifiers}}}"#)), expected);
    }
}
