//! What an import has done, line by line, so that it can be interrupted anywhere and goes on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kinde_users::ImportUser;
use serde::{Deserialize, Serialize};

use super::cli::Failure;

/// What is known of a user of the file from earlier runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// A create was about to be made, and nobody knows whether it was.
    Begun,
    /// The user with this id was created, and so many calls after that are done.
    Created(String, usize),
    /// The user needs no more.
    Done,
}

/// A line of the journal. There is no address and no name in it.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The line of the file.
    line: u64,
    /// Whose line it is, as [`key`] has it.
    key: String,
    state: State,
    /// The user's id, or why it failed.
    told: String,
    /// How many calls are done after the create.
    #[serde(default)]
    steps: usize,
}

/// How far a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A create is about to be made.
    Begun,
    /// The user was created, and is not complete.
    Created,
    /// The user needs no more.
    Done,
    /// There is no user by this import: it is to be tried again.
    Failed,
}

/// The file, and what was in it when it was opened.
pub struct Journal {
    file: Option<Mutex<File>>,
    before: HashMap<String, Before>,
}

/// The same for the same user, wherever in the file the line stands and whatever else it says: FNV-1a, which is the same in all
/// versions of this program.
pub fn key(user: &ImportUser) -> String {
    let text = user.keys().next().map(|(kind, value)| format!("{kind}={value}")).unwrap_or_default();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

impl Journal {
    /// None: nothing is kept.
    pub fn none() -> Self {
        Self { file: None, before: HashMap::new() }
    }

    /// Opens the journal of an import into the tenant at `origin`, or begins it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is none, or is that of another tenant.
    pub fn open(path: &Path, origin: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file(path, &error);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        // The last line is torn where the machine went down while it was written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(failed)?;
        let mut lines = text[..whole].lines();
        let head = serde_json::json!({ "import_into": origin }).to_string();
        match lines.next() {
            None => writeln!(file, "{head}").map_err(failed)?,
            Some(first) if first == head => {}
            Some(_) => {
                return Err(Failure::input(format!("{} is no journal of this tenant", path.display())));
            }
        }
        let mut before = HashMap::new();
        for line in lines {
            let entry: Entry = serde_json::from_str(line).map_err(|error| Failure::file(path, &error))?;
            match entry.state {
                State::Begun => before.insert(entry.key, Before::Begun),
                State::Created => before.insert(entry.key, Before::Created(entry.told, entry.steps)),
                State::Done => before.insert(entry.key, Before::Done),
                State::Failed => before.remove(&entry.key),
            };
        }
        Ok(Self { file: Some(Mutex::new(file)), before })
    }

    /// What is known of this user from earlier runs.
    pub fn before(&self, key: &str) -> Option<&Before> {
        self.before.get(key)
    }

    /// How many need no more.
    pub fn done(&self) -> usize {
        self.before.values().filter(|before| **before == Before::Done).count()
    }

    /// Writes how far a line came. What is written is safe from the end of this program, not from that of the machine.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: then the create that was begun must not be made.
    pub fn write(&self, line: u64, key: &str, state: State, told: &str, steps: usize) -> Result<(), Failure> {
        let Some(file) = &self.file else { return Ok(()) };
        let entry = Entry { line, key: key.to_owned(), state, told: told.to_owned(), steps };
        let text = serde_json::json!(entry).to_string() + "\n";
        // In one piece, so that lines of several threads do not mix.
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
        written.map_err(|error| Failure::new(format!("the journal cannot be written: {error}")))
    }
}
