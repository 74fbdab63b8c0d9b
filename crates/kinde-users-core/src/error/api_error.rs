//! Replies that are not a success.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::StatusCode;
use http::header::LOCATION;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::api::meta::{Meta, Replay};
use crate::api::reply::Reply;
use crate::error::error_body::{ErrorBody, ErrorItem};
use crate::error::hints::{mentions, redirect_host, write_redirect};
use crate::types::effect::Effect;
use crate::types::lenient::{Object, if_it_fits, one_or_many};
use crate::types::reset_headers::reset_delay;

/// A reply of the service that is not a success.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiError {
    reply: Reply,
    /// `None` if the body is not in Kinde's form.
    errors: Option<Vec<ErrorItem>>,
    pub(super) effect: Effect,
}

impl ApiError {
    /// The maximum number of errors that are shown.
    const MOST_SHOWN: usize = 4;
    /// The maximum number of scopes that are read from a message.
    const MOST_SCOPES: usize = 8;

    /// Reads an error reply. `effect` is the strongest effect of all attempts of the call,
    /// including this one.
    pub(crate) fn new(reply: Reply, effect: Effect) -> Self {
        #[derive(Deserialize)]
        struct Envelope {
            // It is an array, or an object for some errors.
            #[serde(deserialize_with = "one_or_many")]
            errors: Vec<Item>,
        }
        // An odd item must not cost the others.
        struct Item(Option<Object<ErrorItem>>);
        impl<'de> Deserialize<'de> for Item {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if_it_fits(deserializer).map(Self)
            }
        }

        // An empty body is common. It has no errors.
        let errors = if reply.body().is_empty() { None } else { reply.read(serde_json::from_str).ok() };
        let errors = errors.and_then(|Object(Envelope { errors })| {
            let had_none = errors.is_empty();
            let items = errors.into_iter().filter_map(|Item(item)| Some(item?.0));
            let items: Vec<ErrorItem> = items.collect();
            (had_none || !items.is_empty()).then_some(items)
        });
        Self { reply, errors, effect }
    }

    /// Returns the operation that the service answered.
    pub fn operation(&self) -> &'static Meta {
        self.reply.operation()
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.reply.status()
    }

    /// Returns every `{code, message}` of the body. For some errors, Kinde sends several of them.
    ///
    /// Items that cannot be read as an [`ErrorItem`] are omitted.
    pub fn errors(&self) -> &[ErrorItem] {
        self.errors.as_deref().unwrap_or_default()
    }

    /// Returns whether one of the errors has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.errors().iter().any(|error| error.code.as_deref() == Some(code))
    }

    /// Returns whether Kinde says that the user, or the requested thing, does not exist.
    ///
    /// Kinde says so with the status 400, 404 or 410 and an error code. One such code is
    /// `USER_INVALID`, which Kinde also sends for a malformed id. The other codes name the missing
    /// thing: `USER_NOT_FOUND`, `SESSION_NOT_FOUND`, `MFA_NOT_FOUND` and so on. These codes exist
    /// for users and their sessions, factors, identities, properties and feature flags.
    ///
    /// A status alone proves nothing, because a proxy sends 404 too. Another code, such as
    /// `ROUTE_NOT_FOUND`, proves nothing either.
    pub fn is_not_there(&self) -> bool {
        const THINGS: [&str; 10] = [
            "USER", "SESSION", "SESSIONS", "MFA", "FACTOR", "FACTORS", "IDENTITY", "PROPERTY", "FEATURE",
            "FLAG",
        ];
        self.names_missing(&THINGS)
    }

    /// Like [`is_not_there`](Self::is_not_there), but only if the code names nothing but these
    /// things. `USER_INVALID` always counts.
    pub(crate) fn names_missing(&self, things: &[&str]) -> bool {
        let names_missing = |code: &str| {
            let thing = code.strip_suffix("_NOT_FOUND");
            code == "USER_INVALID"
                || thing.is_some_and(|thing| thing.split('_').all(|word| things.contains(&word)))
        };
        matches!(self.status(), StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE)
            && self.errors().iter().filter_map(|error| error.code.as_deref()).any(names_missing)
    }

    /// Whether the reply is the refusal of a repeat.
    pub(crate) fn is_refused_repeat(&self) -> bool {
        let Replay::RefusesRepeat { code } = self.operation().replay else { return false };
        self.status().is_client_error() && self.has_code(code)
    }

    /// Returns the scopes that the token lacks, if the status is 403. If the message of Kinde's
    /// `SCOPE_MISSING` names scopes, the method returns these scopes. Otherwise it returns all
    /// scopes of the operation, because Kinde often does not say more.
    ///
    /// The list is empty for another status, if the body gives another reason, or if the body is
    /// not in Kinde's form. In the last case, a firewall or a proxy may have answered.
    pub fn needed_scopes(&self) -> Vec<&str> {
        if self.status() != StatusCode::FORBIDDEN || self.is_foreign() {
            return Vec::new();
        }
        let codes = || self.errors().iter().map(|error| error.code.as_deref().unwrap_or_default());
        let named = self.errors().iter().filter(|error| mentions(error.code.as_deref(), &["scope"]));
        let mut scopes: Vec<&str> = Vec::new();
        for scope in
            named.filter_map(|error| error.message.as_deref()).flat_map(scopes_in).take(Self::MOST_SCOPES)
        {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        let is_about_access = |code: &str| code.is_empty() || mentions(Some(code), &ABOUT_ACCESS);
        if scopes.is_empty() && (self.errors().is_empty() || codes().any(is_about_access)) {
            scopes.extend(self.operation().scopes);
        }
        scopes
    }

    /// Whether there is a body that is not in Kinde's form. Kinde sends 403 and 429 without a body
    /// for some operations.
    pub(super) fn is_foreign(&self) -> bool {
        self.errors.is_none() && !self.reply.body().is_empty()
    }

    /// Returns how long the service asks to wait. This is the longest time in the headers
    /// `RateLimit-Reset`, which Kinde sends, and `Retry-After`.
    pub fn reset(&self) -> Option<Duration> {
        reset_delay(self.reply.headers())
    }

    /// Returns the ids that the service and its proxies gave the request. Each item is the name of
    /// a header and its value. Quote these ids in a support case.
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.reply.request_ids()
    }

    /// Returns the body as Kinde's errors, as other JSON, or as bytes.
    pub fn body(&self) -> ErrorBody<'_> {
        let body = self.reply.body();
        if let Some(errors) = &self.errors {
            return ErrorBody::Kinde(errors);
        }
        match self.reply.read(|text| serde_json::from_str(text).map(|IgnoredAny| text)) {
            Ok(text) if !body.is_empty() => ErrorBody::Json(text),
            _ => ErrorBody::Other(body),
        }
    }

    /// Returns the whole reply.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }
}

