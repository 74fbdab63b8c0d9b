//! The program `kinde-users-fake`: a Kinde tenant on the loopback interface.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use kinde_users_fake::control::Seed;
use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{Choice, FakeKinde, FakeKindeBuilder, Limit, LimitError};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  A tenant with 10,000 users on a free port:
    kinde-users-fake --users 10000 --seed 7

  A tenant with a rate limit in which 5 of 100 requests fail:
    kinde-users-fake --users 100 --rate 50 --chaos 0.05

  A tenant as slow as a real one, whose limit falls after a minute:
    kinde-users-fake --latency 100 --latency-spread 50 --limit bucket=50 --limit bucket=10@60

  HTTPS on a fixed port, for clients that require it:
    kinde-users-fake --listen 127.0.0.1:8443 --tls
    curl --cacert <ca> https://localhost:8443/api/v1/users

  For a client whose audience is fixed:
    kinde-users-fake --audience https://acme.kinde.com/api

  A tenant with your own users, kept for the next run:
    kinde-users-fake --import users.ndjson --export users.ndjson

  A tenant for tests in any language, with a seed and the number of its port in a file:
    kinde-users-fake --seed-file seed.json --port-file port
    curl http://127.0.0.1:$(cat port)/_fake/requests

  A tenant that refuses misspelt arguments and changes the reply to a duplicate:
    kinde-users-fake --strict --choose duplicate-user=409:USER_EXISTS

When it listens, it prints one line of JSON:
  {\"origin\":\"http://127.0.0.1:40123\",\"audience\":\"http://127.0.0.1:40123/api\",
   \"client_id\":\"...\",\"client_secret\":\"...\",\"ca\":null}
Under origin/_fake/ are the control routes, which origin/_fake/openapi.json describes.
With --tls, ca is the path of the certificate to trust. It runs until Ctrl-C or SIGTERM.";

/// An in-memory Kinde tenant on the loopback interface: the Users operations and the token
/// endpoint.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// Loopback address to listen on; port 0 is any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Number of users at the start; the nth (from 0) has the address user<n>@example.com
    #[arg(long, value_name = "N", default_value_t = 0)]
    users: usize,

    /// Add the users of this file, in the form of Kinde's own export, before the others
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,

    /// Start from this seed, as JSON: users, credentials, scopes, clock and settings. Its users are
    /// added after the others, and its settings count more than the arguments
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,

    /// Write the number of the port to this file, after the tenant listens
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,

    /// Switch off the control routes under /_fake/, and record no requests
    #[arg(long)]
    no_control: bool,

    /// Write all users to this file at the end, in the form that --import reads
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,

    /// Seed for ids, tokens and chaos: the same seed gives the same values
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,

    /// Audience for tokens [default: the origin and /api]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,

    /// Answer this many requests a second, and the others with 429
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Answer this many requests at a time, and others that arrive meanwhile with 429
    #[arg(long, value_name = "N", value_parser = in_flight)]
    in_flight: Option<usize>,

    /// Limit requests, and answer others with 429: windows=60/30s (60 in each 30 seconds),
    /// bucket=50 (50 a second; bucket=50+100 allows 100 at once) or in-flight=8 (a list weighs 2,
    /// and each expansion 1 more). With ,no-reset the 429 does not say when to try again. With @60
    /// at the end, it begins 60 seconds after the first request. Can be given several times
    #[arg(long, value_name = "LIMIT[@SECONDS]", value_parser = limit_from)]
    limit: Vec<(Duration, Limit)>,

    /// Let each reply come this many milliseconds late
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,

    /// Let the latency vary by up to this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_spread: u64,

    /// Share of requests that go wrong at random, from 0 to 1: 429, 403, 5xx, a reply that is late,
    /// cut, in chunks, compressed, huge or of a wrong type, a lost connection
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    chaos: f64,

    /// Refuse arguments that the operation does not have; the live service ignores them
    #[arg(long)]
    strict: bool,

    /// What the tenant does if no public source settles it: duplicate-user, duplicate-identity,
    /// missing-scope, deleted-user, too-many-requests (each STATUS or STATUS:CODE), null-in-user,
    /// null-in-properties (clears, ignored, refused), mfa-as-array, null-mfa, short-offsets (true,
    /// false)
    #[arg(long, value_name = "NAME=VALUE")]
    choose: Vec<Choice>,

    /// How many seconds a token is valid
    #[arg(long, value_name = "SECONDS", default_value_t = 86_399)]
    token_lifetime: u64,

    /// Let the tenant's clock run this many times as fast: tokens expire, limits reset and late
    /// replies arrive sooner
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,

    /// Use HTTPS, with a certificate for localhost and 127.0.0.1
    #[arg(long)]
    tls: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

fn limit_from(text: &str) -> Result<(Duration, Limit), String> {
    let (limit, after) = text.split_once('@').unwrap_or((text, "0"));
    let after = after.parse().map_err(|_| "after @ there must be a number of seconds".to_owned())?;
    Ok((Duration::from_secs(after), limit.parse().map_err(|error: LimitError| error.to_string())?))
}

fn in_flight(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "it must be a number of at least 1".to_owned())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, only the exit code can report the error.
            writeln!(io::stderr(), "kinde-users-fake: {error}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The program listens for signals before it announces itself, so that an early signal also ends
    // it cleanly.
    let signals = {
        let _inside = runtime.enter();
        Signals::listen()?
    };
    // The program checks now that it can write the file, because at the end that would be too late.
    if let Some(file) = &arguments.export {
        let beside = new_beside(file);
        about(file, create(&beside).and_then(|_| fs::remove_file(&beside)))?;
    }
    // A test may wait for the file to exist.
    let port_file = arguments.port_file.as_deref().map(PortFile::absent).transpose()?;
    let fake = tenant(arguments)?;
    let mut options = Options::new().listen(arguments.listen).speed(arguments.speed);
    if arguments.tls {
        options = options.tls();
    }
    if !arguments.no_control {
        options = options.control();
    }
    let server = Server::start(&fake, &options)?;
    let ca = server.ca_pem().map(CaFile::write).transpose()?;
    port_file.as_ref().map_or(Ok(()), |file| file.write(server.address().port()))?;
    announce(&fake, ca.as_ref().map(CaFile::path).transpose()?)?;
    runtime.block_on(signals.any());
    server.shutdown();
    arguments.export.as_deref().map_or(Ok(()), |file| about(file, replace(file, &fake.export())))
}

/// Writes a new file next to the old one first, so that the old content is lost only when it is
/// replaced. The old content may be the users that were imported.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let beside = new_beside(file);
    create(&beside)?.write_all(text.as_bytes())?;
    fs::rename(&beside, file)
}

