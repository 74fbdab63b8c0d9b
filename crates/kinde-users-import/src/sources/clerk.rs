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

#[cfg(test)]
mod tests {
    use crate::{Mapping, Source};
    use std::format;
    use std::string::ToString as _;

    #[test]
    fn each_hasher_has_its_method_and_variant() {
        const MD5: &str = "0123456789abcdef0123456789abcdef";
        let (sha256, bytes) = (MD5.repeat(2), |count: usize| format!("{:A<count$}", ""));
        let (hash32, hash64) = (bytes(43) + "=", bytes(86) + "==");
        let read = |source, method, hash: &str, hasher: &str, digest, variant| {
            let mapping = Mapping::new(source).map("s", "salt").unwrap().map("v", "variant").unwrap();
            let columns = [("id", "1"), (method, hasher), (digest, hash), ("v", variant)];
            mapping.salt_position("suffix").row(columns.into_iter().chain([("s", "c2FsdA==")]))
        };
        for (hasher, hash, method, variant) in [
            ("pbkdf2_sha256", &hash32, "pbkdf2", "salted-pbkdf2-hmac-sha256"),
            ("pbkdf2_sha256_django", &hash32, "pbkdf2", "salted-pbkdf2-hmac-sha256"),
            ("pbkdf2_sha512", &hash64, "pbkdf2", "salted-pbkdf2-hmac-sha512-512"),
        ] {
            let clerk = read(Source::Clerk, "password_hasher", hash, hasher, "password_digest", "");
            let kinde = read(Source::Kinde, "hashing_method", hash, method, "hashed_password", variant);
            assert!(clerk.is_ok() && clerk == kinde, "{hasher} {clerk:?}");
        }
        let salted = |mapping: Mapping, columns: [(&'static str, &str); 4]| {
            mapping.salt_position("suffix").row(columns).unwrap()
        };
        for (hasher, hash, method) in [("md5_salted", MD5, "md5"), ("sha256_salted", &sha256, "sha256")] {
            let digest = format!("{hash}$pepper");
            let columns =
                [("id", "1"), ("password_hasher", hasher), ("password_digest", &digest), ("username", "")];
            let clerk = salted(Mapping::new(Source::Clerk), columns);
            let columns =
                [("id", "1"), ("hashing_method", method), ("hashed_password", hash), ("salt", "pepper")];
            assert_eq!(clerk, salted(Mapping::new(Source::Kinde), columns), "{hasher}");
        }
        // A hash that is not of its method is a mistake of the file.
        let columns =
            [("id", "1"), ("password_hasher", "md5_phpass"), ("password_digest", "no hash of any method")];
        let error = Mapping::new(Source::Clerk).row(columns).unwrap_err().to_string();
        assert!(error.contains("expected a WordPress hash that begins with"), "{error}");
    }
}
