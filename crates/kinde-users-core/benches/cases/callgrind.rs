//! Counts instructions with callgrind, a tool of valgrind.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Work;

/// What callgrind counts: it is called once for each work, and each call becomes a file.
#[inline(never)]
fn counted(work: &Work, times: u32) {
    for _ in 0..times {
        work();
    }
}

/// Does each work so often, and returns the instructions that it takes for one time. The bench runs
/// itself under callgrind for it: there it gets `None`, and has to end.
pub(crate) fn count(works: &[&Work], times: u32) -> Result<Option<Vec<f64>>, Box<dyn Error>> {
    if env::args().any(|argument| argument == "--counted") {
        for work in works {
            // What is made once is made before.
            work();
            counted(work, times);
        }
        return Ok(None);
    }
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).join("callgrind");
    let _ = fs::remove_dir_all(&found);
    fs::create_dir_all(&found)?;
    let out = found.join("out");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        // callgrind takes one option for one pattern.
        .args(["--toggle-collect=*::callgrind::counted", "--dump-after=*callgrind::counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .arg("--counted")
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into());
    }
    let count = |number| Ok(instructions(&found.join(format!("out.{number}")))? / f64::from(times));
    (1..=works.len()).map(count).collect::<Result<_, _>>().map(Some)
}

/// The sum of a file of callgrind's.
fn instructions(file: &Path) -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("no totals")?;
    let total: f64 = total.trim().parse()?;
    if total == 0.0 {
        return Err("callgrind counted nothing".into());
    }
    Ok(total)
}
