//! What the tenant was asked.

use core::ops::Deref;
use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, Uri};

use crate::fault::FakeError;
use crate::user::shy_debug;

/// A request and how it ended.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// Name of the operation, `token` for the token endpoint, `None` for what is neither.
    pub operation: Option<&'static str>,
    /// Method.
    pub method: Method,
    /// The target exactly as it came.
    pub uri: Uri,
    /// Headers, the access token among them.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// The status that the caller got, or why there was none.
    pub answer: Result<StatusCode, FakeError>,
    /// Whether the tenant carried the operation out, whatever the caller was told. Reading counts too.
    pub took_effect: bool,
}

shy_debug!(Recorded: operation, method, answer, took_effect);

impl Recorded {
    /// Path and query as they came, still encoded.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
    }

    /// The status that the caller got, if any.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(StatusCode::as_u16)
    }

    /// The body as text, with `�` for what is none.
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Requests in the order of their arrival. A slice in all but name.
#[derive(Debug, Clone, Default)]
pub struct Requests(pub(crate) Vec<Arc<Recorded>>);

impl Requests {
    /// Those that the tenant carried out.
    pub fn that_took_effect(&self) -> Self {
        Self(self.0.iter().filter(|request| request.took_effect).cloned().collect())
    }

    /// Name and status of each, for an assertion about the whole course.
    pub fn course(&self) -> Vec<(&'static str, Option<u16>)> {
        self.0.iter().map(|request| (request.operation.unwrap_or("?"), request.status())).collect()
    }
}

impl Deref for Requests {
    type Target = [Arc<Recorded>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl IntoIterator for Requests {
    type Item = Arc<Recorded>;
    type IntoIter = std::vec::IntoIter<Arc<Recorded>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
