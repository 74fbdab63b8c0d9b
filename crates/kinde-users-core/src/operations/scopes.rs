//! Which scopes operations need.

use alloc::vec::Vec;

use crate::api::meta::Meta;

/// Returns the scopes that a program needs to call these operations, sorted and without repeats.
///
/// ```
/// use kinde_users::operations::{DeleteUser, GetUserData, GetUsers};
/// use kinde_users::{Operation, scopes_for};
///
/// let scopes = scopes_for(&[GetUsers::META, GetUserData::META, DeleteUser::META]);
/// assert_eq!(scopes, ["delete:users", "read:users"]);
/// ```
pub fn scopes_for(operations: &[Meta]) -> Vec<&'static str> {
    let mut scopes: Vec<_> = operations.iter().flat_map(|meta| meta.scopes).copied().collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
