//! Lists that come in pages.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use crate::client::CallError;
use crate::error::Error;
use crate::exchange::CallOptions;
use crate::ids::Cursor;
use crate::operation::{MetaRef, Operation};
use crate::reply::Reply;
use crate::time::Instant;

/// An operation whose reply is a page of a list.
///
/// Implement it for an [`Operation`] of your own, and clients page through it.
pub trait Paginated: Operation + Clone {
    /// What the list is of.
    type Item;

    /// This operation for the page that `cursor` stands for, all other arguments as they are.
    #[must_use]
    fn at(self, cursor: Cursor) -> Self;

    /// The cursor of the page after this one; `None` if it is the last. An empty cursor is the first page's.
    fn next(&self, page: &Self::Output) -> Option<Cursor>;

    /// The items of a page.
    fn items(page: Self::Output) -> Vec<Self::Item>;

    /// The cursor of the page that this operation asks for, if it is not the first one.
    fn cursor(&self) -> Option<Cursor> {
        None
    }
}

/// A walk through the pages of a list, with no I/O: which operation comes next, given what came.
///
/// ```
/// use kinde_users_core::operations::{GetUsers, UsersPage};
/// use kinde_users_core::{Cursor, Error, Pages, Reply};
/// # fn call(operation: &GetUsers) -> UsersPage {
/// #     let body = br#"{"users":[{"id":"kp_1"}],"next_token":null}"#.to_vec();
/// #     Reply::new::<GetUsers>(http::Response::new(body)).parse::<GetUsers>().unwrap()
/// # }
///
/// let mut pages = Pages::new(GetUsers::new().page_size(500));
/// while let Some(operation) = pages.next_operation()? {
///     let page = call(&operation);
///     pages.received(&page);
///     // To go on another day: `pages.cursor()`, and `Pages::resume_from`.
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// It ends where there is no further page, and where `max_pages` says. A cursor that was there before, or that of the first
/// page, is [`Error::CursorLoop`]: the list would never end.
#[derive(Clone, PartialEq, Eq)]
pub struct Pages<O: Paginated> {
    operation: O,
    next: Next,
    seen: BTreeSet<Cursor>,
    left: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    First,
    At(Cursor),
    /// The service says that this page comes next, which came already.
    Again(Cursor),
    /// There is no more.
    End,
    /// There is more, and nobody goes on: the page at the cursor failed, or enough pages came.
    Stopped(Option<Cursor>),
}

impl<O: Paginated> Pages<O> {
    /// From the page that `operation` asks for.
    pub fn new(operation: O) -> Self {
        let next = operation.cursor().map_or(Next::First, Next::At);
        Self { operation, next, seen: BTreeSet::new(), left: u64::MAX }
    }

    /// Ends after this many pages.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.left = pages;
        self
    }

    /// Begins at a page whose cursor was kept; an empty one is the first page's.
    #[must_use]
    pub fn resume_from(mut self, cursor: impl Into<Cursor>) -> Self {
        let cursor = cursor.into();
        self.next = if cursor.as_str().is_empty() { Next::First } else { Next::At(cursor) };
        self
    }

    /// The cursor of the page that comes next; `None` for the first one, and after the last one.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.next {
            Next::At(cursor) | Next::Again(cursor) | Next::Stopped(Some(cursor)) => Some(cursor),
            Next::First | Next::End | Next::Stopped(None) => None,
        }
    }

    /// Whether the list is at its end, other than by having been stopped.
    pub fn is_complete(&self) -> bool {
        self.next == Next::End
    }

    /// The operation that gets the next page; `None` if there is none to get. Until [`received`](Self::received) is told of
    /// its page, it is the same one.
    ///
    /// # Errors
    ///
    /// [`Error::CursorLoop`], once, if the service says that a page comes next which came already.
    pub fn next_operation(&mut self) -> Result<Option<O>, Error> {
        if self.left == 0 {
            self.stop();
        }
        match &self.next {
            Next::Again(_) => {
                self.stop();
                return Err(Error::CursorLoop(O::META_REF));
            }
            Next::At(cursor) => {
                self.seen.insert(cursor.clone());
            }
            Next::First | Next::End | Next::Stopped(_) => {}
        }
        Ok(self.operation())
    }

    fn operation(&self) -> Option<O> {
        match &self.next {
            Next::First => Some(self.operation.clone()),
            Next::At(cursor) => Some(self.operation.clone().at(cursor.clone())),
            Next::Again(_) | Next::End | Next::Stopped(_) => None,
        }
    }

    /// Takes in the page that came.
    pub fn received(&mut self, page: &O::Output) {
        let Some(operation) = self.operation() else { return };
        self.left = self.left.saturating_sub(1);
        self.next = match operation.next(page) {
            None => Next::End,
            Some(cursor) if cursor.as_str().is_empty() || self.seen.contains(&cursor) => Next::Again(cursor),
            Some(cursor) => Next::At(cursor),
        };
    }

    /// Ends here. [`cursor`](Self::cursor) still tells where to go on.
    pub fn stop(&mut self) {
        if self.next != Next::End {
            self.next = Next::Stopped(self.cursor().cloned());
        }
    }
}

