//! The blocking client: a tenant under a lock, a transport, a clock.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error as StdError;
use core::fmt;
use core::mem;
use core::task::Waker;
use core::time::Duration;

use serde::de::DeserializeOwned;

use crate::api::operation::Operation;
use crate::api::reply::Reply;
use crate::client::trace::CallSpan;
use crate::client::transport::{Clock, Transport};
use crate::error::call::{Effect, Error};
use crate::jobs::job::{Job, take_in};
use crate::jobs::pages::{Paginated, Walk};
use crate::protocol::any_operation::AnyOperation;
use crate::protocol::exchange::{CallOptions, Exchange, Input, Step};
use crate::protocol::tenant::Tenant;
use crate::protocol::token::AccessToken;
use crate::types::domain::Domain;
use crate::types::ids::Cursor;
use crate::types::sync::{AssertUnwindSafe, Mutex, MutexGuard, PoisonError, catch_unwind};
use crate::types::time::Instant;

/// Calls operations of one tenant, over any transport.
///
/// It is cheap to clone, and all clones share the tenant: its token, the gate that a 429 closes, the retry budget. It can be
/// used by many threads at once; no lock is held while a message is under way.
///
/// The crate `kinde-users` makes one with a transport and a clock in a line.
///
/// ```
/// use kinde_users_core::operations::GetUsers;
/// use kinde_users_core::{Client, Clock, Credentials, Domain, Instant, Tenant, transport_fn};
///
/// # struct Standing;
/// # impl Clock for Standing {
/// #     fn now(&self) -> Instant { Instant::START }
/// #     fn waker(&self) -> core::task::Waker { core::task::Waker::noop().clone() }
/// #     fn wait_until(&self, _: Instant) {}
/// # }
/// let transport = transport_fn(|request: http::Request<Vec<u8>>| {
///     // Your own HTTP stack here.
///     Ok::<_, std::io::Error>(http::Response::new(match request.uri().path() {
///         "/oauth2/token" => br#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#.to_vec(),
///         _ => br#"{"users":[{"id":"kp_1","email":"ada@example.com"}]}"#.to_vec(),
///     }))
/// });
/// let tenant = Tenant::new(Domain::parse("acme")?, Credentials::new("id", "secret"));
/// let client = Client::new(tenant, transport, Standing);
///
/// let page = client.send(&GetUsers::new())?;
/// assert_eq!(page.users[0].email(), Some("ada@example.com"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<T, C> {
    shared: Arc<Shared<T, C>>,
    options: CallOptions,
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// A client of `tenant`.
    pub fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        Self { shared: Arc::new(Shared::new(tenant, transport, clock)), options: CallOptions::new() }
    }

    /// This client with other options for the calls made through it.
    #[must_use]
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { shared: Arc::clone(&self.shared), options }
    }

    /// Looks at the tenant, or changes it, while calls may run: to replace its credentials, say.
    ///
    /// All calls wait for the end of `with`, so it must not make one itself, which would wait for ever. Another tenant may be put
    /// in its place: waiting calls then look again. One of another domain gets no calls: they end with [`Problem::OtherTenant`](crate::Problem::OtherTenant), and with the effect that they had.
    pub fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        self.shared.with_tenant(|tenant| tenant.lend(with))
    }

    /// Returns the token and how long it still lasts, if that is known: for a program that keeps it
    /// for its next run.
    ///
    /// `None` where there is no token or it has ended. The rest of its lifetime is counted on this
    /// client's own clock, at the time of the call.
    pub fn token(&self) -> Option<(AccessToken, Option<Duration>)> {
        self.shared.token(self.shared.clock.now())
    }

    /// Goes on with a token that was got elsewhere, as by an earlier run of the program.
    ///
    /// `lifetime` is how long the token lasts from now on, on this client's own clock; `None` if that
    /// is not known, and the token is used until it is refused then.
    pub fn supply_token(&self, token: AccessToken, lifetime: Option<Duration>) {
        let now = self.shared.clock.now();
        self.shared.with_tenant(|tenant| tenant.supply_token(token, lifetime, now));
    }

    /// Calls an operation, and reads the reply as the operation's own type.
    ///
    /// # Errors
    ///
    /// A [`CallError`], whose [`effect`](CallError::effect) tells whether the operation took place all the same.
    pub fn send<O: Operation>(&self, operation: &O) -> Result<O::Output, CallError<T::Error>> {
        self.send_as(operation)
    }

    /// Calls an operation, and reads the reply as a type of your choice.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_as<R: DeserializeOwned>(&self, operation: &impl Operation) -> Result<R, CallError<T::Error>> {
        self.reply(operation)?.into_parsed().map_err(CallError::from)
    }

    /// Calls an operation, and leaves the reply as it came: [`Reply::parse_as`] borrows from it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but never [`Error::Decode`].
    pub fn reply(&self, operation: &impl Operation) -> Result<Reply, CallError<T::Error>> {
        let exchange = Exchange::of(operation, &self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange)
    }

    /// Calls an operation whose type is not known here, and leaves the reply as it came.
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply).
    pub fn call(&self, operation: &AnyOperation) -> Result<Reply, CallError<T::Error>> {
        let exchange = operation.exchange_at(&self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange)
    }

    /// Makes the calls of a job, one after another, to its end or to the first error that ends it.
    ///
    /// ```
    /// # use kinde_users_core::{CallError, Client, Clock, Transport};
    /// use kinde_users_core::Erase;
    ///
    /// # fn all<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), CallError<T::Error>> {
    /// let erased = client.run(&mut Erase::new("kp_1"))?;
    /// println!("the user is gone: {:?}", erased.user);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`reply`](Self::reply), from the call that failed. The job then tells how far it came, and goes on from there where
    /// it is run again.
    pub fn run<J: Job>(&self, job: &mut J) -> Result<J::Output, CallError<T::Error>> {
        while let Some(operation) = job.next_call() {
            self.call_for(job, &operation)?;
        }
        Ok(job.output())
    }

    /// Makes a call that the job handed out, and tells the job what came of it: for a loop like that of [`run`](Self::run) that
    /// keeps a journal, before the call and after it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn call_for<J: Job>(&self, job: &mut J, operation: &AnyOperation) -> Result<(), CallError<T::Error>> {
        take_in(job, self.call(operation))
    }

    fn drive(&self, exchange: Exchange) -> Result<Reply, CallError<T::Error>> {
        let Shared { transport, clock, .. } = &*self.shared;
        let mut call = self.shared.call(exchange);
        let (mut input, mut failure) = (Input::Start, None);
        loop {
            input = match call.advance(clock.now(), input) {
                Step::Send(request) => match transport.send(request) {
                    Ok(response) => {
                        failure = None;
                        Input::Response(response)
                    }
                    Err(error) => {
                        let error = failure.insert(error);
                        Input::lost(transport.head(error), || transport.delivery(error))
                    }
                },
                Step::Wait(wait) => {
                    if call.listen(wait.epoch, || clock.waker()) {
                        clock.wait_until(wait.until);
                    }
                    Input::Woken
                }
                Step::Done(result) => return result.map_err(|error| CallError::new(error, failure)),
            };
        }
    }

    /// Goes through a list, page by page or item by item.
    ///
    /// ```
    /// # use kinde_users_core::{Client, Clock, Transport};
    /// use kinde_users_core::operations::GetUsers;
    ///
    /// # fn all<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn std::error::Error>> {
    /// for user in client.pages(GetUsers::new().page_size(500)).items() {
    ///     println!("{}", user?.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<O: Paginated>(&self, operation: O) -> ClientPages<'_, T, C, O> {
        ClientPages { client: self, walk: Walk::new(operation) }
    }
}

