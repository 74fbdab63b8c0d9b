//! Lists that are requested page by page.

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::api::operation::MetaRef;
use crate::api::paginated::Paginated;
use crate::error::call::Error;
use crate::types::ids::Cursor;

/// A walk through the pages of a list, without I/O. A walk decides which page to request next.
///
/// ```
/// use kinde_users::operations::{GetUsers, UsersPage};
/// use kinde_users::{Cursor, Error, Pages, Reply};
/// # fn call(operation: &GetUsers) -> UsersPage {
/// #     let body = br#"{"users":[{"id":"kp_1"}],"next_token":null}"#.to_vec();
/// #     Reply::new::<GetUsers>(http::Response::new(body)).parse::<GetUsers>().unwrap()
/// # }
///
/// let mut pages = Pages::new(GetUsers::new().page_size(500));
/// while let Some(operation) = pages.next_operation()? {
///     let page = call(&operation);
///     pages.received(&page);
///     // To continue later, pass `pages.cursor()` to `Pages::resume_from`.
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// The walk ends after the last page, or after [`max_pages`](Self::max_pages) pages. If the service
/// returns a cursor that was used before, or the empty cursor of the first page, the walk stops
/// with [`Error::CursorLoop`], because the list would never end. To detect such a loop, the walk
/// keeps at most 16 bytes for each page, however long the cursors are.
#[derive(Clone, PartialEq, Eq)]
pub struct Pages<O: Paginated> {
    operation: O,
    next: Next,
    seen: Seen,
    left: u64,
}

/// The cursors so far, as hashes of 64 bits in ascending order. With the spare room of the list
/// they take at most 16 bytes each.
///
/// An old cursor is always found, so no page is delivered twice. A new cursor is mistaken for an
/// old one only if their hashes are equal. Over a million pages the chance of that is 3 in 100
/// million, and the list then ends early with an error. The key of the hash is public. A server
/// that searches for such cursors only ends its own list, which it can do in any case.
#[derive(Clone, Default, PartialEq, Eq)]
struct Seen(Vec<u64>);

impl Seen {
    fn position(&self, cursor: &Cursor) -> Result<usize, (usize, u64)> {
        // Its replacement `DefaultHasher` is not in `core`.
        #[expect(deprecated, reason = "the only good hash of `core`; its values never leave the program")]
        let mut hasher = core::hash::SipHasher::new();
        cursor.hash(&mut hasher);
        let hash = hasher.finish();
        self.0.binary_search(&hash).map_err(|at| (at, hash))
    }

    fn contains(&self, cursor: &Cursor) -> bool {
        self.position(cursor).is_ok()
    }

    fn insert(&mut self, cursor: &Cursor) {
        if let Err((at, hash)) = self.position(cursor) {
            self.0.insert(at, hash);
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    First,
    At(Cursor),
    /// The service says that this page is the next one, but it was already received.
    Again(Cursor),
    /// The list is complete.
    End,
    /// The walk was stopped before the last page: the page at the cursor failed, or `max_pages` is
    /// reached.
    Stopped(Option<Cursor>),
}

impl<O: Paginated> Pages<O> {
    /// Starts a walk at the page that `operation` requests.
    pub fn new(operation: O) -> Self {
        let next = operation.cursor().map_or(Next::First, Next::At);
        Self { operation, next, seen: Seen::default(), left: u64::MAX }
    }

    /// Sets the maximum number of pages of the walk.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.left = pages;
        self
    }

    /// Starts at the page with this cursor, which an earlier walk returned. An empty cursor means
    /// the first page.
    #[must_use]
    pub fn resume_from(mut self, cursor: impl Into<Cursor>) -> Self {
        let cursor = cursor.into();
        self.next = if cursor.as_str().is_empty() { Next::First } else { Next::At(cursor) };
        self
    }

    /// Returns the cursor of the next page. Returns `None` before the first page and after the last
    /// page.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.next {
            Next::At(cursor) | Next::Again(cursor) | Next::Stopped(Some(cursor)) => Some(cursor),
            Next::First | Next::End | Next::Stopped(None) => None,
        }
    }

    /// Returns whether the walk received the last page. Returns `false` if the walk was stopped
    /// before the last page.
    pub fn is_complete(&self) -> bool {
        self.next == Next::End
    }

    /// Returns the operation that requests the next page, or `None` if the walk has ended. Returns
    /// the same operation until you pass the page to [`received`](Self::received).
    ///
    /// # Errors
    ///
    /// Returns [`Error::CursorLoop`] if the service says that the next page is a page that the walk
    /// already received. Returns this error only once.
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
                self.seen.insert(cursor);
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

    /// Passes the requested page to the walk.
    pub fn received(&mut self, page: &O::Output) {
        let Some(operation) = self.operation() else { return };
        self.left = self.left.saturating_sub(1);
        self.next = match operation.next(page) {
            None => Next::End,
            Some(cursor) if cursor.as_str().is_empty() || self.seen.contains(&cursor) => Next::Again(cursor),
            Some(cursor) => Next::At(cursor),
        };
    }

    /// Ends the walk. [`cursor`](Self::cursor) still returns where to continue.
    pub fn stop(&mut self) {
        if self.next != Next::End {
            self.next = Next::Stopped(self.cursor().cloned());
        }
    }
}