impl<O: Paginated> fmt::Debug for Pages<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({}, {} cursors seen)", O::META.name, self.seen.len())
    }
}

/// Pages as a client goes through them: each page is a call, and the deadline, if one is set, is for all of them.
#[derive(Clone)]
pub(crate) struct Walk<O: Paginated> {
    pub(crate) pages: Pages<O>,
    until: Option<Instant>,
}

impl<O: Paginated> Walk<O> {
    pub(crate) fn new(operation: O) -> Self {
        Self { pages: Pages::new(operation), until: None }
    }

    pub(crate) fn map_pages(mut self, change: impl FnOnce(Pages<O>) -> Pages<O>) -> Self {
        self.pages = change(self.pages);
        self
    }

    /// The next call, if there is one.
    pub(crate) fn next_call(
        &mut self,
        options: CallOptions,
        now: Instant,
    ) -> Result<Option<(O, CallOptions)>, Error> {
        let operation = self.pages.next_operation()?;
        Ok(operation.map(|operation| (operation, options.for_page(now, &mut self.until))))
    }

    /// What the call came to.
    pub(crate) fn called<E>(
        &mut self,
        result: Result<Reply, CallError<E>>,
    ) -> Result<O::Output, CallError<E>> {
        let page = result.and_then(|reply| reply.into_output::<O>().map_err(CallError::from));
        match &page {
            Ok(page) => self.pages.received(page),
            Err(_) => self.pages.stop(),
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{GetUsers, UsersPage};
    use core::time::Duration;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn received(walk: &mut Walk<GetUsers>, body: &str) {
        let reply = Reply::new::<GetUsers>(http::Response::new(body.as_bytes().to_vec()));
        let page: Result<UsersPage, CallError<Error>> = walk.called(Ok(reply));
        page.unwrap();
    }

    #[test]
    fn a_deadline_is_for_all_pages_and_begins_with_the_first() {
        let mut walk = Walk::new(GetUsers::new());
        let options =
            CallOptions::new().deadline(Duration::from_secs(10)).attempt_limit(Duration::from_secs(7));
        let (_, first) = walk.next_call(options, at(5)).unwrap().unwrap();
        assert_eq!(first, options);
        received(&mut walk, r#"{"users":[],"next_token":"more"}"#);
        let (operation, second) = walk.next_call(options, at(9)).unwrap().unwrap();
        assert_eq!(operation, GetUsers::new().next_token("more"));
        assert_eq!(second, options.deadline(Duration::from_secs(6)));
        received(&mut walk, r#"{"users":[],"next_token":null}"#);
        assert!(walk.next_call(options, at(9)).unwrap().is_none());
    }

    #[test]
    fn a_page_whose_deadline_is_not_set_has_its_own() {
        let mut walk = Walk::new(GetUsers::new());
        for now in [5, 500] {
            let (_, options) = walk.next_call(CallOptions::new(), at(now)).unwrap().unwrap();
            assert_eq!(options, CallOptions::new());
        }
    }

    #[test]
    fn debug_shows_no_cursor() {
        let mut pages = Pages::new(GetUsers::new()).resume_from("secret");
        pages.next_operation().unwrap();
        assert_eq!(format!("{pages:?}"), "Pages(get_users, 1 cursors seen)");
    }
}
