//! Supabase: the table `auth.users`, as CSV or JSON.

use alloc::format;
use alloc::sync::Arc;

use crate::draft::Draft;
use crate::json_value::Node;
use crate::rule::Rule::{self, Deep, Flag, Idle, NotTaken, NotTakenUnless, Or, Read, To};
use crate::rule::{CONNECTION, UNSET};
use crate::shown::shown_type;
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "supabase",
    title: "a Supabase export",
    marks: &[&["encrypted_password"], &["raw_user_meta_data"], &["raw_app_meta_data"]],
    fields: FIELDS,
    ..Table::PLAIN
};

const TOKEN: &str = "it works only in Supabase";
const COPY: &str = "it is a copy of another field, or of data of the identity provider";
const PENDING: &str = "it is a change that the user has not confirmed";

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("email", To(Target::Email)),
    ("email_confirmed_at", Flag(Target::EmailVerified, When::Present)),
    ("phone", Read("the phone number, with + before it", phone)),
    ("phone_confirmed_at", Flag(Target::PhoneVerified, When::Present)),
    ("encrypted_password", To(Target::Hash)),
    ("banned_until", Flag(Target::Suspended, When::Later)),
    ("deleted_at", Flag(Target::Suspended, When::Present)),
    ("raw_user_meta_data", Deep),
    ("raw_user_meta_data.full_name", To(Target::FullName)),
    ("raw_user_meta_data.name", Or(Target::FullName)),
    ("raw_user_meta_data.first_name", To(Target::FirstName)),
    ("raw_user_meta_data.last_name", To(Target::LastName)),
    ("raw_user_meta_data.avatar_url", To(Target::Picture)),
    ("raw_user_meta_data.picture", Or(Target::Picture)),
    ("raw_user_meta_data.email", Idle(COPY)),
    ("raw_user_meta_data.email_verified", Idle(COPY)),
    ("raw_user_meta_data.phone_verified", Idle(COPY)),
    ("raw_user_meta_data.iss", Idle(COPY)),
    ("raw_user_meta_data.sub", Idle(COPY)),
    ("raw_user_meta_data.provider_id", Idle(COPY)),
    ("raw_app_meta_data", Deep),
    ("raw_app_meta_data.provider", Read("not needed for addresses and phone numbers", provider)),
    ("raw_app_meta_data.providers", Read("not needed for addresses and phone numbers", provider)),
    ("aud", NotTakenUnless(&["authenticated"], UNSET)),
    ("role", NotTakenUnless(&["authenticated"], UNSET)),
    ("is_super_admin", NotTakenUnless(&["false", "f"], UNSET)),
    ("is_sso_user", NotTakenUnless(&["false", "f"], CONNECTION)),
    ("is_anonymous", NotTakenUnless(&["false", "f"], UNSET)),
    ("email_change_confirm_status", NotTakenUnless(&["0"], PENDING)),
    ("instance_id", Idle(TOKEN)),
    ("confirmed_at", Idle(COPY)),
    ("confirmation_token", Idle(TOKEN)),
    ("recovery_token", Idle(TOKEN)),
    ("email_change_token_new", Idle(TOKEN)),
    ("email_change_token_current", Idle(TOKEN)),
    ("phone_change_token", Idle(TOKEN)),
    ("reauthentication_token", Idle(TOKEN)),
    ("email_change", NotTaken(PENDING)),
    ("phone_change", NotTaken(PENDING)),
    ("invited_at", NotTaken(UNSET)),
    ("confirmation_sent_at", NotTaken(UNSET)),
    ("recovery_sent_at", NotTaken(UNSET)),
    ("email_change_sent_at", NotTaken(UNSET)),
    ("phone_change_sent_at", NotTaken(UNSET)),
    ("reauthentication_sent_at", NotTaken(UNSET)),
    ("last_sign_in_at", NotTaken(UNSET)),
    ("created_at", NotTaken(UNSET)),
    ("updated_at", NotTaken(UNSET)),
];

/// Reads a phone number. Supabase stores the digits without +.
fn phone(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    let digits = node.text().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match digits {
        Some(digits) => draft.say(Target::Phone, field, format!("+{digits}")),
        None => draft.text(Target::Phone, field, node),
    }
}

fn provider(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    for item in node.items().unwrap_or(core::slice::from_ref(node)) {
        match item.text().as_deref() {
            // The fields `email` and `phone` have them.
            Some("email" | "phone") => {}
            Some(provider) => draft.not_taken(&format!("{field}.{}", shown_type(provider)), CONNECTION),
            None => draft.not_taken(field, CONNECTION),
        }
    }
}
