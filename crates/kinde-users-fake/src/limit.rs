//! Limits on requests, as a service may have them.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// A limit on requests. The tenant answers requests beyond it with 429, at once.
///
/// Kinde has a limiter for the rate and one for requests in flight, and does not publish how they
/// work. So a program should get along with each of these. [`FakeKindeBuilder::limit`] and
/// [`FakeKinde::set_limit`] set a limit. Limits of different kinds apply together.
///
/// Each kind has a text for the program, which [`FromStr`] reads:
///
/// | text | limit |
/// |---|---|
/// | `windows=60/30s` | 60 requests in each window of 30 seconds |
/// | `bucket=50` or `bucket=50+100` | 50 requests a second, and 50 or 100 at once after a pause |
/// | `in-flight=8` | a weight of 8 in flight |
///
/// With `,no-reset` at the end, the 429 does not say when to try again.
///
/// ```
/// use std::time::Duration;
/// use kinde_users_fake::{FakeKinde, Limit};
///
/// let limit = Limit::windows(60, Duration::from_secs(30));
/// assert_eq!("windows=60/30s".parse(), Ok(limit));
/// let fake = FakeKinde::builder().limit(limit).build();
/// // The limit changes while the tenant runs.
/// fake.set_limit(Limit::windows(10, Duration::from_secs(30)));
/// ```
///
/// [`FakeKindeBuilder::limit`]: crate::FakeKindeBuilder::limit
/// [`FakeKinde::set_limit`]: crate::FakeKinde::set_limit
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub(crate) kind: Kind,
    pub(crate) tells_reset: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Windows { requests: u32, length: Duration },
    Bucket { per_second: u32, burst: u32 },
    InFlight { weight: u32 },
}

impl Limit {
    /// Creates a limit of `requests` in each window of this length. The first window begins with
    /// the first request. The reset is the rest of the window, in whole seconds.
    pub fn windows(requests: u32, length: Duration) -> Self {
        let length = length.max(Duration::from_millis(1));
        Self::new(Kind::Windows { requests: requests.max(1), length })
    }

    /// Creates a token bucket: `per_second` tokens are added each second, up to `burst`, and each
    /// request takes one. The bucket is full at first. The reset is the time until the next token,
    /// in whole seconds.
    pub fn bucket(per_second: u32, burst: u32) -> Self {
        Self::new(Kind::Bucket { per_second: per_second.max(1), burst: burst.max(1) })
    }

    /// Creates a limit on the weight of requests in flight. A request weighs 1, a list of users 2,
    /// and each part that is expanded 1 more. A request that is heavier than the limit is accepted
    /// if no other one is in flight. The reset is 1 second.
    ///
    /// A request is in flight until its reply is sent, so this limit matters for a server with a
    /// [latency](crate::FakeKindeBuilder::latency).
    pub fn in_flight(weight: u32) -> Self {
        Self::new(Kind::InFlight { weight: weight.max(1) })
    }

    fn new(kind: Kind) -> Self {
        Self { kind, tells_reset: true }
    }

    /// Leaves out `RateLimit-Reset` in the 429.
    #[must_use]
    pub fn without_reset(self) -> Self {
        Self { tells_reset: false, ..self }
    }
}

/// The error of a text that is not a [`Limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitError;

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it must be windows=REQUESTS/SECONDSs, bucket=PER_SECOND, bucket=PER_SECOND+BURST or \
             in-flight=WEIGHT, and may end in ,no-reset",
        )
    }
}

impl core::error::Error for LimitError {}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0).ok_or(LimitError);
        let (limit, tells_reset) = match text.strip_suffix(",no-reset") {
            Some(limit) => (limit, false),
            None => (text, true),
        };
        let (name, value) = limit.split_once('=').ok_or(LimitError)?;
        let limit = match name {
            "windows" => {
                let (requests, length) = value.split_once('/').ok_or(LimitError)?;
                let length = number(length.strip_suffix('s').unwrap_or(length))?;
                Self::windows(number(requests)?, Duration::from_secs(length.into()))
            }
            "bucket" => {
                let (rate, burst) = value.split_once('+').unwrap_or((value, value));
                Self::bucket(number(rate)?, number(burst)?)
            }
            "in-flight" => Self::in_flight(number(value)?),
            _ => return Err(LimitError),
        };
        Ok(Self { tells_reset, ..limit })
    }
}

/// A limit, and what it has counted.
#[derive(Clone)]
pub(crate) struct Limiter {
    pub(crate) limit: Limit,
    /// When the window began, or when the tokens were counted.
    since: Option<Duration>,
    /// Requests in the window, or billionths of a token that are missing in the bucket.
    taken: u64,
}

