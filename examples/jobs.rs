//! Runs jobs by hand, with a journal: an import that is interrupted goes on where it was.
//!
//! `cargo run --example jobs` imports into an in-memory tenant, which fails once in between.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use kinde_users::fake::{FakeKinde, Fault};
use kinde_users::import::{Import, Mapping, Source};
use kinde_users::operations::CreateUser;
use kinde_users::{Client, Clock, Job, Transport};

const ROWS: [[(&str, &str); 3]; 3] = [
    [("id", "1"), ("email", "ada@example.com"), ("first_name", "Ada")],
    [("id", "2"), ("email", "grace@example.com"), ("first_name", "Grace")],
    [("id", "3"), ("email", "mary@example.com"), ("first_name", "Mary")],
];

/// Imports all rows. Each line of the journal has a row, and the id and the steps of a created
/// user.
fn import<T: Transport, C: Clock>(client: &Client<T, C>, journal: &str) -> Result<(), Box<dyn Error>> {
    let before = fs::read_to_string(journal).unwrap_or_default();
    let mut journal = OpenOptions::new().create(true).append(true).open(journal)?;
    for (number, row) in ROWS.into_iter().enumerate() {
        let mut job = Import::new(Mapping::new(Source::Kinde).row(row)?);
        let mut known = before.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        job = match known.rfind(|fields| fields[0] == number.to_string()).as_deref() {
            Some([_, id, steps]) => job.created(*id, steps.parse()?),
            Some(_) => job.interrupted(),
            None => job,
        };
        run(client, &mut job, number, &mut journal).map_err(|error| format!("row {number}: {error}"))?;
        println!("row {number}: {:?}", job.output());
    }
    Ok(())
}

/// Makes the calls of one import, as `client.run` does, and writes the journal before and after
/// them.
fn run<T: Transport, C: Clock>(
    client: &Client<T, C>,
    job: &mut Import,
    number: usize,
    journal: &mut File,
) -> Result<(), Box<dyn Error>> {
    while let Some(operation) = job.next_call() {
        if operation.is::<CreateUser>() {
            // Written before the call, or a create whose reply is lost would be made again.
            writeln!(journal, "{number}")?;
            journal.sync_data()?;
        }
        client.call_for(job, &operation)?;
        if let Some(id) = job.user_id() {
            writeln!(journal, "{number} {id} {}", job.steps())?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let journal = format!("{}/kinde-import-{}", std::env::temp_dir().display(), std::process::id());
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::unavailable());
    while let Err(error) = import(&fake.client()?, &journal) {
        println!("{error}; the import goes on");
    }
    println!("{} users", fake.users().len());
    Ok(fs::remove_file(journal)?)
}
