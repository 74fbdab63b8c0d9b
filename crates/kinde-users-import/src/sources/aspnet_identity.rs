//! ASP.NET Identity: the table `AspNetUsers`, as CSV or JSON.

use crate::draft::forget_username_of_address;
use crate::rule::Rule::{self, Flag, Idle, NotTakenUnless, To};
use crate::rule::{FACTOR, UNSET};
use crate::table::Table;
use crate::target::{Target, When};

pub(crate) const TABLE: Table = Table {
    name: "aspnet-identity",
    title: "an ASP.NET Identity export",
    marks: &[&["EmailConfirmed"], &["PasswordHash", "UserName"], &["SecurityStamp"]],
    fields: FIELDS,
    is_loose: true,
    method: "aspnet-identity-v2",
    null: Some("NULL"),
    end: Some(forget_username_of_address),
    ..Table::PLAIN
};

const COPY: &str = "it is a copy of another field";
const STAMP: &str = "it works only in ASP.NET Identity";

const FIELDS: &[(&str, Rule)] = &[
    ("Id", To(Target::Id)),
    ("Email", To(Target::Email)),
    ("EmailConfirmed", Flag(Target::EmailVerified, When::True)),
    ("UserName", To(Target::Username)),
    ("PhoneNumber", To(Target::Phone)),
    ("PhoneNumberConfirmed", Flag(Target::PhoneVerified, When::True)),
    ("PasswordHash", To(Target::Hash)),
    ("FirstName", To(Target::FirstName)),
    ("LastName", To(Target::LastName)),
    ("LockoutEnd", Flag(Target::Suspended, When::Later)),
    ("LockoutEndDateUtc", Flag(Target::Suspended, When::Later)),
    ("LockoutEnabled", Idle("it says whether the user can be locked out, not whether the user is")),
    ("NormalizedEmail", Idle(COPY)),
    ("NormalizedUserName", Idle(COPY)),
    ("SecurityStamp", Idle(STAMP)),
    ("ConcurrencyStamp", Idle(STAMP)),
    ("TwoFactorEnabled", NotTakenUnless(&["false", "0"], FACTOR)),
    ("AccessFailedCount", NotTakenUnless(&["0"], UNSET)),
];
