//! The journal of an import: what is done of each line, so that an interrupted run can go on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kinde_users::import::ImportUser;
use serde::{Deserialize, Serialize};
use siphasher::sip128::SipHasher24;

use crate::failure::Failure;
use crate::private_files::{locked, private, regular};

/// What earlier runs recorded about a user of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// A create was about to be sent, and it is not known whether it arrived.
    Begun,
    /// The user with this id was created, and so many calls after the create are done.
    Created(String, usize),
    /// The line is done.
    Done,
}

/// How much of a line is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A create is about to be sent.
    Begun,
    /// The user was created, and is not complete.
    Created,
    /// The line is done.
    Done,
    /// The line is done, but something about the user is wrong and has to be looked at.
    Amiss,
    /// There is no user by this import: the next run tries the line again.
    Failed,
}

/// The first line of the file: which import it is about.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The name of the tenant.
    import_into: String,
    /// The options that change what is imported.
    options: String,
    /// The key of the hash of the keys: without it a key says nothing, and no two users can be
    /// chosen whose keys are the same.
    salt: [u8; 16],
}

/// Each further line. It has no address and no name, but a reader who has the import file, or
/// guesses, can tell which user it is about.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The line of the file.
    line: u64,
    /// The [`Journal::key`] of the user.
    key: String,
    state: State,
    /// The id of a created user, or what is wrong.
    told: String,
    /// How many calls are done after the create.
    #[serde(default)]
    steps: usize,
}

/// A user that an import created.
#[derive(Debug)]
pub(crate) struct Created {
    /// The line of the import file.
    pub(crate) line: u64,
    /// The [`Journal::key`] of the user.
    pub(crate) key: String,
    /// The id of the user.
    pub(crate) id: String,
}

/// The file, and what was in it when it was opened.
pub(crate) struct Journal {
    file: Option<Mutex<File>>,
    salt: [u8; 16],
    before: HashMap<String, Before>,
    amiss: BTreeMap<u64, String>,
}

impl Journal {
    /// Returns a journal that records nothing.
    pub(crate) fn none() -> Self {
        Self { file: None, salt: [0; 16], before: HashMap::new(), amiss: BTreeMap::new() }
    }

    /// Opens the journal of an import with these options into this tenant, or begins it.
    /// It is locked until the run ends, however it ends. A file that is something else is left as
    /// it is.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be read, is no journal or that of another import, or is in use.
    pub(crate) fn open(path: &Path, tenant: &str, options: &str) -> Result<Self, Failure> {
        if path.exists() {
            regular(path)?;
        }
        let failed = |error| Failure::file(path, error);
        let file = private().read(true).write(true).create(true).open(path).map_err(failed)?;
        let mut file = locked(file, path, "another run imports this file")?;
        let (mut before, mut amiss) = (HashMap::new(), BTreeMap::new());
        let head = load(&mut file, path, tenant, false, |entry| {
            let Entry { line, key, state, told, steps } = entry;
            match state {
                State::Begun => before.insert(key, Before::Begun),
                State::Created => before.insert(key, Before::Created(told, steps)),
                State::Done => before.insert(key, Before::Done),
                State::Amiss => {
                    amiss.insert(line, told);
                    before.insert(key, Before::Done)
                }
                State::Failed => {
                    amiss.remove(&line);
                    before.remove(&key)
                }
            };
        })?;
        let salt = match head {
            Some(head) if head.options != options => {
                let how = "give these options to continue, or another --journal to start again";
                let what = format!("is that of an import with other options: {}; {how}", head.options);
                return Err(wrong(path, &what));
            }
            Some(head) => head.salt,
            None => {
                let head = Head { import_into: tenant.to_owned(), options: options.to_owned(), salt: salt() };
                writeln!(file, "{}", serde_json::json!(head)).map_err(failed)?;
                head.salt
            }
        };
        Ok(Self { file: Some(Mutex::new(file)), salt, before, amiss })
    }

