//! One call, as a machine: what to do next, given what happened.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Request, Response, StatusCode};

use crate::error::{ApiError, AuthError, AuthProblem, BuildError, Effect, Error};
use crate::operation::Operation;
use crate::reply::Reply;
use crate::request::Prepared;
use crate::tenant::Tenant;
use crate::time::Instant;
use crate::token::read_token;

/// What happened, as the driver tells the exchange.
pub enum Input {
    /// Begin.
    Start,
    /// A response came for what was sent.
    Response(Response<Vec<u8>>),
    /// No response came for what was sent.
    Failed(Delivery),
    /// The wait is over.
    Woken,
}

/// Whether a request that failed may have reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It certainly did not: there was no connection to send it over.
    NotSent,
    /// Nobody knows: a time-out, a reset, a reply that was cut off.
    Unknown,
}

/// What the driver is to do next.
pub enum Step {
    /// Send this, once, and tell what came of it. Its extensions hold the [`TimeLimit`].
    Send(Request<Vec<u8>>),
    /// Wait, then say [`Input::Woken`].
    Wait(Wait),
    /// The call has ended.
    Done(Result<Reply, Error>),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Until when, at the latest.
    pub until: Instant,
    /// If given, also end the wait when the tenant's epoch is no longer this.
    pub epoch: Option<u64>,
}

/// How long one attempt may take, from the first byte sent to the last byte received: in the extensions of each request
/// that an exchange sends. Transports honour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeLimit(pub Duration);

/// How one call is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CallOptions {
    /// How long one attempt may take.
    pub attempt_limit: Duration,
}

impl CallOptions {
    /// The defaults: 30 seconds an attempt.
    pub const fn new() -> Self {
        Self { attempt_limit: Duration::from_secs(30) }
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub const fn attempt_limit(mut self, limit: Duration) -> Self {
        self.attempt_limit = limit;
        self
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// One call of an operation: a machine that gets a token if there is none, sends the operation, and ends.
///
/// It does no I/O. The driver does what each [`Step`] says and tells what happened; the loop is the same for every
/// operation, and for blocking and async code. See the [crate's front page](crate) for it.
///
/// ```text
///            ┌───────────── a token that lasts ─────────────┐
///            │                                              ▼
/// Start ─▶ token? ── none ──▶ Send(token request) ──▶ Send(operation) ──▶ Done(Ok(Reply))
///                                   │                       │
///                                   └── refused, failed ────┴──────────▶ Done(Err(Error))
/// ```
///
/// Every input is answered in every state: `Start` or `Woken` while a reply is owed counts as a failure with unknown
/// delivery, a reply or failure that nobody asked for changes nothing, and after the end comes [`Error::Finished`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Exchange {
    prepared: Prepared,
    options: CallOptions,
    state: State,
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Ready,
    AwaitingToken,
    AwaitingReply,
    Finished,
}

impl Exchange {
    /// Writes the request of `operation`.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] names the argument that cannot be sent.
    pub fn new<O: Operation>(
        operation: &O,
        tenant: &Tenant,
        options: CallOptions,
    ) -> Result<Self, BuildError> {
        let prepared = Prepared::new(operation, tenant.domain())?;
        Ok(Self { prepared, options, state: State::Ready, effect: Effect::No })
    }

    /// Takes in what happened by `now`, and says what to do next.
    pub fn advance(&mut self, tenant: &mut Tenant, now: Instant, input: Input) -> Step {
        match (self.state, input) {
            (State::Ready, Input::Start | Input::Woken) => self.begin(tenant, now),
            (State::Ready, Input::Response(_) | Input::Failed(_)) => {
                Step::Wait(Wait { until: now, epoch: None })
            }
            (State::AwaitingToken, Input::Response(response)) => match read_token(&response) {
                Ok(issued) => {
                    tenant.keep(issued, now);
                    self.begin(tenant, now)
                }
                Err(problem) => self.no_token(problem),
            },
            (State::AwaitingToken, Input::Failed(delivery)) => {
                self.no_token(AuthProblem::Unreachable(delivery))
            }
            (State::AwaitingToken, Input::Start | Input::Woken) => {
                self.no_token(AuthProblem::Unreachable(Delivery::Unknown))
            }
            (State::AwaitingReply, Input::Response(response)) => self.answered(tenant, response),
            (State::AwaitingReply, Input::Failed(Delivery::NotSent)) => {
                self.end(Err(Error::Unsent(self.prepared.meta)))
            }
            (State::AwaitingReply, Input::Failed(Delivery::Unknown) | Input::Start | Input::Woken) => {
                self.effect = Effect::Possible;
                self.end(Err(Error::UnknownOutcome(self.prepared.meta)))
            }
            (State::Finished, _) => {
                Step::Done(Err(Error::Finished { operation: self.prepared.meta, effect: self.effect }))
            }
        }
    }

    /// Sends the operation if there is a token, and gets one otherwise.
    fn begin(&mut self, tenant: &mut Tenant, now: Instant) -> Step {
        let request = if let Some(token) = tenant.usable_token(now) {
            self.state = State::AwaitingReply;
            self.prepared.attempt(&token)
        } else {
            match tenant.token_request() {
                Ok(request) => {
                    self.state = State::AwaitingToken;
                    request
                }
                Err(problem) => return self.no_token(problem),
            }
        };
        self.send(request)
    }

    fn send(&self, mut request: Request<Vec<u8>>) -> Step {
        request.extensions_mut().insert(TimeLimit(self.options.attempt_limit));
        Step::Send(request)
    }

    fn answered(&mut self, tenant: &mut Tenant, response: Response<Vec<u8>>) -> Step {
        let reply = Reply::of(self.prepared.meta, response);
        self.effect = self.effect.max(effect_of(reply.status()));
        if reply.status().is_success() {
            return self.end(Ok(reply));
        }
        if reply.status() == StatusCode::UNAUTHORIZED {
            tenant.forget_token();
        }
        let effect = self.effect;
        self.end(Err(Error::Api(ApiError::new(reply, effect).into())))
    }

    fn no_token(&mut self, problem: AuthProblem) -> Step {
        let error = AuthError { operation: self.prepared.meta, problem, effect: self.effect };
        self.end(Err(Error::Auth(error.into())))
    }

    fn end(&mut self, result: Result<Reply, Error>) -> Step {
        self.state = State::Finished;
        Step::Done(result)
    }
}

/// What a reply with this status says about the operation: 4xx refuses it, and all but 2xx leaves it open.
fn effect_of(status: StatusCode) -> Effect {
    if status.is_success() {
        Effect::Happened
    } else if status.is_client_error() {
        Effect::No
    } else {
        Effect::Possible
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}: {:?}, effect {:?})", self.prepared.meta.name, self.state, self.effect)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Response(response) => {
                write!(f, "Response(HTTP {}, {} bytes)", response.status().as_u16(), response.body().len())
            }
            Self::Failed(delivery) => write!(f, "Failed({delivery:?})"),
            Self::Woken => f.write_str("Woken"),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request) => write!(f, "Send({}, {} bytes)", request.method(), request.body().len()),
            Self::Wait(wait) => wait.fmt(f),
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
        }
    }
}
