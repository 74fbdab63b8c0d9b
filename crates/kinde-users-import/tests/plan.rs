//! The plan of files, and what prevents an import from beginning.

use std::io::{self, Read};

use kinde_users_import::{Mapping, RawRecord, Rejected, Source};

/// Reads all users of files, and returns their plan.
fn plan(mapping: &Mapping, files: &[&str]) -> (Vec<Rejected>, String, bool) {
    let mut users = mapping.users(files.iter().map(|file| file.as_bytes())).unwrap();
    let rejected = users.by_ref().filter_map(Result::err).collect();
    (rejected, users.plan().to_string(), users.plan().loses_nothing())
}

#[test]
fn unknown_field_prevents_the_import() {
    let file = "email,Given Name,Shoe size\nada@example.com,Ada,\n";
    let mapping = Mapping::new(Source::Kinde);
    let (_, text, loses_nothing) = plan(&mapping, &[file]);
    assert!(text.contains("Given Name: unknown field (1 line: 2); did you mean `first_name`?"), "{text}");
    // A field without a value is not lost.
    assert!(!loses_nothing && !text.contains("Shoe size"), "{text}");
    let (_, text, loses_nothing) = plan(&mapping.clone().ignore("Given Name").ignore("typo"), &[file]);
    assert!(loses_nothing && text.contains("Given Name: as you asked (1 line)"), "{text}");
    assert!(text.contains("You map or ignore these fields, but no line has them: typo"), "{text}");
    let (_, text, loses_nothing) = plan(&mapping.ignore_rest(), &[file]);
    assert!(loses_nothing && text.contains("ignored with --ignore-rest:\n  Given Name"), "{text}");
}

#[test]
fn rejected_line_has_all_problems_and_its_record() {
    let file = "email,phone,email_verified\nno address,12,perhaps\nada@example.com,,\n";
    let (rejected, text, _) = plan(&Mapping::new(Source::Kinde), &[file]);
    let [line] = &rejected[..] else { panic!("{rejected:?}") };
    assert_eq!((line.file, line.line, line.errors.iter().count()), (1, 2, 3));
    assert!(line.errors.iter().eq(&line.errors));
    let row = ["no address", "12", "perhaps"].map(str::to_owned).to_vec();
    assert_eq!(line.record, Some(RawRecord::Row(row)));
    assert!(
        text.starts_with(
            "2 records of a file in Kinde's form: 1 user can be imported, 1 record is not valid."
        )
    );
    let json = r#"{"email":"no address"}"#;
    let (rejected, ..) = plan(&Mapping::new(Source::Kinde), &[json]);
    assert_eq!(rejected[0].record, Some(RawRecord::Json(json.to_owned())));
    // Neither form has a value of the file.
    let expected = "Rejected(file 1, line 1: email contains a blank)";
    assert_eq!(format!("{:?}", rejected[0]), expected);
    for (record, expected) in [
        (RawRecord::Row(vec!["ada".to_owned()]), "Row(..)"),
        (RawRecord::Json(json.to_owned()), "Json(..)"),
        (RawRecord::Broken(b"ada".to_vec()), "Broken(..)"),
    ] {
        assert_eq!(format!("{record:?}"), expected);
    }
}

#[test]
fn repeated_problem_is_written_once() {
    let file = "email\n".to_owned() + &"ada\n".repeat(1500);
    let (rejected, text, _) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert_eq!(rejected.len(), 1500);
    assert!(text.contains("expected a name, one @ and a host\n"), "{text}");
    assert!(text.lines().count() < 12, "{text}");
}

#[test]
fn user_in_two_files_is_merged_or_rejected() {
    let (one, other) = ("id,email\n1,ada@example.com\n", "id,email,first_name\n1,ada@example.com,Ada\n");
    let mapping = Mapping::new(Source::Kinde);
    let mut users = mapping.users([one.as_bytes(), one.as_bytes()]).unwrap();
    assert_eq!((users.by_ref().count(), users.plan().merged()), (1, 1));
    let (rejected, text, _) = plan(&mapping, &[one, other]);
    let expected = "line 2: the email is that of line 2 of file 1 too, with different data: change or remove one line; \
        the id is that of line 2 of file 1 too, with different data: change or remove one line";
    assert_eq!(rejected[0].to_string(), expected);
    assert!(text.contains("\n  line 2 of file 2: the email is"), "{text}");
}

