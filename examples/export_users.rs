//! Exports all users to a file of NDJSON or CSV.
//!
//! `cargo run --example export_users -- users.ndjson`

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use kinde_users::models::{User, UserIdentity};
use kinde_users::operations::{Expand, GetUsers, UsersPage};
use kinde_users::{AnyOperation, OrganizationCode, Timestamp};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, beside, end, private, progress, receipt};
use kinde_users_examples::support::lines::Format;
use kinde_users_examples::support::{connect, counted, warn};
use serde::{Deserialize, Serialize};

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
    /// Whether a file that is there is to be replaced at the end.
    overwrite: bool,
    /// Where the next page begins.
    cursor: Option<String>,
    /// How many bytes of the file are whole pages.
    bytes: u64,
    users: u64,
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
    AnyOperation::new(ask.clone()).check().map_err(|error| Failure::input(error.to_string()))?;

    let tenant = connect(1200)?;
    let Arguments { active_since, expand, page_size, .. } = arguments;
    let asked = format!("{} {format:?} {active_since:?} {expand:?} {page_size}", tenant.domain.origin());
    let (mut file, mut reached) = open(arguments, asked)?;
    let mut pages = tenant.client.pages(ask);
    if let Some(cursor) = &reached.cursor {
        warn(format_args!("Going on after {}.", counted(reached.users, "user")));
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
    drop(file);
    let part = beside(path, PART);
    if !reached.overwrite && path.exists() {
        let told = format!("{} is there by now; the export is {}", path.display(), part.display());
        return Err(Failure::new(told));
    }
    // In this order, as a cursor without what it goes on with would bar the next run.
    remove(&beside(path, CURSOR))?;
    fs::rename(part, path)?;
    receipt(counted(reached.users, "user"))
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

fn remove(path: &Path) -> std::io::Result<()> {
    fs::remove_file(path).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })
}

/// The endings of what stands beside the file until the end: what there is of it, how far that goes, and what is about to say so.
const PART: &str = "part";
const CURSOR: &str = "cursor";
const NEW_CURSOR: &str = "cursor.new";

/// What there is of the file, to be written on, and how far an earlier run came with it.
fn open(arguments: &Arguments, asked: String) -> Result<(File, Reached), Failure> {
    let Arguments { file: path, overwrite, .. } = arguments;
    let (part, cursor) = (beside(path, PART), beside(path, CURSOR));
    let failed = |error: std::io::Error| Failure::file(&part, &error);
    let wrong = |path: &Path, what: &str| Err(Failure::input(format!("{} {what}", path.display())));
    let before: Option<Reached> = match fs::read_to_string(&cursor) {
        _ if *overwrite => None,
        Ok(text) => Some(serde_json::from_str(&text).map_err(|error| Failure::file(&cursor, &error))?),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(Failure::file(&cursor, &error)),
    };
    let replaces = *overwrite || before.as_ref().is_some_and(|before| before.overwrite);
    // Of a link itself: in its place the file would be, and not where it leads.
    let there = fs::symlink_metadata(path).ok();
    if path == Path::new("-") || there.as_ref().is_some_and(|there| !there.is_file()) {
        return wrong(path, "is to be a file, and no link, folder or device");
    }
    if there.is_some() && !replaces {
        return wrong(path, "is there; --overwrite replaces it");
    }
    if let Some(reached) = before {
        if reached.asked != asked {
            return wrong(&cursor, "is of an export with other options; --overwrite begins anew");
        }
        // Not by appending: a system may not let such a file be cut off.
        let mut file = OpenOptions::new().write(true).open(&part).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < reached.bytes {
            return wrong(&part, "is shorter than it was; --overwrite begins anew");
        }
        file.set_len(reached.bytes).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        return Ok((file, reached));
    }
    // The cursor first: one that is there says how much there is of a file that is about to be gone.
    remove(&cursor).map_err(failed)?;
    remove(&part).map_err(failed)?;
    let file = new_file(&part).map_err(failed)?;
    Ok((file, Reached { asked, overwrite: *overwrite, ..Reached::default() }))
}

/// A file that was not there before: there are people in it.
fn new_file(path: &Path) -> std::io::Result<File> {
    private().write(true).create_new(true).open(path)
}

/// Writes how far it came: as a whole or not at all.
fn keep(path: &Path, reached: &Reached) -> Result<(), Failure> {
    let new = beside(path, NEW_CURSOR);
    // One that is there was being written when a run before this one ended.
    remove(&new)?;
    new_file(&new)?.write_all(serde_json::json!(reached).to_string().as_bytes())?;
    Ok(fs::rename(new, beside(path, CURSOR))?)
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