impl<T, C> Clone for Client<T, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), options: self.options }
    }
}

impl<T, C> fmt::Debug for Client<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A list that a [`Client`] goes through: an iterator over its pages.
///
/// After an error it ends; [`cursor`](Self::cursor) tells where to go on.
pub struct ClientPages<'a, T, C, O: Paginated> {
    client: &'a Client<T, C>,
    walk: Walk<O>,
}

impl<'a, T: Transport, C: Clock, O: Paginated> ClientPages<'a, T, C, O> {
    /// Ends after this many pages.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.walk = self.walk.map_pages(|all| all.max_pages(pages));
        self
    }

    /// Begins at a page whose cursor was kept.
    #[must_use]
    pub fn resume_from(mut self, cursor: impl Into<Cursor>) -> Self {
        self.walk = self.walk.map_pages(|all| all.resume_from(cursor));
        self
    }

    /// The cursor of the page that comes next; `None` for the first one, and after the last one.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.walk.pages.cursor()
    }

    /// The items of all pages.
    pub fn items(self) -> impl Iterator<Item = Result<O::Item, CallError<T::Error>>> + use<'a, T, C, O> {
        self.flat_map(|page| {
            let (items, error) = match page {
                Ok(page) => (O::items(page), None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            items.into_iter().map(Ok).chain(error)
        })
    }
}

impl<T: Transport, C: Clock, O: Paginated> Iterator for ClientPages<'_, T, C, O> {
    type Item = Result<O::Output, CallError<T::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Client { shared, options } = self.client;
        match self.walk.next_call(*options, shared.clock.now()) {
            Ok(Some((operation, options))) => {
                let result = self.client.with_options(options).reply(&operation);
                Some(self.walk.called(result))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

impl<T, C, O: Paginated> fmt::Debug for ClientPages<'_, T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.walk.pages.fmt(f)
    }
}

/// What all clones of a client share.
pub(crate) struct Shared<T, C> {
    pub(crate) transport: T,
    pub(crate) clock: C,
    pub(crate) domain: Domain,
    state: Mutex<State>,
}

struct State {
    tenant: Tenant,
    /// Who waits for the tenant's epoch to move, by the number of the wait.
    wakers: BTreeMap<u64, Sleeper>,
    /// How many waits there were.
    waits: u64,
}

