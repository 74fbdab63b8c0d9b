//! How much memory a walk through pages keeps. A file of its own, because all of its memory is
//! counted.

use std::alloc::System;

use kinde_users_core::Pages;
use kinde_users_core::operations::{GetUsers, UsersPage};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PAGES: usize = 4_000;
const CURSOR: usize = 60_000;

/// A page whose cursor is long, and differs from those of other pages at its end alone.
fn page(number: usize) -> UsersPage {
    serde_json::from_value(serde_json::json!({ "next_token": format!("{number:0>CURSOR$}") })).unwrap()
}

#[test]
fn walk_keeps_16_bytes_a_page() {
    let mut pages = Pages::new(GetUsers::new());
    let region = Region::new(ALLOCATOR);
    for number in 0..PAGES {
        assert!(pages.next_operation().unwrap().is_some());
        pages.received(&page(number));
    }
    let change = region.change();
    let kept = change.bytes_allocated - change.bytes_deallocated;
    // The cursor of the next page is kept whole.
    assert!((CURSOR..=CURSOR + 16 * PAGES).contains(&kept), "{kept} bytes");

    assert!(pages.next_operation().unwrap().is_some());
    for seen in [0, 1, PAGES / 2, PAGES - 1] {
        let mut pages = pages.clone();
        pages.received(&page(seen));
        pages.next_operation().unwrap_err();
        assert_eq!(pages.next_operation(), Ok(None));
    }
}
