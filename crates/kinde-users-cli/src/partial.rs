//! A file that is written page by page beside its place, so that it can be interrupted anywhere and
//! goes on.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files::{beside, locked, private};

/// How far it came.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Reached {
    /// What it is a file of.
    asked: String,
    /// Whether a file that is there is to be replaced at the end.
    overwrite: bool,
    /// Where the next page begins.
    cursor: Option<String>,
    /// How many bytes of the file are whole pages.
    bytes: u64,
    users: u64,
}

/// The endings of what stands beside the file until the end: what there is of it, how far that
/// goes, and what is about to say so.
const PART: &str = "part";
const CURSOR: &str = "cursor";
const NEW_CURSOR: &str = "cursor.new";

/// Another run would cut off what this one writes, or take its file.
const IN_USE: &str = "another run writes it";

/// What there is of the file, to be written on, and how far it came.
pub(crate) struct Partial {
    path: PathBuf,
    part: PathBuf,
    file: File,
    reached: Reached,
}

impl Partial {
    /// Goes on with what there is of the file, or begins it. `asked` says what it is a file of:
    /// there is no going on with another one.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, what is in its place is not to be replaced, or what stands
    /// beside it is of another one.
    pub(crate) fn open(path: &Path, asked: String, overwrite: bool) -> Result<Self, Failure> {
        let (part, cursor) = (beside(path, PART), beside(path, CURSOR));
        let failed = |error: io::Error| Failure::file(&part, &error);
        let hint = |path: &Path, error: &dyn Error| {
            Failure::file(path, format_args!("{error}; --overwrite begins anew"))
        };
        let wrong = |path: &Path, what: &str| Err(Failure::input(format!("{} {what}", path.display())));
        let before: Option<Reached> = match fs::read_to_string(&cursor) {
            _ if overwrite => None,
            Ok(text) => Some(serde_json::from_str(&text).map_err(|error| hint(&cursor, &error))?),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(Failure::file(&cursor, &error)),
        };
        let replaces = overwrite || before.as_ref().is_some_and(|before| before.overwrite);
        // Of a link itself: in its place the file would be, and not where it leads.
        let there = fs::symlink_metadata(path).ok();
        if path == Path::new("-") || there.as_ref().is_some_and(|there| !there.is_file()) {
            return wrong(path, "is to be a file, and no link, folder or device");
        }
        if there.is_some() && !replaces {
            return wrong(path, "is there; --overwrite replaces it");
        }
        // Not by appending: a system may not let such a file be cut off.
        let written = match OpenOptions::new().write(true).open(&part) {
            Ok(file) => Some(locked(file, &part, IN_USE)?),
            Err(error) if is_missing(&error) => None,
            Err(error) => return Err(failed(error)),
        };
        let (file, reached) = if let Some(reached) = before {
            if reached.asked != asked {
                return wrong(&cursor, "is of an export with other options; --overwrite begins anew");
            }
            let missing = || hint(&part, &io::Error::from(io::ErrorKind::NotFound));
            let mut file = written.ok_or_else(missing)?;
            if file.metadata().map_err(failed)?.len() < reached.bytes {
                return wrong(&part, "is shorter than it was; --overwrite begins anew");
            }
            file.set_len(reached.bytes).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
            (file, reached)
        } else {
            // The cursor first: one that is there says how much there is of a file that is about to
            // be gone.
            remove(&cursor).map_err(failed)?;
            if written.is_some() {
                remove(&part).map_err(failed)?;
            }
            let file = locked(new_file(&part).map_err(failed)?, &part, IN_USE)?;
            (file, Reached { asked, overwrite, ..Reached::default() })
        };
        Ok(Self { path: path.to_owned(), part, file, reached })
    }

    /// Where the next page begins, if an earlier run came to it.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.reached.cursor.as_deref()
    }

    /// How many users there are in it.
    pub(crate) fn users(&self) -> u64 {
        self.reached.users
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.reached.bytes == 0
    }

    /// Writes a page of so many users, after which the one at the cursor comes, if there is one.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub(crate) fn write(&mut self, text: &[u8], users: usize, cursor: Option<String>) -> Result<(), Failure> {
        // First the page, and then that it is there: what is written of a page that is not, is cut
        // off the next time.
        self.file.write_all(text).map_err(|error| unwritten(&self.part, &error))?;
        self.reached.bytes += text.len() as u64;
        self.reached.users += users as u64;
        self.reached.cursor = cursor;
        if self.reached.cursor.is_some() { self.keep() } else { Ok(()) }
    }

    /// Writes how far it came: as a whole or not at all.
    fn keep(&self) -> Result<(), Failure> {
        let new = beside(&self.path, NEW_CURSOR);
        let text = serde_json::json!(self.reached).to_string();
        // One that is there was being written when a run before this one ended.
        let written = self.file.sync_data().and_then(|()| remove(&new)).and_then(|()| {
            let mut file = new_file(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        let kept = written.and_then(|()| fs::rename(&new, beside(&self.path, CURSOR)));
        kept.map_err(|error| unwritten(&new, &error))
    }

    /// Gives the file its name, and tells how many users there are in it.
    ///
    /// # Errors
    ///
    /// Where that cannot be done, or another file has the name by now.
    pub(crate) fn end(self) -> Result<u64, Failure> {
        let Self { path, part, file, reached } = self;
        let failed = |error| unwritten(&path, &error);
        file.sync_all().map_err(failed)?;
        drop(file);
        if !reached.overwrite && path.exists() {
            let told = format!("{} is there by now; the export is {}", path.display(), part.display());
            return Err(Failure::new(told));
        }
        // In this order, as a cursor without what it goes on with would bar the next run.
        remove(&beside(&path, CURSOR)).map_err(failed)?;
        fs::rename(part, &path).map_err(failed)?;
        Ok(reached.users)
    }
}

/// No fault of the input: a disk is full, or gone.
fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// A file that was not there before: there are people in it.
fn new_file(path: &Path) -> io::Result<File> {
    private().write(true).create_new(true).open(path)
}
