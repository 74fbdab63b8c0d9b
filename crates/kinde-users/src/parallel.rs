//! Many calls at the same time, in threads.

use std::iter::Fuse;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
#[cfg(not(kinde_orders))]
use std::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Mutex, mpsc},
    thread,
};

// `fuzz/orders/parallel` compiles this file with threads that run in many orders.
#[cfg(kinde_orders)]
use shuttle::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Mutex, mpsc},
    thread,
};

/// Calls `work` for each item in `threads` threads, and passes each result to `each` on the calling
/// thread.
///
/// A thread takes the next item when it is free, so a list of any length needs little memory. The
/// results arrive in the order in which they are ready, so each result should contain a name or id
/// of its item.
///
/// If `each` returns `ControlFlow::Break`, the threads take no further item. They finish the items
/// in progress, and `each` receives the results of these items too, because the calls may have
/// taken effect. After that, the function returns the first `ControlFlow::Break`.
///
/// To limit how fast calls are sent, use
/// [`Tenant::with_rate_limit`](crate::Tenant::with_rate_limit), or let the tenant learn the limit
/// with [`Tenant::with_adaptive_rate`](crate::Tenant::with_adaptive_rate). In async code, use
/// `buffer_unordered` of `futures-util`.
///
/// # Panics
///
/// If the iterator, `work` or `each` panics, the threads take no further item and finish the items
/// in progress. `each` receives the results of these items, unless `each` itself panicked. After
/// that, the first panic continues on the calling thread.
///
/// ```
/// use core::ops::ControlFlow;
/// use kinde_users::operations::RefreshUserClaims;
/// # use kinde_users::{CallError, Client, Clock, Transport, in_parallel};
///
/// # fn refresh<T: Transport + Send + Sync, C: Clock + Send + Sync>(client: &Client<T, C>, ids: Vec<String>) {
/// let refresh = |id: String| (client.send(&RefreshUserClaims::new(&id)), id);
/// let mut failed = 0;
/// let ended = in_parallel(8, ids, refresh, |(result, id)| {
///     if let Err(error) = result {
///         eprintln!("{id}: {error}");
///         failed += 1;
///     }
///     if failed < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break("too many failed") }
/// });
/// # drop(ended);
/// # }
/// ```
pub fn in_parallel<I, R, B>(
    threads: usize,
    items: I,
    work: impl Fn(I::Item) -> R + Sync,
    each: impl FnMut(R) -> ControlFlow<B>,
) -> ControlFlow<B>
where
    I: IntoIterator<IntoIter: Send>,
    R: Send,
{
    work_on(&List::new(items.into_iter()), threads, work, each)
}

/// The items that the threads share.
struct List<I> {
    items: Mutex<Fuse<I>>,
    is_over: AtomicBool,
}

impl<I: Iterator> List<I> {
    fn new(items: I) -> Self {
        Self { items: Mutex::new(items.fuse()), is_over: AtomicBool::new(false) }
    }

