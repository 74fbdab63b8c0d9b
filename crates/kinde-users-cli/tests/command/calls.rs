//! How many calls the commands make, and that they do the right thing with what was looked up.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::Response;
use kinde_users_fake::{FakeKinde, Fault, NewFakeUser};

use super::common::{Listening, program, run, text_of};

const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const THERE: &str = "A user who exists already is left alone: no password is set. --update with another --journal changes \
    these users.";
const USERS: usize = 2000;

/// An address of 43 bytes.
fn address(n: usize) -> String {
    format!("{n:031}@example.com")
}

fn csv(column: &str, value: impl Fn(usize) -> String) -> String {
    let lines: Vec<_> = (0..USERS).map(|n| format!("{},{BCRYPT}", value(n))).collect();
    format!("{column},hashed_password\n{}\n", lines.join("\n"))
}

/// Runs the command, which has to succeed. Returns the number of its calls, without those for
/// tokens.
fn calls(tenant: &Listening, name: &str, arguments: &[&str]) -> usize {
    tenant.fake.forget_requests();
    let (code, _, errors) = run(&mut tenant.program(name, arguments));
    assert_eq!((code, errors.as_str()), (0, ""));
    let made = tenant.fake.requests();
    made.len() - made.of("token").len()
}

#[test]
fn passwords_cost_two_calls_for_a_user() {
    let tenant = Listening::start(FakeKinde::builder(), "calls-import");
    let file = tenant.write("users.csv", &csv("email", address));
    for before in [0, 1200, 30_000] {
        tenant.fake.forget_users();
        tenant.fake.seed_users(before);
        let journal = text_of(&tenant.file(&format!("{before}.journal")));
        let made = calls(&tenant, "import", &[&file, "--journal", &journal]);
        let most = 2 * USERS + 2 * before.div_ceil(500).min(USERS.div_ceil(40)) + 5;
        println!("{USERS} users with passwords into {before}: {made} calls, at most {most}");
        assert!(made <= most, "{before}: {made}");
        let users = tenant.fake.users();
        assert_eq!(users.len(), before + USERS);
        assert_eq!(users.iter().filter(|user| user.password.is_some()).count(), USERS);
    }
}

#[test]
fn ids_cost_two_calls_each_and_one_walk() {
    let tenant = Listening::start(FakeKinde::builder(), "calls-ids");
    tenant.fake.seed_users(5000);
    let file = tenant.write("users.csv", &csv("id", |n| format!("id-{n}")));
    let made = calls(&tenant, "import", &[&file]);
    println!("{USERS} users with ids into 5000: {made} calls");
    assert!(made <= 2 * USERS + 5000_usize.div_ceil(500) + 5, "{made}");
    assert_eq!(tenant.fake.users().len(), 5000 + USERS);
}

#[test]
fn list_of_addresses_makes_few_look_ups() {
    let tenant = Listening::start(FakeKinde::builder(), "calls-list");
    for n in 0..USERS {
        tenant.fake.add_user(NewFakeUser::new().email(address(n)));
    }
    let list = tenant.write("users.txt", &(0..USERS).map(|n| address(n) + "\n").collect::<String>());
    let set = ["plan=gold"];
    for more in [0, 30_000] {
        tenant.fake.seed_users(more);
        let made = calls(&tenant, "set-properties", &[&list, set[0]]);
        println!("properties of {USERS} addresses among {}: {made} calls", more + USERS);
        assert!(made * 100 <= USERS * 105, "{more}: {made}");
        assert!(tenant.fake.users()[..USERS].iter().all(|user| user.properties.len() == 1));
    }
}

