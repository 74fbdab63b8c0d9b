//! What can go wrong, and what it means for the operation.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::api::operation::{Meta, Replay};
use crate::api::reply::Reply;
use crate::protocol::exchange::{BodyFailure, Delivery};
use crate::protocol::retry::reset_delay;
use crate::types::domain::is_host;
use crate::types::lenient::{Object, if_it_fits, one_or_many};
use crate::types::text::Shown;

/// Whether the service carried out the operation of a call that failed, over all attempts of the call.
///
/// For a read, carrying it out changes nothing; the answer is given all the same.
///
/// They are ordered by how much happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It did not happen: nothing arrived, or the service refused it.
    #[default]
    No,
    /// It may have happened: look it up before trying again.
    Possible,
    /// It happened, though its result could not be had.
    Happened,
}

/// Why a call has no result.
///
/// Each tells by [`effect`](Self::effect) whether the operation took place all the same.
///
/// `Display` is one line with operation, status, and Kinde's code and message, and never has a body, a URI, an id or a
/// secret; words of the service's message that may be personal are masked there. `Debug` is as careful.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be sent. Nothing was sent, not even for a token. [`Problem::OtherTenant`] can come up in the middle
    /// of a call too; after an attempt that may have taken effect it is in [`Exhausted`](Self::Exhausted).
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
    /// What was tried did not help: attempts, retry budget or deadline are spent, or the call could not go on.
    #[non_exhaustive]
    Exhausted {
        /// How many attempts there were.
        attempts: u32,
        /// What came of them all together.
        effect: Effect,
        /// What came of the last one.
        last: Box<Error>,
    },
    /// The call would not end before its deadline, and there is nothing to show: it waited for a token, for the reset of a 429
    /// that another call met, or for its turn.
    #[non_exhaustive]
    Deadline {
        /// The operation.
        operation: &'static Meta,
        /// What had come of it.
        effect: Effect,
    },
    /// The service gave a cursor of a list that it had given before: the list would never end. The pages up to there were read.
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
            Self::Build(_) | Self::Unsent(_) => Effect::No,
            Self::Api(error) => error.effect,
            Self::Decode { error, .. } if error.category == DecodeCategory::NotDone => Effect::Possible,
            Self::Decode { .. } | Self::Body { .. } | Self::CursorLoop(_) => Effect::Happened,
            Self::Auth(error) => error.effect,
            Self::UnknownOutcome(_) => Effect::Possible,
            Self::Exhausted { effect, .. }
            | Self::Deadline { effect, .. }
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
            Self::Deadline { operation, .. } => Self::Deadline { operation, effect },
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
            Self::Build(error) => error.operation,
            Self::Api(error) => error.reply.operation().name,
            Self::Decode { reply, .. } | Self::Body { reply, .. } => reply.operation().name,
            Self::Auth(error) => error.operation.name,
            Self::Exhausted { last, .. } => last.operation(),
            Self::Unsent(meta)
            | Self::UnknownOutcome(meta)
            | Self::CursorLoop(meta)
            | Self::Deadline { operation: meta, .. }
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
            error.effect != Effect::No
                && error.reply.operation().method == Method::DELETE
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
            Self::Deadline { operation, .. } => {
                write!(f, "{}: it would not end before its deadline", operation.name)
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

/// An argument that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BuildError {
    operation: &'static str,
    argument: &'static str,
    problem: Problem,
}

impl BuildError {
    /// For operations of your own; see also [`RequestWriter::refuse`](crate::RequestWriter::refuse).
    pub const fn new(operation: &'static str, argument: &'static str, problem: Problem) -> Self {
        Self { operation, argument, problem }
    }

    /// The operation's name.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The argument's name, as in Kinde's documentation.
    pub fn argument(&self) -> &'static str {
        self.argument
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.operation, self.argument, self.problem)
    }
}

impl core::error::Error for BuildError {}

