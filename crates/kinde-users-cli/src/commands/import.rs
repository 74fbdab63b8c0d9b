//! Imports users from a file.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Args;
use indicatif::ProgressBar;
use kinde_users::Job;
use kinde_users::UserId;
use kinde_users::import::{Import, ImportUser, Imported, ReadUser, Users};
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, GetUsers};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::Failure;
use crate::files::beside;
use crate::journal::{Before, Journal, State};
use crate::output::{counted, warn};
use crate::reading::Reading;
use crate::tenant::Session;
use crate::users::{Many, UNFINISHED, mismatch};

/// Import users from files of Kinde, Auth0, Firebase and other systems
///
/// `--from` names the system that the files come from. Without it, the files must be in a form of
/// Kinde. The formats are CSV, JSON and NDJSON, also compressed with gzip.
///
/// Plan - what each field of the files becomes, which lines are not valid, and what cannot be
/// imported. The command prints the plan before the first call. If the plan would lose a value, or
/// if a line is not valid, nothing is imported. Options say what to do then. `--dry-run` prints the
/// plan and stops.
///
/// Import - for each user, the command searches for the email address, user name or phone
/// number. If the files have ids, it reads all users once to find them. It creates the user if
/// there is none, and then sets the password, properties and feature flags. It leaves existing
/// users alone, or updates them with `--update`.
///
/// Journal - a file beside the first file that records what is done. If a run was interrupted
/// or lines failed, run the same command again: it continues where it stopped. If the outcome of a
/// create is unknown, the next run searches for the user first. A user can be created twice only if
/// the create arrives after that search, or if you import the same users with two journals at once.
/// Use another journal if you change the file or the options. A line that is done is not compared
/// with the file again. To import changes, use `--update` with another journal.
///
/// The journal contains the ids of created users, and no addresses, numbers or names. It identifies
/// each line by a hash and contains the key of the hash, so a reader who has the file, or guesses
/// an address, can find the user's entry. Keep the journal as long as you may run the import again.
/// `kinde-users erase --journal` erases the users that an import created.
///
/// Files of Kinde - a CSV file begins with the names of its columns. At least one column is
/// `email`, `phone`, `username` or `id` (the id in another system). The other columns are
/// `first_name`, `last_name`, `email_verified`, `phone_verified`, `is_suspended`,
/// `hashed_password`, `hashing_method`, `salt`, `salt_position`, `salt_format`, `variant` and
/// `iterations`. NDJSON has the same names, or Kinde's `identities`, `password`, `properties` and
/// `feature_flags`. A phone number begins with + and the country code.
///
/// Passwords - the hashing method is `bcrypt` by default. The other methods are `crypt`, `md5`,
/// `sha256`, `wordpress`, `pbkdf2`, `firebase-scrypt` and `aspnet-identity-v2`. A salt is base64 by
/// default for `pbkdf2` and `firebase-scrypt`, and text for the other methods. If a salt could be
/// either, the line is not valid until `--salt-format` or the column `salt_format` says which.
///
/// Example: kinde-users import --from auth0 users.ndjson hashes.ndjson
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print the plan, and make no call
    #[arg(long)]
    dry_run: bool,

    /// Update existing users to what the files say, except their identities
    #[arg(long)]
    update: bool,

    /// The journal [default: the name of the first file and .journal; none in a rehearsal]
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
    let reading = &arguments.reading;
    let mapping = reading.mapping()?;
    let lines = || reading.users(&mapping);
    let (total, left_out) = reading.check(lines()?, shared.output)?;
    let skipped = || match left_out {
        0 => Ok(()),
        1 => Err(Failure::skipped("1 line is not valid and was left out")),
        lines => Err(Failure::skipped(format!("{lines} lines are not valid and were left out"))),
    };
    if arguments.dry_run {
        return skipped();
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
            let path = path.clone().unwrap_or_else(|| beside(reading.file(), "journal"));
            Journal::open(&path, session.name(), &format!("update {}, {reading}", arguments.update))?
        }
    };
    let work =
        Work { session: &session, journal: &journal, updates: arguments.update, counts: Default::default() };
    let users = lines()?;
    let (found, before) =
        arguments.many.limits.keep(&session, &ProgressBar::hidden(), || work.walk(users))?;
    let bar = shared.output.progress(Some(total));
    bar.set_position(before);
    bar.reset_eta();
    let seen = AtomicU64::new(before);
    let todo = lines()?.filter_map(Result::ok).filter(|read| !work.is_done(&read.user));
    let failed = arguments.many.each(&session, &bar, todo, |ReadUser { line, user, .. }| {
        seen.fetch_add(1, Ordering::Relaxed);
        work.import(line, user, &found)
    });
    let [created, updated, left_alone] = work.counts.map(AtomicUsize::into_inner);
    let receipt = shared.output.receipt(
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
    for (line, reason) in journal.amiss() {
        warn(format_args!("line {line}, in an earlier run: {reason}"));
    }
    let wrong = match (failed, journal.amiss().count(), seen.into_inner()) {
        (0, 0, seen) if seen == total => {
            if before == total {
                shared
                    .output
                    .note("An earlier run did everything. The lines were not compared with its users.");
            }
            return receipt.and_then(|()| skipped());
        }
        (0, 0, seen) => {
            format!("the file changed during the run: {} came instead of {total}", counted(seen, "user"))
        }
        (0, amiss, _) => format!("an earlier run reported a problem of {}", counted(amiss, "line")),
        (1, ..) => "1 line failed; run it again to try it again".to_owned(),
        (failed, ..) => format!("{failed} lines failed; run it again to try them again"),
    };
    Err(Failure::new(wrong))
}

