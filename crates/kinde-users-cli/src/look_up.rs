//! Looks up the users of many lines with few calls.

use kinde_users::{FindUser, FindUsers, Found, Job};

use crate::failure::Failure;
use crate::tenant::Session;

/// The number of lines of an import that are looked up together. No two lines of a file share an
/// address, number, name or id.
pub(crate) const LINES: usize = 25_000;

/// The number of lines of a list, or of an update, that are looked up together. It is small, so
/// that the address of a user hardly changes between the look-up and the change.
pub(crate) const LIST_LINES: usize = 1000;

/// A line of a list, and the user that it names. [`Found::Unfinished`] means that the line has an
/// id, or needs a search of its own.
pub(crate) type ListLine<'a> = (u64, &'a str, Found);

impl Session {
    /// Looks up the users that the lines of a list name. An id is not looked up, because the user
    /// may already be deleted.
    ///
    /// If a call fails, the lines without an answer need searches of their own, and report why
    /// these fail.
    pub(crate) fn look_up<'a>(&self, lines: &[(u64, &'a str)]) -> Vec<ListLine<'a>> {
        let search = |text| Some(FindUser::by(text)).filter(|search| *search != FindUser::by_id(text));
        let searches = lines.iter().filter_map(|(_, text)| search(*text));
        let mut find = searches.fold(FindUsers::new(), FindUsers::find);
        drop(self.client.run(&mut find));
        let mut found = find.output().into_iter();
        let mut next = |text| search(text).and_then(|_| found.next()).unwrap_or(Found::Unfinished);
        lines.iter().map(|(number, text)| (*number, *text, next(*text))).collect()
    }

    /// Runs the searches of an import, and returns the answers in their order.
    ///
    /// # Errors
    ///
    /// Fails if a call fails and `has_ids`: no other operation searches for an id of another
    /// system. Other users need searches of their own.
    pub(crate) fn search(&self, mut find: FindUsers, has_ids: bool) -> Result<Vec<Found>, Failure> {
        match self.client.run(&mut find) {
            Err(error) if has_ids => Err(error.into()),
            _ => Ok(find.output()),
        }
    }
}
