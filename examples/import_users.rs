//! Imports users from a file in one of the two forms of Kinde's own importer, with their passwords' hashes.
//!
//! `cargo run --example import_users -- --dry-run users.csv`

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Parser;
use kinde_users::import::{Import, ImportUser, Imported};
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, GetUsers};
use kinde_users::{Client, Clock, Job, Transport, UserId};
use kinde_users_examples::support::cli::{
    EXIT_CODES, Failure, Many, UNFINISHED, beside, end, mismatch, progress, receipt,
};
use kinde_users_examples::support::journal::{Before, Journal, State};
use kinde_users_examples::support::lines::{Line, Reading};
use kinde_users_examples::support::{connect, counted, warn};

/// Import users from a CSV or NDJSON file in the form of Kinde's own importer.
///
/// For each line the user is looked up (by e-mail address, user name or phone number, and if the file has ids by a walk through
/// all users), created, and given password, properties and feature flags; and suspended where the column `is_suspended` or
/// --suspend says so. All lines are checked before the first call.
///
/// A journal beside the file tells what is done: interrupted at any point and run again it goes on, and tries again what failed.
/// Where it is not known whether a create arrived, the user is looked for before another one, by a later run: there are two of
/// one only if it arrives after that and the tenant takes both, or if two files or journals are imported at once. Another file,
/// other options, or a line of which something was done and that then changed want another journal; one run at a time uses it. It
/// holds Kinde's ids of users, and for each line a hash of what the file knows the user by, but no address, number or name; the key
/// of the hash is in it, so that who has the import file, or guesses, can tell whose line is whose. Keep it as long as the import
/// may be run again: a run without it leaves alone whom an earlier one created and did not complete.
/// A line that is done is not compared with what it says later: to import what changed, take --update and another journal.
/// With --update, a line of a user who was there already and that was interrupted is done from its beginning again.
///
/// A CSV file begins with its columns, in any order: `email`, `phone`, `username` or `id` (of another system), one at least;
/// `first_name`, `last_name`, `email_verified`, `phone_verified`, `is_suspended`; `hashed_password`, `hashing_method`, `salt`,
/// `salt_position`, `salt_format`, `variant`, `iterations`. NDJSON has these, or Kinde's `identities`, `password`, `properties`,
/// `feature_flags`.
///
/// Methods of hashing: `bcrypt` unless said, `crypt`, `md5`, `sha256`, `wordpress`, `pbkdf2`, `firebase-scrypt`, `aspnet-identity-v2`.
/// A salt stands as `prefix` or `suffix`, in the format `string`, `hex` or `base64`. Variants of PBKDF2: `salted-pbkdf2-hmac-sha256`,
/// `salted-pbkdf2-hmac-sha256-512`, `salted-pbkdf2-hmac-sha512-512`. Flags (`email_verified`,
/// `phone_verified`, `is_suspended`) are `true` or `false`; a phone number begins with + and the code of the country.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// The file, whose name ends in .csv, .ndjson or .jsonl
    file: PathBuf,

    /// Check every line, and end before the first call
    #[arg(long)]
    dry_run: bool,

    /// Give users who are there already what the file says, but for identities; they are left alone otherwise
    #[arg(long)]
    update: bool,

    /// Where to keep what is done [default: the file's name and .journal; none for a tenant in memory]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    many: Many,
}

fn main() -> ExitCode {
    end(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = &arguments.file;
    let form = arguments.reading.form()?;
    let lines = || arguments.reading.lines(file, &form);
    let total = arguments.reading.check(lines()?)?;
    if arguments.dry_run {
        return Ok(());
    }

    let tenant = connect(0)?;
    let journal = match (&arguments.journal, &tenant.fake) {
        (None, Some(_)) => Journal::none(),
        (path, _) => {
            let path = path.clone().unwrap_or_else(|| beside(file, "journal"));
            Journal::open(
                &path,
                tenant.domain.origin(),
                &format!("update {}, {}", arguments.update, arguments.reading),
            )?
        }
    };
    let work = Work {
        client: &tenant.client,
        journal: &journal,
        updates: arguments.update,
        counts: Default::default(),
    };
    let (found, before) = work.walk(lines()?)?;
    let bar = progress(Some(total));
    bar.set_position(before);
    bar.reset_eta();
    let seen = AtomicU64::new(before);
    let todo = lines()?.filter(|(_, user)| !user.as_ref().is_ok_and(|user| work.is_done(user)));
    let failed = arguments.many.each(&tenant.client, &bar, todo, |(line, user)| {
        seen.fetch_add(1, Ordering::Relaxed);
        // All lines were right a moment ago; one that is not any more is told as any failure is.
        work.import(line, user.map_err(Failure::new)?, &found)
    });
    let [created, updated, left_alone] = work.counts.map(AtomicUsize::into_inner);
    let told = receipt(format_args!(
        "{}: {created} created, {updated} updated, {left_alone} left alone, {before} done before",
        counted(total, "user")
    ));
    let failed = failed?;
    for (line, told) in journal.amiss() {
        warn(format_args!("line {line}, in an earlier run: {told}"));
    }
    let wrong = match (failed, journal.amiss().count(), seen.into_inner()) {
        (0, 0, seen) if seen == total => {
            if before == total {
                warn("all was done by an earlier run, and not compared with what the lines say now");
            }
            return told;
        }
        (0, 0, seen) => format!("{} came of {total}: the file was changed meanwhile", counted(seen, "line")),
        (0, amiss, _) => format!("somebody has to look at {} of earlier runs", counted(amiss, "line")),
        (1, ..) => "1 line failed; run it again to try it again".to_owned(),
        (failed, ..) => format!("{failed} lines failed; run it again to try them again"),
    };
    Err(Failure::new(wrong))
}

struct Work<'a, T, C> {
    client: &'a Client<T, C>,
    journal: &'a Journal,
    updates: bool,
    /// How many were created, updated and left alone.
    counts: [AtomicUsize; 3],
}

impl<T: Transport, C: Clock> Work<'_, T, C> {
    fn is_done(&self, user: &ImportUser) -> bool {
        self.journal.before(&self.journal.key(user)) == Some(&Before::Done)
    }

    /// Who has the ids of the file, if there are some: no operation looks for those, so it takes a walk. And how many lines are done.
    fn walk(
        &self,
        lines: impl Iterator<Item = Line>,
    ) -> Result<(HashMap<String, Vec<UserId>>, u64), Failure> {
        let (mut sought, mut done) = (HashMap::<_, Vec<_>>::new(), 0);
        for user in lines.filter_map(|(_, user)| user.ok()) {
            if self.is_done(&user) {
                done += 1;
            } else if let Some(id) = user.provided_id() {
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
        let ids = user.provided_id().and_then(|id| found.get(id));
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
        failure.map_or(Ok(()), |failure| Err(failure.at_line(line)))
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
        let [created, updated, left_alone] = &self.counts;
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
            other => {
                let failure = match other {
                    Imported::Taken { id, .. } => {
                        Failure::of_one(format!("{id} has the id or the address, and not both"))
                    }
                    Imported::Several { users, .. } => {
                        Failure::of_one(format!("{users} users share the address or id"))
                    }
                    // What is wrong with a search may be wrong with all.
                    Imported::Mismatch { id, .. } => Failure::new(mismatch(&id)),
                    Imported::Unfinished => Failure::new(UNFINISHED),
                    other => Failure::of_one(format!("it ended with {other:?}")),
                };
                return (State::Failed, Some(failure));
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        (if wrong.is_some() { State::Amiss } else { State::Done }, wrong.map(Failure::of_one))
    }
}
