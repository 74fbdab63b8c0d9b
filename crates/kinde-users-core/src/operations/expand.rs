//! What a read of users tells besides the users.

use crate::types::macros::open_enum;

open_enum! {
    /// What a read of users tells besides the users themselves.
    Expand {
        /// The organisations that each user belongs to.
        Organizations = "organizations",
        /// Each user's identities.
        Identities = "identities",
        /// Each user in billing.
        Billing = "billing",
    }
}

impl From<&Expand> for Expand {
    fn from(expand: &Expand) -> Self {
        expand.clone()
    }
}
