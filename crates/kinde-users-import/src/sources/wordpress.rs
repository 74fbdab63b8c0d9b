//! `WordPress`: the table `wp_users`, as CSV or JSON.

use crate::draft::forget_username_of_address;
use crate::rule::Rule::{self, Flag, Idle, NotTaken, NotTakenUnless, To};
use crate::rule::{ORGANIZATIONS, UNSET};
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "wordpress",
    title: "a WordPress export",
    marks: &[&["user_login"], &["user_pass"]],
    fields: FIELDS,
    method: "wordpress",
    null: Some("NULL"),
    end: Some(forget_username_of_address),
    ..Table::PLAIN
};

const FIELDS: &[(&str, Rule)] = &[
    ("ID", To(Target::Id)),
    ("user_login", To(Target::Username)),
    ("user_email", To(Target::Email)),
    ("user_pass", To(Target::Hash)),
    ("display_name", To(Target::FullName)),
    ("first_name", To(Target::FirstName)),
    ("last_name", To(Target::LastName)),
    // Only a network of sites has these.
    ("spam", Flag(Target::Suspended, When::True)),
    ("deleted", Flag(Target::Suspended, When::True)),
    ("user_status", NotTakenUnless(&["0"], UNSET)),
    ("user_activation_key", Idle("it works only in WordPress")),
    ("user_nicename", NotTaken(UNSET)),
    ("user_url", NotTaken(UNSET)),
    ("user_registered", NotTaken(UNSET)),
    ("role", NotTaken(ORGANIZATIONS)),
    ("roles", NotTaken(ORGANIZATIONS)),
];
