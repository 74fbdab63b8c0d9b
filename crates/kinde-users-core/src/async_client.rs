//! The async client: the same tenant, machine and lock as the blocking one, with other waiting.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::client::{CallError, Shared};
use crate::error::Error;
use crate::exchange::{CallOptions, Input, Step};
use crate::ids::Cursor;
use crate::operation::Operation;
use crate::pages::{Paginated, Walk};
use crate::reply::Reply;
use crate::tenant::Tenant;
use crate::transport::{AsyncClock, AsyncTransport};

/// Calls operations of one tenant, over any async transport. What [`Client`](crate::Client) is for blocking code.
///
/// It is cheap to clone, and all clones share the tenant. Its futures are `Send` and can be dropped at any time: a call that
/// was getting the token for others hands that on.
///
/// ```
/// use kinde_users_core::operations::GetUsers;
/// use kinde_users_core::{AsyncClient, AsyncClock, Credentials, Domain, Instant, Tenant, async_transport_fn};
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
///     Ok::<_, kinde_users_core::CallError<std::io::Error>>(())
/// };
/// # let mut context = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(call).poll(&mut context).is_ready());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AsyncClient<T, C> {
    shared: Arc<Shared<T, C>>,
    options: CallOptions,
}

impl<T: AsyncTransport, C: AsyncClock> AsyncClient<T, C> {
    /// A client of `tenant`.
    pub fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        Self { shared: Arc::new(Shared::new(tenant, transport, clock)), options: CallOptions::new() }
    }

    /// This client with other options for the calls made through it.
    #[must_use]
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { shared: Arc::clone(&self.shared), options }
    }

    /// Looks at the tenant, or changes it, while calls may run: to replace its credentials, to take its token out.
    pub fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        self.shared.with_tenant(with)
    }

    /// Calls an operation, and reads the reply as the operation's own type.
    ///
    /// # Errors
    ///
    /// A [`CallError`], whose [`effect`](CallError::effect) tells whether the operation took place all the same.
    pub async fn send<O: Operation>(&self, operation: &O) -> Result<O::Output, CallError<T::Error>> {
        self.send_as(operation).await
    }

    /// Calls an operation, and reads the reply as a type of your choice.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_as<R: DeserializeOwned>(
        &self,
        operation: &impl Operation,
    ) -> Result<R, CallError<T::Error>> {
        self.reply(operation).await?.into_parsed().map_err(CallError::from)
    }

    /// Calls an operation, and leaves the reply as it came: [`Reply::parse_as`] borrows from it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but never [`Error::Decode`].
    pub async fn reply(&self, operation: &impl Operation) -> Result<Reply, CallError<T::Error>> {
        let Shared { transport, clock, .. } = &*self.shared;
        let mut call = self.shared.call(operation, self.options).map_err(Error::from)?;
        let (mut input, mut failure) = (Input::Start, None);
        loop {
            input = match call.advance(clock.now(), input) {
                Step::Send(request) => match transport.send(request).await {
                    Ok(response) => Input::Response(response),
                    Err(error) => Input::Failed(transport.delivery(failure.insert(error))),
                },
                Step::Wait(wait) => {
                    let mut sleep = pin!(clock.sleep_until(wait.until));
                    let waits = |cx: &mut Context<'_>| self.shared.listen(wait.epoch, || cx.waker().clone());
                    poll_fn(|cx| if waits(cx) { sleep.as_mut().poll(cx) } else { Poll::Ready(()) }).await;
                    Input::Woken
                }
                Step::Done(result) => return result.map_err(|error| CallError::new(error, failure)),
            };
        }
    }

    /// Goes through a list, page by page or item by item.
    ///
    /// ```
    /// # use kinde_users_core::{AsyncClient, AsyncClock, AsyncTransport};
    /// use kinde_users_core::operations::GetUsers;
    ///
    /// # async fn all<T, C>(client: &AsyncClient<T, C>) -> Result<(), Box<dyn std::error::Error>>
    /// # where T: AsyncTransport + Send + Sync + 'static, C: AsyncClock + Send + Sync + 'static {
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
        AsyncPages { client: self.clone(), walk: Some(Walk::new(operation)), call: None }
    }
}

