//! The settings of a tenant, as values.

use core::time::Duration;

use crate::choice::Choices;
use crate::limit::Limit;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) origin: String,
    pub(crate) audience: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) token_lifetime: Duration,
    pub(crate) scopes: Vec<String>,
    pub(crate) identities_page: usize,
    pub(crate) choices: Choices,
    pub(crate) strict: bool,
    pub(crate) start: Duration,
    /// Whether the clock starts there even if that is before the machine's present.
    pub(crate) start_is_chosen: bool,
    pub(crate) seed: u64,
    /// How many bytes the recorded requests take at most, or 0 to record none.
    pub(crate) log_bytes: usize,
    /// Limits, and how long after the start they begin to apply.
    pub(crate) limits: Vec<(Duration, Limit)>,
    pub(crate) in_flight_limit: Option<usize>,
    pub(crate) latency: Duration,
    pub(crate) latency_spread: Duration,
    pub(crate) chaos: f64,
}

impl Settings {
    pub(crate) fn audience(&self) -> String {
        self.audience.clone().unwrap_or_else(|| format!("{}/api", self.origin))
    }
}
