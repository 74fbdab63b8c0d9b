//! The models of the floor: what a generator makes of the API's description. And a whole model that borrows.

#![allow(clippy::struct_field_names, reason = "they are those of the API")]

use kinde_users_core::Text;
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

#[derive(Deserialize)]
pub(crate) struct BorrowingPage<'a> {
    #[serde(borrow)]
    pub(crate) code: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) message: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) users: Vec<BorrowingUser<'a>>,
    #[serde(borrow)]
    pub(crate) next_token: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingUser<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    #[serde(borrow)]
    pub(crate) provided_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) email: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) preferred_email: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) phone: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) username: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) last_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) first_name: Option<Text<'a>>,
    pub(crate) is_suspended: Option<bool>,
    #[serde(borrow)]
    pub(crate) picture: Option<Text<'a>>,
    pub(crate) total_sign_ins: Option<i64>,
    pub(crate) failed_sign_ins: Option<i64>,
    #[serde(borrow)]
    pub(crate) last_signed_in: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) created_on: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) last_organization_sign_ins: Option<Vec<BorrowingSignIn<'a>>>,
    #[serde(borrow)]
    pub(crate) organizations: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) identities: Option<Vec<BorrowingIdentity<'a>>>,
    #[serde(borrow)]
    pub(crate) billing: Option<BorrowingBilling<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingSignIn<'a> {
    #[serde(borrow)]
    pub(crate) org_code: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) last_signed_in: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingIdentity<'a> {
    #[serde(borrow)]
    pub(crate) r#type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) identity: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) connection_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct BorrowingBilling<'a> {
    #[serde(borrow)]
    pub(crate) customer_id: Option<Text<'a>>,
}
