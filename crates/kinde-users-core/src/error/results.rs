//! A reply as a result: what was asked for, or the error that it is.

use alloc::boxed::Box;

use serde::de::DeserializeOwned;

use crate::api::operation::Operation;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::call::Error;
use crate::types::effect::effect_of;

impl Reply {
    /// This reply if it is a success, and otherwise the error that it is. Replies of an
    /// [`Exchange`](crate::Exchange) and of clients are successes already.
    ///
    /// # Errors
    ///
    /// [`Error::Api`].
    pub fn into_result(self) -> Result<Self, Error> {
        if self.status().is_success() {
            return Ok(self);
        }
        let effect = effect_of(self.status());
        Err(Error::Api(Box::new(ApiError::new(self, effect))))
    }

    /// Reads the body as what operation `O` answers, and keeps the reply in the error where that
    /// fails.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`], or [`Error::Api`] if the status is none of success.
    pub fn into_output<O: Operation>(self) -> Result<O::Output, Error> {
        self.into_parsed()
    }

    /// Reads the body as any type that owns its data, and keeps the reply in the error where that
    /// fails.
    ///
    /// # Errors
    ///
    /// As [`into_output`](Self::into_output).
    pub fn into_parsed<T: DeserializeOwned>(self) -> Result<T, Error> {
        let reply = self.into_result()?;
        reply.parse_as().map_err(|error| Error::Decode { error: Box::new(error), reply: Box::new(reply) })
    }
}
