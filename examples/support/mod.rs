//! What the examples share: on which tenant they run.
//!
//! With `KINDE_DOMAIN`, `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET` set it is that one, over ureq, and
//! without them a Kinde in memory, with no account and no network.

#[cfg(feature = "jobs")]
pub mod cli;
#[cfg(feature = "jobs")]
pub mod journal;
#[cfg(feature = "jobs")]
pub mod lines;

use std::{env, error, fmt};

use http::{Request, Response};
use kinde_users::fake::{FakeError, FakeKinde};
use kinde_users::ureq::UreqError;
use kinde_users::{
    Client, Clock, Credentials, Delivery, Domain, DomainError, Instant, SystemClock, Tenant, Transport,
    UreqTransport,
};

/// A client of the tenant, and the tenant itself if it is the one in memory.
pub struct Connected {
    /// The client.
    pub client: Client<Way, ScaledClock>,
    /// The tenant in memory.
    pub fake: Option<FakeKinde>,
    /// Where the tenant is.
    pub domain: Domain,
}

const NAMES: [&str; 3] = ["KINDE_DOMAIN", "KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET"];

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The tenant that the environment names, if it names one.
///
/// # Errors
///
/// Where the domain is none.
pub fn environment() -> Result<Option<(Domain, Credentials)>, DomainError> {
    match NAMES.map(variable) {
        [Some(domain), Some(id), Some(secret)] => Ok(Some((domain.parse()?, Credentials::new(id, secret)))),
        _ => Ok(None),
    }
}

/// Connects to the tenant that the environment names, or to one in memory that has this many users, the nth of them (from 0)
/// with the address `user<n>@example.com`.
///
/// # Errors
///
/// Where the domain is none.
pub fn connect(users: usize) -> Result<Connected, DomainError> {
    let (domain, credentials, way, fake) = if let Some((domain, credentials)) = environment()? {
        (domain, credentials, Way::Real(UreqTransport::new()), None)
    } else {
        let fake = FakeKinde::new();
        fake.seed_users(users);
        (fake.domain()?, fake.credentials(), Way::Memory(fake.clone()), Some(fake))
    };
    match &fake {
        None => eprintln!("On {}.", domain.origin()),
        Some(_) => eprintln!("On a Kinde in memory. Set {} for a real one.", NAMES.join(", ")),
    }
    // A tenant whose clock goes faster, as that of `kinde-users-fake --speed`, is best met by one that does too.
    let speed = variable("KINDE_CLOCK_SPEED").and_then(|speed| speed.parse().ok()).unwrap_or(1).max(1);
    let tenant = Tenant::new(domain.clone(), credentials).with_seed(std::process::id().into());
    let client = Client::new(tenant, way, ScaledClock { clock: SystemClock::new(), speed });
    Ok(Connected { client, fake, domain })
}

/// What carries the messages.
#[derive(Debug)]
pub enum Way {
    /// Over ureq.
    Real(UreqTransport),
    /// Into a tenant in memory.
    Memory(FakeKinde),
}

/// Why no response came.
#[derive(Debug)]
pub enum WayError {
    /// What ureq says.
    Real(UreqError),
    /// What a tenant in memory says that was told to fail.
    Memory(FakeError),
}

impl Transport for Way {
    type Error = WayError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, WayError> {
        match self {
            Self::Real(ureq) => ureq.send(request).map_err(WayError::Real),
            Self::Memory(fake) => Transport::send(fake, request).map_err(WayError::Memory),
        }
    }

    fn delivery(&self, error: &WayError) -> Delivery {
        match (self, error) {
            (Self::Real(ureq), WayError::Real(error)) => ureq.delivery(error),
            (Self::Memory(fake), WayError::Memory(error)) => Transport::delivery(fake, error),
            _ => Delivery::Unknown,
        }
    }
}

impl fmt::Display for WayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl error::Error for WayError {}

/// The machine's clock, or so many times as fast.
#[derive(Debug)]
pub struct ScaledClock {
    clock: SystemClock,
    speed: u32,
}

impl Clock for ScaledClock {
    fn now(&self) -> Instant {
        Instant::from_start(self.clock.now().since_start().saturating_mul(self.speed))
    }

    fn waker(&self) -> std::task::Waker {
        self.clock.waker()
    }

    fn wait_until(&self, until: Instant) {
        self.clock.wait_until(Instant::from_start(until.since_start() / self.speed));
    }
}
