//! The async client. It has the same tenant, state machine and lock as the blocking client, and
//! waits in another way.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;

use serde::de::DeserializeOwned;

use crate::api::meta::Meta;
use crate::api::operation::Operation;
use crate::api::paginated::Paginated;
use crate::api::reply::Reply;
use crate::client::call_error::{CallError, feed};
use crate::client::clock::AsyncClock;
use crate::client::observer::{NewObserver, Observer};
use crate::client::provider::{self, AsyncProvider};
use crate::client::shared::Shared;
use crate::client::transport::AsyncTransport;
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

/// Calls the operations of one tenant over any async transport. [`Client`](crate::Client) is its
/// blocking counterpart.
///
/// A client is cheap to clone, and all clones share one [`Tenant`]. The futures of a client are
/// `Send`, and you may drop them at any time. If you drop a call that is requesting a token, one of
/// the calls that wait for the token requests a token instead.
///
/// ```
/// use kinde_users::operations::GetUsers;
/// use kinde_users::{AsyncClient, AsyncClock, Credentials, Domain, Instant, Tenant, async_transport_fn};
///
/// # struct Standing;
/// # impl AsyncClock for Standing {
/// #     fn now(&self) -> Instant { Instant::START }
/// #     async fn sleep_until(&self, _: Instant) {}
/// # }
/// let transport = async_transport_fn(|request: http::Request<Vec<u8>>| async move {
///     // Your own HTTP stack here.
///     Ok::<_, std::io::Error>(http::Response::new(match request.uri().path() {
///         "/oauth2/token" => br#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#.to_vec(),
///         _ => br#"{"users":[{"id":"kp_1","email":"ada@example.com"}]}"#.to_vec(),
///     }))
/// });
/// let tenant = Tenant::new(Domain::parse("acme")?, Credentials::new("id", "secret"));
/// let client = AsyncClient::new(tenant, transport, Standing);
///
/// let call = async {
///     let page = client.send(&GetUsers::new()).await?;
///     assert_eq!(page.users[0].email(), Some("ada@example.com"));
///     Ok::<_, kinde_users::CallError<std::io::Error>>(())
/// };
/// # let mut context = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(call).poll(&mut context).is_ready());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AsyncClient<T, C> {
    shared: Arc<Shared<T, C>>,
    options: CallOptions,
    provider: Option<Arc<AsyncProvider>>,
    new_observer: Option<Arc<NewObserver>>,
}

impl<T: AsyncTransport, C: AsyncClock> AsyncClient<T, C> {
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

