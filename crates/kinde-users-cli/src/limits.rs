//! The limits of the tenant: how a command with many calls keeps to them, and says that it waits.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use jiff::{Timestamp, tz::TimeZone};

use crate::tenant::Session;

/// A shorter wait is not reported.
const SHORT: Duration = Duration::from_secs(3);

/// How a command with many calls keeps to the limits of the tenant.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Maximum number of seconds for which a call waits if the tenant limits the rate. A call that
    /// would wait longer fails. With 0, a call fails after five attempts, or after two minutes
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    max_wait: u64,
}

impl Limits {
    /// Runs `work`, whose calls learn the rate that the tenant accepts. While calls wait for more
    /// than a few seconds, a note says when they continue.
    pub(crate) fn keep<R>(&self, session: &Session, bar: &ProgressBar, work: impl FnOnce() -> R) -> R {
        let longest = Some(Duration::from_secs(self.max_wait)).filter(|wait| !wait.is_zero());
        session.client.with_tenant(|tenant| tenant.set_adaptive_rate(longest));
        thread::scope(|scope| {
            // It is dropped at the end of the work, even if that panics.
            let (_working, ended) = mpsc::channel::<()>();
            scope.spawn(move || report(session, bar, &ended));
            work()
        })
    }
}

/// Reports each long wait once, until the work has ended.
fn report(session: &Session, bar: &ProgressBar, ended: &mpsc::Receiver<()>) {
    let mut reported = None;
    while ended.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        let Some((opens, left)) = session.throttled().filter(|(_, left)| *left > SHORT) else { continue };
        // Other replies may move the end of the wait a little.
        let is_known = reported.is_some_and(|known| opens.saturating_since(known) <= SHORT);
        if !is_known {
            let at = Timestamp::now().checked_add(session.real(left)).unwrap_or(Timestamp::MAX);
            let at = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
            bar.suspend(|| session.output.note(format_args!("rate limited; continues at {at} UTC")));
            reported = Some(opens);
        }
    }
}
