//! How many instructions the core takes, beside the floor, counted by callgrind (of valgrind),
//! which has to be there: `cargo bench -p kinde-users-core --bench instructions`. The counts are
//! the same at each run, whatever else runs.

mod cases;

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use cases::{Case, Work, cases, row::Table};

/// How often each work is done within one count.
const TIMES: u32 = 4;

/// What callgrind counts: it is called once for each work, and each call becomes a file.
#[inline(never)]
fn counted(work: &Work) {
    for _ in 0..TIMES {
        work();
    }
}

/// What is counted of a case, in this order.
fn works(case: &Case) -> impl Iterator<Item = &Work> {
    [&case.ours, &case.floor].into_iter().chain(&case.less)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cases = cases();
    if env::args().any(|argument| argument == "--counted") {
        for work in cases.iter().flat_map(works) {
            // What is made once is made before.
            work();
            counted(work);
        }
        return Ok(ExitCode::SUCCESS);
    }

    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("callgrind");
    let _ = fs::remove_dir_all(&found);
    fs::create_dir_all(&found)?;
    let out = found.join("out");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .args(["--toggle-collect=instructions::counted", "--dump-after=*instructions::counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .arg("--counted")
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into());
    }
    let mut files = (1..).map(|number| found.join(format!("out.{number}")));
    let mut next = || instructions(&files.next().unwrap_or_default());
    let mut table = Table::default();
    for case in &cases {
        let (ours, floor) = (next()?, next()?);
        let less = if case.less.is_some() { next()? } else { 0.0 };
        table.counted(&case.name, "instructions", [ours - less, floor], case.instructions);
    }
    Ok(table.end())
}

/// The sum of a file of callgrind's, for one time.
fn instructions(file: &Path) -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("no totals")?;
    let total: f64 = total.trim().parse()?;
    if total == 0.0 {
        return Err("callgrind counted nothing".into());
    }
    Ok(total / f64::from(TIMES))
}
