//! The real transports with time limits as fast as the clocks, now and then a way that leads
//! nowhere, and a log of what the client saw.

use core::fmt;
use core::mem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, Uri};
use kinde_users::{
    AsyncTransport, BodyFailure, Delivery, Effect, Transport, request_timeout, set_request_timeout,
};
// The machine's time, or that of a simulation.
use tokio::time::Instant;

use crate::clock::SPEED;
use crate::dice::Dice;

/// One request in this many finds no listener.
const LOST_WAYS: u64 = 100;

/// For how long no other token request may be sent while one is under way: as long as the client's
/// lease lasts.
const LEASE: Duration = Duration::from_secs(60);

/// What the client saw of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Status(u16),
    /// The head of a reply, and not the body.
    HeadOnly(u16),
    NotSent,
    Unknown,
    /// As unknown, and not before the time limit.
    Late,
    /// The call was dropped before anything came.
    Nothing,
}

impl Seen {
    /// What it tells about the operation, as the client's documentation has it.
    pub(crate) fn effect(self) -> Effect {
        match self {
            Self::Status(200..=299) | Self::HeadOnly(200..=299) => Effect::Happened,
            Self::Status(408) | Self::HeadOnly(408) => Effect::Possible,
            Self::Status(400..=499) | Self::HeadOnly(400..=499) | Self::NotSent => Effect::None,
            Self::Status(_) | Self::HeadOnly(_) | Self::Unknown | Self::Late | Self::Nothing => {
                Effect::Possible
            }
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::HeadOnly(status) => write!(f, "{status} without body"),
            Self::NotSent => f.write_str("not sent"),
            Self::Unknown => f.write_str("no reply"),
            Self::Late => f.write_str("no reply in time"),
            Self::Nothing => f.write_str("dropped"),
        }
    }
}

/// The id that a request is about, by which it is found again: the first one in its URI, and for a
/// create in its body.
pub(crate) fn tag(uri: &Uri, body: &[u8]) -> Option<String> {
    let id = |text: &str| text.get(text.find("kp_")?..)?.get(..35).map(str::to_owned);
    id(uri.path_and_query().map_or("", PathAndQuery::as_str)).or_else(|| id(core::str::from_utf8(body).ok()?))
}

#[derive(Default)]
struct Log {
    attempts: HashMap<String, Vec<Seen>>,
    tokens: Tokens,
    /// Between when and when no request may be sent, as a 429 said.
    closed: Option<(Instant, Instant)>,
    /// Requests that were sent nevertheless.
    early: u64,
}

impl Log {
    /// Notes the reset of a 429. What is on its way to the transport may still be sent for half of
    /// the time: for short ones this says little.
    fn close(&mut self, headers: &HeaderMap) {
        let reset = headers.get("ratelimit-reset").and_then(|value| value.to_str().ok()?.parse().ok());
        let wait = Duration::from_secs(reset.unwrap_or(0)) / SPEED;
        let now = Instant::now();
        if self.closed.is_none_or(|(_, until)| until < now + wait) {
            self.closed = Some((now + wait / 2, now + wait));
        }
    }
}

/// What a client asked of the token endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tokens {
    /// Requests that brought a token.
    pub(crate) got: u64,
    /// Requests that brought none.
    pub(crate) failed: u64,
    /// Requests that were sent while another one was under way.
    pub(crate) at_once: u64,
    /// When the one was sent that is under way.
    since: Option<Instant>,
}

/// What carries messages, with its log.
#[derive(Clone)]
pub(crate) struct Wire<T> {
    inner: T,
    /// What stands before the tenant, if not all requests go to it directly.
    gateway: Option<Authority>,
    log: Arc<Mutex<Log>>,
    dice: Arc<Mutex<Dice>>,
}

/// Notes in the log what becomes of a request, at the latest when it is dropped.
struct UnderWay<'a> {
    log: &'a Mutex<Log>,
    /// `None` for a token request.
    tag: Option<String>,
    seen: Seen,
    has_token: bool,
    /// When its time is over.
    until: Instant,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut log = self.log.lock().unwrap();
        if let Some(tag) = self.tag.take() {
            log.attempts.entry(tag).or_default().push(self.seen);
        } else {
            let tokens = &mut log.tokens;
            tokens.since = None;
            *if self.has_token { &mut tokens.got } else { &mut tokens.failed } += 1;
        }
    }
}

