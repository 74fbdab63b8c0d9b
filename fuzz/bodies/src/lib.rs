//! What the fuzz targets do with their bytes: one file a target.
//!
//! Each is a function that panics where a promise is broken. The fuzzer calls it with bytes that it makes up, and the
//! tests of this crate with those in `fuzz/corpus/<target>/`.
#![allow(clippy::missing_panics_doc, reason = "to panic is how a target says what it found")]

mod domain;
mod exchange;
mod fake;
mod message;
#[cfg(test)]
mod replay;
mod reply;
mod request;
mod retry_after;
#[path = "../../../crates/kinde-users-core/tests/support/mod.rs"]
mod support;

pub use domain::domain;
pub use exchange::exchange;
pub use fake::fake;
pub use reply::reply;
pub use request::request;
pub use retry_after::retry_after;

/// A target.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("domain", domain),
    ("exchange", exchange),
    ("fake", fake),
    ("reply", reply),
    ("request", request),
    ("retry_after", retry_after),
];

/// Arguments that suffice for any operation.
fn any_arguments() -> serde_json::Value {
    serde_json::json!({
        "id": "kp_1", "user_id": "kp_1", "factor_id": "mfa_1", "property_key": "p", "feature_flag_key": "f",
        "value": "v", "type": "email", "org_code": "org_1", "billing_email": "a@example.com",
        "hashed_password": "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "hashing_method": "bcrypt", "properties": {"p": "v"},
    })
}