/// What is wrong with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// It is empty, and would address something else or filter nothing.
    Empty,
    /// It is `.` or `..`, which servers and proxies fold away, percent-encoded or not.
    DotSegment,
    /// It is in a path and holds `/`, `\`, `?`, `#` or `;`, or an escape of one of them or of bytes that are not UTF-8.
    /// Behind some proxies the request would reach another route.
    NotASegment,
    /// It holds a comma, and stands in a list that commas separate.
    Comma,
    /// It is a number outside of its range.
    OutOfRange {
        /// The least that is allowed.
        least: u32,
        /// The most that is allowed.
        most: u32,
    },
    /// It is no date-time in the form of RFC 3339.
    NotATimestamp,
    /// It is needed, and not there.
    Missing,
    /// It does not go with the others, as a salt with a hash that holds its own.
    NotAllowed,
    /// It is of another type, or in another form, than it has to be.
    WrongType,
    /// The whole URI is longer than this many bytes.
    TooLong {
        /// The most that is allowed, in bytes.
        longest: usize,
    },
    /// It holds a line break or another control character, as where a quote is not closed.
    ControlCharacter,
    /// It begins or ends with a blank or an invisible character, as a text does that was cut out of a file.
    OuterBlank,
    /// It has no JSON form.
    NotJson,
    /// It holds a character that a header cannot carry.
    NotAHeader,
    /// The whole is no URI: a domain that no HTTP stack takes.
    NotAUri,
    /// The request was written for another tenant than the one that it is to be sent with.
    OtherTenant,
    /// The operation's code wrote it out of the order of its path template, or not at all.
    Misplaced,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::DotSegment => f.write_str("must not be `.` or `..`"),
            Self::NotASegment => f.write_str(
                "must be one path segment: no `/`, `\\`, `?`, `#` or `;`, and no encoded form of them",
            ),
            Self::Comma => f.write_str("must not hold a comma"),
            Self::OutOfRange { least, most } => write!(f, "must be {least} to {most}"),
            Self::NotATimestamp => f.write_str("must be a date-time as in RFC 3339"),
            Self::Missing => f.write_str("is missing"),
            Self::NotAllowed => f.write_str("does not go with the rest"),
            Self::WrongType => f.write_str("has the wrong type or form"),
            Self::TooLong { longest } => write!(f, "must not be longer than {longest} bytes"),
            Self::ControlCharacter => f.write_str("must not hold a line break or another control character"),
            Self::OuterBlank => f.write_str("must not begin or end with a blank or an invisible character"),
            Self::NotJson => f.write_str("must have a JSON form"),
            Self::NotAHeader => f.write_str("must hold visible ASCII characters only"),
            Self::NotAUri => f.write_str("must form a URI"),
            Self::OtherTenant => f.write_str("is another one than the request was written for"),
            Self::Misplaced => f.write_str("is not where the path template has it"),
        }
    }
}

/// What the service answered with instead of success.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiError {
    reply: Reply,
    /// `None` where the body is not of Kinde's shape.
    errors: Option<Vec<ErrorItem>>,
    effect: Effect,
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
        self.errors().iter().any(|error| error.code() == Some(code))
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
            && self.errors().iter().filter_map(ErrorItem::code).any(names_missing)
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
        let codes = || self.errors().iter().map(|error| error.code().unwrap_or_default());
        let named = self.errors().iter().filter(|error| mentions(error.code(), &["scope"]));
        let mut scopes: Vec<&str> = Vec::new();
        for scope in named.filter_map(ErrorItem::message).flat_map(scopes_in).take(Self::MOST_SCOPES) {
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
    fn is_foreign(&self) -> bool {
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

/// Whether a text holds one of these words, in whatever case.
fn mentions(text: Option<&str>, words: &[&str]) -> bool {
    let text = text.unwrap_or_default().as_bytes();
    words.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())))
}

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

/// The host that a redirect names, if it names one and that is plain. The rest of the target may hold anything.
pub(crate) fn redirect_host(status: StatusCode, headers: &HeaderMap) -> Option<Box<str>> {
    let target = headers.get(LOCATION).filter(|_| status.is_redirection())?.to_str().ok()?;
    // A target may leave out the scheme.
    let target = if target.starts_with("//") { format!("https:{target}") } else { target.into() };
    let target = Url::parse(&target).ok()?;
    target.host_str().filter(|host| is_host(host)).map(Box::from)
}

/// Says where a redirect leads, and why there may be one.
fn write_redirect(f: &mut fmt::Formatter<'_>, host: Option<&str>) -> fmt::Result {
    write!(f, " (a redirect to {}, which is not followed; ", host.unwrap_or("another place"))?;
    f.write_str("the domain has to be the tenant's kinde.com domain, not a custom one)")
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

/// The body of an error reply, as far as it was understood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ErrorBody<'a> {
    /// Kinde's shape: `{"errors": …}`, which may hold none.
    Kinde(&'a [ErrorItem]),
    /// Some other JSON, [repaired](Reply::parse_as) where it was broken.
    Json(&'a str),
    /// Not JSON: nothing at all, text, HTML of a proxy.
    Other(&'a [u8]),
}

impl fmt::Debug for ErrorBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kinde(errors) => f.debug_tuple("Kinde").field(errors).finish(),
            Self::Json(text) => write!(f, "Json({} bytes)", text.len()),
            Self::Other(bytes) => write!(f, "Other({} bytes)", bytes.len()),
        }
    }
}

