//! What an import has done, line by line, so that it can be interrupted anywhere and goes on.

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
use crate::files::{locked, private};
use crate::lines::regular;

/// What is known of a user of the file from earlier runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// A create was about to be made, and nobody knows whether it was.
    Begun,
    /// The user with this id was created, and so many calls after that are done.
    Created(String, usize),
    /// The user needs no more.
    Done,
}

/// How far a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A create is about to be made.
    Begun,
    /// The user was created, and is not complete.
    Created,
    /// The user needs no more.
    Done,
    /// The user needs no more of this import, and somebody has to look.
    Amiss,
    /// There is no user by this import: it is to be tried again.
    Failed,
}

/// The first line: what all the rest is of.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The tenant's origin.
    import_into: String,
    /// What the command line said that makes another import of the same file.
    options: String,
    /// The key of the keys, so that they say nothing without this file and nobody can choose two
    /// that are the same.
    salt: [u8; 16],
}

/// Another line. There is no address and no name in it, but who has the import file, or guesses,
/// can tell whose it is.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The line of the file.
    line: u64,
    /// Whose line it is, as [`Journal::key`] has it.
    key: String,
    state: State,
    /// The id of a user who was created, or what is amiss.
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
    /// Whose line it is, as [`Journal::key`] has it.
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
    /// None: nothing is kept.
    pub(crate) fn none() -> Self {
        Self { file: None, salt: [0; 16], before: HashMap::new(), amiss: BTreeMap::new() }
    }

    /// Opens the journal of an import with these options into the tenant at `origin`, or begins it.
    /// It is locked until the run ends, however it ends. A file that is something else is left as
    /// it is.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be read, is no journal or that of another import, or is in use.
    pub(crate) fn open(path: &Path, origin: &str, options: &str) -> Result<Self, Failure> {
        if path.exists() {
            regular(path)?;
        }
        let failed = |error| Failure::file(path, error);
        let file = private().read(true).write(true).create(true).open(path).map_err(failed)?;
        let mut file = locked(file, path, "another run imports this file")?;
        let (mut before, mut amiss) = (HashMap::new(), BTreeMap::new());
        let head = load(&mut file, path, origin, |entry| {
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
                let (options, anew) = (head.options, "another --journal begins anew");
                let what = format!("is that of an import with other options: {options}; {anew}");
                return Err(wrong(path, &what));
            }
            Some(head) => head.salt,
            None => {
                let head = Head { import_into: origin.to_owned(), options: options.to_owned(), salt: salt() };
                writeln!(file, "{}", serde_json::json!(head)).map_err(failed)?;
                head.salt
            }
        };
        Ok(Self { file: Some(Mutex::new(file)), salt, before, amiss })
    }

    /// Opens the journal of an import into the tenant at `origin`, to undo it. Returns with it the
    /// users that the import created, in the order of their lines, and the lines of which it is not
    /// known whether their create arrived.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); and where there is no such file.
    pub(crate) fn undo(path: &Path, origin: &str) -> Result<(Self, Vec<Created>, BTreeSet<u64>), Failure> {
        regular(path)?;
        let file = private().read(true).write(true).open(path).map_err(|error| Failure::file(path, error))?;
        let mut file = locked(file, path, "another run uses it")?;
        let (mut created, mut begun) = (HashMap::<String, (u64, BTreeSet<String>)>::new(), HashMap::new());
        let head = load(&mut file, path, origin, |Entry { line, key, state, told, .. }| {
            if state == State::Begun {
                begun.insert(key, line);
                return;
            }
            begun.remove(&key);
            match (state, created.get_mut(&key)) {
                (State::Failed, _) => drop(created.remove(&key)),
                (State::Created, None) => drop(created.insert(key, (line, [told].into()))),
                (state, Some((at, ids))) => {
                    *at = line;
                    if state == State::Created {
                        ids.insert(told);
                    }
                }
                (_, None) => {}
            }
        })?;
        let Some(Head { salt, .. }) = head else { return Err(wrong(path, "is empty")) };
        let of_line = |(key, (line, ids)): (String, (u64, BTreeSet<String>))| {
            ids.into_iter().map(move |id| Created { line, key: key.clone(), id })
        };
        let mut created: Vec<_> = created.into_iter().flat_map(of_line).collect();
        created.sort_by(|one, other| (one.line, &one.id).cmp(&(other.line, &other.id)));
        let journal = Self { file: Some(Mutex::new(file)), salt, ..Self::none() };
        Ok((journal, created, begun.into_values().collect()))
    }

    /// The same for the same user, wherever in the file the line stands, whatever else it says and
    /// in whatever order: by the id, or else by the first of the addresses, names or numbers.
    pub(crate) fn key(&self, user: &ImportUser) -> String {
        let rank = |kind| ["id", "email", "username", "phone"].iter().position(|other| *other == kind);
        let first = user.keys().min_by_key(|(kind, value)| (rank(*kind), value.clone()));
        let text = first.map(|(kind, value)| format!("{kind}={value}")).unwrap_or_default();
        format!("{:032x}", SipHasher24::new_with_key(&self.salt).hash(text.as_bytes()).as_u128())
    }

    /// What is known of the user with this key from earlier runs.
    pub(crate) fn before(&self, key: &str) -> Option<&Before> {
        self.before.get(key)
    }

    /// What is amiss by earlier runs, and of which line.
    pub(crate) fn amiss(&self) -> impl Iterator<Item = (u64, &str)> {
        self.amiss.iter().map(|(line, told)| (*line, told.as_str()))
    }

    /// Writes how far a line came. What is written is safe from the end of this program, not from
    /// that of the machine.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: then the create that was begun must not be made.
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
        // In one piece, so that lines of several threads do not mix.
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
        written.map_err(|error| Failure::new(format!("the journal cannot be written: {error}")))
    }
}

/// Reads a journal of the tenant at `origin`, passes its entries on, and cuts off a last line that
/// is torn. Returns the head, or nothing if the file is empty.
fn load(
    file: &mut File,
    path: &Path,
    origin: &str,
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
    let head = head.ok_or_else(|| wrong(path, "is no journal of this program, and was left as it is"))?;
    if head.import_into != origin {
        return Err(wrong(path, "is no journal of this tenant"));
    }
    for (number, line) in lines {
        let what = "delete that line, and its user is looked up again";
        let garbled = |_| wrong(path, &format!("cannot be read at line {number}: {what}"));
        pass(serde_json::from_str(line).map_err(garbled)?);
    }
    file.set_len(whole.len() as u64).map_err(failed)?;
    file.seek(SeekFrom::End(0)).map_err(failed)?;
    Ok(Some(head))
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::input(format!("{} {what}", path.display()))
}

/// The standard library draws keys for its hashers from the system; this is made of two.
fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    for half in salt.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one("salt").to_le_bytes());
    }
    salt
}
