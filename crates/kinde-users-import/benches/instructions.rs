//! How many instructions the plan of an import takes, beside plain derived structs over the same
//! bytes, and beside the plan of half as many users: `cargo bench -p kinde-users-import --bench
//! instructions`. callgrind (of valgrind) counts them, and has to be there.

mod cases;

use std::error::Error;
use std::process::ExitCode;

use cases::row::{Table, Target};
use cases::{Export, Work, callgrind};

/// Each is twice as many as the one before.
const USERS: [u64; 3] = [2_000, 4_000, 8_000];

/// The plan of each number of users, and the floor of the first.
fn works(export: Export) -> impl Iterator<Item = Work> {
    let plans = USERS.map(|users| {
        let files = export.files(users);
        Box::new(move || export.plan(files.iter().map(Vec::as_slice), users)) as Work
    });
    let files = export.files(USERS[0]);
    plans.into_iter().chain([Box::new(move || export.read_plain(&files, USERS[0])) as Work])
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let all: Vec<Work> = Export::ALL.into_iter().flat_map(works).collect();
    let Some(counts) = callgrind::count(&all.iter().collect::<Vec<_>>(), 1)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut table = Table::default();
    for (export, counts) in Export::ALL.into_iter().zip(counts.chunks_exact(USERS.len() + 1)) {
        let [once, twice, four_times, floor] = counts.try_into()?;
        let [users, more, most] = USERS;
        let name = export.name();
        let mut row = |what: &str, figures, limit| {
            table.counted(&format!("plan of {what}, {name}"), "instructions", figures, limit);
        };
        let times = Target::Times(4.0).guarded(Target::Times(3.5));
        row(&format!("{users} users"), [once, floor], times);
        row(&format!("{more} users, against {users}"), [twice, once], Target::Times(2.1).into());
        row(&format!("{most} users, against {more}"), [four_times, twice], Target::Times(2.1).into());
    }
    Ok(table.end())
}
