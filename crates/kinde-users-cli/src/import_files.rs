//! Reads the files of an import, and reports the plan before the first call.

use std::fmt::{self, Display};
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kinde_users::Problem;
use kinde_users::import::{ImportProblem, Mapping, Plan, Rejected, Source, Users};
use serde_json::{Value, json};

use crate::errors_file::ErrorsFile;
use crate::failure::Failure;
use crate::output::{Output, counted, warn};
use crate::private_files::regular;
use crate::text_file;

/// The options that define how files are read.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate option")]
pub(crate) struct Reading {
    /// The files. Several files are read one after the other, as if they were one file. For Auth0,
    /// the password hashes are added to the users with the same id
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The system that the files come from [default: kinde]
    #[arg(long, value_name = "SOURCE", value_parser = source())]
    from: Option<Source>,

    /// Import a field as something else, such as `Given Name=first_name` or
    /// `plan=property:plan`. The option can be repeated. A field can become `email`,
    /// `email_verified`, `phone`, `phone_verified`, `username`, `provided_id` (or `id`),
    /// `first_name`, `last_name`, `full_name`, `picture`, `is_suspended`, `hashed_password`,
    /// `hashing_method`, `salt`, `salt_position`, `salt_format`, `variant`, `iterations`,
    /// `signer_key`, `salt_separator`, `rounds`, `mem_cost`, `property:KEY` or `feature_flag:KEY`
    #[arg(long, value_name = "FIELD=TARGET", value_parser = pair, help_heading = FIELDS)]
    map: Vec<(String, String)>,

    /// Leave out a field. The option can be repeated
    #[arg(long, value_name = "FIELD", help_heading = FIELDS)]
    ignore: Vec<String>,

    /// Leave out all fields that cannot be imported; the plan lists them
    #[arg(long, alias = "leave-out", help_heading = FIELDS)]
    ignore_rest: bool,

    /// A text that means no value in CSV, such as `NULL`. The option can be repeated
    #[arg(long, value_name = "TEXT", help_heading = FIELDS)]
    null: Vec<String>,

    /// Repair addresses, phone numbers and user names, such as `mailto:ada@example.com`, if it is
    /// clear what they should be. The plan lists the repaired lines
    #[arg(long, help_heading = FIELDS)]
    clean: bool,

    /// Import the valid lines, leave out those that are not valid, and exit with code 3
    #[arg(long, help_heading = LINES)]
    skip_invalid: bool,

    /// Write all wrong lines to this file, as they are. The column or member `import_error` has
    /// the reasons. Correct the file and import it
    #[arg(long, value_name = "FILE", help_heading = LINES)]
    errors: Option<PathBuf>,

    /// Import all users as suspended, except those that the file says are not suspended. To lift
    /// the suspension, import `is_suspended` as `false` with --update
    #[arg(long, help_heading = LINES)]
    suspend: bool,

    /// Create the users as members of this organization
    #[arg(long, value_name = "CODE", help_heading = LINES)]
    organization: Option<String>,

    /// If Kinde cannot verify the password hash of a user, import the user, but not the password.
    /// Such users need a new password
    #[arg(long, help_heading = PASSWORDS)]
    drop_unverifiable: bool,

    /// The format of all salts for which the file does not give one
    #[arg(long, value_name = "FORMAT", value_parser = ["string", "hex", "base64"], help_heading = PASSWORDS)]
    salt_format: Option<String>,

    /// The position of all salts for which the file does not give one
    #[arg(long, value_name = "POSITION", value_parser = ["prefix", "suffix"], help_heading = PASSWORDS)]
    salt_position: Option<String>,

    /// The variant of all PBKDF2 hashes for which the file does not give one
    #[arg(long, value_name = "VARIANT", value_parser = VARIANTS, help_heading = PASSWORDS)]
    pbkdf2_variant: Option<String>,

    /// The iterations of all PBKDF2 hashes for which the file does not give any. Needs
    /// --pbkdf2-variant. By default, Kinde assumes 24000
    #[arg(long, value_name = "N", requires = "pbkdf2_variant", help_heading = PASSWORDS)]
    pbkdf2_iterations: Option<u32>,

    /// JSON file of the hash parameters of a Firebase project, with the names that its console
    /// shows
    #[arg(long, value_name = "FILE", help_heading = PASSWORDS)]
    firebase: Option<PathBuf>,
}

const FIELDS: &str = "Fields and values";
const LINES: &str = "Users and lines";
const PASSWORDS: &str = "Passwords";
const VARIANTS: [&str; 3] =
    ["salted-pbkdf2-hmac-sha256", "salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"];

