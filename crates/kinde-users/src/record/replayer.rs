//! The transport that answers from a recording.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use kinde_users_core::{AsyncTransport, BodyFailure, Delivery, Transport};
use serde_json::Value;

use super::compare::{Bindings, differences};
use super::exchange;
use super::recording::{Exchange, Recording, name};

/// A transport that answers from a recording; see the [module](super).
///
/// Each exchange of the recording answers one request. A request is masked like the recording, and
/// gets the answer of the first unused exchange with the same masked request. A mask in the
/// recording stands for any text, but for the same text each time. Replies contain this text in the
/// place of the mask.
///
/// A client may send requests in a different order from the recording, unless they differ only in
/// masked texts that were not sent before. For example, two searches for two addresses get the
/// answers in the order of the recording.
///
/// Clones share the exchanges: no exchange answers twice.
#[derive(Clone, Debug)]
pub struct Replayer {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// The exchanges that have not answered yet, with their numbers.
    left: Vec<(usize, Exchange)>,
    /// The texts of the program for which the masks of the recording stand.
    bindings: Bindings,
}

impl Replayer {
    /// Creates a transport that answers from a recording.
    pub fn new(recording: Recording) -> Self {
        let left = (1..).zip(recording.exchanges).collect();
        Self { state: Arc::new(Mutex::new(State { left, bindings: Bindings::default() })) }
    }

    /// Returns the exchanges of the recording whose requests were not sent. Each text has the
    /// number of the exchange, from 1, and its operation.
    pub fn unused(&self) -> Vec<String> {
        self.lock().left.iter().map(|(number, exchange)| format!("{number} ({})", exchange.name)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ReplayError> {
        let State { left, bindings } = &mut *self.lock();
        let request = exchange::request(request, bindings);
        let mut closest: Option<(usize, Vec<String>)> = None;
        let name = name(&request);
        for at in 0..left.len() {
            let Some((number, exchange)) = left.get(at).filter(|(_, exchange)| exchange.name == name) else {
                continue;
            };
            let mut found = Vec::new();
            differences(&exchange.request, &request, "", bindings, &mut found);
            if found.is_empty() {
                let (_, exchange) = left.remove(at);
                let answer = play(&exchange.response, bindings);
                bindings.keep();
                return answer;
            }
            bindings.undo();
            if closest.as_ref().is_none_or(|(_, best)| found.len() < best.len()) {
                closest = Some((*number, found));
            }
        }
        // The path may contain an id.
        let operation = request.get("operation").and_then(Value::as_str);
        Err(ReplayError::NotRecorded { operation: operation.unwrap_or("a request").to_owned(), closest })
    }
}

fn play(answer: &Value, bindings: &Bindings) -> Result<Response<Vec<u8>>, ReplayError> {
    let text = |field| answer.get(field).and_then(Value::as_str);
    if text("failure") == Some("not sent") {
        return Err(ReplayError::Failed(Delivery::NotSent));
    }
    let response = exchange::to_response(answer, &|text| bindings.text(text));
    let response = response.ok_or(ReplayError::Failed(Delivery::Unknown))?;
    match text("body_failure") {
        None => Ok(response),
        Some("too large") => Err(ReplayError::HeadOnly(response.map(|_| BodyFailure::TooLarge))),
        Some(_) => Err(ReplayError::HeadOnly(response.map(|_| BodyFailure::Broken))),
    }
}

/// Why a [`Replayer`] returns no response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The request is not in the recording, or all exchanges with this request have already been
    /// used.
    #[non_exhaustive]
    NotRecorded {
        /// The operation.
        operation: String,
        /// The most similar exchange of this operation: its number, from 1, and the differences
        /// between it and the request.
        closest: Option<(usize, Vec<String>)>,
    },
    /// The recorded request got no response either.
    Failed(Delivery),
    /// The body of the recorded response could not be read either.
    HeadOnly(Response<BodyFailure>),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded { operation, closest: None } => {
                write!(f, "the recording has no further exchange for {operation}")
            }
            Self::NotRecorded { operation, closest: Some((number, found)) } => {
                let found = found.join(", ");
                write!(
                    f,
                    "the recording has no such exchange for {operation}; compared with exchange {number}: {found}"
                )
            }
            Self::Failed(Delivery::NotSent) => f.write_str("as recorded, the request was not sent"),
            Self::Failed(Delivery::Unknown) => f.write_str("as recorded, there was no response"),
            Self::HeadOnly(head) => {
                write!(f, "as recorded, a response with status {}, but {}", head.status(), head.body())
            }
        }
    }
}

impl core::error::Error for ReplayError {}

impl Transport for Replayer {
    type Error = ReplayError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ReplayError> {
        self.answer(&request)
    }

    fn delivery(&self, error: &ReplayError) -> Delivery {
        delivery(error)
    }

    fn head<'e>(&self, error: &'e ReplayError) -> Option<&'e Response<BodyFailure>> {
        head(error)
    }
}

impl AsyncTransport for Replayer {
    type Error = ReplayError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ReplayError> {
        self.answer(&request)
    }

    fn delivery(&self, error: &ReplayError) -> Delivery {
        delivery(error)
    }

    fn head<'e>(&self, error: &'e ReplayError) -> Option<&'e Response<BodyFailure>> {
        head(error)
    }
}

fn delivery(error: &ReplayError) -> Delivery {
    match error {
        ReplayError::Failed(delivery) => *delivery,
        _ => Delivery::Unknown,
    }
}

fn head(error: &ReplayError) -> Option<&Response<BodyFailure>> {
    match error {
        ReplayError::HeadOnly(head) => Some(head),
        _ => None,
    }
}
