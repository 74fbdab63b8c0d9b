//! The exports as plain derived structs. Each function returns how many users it has read. This is
//! the floor of planning.

use std::hint::black_box;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One object is one value.
pub(crate) fn firebase(file: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Export {
        users: Vec<FirebaseUser>,
    }

    black_box(serde_json::from_slice::<Export>(file).expect("a good file")).users.len() as u64
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirebaseUser {
    local_id: String,
    email: Option<String>,
    email_verified: bool,
    password_hash: Option<String>,
    salt: Option<String>,
    display_name: Option<String>,
    photo_url: Option<String>,
    last_signed_in_at: Option<String>,
    created_at: Option<String>,
    phone_number: Option<String>,
    disabled: bool,
    provider_user_info: Vec<FirebaseProvider>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirebaseProvider {
    provider_id: String,
    raw_id: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
}

/// Each line is dropped once it is read.
fn lines<T: DeserializeOwned>(file: &[u8]) -> u64 {
    let mut users = 0;
    for user in serde_json::Deserializer::from_slice(file).into_iter::<T>() {
        black_box(user.expect("a good line"));
        users += 1;
    }
    users
}

pub(crate) fn auth0(file: &[u8]) -> u64 {
    lines::<Auth0User>(file)
}

#[derive(Deserialize)]
struct Auth0User {
    user_id: String,
    email: Option<String>,
    email_verified: bool,
    given_name: Option<String>,
    family_name: Option<String>,
    name: Option<String>,
    nickname: Option<String>,
    picture: Option<String>,
    identities: Vec<Auth0Identity>,
    app_metadata: Metadata,
    user_metadata: Metadata,
    created_at: String,
    updated_at: String,
    last_login: Option<String>,
    last_ip: Option<String>,
    logins_count: u64,
    blocked: bool,
}

#[derive(Deserialize)]
struct Auth0Identity {
    connection: String,
    provider: String,
    user_id: String,
    #[serde(rename = "isSocial")]
    is_social: bool,
}

#[derive(Deserialize)]
struct Metadata {
    plan: Option<String>,
}

pub(crate) fn auth0_hashes(file: &[u8]) -> u64 {
    lines::<Auth0Hash>(file)
}

#[derive(Deserialize)]
struct Auth0Hash {
    #[serde(rename = "_id")]
    id: ObjectId,
    email_verified: bool,
    email: Option<String>,
    #[serde(rename = "passwordHash")]
    password_hash: String,
    password_set_date: Date,
    tenant: String,
    connection: String,
    #[serde(rename = "_tmp_is_unique")]
    is_unique: bool,
}

#[derive(Deserialize)]
struct ObjectId {
    #[serde(rename = "$oid")]
    oid: String,
}

#[derive(Deserialize)]
struct Date {
    #[serde(rename = "$date")]
    date: String,
}
