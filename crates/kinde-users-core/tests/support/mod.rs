//! Operations from the arguments of a test vector, by the names that the API gives them.
//!
//! It is the one place that knows how each argument is given to this crate; vectors, property
//! tests, servers in front of the fake and other programs share it.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod documented;
pub(crate) mod domain;

use std::fmt::Debug;

use http::{HeaderName, Response};
use kinde_users_core::operations::{
    CreateUser, CreateUserBillingCustomer, CreateUserIdentity, DeleteUser, DeleteUserSessions,
    FirebaseParameters, GetUserData, GetUserIdentities, GetUserPropertyValues, GetUserSessions, GetUsers,
    GetUsersMfa, NewIdentity, Password, RefreshUserClaims, ResetUsersMfa, ResetUsersMfaAll, SaltPosition,
    SetUserPassword, UpdateUser, UpdateUserFeatureFlagOverride, UpdateUserProperties, UpdateUserProperty,
};
use kinde_users_core::{AccessToken, BuildError, Domain, Operation, Patch, Redacted, build_request};
use serde::Serialize;
use serde_json::Value as Json;

/// Vectors of requests beyond `openapi.json`, whose lists of values may grow.
pub(crate) const BEYOND: &[&str] =
    &["pbkdf2_of_a_variant_that_is_not_known", "expand_not_in_the_description"];

/// What to do with an operation of whatever type.
pub(crate) trait Visit {
    type Out;

    fn visit<O>(self, operation: &O) -> Self::Out
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug;
}

/// Makes the operation called `name` with `arguments`, and hands it to `visit`.
pub(crate) fn with_operation<V: Visit>(name: &str, arguments: &Json, visit: V) -> V::Out {
    let arguments = &expanded(arguments);
    let text =
        |key: &str| arguments[key].as_str().unwrap_or_else(|| panic!("{name}: no text {key}")).to_owned();
    let maybe = |key: &str| arguments[key].as_str().map(str::to_owned);
    match name {
        "create_user" => visit.visit(&create_user(arguments)),
        "create_user_billing_customer" => {
            let new =
                CreateUserBillingCustomer::new(text("user_id"), text("org_code"), text("billing_email"));
            visit.visit(&set(new, maybe("billing_plan_code"), CreateUserBillingCustomer::billing_plan_code))
        }
        "create_user_identity" => visit.visit(&match text("type").as_str() {
            "email" => CreateUserIdentity::email(text("user_id"), text("value")),
            "username" => CreateUserIdentity::username(text("user_id"), text("value")),
            "phone" => CreateUserIdentity::phone(text("user_id"), text("value"), text("phone_country_id")),
            "social" => CreateUserIdentity::social(text("user_id"), text("value"), text("connection_id")),
            "enterprise" => {
                CreateUserIdentity::enterprise(text("user_id"), text("value"), text("connection_id"))
            }
            other => panic!("no identity of type {other}"),
        }),
        "delete_user" => visit.visit(&set(
            DeleteUser::new(text("id")),
            arguments["is_delete_profile"].as_bool(),
            DeleteUser::is_delete_profile,
        )),
        "delete_user_sessions" => visit.visit(&DeleteUserSessions::new(text("user_id"))),
        "get_user_data" => {
            visit.visit(&texts(&arguments["expand"]).fold(GetUserData::new(text("id")), GetUserData::expand))
        }
        "get_user_identities" => {
            let new = GetUserIdentities::new(text("user_id"));
            let new = set(new, maybe("starting_after"), GetUserIdentities::starting_after);
            visit.visit(&set(new, maybe("ending_before"), GetUserIdentities::ending_before))
        }
        "get_user_property_values" => visit.visit(&GetUserPropertyValues::new(text("user_id"))),
        "get_user_sessions" => visit.visit(&GetUserSessions::new(text("user_id"))),
        "get_users" => visit.visit(&get_users(arguments)),
        "get_users_mfa" => visit.visit(&GetUsersMfa::new(text("user_id"))),
        "refresh_user_claims" => visit.visit(&RefreshUserClaims::new(text("user_id"))),
        "reset_users_mfa" => visit.visit(&ResetUsersMfa::new(text("user_id"), text("factor_id"))),
        "reset_users_mfa_all" => visit.visit(&ResetUsersMfaAll::new(text("user_id"))),
        "set_user_password" => visit.visit(&set(
            SetUserPassword::new(text("user_id"), password(arguments)),
            arguments["is_temporary_password"].as_bool(),
            SetUserPassword::is_temporary_password,
        )),
        "update_user" => visit.visit(&update_user(arguments)),
        "update_user_feature_flag_override" => visit.visit(&UpdateUserFeatureFlagOverride::new(
            text("user_id"),
            text("feature_flag_key"),
            text("value"),
        )),
        "update_user_properties" => {
            let mut operation = UpdateUserProperties::new(text("user_id"));
            for (key, value) in arguments["properties"].as_object().into_iter().flatten() {
                operation = match value.as_str() {
                    Some(value) => operation.property(key, value),
                    None => operation.clear_property(key),
                };
            }
            visit.visit(&operation)
        }
        "update_user_property" => {
            visit.visit(&UpdateUserProperty::new(text("user_id"), text("property_key"), text("value")))
        }
        other => panic!("no operation is called {other}"),
    }
}