const TOKEN: u64 = 1_000_000_000;

impl Limiter {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, since: None, taken: 0 }
    }

    /// Whether the other limit is of the same kind.
    pub(crate) fn is_like(&self, other: &Limit) -> bool {
        core::mem::discriminant(&self.limit.kind) == core::mem::discriminant(&other.kind)
    }

    /// Returns the time until the reset if the limit refuses a request of this weight. `in_flight`
    /// is the weight of the other requests in flight.
    pub(crate) fn refuses(&mut self, now: Duration, in_flight: u32, weight: u32) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_sub(since);
        match self.limit.kind {
            Kind::Windows { requests, length } => {
                if passed >= length {
                    // The windows go on while no request comes.
                    let whole = passed.as_nanos() / length.as_nanos() * length.as_nanos();
                    let whole = Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX));
                    (self.since, self.taken) = (Some(since.saturating_add(whole)), 0);
                }
                let ends = self.since.unwrap_or(now).saturating_add(length);
                (self.taken >= requests.into()).then(|| ends.saturating_sub(now))
            }
            Kind::Bucket { per_second, burst } => {
                let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
                self.taken = self.taken.saturating_sub(nanos.saturating_mul(per_second.into()));
                self.since = Some(now);
                let most = TOKEN * (u64::from(burst) - 1);
                let missing = self.taken.checked_sub(most).filter(|missing| *missing > 0)?;
                Some(Duration::from_nanos(missing.div_ceil(per_second.into())))
            }
            Kind::InFlight { weight: most } => {
                let is_over = in_flight > 0 && in_flight.saturating_add(weight) > most;
                is_over.then_some(Duration::from_secs(1))
            }
        }
    }

    /// Counts a request that no limit refused.
    pub(crate) fn take(&mut self) {
        let one = if matches!(self.limit.kind, Kind::Bucket { .. }) { TOKEN } else { 1 };
        self.taken = self.taken.saturating_add(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read() {
        let read = |text: &str| text.parse::<Limit>();
        assert_eq!(read("windows=60/30s"), Ok(Limit::windows(60, Duration::from_secs(30))));
        assert_eq!(read("windows=60/30"), Ok(Limit::windows(60, Duration::from_secs(30))));
        assert_eq!(read("bucket=50"), Ok(Limit::bucket(50, 50)));
        assert_eq!(read("bucket=50+100,no-reset"), Ok(Limit::bucket(50, 100).without_reset()));
        assert_eq!(read("in-flight=8,no-reset"), Ok(Limit::in_flight(8).without_reset()));
        for wrong in ["", "8", "in-flight", "in-flight=0", "windows=1", "windows=/1", "bucket=1+", "x=1"] {
            assert_eq!(read(wrong), Err(LimitError), "{wrong}");
        }
    }

    #[test]
    fn bucket_refills_and_tells_when() {
        let mut limiter = Limiter::new(Limit::bucket(4, 2));
        let mut ask = |millis| {
            let reset = limiter.refuses(Duration::from_millis(millis), 0, 1);
            if reset.is_none() {
                limiter.take();
            }
            reset.map(|reset| reset.as_millis())
        };
        assert_eq!([ask(0), ask(0), ask(0), ask(100)], [None, None, Some(250), Some(150)]);
        assert_eq!([ask(250), ask(250), ask(10_000)], [None, Some(250), None]);
        assert_eq!([ask(10_000), ask(10_000)], [None, Some(250)]);
    }

    #[test]
    fn window_tells_its_rest() {
        let mut limiter = Limiter::new(Limit::windows(1, Duration::from_secs(60)));
        let mut ask = |seconds| {
            let reset = limiter.refuses(Duration::from_secs(seconds), 0, 1);
            if reset.is_none() {
                limiter.take();
            }
            reset.map(|reset| reset.as_secs())
        };
        assert_eq!([ask(10), ask(10), ask(69), ask(70)], [None, Some(60), Some(1), None]);
        // The window of 190 began at 190, though no request came for a while.
        assert_eq!([ask(200), ask(200)], [None, Some(50)]);
    }

    #[test]
    fn weights_in_flight_are_added() {
        let mut limiter = Limiter::new(Limit::in_flight(4));
        let mut refuses = |in_flight, weight| limiter.refuses(Duration::ZERO, in_flight, weight).is_some();
        assert_eq!([refuses(3, 1), refuses(3, 2), refuses(0, 9)], [false, true, false]);
    }
}