impl<T, C> Shared<T, C> {
    pub(crate) fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        let domain = tenant.domain().clone();
        Self {
            transport,
            clock,
            domain,
            state: Mutex::new(State { tenant, wakers: BTreeMap::new(), waits: 0 }),
        }
    }

    /// Begins a call, whose request was written outside of the lock.
    pub(crate) fn call(&self, exchange: Exchange) -> Call<'_, T, C> {
        let span = CallSpan::new(exchange.operation());
        Call { shared: self, exchange, wait: None, span, ended: false }
    }

    /// Works on the tenant, and then wakes those who wait for its epoch to move, if it has.
    pub(crate) fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        // Dropped after the lock: nobody is woken under it. Where `with` panics, they are woken to be sure.
        let mut wakes = Wakes { shared: self, needed: true };
        let mut state = self.lock();
        let epoch = state.tenant.epoch();
        let result = with(&mut state.tenant);
        wakes.needed = state.tenant.epoch() != epoch;
        result
    }

    pub(crate) fn token(&self, now: Instant) -> Option<(AccessToken, Option<Duration>)> {
        self.lock().tenant.token(now).map(|(token, left)| (token.clone(), left))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The tenant is whole between any two calls on it, whatever another thread's panic was about.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of a call that waits.
///
/// A waker is code of its call's executor, and most of the time another call wakes it. So a panic of
/// it ends here, where the panic hook has reported it: it must not end the call that wakes it, keep
/// the wakers behind it from being woken, or abort a thread that is panicking already.
struct Sleeper(Option<Waker>);

impl Sleeper {
    fn wake(self) {
        // It is dropped in a step of its own, so that it may panic in both.
        contained(|| self.0.as_ref().map(Waker::wake_by_ref));
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        contained(|| self.0 = None);
    }
}

fn contained<R>(run: impl FnOnce() -> R) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        // Dropping what it panicked with could panic too.
        mem::forget(panic);
    }
}

/// Wakes those who wait for the tenant's epoch to move.
struct Wakes<'a, T, C> {
    shared: &'a Shared<T, C>,
    needed: bool,
}

impl<T, C> Drop for Wakes<'_, T, C> {
    fn drop(&mut self) {
        if self.needed {
            let wakers = mem::take(&mut self.shared.lock().wakers);
            wakers.into_values().for_each(Sleeper::wake);
        }
    }
}

/// An exchange under way. Dropped before its end, by a panic or with the future that it is in, it is cancelled.
pub(crate) struct Call<'a, T, C> {
    shared: &'a Shared<T, C>,
    exchange: Exchange,
    /// The number of the wait that it may have a waker for.
    wait: Option<u64>,
    span: CallSpan,
    ended: bool,
}

impl<T, C> Call<'_, T, C> {
    pub(crate) fn advance(&mut self, now: Instant, input: Input) -> Step {
        self.span.input(now, &input);
        self.unlisten();
        let step = self.shared.with_tenant(|tenant| self.exchange.advance(tenant, now, input));
        self.span.step(self.exchange.attempts(), now, &step);
        self.ended = matches!(step, Step::Done(_));
        step
    }

    /// Has `waker` woken when the epoch is no longer `epoch`; `false` if it is so already, and there is nothing to wait for. A call
    /// has one waker, the last one.
    pub(crate) fn listen(&mut self, epoch: Option<u64>, waker: impl FnOnce() -> Waker) -> bool {
        let Some(epoch) = epoch else { return true };
        // Making and dropping a waker can run anybody's code, so neither is done under the lock.
        let waker = Sleeper(Some(waker()));
        let mut state = self.shared.lock();
        if state.tenant.epoch() != epoch {
            return false;
        }
        let wait = *self.wait.get_or_insert_with(|| {
            state.waits = state.waits.wrapping_add(1);
            state.waits
        });
        let before = state.wakers.insert(wait, waker);
        drop(state);
        drop(before);
        true
    }

    fn unlisten(&mut self) {
        if let Some(wait) = self.wait.take() {
            let waker = self.shared.lock().wakers.remove(&wait);
            drop(waker);
        }
    }
}

impl<T, C> Drop for Call<'_, T, C> {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.with_tenant(|tenant| self.exchange.cancel(tenant));
            self.span.cancelled(self.exchange.attempts());
        }
        self.unlisten();
    }
}

/// Why a call over a transport has no result: the protocol's error, and the transport's if its failing came to it.
#[derive(Clone, Debug)]
pub struct CallError<E> {
    error: Error,
    transport: Option<E>,
}

impl<E> CallError<E> {
    pub(crate) fn new(error: Error, transport: Option<E>) -> Self {
        Self { error, transport }
    }

    /// The protocol's error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The protocol's error, owned.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// The last error of the transport in this call, if there was one.
    pub fn transport(&self) -> Option<&E> {
        self.transport.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Error, Option<E>) {
        (self.error, self.transport)
    }

    /// Whether the service carried out the operation; see [`Error::effect`].
    pub fn effect(&self) -> Effect {
        self.error.effect()
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
