//! The plan of files, and what prevents an import from beginning.

use kinde_users_import::{Mapping, RawRecord, Rejected, Source};

/// Reads all users of files, and returns their plan.
fn plan(mapping: &Mapping, files: &[&str]) -> (Vec<Rejected>, String, bool) {
    let mut users = mapping.users(files.iter().map(|file| file.as_bytes())).unwrap();
    let rejected = users.by_ref().filter_map(Result::err).collect();
    (rejected, users.plan().to_string(), users.plan().loses_nothing())
}

#[test]
fn unknown_field_gets_a_suggestion_and_prevents_the_import() {
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
    let row = ["no address", "12", "perhaps"].map(str::to_owned).to_vec();
    assert_eq!(line.record, Some(RawRecord::Row(row)));
    assert!(text.starts_with("2 lines of a Kinde file: 1 user can be imported, 1 line is not valid."));
    let json = r#"{"email":"no address"}"#;
    let (rejected, ..) = plan(&Mapping::new(Source::Kinde), &[json]);
    assert_eq!(rejected[0].record, Some(RawRecord::Json(json.to_owned())));
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
    let expected = "line 2: the email is also on line 2 of file 1, with different data: change or remove one line; \
        the id is also on line 2 of file 1, with different data: change or remove one line";
    assert_eq!(rejected[0].to_string(), expected);
    assert!(text.contains("\n  line 2 of file 2: the email is"), "{text}");
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
        ("2026-01-31T11:59:59.1234567Z", false),
        ("2026-01-31 11:59:59.1234567 +00:00", false),
        // Other time zones and forms are not compared.
        ("2026-01-31 11:59:59 +05:00", true),
        ("31/01/2026 11:59:59", true),
        ("NULL", false),
        ("", false),
    ] {
        assert_eq!(suspended(&mapping, time), is_suspended, "{time}");
    }
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
    assert_eq!("aspnet-identity".parse(), Ok(Source::AspNetIdentity));
    assert!("asp".parse::<Source>().unwrap_err().to_string().contains("kinde, auth0, firebase"));
}

#[test]
fn organization_and_suspension_apply_to_each_user() {
    let mapping = Mapping::new(Source::Kinde).organization("org_1").suspended();
    let mut users = mapping.users(["email\nada@example.com\n".as_bytes()]).unwrap();
    assert_eq!((users.by_ref().count(), users.plan().suspended()), (1, 1));
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
fn suspended_users_are_counted_by_field_and_by_mapping() {
    let file = "email,is_suspended\na@example.com,true\nb@example.com,\nc@example.com,false\n";
    let (_, text, _) = plan(&Mapping::new(Source::Kinde).suspended(), &[file]);
    assert!(text.contains("\nSuspended: 2 users (is_suspended 1, --suspend 1)\n"), "{text}");
}
