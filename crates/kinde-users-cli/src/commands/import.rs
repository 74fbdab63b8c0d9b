//! Imports users from a file.
use std::iter;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use kinde_users::import::{Import, ImportUser, Imported, ReadUser};
use kinde_users::models::IdentityType;
use kinde_users::operations::{CreateUser, SetUserPassword};
use kinde_users::{FindUsers, Found, Job};
use serde_json::json;

use crate::Shared;
use crate::confirm::Confirm;
use crate::failure::{AGAIN, Failure};
use crate::import_files::Reading;
use crate::journal::{Before, Journal, State};
use crate::look_up::{LINES, LIST_LINES};
use crate::output::{counted, warn};
use crate::private_files::beside;
use crate::tenant::Session;
use crate::users::{Many, UNFINISHED, mismatch};

/// Import users from files of Kinde, Auth0, Firebase and other systems
///
/// `--from` names the system that the files come from. Without it, the files must be in one of
/// Kinde's own formats (see Files of Kinde). Files can be CSV, JSON or NDJSON, and can be
/// compressed with gzip.
///
/// Plan - what each field of the files becomes, which lines are not valid, and what cannot be
/// imported. The command prints the plan before the first call. If a value would be lost, nothing
/// is imported until you use --map, --ignore, --ignore-rest or --drop-unverifiable. If a line is
/// not valid, nothing is imported until you correct it, or use --clean or --skip-invalid.
/// `--dry-run` prints the plan and stops.
///
/// Import - the command looks up the users of 25,000 lines at a time, by email address, user name
/// or phone number. One call asks for many users. If the tenant has few users, the command reads
/// all of them instead. It also reads all users if the files have ids, to find the users that
/// already have one of these ids (as `provided_id`). It creates each user that does not exist, and
/// then sets the password, properties and feature flags. It leaves existing users alone, or updates
/// them with `--update`. If a user signs up after the look-up, the service refuses to create this
/// user, and the command then finds the user. An address may move to another user between the
/// look-up and the update. So with `--update`, the command looks up only 1,000 lines at a time,
/// unless the files have ids.
///
/// Journal - a record of what was done, in a file beside the first file. If a run was interrupted
/// or lines failed, run the same command again: it continues where it stopped. If it is not known
/// whether a user was created, the next run searches for the user first. The service usually
/// refuses to create a user twice. If it does not, a user can be created twice in these cases: the
/// request of the interrupted run arrives after the next run has searched for the user, the user
/// signs up during the run, or you import the same users with two journals at once. If you correct
/// lines that failed, in the same file, use the same journal. Use another journal for another file
/// or other options. The command skips lines that are done, even if you have changed them since. To
/// import changes, use `--update` with another journal.
///
/// The journal contains the ids of created users, and no addresses, numbers or names. It identifies
/// each line by a keyed hash, and also contains the key. So a person who has the journal can tell
/// which entry belongs to which user, if this person also has the imported file or guesses the
/// address. Keep the journal until the import is complete. `kinde-users erase --journal` erases the
/// users that an import created.
///
/// Files of Kinde - a CSV file begins with the names of its columns. At least one column is
/// `email`, `phone`, `username` or `id` (the id in another system, also named `provided_id` or
/// `external_id`). The other columns are `first_name`, `last_name`, `picture`, `email_verified`,
/// `phone_verified`, `is_suspended`, `hashed_password`, `hashing_method`, `salt`, `salt_position`,
/// `salt_format`, `variant` and `iterations`. NDJSON has the same names, or Kinde's `identities`,
/// `password`, `properties` and `feature_flags`. A phone number begins with + and the country code.
///
/// Passwords - the hashing method is `bcrypt` by default. The other methods are `crypt`, `md5`,
/// `sha256`, `wordpress`, `pbkdf2`, `firebase-scrypt` and `aspnet-identity-v2`. If `salt_format` is
/// missing, a salt is read as base64 for `pbkdf2` and `firebase-scrypt`, and as text (`string`) for
/// the other methods. But some salts can be read in two formats. For example, `00c0ffee00c0ffee` is
/// text and also hex. Such a line is not valid until you give the format in the column
/// `salt_format` or with --salt-format. `firebase-scrypt` needs --firebase, or the columns
/// `signer_key`, `salt_separator`, `rounds` and `mem_cost`.
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

// What to do, at the end of messages.
const NOTHING_TO_DO: &str = "An earlier run imported all valid lines, so nothing was done. If you changed the file, use --update with \
    another --journal.";
const COMPLETE_FILE: &str = "Run the same command again with the complete file";
const THERE: &str = "A user who exists already is left alone: no password is set. --update with another --journal changes these \
    users.";
