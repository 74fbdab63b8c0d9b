//! The plan of an import: what each field, line and user becomes.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::draft::Note;
use crate::error::{ImportError, Place};
use crate::mapping::{Mapping, lost, suggestion};
use crate::rule::Rule;
use crate::shown::shown;
use crate::source::Source;
use crate::target::{Target, When};
use crate::user::ImportUser;

/// The most field names and kinds of problems that are listed. A file has more only if its names
/// are values.
const MOST: usize = 2000;
/// The longest field name that is listed, in bytes.
const LONGEST_NAME: usize = 200;
/// How many `--ignore` options are suggested at most.
const MOST_OPTIONS: usize = 20;
const MORE_NAMES: &str = "(more names)";
/// How many line numbers are listed for each entry.
const NAMED_LINES: usize = 5;

/// Describes an import before it begins: what each field becomes, which lines are not valid, and
/// which users need a new password.
///
/// It grows as [`Users`](crate::Users) are read, and is complete after the last one. `Display`
/// writes it as text for people, with names of fields and no values.
#[derive(Clone)]
pub struct Plan {
    mapping: Mapping,
    fields: Vec<Field>,
    index: BTreeMap<Arc<str>, usize>,
    pub(crate) files: usize,
    pub(crate) lines: u64,
    pub(crate) users: u64,
    pub(crate) merged: u64,
    pub(crate) rejected: u64,
    pub(crate) suspended: u64,
    /// The number of users that only the mapping suspends.
    suspended_by_mapping: u64,
    /// The numbers of users with a password, by hashing method.
    passwords: BTreeMap<&'static str, u64>,
    without_password: Lines,
    /// Users of an Auth0 database without a password. Each has one in Auth0.
    without_hash: Lines,
    /// The keys of properties and of feature flags.
    properties: BTreeSet<String>,
    feature_flags: BTreeSet<String>,
    problems: BTreeMap<String, Lines>,
    changes: BTreeMap<String, Lines>,
    unverifiable: BTreeMap<String, Lines>,
}

/// A field of the files.
#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) rule: Rule,
    /// The lines on which it has a value.
    has: Lines,
    /// The lines on which the value is not taken, for `reason`.
    lost: Lines,
    reason: &'static str,
    /// The number of lines on which it suspends the user.
    suspends: u64,
}

/// The first lines of an entry, and the number of all.
#[derive(Clone, Default)]
struct Lines {
    first: Vec<Place>,
    count: u64,
}

impl Lines {
    fn add(&mut self, place: Place) {
        self.count += 1;
        if self.first.len() < NAMED_LINES {
            self.first.push(place);
        }
    }
}

impl Plan {
    pub(crate) fn new(mapping: Mapping) -> Self {
        Self {
            mapping,
            fields: Vec::new(),
            index: BTreeMap::new(),
            files: 1,
            lines: 0,
            users: 0,
            merged: 0,
            rejected: 0,
            suspended: 0,
            suspended_by_mapping: 0,
            passwords: BTreeMap::new(),
            without_password: Lines::default(),
            without_hash: Lines::default(),
            properties: BTreeSet::new(),
            feature_flags: BTreeSet::new(),
            problems: BTreeMap::new(),
            changes: BTreeMap::new(),
            unverifiable: BTreeMap::new(),
        }
    }

    /// Returns the number of records, valid or not.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the number of users that can be imported.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// Returns the number of lines that are not valid.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Returns the number of lines that repeat a user of an earlier line.
    ///
    /// A file that has a line for each organization of a user contains such lines.
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// Returns the number of users that are imported as suspended.
    pub fn suspended(&self) -> u64 {
        self.suspended
    }

    /// Returns the number of users that are imported with a password.
    pub fn passwords(&self) -> u64 {
        self.passwords.values().sum()
    }

    /// Returns the number of users that are imported without a password, for any reason.
    pub fn without_password(&self) -> u64 {
        self.without_password.count
    }

    /// Returns the number of users whose hash Kinde cannot verify. They will need a new password.
    pub fn unverifiable(&self) -> u64 {
        self.unverifiable.values().map(|lines| lines.count).sum()
    }

    /// Returns the names of the fields with values that are neither imported nor ignored.
    pub fn untaken(&self) -> impl Iterator<Item = &str> {
        self.not_taken().filter(|_| !self.mapping.ignores_rest).map(|field| &*field.name)
    }

