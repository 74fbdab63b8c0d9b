//! `kinde-users import`, killed again and again over a tenant that fails: in the end exactly the
//! right users are there.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::common::{Listening, folder, given_up, pipe_to_nobody, program, run, text_of};
use kinde_users::{FeatureFlagKey, PropertyKey, UserId};
use kinde_users_fake::{FakeKinde, FakePassword, FakeUser, Fault, NewFakeUser};
use serde_json::{Value, json};

const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const SCRYPT: &str =
    "MBY5NcAC/E4SAJBsPTCpxJVrSvn23K7x60sfy4+6aeenrNxJHqWx8oZOqMAbAVgO8J3vw7EbPxg8sh0jb38aaw==";
const ASPNET: &str = "AOjShoQMSoRpdt7Dtf1UtxLckGV63Cd4gjCNobd2uPKjl6/PZMFT6NAjV7rhxFdEHw==";
const THERE: &str = "A user who exists already is left alone: no password is set. --update with another --journal changes \
    these users.";
const MD5: &str = "0123456789abcdef0123456789abcdef";

/// The nth user of the big file. Every kind of line is there: with each hashing method and each way
/// to be told apart.
struct Made(usize);

impl Made {
    fn email(&self) -> Option<String> {
        (self.0 % 10 < 7).then(|| format!("user{}@example.com", self.0))
    }

    fn username(&self) -> Option<String> {
        (self.0 % 10 == 7 || self.0 % 5 == 2).then(|| format!("user{}", self.0))
    }

    fn phone(&self) -> Option<String> {
        (self.0 % 10 == 8 || self.0 % 6 == 1).then(|| format!("+61{:08}", 10_000_000 + self.0))
    }

    /// Of a tenth it is all that there is: a tenant takes two with the same.
    fn id(&self) -> Option<String> {
        (self.0 % 10 == 9 || self.0 % 4 == 1).then(|| format!("id-{}", self.0))
    }

    fn is_suspended(&self) -> bool {
        self.0 % 20 == 3
    }