const KEPT: &str = "Correct the user in Kinde; the journal keeps the report";
const TAKEN: &str = "has the id or the address of the line, but not both: correct the line or that user";
const COMPLETE: &str = "check the user, and complete it with --update and another --journal";
const LOOK: &str = "look for the user in Kinde, and create it there if it is missing";

pub(crate) fn run(arguments: &Arguments, shared: &Shared) -> Result<(), Failure> {
    let reading = &arguments.reading;
    let mapping = reading.mapping()?;
    let lines = || reading.users(&mapping);
    let (total, left_out) = reading.check(lines()?, arguments.dry_run, shared.output)?;
    let skipped = || match left_out {
        0 => Ok(()),
        lines => {
            let lines = counted(lines, "invalid line");
            Err(Failure::skipped(format!("--skip-invalid leaves out {lines}")))
        }
    };
    if arguments.dry_run {
        return skipped();
    }

    let session = shared.connect(0)?;
    if arguments.update {
        arguments.confirm.check(&session, "")?;
        let users = counted(total, "user");
        let question = format!("Import {users} into {}, and overwrite those that exist?", session.name());
        arguments.confirm.ask(&session, question)?;
    }
    let journal = match (&arguments.journal, session.is_rehearsal) {
        (None, true) => Journal::none(),
        (path, _) => {
            let path = path.clone().unwrap_or_else(|| beside(reading.file(), "journal"));
            Journal::open(
                &path,
                session.name(),
                &format!("{reading}{}", if arguments.update { " --update" } else { "" }),
            )?
        }
    };
    let work = Work {
        session: &session,
        journal: &journal,
        updates: arguments.update,
        counts: Default::default(),
        left_alone: Mutex::default(),
        passwords: AtomicU64::new(0),
    };
    let (mut before, mut has_ids) = (0, false);
    for ReadUser { user, .. } in lines()?.filter_map(Result::ok) {
        before += u64::from(work.is_done(&user));
        has_ids |= user.provided_id().is_some();
    }
    // An id says who is meant, and is found by a walk through all users.
    let most = if arguments.update && !has_ids { LIST_LINES } else { LINES };
    let bar = shared.output.progress(Some(total));
    bar.set_position(before);
    bar.reset_eta();
    let seen = AtomicU64::new(before);
    let mut todo = lines()?.filter_map(Result::ok).filter(|read| !work.is_done(&read.user));
    let batches = iter::from_fn(|| {
        let lines: Vec<_> = todo.by_ref().take(most).collect();
        (!lines.is_empty()).then(|| work.look_up(lines))
    });
    let failed = arguments.many.each(&session, &bar, batches, |line| {
        seen.fetch_add(1, Ordering::Relaxed);
        work.import(line)
    });
    let [created, updated] = work.counts.map(AtomicUsize::into_inner);
    let passwords = work.passwords.into_inner();
    let mut left_alone = work.left_alone.into_inner().unwrap_or_else(PoisonError::into_inner);
    left_alone.sort_unstable();
    if !left_alone.is_empty() {
        shared.output.note(THERE);
    }
    let receipt = shared.output.receipt(
        &json!({
            "tenant": session.name(), "users": total, "created": created, "updated": updated,
            "left_alone": left_alone.len(), "left_alone_lines": left_alone, "done_before": before,
            "passwords_set": passwords,
        }),
        format_args!(
            "{}: {created} created, {updated} updated, {}, {before} done before; {} set",
            counted(total, "user"),
            alone(&left_alone),
            counted(passwords, "password")
        ),
    );
    let failed = failed?;
    for (line, reason) in journal.amiss() {
        warn(format_args!("line {line}, in an earlier run: {reason}"));
    }
    let wrong = match (failed, journal.amiss().count(), seen.into_inner()) {
        (0, 0, seen) if seen == total => {
            if before == total {
                shared.output.note(NOTHING_TO_DO);
            }
            return receipt.and_then(|()| skipped());
        }
        (0, 0, seen) => {
            let seen = counted(seen, "user");
            format!("the file changed during the run: {seen} came instead of {total}. {COMPLETE_FILE}")
        }
        (0, amiss, _) => {
            format!("an earlier run reported a problem of {}. {KEPT}", counted(amiss, "line"))
        }
        (failed, ..) => format!("{} failed: {AGAIN}", counted(failed, "line")),
    };
    Err(Failure::new(wrong))
}

/// A line of the file, and what was found before its import.
struct LookedUp {
    read: ReadUser,
    /// The users with the address, number or name.
    searched: Option<Found>,
    /// The users with the id.
    with_id: Option<Found>,
}

struct Work<'a> {
    session: &'a Session,
    journal: &'a Journal,
    updates: bool,
    /// The numbers of users that were created and updated.
    counts: [AtomicUsize; 2],
    /// The lines of the users that were left alone.
    left_alone: Mutex<Vec<u64>>,
    /// The number of passwords that were set.
    passwords: AtomicU64,
}

