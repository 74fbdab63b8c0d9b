//! Kinde: the custom CSV and NDJSON of its importer, the `users.ndjson` of its export, and the
//! exports of this project.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::sync::Arc;

use kinde_users_core::Problem;

use crate::draft::{Draft, Said, TEXT};
use crate::error::ImportProblem;
use crate::json_value::Node;
use crate::rule::Rule::{self, Flag, NotTaken, Read, To};
use crate::rule::{CONNECTION, ORGANIZATIONS, UNSET};
use crate::shown::{shown, shown_type};
use crate::table::Table;
use crate::target::{Target, When};
use crate::user::Kind;

pub(crate) const TABLE: Table = Table {
    name: "kinde",
    title: "a file in Kinde's form",
    marks: &[
        &["hashed_password"],
        &["hashing_method"],
        &["external_organization_id"],
        &["email", "first_name"],
        &["email", "provided_id"],
        &["identities", "first_name"],
        &["identities", "id"],
    ],
    fields: FIELDS,
    is_strict: true,
    end: Some(end),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("id", Read("the id in another system (`provided_id`), unless Kinde made it", id)),
    ("provided_id", To(Target::Id)),
    ("external_id", To(Target::Id)),
    ("email", To(Target::Email)),
    ("email_verified", Flag(Target::EmailVerified, When::True)),
    ("phone", To(Target::Phone)),
    ("phone_verified", Flag(Target::PhoneVerified, When::True)),
    ("username", To(Target::Username)),
    ("first_name", To(Target::FirstName)),
    ("last_name", To(Target::LastName)),
    ("picture", To(Target::Picture)),
    ("is_suspended", Flag(Target::Suspended, When::True)),
    ("hashed_password", To(Target::Hash)),
    ("hashing_method", To(Target::Method)),
    ("salt", To(Target::Salt)),
    ("salt_position", To(Target::SaltPosition)),
    ("salt_format", To(Target::SaltFormat)),
    ("variant", To(Target::Variant)),
    ("iterations", To(Target::Iterations)),
    ("signer_key", To(Target::SignerKey)),
    ("signerKey", To(Target::SignerKey)),
    ("salt_separator", To(Target::SaltSeparator)),
    ("saltSeparator", To(Target::SaltSeparator)),
    ("rounds", To(Target::Rounds)),
    ("mem_cost", To(Target::MemCost)),
    ("memCost", To(Target::MemCost)),
    ("password", Read("the password", password)),
    ("identities", Read("addresses, phone numbers and user names", identities)),
    ("properties", Read("properties", properties)),
    ("feature_flags", Read("feature flags", feature_flags)),
    ("role_key", NotTaken(ORGANIZATIONS)),
    ("roles", NotTaken(ORGANIZATIONS)),
    ("permission_key", NotTaken(ORGANIZATIONS)),
    ("permissions", NotTaken(ORGANIZATIONS)),
    ("external_organization_id", NotTaken(ORGANIZATIONS)),
    ("organizations", NotTaken(ORGANIZATIONS)),
    ("business_code", NotTaken(ORGANIZATIONS)),
    ("billing", NotTaken(UNSET)),
    ("created_on", NotTaken(UNSET)),
    ("last_signed_in", NotTaken(UNSET)),
    ("last_organization_sign_ins", NotTaken(UNSET)),
    ("total_sign_ins", NotTaken(UNSET)),
    ("failed_sign_ins", NotTaken(UNSET)),
];

fn id(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    // Its meaning depends on other fields.
    draft.aside = node.text().map(|id| Said { field: field.clone(), value: id.into_owned() });
    if draft.aside.is_none() {
        draft.problem(field, Problem::WrongType, TEXT);
    }
}

fn end(draft: &mut Draft<'_>) {
    let Some(Said { field, value }) = draft.aside.take() else { return };
    // A tenant makes new ids, so an id of Kinde is not imported.
    let digits = value.strip_prefix("kp_").or(value.strip_prefix("kp:"));
    let is_kindes =
        digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if draft.said(Target::Id).is_none() && !is_kindes {
        draft.text(Target::Id, &field, &Node::Text(value.into()));
    }
}

