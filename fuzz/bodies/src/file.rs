//! Checks how files of users in any form are read.

use http::Response;
use kinde_users_core::operations::{CreateUser, GetUsers};
use kinde_users_core::{Job as _, Reply};
use kinde_users_import::{Import, ImportUser, Mapping, Source};

/// The first line names the source, and the options of the mapping after it. The bytes after the
/// line are files with `\xff` between them.
pub fn file(data: &[u8]) {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (first, data) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mapping = mapping(first);
    let files: Vec<_> = data.split(|byte| *byte == 0xff).take(3).collect();
    let Ok(mut users) = mapping.users(files.iter().copied()) else { return };
    let (mut read, mut rejected) = (0, 0);
    for user in users.by_ref() {
        match user {
            Ok(user) => {
                read += 1;
                assert!(user.line > 0 && user.file > 0 && user.file <= files.len());
                assert_can_be_sent(user.user);
            }
            Err(line) => {
                rejected += 1;
                assert!(line.errors.iter().count() > 0 && !line.to_string().is_empty());
            }
        }
        assert!(read + rejected <= data.len() as u64 + 1, "there are more users than bytes");
    }
    assert!(users.next().is_none(), "reading goes on after its end");
    let plan = users.plan();
    assert_eq!((plan.users(), plan.rejected()), (read, rejected));
    assert_eq!(plan.lines(), read + rejected + plan.merged());
    assert!(!plan.to_string().is_empty());
}

fn mapping(line: &[u8]) -> Mapping {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let mut mapping =
        Mapping::new(name.parse().unwrap_or_else(|_| Source::ALL[name.len() % Source::ALL.len()]));
    for word in words {
        mapping = match word.split_once('=') {
            None if word == "clean" => mapping.clean(),
            None if word == "ignore_rest" => mapping.ignore_rest(),
            None if word == "drop_unverifiable" => mapping.drop_unverifiable(),
            None if word == "suspended" => mapping.suspended(),
            None => mapping.null(word),
            Some(("salt_format", format)) => mapping.salt_format(format),
            Some(("pbkdf2", variant)) => mapping.pbkdf2(variant, Some(1000)),
            Some((field, target)) => mapping.clone().map(field, target).unwrap_or(mapping),
        };
    }
    mapping
}

/// Checks that each call of the import can be built.
fn assert_can_be_sent(user: ImportUser) {
    let mut import = Import::new(user);
    for _ in 0..2_000 {
        let Some(call) = import.next_call() else { return };
        call.check().unwrap_or_else(|error| panic!("{}: {error}", call.meta().name));
        let reply = |text: &str| Response::new(text.as_bytes().to_vec());
        let reply = match call.meta().name {
            "get_users" => Reply::new::<GetUsers>(reply(r#"{"users":[]}"#)),
            _ => Reply::new::<CreateUser>(reply(r#"{"code":"OK","id":"kp_1"}"#)),
        };
        if import.handle(Ok(reply)).is_err() {
            return;
        }
    }
    panic!("the import does not end");
}
