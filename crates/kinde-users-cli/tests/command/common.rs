//! A tenant behind a socket, and the command run against it as a user runs it.

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

    /// The command on this tenant. What cannot be undone is confirmed.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = command(&[name]);
        if matches!(name, "erase" | "reset-mfa") || arguments.contains(&"--update") {
            command.arg("--yes");
        }
        command.args(arguments);
        self.name_in(&mut command);
        command
    }

    /// Names this tenant in the environment of the command.
    pub(crate) fn name_in(&self, command: &mut Command) {
        command
            .env("KINDE_DOMAIN", self.fake.origin())
            .env("KINDE_MANAGEMENT_CLIENT_ID", self.fake.client_id())
            .env("KINDE_MANAGEMENT_CLIENT_SECRET", self.fake.client_secret())
            .env("KINDE_CLOCK_SPEED", SPEED.to_string());
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
    let folder = env::temp_dir().join(format!("kinde-users-cli-{}-{name}", process::id()));
    fs::remove_dir_all(&folder).unwrap_or_default();
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// The command in a rehearsal.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = command(&[name, "--rehearse"]);
    command.args(arguments);
    command
}

/// The command, with no tenant in its environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("kinde-users"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in [
        "KINDE_DOMAIN",
        "KINDE_MANAGEMENT_CLIENT_ID",
        "KINDE_MANAGEMENT_CLIENT_SECRET",
        "KINDE_API_KEY",
        "SSL_CERT_FILE",
    ] {
        command.env_remove(name);
    }
    command
}

/// How it ended: exit code, stdout, and stderr without the line that says where it ran.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    let told: Vec<_> = stderr
        .lines()
        .filter(|line| !["On ", "Rehearsal "].iter().any(|start| line.starts_with(start)))
        .collect();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), told.join("\n"))
}

/// How many failures are told of a list that was given up, each on a line of its own.
pub(crate) fn given_up(errors: &str) -> usize {
    let failed = errors.lines().filter(|line| line.starts_with("line ")).count();
    let users = if failed == 1 { "user" } else { "users" };
    let end = format!(
        "error: gave up after {failed} {users} failed: correct the cause, and run the same command again"
    );
    assert!(errors.ends_with(&end), "{errors}");
    failed
}

/// A pipe whose reader has ended.
pub(crate) fn pipe_to_nobody() -> Stdio {
    let mut reader = command(&["--help"]).stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    pipe.into()
}

/// Returns the two ends of a new terminal: that of a person, and that of a program.
#[cfg(target_os = "linux")]
pub(crate) fn terminal() -> (fs::File, fs::File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).and_then(|()| unlockpt(&person)).unwrap();
    let program = ptsname(&person, Vec::new()).unwrap();
    let program = fs::File::options().read(true).write(true).open(program.to_str().unwrap()).unwrap();
    (fs::File::from(person), program)
}
