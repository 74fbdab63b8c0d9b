//! Observers of calls.

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::api::meta::Meta;
use crate::api::reply::request_ids;
use crate::error::call::Error;
use crate::types::domain::Domain;

/// Creates an observer for each call.
pub(crate) type NewObserver = dyn Fn(&'static Meta) -> Box<dyn Observer + Send> + Send + Sync;

/// Observes one call of a client, for metrics, logs or traces.
///
/// Pass a closure to [`Client::with_observer`](crate::Client::with_observer) or
/// [`AsyncClient::with_observer`](crate::AsyncClient::with_observer). The closure creates an
/// observer for each call, so an observer can keep state. Each method does nothing unless you
/// implement it.
///
/// The methods are called in this order:
///
/// - [`sent`](Self::sent), then [`answered`](Self::answered), for each request. After a 429, also
///   [`rate_limited`](Self::rate_limited);
/// - [`token_renewed`](Self::token_renewed) after a token request that brought a token;
/// - [`will_retry`](Self::will_retry) after a failed request of the operation (not of a token), if
///   the call goes on;
/// - [`waits`](Self::waits) before each wait;
/// - [`done`](Self::done) once, at the end.
///
/// The client calls the methods on the thread of the call, while it holds no lock. So an observer
/// may use the client. The methods should return quickly, because the call waits for them. The
/// methods get no arguments, tokens or bodies. Of the headers, they get only the ids of requests.
///
/// A call whose arguments cannot be sent ([`Error::Build`](crate::Error::Build)) is not observed. A
/// reply is read after the end of the call. So if it does not have the expected form
/// ([`Error::Decode`](crate::Error::Decode)), the observer still sees a success.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use kinde_users::{Answered, Attempt, Client, Clock, Observer, Transport};
///
/// struct Counter(Arc<AtomicU32>);
///
/// impl Observer for Counter {
///     fn answered(&mut self, attempt: &Attempt<'_>, answer: &Answered<'_>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         println!("{} {}: {:?}", attempt.method, attempt.url_template, answer.status);
///     }
/// }
///
/// fn counted<T: Transport, C: Clock>(client: &Client<T, C>, count: Arc<AtomicU32>) -> Client<T, C> {
///     client.with_observer(move |_| Counter(Arc::clone(&count)))
/// }
/// ```
#[expect(unused_variables, reason = "a method does nothing unless it is implemented")]
pub trait Observer {
    /// The transport is about to send this request.
    fn sent(&mut self, attempt: &Attempt<'_>) {}

    /// The request was answered, or failed without an answer.
    fn answered(&mut self, attempt: &Attempt<'_>, answer: &Answered<'_>) {}

    /// The request was answered with 429. `reset` is the time until the service accepts requests
    /// again. It is `None` if the answer does not contain this time.
    fn rate_limited(&mut self, attempt: &Attempt<'_>, reset: Option<Duration>) {}

    /// The request of the operation failed. The call will send the request again, unless the time
    /// of the call runs out first or the call gets no token.
    fn will_retry(&mut self, attempt: &Attempt<'_>) {}

    /// The call waits for at most the time `at_most`. It waits for the end of a back-off, for a
    /// reset, for its turn, or for a token that another call requests. If a wait is interrupted,
    /// this method may be called again for the same wait.
    fn waits(&mut self, at_most: Duration) {}

    /// The call got a new token, which all calls of the tenant use. `lifetime` is how long the
    /// token lasts, if known.
    fn token_renewed(&mut self, lifetime: Option<Duration>) {}

    /// The call has ended, or was dropped.
    fn done(&mut self, call: &Done<'_>) {}
}

/// One HTTP request of a call: a request of the operation, or a token request.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The operation of the call.
    pub operation: &'static Meta,
    /// The HTTP method of the request.
    pub method: &'static Method,
    /// The path of the request without its arguments, such as `/api/v1/users/{user_id}/sessions`.
    pub url_template: &'static str,
    /// Whether this is a token request.
    pub is_token_request: bool,
    /// The number of attempts of the call so far. [`Exchange::attempts`](crate::Exchange::attempts)
    /// says what counts as an attempt.
    pub number: u32,
    /// How many requests of the same kind (of the operation, or for a token) the call sent before
    /// this one.
    pub resend_count: u32,
    pub(crate) domain: &'a Domain,
}

impl<'a> Attempt<'a> {
    /// Returns the host that the request is sent to.
    pub fn server_address(&self) -> &'a str {
        self.domain.host_and_port().0
    }

    /// Returns the port that the request is sent to.
    pub fn server_port(&self) -> u16 {
        self.domain.host_and_port().1
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("operation", &self.operation.name)
            .field("method", self.method)
            .field("url_template", &self.url_template)
            .field("number", &self.number)
            .field("resend_count", &self.resend_count)
            .finish_non_exhaustive()
    }
}

/// The answer to a request, or the reason why there is no answer.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Answered<'a> {
    /// The HTTP status, if the head of a response arrived.
    pub status: Option<StatusCode>,
    /// The time since the request was sent.
    pub elapsed: Duration,
    pub(crate) headers: Option<&'a HeaderMap>,
    pub(crate) failure: Option<&'static str>,
}

impl Answered<'_> {
    /// Returns what went wrong, as a value of the attribute `error.type` of OpenTelemetry. If the
    /// status is 400 or higher, the value is the status, such as `404`. Otherwise it is `not_sent`,
    /// `no_reply` or `unreadable_body`. Returns `None` if nothing went wrong.
    pub fn error_type(&self) -> Option<&str> {
        let status = self.status.as_ref().filter(|status| status.as_u16() >= 400);
        status.map(StatusCode::as_str).or(self.failure)
    }

    /// Returns the ids that the service and its proxies gave the request. Each item is the name of
    /// a header and its value.
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.into_iter().flat_map(request_ids)
    }
}

