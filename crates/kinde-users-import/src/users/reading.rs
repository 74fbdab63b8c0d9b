//! Reads one record: its fields become a user by the rules of a mapping.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasher as _, Hash as _, Hasher as _};

use foldhash::fast::{FixedState, FoldHasher};
use kinde_users_core::Problem;

use crate::draft::{Draft, Note};
use crate::error::{ImportError, ImportErrors, ImportProblem, Place};
use crate::json_value::{Node, below};
use crate::mapping::Mapping;
use crate::plan::Plan;
use crate::rule::Rule;
use crate::shown::shown;
use crate::user::ImportUser;

impl Mapping {
    /// Reads a row of CSV, given as pairs of column name and value.
    ///
    /// # Errors
    ///
    /// Returns [`ImportErrors`] with every problem of the row and every value that would be lost.
    /// If this method returns a user, operations can send the user.
    pub fn row<'a>(
        &self,
        columns: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<ImportUser, ImportErrors> {
        let columns =
            columns.into_iter().map(|(name, value)| (Cow::Borrowed(name), Node::Text(value.into())));
        self.record(&columns.collect::<Vec<_>>(), true)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    ///
    /// Returns [`ImportErrors`] with every problem of the object and every value that would be
    /// lost. If this method returns a user, operations can send the user.
    pub fn line(&self, json: &str) -> Result<ImportUser, ImportErrors> {
        match Node::parse(json.trim_start_matches('\u{feff}')) {
            Ok(Node::Object(members)) => self.record(&members, false),
            Ok(_) => Err(ImportErrors(alloc::vec![ImportError::line().because("is not a JSON object")])),
            Err(error) => Err(ImportErrors(alloc::vec![error])),
        }
    }

    fn record(&self, members: &[(Cow<'_, str>, Node<'_>)], is_csv: bool) -> Result<ImportUser, ImportErrors> {
        let mut reading = Reading::new(self);
        let user = reading.record(members.iter().map(|(name, node)| (name.as_ref(), node)), is_csv);
        let mut lost = reading.plan.errors_of_untaken();
        match user {
            Ok(user) if lost.is_empty() => Ok(user),
            Ok(_) => Err(ImportErrors(lost)),
            Err(mut errors) => {
                errors.append(&mut lost);
                Err(ImportErrors(errors))
            }
        }
    }
}

/// Reads records with a mapping, and keeps the plan.
pub(crate) struct Reading<'m> {
    mapping: &'m Mapping,
    pub(crate) plan: Plan,
}

/// Fields that exports of this project have.
const OWN: [&str; 2] = ["total_sign_ins", "failed_sign_ins"];

impl<'m> Reading<'m> {
    pub(crate) fn new(mapping: &'m Mapping) -> Self {
        Self { mapping, plan: Plan::new(mapping.clone()) }
    }

    /// Reads a single record.
    pub(crate) fn record<'n, 'd: 'n>(
        &mut self,
        members: impl Iterator<Item = (&'n str, &'n Node<'d>)>,
        is_csv: bool,
    ) -> Result<ImportUser, Vec<ImportError>> {
        let place = Place { file: 1, line: 1 };
        let mut names: Vec<&str> = Vec::new();
        let mut members: Vec<_> =
            members.map(|(name, node)| (name.trim_start_matches('\u{feff}').trim(), node)).collect();
        let mut doubled = Vec::new();
        members.retain(|(name, _)| {
            let is_first = !names.contains(name);
            if is_first {
                names.push(name);
            } else {
                doubled.push(*name);
            }
            is_first
        });
        let (mut draft, _) = self.draft(members.into_iter(), is_csv, place);
        for name in doubled {
            draft.problem(&shown(name), ImportProblem::Twice, "");
        }
        self.finish(draft, place)
    }

    /// Reads the fields of a record. Also returns a digest of all values that are taken.
    pub(crate) fn draft<'n, 'd: 'n>(
        &mut self,
        members: impl Iterator<Item = (&'n str, &'n Node<'d>)> + Clone,
        is_csv: bool,
        place: Place,
    ) -> (Box<Draft<'m>>, u64) {
        let mut draft = Box::new(Draft::new(&self.mapping.settings, is_csv));
        draft.trusts_names = OWN.iter().all(|own| members.clone().any(|(name, _)| name == *own));
        let mut record =
            Record { place, digest: FixedState::default().build_hasher(), guess: 0, is_member: false };
        for (name, node) in members {
            self.field(&mut draft, &mut record, name, node);
        }
        (draft, record.digest.finish())
    }

    /// Reads a field that another file adds to a record.
    pub(crate) fn add(&mut self, draft: &mut Draft<'m>, name: &str, node: &Node<'_>, place: Place) {
        let mut record =
            Record { place, digest: FixedState::default().build_hasher(), guess: 0, is_member: false };
        self.field(draft, &mut record, name, node);
    }

