//! `kinde-users export`, killed again and again over a tenant that fails: in the end everybody is
//! in the file once.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use kinde_users_fake::{FakeKinde, FakeUser, Fault};
use serde_json::Value;

use super::common::{Listening, folder, program, run, text_of};

fn of_ndjson(text: &str) -> Vec<(String, Value)> {
    let read = |line: &str| {
        let user: Value = serde_json::from_str(line).unwrap();
        (user["id"].as_str().unwrap().to_owned(), user)
    };
    text.lines().map(read).collect()
}

fn assert_all_once(exported: &[(String, Value)], users: &[FakeUser]) {
    let ids: Vec<_> = exported.iter().map(|(id, _)| id.as_str()).collect();
    let expected: Vec<_> = users.iter().map(|user| user.id.as_str()).collect();
    assert!(ids == expected, "{} of {} users", ids.len(), expected.len());
    for ((_, told), user) in exported.iter().zip(users) {
        assert_eq!(told["email"].as_str(), user.email());
        assert_eq!(told["first_name"].as_str(), user.given_name.as_deref());
        assert_eq!(told["provided_id"].as_str(), user.provided_id.as_deref());
    }
}

#[test]
fn killed_export_has_each_user_once() {
    let tenant = Listening::start(FakeKinde::builder().seed(3).chaos(0.05), "export");
    tenant.fake.seed_users(4000);
    for (name, kill_after) in [("users.ndjson", 23), ("users.csv", 31)] {
        let file = text_of(&tenant.file(name));
        let arguments = [file.as_str(), "--page-size=10", "--expand=identities,organizations"];
        let (mut kills, mut failed) = (0, 0);
        for run in 1.. {
            assert!(run < 100, "it does not come to its end");
            let until = tenant.fake.requests().len() + kill_after + run % 13;
            let mut child = tenant.program("export", &arguments);
            let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let code = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status.code();
                }
                if tenant.fake.requests().len() >= until {
                    child.kill().unwrap();
                    break child.wait().unwrap().code();
                }
                thread::sleep(Duration::from_millis(2));
            };
            match code {
                Some(0) => break,
                Some(1) => failed += 1,
                Some(code) => panic!("exit code {code}"),
                None => kills += 1,
            }
        }
        println!("{name}: {kills} kills, {failed} runs that failed");
        assert!(kills >= 5, "{kills}");
        let text = fs::read_to_string(&file).unwrap();
        for ending in ["part", "cursor", "cursor.new"] {
            assert!(!tenant.file(&format!("{name}.{ending}")).exists(), "{ending}");
        }
        let users = tenant.fake.users();
        if name.ends_with(".ndjson") {
            let exported = of_ndjson(&text);
            assert_all_once(&exported, &users);
            let identities: usize = users.iter().map(|user| user.identities.len()).sum();
            let told =
                exported.iter().map(|(_, user)| user["identities"].as_array().unwrap().len()).sum::<usize>();
            assert_eq!(told, identities);
        } else {
            let ids: Vec<_> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
            assert!(ids == users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), "{}", ids.len());
            assert!(text.starts_with("id,email,phone,"), "{}", text.lines().next().unwrap());
        }
    }
}

#[test]
fn export_of_active_users_has_no_others() {
    // 2030-01-01T00:00:00Z, and every second user signed in in the forty days before.
    const START: u64 = 1_893_456_000;
    let tenant = Listening::start(FakeKinde::builder().start(START), "active");
    tenant.fake.seed_users(200);
    let file = text_of(&tenant.file("users.ndjson"));
    let arguments = [file.as_str(), "--active-since", "2029-12-12T00:00:00Z"];
    let (code, told, errors) = run(&mut tenant.program("export", &arguments));
    assert_eq!((code, errors.as_str()), (0, ""));
    let since = START - 20 * 86_400;
    let mut users = tenant.fake.users();
    users.retain(|user| user.last_signed_in.is_some_and(|at| at.as_secs() >= since));
    assert!((20..100).contains(&users.len()), "{}", users.len());
    assert_eq!(told, format!("{} users\n", users.len()));
    assert_all_once(&of_ndjson(&fs::read_to_string(&file).unwrap()), &users);
}

