//! `kinde-users import` with the files of other systems, with their plans, and with lines that are
//! not valid.

use std::fs;
use std::path::Path;

use super::common::{Listening, folder, program, run, text_of};
use kinde_users_fake::FakeKinde;
use serde_json::Value;

/// The path of a sample of the import crate.
fn sample(name: &str) -> String {
    text_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../kinde-users-import/samples").join(name))
}

#[test]
fn auth0_files_become_users_with_their_passwords() {
    let tenant = Listening::start(FakeKinde::builder(), "auth0");
    let users = tenant.write(
        "users.ndjson",
        r#"{"user_id":"auth0|1","email":"ada@example.com","email_verified":true,"given_name":"Ada","blocked":true}
{"user_id":"auth0|2","email":"bob@example.com","email_verified":false,"logins_count":3}"#,
    );
    let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let hashes = tenant.write(
        "hashes.ndjson",
        &format!(
            r#"{{"_id":{{"$oid":"2"}},"email":"bob@example.com","passwordHash":"{hash}"}}
{{"_id":{{"$oid":"1"}},"email":"ada@example.com","passwordHash":"{hash}"}}"#
        ),
    );
    for files in [[&users, &hashes], [&hashes, &users]] {
        let (code, _, errors) = run(&mut tenant.program("import", &["--from=auth0", files[0], files[1]]));
        assert!(code == 2 && errors.contains("\n  logins_count: "), "{errors}");
    }
    let arguments = ["--from=auth0", "--ignore=logins_count", &users, &hashes];
    let (code, told, errors) = run(&mut tenant.program("import", &arguments));
    assert_eq!((code, errors.as_str()), (0, ""), "{told}");
    let all = tenant.fake.users();
    let user = |email: &str| {
        all.iter().find(|user| user.identities.iter().any(|identity| identity.value == email)).unwrap()
    };
    assert!(told.contains("\nPasswords: 2 of 2 users (bcrypt 2)\n"), "{told}");
    assert!(told.ends_with("2 users: 2 created, 0 updated, 0 left alone, 0 done before; 2 passwords set\n"));
    let (ada, bob) = (user("ada@example.com"), user("bob@example.com"));
    assert!(ada.is_suspended && !bob.is_suspended);
    assert_eq!(ada.provided_id.as_deref(), Some("auth0|1"));
    assert!(all.iter().all(|user| user.password.as_ref().unwrap().hashed_password == hash));
}