    /// What the file says of it, and what the tenant is to hold.
    fn password(&self) -> Option<(Value, FakePassword)> {
        let sha256 = format!("{:064x}", self.0);
        let (method, hash, rest) = match self.0 % 16 {
            0 => ("bcrypt", BCRYPT, json!({})),
            1 => ("crypt", "$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", json!({})),
            2 => ("crypt", "K1ecacw.7.c", json!({ "salt": "s" })),
            3 => ("md5", MD5, json!({})),
            4 => ("md5", MD5, json!({ "salt": "73616c74", "salt_format": "hex", "salt_position": "prefix" })),
            5 => ("sha256", sha256.as_str(), json!({})),
            6 => ("sha256", sha256.as_str(), json!({ "salt": "s", "salt_position": "suffix" })),
            7 => ("wordpress", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", json!({})),
            8 => (
                "pbkdf2",
                "0EuY9I6Pi8wVxq5awFCAHNbc/UKPtfnmXE4W54BzQPo=",
                json!({ "salt": "salt", "salt_format": "string" }),
            ),
            9 => ("firebase-scrypt", SCRYPT, json!({ "salt": "c2FsdA==" })),
            10 => ("aspnet-identity-v2", ASPNET, json!({})),
            _ => return None,
        };
        let mut line = json!({ "hashed_password": hash, "hashing_algorithm": method });
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let mut held = FakePassword::default();
        held.hashed_password = hash.into();
        held.hashing_method = method.into();
        held.salt = match method {
            "pbkdf2" => Some("c2FsdA==".into()),
            "md5" if rest["salt"].is_string() => Some("salt".into()),
            _ => rest["salt"].as_str().map(Into::into),
        };
        held.salt_position = rest["salt_position"].as_str().map(Into::into);
        if method == "pbkdf2" {
            held.variant = Some("salted-pbkdf2-hmac-sha256".into());
            held.iterations = Some(1000);
        }
        if method == "firebase-scrypt" {
            (held.signer_key, held.salt_separator) = (Some("a2V5".into()), Some("Bw==".into()));
            (held.rounds, held.mem_cost) = (Some(8), Some(14));
        }
        Some((line, held))
    }

    fn properties(&self) -> BTreeMap<PropertyKey, String> {
        let all = [("plan", format!("plan {}", self.0)), ("newsletter", (self.0 % 2 == 0).to_string())];
        let has_some = self.0 % 4 == 2;
        all.into_iter().filter(|_| has_some).map(|(key, value)| (key.into(), value)).collect()
    }

    fn flags(&self) -> BTreeMap<FeatureFlagKey, String> {
        let all = [("beta", "true".to_owned()), ("theme", format!("{}", self.0))];
        let has_some = self.0 % 10 == 4;
        all.into_iter().filter(|_| has_some).map(|(key, value)| (key.into(), value)).collect()
    }

    fn line(&self) -> Value {
        fn pairs<Key: serde::Serialize>(pairs: BTreeMap<Key, String>) -> Value {
            pairs.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
        }
        let identity = |kind: &str, value: Option<String>| {
            value.map(|value| json!({ "type": kind, "identity": value, "is_verified": self.0 % 3 == 0 }))
        };
        let identities = [("email", self.email()), ("username", self.username()), ("phone", self.phone())];
        json!({
            "id": self.id(),
            "first_name": format!("First {}", self.0),
            "last_name": "Last",
            "identities": identities.into_iter().filter_map(|(kind, value)| identity(kind, value)).collect::<Value>(),
            "password": self.password().map(|(line, _)| line),
            "properties": pairs(self.properties()),
            "feature_flags": pairs(self.flags()),
            "is_suspended": self.is_suspended(),
        })
    }

    fn assert_is(&self, user: &FakeUser) {
        let n = self.0;
        let of = |kind: &str| {
            let found: Vec<_> = user.identities.iter().filter(|identity| identity.kind == kind).collect();
            assert!(
                found.len() <= 1 && found.iter().all(|found| found.is_confirmed == Some(n % 3 == 0)),
                "{n}"
            );
            found.first().map(|found| found.value.clone())
        };
        assert_eq!(
            [of("email"), of("username"), of("phone")],
            [self.email(), self.username(), self.phone()],
            "{n}"
        );
        assert_eq!(user.provided_id, self.id(), "{n}");
        assert_eq!(user.given_name, Some(format!("First {n}")));
        assert_eq!(user.family_name.as_deref(), Some("Last"), "{n}");
        assert_eq!(user.is_suspended, self.is_suspended(), "{n}");
        assert!(
            user.password.as_deref() == self.password().map(|(_, held)| held).as_ref(),
            "the password of {n}"
        );
        assert_eq!((&user.properties, &user.feature_flags), (&self.properties(), &self.flags()), "{n}");
    }
}

fn number_of(user: &FakeUser) -> usize {
    user.given_name.as_deref().unwrap().strip_prefix("First ").unwrap().parse().unwrap()
}

/// How the run ended, if it did before it had made so many requests; otherwise it is killed in the
/// midst of its work.
fn within(mut command: Command, tenant: &FakeKinde, requests: usize) -> Option<i32> {
    let until = tenant.requests().len() + requests;
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while tenant.requests().len() < until {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(began.elapsed() < Duration::from_secs(300), "it hangs");
        thread::sleep(Duration::from_millis(20));
    }
    // SIGKILL: no destructor runs and no buffer is written.
    child.kill().unwrap();
    child.wait().unwrap().code()
}

/// How many users were about to be created, or not complete, by what the journal says.
fn under_way(journal: &Path) -> usize {
    let mut states = HashMap::new();
    for line in std::fs::read_to_string(journal).unwrap_or_default().lines().skip(1) {
        // The last one may be torn.
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        states.insert(entry["key"].to_string(), entry["state"] == "begun" || entry["state"] == "created");
    }
    states.into_values().filter(|is_begun| *is_begun).count()
}

#[test]
fn ten_thousand_users_survive_faults_and_kills() {
    let users: usize = std::env::var("IMPORT_USERS").map_or(10_000, |text| text.parse().unwrap());
    let began = Instant::now();
    let tenant = Listening::start(FakeKinde::builder().seed(7).chaos(0.05), "big");
    // Who was there before: some strangers, and some of the file, who are to be left as they are.
    tenant.fake.seed_users(0);
    let stranger = tenant.fake.add_user(NewFakeUser::new().email("stranger@example.com"));
    let there: HashMap<UserId, FakeUser> = (0..users)
        .step_by(500)
        .map(|n| tenant.fake.add_user(NewFakeUser::new().email(Made(n).email().unwrap())))
        .map(|id| (id.clone(), tenant.fake.user(&id).unwrap()))
        .collect();
    let lines: Vec<String> = (0..users).map(|n| Made(n).line().to_string()).collect();
    let file = tenant.write("users.ndjson", &lines.join("\n"));
    let firebase = r#"{"base64_signer_key":"a2V5","base64_salt_separator":"Bw==","rounds":8,"mem_cost":14}"#;
    let firebase = tenant.write("firebase.json", firebase);
    let arguments = [
        file.as_str(),
        "--firebase",
        &firebase,
        "--pbkdf2-variant=salted-pbkdf2-hmac-sha256",
        "--pbkdf2-iterations=1000",
        "--at-once=16",
    ];
    let import = || tenant.program("import", &arguments);

    let (mut kills, mut midway, mut failed_runs) = (0, 0, 0);
    let (mut requests, mut refused) = (0, 0);
    // The tenant keeps the last requests only.
    let mut count = || {
        let sent = tenant.fake.requests();
        assert_eq!(tenant.fake.requests_dropped(), 0);
        requests += sent.len();
        refused += sent.of("create_user").iter().filter(|request| request.status() == Some(400)).count();
        tenant.fake.forget_requests();
    };
    for run in 1.. {
        assert!(run < 100, "it does not come to its end: {}", tenant.fake.users().len());
        // Another number each time, so that it is killed at all kinds of points.
        let code = within(import(), &tenant.fake, 40 + 701 * (run % 6));
        count();
        match code {
            Some(0) => break,
            Some(1) => failed_runs += 1,
            Some(code) => panic!("exit code {code}"),
            None => kills += 1,
        }
        midway += under_way(&tenant.file("users.ndjson.journal"));
    }

    let all = tenant.fake.users();
    assert_eq!(all.len(), users + 1);
    let mut seen = vec![false; users];
    for user in &all {
        if let Some(before) = there.get(&user.id) {
            assert!(user == before, "{} was to be left alone", user.id);
        } else if user.id != stranger {
            let n = number_of(user);
            assert!(!std::mem::replace(&mut seen[n], true), "{n} is there twice");
            Made(n).assert_is(user);
        }
    }
    // Nobody was to be created who was there: the tenant would have refused it, where it can tell.
    assert_eq!(refused, 0);
    println!(
        "{users} users in {:.1?}: {kills} kills, which {midway} users were under way at, {failed_runs} runs to the end with \
         failed lines, {requests} requests",
        began.elapsed(),
    );
    assert!(users < 10_000 || kills >= 10 && midway > kills, "{kills} {midway}");
}

#[test]
fn journal_holds_no_personal_data() {
    let tenant = Listening::start(FakeKinde::builder(), "journal");
    let file = tenant.write("users.csv", "email,first_name\nada@example.com,Ada\nbob@example.com,Bob\n");
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 0);
    let journal = std::fs::read_to_string(tenant.file("users.csv.journal")).unwrap();
    assert!(journal.lines().count() >= 5 && !journal.contains("example.com"), "{journal}");
    assert!(!journal.contains("Ada"), "{journal}");
    // A torn last line is no harm.
    std::fs::write(tenant.file("users.csv.journal"), &journal[..journal.len() - 9]).unwrap();
    let (code, told, _) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(
        (code, told.lines().last().unwrap()),
        (0, "2 users: 1 created, 0 updated, 0 left alone, 1 done before; 0 passwords set")
    );
    let (code, told, errors) = run(&mut tenant.program("import", &[&file]));
    let nothing_left = "2 users: 0 created, 0 updated, 0 left alone, 2 done before; 0 passwords set";
    assert_eq!((code, told.lines().last().unwrap()), (0, nothing_left));
    assert_eq!(
        errors,
        "An earlier run imported all valid lines, so nothing was done. If you changed the file, use --update with another --journal."
    );
    assert_eq!(tenant.fake.users().len(), 2);