    /// Returns a client of the same tenant that asks `provider` for the credentials; see
    /// [`Client::with_provider`](crate::Client::with_provider).
    ///
    /// ```
    /// use kinde_users::{AsyncClient, AsyncClock, AsyncTransport, Credentials};
    ///
    /// # mod vault { pub(crate) async fn read(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) } }
    /// fn with_vault<T: AsyncTransport, C: AsyncClock>(client: AsyncClient<T, C>) -> AsyncClient<T, C> {
    ///     client.with_provider(|| async {
    ///         // Read the secret from your secrets manager here.
    ///         let secret = vault::read("kinde/client-secret").await?;
    ///         Ok::<_, std::io::Error>(Credentials::new("client-id", secret))
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn with_provider<R, E>(&self, provider: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: fmt::Display,
    {
        let provider: Arc<AsyncProvider> = Arc::new(move || {
            let answer = provider();
            Box::pin(async move { provider::shared(answer.await) })
        });
        Self { provider: Some(provider), ..self.clone() }
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

    /// Gives access to the tenant, even while calls are running; see
    /// [`Client::with_tenant`](crate::Client::with_tenant).
    pub fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        self.shared.with_tenant(|tenant| tenant.lend(with))
    }

    /// Returns the token and its remaining lifetime; see [`Client::token`](crate::Client::token).
    pub fn token(&self) -> Option<(AccessToken, Option<Duration>)> {
        self.shared.token(self.shared.clock.now())
    }

    /// Uses a token from elsewhere; see [`Client::supply_token`](crate::Client::supply_token).
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
    pub async fn send<O: Operation>(&self, operation: &O) -> Result<O::Output, CallError<T::Error>> {
        self.send_as(operation).await
    }

    /// Calls an operation and reads the reply as a type of your choice.
    ///
    /// # Errors
    ///
    /// Fails like [`send`](Self::send).
    pub async fn send_as<R: DeserializeOwned>(
        &self,
        operation: &impl Operation,
    ) -> Result<R, CallError<T::Error>> {
        self.reply(operation).await?.into_parsed().map_err(CallError::from)
    }

    /// Calls an operation and returns the raw reply. Use [`Reply::parse_as`] to read the reply. The
    /// value that `parse_as` returns may borrow from the reply.
    ///
    /// # Errors
    ///
    /// Fails like [`send`](Self::send), but never with [`Error::Decode`].
    pub async fn reply(&self, operation: &impl Operation) -> Result<Reply, CallError<T::Error>> {
        let exchange = Exchange::of(operation, &self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange).await
    }

    /// Calls an operation of any type ([`DynOperation`]) and returns the raw reply.
    ///
    /// # Errors
    ///
    /// Fails like [`reply`](Self::reply).
    pub async fn call(&self, operation: &DynOperation) -> Result<Reply, CallError<T::Error>> {
        let exchange = operation.exchange_at(&self.shared.domain, self.options).map_err(Error::from)?;
        self.drive(exchange).await
    }

    /// Runs a job. This method makes the calls of the job one after another, until the job is
    /// complete or a call fails.
    ///
    /// ```
    /// # use kinde_users::{AsyncClient, AsyncClock, AsyncTransport, CallError};
    /// use kinde_users::Suspend;
    ///
    /// # async fn all<T: AsyncTransport, C: AsyncClock>(client: &AsyncClient<T, C>) -> Result<(), CallError<T::Error>> {
    /// let suspended = client.run(&mut Suspend::new("kp_1")).await?;
    /// assert!(suspended.is_suspended && suspended.is_signed_out);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the error of the call that failed; see [`reply`](Self::reply). After the error,
    /// [`Job::output`] returns the result so far. If you run the same job again, the job continues
    /// where it stopped.
    pub async fn run<J: Job>(&self, job: &mut J) -> Result<J::Output, CallError<T::Error>> {
        while let Some(operation) = job.next_call() {
            self.call_for(job, &operation).await?;
        }
        Ok(job.output())
    }

    /// Makes one call of a job and passes the result to the job. Use this method in your own loop
    /// if you want to record each step of the job, before and after the call.
    ///
    /// # Errors
    ///
    /// Fails like [`run`](Self::run).
    pub async fn call_for<J: Job>(
        &self,
        job: &mut J,
        operation: &DynOperation,
    ) -> Result<(), CallError<T::Error>> {
        feed(job, self.call(operation).await)
    }

    // Not an `async fn`: its future would hold the exchange twice, as the argument and in the call.
    fn drive(&self, exchange: Exchange) -> impl Future<Output = Result<Reply, CallError<T::Error>>> {
        let Shared { transport, clock, .. } = &*self.shared;
        let provider = self.provider.as_deref();
        let mut call = self.shared.call(exchange, provider.is_some(), self.new_observer.as_deref());
        async move {
            let (mut input, mut failure) = (Input::Start, None);
            loop {
                // Outside of the match. Inside it, the future would also hold the whole step, which
                // is as large as everything else.
                let request = match call.advance(clock.now(), input) {
                    Step::Send(request) => request,
                    Step::Wait(wait) => {
                        if let Some(provide) = provider.filter(|_| call.asks()) {
                            call.answer(provide().await);
                        } else {
                            let mut sleep = pin!(clock.sleep_until(wait.until));
                            let mut waits =
                                |cx: &mut Context<'_>| call.register(wait.epoch, || cx.waker().clone());
                            poll_fn(|cx| if waits(cx) { sleep.as_mut().poll(cx) } else { Poll::Ready(()) })
                                .await;
                        }
                        input = Input::Woken;
                        continue;
                    }
                    Step::Done(result) => return result.map_err(|error| CallError::new(error, failure)),
                };
                input = match transport.send(request).await {
                    Ok(response) => {
                        failure = None;
                        Input::Response(response)
                    }
                    Err(error) => {
                        let error = failure.insert(error);
                        Input::lost(transport.head(error), || transport.delivery(error))
                    }
                };
            }
        }
    }

    /// Returns the pages of a list. Each call of [`next_page`](AsyncPages::next_page) requests a
    /// page. To get the items one by one, call [`items`](AsyncPages::items).
    ///
    /// ```
    /// # use kinde_users::{AsyncClient, AsyncClock, AsyncTransport};
    /// use kinde_users::operations::GetUsers;
    ///
    /// # async fn all<T: AsyncTransport, C: AsyncClock>(client: &AsyncClient<T, C>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut pages = client.pages(GetUsers::new().page_size(500));
    /// while let Some(page) = pages.next_page().await {
    ///     for user in page?.users {
    ///         println!("{}", user.id);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages<O: Paginated>(&self, operation: O) -> AsyncPages<T, C, O> {
        AsyncPages { client: self.clone(), walk: Walk::new(operation) }
    }
}

