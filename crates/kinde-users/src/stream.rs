//! Pages and items as a `Stream`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use kinde_users_core::{AsyncClock, AsyncItems, AsyncPages, AsyncTransport, CallError, Paginated};

/// Turns the pages or items of an [`AsyncClient`](crate::AsyncClient) into a [`Stream`].
///
/// ```
/// use futures_util::TryStreamExt;
/// use kinde_users::IntoStream;
/// use kinde_users::fake::FakeKinde;
/// use kinde_users::operations::GetUsers;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeKinde::new();
/// fake.seed_users(30);
/// let client = fake.async_client()?;
/// let pages: Vec<_> = client.pages(GetUsers::new().page_size(10)).into_stream().try_collect().await?;
/// let users: Vec<_> = client.pages(GetUsers::new().page_size(10)).items().into_stream().try_collect().await?;
/// assert_eq!((pages.len(), users.len()), (3, 30));
/// # Ok(())
/// # }
/// ```
pub trait IntoStream {
    /// A page or an item, or the error that ends the stream.
    type Item;

    /// Returns the pages or items as a stream. If you drop the stream, the call in progress is
    /// cancelled.
    fn into_stream(self) -> impl Stream<Item = Self::Item> + Send + Unpin;
}

impl<T, C, O> IntoStream for AsyncPages<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated<Output: Send, Item: Send> + Send + Sync + 'static,
{
    type Item = Result<O::Output, CallError<T::Error>>;

    fn into_stream(self) -> impl Stream<Item = Self::Item> + Send + Unpin {
        Walk::new(self, |mut pages| {
            Box::pin(async move {
                let page = pages.next_page().await;
                (page, pages)
            })
        })
    }
}

impl<T, C, O> IntoStream for AsyncItems<T, C, O>
where
    T: AsyncTransport + Send + Sync + 'static,
    C: AsyncClock + Send + Sync + 'static,
    O: Paginated<Output: Send, Item: Send> + Send + Sync + 'static,
{
    type Item = Result<O::Item, CallError<T::Error>>;

    fn into_stream(self) -> impl Stream<Item = Self::Item> + Send + Unpin {
        Walk::new(self, |mut items| {
            Box::pin(async move {
                let item = items.next_item().await;
                (item, items)
            })
        })
    }
}

/// A step of a walk: what comes next, and the rest of the walk.
type Step<W, I> = Pin<Box<dyn Future<Output = (Option<I>, W)> + Send>>;

/// A walk whose next step is in progress.
struct Walk<W, I> {
    begin: fn(W) -> Step<W, I>,
    step: Option<Step<W, I>>,
}

impl<W, I> Walk<W, I> {
    fn new(walk: W, begin: fn(W) -> Step<W, I>) -> Self {
        Self { begin, step: Some(begin(walk)) }
    }
}

impl<W, I> Stream for Walk<W, I> {
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let Some(step) = &mut self.step else { return Poll::Ready(None) };
        match step.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready((item, walk)) => {
                self.step = item.is_some().then(|| (self.begin)(walk));
                Poll::Ready(item)
            }
        }
    }
}
