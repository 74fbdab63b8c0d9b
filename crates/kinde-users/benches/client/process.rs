//! What this process has taken of the machine.

use std::error::Error;
use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of the processor that this process has had, in all its threads.
#[expect(clippy::cast_precision_loss, reason = "it is no long time")]
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds of the processor that `work` takes.
pub(crate) fn cpu_of(work: impl FnOnce()) -> f64 {
    let start = cpu();
    work();
    cpu() - start
}

/// The most memory that this process has had, in KiB, as Linux tells.
pub(crate) fn peak() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
