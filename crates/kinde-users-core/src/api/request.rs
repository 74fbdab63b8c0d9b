//! From arguments to method, URI and body.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::ops::RangeInclusive;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use serde::Serialize;

use crate::api::operation::{Meta, MetaRef, Operation};
use crate::api::path::{next_place, percent_encode, push_segment};
use crate::error::call::{BuildError, Problem};
use crate::protocol::token::AccessToken;
use crate::types::domain::Domain;
use crate::types::text::check_id;

/// The longest URI, in bytes, that `http::Uri` takes.
const LONGEST_URI: usize = 65_534;

/// Builds the HTTP request of one operation, with no client, tenant or transport.
///
/// A [`Client`](crate::Client) does this by itself. By hand it serves tests, and programs that only sign and send.
///
/// ```
/// use kinde_users_core::operations::GetUserData;
/// use kinde_users_core::{AccessToken, Domain, build_request};
///
/// let domain = Domain::parse("acme")?;
/// let token = AccessToken::new("eyJhbGciOi...")?;
/// let request = build_request(&GetUserData::new("kp:42"), &domain, &token)?;
/// assert_eq!(request.method(), "GET");
/// assert_eq!(request.uri(), "https://acme.kinde.com/api/v1/user?id=kp%3A42");
/// assert!(request.headers()["authorization"].is_sensitive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// A [`BuildError`] names the argument that cannot be sent.
pub fn build_request<O: Operation>(
    operation: &O,
    domain: &Domain,
    token: &AccessToken,
) -> Result<Request<Vec<u8>>, BuildError> {
    Ok(Prepared::new(operation, domain)?.into_request(token))
}

/// Where an operation writes its arguments: path arguments first, then query pairs, then the body.
///
/// Whatever the arguments hold, the request goes to the tenant's host, to the route of the template, with just the
/// pairs that were written: everything but `A-Z a-z 0-9 - . _ ~` is percent-encoded (a space is `%20`), and what
/// percent-encoding does not protect is refused. This also holds behind a proxy that decodes and folds paths.
pub struct RequestWriter<'a> {
    meta: &'a Meta,
    /// Origin, path and query, as far as they are written.
    target: String,
    /// What of the path template is not written yet.
    template: &'static str,
    has_query: bool,
    /// A path argument that was not written before the query.
    missing: Option<&'static str>,
    body: Option<Vec<u8>>,
}

impl RequestWriter<'_> {
    /// Writes the next path argument. It becomes exactly one segment.
    ///
    /// # Errors
    ///
    /// [`Problem::Empty`]; [`Problem::DotSegment`] for `.` and `..`, which servers and proxies fold away;
    /// [`Problem::NotASegment`] for `/`, `\`, `?`, `#` and `;`, which end or split a segment for some of them;
    /// [`Problem::ControlCharacter`] and [`Problem::OuterBlank`]. All of these are refused in percent-encoded form
    /// too, however often it is encoded, because a proxy may decode it. [`Problem::Misplaced`] if `name` is not the
    /// template's next place.
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
    /// [`Problem::Empty`].
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
    /// [`Problem::Empty`], [`Problem::ControlCharacter`] or [`Problem::OuterBlank`], as a line of a file leaves them at
    /// the end of an id.
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
    /// [`Problem::OutOfRange`].
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
        // Digits stand for themselves, and a `String` takes all that is written.
        let _ = write!(self.target, "{value}");
        Ok(())
    }

    /// Writes one query pair whose value is the list, separated by commas; nothing where the list is empty.
    ///
    /// # Errors
    ///
    /// [`Problem::Comma`] and [`Problem::Empty`] for a value that would not come back as one.
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

    /// Makes `body` the JSON body.
    ///
    /// # Errors
    ///
    /// [`Problem::NotJson`] where it has no JSON form, as a map whose keys are no strings.
    pub fn json<T: Serialize>(&mut self, body: &T) -> Result<(), BuildError> {
        let bytes = serde_json::to_vec(body).map_err(|_| self.refuse("body", Problem::NotJson))?;
        self.body = Some(bytes);
        Ok(())
    }

    /// The error that says that `argument` cannot be sent.
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

/// A request without its token: what stays the same over all attempts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Prepared {
    pub(crate) meta: &'static Meta,
    uri: Uri,
    body: Option<Vec<u8>>,
}

impl Prepared {
    pub(crate) fn new<O: Operation>(operation: &O, domain: &Domain) -> Result<Self, BuildError> {
        Self::written(O::META_REF, domain.origin(), |writer| operation.write(writer))
    }