fn source() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(Source::ALL.map(Source::name)).try_map(|name| name.parse::<Source>())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (field, target) = text.rsplit_once('=').ok_or("expected FIELD=TARGET")?;
    // Checked here so that the error lists the targets before any file is read.
    drop(Mapping::new(Source::Kinde).map(field, target).map_err(|error| error.to_string())?);
    Ok((field.to_owned(), target.to_owned()))
}

impl Reading {
    /// Returns the first file. The journal is beside it by default.
    pub(crate) fn file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Returns the mapping that the options describe.
    ///
    /// # Errors
    ///
    /// Fails if no source is named and a file looks like one of another system, or if the file of
    /// hash parameters is not valid.
    pub(crate) fn mapping(&self) -> Result<Mapping, Failure> {
        let source = match self.from {
            Some(source) => source,
            None => self.recognized()?,
        };
        let mut mapping = Mapping::new(source).now(jiff::Timestamp::now().to_string());
        for (field, target) in &self.map {
            mapping = mapping.map(field, target).map_err(|error| Failure::input(error.to_string()))?;
        }
        for field in &self.ignore {
            mapping = mapping.ignore(field);
        }
        for text in &self.null {
            mapping = mapping.null(text);
        }
        if self.ignore_rest {
            mapping = mapping.ignore_rest();
        }
        if self.clean {
            mapping = mapping.clean();
        }
        if self.drop_unverifiable {
            mapping = mapping.drop_unverifiable();
        }
        if self.suspend {
            mapping = mapping.suspended();
        }
        if let Some(code) = &self.organization {
            mapping = mapping.organization(code.as_str());
        }
        if let Some(format) = &self.salt_format {
            mapping = mapping.salt_format(format);
        }
        if let Some(position) = &self.salt_position {
            mapping = mapping.salt_position(position);
        }
        if let Some(variant) = &self.pbkdf2_variant {
            mapping = mapping.pbkdf2(variant, self.pbkdf2_iterations);
        }
        if let Some(path) = &self.firebase {
            let names = "base64_signer_key, base64_salt_separator, rounds and mem_cost";
            let wrong = |_| Failure::file(path, format_args!("expected a JSON object with {names}"));
            mapping = mapping.firebase(serde_json::from_str(&text_file::read(path)?).map_err(wrong)?);
        }
        Ok(mapping)
    }

    /// Returns Kinde as the source, unless a file looks like one of another system. Such a file is
    /// read only if the user names the system.
    fn recognized(&self) -> Result<Source, Failure> {
        for path in &self.files {
            let source = Source::of_file(open(path)?).map_err(|error| Failure::file(path, error))?;
            if let Some(source) = source.filter(|source| *source != Source::Kinde) {
                let what = format!("this looks like {}: --from {source}", source.title());
                return Err(Failure::file(path, what));
            }
        }
        Ok(Source::Kinde)
    }

