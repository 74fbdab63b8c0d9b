//! The tenant that a command works on.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, error, fmt, fs};

use clap::Args;
use http::{HeaderValue, Request, Response};
use kinde_users::fake::{FakeError, FakeKinde};
use kinde_users::ureq::UreqError;
use kinde_users::ureq::ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use kinde_users::{
    AccessToken, BodyFailure, BuildError, Client, Clock, Credentials, Delivery, Domain, Instant, SystemClock,
    Transport, UreqTransport, tenant,
};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::failure::Failure;
use crate::meter::Meter;
use crate::output::Output;
use crate::text_file;

/// The tenant, and the application that the command signs in with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tenant")]
pub(crate) struct Named {
    /// Domain of the tenant, such as acme.kinde.com [env: `KINDE_DOMAIN`]
    #[arg(long, global = true, value_name = "DOMAIN")]
    domain: Option<String>,

    /// Client id of the machine-to-machine application [env: `KINDE_MANAGEMENT_CLIENT_ID`]
    #[arg(long, global = true, value_name = "ID")]
    client_id: Option<String>,

    /// File that holds the client secret, or - for standard input. Without this option, the secret
    /// is the value of the environment variable `KINDE_MANAGEMENT_CLIENT_SECRET`
    #[arg(long, global = true, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,

    /// File that holds an environment API key, or - for standard input. A key replaces the client
    /// id and secret. Without this option, the key is the value of the environment variable
    /// `KINDE_API_KEY`, if neither --client-id nor --client-secret-file is given
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["client_id", "client_secret_file"])]
    api_key_file: Option<PathBuf>,

    /// File with root certificates in PEM, which are trusted in place of the built-in ones [env:
    /// `SSL_CERT_FILE`]
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Run the command on a new in-memory tenant, and change nothing real. The tenant has made-up
    /// users. For `import` it is empty
    #[arg(long, global = true, conflicts_with_all = ["domain", "client_id", "client_secret_file", "api_key_file"])]
    rehearse: bool,
}

/// The environment variables that name a tenant, and the options that replace them.
const DOMAIN: [&str; 2] = ["KINDE_DOMAIN", "--domain"];
const CLIENT_ID: [&str; 2] = ["KINDE_MANAGEMENT_CLIENT_ID", "--client-id"];
const CLIENT_SECRET: [&str; 2] = ["KINDE_MANAGEMENT_CLIENT_SECRET", "--client-secret-file"];

const API_KEY: [&str; 2] = ["KINDE_API_KEY", "--api-key-file"];
const CA_FILE: [&str; 2] = ["SSL_CERT_FILE", "--ca-file"];

/// A value, and the name of the variable or option that has it.
struct Given {
    name: &'static str,
    value: String,
}

impl Given {
    /// Returns the value of the option if there is one, or else that of the environment variable.
    fn of(names: [&'static str; 2], option: Option<String>) -> Result<Option<Self>, Failure> {
        let [name, option_name] = names;
        match option {
            Some(value) => Ok(Some(Self { name: option_name, value })),
            None => Ok(variable(name)?.map(|value| Self { name, value })),
        }
    }
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    let not_text = |_| Failure::input(format!("{name} is not valid text"));
    value.map(OsString::into_string).transpose().map_err(not_text)
}

impl Named {
    /// Connects to the tenant that is named. A rehearsal connects to an in-memory tenant with this
    /// many users instead. The first of them has the address `user0@example.com`.
    ///
    /// # Errors
    ///
    /// Fails if the domain, the client id or the secret is missing or not valid.
    pub(crate) fn connect(&self, users: usize, output: Output) -> Result<Session, Failure> {
        let (domain, credentials, to) = if self.rehearse {
            let fake = FakeKinde::new();
            fake.seed_users(users);
            let last = users.checked_sub(1);
            let users = last.map(|last| format!(" with user0@example.com to user{last}@example.com"));
            let users = users.unwrap_or_default();
            output.note(format_args!("Rehearsal on an in-memory tenant{users}: nothing real is changed."));
            let domain = fake.domain().map_err(|error| Failure::new(error.to_string()))?;
            (domain, fake.credentials(), To::Memory(fake))
        } else {
            let (domain, credentials) = self.read()?;
            output.note(format_args!("On {}.", domain.origin()));
            let is_tls = domain.origin().starts_with("https:");
            let transport = if is_tls { self.transport()? } else { UreqTransport::new() };
            (domain, credentials, To::Real(transport))
        };
        // The clock of `kinde-users-fake --speed` is faster. The clock of its client must be as
        // fast.
        let speed = variable("KINDE_CLOCK_SPEED")?.filter(|_| domain.is_loopback());
        let speed = speed.map_or(Ok(NonZeroU32::MIN), |speed| speed.parse());
        let speed = speed.map_err(|error| Failure::input(format!("KINDE_CLOCK_SPEED: {error}")))?.get();
        let clock = ScaledClock { clock: SystemClock::new(), speed };
        let meter = Arc::new(Meter::default());
        let way = Way { to, meter: Arc::clone(&meter) };
        let product = HeaderValue::from_static(concat!("kinde-users-cli/", env!("CARGO_PKG_VERSION")));
        let tenant = tenant(domain.clone(), credentials).with_user_agent(&product);
        let client = Client::new(tenant, way, clock.clone());
        Ok(Session { client, clock, meter, domain, output, is_rehearsal: self.rehearse })
    }

