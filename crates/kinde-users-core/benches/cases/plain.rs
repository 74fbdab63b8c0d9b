//! The models of the floor: what a generator makes of the API's description. And whole models that
//! borrow.

#![allow(clippy::struct_field_names, reason = "they are those of the API")]

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Page {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) users: Vec<User>,
    pub(crate) next_token: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) provided_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) preferred_email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) is_suspended: Option<bool>,
    pub(crate) picture: Option<String>,
    pub(crate) total_sign_ins: Option<i64>,
    pub(crate) failed_sign_ins: Option<i64>,
    pub(crate) last_signed_in: Option<String>,
    pub(crate) created_on: Option<String>,
    pub(crate) last_organization_sign_ins: Option<Vec<SignIn>>,
    pub(crate) organizations: Option<Vec<String>>,
    pub(crate) identities: Option<Vec<Identity>>,
    pub(crate) billing: Option<Billing>,
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    pub(crate) org_code: Option<String>,
    pub(crate) last_signed_in: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Identity {
    pub(crate) r#type: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) connection_id: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Billing {
    pub(crate) customer_id: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Success {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    pub(crate) token_type: Option<String>,
    pub(crate) expires_in: Option<u64>,
}

#[derive(Deserialize)]
pub(crate) struct Errors {
    pub(crate) errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
pub(crate) struct ErrorItem {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

/// `T` is a text that borrows.
#[derive(Deserialize)]
pub(crate) struct BorrowingPage<T> {
    pub(crate) code: Option<T>,
    pub(crate) message: Option<T>,
    pub(crate) users: Vec<BorrowingUser<T>>,
    pub(crate) next_token: Option<T>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingUser<T> {
    pub(crate) id: T,
    pub(crate) provided_id: Option<T>,
    pub(crate) email: Option<T>,
    pub(crate) preferred_email: Option<T>,
    pub(crate) phone: Option<T>,
    pub(crate) username: Option<T>,
    pub(crate) last_name: Option<T>,
    pub(crate) first_name: Option<T>,
    pub(crate) is_suspended: Option<bool>,
    pub(crate) picture: Option<T>,
    pub(crate) total_sign_ins: Option<i64>,
    pub(crate) failed_sign_ins: Option<i64>,
    pub(crate) last_signed_in: Option<T>,
    pub(crate) created_on: Option<T>,
    pub(crate) last_organization_sign_ins: Option<Vec<BorrowingSignIn<T>>>,
    pub(crate) organizations: Option<Vec<T>>,
    pub(crate) identities: Option<Vec<BorrowingIdentity<T>>>,
    pub(crate) billing: Option<BorrowingBilling<T>>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingSignIn<T> {
    pub(crate) org_code: Option<T>,
    pub(crate) last_signed_in: Option<T>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingIdentity<T> {
    pub(crate) r#type: Option<T>,
    pub(crate) identity: Option<T>,
    pub(crate) connection_id: Option<T>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingBilling<T> {
    pub(crate) customer_id: Option<T>,
}
