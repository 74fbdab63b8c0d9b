//! Tests the program as a separate process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;

use super::https;

pub(super) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinde-users-fake"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub(super) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running program, which ends with the test.
pub(super) struct Running {
    child: Child,
    pub(super) announced: Value,
}

impl Running {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        child.stdout = Some(stdout.into_inner());
        let announced = serde_json::from_str(&line).unwrap();
        Self { child, announced }
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.announced[key].as_str().unwrap()
    }

    pub(super) fn token(&self, agent: &ureq::Agent) -> String {
        let form = ["client_id", "client_secret", "audience"].map(|key| (key, self.text(key)));
        let mut reply = agent
            .post(format!("{}/oauth2/token", self.text("origin")))
            .send_form(form.into_iter().chain([("grant_type", "client_credentials")]))
            .unwrap();
        let reply: Value = serde_json::from_str(&reply.body_mut().read_to_string().unwrap()).unwrap();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    pub(super) fn users(&self, agent: &ureq::Agent, token: &str) -> Result<Value, ureq::Error> {
        let mut reply = agent
            .get(format!("{}/api/v1/users?page_size=500", self.text("origin")))
            .header("authorization", format!("Bearer {token}"))
            .call()?;
        Ok(serde_json::from_str::<Value>(&reply.body_mut().read_to_string()?).unwrap()["users"].clone())
    }

    /// Sends the signal, and returns the exit status and what was printed since the announcement.
    pub(super) fn end(mut self, signal: &str) -> (ExitStatus, String) {
        // This is the shell's own `kill`, because not every machine has the program.
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        (status, printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // This ends the program of a failed test; after a successful one it has already ended.
        self.child.kill().unwrap_or_default();
        self.child.wait().ok();
    }
}

pub(super) trait Ending {
    fn is_clean(&self) -> bool;
}

impl Ending for (ExitStatus, String) {
    fn is_clean(&self) -> bool {
        self.0.success() && self.1.is_empty()
    }
}

#[test]
fn it_says_where_it_is_serves_and_ends_cleanly() {
    let program = Running::start(&["--users", "700", "--seed", "7"]);
    let origin = program.text("origin");
    assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
    assert_eq!(program.text("audience"), format!("{origin}/api"));
    assert_eq!(program.announced["ca"], Value::Null);

    let agent = https(None);
    let token = program.token(&agent);
    let users = program.users(&agent, &token).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 500);

    // The same seed gives the same users.
    let again = Running::start(&["--users", "1", "--seed", "7", "--listen", "127.0.0.1:0"]);
    let first = again.users(&agent, &again.token(&agent)).unwrap();
    assert_eq!(first[0]["id"], users[0]["id"]);

    // `agent` holds connections open, which the program does not wait for.
    assert!(program.end("TERM").is_clean());
    assert!(again.end("INT").is_clean());
}

#[test]
fn certificate_file_lasts_as_long_as_program() {
    let program = Running::start(&["--users", "3", "--tls"]);
    let ca = program.text("ca").to_owned();
    let agent = https(Some(&std::fs::read_to_string(&ca).unwrap()));
    let users = program.users(&agent, &program.token(&agent)).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 3);
    assert!(program.end("TERM").is_clean());
    assert!(!Path::new(&ca).exists());
}

#[test]
fn program_has_the_requested_chaos() {
    let agent = https(None);
    let audience = "https://acme.kinde.com/api";
    let program = Running::start(&["--limit", "windows=1/3600s", "--latency", "1", "--audience", audience]);
    assert_eq!(program.text("audience"), audience);
    let mut outcomes = (0..20).map(|_| program.users(&agent, "none"));
    let is = |status| move |outcome| matches!(outcome, Err(ureq::Error::StatusCode(code)) if code == status);
    assert!(outcomes.next().is_some_and(is(401)));
    assert!(outcomes.any(is(429)));
    drop(outcomes);
    assert!(program.end("TERM").is_clean());

    // Late replies come soon, because the clock is fast.
    let program = Running::start(&["--chaos", "1", "--speed", "1000"]);
    for _ in 0..50 {
        let outcome = program.users(&agent, "none");
        assert!(outcome.is_err(), "{outcome:?}");
    }
    assert!(program.end("TERM").is_clean());
}

#[test]
fn program_imports_and_exports_users() {
    let folder = Folder::new("users");
    let (first, second) = (folder.file("first.ndjson"), folder.file("second.ndjson"));
    std::fs::write(&first, "{\"id\":\"kp_ada\",\"email\":\"ada@example.com\"}\n").unwrap();
    let program = Running::start(&["--import", &first, "--users", "2", "--export", &second]);
    let agent = https(None);
    let users = program.users(&agent, &program.token(&agent)).unwrap();
    let ids: Vec<_> = users.as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    assert_eq!((ids.len(), &ids[0]), (3, &"kp_ada".into()));
    assert!(program.end("TERM").is_clean());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let written = std::fs::read_to_string(&second).unwrap();
    let again: Vec<_> =
        written.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
    assert_eq!(again, ids);

    // The error comes at once, and not at the end, when the users would be lost.
    let (code, _, stderr) = run(&["--export", &folder.file("nowhere/users.ndjson")]);
    assert!(code == Some(1) && stderr.contains("nowhere/users.ndjson: "), "{stderr}");

    std::fs::write(&first, "{}\n{\"id\":7}\n").unwrap();
    let (code, _, stderr) = run(&["--import", &first]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("first.ndjson: line 2: ID_INVALID"), "{stderr}");
}

#[test]
fn program_can_be_strict_and_choose() {
    let program = Running::start(&[
        "--strict",
        "--choose",
        "missing-scope=418:TEAPOT",
        "--choose",
        "mfa-as-array=true",
    ]);
    let agent = https(None);
    let token = program.token(&agent);
    let target = format!("{}/api/v1/users?pagesize=1", program.text("origin"));
    let refused = agent.get(target).header("authorization", format!("Bearer {token}")).call();
    assert!(matches!(refused, Err(ureq::Error::StatusCode(400))));
    assert!(program.end("TERM").is_clean());
}

/// A folder for temporary files, which is removed with the test.
pub(super) struct Folder(pub(super) std::path::PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("kinde-users-fake-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn help_shows_examples() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for part in ["--listen", "--users", "--tls", "Examples:", "kinde-users-fake --users 10000 --seed 7"] {
        assert!(help.contains(part), "{help}");
    }
}

#[test]
fn invalid_arguments_are_reported_at_the_start() {
    for (arguments, code, told) in [
        (["--listen", "0.0.0.0:0"], 1, "0.0.0.0 is not a loopback address"),
        (["--listen", "acme"], 2, "--listen"),
        (["--chaos", "1.5"], 2, "from 0 to 1"),
        (["--chaos", "NaN"], 2, "from 0 to 1"),
        (["--rate", "0"], 2, "--rate"),
        (["--in-flight", "0"], 2, "at least 1"),
        (["--limit", "bucket"], 2, "it must be windows="),
        (["--limit", "bucket=1@x"], 2, "number of seconds"),
        (["--choose", "missing-scope"], 2, "a choice has the form name=value"),
        (["--choose", "scope=403"], 2, "no choice with this name"),
        (["--import", "no/such/file"], 1, "no/such/file: "),
    ] {
        let (exit, stdout, stderr) = run(&arguments);
        assert_eq!((exit, stdout.as_str()), (Some(code), ""), "{stderr}");
        assert!(stderr.contains(told), "{stderr}");
    }
}
