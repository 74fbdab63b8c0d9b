use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::{Value, json};

use crate::{ask, codes, success};

const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Returns the password changed by `change`. A null removes the field.
fn with(base: &Value, change: &Value) -> Value {
    let mut body = base.clone();
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn set(fake: &FakeKinde, body: &Value) -> (u16, Value) {
    let id = fake.add_user(NewFakeUser::new());
    let reply = ask(fake, "PUT", &format!("/api/v1/users/{id}/password"), body);
    let is_set = fake.user(&id).unwrap().password.is_some();
    assert_eq!(is_set, reply.0 == 200, "{body}");
    reply
}

fn accepts(body: &Value) {
    assert_eq!(set(&FakeKinde::new(), body), (200, success()), "{body}");
}

fn refuses(body: &Value, expected: &[&str]) {
    let (status, reply) = set(&FakeKinde::new(), body);
    assert_eq!((status, codes(&reply)), (400, expected.to_vec()), "{body}");
}

#[test]
fn hash_is_kept_as_given() {
    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new());
    let body = json!({ "hashed_password": "$2a$10$hash", "is_temporary_password": true });
    assert_eq!(ask(&fake, "PUT", &format!("/api/v1/users/{id}/password"), &body), (200, success()));
    let password = fake.user(&id).unwrap().password.unwrap();
    assert_eq!(password.hashed_password, "$2a$10$hash");
    assert_eq!((password.hashing_method.as_str(), password.is_temporary_password), ("bcrypt", true));
}

#[test]
fn hash_and_known_method_are_required() {
    refuses(&json!({}), &["HASHED_PASSWORD_REQUIRED"]);
    refuses(&json!({ "hashed_password": "" }), &["HASHED_PASSWORD_REQUIRED"]);
    refuses(&json!({ "hashed_password": 1, "rounds": "8" }), &["HASHED_PASSWORD_INVALID", "ROUNDS_INVALID"]);
    for method in ["argon2", "plain", "BCRYPT", ""] {
        refuses(&json!({ "hashed_password": "x", "hashing_method": method }), &["HASHING_METHOD_INVALID"]);
    }
    refuses(&Value::Null, &["BODY_INVALID"]);
}

#[test]
fn bcrypt_takes_no_salt() {
    let base = json!({ "hashed_password": "x", "hashing_method": "bcrypt" });
    accepts(&base);
    accepts(&with(&base, &json!({ "salt": null })));
    refuses(
        &with(&base, &json!({ "salt": "s", "salt_position": "prefix" })),
        &["SALT_NOT_ALLOWED", "SALT_POSITION_NOT_ALLOWED"],
    );
}

#[test]
fn md5_and_sha256_need_a_salt_position() {
    for method in ["md5", "sha256"] {
        let base = json!({ "hashed_password": HEX, "hashing_method": method });
        accepts(&base);
        accepts(&with(&base, &json!({ "salt": "s", "salt_position": "suffix" })));
        refuses(&with(&base, &json!({ "salt": "s" })), &["SALT_POSITION_REQUIRED"]);
        refuses(&with(&base, &json!({ "salt": "s", "salt_position": "mid" })), &["SALT_POSITION_INVALID"]);
    }
    refuses(
        &json!({ "hashed_password": "nothex", "hashing_method": "sha256" }),
        &["HASHED_PASSWORD_INVALID"],
    );
}

#[test]
fn crypt_and_wordpress_salt_is_optional() {
    for method in ["crypt", "wordpress"] {
        let base = json!({ "hashed_password": "x", "hashing_method": method });
        accepts(&base);
        accepts(&with(&base, &json!({ "salt": "s" })));
    }
}

#[test]
fn pbkdf2_needs_salt_and_variant() {
    let base = json!({
        "hashed_password": "x", "hashing_method": "pbkdf2", "salt": "c2FsdA==",
        "variant": "salted-pbkdf2-hmac-sha256",
    });
    accepts(&base);
    accepts(&with(&base, &json!({ "iterations": 1, "variant": "salted-pbkdf2-hmac-sha512-512" })));
    let none = json!({ "salt": null, "variant": null });
    refuses(&with(&base, &none), &["SALT_REQUIRED", "VARIANT_REQUIRED"]);
    let wrong = json!({ "salt": "not base64", "variant": "md5", "iterations": 0 });
    refuses(&with(&base, &wrong), &["SALT_INVALID", "ITERATIONS_INVALID", "VARIANT_INVALID"]);

    let fake = FakeKinde::new();
    set(&fake, &base);
    assert_eq!(fake.users()[0].password.as_ref().unwrap().iterations, Some(24_000));
}

#[test]
fn firebase_fields_are_for_firebase_only() {
    let own = json!({ "signer_key": "a2V5", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14 });
    let base = json!({ "hashed_password": "x", "hashing_method": "firebase-scrypt", "salt": "c2FsdA" });
    let full = with(&base, &own);
    accepts(&full);
    refuses(
        &json!({ "hashed_password": "x", "hashing_method": "firebase-scrypt" }),
        &[
            "SALT_REQUIRED",
            "SIGNER_KEY_REQUIRED",
            "SALT_SEPARATOR_REQUIRED",
            "ROUNDS_REQUIRED",
            "MEM_COST_REQUIRED",
        ],
    );
    for (rounds, mem_cost) in [(0, 0), (17, 21)] {
        let wrong = with(&full, &json!({ "rounds": rounds, "mem_cost": mem_cost }));
        refuses(&wrong, &["ROUNDS_INVALID", "MEM_COST_INVALID"]);
    }
    accepts(&with(&full, &json!({ "rounds": 16, "mem_cost": 20 })));
    let foreign = json!({ "iterations": 1, "variant": "salted-pbkdf2-hmac-sha256" });
    refuses(&with(&full, &foreign), &["ITERATIONS_NOT_ALLOWED", "VARIANT_NOT_ALLOWED"]);
    for method in ["bcrypt", "crypt", "md5", "wordpress", "aspnet-identity-v2"] {
        let body = with(&json!({ "hashed_password": "eA==", "hashing_method": method }), &own);
        let all = ["SIGNER_KEY", "SALT_SEPARATOR", "ROUNDS", "MEM_COST"].map(|f| format!("{f}_NOT_ALLOWED"));
        refuses(&body, &all.each_ref().map(String::as_str));
    }
}

#[test]
fn aspnet_accepts_only_its_base64() {
    let base = json!({ "hashed_password": "AQAAAAEAACcQ", "hashing_method": "aspnet-identity-v2" });
    accepts(&base);
    refuses(&with(&base, &json!({ "hashed_password": "$not" })), &["HASHED_PASSWORD_INVALID"]);
    let foreign = json!({ "salt": "s", "salt_position": "prefix", "iterations": 1, "variant": "v" });
    let all = ["SALT", "SALT_POSITION", "ITERATIONS", "VARIANT"].map(|f| format!("{f}_NOT_ALLOWED"));
    refuses(&with(&base, &foreign), &all.each_ref().map(String::as_str));
}