    /// Returns `true` if every value is imported, or is left out because the mapping says so.
    ///
    /// Lines that are not valid do not count: see [`rejected`](Self::rejected).
    pub fn loses_nothing(&self) -> bool {
        self.untaken().next().is_none()
            && (self.unverifiable() == 0 || self.mapping.settings.drops_unverifiable)
    }

    fn not_taken(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.lost.count > 0)
    }

    /// Returns the index of a field. `guess` is usually right, as records have their fields in the
    /// same order.
    pub(crate) fn field(&mut self, guess: usize, name: &str) -> usize {
        if self.fields.get(guess).is_some_and(|field| &*field.name == name) {
            return guess;
        }
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        if self.fields.len() >= MOST || name.len() > LONGEST_NAME {
            return self.add_field(MORE_NAMES, Rule::NotTaken("there are too many field names to list"));
        }
        let rule = self.mapping.rule(name.trim());
        self.add_field(name, rule)
    }

    fn add_field(&mut self, name: &str, rule: Rule) -> usize {
        if let Some(at) = self.index.get(name) {
            return *at;
        }
        let (name, at): (Arc<str>, _) = (name.into(), self.fields.len());
        self.index.insert(name.clone(), at);
        let (has, lost) = (Lines::default(), Lines::default());
        self.fields.push(Field { name, rule, has, lost, reason: "", suspends: 0 });
        at
    }

    pub(crate) fn get(&self, at: usize) -> Option<(Arc<str>, Rule)> {
        self.fields.get(at).map(|field| (field.name.clone(), field.rule.clone()))
    }

    pub(crate) fn has_value(&mut self, at: usize, place: Place) {
        if let Some(field) = self.fields.get_mut(at) {
            field.has.add(place);
        }
    }

    pub(crate) fn lose(&mut self, at: usize, reason: &'static str, place: Place) {
        if let Some(field) = self.fields.get_mut(at) {
            field.lost.add(place);
            field.reason = reason;
        }
    }

    /// Counts the notes of a line.
    pub(crate) fn note(&mut self, notes: Vec<Note>, place: Place) {
        for note in notes {
            match note {
                Note::NotTaken(name, reason) => {
                    let parent = name.split(['.', '[']).next().unwrap_or_default();
                    let is_ignored = self.mapping.is_ignored(&name) || self.mapping.is_ignored(parent);
                    let at = match self.index.get(&name) {
                        Some(at) => *at,
                        None if self.fields.len() >= MOST || name.len() > LONGEST_NAME => {
                            self.add_field(MORE_NAMES, Rule::NotTaken(reason))
                        }
                        None if is_ignored => self.add_field(&name, Rule::Ignored),
                        None => self.add_field(&name, Rule::NotTaken(reason)),
                    };
                    if is_ignored {
                        self.has_value(at, place);
                    } else {
                        self.lose(at, reason, place);
                    }
                }
                Note::Suspended(None) => self.suspended_by_mapping += 1,
                Note::Suspended(Some(name)) => {
                    if let Some(field) = self.index.get(&name).and_then(|at| self.fields.get_mut(*at)) {
                        field.suspends += 1;
                    }
                }
                Note::Changed(name, problem) => {
                    count(&mut self.changes, format!("{} {problem}", shown(&name)), place);
                }
                Note::Unverifiable(form) => count(&mut self.unverifiable, form.into_owned(), place),
            }
        }
    }

    /// Counts a user that can be imported.
    pub(crate) fn count_user(&mut self, user: &ImportUser, place: Place) {
        self.users += 1;
        self.suspended += u64::from(user.is_suspended == Some(true));
        // Kinde's own properties exist in each tenant.
        let own = |key: &&str| !key.starts_with("kp_");
        add_keys(&mut self.properties, user.properties.iter().map(|(key, _)| key.as_str()).filter(own));
        add_keys(&mut self.feature_flags, user.feature_flags.iter().map(|(key, _)| key.as_str()));
        if let Some(password) = &user.password {
            *self.passwords.entry(password.hashing_method()).or_default() += 1;
            return;
        }
        self.without_password.add(place);
        let is_of_database = user.provided_id().is_some_and(|id| id.starts_with("auth0|"));
        if is_of_database && self.mapping.source == Source::Auth0 {
            self.without_hash.add(place);
        }
    }

    pub(crate) fn reject(&mut self, errors: &[ImportError], place: Place) {
        self.rejected += 1;
        for error in errors {
            count(&mut self.problems, format!("{error}"), place);
        }
    }

    /// Returns an error for each field whose value would be lost.
    pub(crate) fn errors_of_untaken(&self) -> Vec<ImportError> {
        let lost_fields = self.not_taken().filter(|_| !self.mapping.ignores_rest);
        let mut errors: Vec<_> = lost_fields.map(|field| lost(&shown(&field.name), field.reason)).collect();
        if !self.mapping.settings.drops_unverifiable {
            let hashes = self
                .unverifiable
                .keys()
                .map(|form| lost("hashed_password", &format!("it looks like {form}")));
            errors.extend(hashes);
        }
        errors
    }

    /// Returns the options that ignore the fields that are not taken, ready for a shell.
    fn ignoring(&self) -> String {
        let names: Vec<&str> = self.not_taken().map(|field| field.name.trim()).collect();
        let can_paste = |name: &&str| shown(name) == **name && **name != *MORE_NAMES;
        if names.len() > MOST_OPTIONS || !names.iter().all(can_paste) {
            return "--ignore-rest".to_owned();
        }
        let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        let option = |name: &str| {
            if is_plain(name) && !name.starts_with('-') {
                format!("--ignore {name}")
            } else {
                format!("--ignore='{}'", name.replace('\'', "'\\''"))
            }
        };
        names.into_iter().map(option).collect::<Vec<_>>().join(" ")
    }

    /// Returns the names that the mapping maps or ignores, and that no line has.
    fn unseen(&self) -> impl Iterator<Item = &str> {
        self.mapping.named().filter(|name| {
            let inner = format!("{name}.");
            !self.fields.iter().any(|field| *field.name.trim() == **name || field.name.starts_with(&inner))
        })
    }

    /// Writes the number of lines, and the first of them.
    fn write_lines(&self, f: &mut fmt::Formatter<'_>, lines: &Lines) -> fmt::Result {
        f.write_str(&counted(lines.count, "line"))?;
        if !lines.first.is_empty() {
            f.write_str(": ")?;
            self.write_places(f, lines)?;
        }
        f.write_str(if lines.count > NAMED_LINES as u64 { ", …" } else { "" })
    }

    /// Writes the problems of lines, each with its lines first, as a compiler does.
    fn write_problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problems.is_empty() {
            return Ok(());
        }
        f.write_str("\nNot valid:\n")?;
        let mut problems: Vec<_> = self.problems.iter().collect();
        problems.sort_by_key(|(_, lines)| (core::cmp::Reverse(lines.count), lines.first.first().copied()));
        for (text, lines) in problems {
            f.write_str("  ")?;
            self.write_all_places(f, lines)?;
            // A problem of a whole line begins with that word.
            match text.strip_prefix("line ").map(|rest| (rest, rest.split_once(' '))) {
                Some((_, Some(("is", rest)))) if lines.count > 1 => writeln!(f, " are {rest}")?,
                Some((_, Some(("has", rest)))) if lines.count > 1 => writeln!(f, " have {rest}")?,
                Some((rest, _)) => writeln!(f, " {rest}")?,
                None => writeln!(f, ": {text}")?,
            }
        }
        Ok(())
    }

    /// Writes the first lines and the number of all others, such as `lines 2, 3 and 5 more`.
    fn write_all_places(&self, f: &mut fmt::Formatter<'_>, lines: &Lines) -> fmt::Result {
        f.write_str(if lines.count == 1 { "line " } else { "lines " })?;
        self.write_places(f, lines)?;
        let more = lines.count - lines.first.len() as u64;
        if more > 0 { write!(f, " and {} more", digits(more)) } else { Ok(()) }
    }

    /// Writes how many users keep their password.
    fn write_passwords(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.users == 0 {
            return Ok(());
        }
        write!(f, "\nPasswords: {} of {}", digits(self.passwords()), counted(self.users, "user"))?;
        for (at, (method, users)) in self.passwords.iter().enumerate() {
            write!(f, "{}{method} {}", if at == 0 { " (" } else { ", " }, digits(*users))?;
        }
        f.write_str(if self.passwords.is_empty() { "" } else { ")" })?;
        if self.without_password.count > 0 {
            write!(f, "; without a password: {} (", digits(self.without_password.count))?;
            self.write_all_places(f, &self.without_password)?;
            f.write_str(")")?;
        }
        f.write_str("\n")?;
        if self.without_hash.count > 0 {
            let users = counted(self.without_hash.count, "user");
            let have = if self.without_hash.count == 1 { "has" } else { "have" };
            write!(f, "Warning: {users} of an Auth0 database (`auth0|`) {have} no hash (")?;
            self.write_all_places(f, &self.without_hash)?;
            f.write_str("): give the complete hash export, too\n")?;
        }
        Ok(())
    }

    /// Writes the properties and feature flags that have to exist in Kinde.
    fn write_keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = [
            listed("property", "properties", &self.properties),
            listed("feature flag", "feature flags", &self.feature_flags),
        ];
        let keys: Vec<_> = keys.into_iter().flatten().collect();
        if keys.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nCreate in Kinde before the import: {}", keys.join("; "))
    }

    fn write_places(&self, f: &mut fmt::Formatter<'_>, lines: &Lines) -> fmt::Result {
        for (at, place) in lines.first.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, place.line)?;
            let is_last_of_file = lines.first.get(at + 1).is_none_or(|next| next.file != place.file);
            if self.files > 1 && is_last_of_file {
                write!(f, " of file {}", place.file)?;
            }
        }
        Ok(())
    }

    fn write_groups(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        groups: &BTreeMap<String, Lines>,
    ) -> fmt::Result {
        if groups.is_empty() {
            return Ok(());
        }
        let mut groups: Vec<_> = groups.iter().collect();
        groups.sort_by_key(|(_, lines)| core::cmp::Reverse(lines.count));
        write!(f, "\n{title}\n")?;
        for (text, lines) in groups {
            write!(f, "  {text} (")?;
            self.write_lines(f, lines)?;
            f.write_str(")\n")?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.mapping.source.table().title;
        write!(
            f,
            "{} of {title}: {} can be imported",
            counted(self.lines, "record"),
            counted(self.users, "user")
        )?;
        if self.rejected > 0 {
            let are = if self.rejected == 1 { "is" } else { "are" };
            write!(f, ", {} {are} not valid", counted(self.rejected, "record"))?;
        }
        if self.merged > 0 {
            let are = if self.merged == 1 { "repeats a user" } else { "repeat users" };
            write!(f, ", {} {are}", counted(self.merged, "record"))?;
        }
        f.write_str(".\n")?;

        let taken = |field: &&Field| field.has.count > 0 && becomes(&field.rule).is_some();
        let width = self.fields.iter().filter(taken).map(|field| shown(&field.name).chars().count()).max();
        let width = width.unwrap_or(0).min(40);
        if self.fields.iter().any(|field| taken(&field)) {
            f.write_str("\nThe fields become:\n")?;
        }
        for field in self.fields.iter().filter(taken) {
            let lines = counted(field.has.count, "line");
            writeln!(
                f,
                "  {:width$}  {} ({lines})",
                shown(&field.name),
                becomes(&field.rule).unwrap_or_default()
            )?;
        }

        let mut is_begun = false;
        for field in self.not_taken() {
            if !is_begun {
                f.write_str(if self.mapping.ignores_rest {
                    "\nNot imported, and ignored with --ignore-rest:\n"
                } else {
                    "\nNot imported. Map or ignore each of these fields to begin the import:\n"
                })?;
                is_begun = true;
            }
            write!(f, "  {}: {} (", shown(&field.name), field.reason)?;
            self.write_lines(f, &field.lost)?;
            f.write_str(")")?;
            let target = suggestion(&field.name).filter(|_| matches!(field.rule, Rule::Unknown));
            match target {
                Some(target) => {
                    writeln!(f, "; did you mean `{target}`? --map '{}={target}'", shown(&field.name))?;
                }
                None => f.write_str("\n")?,
            }
        }
        if is_begun && !self.mapping.ignores_rest {
            writeln!(f, "To leave all of them out: {}", self.ignoring())?;
        }
        let idle =
            |field: &&Field| field.has.count > 0 && matches!(field.rule, Rule::Idle(_) | Rule::Ignored);
        if self.fields.iter().any(|field| idle(&field)) {
            f.write_str("\nIgnored:\n")?;
        }
        for field in self.fields.iter().filter(idle) {
            let why = if let Rule::Idle(why) = field.rule { why } else { "as you asked" };
            writeln!(f, "  {}: {why} ({})", shown(&field.name), counted(field.has.count, "line"))?;
        }
        let unseen: Vec<_> = self.unseen().map(shown).collect();
        if !unseen.is_empty() {
            writeln!(f, "\nYou map or ignore these fields, but no line has them: {}", unseen.join(", "))?;
        }

        self.write_passwords(f)?;
        if self.suspended > 0 {
            write!(f, "\nSuspended: {}", counted(self.suspended, "user"))?;
            let fields = self.fields.iter().map(|field| (shown(&field.name), field.suspends));
            let by = fields
                .chain([("--suspend".into(), self.suspended_by_mapping)])
                .filter(|(_, users)| *users > 0);
            for (at, (name, users)) in by.enumerate() {
                write!(f, "{}{name} {users}", if at == 0 { " (" } else { ", " })?;
            }
            f.write_str(")\n")?;
        }
        self.write_keys(f)?;
        if !self.unverifiable.is_empty() {
            let title = format!(
                "Kinde cannot verify these hashes: {} will need a new password{}:",
                counted(self.unverifiable(), "user"),
                if self.mapping.settings.drops_unverifiable {
                    ""
                } else {
                    ". Use --drop-unverifiable to begin the import"
                }
            );
            self.write_groups(f, &title, &self.unverifiable)?;
        }
        self.write_groups(f, "These problems were repaired:", &self.changes)?;
        self.write_problems(f)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, users, rejected, .. } = self;
        write!(f, "Plan({lines} lines, {users} users, {rejected} rejected)")
    }
}

