//! A tenant behind a socket, and the programs run against it as anybody runs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs, process};

use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{FakeKinde, FakeKindeBuilder};

/// How many times as fast the clocks of tenant and program go.
const SPEED: u32 = 20;

/// A tenant that listens on the loopback interface until the test ends.
pub(crate) struct Listening {
    pub(crate) fake: FakeKinde,
    server: Option<Server>,
    folder: PathBuf,
}

impl Listening {
    pub(crate) fn start(builder: FakeKindeBuilder, name: &str) -> Self {
        let fake = builder.build();
        let server = Some(Server::start(&fake, &Options::new().speed(SPEED)).unwrap());
        Self { fake, server, folder: folder(name) }
    }

    /// A program that runs in this tenant.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = program(name, arguments);
        command
            .env("KINDE_DOMAIN", self.fake.origin())
            .env("KINDE_MANAGEMENT_CLIENT_ID", self.fake.client_id())
            .env("KINDE_MANAGEMENT_CLIENT_SECRET", self.fake.client_secret())
            .env("KINDE_CLOCK_SPEED", SPEED.to_string());
        command
    }

    /// A file of the test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        text_of(&path)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
        fs::remove_dir_all(&self.folder).unwrap_or_default();
    }
}

/// An empty folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("kinde-users-examples-{}-{name}", process::id()));
    fs::remove_dir_all(&folder).unwrap_or_default();
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The sources that cargo says a program was made of, ours in all packages: `program: source source`, with `\ ` for a blank.
fn sources(program: &Path) -> Vec<PathBuf> {
    let told = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let (_, sources) = told.trim_end().split_once(": ").unwrap_or_default();
    sources.replace("\\ ", "\0").split(' ').map(|source| source.replace('\0', " ").into()).collect()
}

/// A program of this package, in memory. Cargo builds the examples with all tests of a package, and not with some of them.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let tests = env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    let written = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let sources = sources(&path);
    let is_newer = |source: &PathBuf| written(&path) > written(source);
    assert!(
        sources.iter().any(|source| source.ends_with("support/mod.rs")) && sources.iter().all(is_newer),
        "{} is not there, or old: `cargo test -p kinde-users-examples` builds it",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["KINDE_DOMAIN", "KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET"] {
        command.env_remove(name);
    }
    command
}

/// How it ended: exit code, stdout, and stderr without the line that says where it ran.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    let told: Vec<_> = stderr.lines().filter(|line| !line.starts_with("On ")).collect();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), told.join("\n"))
}

/// How many failures are told of a list that was given up, each on a line of its own.
pub(crate) fn given_up(errors: &str) -> usize {
    let failed = errors.lines().filter(|line| line.starts_with("line ")).count();
    assert!(errors.ends_with(&format!("error: gave up, as it fails for all; {failed} failed")), "{errors}");
    failed
}

/// A pipe whose reader has ended.
pub(crate) fn pipe_to_nobody() -> Stdio {
    let mut reader = program("erase_user", &["--help"]).stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    pipe.into()
}