    pub(crate) fn finish(
        &mut self,
        mut draft: Box<Draft<'m>>,
        place: Place,
    ) -> Result<ImportUser, Vec<ImportError>> {
        if let Some(end) = self.mapping.source.table().end {
            end(&mut draft);
        }
        draft.settle();
        let password = draft.password();
        let (user, mut notes) = draft.finish(password);
        if user.is_err() {
            // These notes count only users that can be imported.
            notes.retain(|note| !matches!(note, Note::Suspended(_) | Note::Unverifiable(_)));
        }
        self.plan.note(notes, place);
        user
    }

    fn field(&mut self, draft: &mut Draft<'m>, record: &mut Record, name: &str, node: &Node<'_>) {
        let at = self.plan.field(record.guess, name);
        record.guess = at + 1;
        let is_null = draft.is_csv && node.raw_text().is_some_and(|text| self.mapping.is_null(text.trim()));
        if is_null || !node.is_value() {
            return;
        }
        let Some((name, rule)) = self.plan.get(at) else { return };
        // In systems whose attributes are lists, most lists have one value.
        let one = match (node, &rule) {
            (Node::List(items), Rule::To(_) | Rule::Flag(..) | Rule::Property(_) | Rule::FeatureFlag(_)) => {
                if let [one] = items.as_slice() {
                    one
                } else {
                    node
                }
            }
            _ => node,
        };
        if !one.is_value() {
            return;
        }
        let mut is_taken = true;
        match rule {
            Rule::To(target) => draft.text(target, &name, one),
            Rule::Or(target) => draft.other(target, &name, node, None),
            Rule::Same(target, reason) => draft.other(target, &name, node, Some(reason)),
            Rule::Flag(target, when) => draft.flag(target, when, &name, one),
            Rule::Several(kind, is_verified) => draft.identities(kind, &name, node, is_verified),
            Rule::Property(key) => draft.property(false, &key, &name, one),
            Rule::FeatureFlag(key) => draft.property(true, &key, &name, one),
            Rule::Read(_, read) => read(draft, &name, node),
            Rule::Deep => return self.deep(draft, record, &name, node),
            Rule::Unknown if node.members().is_some() => return self.deep(draft, record, &name, node),
            Rule::Pairs(key, value) => {
                let after = record.guess;
                for pair in node.items().unwrap_or_default() {
                    match (pair.text_of(key), pair.get(value)) {
                        (Some(key), Some(value)) => self.field(draft, record, &key, value),
                        (Some(_), None) => {}
                        (None, _) => draft.problem(&format!("{name}.{key}"), Problem::Missing, ""),
                    }
                }
                record.guess = after;
                return;
            }
            Rule::Unknown => {
                let reason =
                    if record.is_member { "map it to a property, or ignore it" } else { "unknown field" };
                self.plan.lose(at, reason, record.place);
                is_taken = false;
            }
            Rule::NotTaken(reason) => {
                self.plan.lose(at, reason, record.place);
                is_taken = false;
            }
            Rule::NotTakenUnless(values, reason) => {
                let text = match node {
                    Node::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
                    other => other.text(),
                };
                if !text.is_some_and(|text| values.iter().any(|value| value.eq_ignore_ascii_case(&text))) {
                    self.plan.lose(at, reason, record.place);
                }
                is_taken = false;
            }
            Rule::Idle(_) | Rule::Ignored => is_taken = false,
        }
        self.plan.has_value(at, record.place);
        if is_taken {
            name.hash(&mut record.digest);
            hash(node, &mut record.digest);
        }
    }

    /// Reads each member of an object, or of an object in a text, as a field.
    fn deep(&mut self, draft: &mut Draft<'m>, record: &mut Record, name: &Arc<str>, node: &Node<'_>) {
        let parsed;
        let members = match node {
            Node::Object(members) => members,
            Node::Text(text) => match Node::parse(text) {
                Ok(Node::Object(members)) => {
                    parsed = members;
                    &parsed
                }
                _ => return draft.wrong(name, "is not a JSON object"),
            },
            _ => return draft.wrong(name, "is not a JSON object"),
        };
        let after = record.guess;
        let is_member = core::mem::replace(&mut record.is_member, true);
        for (inner, node) in members {
            self.field(draft, record, &below(name, inner), node);
        }
        record.is_member = is_member;
        // The next field may follow this one or its members.
        record.guess = after.max(record.guess);
    }
}

/// The state of the record that is being read.
struct Record {
    place: Place,
    digest: FoldHasher<'static>,
    /// The index in the plan that the next field probably has.
    guess: usize,
    /// Whether the field is a member of an object, as of metadata.
    is_member: bool,
}

fn hash(node: &Node<'_>, digest: &mut FoldHasher<'static>) {
    match node {
        Node::Null => 0_u8.hash(digest),
        Node::Bool(flag) => flag.hash(digest),
        Node::Whole(number) => number.hash(digest),
        Node::Float(number) => number.to_bits().hash(digest),
        Node::Text(text) => text.hash(digest),
        Node::List(items) => items.iter().for_each(|item| hash(item, digest)),
        Node::Object(members) => {
            for (name, value) in members {
                name.hash(digest);
                hash(value, digest);
            }
        }
    }
}