impl fmt::Debug for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("status", &self.status)
            .field("elapsed", &self.elapsed)
            .field("error_type", &self.error_type())
            .finish_non_exhaustive()
    }
}

/// A call that has ended, or was dropped.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Done<'a> {
    /// The operation.
    pub operation: &'static Meta,
    /// The status of the last answer to a request of the operation. `None` if a later request of
    /// the operation had no answer.
    pub status: Option<StatusCode>,
    /// The number of attempts; see [`Exchange::attempts`](crate::Exchange::attempts).
    pub attempts: u32,
    /// How often the call sent the request of the operation again, for any reason.
    pub resend_count: u32,
    /// The time from the start of the call to its end.
    pub elapsed: Duration,
    /// How long the call waited in total. The time in which a request was in flight does not count.
    pub waited: Duration,
    pub(crate) end: End<'a>,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub(crate) enum End<'a> {
    Success,
    Failure(&'a Error),
    Cancelled,
}

impl Done<'_> {
    /// Returns why the call failed, as a value of the attribute `error.type` of OpenTelemetry.
    /// Returns `None` if the call did not fail.
    ///
    /// If the service answered with an error, the value is the status, such as `404`. Otherwise it
    /// is `no_token`, `not_sent`, `no_reply`, `unreadable_body`, `timeout`, `invalid_argument`,
    /// `cancelled` or `_OTHER`.
    pub fn error_type(&self) -> Option<&str> {
        match self.end {
            End::Success => None,
            End::Cancelled => Some("cancelled"),
            End::Failure(error) => {
                let status = self.status.as_ref().filter(|_| error.as_api().is_some());
                Some(status.map_or_else(|| error_type(error), StatusCode::as_str))
            }
        }
    }

    /// Returns the reason why the call failed. This is the text that the [`Error`](crate::Error)
    /// displays: one line without secrets and personal data.
    pub fn error(&self) -> Option<impl fmt::Display> {
        match self.end {
            End::Failure(error) => Some(error),
            End::Success | End::Cancelled => None,
        }
    }
}

fn error_type(error: &Error) -> &'static str {
    match error {
        Error::Build(_) => "invalid_argument",
        Error::Body { .. } => "unreadable_body",
        Error::Auth(_) => "no_token",
        Error::Unsent(_) => "not_sent",
        Error::UnknownOutcome(_) => "no_reply",
        Error::TotalTimeout { .. } => "timeout",
        Error::Exhausted { last, .. } => error_type(last),
        Error::Api(_) | Error::Decode { .. } | Error::CursorLoop(_) | Error::Finished { .. } => "_OTHER",
    }
}

impl fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done")
            .field("operation", &self.operation.name)
            .field("status", &self.status)
            .field("attempts", &self.attempts)
            .field("resend_count", &self.resend_count)
            .field("elapsed", &self.elapsed)
            .field("waited", &self.waited)
            .field("error_type", &self.error_type())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operation::MetaRef;
    use crate::operations::get_users::GetUsers;
    use crate::types::build_error::{BuildError, Problem};
    use crate::types::effect::Effect;

    #[test]
    fn each_error_has_its_type() {
        let meta = GetUsers::META_REF;
        let build = || Error::from(BuildError::new("get_users", "tenant", Problem::OtherTenant));
        for (error, expected) in [
            (build(), "invalid_argument"),
            (Error::Unsent(meta), "not_sent"),
            (Error::UnknownOutcome(meta), "no_reply"),
            (Error::TotalTimeout { operation: meta, effect: Effect::None }, "timeout"),
            (Error::CursorLoop(meta), "_OTHER"),
            (
                Error::Exhausted { attempts: 1, effect: Effect::None, last: Box::new(build()) },
                "invalid_argument",
            ),
        ] {
            assert_eq!(error_type(&error), expected, "{error}");
        }
    }
}