#[test]
fn run_after_a_crash_looks_up_again() {
    let tenant = Listening::start(FakeKinde::builder(), "crash");
    let lines: Vec<_> = (0..50).map(|n| format!("user{n}@example.com,{BCRYPT}")).collect();
    let file = tenant.write("users.csv", &format!("email,hashed_password\n{}\n", lines.join("\n")));
    // The reply to the third create kills the command.
    let child = Arc::new(Mutex::new(None::<Child>));
    let (killed, creates) = (child.clone(), AtomicUsize::new(0));
    let kill = move |_: &mut Response<Vec<u8>>| {
        if creates.fetch_add(1, Ordering::SeqCst) == 2 {
            while let Ok(mut child) = killed.lock() {
                if let Some(mut child) = child.take() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break;
                }
                drop(child);
                thread::yield_now();
            }
        }
    };
    tenant.fake.fail("create_user").always().with(Fault::edit(kill));
    let mut import = tenant.program("import", &[&file, "--at-once=1"]);
    *child.lock().unwrap() = Some(import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    // The lock is free meanwhile, so that the command can be killed.
    let is_running = || match child.lock().unwrap().as_mut() {
        Some(child) => {
            assert!(child.try_wait().unwrap().is_none(), "the command ended before its third create");
            true
        }
        None => false,
    };
    while is_running() {
        thread::sleep(Duration::from_millis(1));
    }
    tenant.fake.clear_faults();
    assert_eq!(tenant.fake.users().len(), 3);
    let looked_up = tenant.fake.requests().of("get_users").len();
    // One user signs up before the next run.
    let id = tenant.fake.add_user(NewFakeUser::new().email("User9@example.com"));
    let (code, told, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!((code, errors.as_str()), (0, THERE));
    assert!(
        told.ends_with(
            "50 users: 47 created, 0 updated, 1 left alone (line 11), 2 done before; 47 passwords set\n"
        ),
        "{told}"
    );
    // The user of the create that had no reply is searched for alone.
    assert_eq!(tenant.fake.requests().of("get_users").len(), looked_up + 2);
    let users = tenant.fake.users();
    assert_eq!((users.len(), tenant.fake.requests().of("create_user").len()), (50, 49));
    assert!(users.iter().all(|user| user.password.is_some() != (user.id == id)));
}

#[test]
fn user_who_signs_up_after_the_look_up_is_left_alone() {
    let tenant = Listening::start(FakeKinde::builder(), "sign-up");
    let file = tenant.write("users.csv", &format!("email,hashed_password\nada@example.com,{BCRYPT}\n"));
    tenant.fake.add_user(NewFakeUser::new().email("ada@example.com"));
    // The look-up comes before the user.
    let empty = Response::new(br#"{"users":null}"#.to_vec());
    tenant.fake.next("get_users", Fault::reply(empty));
    let (code, told, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!((code, errors.as_str()), (0, THERE));
    assert!(
        told.ends_with(
            "1 user: 0 created, 0 updated, 1 left alone (line 2), 0 done before; 0 passwords set\n"
        ),
        "{told}"
    );
    let [user]: [_; 1] = tenant.fake.users().try_into().unwrap();
    assert!(user.password.is_none());
}

#[test]
fn update_without_ids_looks_up_few_lines_at_a_time() {
    let tenant = Listening::start(FakeKinde::builder(), "update-batches");
    let users = 1100;
    tenant.fake.seed_users(users);
    let lines: Vec<_> = (0..users).map(|n| format!("user{n}@example.com,Ada")).collect();
    let file = tenant.write("users.csv", &format!("email,first_name\n{}\n", lines.join("\n")));
    let made = calls(&tenant, "import", &[&file, "--update"]);
    let requests = tenant.fake.requests();
    let looked_up = requests.of("get_users").len();
    assert_eq!(made, users + looked_up);
    let first = requests.iter().position(|request| request.operation == Some("update_user")).unwrap();
    let before = requests.iter().take(first).filter(|request| request.operation == Some("get_users")).count();
    assert!(before < looked_up && looked_up <= 12, "{before} of {looked_up}");
}

#[test]
fn look_up_that_fails_is_replaced_by_searches() {
    let tenant = Listening::start(FakeKinde::builder(), "failed-look-up");
    tenant.fake.seed_users(3);
    let list = tenant.write("users.txt", "user0@example.com\nuser1@example.com\nuser2@example.com\n");
    let csv = tenant.write("users.csv", "email\nuser2@example.com\nuser3@example.com\n");
    for status in [400, 403] {
        tenant.fake.next("get_users", Fault::status(status));
        assert_eq!(calls(&tenant, "refresh-claims", &[&list]), 1 + 2 * 3, "{status}");
        tenant.fake.next("get_users", Fault::status(status));
        let journal = text_of(&tenant.file(&format!("{status}.journal")));
        calls(&tenant, "import", &[&csv, "--quiet", "--journal", &journal]);
    }
    assert_eq!(tenant.fake.users().len(), 4);
    // No operation searches for an id, so without a walk there is no import.
    let ids = tenant.write("ids.csv", "id\n1\n2\n");
    tenant.fake.next("get_users", Fault::forbidden());
    let (code, _, errors) = run(&mut tenant.program("import", &[&ids]));
    assert_eq!((code, errors.as_str()), (1, "error: get_users: HTTP 403 (needs scope read:users)"));
    assert_eq!(tenant.fake.users().len(), 4);
}

#[test]
fn listed_users_get_a_receipt_each() {
    let tenant = Listening::start(FakeKinde::builder().strict(), "lists");
    let ids = tenant.fake.seed_users(4);
    let list = format!("USER0@example.com\n\nnobody@example.com\n{}\nuser2@example.com\n", ids[1]);
    let list = tenant.write("users.txt", &list);
    let lines = |told: &str| {
        let mut lines: Vec<_> = told.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let failed = "line 3: there is no such user\nerror: 1 of 4 users failed";
    for (name, dry, done) in [
        ("suspend", "to be suspended and signed out", "suspended, signed out"),
        ("erase", "to be erased", "sessions deleted, user deleted"),
    ] {
        let (code, told, errors) = run(&mut tenant.program(name, &["--list", &list, "--dry-run"]));
        let mut expected: Vec<_> = ids[..3].iter().map(|id| format!("{id}: {dry}")).collect();
        expected.push("to be done for 3 of 4 users".to_owned());
        expected.sort();
        assert_eq!((code, lines(&told), errors.as_str()), (1, expected, failed));
        let (code, told, errors) = run(&mut tenant.program(name, &["--list", &list]));
        let mut expected: Vec<_> = ids[..3].iter().map(|id| format!("{id}: {done}")).collect();
        expected.push("done for 3 of 4 users".to_owned());
        expected.sort();
        assert_eq!((code, lines(&told), errors.as_str()), (1, expected, failed));
        assert_eq!(tenant.fake.requests().of("get_users").len(), 2, "{name}");
        tenant.fake.forget_requests();
    }
    assert_eq!(tenant.fake.users().iter().map(|user| user.id.clone()).collect::<Vec<_>>(), ids[3..]);
    // An erased user is known by the id only.
    let (code, _, errors) = run(&mut tenant.program("erase", &["--list", &list]));
    let absent = "line 4: there was no such user: erased before, or a wrong id";
    assert!(code == 1 && errors.contains(absent) && errors.ends_with("4 of 4 users failed"), "{errors}");
    for wrong in [&["--list", &list, "kp_1"] as &[&str], &["--list", &list, "--journal", &list], &[]] {
        assert_eq!(run(&mut tenant.program("erase", wrong)).0, 2);
    }
    let (code, _, errors) = run(&mut program("suspend", &["--list", &list]));
    assert!(code == 1 && errors.contains("line 3: there is no such user"), "{errors}");
}
