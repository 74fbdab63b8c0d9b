//! The text of a plan.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Field, Lines, MORE_NAMES, NAMED_LINES, Plan};
use crate::mapping::suggestion;
use crate::rule::Rule;
use crate::shown::shown;
use crate::target::{Target, When};

/// How many `--ignore` options are suggested, and how many keys are listed, at most.
const MOST_OPTIONS: usize = 20;

impl Plan {
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

    /// Writes how many users keep their password, and who cannot sign in.
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
            if self.unverifiable() > 0 {
                write!(f, ", {} with a hash that Kinde cannot verify", digits(self.unverifiable()))?;
            }
        }
        f.write_str("\n")?;
        if self.without_hash.count > 0 {
            let users = counted(self.without_hash.count, "user");
            let have = if self.without_hash.count == 1 { "has" } else { "have" };
            write!(f, "Warning: {users} of an Auth0 database (`auth0|`) {have} no hash (")?;
            self.write_all_places(f, &self.without_hash)?;
            f.write_str("): give the complete hash export, too\n")?;
        }
        if self.without_identity.count > 0 {
            let users = counted(self.without_identity.count, "user");
            let have = if self.without_identity.count == 1 { "has" } else { "have" };
            write!(f, "{users} {have} nothing to sign in with (")?;
            self.write_all_places(f, &self.without_identity)?;
            f.write_str(")\n")?;
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
        if self.merged.count > 0 {
            let are = if self.merged.count == 1 { "repeats a user" } else { "repeat users" };
            write!(f, ", {} {are} (", counted(self.merged.count, "record"))?;
            self.write_all_places(f, &self.merged)?;
            f.write_str(")")?;
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

/// Returns the kind and the first of its keys, such as "properties `plan`, `team`".
fn listed(one: &str, several: &str, keys: &BTreeSet<String>) -> Option<String> {
    let first: Vec<_> = keys.iter().take(MOST_OPTIONS).map(|key| format!("`{}`", shown(key))).collect();
    let more = keys.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let kind = if keys.len() == 1 { one } else { several };
    (!keys.is_empty()).then(|| format!("{kind} {}{more}", first.join(", ")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_written_in_groups_of_three_digits() {
        for (number, text) in
            [(0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(digits(number), text);
        }
    }
}