#[test]
fn failed_export_keeps_the_file_before() {
    let tenant = Listening::start(FakeKinde::builder(), "before");
    tenant.fake.seed_users(3);
    let file = text_of(&tenant.file("users.ndjson"));
    assert_eq!(run(&mut tenant.program("export", &[&file])).0, 0);
    let before = fs::read_to_string(&file).unwrap();

    let wrong = [file.as_str(), "--active-since", "yesterday", "--overwrite"];
    let (code, _, errors) = run(&mut tenant.program("export", &wrong));
    let expected = "error: get_users: active_since must be a date-time as in RFC 3339";
    assert_eq!((code, errors.as_str()), (2, expected));
    assert_eq!(fs::read_dir(tenant.file("")).unwrap().count(), 1);

    tenant.fake.next("get_users", Fault::forbidden());
    assert_eq!(run(&mut tenant.program("export", &[&file, "--overwrite"])).0, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    tenant.fake.seed_users(2);
    let other = [file.as_str(), "--expand=identities", "--overwrite"];
    assert_eq!(run(&mut tenant.program("export", &other)), (0, "5 users\n".into(), String::new()));
    assert_ne!(fs::read_to_string(&file).unwrap(), before);
}

// Other systems have other words for it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_an_export_that_cannot_be_used_is_not_taken_for_a_missing_one() {
    let folder = folder("unusable");
    let file = text_of(&folder.join("users.ndjson"));
    for (ending, more, expected) in [
        ("cursor", &[] as &[&str], 2),
        ("cursor", &["--overwrite"], 2),
        ("part", &[], 2),
        ("cursor.new", &["--page-size=2"], 1),
    ] {
        let unusable = format!("{file}.{ending}");
        fs::create_dir(&unusable).unwrap();
        let (code, _, errors) = run(program("export", &[&file]).args(more));
        assert_eq!(code, expected, "{ending}: {errors}");
        assert!(errors.starts_with(&format!("error: {unusable}: Is a directory")), "{errors}");
        assert!(!fs::exists(&file).unwrap(), "{ending}");
        fs::remove_dir(unusable).unwrap();
        fs::remove_file(format!("{file}.part")).unwrap_or_default();
    }
    // A cursor in bytes that are no text is not taken for a missing one either.
    let cursor = format!("{file}.cursor");
    fs::write(&cursor, [0xff]).unwrap();
    let (code, _, errors) = run(&mut program("export", &[&file]));
    assert!(code == 2 && errors.starts_with(&format!("error: {cursor}: ")), "{errors}");
    assert_eq!(fs::read(&cursor).unwrap(), [0xff]);
    fs::remove_dir_all(folder).unwrap();
}

/// Ends an export of 100 users after three of its pages of ten.
fn end_midway(tenant: &Listening, arguments: &[&str]) {
    for _ in 0..3 {
        tenant.fake.next("get_users", Fault::edit(|_| {}));
    }
    tenant.fake.next("get_users", Fault::forbidden());
    let (code, _, errors) = run(&mut tenant.program("export", arguments));
    assert!(code == 1 && errors.contains("get_users: HTTP 403"), "{errors}");
}

#[test]
fn an_export_goes_on_only_with_what_it_was_begun_with() {
    let tenant = Listening::start(FakeKinde::builder(), "goes-on");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.ndjson"));
    fs::write(&file, "of another day\n").unwrap();
    end_midway(&tenant, &[&file, "--page-size=10", "--overwrite"]);
    assert_eq!(fs::read_to_string(tenant.file("users.ndjson.part")).unwrap().lines().count(), 30);
    for other in [&["--page-size=7"] as &[&str], &["--page-size=10", "--expand=billing"]] {
        let arguments: Vec<_> = [file.as_str()].iter().chain(other).copied().collect();
        let (code, _, errors) = run(&mut tenant.program("export", &arguments));
        let expected =
            format!("error: {file}.cursor is of an export with other options; --overwrite begins anew");
        assert_eq!((code, errors), (2, expected));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "of another day\n");
    // That the file is to be replaced was said at the beginning.
    let (code, told, errors) = run(&mut tenant.program("export", &[&file, "--page-size=10"]));
    assert_eq!((code, told.as_str(), errors.as_str()), (0, "100 users\n", "Going on after 30 users."));
    assert_all_once(&of_ndjson(&fs::read_to_string(&file).unwrap()), &tenant.fake.users());
}

