//! The blocking client: a tenant behind a lock, a transport and a clock.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::de::DeserializeOwned;

use crate::api::meta::Meta;
use crate::api::operation::Operation;
use crate::api::paginated::Paginated;
use crate::api::reply::Reply;
use crate::client::call_error::{CallError, feed};
use crate::client::clock::Clock;
use crate::client::observer::{NewObserver, Observer};
use crate::client::provider::{self, Provider};
use crate::client::shared::Shared;
use crate::client::transport::Transport;
use crate::client::walk::Walk;
use crate::error::call::Error;
use crate::jobs::job::Job;
use crate::protocol::call_options::CallOptions;
use crate::protocol::credentials::Credentials;
use crate::protocol::dyn_operation::DynOperation;
use crate::protocol::exchange::Exchange;
use crate::protocol::step::{Input, Step};
use crate::protocol::tenant::Tenant;
use crate::types::access_token::AccessToken;
use crate::types::ids::Cursor;

/// Calls the operations of one tenant over any transport.
///
/// A client is cheap to clone. All clones share one [`Tenant`], with its token, its wait after a
/// 429, and its retry budget. Many threads can use a client at the same time. The client holds no
/// lock while a request is in flight.
///
/// To create a client with a transport and a clock, use the function `client` of the crate
/// `kinde-users`.
///
/// ```
/// use kinde_users::operations::GetUsers;
/// use kinde_users::{Client, Clock, Credentials, Domain, Instant, Tenant, transport_fn};
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
    provider: Option<Arc<Provider>>,
    new_observer: Option<Arc<NewObserver>>,
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// Creates a client of `tenant`.
    pub fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        let shared = Arc::new(Shared::new(tenant, transport, clock));
        Self { shared, options: CallOptions::new(), provider: None, new_observer: None }
    }

    /// Returns a client of the same tenant whose calls use other options.
    #[must_use]
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// Returns a client of the same tenant that asks `provider` for the credentials. Use this
    /// method if the secret is kept in a secrets manager, which may rotate the secret.
    ///
    /// Before a call requests a token, the call asks `provider` for the credentials. The call
    /// requests the token with these credentials, and the tenant keeps them. If the token endpoint
    /// refuses the credentials, the call asks `provider` once more, because the secret may have
    /// been rotated just then. During this time, the other calls that need a token wait for the
    /// result. They do not ask `provider` or request a token themselves.
    ///
    /// If `provider` fails, no token is requested. The problem of the error is
    /// [`AuthProblem::NotProvided`](crate::AuthProblem::NotProvided). All calls then share one
    /// back-off, as if the token endpoint were unavailable. Calls still use a token that has not
    /// expired.
    ///
    /// The client asks `provider` only when it needs to request a token, so `provider` needs no
    /// cache. An API key needs no token request: the key is used until the service refuses it with
    /// 401. Then the call asks `provider` for another key, and sends its request once more. If the
    /// answer is 401 again, the call fails, and calls of the same operation do not ask for ten
    /// seconds.
    ///
    /// The client does not limit how long `provider` takes, and holds no lock while `provider`
    /// runs. The time counts against the total timeout of the call. After 60 seconds another call
    /// asks too, and the first answer is used. `provider` must not make a call of this tenant,
    /// because that call would wait for the answer of `provider`. Clones of the returned client
    /// ask `provider` too. The client on which you call this method does not.
    ///
    /// ```
    /// use kinde_users::{Client, Clock, Credentials, Transport};
    ///
    /// # mod vault { pub(crate) fn read(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) } }
    /// fn with_vault<T: Transport, C: Clock>(client: Client<T, C>) -> Client<T, C> {
    ///     client.with_provider(|| {
    ///         // Read the secret from your secrets manager here.
    ///         let secret = vault::read("kinde/client-secret")?;
    ///         Ok::<_, std::io::Error>(Credentials::new("client-id", secret))
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn with_provider<E: fmt::Display>(
        &self,
        provider: impl Fn() -> Result<Credentials, E> + Send + Sync + 'static,
    ) -> Self {
        Self { provider: Some(Arc::new(move || provider::shared(provider()))), ..self.clone() }
    }

    /// Returns a client of the same tenant whose calls are observed. `new` creates an observer for
    /// each call of an operation; see [`Observer`]. The calls of clones of the returned client are
    /// observed too. The calls of the client on which you call this method are not.
    #[must_use]
    pub fn with_observer<O: Observer + Send + 'static>(
        &self,
        new: impl Fn(&'static Meta) -> O + Send + Sync + 'static,
    ) -> Self {
        Self { new_observer: Some(Arc::new(move |operation| Box::new(new(operation)))), ..self.clone() }
    }

    /// Gives access to the tenant, even while calls are running. Use this method, for instance, to
    /// replace the credentials.
    ///
    /// All calls wait until `with` returns. `with` must not make a call itself, because that call
    /// would wait for ever. `with` may replace the tenant: waiting calls then continue with the
    /// new tenant. If the new tenant has another domain, all calls of this client fail with
    /// [`Problem::OtherTenant`](crate::Problem::OtherTenant). In that case, create another client
    /// instead. If a call made attempts before the tenant was replaced, the error of the call
    /// reports the effect of these attempts.
    pub fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        self.shared.with_tenant(|tenant| tenant.lend(with))
    }

    /// Returns the token and its remaining lifetime, if known, so that the next run of the program
    /// can use the token.
    ///
    /// Returns `None` if there is no token, or if the token has expired. The lifetime is measured
    /// on the clock of this client, from the time at which you call this method.
    ///
    /// Kinde advises against storing tokens and against sharing them between services. Anyone who
    /// reads the token can use it until it expires.
    pub fn token(&self) -> Option<(AccessToken, Option<Duration>)> {
        self.shared.token(self.shared.clock.now())
    }

    /// Uses a token from elsewhere, such as an earlier run of the program.
    ///
    /// `lifetime` is how long the token lasts from now on, on the clock of this client. If
    /// `lifetime` is `None`, the token is used until the service refuses it.
    pub fn supply_token(&self, token: AccessToken, lifetime: Option<Duration>) {
        let now = self.shared.clock.now();
        self.shared.with_tenant(|tenant| tenant.supply_token(token, lifetime, now));
    }

    /// Calls an operation and returns its output.
    ///
    /// # Errors
    ///
    /// Returns a [`CallError`]. Its [`effect`](CallError::effect) says whether the operation took
    /// effect.
    pub fn send<O: Operation>(&self, operation: &O) -> Result<O::Output, CallError<T::Error>> {
        self.send_as(operation)
    }

    /// Calls an operation and reads the reply as a type of your choice.
    ///
    /// # Errors
    ///
    /// Fails like [`send`](Self::send).
    pub fn send_as<R: DeserializeOwned>(&self, operation: &impl Operation) -> Result<R, CallError<T::Error>> {
        self.reply(operation)?.into_parsed().map_err(CallError::from)
    }

    /// Calls an operation and returns the raw reply. Use [`Reply::parse_as`] to read the reply.
    /// The value that `parse_as` returns may borrow from the reply.
    ///
    /// # Errors
    ///
    /// Fails like [`send`](Self::send), but never with [`Error::Decode`].
    pub fn reply(&self, operation: &impl Operation) -> Result<Reply, CallError<T::Error>> {
        let exchange = Exchange::of(operation, &self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange)
    }

    /// Calls an operation of any type ([`DynOperation`]) and returns the raw reply.
    ///
    /// # Errors
    ///
    /// Fails like [`reply`](Self::reply).
    pub fn call(&self, operation: &DynOperation) -> Result<Reply, CallError<T::Error>> {
        let exchange = operation.exchange_at(&self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange)
    }

    /// Runs a job. This method makes the calls of the job one after another, until the job is
    /// complete or a call fails.
    ///
    /// ```
    /// # use kinde_users::{CallError, Client, Clock, Transport};
    /// use kinde_users::Erase;
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
    /// Returns the error of the call that failed; see [`reply`](Self::reply). After the error,
    /// [`Job::output`] returns the result so far. If you run the same job again, the job continues
    /// where it stopped.
    pub fn run<J: Job>(&self, job: &mut J) -> Result<J::Output, CallError<T::Error>> {
        while let Some(operation) = job.next_call() {
            self.call_for(job, &operation)?;
        }
        Ok(job.output())
    }

    /// Makes one call of a job and passes the result to the job. Use this method in your own loop
    /// if you want to record each step of the job, before and after the call.
    ///
    /// # Errors
    ///
    /// Fails like [`run`](Self::run).
    pub fn call_for<J: Job>(&self, job: &mut J, operation: &DynOperation) -> Result<(), CallError<T::Error>> {
        feed(job, self.call(operation))
    }

    fn drive(&self, exchange: Exchange) -> Result<Reply, CallError<T::Error>> {
        let Shared { transport, clock, .. } = &*self.shared;
        let new_observer = self.new_observer.as_deref();
        let mut call = self.shared.call(exchange, self.provider.is_some(), new_observer);
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
                Step::Wait(_) if call.asks() => {
                    self.provider.iter().for_each(|provide| call.answer(provide()));
                    Input::Woken
                }
                Step::Wait(wait) => {
                    if call.register(wait.epoch, || clock.waker()) {
                        clock.wait_until(wait.until);
                    }
                    Input::Woken
                }
                Step::Done(result) => return result.map_err(|error| CallError::new(error, failure)),
            };
        }
    }

    /// Returns an iterator over the pages of a list. The iterator requests each page when you ask
    /// for the page. To iterate over the items, call [`items`](PageIter::items) on the iterator.
    ///
    /// ```
    /// # use kinde_users::{Client, Clock, Transport};
    /// use kinde_users::operations::GetUsers;
    ///
    /// # fn all<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn std::error::Error>> {
    /// for user in client.pages(GetUsers::new().page_size(500)).items() {
    ///     println!("{}", user?.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<O: Paginated>(&self, operation: O) -> PageIter<'_, T, C, O> {
        PageIter { client: self, walk: Walk::new(operation) }
    }
}

