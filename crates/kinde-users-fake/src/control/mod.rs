//! The control routes, which steer a tenant from outside and in any language.
//!
//! Kinde has no route under `/_fake/`. There a test adds users, scripts faults, moves the clock
//! and reads what was sent. Requests and replies are JSON, which `GET /_fake/openapi.json`
//! describes. A control request needs no token, meets no fault or limit, and is not recorded.
//!
//! `server::Server` serves the routes if `server::Options::control` says so, and the program does
//! unless it is started with `--no-control`. Without a socket, [`Control::handle`] answers:
//! ```
//! use kinde_users_fake::FakeKinde;
//! use kinde_users_fake::control::Control;
//!
//! let fake = FakeKinde::new();
//! let control = Control::new(&fake);
//! let post = |path: &str, body: &str| {
//!     let request = http::Request::post(path).body(body.as_bytes().to_vec());
//!     control.handle(&request.unwrap()).status()
//! };
//! assert_eq!(post("/_fake/users", r#"{"users": [{"email": "sally@example.com"}]}"#), 201);
//! assert_eq!(fake.users().len(), 1);
//! assert_eq!(post("/_fake/reset", ""), 200);
//! assert_eq!(fake.users().len(), 0);
//! ```
//!
#![doc = include_str!("../../docs/control.md")]
#![allow(clippy::unnecessary_wraps, reason = "all handlers have the same form")]

use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::failure::{respond, to_bytes};
use crate::fake_kinde::FakeKinde;
use crate::state::Tenant;

mod clock;
mod credentials;
mod faults;
mod openapi;
mod requests;
mod routes;
pub(crate) mod seed;
pub(crate) mod tenants;
mod users;

pub use seed::{Seed, SeedError};

use routes::ROUTES;
use tenants::Tenants;

/// The longest body of a control request, in bytes. The reply to a longer one is 413.
pub const MAX_BODY: usize = 32 * 1024 * 1024;

const PREFIX: &str = "/_fake";

/// Answers the [control routes](self) of a tenant.
pub struct Control {
    pub(crate) fake: FakeKinde,
    /// What a reset returns to.
    start: Mutex<Tenant>,
    /// The tenants that this one opened, if it can open any.
    tenants: Option<Tenants>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("fake", &self.fake).finish_non_exhaustive()
    }
}

impl Control {
    /// Creates the control routes of `fake`. A reset returns to its state at this moment, without
    /// the recorded requests and the scripted faults.
    pub fn new(fake: &FakeKinde) -> Self {
        let mut start = fake.lock().clone();
        start.requests = crate::request_log::Log::default();
        start.script.clear();
        (start.luck.in_flight, start.luck.weight) = (0, 0);
        Self { fake: fake.clone(), start: Mutex::new(start), tenants: None }
    }

    /// Lets the routes open other tenants.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "nothing opens a port"))]
    pub(crate) fn with_tenants(self, tenants: Tenants) -> Self {
        Self { tenants: Some(tenants), ..self }
    }

