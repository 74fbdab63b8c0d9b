//! The error of a call, and what it means for the operation.

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

/// Why a call failed.
///
/// [`effect`](Self::effect) says whether the operation took effect although the call failed.
///
/// `Display` prints one line: the operation, the status, and Kinde's code and message. It does not
/// print a body, a URI, an id or a secret. Words of Kinde's message that may be personal are
/// masked. `Debug` hides the same data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be sent. Nothing was sent, not even a token request.
    ///
    /// There is one exception: [`Problem::OtherTenant`](crate::Problem::OtherTenant) can also occur
    /// in the middle of a call. If an earlier attempt may have taken effect, the error of the call
    /// is [`Exhausted`](Self::Exhausted), with this error as its last error.
    Build(Box<BuildError>),
    /// The service answered with a status that is not a success.
    Api(Box<ApiError>),
    /// The service reported success, but the reply does not have the expected form.
    #[non_exhaustive]
    Decode {
        /// What is wrong in the reply, and where.
        error: Box<DecodeError>,
        /// The reply. You can read it as another type.
        reply: Box<Reply>,
    },
    /// The service reported success, but the body of the reply could not be read.
    ///
    /// The operation took effect. If you need the result, read it from the service again.
    #[non_exhaustive]
    Body {
        /// Why the body could not be read.
        failure: BodyFailure,
        /// The reply without a body.
        reply: Box<Reply>,
    },
    /// There is no token for the operation.
    Auth(Box<AuthError>),
    /// The request could not be sent, because there was no connection.
    Unsent(&'static Meta),
    /// The request was sent, but no complete reply arrived. This happens after a time-out or a
    /// connection reset, or if the reply was cut off.
    UnknownOutcome(&'static Meta),
    /// All attempts of the call failed. The attempts, the retry budget or the time are used up, or
    /// the call could not continue.
    #[non_exhaustive]
    Exhausted {
        /// The number of attempts, counted as in [`Exchange::attempts`](crate::Exchange::attempts).
        attempts: u32,
        /// The strongest effect of all attempts.
        effect: Effect,
        /// The error of the last attempt.
        last: Box<Error>,
    },
    /// The call made no attempt, because the call would have exceeded its total timeout or, with
    /// the adaptive rate, its longest wait. The call waited for a token, for the reset of a 429 of
    /// another call, or for its slot of the rate limit.
    #[non_exhaustive]
    TotalTimeout {
        /// The operation.
        operation: &'static Meta,
        /// The effect of the call so far.
        effect: Effect,
    },
    /// The service returned a cursor that it had returned before, so the list would never end. The
    /// pages before this cursor were read. The walk of [`FindUsers`](crate::FindUsers) also fails
    /// with this error if the list has too many pages.
    CursorLoop(&'static Meta),
    /// [`Exchange::advance`](crate::Exchange::advance) was called after the end of the exchange.
    #[non_exhaustive]
    Finished {
        /// The operation of the exchange.
        operation: &'static Meta,
        /// The strongest effect of all attempts.
        effect: Effect,
    },
}

impl Error {
    /// Returns whether the operation took effect.
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

    /// Returns this error for a call whose attempts had at least this effect.
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
            // These errors have a fixed effect, and an earlier attempt had a stronger one.
            error @ (Self::Build(_)
            | Self::Unsent(_)
            | Self::UnknownOutcome(_)
            | Self::CursorLoop(_)
            | Self::Decode { .. }
            | Self::Body { .. }) => Self::Exhausted { attempts, effect, last: Box::new(error) },
        }
    }

    /// Returns the name of the operation; see [`Meta::name`].
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

    /// Returns the error that the service answered with, or `None` if it did not answer with an
    /// error. If there were several attempts, this is the answer to the last attempt.
    pub fn as_api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Exhausted { last, .. } => last.as_api(),
            _ => None,
        }
    }

    /// Returns the ids that the service and its proxies gave the request whose reply made the call
    /// fail. Each item is the name of a header and its value. There are none if the call failed for
    /// another reason, such as a token that could not be renewed.
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.reply().into_iter().flat_map(Reply::request_ids)
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Api(error) => Some(error.reply()),
            Self::Decode { reply, .. } | Self::Body { reply, .. } => Some(reply),
            Self::Exhausted { last, .. } => last.reply(),
            _ => None,
        }
    }

    /// Returns whether a DELETE most likely succeeded in an earlier attempt of the same call.
    ///
    /// This is the case if Kinde's error says that the thing to delete does not exist
    /// ([`ApiError::is_not_there`]), and an earlier attempt may have taken effect.
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
                write!(f, "{}: the call would exceed its total timeout or its longest wait", operation.name)
            }
            Self::CursorLoop(meta) => write!(f, "{}: the service repeated a cursor", meta.name),
            Self::Finished { operation, .. } => write!(f, "{}: driven on after its end", operation.name),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        // The other variants print the error that they contain.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::get_users::GetUsers;
    use alloc::vec::Vec;

    #[test]
    fn each_error_with_a_reply_has_its_request_ids() {
        let reply = |status: u16| {
            let response = http::Response::builder().status(status).header("cf-ray", "8f1c-MEL");
            Reply::new::<GetUsers>(response.body(Vec::new()).unwrap())
        };
        let api = reply(404).into_result().unwrap_err();
        let decode = reply(200).into_output::<GetUsers>().unwrap_err();
        let body = Error::Body { failure: BodyFailure::Broken, reply: Box::new(reply(200)) };
        let exhausted = Error::Exhausted {
            attempts: 2,
            effect: Effect::None,
            last: Box::new(reply(503).into_result().unwrap_err()),
        };
        for error in [api, decode, body, exhausted] {
            assert_eq!(error.request_ids().collect::<Vec<_>>(), [("cf-ray", "8f1c-MEL")], "{error:?}");
        }
        assert_eq!(Error::Unsent(reply(200).operation()).request_ids().count(), 0);
    }
}
