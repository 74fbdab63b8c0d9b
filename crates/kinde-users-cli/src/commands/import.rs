//! Imports users from a file.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Args;
use kinde_users::Job;
use kinde_users::UserId;
use kinde_users::import::{Import, ImportUser, Imported};
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, GetUsers};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::Failure;
use crate::files::beside;
use crate::journal::{Before, Journal, State};
use crate::lines::{Line, Reading};
use crate::output::{counted, warn};
use crate::tenant::Session;
use crate::users::{Many, UNFINISHED, mismatch};

/// Import users from a CSV or NDJSON file in the form of Kinde's own importer
///
/// All lines are checked before the first call. For each line the user is looked up by e-mail
/// address, user name or phone number (and if the file has ids, by a walk through all users), is
/// created, and gets the password, properties and feature flags. Users are suspended where the
/// column `is_suspended` or --suspend says so.
///
/// A journal beside the file records what is done. A run that was interrupted at any point goes on
/// when it is run again, and tries again what failed. If it is not known whether a create arrived,
/// a later run looks for the user before another create. A user is created twice only if the first
/// create arrives after that and the tenant accepts both, or if two files or journals are imported
/// at once. A changed file, other options, or a line that changed after a part of it was done need
/// another journal. One run at a time uses a journal.
///
/// The journal holds Kinde's ids of the created users, and for each line a hash of what identifies
/// the user, but no address, number or name. It also holds the key of the hash. With the import
/// file, or by guessing, a reader can therefore find out which line is about which user. Keep the
/// journal as long as you may run the import again. Without it, a run does not complete users that
/// an earlier run created. `kinde-users erase --journal` erases the users that an import created. A
/// line that is done is not compared with the file again. To import changes, use --update and
/// another journal. With --update, an interrupted line about an existing user starts again.
///
/// A CSV file begins with the names of its columns, in any order. At least one of them is `email`,
/// `phone`, `username` or `id` (of another system). The others are `first_name`, `last_name`,
/// `email_verified`, `phone_verified`, `is_suspended`, `hashed_password`, `hashing_method`, `salt`,
/// `salt_position`, `salt_format`, `variant` and `iterations`. NDJSON has these, or Kinde's
/// `identities`, `password`, `properties` and `feature_flags`.
///
/// The hashing method is `bcrypt` unless the file names another: `crypt`, `md5`, `sha256`,
/// `wordpress`, `pbkdf2`, `firebase-scrypt` or `aspnet-identity-v2`. The position of a salt is
/// `prefix` or `suffix`, and its format is `string`, `hex` or `base64`. The variants of PBKDF2 are
/// `salted-pbkdf2-hmac-sha256`, `salted-pbkdf2-hmac-sha256-512` and
/// `salted-pbkdf2-hmac-sha512-512`. Flags (`email_verified`, `phone_verified`, `is_suspended`) are
/// `true` or `false`. A phone number begins with + and the code of the country.
///
/// Example: kinde-users import --dry-run users.csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file, whose name ends in .csv, .ndjson or .jsonl
    file: PathBuf,

    /// Check every line, and make no call
    #[arg(long)]
    dry_run: bool,

    /// Give existing users what the file says, except identities; they are left alone otherwise
    #[arg(long)]
    update: bool,

    /// Where to record what is done [default: the file's name and .journal; none in a rehearsal]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    many: Many,

    #[command(flatten)]
    confirm: Confirm,
}

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let file = &arguments.file;
    let form = arguments.reading.form()?;
    let lines = || arguments.reading.lines(file, &form);
    let total = arguments.reading.check(lines()?, shared.output)?;
    if arguments.dry_run {
        return Ok(());
    }

    let session = shared.connect(0)?;
    if arguments.update {
        arguments.confirm.check(&session)?;
        let users = counted(total, "user");
        let question = format!("Import {users} into {}, and overwrite those that exist?", session.name());
        arguments.confirm.ask(&session, question)?;
    }
    let journal = match (&arguments.journal, session.is_rehearsal) {
        (None, true) => Journal::none(),
        (path, _) => {
            let path = path.clone().unwrap_or_else(|| beside(file, "journal"));
            Journal::open(
                &path,
                session.name(),
                &format!("update {}, {}", arguments.update, arguments.reading),
            )?
        }
    };
    let work =
        Work { session: &session, journal: &journal, updates: arguments.update, counts: Default::default() };
    let (found, before) = work.walk(lines()?)?;
    let bar = shared.output.progress(Some(total));
    bar.set_position(before);
    bar.reset_eta();
    let seen = AtomicU64::new(before);
    let todo = lines()?.filter(|(_, user)| !user.as_ref().is_ok_and(|user| work.is_done(user)));
    let failed = arguments.many.each(&session, &bar, todo, |(line, user)| {
        seen.fetch_add(1, Ordering::Relaxed);
        // All lines were valid when they were checked. If one has changed since, it fails as any
        // other.
        work.import(line, user.map_err(Failure::new)?, &found)
    });
    let [created, updated, left_alone] = work.counts.map(AtomicUsize::into_inner);
    let told = shared.output.receipt(
        &json!({
            "tenant": session.name(), "users": total, "created": created, "updated": updated,
            "left_alone": left_alone, "done_before": before,
        }),
        format_args!(
            "{}: {created} created, {updated} updated, {left_alone} left alone, {before} done before",
            counted(total, "user")
        ),
    );
    let failed = failed?;
    for (line, told) in journal.amiss() {
        warn(format_args!("line {line}, in an earlier run: {told}"));
    }
    let wrong = match (failed, journal.amiss().count(), seen.into_inner()) {
        (0, 0, seen) if seen == total => {
            if before == total {
                shared.output.note("An earlier run did everything; what the lines say now was not compared.");
            }
            return told;
        }
        (0, 0, seen) => {
            format!("the file changed during the run: {} came instead of {total}", counted(seen, "line"))
        }
        (0, amiss, _) => format!("something is wrong with {} of earlier runs", counted(amiss, "line")),
        (1, ..) => "1 line failed; run it again to try it again".to_owned(),
        (failed, ..) => format!("{failed} lines failed; run it again to try them again"),
    };
    Err(Failure::new(wrong))
}