impl Work<'_> {
    fn is_done(&self, user: &ImportUser) -> bool {
        self.journal.before(&self.journal.key(user)) == Some(&Before::Done)
    }

    /// Looks up the users of the lines. A user that an earlier run created is not looked up.
    fn look_up(&self, lines: Vec<ReadUser>) -> Result<Vec<LookedUp>, Failure> {
        let (mut find, mut has_ids) = (FindUsers::new(), false);
        let mut searches = Vec::with_capacity(lines.len());
        for ReadUser { user, .. } in &lines {
            let before = self.journal.before(&self.journal.key(user));
            let (mut search, mut id) = (user.lookup(), user.provided_id());
            match before {
                Some(Before::Created(..)) => (search, id) = (None, None),
                // Only a search right before the create finds a user of an interrupted create.
                Some(Before::Begun) => search = None,
                Some(Before::Done) | None => {}
            }
            searches.push((search.is_some(), id.is_some()));
            has_ids |= id.is_some();
            find = search.into_iter().fold(find, FindUsers::find);
            find = id.into_iter().fold(find, FindUsers::provided_id);
        }
        let mut found = self.session.search(find, has_ids)?.into_iter();
        let mut next = |is_searched: bool| is_searched.then(|| found.next()).flatten();
        let with =
            |(read, (by_lookup, by_id))| LookedUp { read, searched: next(by_lookup), with_id: next(by_id) };
        Ok(lines.into_iter().zip(searches).map(with).collect())
    }

    fn import(&self, LookedUp { read, searched, with_id }: LookedUp) -> Result<(), Failure> {
        let ReadUser { line, user, .. } = read;
        let key = self.journal.key(&user);
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
        if let Some(found) = searched {
            import = import.searched(found);
        }
        if let Some(found) = with_id {
            import = import.found(found.users().iter().map(|user| &user.id));
        }
        let is_recorded = matches!(before, Some(Before::Created(..)));
        let (state, failure) = match self.calls(line, &key, &mut import, is_recorded) {
            Ok(()) => self.ended(line, import.output(), before == Some(&Before::Begun)),
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
            if operation.is::<SetUserPassword>() {
                self.passwords.fetch_add(1, Ordering::Relaxed);
            }
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
    fn ended(&self, line: u64, imported: Imported, was_begun: bool) -> (State, Option<Failure>) {
        let [created, updated] = self.counts.each_ref().map(Some);
        // No count is that of a user that was left alone.
        let (count, wrong) = match imported {
            Imported::Created { .. } => (created, None),
            // The line is not tried again, as that would create another user.
            Imported::WithoutIdentities { id, missing, .. } => {
                let kinds: Vec<_> = missing.iter().map(IdentityType::as_str).collect();
                let kinds = kinds.join(", ");
                (
                    created,
                    Some(format!("{id} was created, but not these identities: {kinds}. Add them in Kinde")),
                )
            }
            Imported::Updated { .. } => (updated, None),
            Imported::LeftAlone { id, .. } if was_begun => (
                None,
                Some(format!("{id} was left alone, and may come from an interrupted create: {COMPLETE}")),
            ),
            Imported::LeftAlone { .. } => (None, None),
            other => {
                let failure = match other {
                    Imported::Taken { id, .. } => Failure::of_one(format!("{id} {TAKEN}")),
                    Imported::Several { users, .. } => Failure::of_one(format!(
                        "{users} users share the address or id: correct them in Kinde"
                    )),
                    // A search that fails this way may fail for all users.
                    Imported::Mismatch { id, .. } => Failure::new(format!("{}: {LOOK}", mismatch(&id))),
                    Imported::Unfinished => Failure::new(format!("{UNFINISHED}: {LOOK}")),
                    other => Failure::of_one(format!("the import ended with {other:?}")),
                };
                return (State::Failed, Some(failure));
            }
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            self.left_alone.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        (if wrong.is_some() { State::Amiss } else { State::Done }, wrong.map(Failure::of_one))
    }
}

/// Returns how many users were left alone, and their first lines, such as `7 left alone (lines 2,
/// 3, 4, 5, 6 and 2 more)`.
fn alone(lines: &[u64]) -> String {
    let first: Vec<_> = lines.iter().take(5).map(u64::to_string).collect();
    let named = match (first.as_slice(), lines.len() - first.len()) {
        ([], _) => String::new(),
        ([line], _) => format!(" (line {line})"),
        (_, 0) => format!(" (lines {})", first.join(", ")),
        (_, more) => format!(" (lines {} and {more} more)", first.join(", ")),
    };
    format!("{} left alone{named}", lines.len())
}
