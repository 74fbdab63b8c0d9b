//! What the examples share: on which tenant they run.
//!
//! With `KINDE_DOMAIN`, `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET` set it is that one, over ureq, and
//! without any of them a Kinde in memory, with no account and no network. Some of them and not all is a mistake.

#[cfg(feature = "jobs")]
pub mod cli;
#[cfg(feature = "jobs")]
pub mod journal;
#[cfg(feature = "jobs")]
pub mod lines;
#[cfg(feature = "jobs")]
pub mod partial;
#[cfg(feature = "jobs")]
pub mod text;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::{env, error, fmt};

use http::{Request, Response};
use kinde_users::fake::{FakeError, FakeKinde};
use kinde_users::ureq::UreqError;
use kinde_users::{
    BodyFailure, BuildError, Client, Clock, Credentials, Delivery, Domain, DomainError, Instant, SystemClock,
    Transport, UreqTransport, tenant,
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

impl Connected {
    /// Which tenant it is, for receipts: its origin, or that it is one in memory.
    pub fn name(&self) -> &str {
        if self.fake.is_some() { "in memory" } else { self.domain.origin() }
    }
}

const NAMES: [&str; 3] = ["KINDE_DOMAIN", "KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET"];

/// What is wrong with the environment.
#[derive(Debug)]
pub enum EnvironmentError {
    /// Some of the three variables are set, and these are not: whoever set the others does not mean a tenant in memory.
    Missing(Vec<&'static str>),
    /// A variable is no text.
    NotText(&'static str),
    /// The domain is none.
    Domain(DomainError),
    /// The client id or secret cannot be right.
    Credentials(BuildError),
    /// The domain, which is this one, is on this machine, where either scheme may be meant.
    Scheme(String),
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => {
                let are = if names.len() == 1 { "is" } else { "are" };
                write!(f, "{} {are} not set; set all of {}, or none", names.join(" and "), NAMES.join(", "))
            }
            Self::NotText(name) => write!(f, "{name} is no text"),
            Self::Domain(error) => write!(f, "{}: {error}", NAMES[0]),
            Self::Credentials(error) => {
                let name = if error.argument() == "client_id" { NAMES[1] } else { NAMES[2] };
                write!(f, "{name} {}", error.problem())
            }
            Self::Scheme(domain) => {
                let (name, http) = (NAMES[0], format!("http://{domain}"));
                write!(
                    f,
                    "{name}: {domain} is on this machine: write {http}, or https://{domain} where it has a certificate"
                )
            }
        }
    }
}

impl error::Error for EnvironmentError {}

/// Writes a line to stderr. Where nobody reads it, nobody can be told so.
pub fn warn(line: impl fmt::Display) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// The first error of [`say`].
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to stdout. Where nobody reads it any more, or it cannot be written, what is being done is done all the same;
/// [`end_of_example`] tells the latter.
pub fn say(line: impl fmt::Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        if error.kind() != io::ErrorKind::BrokenPipe {
            UNSAID.get_or_init(|| error);
        }
    }
}

/// The end of an example: exit code 2 where the environment is wrong, and 1 where something failed.
pub fn end_of_example(result: Result<(), Box<dyn error::Error>>) -> ExitCode {
    let unsaid = || UNSAID.get().map_or(Ok(()), |error| Err(format!("stdout: {error}").into()));
    let Err(error) = result.and_then(|()| unsaid()) else { return ExitCode::SUCCESS };
    warn(format_args!("error: {error}"));
    if error.is::<EnvironmentError>() { 2.into() } else { ExitCode::FAILURE }
}

/// So many of something: `1 user`, `2 users`, `3 identities`.
pub fn counted(number: impl fmt::Display, one: &str) -> String {
    let number = number.to_string();
    match one.strip_suffix('y') {
        _ if number == "1" => format!("1 {one}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {one}s"),
    }
}

fn variable(name: &'static str) -> Result<Option<String>, EnvironmentError> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(OsString::into_string).transpose().map_err(|_| EnvironmentError::NotText(name))
}

/// The tenant that the environment names, if it names one.
///
/// # Errors
///
/// Where it names one by halves, the domain is none, or one on this machine without its scheme, or client id or secret cannot
/// be right.
pub fn environment() -> Result<Option<(Domain, Credentials)>, EnvironmentError> {
    match [variable(NAMES[0])?, variable(NAMES[1])?, variable(NAMES[2])?] {
        [Some(domain), Some(id), Some(secret)] => {
            let read: Domain = domain.parse().map_err(EnvironmentError::Domain)?;
            // It would be taken for https, and a tenant for tests mostly has none: the error of TLS tells nobody why.
            if !domain.contains("://") && read.is_loopback() {
                return Err(EnvironmentError::Scheme(domain));
            }
            let credentials = Credentials::new(id, secret);
            credentials.check().map_err(EnvironmentError::Credentials)?;
            Ok(Some((read, credentials)))
        }
        [None, None, None] => Ok(None),
        values => {
            let missing = NAMES.into_iter().zip(values).filter(|(_, value)| value.is_none());
            Err(EnvironmentError::Missing(missing.map(|(name, _)| name).collect()))
        }
    }
}

/// Connects to the tenant that the environment names, or to one in memory that has this many users, the nth of them (from 0)
/// with the address `user<n>@example.com`.
///
/// # Errors
///
/// Where it names one by halves, the domain is none, or one on this machine without its scheme, or client id or secret cannot
/// be right.
pub fn connect(users: usize) -> Result<Connected, EnvironmentError> {
    let (domain, credentials, way, fake) = if let Some((domain, credentials)) = environment()? {
        (domain, credentials, Way::Real(UreqTransport::new()), None)
    } else {
        let fake = FakeKinde::new();
        fake.seed_users(users);
        (
            fake.domain().map_err(EnvironmentError::Domain)?,
            fake.credentials(),
            Way::Memory(fake.clone()),
            Some(fake),
        )
    };
    let who = users.checked_sub(1).map(|last| format!(", with user0@example.com to user{last}@example.com"));
    let (who, names) = (who.unwrap_or_default(), NAMES.join(", "));
    match &fake {
        None => warn(format_args!("On {}.", domain.origin())),
        Some(_) => warn(format_args!("On a Kinde in memory{who}. Set {names} for a real one.")),
    }
    // A tenant whose clock goes faster, as that of `kinde-users-fake --speed`, is best met by one that does too.
    let speed = variable("KINDE_CLOCK_SPEED")?.and_then(|speed| speed.parse().ok()).unwrap_or(1).max(1);
    let client = Client::new(
        tenant(domain.clone(), credentials),
        way,
        ScaledClock { clock: SystemClock::new(), speed },
    );
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

    fn head<'e>(&self, error: &'e WayError) -> Option<&'e Response<BodyFailure>> {
        match (self, error) {
            (Self::Real(ureq), WayError::Real(error)) => ureq.head(error),
            (Self::Memory(fake), WayError::Memory(error)) => Transport::head(fake, error),
            _ => None,
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