    let other = Listening::start(FakeKinde::builder(), "other");
    let journal = text_of(&tenant.file("users.csv.journal"));
    let (code, _, told) = run(&mut other.program("import", &[&file, "--journal", &journal]));
    assert_eq!(code, 2, "{told}");
    assert!(
        told.ends_with(
            "users.csv.journal is the journal of another tenant: check the domain, or name another --journal"
        ),
        "{told}"
    );
    assert!(other.fake.users().is_empty());
}

#[test]
fn failed_lines_are_retried() {
    let tenant = Listening::start(FakeKinde::builder(), "failed");
    let lines: Vec<_> = (0..5).map(|n| format!("user{n}@example.com,{BCRYPT}")).collect();
    let file = tenant.write("users.csv", &format!("email,hashed_password\n{}\n", lines.join("\n")));
    tenant.fake.next("set_user_password", Fault::forbidden());
    tenant.fake.next("create_user", Fault::status(400));
    let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!(code, 1);
    assert_eq!(
        told.lines().last().unwrap(),
        "5 users: 3 created, 0 updated, 0 left alone, 0 done before; 3 passwords set"
    );
    assert_eq!(
        errors,
        "line 2: create_user: HTTP 400\n\
         line 3: set_user_password: HTTP 403 (needs scope update:user_passwords)\n\
         error: 2 lines failed: to retry, run the same command again"
    );
    // The one who has no password yet is this import's, and not one who was there.
    let (code, told, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(
        told.lines().last().unwrap(),
        "5 users: 2 created, 0 updated, 0 left alone, 3 done before; 2 passwords set"
    );
    assert_eq!(tenant.fake.users().iter().filter(|user| user.password.is_some()).count(), 5);
}

#[test]
fn every_line_is_checked_before_the_first_call() {
    let tenant = Listening::start(FakeKinde::builder(), "checked");
    let csv = "email,id,phone,hashed_password,hashing_method,role_key\n\
        ada@example.com,1,,,,\n\
        no address,2,,,,\n\
        ADA@example.com,1,,,,\n\
        bob@example.com,4,0412345678,,,\n\
        eve@example.com,5,,hash,argon2,\n\
        mallory@example.com,7,,hunter2,,\n\
        few,columns\n\
        last@example.com,6,,,,admin\n";
    let file = tenant.write("users.csv", csv);
    for dry in [&[file.as_str()] as &[&str], &[&file, "--dry-run"]] {
        let (code, told, errors) = run(&mut tenant.program("import", dry));
        assert_eq!(code, 2);
        // In a dry run, the plan is the result.
        let (plan, other) = if dry.len() > 1 { (&told, &errors) } else { (&errors, &told) };
        assert!(other.lines().count() < 2, "{other}");
        let title =
            "8 records of a file in Kinde's form: 2 users can be imported, 6 records are not valid.\n";
        assert!(plan.starts_with(title), "{plan}");
        for problem in [
            "role_key: it needs operations on organizations",
            "line 3: email contains a blank",
            "line 4: the email is that of line 2 too, with different data: change or remove one line",
            "line 4: the id is that of line 2 too, with different data: change or remove one line",
            "line 5: phone does not begin with + and a country code",
            "line 6: hashing_method is not an accepted value: expected bcrypt, crypt, md5, sha256, wordpress, pbkdf2, \
             firebase-scrypt or aspnet-identity-v2",
            "line 7: hashed_password is not a valid bcrypt hash: it looks like a password in plain text",
            "line 8 cannot be read: the row has 2 values, but the file has 6 columns",
        ] {
            assert!(plan.contains(&format!("\n  {problem}")), "{problem}: {plan}");
        }
        let end =
            "error: some fields are not imported: use --map, --ignore or --ignore-rest; nothing was imported";
        assert!(errors.ends_with(end), "{errors}");
        let (code, _, errors) = run(tenant.program("import", dry).arg("--ignore=role_key"));
        assert!(
            code == 2 && errors.ends_with("error: 6 lines are not valid: --errors FILE writes such lines to a file, --skip-invalid leaves them out; nothing was imported"),
            "{errors}"
        );
    }
    assert!(tenant.fake.requests().is_empty());
}

#[test]
fn a_line_has_the_number_that_an_editor_shows() {
    let folder = folder("numbers");
    let file = text_of(&folder.join("users.csv"));
    let lines = ["email,first_name", "", "", "bad", "", "\"z@example.com\",\"A@", "B\"", "bad,x", "worse,x"];
    let crlf = lines.join("\r\n");
    let mixed = crlf.replacen("\r\n", "\n", 1);
    for text in [lines.join("\n"), format!("\u{feff}{crlf}\r\n"), mixed, crlf] {
        std::fs::write(&file, text).unwrap();
        let (code, _, errors) = run(&mut program("import", &[&file]));
        assert_eq!(code, 2, "{errors}");
        for problem in [
            "lines 8, 9: email is not an address: expected a name, one @ and a host",
            "line 6: first_name contains a line break and an address: close the quote before it",
            "line 4 cannot be read: the row has 1 value, but the file has 2 columns",
        ] {
            assert!(errors.contains(&format!("\n  {problem}")), "{problem}: {errors}");
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn missing_parameters_are_reported_with_their_options() {
    let folder = folder("options-named");
    let file = text_of(&folder.join("users.csv"));
    for (row, option) in
        [("hash,firebase-scrypt,c2FsdA==", "--firebase"), ("h,pbkdf2,c2FsdA==", "--pbkdf2-variant")]
    {
        std::fs::write(&file, format!("id,hashed_password,hashing_method,salt\n1,{row}\n")).unwrap();
        let (code, _, errors) = run(&mut program("import", &[&file]));
        let end = format!(
            "error: 1 line is not valid (see {option}): --errors FILE writes such lines to a file; nothing was imported"
        );
        assert!(code == 2 && errors.ends_with(&end), "{errors}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_of_another_kind_is_told_once_with_what_to_do() {
    let folder = folder("kinds");
    let utf16 =
        |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let csv = "email\r\nada@example.com\r\nbob@example.com\r\n";
    let json = r#"{"email":"ada@example.com"}"#;
    // The form is that of the text, whatever the name of the file.
    for (name, text) in [
        ("users.csv", utf16(&format!("\u{feff}{csv}"), u16::to_le_bytes)),
        ("users.csv", utf16(&format!("\u{feff}{csv}"), u16::to_be_bytes)),
        ("users.ndjson", utf16(&format!("\u{feff}{json}"), u16::to_le_bytes)),
        ("users.ndjson", format!("\u{feff} [{json},\n{{\"id\":1}}]").into()),
        ("users.ndjson", "\n\n{\n  \"email\": \"ada@example.com\"\n}\n".into()),
        ("users.ndjson", csv.into()),
        ("users.csv", format!("{json}\n").into()),
    ] {
        let file = text_of(&folder.join(name));
        std::fs::write(&file, text).unwrap();
        let (code, _, errors) = run(&mut program("import", &[&file, "--dry-run"]));
        assert_eq!((code, errors.as_str()), (0, ""));
    }
    for (text, expected) in [
        (utf16(csv, u16::to_le_bytes), "UTF-16"),
        (utf16(json, u16::to_be_bytes), "UTF-16"),
        (b"%PDF-1.7 and so on".to_vec(), "a PDF document"),
    ] {
        let file = text_of(&folder.join("users.csv"));
        std::fs::write(&file, text).unwrap();
        let (code, told, errors) = run(&mut program("import", &[&file]));
        assert_eq!((code, told.as_str(), errors.lines().count()), (2, "", 1), "{errors}");
        assert!(errors.starts_with(&format!("error: {file}: ")) && errors.contains(expected), "{errors}");
    }
    let (users, parameters) = (text_of(&folder.join("users.csv")), text_of(&folder.join("firebase.json")));
    std::fs::write(&users, csv).unwrap();
    std::fs::write(&parameters, utf16("\u{feff}{}", u16::to_le_bytes)).unwrap();
    let (code, _, errors) = run(&mut program("import", &[&users, "--firebase", &parameters]));
    assert_eq!((code, errors), (2, format!("error: {parameters}: in UTF-16; save it as UTF-8")));
    let names = "base64_signer_key, base64_salt_separator, rounds and mem_cost";
    for (text, code, expected) in [
        (
            r#"{"rounds":8,"mem_cost":14}"#,
            2,
            format!("error: {parameters}: expected a JSON object with {names}"),
        ),
        (
            "\u{feff}{\"signer_key\":\"k\",\"salt_separator\":\"B\",\"rounds\":8,\"mem_cost\":14}",
            0,
            String::new(),
        ),
    ] {
        std::fs::write(&parameters, text).unwrap();
        let (ended, _, errors) = run(&mut program("import", &[&users, "--firebase", &parameters]));
        assert_eq!((ended, errors), (code, expected));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn broken_line_is_reported_with_its_number() {
    let folder = folder("broken");
    let latin1 = b"{\"first_name\":\"Ren\xe9\",\"id\":\"2\"}\n";
    let text = "{\"id\":\"1\"}\n\n{\"id\":\"3\" \"email\":\"a@b\"}\n[1]\n{\"id\":\"5\"},\n";
    let file = text_of(&folder.join("users.ndjson"));
    std::fs::write(&file, [text.as_bytes(), latin1].concat()).unwrap();
    let (code, _, errors) = run(&mut program("import", &[&file]));
    for problem in [
        "line 3 is not JSON: expected `,` or `}` at column 11",
        "lines 4, 5 are not a JSON object",
        "line 6 is not UTF-8: save the file in UTF-8",
    ] {
        assert!(errors.contains(&format!("\n  {problem}")), "{problem}: {errors}");
    }
    assert!(code == 2 && errors.ends_with("error: 4 lines are not valid: --errors FILE writes such lines to a file, --skip-invalid leaves them out; nothing was imported"), "{errors}");
    let file = text_of(&folder.join("users.csv"));
    std::fs::write(&file, [b"id,first_name\n1,Ren\xe9\n" as &[u8]].concat()).unwrap();
    let (_, _, errors) = run(&mut program("import", &[&file]));
    assert!(errors.contains("\n  line 2: first_name cannot be read: the value is not UTF-8"), "{errors}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_is_not_told_as_many() {
    let folder = folder("plurals");
    let file = text_of(&folder.join("users.csv"));
    std::fs::write(&file, "email\nada\n").unwrap();
    let (_, _, errors) = run(&mut program("import", &[&file]));
    let title = "1 record of a file in Kinde's form: 0 users can be imported, 1 record is not valid.\n";
    assert!(errors.starts_with(title), "{errors}");
    assert!(
        errors.ends_with(
            "error: 1 line is not valid: --errors FILE writes such lines to a file; nothing was imported"
        ),
        "{errors}"
    );
    std::fs::write(&file, "email\n".to_owned() + &"ada\n".repeat(21)).unwrap();
    let (_, _, errors) = run(&mut program("import", &[&file]));
    assert!(errors.contains("\n  lines 2, 3, 4, 5, 6 and 16 more: "), "{errors}");
    assert!(
        errors.ends_with(
            "error: 21 lines are not valid: --errors FILE writes such lines to a file; nothing was imported"
        ),
        "{errors}"
    );
    std::fs::remove_dir_all(folder).unwrap();

    let tenant = Listening::start(FakeKinde::builder(), "plurals-failed");
    tenant.fake.next("create_user", Fault::status(400));
    let file = tenant.write("users.csv", "email\nada@example.com\n");
    let (_, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert!(errors.ends_with("error: 1 line failed: to retry, run the same command again"), "{errors}");
}

#[test]
fn a_file_of_nobody_is_no_file_of_users() {
    let folder = folder("nobody");
    let nameless = "no column becomes an email address, phone number, user name or id; the first line must name the \
        columns";
    let meant = format!(
        "{nameless}; `Email`: did you mean `email`? --map 'Email=email'; `First_Name`: did you mean `first_name`? \
         --map 'First_Name=first_name'"
    );
    for (name, text, expected) in [
        ("users.csv", "", "there are no users in the files"),
        ("users.csv", "email,id\n", "there are no users in the files"),
        ("users.ndjson", "\n\n", "there are no users in the files"),
        ("users.csv", "Email,First_Name\na@example.com,A\n", meant.as_str()),
        ("users.csv", "ada@example.com,Ada\n", nameless),
    ] {
        let file = text_of(&folder.join(name));
        std::fs::write(&file, text).unwrap();
        let (code, _, errors) = run(&mut program("import", &[&file]));
        assert!(code == 2 && errors.starts_with("error: ") && errors.ends_with(expected), "{errors}");
        assert_eq!(errors.lines().count(), 1);
    }
    let (code, _, errors) = run(&mut program("import", &["missing.txt"]));
    assert!(
        code == 2 && errors.starts_with("error: missing.txt: ") && !errors.contains("format"),
        "{errors}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn lost_field_is_left_out_only_if_asked() {
    let tenant = Listening::start(FakeKinde::builder().strict(), "left-out");
    let ndjson = r#"{"email":"ada@example.com","organizations":[{"external_id":"7","roles":["admin"]}]}"#;
    let file = tenant.write("users.ndjson", ndjson);
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert!(
        code == 2 && errors.contains("\n  organizations: it needs operations on organizations"),
        "{errors}"
    );
    assert!(tenant.fake.requests().is_empty());
    for option in ["--ignore=organizations", "--ignore-rest"] {
        let (code, told, errors) = run(&mut tenant.program("import", &[&file, option, "--dry-run"]));
        assert_eq!((code, errors.as_str()), (0, ""));
        assert!(told.contains("\n  organizations: "), "{told}");
    }
    let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--ignore-rest", "--suspend"]));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(
        told.ends_with("1 user: 1 created, 0 updated, 0 left alone, 0 done before; 0 passwords set\n"),
        "{told}"
    );
    assert!(tenant.fake.users()[0].is_suspended);
}

#[test]
fn existing_user_is_kept_or_updated() {
    let tenant = Listening::start(FakeKinde::builder(), "there");
    tenant.fake.add_user(NewFakeUser::new().id("kp_1").email("ada@example.com").name("Augusta", "King"));
    tenant.fake.add_user(NewFakeUser::new().id("kp_2").provided_id("42"));
    tenant.fake.add_user(NewFakeUser::new().id("kp_3").email("eve@example.com").provided_id("1"));
    for _ in 0..2 {
        tenant.fake.add_user(NewFakeUser::new().provided_id("7"));
    }
    let csv = "email,id,first_name\nada@example.com,,Ada\n,42,Bob\neve@example.com,2,Eve\n,7,Kim\n";
    let file = tenant.write("users.csv", csv);
    let taken = "line 4: kp_3 has the id or the address of the line, but not both: correct the line or that user\n\
        line 5: 2 users share the address or id: correct them in Kinde\n";
    let end = "error: 2 lines failed: to retry, run the same command again";
    let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!((code, errors), (1, format!("{taken}{THERE}\n{end}")));
    assert_eq!(
        told.lines().last().unwrap(),
        "4 users: 0 created, 0 updated, 2 left alone (lines 2, 3), 0 done before; 0 passwords set"
    );
    assert!(tenant.fake.requests().of("update_user").is_empty());

    let journal = text_of(&tenant.file("other.journal"));
    let arguments = [file.as_str(), "--update", "--at-once=1", "--journal", &journal];
    let (code, told, errors) = run(&mut tenant.program("import", &arguments));
    assert_eq!((code, errors), (1, format!("{taken}{end}")));
    assert_eq!(
        told.lines().last().unwrap(),
        "4 users: 0 created, 2 updated, 0 left alone, 0 done before; 0 passwords set"
    );
    let name = |id: &str| tenant.fake.user(id).unwrap().given_name;
    assert_eq!([name("kp_1"), name("kp_2"), name("kp_3")], [Some("Ada".into()), Some("Bob".into()), None]);
    let journal = text_of(&tenant.file("third.journal"));
    let (_, told, _) = run(&mut tenant.program("import", &[&file, "--json", "--journal", &journal]));
    let receipt: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!((&receipt["left_alone"], &receipt["left_alone_lines"]), (&json!(2), &json!([2, 3])));
    assert_eq!(tenant.fake.users().len(), 5);
}

#[test]
fn user_without_an_identity_is_created_once() {
    let tenant = Listening::start(FakeKinde::builder(), "without");
    let without = |response: &mut http::Response<Vec<u8>>| {
        let text = String::from_utf8(response.body().clone()).unwrap();
        *response.body_mut() =
            text.replace(r#""result":{"created":true}"#, r#""result":{"created":false}"#).into();
    };
    tenant.fake.next("create_user", Fault::edit(without));
    let file = tenant.write("users.csv", "email\nada@example.com\n");
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(code, 1);
    assert!(
        errors.contains(" was created, but not these identities: email. Add them in Kinde\n"),
        "{errors}"
    );
    // And told by every run, as somebody has to look.
    for _ in 0..2 {
        let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
        assert_eq!(code, 1);
        assert!(errors.starts_with("line 2, in an earlier run: kp_"), "{errors}");
        assert!(errors.ends_with("error: an earlier run reported a problem of 1 line. Correct the user in Kinde; the journal keeps the report"), "{errors}");
    }
    assert_eq!(tenant.fake.requests().of("create_user").len(), 1);
}

#[test]
fn rehearsal_of_an_import_leaves_no_journal() {
    let folder = folder("memory");
    let file = folder.join("users.csv");
    std::fs::write(&file, "\u{feff}email,email_verified\nada@example.com,TRUE\n").unwrap();
    let (code, told, errors) = run(&mut program("import", &[&text_of(&file)]));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(
        told.ends_with("1 user: 1 created, 0 updated, 0 left alone, 0 done before; 0 passwords set\n"),
        "{told}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_changes_under_way_is_told() {
    // The first call comes when 25,000 lines are read. The next lines are too long to be read too.
    let text = |lines: usize| {
        let line = |n: usize| format!("{n},{}\n", "x".repeat(if n < 25_000 { 1 } else { 1000 }));
        (0..lines).fold("id,first_name\n".to_owned(), |text, n| text + &line(n))
    };
    let tenant = Listening::start(FakeKinde::builder().forgetting_requests(), "changes");
    for n in 0..25_300 {
        tenant.fake.add_user(NewFakeUser::new().provided_id(n.to_string()));
    }
    for lines in [25_100, 25_300] {
        let file = tenant.write("users.csv", &text(25_200));
        let (changed, text) = (file.clone(), text(lines));
        let change = move |_: &mut http::Response<Vec<u8>>| std::fs::write(&changed, &text).unwrap();
        tenant.fake.next("get_users", Fault::edit(change));
        let journal = text_of(&tenant.file(&format!("{lines}.journal")));
        let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--journal", &journal]));
        let receipt = format!(
            "25200 users: 0 created, 0 updated, {lines} left alone (lines 2, 3, 4, 5, 6 and {} more), 0 done before; 0 \
             passwords set\n",
            lines - 5
        );
        assert!(told.ends_with(&receipt), "{told}");
        let changed = format!(
            "{THERE}\nerror: the file changed during the run: {lines} users came instead of 25200. Run the same command again with \
             the complete file"
        );
        assert_eq!((code, errors), (1, changed));
    }
}

#[test]
fn what_fails_for_all_ends_it_early() {
    let tenant = Listening::start(FakeKinde::builder().scopes(["read:users"]), "scope");
    let lines: Vec<_> = (0..500).map(|n| format!("user{n}@example.com")).collect();
    let file = tenant.write("users.csv", &format!("email\n{}\n", lines.join("\n")));
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(code, 1);
    assert!(errors.lines().next().unwrap().contains("create_user: HTTP 403"), "{errors}");
    assert!(errors.lines().next().unwrap().ends_with("(needs scope create:users)"), "{errors}");
    // With what was under way.
    assert!((25..=33).contains(&given_up(&errors)), "{errors}");
}

#[test]
fn import_with_closed_stdout_makes_no_call() {
    let tenant = Listening::start(FakeKinde::builder(), "nobody-reads-import");
    let file = tenant.write("users.csv", "email\nada@example.com\n");
    let (code, _, errors) = run(tenant.program("import", &[&file]).stdout(pipe_to_nobody()));
    assert_eq!(code, 1);
    // Before the first call there is nothing to lose.
    assert!(errors.starts_with("error: stdout: "), "{errors}");
    assert!(tenant.fake.users().is_empty());
}

#[test]
fn one_failure_for_want_of_a_token_ends_it() {
    let tenant = Listening::start(FakeKinde::builder(), "no-token");
    let lines: Vec<_> = (0..50).map(|n| format!("user{n}@example.com")).collect();
    let file = tenant.write("users.csv", &format!("email\n{}\n", lines.join("\n")));
    let mut program = tenant.program("import", &[&file, "--at-once=1"]);
    let (code, _, errors) = run(program.env("KINDE_MANAGEMENT_CLIENT_SECRET", "wrong"));
    assert_eq!(code, 1);
    assert!((1..=2).contains(&given_up(&errors)), "{errors}");
}

#[test]
fn what_is_wrong_with_some_keeps_nobody_else_out() {
    let tenant = Listening::start(FakeKinde::builder(), "some");
    for n in 0..30 {
        tenant.fake.add_user(NewFakeUser::new().email(format!("user{n}@example.com")).provided_id("another"));
    }
    let lines: Vec<_> = (0..60).map(|n| format!("user{n}@example.com,{n}")).collect();
    let file = tenant.write("users.csv", &format!("email,id\n{}\n", lines.join("\n")));
    let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!(
        told.lines().last(),
        Some("60 users: 30 created, 0 updated, 0 left alone, 0 done before; 0 passwords set")
    );
    assert_eq!((code, errors.lines().count()), (1, 31));
}

#[test]
fn user_who_signed_up_keeps_the_password() {
    let tenant = Listening::start(FakeKinde::builder(), "signed-up");
    let csv = format!("email,id,hashed_password\nada@example.com,42,{BCRYPT}\nbob@example.com,,{BCRYPT}\n");
    let file = tenant.write("users.csv", &csv);
    tenant.fake.fail("create_user").always().with(Fault::status(503));
    let (code, _, errors) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!((code, errors.lines().next()), (1, Some("line 2: create_user: HTTP 503")));
    assert_eq!(tenant.fake.requests().of("create_user").len(), 2);
    tenant.fake.clear_faults();
    let now = Duration::from_secs(1_700_000_000);
    tenant.fake.add_user(NewFakeUser::new().id("kp_1").email("ada@example.com"));
    tenant.fake.add_user(NewFakeUser::new().id("kp_2").email("bob@example.com").signed_in(now));
    let (code, told, errors) = run(&mut tenant.program("import", &[&file, "--at-once=1"]));
    assert_eq!(
        told.lines().last().unwrap(),
        "2 users: 0 created, 0 updated, 2 left alone (lines 2, 3), 0 done before; 0 passwords set"
    );
    assert!(tenant.fake.users().iter().all(|user| user.password.is_none()), "{errors}");
    let first = "line 2: kp_1 was left alone, and may come from an interrupted create: check the user, and complete it with --update and another --journal";
    assert_eq!((code, errors.lines().next()), (1, Some(first)));
}

#[test]
fn refused_password_creates_no_second_user() {
    let tenant = Listening::start(FakeKinde::builder(), "without-password");
    let without = |response: &mut http::Response<Vec<u8>>| {
        *response.body_mut() =
            r#"{"id":"kp_1","identities":[{"type":"email","result":{"created":false}}]}"#.into();
    };
    tenant.fake.fail("create_user").always().with(Fault::edit(without));
    tenant.fake.fail("get_users").always().with(Fault::edit(|response| {
        *response.body_mut() = r#"{"users":null}"#.into();
    }));
    tenant.fake.fail("set_user_password").always().with(Fault::forbidden());
    let file = tenant.write("users.csv", &format!("email,hashed_password\nada@example.com,{BCRYPT}\n"));
    for _ in 0..3 {
        let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
        let refused = "line 2: set_user_password: HTTP 403 (needs scope update:user_passwords)";
        assert_eq!((code, errors.lines().next()), (1, Some(refused)));
    }
    assert_eq!(tenant.fake.requests().of("create_user").len(), 1);
}

#[test]
fn missing_identity_is_reported_at_the_end() {
    let tenant = Listening::start(FakeKinde::builder(), "without-until");
    let file = tenant.write("users.csv", &format!("email,hashed_password\nada@example.com,{BCRYPT}\n"));
    // The run that sees the reply of the create does not come to the end of the line.
    tenant.fake.next("set_user_password", Fault::forbidden());
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 1);
    let without = |response: &mut http::Response<Vec<u8>>| *response.body_mut() = r#"{"id":"kp_1"}"#.into();
    tenant.fake.next("get_user_data", Fault::edit(without));
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert!(
        errors.contains(" was created, but not these identities: email. Add them in Kinde\n"),
        "{errors}"
    );
    assert_eq!((code, tenant.fake.faults_left()), (1, 0));
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert!(errors.starts_with("line 2, in an earlier run: kp_"), "{errors}");
    assert_eq!((code, tenant.fake.users().len()), (1, 1));
}

#[test]
fn what_is_done_of_a_line_that_failed_is_not_done_again() {
    let tenant = Listening::start(FakeKinde::builder(), "steps");
    let line = r#"{"email":"ada@example.com","password":{"hashed_password":"HASH"},"feature_flags":[{"key":"f","value":1}]}"#;
    let line = line.replace("HASH", BCRYPT);
    let file = tenant.write("users.ndjson", &line);
    tenant.fake.fail("update_user_feature_flag_override").always().with(Fault::status(404));
    for _ in 0..3 {
        assert_eq!(run(&mut tenant.program("import", &[&file])).0, 1);
    }
    assert_eq!(tenant.fake.requests().of("set_user_password").len(), 1);
    tenant.fake.clear_faults();
    let (code, told, _) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(
        (code, told.lines().last()),
        (0, Some("1 user: 1 created, 0 updated, 0 left alone, 0 done before; 0 passwords set"))
    );
}

#[test]
fn a_journal_is_for_one_run_at_a_time() {
    let tenant = Listening::start(FakeKinde::builder(), "two");
    let ids: Vec<_> = (0..200).map(|n| format!("id-{n}")).collect();
    let file = tenant.write("users.csv", &format!("id\n{}\n", ids.join("\n")));
    let both = [(), ()].map(|()| tenant.program("import", &[&file]).spawn().unwrap());
    let mut codes = both.map(|run| run.wait_with_output().unwrap().status.code().unwrap());
    codes.sort_unstable();
    // The second one may also come when the first is through.
    assert!(codes == [0, 2] || codes == [0, 0], "{codes:?}");
    assert_eq!(tenant.fake.users().len(), 200);
    let locked = std::fs::File::options().write(true).open(tenant.file("users.csv.journal")).unwrap();
    fs4::FileExt::try_lock(&locked).unwrap();
    let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(code, 2);
    assert!(errors.ends_with("users.csv.journal is in use: another run imports this file"), "{errors}");
}

#[test]
fn what_is_no_journal_is_left_as_it_is() {
    let tenant = Listening::start(FakeKinde::builder(), "precious");
    let file = tenant.write("users.csv", "email\nada@example.com\n");
    for precious in ["no line at all", "a line\nand half a line", "{}\n", "\n"] {
        let journal = tenant.write("precious.txt", precious);
        let (code, _, errors) = run(&mut tenant.program("import", &[&file, "--journal", &journal]));
        assert_eq!(code, 2);
        assert!(errors.ends_with("is not a journal of this command: name another --journal"), "{errors}");
        assert_eq!(std::fs::read_to_string(&journal).unwrap(), precious);
    }
    let (code, _, _) = run(&mut tenant.program("import", &[&file, "--journal", &file]));
    assert_eq!((code, std::fs::read_to_string(&file).unwrap().as_str()), (2, "email\nada@example.com\n"));
    assert!(tenant.fake.users().is_empty());
}

#[test]
fn a_journal_that_cannot_be_understood_is_refused() {
    let tenant = Listening::start(FakeKinde::builder(), "garbled");
    let file = tenant.write("users.csv", "id\n1\n2\n");
    assert_eq!(run(&mut tenant.program("import", &[&file, "--at-once=1"])).0, 0);
    let path = tenant.file("users.csv.journal");
    let journal = std::fs::read_to_string(&path).unwrap();
    for garbled in [journal.replacen("\"line\"", "\"li", 1), journal.replacen("\"begun\"", "\"BEGUN\"", 1)] {
        std::fs::write(&path, &garbled).unwrap();
        let (code, _, errors) = run(&mut tenant.program("import", &[&file]));
        assert_eq!(code, 2);
        assert!(
            errors.ends_with(
                "journal cannot be read at line 2: delete that line, and its user is looked up again"
            ),
            "{errors}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), garbled);
    }
    assert_eq!(tenant.fake.users().len(), 2);
}

#[test]
fn other_options_want_another_journal() {
    let tenant = Listening::start(FakeKinde::builder(), "options");
    tenant.fake.add_user(NewFakeUser::new().id("kp_1").email("ada@example.com"));
    let file = tenant.write("users.csv", "email,first_name\nada@example.com,Ada\n");
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 0);
    let (code, _, errors) = run(&mut tenant.program("import", &[&file, "--update"]));
    assert_eq!(code, 2);
    assert!(
        errors.contains("is that of an import with other options: --from kinde; give")
            && errors.ends_with("; give these options to continue, or another --journal to start again"),
        "{errors}"
    );
    let journal = text_of(&tenant.file("update.journal"));
    assert_eq!(run(&mut tenant.program("import", &[&file, "--update", "--journal", &journal])).0, 0);
    assert_eq!(tenant.fake.user("kp_1").unwrap().given_name.as_deref(), Some("Ada"));
}

#[test]
fn options_of_a_journal_can_be_pasted() {
    let tenant = Listening::start(FakeKinde::builder(), "pasted-options");
    let file = tenant.write("users.csv", "E-Mail,Shoe Size\nada@example.com,38\n");
    let options = ["--map=E-Mail=email", "--ignore=Shoe Size"];
    assert_eq!(run(tenant.program("import", &[&file]).args(options)).0, 0);
    let (code, _, errors) = run(tenant.program("import", &[&file]).args(options).arg("--suspend"));
    let expected = "other options: --from kinde --map E-Mail=email --ignore 'Shoe Size'; give these options";
    assert!(code == 2 && errors.contains(expected), "{errors}");
}

#[test]
fn order_of_identities_does_not_matter() {
    let tenant = Listening::start(FakeKinde::builder(), "order");
    let (email, name) =
        (r#"{"type":"email","identity":"ada@example.com"}"#, r#"{"type":"username","identity":"ada"}"#);
    let line = |first, second| {
        format!(r#"{{"identities":[{first},{second}],"password":{{"hashed_password":"{BCRYPT}"}}}}"#)
    };
    tenant.fake.next("set_user_password", Fault::forbidden());
    let file = tenant.write("users.ndjson", &line(email, name));
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 1);
    tenant.write("users.ndjson", &line(name, email));
    let (code, told, _) = run(&mut tenant.program("import", &[&file]));
    assert_eq!(
        (code, told.lines().last()),
        (0, Some("1 user: 1 created, 0 updated, 0 left alone, 0 done before; 1 password set"))
    );
    assert!(tenant.fake.users()[0].password.is_some());
    // Two names with one hash, where its key is known.
    let file = tenant.write("names.csv", "username\nkyqqnwdurobyg\nz3vqbshivoppb\n");
    tenant.fake.next("create_user", Fault::status(400));
    let runs = [1, 0].map(|_| run(&mut tenant.program("import", &[&file, "--at-once=1"])).0);
    assert_eq!((runs, tenant.fake.users().len()), ([1, 0], 3));
    let (_, told, _) = run(&mut tenant.program("import", &[&file]));
    assert!(
        told.ends_with("2 users: 0 created, 0 updated, 0 left alone, 2 done before; 0 passwords set\n"),
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn pipes_and_folders_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let tenant = Listening::start(FakeKinde::builder(), "pipe");
    let mut command = tenant.program("import", &["/dev/stdin"]);
    command.stdin(Stdio::piped());
    assert_eq!(
        run(&mut command),
        (2, String::new(), "error: /dev/stdin: not a regular file: save a pipe to a file first".to_owned())
    );
    let folder = text_of(&tenant.file(""));
    let (code, told, errors) = run(&mut tenant.program("import", &[&folder]));
    assert_eq!((code, told.as_str()), (2, ""), "{errors}");
    // And a journal is for its owner alone.
    let file = tenant.write("users.ndjson", "\u{feff}{\"email\":\"ada@example.com\"}\n");
    assert_eq!(run(&mut tenant.program("import", &[&file])).0, 0);
    let mode = std::fs::metadata(tenant.file("users.ndjson.journal")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn changed_address_creates_no_second_user() {
    let tenant = Listening::start(FakeKinde::builder(), "changed");
    tenant.fake.add_user(NewFakeUser::new().id("kp_1").email("new@example.com").provided_id("42"));
    let file = tenant.write("users.csv", &format!("email,id,hashed_password\nold@example.com,42,{BCRYPT}\n"));
    for update in
        [&[file.as_str()] as &[&str], &[&file, "--update", "--journal", &text_of(&tenant.file("u.journal"))]]
    {
        let (code, _, errors) = run(&mut tenant.program("import", update));
        assert_eq!(
            (code, errors.lines().next()),
            (
                1,
                Some(
                    "line 2: kp_1 has the id or the address of the line, but not both: correct the line or that user"
                )
            )
        );
    }
    let [user]: [_; 1] = tenant.fake.users().try_into().unwrap();
    assert!(user.password.is_none());
}

#[test]
fn suspension_is_lifted_by_an_update() {
    let tenant = Listening::start(FakeKinde::builder(), "lifted");
    let file = tenant.write("users.csv", "email\nada@example.com\nbob@example.com\n");
    assert_eq!(run(&mut tenant.program("import", &[&file, "--suspend", "--at-once=1"])).0, 0);
    assert!(tenant.fake.users().iter().all(|user| user.is_suspended));
    let switch = tenant.write("switch.csv", "email,is_suspended\nada@example.com,false\nbob@example.com,\n");
    let (code, told, errors) = run(&mut tenant.program("import", &[&switch, "--update"]));
    assert_eq!((code, errors.as_str()), (0, ""), "{told}");
    let suspended: Vec<_> = tenant.fake.users().iter().map(|user| user.is_suspended).collect();
    assert_eq!(suspended, [false, true]);
}
