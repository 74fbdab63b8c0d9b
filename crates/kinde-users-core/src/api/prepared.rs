//! The request of an operation. It is written once and sent in each attempt.

use alloc::vec::Vec;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use crate::api::meta::Meta;
use crate::api::operation::{MetaRef, Operation};
use crate::api::request_writer::RequestWriter;
use crate::types::access_token::AccessToken;
use crate::types::build_error::{BuildError, Problem};
use crate::types::domain::Domain;

/// The longest URI, in bytes, that `http::Uri` takes.
const LONGEST_URI: usize = 65_534;

/// Builds the HTTP request of an operation, without a client, a tenant or a transport.
///
/// A [`Client`](crate::Client) does this for you. Use this function in tests, and in programs that
/// send requests themselves.
///
/// ```
/// use kinde_users::operations::GetUserData;
/// use kinde_users::{AccessToken, Domain, build_request};
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
/// Returns a [`BuildError`] that names the argument that cannot be sent.
pub fn build_request<O: Operation>(
    operation: &O,
    domain: &Domain,
    token: &AccessToken,
) -> Result<Request<Vec<u8>>, BuildError> {
    Ok(Prepared::new(operation, domain)?.into_request(token))
}

/// A request without its token. It is the same in all attempts.
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
        let mut writer = RequestWriter::new(meta, origin);
        write(&mut writer)?;
        writer.finish()?;
        let RequestWriter { target, body, .. } = writer;
        let refuse = |problem| BuildError::new(meta.name, "request", problem);
        if target.len() > LONGEST_URI {
            return Err(refuse(Problem::TooLong { longest: LONGEST_URI }));
        }
        let uri = Uri::try_from(target).map_err(|_| refuse(Problem::NotAUri))?;
        Ok(Self { meta, uri, body })
    }

    /// Whether the request is for this domain.
    pub(crate) fn is_for(&self, domain: &Domain) -> bool {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        domain.origin().strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) == Some(host)
    }

    /// Returns the request of an attempt.
    pub(crate) fn into_request(self, token: &AccessToken) -> Request<Vec<u8>> {
        // A map that has to grow allocates twice. The exchange and the transport add headers too,
        // and those of a body. A map for seven headers takes longer to create than one for six.
        let mut headers = HeaderMap::with_capacity(if self.body.is_some() { 7 } else { 6 });
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, token.authorization().clone());
        if self.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if matches!(self.meta.method, Method::POST | Method::PUT | Method::PATCH) {
            // Otherwise some HTTP stacks send `transfer-encoding: chunked`, and some send nothing,
            // which some servers refuse.
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
    use crate::api::meta::Replay;
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
    fn unfilled_place_before_a_query_is_refused() {
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
    fn query_is_encoded_and_lists_are_joined() {
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
    fn list_values_that_split_or_vanish_are_refused() {
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
    fn uri_is_refused_above_the_limit_of_http() {
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
    fn body_with_no_json_form_is_refused() {
        let keyed = alloc::collections::BTreeMap::from([(vec![1], 1)]);
        let refused = problem(move |request| {
            places(request)?;
            request.json(&keyed)
        });
        assert_eq!(refused, ("body", Problem::NotJson));
    }
}