/// Adds keys, which are mostly known.
fn add_keys<'k>(known: &mut BTreeSet<String>, keys: impl Iterator<Item = &'k str>) {
    for key in keys {
        if known.len() < MOST && !known.contains(key) {
            known.insert(key.to_owned());
        }
    }
}

/// Returns the kind and the first of its keys, such as "properties `plan`, `team`".
fn listed(one: &str, several: &str, keys: &BTreeSet<String>) -> Option<String> {
    let first: Vec<_> = keys.iter().take(MOST_OPTIONS).map(|key| format!("`{}`", shown(key))).collect();
    let more = keys.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let kind = if keys.len() == 1 { one } else { several };
    (!keys.is_empty()).then(|| format!("{kind} {}{more}", first.join(", ")))
}

fn count(groups: &mut BTreeMap<String, Lines>, text: String, place: Place) {
    let text =
        if groups.len() < MOST || groups.contains_key(&text) { text } else { "other problems".to_owned() };
    groups.entry(text).or_default().add(place);
}

fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", digits(count), if count == 1 { "" } else { "s" })
}

/// Writes a number in groups of three digits, as people read them.
fn digits(number: u64) -> String {
    let digits = format!("{number}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns what a field becomes, in words, or `None` if it becomes nothing.
fn becomes(rule: &Rule) -> Option<Cow<'static, str>> {
    Some(match rule {
        Rule::To(target) | Rule::Flag(target, When::True) => target.says().into(),
        Rule::Or(target) => format!("{}, if no other field has it", target.says()).into(),
        Rule::Flag(Target::Suspended, When::Present) => {
            "whether the user is suspended (if it has a value)".into()
        }
        Rule::Flag(Target::Suspended, When::Later) => {
            "whether the user is suspended (if the time is not past)".into()
        }
        Rule::Flag(Target::Suspended, When::Is(values)) => {
            format!("whether the user is suspended ({})", values.join(", ")).into()
        }
        Rule::Flag(target, When::Present) => format!("{} (if it has a value)", target.says()).into(),
        Rule::Flag(target, _) => format!("{} (if it is false)", target.says()).into(),
        Rule::Several(kind, is_verified) => {
            let kind = match kind.name() {
                "email" => "email addresses",
                "phone" => "phone numbers",
                _ => "user names",
            };
            match is_verified {
                Some(true) => format!("verified {kind}").into(),
                Some(false) => format!("{kind} that are not verified").into(),
                None => kind.into(),
            }
        }
        Rule::Property(key) => format!("the property `{key}`").into(),
        Rule::FeatureFlag(key) => format!("the feature flag `{key}`").into(),
        Rule::Read(says, _) => (*says).into(),
        Rule::Same(..)
        | Rule::Deep
        | Rule::Pairs(..)
        | Rule::NotTaken(_)
        | Rule::NotTakenUnless(..)
        | Rule::Idle(_)
        | Rule::Unknown
        | Rule::Ignored => return None,
    })
}
