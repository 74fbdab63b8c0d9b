//! Several futures at once, and no more than so many.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;
use core::iter::Fuse;
use core::pin::Pin;
use core::task::{Context, Poll};

/// Runs the futures of an iterator, at most `limit` of them at a time, and gives what each came to as it comes: for many
/// calls of an [`AsyncClient`](crate::AsyncClient).
///
/// The iterator is asked for the next future when there is room for it, so that a list of any length takes no more
/// memory than those that are under way. A limit of 0 counts as 1. Dropped, it drops those too. They take turns, so that none
/// waits for ever while others are ready; and one that panics is gone, and the others go on when it is polled again.
///
/// For blocking code there is `in_parallel` in the crate `kinde-users`.
///
/// ```
/// # use kinde_users_core::{AsyncClient, AsyncClock, AsyncTransport, CallError};
/// use kinde_users_core::at_once;
/// use kinde_users_core::operations::RefreshUserClaims;
///
/// # async fn refresh<T: AsyncTransport, C: AsyncClock>(client: &AsyncClient<T, C>, ids: Vec<String>) {
/// let calls = ids.iter().map(|id| async move { (id, client.send(&RefreshUserClaims::new(id)).await) });
/// let mut ended = at_once(16, calls);
/// while let Some((id, result)) = ended.next_item().await {
///     match result {
///         Ok(_) => println!("{id}"),
///         Err(error) => eprintln!("{id}: {error}"),
///     }
/// }
/// # }
/// ```
pub fn at_once<I>(limit: usize, futures: I) -> AtOnce<I::IntoIter>
where
    I: IntoIterator<Item: Future>,
{
    AtOnce { limit: limit.max(1), waiting: futures.into_iter().fuse(), under_way: VecDeque::new() }
}

/// Futures of which at most so many are under way; see [`at_once`].
#[must_use = "nothing runs until it is polled"]
pub struct AtOnce<I: Iterator<Item: Future>> {
    limit: usize,
    waiting: Fuse<I>,
    // Each is polled whenever one is woken: for the few dozen calls that a tenant takes at a time, that is cheaper than
    // finding out which one it was.
    under_way: VecDeque<Pin<Box<I::Item>>>,
}

impl<I: Iterator<Item: Future>> AtOnce<I> {
    /// What the next one came to; `None` when all have ended.
    pub async fn next_item(&mut self) -> Option<<I::Item as Future>::Output> {
        core::future::poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<<I::Item as Future>::Output>> {
        while self.under_way.len() < self.limit {
            let Some(future) = self.waiting.next() else { break };
            self.under_way.push_back(Box::pin(future));
        }
        for _ in 0..self.under_way.len() {
            // Taken out before it is polled, so that one that panics is not polled again; and the next poll begins with the one
            // behind it.
            let Some(mut future) = self.under_way.pop_front() else { break };
            match future.as_mut().poll(context) {
                Poll::Ready(output) => return Poll::Ready(Some(output)),
                Poll::Pending => self.under_way.push_back(future),
            }
        }
        if self.under_way.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl<I: Iterator<Item: Future>> fmt::Debug for AtOnce<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtOnce({} of at most {} under way)", self.under_way.len(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use core::future::poll_fn;
    use core::pin::pin;
    use core::task::Waker;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::vec::Vec;

    #[test]
    fn no_more_than_the_limit_are_under_way_and_each_ends_once() {
        let (begun, ended) = (Cell::new(0), Cell::new(0));
        // The nth is ready at its nth poll.
        let futures = (0..20_usize).map(|n| {
            begun.set(begun.get() + 1);
            let (mut polls, ended) = (0, &ended);
            poll_fn(move |_| {
                polls += 1;
                if polls <= n % 5 {
                    return Poll::Pending;
                }
                ended.set(ended.get() + 1);
                Poll::Ready(n)
            })
        });
        let mut all = at_once(3, futures);
        let mut context = Context::from_waker(Waker::noop());
        let mut seen = Vec::new();
        for _ in 0..1000 {
            let next = pin!(all.next_item()).poll(&mut context);
            // Those that have ended were given at once.
            assert!(begun.get() - seen.len() <= 3);
            match next {
                Poll::Ready(Some(n)) => seen.push(n),
                Poll::Ready(None) => break,
                Poll::Pending => {}
            }
        }
        assert_eq!(ended.get(), 20);
        assert_ne!(seen, (0..20).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn none_waits_for_ever_while_others_are_ready() {
        let mut begun = 0;
        // The first is never ready, the third at its second poll, and all others at once.
        let futures = core::iter::repeat_with(|| {
            begun += 1;
            let (n, mut polls) = (begun, 0);
            poll_fn(move |_| {
                polls += 1;
                if n == 1 || (n == 3 && polls < 2) { Poll::Pending } else { Poll::Ready(n) }
            })
        });
        let mut all = at_once(4, futures);
        let mut context = Context::from_waker(Waker::noop());
        let mut ended = (0..20).map(|_| pin!(all.next_item()).poll(&mut context));
        assert!(ended.any(|next| next == Poll::Ready(Some(3))));
    }

    #[test]
    fn one_that_panics_takes_no_other_with_it() {
        let mut all = at_once(
            2,
            (0..5).map(|n| async move {
                assert_ne!(n, 0, "the first is broken");
                n
            }),
        );
        let mut context = Context::from_waker(Waker::noop());
        let mut next = || catch_unwind(AssertUnwindSafe(|| pin!(all.next_item()).poll(&mut context)));
        assert!(next().is_err());
        let rest: Vec<_> = (0..5).map(|_| next().unwrap()).collect();
        assert_eq!(rest[..4], [1, 2, 3, 4].map(|n| Poll::Ready(Some(n))));
        assert_eq!(rest[4], Poll::Ready(None));
    }

    #[test]
    fn one_is_taken_when_there_is_room_and_not_before() {
        let begun = Cell::new(0);
        let futures = core::iter::repeat_with(|| {
            begun.set(begun.get() + 1);
            core::future::ready(())
        });
        let mut all = at_once(0, futures);
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(begun.get(), 0);
        for n in 1..5 {
            assert!(pin!(all.next_item()).poll(&mut context).is_ready());
            assert_eq!(begun.get(), n);
        }
    }
}
