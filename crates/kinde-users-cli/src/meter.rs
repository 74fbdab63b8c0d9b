//! Counts the calls of a run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use kinde_users::{Meta, OPERATIONS};
use serde_json::{Value, json};

/// What a run sent and received.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// The requests of each operation, and of the token endpoint as `token`.
    requests: BTreeMap<&'static str, u64>,
    /// The responses with 429.
    rate_limited: u64,
    /// The bytes of bodies.
    bytes_sent: u64,
    /// The bytes of bodies, after decompression.
    bytes_received: u64,
}

impl Meter {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(crate) fn sent(&self, request: &Request<Vec<u8>>) {
        let mut counts = self.counts();
        *counts.requests.entry(operation(request)).or_default() += 1;
        counts.bytes_sent += request.body().len() as u64;
    }

    /// Counts a response.
    pub(crate) fn received(&self, response: &Response<Vec<u8>>) {
        let mut counts = self.counts();
        counts.rate_limited += u64::from(response.status() == StatusCode::TOO_MANY_REQUESTS);
        counts.bytes_received += response.body().len() as u64;
    }

    /// Returns the number of requests, without those for a token.
    pub(crate) fn requests(&self) -> u64 {
        let counts = self.counts();
        counts.requests.iter().filter(|(name, _)| **name != TOKEN).map(|(_, count)| count).sum()
    }

    /// Returns the counts as JSON. `waited` is the time in which a 429 made calls wait.
    pub(crate) fn json(&self, waited: Duration) -> Value {
        let counts = self.counts();
        json!({
            "requests": counts.requests, "rate_limited": counts.rate_limited, "seconds_rate_limited": waited.as_secs_f64(),
            "bytes_sent": counts.bytes_sent, "bytes_received": counts.bytes_received,
        })
    }
}

const TOKEN: &str = "token";

/// Returns the name of the operation of a request.
fn operation(request: &Request<Vec<u8>>) -> &'static str {
    let path = request.uri().path();
    let is_of = |meta: &&Meta| meta.method == request.method() && matches(meta.path.as_str(), path);
    OPERATIONS.iter().find(is_of).map_or(TOKEN, |meta| meta.name)
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(part, segment)| part.starts_with('{') || part == segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_of_its_operation() {
        for meta in OPERATIONS {
            let segments = meta.path.as_str().split('/');
            let path = segments.map(|part| if part.starts_with('{') { "kp_1" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let request = Request::builder().method(&meta.method).uri(path).body(Vec::new()).unwrap();
            assert_eq!(operation(&request), meta.name);
        }
        let request = Request::post("/oauth2/token").body(Vec::new()).unwrap();
        assert_eq!(operation(&request), TOKEN);
    }

    #[test]
    fn requests_and_bytes_are_counted() {
        let meter = Meter::default();
        for (path, body) in [("/api/v1/user", 10), ("/api/v1/user", 5), ("/oauth2/token", 100)] {
            meter.sent(&Request::post(path).body(vec![0; body]).unwrap());
        }
        for (status, body) in [(200, 20), (429, 2), (429, 3)] {
            meter.received(&Response::builder().status(status).body(vec![0; body]).unwrap());
        }
        assert_eq!(meter.requests(), 2);
        let expected = json!({
            "requests": { "create_user": 2, "token": 1 }, "rate_limited": 2, "seconds_rate_limited": 1.5,
            "bytes_sent": 115, "bytes_received": 25,
        });
        assert_eq!(meter.json(Duration::from_millis(1500)), expected);
    }
}