#[cfg(unix)]
#[test]
fn unwritable_export_continues_later() {
    use std::process::Command;
    let tenant = Listening::start(FakeKinde::builder(), "limit");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.ndjson"));
    let export = tenant.program("export", &[&file, "--page-size=1"]);
    // No file grows beyond a block or two, and that is an error and no signal.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""]);
    limited.arg(export.get_program()).args(export.get_args());
    for (name, value) in export.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let (code, told, errors) = run(&mut limited);
    let expected = format!("error: {file}.part: ");
    assert!(code == 1 && told.is_empty() && errors.starts_with(&expected), "{code} {told} {errors}");
    let (code, told, errors) = run(&mut tenant.program("export", &[&file, "--page-size=1"]));
    assert_eq!((code, told.as_str()), (0, "100 users\n"));
    assert!(errors.starts_with("Going on after "), "{errors}");
    assert_all_once(&of_ndjson(&fs::read_to_string(&file).unwrap()), &tenant.fake.users());
}

#[test]
fn a_file_is_written_by_one_run_at_a_time() {
    let tenant = Listening::start(FakeKinde::builder(), "at-a-time");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.ndjson"));
    let part = format!("{file}.part");
    // One that was begun, and one of which there is no more than the lock.
    end_midway(&tenant, &[&file, "--page-size=10"]);
    for is_begun in [true, false] {
        if !is_begun {
            fs::remove_file(format!("{file}.cursor")).unwrap();
        }
        let held = fs::File::options().write(true).open(&part).unwrap();
        fs4::FileExt::try_lock(&held).unwrap();
        let before = fs::read_to_string(&part).unwrap();
        for more in [&["--page-size=10"][..], &["--page-size=10", "--overwrite"]] {
            let (code, _, errors) = run(&mut tenant.program("export", &[&[&*file], more].concat()));
            let told = format!("error: {part} is in use: another run writes it");
            assert_eq!((code, errors), (2, told), "{is_begun} {more:?}");
            assert_eq!(fs::read_to_string(&part).unwrap(), before);
        }
    }
    let (code, _, _) = run(&mut tenant.program("export", &[&file, "--page-size=10"]));
    assert_eq!((code, fs::read_to_string(&file).unwrap().lines().count()), (0, 100));
}

#[test]
fn export_that_cannot_continue_says_why() {
    let tenant = Listening::start(FakeKinde::builder(), "left");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.ndjson"));
    end_midway(&tenant, &[&file, "--page-size=10"]);
    fs::remove_file(format!("{file}.part")).unwrap();
    let (code, _, errors) = run(&mut tenant.program("export", &[&file, "--page-size=10"]));
    assert!(code == 2 && errors.ends_with("; --overwrite begins anew"), "{code} {errors}");
    fs::write(format!("{file}.cursor"), "").unwrap();
    let (code, _, errors) = run(&mut tenant.program("export", &[&file, "--page-size=10"]));
    assert!(code == 2 && errors.ends_with("; --overwrite begins anew"), "{code} {errors}");
    let (code, _, _) = run(&mut tenant.program("export", &[&file, "--overwrite"]));
    assert_eq!((code, fs::read_to_string(&file).unwrap().lines().count()), (0, 100));
}

