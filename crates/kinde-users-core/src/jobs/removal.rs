//! How something came to be absent, and the replies that confirm a deletion.

use alloc::boxed::Box;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::api::decode_error::{DecodeCategory, DecodeError};
use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::types::effect::Effect;
use crate::types::lenient::Object;
use crate::types::redacted::Redacted;

/// Whether a job deleted a user or the sessions of a user, or found them absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The job deleted the user or the sessions.
    Deleted,
    /// The user or the sessions were absent before the job. They were deleted before, or they never
    /// existed.
    AlreadyAbsent,
}

/// The reply to a DELETE, as far as it says whether the service did it.
#[derive(Default, Deserialize)]
struct Receipt {
    code: Option<Redacted>,
    message: Option<Redacted>,
    errors: Option<IgnoredAny>,
}

impl Receipt {
    /// Returns the field that denies the success, or that is missing.
    fn denial(&self) -> Option<&'static str> {
        let is = |text: &str, says: &str| text.eq_ignore_ascii_case(says);
        match (&self.errors, &self.code, &self.message) {
            (Some(_), ..) => Some("errors"),
            (None, Some(code), _) => (!is(code, "OK")).then_some("code"),
            (None, None, Some(message)) => (!is(message, "Success")).then_some("message"),
            (None, None, None) => Some("code"),
        }
    }
}

/// Reads a success. If its body denies the success, returns an error; `denial` names the field.
pub(super) fn confirm<T: DeserializeOwned>(
    result: Result<Reply, Error>,
    denial: impl FnOnce(&T) -> Option<&'static str>,
) -> Result<(), Error> {
    let reply = result?.into_result()?;
    let error = match reply.parse_as::<T>() {
        Ok(output) => match denial(&output) {
            Some(field) => {
                DecodeError { path: field.into(), line: 1, column: 0, category: DecodeCategory::NotDone }
            }
            None => return Ok(()),
        },
        Err(error) => error,
    };
    Err(Error::Decode { error: Box::new(error), reply: Box::new(reply) })
}

/// Reads the result of a DELETE. An error that says that one of `things` is absent is a success
/// too.
pub(super) fn gone(result: Result<Reply, Error>, things: &[&str]) -> Result<Removal, Error> {
    // An empty body is a success too.
    let denial =
        |receipt: &Option<Object<Receipt>>| receipt.as_ref().and_then(|Object(receipt)| receipt.denial());
    match confirm(result, denial) {
        Ok(()) => Ok(Removal::Deleted),
        Err(error) if error.as_api().is_some_and(|error| error.names_missing(things)) => {
            // If an earlier attempt may have done it, it most likely has.
            Ok(if error.effect() == Effect::None { Removal::AlreadyAbsent } else { Removal::Deleted })
        }
        Err(error) => Err(error),
    }
}

/// The things that an error names if a user, or the sessions of a user, are absent.
pub(super) const USER: [&str; 1] = ["USER"];
pub(super) const SESSIONS: [&str; 3] = ["USER", "SESSION", "SESSIONS"];
