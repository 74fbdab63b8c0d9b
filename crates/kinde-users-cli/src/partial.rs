//! A file that is written page by page under another name, so that an interrupted run can go on.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files::{beside, locked, private};

/// How far the file is written.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Reached {
    /// What the file is an export of.
    asked: String,
    /// Whether an existing file is replaced at the end.
    overwrite: bool,
    /// Where the next page begins.
    cursor: Option<String>,
    /// How many bytes of the file are whole pages.
    bytes: u64,
    users: u64,
}

/// The endings of the files beside it until the end: the pages so far, how far they go, and the
/// file that replaces the latter.
const PART: &str = "part";
const CURSOR: &str = "cursor";
const NEW_CURSOR: &str = "cursor.new";

/// Two runs would cut off what the other one writes, or take its file.
const IN_USE: &str = "another run writes it";

/// The pages so far, and how far they go.
pub(crate) struct Partial {
    path: PathBuf,
    part: PathBuf,
    file: File,
    reached: Reached,
}

impl Partial {
    /// Opens the pages so far, or begins the file. `asked` says what it is an export of, as pages
    /// of another export must not be mixed in.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written, an existing file must not be replaced, or the pages so far
    /// are of another export.
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
        // The file would replace a link, and not what the link leads to.
        let there = fs::symlink_metadata(path).ok();
        if path == Path::new("-") || there.as_ref().is_some_and(|there| !there.is_file()) {
            return wrong(path, "has to be a file, and not a link, folder or device");
        }
        if there.is_some() && !replaces {
            return wrong(path, "exists; --overwrite replaces it");
        }
        // Not opened for appending, as some systems do not let such a file be cut off.
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
            // The cursor is removed first, as it must not describe pages that are gone.
            remove(&cursor).map_err(failed)?;
            if written.is_some() {
                remove(&part).map_err(failed)?;
            }
            let file = locked(new_file(&part).map_err(failed)?, &part, IN_USE)?;
            (file, Reached { asked, overwrite, ..Reached::default() })
        };
        Ok(Self { path: path.to_owned(), part, file, reached })
    }

    /// Returns where the next page begins, if an earlier run wrote pages.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.reached.cursor.as_deref()
    }

    /// Returns the number of users in the file.
    pub(crate) fn users(&self) -> u64 {
        self.reached.users
    }

    /// Returns whether the file is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.reached.bytes == 0
    }

    /// Writes a page of so many users; the next page is at the cursor, if there is one.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written.
    pub(crate) fn write(&mut self, text: &[u8], users: usize, cursor: Option<String>) -> Result<(), Failure> {
        // The page comes first, and then the cursor: the next run cuts off a page that is not
        // whole.
        self.file.write_all(text).map_err(|error| unwritten(&self.part, &error))?;
        self.reached.bytes += text.len() as u64;
        self.reached.users += users as u64;
        self.reached.cursor = cursor;
        if self.reached.cursor.is_some() { self.keep() } else { Ok(()) }
    }

    /// Writes how far the file is written, as a whole or not at all.
    fn keep(&self) -> Result<(), Failure> {
        let new = beside(&self.path, NEW_CURSOR);
        let text = serde_json::json!(self.reached).to_string();
        // An existing one is left over from a run that was interrupted here.
        let written = self.file.sync_data().and_then(|()| remove(&new)).and_then(|()| {
            let mut file = new_file(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        let kept = written.and_then(|()| fs::rename(&new, beside(&self.path, CURSOR)));
        kept.map_err(|error| unwritten(&new, &error))
    }

    /// Gives the file its name, and returns the number of users in it.
    ///
    /// # Errors
    ///
    /// Fails where that cannot be done, or another file has the name by now.
    pub(crate) fn end(self) -> Result<u64, Failure> {
        let Self { path, part, file, reached } = self;
        let failed = |error| unwritten(&path, &error);
        file.sync_all().map_err(failed)?;
        drop(file);
        if !reached.overwrite && path.exists() {
            let told = format!("{} exists by now; the export is {}", path.display(), part.display());
            return Err(Failure::new(told));
        }
        // In this order, as the next run cannot go on with a cursor that has no pages.
        remove(&beside(&path, CURSOR)).map_err(failed)?;
        fs::rename(part, &path).map_err(failed)?;
        Ok(reached.users)
    }
}

/// The request is valid, but a disk may be full or gone.
fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// Creates a file that must not exist yet, as it holds personal data.
fn new_file(path: &Path) -> io::Result<File> {
    private().write(true).create_new(true).open(path)
}
