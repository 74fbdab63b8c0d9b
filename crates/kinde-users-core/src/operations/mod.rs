//! The operations, with the names that Kinde's documentation uses. Each operation has its own file.
//!
//! An operation is a value. `new` takes the required arguments, and setters take the other
//! arguments. A [`Client`](crate::Client) sends an operation. You can also send an operation with
//! an [`Exchange`](crate::Exchange) in your own loop, or turn an operation into an `http::Request`
//! with [`build_request`](crate::build_request).

// Layer 4.

pub(crate) mod expand;
pub(crate) mod scopes;

pub use expand::Expand;

/// Lists the module and types of each operation once, for the modules, the re-exports and the
/// table.
macro_rules! operations {
    ($($module:ident: $operation:ident $(, $($other:ident),+)?;)+) => {
        $(pub(crate) mod $module;)+
        $(pub use $module::{$operation $(, $($other),+)?};)+

        /// Not in the module itself, whose items are the operations.
        pub(crate) mod table {
            use crate::api::meta::Meta;
            use crate::api::operation::Operation;

            /// All operations of this crate, in the order of their names.
            ///
            /// ```
            /// use kinde_users::OPERATIONS;
            ///
            /// for meta in OPERATIONS {
            ///     println!("{:6} {} needs {:?}", meta.method, meta.path.as_str(), meta.scopes);
            /// }
            /// ```
            pub static OPERATIONS: &[Meta] = &[$(super::$operation::META),+];
        }
    };
}

operations! {
    create_user: CreateUser, CreatedUser, CreatedUserIdentity, CreatedUserIdentityResult, NewIdentity;
    create_user_billing_customer: CreateUserBillingCustomer, BillingCustomer, CreatedBillingCustomer;
    create_user_identity: CreateUserIdentity, CreatedIdentity, CreatedIdentityId;
    delete_user: DeleteUser;
    delete_user_sessions: DeleteUserSessions;
    get_user_data: GetUserData;
    get_user_identities: GetUserIdentities, Identity, UserIdentities;
    get_user_property_values: GetUserPropertyValues, PropertyValue, PropertyValues;
    get_user_sessions: GetUserSessions, Session, UserSessions;
    get_users: GetUsers, UsersPage;
    get_users_mfa: GetUsersMfa, MfaFactor, UsersMfa;
    refresh_user_claims: RefreshUserClaims;
    reset_users_mfa: ResetUsersMfa;
    reset_users_mfa_all: ResetUsersMfaAll;
    set_user_password: SetUserPassword, FirebaseParameters, Password, Pbkdf2Variant, SaltPosition;
    update_user: UpdateUser, UpdatedUser;
    update_user_feature_flag_override: UpdateUserFeatureFlagOverride;
    update_user_properties: UpdateUserProperties;
    update_user_property: UpdateUserProperty;
}

#[cfg(test)]
mod tests {
    use super::scopes::scopes_for;
    use super::table::OPERATIONS;
    use crate::api::meta::Replay;
    use http::Method;
    use std::collections::BTreeSet;

    #[test]
    fn operations_are_listed_once_by_name() {
        assert_eq!(OPERATIONS.len(), 19);
        assert!(OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
        let routes: BTreeSet<_> =
            OPERATIONS.iter().map(|meta| (meta.method.as_str(), meta.path.as_str())).collect();
        assert_eq!(routes.len(), OPERATIONS.len());
    }

    #[test]
    fn operations_need_a_scope_and_reads_are_gets() {
        for meta in OPERATIONS {
            assert_eq!(meta.scopes.len(), 1, "{}", meta.name);
            assert_eq!(meta.replay == Replay::Safe, meta.method == Method::GET, "{}", meta.name);
        }
    }

    #[test]
    fn all_scopes_of_all_operations_come_once_each() {
        let scopes = scopes_for(OPERATIONS);
        assert_eq!(scopes.len(), 16);
        assert!(scopes_for(&[]).is_empty());
    }
}
