//! The form of the tables in `sources/`.

use alloc::string::String;

use crate::draft::Draft;
use crate::rule::Rule;

/// The rules for the files of a system.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The title of a file with its article, such as `a Clerk export`.
    pub(crate) title: &'static str,
    /// Sets of field names. A file that has all names of one set is of this system.
    pub(crate) marks: &'static [&'static [&'static str]],
    pub(crate) fields: &'static [(&'static str, Rule)],
    /// Whether `firstName`, `FirstName`, `first_name` and `First Name` are the same field.
    pub(crate) is_loose: bool,
    /// The hashing method of a hash, if neither the file nor the hash names one.
    pub(crate) method: &'static str,
    /// Whether a contradiction in a record is a mistake, as in Kinde's own form. Other systems have
    /// such records.
    pub(crate) is_strict: bool,
    /// A text that means "no value", such as `NULL`.
    pub(crate) null: Option<&'static str>,
    /// The columns of CSV, if it has no header.
    pub(crate) columns: &'static [&'static str],
    /// A function that runs after all fields of a user are read.
    pub(crate) end: Option<fn(&mut Draft<'_>)>,
}

impl Table {
    /// The values that most systems have.
    pub(crate) const PLAIN: Self = Self {
        name: "",
        title: "",
        marks: &[],
        fields: &[],
        is_loose: false,
        method: "",
        is_strict: false,
        null: None,
        columns: &[],
        end: None,
    };

    pub(crate) fn rule(&self, name: &str) -> Option<Rule> {
        let exact = self.fields.iter().find(|(known, _)| *known == name);
        let found = exact.or_else(|| self.fields.iter().find(|(known, _)| self.is_name(name, known)))?;
        Some(found.1.clone())
    }

    pub(crate) fn is_name(&self, name: &str, known: &str) -> bool {
        if self.is_loose { plain(name) == plain(known) } else { name == known }
    }
}

/// Returns a name in lower case and without separators, for comparison.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
