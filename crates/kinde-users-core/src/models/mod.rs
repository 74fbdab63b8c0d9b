//! Reply types that several operations share.
//!
//! Any field of a reply may be absent or `null`, whatever Kinde's API description says. So every
//! field of these types is an `Option`, or a list that may be empty. Only the id of a user is
//! required. Enums keep values that this crate does not know.

// Layer 3.

pub(crate) mod identity_type;
pub(crate) mod success;
pub(crate) mod user;

pub use identity_type::IdentityType;
pub use success::Success;
pub use user::{Billing, OrganizationSignIn, User, UserIdentity};
