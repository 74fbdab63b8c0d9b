//! What can go wrong, and what it means for the operation.

use alloc::boxed::Box;
use core::fmt;

use http::Method;

use crate::api::decode_error::{DecodeCategory, DecodeError};
use crate::api::meta::Meta;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::auth_error::AuthError;
use crate::types::build_error::BuildError;
use crate::types::delivery::BodyFailure;
use crate::types::effect::Effect;

/// Why a call has no result.
///
/// Each tells by [`effect`](Self::effect) whether the operation took place all the same.
///
/// `Display` is one line with operation, status, and Kinde's code and message, and never has a
/// body, a URI, an id or a secret; words of the service's message that may be personal are masked
/// there. `Debug` is as careful.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be sent. Nothing was sent, not even for a token.
    /// [`Problem::OtherTenant`](crate::Problem::OtherTenant) can come up in the middle of a call
    /// too; after an attempt that may have taken effect it is in [`Exhausted`](Self::Exhausted).
    Build(Box<BuildError>),
    /// The service answered with something else than success.
    Api(Box<ApiError>),
    /// The service answered with success, in a form that cannot be read.
    #[non_exhaustive]
    Decode {
        /// What is wrong, and where.
        error: Box<DecodeError>,
        /// The reply, to read in another way.
        reply: Box<Reply>,
    },
    /// The service reported success, and the body of its reply could not be read.
    ///
    /// The operation took place. Where its result is needed, read it from the service again.
    #[non_exhaustive]
    Body {
        /// Why it could not be read.
        failure: BodyFailure,
        /// The reply without its body.
        reply: Box<Reply>,
    },
    /// There is no token to send the operation with.
    Auth(Box<AuthError>),
    /// The request could not be sent: no connection.
    Unsent(&'static Meta),
    /// The request left, and no reply came: a time-out, a reset, a reply that was cut off.
    UnknownOutcome(&'static Meta),
    /// The call failed in all its attempts: no attempt, retry budget or time is left, or the call
    /// could not continue.
    #[non_exhaustive]
    Exhausted {
        /// How many attempts there were.
        attempts: u32,
        /// What came of them all together.
        effect: Effect,
        /// What came of the last one.
        last: Box<Error>,
    },
    /// The call would exceed its total timeout without an attempt: it waited for a token, for the
    /// reset of a 429 of another call, or for its slot.
    #[non_exhaustive]
    TotalTimeout {
        /// The operation.
        operation: &'static Meta,
        /// What had come of it.
        effect: Effect,
    },
    /// The service gave a cursor of a list that it had given before: the list would never end. The
    /// pages up to there were read.
    CursorLoop(&'static Meta),
    /// The exchange was driven on after its end.
    #[non_exhaustive]
    Finished {
        /// The operation that had ended.
        operation: &'static Meta,
        /// What had come of it, at the most.
        effect: Effect,
    },
}

impl Error {
    /// Whether the service carried out the operation.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Build(_) | Self::Unsent(_) => Effect::None,
            Self::Api(error) => error.effect,
            Self::Decode { error, .. } if error.category == DecodeCategory::NotDone => Effect::Possible,
            Self::Decode { .. } | Self::Body { .. } | Self::CursorLoop(_) => Effect::Happened,
            Self::Auth(error) => error.effect,
            Self::UnknownOutcome(_) => Effect::Possible,
            Self::Exhausted { effect, .. }
            | Self::TotalTimeout { effect, .. }
            | Self::Finished { effect, .. } => *effect,
        }
    }

    /// This error, where the attempts of its call came to at least `effect`.
    pub(crate) fn with_at_least(self, effect: Effect, attempts: u32) -> Self {
        if self.effect() >= effect {
            return self;
        }
        match self {
            Self::Api(mut error) => {
                error.effect = effect;
                Self::Api(error)
            }
            Self::Auth(mut error) => {
                error.effect = effect;
                Self::Auth(error)
            }
            Self::Exhausted { attempts, last, .. } => Self::Exhausted { attempts, effect, last },
            Self::TotalTimeout { operation, .. } => Self::TotalTimeout { operation, effect },
            Self::Finished { operation, .. } => Self::Finished { operation, effect },
            // They stand for one effect, and were reached after an attempt that came to more.
            error @ (Self::Build(_)
            | Self::Unsent(_)
            | Self::UnknownOutcome(_)
            | Self::CursorLoop(_)
            | Self::Decode { .. }
            | Self::Body { .. }) => Self::Exhausted { attempts, effect, last: Box::new(error) },
        }
    }

    /// The name of the operation, as [`Meta::name`].
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Build(error) => error.operation(),
            Self::Api(error) => error.reply().operation().name,
            Self::Decode { reply, .. } | Self::Body { reply, .. } => reply.operation().name,
            Self::Auth(error) => error.operation.name,
            Self::Exhausted { last, .. } => last.operation(),
            Self::Unsent(meta)
            | Self::UnknownOutcome(meta)
            | Self::CursorLoop(meta)
            | Self::TotalTimeout { operation: meta, .. }
            | Self::Finished { operation: meta, .. } => meta.name,
        }
    }

    /// The error that the service answered with, to the last attempt if there were several.
    pub fn as_api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Exhausted { last, .. } => last.as_api(),
            _ => None,
        }
    }

    /// Whether Kinde answered a DELETE with an error that says that there is no such thing
    /// ([`ApiError::is_not_there`]), after an earlier attempt may have been carried out: what was
    /// to be deleted is gone, most likely by this very call.
    pub fn is_already_gone(&self) -> bool {
        self.as_api().is_some_and(|error| {
            error.effect != Effect::None
                && error.reply().operation().method == Method::DELETE
                && error.is_not_there()
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::Api(error) => error.fmt(f),
            Self::Decode { error, reply } => {
                write!(f, "{}: HTTP {}: {error}", reply.operation().name, reply.status().as_u16())
            }
            Self::Body { failure, reply } => {
                let (name, status) = (reply.operation().name, reply.status().as_u16());
                write!(f, "{name}: HTTP {status}: the service reported success, but {failure}")
            }
            Self::Auth(error) => error.fmt(f),
            Self::Unsent(meta) => write!(f, "{}: not sent: no connection", meta.name),
            Self::UnknownOutcome(meta) => write!(f, "{}: sent, and no reply: outcome unknown", meta.name),
            Self::Exhausted { attempts, last, .. } => {
                write!(
                    f,
                    "{last} (gave up after {attempts} attempt{})",
                    if *attempts == 1 { "" } else { "s" }
                )
            }
            Self::TotalTimeout { operation, .. } => {
                write!(f, "{}: the call would exceed its total timeout", operation.name)
            }
            Self::CursorLoop(meta) => write!(f, "{}: the service repeated a cursor", meta.name),
            Self::Finished { operation, .. } => write!(f, "{}: driven on after its end", operation.name),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        // The other variants print what they hold themselves.
        match self {
            Self::Decode { error, .. } => Some(&**error),
            _ => None,
        }
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::Build(Box::new(error))
    }
}
