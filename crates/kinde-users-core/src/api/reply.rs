//! Replies, and how they are read.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_path_to_error::Segment;

use crate::api::decode_error::{DecodeCategory, DecodeError};
use crate::api::meta::Meta;
use crate::api::operation::{MetaRef, Operation};
use crate::types::json::{self, Repaired, Unread};

/// A reply to an operation: the status, the headers and the body.
///
/// You can read the body of a reply as the output of the operation, or as any other type:
///
/// ```
/// use kinde_users::operations::GetUsers;
/// use kinde_users::{Reply, Text};
/// use serde::Deserialize;
///
/// let body = br#"{"code":"OK","users":[{"id":"kp_1","email":"ada@example.com","shoe_size":38}],"next_token":null}"#;
/// let reply = Reply::new::<GetUsers>(http::Response::new(body.to_vec()));
///
/// let page = reply.parse::<GetUsers>()?;
/// assert_eq!(page.users[0].email(), Some("ada@example.com"));
///
/// // Your own model can borrow from the body, and has only the fields that you need.
/// #[derive(Deserialize)]
/// struct Page<'a> {
///     #[serde(borrow)]
///     users: Option<Vec<Row<'a>>>,
/// }
/// #[derive(Deserialize)]
/// struct Row<'a> {
///     #[serde(borrow)]
///     id: Text<'a>,
/// }
/// let page: Page<'_> = reply.parse_as()?;
/// assert!(page.users.unwrap()[0].id.is_borrowed());
///
/// // Fields that the service sends and the model does not have.
/// assert_eq!(reply.unknown_fields::<GetUsers>()?, ["users[0].shoe_size"]);
/// # Ok::<(), kinde_users::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    operation: &'static Meta,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    repaired: Repaired,
}

impl Reply {
    /// Creates a reply to operation `O` from a response.
    pub fn new<O: Operation>(response: Response<Vec<u8>>) -> Self {
        Self::of(O::META_REF, response)
    }

    pub(crate) fn of(operation: &'static Meta, response: Response<Vec<u8>>) -> Self {
        let (parts, body) = response.into_parts();
        Self { operation, status: parts.status, headers: parts.headers, body, repaired: Repaired::default() }
    }

    /// Returns the operation that the service answered.
    pub fn operation(&self) -> &'static Meta {
        self.operation
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the HTTP headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the ids that the service and its proxies gave the request. Each item is the name of
    /// a header and its value. Quote these ids in a support case.
    ///
    /// ```
    /// use kinde_users::Reply;
    /// use kinde_users::operations::DeleteUser;
    ///
    /// let response = http::Response::builder().header("cf-ray", "8f1c2d3e4f5a6b7c-MEL").body(Vec::new())?;
    /// let reply = Reply::new::<DeleteUser>(response);
    /// assert_eq!(reply.request_ids().collect::<Vec<_>>(), [("cf-ray", "8f1c2d3e4f5a6b7c-MEL")]);
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        request_ids(&self.headers)
    }

    /// Returns the bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the bytes of the body, owned.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Reads the body as the output of operation `O`.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] that says where the body does not fit the output, or that the
    /// status is not a success ([`DecodeCategory::NotSuccess`]).
    pub fn parse<O: Operation>(&self) -> Result<O::Output, DecodeError> {
        if !self.status.is_success() {
            let category = DecodeCategory::NotSuccess;
            return Err(DecodeError { path: Box::default(), line: 1, column: 0, category });
        }
        self.parse_as()
    }

    /// Reads the body as any type, whatever the status. The type may borrow from the body. An empty
    /// body is read as `null`.
    ///
    /// If the body cannot be read, it is repaired and read again. So a page of a list is not lost
    /// because one value is broken. These are the repairs:
    ///
    /// - In strings, an unpaired surrogate (`\ud83d`, half an emoji) and bytes that are not UTF-8
    ///   become U+FFFD, and raw control characters are kept.
    /// - A number that does not fit an `f64` (`1e999`, `NaN`, `Infinity`) becomes `null`.
    /// - A value that is nested more than 127 levels deep becomes `null`.
    /// - Byte order marks, NUL bytes and blanks around the text are skipped.
    ///
    /// An object in which a field of `T` is repeated is not repaired. It is an error.
    ///
    /// The reply keeps the repaired text. [`body`](Self::body) does not change.
    ///
    /// # Errors
    ///
    /// Returns a [`DecodeError`] that says where the body does not fit `T`.
    pub fn parse_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        self.read(serde_json::from_str).map_err(|unread| self.locate::<T>(&unread))
    }

    /// Reads the body with `read`. If that fails, repairs the body and reads it again.
    pub(crate) fn read<'a, T>(
        &'a self,
        read: impl FnMut(&'a str) -> serde_json::Result<T>,
    ) -> Result<T, Unread<'a>> {
        let body = if self.body.is_empty() { b"null" } else { self.body.as_slice() };
        json::read(body, &self.repaired, read)
    }

    /// Returns the paths of fields that are in the body, but not in the output of operation `O`.
    /// Such fields are newer than this crate.
    ///
    /// # Errors
    ///
    /// Fails like [`Reply::parse_as`].
    pub fn unknown_fields<O: Operation>(&self) -> Result<Vec<String>, DecodeError> {
        let read = |text| {
            let mut paths = Vec::new();
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let _: O::Output =
                serde_ignored::deserialize(&mut deserializer, |path| paths.push(field_path(&path)))?;
            deserializer.end()?;
            Ok(paths)
        };
        self.read(read).map_err(|unread| self.locate::<O::Output>(&unread))
    }

    /// Returns where the text does not fit `T`. It parses the text again, slowly.
    fn locate<'a, T: Deserialize<'a>>(&self, unread: &Unread<'a>) -> DecodeError {
        let (text, first) = match unread {
            Unread::Unfit { text, error } => (*text, error),
            Unread::NotUtf8(error) => {
                let lines =
                    || self.body.get(..error.valid_up_to()).unwrap_or_default().split(|byte| *byte == b'\n');
                return DecodeError {
                    path: Box::default(),
                    line: lines().count(),
                    column: lines().next_back().map_or(0, <[u8]>::len) + 1,
                    category: DecodeCategory::NotUtf8,
                };
            }
        };
        if self.body.is_empty() {
            return DecodeError { path: Box::default(), line: 1, column: 0, category: DecodeCategory::Eof };
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let path = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Ok(_) => Box::default(),
            Err(error) => shown_path(&error),
        };
        let category = match first.classify() {
            serde_json::error::Category::Eof => DecodeCategory::Eof,
            serde_json::error::Category::Data => DecodeCategory::Data,
            _ => DecodeCategory::Syntax,
        };
        DecodeError { path, line: first.line(), column: first.column(), category }
    }
}