impl<T, C> Clone for AsyncClient<T, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), options: self.options }
    }
}

impl<T, C> fmt::Debug for AsyncClient<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncClient").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A list that an [`AsyncClient`] goes through: a [`Stream`] of its pages.
///
/// After an error it ends; [`cursor`](Self::cursor) tells where to go on.
pub struct AsyncPages<T: AsyncTransport, C, O: Paginated> {
    client: AsyncClient<T, C>,
    /// `None` while a page is under way: then the call has it.
    walk: Option<Walk<O>>,
    call: Option<PageCall<O, T::Error>>,
}

/// The call that gets a page.
type PageCall<O, E> = Pin<Box<dyn Future<Output = (Walk<O>, Option<Page<O, E>>)> + Send>>;
type Page<O, E> = Result<<O as Operation>::Output, CallError<E>>;

impl<T: AsyncTransport, C: AsyncClock, O: Paginated> AsyncPages<T, C, O> {
    /// Ends after this many pages.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.walk = self.walk.map(|walk| walk.map_pages(|all| all.max_pages(pages)));
        self
    }

    /// Begins at a page whose cursor was kept.
    #[must_use]
    pub fn resume_from(mut self, cursor: impl Into<Cursor>) -> Self {
        self.walk = self.walk.map(|walk| walk.map_pages(|all| all.resume_from(cursor)));
        self
    }

    /// The cursor of the page that comes next; `None` for the first one, after the last one, and while a page is under way.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.walk.as_ref()?.pages.cursor()
    }
}

impl<T, C, O> AsyncPages<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated + Send + Sync + 'static,
    O::Output: Send,
{
    /// The next page. A future that was dropped loses none: the next one goes on with it.
    pub async fn next_page(&mut self) -> Option<Result<O::Output, CallError<T::Error>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The items of all pages.
    pub fn items(self) -> AsyncItems<T, C, O> {
        AsyncItems { pages: self, items: vec::Vec::new().into_iter() }
    }
}

impl<T, C, O> Stream for AsyncPages<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated + Send + Sync + 'static,
    O::Output: Send,
{
    type Item = Result<O::Output, CallError<T::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut walk) = self.walk.take() {
            let client = self.client.clone();
            self.call = Some(Box::pin(async move {
                let now = client.shared.clock.now();
                let Some((operation, options)) = walk.next_call(client.options, now) else {
                    return (walk, None);
                };
                let result = client.with_options(options).reply(&operation).await;
                let page = walk.called(result);
                (walk, Some(page))
            }));
        }
        let Some(call) = &mut self.call else { return Poll::Ready(None) };
        let (walk, page) = ready!(call.as_mut().poll(cx));
        (self.walk, self.call) = (Some(walk), None);
        Poll::Ready(page)
    }
}

impl<T: AsyncTransport, C, O: Paginated> Unpin for AsyncPages<T, C, O> {}

impl<T: AsyncTransport, C, O: Paginated> fmt::Debug for AsyncPages<T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.walk {
            Some(walk) => walk.pages.fmt(f),
            None => write!(f, "Pages({}, one under way)", O::META.name),
        }
    }
}

/// The items of a list that an [`AsyncClient`] goes through: a [`Stream`].
pub struct AsyncItems<T: AsyncTransport, C, O: Paginated> {
    pages: AsyncPages<T, C, O>,
    items: vec::IntoIter<O::Item>,
}

impl<T, C, O> AsyncItems<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated + Send + Sync + 'static,
    O::Output: Send,
{
    /// The next item.
    pub async fn next_item(&mut self) -> Option<Result<O::Item, CallError<T::Error>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<T, C, O> Stream for AsyncItems<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated + Send + Sync + 'static,
    O::Output: Send,
{
    type Item = Result<O::Item, CallError<T::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(cx)) {
                Some(Ok(page)) => self.items = O::items(page).into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T: AsyncTransport, C, O: Paginated> Unpin for AsyncItems<T, C, O> {}

impl<T: AsyncTransport, C, O: Paginated> fmt::Debug for AsyncItems<T, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pages.fmt(f)
    }
}