#[test]
fn corrected_auth0_user_keeps_the_password() {
    let tenant = Listening::start(FakeKinde::builder(), "corrected-auth0");
    let users = tenant.write(
        "users.ndjson",
        r#"{"user_id":"auth0|1","email":"ada@"}
{"user_id":"auth0|2","email":"bob@example.com"}"#,
    );
    let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let hashes = tenant.write(
        "hashes.ndjson",
        &format!(r#"{{"_id":{{"$oid":"1"}},"email":"ada@example.com","passwordHash":"{hash}"}}"#),
    );
    let rejected = text_of(&tenant.file("rejected.ndjson"));
    let arguments = ["--from=auth0", &users, &hashes, "--skip-invalid", "--errors", &rejected, "--json"];
    let (code, told, _) = run(&mut tenant.program("import", &arguments));
    let [plan, receipt] = [0, 2].map(|at| told.lines().nth(at).unwrap().parse::<Value>().unwrap());
    let counts = |of: &Value| (of["passwords"].clone(), of["without_password"].clone());
    assert_eq!((code, counts(&plan)), (3, (0.into(), 1.into())));
    assert_eq!(receipt["passwords_set"], 0);
    let corrected = fs::read_to_string(&rejected).unwrap().replace("ada@", "ada@example.com");
    fs::write(&rejected, corrected).unwrap();
    let arguments = ["--from=auth0", &rejected, "--json"];
    let (code, told, errors) = run(&mut tenant.program("import", &arguments));
    let [plan, receipt] = [0, 2].map(|at| told.lines().nth(at).unwrap().parse::<Value>().unwrap());
    assert_eq!((code, counts(&plan)), (0, (1.into(), 0.into())), "{errors}");
    assert_eq!(receipt["passwords_set"], 1);
}

#[test]
fn file_of_another_system_is_recognized_and_not_read() {
    for (file, source) in [
        ("auth0/typical.ndjson", "auth0"),
        ("clerk/typical.csv", "clerk"),
        ("firebase/typical.json", "firebase"),
        ("firebase/without-header.csv", "firebase"),
        ("supabase/typical.csv", "supabase"),
        ("fusionauth/typical.ndjson", "fusionauth"),
        ("aspnet-identity/typical.csv", "aspnet-identity"),
        ("wordpress/typical.csv", "wordpress"),
        ("keycloak/typical.json", "keycloak"),
        ("cognito/list-users.json", "cognito"),
        ("okta/users.csv", "okta"),
        ("entra/users.json", "entra"),
    ] {
        let (code, told, errors) = run(&mut program("import", &["--dry-run", &sample(file)]));
        assert_eq!((code, told.as_str()), (2, ""), "{file}");
        assert!(errors.ends_with(&format!("export: --from {source}")) || source == "fusionauth", "{errors}");
    }
}

#[test]
fn every_sample_has_a_plan_for_its_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kinde-users-import/samples");
    let mut files = 0;
    for source in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let from = format!("--from={}", source.file_name().unwrap().to_str().unwrap());
        for file in fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "expected") {
                continue;
            }
            files += 1;
            let (code, told, errors) =
                run(&mut program("import", &["--dry-run", "--json", &from, &text_of(&file)]));
            let plan: Value = serde_json::from_str(told.lines().next().unwrap_or(&errors)).unwrap();
            assert!(plan["lines"].as_u64() > Some(0) && matches!(code, 0 | 2), "{file:?}: {errors}");
        }
    }
    assert!(files > 30, "{files}");
}

#[test]
fn unverifiable_hashes_are_left_out_only_if_asked() {
    let file = sample("clerk/typical.csv");
    let arguments = ["--from=clerk", file.as_str()];
    let (code, _, errors) = run(&mut program("import", &arguments));
    let expected = "error: Kinde cannot verify the password hashes of 1 user: --drop-unverifiable imports them without a password; nothing was imported";
    assert!(code == 2 && errors.ends_with(expected), "{errors}");
    let (code, told, errors) = run(program("import", &arguments).arg("--drop-unverifiable"));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(told.contains("1 user will need a new password:\n  an argon2 hash (1 line: 3)"), "{told}");
    assert!(
        told.ends_with("4 users: 4 created, 0 updated, 0 left alone, 0 done before; 3 passwords set\n"),
        "{told}"
    );
}

#[test]
fn corrected_errors_file_can_be_imported() {
    let tenant = Listening::start(FakeKinde::builder(), "errors");
    let csv = "email,first_name\nada@example.com,Ada\nbad,\"B, the \"\"second\"\"\"\nworse@,W\n";
    let json = "{\"email\":\"eve@example.com\"}\n{\"email\":\"bad2\",\"first_name\":\"B\"}\n";
    for (name, text, corrections) in [
        ("users.csv", csv, [("\"bad\"", "bob@example.com"), ("worse@", "kim@example.com")]),
        ("users.ndjson", json, [("bad2", "joe@example.com"), ("", "")]),
    ] {
        let file = tenant.write(name, text);
        let rejected = text_of(&tenant.file(&format!("rejected-{name}")));
        let before = tenant.fake.users().len();
        let arguments = [file.as_str(), "--skip-invalid", "--errors", &rejected];
        let (code, told, errors) = run(&mut tenant.program("import", &arguments));
        assert_eq!(code, 3, "{told} {errors}");
        assert!(errors.contains("warning: --skip-invalid leaves out "), "{errors}");
        assert_eq!(tenant.fake.users().len(), before + 1);
        // The file is not replaced, as it may have been corrected.
        let (code, _, errors) = run(&mut tenant.program("import", &arguments));
        assert!(
            code == 2 && errors.starts_with(&format!("error: {rejected} exists: move it away")),
            "{errors}"
        );

        let mut text = fs::read_to_string(&rejected).unwrap();
        assert!(text.contains("import_error") && text.contains("is not an address"), "{text}");
        for (wrong, right) in corrections {
            text = text.replace(wrong, right);
        }
        fs::write(&rejected, text).unwrap();
        let (code, _, errors) = run(&mut tenant.program("import", &[&rejected]));
        assert_eq!((code, errors.as_str()), (0, ""));
    }
    assert_eq!(tenant.fake.users().len(), 5);
    let name = |user: &kinde_users_fake::FakeUser| user.given_name.clone();
    assert!(tenant.fake.users().iter().any(|user| name(user).as_deref() == Some("B, the \"second\"")));
}

