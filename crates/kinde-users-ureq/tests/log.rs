//! Tests what ureq logs of a message. There is only one test, because a process has one logger.

use std::sync::Mutex;

use http::{Request, Response};
use kinde_users_core::Transport;
use kinde_users_fake::contract::Server;
use kinde_users_ureq::UreqTransport;
use log::{LevelFilter, Log, Metadata, Record};

struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Returns what is logged at this level while a message goes out and comes back. Bytes are logged
/// as rows of hexadecimal digits.
fn logged(level: LevelFilter) -> (String, String) {
    log::set_max_level(level);
    let server = Server::answering(|_| Response::new(b"answered-secretly".to_vec())).unwrap();
    let request = Request::post(format!("{}/api/v1/users?email=sally%40example.com", server.origin()))
        .header("authorization", "Bearer s3cret")
        .body(b"asked-secretly".to_vec())
        .unwrap();
    UreqTransport::configured(|config| config.proxy(None)).send(request).unwrap();
    let lines = std::mem::take(&mut *LINES.0.lock().unwrap());
    let digits = |line: &String| line.chars().take(39).filter(char::is_ascii_hexdigit).collect::<String>();
    (lines.join("\n"), lines.iter().map(digits).collect())
}

#[test]
fn ureq_logs_secrets_at_trace_only() {
    log::set_logger(&LINES).unwrap();
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap();
    let hex =
        |text: &str| text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect::<String>();
    let secrets = ["sally", "s3cret", "asked-secretly", "answered-secretly"];
    let (text, bytes) = logged(LevelFilter::Debug);
    assert!(text.contains("POST"), "{text}");
    for secret in secrets {
        assert!(
            !text.contains(secret) && !bytes.to_lowercase().contains(&hex(secret)),
            "{secret} is in {text}"
        );
    }
    // The documentation advises capping the level for this reason.
    let (text, bytes) = logged(LevelFilter::Trace);
    for secret in ["sally", "s3cret", "answered-secretly"] {
        assert!(bytes.to_lowercase().contains(&hex(secret)), "{secret} is not in {text}");
    }
}
