//! Looks up the users of many lines with few calls.

use std::collections::HashSet;
use std::iter::Peekable;

use kinde_users::import::ReadUser;
use kinde_users::{FindUser, FindUsers, Found, Job};

use crate::failure::Failure;
use crate::tenant::Session;

/// The number of lines of an import that are looked up together.
const LINES: usize = 25_000;

/// The number of lines of a list that are looked up together. It is small, so that the address of a
/// user hardly changes between the look-up and the change.
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

/// Takes the next lines that can be looked up together. They end before a line that shares an
/// address, number, name or id with one of them, because it has to find the user of that line.
pub(crate) fn next_lines(lines: &mut Peekable<impl Iterator<Item = ReadUser>>) -> Vec<ReadUser> {
    let (mut taken, mut keys) = (Vec::new(), HashSet::new());
    while taken.len() < LINES {
        let is_new = |line: &ReadUser| line.user.keys().all(|key| !keys.contains(&key));
        let Some(line) = lines.next_if(is_new) else { break };
        keys.extend(line.user.keys());
        taken.push(line);
    }
    taken
}

#[cfg(test)]
mod tests {
    use kinde_users::import::{Mapping, Source};

    use super::next_lines;

    #[test]
    fn lines_of_one_user_are_not_looked_up_together() {
        let csv = "email,id\na@example.com,1\nb@example.com,2\n";
        let mapping = Mapping::new(Source::Kinde);
        let read = |text: &'static str| mapping.users([text.as_bytes()]).unwrap().map(Result::unwrap);
        let more = ["email,id\nA@example.com,3\nc@example.com,4\n", "id\n4\n5\n", "email\nx@example.com\n"];
        let mut lines = read(csv).chain(more.into_iter().flat_map(read)).peekable();
        let mut taken = || next_lines(&mut lines).len();
        assert_eq!([taken(), taken(), taken(), taken()], [2, 2, 3, 0]);
    }
}
