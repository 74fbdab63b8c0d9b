//! The transport that records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use kinde_users_core::{AsyncTransport, BodyFailure, Delivery, Transport};
use serde_json::{Value, json};

use super::exchange;
use super::mask::Numbered;
use super::recording::{Exchange, Recording};

/// A transport that records what another transport sends and receives; see the [module](super).
///
/// Clones record into the same recording.
#[derive(Clone, Debug)]
pub struct Recorder<T> {
    transport: T,
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    masks: Numbered,
    recording: Recording,
}

impl<T> Recorder<T> {
    /// Creates a recorder around a transport.
    pub fn new(transport: T) -> Self {
        Self { transport, log: Arc::default() }
    }

    /// Returns the recording so far.
    pub fn recording(&self) -> Recording {
        self.lock().recording.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request, and returns its place in the recording.
    fn request(&self, request: &Request<Vec<u8>>) -> usize {
        let Log { masks, recording } = &mut *self.lock();
        let request = exchange::request(request, masks);
        recording.exchanges.push(Exchange::new(request, Value::Null));
        recording.exchanges.len() - 1
    }

    /// Records the answer to the request at this place.
    fn answer<E>(
        &self,
        at: usize,
        answer: &Result<Response<Vec<u8>>, E>,
        head: impl FnOnce(&E) -> Option<&Response<BodyFailure>>,
        delivery: impl FnOnce(&E) -> Delivery,
    ) {
        let Log { masks, recording } = &mut *self.lock();
        let answer = match answer {
            Ok(response) => exchange::response(response, masks),
            Err(error) => match (head(error), error) {
                (Some(head), _) => {
                    let mut form = exchange::head(head);
                    let is_too_large = matches!(head.body(), BodyFailure::TooLarge);
                    let failure = if is_too_large { "too large" } else { "broken" };
                    form.insert("body_failure".to_owned(), failure.into());
                    Value::Object(form)
                }
                (None, error) => match delivery(error) {
                    Delivery::NotSent => json!({ "failure": "not sent" }),
                    Delivery::Unknown => json!({ "failure": "unknown" }),
                },
            },
        };
        if let Some(exchange) = recording.exchanges.get_mut(at) {
            exchange.response = answer;
        }
    }
}

impl<T: Transport> Transport for Recorder<T> {
    type Error = T::Error;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        let at = self.request(&request);
        let answer = self.transport.send(request);
        self.answer(at, &answer, |error| self.transport.head(error), |error| self.transport.delivery(error));
        answer
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.transport.delivery(error)
    }

    fn head<'e>(&self, error: &'e T::Error) -> Option<&'e Response<BodyFailure>> {
        self.transport.head(error)
    }
}

impl<T: AsyncTransport + Sync> AsyncTransport for Recorder<T> {
    type Error = T::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        let at = self.request(&request);
        let answer = self.transport.send(request).await;
        self.answer(at, &answer, |error| self.transport.head(error), |error| self.transport.delivery(error));
        answer
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.transport.delivery(error)
    }

    fn head<'e>(&self, error: &'e T::Error) -> Option<&'e Response<BodyFailure>> {
        self.transport.head(error)
    }
}
