//! How often the core allocates, beside the floor: `cargo bench -p kinde-users-core --bench
//! allocations`.

mod cases;

use std::alloc::System;
use std::process::ExitCode;

use cases::{Work, cases, row::Table};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[expect(clippy::cast_precision_loss, reason = "they are small")]
fn allocations(work: &Work) -> f64 {
    // What is made once is made before.
    work();
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    (change.allocations + change.reallocations) as f64
}

fn main() -> ExitCode {
    let mut table = Table::default();
    for case in cases() {
        let ours = allocations(&case.ours) - case.less.as_ref().map_or(0.0, allocations);
        let floor = allocations(&case.floor);
        table.counted(&case.name, "allocations", [ours, floor], case.allocations);
    }
    table.end()
}
