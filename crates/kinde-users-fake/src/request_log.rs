//! The requests that the tenant received.

use core::ops::Deref;
use std::collections::VecDeque;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::fault::FakeError;
use crate::user::shy_debug;

/// A request and its outcome.
#[derive(Clone)]
#[non_exhaustive]
pub struct Recorded {
    /// The name of the operation, `token` for the token endpoint, or `None` for an unknown route.
    pub operation: Option<&'static str>,
    /// The method.
    pub method: Method,
    /// The target exactly as it came.
    pub uri: Uri,
    /// The headers, including the access token.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The status that the caller got, or why there was none.
    pub answer: Result<StatusCode, FakeError>,
    /// Whether the tenant carried out the operation, whatever the caller got. Reading counts too.
    pub took_effect: bool,
}

shy_debug!(Recorded: operation, method, answer, took_effect);

impl Recorded {
    /// Returns the path and the query as they came, still encoded.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str)
    }

    /// Returns the status that the caller got, if any.
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(StatusCode::as_u16)
    }

    /// Returns about how many bytes the request takes.
    fn size(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 200);
        size_of::<Self>() + self.path_and_query().len() + headers.sum::<usize>() + self.body.len()
    }

    /// Copies what may be a part of a larger buffer, which would stay in memory with it.
    fn detached(mut self) -> Self {
        let copy = |(name, value): (&HeaderName, &HeaderValue)| {
            let key = HeaderName::from_bytes(name.as_str().as_bytes()).unwrap_or_else(|_| name.clone());
            let mut copied = HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
            copied.set_sensitive(value.is_sensitive());
            (key, copied)
        };
        self.headers = self.headers.iter().map(copy).collect();
        self.uri = self.uri.to_string().parse().unwrap_or(self.uri);
        self.body.shrink_to_fit();
        self
    }

    /// Returns the body as text, with `�` for bytes that are not UTF-8.
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How many requests are kept at most.
const KEPT: usize = 100_000;

/// How many bytes the kept requests take at most, unless the last one alone takes more.
pub(crate) const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The last requests.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) kept: VecDeque<Arc<Recorded>>,
    bytes: usize,
    pub(crate) dropped: u64,
}

impl Log {
    pub(crate) fn push(&mut self, request: Recorded, most_bytes: usize) {
        let request = request.detached();
        self.bytes += request.size();
        self.kept.push_back(Arc::new(request));
        while self.kept.len() > KEPT || (self.bytes > most_bytes && self.kept.len() > 1) {
            self.bytes -= self.kept.pop_front().map_or(0, |oldest| oldest.size());
            self.dropped += 1;
        }
    }
}

/// Requests in the order of their arrival, which behave like a slice.
#[derive(Debug, Clone, Default)]
pub struct Requests(pub(crate) Vec<Arc<Recorded>>);

impl Requests {
    /// Returns the requests that the tenant carried out.
    pub fn that_took_effect(&self) -> Self {
        Self(self.0.iter().filter(|request| request.took_effect).cloned().collect())
    }

    /// Returns the name and the status of each request, to compare the whole sequence at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_over_the_count_are_dropped() {
        let mut log = Log::default();
        for n in 0..KEPT + 3 {
            let request = Recorded {
                operation: None,
                method: Method::GET,
                uri: Uri::default(),
                headers: HeaderMap::new(),
                body: n.to_string().into_bytes(),
                answer: Ok(StatusCode::OK),
                took_effect: false,
            };
            log.push(request, KEPT_BYTES);
        }
        assert_eq!((log.kept.len(), log.dropped), (KEPT, 3));
        assert_eq!(log.kept.front().unwrap().body_text(), "3");
        assert_eq!(log.bytes, log.kept.iter().map(|request| request.size()).sum::<usize>());
    }
}
