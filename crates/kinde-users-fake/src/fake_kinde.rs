//! The tenant as tests see it.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use kinde_users_core::UserId;

use crate::args::Args;
use crate::choice::Refusal;
use crate::fault::{Ending, FakeError, Fault, What, Wire};
use crate::head::FakeHead;
use crate::limit::Limit;
use crate::request_log::{Log, Recorded, Requests};
use crate::routes::Target;
use crate::state::Tenant;
use crate::user::{FakeUser, NewFakeUser};
use crate::{failure, routes, token};

/// An in-memory Kinde tenant. Clones are the same tenant.
#[derive(Clone)]
pub struct FakeKinde {
    tenant: Arc<Mutex<Tenant>>,
}

impl fmt::Debug for FakeKinde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = self.lock();
        f.debug_struct("FakeKinde")
            .field("users", &tenant.users.len())
            .field("requests", &tenant.requests.kept.len())
            .finish_non_exhaustive()
    }
}

impl FakeKinde {
    pub(crate) fn with(tenant: Tenant) -> Self {
        Self { tenant: Arc::new(Mutex::new(tenant)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tenant> {
        let mut tenant = self.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        tenant.tick();
        tenant
    }

    /// Records that a server listens. From now on the clock runs by itself, and starts at the
    /// present if it is behind.
    #[cfg(feature = "server")]
    pub(crate) fn go_live(&self, origin: String, speed: u32) {
        let mut tenant = self.lock();
        tenant.settings.origin = origin;
        tenant.running = Some((std::time::Instant::now(), speed));
        tenant.catch_up();
    }

    /// Returns how many times as fast as the machine's clock the tenant's runs.
    #[cfg(feature = "server")]
    pub(crate) fn speed(&self) -> u32 {
        self.lock().running.map_or(1, |(_, speed)| speed)
    }

    // ---- Requests ---------------------------------------------------------------

    /// Answers any request.
    ///
    /// # Errors
    ///
    /// Fails only if a [`Fault`] makes it fail, either scripted or by
    /// [chaos](crate::FakeKindeBuilder::chaos).
    pub fn handle(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.serve(request, None).in_process()
    }

    /// Answers a request and returns how the reply travels. `patience` is how long the caller
    /// waits.
    pub(crate) fn serve(&self, request: Request<Vec<u8>>, patience: Option<Duration>) -> Served {
        let (head, body) = request.into_parts();
        let target = Target::find(&head.method, head.uri.path());
        let mut guard = self.lock();
        let tenant = &mut *guard;
        let weight = target.weight(&head.uri);
        tenant.luck.in_flight += 1;
        tenant.luck.weight = tenant.luck.weight.saturating_add(weight);
        let scripted = target.name().and_then(|name| tenant.script.take(name));
        let fault = scripted.or_else(|| tenant.luck.fault(tenant.now, weight));
        let is_carried_out = fault.as_ref().is_none_or(|fault| fault.after);
        let real = is_carried_out.then(|| tenant.answer(&target, &head, &body));
        let took_effect = real.as_ref().is_some_and(|response| response.status().is_success());

        // An edit happens after the effect, because it needs a reply to change.
        let mut real = real.unwrap_or_default();
        let mut wire = fault.as_ref().map(|fault| fault.wire).unwrap_or_default();
        if !matches!(fault, Some(Fault { what: What::Limited(_), .. })) {
            wire.head_after = wire.head_after.saturating_add(tenant.luck.latency());
        }
        let mut reply = match fault.map(|fault| fault.what) {
            None => Ok(real),
            Some(What::Reply(response)) => Ok(response),
            Some(What::Limited(reset)) => Ok(tenant.too_many(&target, reset)),
            Some(What::NoReply(error)) => Err(error),
            Some(What::Edit(edit)) => {
                edit(&mut real);
                Ok(real)
            }
        };
        // Why the body of the reply does not arrive, although its head does.
        let mut lost_body = (wire.ending == Ending::BrokenOff).then_some(FakeError::ConnectionLost);
        // If a server listens, time passes by itself, and the server waits instead.
        if tenant.running.is_none() && reply.is_ok() {
            let delay = wire.head_after.saturating_add(wire.body_after);
            let waited = patience.map_or(delay, |patience| patience.min(delay));
            tenant.now = tenant.now.saturating_add(waited);
            if waited < wire.head_after {
                reply = Err(FakeError::TimedOut);
            } else if waited < delay {
                lost_body = Some(FakeError::TimedOut);
            }
        }
        if tenant.settings.log_bytes > 0 {
            let arrived = reply.as_ref().map(Response::status).map_err(FakeError::clone);
            let request = Recorded {
                operation: target.name(),
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body,
                answer: arrived.and_then(|status| lost_body.clone().map_or(Ok(status), Err)),
                took_effect,
            };
            tenant.requests.push(request, tenant.settings.log_bytes);
        }
        let flight = Flight { fake: self.clone(), weight };
        Served { reply, wire, has_body: lost_body.is_none(), flight }
    }

    // ---- Tokens -------------------------------------------------------------

    /// Returns the scheme, the host and an optional port. The origin is `https://acme.kinde.com`
    /// unless it was set or a server listens.
    pub fn origin(&self) -> String {
        self.lock().settings.origin.clone()
    }

    /// Returns the audience for tokens: the origin with `/api`, unless it was set.
    pub fn audience(&self) -> String {
        self.lock().settings.audience()
    }

    /// Returns the client id of the application.
    pub fn client_id(&self) -> String {
        self.lock().settings.client_id.clone()
    }

    /// Returns the current client secret.
    pub fn client_secret(&self) -> String {
        self.lock().settings.client_secret.clone()
    }

    /// Issues an access token with all granted scopes, without a request.
    pub fn issue_token(&self) -> String {
        let mut tenant = self.lock();
        let scopes = tenant.settings.scopes.clone();
        token::issue(&mut tenant, scopes)
    }

    /// Revokes all tokens that were issued so far. API keys stay valid.
    pub fn revoke_tokens(&self) {
        self.lock().tokens.clear();
    }

    /// Replaces the client secret. From now on only the new one is accepted.
    pub fn rotate_secret(&self, secret: impl Into<String>) {
        self.lock().settings.client_secret = secret.into();
    }

    /// Issues an environment API key for these scopes, like one made in Kinde's dashboard.
    ///
    /// It goes into `Authorization: Bearer` in place of an access token. It needs no token request
    /// and does not expire. The scopes of the application, its secret and
    /// [`revoke_tokens`](Self::revoke_tokens) do not affect it.
    ///
    /// # Examples
    ///
    /// ```
    /// use kinde_users_fake::FakeKinde;
    ///
    /// let fake = FakeKinde::new();
    /// let key = fake.issue_api_key(["read:users"]);
    /// let status = || {
    ///     let request = http::Request::get("/api/v1/users")
    ///         .header("authorization", format!("Bearer {key}"));
    ///     fake.handle(request.body(Vec::new()).unwrap()).unwrap().status()
    /// };
    /// assert_eq!(status(), 200);
    /// fake.revoke_api_key(&key);
    /// assert_eq!(status(), 401);
    /// ```
    pub fn issue_api_key<S: Into<String>>(&self, scopes: impl IntoIterator<Item = S>) -> String {
        let mut tenant = self.lock();
        let key = tenant.ids.make("k_live_", 32);
        tenant.api_keys.insert(key.clone(), scopes.into_iter().map(Into::into).collect());
        key
    }

    /// Revokes an API key, which then gets 401. Returns whether the key existed.
    pub fn revoke_api_key(&self, key: &str) -> bool {
        self.lock().api_keys.remove(key).is_some()
    }

    // ---- Time ---------------------------------------------------------------

    /// Returns the time of the tenant's clock since 1970. Only [`advance`](Self::advance) moves the
    /// clock, unless a server listens.
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut tenant = self.lock();
        tenant.now = tenant.now.saturating_add(by);
    }

    // ---- Users --------------------------------------------------------------

    /// Adds a user and returns the id.
    pub fn add_user(&self, user: NewFakeUser) -> UserId {
        self.lock().add(user)
    }

    /// Adds `count` varied users and returns their ids. The same seed gives the same users. The nth
    /// user (from 0) has the address `user<n>@example.com`.
    pub fn seed_users(&self, count: usize) -> Vec<UserId> {
        let mut tenant = self.lock();
        let now = tenant.now;
        (0..count).map(|n| tenant.add(NewFakeUser::sample(n, now))).collect()
    }

    /// Returns all users in the order of their creation.
    pub fn users(&self) -> Vec<FakeUser> {
        self.lock().users.after(0).map(|(_, user)| user.clone()).collect()
    }

    /// Returns the user with this id.
    pub fn user(&self, id: impl AsRef<str>) -> Option<FakeUser> {
        self.lock().users.get(id.as_ref()).cloned()
    }

    /// Removes all users, as if they had never existed.
    pub fn forget_users(&self) {
        self.lock().users.forget();
    }

    // ---- Faults -------------------------------------------------------------

    /// Scripts a fault for the next request of an operation, after its faults that are already
    /// scripted.
    ///
    /// `operation` is a name in [`ROUTES`](crate::ROUTES), or `token` for the token endpoint.
    /// Faults come before authorisation.
    ///
    /// # Panics
    ///
    /// Panics if there is no operation with this name, for example because it is misspelt.
    #[track_caller]
    pub fn next(&self, operation: &str, fault: Fault) {
        self.fail(operation).with(fault);
    }

    /// Scripts a fault for several requests:
    /// `fake.fail("create_user").times(2).with(Fault::server_error())`.
    ///
    /// # Panics
    ///
    /// Panics if there is no operation with this name.
    #[track_caller]
    pub fn fail<'a>(&'a self, operation: &'a str) -> Failing<'a> {
        routes::assert_named(operation);
        Failing { fake: self, operation, times: 1 }
    }

    /// Returns the number of scripted faults that have not happened yet. It is 0 after a test that
    /// went as planned.
    pub fn faults_left(&self) -> usize {
        self.lock().script.left()
    }

    /// Removes the scripted faults that have not happened yet.
    pub fn clear_faults(&self) {
        self.lock().script.clear();
    }

    // ---- Limits ---------------------------------------------------------------

    /// Sets a limit on requests while the tenant runs, in the place of one of the same kind.
    pub fn set_limit(&self, limit: Limit) {
        self.lock().luck.set_limit(limit);
    }

    /// Removes all limits on requests.
    pub fn clear_limits(&self) {
        self.lock().luck.clear_limits();
    }

    // ---- Recorded requests ------------------------------------------------------

    /// Returns all requests so far, or the last ones if there were
    /// [very many](crate::FakeKindeBuilder::forgetting_requests).
    pub fn requests(&self) -> Requests {
        Requests(self.lock().requests.kept.iter().cloned().collect())
    }

    /// Returns how many requests, from the first one, [`requests`](Self::requests) no longer has,
    /// because there were too many.
    pub fn requests_dropped(&self) -> u64 {
        self.lock().requests.dropped
    }

    /// Returns the number of token requests that reached the tenant, among the
    /// [recorded](Self::requests) ones. Kinde bills each of them.
    pub fn token_requests(&self) -> usize {
        let not_sent = Err(FakeError::NotSent);
        self.requests().of("token").iter().filter(|request| request.answer != not_sent).count()
    }

    /// Forgets all requests so far.
    pub fn forget_requests(&self) {
        self.lock().requests = Log::default();
    }
}

/// The reply to a request, and how it travels.
pub(crate) struct Served {
    pub(crate) reply: Result<Response<Vec<u8>>, FakeError>,
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "there is no wire"))]
    pub(crate) wire: Wire,
    /// Whether the body of the reply arrives. Over a socket, the server decides.
    has_body: bool,
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "it counts until it is dropped"))]
    pub(crate) flight: Flight,
}

