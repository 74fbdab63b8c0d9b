//! Imports users from a file in one of the two forms of Kinde's own importer, with their passwords' hashes.
//!
//! `cargo run --example import_users -- --dry-run users.csv`

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;
use kinde_users::operations::{CreateUser, GetUsers};
use kinde_users::{Client, Clock, Import, ImportForm, ImportUser, Imported, Job, Transport, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, Many, end, progress};
use kinde_users_examples::support::connect;
use kinde_users_examples::support::journal::{Before, Journal, key};
use kinde_users_examples::support::lines::{Checked, Format, Line, lines};

/// Import users from a CSV or NDJSON file in the form of Kinde's own importer.
///
/// For each line the user is looked up (by e-mail address, user name or phone number; by a walk through all users if there is an
/// id alone), created, and given password, properties and feature flags; and suspended where the column `is_suspended` or
/// --suspend says so. All lines are checked before the first call. A journal beside the file tells what is done: interrupted
/// at any point and run again it goes on, creates nobody twice, and tries again what failed. Another file, or a line that was done
/// and then changed, wants another journal.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Arguments {
    /// The file, whose name ends in .csv, .ndjson or .jsonl
    file: PathBuf,

    /// The form of the file, where its name does not tell
    #[arg(long)]
    format: Option<Format>,

    /// Check every line, and end before the first call
    #[arg(long)]
    dry_run: bool,

    /// Import what can be imported, and leave out what no Users operation can carry out: roles, permissions,
    /// organizations, social identities, unknown columns
    #[arg(long)]
    leave_out: bool,

    /// Give users who are there already what the file says; they are left alone otherwise
    #[arg(long)]
    update: bool,

    /// Suspend all users, but where the column `is_suspended` says whether
    #[arg(long)]
    suspend: bool,

    /// Where to keep what is done [default: the file's name and .journal; none for a tenant in memory]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// The variant of all PBKDF2 hashes, such as salted-pbkdf2-hmac-sha256
    #[arg(long, value_name = "VARIANT")]
    pbkdf2_variant: Option<String>,

    /// The iterations of all PBKDF2 hashes; Kinde takes them for 24000 unless told
    #[arg(long, value_name = "N", requires = "pbkdf2_variant")]
    pbkdf2_iterations: Option<u32>,

    /// JSON file of the project's hash parameters, under the names that the Firebase console shows
    #[arg(long, value_name = "FILE")]
    firebase: Option<PathBuf>,

    #[command(flatten)]
    many: Many,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let format = arguments.format.or_else(|| Format::of(file));
    let format = format
        .ok_or_else(|| Failure::input("--format csv or --format ndjson: the file's name does not tell"))?;
    let form = form(arguments)?;
    let total = check(arguments, lines(file, format, &form)?)?;
    if arguments.dry_run {
        return Ok(());
    }

    let tenant = connect(0)?;
    let journal = match (&arguments.journal, &tenant.fake) {
        (Some(path), _) => Journal::open(path, tenant.domain.origin())?,
        (None, None) => Journal::open(&beside(file), tenant.domain.origin())?,
        (None, Some(_)) => Journal::none(),
    };
    let work = Work {
        client: &tenant.client,
        journal: &journal,
        updates: arguments.update,
        counts: Counts::default(),
    };
    let users = || {
        lines(file, format, &form).map(|lines| lines.filter_map(|(number, user)| Some((number, user.ok()?))))
    };
    let found = work.walk(users()?)?;
    let bar = progress(Some(total));
    bar.set_position(journal.done() as u64);
    bar.reset_eta();
    let todo = users()?.filter(|(_, user)| journal.before(&key(user)) != Some(Before::Done));
    let failed =
        arguments.many.each(&tenant.client, &bar, todo, |(line, user)| work.import(line, user, &found));
    let [created, updated, left_alone] = work.counts.told();
    let before = journal.done();
    println!(
        "{total} users: {created} created, {updated} updated, {left_alone} left alone, {before} done before"
    );
    match failed? {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} lines failed; run it again to try them again"))),
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.to_path_buf().into_os_string();
    name.push(".journal");
    name.into()
}