    /// Returns whether the path is under `/_fake/`, where this answers instead of the tenant.
    pub fn has(path: &str) -> bool {
        path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Answers any request. Only [control routes](Self::has) have another reply than an error.
    pub fn handle(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.answer(request).unwrap_or_else(Refusal::respond)
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Refusal> {
        check_sender(request.uri(), request.headers())?;
        if request.body().len() > MAX_BODY {
            let words = format!("The body is larger than {MAX_BODY} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or("");
        let mut methods = Vec::new();
        for route in ROUTES {
            let Some(path) = crate::routes::split(path).and_then(|path| route.arguments(&path)) else {
                continue;
            };
            if route.method != *request.method() {
                methods.push(route.method.as_str());
                continue;
            }
            let call = Call::new(path, request.uri().query().unwrap_or(""), request.body());
            call.check(route)?;
            let body = (route.handler)(self, &call)?;
            return Ok(respond(route.success, to_bytes(&body)));
        }
        if methods.is_empty() {
            let words =
                format!("there is no control route {PREFIX}{path}: GET {PREFIX}/openapi.json lists them");
            return Err(Refusal::new(StatusCode::NOT_FOUND, words));
        }
        let allowed = methods.join(", ");
        let words = format!("{PREFIX}{path} has only {allowed}");
        let mut refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, words);
        refusal.allow = HeaderValue::from_str(&allowed).ok();
        Err(refusal)
    }

    fn start(&self) -> MutexGuard<'_, Tenant> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a tenant that starts like this one does after a reset, or from `seed` instead, with
    /// the settings of this one.
    fn started(&self, seed: Option<Seed>) -> Result<Tenant, Refusal> {
        let start = self.start();
        let Some(seed) = seed else { return Ok(start.clone()) };
        let mut tenant = Tenant::new(start.settings.clone());
        // The dates of the users are before the present.
        tenant.running = start.running;
        tenant.catch_up();
        seed.apply(&mut tenant);
        Ok(tenant)
    }
}

/// Refuses what a page in a browser sends, because it must not steer a tenant. A page of another
/// origin is named in `Origin` or told by `Sec-Fetch-Site`, and a name that was made to lead here
/// is in `Host`.
fn check_sender(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
    let host = headers.get(header::HOST).map(text).or_else(|| uri.authority().map(ToString::to_string));
    if let Some(origin) = headers.get(header::ORIGIN).map(text) {
        if !is_origin_of(&origin, host.as_deref().unwrap_or("")) {
            let words = format!("{origin} is another origin: a page of it must not send a control request");
            return Err(Refusal::new(StatusCode::FORBIDDEN, words));
        }
    }
    let site = headers.get("sec-fetch-site").map(text);
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        let words = "a page of another origin must not send a control request";
        return Err(Refusal::new(StatusCode::FORBIDDEN, words));
    }
    if let Some(host) = host {
        let name = host.parse::<http::uri::Authority>();
        let name = name.as_ref().map_or("", |authority| authority.host());
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<core::net::IpAddr>();
        if !name.eq_ignore_ascii_case("localhost") && !address.is_ok_and(|address| address.is_loopback()) {
            let words = format!("{host} is not this machine, which a control request names");
            return Err(Refusal::new(StatusCode::FORBIDDEN, words));
        }
    }
    Ok(())
}

/// Returns whether an origin has this host and port.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let (Ok(origin), Ok(host)) = (origin.parse::<Uri>(), host.parse::<http::uri::Authority>()) else {
        return false;
    };
    let default = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    origin.host().is_some_and(|name| name.eq_ignore_ascii_case(host.host()))
        && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

/// The arguments of a control request.
struct Call<'r> {
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: &'r [u8],
}

impl<'r> Call<'r> {
    fn new(path: Vec<String>, query: &str, body: &'r [u8]) -> Self {
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path, query, body }
    }

    /// Refuses arguments that the route does not have.
    fn check(&self, route: &routes::ControlRoute) -> Result<(), Refusal> {
        if let Some((name, _)) = self.query.iter().find(|(name, _)| !route.query.contains(&name.as_str())) {
            return Err(Refusal::invalid("the route has no such argument").at(name));
        }
        match route.takes {
            None if !self.body.is_empty() => Err(Refusal::invalid("the route takes no body")),
            Some(_) if !route.optional && self.body.is_empty() => {
                Err(Refusal::invalid("the route requires a body"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the first argument in the path.
    fn id(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// Reads a query argument. The last one counts.
    fn query<T: core::str::FromStr>(&self, name: &str, kind: &str) -> Result<Option<T>, Refusal> {
        let value = self.query.iter().rev().find(|(key, _)| key == name);
        let read =
            |value: &str| value.parse().map_err(|_| Refusal::invalid(format!("it must be {kind}")).at(name));
        value.map(|(_, value)| read(value)).transpose()
    }

    /// Reads the body.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        read(self.body)
    }

    /// Reads the body, unless it is empty.
    fn optional_body<T: DeserializeOwned>(&self) -> Result<Option<T>, Refusal> {
        if self.body.is_empty() { Ok(None) } else { self.body().map(Some) }
    }
}

/// Reads a JSON object. The refusal names the place of what is wrong.
fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    // serde would accept the values of the fields in a list too.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::invalid("it must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, words) = (error.path().to_string(), error.inner().to_string());
        Refusal::invalid(words).at(if path == "." { "" } else { &path })
    })?;
    reader.end().map_err(|error| Refusal::invalid(error.to_string()))?;
    Ok(value)
}

/// The reply to a control request: the body of a success, or why it was refused.
type Answer = Result<Value, Refusal>;

/// Why a control request was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    /// Where in the body, or which query argument.
    path: String,
    allow: Option<HeaderValue>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), path: String::new(), allow: None }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} {id:?}"))
    }

    fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn respond(self) -> Response<Vec<u8>> {
        let mut error = Map::from_iter([("message".to_owned(), Value::from(self.message))]);
        if !self.path.is_empty() {
            error.insert("path".to_owned(), self.path.into());
        }
        let mut response = respond(self.status, to_bytes(&json!({ "error": error })));
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}
