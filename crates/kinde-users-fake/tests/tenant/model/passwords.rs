//! The rules of `set_user_password` for the fields of a password hash.

use kinde_users_fake::FakePassword;
use serde_json::{Value, json};

use super::naive::{Answer, Body, code};

const METHODS: [&str; 8] =
    ["bcrypt", "crypt", "md5", "sha256", "wordpress", "pbkdf2", "firebase-scrypt", "aspnet-identity-v2"];

pub(super) fn read(mut body: Body) -> Result<FakePassword, Answer> {
    let mut password = FakePassword::default();
    password.hashed_password = body.required("hashed_password").unwrap_or_default();
    password.is_temporary_password = body.flag("is_temporary_password").unwrap_or_default();
    let method = match body.value("hashing_method") {
        None => json!("bcrypt"),
        Some(method) => method,
    };
    // A method with a wrong type counts as unknown.
    let method = method.as_str().unwrap_or_default();
    if !METHODS.contains(&method) {
        body.wrong("hashing_method", "INVALID");
    }
    method.clone_into(&mut password.hashing_method);
    for (key, field) in [
        ("salt", &mut password.salt),
        ("salt_position", &mut password.salt_position),
        ("variant", &mut password.variant),
        ("signer_key", &mut password.signer_key),
        ("salt_separator", &mut password.salt_separator),
    ] {
        *field = body.text(key);
    }
    for (key, field) in [
        ("iterations", &mut password.iterations),
        ("rounds", &mut password.rounds),
        ("mem_cost", &mut password.mem_cost),
    ] {
        *field = body.number(key);
    }
    let keys =
        ["hashed_password", "salt", "salt_position", "variant", "signer_key", "salt_separator", "iterations"];
    for key in keys.into_iter().chain(["rounds", "mem_cost"]).filter(|_| METHODS.contains(&method)) {
        if body.codes.contains(&code(key, "INVALID")) {
            continue;
        }
        let value = body.value(key).filter(|value| value != "");
        match (need(method, key, &body), value) {
            (Need::Required, None) => body.wrong(key, "REQUIRED"),
            (Need::Refused, Some(_)) => body.wrong(key, "NOT_ALLOWED"),
            (Need::Required | Need::Optional, Some(value)) if !has_form(method, key, &value) => {
                body.wrong(key, "INVALID");
            }
            _ => {}
        }
    }
    body.end()?;
    if method == "pbkdf2" && password.iterations.is_none() {
        password.iterations = Some(24_000);
    }
    Ok(password)
}

enum Need {
    Required,
    Optional,
    Refused,
}

fn need(method: &str, key: &str, body: &Body) -> Need {
    let has_salt = body.value("salt").is_some_and(|salt| salt.is_string() && salt != "");
    match (method, key) {
        ("pbkdf2", "salt" | "variant")
        | ("firebase-scrypt", "salt" | "signer_key" | "salt_separator" | "rounds" | "mem_cost") => {
            Need::Required
        }
        ("md5" | "sha256", "salt_position") if has_salt => Need::Required,
        ("bcrypt", "salt" | "salt_position")
        | ("aspnet-identity-v2", "salt" | "salt_position" | "iterations" | "variant")
        | ("firebase-scrypt", "iterations" | "variant")
        | (_, "signer_key" | "salt_separator" | "rounds" | "mem_cost") => Need::Refused,
        _ => Need::Optional,
    }
}

/// Returns whether a value of the right type has the right form.
fn has_form(method: &str, key: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let number = value.as_u64().unwrap_or_default();
    match (method, key) {
        ("sha256", "hashed_password") => {
            text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        ("aspnet-identity-v2", "hashed_password")
        | ("pbkdf2" | "firebase-scrypt", "salt")
        | (_, "signer_key" | "salt_separator") => is_base64(text),
        (_, "salt_position") => text == "prefix" || text == "suffix",
        ("pbkdf2", "variant") => {
            ["salted-pbkdf2-hmac-sha256", "salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"]
                .contains(&text)
        }
        (_, "iterations") => number >= 1,
        (_, "rounds") => (1..=16).contains(&number),
        (_, "mem_cost") => (1..=20).contains(&number),
        _ => true,
    }
}

/// Accepts base64 with or without padding.
fn is_base64(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
        && text.len() % 4 != 1
}