struct Work<'a> {
    session: &'a Session,
    journal: &'a Journal,
    updates: bool,
    /// The numbers of users that were created, updated and left alone.
    counts: [AtomicUsize; 3],
}

impl Work<'_> {
    fn is_done(&self, user: &ImportUser) -> bool {
        self.journal.before(&self.journal.key(user)) == Some(&Before::Done)
    }

    /// Returns the users that have the ids of the file, and the number of lines that are done. No
    /// operation searches for such an id, so this reads all users.
    fn walk(&self, users: Users<'_>) -> Result<(HashMap<String, Vec<UserId>>, u64), Failure> {
        let (mut sought, mut done) = (HashMap::<_, Vec<_>>::new(), 0);
        for ReadUser { user, .. } in users.filter_map(Result::ok) {
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
        // A failure does not replace the record of a user that may exist. The text of a failure is
        // not written, as it may contain personal data.
        if state != State::Failed || !import.may_have_created() {
            let reason = failure.as_ref().filter(|_| state == State::Amiss).map(Failure::to_string);
            self.journal.write(line, &key, state, &reason.unwrap_or_default(), import.steps())?;
        }
        failure.map_or(Ok(()), |failure| Err(failure.at_line(line)))
    }

    fn calls(&self, line: u64, key: &str, import: &mut Import, mut is_recorded: bool) -> Result<(), Failure> {
        while let Some(operation) = import.next_call() {
            // A record before the call keeps the create, and a record after it keeps the user.
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

    /// Returns the state of the line, and its problem.
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
                (left_alone, Some(format!("{id} was left alone, and may come from an interrupted create")))
            }
            Imported::LeftAlone { .. } => (left_alone, None),
            other => {
                let failure = match other {
                    Imported::Taken { id, .. } => {
                        Failure::of_one(format!("{id} has the id or the address of the line, but not both"))
                    }
                    Imported::Several { users, .. } => {
                        Failure::of_one(format!("{users} users share the address or id"))
                    }
                    // A search that fails this way may fail for all users.
                    Imported::Mismatch { id, .. } => Failure::new(mismatch(&id)),
                    Imported::Unfinished => Failure::new(UNFINISHED),
                    other => Failure::of_one(format!("the import ended with {other:?}")),
                };
                return (State::Failed, Some(failure));
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        (if wrong.is_some() { State::Amiss } else { State::Done }, wrong.map(Failure::of_one))
    }
}
