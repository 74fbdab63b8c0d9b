//! Microsoft Entra and Azure AD B2C: users of Microsoft Graph, as CSV or JSON. It exports no
//! passwords.

use alloc::format;
use alloc::sync::Arc;

use kinde_users_core::Problem;

use crate::draft::Draft;
use crate::json_value::Node;
use crate::rule::Rule::{self, Flag, Idle, NotTaken, Read, Same, To};
use crate::rule::{CONNECTION, UNSET};
use crate::shown::shown_type;
use crate::table::Table;
use crate::target::{Target, When};
use crate::user::Kind;

pub(crate) const TABLE: Table = Table {
    name: "entra",
    title: "a Microsoft Entra export",
    marks: &[&["userPrincipalName"], &["accountEnabled"]],
    fields: FIELDS,
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("displayName", To(Target::FullName)),
    ("givenName", To(Target::FirstName)),
    ("surname", To(Target::LastName)),
    ("mail", To(Target::Email)),
    (
        "userPrincipalName",
        Same(Target::Email, "it may not be an address: map it to email or username, or ignore it"),
    ),
    ("identities", Read("addresses and user names of local accounts", identities)),
    ("accountEnabled", Flag(Target::Suspended, When::False)),
    ("otherMails", NotTaken("Entra does not sign in with them")),
    ("createdDateTime", NotTaken(UNSET)),
    ("userType", NotTaken(UNSET)),
    ("@odata.id", Idle("it has a meaning only in Microsoft Graph")),
];

fn identities(draft: &mut Draft<'_>, field: &Arc<str>, node: &Node<'_>) {
    let Some(items) = node.items() else {
        return draft.problem(field, Problem::WrongType, "a list in brackets");
    };
    for item in items {
        let kind = item.text_of("signInType");
        match (kind.as_deref(), item.text_of("issuerAssignedId")) {
            (Some("emailAddress"), Some(value)) => draft.identity(Kind::Email, field, &value, None),
            (Some("userName"), Some(value)) => draft.identity(Kind::Username, field, &value, None),
            (Some("phoneNumber"), Some(value)) => draft.identity(Kind::Phone, field, &value, None),
            // The field `userPrincipalName` has it.
            (Some("userPrincipalName"), _) | (None, None) => {}
            (kind, _) => {
                draft.not_taken(
                    &format!("{field} of type {}", shown_type(kind.unwrap_or("none"))),
                    CONNECTION,
                );
            }
        }
    }
}