/// Creates or empties a file. Only the owner can read a new file, because it contains password
/// hashes.
fn create(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create(true).truncate(true).open(file)
}

fn new_beside(file: &Path) -> PathBuf {
    let mut beside = file.to_path_buf().into_os_string();
    beside.push(".new");
    beside.into()
}

/// Adds the name of the file to an error.
fn about<T>(file: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

fn tenant(arguments: &Arguments) -> io::Result<FakeKinde> {
    // The dates of the users are before the present, not before the day on which a test's clock
    // begins.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now: Duration| now.as_secs());
    let mut builder = FakeKinde::builder()
        .start(now)
        .seed(arguments.seed)
        .chaos(arguments.chaos)
        .token_lifetime(Duration::from_secs(arguments.token_lifetime));
    if arguments.no_control {
        builder = builder.forgetting_requests();
    }
    if let Some(audience) = &arguments.audience {
        builder = builder.audience(audience);
    }
    if let Some(rate) = arguments.rate {
        builder = builder.rate_limit(rate);
    }
    if let Some(limit) = arguments.in_flight {
        builder = builder.in_flight_limit(limit);
    }
    builder = builder
        .latency(Duration::from_millis(arguments.latency), Duration::from_millis(arguments.latency_spread));
    for (after, limit) in &arguments.limit {
        builder = builder.limit_from(*after, *limit);
    }
    if arguments.strict {
        builder = builder.strict();
    }
    let fake = arguments.choose.iter().cloned().fold(builder, FakeKindeBuilder::choose).build();
    if let Some(file) = &arguments.import {
        let text = about(file, fs::read_to_string(file))?;
        about(file, fake.import(&text).map_err(io::Error::other))?;
    }
    fake.seed_users(arguments.users);
    if let Some(file) = &arguments.seed_file {
        let text = about(file, fs::read_to_string(file))?;
        let seed: Seed = about(file, text.parse().map_err(io::Error::other))?;
        fake.plant(&seed);
    }
    Ok(fake)
}

/// What a program that started this one needs to know.
#[derive(Serialize)]
struct Announcement<'a> {
    origin: String,
    audience: String,
    client_id: String,
    client_secret: String,
    ca: Option<&'a str>,
}

fn announce(fake: &FakeKinde, ca: Option<&str>) -> io::Result<()> {
    let announcement = Announcement {
        origin: fake.origin(),
        audience: fake.audience(),
        client_id: fake.client_id(),
        client_secret: fake.client_secret(),
        ca,
    };
    let line = serde_json::to_string(&announcement).map_err(io::Error::other)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// A file with the number of the port, which exists as long as the program listens.
struct PortFile<'a>(&'a Path);

impl<'a> PortFile<'a> {
    /// Removes the file of an earlier run, whose port may be another program's now.
    fn absent(file: &'a Path) -> io::Result<Self> {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => about(file, Err(error)),
            _ => Ok(Self(file)),
        }
    }

    fn write(&self, port: u16) -> io::Result<()> {
        about(self.0, replace(self.0, &format!("{port}\n")))
    }
}

impl Drop for PortFile<'_> {
    fn drop(&mut self) {
        // It may already have been removed.
        fs::remove_file(self.0).unwrap_or_default();
    }
}

/// A file with the certificate of the authority, which exists as long as the program runs.
struct CaFile {
    path: PathBuf,
}

impl CaFile {
    fn write(pem: &str) -> io::Result<Self> {
        let (mut file, path) = Self::create()?;
        let written = Self { path };
        file.write_all(pem.as_bytes())?;
        Ok(written)
    }

    fn path(&self) -> io::Result<&str> {
        let unprintable =
            || io::Error::other("the folder for temporary files has a name that is not Unicode");
        self.path.to_str().ok_or_else(unprintable)
    }

    /// Creates a new file. It never opens an existing file or link.
    fn create() -> io::Result<(File, PathBuf)> {
        let folder = std::env::temp_dir();
        let process = std::process::id();
        let mut n = 0_u32;
        loop {
            let path = folder.join(format!("kinde-users-fake-{process}-{n}.pem"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < u32::MAX => n += 1,
                opened => return opened.map(|file| (file, path)),
            }
        }
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        // The file may already have been removed.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// Waits for Ctrl-C, and on Unix also for SIGTERM.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    #[cfg(windows)]
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    #[cfg(unix)]
    async fn any(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(windows)]
    async fn any(mut self) {
        self.interrupt.recv().await;
    }
}
