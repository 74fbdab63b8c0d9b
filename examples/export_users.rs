//! Exports all users to a file of NDJSON or CSV.
//!
//! `cargo run --example export_users -- users.ndjson`

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use kinde_users::models::{User, UserIdentity};
use kinde_users::operations::{Expand, GetUsers, UsersPage};
use kinde_users::{OrganizationCode, Timestamp};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, beside, end, progress};
use kinde_users_examples::support::connect;
use kinde_users_examples::support::lines::Format;
use serde::{Deserialize, Serialize};

/// Export all users to a file of NDJSON or CSV, page by page: no more than a page is in memory.
///
/// Beside the file, in its name and .cursor, stands where the next page begins. Interrupted at any point and run again it goes on
/// from there, and nobody is in the file twice; at the end it is removed.
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

    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

/// How far an export came.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Reached {
    /// What it is an export of.
    asked: String,
    /// Where the next page begins.
    cursor: Option<String>,
    /// How many bytes of the file are whole pages.
    bytes: u64,
    users: u64,
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.file;
    let format = Format::of(path, arguments.format)?;
    let tenant = connect(1200)?;
    let mut ask =
        arguments.expand.iter().fold(GetUsers::new().page_size(arguments.page_size), |ask, what| {
            ask.expand(Expand::from(what.as_str()))
        });
    if let Some(since) = &arguments.active_since {
        ask = ask.active_since(Timestamp::from(since.as_str()));
    }

    let asked =
        [tenant.domain.origin(), &format!("{format:?} {:?} {:?}", arguments.active_since, arguments.expand)]
            .join(" ");
    let (mut file, mut reached) = open(arguments, &asked)?;
    let mut pages = tenant.client.pages(ask);
    if let Some(cursor) = &reached.cursor {
        eprintln!("Going on after {} users.", reached.users);
        pages = pages.resume_from(cursor.as_str());
    }
    let bar = progress(None);
    bar.set_position(reached.users);
    bar.reset_eta();
    while let Some(page) = pages.next() {
        let page = page?;
        let text = match format {
            Format::Ndjson => ndjson(&page)?,
            Format::Csv => csv(&page, reached.bytes == 0)?,
        };
        // First the page, and then that it is there: what is written of a page that is not, is cut off the next time.
        file.write_all(&text)?;
        reached.bytes += text.len() as u64;
        reached.users += page.users.len() as u64;
        reached.cursor = pages.cursor().map(|cursor| cursor.as_str().to_owned());
        if reached.cursor.is_some() {
            keep(path, &reached)?;
        }
        bar.inc(page.users.len() as u64);
    }
    bar.finish_and_clear();
    file.sync_all()?;
    fs::remove_file(beside(path, "cursor"))
        .or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })?;
    println!("{} users", reached.users);
    Ok(())
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// The file, and how far an earlier run came with it.
fn open(arguments: &Arguments, asked: &str) -> Result<(File, Reached), Failure> {
    let (path, beside) = (&arguments.file, beside(&arguments.file, "cursor"));
    let failed = |error: std::io::Error| Failure::file(path, &error);
    let begins = Reached { asked: asked.to_owned(), ..Reached::default() };
    let reached: Reached = match fs::read_to_string(&beside) {
        Ok(text) if !arguments.overwrite => {
            serde_json::from_str(&text).map_err(|error| Failure::file(&beside, &error))?
        }
        Err(error) if !is_missing(&error) => return Err(Failure::file(&beside, &error)),
        _ if path.exists() && !arguments.overwrite => {
            return Err(Failure::input(format!("{} is there; --overwrite replaces it", path.display())));
        }
        // So that a file that is there after an interruption is known to be that of this export.
        _ => {
            keep(path, &begins)?;
            begins
        }
    };
    if reached.asked != asked {
        return Err(Failure::input(format!(
            "{} is of another export; --overwrite begins anew",
            beside.display()
        )));
    }
    let file = OpenOptions::new().append(true).create(true).open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() < reached.bytes {
        return Err(Failure::input(format!(
            "{} is shorter than it was; --overwrite begins anew",
            path.display()
        )));
    }
    file.set_len(reached.bytes).map_err(failed)?;
    Ok((file, reached))
}

/// Writes how far it came: as a whole or not at all.
fn keep(path: &Path, reached: &Reached) -> Result<(), Failure> {
    let (beside, new) = (beside(path, "cursor"), beside(path, "cursor.new"));
    fs::write(&new, serde_json::json!(reached).to_string())?;
    Ok(fs::rename(new, beside)?)
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
