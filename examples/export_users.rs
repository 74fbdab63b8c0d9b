//! Exports all users to a file of NDJSON or CSV.
//!
//! `cargo run --example export_users -- users.ndjson`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kinde_users::models::{User, UserIdentity};
use kinde_users::operations::{Expand, GetUsers, UsersPage};
use kinde_users::{DynOperation, OrganizationCode, Timestamp};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, end, progress, receipt};
use kinde_users_examples::support::lines::Format;
use kinde_users_examples::support::partial::Partial;
use kinde_users_examples::support::{connect, counted, warn};

/// Export all users to a file of NDJSON or CSV, page by page: no more than a page is in memory.
///
/// It is written beside the file, in its name and .part, and takes its name at the end: until then, a file that is there stays as it
/// is. In its name and .cursor stands where the next page begins. Interrupted at any point and run again it goes on from there, and no
/// page is in the file twice. Who is created or deleted meanwhile may be missing or be there twice where the service's cursor counts
/// users: compare ids where that matters.
///
/// The file is for its owner alone. Values of CSV are as they are: a spreadsheet takes one that begins with =, +, - or @ for a formula,
/// and users choose their names. Import them there as text, or write NDJSON.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// The file, whose name ends in .csv, .ndjson or .jsonl
    file: PathBuf,

    /// The form of the file, where its name does not tell
    #[arg(long)]
    format: Option<Format>,

    /// Only users who were active since this date-time, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "DATE-TIME")]
    active_since: Option<String>,

    /// Tell of organizations, identities or billing too; several are separated by commas
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = ["organizations", "identities", "billing"])]
    expand: Vec<String>,

    /// How many users to ask for at a time
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=500))]
    page_size: u32,

    /// Replace a file that is there, and begin anew. An export that was interrupted so goes on where this is left out
    #[arg(long)]
    overwrite: bool,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.file;
    let format = Format::of(path, arguments.format)?;
    let mut ask =
        arguments.expand.iter().fold(GetUsers::new().page_size(arguments.page_size), |ask, what| {
            ask.expand(Expand::from(what.as_str()))
        });
    if let Some(since) = &arguments.active_since {
        ask = ask.active_since(Timestamp::from(since.as_str()));
    }

    // Before anything is opened.
    DynOperation::new(ask.clone()).check().map_err(|error| Failure::input(error.to_string()))?;

    let tenant = connect(1200)?;
    let Arguments { active_since, expand, page_size, .. } = arguments;
    let asked = format!("{} {format:?} {active_since:?} {expand:?} {page_size}", tenant.domain.origin());
    let mut file = Partial::open(path, asked, arguments.overwrite)?;
    let mut pages = tenant.client.pages(ask);
    if let Some(cursor) = file.cursor() {
        warn(format_args!("Going on after {}.", counted(file.users(), "user")));
        pages = pages.resume_from(cursor);
    }
    let bar = progress(None);
    bar.set_position(file.users());
    bar.reset_eta();
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
    bar.finish_and_clear();
    receipt(counted(file.end()?, "user"))
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

/// Lists are separated by semicolons.
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
