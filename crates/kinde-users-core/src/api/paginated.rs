//! Operations whose reply is a page of a list.

use alloc::vec::Vec;

use crate::api::operation::Operation;
use crate::types::ids::Cursor;

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