    fn read(&self) -> Result<(Domain, Credentials), Failure> {
        let (domain, credentials) = match self.api_key()? {
            Some(key) => {
                let domain = Given::of(DOMAIN, self.domain.clone())?;
                let domain = domain.ok_or_else(|| missing(&[(DOMAIN, true), (API_KEY, false)]))?;
                let token = AccessToken::new(&key.value);
                let wrong = |error: BuildError| Failure::input(format!("{} {}", key.name, error.problem()));
                (domain, Credentials::api_key(token.map_err(wrong)?))
            }
            None => self.client()?,
        };
        let wrong = |error| Failure::input(format!("{}: {error}", domain.name));
        let read: Domain = domain.value.parse().map_err(wrong)?;
        // Without a scheme, https is used. A tenant for tests usually has no certificate, and the
        // error of TLS does not say what to do.
        if !domain.value.contains("://") && read.is_loopback() {
            let (name, text) = (domain.name, domain.value);
            return Err(Failure::input(format!(
                "{name}: {text} is on this machine: write http://{text}, or https://{text} if it has a certificate"
            )));
        }
        Ok((read, credentials))
    }

    fn api_key(&self) -> Result<Option<Given>, Failure> {
        if self.client_id.is_some() || self.client_secret_file.is_some() {
            return Ok(None);
        }
        let key = self.api_key_file.as_deref().map(|path| secret(path, API_KEY[1])).transpose()?;
        Given::of(API_KEY, key)
    }

    fn client(&self) -> Result<(Given, Credentials), Failure> {
        let secret =
            self.client_secret_file.as_deref().map(|path| secret(path, CLIENT_SECRET[1])).transpose()?;
        let domain = Given::of(DOMAIN, self.domain.clone())?;
        let id = Given::of(CLIENT_ID, self.client_id.clone())?;
        let secret = Given::of(CLIENT_SECRET, secret)?;
        let (domain, id, secret) = match (domain, id, secret) {
            (Some(domain), Some(id), Some(secret)) => (domain, id, secret),
            (domain, id, secret) => {
                let all = [(DOMAIN, domain), (CLIENT_ID, id), (CLIENT_SECRET, secret)];
                return Err(missing(&all.map(|(names, given)| (names, given.is_none()))));
            }
        };
        let credentials = Credentials::new(id.value, secret.value);
        credentials.check().map_err(|error| {
            let name = if error.argument() == "client_id" { id.name } else { secret.name };
            Failure::input(format!("{name} {}", error.problem()))
        })?;
        Ok((domain, credentials))
    }

