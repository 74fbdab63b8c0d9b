//! What a reply about users contains besides the users.

use crate::types::open_enum::open_enum;

open_enum! {
    /// What a reply about users contains besides the users.
    Expand {
        /// The organisations that each user belongs to.
        Organizations = "organizations",
        /// The identities of each user.
        Identities = "identities",
        /// The billing data of each user.
        Billing = "billing",
    }
}

impl From<&Expand> for Expand {
    fn from(expand: &Expand) -> Self {
        expand.clone()
    }
}
