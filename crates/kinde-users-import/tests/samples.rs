//! Reads the samples of each system and compares the result with the `.expected` file beside them.
//!
//! `UPDATE_SAMPLES=1 cargo test -p kinde-users-import --test samples` writes the `.expected` files.

mod support;

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kinde_users_import::{Mapping, Source};
use serde_json::{Value, json};
use support::sent;

fn texts(sample: &Value, name: &str) -> Vec<String> {
    let items = sample[name].as_array().into_iter().flatten();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn mapping(source: Source, sample: &Value) -> Mapping {
    let mut mapping = Mapping::new(source);
    for (field, becomes) in sample["map"].as_object().into_iter().flatten() {
        mapping = mapping.map(field, becomes.as_str().unwrap()).unwrap();
    }
    for name in texts(sample, "ignore") {
        mapping = mapping.ignore(name);
    }
    if let Some(now) = sample["now"].as_str() {
        mapping = mapping.now(now);
    }
    if let Some(position) = sample["salt_position"].as_str() {
        mapping = mapping.salt_position(position);
    }
    if sample["firebase"].is_object() {
        mapping = mapping.firebase(serde_json::from_value(sample["firebase"].clone()).unwrap());
    }
    if sample["clean"] == true {
        mapping = mapping.clean();
    }
    if sample["drop_unverifiable"] == true {
        mapping = mapping.drop_unverifiable();
    }
    mapping
}

/// Returns the result of a sample: users, problems and plan.
fn read(source: Source, path: &Path) -> Value {
    let mut sample: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mapping = mapping(source, &sample);
    let files = texts(&sample, "files");
    let open = || files.iter().map(|name| fs::File::open(path.with_file_name(name)).unwrap());
    for file in open() {
        let found = Source::of_file(file).unwrap();
        assert!(found.is_none_or(|found| found == source), "{}: {found:?}", path.display());
        assert!(found.is_some() || path.ends_with("minimal.expected"), "{}", path.display());
    }
    let mut users = mapping.users(open()).unwrap();
    let (mut imported, mut wrong) = (Vec::new(), Vec::new());
    for read in &mut users {
        match read {
            Ok(read) => {
                let mut user = sent(read.user);
                user["line"] = read.line.into();
                imported.push(user);
            }
            Err(rejected) => {
                assert!(rejected.errors.iter().next().is_some());
                wrong.push(rejected.to_string());
            }
        }
    }
    let plan = users.plan();
    assert_eq!(plan.users(), imported.len() as u64);
    assert_eq!(plan.lines(), plan.users() + plan.rejected() + plan.merged());
    sample["users"] = imported.into();
    sample["wrong"] = wrong.into();
    sample["not_taken"] = plan.untaken().collect::<Vec<_>>().into();
    sample["plan"] = plan.to_string().lines().collect::<Vec<_>>().into();
    assert_eq!(
        plan.loses_nothing(),
        sample["not_taken"] == json!([]) && (plan.unverifiable() == 0 || sample["drop_unverifiable"] == true)
    );
    sample
}

fn samples(source: Source) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(source.name());
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "expected"));
    paths.sort();
    paths
}

#[test]
fn samples_become_the_expected_users() {
    for source in Source::ALL {
        let paths = samples(source);
        let has_passwords = !matches!(source, Source::Cognito | Source::Okta | Source::Entra);
        assert!(paths.len() >= if has_passwords { 3 } else { 1 }, "{source}");
        for path in paths {
            let found = read(source, &path);
            if std::env::var_os("UPDATE_SAMPLES").is_some() {
                fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
            }
            let expected: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(found, expected, "{}", path.display());
        }
    }
}

/// A file whose lines are created when they are read, with a counter of them.
struct Made<F> {
    line: F,
    lines: u64,
    left: Cursor<Vec<u8>>,
    counter: Arc<AtomicU64>,
}

impl<F: Fn(u64) -> String> Read for Made<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let made = self.counter.load(Relaxed);
        if self.left.position() == self.left.get_ref().len() as u64 && made < self.lines {
            self.left = Cursor::new((self.line)(made).into_bytes());
            self.counter.store(made + 1, Relaxed);
        }
        self.left.read(buffer)
    }
}

#[test]
fn files_are_read_as_a_stream() {
    const LINES: u64 = 30_000;
    fn row(at: u64) -> String {
        if at == 0 { "id,email\n".to_owned() } else { format!("{at},ada.{at}@example.com\n") }
    }
    fn line(at: u64) -> String {
        format!("{{\"id\":\"{at}\",\"email\":\"ada.{at}@example.com\"}}\n")
    }
    fn item(at: u64) -> String {
        match at {
            0 => "{\"users\":[".to_owned(),
            LINES => "{\"id\":\"last\"}]}".to_owned(),
            _ => line(at).trim_end().to_owned() + ",\n",
        }
    }
    let makers: [fn(u64) -> String; 3] = [row, line, item];
    for line in makers {
        let made = Arc::default();
        let left = Cursor::default();
        let file = Made { line, lines: LINES + 1, left, counter: Arc::clone(&made) };
        let mapping = Mapping::new(Source::Kinde);
        let mut users = mapping.users([file]).unwrap();
        let mut read = 0;
        for user in users.by_ref() {
            user.unwrap();
            read += 1;
            let ahead = made.load(Relaxed) - read;
            assert!(ahead < 10_000, "{ahead} lines were read ahead");
        }
        assert!(read >= LINES && users.plan().users() == read);
    }
}