    /// Opens the journal of an import into this tenant, to undo it. Returns with it the users that
    /// the import created, in the order of their lines, and the lines of which it is not known
    /// whether their create arrived. A dry run leaves the file as it is.
    ///
    /// # Errors
    ///
    /// Fails as [`open`](Self::open) does, and where there is no such file.
    pub(crate) fn undo(
        path: &Path,
        tenant: &str,
        dry_run: bool,
    ) -> Result<(Self, Vec<Created>, BTreeSet<u64>), Failure> {
        regular(path)?;
        let options = private().read(true).write(!dry_run).open(path);
        let file = options.map_err(|error| Failure::file(path, error))?;
        let mut file = locked(file, path, "another run uses it")?;
        let (mut created, mut begun) = (HashMap::<String, (u64, BTreeSet<String>)>::new(), HashMap::new());
        let head = load(&mut file, path, tenant, dry_run, |Entry { line, key, state, told, .. }| {
            match state {
                State::Begun => drop(begun.insert(key, line)),
                State::Created => {
                    begun.remove(&key);
                    let (at, ids) = created.entry(key).or_default();
                    *at = line;
                    ids.insert(told);
                }
                State::Failed => {
                    begun.remove(&key);
                    // An undo names the user that it erased.
                    if let Some((_, ids)) = created.get_mut(&key) {
                        ids.retain(|id| !told.is_empty() && *id != told);
                    }
                }
                // A user of unknown origin may be the one of a create that had no reply.
                State::Done | State::Amiss => {
                    if created.get(&key).is_some_and(|(_, ids)| !ids.is_empty()) {
                        begun.remove(&key);
                    }
                }
            }
        })?;
        if head.is_none() {
            return Err(wrong(path, "is empty: the import created no user"));
        }
        let of_line = |(key, (line, ids)): (String, (u64, BTreeSet<String>))| {
            ids.into_iter().map(move |id| Created { line, key: key.clone(), id })
        };
        let mut created: Vec<_> = created.into_iter().flat_map(of_line).collect();
        created.sort_by(|one, other| (one.line, &one.id).cmp(&(other.line, &other.id)));
        let journal = Self { file: Some(Mutex::new(file)), ..Self::none() };
        Ok((journal, created, begun.into_values().collect()))
    }

    /// Returns the key of a user, which does not depend on the place or the other values of the
    /// line: a hash of the id, or else of the first address, name or number.
    pub(crate) fn key(&self, user: &ImportUser) -> String {
        let rank = |kind| ["id", "email", "username", "phone"].iter().position(|other| *other == kind);
        let first = user.keys().min_by_key(|(kind, value)| (rank(*kind), value.clone()));
        let text = first.map(|(kind, value)| format!("{kind}={value}")).unwrap_or_default();
        format!("{:032x}", SipHasher24::new_with_key(&self.salt).hash(text.as_bytes()).as_u128())
    }

    /// Returns what earlier runs recorded about the user with this key.
    pub(crate) fn before(&self, key: &str) -> Option<&Before> {
        self.before.get(key)
    }

    /// Returns the lines of earlier runs that have to be looked at, and why.
    pub(crate) fn amiss(&self) -> impl Iterator<Item = (u64, &str)> {
        self.amiss.iter().map(|(line, told)| (*line, told.as_str()))
    }

    /// Records how much of a line is done. The record survives the end of this process, but perhaps
    /// not that of the machine.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written: then the create must not be sent.
    pub(crate) fn write(
        &self,
        line: u64,
        key: &str,
        state: State,
        told: &str,
        steps: usize,
    ) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let entry = Entry { line, key: key.to_owned(), state, told: told.to_owned(), steps };
        let text = serde_json::json!(entry).to_string() + "\n";
        // Written in one piece, so that lines of several threads do not mix.
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
        written.map_err(|error| Failure::new(format!("the journal cannot be written: {error}")))
    }
}

/// Reads a journal of this tenant, passes its entries on, and cuts off a last line that is torn,
/// unless the run is dry. Returns the head, or nothing if the file is empty.
fn load(
    file: &mut File,
    path: &Path,
    tenant: &str,
    dry_run: bool,
    mut pass: impl FnMut(Entry),
) -> Result<Option<Head>, Failure> {
    let failed = |error| Failure::file(path, error);
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    if text.is_empty() {
        return Ok(None);
    }
    // The last line is torn if the machine went down while it was written.
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut lines = (1..).zip(whole.lines());
    let head: Option<Head> = lines.next().and_then(|(_, line)| serde_json::from_str(line).ok());
    let head = head.ok_or_else(|| wrong(path, "is not a journal of this command: name another --journal"))?;
    if head.import_into != tenant {
        return Err(wrong(
            path,
            "is the journal of another tenant: check the domain, or name another --journal",
        ));
    }
    for (number, line) in lines {
        let what = "delete that line, and its user is looked up again";
        let garbled = |_| wrong(path, &format!("cannot be read at line {number}: {what}"));
        pass(serde_json::from_str(line).map_err(garbled)?);
    }
    if !dry_run {
        file.set_len(whole.len() as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
    }
    Ok(Some(head))
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::input(format!("{} {what}", path.display()))
}

/// Returns random bytes. The standard library draws the keys of its hashers from the system.
fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    for half in salt.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one("salt").to_le_bytes());
    }
    salt
}
