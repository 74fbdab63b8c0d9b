//! Firebase Authentication: `firebase auth:export` as JSON (an object, an array or lines) or CSV.

use alloc::format;
use alloc::sync::Arc;

use kinde_users_core::Problem;

use crate::draft::{Draft, TEXT, standard_base64};
use crate::json_value::Node;
use crate::rule::Rule::{self, Deep, Flag, NotTaken, Read, To};
use crate::rule::{CONNECTION, FACTOR, UNSET};
use crate::shown::shown_type;
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "firebase",
    title: "a Firebase export",
    marks: &[&["localId"]],
    fields: FIELDS,
    method: "firebase-scrypt",
    columns: &[
        "localId",
        "email",
        "emailVerified",
        "passwordHash",
        "passwordSalt",
        "displayName",
        "photoUrl",
        "googleId",
        "googleEmail",
        "googleDisplayName",
        "googlePhotoUrl",
        "facebookId",
        "facebookEmail",
        "facebookDisplayName",
        "facebookPhotoUrl",
        "twitterId",
        "twitterEmail",
        "twitterDisplayName",
        "twitterPhotoUrl",
        "githubId",
        "githubEmail",
        "githubDisplayName",
        "githubPhotoUrl",
        "createdAt",
        "lastSignedInAt",
        "phoneNumber",
        "disabled",
        "customAttributes",
        "providerUserInfo",
    ],
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("localId", To(Target::Id)),
    ("email", To(Target::Email)),
    ("emailVerified", Flag(Target::EmailVerified, When::True)),
    ("passwordHash", Read("the password, with the parameters of the project", hash)),
    ("salt", Read("the salt of the password", salt)),
    ("passwordSalt", Read("the salt of the password", salt)),
    ("displayName", To(Target::FullName)),
    ("photoUrl", To(Target::Picture)),
    ("phoneNumber", To(Target::Phone)),
    ("disabled", Flag(Target::Suspended, When::True)),
    ("customAttributes", Deep),
    ("providerUserInfo", Read("not needed for passwords and phone numbers", providers)),
    ("googleId", NotTaken(CONNECTION)),
    ("googleEmail", NotTaken(CONNECTION)),
    ("googleDisplayName", NotTaken(CONNECTION)),
    ("googlePhotoUrl", NotTaken(CONNECTION)),
    ("facebookId", NotTaken(CONNECTION)),
    ("facebookEmail", NotTaken(CONNECTION)),
    ("facebookDisplayName", NotTaken(CONNECTION)),
    ("facebookPhotoUrl", NotTaken(CONNECTION)),
    ("twitterId", NotTaken(CONNECTION)),
    ("twitterEmail", NotTaken(CONNECTION)),
    ("twitterDisplayName", NotTaken(CONNECTION)),
    ("twitterPhotoUrl", NotTaken(CONNECTION)),
    ("githubId", NotTaken(CONNECTION)),
    ("githubEmail", NotTaken(CONNECTION)),
    ("githubDisplayName", NotTaken(CONNECTION)),
    ("githubPhotoUrl", NotTaken(CONNECTION)),
    ("mfaInfo", NotTaken(FACTOR)),
    ("createdAt", NotTaken(UNSET)),
    ("lastSignedInAt", NotTaken(UNSET)),
    ("lastLoginAt", NotTaken(UNSET)),
    ("lastRefreshAt", NotTaken(UNSET)),
    ("passwordUpdatedAt", NotTaken(UNSET)),
    ("validSince", NotTaken(UNSET)),
];

fn hash(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    base64(draft, Target::Hash, field, node);
}

fn salt(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    draft.is_salt_plain = true;
    base64(draft, Target::Salt, field, node);
}

/// Reads base64. Some versions of the tool write base64url.
fn base64(draft: &mut Draft<'_>, target: Target, field: &Arc<str>, node: &Node<'_>) {
    match node.text() {
        Some(text) => draft.say(target, field, standard_base64(&text)),
        None => draft.problem(field, Problem::WrongType, TEXT),
    }
}

fn providers(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    if let Some(text) = node.raw_text() {
        // CSV has it as JSON text.
        return match Node::parse(text) {
            Ok(node) if node.raw_text().is_none() => providers(draft, field, &node),
            _ => draft.wrong(field, "is not JSON"),
        };
    }
    let items = node.items().unwrap_or(core::slice::from_ref(node));
    for item in items {
        match item.text_of("providerId").as_deref() {
            // The fields `email` and `phoneNumber` have them.
            Some("password" | "phone") => {}
            Some(provider) => draft.not_taken(&format!("{field}.{}", shown_type(provider)), CONNECTION),
            None => draft.not_taken(field, CONNECTION),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Mapping, Source};
    use std::string::ToString as _;

    #[test]
    fn providers_of_csv_are_json_in_text() {
        for (text, error) in [
            ("[]", ""),
            (r#"[{"providerId":"password"},{"providerId":"phone"}]"#, ""),
            (
                r#"[{"providerId":"google.com"}]"#,
                "providerUserInfo.google.com is not taken: it needs the id of a connection in Kinde",
            ),
            ("google.com", "providerUserInfo is not JSON"),
            (r#""[]""#, "providerUserInfo is not JSON"),
        ] {
            let read = Mapping::new(Source::Firebase).row([("localId", "u1"), ("providerUserInfo", text)]);
            assert_eq!(read.err().map(|error| error.to_string()).unwrap_or_default(), error, "{text}");
        }
    }
}
