//! What the plan of an import of many users takes, beside plain derived structs over the same bytes,
//! in turns: `cargo bench -p kinde-users-import --bench plan`. It makes up 1,000,000 users, or as
//! many as an argument says: `-- 100000`.

mod cases;

use std::env;
use std::error::Error;

use cases::Export;
use cases::process::{cpu_of, peak};
use cases::row::{Target, in_turns, measured};

const ROUNDS: usize = 3;
/// In KiB.
const MOST_MEMORY: f64 = 200.0 * 1024.0;

fn main() -> Result<(), Box<dyn Error>> {
    let users = env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    // The first takes less. The files are made while they are read, and take no memory.
    let before = peak()?;
    for export in Export::ALL {
        export.plan_made(users);
        let name = format!("plan of {users} users, {}", export.name());
        measured(&name, "KiB at the peak", [peak()?, before], Target::More(MOST_MEMORY), "");
    }
    for export in Export::ALL {
        let files = export.files(users);
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        let each = |work: &dyn Fn()| cpu_of(work) / users as f64;
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let ours = each(&|| export.plan(files.iter().map(Vec::as_slice), users));
                (ours, each(&|| export.read_plain(&files, users)))
            })
            .collect();
        let name = format!("plan of {users} users, {}", export.name());
        in_turns(&name, "ns of CPU a user", &rounds, Target::Times(4.0));
    }
    Ok(())
}
