//! Exports all users to a CSV or NDJSON file.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kinde_users::models::{User, UserIdentity};
use kinde_users::operations::{Expand, GetUsers, UsersPage};
use kinde_users::{DynOperation, OrganizationCode, Timestamp};
use serde_json::json;

use crate::Shared;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::output::counted;
use crate::partial::Partial;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// CSV: rows below a row of column names.
    Csv,
    /// NDJSON: a JSON object on each line.
    Ndjson,
}

impl Format {
    /// Returns the form that was named, or the one that the file's name ends in.
    ///
    /// # Errors
    ///
    /// Fails where neither says it.
    fn of(path: &Path, named: Option<Self>) -> Result<Self, Failure> {
        let ending = path.extension().and_then(OsStr::to_str);
        match (named, ending) {
            (Some(format), _) => Ok(format),
            (None, Some("csv")) => Ok(Self::Csv),
            (None, Some("ndjson" | "jsonl")) => Ok(Self::Ndjson),
            _ => Err(Failure::input(
                "the form of the file is not known from its name: give --format csv or --format ndjson",
            )),
        }
    }
}

/// Export all users to a CSV or NDJSON file
///
/// The command requests the users page by page, and holds at most one page in memory. It writes the
/// pages to FILE.part, and records in FILE.cursor where the next page begins. At the end, it
/// renames FILE.part to FILE. An existing FILE is replaced only with --overwrite, and only at the
/// end.
///
/// If an export is interrupted, run the same command again, but without --overwrite. The command
/// continues with the next page and writes no page twice. If users are created or deleted during
/// the export, the service may move other users from one page to the next. A user may then be
/// missing, or appear twice. If that matters, check the file for duplicate ids.
///
/// Only the owner of the file can read it. CSV values are written unchanged. Users choose their own
/// names, and a spreadsheet treats a value that begins with =, +, - or @ as a formula. In the
/// spreadsheet, load all columns as text, or export NDJSON instead.
///
/// Example: kinde-users export users.ndjson
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// File to write. Its name ends in .csv, .ndjson or .jsonl, unless you give --format
    file: PathBuf,

    /// Format of the file [default: from the ending of its name]
    #[arg(long)]
    format: Option<Format>,

    /// Export only users who were active since this date-time, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "DATE-TIME")]
    active_since: Option<String>,

    /// Also export organizations, identities or billing. Separate several values with commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = ["organizations", "identities", "billing"])]
    expand: Vec<String>,

    /// Number of users to request at a time
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=500))]
    page_size: u32,

    /// Replace an existing file, and start with the first user. If such an export is interrupted,
    /// run the command again without --overwrite. The continued export still replaces the file at
    /// the end. If you give --overwrite again, the export starts again with the first user
    #[arg(long)]
    overwrite: bool,

    #[command(flatten)]
    limits: Limits,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let path = &arguments.file;
    let format = Format::of(path, arguments.format)?;
    let mut ask =
        arguments.expand.iter().fold(GetUsers::new().page_size(arguments.page_size), |ask, what| {
            ask.expand(Expand::from(what.as_str()))
        });
    if let Some(since) = &arguments.active_since {
        ask = ask.active_since(Timestamp::from(since.as_str()));
    }

    // The arguments are checked before any file is opened.
    DynOperation::new(ask.clone()).check().map_err(|error| Failure::input(error.to_string()))?;

    let session = shared.connect(1200)?;
    let Arguments { active_since, expand, page_size, .. } = arguments;
    let asked = format!("{} {format:?} {active_since:?} {expand:?} {page_size}", session.name());
    let mut file = Partial::open(path, asked, arguments.overwrite)?;
    let mut pages = session.client.pages(ask);
    if let Some(cursor) = file.cursor() {
        shared.output.note(format_args!("Going on after {}.", counted(file.users(), "user")));
        pages = pages.resume_from(cursor);
    }
    let bar = shared.output.progress(None);
    bar.set_position(file.users());
    bar.reset_eta();
    arguments.limits.keep(&session, &bar, || {
        while let Some(page) = pages.next() {
            let page = page?;
            let text = match format {
                Format::Ndjson => ndjson(&page)?,
                Format::Csv => csv(&page, file.is_empty())?,
            };
            let cursor = pages.cursor().map(|cursor| cursor.as_str().to_owned());
            file.write(&text, page.users.len(), cursor)?;
            bar.set_position(file.users());
        }
        Ok::<_, Failure>(())
    })?;
    bar.finish_and_clear();
    let users = file.end()?;
    shared
        .output
        .receipt(&json!({ "tenant": session.name(), "file": path, "users": users }), counted(users, "user"))
}

fn ndjson(page: &UsersPage) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for user in &page.users {
        serde_json::to_writer(&mut text, user).map_err(|error| Failure::new(error.to_string()))?;
        text.push(b'\n');
    }
    Ok(text)
}

const COLUMNS: [&str; 16] = [
    "id",
    "email",
    "phone",
    "username",
    "first_name",
    "last_name",
    "provided_id",
    "picture",
    "is_suspended",
    "total_sign_ins",
    "failed_sign_ins",
    "last_signed_in",
    "created_on",
    "organizations",
    "identities",
    "billing",
];

fn csv(page: &UsersPage, begins: bool) -> Result<Vec<u8>, Failure> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Failure::new(error.to_string());
    if begins {
        rows.write_record(COLUMNS).map_err(failed)?;
    }
    for user in &page.users {
        rows.write_record(row(user)).map_err(failed)?;
    }
    rows.into_inner().map_err(|error| Failure::new(error.to_string()))
}

/// Returns the row of a user. The items of a list are separated by semicolons.
fn row(user: &User) -> [String; 16] {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let organizations: Vec<_> = user.organizations.iter().map(OrganizationCode::as_str).collect();
    let identity = |identity: &UserIdentity| {
        let kind = identity.kind.as_ref().map_or("", |kind| kind.as_str());
        format!("{kind}:{}", identity.identity.as_deref().unwrap_or_default())
    };
    let identities: Vec<_> = user.identities.iter().map(identity).collect();
    let customer = user.billing.as_ref().and_then(|billing| billing.customer_id.as_ref());
    [
        user.id.to_string(),
        text(user.email()),
        text(user.phone.as_deref()),
        text(user.username.as_deref()),
        text(user.first_name.as_deref()),
        text(user.last_name.as_deref()),
        text(user.provided_id.as_deref()),
        text(user.picture.as_deref()),
        user.is_suspended.map(|is_suspended| is_suspended.to_string()).unwrap_or_default(),
        number(user.total_sign_ins),
        number(user.failed_sign_ins),
        text(user.last_signed_in.as_ref().map(Timestamp::as_str)),
        text(user.created_on.as_ref().map(Timestamp::as_str)),
        organizations.join(";"),
        identities.join(";"),
        customer.map(ToString::to_string).unwrap_or_default(),
    ]
}
