//! `FusionAuth`: NDJSON of its users.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::draft::{Draft, forget_username_of_address};
use crate::rule::Rule::{self, Deep, Flag, Idle, NotTaken, NotTakenUnless, To};
use crate::rule::{FACTOR, ORGANIZATIONS, UNSET};
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "fusionauth",
    title: "a FusionAuth file",
    marks: &[&["encryption_scheme"], &["mobile_phone", "verified"]],
    fields: FIELDS,
    is_loose: true,
    end: Some(end),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("email", To(Target::Email)),
    ("verified", Flag(Target::EmailVerified, When::True)),
    ("username", To(Target::Username)),
    ("mobile_phone", To(Target::Phone)),
    ("first_name", To(Target::FirstName)),
    ("last_name", To(Target::LastName)),
    ("full_name", To(Target::FullName)),
    ("image_url", To(Target::Picture)),
    ("active", Flag(Target::Suspended, When::False)),
    ("password", To(Target::Hash)),
    ("encryption_scheme", To(Target::Method)),
    ("salt", To(Target::Salt)),
    ("factor", To(Target::Iterations)),
    ("iterations", To(Target::Iterations)),
    ("data", Deep),
    ("tenant_id", Idle("it has a meaning only in FusionAuth")),
    ("registrations", NotTaken(ORGANIZATIONS)),
    ("memberships", NotTaken(ORGANIZATIONS)),
    ("two_factor", NotTaken(FACTOR)),
    ("password_change_required", NotTakenUnless(&["false"], "this import does not ask for new passwords")),
    ("insert_instant", NotTaken(UNSET)),
    ("last_update_instant", NotTaken(UNSET)),
    ("last_login_instant", NotTaken(UNSET)),
    ("password_last_update_instant", NotTaken(UNSET)),
    ("birth_date", NotTaken(UNSET)),
    ("timezone", NotTaken(UNSET)),
    ("preferred_languages", NotTaken(UNSET)),
];

/// Translates the schemes. The names of the PBKDF2 schemes are the same in Kinde.
fn end(draft: &mut Draft<'_>) {
    forget_username_of_address(draft);
    let Some(scheme) = draft.said(Target::Method).map(str::to_owned) else { return };
    let (method, hash): (Arc<str>, Arc<str>) = ("encryption_scheme".into(), "password".into());
    let text = |draft: &Draft<'_>, target| draft.said(target).unwrap_or_default().to_owned();
    let (digest, salt) = (text(draft, Target::Hash), text(draft, Target::Salt));
    match scheme.as_str() {
        "bcrypt" => {
            // The record has the salt, the cost and the rest of the hash in separate fields.
            if let (31, 22, Ok(cost)) =
                (digest.len(), salt.len(), text(draft, Target::Iterations).parse::<u8>())
            {
                draft.say_anew(Target::Hash, &hash, format!("$2a${cost:02}${salt}{digest}"));
            }
            draft.forget(Target::Salt);
            draft.forget(Target::Iterations);
        }
        "phpass-md5" => {
            draft.say_anew(Target::Method, &method, "wordpress");
            // The hash contains both.
            draft.forget(Target::Salt);
            draft.forget(Target::Iterations);
        }
        "salted-md5" | "salted-sha256" => {
            let name = scheme.trim_start_matches("salted-").to_owned();
            // One iteration is a plain hash.
            if draft.said(Target::Iterations) == Some("1") {
                draft.forget(Target::Iterations);
            }
            if let (true, Some(digest)) = (name == "sha256", hex_of_base64(&digest)) {
                draft.say_anew(Target::Hash, &hash, digest);
            }
            draft.say_anew(Target::Method, &method, name);
        }
        pbkdf2 if pbkdf2.starts_with("salted-pbkdf2-") => {
            draft.is_salt_plain = true;
            draft.say_anew(Target::Method, &method, "pbkdf2");
            draft.say(Target::Variant, &method, pbkdf2);
        }
        _ => {}
    }
}

/// Converts a SHA-256 hash to hex, the form that Kinde accepts.
fn hex_of_base64(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)?;
    let digit = |half: u8| char::from_digit(half.into(), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Mapping, Source};

    #[test]
    fn hash_of_phpass_contains_its_salt() {
        let hash = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0";
        let columns = [("id", "1"), ("encryption_scheme", "phpass-md5"), ("password", hash)];
        let more = [("salt", "IQRaTwmf"), ("factor", "8")];
        let user = Mapping::new(Source::FusionAuth).row(columns.into_iter().chain(more));
        let columns = [("id", "1"), ("hashing_method", "wordpress"), ("hashed_password", hash)];
        assert_eq!(user, Mapping::new(Source::Kinde).row(columns));
        assert!(user.is_ok());
    }
}