    /// Returns the users of the files one by one, so that one is in memory at a time.
    ///
    /// # Errors
    ///
    /// Fails if a file or its header cannot be read.
    pub(crate) fn users<'a>(&self, mapping: &'a Mapping) -> Result<Users<'a>, Failure> {
        let files = self.files.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        mapping.users(files).map_err(|error| {
            let path = self.files.get(error.file().wrapping_sub(1)).map_or(self.file(), PathBuf::as_path);
            Failure::file(path, error)
        })
    }

    /// Reads all lines, prints the plan, and returns the number of users and of lines that are
    /// left out. In a dry run, the plan is always on standard output.
    ///
    /// # Errors
    ///
    /// Fails if there is no user, if a file cannot be read to its end, if a value would be lost
    /// that no option ignores, or if a line is not valid and no option leaves such lines out.
    pub(crate) fn check(
        &self,
        mut users: Users<'_>,
        is_dry_run: bool,
        output: Output,
    ) -> Result<(u64, u64), Failure> {
        let mut errors = self.errors.as_ref().map(|path| ErrorsFile::new(path)).transpose()?;
        let mut hints = Hints::default();
        while let Some(read) = users.next() {
            let Err(rejected) = read else { continue };
            hints.add(&rejected);
            if let Some(errors) = &mut errors {
                errors.write(&rejected, &users)?;
            }
        }
        let plan = users.plan();
        if plan.lines() == 0 {
            return Err(Failure::input("there are no users in the files"));
        }
        let failure = self.failure(plan, &hints);
        let (text, json) = (plan.to_string(), plan_json(plan));
        match failure {
            // The plan says why the import does not begin.
            Some(_) if !is_dry_run => {
                warn(text.trim_end());
                output.json(&json)?;
            }
            Some(_) => output.result(&json, text.trim_end())?,
            None => output.tell(&json, text.trim_end())?,
        }
        if let Some(errors) = errors {
            errors.end(output)?;
        }
        failure.map_or(Ok((plan.users(), plan.rejected())), Err)
    }

    /// Returns the reason why the import cannot begin, if there is one.
    fn failure(&self, plan: &Plan, hints: &Hints) -> Option<Failure> {
        let nothing = |what: String| Some(Failure::input(format!("{what}; nothing was imported")));
        if plan.is_cut() {
            return nothing("a file cannot be read to its end: get a complete copy".to_owned());
        }
        if plan.untaken().next().is_some() {
            return nothing("some fields are not imported: use --map, --ignore or --ignore-rest".to_owned());
        }
        if !plan.loses_nothing() {
            let users = counted(plan.unverifiable(), "user");
            return nothing(format!(
                "Kinde cannot verify the password hashes of {users}: --drop-unverifiable imports them without a password"
            ));
        }
        if plan.rejected() > 0 && (!self.skip_invalid || plan.users() == 0) {
            let lines = counted(plan.rejected(), "line");
            let are = if plan.rejected() == 1 { "is" } else { "are" };
            let skip = if plan.users() == 0 { "" } else { ", --skip-invalid leaves them out" };
            let how = match &self.errors {
                Some(path) => format!("correct and import {}{skip}", path.display()),
                None => format!("--errors FILE writes such lines to a file{skip}"),
            };
            return nothing(format!("{lines} {are} not valid{hints}: {how}"));
        }
        None
    }
}

fn plan_json(plan: &Plan) -> Value {
    json!({
        "lines": plan.lines(), "users": plan.users(), "not_valid": plan.rejected(), "repeated": plan.merged(),
        "suspended": plan.suspended(), "passwords": plan.passwords(),
        "without_password": plan.without_password(), "unverifiable": plan.unverifiable(),
        "not_imported": plan.untaken().collect::<Vec<_>>(),
    })
}

/// Opens a file that can be read more than once.
fn open(path: &Path) -> Result<File, Failure> {
    regular(path)?;
    File::open(path).map_err(|error| Failure::file(path, error))
}

/// The options that set what lines lack.
#[derive(Default)]
struct Hints(Vec<&'static str>);

impl Hints {
    fn add(&mut self, rejected: &Rejected) {
        for error in &rejected.errors {
            let name = error.field().rsplit('.').next().unwrap_or_default();
            let option = match (name, error.problem()) {
                ("signer_key", ImportProblem::Argument(Problem::Missing)) => "--firebase",
                ("variant", ImportProblem::Argument(Problem::Missing)) => "--pbkdf2-variant",
                ("salt_position", ImportProblem::Argument(Problem::Missing)) => "--salt-position",
                _ => continue,
            };
            if !self.0.contains(&option) {
                self.0.push(option);
            }
        }
    }
}

impl Display for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (see {})", self.0.join(", ")) }
    }
}

impl Display for Reading {
    /// Writes the options that change what is imported.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--from {}", self.from.unwrap_or(Source::Kinde))?;
        let iterations = self.pbkdf2_iterations.map(|iterations| iterations.to_string());
        let map = self.map.iter().map(|(field, target)| ("--map", format!("{field}={target}")));
        let given = [
            ("--salt-format", &self.salt_format),
            ("--salt-position", &self.salt_position),
            ("--pbkdf2-variant", &self.pbkdf2_variant),
            ("--pbkdf2-iterations", &iterations),
            ("--organization", &self.organization),
        ];
        let given = given.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
        let ignored = self.ignore.iter().map(|field| ("--ignore", field.clone()));
        let nulls = self.null.iter().map(|text| ("--null", text.clone()));
        for (name, text) in map.chain(ignored).chain(nulls).chain(given) {
            let is_plain = text.chars().all(|c| c.is_alphanumeric() || "_-.=:".contains(c));
            if is_plain { write!(f, " {name} {text}")? } else { write!(f, " {name} '{text}'")? }
        }
        let flags = [
            (self.firebase.is_some(), "--firebase FILE"),
            (self.suspend, "--suspend"),
            (self.ignore_rest, "--ignore-rest"),
            (self.clean, "--clean"),
            (self.drop_unverifiable, "--drop-unverifiable"),
        ];
        flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, name)| write!(f, " {name}"))
    }
}