/// One error of an error reply.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct ErrorItem {
    // One that is not a text must not cost the other.
    #[serde(default, deserialize_with = "if_it_fits")]
    code: Option<Box<str>>,
    #[serde(default, deserialize_with = "if_it_fits")]
    message: Option<Box<str>>,
}

impl ErrorItem {
    /// Kinde's code, such as `USER_INVALID`.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Kinde's message, whole: it may quote what was sent, in any form.
    ///
    /// `Display` shows plain words, codes, scopes, routes and short numbers of it, and masks all other words. E-mail addresses
    /// with an `@` or a dot, phone numbers, ids, tokens, hashes and most salts are masked by this. A name, a secret or an
    /// address that is written like plain words cannot be told from them, and is shown.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for ErrorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.message()) {
            (Some(code), Some(message)) => write!(f, "{}: {}", Shown(code), Shown(message)),
            (Some(text), None) | (None, Some(text)) => Shown(text).fmt(f),
            (None, None) => f.write_str("no code or message"),
        }
    }
}

impl fmt::Debug for ErrorItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a successful reply could not be read, and where. It quotes no value of the reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecodeError {
    pub(crate) path: Box<str>,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) category: DecodeCategory,
}

impl DecodeError {
    /// The path of the value that could not be read or is missing, such as `users[3].is_suspended`; empty for the whole
    /// body. A key that is not a plain field name is `?`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, from 1. Line and column are those of the text that was read, which differs from the body where that had
    /// to be [repaired](Reply::parse_as).
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, in bytes from 1; 0 before the first byte of a line.
    pub fn column(&self) -> usize {
        self.column
    }

    /// In what way it could not be read.
    pub fn category(&self) -> DecodeCategory {
        self.category
    }
}

/// In what way a reply could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeCategory {
    /// The body is not UTF-8, and wrong bytes are not in strings alone.
    NotUtf8,
    /// The body is not JSON.
    Syntax,
    /// The body is JSON that does not fit the type: a value of a wrong type, or a required one missing.
    Data,
    /// The body ends too early, or is empty.
    Eof,
    /// The status is none of success, so that the body is another one.
    NotSuccess,
    /// The status is a success, but the body does not confirm it: it has an error, another user's id
    /// or another state. The operation may have happened. [`Erase`](crate::Erase) and
    /// [`Suspend`](crate::Suspend) report this.
    NotDone,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.category {
            DecodeCategory::NotUtf8 => "the reply is not UTF-8",
            DecodeCategory::Syntax => "the reply is not JSON",
            DecodeCategory::Data => "the reply does not fit its type",
            DecodeCategory::Eof => "the reply ends too early",
            DecodeCategory::NotSuccess => "the reply is no success",
            DecodeCategory::NotDone => "the reply does not confirm what was asked for",
        })?;
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, " (line {}, column {})", self.line, self.column)
    }
}

impl core::error::Error for DecodeError {}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthError {
    pub(crate) operation: &'static Meta,
    pub(crate) problem: AuthProblem,
    pub(crate) effect: Effect,
}

impl AuthError {
    /// What went wrong.
    pub fn problem(&self) -> &AuthProblem {
        &self.problem
    }
}

/// What went wrong with getting a token.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthProblem {
    /// The token endpoint refused: wrong credentials, an audience or scope that is not allowed.
    #[non_exhaustive]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The OAuth error, such as `invalid_client`, where the reply had one.
        error: Option<Box<str>>,
        /// The OAuth error's description, where the reply had one. It may quote the credentials, so `Display` and `Debug`
        /// leave it out.
        description: Option<Box<str>>,
    },
    /// The token endpoint said success, and gave no token that could be sent.
    Malformed,
    /// The token endpoint reported success, and the body of its reply could not be read.
    Body(BodyFailure),
    /// The credentials cannot be right, as [`Credentials::check`](crate::Credentials::check) says, or the audience cannot.
    /// Nothing was sent.
    Unsendable(BuildError),
    /// The token endpoint could not answer: 408, 429, 460, 499, 5xx, a redirect.
    #[non_exhaustive]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// The host that a redirect leads to.
        redirect_host: Option<Box<str>>,
    },
    /// No reply came from the token endpoint.
    Unreachable(Delivery),
    /// The token that was supplied has ended, and there are no credentials to get another.
    Ended,
}