    /// Returns the transport, with the root certificates that are named.
    fn transport(&self) -> Result<UreqTransport, Failure> {
        let (name, path) = match &self.ca_file {
            Some(path) => (CA_FILE[1], path.clone()),
            None => match variable(CA_FILE[0])? {
                Some(path) => (CA_FILE[0], PathBuf::from(path)),
                None => return Ok(UreqTransport::new()),
            },
        };
        let wrong = |what: &dyn fmt::Display| Failure::input(format!("{name}: {}: {what}", path.display()));
        let text = fs::read(&path).map_err(|error| wrong(&error))?;
        let mut roots = Vec::new();
        for item in parse_pem(&text) {
            if let PemItem::Certificate(root) = item.map_err(|_| wrong(&"not valid PEM"))? {
                // ureq leaves out a root that rustls cannot read.
                let is_read = RootCertStore::empty().add(CertificateDer::from(root.der()));
                is_read.map_err(|_| wrong(&"one of the certificates is not valid"))?;
                roots.push(root);
            }
        }
        if roots.is_empty() {
            return Err(wrong(&"there is no certificate in PEM"));
        }
        let tls = TlsConfig::builder().root_certs(RootCerts::from(roots)).build();
        Ok(UreqTransport::configured(|config| config.tls_config(tls)))
    }
}

/// Returns the secret in a file, without the line break that an editor adds at the end.
fn secret(path: &Path, option: &str) -> Result<String, Failure> {
    if path == Path::new("-") && io::stdin().is_terminal() {
        return Err(Failure::input(format!("{option} - reads a file or a pipe, and not a terminal")));
    }
    // The path is not shown, because it may be the secret by mistake.
    let text =
        text_file::read(path).map_err(|_| Failure::input(format!("the file of {option} cannot be read")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Returns an error that says how to name a tenant. It is for runs that name only a part or
/// nothing.
fn missing(all: &[([&str; 2], bool)]) -> Failure {
    let names = |pick: usize| all.iter().map(|(names, _)| names[pick]).collect::<Vec<_>>().join(", ");
    let how =
        format!("set {}, or give {}; --rehearse runs the command on an in-memory tenant", names(0), names(1));
    if all.iter().all(|(_, is_missing)| *is_missing) {
        return Failure::input(format!("no tenant is named: {how}"));
    }
    let missing: Vec<_> =
        all.iter().filter(|(_, is_missing)| *is_missing).map(|(names, _)| names[0]).collect();
    let are = if missing.len() == 1 { "is" } else { "are" };
    Failure::input(format!("{} {are} not set: {how}", missing.join(" and ")))
}

/// The client of a run, and what belongs to it.
pub(crate) struct Session {
    /// The client.
    pub(crate) client: Client<Way, ScaledClock>,
    /// The clock of the client.
    pub(crate) clock: ScaledClock,
    /// What the client sent.
    pub(crate) meter: Arc<Meter>,
    /// The domain of the tenant.
    pub(crate) domain: Domain,
    /// How the run prints.
    pub(crate) output: Output,
    /// Whether the tenant is in memory.
    pub(crate) is_rehearsal: bool,
}

impl Session {
    /// Returns the name of the tenant in receipts: its origin, or `in memory`.
    pub(crate) fn name(&self) -> &str {
        if self.is_rehearsal { "in memory" } else { self.domain.origin() }
    }

    /// Returns when the throttle of a 429 ends, and how long that still takes, if there is one.
    pub(crate) fn throttled(&self) -> Option<(Instant, Duration)> {
        let now = self.clock.now();
        let opens = self.client.with_tenant(|tenant| tenant.throttled_until(now))?;
        Some((opens, opens.saturating_since(now)))
    }

    /// Returns since when the tenant has answered 429 to all requests, and for how long, if it
    /// does.
    pub(crate) fn refused(&self) -> Option<(Instant, Duration)> {
        let now = self.clock.now();
        let since = self.client.with_tenant(|tenant| tenant.refused_since(now))?;
        Some((since, now.saturating_since(since)))
    }
}

/// The transport, which counts what it carries.
#[derive(Debug)]
pub(crate) struct Way {
    to: To,
    meter: Arc<Meter>,
}

#[derive(Debug)]
enum To {
    /// Over ureq.
    Real(UreqTransport),
    /// To an in-memory tenant.
    Memory(FakeKinde),
}

/// The error of a transport.
#[derive(Debug)]
pub(crate) enum WayError {
    /// The error of ureq.
    Real(UreqError),
    /// The error of the in-memory tenant.
    Memory(FakeError),
}

impl Transport for Way {
    type Error = WayError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, WayError> {
        self.meter.sent(&request);
        let response = match &self.to {
            To::Real(ureq) => ureq.send(request).map_err(WayError::Real),
            To::Memory(fake) => Transport::send(fake, request).map_err(WayError::Memory),
        };
        response.inspect(|response| self.meter.received(response))
    }

    fn delivery(&self, error: &WayError) -> Delivery {
        match (&self.to, error) {
            (To::Real(ureq), WayError::Real(error)) => ureq.delivery(error),
            (To::Memory(fake), WayError::Memory(error)) => Transport::delivery(fake, error),
            _ => Delivery::Unknown,
        }
    }

    fn head<'e>(&self, error: &'e WayError) -> Option<&'e Response<BodyFailure>> {
        match (&self.to, error) {
            (To::Real(ureq), WayError::Real(error)) => ureq.head(error),
            (To::Memory(fake), WayError::Memory(error)) => Transport::head(fake, error),
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

/// The system's clock, or a clock that is `speed` times as fast.
#[derive(Clone, Debug)]
pub(crate) struct ScaledClock {
    clock: SystemClock,
    speed: u32,
}

impl ScaledClock {
    /// Returns how long a time on this clock is in reality.
    pub(crate) fn real(&self, time: Duration) -> Duration {
        time / self.speed
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Instant {
        Instant::from_start(self.clock.now().since_start().saturating_mul(self.speed))
    }

    fn waker(&self) -> std::task::Waker {
        self.clock.waker()
    }

    fn wait_until(&self, until: Instant) {
        self.clock.wait_until(Instant::from_start(self.real(until.since_start())));
    }
}

#[cfg(test)]
mod tests {
    use kinde_users::fake::Fault;
    use kinde_users_fake::server::{Options, Server};

    use super::*;

    #[test]
    fn what_a_transport_says_about_a_failure_is_passed_on() {
        let fake = FakeKinde::new();
        let server = Server::start(&fake, &Options::new()).unwrap();
        for (to, origin) in [
            (To::Memory(fake.clone()), fake.origin()),
            (To::Real(UreqTransport::new()), fake.origin()),
            (To::Real(UreqTransport::new()), "http://127.0.0.1:1".to_owned()),
        ] {
            let is_real = matches!(to, To::Real(_));
            let way = Way { to, meter: Arc::default() };
            let fails = |fault: Fault| {
                fake.next("get_users", fault);
                let uri = format!("{origin}/api/v1/users");
                let error = way.send(Request::get(uri).body(Vec::new()).unwrap()).unwrap_err();
                (way.delivery(&error), way.head(&error).map(|head| head.status().as_u16()))
            };
            if origin == fake.origin() {
                assert_eq!(fails(Fault::connection_lost()), (Delivery::Unknown, None));
                assert_eq!(fails(Fault::unavailable().broken_off()), (Delivery::Unknown, Some(503)));
            }
            // The server has a connection, so the request may have been sent.
            if origin != fake.origin() || !is_real {
                assert_eq!(fails(Fault::not_sent()), (Delivery::NotSent, None));
            }
        }
        server.shutdown();
    }

    #[test]
    fn ten_seconds_of_a_fast_clock_are_a_hundredth_of_a_second() {
        let (clock, speed) = (SystemClock::new(), 1000);
        let scaled = ScaledClock { clock, speed };
        assert_eq!(scaled.real(Duration::from_secs(10)), Duration::from_millis(10));
        let real = clock.now();
        let until = scaled.now().saturating_add(Duration::from_secs(10));
        let mut waits = 0;
        while scaled.now() < until {
            scaled.wait_until(until);
            waits += 1;
        }
        let took = clock.now().saturating_since(real);
        assert!(took >= Duration::from_millis(9), "{took:?}");
        // A wait may end early, but it does not end at once.
        assert!(waits < 100, "{waits}");
    }
}