fn create_user(arguments: &Json) -> CreateUser {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let profile = &arguments["profile"];
    let mut operation = set(CreateUser::new(), text(&profile["given_name"]), CreateUser::given_name);
    operation = set(operation, text(&profile["family_name"]), CreateUser::family_name);
    operation = set(operation, text(&profile["picture"]), CreateUser::picture);
    operation = set(operation, text(&arguments["organization_code"]), CreateUser::organization_code);
    operation = set(operation, text(&arguments["provided_id"]), CreateUser::provided_id);
    for identity in arguments["identities"].as_array().into_iter().flatten() {
        let details = &identity["details"];
        let kind = identity["type"].as_str().unwrap();
        let value = text(&details[kind]).unwrap();
        let new = match kind {
            "email" => NewIdentity::email(value),
            "phone" => NewIdentity::phone(value),
            "username" => NewIdentity::username(value),
            other => panic!("no new identity of type {other}"),
        };
        let new = set(new, text(&details["phone_country_id"]), NewIdentity::phone_country_id);
        operation = operation.identity(set(new, identity["is_verified"].as_bool(), NewIdentity::is_verified));
    }
    operation
}

fn get_users(arguments: &Json) -> GetUsers {
    let text = |key: &str| arguments[key].as_str().map(str::to_owned);
    let page_size = arguments["page_size"].as_u64().map(|size| u32::try_from(size).unwrap());
    let mut operation = set(GetUsers::new(), page_size, GetUsers::page_size);
    operation = texts(&arguments["user_id"]).fold(operation, GetUsers::user_id);
    operation = set(operation, text("next_token"), GetUsers::next_token);
    operation = texts(&arguments["email"]).fold(operation, GetUsers::email);
    operation = texts(&arguments["username"]).fold(operation, GetUsers::username);
    operation = texts(&arguments["phone"]).fold(operation, GetUsers::phone);
    operation = texts(&arguments["expand"]).fold(operation, GetUsers::expand);
    operation = set(operation, arguments["has_organization"].as_bool(), GetUsers::has_organization);
    set(operation, text("active_since"), GetUsers::active_since)
}

fn update_user(arguments: &Json) -> UpdateUser {
    let text = |key: &str| match arguments.get(key) {
        None => Patch::Leave,
        Some(value) => Patch::<Redacted>::set_or_clear(value.as_str()),
    };
    let flag = |key: &str| match arguments.get(key) {
        None => Patch::Leave,
        Some(value) => Patch::<bool>::set_or_clear(value.as_bool()),
    };
    UpdateUser::new(arguments["id"].as_str().unwrap())
        .given_name(text("given_name"))
        .family_name(text("family_name"))
        .picture(text("picture"))
        .is_suspended(flag("is_suspended"))
        .is_password_reset_requested(flag("is_password_reset_requested"))
        .provided_id(text("provided_id"))
}

fn password(arguments: &Json) -> Password {
    let text = |key: &str| arguments[key].as_str().unwrap_or_else(|| panic!("no text {key}")).to_owned();
    let number = |key: &str| arguments[key].as_u64().map(|number| u32::try_from(number).unwrap());
    let position = match arguments["salt_position"].as_str() {
        Some("prefix") => Some(SaltPosition::Prefix),
        Some("suffix") => Some(SaltPosition::Suffix),
        _ => None,
    };
    let hash = text("hashed_password");
    let salted = arguments.get("salt").is_some();
    let password = match (text("hashing_method").as_str(), salted) {
        ("bcrypt", false) => Password::bcrypt(hash),
        ("crypt", false) => Password::crypt(hash),
        ("crypt", true) => Password::crypt_salted(hash, text("salt")),
        ("md5", false) => Password::md5(hash),
        ("md5", true) => Password::md5_salted(hash, text("salt"), position.unwrap()),
        ("sha256", false) => Password::sha256(hash),
        ("sha256", true) => Password::sha256_salted(hash, text("salt"), position.unwrap()),
        ("wordpress", false) => Password::wordpress(hash),
        ("wordpress", true) => Password::wordpress_salted(hash, text("salt")),
        ("pbkdf2", true) => match number("iterations") {
            None => Password::pbkdf2(hash, text("salt"), text("variant")),
            Some(iterations) => {
                Password::pbkdf2_with_iterations(hash, text("salt"), text("variant"), iterations)
            }
        },
        ("firebase-scrypt", true) => {
            let (key, separator) = (text("signer_key"), text("salt_separator"));
            let (rounds, mem_cost) = (number("rounds").unwrap(), number("mem_cost").unwrap());
            let parameters = FirebaseParameters::new(key, separator, rounds, mem_cost);
            Password::firebase_scrypt(hash, text("salt"), &parameters)
        }
        ("aspnet-identity-v2", false) => Password::aspnet_identity_v2(hash),
        other => panic!("no hashing method {other:?}"),
    };
    set(password, position, Password::salt_position)
}

