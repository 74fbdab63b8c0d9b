//! How a tenant is set up.

use core::time::Duration;

use crate::choice::{Choice, Choices};
use crate::fake_kinde::FakeKinde;
use crate::routes::ROUTES;
use crate::settings::Settings;
use crate::state::Tenant;
use crate::time::START;
use crate::user::shy_debug;

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
                choices: Choices::default(),
                strict: false,
                start: START,
                seed: 0,
                keeps_requests: true,
                rate_limit: None,
                in_flight_limit: None,
                chaos: 0.0,
            },
        }
    }
}

impl Default for FakeKinde {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeKinde {
    /// The tenant `acme.kinde.com`, with no users and one application that was granted every scope.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// For a tenant of another kind.
    pub fn builder() -> FakeKindeBuilder {
        FakeKindeBuilder::default()
    }
}

impl FakeKindeBuilder {
    /// The subdomain, as in `https://<subdomain>.kinde.com`; `acme` unless set. With a dot, a colon
    /// or the name `localhost` it is taken as the whole host. It names issuer and audience of the
    /// tokens. A token request to another host is answered with 404; other requests are answered
    /// whatever host they name.
    pub fn host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        let whole = host.contains(['.', ':']) || host == "localhost";
        let host = if whole { host } else { format!("{host}.kinde.com") };
        self.origin(format!("https://{host}"))
    }

    /// Scheme, host and port instead of `https://` and the host: for a server of one's own in front
    /// of the tenant. `server::Server` sets it by itself.
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

    /// How long a token is good for; 86,399 seconds unless set, as the live service was seen to
    /// answer.
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

    /// What the tenant does where nothing public settles what Kinde does.
    pub fn choose(mut self, choice: Choice) -> Self {
        self.settings.choices.make(choice);
        self
    }

    /// Refuses what the live service ignores in silence, so that a misspelt argument shows: query
    /// arguments and keys of a body that the operation does not take (400 with `<NAME>_UNKNOWN`),
    /// and a body where none is due.
    pub fn strict(mut self) -> Self {
        self.settings.strict = true;
        self
    }

    /// Where the clock stands at first, in seconds since 1970; 2026-01-01T00:00:00Z unless set.
    pub fn start(mut self, unix_seconds: u64) -> Self {
        self.settings.start = Duration::from_secs(unix_seconds);
        self
    }

    /// Answers so many requests a second, at least 1, and the others with 429 and `RateLimit-Reset:
    /// 1`. The second is one of the tenant's clock, and begins with its first request. Requests
    /// that meet a scripted [`Fault`](crate::Fault) do not count.
    pub fn rate_limit(mut self, per_second: u32) -> Self {
        self.settings.rate_limit = Some(per_second.max(1));
        self
    }

    /// Answers so many requests at a time, at least 1, and those that come meanwhile with 429 and
    /// `RateLimit-Reset: 1`. A request is in flight until its reply has left, so that this is for a
    /// server, and for slow replies.
    pub fn in_flight_limit(mut self, requests: usize) -> Self {
        self.settings.in_flight_limit = Some(requests.max(1));
        self
    }

    /// Makes this share of the requests go wrong at random, from 0 to 1. The same for the same seed
    /// and the same requests.
    ///
    /// It is one of these, each as likely: 429, 500 before or after the effect, 502, 503 in HTML,
    /// an empty 403, a connection lost before or after the effect, a body that is cut or breaks
    /// off, a head or body that is late by up to 5 seconds, and a real reply that is compressed,
    /// chunked, the last of its connection, said to be HTML, or a megabyte larger.
    pub fn chaos(mut self, share: f64) -> Self {
        self.settings.chaos = share;
        self
    }

    /// Leaves [`requests`](FakeKinde::requests) empty: for a tenant that is asked so much that they
    /// would not fit into memory.
    pub fn forgetting_requests(mut self) -> Self {
        self.settings.keeps_requests = false;
        self
    }

    /// The tenant, with no users.
    pub fn build(self) -> FakeKinde {
        FakeKinde::with(Tenant::new(self.settings))
    }
}