impl Served {
    /// Returns the reply to a caller in this process.
    pub(crate) fn in_process(self) -> Result<Response<Vec<u8>>, FakeError> {
        let reply = self.reply?;
        if self.has_body { Ok(reply) } else { Err(FakeError::HeadOnly(FakeHead::of(reply))) }
    }
}

/// Counts a request as in flight until it is dropped.
pub(crate) struct Flight {
    fake: FakeKinde,
    weight: u32,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let luck = &mut self.fake.lock().luck;
        luck.in_flight -= 1;
        luck.weight -= self.weight;
    }
}

/// A fault that [`FakeKinde::fail`] scripts.
#[derive(Debug)]
#[must_use = "nothing fails before `with`"]
pub struct Failing<'a> {
    fake: &'a FakeKinde,
    operation: &'a str,
    times: usize,
}

impl Failing<'_> {
    /// Sets the number of consecutive requests. The default is 1.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Applies the fault to every request from now on, until [`FakeKinde::clear_faults`].
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Sets what goes wrong.
    pub fn with(self, fault: Fault) {
        self.fake.lock().script.push(self.operation, self.times, fault);
    }
}

impl Tenant {
    /// Carries out the request and returns the real reply.
    fn answer(&mut self, target: &Target, head: &Parts, body: &[u8]) -> Response<Vec<u8>> {
        let (route, path) = match target {
            Target::Token => return token::answer(self, head, body),
            Target::Unknown => return failure::Failure::route_not_found().respond(),
            Target::Operation(route, path) => (route, path),
        };
        let args = Args::new(path, head.uri.query().unwrap_or(""), body, self.settings.strict);
        let handled = token::authorise(self, &head.headers, route.scope)
            .and_then(|()| args.check(&route.takes))
            .and_then(|()| (route.handler)(self, &args));
        match handled {
            Ok(body) => failure::respond(StatusCode::from_u16(route.success).unwrap_or_default(), body),
            Err(refusal) => refusal.respond(),
        }
    }

    /// Returns the reply to a request over the limit.
    fn too_many(&self, target: &Target, reset: Option<u64>) -> Response<Vec<u8>> {
        let described = match target {
            Target::Operation(route, _) if route.explains_limits() => Refusal::new(429, "TOO_MANY_REQUESTS"),
            _ => Refusal::empty(429),
        };
        let refusal = self.settings.choices.too_many_requests.as_ref().unwrap_or(&described);
        let problem = failure::Problem::chosen(refusal, "Request was throttled");
        let mut response = failure::Failure::from(problem).respond();
        if let Some(reset) = reset {
            response.headers_mut().insert("ratelimit-reset", HeaderValue::from(reset));
        }
        response
    }
}
