//! Limits as services have them. Times are in seconds since the start.

/// A service that answers requests until its limit is reached, and others with 429.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) limit: Limit,
    /// Whether a 429 says when the service accepts requests again.
    pub(crate) tells_reset: bool,
    /// Other limits, and when they begin.
    pub(crate) changes: Vec<(f64, f64)>,
}

#[derive(Clone)]
pub(crate) enum Limit {
    /// A bucket that holds the tokens of one second, and is full at first.
    Bucket { rate: f64, tokens: f64, at: f64 },
    /// So many requests in each window of so many seconds.
    Windows { limit: f64, length: f64, began: f64, taken: f64 },
    /// So many requests at the same time.
    Flight { limit: f64, busy: f64 },
}

impl Limit {
    pub(crate) fn bucket(rate: f64) -> Self {
        Self::Bucket { rate, tokens: rate, at: 0.0 }
    }

    pub(crate) fn windows(limit: f64, length: f64) -> Self {
        Self::Windows { limit, length, began: 0.0, taken: 0.0 }
    }

    pub(crate) fn flight(limit: f64) -> Self {
        Self::Flight { limit, busy: 0.0 }
    }
}

impl Service {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, tells_reset: true, changes: Vec::new() }
    }

    pub(crate) fn without_reset(self) -> Self {
        Self { tells_reset: false, ..self }
    }

    /// Counts a request. The error of a refused request has the seconds until the reset, or `None`
    /// if the 429 has no reset.
    pub(crate) fn take(&mut self, now: f64) -> Result<(), Option<f64>> {
        while self.changes.first().is_some_and(|(at, _)| *at <= now) {
            let (_, to) = self.changes.remove(0);
            match &mut self.limit {
                Limit::Bucket { rate: limit, .. }
                | Limit::Windows { limit, .. }
                | Limit::Flight { limit, .. } => *limit = to,
            }
        }
        let refused = match &mut self.limit {
            Limit::Bucket { rate, tokens, at } => {
                *tokens = (*tokens + (now - *at) * *rate).min(*rate);
                *at = now;
                let has_token = *tokens >= 1.0;
                *tokens -= if has_token { 1.0 } else { 0.0 };
                (!has_token).then(|| (1.0 - *tokens) / *rate)
            }
            Limit::Windows { limit, length, began, taken } => {
                if now - *began >= *length {
                    *began += ((now - *began) / *length).floor() * *length;
                    *taken = 0.0;
                }
                let has_room = *taken < *limit;
                *taken += if has_room { 1.0 } else { 0.0 };
                (!has_room).then_some(*began + *length - now)
            }
            Limit::Flight { limit, busy } => {
                let has_room = *busy < *limit;
                *busy += if has_room { 1.0 } else { 0.0 };
                (!has_room).then_some(1.0)
            }
        };
        // The header has whole seconds.
        refused.map_or(Ok(()), |reset| Err(self.tells_reset.then(|| reset.ceil().max(1.0))))
    }

    /// Notes that a request that was taken is answered.
    pub(crate) fn ends(&mut self) {
        if let Limit::Flight { busy, .. } = &mut self.limit {
            *busy -= 1.0;
        }
    }
}
