//! What an import has done, line by line, so that it can be interrupted anywhere and goes on.

use std::collections::{BTreeMap, HashMap};
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
    /// The key of the keys, so that they say nothing without this file and nobody can choose two that are the same.
    salt: [u8; 16],
}

/// Another line. There is no address and no name in it, but who has the import file, or guesses, can tell whose it is.
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

    /// Opens the journal of an import with these options into the tenant at `origin`, or begins it. It is locked until the program
    /// ends, however it does. A file that is something else is left as it is.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is none, is that of another import, or is in use.
    pub(crate) fn open(path: &Path, origin: &str, options: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        let wrong = |what: &str| Failure::input(format!("{} {what}", path.display()));
        if path.exists() {
            regular(path)?;
        }
        let file = private().read(true).write(true).create(true).open(path).map_err(failed)?;
        let mut file = locked(file, path, "another run imports this file")?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // The last line is torn where the machine went down while it was written.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let mut lines = (1..).zip(whole.lines());
        let head = match lines.next() {
            None if text.is_empty() => None,
            first => first.and_then(|(_, line)| serde_json::from_str::<Head>(line).ok()),
        };
        let salt = match head {
            Some(head) if head.import_into != origin => return Err(wrong("is no journal of this tenant")),
            Some(head) if head.options != options => {
                let (options, anew) = (head.options, "another --journal begins anew");
                return Err(wrong(&format!("is that of an import with other options: {options}; {anew}")));
            }
            Some(head) => head.salt,
            None if text.is_empty() => salt(),
            None => return Err(wrong("is no journal of this program, and was left as it is")),
        };
        let (mut before, mut amiss) = (HashMap::new(), BTreeMap::new());
        for (number, line) in lines {
            let garbled = |_| {
                wrong(&format!(
                    "cannot be read at line {number}: delete that line, and its user is looked up again"
                ))
            };
            let Entry { line, key, state, told, steps } = serde_json::from_str(line).map_err(garbled)?;
            match state {
                State::Begun => before.insert(key, Before::Begun),
                State::Created => before.insert(key, Before::Created(told, steps)),
                State::Done => before.insert(key, Before::Done),
                State::Amiss => {
                    amiss.insert(line, told);
                    before.insert(key, Before::Done)
                }
                State::Failed => before.remove(&key),
            };
        }
        file.set_len(whole.len() as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        if text.is_empty() {
            let head = Head { import_into: origin.to_owned(), options: options.to_owned(), salt };
            writeln!(file, "{}", serde_json::json!(head)).map_err(failed)?;
        }
        Ok(Self { file: Some(Mutex::new(file)), salt, before, amiss })
    }

    /// The same for the same user, wherever in the file the line stands, whatever else it says and in whatever order: by the id, or
    /// else by the first of the addresses, names or numbers.
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

    /// Writes how far a line came. What is written is safe from the end of this program, not from that of the machine.
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

/// The standard library draws keys for its hashers from the system; this is made of two.
fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    for half in salt.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one("salt").to_le_bytes());
    }
    salt
}