/// The headers in which services and proxies send the id of a request.
pub(crate) fn request_ids(headers: &HeaderMap) -> impl Iterator<Item = (&'static str, &str)> {
    const NAMES: [&str; 7] = [
        "x-request-id",
        "request-id",
        "x-correlation-id",
        "x-amzn-requestid",
        "x-amzn-trace-id",
        "x-amz-cf-id",
        "cf-ray",
    ];
    NAMES.into_iter().filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)))
}

impl Hash for Reply {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A header map has no hash. Replies that differ only in their headers are still not equal.
        (self.operation, self.status, &self.body).hash(state);
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Reply({}: HTTP {}, {} headers, {} bytes)",
            self.operation.name,
            self.status.as_u16(),
            self.headers.len(),
            self.body.len()
        )
    }
}

/// Returns the path of a field, in the form of [`DecodeError::path`].
fn field_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", field_path(parent)),
        Path::Map { parent, key } => match field_path(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            field_path(parent)
        }
    }
}

/// Returns the path without keys that may be data, because the keys of a map can be anything.
fn shown_path(error: &serde_path_to_error::Error<serde_json::Error>) -> Box<str> {
    let mut shown = String::new();
    let push_key = |shown: &mut String, key: &str| {
        if !shown.is_empty() {
            shown.push('.');
        }
        let plain = key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        shown.push_str(if plain { key } else { "?" });
    };
    for segment in error.path() {
        match segment {
            Segment::Seq { index } => {
                shown.push('[');
                shown.push_str(&index.to_string());
                shown.push(']');
            }
            Segment::Map { key } | Segment::Enum { variant: key } => push_key(&mut shown, key),
            Segment::Unknown => {}
        }
    }
    // The name of a missing field is not in the path, only in the message of serde's
    // `missing_field`.
    let words = error.inner().to_string();
    if let Some((field, _)) = words.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        push_key(&mut shown, field);
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::call::Error;
    use crate::operations::delete_user::DeleteUser;
    use crate::operations::get_user_data::GetUserData;
    use crate::operations::get_users::GetUsers;
    use crate::types::effect::Effect;
    use alloc::vec;
    use core::error::Error as _;

    fn reply<O: Operation>(body: impl Into<Vec<u8>>) -> Reply {
        Reply::new::<O>(Response::new(body.into()))
    }

    #[test]
    fn decode_error_names_the_path_but_no_value() {
        let body = r#"{"users":[{"id":"kp_1"},{"id":"kp_2","is_suspended":"sally@example.com"}]}"#;
        let error = reply::<GetUsers>(body).into_output::<GetUsers>().unwrap_err();
        assert_eq!(
            format!("{error}"),
            "get_users: HTTP 200: the reply does not fit its type at users[1].is_suspended (line 1, column 71)"
        );
        let source = error.source().unwrap();
        assert!(!format!("{error:?} {source} {source:?}").contains("sally"));
        let Error::Decode { reply, .. } = error else { panic!("not a decode error") };
        assert_eq!(reply.into_body(), body.as_bytes());
    }

    #[test]
    fn keys_that_may_be_data_are_not_shown() {
        type Map = alloc::collections::BTreeMap<String, bool>;
        let reply = reply::<GetUsers>(r#"{"sally@example.com": 1}"#);
        assert_eq!(reply.parse_as::<Map>().unwrap_err().path(), "?");
    }

    #[test]
    fn unreadable_replies_have_their_category() {
        for (body, category, line, column) in [
            (&b""[..], DecodeCategory::Eof, 1, 0),
            (b"{\"users\":[", DecodeCategory::Eof, 1, 10),
            (b"<html>", DecodeCategory::Syntax, 1, 1),
            (b"{\"id\":\"a\"} x", DecodeCategory::Syntax, 1, 12),
            (b"[]", DecodeCategory::Data, 1, 0),
            (b"{\n\"\xff\"\xff}", DecodeCategory::NotUtf8, 2, 2),
        ] {
            let error = reply::<GetUserData>(body).parse::<GetUserData>().unwrap_err();
            assert_eq!((error.category(), error.line()), (category, line), "{body:?}");
            if category != DecodeCategory::Data {
                assert_eq!(error.column(), column, "{body:?}");
            }
        }
    }

    #[test]
    fn empty_body_is_success_if_none_is_expected() {
        assert!(reply::<DeleteUser>("").parse::<DeleteUser>().is_ok());
        assert!(reply::<DeleteUser>("null").parse::<DeleteUser>().is_ok());
        assert!(reply::<GetUserData>("null").parse::<GetUserData>().is_err());
        assert_eq!(reply::<DeleteUser>("").unknown_fields::<DeleteUser>().unwrap(), vec![""; 0]);
    }

    #[test]
    fn error_s_body_is_not_taken_for_a_success() {
        let refused = || {
            let mut response = Response::new(b"{\"users\":[]}".to_vec());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Reply::new::<GetUsers>(response)
        };
        let error = refused().parse::<GetUsers>().unwrap_err();
        assert_eq!(error.category(), DecodeCategory::NotSuccess);
        let error = refused().into_output::<GetUsers>().unwrap_err();
        assert_eq!(
            (error.effect(), error.as_api().unwrap().status()),
            (Effect::None, StatusCode::UNAUTHORIZED)
        );
        assert!(refused().into_result().is_err());
    }

    #[test]
    fn unknown_fields_are_listed_on_demand() {
        let body = r#"{"a":1,"users":[{"id":"kp_1","full_name":"x","billing":{"b":1}}]}"#;
        let unknown = reply::<GetUsers>(body).unknown_fields::<GetUsers>().unwrap();
        assert_eq!(unknown, ["a", "users[0].full_name", "users[0].billing.b"]);
        assert_eq!(
            reply::<GetUsers>("{\"a\":1} x").unknown_fields::<GetUsers>().unwrap_err().category(),
            DecodeCategory::Syntax
        );
    }

    #[test]
    fn different_replies_have_different_hashes() {
        let hash = |reply: &Reply| {
            let mut hasher = std::hash::DefaultHasher::new();
            reply.hash(&mut hasher);
            hasher.finish()
        };
        let (one, other) = (reply::<GetUsers>("{}"), reply::<GetUsers>("[]"));
        assert_ne!(hash(&one), hash(&other));
        let accepted = Response::builder().status(202).body(b"{}".to_vec()).unwrap();
        assert_ne!(hash(&one), hash(&Reply::new::<GetUsers>(accepted)));
        assert_eq!(hash(&one), hash(&one.clone()));
    }

    #[test]
    fn debug_tells_lengths_only() {
        let reply = reply::<GetUsers>("{\"email\":\"sally@example.com\"}");
        assert_eq!(format!("{reply:?}"), "Reply(get_users: HTTP 200, 0 headers, 29 bytes)");
    }
}