#[test]
fn a_file_that_came_meanwhile_is_not_replaced() {
    let tenant = Listening::start(FakeKinde::builder(), "meanwhile");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.ndjson"));
    end_midway(&tenant, &[&file, "--page-size=10"]);
    fs::write(&file, "other\n").unwrap();
    let (code, _, errors) = run(&mut tenant.program("export", &[&file, "--page-size=10"]));
    assert_eq!((code, errors), (2, format!("error: {file} exists; --overwrite replaces it")));
    assert_eq!(fs::read_to_string(&file).unwrap(), "other\n");
}

#[cfg(unix)]
#[test]
fn what_is_exported_is_for_its_owner_alone() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let tenant = Listening::start(FakeKinde::builder(), "mode");
    tenant.fake.seed_users(100);
    let file = text_of(&tenant.file("users.csv"));
    // A link at the place of the cursor file is replaced, and its target is not written.
    let elsewhere = tenant.file("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, tenant.file("users.csv.cursor.new")).unwrap();
    let is_for_owner = |name: &str| {
        let mode = fs::metadata(tenant.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    };
    end_midway(&tenant, &[&file, "--page-size=10"]);
    is_for_owner("users.csv.part");
    is_for_owner("users.csv.cursor");
    assert_eq!(run(&mut tenant.program("export", &[&file, "--page-size=10"])).0, 0);
    is_for_owner("users.csv");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
}

#[test]
fn existing_file_is_replaced_only_if_asked() {
    let folder = folder("there");
    let file = text_of(&folder.join("users.csv"));
    let (code, told, _) = run(&mut program("export", &[&file]));
    assert_eq!((code, told.as_str()), (0, "1200 users\n"));
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1201);
    let (code, _, errors) = run(&mut program("export", &[&file]));
    assert_eq!((code, errors), (2, format!("error: {file} exists; --overwrite replaces it")));
    assert_eq!(run(&mut program("export", &[&file, "--overwrite"])).0, 0);
    // What a file would stand in the place of.
    let folder_of_that_name = text_of(&folder.join("folder.csv"));
    fs::create_dir(&folder_of_that_name).unwrap();
    let mut all = vec![folder_of_that_name.as_str(), "-"];
    let link = text_of(&folder.join("link.csv"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, &link).unwrap();
        all.extend([link.as_str(), "/dev/null"]);
    }
    for name in all {
        let (code, _, errors) = run(&mut program("export", &[name, "--format=csv", "--overwrite"]));
        let expected = format!("error: {name} has to be a file, and not a link, folder or device");
        assert_eq!((code, errors), (2, expected));
    }
    assert!(!folder.join("folder.csv.part").exists());
    // What stands beside it belongs to another export.
    let other = r#"{"asked":"other","overwrite":true,"cursor":"c","bytes":9,"users":1}"#;
    fs::write(folder.join("users.csv.cursor"), other).unwrap();
    let (code, _, errors) = run(&mut program("export", &[&file]));
    assert!(
        code == 2
            && errors
                .ends_with("users.csv.cursor is of an export with other options; --overwrite begins anew"),
        "{errors}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1201);
    fs::remove_dir_all(folder).unwrap();
}

/// The most memory that a program had so far, in KiB; nothing at its end.
#[cfg(target_os = "linux")]
fn most_memory(child: &std::process::Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

// Other systems do not tell in this way, and a test that cannot fail is none.
#[cfg(target_os = "linux")]
#[test]
fn many_users_take_no_more_memory_than_few() {
    let most = |users: usize| {
        let tenant = Listening::start(FakeKinde::builder().forgetting_requests(), "memory-of");
        tenant.fake.seed_users(users);
        let file = text_of(&tenant.file("users.ndjson"));
        let mut child = tenant.program("export", &[&file, "--expand=identities"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            most = most.max(most_memory(&child).unwrap_or_default());
            thread::sleep(Duration::from_millis(1));
        }
        assert!(child.wait().unwrap().success());
        (most, fs::metadata(&file).unwrap().len() / 1024)
    };
    let (few, _) = most(2000);
    let (many, file) = most(40_000);
    println!("2,000 users: {few} KiB; 40,000 users: {many} KiB, in a file of {file} KiB");
    assert!(few > 0 && many < few + 4096 && file > 10 * 1024, "{few} {many} {file}");
}
