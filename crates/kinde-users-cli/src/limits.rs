//! The limits of the tenant: how a command with many calls keeps to them, and says that it waits.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use jiff::{Timestamp, tz::TimeZone};
use kinde_users::Instant;

use crate::tenant::Session;

/// The longest wait that is not reported.
const SHORT: Duration = Duration::from_secs(3);

/// How much longer a call waits, so that it still waits for a reset of exactly the maximum.
const MARGIN: Duration = Duration::from_secs(5);

/// What a note says if no reset says when calls continue.
const NO_CALLS: &str = "the tenant accepts no calls at the moment";

/// How often the progress is renewed.
const TICK: Duration = Duration::from_millis(100);

/// How a command with many calls keeps to the limits of the tenant.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Maximum number of seconds for which a call waits if the tenant limits the rate. A call that
    /// would have to wait longer fails. If the tenant accepts no call at all for this time, each
    /// further call fails too. With 0, a call that the tenant limits is tried up to five times
    /// within two minutes
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    max_wait: u64,
}

impl Limits {
    /// Runs `work`, whose calls learn the rate that the tenant accepts. Progress shows the calls.
    /// While they wait for more than a few seconds, a note says when they continue. With `--json`,
    /// the counts of all calls follow.
    pub(crate) fn keep<R>(&self, session: &Session, bar: &ProgressBar, work: impl FnOnce() -> R) -> R {
        let longest = Some(Duration::from_secs(self.max_wait)).filter(|wait| !wait.is_zero());
        let longest = longest.map(|wait| wait.saturating_add(MARGIN));
        session.client.with_tenant(|tenant| tenant.set_adaptive_rate(longest));
        let (result, waited) = thread::scope(|scope| {
            // It is dropped at the end of the work, even if that panics.
            let (working, ended) = mpsc::channel::<()>();
            let reports = scope.spawn(move || report(session, bar, &ended));
            let result = work();
            drop(working);
            (result, reports.join().unwrap_or_default())
        });
        // If standard output cannot be written, the receipt that follows fails.
        drop(session.output.json(&session.meter.json(waited)));
        result
    }
}

/// Shows the calls, and reports each long wait once, until the work has ended. Returns the time in
/// which a 429 made calls wait.
fn report(session: &Session, bar: &ProgressBar, ended: &mpsc::Receiver<()>) -> Duration {
    let (mut reported, mut waited) = (None, Duration::ZERO);
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let calls = session.meter.requests();
        let rate = per_second(calls, bar.elapsed());
        let (throttled, refused) = (session.throttled(), session.refused());
        if throttled.is_none() && refused.is_none() {
            bar.set_message(format!("{calls} calls, {rate} calls/s"));
            continue;
        }
        waited += TICK;
        let long = |wait: Option<(Instant, Duration)>| wait.filter(|(_, time)| is_long(*time));
        let (state, note, instant) = match (long(throttled), long(refused)) {
            (Some((opens, left)), _) => {
                let at = Timestamp::now().checked_add(session.clock.real(left)).unwrap_or(Timestamp::MAX);
                let at = at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
                (format!("waiting until {at} UTC"), format!("continues at {at} UTC"), opens)
            }
            (None, Some((since, _))) => ("rate limited".into(), NO_CALLS.into(), since),
            (None, None) => continue,
        };
        bar.set_message(format!("{calls} calls, {state}"));
        // Other replies may move the end of the wait a little.
        if reported.is_none_or(|known| is_long(instant.saturating_since(known))) {
            bar.suspend(|| session.output.note(format_args!("rate limited; {note}")));
            reported = Some(instant);
        }
    }
    waited
}

fn is_long(time: Duration) -> bool {
    time > SHORT
}

/// Returns the number of calls per second.
fn per_second(calls: u64, time: Duration) -> u128 {
    // Before this time, the number says little.
    u128::from(calls) * 1000 / time.as_millis().max(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_three_seconds_are_long() {
        let long = [0, 2999, 3000, 3001, 60_000].map(Duration::from_millis).map(is_long);
        assert_eq!(long, [false, false, false, true, true]);
    }

    #[test]
    fn calls_per_second_are_those_of_the_whole_time() {
        for (calls, milliseconds, expected) in
            [(0, 0, 0), (3, 0, 30), (3, 100, 30), (3, 1000, 3), (500, 250, 2000)]
        {
            assert_eq!(per_second(calls, Duration::from_millis(milliseconds)), expected);
        }
    }
}
