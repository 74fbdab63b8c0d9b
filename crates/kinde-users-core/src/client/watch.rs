//! Turns the inputs and steps of a call into the events that its observers see.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::api::meta::Meta;
use crate::client::observer::{Answered, Attempt, Done, End, NewObserver, Observer};
use crate::protocol::retry::asked_for;
use crate::protocol::step::{Input, Step};
use crate::types::delivery::Delivery;
use crate::types::domain::Domain;
use crate::types::time::Instant;

/// Tells the observers of a call what happens.
pub(crate) struct Watch<'a> {
    observers: Vec<Box<dyn Observer + Send>>,
    operation: &'static Meta,
    domain: &'a Domain,
    began: Option<Instant>,
    /// The last time that is known.
    now: Instant,
    /// The request that is being sent, and since when.
    sent: Option<(Attempt<'a>, Instant)>,
    /// The request to the operation that was answered last, until the next step.
    answered: Option<Attempt<'a>>,
    /// The status of its answer.
    status: Option<StatusCode>,
    /// How often a request to the operation, and for a token, was sent.
    operations: u32,
    tokens: u32,
    wait_began: Option<Instant>,
    waited: Duration,
}

impl<'a> Watch<'a> {
    /// Creates the observers of a call. Returns `None` if there is none.
    pub(crate) fn new(
        new_observer: Option<&NewObserver>,
        operation: &'static Meta,
        domain: &'a Domain,
    ) -> Option<Self> {
        #[cfg(feature = "tracing")]
        let spans = crate::client::trace::observer(operation);
        #[cfg(not(feature = "tracing"))]
        let spans = None;
        if spans.is_none() && new_observer.is_none() {
            return None;
        }
        let observers = spans.into_iter().chain(new_observer.map(|new| new(operation))).collect();
        Some(Self {
            observers,
            operation,
            domain,
            began: None,
            now: Instant::START,
            sent: None,
            answered: None,
            status: None,
            operations: 0,
            tokens: 0,
            wait_began: None,
            waited: Duration::ZERO,
        })
    }

    fn tell(&mut self, tell: impl Fn(&mut dyn Observer)) {
        self.observers.iter_mut().for_each(|observer| tell(&mut **observer));
    }

    pub(crate) fn input(&mut self, now: Instant, input: &Input) {
        self.began.get_or_insert(now);
        self.now = now;
        if let Some(began) = self.wait_began.take() {
            self.waited = self.waited.saturating_add(now.saturating_since(began));
        }
        let (status, headers, failure): (_, Option<&HeaderMap>, _) = match input {
            Input::Response(response) => (Some(response.status()), Some(response.headers()), None),
            Input::HeadOnly(head) => (Some(head.status()), Some(head.headers()), Some("unreadable_body")),
            Input::Failed(Delivery::NotSent) => (None, None, Some("not_sent")),
            Input::Failed(Delivery::Unknown) => (None, None, Some("no_reply")),
            Input::Start | Input::Woken => return,
        };
        let Some((attempt, at)) = self.sent.take() else { return };
        if !attempt.is_token_request {
            self.answered = Some(attempt);
            self.status = status;
        }
        let answer = Answered { status, elapsed: now.saturating_since(at), headers, failure };
        self.tell(|observer| observer.answered(&attempt, &answer));
        if status == Some(StatusCode::TOO_MANY_REQUESTS) {
            let reset = headers.and_then(asked_for);
            self.tell(|observer| observer.rate_limited(&attempt, reset));
        }
    }

    pub(crate) fn token_renewed(&mut self, lifetime: Option<Duration>) {
        self.tell(|observer| observer.token_renewed(lifetime));
    }

    /// Tells about the next step of the call, after this number of attempts.
    pub(crate) fn step(&mut self, now: Instant, step: &Step, attempts: u32, is_token_request: bool) {
        let answered = self.answered.take();
        if let Some(attempt) = answered.filter(|_| !matches!(step, Step::Done(_))) {
            self.tell(|observer| observer.will_retry(&attempt));
        }
        match step {
            Step::Send(_) => {
                let attempt = self.attempt(attempts, is_token_request);
                self.sent = Some((attempt, now));
                self.tell(|observer| observer.sent(&attempt));
            }
            Step::Wait(wait) => {
                self.wait_began = Some(now);
                let at_most = wait.until.saturating_since(now);
                self.tell(|observer| observer.waits(at_most));
            }
            Step::Done(Ok(_)) => self.done(attempts, End::Success),
            Step::Done(Err(error)) => self.done(attempts, End::Failure(error)),
        }
    }

    fn attempt(&mut self, number: u32, is_token_request: bool) -> Attempt<'a> {
        static POST: Method = Method::POST;
        let (method, url_template, count) = if is_token_request {
            (&POST, "/oauth2/token", &mut self.tokens)
        } else {
            (&self.operation.method, self.operation.path.as_str(), &mut self.operations)
        };
        let next = count.saturating_add(1);
        let resend_count = mem::replace(count, next);
        let (operation, domain) = (self.operation, self.domain);
        Attempt { operation, method, url_template, is_token_request, number, resend_count, domain }
    }

    /// Tells that the call was dropped before its end.
    pub(crate) fn cancelled(&mut self, attempts: u32) {
        self.done(attempts, End::Cancelled);
    }

    fn done(&mut self, attempts: u32, end: End<'_>) {
        let done = Done {
            operation: self.operation,
            status: self.status,
            attempts,
            resend_count: self.operations.saturating_sub(1),
            elapsed: self.now.saturating_since(self.began.unwrap_or(self.now)),
            waited: self.waited,
            end,
        };
        self.tell(|observer| observer.done(&done));
    }
}