const HASH: &str = "$2b$10$EWECk2ENdf9q/a2IAzNezPJNH0HBWQAM107/E/891eYspSwJc9bzp";

fn hash_export(ids: &[&str]) -> String {
    let line = |id: &&str| format!(r#"{{"_id":{{"$oid":"{id}"}},"passwordHash":"{HASH}"}}"#) + "\n";
    ids.iter().map(line).collect()
}

#[test]
fn rejected_auth0_record_keeps_its_hash() {
    let mapping = Mapping::new(Source::Auth0);
    let hashes = hash_export(&["1", "2"]);
    let users = "{\"user_id\":\"auth0|1\",\"email\":\"bad\"}\n{\"user_id\":\"auth0|2\"}\n";
    let (rejected, ..) = plan(&mapping, &[users, &hashes]);
    let Some(RawRecord::Json(json)) = &rejected[0].record else { panic!("{rejected:?}") };
    let corrected = json.replace("bad", "ada@example.com");
    // With the hash export, too, the corrected file is one of users.
    for (files, unused) in [
        (&[corrected.as_str()][..], &[] as &[_]),
        (&[&corrected, &hashes], &["line 2 has the hash of a user that is not in the user export"]),
    ] {
        let mut users = mapping.users(files.iter().map(|file| file.as_bytes())).unwrap();
        let first = users.next().unwrap().unwrap();
        assert!(format!("{:?}", first.user).contains("Password(bcrypt)"), "{:?}", first.user);
        let rejected: Vec<_> = users.map(|read| read.unwrap_err().to_string()).collect();
        assert_eq!(rejected, unused);
    }

    let users = "user_id,email,email_verified\nauth0|1,bad,true\nauth0|3,bad,true\n";
    let mut read = mapping.users([users.as_bytes(), hashes.as_bytes()]).unwrap();
    let row = |read: &mut kinde_users_import::Users<'_>| match read.next() {
        Some(Err(Rejected { record: Some(RawRecord::Row(row)), .. })) => row,
        other => panic!("{other:?}"),
    };
    assert_eq!(row(&mut read), ["auth0|1", "bad", "true", HASH]);
    assert_eq!(read.header().unwrap(), ["user_id", "email", "email_verified", "passwordHash"]);
    assert_eq!(row(&mut read), ["auth0|3", "bad", "true", ""]);
}

