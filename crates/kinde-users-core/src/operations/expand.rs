//! More data that a reply contains for each user.

use crate::types::open_enum::open_enum;

open_enum! {
    /// Additional data about each user. A reply contains the data only if the request asks for it.
    Expand {
        /// The organizations that each user belongs to.
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