#[test]
fn broken_lines_are_in_the_errors_file_as_they_were() {
    let tenant = Listening::start(FakeKinde::builder(), "broken");
    let csv = "email;first_name;last_name\r\nada@example.com;Ada;L\r\nbob@example.com; \"B\";X\r\n\
        dora@example.com;D\r\neve@example.com;E\"v\"e;V\r\ncleo@example.com;\"C\r\nbad;F;F\r\n";
    let json = "{\"email\":\"gil@example.com\"}\n{\"email\":\"hal@example.com\"\n{\"email\" \"ida@example.com\"}\nwhat\n";
    let expected = "\"email\";\"first_name\";\"last_name\";\"import_error\"\n\
        bob@example.com; \"B\";X;\"first_name cannot be read: a space before the opening quote \
        makes the quotes part of the value: remove the space\"\n\
        dora@example.com;D;\"line cannot be read: the row has 2 values, but the file has 3 columns\"\n\
        eve@example.com;E\"v\"e;V;\"first_name cannot be read: an unquoted value contains a quote: \
        put the value in quotes, and double the quotes in it\"\n\
        cleo@example.com;\"C;\"first_name cannot be read: the opening quote is never closed\"\n\
        \"bad\";\"F\";\"F\";\"email is not an address: expected a name, one @ and a host\"\n";
    let corrections = [
        ("; \"B", ";\"B"),
        ("\"C;", "C;L;"),
        ("D;", "D;L;"),
        ("E\"v\"e", "\"E\"\"v\"\"e\""),
        ("bad", "fay@example.com"),
    ];
    let file = tenant.write("users.csv", csv);
    let rejected = text_of(&tenant.file("rejected.csv"));
    let arguments = [file.as_str(), "--skip-invalid", "--errors", &rejected];
    let (code, _, errors) = run(&mut tenant.program("import", &arguments));
    assert_eq!(code, 3, "{errors}");
    let text = fs::read_to_string(&rejected).unwrap();
    assert_eq!(text, expected);
    // Without a correction, each line is refused again.
    let again = text_of(&tenant.file("again.csv"));
    let (code, _, _) = run(&mut tenant.program("import", &[&rejected, "--dry-run", "--errors", &again]));
    let again = fs::read_to_string(&again).unwrap();
    assert_eq!((code, again.lines().count()), (2, 6), "{again}");
    let text = corrections.iter().fold(text, |text, (wrong, right)| text.replace(wrong, right));
    fs::write(&rejected, text).unwrap();
    let (code, told, errors) = run(&mut tenant.program("import", &[&rejected]));
    assert_eq!((code, errors.as_str()), (0, ""), "{told}");
    assert_eq!(tenant.fake.users().len(), 6);

    let file = tenant.write("users.ndjson", json);
    let rejected = text_of(&tenant.file("rejected.ndjson"));
    let arguments = [file.as_str(), "--skip-invalid", "--errors", &rejected];
    let (code, _, errors) = run(&mut tenant.program("import", &arguments));
    let expected = "\
        {\"import_error\":\"line is not a complete JSON object\",\"email\":\"hal@example.com\"\n\
        {\"import_error\":\"line is not JSON: expected `:` at column 10\",\"email\" \"ida@example.com\"}\n\
        what\n";
    assert_eq!((code, fs::read_to_string(&rejected).unwrap().as_str()), (3, expected), "{errors}");
}

