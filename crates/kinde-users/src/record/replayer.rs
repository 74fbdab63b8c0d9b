//! The transport that answers from a recording.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use kinde_users_core::{AsyncTransport, BodyFailure, Delivery, Transport};
use serde_json::Value;

use super::compare::{Bindings, differences};
use super::exchange;
use super::mask::Unmasked;
use super::recording::{Exchange, Recording, name};

/// A transport that answers from a recording; see the [module](super).
///
/// A request gets the answer of the first exchange with the same request that has not answered yet.
/// A mask in the recording accepts any text, but the same text each time, and replies contain this
/// text in its place.
///
/// Requests may be sent in another order than in the recording if they differ in more than texts
/// that are masked and new. For example, two searches for two addresses get the answers in the order
/// of the recording.
///
/// Clones share what was answered.
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

    /// Returns the requests of the recording that were not sent: the number of each exchange, from
    /// 1, and its operation.
    pub fn unused(&self) -> Vec<String> {
        self.lock().left.iter().map(|(number, exchange)| format!("{number} ({})", exchange.name)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ReplayError> {
        let request = exchange::request(request, &mut Unmasked);
        let State { left, bindings } = &mut *self.lock();
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

fn play(answer: &Value, bindings: &mut Bindings) -> Result<Response<Vec<u8>>, ReplayError> {
    let text = |field| answer.get(field).and_then(Value::as_str);
    if text("failure") == Some("not sent") {
        return Err(ReplayError::Failed(Delivery::NotSent));
    }
    let response = exchange::to_response(answer, &mut |text| bindings.text(text));
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
    /// The request is not in the recording, or all exchanges with this request have answered.
    #[non_exhaustive]
    NotRecorded {
        /// The operation.
        operation: String,
        /// The number, from 1, of the exchange of this operation that is most similar, and the
        /// differences from it.
        closest: Option<(usize, Vec<String>)>,
    },
    /// There was no response in the recording either.
    Failed(Delivery),
    /// The body of the response could not be read in the recording either.
    HeadOnly(Response<BodyFailure>),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded { operation, closest: None } => {
                write!(f, "the recording has no further exchange for {operation}")
            }
            Self::NotRecorded { operation, closest: Some((number, found)) } => {
                write!(
                    f,
                    "the recording has no such exchange for {operation}; compared with exchange {number}: "
                )?;
                f.write_str(&found.join(", "))
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
