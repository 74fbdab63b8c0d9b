//! An answer that is not a success.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::api::meta::{Meta, Replay};
use crate::api::reply::Reply;
use crate::error::error_body::{ErrorBody, ErrorItem};
use crate::error::hints::{mentions, redirect_host, write_redirect};
use crate::types::effect::Effect;
use crate::types::lenient::{Object, if_it_fits, one_or_many};
use crate::types::reset_headers::reset_delay;

/// What the service answered with instead of success.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiError {
    reply: Reply,
    /// `None` where the body is not of Kinde's shape.
    errors: Option<Vec<ErrorItem>>,
    pub(super) effect: Effect,
}

impl ApiError {
    /// How many errors are shown of a reply that has many.
    const MOST_SHOWN: usize = 4;
    /// How many scopes are read from a message.
    const MOST_SCOPES: usize = 8;

    /// Reads an error reply. `effect` is what the call's attempts had come to, with this reply.
    pub(crate) fn new(reply: Reply, effect: Effect) -> Self {
        #[derive(Deserialize)]
        struct Envelope {
            // An array, and for some errors an object.
            #[serde(deserialize_with = "one_or_many")]
            errors: Vec<Item>,
        }
        // One odd item must not cost the others.
        struct Item(Option<Object<ErrorItem>>);
        impl<'de> Deserialize<'de> for Item {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if_it_fits(deserializer).map(Self)
            }
        }

        // An empty body is common, and holds none.
        let errors = if reply.body().is_empty() { None } else { reply.read(serde_json::from_str).ok() };
        let errors = errors.and_then(|Object(Envelope { errors })| {
            let had_none = errors.is_empty();
            let items = errors.into_iter().filter_map(|Item(item)| Some(item?.0));
            let items: Vec<ErrorItem> = items.collect();
            (had_none || !items.is_empty()).then_some(items)
        });
        Self { reply, errors, effect }
    }

    /// The operation that was answered.
    pub fn operation(&self) -> &'static Meta {
        self.reply.operation()
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.reply.status()
    }

    /// Every `{code, message}` of the body; Kinde sends several at once for some faults.
    ///
    /// What else is in the list is left out.
    pub fn errors(&self) -> &[ErrorItem] {
        self.errors.as_deref().unwrap_or_default()
    }

    /// Whether one of the errors has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.errors().iter().any(|error| error.code.as_deref() == Some(code))
    }

    /// Whether Kinde says that there is no such user, or nothing of what was asked for.
    ///
    /// It says so by 400, 404 or 410 with an error whose code is `USER_INVALID`, which it gives for
    /// a malformed id too, or names what is not there: `USER_NOT_FOUND`, `SESSION_NOT_FOUND`,
    /// `MFA_NOT_FOUND` and the like, for users and for their sessions, factors, identities,
    /// properties and feature flags.
    ///
    /// A status alone says nothing of a user, as a proxy answers 404 too. Another code says nothing
    /// of a user either, such as `ROUTE_NOT_FOUND`.
    pub fn is_not_there(&self) -> bool {
        const THINGS: [&str; 10] = [
            "USER", "SESSION", "SESSIONS", "MFA", "FACTOR", "FACTORS", "IDENTITY", "PROPERTY", "FEATURE",
            "FLAG",
        ];
        self.names_missing(&THINGS)
    }

    /// As [`is_not_there`](Self::is_not_there), where the code names nothing but these things.
    pub(crate) fn names_missing(&self, things: &[&str]) -> bool {
        let names_missing = |code: &str| {
            let thing = code.strip_suffix("_NOT_FOUND");
            code == "USER_INVALID"
                || thing.is_some_and(|thing| thing.split('_').all(|word| things.contains(&word)))
        };
        matches!(self.status(), StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE)
            && self.errors().iter().filter_map(|error| error.code.as_deref()).any(names_missing)
    }

    /// Whether the answer is what the operation's service refuses a repeat with.
    pub(crate) fn is_refused_repeat(&self) -> bool {
        let Replay::RefusesRepeat { code } = self.operation().replay else { return false };
        self.status().is_client_error() && self.has_code(code)
    }

    /// The scopes that the token lacks, where the answer was 403: those that the message of Kinde's `SCOPE_MISSING` names, and
    /// otherwise all that the operation needs, as Kinde often says no more.
    ///
    /// There are none where the status is another one, where the body gives another reason, and where it is not in Kinde's
    /// form: then a firewall or a proxy may have answered.
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

    /// Whether there is a body that is not in Kinde's form. Kinde answers 403 and 429 of some operations with no body.
    pub(super) fn is_foreign(&self) -> bool {
        self.errors.is_none() && !self.reply.body().is_empty()
    }

    /// How long the service asks to wait: the longest of what `RateLimit-Reset` (Kinde's) and `Retry-After` say.
    pub fn reset(&self) -> Option<Duration> {
        reset_delay(self.reply.headers())
    }

    /// The request's id at the service or a proxy before it, as name and value: for a support case.
    pub fn request_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        request_ids(self.reply.headers())
    }

    /// The body, as far as it was understood.
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

    /// The whole reply.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }
}

/// What is in the codes of a 403 that may be about scopes.
const ABOUT_ACCESS: [&str; 6] = ["scope", "forbidden", "authori", "permission", "access", "denied"];

/// The words of a message that have the form of a scope, such as `read:users`.
fn scopes_in(message: &str) -> impl Iterator<Item = &str> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let words =
        message.split(|character: char| character.is_whitespace() || matches!(character, ',' | ';' | '|'));
    words.map(|word| word.trim_matches(['"', '\'', '`', '.', '(', ')', '[', ']'])).filter(move |word| {
        word.len() <= 64 && word.split_once(':').is_some_and(|(verb, noun)| is_part(verb) && is_part(noun))
    })
}

/// The headers in which services and the proxies before them tell a request's id.
fn request_ids(headers: &HeaderMap) -> impl Iterator<Item = (&'static str, &str)> {
    const NAMES: [&str; 7] = [
        "x-request-id",
        "request-id",
        "x-correlation-id",
        "x-amzn-requestid",
        "x-amzn-trace-id",
        "x-amz-cf-id",
        "cf-ray",
    ];
    NAMES.into_iter().filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)))
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