/// Writes a file, and returns what the errors file of its import has.
fn errors_file(tenant: &Listening, name: &str, text: &str) -> String {
    let file = tenant.write(name, text);
    let path = text_of(&tenant.file(&format!("rejected-{name}")));
    let arguments = ["--dry-run", "--ignore-rest", "--errors", &path, &file];
    let (code, told, errors) = run(&mut tenant.program("import", &arguments));
    assert_eq!(code, 2, "{told} {errors}");
    fs::read_to_string(path).unwrap()
}

#[test]
fn errors_file_has_a_line_for_each_json_record() {
    let tenant = Listening::start(FakeKinde::builder(), "json-lines");
    let text = "[{\"users\":[{\"email\":\"eve@example.com\"}],\n\"email\":\"ada@\",\"properties\":[\r\n]},\n\
        {\"value\":[{\"email\":\"eve@example.com\"}],\n\"email\":tru e}]";
    let rejected = errors_file(&tenant, "users.json", text);
    let expected = "\
        {\"import_error\":\"email is not an address: expected a name, one @ and a host\",\"email\":\"ada@\",\
        \"properties\":[  ],\"users\":[{\"email\":\"eve@example.com\"}]}\n\
        {\"import_error\":\"line is not JSON: expected ident at line 2 column 12\",\"value\":[{\"email\":\"eve@example.com\"}], \"email\":tru e}\n";
    assert_eq!(rejected, expected);
    // No line is taken for a list of users, and each has its reason once.
    assert_eq!(errors_file(&tenant, "first.ndjson", &rejected), expected);
    let second = expected.lines().nth(1).unwrap();
    assert_eq!(errors_file(&tenant, "second.ndjson", second), format!("{second}\n"));
}

#[test]
fn column_of_reasons_keeps_its_place() {
    let tenant = Listening::start(FakeKinde::builder(), "reasons");
    let text = "email,import_error,first_name\nada@,old,Ada\nbob@example.com,old, \"B\"\n";
    let expected = "\"email\",\"import_error\",\"first_name\"\n\
        \"ada@\",\"email is not an address: expected a name, one @ and a host\",\"Ada\"\n\
        bob@example.com,old, \"B\"\n";
    assert_eq!(errors_file(&tenant, "users.csv", text), expected);
}

#[test]
fn lines_that_are_too_long_for_the_errors_file_are_counted() {
    let tenant = Listening::start(FakeKinde::builder(), "too-long");
    let long = "x".repeat(2 * 1024 * 1024);
    let line = format!("{{\"email\":\"{long}\"}}\n");
    let rejected = text_of(&tenant.file("rejected.ndjson"));
    for (number, lines) in [(1, "1 line"), (2, "2 lines")] {
        let text = format!("{}{}", line.repeat(number), "{\"email\":\"ada\"}\n");
        let file = tenant.write("users.ndjson", &text);
        let (code, _, errors) = run(&mut tenant.program("import", &["--errors", &rejected, &file]));
        let expected =
            format!("{lines} could not be read to the end, and {rejected} does not contain them\n");
        assert!(code == 2 && errors.contains(&expected), "{errors}");
        assert!(errors.contains(&format!("{rejected}: 1 line\n")), "{errors}");
        fs::remove_file(&rejected).unwrap();
    }
    let file = tenant.write("users.ndjson", "{\"email\":\"ada\"}\n");
    let (_, _, errors) = run(&mut tenant.program("import", &["--errors", &rejected, &file]));
    assert!(!errors.contains("could not be read to the end"), "{errors}");
}

#[test]
fn errors_file_keeps_its_separator_and_values() {
    let tenant = Listening::start(FakeKinde::builder(), "separators");
    let reason = "\"email is not an address: expected a name, one @ and a host\"";
    let tabs = "email\t\"a,b,c\"\tfirst_name\nada@\tx\t\"'Ada'\"\n";
    let expected = format!(
        "\"email\"\t\"a,b,c\"\t\"first_name\"\t\"import_error\"\n\"ada@\"\t\"x\"\t\"'Ada'\"\t{reason}\n"
    );
    assert_eq!(errors_file(&tenant, "tabs.csv", tabs), expected);
    assert_eq!(errors_file(&tenant, "again.csv", &expected), expected);
    let bars = "sep=|\nemail|first_name\nada@|\"x\\\"\n";
    let expected = format!("sep=|\n\"email\"|\"first_name\"|\"import_error\"\n\"ada@\"|\"x\\\"|{reason}\n");
    assert_eq!(errors_file(&tenant, "bars.csv", bars), expected);
    assert_eq!(errors_file(&tenant, "bars-again.csv", &expected), expected);
}