impl UnderWay<'_> {
    fn ended<E>(
        mut self,
        result: &Result<Response<Vec<u8>>, E>,
        head: impl Fn(&E) -> Option<&Response<BodyFailure>>,
        delivery: impl FnOnce(&E) -> Delivery,
    ) {
        self.seen = match result {
            Ok(response) => Seen::Status(response.status().as_u16()),
            Err(error) => match (head(error), delivery(error)) {
                (Some(head), _) => Seen::HeadOnly(head.status().as_u16()),
                (None, Delivery::NotSent) => Seen::NotSent,
                (None, Delivery::Unknown) if Instant::now() >= self.until => Seen::Late,
                (None, Delivery::Unknown) => Seen::Unknown,
            },
        };
        let headers = match result {
            Ok(reply) if reply.status() == 429 => Some(reply.headers()),
            Ok(_) => None,
            Err(error) => head(error).filter(|head| head.status() == 429).map(Response::headers),
        };
        if let Some(headers) = headers {
            self.log.lock().unwrap().close(headers);
        }
        // A reply that was cut off in the middle has no last brace.
        self.has_token = result
            .as_ref()
            .is_ok_and(|reply| reply.status() == 200 && reply.body().trim_ascii_end().ends_with(b"}"));
    }
}

impl<T> Wire<T> {
    pub(crate) fn new(inner: T, dice: Dice) -> Self {
        Self { inner, gateway: None, log: Arc::default(), dice: Arc::new(Mutex::new(dice)) }
    }

    /// Sends by way of this server, over TLS.
    pub(crate) fn by(self, gateway: Authority) -> Self {
        Self { gateway: Some(gateway), ..self }
    }

    /// The attempts of each call since this was last asked.
    pub(crate) fn take_attempts(&self) -> HashMap<String, Vec<Seen>> {
        mem::take(&mut self.log.lock().unwrap().attempts)
    }

    pub(crate) fn tokens(&self) -> Tokens {
        self.log.lock().unwrap().tokens
    }

    /// Requests that were sent before a reset.
    pub(crate) fn early(&self) -> u64 {
        self.log.lock().unwrap().early
    }

    fn begin(&self, request: &mut Request<Vec<u8>>) -> UnderWay<'_> {
        let limit = request_timeout(request) / SPEED;
        set_request_timeout(request, limit);
        let is_token = request.uri().path() == "/oauth2/token";
        let tag = if is_token { None } else { tag(request.uri(), request.body()) };
        assert!(is_token || tag.is_some(), "no id in {} {}", request.method(), request.uri().path());
        let now = Instant::now();
        {
            let mut log = self.log.lock().unwrap();
            if is_token {
                let before = log.tokens.since.replace(now);
                let is_leased = before.is_some_and(|since| now - since < LEASE / SPEED);
                log.tokens.at_once += u64::from(is_leased);
            } else {
                let is_early = log.closed.is_some_and(|(from, until)| from < now && now < until);
                log.early += u64::from(is_early);
            }
        }
        let way = if self.dice.lock().unwrap().one_in(LOST_WAYS) {
            // Port 1 has no listener.
            Some((Scheme::HTTP, Authority::from_static("127.0.0.1:1")))
        } else {
            self.gateway.clone().map(|gateway| (Scheme::HTTPS, gateway))
        };
        if let Some((scheme, authority)) = way {
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(scheme);
            parts.authority = Some(authority);
            parts.path_and_query = request.uri().path_and_query().cloned();
            *request.uri_mut() = Uri::from_parts(parts).unwrap();
        }
        UnderWay { log: &self.log, tag, seen: Seen::Nothing, has_token: false, until: now + limit }
    }
}

impl<T: Transport> Transport for Wire<T> {
    type Error = T::Error;

    fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        let under_way = self.begin(&mut request);
        let result = self.inner.send(request);
        under_way.ended(&result, |error| self.inner.head(error), |error| self.inner.delivery(error));
        result
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }

    fn head<'e>(&self, error: &'e T::Error) -> Option<&'e Response<BodyFailure>> {
        self.inner.head(error)
    }
}

impl<T: AsyncTransport + Sync> AsyncTransport for Wire<T> {
    type Error = T::Error;

    async fn send(&self, mut request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, T::Error> {
        let under_way = self.begin(&mut request);
        let result = self.inner.send(request).await;
        under_way.ended(&result, |error| self.inner.head(error), |error| self.inner.delivery(error));
        result
    }

    fn delivery(&self, error: &T::Error) -> Delivery {
        self.inner.delivery(error)
    }

    fn head<'e>(&self, error: &'e T::Error) -> Option<&'e Response<BodyFailure>> {
        self.inner.head(error)
    }
}