impl<T, C> Clone for Client<T, C> {
    fn clone(&self) -> Self {
        let (provider, new_observer) = (self.provider.clone(), self.new_observer.clone());
        Self { shared: Arc::clone(&self.shared), options: self.options, provider, new_observer }
    }
}

impl<T, C> fmt::Debug for Client<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// An iterator over the pages of a list.
///
/// The iterator ends after an error. To continue later, pass the [`cursor`](Self::cursor) to
/// [`resume_from`](Self::resume_from).
pub struct PageIter<'a, T, C, O: Paginated> {
    client: &'a Client<T, C>,
    walk: Walk<O>,
}

impl<'a, T: Transport, C: Clock, O: Paginated> PageIter<'a, T, C, O> {
    /// Sets the maximum number of pages.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.walk = self.walk.map_pages(|all| all.max_pages(pages));
        self
    }

    /// Starts at the page with this cursor. Pass the [`cursor`](Self::cursor) at which an earlier
    /// run stopped.
    #[must_use]
    pub fn resume_from(mut self, cursor: impl Into<Cursor>) -> Self {
        self.walk = self.walk.map_pages(|all| all.resume_from(cursor));
        self
    }

    /// Returns the cursor of the next page. It is `None` before the first page and after the last
    /// page.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.walk.pages.cursor()
    }

    /// Returns an iterator over the items of all pages.
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

impl<T: Transport, C: Clock, O: Paginated> Iterator for PageIter<'_, T, C, O> {
    type Item = Result<O::Output, CallError<T::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Client { shared, options, .. } = self.client;
        match self.walk.next_call(*options, shared.clock.now()) {
            Ok(Some((operation, options))) => {
                let result = self.client.with_options(options).reply(&operation);
                Some(self.walk.handle(result))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}

impl<T, C, O: Paginated> fmt::Debug for PageIter<'_, T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.walk.pages.fmt(f)
    }
}