#[test]
fn errors_of_csv_and_json_need_two_files() {
    let tenant = Listening::start(FakeKinde::builder(), "formats");
    let (csv, json) = (tenant.write("a.csv", "email\nada@\n"), tenant.write("b.json", "{\"email\":\"b\"}\n"));
    let path = text_of(&tenant.file("rejected"));
    let arguments = ["--dry-run", "--errors", &path, &csv, &json];
    let (code, _, errors) = run(&mut tenant.program("import", &arguments));
    assert!(
        code == 2 && errors.contains("the files have different columns, separators or formats"),
        "{errors}"
    );
}

#[test]
fn cut_file_is_refused() {
    let tenant = Listening::start(FakeKinde::builder(), "cut");
    let json = "{\"users\":[{\"email\":\"ada@example.com\"},\n{\"email\":\"b";
    let file = tenant.write("users.json", json);
    let (code, _, errors) = run(&mut tenant.program("import", &[&file, "--skip-invalid"]));
    assert!(errors.contains("is not a complete JSON object, so nothing after it was read"), "{errors}");
    assert!(code == 2 && errors.contains("error: a file cannot be read to its end: "), "{errors}");
    assert!(tenant.fake.users().is_empty());
}

#[test]
fn no_user_is_imported_if_all_lines_are_invalid() {
    let folder = folder("all-invalid");
    let file = text_of(&folder.join("users.csv"));
    fs::write(&file, "email\nada\n").unwrap();
    let (code, _, errors) = run(&mut program("import", &[&file, "--skip-invalid"]));
    assert!(
        code == 2
            && errors.ends_with(
                "error: 1 line is not valid: --errors FILE writes such lines to a file; nothing was imported"
            ),
        "{errors}"
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_missing_part_of_all_passwords_can_be_given_by_an_option() {
    let folder = folder("salt-position");
    let file = text_of(&folder.join("users.csv"));
    let md5 = "0123456789abcdef0123456789abcdef";
    fs::write(
        &file,
        format!("email,hashed_password,hashing_method,salt\nada@example.com,{md5},md5,pepper\n"),
    )
    .unwrap();
    let (code, _, errors) = run(&mut program("import", &[&file]));
    assert!(code == 2 && errors.contains("(see --salt-position)"), "{errors}");
    let (code, _, errors) = run(&mut program("import", &[&file, "--salt-position=suffix"]));
    assert_eq!((code, errors.as_str()), (0, ""));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn unknown_targets_are_refused() {
    let tenant = Listening::start(FakeKinde::builder(), "map");
    let file = tenant.write("users.csv", "E-Mail,Plan,Shoe Size\nada@example.com,gold,38\n");
    let map = ["--map=E-Mail=email", "--map=Plan=property:plan", "--ignore=Shoe Size"];
    let (code, told, errors) = run(tenant.program("import", &[&file]).args(map));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(told.contains("\nIgnored:\n  Shoe Size: as you asked (1 line)"), "{told}");
    assert_eq!(tenant.fake.users()[0].properties.get("plan").map(String::as_str), Some("gold"));
    let (code, _, errors) = run(program("import", &[&file]).arg("--map=Plan=shoe"));
    assert!(code == 2 && errors.contains("unknown target: expected email"), "{errors}");
}

#[test]
fn users_are_created_in_the_named_organization() {
    let tenant = Listening::start(FakeKinde::builder(), "organization");
    let file = tenant.write("users.csv", "email\nada@example.com\n");
    assert_eq!(run(&mut tenant.program("import", &[&file, "--organization=org_1"])).0, 0);
    let requests = tenant.fake.requests();
    let create = &requests.of("create_user")[0];
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    assert_eq!(body["organization_code"], "org_1");
}
