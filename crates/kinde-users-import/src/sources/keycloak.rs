//! Keycloak: the export of a realm or of its users, or the users of its API.

use alloc::format;
use alloc::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinde_users_core::Problem;

use crate::draft::{Draft, Note, forget_username_of_address};
use crate::json_value::Node;
use crate::rule::Rule::{self, Deep, Flag, Idle, NotTaken, NotTakenUnless, Read, To};
use crate::rule::{CONNECTION, FACTOR, ORGANIZATIONS, UNSET};
use crate::shown::{shown_method, shown_type};
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "keycloak",
    title: "a Keycloak export",
    marks: &[
        &["username", "credentials"],
        &["createdTimestamp", "emailVerified"],
        &["username", "enabled", "emailVerified"],
        &["username", "realmRoles"],
    ],
    fields: FIELDS,
    end: Some(forget_username_of_address),
    ..Table::PLAIN
};

const HERE: &str = "it has a meaning only in Keycloak";

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("username", To(Target::Username)),
    ("email", To(Target::Email)),
    ("emailVerified", Flag(Target::EmailVerified, When::True)),
    ("firstName", To(Target::FirstName)),
    ("lastName", To(Target::LastName)),
    ("enabled", Flag(Target::Suspended, When::False)),
    ("credentials", Read("the password", credentials)),
    ("attributes", Deep),
    ("realmRoles", Read("not needed for the roles that all users have", roles)),
    ("clientRoles", NotTaken(ORGANIZATIONS)),
    ("groups", NotTaken(ORGANIZATIONS)),
    ("federatedIdentities", NotTaken(CONNECTION)),
    ("federationLink", NotTaken(CONNECTION)),
    ("serviceAccountClientId", NotTaken(UNSET)),
    ("requiredActions", NotTaken(UNSET)),
    ("totp", NotTakenUnless(&["false"], FACTOR)),
    ("notBefore", NotTakenUnless(&["0"], UNSET)),
    ("createdTimestamp", NotTaken(UNSET)),
    ("disableableCredentialTypes", Idle(HERE)),
    ("access", Idle(HERE)),
    ("userProfileMetadata", Idle(HERE)),
];

fn roles(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    let is_of_all = |role: &str| {
        role.starts_with("default-roles-") || matches!(role, "offline_access" | "uma_authorization")
    };
    let items = node.items().unwrap_or(core::slice::from_ref(node));
    if !items.iter().all(|role| role.text().is_some_and(|role| is_of_all(&role))) {
        draft.not_taken(field, ORGANIZATIONS);
    }
}

fn credentials(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    let Some(items) = node.items() else {
        return draft.problem(field, Problem::WrongType, "a list in brackets");
    };
    for item in items {
        match item.text_of("type").as_deref() {
            Some("password") => password(draft, field, item),
            Some(kind) => draft.not_taken(&format!("{field} of type {}", shown_type(kind)), FACTOR),
            None => draft.problem(&format!("{field}.type"), Problem::Missing, ""),
        }
    }
}

/// Reads a password, whose two parts are JSON as text.
fn password(draft: &mut Draft<'_>, field: &Arc<str>, item: &Node<'_>) {
    let part = |name: &str| item.get(name).and_then(Node::raw_text).map(Node::parse).and_then(Result::ok);
    let (Some(secret), Some(data)) = (part("secretData"), part("credentialData")) else {
        return draft.wrong(field, "has a password without secretData or credentialData as JSON text");
    };
    let Some(hash) = secret.text_of("value") else {
        return draft.problem(&format!("{field}.secretData.value"), Problem::Missing, "");
    };
    let algorithm = data.text_of("algorithm").unwrap_or_default();
    // Keycloak makes hashes of 64 bytes by default, also with SHA-256.
    let bytes = STANDARD.decode(hash.as_ref()).map_or(0, |bytes| bytes.len());
    let variant = match (algorithm.as_ref(), bytes) {
        ("pbkdf2-sha256", 32) => "salted-pbkdf2-hmac-sha256",
        ("pbkdf2-sha256", _) => "salted-pbkdf2-hmac-sha256-512",
        ("pbkdf2-sha512", _) => "salted-pbkdf2-hmac-sha512-512",
        ("bcrypt", _) => {
            draft.say(Target::Hash, field, hash);
            return draft.say(Target::Method, field, "bcrypt");
        }
        (other, _) => {
            return draft.notes.push(Note::Unverifiable(shown_method(other).into()));
        }
    };
    draft.is_salt_plain = true;
    draft.say(Target::Hash, &format!("{field}.secretData.value").into(), hash);
    draft.say(Target::Method, field, "pbkdf2");
    draft.say(Target::Variant, field, variant);
    for (from, name, target) in
        [(&secret, "salt", Target::Salt), (&data, "hashIterations", Target::Iterations)]
    {
        match from.text_of(name) {
            Some(text) => draft.say(target, &format!("{field}.{name}").into(), text),
            None => draft.problem(&format!("{field}.{name}"), Problem::Missing, ""),
        }
    }
}
