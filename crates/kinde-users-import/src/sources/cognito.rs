//! Amazon Cognito: the reply of `list-users`, or CSV in the form of its import. It exports no
//! passwords.

use alloc::borrow::ToOwned as _;
use alloc::sync::Arc;

use crate::draft::Draft;
use crate::rule::Rule::{self, Flag, NotTaken, NotTakenUnless, Or, Pairs, To};
use crate::rule::{CONNECTION, FACTOR, UNSET};
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "cognito",
    title: "an Amazon Cognito export",
    marks: &[&["cognito:username"], &["Username", "Attributes"], &["Username", "UserStatus"]],
    fields: FIELDS,
    end: Some(end),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("sub", To(Target::Id)),
    ("Username", To(Target::Username)),
    ("cognito:username", To(Target::Username)),
    ("preferred_username", Or(Target::Username)),
    ("email", To(Target::Email)),
    ("email_verified", Flag(Target::EmailVerified, When::True)),
    ("phone_number", To(Target::Phone)),
    ("phone_number_verified", Flag(Target::PhoneVerified, When::True)),
    ("given_name", To(Target::FirstName)),
    ("family_name", To(Target::LastName)),
    ("name", To(Target::FullName)),
    ("picture", To(Target::Picture)),
    ("Enabled", Flag(Target::Suspended, When::False)),
    ("UserStatus", Flag(Target::Suspended, When::Is(&["ARCHIVED", "COMPROMISED"]))),
    ("Attributes", Pairs("Name", "Value")),
    ("identities", NotTaken(CONNECTION)),
    ("MFAOptions", NotTaken(FACTOR)),
    ("cognito:mfa_enabled", NotTakenUnless(&["false"], FACTOR)),
    ("UserCreateDate", NotTaken(UNSET)),
    ("UserLastModifiedDate", NotTaken(UNSET)),
    ("updated_at", NotTaken(UNSET)),
    ("middle_name", NotTaken(UNSET)),
    ("nickname", NotTaken(UNSET)),
    ("profile", NotTaken(UNSET)),
    ("website", NotTaken(UNSET)),
    ("gender", NotTaken(UNSET)),
    ("birthdate", NotTaken(UNSET)),
    ("zoneinfo", NotTaken(UNSET)),
    ("locale", NotTaken(UNSET)),
    ("address", NotTaken(UNSET)),
];

/// Removes a user name that is the address or number, or uses it as the id if it is a UUID.
fn end(draft: &mut Draft<'_>) {
    let Some(username) = draft.said(Target::Username).map(str::to_owned) else { return };
    let targets = [Target::Id, Target::Email, Target::Phone];
    let is_said = targets
        .into_iter()
        .any(|target| draft.said(target).is_some_and(|said| said.eq_ignore_ascii_case(&username)));
    let is_uuid = username.len() == 36
        && username.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && username.matches('-').count() == 4;
    if is_said || is_uuid && draft.said(Target::Id).is_none() {
        draft.forget(Target::Username);
    }
    if is_uuid && draft.said(Target::Id).is_none() {
        let field: Arc<str> = "Username".into();
        draft.say(Target::Id, &field, username);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Mapping, Source};
    use std::format;
    use std::vec::Vec;

    #[test]
    fn user_name_is_an_id_or_kept_unless_another_field_has_it() {
        const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for (username, sub, email, expected) in [
            ("ada", "", "", &["username=ada"] as &[_]),
            ("Ada@example.com", "", "ada@example.com", &["email=ada@example.com"]),
            (UUID, "", "", &["id=0f8fad5b-d9cb-469f-a165-70867728950e"]),
            (UUID, UUID, "", &["id=0f8fad5b-d9cb-469f-a165-70867728950e"]),
            (UUID, "7", "", &["username=0f8fad5b-d9cb-469f-a165-70867728950e", "id=7"]),
            // Each of these differs from a UUID in one respect.
            (
                "0f8fad5b-d9cb-469f-a165-70867728950",
                "",
                "",
                &["username=0f8fad5b-d9cb-469f-a165-70867728950"],
            ),
            (
                "xf8fad5b-d9cb-469f-a165-70867728950e",
                "",
                "",
                &["username=xf8fad5b-d9cb-469f-a165-70867728950e"],
            ),
            (
                "0f8fad5bad9cb-469f-a165-70867728950e",
                "",
                "",
                &["username=0f8fad5bad9cb-469f-a165-70867728950e"],
            ),
        ] {
            let columns = [("Username", username), ("sub", sub), ("email", email)];
            let user = Mapping::new(Source::Cognito).row(columns).unwrap();
            let keys: Vec<_> = user.keys().map(|(kind, value)| format!("{kind}={value}")).collect();
            assert_eq!(keys, expected, "{username}");
        }
    }
}
