//! Turns a reply into a result.

use alloc::boxed::Box;

use serde::de::DeserializeOwned;

use crate::api::operation::Operation;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::call::Error;
use crate::types::effect::effect_of;

impl Reply {
    /// Returns this reply if its status is a success, and an error otherwise. Replies that an
    /// [`Exchange`](crate::Exchange) or a client returned are always successes.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Api`] if the status is not a success.
    pub fn into_result(self) -> Result<Self, Error> {
        if self.status().is_success() {
            return Ok(self);
        }
        let effect = effect_of(self.status());
        Err(Error::Api(Box::new(ApiError::new(self, effect))))
    }

    /// Reads the body as the output of operation `O`. If that fails, the error contains the reply.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Decode`], or [`Error::Api`] if the status is not a success.
    pub fn into_output<O: Operation>(self) -> Result<O::Output, Error> {
        self.into_parsed()
    }

    /// Reads the body as any type that owns its data. If that fails, the error contains the reply.
    ///
    /// # Errors
    ///
    /// Fails like [`into_output`](Self::into_output).
    pub fn into_parsed<T: DeserializeOwned>(self) -> Result<T, Error> {
        let reply = self.into_result()?;
        reply.parse_as().map_err(|error| Error::Decode { error: Box::new(error), reply: Box::new(reply) })
    }
}