impl AuthProblem {
    /// Whether asking again would bring the same.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Unavailable { .. } | Self::Unreachable(_) | Self::Body(BodyFailure::Broken))
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: no access token: ", self.operation.name)?;
        match &self.problem {
            AuthProblem::Refused { status, error, description } => {
                write!(f, "HTTP {status}: {}", known_oauth_error(error.as_deref()))?;
                f.write_str(likely_cause(*status, error.as_deref(), description.as_deref()))
            }
            AuthProblem::Malformed => f.write_str(
                "the token endpoint's reply holds none (the domain has to be the tenant's kinde.com domain)",
            ),
            AuthProblem::Unsendable(error) => error.fmt(f),
            AuthProblem::Unavailable { status, redirect_host } => {
                write!(f, "the token endpoint answered HTTP {status}")?;
                let is_redirect = (300..400).contains(status);
                if is_redirect { write_redirect(f, redirect_host.as_deref()) } else { Ok(()) }
            }
            AuthProblem::Body(failure) => {
                write!(f, "the token endpoint reported success, but {failure}")
            }
            AuthProblem::Unreachable(_) => f.write_str("no reply from the token endpoint"),
            AuthProblem::Ended => f.write_str("the supplied one has ended"),
        }
    }
}

/// What is most likely wrong where the token endpoint refused, and what to do. It quotes nothing of the reply.
fn likely_cause(status: u16, error: Option<&str>, description: Option<&str>) -> &'static str {
    let mentions_audience = mentions(error, &["audience"]) || mentions(description, &["audience"]);
    match (status, error) {
        _ if mentions_audience => REFUSED_AUDIENCE,
        (403, Some("invalid_request")) | (_, Some("invalid_target")) => REFUSED_AUDIENCE,
        (_, Some("invalid_scope")) => {
            " (a scope that was asked for is not granted: grant it to the application, or ask for fewer)"
        }
        (_, Some("invalid_client")) => {
            " (the client id and secret are not those of an application at this domain)"
        }
        (_, Some("unauthorized_client" | "unsupported_grant_type")) => {
            " (the application has to be a machine-to-machine application)"
        }
        (404, _) => {
            " (the domain or the client id is likely wrong; the domain has to be the tenant's kinde.com domain)"
        }
        (_, None) => " (not in the form of OAuth; a firewall or proxy may have answered)",
        _ => "",
    }
}

const REFUSED_AUDIENCE: &str = " (the audience was refused: authorise the application for the Kinde Management API, and \
    use the tenant's kinde.com domain, not a custom one)";

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthError({self}; effect {:?})", self.effect)
    }
}

/// The error if it is one that OAuth defines (RFC 6749, section 5.2; RFC 8707). What the token endpoint says beyond that may
/// quote the credentials that it was sent, and is not shown.
fn known_oauth_error(error: Option<&str>) -> &'static str {
    const KNOWN: [&str; 7] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
    ];
    KNOWN.into_iter().find(|known| error == Some(known)).unwrap_or("refused")
}

impl fmt::Debug for AuthProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, error, .. } => f
                .debug_struct("Refused")
                .field("status", status)
                .field("error", &known_oauth_error(error.as_deref()))
                .finish_non_exhaustive(),
            Self::Malformed => f.write_str("Malformed"),
            Self::Body(failure) => f.debug_tuple("Body").field(failure).finish(),
            Self::Unsendable(error) => f.debug_tuple("Unsendable").field(error).finish(),
            Self::Unavailable { status, redirect_host } => {
                let mut shown = f.debug_struct("Unavailable");
                shown.field("status", status);
                if let Some(host) = redirect_host {
                    shown.field("redirect_host", host);
                }
                shown.finish()
            }
            Self::Unreachable(delivery) => f.debug_tuple("Unreachable").field(delivery).finish(),
            Self::Ended => f.write_str("Ended"),
        }
    }
}

