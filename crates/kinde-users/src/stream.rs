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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::GetUsers;
    use crate::{Credentials, TokioClock, async_client_over, async_transport_fn};
    use futures_util::{FutureExt, StreamExt, TryStreamExt};
    use http::Response;
    use kinde_users_fake::FakeKinde;
    use std::future::pending;
    use std::io;
    use std::sync::Arc;

    #[tokio::test]
    async fn stream_has_each_page_and_item_and_stays_ended() {
        let fake = FakeKinde::new();
        let ids = fake.seed_users(5);
        let client = fake.async_client().unwrap();
        let pages = || client.pages(GetUsers::new().page_size(2));
        let found: Vec<_> = pages().into_stream().try_collect().await.unwrap();
        assert_eq!(found.iter().map(|page| page.users.len()).collect::<Vec<_>>(), [2, 2, 1]);
        let mut items = pages().items().into_stream();
        for id in ids {
            assert_eq!(items.next().await.unwrap().unwrap().id, id);
        }
        assert!(items.next().await.is_none());
        assert!(items.next().await.is_none());
    }

    #[tokio::test]
    async fn dropped_stream_cancels_the_call_in_progress() {
        let calls = Arc::new(());
        let counted = Arc::clone(&calls);
        let transport = async_transport_fn(move |_| {
            let call = Arc::clone(&counted);
            async move {
                let never = pending::<io::Result<Response<Vec<u8>>>>().await;
                drop(call);
                never
            }
        });
        let credentials = Credentials::new("id", "secret");
        let client = async_client_over(transport, TokioClock::new(), "acme".parse().unwrap(), credentials);
        let mut pages = client.pages(GetUsers::new()).into_stream();
        assert!(pages.next().now_or_never().is_none());
        assert_eq!(Arc::strong_count(&calls), 3);
        drop(pages);
        assert_eq!(Arc::strong_count(&calls), 2);
    }
}
