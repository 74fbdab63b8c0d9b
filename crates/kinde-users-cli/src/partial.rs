//! A file that is written page by page under another name, so that an interrupted run can continue.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::private_files::{beside, locked, private};

/// What the file contains so far.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Reached {
    /// The tenant and the options of the export.
    asked: String,
    /// Whether an existing file is replaced at the end.
    overwrite: bool,
    /// Where the next page begins.
    cursor: Option<String>,
    /// The number of bytes of all complete pages.
    bytes: u64,
    users: u64,
}

/// The endings of the files that exist until the export is complete: the pages so far, the cursor,
/// and the next version of the cursor.
const PART: &str = "part";
const CURSOR: &str = "cursor";
const NEW_CURSOR: &str = "cursor.new";

/// Two runs at the same time would truncate or rename the file of the other run.
const IN_USE: &str = "another run writes it";

/// An export that is not complete.
pub(crate) struct Partial {
    path: PathBuf,
    part: PathBuf,
    file: File,
    reached: Reached,
}

impl Partial {
    /// Opens the pages so far, or starts the file. `asked` names the tenant and the options, so
    /// that pages of different exports are not mixed.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written, if an existing file must not be replaced, or if the
    /// pages so far are of another export.
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
        // A rename would replace a link, and not the file that it points to.
        let there = fs::symlink_metadata(path).ok();
        if path == Path::new("-") || there.as_ref().is_some_and(|there| !there.is_file()) {
            return wrong(path, "has to be a file, and not a link, folder or device");
        }
        if there.is_some() && !replaces {
            return wrong(path, "exists; --overwrite replaces it");
        }
        // The file is not opened for appending: some systems cannot truncate such a file.
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
            // The cursor is removed first, because it must not describe pages that are gone.
            remove(&cursor).map_err(|error| Failure::file(&cursor, error))?;
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

    /// Writes a page with this many users. `cursor` is that of the next page, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the page cannot be written.
    pub(crate) fn write(&mut self, text: &[u8], users: usize, cursor: Option<String>) -> Result<(), Failure> {
        // The page is written before the cursor. The next run removes an incomplete page.
        self.file.write_all(text).map_err(|error| unwritten(&self.part, &error))?;
        self.reached.bytes += text.len() as u64;
        self.reached.users += users as u64;
        self.reached.cursor = cursor;
        if self.reached.cursor.is_some() { self.keep() } else { Ok(()) }
    }

    /// Replaces the cursor file, completely or not at all.
    fn keep(&self) -> Result<(), Failure> {
        let new = beside(&self.path, NEW_CURSOR);
        let text = serde_json::json!(self.reached).to_string();
        // A run that was interrupted here leaves such a file behind.
        let written = self.file.sync_data().and_then(|()| remove(&new)).and_then(|()| {
            let mut file = new_file(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        let kept = written.and_then(|()| fs::rename(&new, beside(&self.path, CURSOR)));
        kept.map_err(|error| unwritten(&new, &error))
    }

    /// Gives the file its final name, and returns the number of users in the file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be renamed, or if another file with this name exists by now.
    pub(crate) fn end(self) -> Result<u64, Failure> {
        let Self { path, part, file, reached } = self;
        let failed = |error| unwritten(&path, &error);
        file.sync_all().map_err(failed)?;
        drop(file);
        if !reached.overwrite && path.exists() {
            let told = format!("{} exists by now; the export is {}", path.display(), part.display());
            return Err(Failure::new(told));
        }
        // The cursor is removed first, because a run cannot continue from a cursor without pages.
        remove(&beside(&path, CURSOR)).map_err(failed)?;
        fs::rename(part, &path).map_err(failed)?;
        Ok(reached.users)
    }
}

/// Returns a failure of the disk. Its exit code is 1, because the arguments are valid.
fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// Creates a file that must not exist yet, because it will contain personal data.
fn new_file(path: &Path) -> io::Result<File> {
    private().write(true).create_new(true).open(path)
}
