//! Writes the arguments of an operation into a URI and a body.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::ops::RangeInclusive;

use serde::Serialize;

use crate::api::meta::Meta;
use crate::api::path::{next_place, percent_encode, push_segment};
use crate::types::build_error::{BuildError, Problem};
use crate::types::check_id::check_id;

/// Writes the arguments of an operation into its request: first the path arguments, then the query
/// pairs, then the body.
///
/// Whatever the arguments are, the request reaches the endpoint of the template at the host of the
/// tenant, with exactly the query pairs that were written. All characters except
/// `A-Z a-z 0-9 - . _ ~` are percent-encoded (a space is `%20`). Values that percent-encoding does
/// not protect are refused. This holds even behind a proxy that decodes and normalizes paths.
pub struct RequestWriter<'a> {
    meta: &'a Meta,
    /// The origin, path and query written so far.
    pub(super) target: String,
    /// The rest of the path template.
    template: &'static str,
    has_query: bool,
    /// A path argument that was not written before the query.
    missing: Option<&'static str>,
    pub(super) body: Option<Vec<u8>>,
}

impl<'a> RequestWriter<'a> {
    #[inline]
    pub(super) fn new(meta: &'a Meta, origin: &str) -> Self {
        let template = meta.path.as_str();
        // Room for two ids or a few short filters.
        let mut target = String::with_capacity(origin.len() + template.len() + 96);
        target.push_str(origin);
        Self { meta, target, template, has_query: false, missing: None, body: None }
    }

    /// Finishes the target. It is an error if a path argument is missing.
    #[inline]
    pub(super) fn finish(&mut self) -> Result<(), BuildError> {
        self.finish_path();
        match self.missing {
            Some(missing) => Err(self.refuse(missing, Problem::Misplaced)),
            None => Ok(()),
        }
    }

    /// Writes the next path argument. The argument becomes exactly one segment.
    ///
    /// # Errors
    ///
    /// - [`Problem::Empty`];
    /// - [`Problem::DotSegment`] for `.` and `..`, which servers and proxies normalize;
    /// - [`Problem::NotASegment`] for `/`, `\`, `?`, `#` and `;`, which end or split a segment for
    ///   some servers and proxies;
    /// - [`Problem::ControlCharacter`] and [`Problem::OuterBlank`];
    /// - [`Problem::Misplaced`] if `name` is not the next place of the template.
    ///
    /// These values are also refused in percent-encoded form, however often they are encoded,
    /// because a proxy may decode them.
    pub fn path(&mut self, name: &'static str, value: &str) -> Result<(), BuildError> {
        let place = next_place(self.template).filter(|(_, expected, _)| *expected == name);
        let Some((before, _, after)) = place else {
            return Err(self.refuse(name, Problem::Misplaced));
        };
        self.target.push_str(before);
        push_segment(value, &mut self.target).map_err(|problem| self.refuse(name, problem))?;
        self.template = after;
        Ok(())
    }

    /// Writes one query pair.
    pub fn query(&mut self, name: &'static str, value: &str) {
        self.query_name(name);
        percent_encode(value, &mut self.target);
    }

    /// Writes one query pair whose value must not be empty.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::Empty`] if `value` is empty.
    pub fn required_query(&mut self, name: &'static str, value: &str) -> Result<(), BuildError> {
        if value.is_empty() {
            return Err(self.refuse(name, Problem::Empty));
        }
        self.query(name, value);
        Ok(())
    }

    /// Writes one query pair whose value is an id.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::Empty`], [`Problem::ControlCharacter`] or [`Problem::OuterBlank`]. For
    /// instance, an id that was read from a line of a file may end with such a character.
    pub fn id_query(&mut self, name: &'static str, value: &str) -> Result<(), BuildError> {
        check_id(value).map_err(|problem| self.refuse(name, problem))?;
        self.query(name, value);
        Ok(())
    }

    /// Writes one query pair whose value is `true` or `false`.
    pub fn bool_query(&mut self, name: &'static str, value: bool) {
        self.query(name, if value { "true" } else { "false" });
    }

    /// Writes one query pair whose value is a number.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::OutOfRange`] if `value` is not in `range`.
    pub fn number_query(
        &mut self,
        name: &'static str,
        value: u32,
        range: RangeInclusive<u32>,
    ) -> Result<(), BuildError> {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            return Err(self.refuse(name, Problem::OutOfRange { least, most }));
        }
        self.query_name(name);
        // Digits need no encoding, and writing to a `String` does not fail.
        let _ = write!(self.target, "{value}");
        Ok(())
    }

    /// Writes one query pair whose value is the list, separated by commas. Writes nothing for an
    /// empty list.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::Comma`] or [`Problem::Empty`] for a value that would not be read as one
    /// value.
    pub fn query_list<T: AsRef<str>>(&mut self, name: &'static str, values: &[T]) -> Result<(), BuildError> {
        for (index, value) in values.iter().map(AsRef::as_ref).enumerate() {
            if value.is_empty() {
                return Err(self.refuse(name, Problem::Empty));
            }
            if value.bytes().any(|byte| byte == b',') {
                return Err(self.refuse(name, Problem::Comma));
            }
            if index == 0 {
                self.query_name(name);
            } else {
                self.target.push_str("%2C");
            }
            percent_encode(value, &mut self.target);
        }
        Ok(())
    }

    /// Writes `body` as the JSON body.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::NotJson`] if `body` has no JSON form. An example is a map whose keys are
    /// not strings.
    pub fn json<T: Serialize>(&mut self, body: &T) -> Result<(), BuildError> {
        let bytes = serde_json::to_vec(body).map_err(|_| self.refuse("body", Problem::NotJson))?;
        self.body = Some(bytes);
        Ok(())
    }

    /// Returns the error for an argument that cannot be sent.
    pub fn refuse(&self, argument: &'static str, problem: Problem) -> BuildError {
        BuildError::new(self.meta.name, argument, problem)
    }

    fn query_name(&mut self, name: &str) {
        if self.has_query {
            self.target.push('&');
        } else {
            self.finish_path();
            self.target.push('?');
            self.has_query = true;
        }
        percent_encode(name, &mut self.target);
        self.target.push('=');
    }

    fn finish_path(&mut self) {
        self.missing = self.missing.or(next_place(self.template).map(|(_, name, _)| name));
        self.target.push_str(self.template);
        self.template = "";
    }
}