impl core::error::Error for AuthError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::operation::MetaRef;
    use crate::operations::get_users::GetUsers;
    use alloc::string::{String, ToString};
    use http::Response;

    fn api_error(status: u16, body: &str) -> ApiError {
        let response = Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap();
        ApiError::new(Reply::new::<GetUsers>(response), Effect::No)
    }

    #[test]
    fn every_error_reports_at_least_the_effect_of_its_call() {
        let meta = GetUsers::META_REF;
        let reply = || Box::new(Reply::new::<GetUsers>(Response::new(Vec::new())));
        let errors: [fn() -> Error; 3] = [
            || BuildError::new("get_users", "tenant", Problem::OtherTenant).into(),
            || Error::Api(Box::new(api_error(404, ""))),
            || {
                let (operation, problem) = (GetUsers::META_REF, AuthProblem::Ended);
                Error::Auth(Box::new(AuthError { operation, problem, effect: Effect::No }))
            },
        ];
        let mut errors: Vec<_> = errors.into_iter().map(|error| error()).collect();
        errors.extend([
            Error::Decode { error: Box::new(reply().parse::<GetUsers>().unwrap_err()), reply: reply() },
            Error::Body { failure: BodyFailure::Broken, reply: reply() },
            Error::Unsent(meta),
            Error::UnknownOutcome(meta),
            Error::Exhausted { attempts: 2, effect: Effect::No, last: Box::new(Error::Unsent(meta)) },
            Error::Deadline { operation: meta, effect: Effect::No },
            Error::CursorLoop(meta),
            Error::Finished { operation: meta, effect: Effect::No },
        ]);
        for error in errors {
            for effect in [Effect::No, Effect::Possible, Effect::Happened] {
                let raised = error.clone().with_at_least(effect, 3);
                assert_eq!(raised.effect(), error.effect().max(effect), "{error:?}");
                assert_eq!(raised.operation(), "get_users");
                assert_eq!(raised.as_api().is_some(), error.as_api().is_some());
                assert!(raised.to_string().starts_with(&error.to_string()), "{raised}");
                assert!(error.effect() < effect || raised == error, "{raised:?}");
            }
        }
    }

    #[test]
    fn only_an_error_of_kinde_that_names_it_says_that_something_is_not_there() {
        let coded = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"It is not there"}}]}}"#);
        let is_not_there = |status: u16, body: &str| api_error(status, body).is_not_there();
        for code in [
            "USER_INVALID",
            "USER_NOT_FOUND",
            "SESSION_NOT_FOUND",
            "SESSIONS_NOT_FOUND",
            "USER_SESSION_NOT_FOUND",
            "MFA_NOT_FOUND",
            "MFA_FACTOR_NOT_FOUND",
            "FEATURE_FLAG_NOT_FOUND",
        ] {
            for status in [400, 404, 410] {
                assert!(is_not_there(status, &coded(code)), "{status} {code}");
            }
            for status in [200, 301, 401, 403, 409, 429, 500, 503] {
                assert!(!is_not_there(status, &coded(code)), "{status} {code}");
            }
        }
        assert!(is_not_there(404, r#"{"errors":{"code":"USER_NOT_FOUND"}}"#));
        assert!(is_not_there(400, r#"{"errors":[{"code":"ID_REQUIRED"},{"code":"USER_INVALID"}]}"#));
        let others = [
            "ROUTE_NOT_FOUND",
            "NOT_FOUND",
            "_NOT_FOUND",
            "not_found",
            "user_not_found",
            "404",
            "",
            "USER",
            "USER_NOT_IN_ORGANIZATION",
            "USER_EXISTS",
            "USER_ROUTE_NOT_FOUND",
            "ORGANIZATION_NOT_FOUND",
            "ENVIRONMENT_NOT_FOUND",
            "MFA_INVALID",
        ];
        for body in others.map(coded).iter().map(String::as_str).chain([
            "",
            "null",
            "<html><center>nginx: 404 Not Found</center></html>",
            "USER_NOT_FOUND",
            "404 page not found\n",
            "{}",
            "[]",
            r#"{"error":"not found"}"#,
            r#"{"code":"USER_NOT_FOUND","message":"There is no such user"}"#,
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"error":{"code":"USER_NOT_FOUND"}}"#,
            r#"{"errors":null}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":["USER_NOT_FOUND"]}"#,
            r#"{"errors":[{"code":404,"message":"USER_NOT_FOUND"}]}"#,
            r#"{"errors":[{"message":"User not found"}]}"#,
            r#"{"errors":{"code":"ROUTE_NOT_FOUND","message":"The requested API route does not exist"}}"#,
            r#"{"errors":[{"code":"USER_NOT_FOUND"}]} <html>"#,
        ]) {
            for status in [400, 404, 410] {
                assert!(!is_not_there(status, body), "{status} {body}");
            }
        }
    }

    #[test]
    fn a_build_error_says_of_which_argument_what_is_wrong() {
        for (problem, says) in [
            (Problem::Empty, "must not be empty"),
            (Problem::DotSegment, "must not be `.` or `..`"),
            (
                Problem::NotASegment,
                "must be one path segment: no `/`, `\\`, `?`, `#` or `;`, and no encoded form of them",
            ),
            (Problem::OuterBlank, "must not begin or end with a blank or an invisible character"),
            (Problem::Comma, "must not hold a comma"),
            (Problem::OutOfRange { least: 1, most: 500 }, "must be 1 to 500"),
            (Problem::NotATimestamp, "must be a date-time as in RFC 3339"),
            (Problem::TooLong { longest: 9 }, "must not be longer than 9 bytes"),
            (Problem::NotJson, "must have a JSON form"),
            (Problem::NotAHeader, "must hold visible ASCII characters only"),
            (Problem::NotAUri, "must form a URI"),
            (Problem::ControlCharacter, "must not hold a line break or another control character"),
            (Problem::OtherTenant, "is another one than the request was written for"),
            (Problem::Misplaced, "is not where the path template has it"),
        ] {
            let error = BuildError::new("get_users", "page_size", problem);
            assert_eq!(error.to_string(), format!("get_users: page_size {says}"));
            assert_eq!(Error::from(error).to_string(), error.to_string());
        }
    }

    #[test]
    fn an_api_error_has_the_codes_of_its_body_and_no_others() {
        let error = api_error(400, r#"{"errors":[{"code":"A"},{"message":"m"},{"code":"B","message":"m"}]}"#);
        assert!(error.has_code("A") && error.has_code("B"));
        assert!(!error.has_code("C") && !error.has_code("m"));
        assert!(!api_error(400, "").has_code(""));
    }

    #[test]
    fn an_odd_item_costs_no_code_of_the_others() {
        for odd in [r#"{"code":400}"#, "\"x\"", "400", "[]", "true", "null", r#"["A","m"]"#, "{}"] {
            for body in [
                format!(r#"{{"errors":[{{"code":"USER_INVALID"}},{odd}]}}"#),
                format!(r#"{{"errors":[{odd},{{"code":"USER_INVALID"}}]}}"#),
            ] {
                let error = api_error(400, &body);
                assert!(error.has_code("USER_INVALID") && !error.is_foreign(), "{body}");
                assert!(!error.has_code("A"), "{body}");
                assert!(!error.to_string().contains("firewall"), "{error}");
            }
        }
        let numbered = api_error(400, r#"{"errors":[{"code":400,"message":"m"}]}"#);
        assert_eq!((numbered.errors()[0].code(), numbered.errors()[0].message()), (None, Some("m")));
        for body in [r#"{"errors":["x"]}"#, r#"{"errors":[1,[]]}"#, r#"{"errors":"x"}"#] {
            assert!(api_error(400, body).is_foreign(), "{body}");
        }
    }

    #[test]
    fn an_error_item_shows_what_it_has_and_masks_what_may_be_personal() {
        for (body, says) in [
            (r#"{"code":"A","message":"is sally@example.com"}"#, "A: is […]"),
            (r#"{"code":"A"}"#, "A"),
            (r#"{"message":"m"}"#, "m"),
            ("{}", "no code or message"),
        ] {
            let error = api_error(400, &format!(r#"{{"errors":[{body}]}}"#));
            assert_eq!(error.errors()[0].to_string(), says);
            assert_eq!(error.to_string(), format!("get_users: HTTP 400: {says}"));
            assert_eq!(
                format!("{error:?}"),
                format!(
                    "ApiError {{ reply: Reply(get_users: HTTP 400, 0 headers, {} bytes), errors: [{says}], effect: No }}",
                    error.reply().body().len()
                )
            );
            assert_eq!(format!("{:?}", error.body()), format!("Kinde([{says}])"));
        }
    }

    #[test]
    fn other_bodies_are_shown_by_their_length() {
        assert_eq!(format!("{:?}", api_error(500, r#"{"a":1}"#).body()), "Json(7 bytes)");
        assert_eq!(format!("{:?}", api_error(500, "<html>").body()), "Other(6 bytes)");
    }

    #[test]
    fn the_scopes_that_are_missing_are_those_that_the_message_names() {
        let item = |code: &str, message: &str| {
            serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string()
        };
        let of_operation: &[&str] = &["read:users"];
        for (body, scopes) in [
            (String::new(), of_operation),
            (r#"{"errors":[]}"#.into(), of_operation),
            (r#"{"errors":null}"#.into(), of_operation),
            (item("SCOPE_MISSING", "Scope is missing: read:organizations"), &["read:organizations"]),
            (
                item("SCOPE_MISSING", "Scopes are missing: 'read:users', \"read:user_mfa\"."),
                &["read:users", "read:user_mfa"],
            ),
            (item("SCOPE_MISSING", "read:users,update:users;read:users"), &["read:users", "update:users"]),
            (item("MISSING_SCOPES", "(delete:users|read:users)"), &["delete:users", "read:users"]),
            (item("scope_missing", "needs impersonate:users"), &["impersonate:users"]),
            (item("SCOPE_MISSING", "Scope is missing"), of_operation),
            (
                item("SCOPE_MISSING", "missing: Read:Users, ada:x@example.com, :, a:, :b, a:b:c, kp:1"),
                of_operation,
            ),
            (item("FORBIDDEN", "Access denied for read:things"), of_operation),
            (item("", "No."), of_operation),
            (r#"{"errors":[{"message":"No."}]}"#.into(), of_operation),
            (item("USER_NOT_IN_ORGANIZATION", "Not a member"), &[]),
            ("<html>Sorry, you have been blocked</html>".into(), &[]),
            ("Forbidden".into(), &[]),
            ("\"SCOPE_MISSING\"".into(), &[]),
            (r#"{"message":"Forbidden"}"#.into(), &[]),
            (r#"{"errors":"read:users"}"#.into(), &[]),
        ] {
            let error = api_error(403, &body);
            assert_eq!(error.needed_scopes(), scopes, "{body}");
            assert_eq!(api_error(404, &body).needed_scopes(), [""; 0], "{body}");
            let says = format!("(needs scope {})", scopes.join(", "));
            assert_eq!(error.to_string().contains("needs scope"), !scopes.is_empty(), "{error}");
            assert!(scopes.is_empty() || error.to_string().ends_with(&says), "{error}");
        }
        let many = (0..100).map(|_| "a:b c:d ").collect::<String>();
        assert_eq!(api_error(403, &item("SCOPE", &many)).needed_scopes(), ["a:b", "c:d"]);
    }

    #[test]
    fn a_body_that_is_not_kindes_is_said_to_be_a_proxys() {
        let says = "not in Kinde's form";
        for status in [400, 401, 403, 404, 429] {
            for body in ["<html>", "Forbidden", r#"{"message":"Forbidden"}"#, "{", "\u{fffd}"] {
                assert!(api_error(status, body).to_string().contains(says), "{status} {body}");
            }
            for body in ["", r#"{"errors":[]}"#, r#"{"errors":{"code":"ROUTE_NOT_FOUND"}}"#] {
                assert!(!api_error(status, body).to_string().contains(says), "{status} {body}");
            }
        }
        // Kinde's own servers answer 500 in plain text.
        assert!(!api_error(500, "INTERNAL SERVER ERROR").to_string().contains(says));
    }

    #[test]
    fn a_redirect_tells_its_host_and_no_more() {
        let host_of = |location: &str| {
            let location = http::HeaderValue::from_str(location).unwrap();
            let response =
                Response::builder().status(302).header(LOCATION, location).body(Vec::new()).unwrap();
            let host = redirect_host(response.status(), response.headers()).map(String::from);
            let error = ApiError::new(Reply::new::<GetUsers>(response), Effect::No).to_string();
            assert!(
                error.contains(&format!("(a redirect to {}, ", host.as_deref().unwrap_or("another place"))),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
            host
        };
        for location in [
            "https://acme.kinde.com/api/v1/users?token=s3cret#s3cret",
            "https://s3cret:s3cret@acme.kinde.com:8443/s3cret",
            "//acme.kinde.com/s3cret",
            "HTTP://ACME.kinde.com",
            "custom://acme.kinde.com/s3cret",
        ] {
            assert_eq!(host_of(location).unwrap().to_ascii_lowercase(), "acme.kinde.com", "{location}");
        }
        for location in [
            "",
            "/s3cret",
            "s3cret",
            "mailto:s3cret@acme.kinde.com",
            "https://",
            "https://s3cret(.example",
            "//[",
            "?s3cret",
        ] {
            assert_eq!(host_of(location), None, "{location}");
        }
        assert!(!api_error(304, "").to_string().contains("redirect"));
    }

    #[test]
    fn what_the_token_endpoint_refused_is_named_with_what_to_do() {
        let says = |status, error: Option<&str>, description: Option<&str>| {
            let (error, description) = (error.map(Box::from), description.map(Box::from));
            let problem = AuthProblem::Refused { status, error, description };
            AuthError { operation: GetUsers::META_REF, problem, effect: Effect::No }.to_string()
        };
        let fosite = "Requested audience 'https://auth.example.com/api' has not been whitelisted by the OAuth 2.0 Client.";
        for (status, error, description, part) in [
            (400, Some("invalid_request"), Some(fosite), "the audience was refused"),
            (401, Some("invalid_client"), Some("The AUDIENCE is unknown"), "the audience was refused"),
            (403, Some("invalid_request"), None, "the audience was refused"),
            (400, Some("invalid_target"), None, "the audience was refused"),
            (400, Some("audience_not_allowed"), None, "the audience was refused"),
            (403, Some("invalid_scope"), None, "a scope that was asked for is not granted"),
            (400, Some("invalid_scope"), None, "a scope that was asked for is not granted"),
            (401, Some("invalid_client"), None, "client id and secret"),
            (400, Some("unauthorized_client"), None, "machine-to-machine"),
            (404, None, None, "the domain or the client id is likely wrong"),
            (404, Some("not_found"), None, "the domain or the client id is likely wrong"),
            (403, None, None, "a firewall or proxy"),
        ] {
            let says = says(status, error, description);
            assert!(says.contains(part), "{says}");
            assert!(!says.contains("example.com"), "{says}");
        }
        assert_eq!(
            says(400, Some("invalid_request"), None),
            "get_users: no access token: HTTP 400: invalid_request"
        );
        for part in ["Management API", "kinde.com domain", "custom"] {
            assert!(says(403, Some("invalid_request"), None).contains(part));
        }
    }

    #[test]
    fn an_auth_error_quotes_nothing_that_the_endpoint_made_up() {
        let refused = |error: &str| AuthProblem::Refused {
            status: 401,
            error: Some(error.into()),
            description: Some("the secret was s3cret".into()),
        };
        for (problem, says, shows) in [
            (
                refused("invalid_client"),
                "HTTP 401: invalid_client (the client id and secret are not those of an application at this domain)",
                r#"Refused { status: 401, error: "invalid_client", .. }"#,
            ),
            (refused("s3cret"), "HTTP 401: refused", r#"Refused { status: 401, error: "refused", .. }"#),
            (
                AuthProblem::Malformed,
                "the token endpoint's reply holds none (the domain has to be the tenant's kinde.com domain)",
                "Malformed",
            ),
            (
                AuthProblem::Unsendable(BuildError::new("credentials", "client_secret", Problem::OuterBlank)),
                "credentials: client_secret must not begin or end with a blank or an invisible character",
                r#"Unsendable(BuildError { operation: "credentials", argument: "client_secret", problem: OuterBlank })"#,
            ),
            (
                AuthProblem::Unavailable { status: 301, redirect_host: Some("acme.kinde.com".into()) },
                "the token endpoint answered HTTP 301 (a redirect to acme.kinde.com, which is not followed; the domain has \
                 to be the tenant's kinde.com domain, not a custom one)",
                r#"Unavailable { status: 301, redirect_host: "acme.kinde.com" }"#,
            ),
            (
                AuthProblem::Unavailable { status: 503, redirect_host: None },
                "the token endpoint answered HTTP 503",
                "Unavailable { status: 503 }",
            ),
            (
                AuthProblem::Unreachable(Delivery::NotSent),
                "no reply from the token endpoint",
                "Unreachable(NotSent)",
            ),
            (AuthProblem::Ended, "the supplied one has ended", "Ended"),
        ] {
            assert_eq!(format!("{problem:?}"), shows);
            let error = AuthError { operation: GetUsers::META_REF, problem, effect: Effect::Possible };
            assert_eq!(error.to_string(), format!("get_users: no access token: {says}"));
            assert_eq!(
                format!("{error:?}"),
                format!("AuthError(get_users: no access token: {says}; effect Possible)")
            );
        }
    }
}
