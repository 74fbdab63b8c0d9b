//! The builder of a tenant.

use core::time::Duration;

use crate::choice::{Choice, Choices};
use crate::fake_kinde::FakeKinde;
use crate::limit::Limit;
use crate::request_log::KEPT_BYTES;
use crate::routes::ROUTES;
use crate::settings::Settings;
use crate::state::Tenant;
use crate::time::START;
use crate::user::shy_debug;

/// Creates a [`FakeKinde`] with other settings than the default ones.
///
/// ```
/// use std::time::Duration;
///
/// use kinde_users_fake::FakeKinde;
///
/// let fake = FakeKinde::builder()
///     .host("bree")
///     .token_lifetime(Duration::from_secs(60))
///     .rate_limit(10)
///     .build();
/// assert!(fake.users().is_empty());
/// ```
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
                start_is_chosen: false,
                seed: 0,
                log_bytes: KEPT_BYTES,
                limits: Vec::new(),
                in_flight_limit: None,
                latency: Duration::ZERO,
                latency_spread: Duration::ZERO,
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
    /// Creates the tenant `acme.kinde.com`. It has no users, and one application with every scope.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a tenant with other settings.
    pub fn builder() -> FakeKindeBuilder {
        FakeKindeBuilder::default()
    }
}

impl FakeKindeBuilder {
    /// Sets the subdomain, as in `https://<subdomain>.kinde.com`. The default is `acme`. A value
    /// with a dot or a colon, and the value `localhost`, is the whole host.
    ///
    /// The issuer and the audience of tokens contain the host. A token request to another host is
    /// answered with 404. Other requests are answered whatever their host is.
    pub fn host(self, host: impl Into<String>) -> Self {
        let host = host.into();
        let whole = host.contains(['.', ':']) || host == "localhost";
        let host = if whole { host } else { format!("{host}.kinde.com") };
        self.origin(format!("https://{host}"))
    }

    /// Sets the scheme, the host and the port, for a server of your own in front of the tenant.
    /// This replaces the [host](Self::host). `server::Server` sets the origin itself.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.settings.origin = origin.into();
        self
    }

    /// Sets the audience that token requests must name. The default is the origin followed by
    /// `/api`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audience = Some(audience.into());
        self
    }

    /// Sets the seed of all ids and tokens, and of [`chaos`](Self::chaos).
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// Sets the client id and the secret of the machine-to-machine application.
    pub fn credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.settings.client_id = id.into();
        self.settings.client_secret = secret.into();
        self
    }

    /// Sets the lifetime of a token. The default is 86,399 seconds, as the live service answers.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// Sets the scopes that the application has. By default it has those of all operations.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.settings.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how many identities a page of `get_user_identities` has, at least 1. The default is 10.
    pub fn identities_page(mut self, size: usize) -> Self {
        self.settings.identities_page = size.max(1);
        self
    }

    /// Sets how the tenant behaves where no public source says how Kinde behaves.
    pub fn choose(mut self, choice: Choice) -> Self {
        self.settings.choices.make(choice);
        self
    }

    /// Makes the tenant refuse what the live service silently ignores, so that a misspelt argument
    /// is noticed. These are query arguments and keys of a body that the operation does not take
    /// (400 with `<NAME>_UNKNOWN`), and a body for an operation that takes none.
    pub fn strict(mut self) -> Self {
        self.settings.strict = true;
        self
    }

    /// Sets the time at which the tenant's clock starts, in seconds since 1970. The default is
    /// 2026-01-01T00:00:00Z.
    pub fn start(mut self, unix_seconds: u64) -> Self {
        self.settings.start = Duration::from_secs(unix_seconds);
        self
    }

    /// Limits the requests in each second, to at least 1. The tenant answers further requests with
    /// 429 and `RateLimit-Reset: 1`. This is the same as
    /// `limit(Limit::windows(per_second, Duration::from_secs(1)))`.
    pub fn rate_limit(self, per_second: u32) -> Self {
        self.limit(Limit::windows(per_second, Duration::from_secs(1)))
    }

    /// Sets a limit on requests, in the place of one of the same kind. The time is that of the
    /// tenant's clock. Requests that meet a scripted [`Fault`](crate::Fault) do not count.
    pub fn limit(self, limit: Limit) -> Self {
        self.limit_from(Duration::ZERO, limit)
    }

    /// Sets a limit that begins to apply so long after the first request, in the place of one of
    /// the same kind.
    pub fn limit_from(mut self, after: Duration, limit: Limit) -> Self {
        self.settings.limits.push((after, limit));
        self.settings.limits.sort_by_key(|(after, _)| *after);
        self
    }

    /// Lets each reply come so late, give or take up to `spread`. A 429 for a limit comes at once.
    /// In process, this moves the tenant's clock.
    pub fn latency(mut self, latency: Duration, spread: Duration) -> Self {
        self.settings.latency = latency;
        self.settings.latency_spread = spread.min(latency);
        self
    }

    /// Limits the requests in flight, to at least 1, whatever their weight (see
    /// [`Limit::in_flight`] for another limit). The tenant answers further requests with 429
    /// and `RateLimit-Reset: 1`. A request is in flight until its reply is sent, so this limit
    /// matters for a server, and for slow replies.
    pub fn in_flight_limit(mut self, requests: usize) -> Self {
        self.settings.in_flight_limit = Some(requests.max(1));
        self
    }

    /// Makes this share of the requests, from 0 to 1, fail at random. With the same seed, the same
    /// requests fail in the same way.
    ///
    /// Each of these failures is equally likely: 429, 500 before or after the effect, 502, 503 in
    /// HTML, an empty 403, a connection that is lost before or after the effect, a body that is cut
    /// or breaks off, a head or body that is late by up to 5 seconds, and a correct reply that is
    /// compressed, chunked, the last one on its connection, labelled as HTML, or a megabyte longer.
    pub fn chaos(mut self, share: f64) -> Self {
        self.settings.chaos = share;
        self
    }

    /// Leaves [`requests`](FakeKinde::requests) empty, for a tenant with very many requests.
    ///
    /// By default the last 100,000 requests are kept, and fewer if they take more than 64 MiB, but
    /// at least the last one. [`requests_dropped`](FakeKinde::requests_dropped) counts the others.
    pub fn forgetting_requests(mut self) -> Self {
        self.settings.log_bytes = 0;
        self
    }

    /// Creates the tenant, without users.
    pub fn build(self) -> FakeKinde {
        FakeKinde::with(Tenant::new(self.settings))
    }
}
