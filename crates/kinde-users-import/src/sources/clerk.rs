//! Clerk: the CSV export of its dashboard.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::draft::{Draft, standard_base64};
use crate::rule::Rule::{self, Deep, Flag, NotTaken, Several, To};
use crate::rule::{FACTOR, UNSET};
use crate::table::Table;
use crate::target::{Target, When};
use crate::user::Kind;

pub(crate) const TABLE: Table = Table {
    name: "clerk",
    title: "a Clerk export",
    marks: &[&["primary_email_address"], &["password_digest", "password_hasher"]],
    fields: FIELDS,
    end: Some(end),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("first_name", To(Target::FirstName)),
    ("last_name", To(Target::LastName)),
    ("username", To(Target::Username)),
    ("primary_email_address", Several(Kind::Email, None)),
    ("primary_phone_number", Several(Kind::Phone, None)),
    ("verified_email_addresses", Several(Kind::Email, Some(true))),
    ("unverified_email_addresses", Several(Kind::Email, Some(false))),
    ("verified_phone_numbers", Several(Kind::Phone, Some(true))),
    ("unverified_phone_numbers", Several(Kind::Phone, Some(false))),
    ("image_url", To(Target::Picture)),
    ("banned", Flag(Target::Suspended, When::True)),
    ("locked", Flag(Target::Suspended, When::True)),
    ("password_digest", To(Target::Hash)),
    ("password_hasher", To(Target::Method)),
    ("totp_secret", NotTaken(FACTOR)),
    ("public_metadata", Deep),
    ("private_metadata", Deep),
    ("unsafe_metadata", Deep),
    ("created_at", NotTaken(UNSET)),
    ("updated_at", NotTaken(UNSET)),
    ("last_sign_in_at", NotTaken(UNSET)),
];

/// Translates the names of the hashers. Hashers that Kinde cannot verify keep their names.
fn end(draft: &mut Draft<'_>) {
    let Some(hasher) = draft.said(Target::Method).map(str::to_owned) else { return };
    let field: Arc<str> = "password_hasher".into();
    let (method, variant) = match hasher.as_str() {
        "md5_salted" => ("md5", ""),
        "md5_phpass" => ("wordpress", ""),
        "sha256_salted" => ("sha256", ""),
        "scrypt_firebase" => ("firebase-scrypt", ""),
        "pbkdf2_sha256_django" | "pbkdf2_sha256" => ("pbkdf2", "salted-pbkdf2-hmac-sha256"),
        "pbkdf2_sha512" => ("pbkdf2", "salted-pbkdf2-hmac-sha512-512"),
        _ => return,
    };
    draft.say_anew(Target::Method, &field, method);
    if !variant.is_empty() {
        draft.say(Target::Variant, &field, variant);
    }
    let digest: Arc<str> = "password_digest".into();
    let parts: Vec<String> =
        draft.said(Target::Hash).unwrap_or_default().split('$').map(str::to_owned).collect();
    match (method, parts.as_slice()) {
        // The parts are the hash, the salt and the parameters of the project.
        ("firebase-scrypt", [hash, salt, key, separator, rounds, cost]) => {
            draft.is_salt_plain = true;
            draft.say_anew(Target::Hash, &digest, standard_base64(hash));
            draft.say(Target::Salt, &digest, standard_base64(salt));
            draft.say(Target::SignerKey, &digest, standard_base64(key));
            draft.say(Target::SaltSeparator, &digest, standard_base64(separator));
            draft.say(Target::Rounds, &digest, rounds.as_str());
            draft.say(Target::MemCost, &digest, cost.as_str());
        }
        ("md5" | "sha256", [hash, salt]) => {
            // Clerk does not document the position of the salt, so the mapping has to set it.
            draft.say_anew(Target::Hash, &digest, hash.as_str());
            draft.say(Target::Salt, &digest, salt.as_str());
        }
        _ => {}
    }
}
