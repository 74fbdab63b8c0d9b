//! Imports users from a file in one of the two forms of Kinde's own importer, with their passwords' hashes.
//!
//! `cargo run --example import_users -- --dry-run users.csv`

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, GetUsers};
use kinde_users::{Client, Clock, Import, ImportForm, ImportUser, Imported, Job, Transport, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, Many, beside, end, progress};
use kinde_users_examples::support::connect;
use kinde_users_examples::support::journal::{Before, Journal, State, key};
use kinde_users_examples::support::lines::{Checked, Format, Line, lines};

/// Import users from a CSV or NDJSON file in the form of Kinde's own importer.
///
/// For each line the user is looked up (by e-mail address, user name or phone number; by a walk through all users if there is an
/// id alone), created, and given password, properties and feature flags; and suspended where the column `is_suspended` or
/// --suspend says so. All lines are checked before the first call. A journal beside the file tells what is done: interrupted
/// at any point and run again it goes on, creates nobody twice, and tries again what failed. Another file, or a line that was done
/// and then changed, wants another journal; and one run at a time is enough for a journal.
///
/// A CSV file begins with its columns, in any order: `email`, `phone`, `username` or `id` (of another system), one at least;
/// `first_name`, `last_name`, `email_verified`, `phone_verified`, `is_suspended`; `hashed_password`, `hashing_method`, `salt`,
/// `salt_position`, `salt_format`, `variant`, `iterations`. NDJSON has these, or Kinde's `identities`, `password`, `properties`,
/// `feature_flags`.
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

    /// Give users who are there already what the file says, but for identities; they are left alone otherwise
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
    let format = Format::of(file, arguments.format)?;
    let form = form(arguments)?;
    let total = check(arguments, lines(file, format, &form)?)?;
    if arguments.dry_run {
        return Ok(());
    }

    let tenant = connect(0)?;
    let journal = match (&arguments.journal, &tenant.fake) {
        (Some(path), _) => Journal::open(path, tenant.domain.origin())?,
        (None, None) => Journal::open(&beside(file, "journal"), tenant.domain.origin())?,
        (None, Some(_)) => Journal::none(),
    };
    let work = Work {
        client: &tenant.client,
        journal: &journal,
        updates: arguments.update,
        counts: Counts::default(),
    };
    let found = work.walk(lines(file, format, &form)?)?;
    let bar = progress(Some(total));
    bar.set_position(journal.done() as u64);
    bar.reset_eta();
    let is_done = |user: &ImportUser| journal.before(&key(user)) == Some(&Before::Done);
    let todo = lines(file, format, &form)?.filter(|(_, user)| !user.as_ref().is_ok_and(is_done));
    let failed = arguments.many.each(&tenant.client, &bar, todo, |(line, user)| {
        // All lines were right a moment ago; one that is not any more is told as any failure is.
        work.import(line, user.map_err(Failure::new)?, &found)
    });
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
    fn walk(&self, lines: impl Iterator<Item = Line>) -> Result<HashMap<String, Vec<UserId>>, Failure> {
        let sought = lines.filter_map(|(_, user)| user.ok()).filter(|user| user.lookup().is_none());
        let sought = sought.filter(|user| self.journal.before(&key(user)) != Some(&Before::Done));
        let mut sought: HashMap<String, Vec<UserId>> =
            sought.filter_map(|user| Some((user.provided_id()?.to_owned(), Vec::new()))).collect();
        if !sought.is_empty() {
            for user in self.client.pages(GetUsers::new().page_size(500)).items() {
                let user = user?;
                if let Some(ids) = user.provided_id.as_ref().and_then(|id| sought.get_mut(id.as_str())) {
                    ids.push(user.id);
                }
            }
        }
        Ok(sought)
    }

    fn import(
        &self,
        line: u64,
        user: ImportUser,
        found: &HashMap<String, Vec<UserId>>,
    ) -> Result<(), Failure> {
        let key = key(&user);
        let ids = user.provided_id().filter(|_| user.lookup().is_none()).and_then(|id| found.get(id));
        let mut import = Import::new(user);
        if self.updates {
            import = import.update();
        }
        let before = self.journal.before(&key);
        import = match before {
            Some(Before::Begun) => import.interrupted(),
            Some(Before::Created(id, steps)) => import.created(id.as_str(), *steps),
            Some(Before::Done) | None => import,
        };
        import = import.found(ids.into_iter().flatten());
        let (state, failure) = match self.calls(line, &key, &mut import) {
            Ok(()) => self.ended(import.output(), before == Some(&Before::Begun)),
            Err(failure) => (State::Failed, Some(failure)),
        };
        // What is known of a user who may be there is worth more than why a call failed.
        if state == State::Done || !import.may_have_created() {
            let id = import.user_id().map_or("", |id| id.as_str());
            let told = failure.as_ref().map_or_else(|| id.to_owned(), Failure::to_string);
            self.journal.write(line, &key, state, &told, 0)?;
        }
        failure.map_or(Ok(()), |failure| Err(Failure::new(format!("line {line}: {failure}"))))
    }

    fn calls(&self, line: u64, key: &str, import: &mut Import) -> Result<(), Failure> {
        while let Some(operation) = import.next_call() {
            // Before the call, so that a create is never forgotten, and after it, so that no user is.
            if operation.is::<CreateUser>() {
                self.journal.write(line, key, State::Begun, "", 0)?;
            }
            let result = self.client.call_for(import, &operation);
            if let (Ok(()), Some(id)) = (&result, import.user_id()) {
                self.journal.write(line, key, State::Created, id.as_str(), import.steps())?;
            }
            result?;
        }
        Ok(())
    }

    /// Whether the user needs no more, and what is wrong.
    fn ended(&self, imported: Imported, was_begun: bool) -> (State, Option<Failure>) {
        let Counts([created, updated, left_alone]) = &self.counts;
        let (count, wrong) = match imported {
            Imported::Created { .. } => (created, None),
            // Not to be tried again, as that would make another user.
            Imported::WithoutIdentities { id, missing, .. } => {
                let kinds: Vec<_> = missing.iter().map(IdentityType::as_str).collect();
                (created, Some(format!("{id} was created, but not these identities: {}", kinds.join(", "))))
            }
            Imported::Updated { .. } => (updated, None),
            Imported::LeftAlone { id, .. } if was_begun => {
                (left_alone, Some(format!("{id} was left alone, and may be of a create that went before")))
            }
            Imported::LeftAlone { .. } => (left_alone, None),
            Imported::Taken { id, .. } => {
                let wrong = format!("{id} was found, and has another id or address than the line");
                return (State::Failed, Some(Failure::new(wrong)));
            }
            Imported::Several { users, .. } => {
                let wrong = format!("{users} users share the address or id");
                return (State::Failed, Some(Failure::new(wrong)));
            }
            other => return (State::Failed, Some(Failure::new(format!("it ended with {other:?}")))),
        };
        count.fetch_add(1, Ordering::Relaxed);
        (State::Done, wrong.map(Failure::new))
    }
}