    fn next(&self) -> Option<I::Item> {
        // If the iterator panicked, the lock is poisoned, and no further item is taken.
        let mut items = self.items.lock().ok()?;
        if self.is_over.load(Ordering::Relaxed) { None } else { items.next() }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn work_on<I: Iterator + Send, R: Send, B>(
    list: &List<I>,
    threads: usize,
    work: impl Fn(I::Item) -> R + Sync,
    mut each: impl FnMut(R) -> ControlFlow<B>,
) -> ControlFlow<B> {
    thread::scope(|scope| {
        let (sender, results) = mpsc::sync_channel(0);
        for _ in 0..threads.max(1) {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move || {
                // Nothing looks at what a panic leaves half done: the panic continues after the
                // scope.
                let work_on_next = || catch_unwind(AssertUnwindSafe(|| list.next().map(work)));
                while let Some(result) = work_on_next().transpose() {
                    if result.is_err() {
                        list.end();
                    }
                    // After a panic of `each` there is no receiver.
                    if sender.send(result).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let (mut ended, mut panicked) = (ControlFlow::Continue(()), None);
        for result in results {
            match result.map(|result| catch_unwind(AssertUnwindSafe(|| each(result)))) {
                Ok(Ok(end)) if ended.is_continue() => ended = end,
                Ok(Ok(_)) => {}
                Ok(Err(panic)) => {
                    panicked = panicked.or(Some(panic));
                    list.end();
                    // It must not be called again, because it may have left its state half changed.
                    break;
                }
                Err(panic) => panicked = panicked.or(Some(panic)),
            }
            if ended.is_break() {
                list.end();
            }
        }
        panicked.map_or(ended, |panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::ops::Range;
    use std::panic::catch_unwind;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Sender, channel};

    /// Panics and prints nothing, because printing takes long.
    fn breaks(what: &'static str) -> ! {
        resume_unwind(Box::new(what))
    }

    /// Returns a list that is long and ends, so that a test that fails ends too.
    fn list() -> List<Range<usize>> {
        List::new(0..10_000)
    }

    #[test]
    fn items_are_done_once_by_the_allowed_threads() {
        let (busy, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |n: usize| {
            most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Until all were busy at once, or no more come.
            let all_are_busy = || most.load(Ordering::SeqCst) >= 4;
            (0..1_000_000).take_while(|_| !all_are_busy()).for_each(|_| thread::yield_now());
            busy.fetch_sub(1, Ordering::SeqCst);
            n
        };
        let mut seen = BTreeSet::new();
        let ended = in_parallel(4, 0..100, work, |n| {
            assert!(seen.insert(n));
            ControlFlow::<()>::Continue(())
        });
        assert!(ended.is_continue() && seen.len() == 100 && seen.last() == Some(&99));
        assert_eq!(most.into_inner(), 4);
    }

    #[test]
    fn break_ends_an_endless_list() {
        let taken = AtomicUsize::new(0);
        let items = (0..).inspect(|_| {
            taken.fetch_add(1, Ordering::SeqCst);
        });
        let ended = in_parallel(
            0,
            items,
            |n| n,
            |n| if n < 9 { ControlFlow::Continue(()) } else { ControlFlow::Break(n) },
        );
        assert_eq!(ended, ControlFlow::Break(9));
        // The last one was taken while the break was under way.
        assert!((10..=11).contains(&taken.into_inner()));
    }

    #[test]
    fn results_under_way_at_a_break_are_given() {
        let all_are_under_way = Barrier::new(4);
        let work = |n: usize| {
            all_are_under_way.wait();
            n
        };
        let mut seen = Vec::new();
        let ended = in_parallel(4, 0..4, work, |n| {
            seen.push(n);
            ControlFlow::Break(n)
        });
        assert_eq!(ended, ControlFlow::Break(seen[0]));
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3]);
    }

    #[test]
    fn waiting_thread_takes_nothing_after_the_end() {
        let list = list();
        let taken = thread::scope(|scope| {
            let items = list.items.lock().unwrap();
            let thread = scope.spawn(|| list.next());
            // By then the thread most likely waits for the lock.
            (0..2_000).for_each(|_| thread::yield_now());
            list.end();
            drop(items);
            thread.join().unwrap()
        });
        assert_eq!(taken, None);
    }

    #[test]
    fn break_or_panic_ends_the_list() {
        fn ends(work: impl Fn(usize) + Sync, each: impl FnMut(()) -> ControlFlow<()>) -> bool {
            let list = list();
            let ended = catch_unwind(AssertUnwindSafe(|| work_on(&list, 2, work, each)));
            assert!(ended.map_or(true, |ended| ended.is_break()));
            list.is_over.into_inner()
        }
        assert!(ends(|_| (), |()| ControlFlow::Break(())));
        assert!(ends(|_| breaks("an item"), |()| ControlFlow::Continue(())));
        assert!(ends(|_| (), |()| breaks("a result")));
    }

    #[test]
    fn panicked_list_is_not_asked_again() {
        let taken = AtomicUsize::new(0);
        let items = (0..100).inspect(|n: &usize| {
            taken.fetch_add(1, Ordering::SeqCst);
            assert_ne!(*n, 0, "the list is broken");
        });
        let work = AssertUnwindSafe(|| in_parallel(4, items, |n| n, |_| ControlFlow::<()>::Continue(())));
        assert!(catch_unwind(work).is_err());
        assert_eq!(taken.into_inner(), 1);
    }

    #[test]
    fn first_of_two_panics_is_passed_on() {
        thread_local! {
            /// Dropped at the end of the thread.
            static LEFT: Cell<Option<Sender<()>>> = const { Cell::new(None) };
        }
        let both_are_under_way = Barrier::new(2);
        let (sender, first_has_ended) = channel();
        let (sender, first_has_ended) = (Mutex::new(Some(sender)), Mutex::new(first_has_ended));
        let work = |n: usize| {
            both_are_under_way.wait();
            if n == 0 {
                LEFT.set(sender.lock().unwrap().take());
                breaks("first")
            }
            assert!(first_has_ended.lock().unwrap().recv().is_err());
        };
        let each = |()| -> ControlFlow<()> { breaks("second") };
        let panic = catch_unwind(AssertUnwindSafe(|| in_parallel(2, 0..2, work, each))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"first"));
    }

    #[test]
    fn panic_of_work_ends_list_and_is_passed_on() {
        let seen = AtomicUsize::new(0);
        let work = |n: usize| {
            if n == 30 {
                std::panic::panic_any("item 30 is broken")
            }
        };
        let each = |()| {
            seen.fetch_add(1, Ordering::SeqCst);
            ControlFlow::<()>::Continue(())
        };
        let panic = catch_unwind(|| in_parallel(2, 0.., work, each)).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"item 30 is broken"));
        // Nothing of a list without end but what was under way.
        assert!(seen.into_inner() >= 30);
    }

    #[test]
    fn panic_of_list_or_results_is_passed_on() {
        let items = (0..).inspect(|n: &usize| assert_ne!(*n, 7, "the list is broken"));
        assert!(catch_unwind(|| in_parallel(4, items, |n| n, |_| ControlFlow::<()>::Continue(()))).is_err());
        let each = |n: usize| if n == 50 { panic!("no more") } else { ControlFlow::<()>::Continue(()) };
        assert!(catch_unwind(|| in_parallel(4, 0.., |n| n, each)).is_err());
    }
}
