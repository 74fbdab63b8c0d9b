//! The error of a call over a transport.

use core::error::Error as StdError;
use core::fmt;

use http::StatusCode;

use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::call::Error;
use crate::jobs::job::Job;
use crate::types::effect::Effect;

/// The error of a call: an [`Error`], and the error of the transport if there was one.
#[derive(Clone, Debug)]
pub struct CallError<E> {
    error: Error,
    transport: Option<E>,
}

impl<E> CallError<E> {
    pub(crate) fn new(error: Error, transport: Option<E>) -> Self {
        Self { error, transport }
    }

    /// Returns the error without the error of the transport.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the error without the error of the transport, by value.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// Returns the last error of the transport in this call, if there was one.
    pub fn transport(&self) -> Option<&E> {
        self.transport.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Error, Option<E>) {
        (self.error, self.transport)
    }

    /// Returns whether the operation took effect; see [`Error::effect`].
    pub fn effect(&self) -> Effect {
        self.error.effect()
    }

    /// Returns the error that the service answered with. Returns `None` if the service did not
    /// answer, or if it answered with a success that could not be read; see [`Error::as_api`].
    pub fn as_api(&self) -> Option<&ApiError> {
        self.error.as_api()
    }

    /// Returns the status of the error that the service answered with; see
    /// [`as_api`](Self::as_api).
    pub fn status(&self) -> Option<StatusCode> {
        self.as_api().map(ApiError::status)
    }

    /// Returns the ids that the service and its proxies gave the request whose reply made the call
    /// fail; see [`Error::request_ids`].
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.error.request_ids()
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self { error, transport: None }
    }
}

impl<E> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        error.error
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.transport {
            Some(error) => Some(error),
            None => self.error.source(),
        }
    }
}

/// Passes the result of a call to the job. If the job returns an error, adds the error of the
/// transport.
pub(crate) fn feed<J: Job, E>(job: &mut J, result: Result<Reply, CallError<E>>) -> Result<(), CallError<E>> {
    let (result, transport) = match result {
        Ok(reply) => (Ok(reply), None),
        Err(error) => {
            let (error, transport) = error.into_parts();
            (Err(error), transport)
        }
    };
    job.handle(result).map_err(|error| CallError::new(error, transport))
}