/// Parts of the codes of a 403 that may be about scopes.
const ABOUT_ACCESS: [&str; 6] = ["scope", "forbidden", "authori", "permission", "access", "denied"];

/// Returns the words of a message that have the form of a scope, such as `read:users`.
fn scopes_in(message: &str) -> impl Iterator<Item = &str> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let words =
        message.split(|character: char| character.is_whitespace() || matches!(character, ',' | ';' | '|'));
    words.map(|word| word.trim_matches(['"', '\'', '`', '.', '(', ')', '[', ']'])).filter(move |word| {
        word.len() <= 64 && word.split_once(':').is_some_and(|(verb, noun)| is_part(verb) && is_part(noun))
    })
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: HTTP {}", self.operation().name, self.status().as_u16())?;
        for (index, error) in self.errors().iter().take(Self::MOST_SHOWN).enumerate() {
            write!(f, "{} {error}", if index == 0 { ":" } else { ";" })?;
        }
        if let Some(more @ 1..) = self.errors().len().checked_sub(Self::MOST_SHOWN) {
            write!(f, "; and {more} more")?;
        }
        let scopes = self.needed_scopes();
        if !scopes.is_empty() {
            write!(f, " (needs scope {})", scopes.join(", "))?;
        }
        if self.status().is_redirection() && self.reply.headers().contains_key(LOCATION) {
            write_redirect(f, redirect_host(self.status(), self.reply.headers()).as_deref())?;
        } else if self.status().is_client_error() && self.is_foreign() {
            f.write_str(" (not in Kinde's form; a firewall or proxy may have answered)")?;
        }
        if let Some(reset) = self.reset() {
            write!(f, " (retry in {} s)", reset.as_secs())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("reply", &self.reply)
            .field("errors", &self.errors().iter().take(Self::MOST_SHOWN).collect::<Vec<_>>())
            .field("effect", &self.effect)
            .finish()
    }
}

impl core::error::Error for ApiError {}