struct Work<'a> {
    session: &'a Session,
    journal: &'a Journal,
    updates: bool,
    /// How many users were created, updated and left alone.
    counts: [AtomicUsize; 3],
}

impl Work<'_> {
    fn is_done(&self, user: &ImportUser) -> bool {
        self.journal.before(&self.journal.key(user)) == Some(&Before::Done)
    }

    /// Returns which users have the ids of the file, and how many lines are done. No operation
    /// searches for such an id, so this goes through all users.
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
            for user in self.session.client.pages(GetUsers::new().page_size(500)).items() {
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
        let is_recorded = matches!(before, Some(Before::Created(..)));
        let (state, failure) = match self.calls(line, &key, &mut import, is_recorded) {
            Ok(()) => self.ended(import.output(), before == Some(&Before::Begun)),
            Err(failure) => (State::Failed, Some(failure)),
        };
        // The record of a user who may exist is not replaced by a failure, and the text of a
        // failure may be personal data.
        if state != State::Failed || !import.may_have_created() {
            let told = failure.as_ref().filter(|_| state == State::Amiss).map(Failure::to_string);
            self.journal.write(line, &key, state, &told.unwrap_or_default(), import.steps())?;
        }
        failure.map_or(Ok(()), |failure| Err(failure.at_line(line)))
    }

    fn calls(&self, line: u64, key: &str, import: &mut Import, mut is_recorded: bool) -> Result<(), Failure> {
        while let Some(operation) = import.next_call() {
            // Recorded before the call, so that no create is forgotten, and after it, so that no
            // user is.
            if operation.is::<CreateUser>() {
                self.journal.write(line, key, State::Begun, "", 0)?;
            }
            let result = self.session.client.call_for(import, &operation);
            if let (Ok(()), Some(id)) = (&result, import.user_id()) {
                self.journal.write(line, key, State::Created, id.as_str(), import.steps())?;
                is_recorded = true;
            }
            result?;
        }
        // A walk may recognize the user of an earlier create without any call.
        match import.user_id() {
            Some(id) if !is_recorded => {
                self.journal.write(line, key, State::Created, id.as_str(), import.steps())
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the line is done, and what is wrong.
    fn ended(&self, imported: Imported, was_begun: bool) -> (State, Option<Failure>) {
        let [created, updated, left_alone] = &self.counts;
        let (count, wrong) = match imported {
            Imported::Created { .. } => (created, None),
            // The line is not tried again, as that would create another user.
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
                    // A wrong search may be wrong for all users.
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
