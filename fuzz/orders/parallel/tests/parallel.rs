//! `in_parallel` in many orders of its threads.
//!
//! `.ci/orders` runs this. The variable `ORDERS` sets how many orders are tried.

use std::collections::BTreeSet;
use std::ops::ControlFlow::{self, Break};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Once};
use std::time::Instant;

use parallel::in_parallel;

/// Runs `run` in many orders: the first ones of a walk through all, those that a scheduler makes
/// which interrupts at three points, and random ones. Prints the number of orders.
fn in_many_orders(test: &str, run: impl Fn() + Send + Sync + 'static) {
    let most = std::env::var("ORDERS").map_or(10_000, |orders| orders.parse().unwrap());
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = {
        let (run, orders) = (Arc::new(run), Arc::clone(&orders));
        move || {
            orders.fetch_add(1, SeqCst);
            run();
        }
    };
    let began = Instant::now();
    shuttle::check_dfs(counted.clone(), Some(most));
    let walked = orders.swap(0, SeqCst);
    shuttle::check_pct(counted.clone(), most / 5, 3);
    shuttle::check_random(counted, most / 5);
    let random = orders.load(SeqCst);
    println!(
        "{test}: {walked} orders of the walk, {random} random ones, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
}

/// Leaves the planned panics out of the output.
fn hide_planned_panics() {
    static HIDE: Once = Once::new();
    HIDE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() != Some(&"planned") {
                before(panic);
            }
        }));
    });
}

#[test]
fn each_item_is_done_once() {
    in_many_orders("each item once", || {
        let mut seen = BTreeSet::new();
        let ended = in_parallel(
            2,
            0..3,
            |n: usize| n,
            |n| {
                assert!(seen.insert(n));
                ControlFlow::<()>::Continue(())
            },
        );
        assert!(ended.is_continue() && seen.len() == 3);
    });
}

#[test]
fn items_taken_before_a_break_are_given() {
    in_many_orders("a break", || {
        let (taken, mut given) = (AtomicUsize::new(0), 0);
        let items = (0..6).inspect(|_| {
            taken.fetch_add(1, SeqCst);
        });
        let ended = in_parallel(
            2,
            items,
            |n| n,
            |n| {
                given += 1;
                Break(n)
            },
        );
        assert!(ended.is_break());
        assert_eq!(given, taken.load(SeqCst));
        assert!(given <= 3, "{given}");
    });
}

#[test]
fn panic_of_work_is_passed_on_after_the_results() {
    hide_planned_panics();
    in_many_orders("a panic of the work", || {
        let (taken, mut given) = (AtomicUsize::new(0), 0);
        let items = (0..6).inspect(|_| {
            taken.fetch_add(1, SeqCst);
        });
        let work = |n| if n == 1 { panic_any("planned") } else { n };
        let each = |_| {
            given += 1;
            ControlFlow::<()>::Continue(())
        };
        let panic = catch_unwind(AssertUnwindSafe(|| in_parallel(2, items, work, each))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"planned"));
        // All but the one that panicked.
        assert_eq!(given + 1, taken.load(SeqCst));
        assert!(given <= 6, "{given}");
    });
}

#[test]
fn panic_of_the_list_ends_it() {
    hide_planned_panics();
    in_many_orders("a panic of the list", || {
        let (taken, mut given) = (AtomicUsize::new(0), 0);
        let items = (0..6).inspect(|n| {
            if taken.fetch_add(1, SeqCst) == 2 {
                assert_eq!(*n, 2);
                panic_any("planned");
            }
        });
        let each = |_| {
            given += 1;
            ControlFlow::<()>::Continue(())
        };
        let panic = catch_unwind(AssertUnwindSafe(|| in_parallel(2, items, |n| n, each))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"planned"));
        assert_eq!((given, taken.load(SeqCst)), (2, 3));
    });
}