    pub(crate) fn written(
        meta: &'static Meta,
        origin: &str,
        write: impl FnOnce(&mut RequestWriter<'_>) -> Result<(), BuildError>,
    ) -> Result<Self, BuildError> {
        let template = meta.path.as_str();
        // Room for two ids or a few short filters.
        let mut target = String::with_capacity(origin.len() + template.len() + 96);
        target.push_str(origin);
        let mut writer =
            RequestWriter { meta, target, template, has_query: false, missing: None, body: None };
        write(&mut writer)?;
        writer.finish_path();
        if let Some(missing) = writer.missing {
            return Err(writer.refuse(missing, Problem::Misplaced));
        }
        if writer.target.len() > LONGEST_URI {
            return Err(writer.refuse("request", Problem::TooLong { longest: LONGEST_URI }));
        }
        let RequestWriter { target, body, .. } = writer;
        let uri =
            Uri::try_from(target).map_err(|_| BuildError::new(meta.name, "request", Problem::NotAUri))?;
        Ok(Self { meta, uri, body })
    }

    /// Whether the request goes to this domain.
    pub(crate) fn is_for(&self, domain: &Domain) -> bool {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        domain.origin().strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(host)
    }

    /// The request of an attempt.
    pub(crate) fn into_request(self, token: &AccessToken) -> Request<Vec<u8>> {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, token.authorization().clone());
        if self.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if matches!(self.meta.method, Method::POST | Method::PUT | Method::PATCH) {
            // Otherwise some stacks send `transfer-encoding: chunked`, some nothing, which some servers refuse.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = Request::new(self.body.unwrap_or_default());
        *request.method_mut() = self.meta.method.clone();
        *request.uri_mut() = self.uri;
        *request.headers_mut() = headers;
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operation::Replay;
    use crate::api::path::PathTemplate;
    use alloc::string::ToString;
    use alloc::vec;

    /// An operation whose arguments a test writes as it likes.
    struct Free<W>(W);

    impl<W: Fn(&mut RequestWriter<'_>) -> Result<(), BuildError>> Operation for Free<W> {
        const META: Meta = Meta {
            name: "free",
            method: Method::POST,
            path: PathTemplate::new("/a/{one}/b/{two}"),
            scopes: &[],
            success: 200,
            replay: Replay::OnlyIfUnsent,
        };
        type Output = ();

        fn write(&self, request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
            self.0(request)
        }
    }

    fn build(
        write: impl Fn(&mut RequestWriter<'_>) -> Result<(), BuildError>,
    ) -> Result<Request<Vec<u8>>, BuildError> {
        let token = AccessToken::new("t").unwrap();
        build_request(&Free(write), &Domain::parse("acme").unwrap(), &token)
    }

    fn places(request: &mut RequestWriter<'_>) -> Result<(), BuildError> {
        request.path("one", "1")?;
        request.path("two", "2")
    }

    fn problem(write: impl Fn(&mut RequestWriter<'_>) -> Result<(), BuildError>) -> (&'static str, Problem) {
        let error = build(write).unwrap_err();
        (error.argument(), error.problem())
    }

    #[test]
    fn places_are_filled_in_order() {
        assert_eq!(build(places).unwrap().uri(), "https://acme.kinde.com/a/1/b/2");
        assert_eq!(problem(|request| request.path("two", "2")), ("two", Problem::Misplaced));
        assert_eq!(problem(|request| request.path("one", "1")), ("two", Problem::Misplaced));
        assert_eq!(problem(|_| Ok(())), ("one", Problem::Misplaced));
        assert_eq!(
            problem(|request| {
                places(request)?;
                request.path("three", "3")
            }),
            ("three", Problem::Misplaced)
        );
        assert_eq!(
            problem(|request| {
                request.query("q", "1");
                request.path("one", "1")
            }),
            ("one", Problem::Misplaced)
        );
    }

    #[test]
    fn a_query_does_not_hide_a_place_that_was_not_filled() {
        let query_first = problem(|request| {
            request.query("q", "1");
            Ok(())
        });
        assert_eq!(query_first, ("one", Problem::Misplaced));
        let one_is_missing = problem(|request| {
            request.path("one", "1")?;
            request.query("q", "1");
            Ok(())
        });
        assert_eq!(one_is_missing, ("two", Problem::Misplaced));
    }

    #[test]
    fn query_names_and_values_are_encoded_and_lists_joined() {
        let request = build(|request| {
            places(request)?;
            request.query("a b", "c&d");
            request.query("empty", "");
            request.query_list("list", &["1 2", "3"])?;
            request.query_list::<&str>("none", &[])
        });
        assert_eq!(request.unwrap().uri().query(), Some("a%20b=c%26d&empty=&list=1%202%2C3"));
    }

    #[test]
    fn list_values_that_would_split_or_vanish_are_refused() {
        let list = |values: &'static [&'static str]| {
            problem(move |request| {
                places(request)?;
                request.query_list("list", values)
            })
        };
        assert_eq!(list(&["a", "b,c"]), ("list", Problem::Comma));
        assert_eq!(list(&["a", ""]), ("list", Problem::Empty));
        let required = problem(|request| {
            places(request)?;
            request.required_query("id", "")
        });
        assert_eq!(required, ("id", Problem::Empty));
    }

    #[test]
    fn the_longest_uri_that_http_takes_is_built_and_one_byte_more_is_refused() {
        let empty = build(|request| {
            places(request)?;
            request.query("q", "");
            Ok(())
        });
        let room = LONGEST_URI - empty.unwrap().uri().to_string().len();
        let with = |length: usize| {
            build(move |request| {
                places(request)?;
                request.query("q", &"x".repeat(length));
                Ok(())
            })
        };
        assert_eq!(with(room).unwrap().uri().to_string().len(), LONGEST_URI);
        let error = with(room + 1).unwrap_err();
        assert_eq!(error.problem(), Problem::TooLong { longest: LONGEST_URI });
    }

    #[test]
    fn content_headers_tell_what_the_body_is() {
        let bare = build(places).unwrap();
        assert_eq!(bare.headers()["content-length"], "0");
        assert!(!bare.headers().contains_key("content-type"));
        let full = build(|request| {
            places(request)?;
            request.json(&vec![1, 2])
        })
        .unwrap();
        assert_eq!(full.body(), b"[1,2]");
        assert_eq!(full.headers()["content-type"], "application/json");
        assert!(!full.headers().contains_key("content-length"));
    }

    #[test]
    fn a_body_with_no_json_form_is_refused() {
        let keyed = alloc::collections::BTreeMap::from([(vec![1], 1)]);
        let refused = problem(move |request| {
            places(request)?;
            request.json(&keyed)
        });
        assert_eq!(refused, ("body", Problem::NotJson));
    }
}
