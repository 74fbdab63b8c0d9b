//! How a tenant is set up.

use core::time::Duration;

use crate::FakeKinde;
use crate::routes::ROUTES;
use crate::state::Tenant;
use crate::time::START;
use crate::user::shy_debug;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) origin: String,
    pub(crate) audience: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) token_lifetime: Duration,
    pub(crate) scopes: Vec<String>,
    pub(crate) identities_page: usize,
    pub(crate) mfa_as_array: bool,
    pub(crate) start: Duration,
    pub(crate) seed: u64,
    pub(crate) keeps_requests: bool,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) chaos: f64,
}

impl Settings {
    pub(crate) fn audience(&self) -> String {
        self.audience.clone().unwrap_or_else(|| format!("{}/api", self.origin))
    }
}

/// Sets up a [`FakeKinde`].
#[derive(Clone)]
#[must_use]
pub struct FakeKindeBuilder {
    settings: Settings,
}

shy_debug!(FakeKindeBuilder:);

impl Default for FakeKindeBuilder {
    fn default() -> Self {
        let mut scopes: Vec<String> = ROUTES.iter().map(|route| route.scope.to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        Self {
            settings: Settings {
                origin: "https://acme.kinde.com".to_owned(),
                audience: None,
                client_id: "3b0b5c6c8fcc464fab397f4969b5f482".to_owned(),
                client_secret: "fake-client-secret".to_owned(),
                token_lifetime: Duration::from_secs(86_399),
                scopes,
                identities_page: 10,
                mfa_as_array: false,
                start: START,
                seed: 0,
                keeps_requests: true,
                rate_limit: None,
                chaos: 0.0,
            },
        }
    }
}

impl FakeKindeBuilder {
    /// The subdomain, as in `https://<subdomain>.kinde.com`; `acme` unless set. With a dot, a colon or the
    /// name `localhost` it is taken as the whole host. It names issuer and audience of the tokens; requests
    /// are answered whatever host they name.
    pub fn host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        let whole = host.contains(['.', ':']) || host == "localhost";
        let host = if whole { host } else { format!("{host}.kinde.com") };
        self.origin(format!("https://{host}"))
    }

    /// Scheme, host and port instead of `https://` and the host: for a server of one's own in front of the
    /// tenant. `server::Server` sets it by itself.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.settings.origin = origin.into();
        self
    }

    /// The audience to ask tokens for; the origin and `/api` unless set.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audience = Some(audience.into());
        self
    }

    /// Seed of all ids and tokens, and of [`chaos`](Self::chaos).
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Client id and secret of the machine-to-machine application.
    pub fn credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.settings.client_id = id.into();
        self.settings.client_secret = secret.into();
        self
    }

    /// How long a token is good for; 86,399 seconds unless set, as the live service was seen to answer.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// The scopes that the application was granted; those of all operations unless set.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.settings.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Identities a page of `get_user_identities`; 10 unless set, at least 1.
    pub fn identities_page(mut self, size: usize) -> Self {
        self.settings.identities_page = size.max(1);
        self
    }

    /// Answers `get_users_mfa` with an array if a user has several factors. Unless set, it shows the first one.
    pub fn mfa_as_array(mut self) -> Self {
        self.settings.mfa_as_array = true;
        self
    }

    /// Where the clock stands at first, in seconds since 1970; 2026-01-01T00:00:00Z unless set.
    pub fn start(mut self, unix_seconds: u64) -> Self {
        self.settings.start = Duration::from_secs(unix_seconds);
        self
    }

    /// Answers so many requests a second, at least 1, and the others with 429 and `RateLimit-Reset: 1`. The
    /// second is one of the tenant's clock, and begins with its first request. Requests that meet a scripted
    /// [`Fault`](crate::Fault) do not count.
    pub fn rate_limit(mut self, per_second: u32) -> Self {
        self.settings.rate_limit = Some(per_second.max(1));
        self
    }

    /// Makes this share of the requests go wrong, from 0 to 1, with faults at random that a second try may
    /// survive: 429, 500, 502 and 503, a cut body, a connection lost before or after the effect. The same for
    /// the same seed and the same requests.
    pub fn chaos(mut self, share: f64) -> Self {
        self.settings.chaos = share;
        self
    }

    /// Leaves [`requests`](FakeKinde::requests) empty: for a tenant that is asked so much that they would not
    /// fit into memory.
    pub fn forgetting_requests(mut self) -> Self {
        self.settings.keeps_requests = false;
        self
    }

    /// The tenant, with no users.
    pub fn build(self) -> FakeKinde {
        FakeKinde::with(Tenant::new(self.settings))
    }
}
