//! `kinde-users erase --journal`: exactly the users that an import created are erased.

use std::fs;

use kinde_users::UserId;
use kinde_users_fake::{FakeKinde, Fault, NewFakeUser};
use serde_json::{Value, json};

use super::common::{Listening, program, run, text_of};
#[cfg(target_os = "linux")]
use super::common::{command, terminal};

/// Returns a tenant with two users. A file of four users, which includes one of them, is imported.
fn imported(name: &str) -> (Listening, String, String) {
    let tenant = Listening::start(FakeKinde::builder(), name);
    tenant.fake.add_user(NewFakeUser::new().id("kp_ada").email("ada@example.com"));
    tenant.fake.add_user(NewFakeUser::new().id("kp_other").email("other@example.com"));
    let file =
        tenant.write("users.csv", "email\nada@example.com\nb@example.com\nc@example.com\nd@example.com\n");
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 0);
    assert_eq!(tenant.fake.users().len(), 5);
    let journal = text_of(&tenant.file("users.csv.journal"));
    // Each user is recorded once.
    assert_eq!(fs::read_to_string(&journal).unwrap().matches("\"created\"").count(), 3);
    (tenant, file, journal)
}

fn ids(tenant: &Listening) -> Vec<UserId> {
    tenant.fake.users().into_iter().map(|user| user.id).collect()
}

#[test]
fn journal_erases_the_created_users() {
    let (tenant, file, journal) = imported("undo");
    let (code, told, errors) = run(&mut tenant.program("erase", &["--journal", &journal, "--json"]));
    assert_eq!((code, errors.as_str()), (0, ""));
    let receipts: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The counts of the calls come before the end.
    assert!(receipts.len() == 5 && receipts[..3].iter().all(|receipt| receipt["erased"] == true), "{told}");
    let end =
        json!({ "tenant": tenant.fake.origin(), "users": 3, "erased": 3, "already_absent": 0, "unknown": 0 });
    assert_eq!(receipts[4], end);
    assert_eq!(ids(&tenant), ["kp_ada", "kp_other"]);

    // Nothing is left to erase, and the lines count as not imported.
    let (code, told, _) = run(&mut tenant.program("erase", &["--journal", &journal]));
    assert_eq!((code, told.as_str()), (0, "erased 0 of 0 users\n"));
    let (code, told, _) = run(&mut tenant.program("import", &[&file]));
    let again = "4 users: 3 created, 0 updated, 0 left alone, 1 done before; 0 passwords set";
    assert_eq!((code, told.lines().last()), (0, Some(again)));
    let (code, told, _) = run(&mut tenant.program("erase", &["--journal", &journal]));
    assert_eq!((code, told.lines().last()), (0, Some("erased 3 of 3 users")));
    assert_eq!(ids(&tenant), ["kp_ada", "kp_other"]);
}

