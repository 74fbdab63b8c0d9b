//! What the plan of a file says, and what keeps an import from beginning.

use kinde_users_import::{Mapping, RawRecord, Rejected, Source};

/// The plan of files, once all of their users are read.
fn plan(mapping: &Mapping, files: &[&str]) -> (Vec<Rejected>, String, bool) {
    let mut users = mapping.users(files.iter().map(|file| file.as_bytes())).unwrap();
    let rejected = users.by_ref().filter_map(Result::err).collect();
    (rejected, users.plan().to_string(), users.plan().loses_nothing())
}

#[test]
fn unknown_name_gets_a_suggestion_and_keeps_the_import_from_beginning() {
    let file = "email,Given Name,Shoe size\nada@example.com,Ada,\n";
    let mapping = Mapping::new(Source::Kinde);
    let (_, text, loses_nothing) = plan(&mapping, &[file]);
    assert!(
        text.contains("Given Name: the field is not known (1 line: 2); did you mean `first_name`?"),
        "{text}"
    );
    // It has no value.
    assert!(!loses_nothing && !text.contains("Shoe size"), "{text}");
    let (_, text, loses_nothing) = plan(&mapping.clone().ignore("Given Name").ignore("typo"), &[file]);
    assert!(loses_nothing && text.contains("Given Name: as you asked (1 line)"), "{text}");
    assert!(text.contains("No line has these fields, which you map or ignore: typo"), "{text}");
    let (_, text, loses_nothing) = plan(&mapping.ignore_rest(), &[file]);
    assert!(loses_nothing && text.contains("ignored with --ignore-rest:\n  Given Name"), "{text}");
}

#[test]
fn all_problems_of_a_line_are_reported_with_the_line_as_it_is() {
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
fn same_problem_is_written_once_with_its_count_and_first_lines() {
    let file = "email\n".to_owned() + &"ada\n".repeat(1500);
    let (rejected, text, _) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert_eq!(rejected.len(), 1500);
    assert!(text.contains("between a name and a host\n"), "{text}");
    assert!(text.lines().count() < 12, "{text}");
}

#[test]
fn user_in_two_files_is_one_user_or_a_problem() {
    let (one, other) = ("id,email\n1,ada@example.com\n", "id,email,first_name\n1,ada@example.com,Ada\n");
    let mapping = Mapping::new(Source::Kinde);
    let mut users = mapping.users([one.as_bytes(), one.as_bytes()]).unwrap();
    assert_eq!((users.by_ref().count(), users.plan().merged()), (1, 1));
    let (rejected, text, _) = plan(&mapping, &[one, other]);
    let told = "line 2: the email is that of line 2 of file 1 too, which says something else of the user; \
        the id is that of line 2 of file 1 too, which says something else of the user";
    assert_eq!(rejected[0].to_string(), told);
    assert!(text.contains("\n  line 2 of file 2: the email is"), "{text}");
}

#[test]
fn names_that_are_values_do_not_fill_the_memory() {
    let line = |at: usize| {
        format!("{{\"id\":\"{at}\",\"key{}\":1}}\n", "x".repeat(at / 100) + &"yz".repeat(at % 100))
    };
    let file: String = (0..9000_usize).map(line).collect();
    let (_, text, loses_nothing) = plan(&Mapping::new(Source::Kinde), &[&file]);
    assert!(!loses_nothing && text.contains("(more names): there are too many names"), "{}", text.len());
}

#[test]
fn time_that_is_past_suspends_no_one() {
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
        // Of other zones and other forms it is not known.
        ("2026-01-31 11:59:59 +05:00", true),
        ("31/01/2026 11:59:59", true),
        ("NULL", false),
        ("", false),
    ] {
        assert_eq!(suspended(&mapping, time), is_suspended, "{time}");
    }
}

#[test]
fn file_that_is_not_of_the_system_is_recognized() {
    let error = |file: &str| Mapping::new(Source::Kinde).users([file.as_bytes()]).map(|_| ()).unwrap_err();
    let clerk = error("user,primary_email_address\n1,ada@example.com\n");
    assert!(clerk.to_string().ends_with("(this looks like a Clerk export: --from clerk)"), "{clerk}");
    assert!(
        error("Ada,Lovelace\nGrace,Hopper\n").to_string().starts_with("no column becomes an email address")
    );
    assert_eq!(error("email,a,email\n").to_string(), "columns 1 and 3 have one name");
    assert_eq!("aspnet-identity".parse(), Ok(Source::AspNetIdentity));
    assert!("asp".parse::<Source>().unwrap_err().to_string().contains("kinde, auth0, firebase"));
}

#[test]
fn organization_and_suspension_of_all_are_part_of_each_user() {
    let mapping = Mapping::new(Source::Kinde).organization("org_1").suspended();
    let mut users = mapping.users(["email\nada@example.com\n".as_bytes()]).unwrap();
    assert_eq!((users.by_ref().count(), users.plan().suspended()), (1, 1));
}

#[test]
fn list_of_one_value_is_that_value_and_a_list_of_nothing_is_none() {
    let mapping = Mapping::new(Source::Keycloak);
    let id = |json: &str| mapping.line(json).map(|user| user.provided_id().map(str::to_owned));
    assert_eq!(id(r#"{"email":"a@example.com","id":["7"]}"#), Ok(Some("7".to_owned())));
    assert_eq!(id(r#"{"email":"a@example.com","id":[""]}"#), Ok(None));
    assert!(id(r#"{"email":"a@example.com","id":["7","8"]}"#).is_err());
}
