//! The rules of each system: a table of fields and what they become, and functions for what a table
//! cannot express. `docs/adding-a-source.md` explains them.

pub(crate) mod aspnet_identity;
pub(crate) mod auth0;
pub(crate) mod clerk;
pub(crate) mod cognito;
pub(crate) mod entra;
pub(crate) mod firebase;
pub(crate) mod fusionauth;
pub(crate) mod keycloak;
pub(crate) mod kinde;
pub(crate) mod okta;
pub(crate) mod supabase;
pub(crate) mod wordpress;