fn form(arguments: &Arguments) -> Result<ImportForm, Failure> {
    let mut form = ImportForm::new();
    if arguments.suspend {
        form = form.suspended();
    }
    if let Some(variant) = &arguments.pbkdf2_variant {
        form = form.pbkdf2(variant, arguments.pbkdf2_iterations);
    }
    if let Some(path) = &arguments.firebase {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        let wrong = |_| Failure::input(format!("{}: no hash parameters of Firebase", path.display()));
        form = form.firebase(serde_json::from_str(&text).map_err(wrong)?);
    }
    Ok(form)
}

/// Looks through all lines, tells all that is wrong, and says how many there are.
fn check(arguments: &Arguments, lines: impl Iterator<Item = Line>) -> Result<u64, Failure> {
    let Checked { total, wrong, left_out } = Checked::of(lines);
    println!("{total} lines, {wrong} wrong, {left_out} kinds of values that cannot be imported");
    if wrong > 0 {
        return Err(Failure::input(format!("{wrong} lines are wrong; nothing was imported")));
    }
    if left_out > 0 && !arguments.leave_out {
        return Err(Failure::input("nothing was imported; --leave-out imports without those values"));
    }
    Ok(total)
}

/// How many users came to what.
#[derive(Default)]
struct Counts([AtomicUsize; 3]);

impl Counts {
    fn told(self) -> [usize; 3] {
        self.0.map(AtomicUsize::into_inner)
    }
}

struct Work<'a, T, C> {
    client: &'a Client<T, C>,
    journal: &'a Journal,
    updates: bool,
    counts: Counts,
}

impl<T: Transport, C: Clock> Work<'_, T, C> {
    /// Finds those users who have an id alone, if the file has some: no operation looks for that, so it takes a walk.
    fn walk(
        &self,
        users: impl Iterator<Item = (u64, ImportUser)>,
    ) -> Result<HashMap<String, UserId>, Failure> {
        let sought = users.filter(|(_, user)| user.lookup().is_none()).map(|(_, user)| user);
        let sought = sought.filter(|user| self.journal.before(&key(user)) != Some(Before::Done));
        let mut sought: HashMap<String, Option<UserId>> =
            sought.filter_map(|user| Some((user.provided_id()?.to_owned(), None))).collect();
        if !sought.is_empty() {
            for user in self.client.pages(GetUsers::new().page_size(500)).items() {
                let user = user?;
                if let Some(id) = user.provided_id.as_ref().and_then(|id| sought.get_mut(id.as_str())) {
                    *id = Some(user.id);
                }
            }
        }
        Ok(sought.into_iter().filter_map(|(provided, id)| Some((provided, id?))).collect())
    }

    fn import(&self, line: u64, user: ImportUser, found: &HashMap<String, UserId>) -> Result<(), Failure> {
        let key = key(&user);
        let id = user.provided_id().filter(|_| user.lookup().is_none()).and_then(|id| found.get(id));
        let mut import = Import::new(user);
        if self.updates {
            import = import.update();
        }
        if self.journal.before(&key) == Some(Before::Begun) {
            import = import.interrupted();
        }
        if let Some(id) = id {
            import = import.found(id);
        }
        match self.calls(line, &key, &mut import) {
            Ok(id) => self.journal.done_with(line, &key, id.as_str()),
            Err(failure) => {
                self.journal.failed(line, &key, import.may_have_created(), &failure.to_string())?;
                Err(Failure::new(format!("line {line}: {failure}")))
            }
        }
    }

    fn calls(&self, line: u64, key: &str, import: &mut Import) -> Result<UserId, Failure> {
        while let Some(operation) = import.next_call() {
            if operation.is::<CreateUser>() {
                self.journal.begun(line, key)?;
            }
            self.client.step(import)?;
        }
        let Counts([created, updated, left_alone]) = &self.counts;
        let (count, id) = match import.output() {
            Imported::Created(id) => (created, id),
            Imported::Updated(id) => (updated, id),
            Imported::LeftAlone(id) => (left_alone, id),
            Imported::Taken(id) => {
                return Err(Failure::new(format!("{id} has the same address and another id")));
            }
            Imported::Several(users) => return Err(Failure::new(format!("{users} users share the address"))),
            other => return Err(Failure::new(format!("it ended with {other:?}"))),
        };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }
}
