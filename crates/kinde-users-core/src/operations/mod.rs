//! The operations, one file each, under the names of Kinde's documentation.
//!
//! An operation is a value: its required arguments are given to `new`, the others to setters of their names. It is sent
//! by a [`Client`](crate::Client), by an [`Exchange`](crate::Exchange) in a loop of your own, or built into an
//! `http::Request` by [`build_request`](crate::build_request).

use crate::api::operation::{Meta, Operation};

pub(crate) mod expand;

pub use expand::Expand;

/// Lists each operation's module and types once, for the modules, the re-exports and the table.
macro_rules! operations {
    ($($module:ident: $operation:ident $(, $($other:ident),+)?;)+) => {
        $(pub(crate) mod $module;)+
        $(pub use $module::{$operation $(, $($other),+)?};)+

        /// The table behind [`OPERATIONS`](crate::OPERATIONS).
        pub(crate) static ALL: &[Meta] = &[$($operation::META),+];
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
