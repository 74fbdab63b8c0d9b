//! Files that a run writes for its owner.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use crate::failure::Failure;

/// Returns the path beside a file that has its name and this ending.
pub(crate) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.to_path_buf().into_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Returns options for a new file that only its owner can read, where the system has such files.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Locks the file until the run ends, however it ends.
///
/// # Errors
///
/// Fails where another run has it; `what` says what that run does.
pub(crate) fn locked(file: File, path: &Path, what: &str) -> Result<File, Failure> {
    FileExt::try_lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => Failure::input(format!("{} is in use: {what}", path.display())),
        TryLockError::Error(error) => Failure::file(path, &error),
    })?;
    Ok(file)
}

/// Checks that the file can be read more than once. A pipe would be empty the second time.
///
/// # Errors
///
/// Fails if it is not a regular file.
pub(crate) fn regular(path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(data) if data.is_file() => Ok(()),
        Ok(_) => Err(Failure::file(path, "not a regular file: save a pipe to a file first")),
        Err(error) => Err(Failure::file(path, &error)),
    }
}
