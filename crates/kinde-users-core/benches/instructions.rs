//! How many instructions the core takes, beside the floor, counted by callgrind (of valgrind),
//! which has to be there: `cargo bench -p kinde-users-core --bench instructions`. The counts are
//! the same at each run, whatever else runs.

mod cases;

use std::error::Error;
use std::process::ExitCode;

use cases::{Case, Work, callgrind, cases, row::Table};

/// How often each work is done within one count.
const TIMES: u32 = 4;

/// What is counted of a case, in this order.
fn works(case: &Case) -> impl Iterator<Item = &Work> {
    [&case.ours, &case.floor].into_iter().chain(&case.less)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cases = cases();
    let works: Vec<&Work> = cases.iter().flat_map(works).collect();
    let Some(counts) = callgrind::count(&works, TIMES)? else { return Ok(ExitCode::SUCCESS) };
    let mut counts = counts.into_iter();
    let mut next = || counts.next().expect("one of each work");
    let mut table = Table::default();
    for case in &cases {
        let (ours, floor) = (next(), next());
        let less = if case.less.is_some() { next() } else { 0.0 };
        table.counted(&case.name, "instructions", [ours - less, floor], case.instructions);
    }
    Ok(table.end())
}
