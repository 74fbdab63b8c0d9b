//! Operations whose reply is a page of a list.

use alloc::vec::Vec;

use crate::api::operation::Operation;
use crate::types::ids::Cursor;

/// An operation whose reply is a page of a list.
///
/// Implement this trait for your own [`Operation`], so that clients can request its pages.
pub trait Paginated: Operation + Clone {
    /// The type of the items.
    type Item;

    /// Returns this operation for the page at `cursor`, with all other arguments unchanged.
    #[must_use]
    fn at(self, cursor: Cursor) -> Self;

    /// Returns the cursor of the next page, or `None` if `page` is the last page. An empty cursor
    /// stands for the first page, so do not return an empty cursor.
    fn next(&self, page: &Self::Output) -> Option<Cursor>;

    /// Returns the items of a page.
    fn items(page: Self::Output) -> Vec<Self::Item>;

    /// Returns the cursor of the page that this operation requests, or `None` for the first page.
    fn cursor(&self) -> Option<Cursor> {
        None
    }
}