#[test]
fn fields_that_are_not_taken_can_be_ignored_by_pasting() {
    let file = r#"{"user_id":"auth0|1","given_name":"Ada","name":"A. L.","user_metadata":{"o'clock":1,"a b":2},"nickname":"a"}"#;
    let (_, text, _) = plan(&Mapping::new(Source::Auth0), &[file]);
    let pasted =
        r"--ignore name --ignore='user_metadata.o'\''clock' --ignore='user_metadata.a b' --ignore nickname";
    assert!(text.contains(&format!("\nTo leave all of them out: {pasted}\n")), "{text}");
    assert!(text.contains("user_metadata.a b: map it to a property, or ignore it (1 line: 1)\n"), "{text}");
    assert!(text.contains("name: the first and last name in other fields are used instead"), "{text}");
    let ignoring = |members: &str| {
        let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[&format!(r#"{{"id":"1"{members}}}"#)]);
        text.lines().find_map(|line| line.strip_prefix("To leave all of them out: ")).unwrap().to_owned()
    };
    let many = |count| (0..count).map(|n| format!(r#","x{n}":1"#)).collect::<Vec<_>>().concat();
    assert!(ignoring(&many(20)).ends_with(" --ignore x18 --ignore x19"));
    for members in [
        &many(21),
        // Such names are not shown.
        r#","ada@example.com":1"#,
        &format!(r#","{}":1"#, "x".repeat(201)),
    ] {
        assert_eq!(ignoring(members), "--ignore-rest");
    }
}

#[test]
fn first_lines_of_each_entry_are_listed() {
    for (count, lines) in [
        (1, "1 line: 1"),
        (5, "5 lines: 1, 2, 3, 4, 5"),
        (6, "6 lines: 1, 2, 3, 4, 5, …"),
        (7, "7 lines: 1, 2, 3, 4, 5, …"),
    ] {
        let lines_of: Vec<_> = (0..count).map(|id| format!("{{\"id\":\"{id}\",\"x\":1}}\n")).collect();
        let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[&lines_of.concat()]);
        assert!(text.contains(&format!("x: unknown field ({lines})\n")), "{text}");
    }
}

#[test]
fn problem_of_several_lines_is_a_sentence_about_them() {
    let problem = |mapping: Source, files: &[&str]| {
        let (_, text, _) = plan(&Mapping::new(mapping), files);
        text.split_once("\nNot valid:\n").unwrap().1.to_owned()
    };
    let users = "{\"user_id\":\"auth0|1\"}\n";
    for (lines, is, has) in [
        (1, "line 2 is not a JSON object", "line 1 of file 2 has the hash of"),
        (2, "lines 2, 3 are not a JSON object", "lines 1, 2 of file 2 have the hash of"),
        (3, "lines 2, 3, 4 are not a JSON object", "lines 1, 2, 3 of file 2 have the hash of"),
    ] {
        let text = problem(Source::Kinde, &[&("{\"id\":\"1\"}\n".to_owned() + &"word\n".repeat(lines))]);
        assert_eq!(text, format!("  {is}\n"));
        let hashes = hash_export(&["7", "8", "9"][..lines]);
        let text = problem(Source::Auth0, &[users, &hashes]);
        assert_eq!(text, format!("  {has} a user that is not in the user export\n"));
    }
}

#[test]
fn plan_names_the_keys_to_create() {
    let file = r#"{"id":"1","properties":[{"key":"plan","value":"a"},{"key":"kp_usr_city","value":"b"}],
        "feature_flags":[{"key":"beta","value":true},{"key":"theme","value":"dark"}]}"#;
    let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[file]);
    let expected = "\nCreate in Kinde before the import: property `plan`; feature flags `beta`, `theme`\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn plan_counts_passwords() {
    let auth0 = Mapping::new(Source::Auth0);
    let users = "{\"user_id\":\"auth0|1\"}\n{\"user_id\":\"auth0|2\"}\n{\"user_id\":\"email|3\"}\n";
    let (_, text, _) = plan(&auth0, &[users, &hash_export(&["1"])]);
    assert!(text.contains("\n  passwordHash  the password (1 line)\n"), "{text}");
    let expected = "\nPasswords: 1 of 3 users (bcrypt 1); without a password: 2 (lines 2, 3 of file 1)\n\
        Warning: 1 user of an Auth0 database (`auth0|`) has no hash (line 2 of file 1): \
        give the complete hash export, too\n";
    assert!(text.contains(expected), "{text}");
    let (_, text, _) = plan(&auth0, &[users]);
    let expected = "\nPasswords: 0 of 3 users; without a password: 3 (lines 1, 2, 3)\n\
        Warning: 2 users of an Auth0 database (`auth0|`) have no hash (lines 1, 2): \
        give the complete hash export, too\n";
    assert!(text.contains(expected), "{text}");
    let file = format!("email,hashed_password\nada@example.com,{HASH}\n");
    let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert!(text.contains("\nPasswords: 1 of 1 user (bcrypt 1)\n"), "{text}");
    let file = "username\nu1\nu2\nu3\nu4\nu5\nu6\nu7\n";
    let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[file]);
    assert!(text.contains("without a password: 7 (lines 2, 3, 4, 5, 6 and 2 more)\n"), "{text}");
}

#[test]
fn plan_counts_users_with_nothing_to_sign_in_with() {
    let csv = "id,email,username\n1,ada@example.com,\n2,,\n3,,grace\n4,,\n";
    let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[csv]);
    assert!(text.contains("\n2 users have nothing to sign in with (lines 3, 5)\n"), "{text}");
}