impl<O: Paginated> fmt::Debug for Pages<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({}, {} cursors seen)", O::META.name, self.seen.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::meta::{Meta, Replay};
    use crate::api::operation::Operation;
    use crate::api::path::PathTemplate;
    use crate::api::request_writer::RequestWriter;
    use crate::operations::get_users::GetUsers;
    use crate::types::build_error::BuildError;
    use alloc::string::String;
    use http::Method;
    use proptest::prelude::*;

    /// A list whose pages are nothing but the cursor of the next one.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Chain(Option<Cursor>);

    impl Operation for Chain {
        const META: Meta = Meta {
            name: "chain",
            method: Method::GET,
            path: PathTemplate::new("/chain"),
            scopes: &[],
            success: 200,
            replay: Replay::Safe,
        };
        type Output = Option<Cursor>;

        fn write(&self, _: &mut RequestWriter<'_>) -> Result<(), BuildError> {
            Ok(())
        }
    }

    impl Paginated for Chain {
        type Item = Cursor;

        fn at(self, cursor: Cursor) -> Self {
            Self(Some(cursor))
        }

        fn next(&self, page: &Option<Cursor>) -> Option<Cursor> {
            page.clone()
        }

        fn items(page: Option<Cursor>) -> Vec<Cursor> {
            page.into_iter().collect()
        }

        fn cursor(&self) -> Option<Cursor> {
            self.0.clone()
        }
    }

    /// The pages that are delivered, and whether the list ends, where the page `n` names the page
    /// `next[n]` as the one after it. Page 0 is the first one, whose cursor is empty, and a page
    /// that does not exist is the end.
    fn walked(next: &[usize], start: usize) -> (Vec<usize>, bool) {
        // They differ at their end alone.
        let name = |page: usize| Cursor::from(if page == 0 { String::new() } else { format!("{page:_>99}") });
        let mut pages = Pages::new(Chain(None)).resume_from(name(start));
        let (mut delivered, mut page) = (Vec::new(), start);
        while let Some(operation) = match pages.next_operation() {
            Ok(operation) => operation,
            Err(error) => {
                assert_eq!(error, Error::CursorLoop(Chain::META_REF));
                assert_eq!(pages.next_operation(), Ok(None));
                return (delivered, false);
            }
        } {
            // It is the same one until its page comes, and a copy goes on alike.
            assert_eq!(pages.next_operation().as_ref(), Ok(&Some(operation.clone())));
            pages = pages.clone();
            assert_eq!(operation.0, Some(name(page)).filter(|_| page != 0));
            delivered.push(page);
            page = next[page];
            pages.received(&(page < next.len()).then(|| name(page)));
        }
        assert!(pages.is_complete());
        (delivered, true)
    }

    proptest! {
        #[test]
        fn pages_come_once_until_end_or_repetition(
            (next, start) in (1..60_usize).prop_flat_map(|pages| {
                (proptest::collection::vec(0..=pages, pages), 0..pages)
            }),
        ) {
            let mut expected = Vec::new();
            let mut page = start;
            while page < next.len() && !expected.contains(&page) {
                expected.push(page);
                page = next[page];
            }
            // The first page is known by its cursor, which is empty, even where the walk began
            // elsewhere.
            let back_to_first = expected.iter().skip(1).position(|page| *page == 0);
            let ends = page == next.len() && back_to_first.is_none();
            expected.truncate(back_to_first.map_or(usize::MAX, |before| before + 1));
            prop_assert_eq!(walked(&next, start), (expected, ends));
        }
    }

    #[test]
    fn loop_is_found_before_a_page_repeats() {
        for length in [1, 2, 3, 255, 256, 1000] {
            for before in [0, 1, 100] {
                let pages = before + length;
                let mut next: Vec<usize> = (1..=pages).collect();
                assert_eq!(walked(&next, 0), ((0..pages).collect(), true));
                next[pages - 1] = before;
                assert_eq!(walked(&next, 0), ((0..pages).collect(), false));
            }
        }
    }

    #[test]
    fn debug_shows_no_cursor() {
        let mut pages = Pages::new(GetUsers::new()).resume_from("secret");
        pages.next_operation().unwrap();
        assert_eq!(format!("{pages:?}"), "Pages(get_users, 1 cursors seen)");
    }
}
