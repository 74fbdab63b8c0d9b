//! Reply types that several operations share.
//!
//! Any field may be absent or `null` in what the service sends, whatever its description says, so
//! every field is an `Option` or a list that may be empty; a user's id alone is required. Enums
//! keep values that they do not know.

// Layer 3.

pub(crate) mod identity_type;
pub(crate) mod success;
pub(crate) mod user;

pub use identity_type::IdentityType;
pub use success::Success;
pub use user::{Billing, OrganizationSignIn, User, UserIdentity};