/// Calls a function for each object of a list, with its path.
fn each(
    draft: &mut Draft<'_>,
    field: &str,
    node: &Node<'_>,
    mut read: impl FnMut(&mut Draft<'_>, &str, &Node<'_>),
) {
    let Some(items) = node.items() else {
        return draft.problem(field, Problem::WrongType, "a list in brackets");
    };
    for (at, item) in items.iter().enumerate() {
        let path = format!("{field}[{at}]");
        if item.members().is_some() {
            read(draft, &path, item);
        } else {
            draft.problem(&path, Problem::WrongType, "an object in braces");
        }
    }
}

fn identities(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    each(draft, field, node, |draft, path, item| {
        let Some(kind) = item.text_of("type") else {
            return draft.problem(&format!("{path}.type"), Problem::Missing, "");
        };
        let Some(known) = Kind::of(&kind) else {
            return draft.not_taken(&format!("{field} of type {}", shown_type(&kind)), CONNECTION);
        };
        let is_verified = draft.flag_of(path, item, "is_verified");
        let name = format!("{path}.identity");
        match item.get("identity").map(Node::text) {
            Some(Some(value)) => draft.identity(known, &name.into(), &value, is_verified),
            Some(None) => draft.problem(&name, Problem::WrongType, TEXT),
            None => draft.problem(&name, Problem::Missing, ""),
        }
        // The provider is Kinde, and a tenant makes new ids.
        let taken = ["type", "identity", "is_verified", "provider", "id"];
        draft.not_taken_but(&format!("{field}[]"), item, &taken, UNSET);
    });
}

fn properties(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    values(draft, field, node, false);
}

fn feature_flags(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    values(draft, field, node, true);
}

/// Reads a list of `{key, value}`. A key without a value sets nothing.
fn values(draft: &mut Draft<'_>, field: &str, node: &Node<'_>, is_flag: bool) {
    each(draft, field, node, |draft, path, item| {
        match (item.text_of("key"), item.get("value")) {
            (None, _) => draft.problem(&format!("{path}.key"), Problem::Missing, ""),
            (Some(key), Some(value)) => draft.property(is_flag, &key, &format!("{path}.value"), value),
            (Some(_), None) => {}
        }
        draft.not_taken_but(&format!("{field}[]"), item, &["key", "value"], UNSET);
    });
}

const PARTS: [(&str, Target); 11] = [
    ("hashed_password", Target::Hash),
    ("hashing_algorithm", Target::Method),
    ("salt", Target::Salt),
    ("salt_position", Target::SaltPosition),
    ("salt_format", Target::SaltFormat),
    ("variant", Target::Variant),
    ("iterations", Target::Iterations),
    ("signer_key", Target::SignerKey),
    ("salt_separator", Target::SaltSeparator),
    ("rounds", Target::Rounds),
    ("mem_cost", Target::MemCost),
];

fn password(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    if node.members().is_none() {
        // Two pages of Kinde's documentation show a plain-text password here.
        return draft.problem(field, Problem::WrongType, "an object in braces, with a hash");
    }
    for (name, target) in PARTS {
        if let Some(value) = node.get(name) {
            draft.text(target, &format!("{field}.{name}").into(), value);
        }
    }
    let names = PARTS.map(|(name, _)| name);
    let is_part = |name: &str| names.contains(&name);
    for (name, value) in node.get("hashing_config").and_then(Node::members).into_iter().flatten() {
        let path = format!("{field}.hashing_config.{}", shown(name));
        match PARTS.iter().find(|(part, _)| *part == name.as_ref()) {
            _ if !value.is_value() => {}
            Some((_, target)) => {
                // The export has the salt in the form in which it was sent.
                draft.is_salt_plain |= *target == Target::Salt;
                draft.text(*target, &format!("{field}.{name}").into(), value);
            }
            // Without all parameters, the hash would never match.
            None => draft.problem(&path, ImportProblem::Unknown, ""),
        }
    }
    for (name, value) in node.members().into_iter().flatten() {
        if value.is_value() && !is_part(name) && name != "hashing_config" {
            draft.not_taken(&format!("{field}.{name}").to_owned(), UNSET);
        }
    }
}

#[cfg(test)]
mod tests;
