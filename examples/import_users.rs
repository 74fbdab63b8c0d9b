//! Imports users from a file in one of the two forms of Kinde's own importer, with their passwords' hashes.
//!
//! `cargo run --example import_users -- --dry-run users.csv`

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Parser;
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, GetUsers};
use kinde_users::{Client, Clock, Import, ImportForm, ImportUser, Imported, Job, Transport, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, Failure, Many, beside, end, progress};
use kinde_users_examples::support::connect;
use kinde_users_examples::support::journal::{Before, Journal, State};
use kinde_users_examples::support::lines::{Checked, Format, Line, lines};

/// Import users from a CSV or NDJSON file in the form of Kinde's own importer.
///
/// For each line the user is looked up (by e-mail address, user name or phone number; by a walk through all users if there is an
/// id alone), created, and given password, properties and feature flags; and suspended where the column `is_suspended` or
/// --suspend says so. All lines are checked before the first call.
///
/// A journal beside the file tells what is done: interrupted at any point and run again it goes on, and tries again what failed.
/// Where it is not known whether a create arrived, the user is looked for before another one, by a later run: there are two of
/// one only if it arrives after that and the tenant takes both, or if two files or journals are imported at once. Another file,
/// other options, or a line of which something was done and that then changed want another journal; one run at a time uses it.
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
        (None, Some(_)) => Journal::none(),
        (path, _) => {
            let path = path.clone().unwrap_or_else(|| beside(file, "journal"));
            Journal::open(&path, tenant.domain.origin(), &options(arguments))?
        }
    };
    let work = Work {
        client: &tenant.client,
        journal: &journal,
        updates: arguments.update,
        counts: Counts::default(),
    };
    let (found, before) = work.walk(lines(file, format, &form)?)?;
    let bar = progress(Some(total));
    bar.set_position(before);
    bar.reset_eta();
    let seen = AtomicU64::new(before);
    let todo =
        lines(file, format, &form)?.filter(|(_, user)| !user.as_ref().is_ok_and(|user| work.is_done(user)));
    let failed = arguments.many.each(&tenant.client, &bar, todo, |(line, user)| {
        seen.fetch_add(1, Ordering::Relaxed);
        // All lines were right a moment ago; one that is not any more is told as any failure is.
        work.import(line, user.map_err(Failure::new)?, &found)
    });
    let [created, updated, left_alone] = work.counts.told();
    println!(
        "{total} users: {created} created, {updated} updated, {left_alone} left alone, {before} done before"
    );
    let failed = failed?;
    for (line, told) in journal.amiss() {
        eprintln!("line {line}, in an earlier run: {told}");
    }
    match (failed, journal.amiss().count(), seen.into_inner()) {
        (0, 0, seen) if seen == total => Ok(()),
        (0, 0, seen) => {
            Err(Failure::new(format!("{seen} lines came of {total}: the file was changed meanwhile")))
        }
        (0, amiss, _) => Err(Failure::new(format!("somebody has to look at {amiss} lines of earlier runs"))),
        (failed, ..) => Err(Failure::new(format!("{failed} lines failed; run it again to try them again"))),
    }
}

/// What makes another import of the same file.
fn options(arguments: &Arguments) -> String {
    let Arguments { update, suspend, pbkdf2_variant, pbkdf2_iterations, firebase, .. } = arguments;
    let (variant, iterations) = (pbkdf2_variant.as_deref().unwrap_or("none"), pbkdf2_iterations.unwrap_or(0));
    let firebase = firebase.is_some();
    format!("update {update}, suspend {suspend}, PBKDF2 {variant} {iterations}, firebase {firebase}")
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
    fn is_done(&self, user: &ImportUser) -> bool {
        self.journal.before(&self.journal.key(user)) == Some(&Before::Done)
    }

    /// Finds those users who have an id alone, if the file has some: no operation looks for that, so it takes a walk. And tells how
    /// many lines are done.
    fn walk(
        &self,
        lines: impl Iterator<Item = Line>,
    ) -> Result<(HashMap<String, Vec<UserId>>, u64), Failure> {
        let (mut sought, mut done) = (HashMap::<_, Vec<_>>::new(), 0);
        for user in lines.filter_map(|(_, user)| user.ok()) {
            if self.is_done(&user) {
                done += 1;
            } else if let (None, Some(id)) = (user.lookup(), user.provided_id()) {
                sought.insert(id.to_owned(), Vec::new());
            }
        }
        if !sought.is_empty() {
            for user in self.client.pages(GetUsers::new().page_size(500)).items() {
                let user = user?;
                if let Some(ids) = user.provided_id.as_ref().and_then(|id| sought.get_mut(id.as_str())) {
                    ids.push(user.id);
                }
            }
        }
        Ok((sought, done))
    }

    fn import(
        &self,
        line: u64,
        user: ImportUser,
        found: &HashMap<String, Vec<UserId>>,
    ) -> Result<(), Failure> {
        let key = self.journal.key(&user);
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
        if let Some(ids) = ids {
            import = import.found(ids);
        }
        let (state, failure) = match self.calls(line, &key, &mut import) {
            Ok(()) => self.ended(import.output(), before == Some(&Before::Begun)),
            Err(failure) => (State::Failed, Some(failure)),
        };
        // What is known of a user who may be there is worth more than that a call failed, and why it did may be personal.
        if state != State::Failed || !import.may_have_created() {
            let told = failure.as_ref().filter(|_| state == State::Amiss).map(Failure::to_string);
            self.journal.write(line, &key, state, &told.unwrap_or_default(), import.steps())?;
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
        (if wrong.is_some() { State::Amiss } else { State::Done }, wrong.map(Failure::new))
    }
}
