//! One file for each subcommand.

pub(crate) mod completions;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod import;
pub(crate) mod man;
pub(crate) mod refresh_claims;
pub(crate) mod reset_mfa;
pub(crate) mod set_properties;
pub(crate) mod suspend;
