//! Okta: CSV of its users. It exports no passwords.

use crate::draft::forget_username_of_address;
use crate::rule::Rule::{self, Flag, NotTaken, To};
use crate::rule::UNSET;
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "okta",
    title: "an Okta export",
    marks: &[&["login", "firstName"], &["login", "secondEmail"]],
    fields: FIELDS,
    end: Some(forget_username_of_address),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("id", To(Target::Id)),
    ("login", To(Target::Username)),
    ("firstName", To(Target::FirstName)),
    ("lastName", To(Target::LastName)),
    ("displayName", To(Target::FullName)),
    ("email", To(Target::Email)),
    ("mobilePhone", To(Target::Phone)),
    ("status", Flag(Target::Suspended, When::Is(&["SUSPENDED", "DEPROVISIONED", "LOCKED_OUT"]))),
    ("secondEmail", NotTaken("Okta signs in only with the first address")),
    ("created", NotTaken(UNSET)),
    ("lastLogin", NotTaken(UNSET)),
];