impl<T, C> Clone for AsyncClient<T, C> {
    fn clone(&self) -> Self {
        let (provider, new_observer) = (self.provider.clone(), self.new_observer.clone());
        Self { shared: Arc::clone(&self.shared), options: self.options, provider, new_observer }
    }
}

impl<T, C> fmt::Debug for AsyncClient<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncClient").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The pages of a list, requested one by one.
///
/// There is no next page after an error. To continue later, pass the [`cursor`](Self::cursor) to
/// [`resume_from`](Self::resume_from).
pub struct AsyncPages<T, C, O: Paginated> {
    client: AsyncClient<T, C>,
    walk: Walk<O>,
}

impl<T: AsyncTransport, C: AsyncClock, O: Paginated> AsyncPages<T, C, O> {
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

    /// Returns the next page. If you drop the future, the call that requests the page is cancelled.
    /// If you call this method again, it requests the same page.
    pub async fn next_page(&mut self) -> Option<Result<O::Output, CallError<T::Error>>> {
        let AsyncClient { shared, options, .. } = &self.client;
        match self.walk.next_call(*options, shared.clock.now()) {
            Ok(Some((operation, options))) => {
                let result = self.client.with_options(options).reply(&operation).await;
                Some(self.walk.handle(result))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Returns the items of all pages.
    pub fn items(self) -> AsyncItems<T, C, O> {
        AsyncItems { pages: self, items: vec::Vec::new().into_iter() }
    }
}

impl<T, C, O: Paginated> fmt::Debug for AsyncPages<T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.walk.pages.fmt(f)
    }
}

/// The items of a list, requested page by page.
pub struct AsyncItems<T, C, O: Paginated> {
    pages: AsyncPages<T, C, O>,
    items: vec::IntoIter<O::Item>,
}

impl<T: AsyncTransport, C: AsyncClock, O: Paginated> AsyncItems<T, C, O> {
    /// Returns the next item. If you drop the future, the call that requests the page is cancelled.
    /// If you call this method again, it requests the same page.
    pub async fn next_item(&mut self) -> Option<Result<O::Item, CallError<T::Error>>> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(Ok(item));
            }
            match self.pages.next_page().await? {
                Ok(page) => self.items = O::items(page).into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<T, C, O: Paginated> fmt::Debug for AsyncItems<T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pages.fmt(f)
    }
}