#[test]
fn hash_export_of_auth0_is_recognized() {
    let users = "{\"user_id\":\"auth0|1\"}\n";
    let far = format!(
        r#"{{"_id":{{"$oid":"1"}},"password_set_date":"{}","passwordHash":"{HASH}"}}"#,
        "x".repeat(512)
    );
    let alternative = format!(r#"{{"alt_id":"1","passwordHash":"{HASH}"}}"#);
    for hashes in [&hash_export(&["1"]), &far, &alternative] {
        for files in [[users, hashes], [hashes, users]] {
            let (_, text, _) = plan(&Mapping::new(Source::Auth0), &files);
            assert!(text.contains("\nPasswords: 1 of 1 user (bcrypt 1)\n"), "{hashes} {text}");
        }
    }
    // Each of these files has users.
    let others = "{\"Id\":\"auth0|2\"}\n";
    let (_, text, _) = plan(&Mapping::new(Source::Auth0), &[users, others]);
    assert!(text.contains("2 users can be imported"), "{text}");
}

#[test]
fn ignored_hashes_are_not_merged() {
    let users = "{\"user_id\":\"auth0|1\"}\n";
    let mapping = Mapping::new(Source::Auth0).ignore("passwordHash");
    let (_, text, _) = plan(&mapping, &[users, &hash_export(&["1"])]);
    assert!(text.contains("passwordHash: as you asked (1 line)"), "{text}");
    assert!(text.contains("\nPasswords: 0 of 1 user"), "{text}");
}

#[test]
fn repeated_address_says_which_line_has_a_password() {
    let users = "{\"user_id\":\"google-oauth2|7\",\"email\":\"ada@example.com\"}\n\
        {\"user_id\":\"auth0|1\",\"email\":\"ada@example.com\"}\n";
    let (rejected, ..) = plan(&Mapping::new(Source::Auth0), &[users, &hash_export(&["1"])]);
    let expected = "line 2: the email is that of line 1 too, with different data (this line has a password, \
        line 1 has none): change or remove one line";
    assert_eq!(rejected[0].to_string(), expected);
    let file = format!("email,hashed_password\nada@example.com,{HASH}\nada@example.com,\n");
    let (rejected, ..) = plan(&Mapping::new(Source::Kinde), &[&file]);
    let expected = "line 3: the email is that of line 2 too, with different data (line 2 has a password, \
        this line has none): change or remove one line";
    assert_eq!(rejected[0].to_string(), expected);
}

#[test]
fn number_of_field_names_is_limited() {
    let line = |at: usize| {
        format!("{{\"id\":\"{at}\",\"key{}\":1}}\n", "x".repeat(at / 100) + &"yz".repeat(at % 100))
    };
    let file: String = (0..9000_usize).map(line).collect();
    let (_, text, loses_nothing) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert!(
        !loses_nothing && text.contains("(more names): there are too many field names"),
        "{}",
        text.len()
    );
}

#[test]
fn longest_field_name_has_200_bytes() {
    for (length, is_listed) in [(200, true), (201, false), (202, false)] {
        let name = "x".repeat(length);
        let inner = "x".repeat(length - "password.".len());
        let columns = format!(r#"{{"id":"1","{name}":1}}"#);
        let members = format!(r#"{{"id":"1","password":{{"{inner}":1}}}}"#);
        for (file, name) in [(columns, name), (members, format!("password.{inner}"))] {
            let mapping = Mapping::new(Source::Kinde);
            let mut users = mapping.users([file.as_bytes()]).unwrap();
            assert_eq!(users.by_ref().count(), 1);
            let listed = if is_listed { &*name } else { "(more names)" };
            assert_eq!(users.plan().untaken().collect::<Vec<_>>(), [listed]);
        }
    }
}

#[test]
fn number_of_keys_members_and_kinds_of_problems_is_limited() {
    let keys = |id: usize| {
        let items: Vec<_> =
            (0..1000).map(|at| format!(r#"{{"key":"k{}","value":1}}"#, id * 1000 + at)).collect();
        format!(r#"{{"id":"{id}","properties":[{}]}}"#, items.join(",")) + "\n"
    };
    let file: String = (0..3).map(keys).collect();
    let (_, text, _) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert!(text.contains(" and 1980 more\n"), "{text}");

    let members = (0..2100).map(|at| format!(r#""m{at}":1"#)).collect::<Vec<_>>().join(",");
    let mapping = Mapping::new(Source::Kinde);
    let file = format!(r#"{{"id":"1","password":{{{members}}}}}"#);
    let mut users = mapping.users([file.as_bytes()]).unwrap();
    assert_eq!(users.by_ref().count(), 1);
    let untaken: Vec<_> = users.plan().untaken().collect();
    // One of the 2,000 fields is the id, and one is the password.
    assert_eq!((untaken.len(), untaken.last()), (1999, Some(&"(more names)")));

    let twice = |at: usize| format!("{{\"k{at}\":1,\"k{at}\":1}}\n");
    let file: String = (1..=2100).map(twice).collect();
    let (_, text, _) = plan(&mapping, &[&file]);
    let others = "\n  lines 2001, 2002, 2003, 2004, 2005 and 95 more: other problems\n";
    assert!(text.contains(others), "{text}");
}

#[test]
fn past_time_suspends_no_user() {
    let row = |time: &str| format!("Id,EmailConfirmed,LockoutEnd\n1,1,{time}\n");
    let suspended = |mapping: &Mapping, time: &str| {
        let file = row(time);
        let mut users = mapping.users([file.as_bytes()]).unwrap();
        assert_eq!(users.by_ref().flatten().count(), 1, "{time}");
        users.plan().suspended() == 1
    };
    let mapping = Mapping::new(Source::AspNetIdentity);
    assert!(suspended(&mapping, "2020-01-01 00:00:00"));
    let mapping = mapping.now("2026-01-31T12:00:00Z");
    for (time, is_suspended) in [
        ("2026-01-31 12:00:01", true),
        ("2026-01-31 12:00:00", false),
        ("2026-01-31T11:59:59.1234567Z", false),
        ("2026-01-31 11:59:59.1234567 +00:00", false),
        // Other time zones and forms are not compared.
        ("2026-01-31 11:59:59 +05:00", true),
        ("31/01/2026 11:59:59", true),
        ("1/31/26 9:00 AM", true),
        ("infinity", true),
        ("0001-01-01 00:00:00.0000000 +00:00", false),
        ("NULL", false),
        ("", false),
    ] {
        assert_eq!(suspended(&mapping, time), is_suspended, "{time}");
    }
}

#[test]
fn mark_or_rubbish_is_no_flag_and_no_time() {
    let mark = "is a mark for no value: leave the field empty, or pass the mark with --null";
    let (flag, time) = ("expected true or false", "expected a time such as 2026-01-31 12:00:00");
    let zero = "is a date that means no date";
    for (source, name, values) in [
        (Source::Kinde, "email_verified", &[("null", mark), ("rubbish", flag)][..]),
        (Source::Kinde, "is_suspended", &[("(null)", mark), ("N/A", mark)]),
        (Source::Auth0, "blocked", &[("None", mark)]),
        (Source::Firebase, "disabled", &[("null", mark)]),
        (Source::Clerk, "banned", &[("nil", mark)]),
        (Source::Supabase, "email_confirmed_at", &[("null", mark), ("rubbish", time), ("true", time)]),
        (Source::Supabase, "email_confirmed_at", &[("0001-01-01 00:00:00+00:00", zero)]),
        (Source::Supabase, "phone_confirmed_at", &[("\\N", mark), ("61555111555", time)]),
        (Source::Supabase, "banned_until", &[("null", mark), ("rubbish", time), ("0000-00-00", zero)]),
        (Source::Supabase, "deleted_at", &[("null", mark), ("00000001-0000-4000-8000-000000000001", time)]),
        (Source::FusionAuth, "active", &[("undefined", mark)]),
        (Source::AspNetIdentity, "EmailConfirmed", &[("(null)", mark)]),
        (Source::AspNetIdentity, "LockoutEnd", &[("(null)", mark), ("rubbish", time), ("#N/A", "error")]),
        (Source::WordPress, "spam", &[("\\N", mark)]),
        (Source::Keycloak, "enabled", &[("null", mark)]),
        (Source::Cognito, "UserStatus", &[("null", mark)]),
        (Source::Okta, "status", &[("null", mark)]),
        (Source::Entra, "accountEnabled", &[("null", mark)]),
    ] {
        let (id, email) = match source {
            Source::Auth0 => ("user_id", "email"),
            Source::Firebase => ("localId", "email"),
            Source::WordPress => ("ID", "user_email"),
            Source::Entra => ("id", "mail"),
            Source::Clerk => ("id", "primary_email_address"),
            Source::Cognito => ("sub", "email"),
            _ => ("id", "email"),
        };
        for (value, problem) in values {
            let file = format!("{id},{email},{name}\n1,ada@example.com,{value}\n");
            let json = serde_json::json!({ id: "1", email: "ada@example.com", name: value }).to_string();
            for file in [&file, &json] {
                let (rejected, text, _) = plan(&Mapping::new(source), &[file]);
                let [line] = &rejected[..] else { panic!("{source} {name} {value}: {text}") };
                let told = line.errors.to_string();
                assert!(told.starts_with(&format!("{name} ")) && told.contains(problem), "{told}");
            }
        }
    }
    // What is no text is no time.
    let json = r#"{"id":"1","email":"ada@example.com","email_confirmed_at":false}"#;
    let (rejected, ..) = plan(&Mapping::new(Source::Supabase), &[json]);
    assert_eq!(rejected.len(), 1);
    let json = r#"{"user_id":"1","identifiers":[{"type":"email","value":"a@b.example","verified":"null"}]}"#;
    let (rejected, ..) = plan(&Mapping::new(Source::Auth0), &[json]);
    assert_eq!(rejected.len(), 1);
}

#[test]
fn file_of_another_system_is_recognized() {
    let error = |file: &str| Mapping::new(Source::Kinde).users([file.as_bytes()]).map(|_| ()).unwrap_err();
    let clerk = error("user,primary_email_address\n1,ada@example.com\n");
    assert!(clerk.to_string().ends_with("(this looks like a Clerk export: --from clerk)"), "{clerk}");
    assert!(
        error("Ada,Lovelace\nGrace,Hopper\n").to_string().starts_with("no column becomes an email address")
    );
    assert_eq!(
        error("email,a,email\n").to_string(),
        "columns 1 and 3 have the same name: rename one of them"
    );
    let mapping = Mapping::new(Source::Kinde);
    let second = mapping.users(["email\n", "mail\n"].map(str::as_bytes)).map(|_| ()).unwrap_err();
    assert_eq!((clerk.file(), second.file()), (1, 2));
    assert_eq!(Source::Clerk.title(), "a Clerk export");
    assert_eq!("aspnet-identity".parse(), Ok(Source::AspNetIdentity));
    assert!("asp".parse::<Source>().unwrap_err().to_string().contains("kinde, auth0, firebase"));
}

#[test]
fn csv_of_firebase_is_recognized_without_a_header() {
    let of = |email: &str, columns: usize| {
        let row = format!("u1,{email}") + &",".repeat(columns - 3) + ",x\n";
        Source::of_file(row.as_bytes()).unwrap()
    };
    assert_eq!(of("ada@example.com", 24), Some(Source::Firebase));
    assert_eq!((of("ada@example.com", 23), of("ada", 24), of("", 24)), (None, None, None));
}

#[test]
fn hashes_of_another_system_are_in_its_user_export() {
    let hash = format!(r#"{{"localId":"u1","passwordHash":"{:A<86}==","salt":"c2FsdA=="}}"#, "");
    let mapping = Mapping::new(Source::Firebase);
    let (rejected, ..) = plan(&mapping, &[&hash, "{\"localId\":\"u2\"}"]);
    assert_eq!(rejected.len(), 1);
    assert!(rejected[0].errors.to_string().starts_with("signer_key is missing"), "{rejected:?}");
}

#[test]
fn row_that_cannot_be_parsed_is_kept_as_it_is() {
    let mapping = Mapping::new(Source::Auth0);
    let users = "user_id;email_verified\nauth0|1;\"t\"rue\n";
    let mut read = mapping.users([users.as_bytes()]).unwrap();
    assert_eq!(read.separator(), Some(';'));
    let row = |read: &mut kinde_users_import::Users<'_>| match read.next() {
        Some(Err(Rejected { record: Some(RawRecord::Broken(row)), .. })) => String::from_utf8(row).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(row(&mut read), "auth0|1;\"t\"rue");
    // The row gets the column of the hashes, too.
    let hashes = hash_export(&["2"]);
    let mut read = mapping.users([users.as_bytes(), hashes.as_bytes()]).unwrap();
    assert_eq!(row(&mut read), "auth0|1;\"t\"rue;");
    assert_eq!(mapping.users([hashes.as_bytes()]).unwrap().separator(), None);
}

#[test]
fn organization_and_suspension_apply_to_each_user() {
    let mapping = Mapping::new(Source::Kinde).organization("org_1").suspended();
    let mut users = mapping.users(["email\nada@example.com\nl@example.com\n".as_bytes()]).unwrap();
    assert_eq!((users.by_ref().count(), users.plan().suspended()), (2, 2));
    assert_eq!(users.plan().without_password(), 2);
}

#[test]
fn names_in_two_cases_are_of_one_user() {
    let mapping = Mapping::new(Source::Kinde);
    let read = |text: &'static str| mapping.users([text.as_bytes()]).unwrap().map(|user| user.is_ok());
    let is_valid: Vec<_> = read("username\nνίκος\nνίκοσ\nΝΊΚΟΣ\nstraße\nstrasse\n").collect();
    assert_eq!(is_valid, [true, false, false, true, true]);
}

#[test]
fn list_of_one_value_is_read_as_the_value() {
    let mapping = Mapping::new(Source::Keycloak);
    let id = |json: &str| mapping.line(json).map(|user| user.provided_id().map(str::to_owned));
    assert_eq!(id(r#"{"email":"a@example.com","id":["7"]}"#), Ok(Some("7".to_owned())));
    assert_eq!(id(r#"{"email":"a@example.com","id":[""]}"#), Ok(None));
    assert!(id(r#"{"email":"a@example.com","id":["7","8"]}"#).is_err());
}

#[test]
fn field_that_another_one_replaces_is_lost_if_it_differs() {
    let meta = |meta: &str| format!(r#"{{"id":"1","raw_user_meta_data":{{{meta}}}}}"#);
    let name = "raw_user_meta_data.name";
    for (source, json, lost) in [
        (Source::Supabase, &meta(r#""name":"Ada L""#), None),
        (Source::Supabase, &meta(r#""name":"ada l","full_name":"Ada L""#), None),
        (Source::Supabase, &meta(r#""name":"Ada","full_name":"Ada L""#), Some((name, "another field has"))),
        (
            Source::Entra,
            &r#"{"mail":"ada@example.com","userPrincipalName":"Ada@example.com"}"#.to_owned(),
            None,
        ),
        (
            Source::Entra,
            &r#"{"mail":"ada@example.com","userPrincipalName":"l@example.com"}"#.to_owned(),
            Some(("userPrincipalName", "it may not be an address")),
        ),
        (
            Source::Entra,
            &r#"{"id":"1","userPrincipalName":"l@example.com"}"#.to_owned(),
            Some(("userPrincipalName", "it may not be an address")),
        ),
    ] {
        let (rejected, text, loses_nothing) = plan(&Mapping::new(source), &[json]);
        assert!(rejected.is_empty() && loses_nothing == lost.is_none(), "{text}");
        if let Some((field, reason)) = lost {
            assert!(text.contains(&format!("\n  {field}: {reason}")), "{text}");
        }
    }
}

#[test]
fn member_of_an_unknown_object_can_be_mapped() {
    let mapping = Mapping::new(Source::Kinde).map("data.plan", "property:plan").unwrap();
    let expected = r#"{"id":"1","properties":[{"key":"plan","value":"gold"}]}"#;
    assert_eq!(mapping.line(r#"{"id":"1","data":{"plan":"gold"}}"#), mapping.line(expected));
}

#[test]
fn suspended_users_are_counted_by_field_and_by_mapping() {
    let file = "email,is_suspended\na@example.com,true\nb@example.com,\nc@example.com,false\n";
    let (_, text, _) = plan(&Mapping::new(Source::Kinde).suspended(), &[file]);
    assert!(text.contains("\nSuspended: 2 users (is_suspended 1, --suspend 1)\n"), "{text}");
}

#[test]
fn file_that_cannot_be_read_to_its_end_cuts_the_plan() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mapping = Mapping::new(Source::Kinde);
    // The first bytes are read when the file is opened.
    let blanks = " ".repeat(100_000);
    for (begin, end, error) in [
        ("email\nada@example.com\n", "\nbob", "line 4 cannot be read: the file cannot be read: broken"),
        ("\n[{\"email\":\"ada@example.com\"},\n", "\n{\"em", "line 4 cannot be read: broken"),
    ] {
        let text = format!("{begin}{blanks}{end}");
        let mut users = mapping.users([text.as_bytes().chain(Broken)]).unwrap();
        assert!(users.next().unwrap().is_ok() && !users.plan().is_cut());
        let rejected = users.next().unwrap().unwrap_err();
        assert_eq!(rejected.to_string(), format!("{error}, so nothing after it was read"));
        // The file is still the current one.
        assert_eq!(users.header().is_some(), begin.starts_with("email"));
        assert!(users.next().is_none() && users.plan().is_cut());
    }
    let users: &mut (dyn Read + Send) = &mut "{\"user_id\":\"auth0|1\"}\n".as_bytes();
    let hashes = hash_export(&["1"]) + &blanks + "\n{\"_id\"";
    let hashes: &mut (dyn Read + Send) = &mut hashes.as_bytes().chain(Broken);
    let mapping = Mapping::new(Source::Auth0);
    let mut users = mapping.users([users, hashes]).unwrap();
    let last = users.by_ref().last().unwrap().unwrap_err();
    assert_eq!(last.to_string(), "line 3 cannot be read: broken, so nothing after it was read");
    assert!(users.plan().is_cut());
}