#[test]
fn failed_undo_goes_on_when_it_is_run_again() {
    let (tenant, _, journal) = imported("undo-failed");
    tenant.fake.next("delete_user", Fault::forbidden());
    let arguments = ["--journal", journal.as_str(), "--at-once=1"];
    let (code, told, errors) = run(&mut tenant.program("erase", &arguments));
    assert_eq!((code, told.lines().last()), (1, Some("erased 2 of 3 users")));
    assert!(errors.starts_with("line 3: delete_user: HTTP 403"), "{errors}");
    let (code, told, _) = run(&mut tenant.program("erase", &arguments));
    assert_eq!((code, told.lines().last()), (0, Some("erased 1 of 1 user")));
    assert_eq!(ids(&tenant), ["kp_ada", "kp_other"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_undo_asks_only_if_it_would_erase_somebody() {
    use std::io::Write;
    let (tenant, _, journal) = imported("undo-asks");
    let answer_no = || {
        let (mut person, other) = terminal();
        person.write_all(b"no\n").unwrap();
        let mut command = command(&["erase", "--journal", &journal]);
        tenant.name_in(&mut command);
        command.stdin(other.try_clone().unwrap()).stderr(other).status().unwrap().code()
    };
    assert_eq!((answer_no(), ids(&tenant).len()), (Some(2), 5));
    assert_eq!(run(&mut tenant.program("erase", &["--journal", &journal])).0, 0);
    assert_eq!((answer_no(), ids(&tenant).len()), (Some(0), 2));
}

#[test]
fn create_without_a_reply_is_reported_and_not_guessed() {
    let tenant = Listening::start(FakeKinde::builder(), "undo-unknown");
    let file = tenant.write("users.csv", "email\na@example.com\nb@example.com\n");
    tenant.fake.next("create_user", Fault::status(503));
    let (code, ..) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!(code, 1);
    let journal = text_of(&tenant.file("users.csv.journal"));
    let (code, told, errors) = run(&mut tenant.program("erase", &["--journal", &journal]));
    assert_eq!((code, told.lines().last()), (1, Some("erased 1 of 1 user")));
    let (first, last) = errors.split_once('\n').unwrap();
    assert_eq!(first, "line 2: it is not known whether a user was created, and none is erased");
    assert!(last.starts_with("error: the outcome of 1 create is unknown"), "{last}");
}

#[test]
fn user_that_a_later_run_recognizes_by_its_id_is_erased() {
    let tenant = Listening::start(FakeKinde::builder(), "undo-recognized");
    let file = tenant.write("users.csv", "id\next-42\n");
    tenant.fake.next("create_user", Fault::connection_lost().after_the_effect());
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 1);
    let (code, told, _) = run(&mut tenant.program("import", &[&file]));
    assert_eq!((code, tenant.fake.users().len()), (0, 1), "{told}");
    let journal = text_of(&tenant.file("users.csv.journal"));
    let (code, told, _) = run(&mut tenant.program("erase", &["--journal", &journal]));
    assert_eq!((code, told.lines().last(), tenant.fake.users().len()), (0, Some("erased 1 of 1 user"), 0));
}

#[test]
fn unknown_create_stays_unknown() {
    let tenant = Listening::start(FakeKinde::builder(), "undo-amiss");
    let (head, entry) = (
        json!({ "import_into": tenant.fake.origin(), "options": "", "salt": vec![0; 16] }),
        |state: &str, told: &str| json!({ "line": 2, "key": "k", "state": state, "told": told }),
    );
    for (entries, expected) in [
        (vec![entry("begun", ""), entry("amiss", "kp_1 was left alone")], (1, 0)),
        (vec![entry("begun", ""), entry("done", "")], (1, 0)),
        (vec![entry("begun", ""), entry("failed", "")], (0, 0)),
        (vec![entry("begun", ""), entry("created", "kp_1"), entry("done", "")], (0, 1)),
        // An undo that was interrupted between two users of one line.
        (vec![entry("created", "kp_1"), entry("created", "kp_2"), entry("failed", "kp_1")], (0, 1)),
    ] {
        let lines: Vec<_> = [&head].into_iter().chain(&entries).map(ToString::to_string).collect();
        let journal = tenant.write("users.journal", &(lines.join("\n") + "\n"));
        let mut program = tenant.program("erase", &["--journal", &journal, "--dry-run", "--json"]);
        let (code, told, _) = run(&mut program);
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(
            (code, &last["unknown"], &last["users"]),
            (expected.0, &json!(expected.0), &json!(expected.1))
        );
    }
}

#[test]
fn rehearsal_leaves_the_journal_of_a_tenant_alone() {
    let (tenant, file, journal) = imported("undo-rehearsal");
    let before = fs::read_to_string(&journal).unwrap();
    let acme = before.replacen(&tenant.fake.origin(), "https://acme.kinde.com", 1);
    fs::write(&journal, &acme).unwrap();
    for (name, arguments) in
        [("erase", ["--journal", &journal].as_slice()), ("import", &["--journal", &journal, &file])]
    {
        let (code, _, errors) = run(&mut program(name, arguments));
        assert!(
            code == 2
                && errors.ends_with(
                    "is the journal of another tenant: check the domain, or name another --journal"
                ),
            "{name}: {errors}"
        );
    }
    assert_eq!(fs::read_to_string(&journal).unwrap(), acme);
}

#[test]
fn undo_with_dry_run_changes_no_user_and_no_journal() {
    let (tenant, _, journal) = imported("undo-dry");
    let (before, users) = (fs::read_to_string(&journal).unwrap(), ids(&tenant));
    let (code, told, errors) = run(&mut tenant.program("erase", &["--journal", &journal, "--dry-run"]));
    assert_eq!((code, told.lines().count(), errors.as_str()), (0, 4, ""));
    assert!(told.ends_with(": to be erased\n3 users to be erased\n") && !told.contains("kp_ada"), "{told}");
    assert_eq!((fs::read_to_string(&journal).unwrap(), ids(&tenant)), (before, users));
}

#[test]
fn journal_of_another_tenant_erases_no_user() {
    let (tenant, _, journal) = imported("undo-of-one");
    let other = Listening::start(FakeKinde::builder(), "undo-of-another");
    other.fake.seed_users(3);
    let (code, _, errors) = run(&mut other.program("erase", &["--journal", &journal]));
    assert!(
        code == 2
            && errors
                .ends_with("is the journal of another tenant: check the domain, or name another --journal"),
        "{errors}"
    );
    let missing = text_of(&tenant.file("missing.journal"));
    let (code, _, errors) = run(&mut tenant.program("erase", &["--journal", &missing]));
    assert!(code == 2 && errors.starts_with(&format!("error: {missing}: ")), "{errors}");
    assert!(!tenant.file("missing.journal").exists());
    assert_eq!((other.fake.users().len(), tenant.fake.users().len()), (3, 5));
}