/// `value` given to `setter`, where there is one.
fn set<T, V>(operation: T, value: Option<V>, setter: impl FnOnce(T, V) -> T) -> T {
    match value {
        Some(value) => setter(operation, value),
        None => operation,
    }
}

fn texts(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap())
}

/// Writes out `{"$repeat": ["a", 3]}` as `"aaa"`.
pub(crate) fn expanded(arguments: &Json) -> Json {
    match arguments {
        // A property may have that name too, but no list for a value.
        Json::Object(object) => match object.get("$repeat").and_then(Json::as_array).map(Vec::as_slice) {
            Some([Json::String(text), times]) => {
                Json::String(text.repeat(usize::try_from(times.as_u64().unwrap()).unwrap()))
            }
            _ => object.iter().map(|(key, value)| (key.clone(), expanded(value))).collect(),
        },
        Json::Array(list) => list.iter().map(expanded).collect(),
        other => other.clone(),
    }
}

/// The vectors of an operation, or of `errors` or `token`.
pub(crate) fn vectors(file: &str) -> Json {
    // By their place beside this file, whichever package it is a module of.
    macro_rules! text_of {
        ($($name:literal)*) => {
            match file {
                $($name => include_str!(concat!("../vectors/", $name, ".json")),)*
                other => panic!("no vectors for {other}"),
            }
        };
    }
    serde_json::from_str(text_of! {
        "create_user"
        "create_user_billing_customer"
        "create_user_identity"
        "delete_user"
        "delete_user_sessions"
        "errors"
        "get_user_data"
        "get_user_identities"
        "get_user_property_values"
        "get_user_sessions"
        "get_users"
        "get_users_mfa"
        "refresh_user_claims"
        "reset_users_mfa"
        "reset_users_mfa_all"
        "set_user_password"
        "token"
        "update_user"
        "update_user_feature_flag_override"
        "update_user_properties"
        "update_user_property"
    })
    .unwrap()
}

/// The vectors of a part, `requests` or `replies`, of which there is one at least.
pub(crate) fn each<'a>(vectors: &'a Json, part: &str) -> impl Iterator<Item = &'a Json> {
    let list = vectors[part].as_array().unwrap();
    assert!(!list.is_empty());
    list.iter()
}

/// The response that a vector of a reply describes.
pub(crate) fn response(vector: &Json) -> Response<Vec<u8>> {
    let body = match (&vector["text"], &vector["body"]) {
        (Json::String(text), _) => text.clone().into_bytes(),
        (_, Json::Null) => Vec::new(),
        (_, body) => serde_json::to_vec(body).unwrap(),
    };
    let status = u16::try_from(vector["status"].as_u64().unwrap()).unwrap();
    let mut response = Response::builder().status(status).body(body).unwrap();
    for (name, value) in vector["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name).unwrap();
        response.headers_mut().insert(name, value.as_str().unwrap().parse().unwrap());
    }
    response
}

/// Arguments with which each operation can be built.
pub(crate) fn minimal(operation: &str) -> Json {
    let vectors = vectors(operation);
    let minimal = each(&vectors, "requests").find(|vector| vector.get("refused").is_none());
    minimal.unwrap()["arguments"].clone()
}

/// Builds the request, as any loop would send it.
pub(crate) struct Build;

impl Visit for Build {
    type Out = Result<http::Request<Vec<u8>>, BuildError>;

    fn visit<O: Operation>(self, operation: &O) -> Self::Out {
        let token = AccessToken::new("token").unwrap();
        build_request(operation, &Domain::parse("acme").unwrap(), &token)
    }
}
