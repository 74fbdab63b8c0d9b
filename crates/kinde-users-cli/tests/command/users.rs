//! The programs for one user and for lists of users.

use std::fs;

use http::Response;
use kinde_users_fake::{FakeKinde, Fault, NewFakeUser};
use serde_json::{Value, json};

use super::common::{Listening, command, folder, given_up, pipe_to_nobody, program, run, text_of};

const ADA: &str = "kp_ada00000000000000000000000000000";

fn with_ada(name: &str) -> Listening {
    let tenant = Listening::start(FakeKinde::builder().strict(), name);
    let ada = NewFakeUser::new().id(ADA).email("ada@example.com").session().mfa("sms", "+61555111555");
    tenant.fake.add_user(ada);
    tenant
}

#[test]
fn user_is_erased_once_with_a_receipt() {
    let tenant = with_ada("erase");
    let (code, receipt, errors) = run(&mut tenant.program("erase", &["ada@example.com", "--json"]));
    assert_eq!((code, errors.as_str()), (0, ""));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!([&receipt["user_id"], &receipt["sessions"], &receipt["user"]], [ADA, "deleted", "deleted"]);
    assert!(receipt["erased"] == true && receipt["unix_time"].as_u64() > Some(1_700_000_000));
    assert_eq!(receipt["tenant"], tenant.fake.origin());
    assert!(tenant.fake.users().is_empty());
    assert!(tenant.fake.requests().of("delete_user")[0].path_and_query().contains("is_delete_profile=true"));

    // Who was erased cannot be told from a mistyped id.
    let (code, receipt, errors) = run(&mut tenant.program("erase", &[ADA, "--json"]));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["user"], &receipt["erased"]), (1, &"already_absent".into(), &false.into()));
    assert_eq!(errors, "error: there was no such user: erased before, or a wrong id");
    let (_, told, _) = run(&mut tenant.program("erase", &[ADA]));
    assert_eq!(told, format!("{ADA}: sessions already absent, user already absent\n"));
    let (code, told, errors) = run(&mut tenant.program("erase", &["ada@example.com", "--json"]));
    assert_eq!((code, told.as_str(), errors.as_str()), (1, "", "error: there is no such user"));
}

#[test]
fn a_user_name_that_begins_as_an_id_does_is_a_name() {
    let tenant = Listening::start(FakeKinde::builder(), "name");
    tenant.fake.add_user(NewFakeUser::new().id(ADA).username("kp_ada"));
    let (code, receipt, _) = run(&mut tenant.program("erase", &["kp_ada", "--json"]));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["user_id"], &receipt["erased"]), (0, &ADA.into(), &true.into()));
    assert!(tenant.fake.users().is_empty());
    let (code, told, errors) = run(&mut tenant.program("erase", &["kp_ada", "--json"]));
    assert_eq!((code, told.as_str(), errors.as_str()), (1, "", "error: there is no such user"));
}

#[test]
fn a_receipt_that_nobody_reads_is_not_lost() {
    let tenant = with_ada("closed-output");
    let (code, _, errors) = run(tenant.program("erase", &[ADA, "--json"]).stdout(pipe_to_nobody()));
    assert!(tenant.fake.users().is_empty());
    let (receipt, error) = errors.split_once('\n').unwrap();
    let receipt: Value = serde_json::from_str(receipt).unwrap();
    assert_eq!((code, &receipt["erased"]), (1, &true.into()));
    assert!(error.starts_with("error: stdout: "), "{error}");

    tenant.fake.seed_users(3);
    let list = tenant.write("users.txt", "user0@example.com\nnobody@example.com\n");
    let mut refresh = tenant.program("refresh-claims", &[&list]);
    let (code, ..) = run(refresh.stdout(pipe_to_nobody()).stderr(pipe_to_nobody()));
    assert_eq!(code, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_to_stdout_is_told_and_fails() {
    let tenant = with_ada("full");
    tenant.fake.seed_users(3);
    let users = tenant.write("users.csv", "email\nuser0@example.com\n");
    let list = tenant.write("users.txt", "user0@example.com\n");
    let export = text_of(&tenant.file("export.csv"));
    for (name, arguments) in [
        ("import", &[users.as_str()] as &[&str]),
        ("export", &[&export]),
        ("reset-mfa", &[ADA, "--list"]),
        ("reset-mfa", &[ADA]),
        ("suspend", &[ADA]),
        ("erase", &[ADA]),
        ("set-properties", &[&list, "plan=gold"]),
        ("refresh-claims", &[&list]),
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = tenant.program(name, arguments);
        let (code, _, errors) = run(command.stdout(full));
        // Of what was done, the receipt stands before it.
        let end = errors.lines().last().unwrap_or_default();
        assert!(code == 1 && end.starts_with("error: stdout: "), "{name}: {code} {errors}");
        let is_receipt = ["export", "reset-mfa", "suspend", "erase", "set-properties", "refresh-claims"];
        let most = if is_receipt.contains(&name) { 2 } else { 1 };
        assert!(errors.lines().count() <= most, "{name}: {errors}");
    }
    assert_eq!(tenant.fake.users().len(), 3);
}

#[test]
fn calls_under_way_at_the_end_are_reported() {
    let tenant = Listening::start(FakeKinde::builder(), "under-way");
    let list = tenant.write("users.txt", &tenant.fake.seed_users(100).join("\n"));
    tenant.fake.fail("refresh_user_claims").always().with(Fault::forbidden());
    let (_, _, errors) = run(&mut tenant.program("refresh-claims", &[&list, "--at-once=8"]));
    assert_eq!(given_up(&errors), tenant.fake.requests().of("refresh_user_claims").len());
}

#[test]
fn absent_users_do_not_end_a_list() {
    let tenant = Listening::start(FakeKinde::builder(), "block");
    let ids = tenant.fake.seed_users(50);
    let not_there = (0..30).map(|n| format!("gone{n}@example.com\n")).chain([format!("{ADA}\n").repeat(30)]);
    let list = tenant.write("users.txt", &(not_there.collect::<String>() + &ids.join("\n")));
    let (code, told, errors) = run(&mut tenant.program("refresh-claims", &[&list, "--at-once=1"]));
    assert_eq!((code, told.as_str()), (1, "done for 50 of 110 users\n"));
    assert!(errors.ends_with("error: 60 of 110 users failed"), "{errors}");
    assert!(tenant.fake.users().iter().all(|user| user.claims_refreshed == 1));
}

#[test]
fn what_fails_for_all_of_a_list_ends_it_early() {
    let tenant = Listening::start(FakeKinde::builder(), "all");
    let list = tenant.write("users.txt", &tenant.fake.seed_users(100).join("\n"));
    let page = |response: &mut http::Response<Vec<u8>>| *response.body_mut() = b"<html>".to_vec();
    for fault in [Fault::forbidden(), Fault::edit(page)] {
        tenant.fake.clear_faults();
        tenant.fake.fail("refresh_user_claims").always().with(fault);
        let (code, told, errors) = run(&mut tenant.program("refresh-claims", &[&list, "--at-once=1"]));
        assert_eq!((code, told.as_str()), (1, "done for 0 of 100 users\n"));
        // One more may have been under way.
        assert!((25..=26).contains(&given_up(&errors)), "{errors}");
    }
}

#[test]
fn page_of_a_proxy_resets_no_factor() {
    let tenant = with_ada("page");
    let page = |response: &mut http::Response<Vec<u8>>| *response.body_mut() = b"<html>".to_vec();
    tenant.fake.fail("reset_users_mfa_all").always().with(Fault::edit(page));
    let (code, told, errors) = run(&mut tenant.program("reset-mfa", &[ADA]));
    assert!(code == 1 && told.is_empty() && errors.starts_with("error: reset_users_mfa_all: "), "{errors}");
}

#[test]
fn untrusted_search_changes_no_user() {
    let tenant = with_ada("others");
    let list = tenant.write("users.txt", &"ann@example.com\n".repeat(40));
    let csv = tenant
        .write("users.csv", "email,hashed_password\nann@example.com,$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n");
    let found = format!("the tenant's search cannot be trusted: it found {ADA}, who is another user");
    let endless = "the tenant's search did not end: it is not known whether there is such a user";
    for (users, next, told) in [
        (
            json!([{"id": ADA, "email": "joann@example.com", "username": "joann"}]),
            json!(null),
            found.as_str(),
        ),
        (json!([{"id": ADA, "email": "ada@example.com"}]), json!("more"), &found),
        (json!([{"id": ADA, "email": null, "username": null, "phone": null}]), json!(null), &found),
        (json!([]), json!("more"), endless),
    ] {
        let page = json!({"code": "OK", "users": users, "next_token": next}).to_string();
        tenant.fake.clear_faults();
        tenant.fake.fail("get_users").always().with(Fault::reply(Response::new(page.into_bytes())));
        for name in ["erase", "suspend", "reset-mfa"] {
            for user in ["ann@example.com", "ann", "+61555111555"] {
                let (code, receipt, errors) = run(&mut tenant.program(name, &[user]));
                assert_eq!((code, receipt.as_str()), (1, ""), "{name} {user}");
                assert_eq!(errors, format!("error: {told}: give an id"));
            }
        }
        for (name, more) in [("refresh-claims", &[] as &[&str]), ("set-properties", &["plan=gold"])] {
            let arguments: Vec<_> =
                [list.as_str(), "--at-once=1"].into_iter().chain(more.iter().copied()).collect();
            let (code, receipt, errors) = run(&mut tenant.program(name, &arguments));
            assert_eq!((code, receipt.as_str()), (1, "done for 0 of 40 users\n"), "{name}");
            assert!(errors.starts_with(&format!("line 1: {told}: give an id\n")), "{errors}");
            // It is so for all of them.
            assert!((25..=26).contains(&given_up(&errors)), "{errors}");
        }
        for more in [&[] as &[&str], &["--update"]] {
            let journal = text_of(&tenant.file("import.journal"));
            fs::remove_file(&journal).unwrap_or_default();
            let arguments = [csv.as_str(), "--journal", &journal];
            let arguments: Vec<_> = arguments.into_iter().chain(more.iter().copied()).collect();
            let (code, _, errors) = run(&mut tenant.program("import", &arguments));
            let look = "look for the user in Kinde, and create it there if it is missing";
            let again = "error: 1 line failed: to retry, run the same command again";
            assert_eq!((code, errors), (1, format!("line 2: {told}: {look}\n{again}")));
        }
    }
    let made = tenant.fake.requests();
    assert_eq!(made.len(), made.of("get_users").len() + made.of("token").len());
}

#[test]
fn erasure_answered_by_a_proxy_has_no_receipt() {
    let tenant = with_ada("proxy");
    let page = Response::builder().status(404).body(b"<html>nginx: no such route</html>".to_vec()).unwrap();
    tenant.fake.fail("delete_user_sessions").always().with(Fault::reply(page));
    let (code, receipt, errors) = run(&mut tenant.program("erase", &[ADA, "--json"]));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["sessions"], &receipt["user"]), (1, &Value::Null, &Value::Null));
    let said = "HTTP 404 (not in Kinde's form; a firewall or proxy may have answered)";
    assert_eq!(errors, format!("error: delete_user_sessions: {said}"));
    let (code, receipt, _) = run(&mut tenant.program("suspend", &[ADA, "--json"]));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["is_suspended"], &receipt["is_signed_out"]), (1, &true.into(), &false.into()));
    assert!(!tenant.fake.user(ADA).unwrap().sessions.is_empty());
}

#[test]
fn an_erasure_that_stops_midway_tells_how_far_it_came() {
    let tenant = with_ada("midway");
    tenant.fake.fail("delete_user").always().with(Fault::forbidden());
    let (code, receipt, errors) = run(&mut tenant.program("erase", &[ADA, "--json"]));
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!((code, &receipt["sessions"], &receipt["erased"]), (1, &"deleted".into(), &false.into()));
    assert_eq!(errors, "error: delete_user: HTTP 403 (needs scope delete:users)");
}

#[test]
fn a_user_is_suspended_and_signed_out_and_both_are_told() {
    let tenant = with_ada("suspend");
    tenant.fake.next("delete_user_sessions", Fault::forbidden());
    let (code, told, errors) = run(&mut tenant.program("suspend", &["ada@example.com", "--json"]));
    assert_eq!(errors, "error: delete_user_sessions: HTTP 403 (needs scope delete:user_sessions)");
    let told: Value = serde_json::from_str(&told).unwrap();
    let expected = json!({
        "tenant": tenant.fake.origin(), "user_id": ADA, "is_suspended": true, "is_signed_out": false,
    });
    assert_eq!((code, told), (1, expected));
    let (code, told, _) = run(&mut tenant.program("suspend", &[ADA, "--json"]));
    assert_eq!((code, told.contains("\"is_signed_out\":true")), (0, true));
    let ada = tenant.fake.user(ADA).unwrap();
    assert!(ada.is_suspended && ada.sessions.is_empty());
}

#[test]
fn a_second_factor_is_listed_and_reset() {
    let tenant = with_ada("mfa");
    let (code, told, _) = run(&mut tenant.program("reset-mfa", &[ADA, "--list"]));
    let factor = tenant.fake.user(ADA).unwrap().factors[0].id.clone();
    assert_eq!((code, told), (0, format!("{factor} sms\n")));
    let (code, _, errors) = run(&mut tenant.program("reset-mfa", &[ADA, "--factor", "mfa_0"]));
    assert_eq!(code, 1);
    assert!(errors.starts_with("error: reset_users_mfa: HTTP 404: MFA_NOT_FOUND"), "{errors}");
    let reset = (0, format!("{ADA}: reset\n"), String::new());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[" ada@example.com "])), reset);
    let none = (0, format!("{ADA}: reset; no factor was listed before\n"), String::new());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[ADA])), none);
    assert_eq!(tenant.fake.requests().of("reset_users_mfa_all").len(), 2);
    let none = (0, String::new(), "The user has no factor.".to_owned());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[ADA, "--list"])), none);
    let (code, _, errors) = run(&mut tenant.program("reset-mfa", &[ADA, "--list", "--factor", "mfa_0"]));
    assert!(code == 2 && errors.contains("cannot be used with"), "{errors}");
    let no_user = (2, String::new(), "error: no user is given".to_owned());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[" "])), no_user);
    assert!(tenant.fake.user(ADA).unwrap().factors.is_empty());
}

#[test]
fn factors_are_reset_whatever_the_list_of_them_lacks() {
    let tenant = with_ada("mfa-unlisted");
    let odd = Fault::reply(Response::new(br#"{"data":{"mfa":[{"id":"mfa_1"}]}}"#.to_vec()));
    tenant.fake.next("get_users_mfa", odd);
    let told = (0, format!("{ADA}: reset; no factor was listed before\n"), String::new());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[ADA])), told);
    assert!(tenant.fake.user(ADA).unwrap().factors.is_empty());
}

#[test]
fn factors_are_reset_without_the_read_scope() {
    let tenant = Listening::start(FakeKinde::builder().scopes(["delete:user_mfa"]), "mfa-unseen");
    tenant.fake.add_user(NewFakeUser::new().id(ADA).mfa("sms", "+61555111555"));
    let told = "reset; it is not known whether there was a factor (needs scope read:user_mfa)\n";
    let reset = (0, format!("{ADA}: {told}"), String::new());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[ADA])), reset);
    assert!(tenant.fake.user(ADA).unwrap().factors.is_empty());
}

#[test]
fn no_factor_is_reset_if_the_list_fails_for_another_reason() {
    let tenant = with_ada("mfa-not-listed");
    tenant.fake.next("get_users_mfa", Fault::status(404));
    let (code, told, errors) = run(&mut tenant.program("reset-mfa", &[ADA]));
    assert_eq!((code, told.as_str()), (1, ""));
    assert!(errors.starts_with("error: get_users_mfa: HTTP 404"), "{errors}");
    assert_eq!(tenant.fake.user(ADA).unwrap().factors.len(), 1);
}

#[test]
fn a_reset_whose_first_reply_is_lost_succeeds() {
    let tenant = with_ada("mfa-lost-reply");
    let factor = tenant.fake.user(ADA).unwrap().factors[0].id.clone();
    tenant.fake.next("reset_users_mfa", Fault::connection_lost().after_the_effect());
    let reset = (0, format!("{ADA}: reset\n"), String::new());
    assert_eq!(run(&mut tenant.program("reset-mfa", &[ADA, "--factor", factor.as_str()])), reset);
    assert_eq!(tenant.fake.requests().of("reset_users_mfa").len(), 2);
}

#[test]
fn properties_of_a_list_are_set() {
    let tenant = Listening::start(FakeKinde::builder().chaos(0.02), "properties");
    tenant.fake.seed_users(300);
    let list: Vec<_> = (0..300).map(|n| format!("user{n}@example.com")).collect();
    let list = tenant.write("users.txt", &(list.join("\n") + "\n\nnobody@example.com\n"));
    // Until all is well but the one: it can be run again.
    let mut errors = String::new();
    for _ in 0..20 {
        let (code, _, told) =
            run(&mut tenant.program("set-properties", &[&list, "plan=gold", "newsletter=true"]));
        assert_eq!(code, 1);
        errors = told;
        if errors.lines().count() == 2 {
            break;
        }
    }
    assert_eq!(errors, "line 302: there is no such user\nerror: 1 of 301 users failed");
    assert!(
        tenant
            .fake
            .users()
            .iter()
            .all(|user| user.properties["plan"] == "gold" && user.properties["newsletter"] == "true")
    );
    assert_eq!(run(&mut tenant.program("set-properties", &[&list, "plan"])).0, 2);
    let (code, _, errors) = run(&mut tenant.program("set-properties", &[&list, "plan=gold", "plan=tin"]));
    assert_eq!((code, errors.as_str()), (2, "error: plan is given two values"));
    let empty = tenant.write("empty.txt", "\n \n");
    let (code, _, errors) = run(&mut tenant.program("set-properties", &[&empty, "plan=gold"]));
    assert_eq!((code, errors), (2, format!("error: {empty}: there is no user in the list")));
}

#[test]
fn file_of_another_kind_is_no_list() {
    let tenant = with_ada("no-list");
    let form = "a list has one id, email address, phone number or user name a line, and nothing else";
    let many = "ada@example.com,Ada\n".repeat(30);
    for (text, expected) in [
        (format!("Email,First_Name\n{many}").into_bytes(), format!("line 1 names columns; {form}")),
        (
            format!("\u{feff}\n\"name\";\"email\"\n{many}").into_bytes(),
            format!("line 2 names columns; {form}"),
        ),
        ("id\nkp_1\n".into(), format!("line 1 names columns; {form}")),
        (many.clone().into_bytes(), format!("there are columns; {form}")),
        (many.replace(',', "\t").into_bytes(), format!("there are columns; {form}")),
        ("{\"id\":\"kp_1\"}\n".repeat(3).into_bytes(), format!("JSON; {form}")),
        (b"\xff\xfea\0d\0a\0\n\0".into(), "in UTF-16; save it as UTF-8".into()),
        (b"a\0d\0a\0\n\0".into(), "NUL bytes, as UTF-16 has them; save it as UTF-8".into()),
        (b"ada@example.com\nRen\xe9\n".into(), "line 2 is not in UTF-8; save it as UTF-8".into()),
    ] {
        let list = text_of(&tenant.file("users.txt"));
        fs::write(&list, text).unwrap();
        for (name, more) in [("refresh-claims", &[] as &[&str]), ("set-properties", &["plan=gold"])] {
            let arguments: Vec<_> = [list.as_str()].iter().chain(more).copied().collect();
            let (code, told, errors) = run(&mut tenant.program(name, &arguments));
            assert_eq!((code, told.as_str(), errors), (2, "", format!("error: {list}: {expected}")));
        }
    }
    assert!(tenant.fake.requests().is_empty());
    let (code, _, errors) = run(&mut tenant.program("refresh-claims", &["-"]));
    assert_eq!((code, errors.as_str()), (2, "error: stdin: there is no user in the list"));
    // A wrong line does not stop the users of the other lines.
    let list = tenant.write("users.txt", "ada@example.com,Ada\nada@example.com\n");
    let (code, told, errors) = run(&mut tenant.program("refresh-claims", &[&list]));
    assert_eq!((code, told.as_str()), (1, "done for 1 of 2 users\n"), "{errors}");
}

#[test]
fn claims_of_a_list_of_users_are_refreshed_at_a_pace() {
    let tenant = Listening::start(FakeKinde::builder().rate_limit(50), "claims");
    let ids = tenant.fake.seed_users(200);
    // Some programs begin a file with a mark.
    let list = tenant.write("members.txt", &format!("\u{feff}{}", ids.join("\n")));
    let (code, told, errors) =
        run(&mut tenant.program("refresh-claims", &[&list, "--pace=40", "--at-once=4"]));
    assert_eq!((code, told.as_str(), errors.as_str()), (0, "done for 200 of 200 users\n", ""));
    assert!(tenant.fake.users().iter().all(|user| user.claims_refreshed == 1));
}

#[test]
fn rehearsal_needs_no_tenant() {
    let folder = folder("set-up");
    let list = text_of(&folder.join("users.txt"));
    fs::write(&list, "user1@example.com\nuser2@example.com\n").unwrap();
    for (name, arguments) in [
        ("erase", &["user3@example.com"] as &[&str]),
        ("suspend", &["user3@example.com"]),
        ("reset-mfa", &["user3@example.com"]),
        ("set-properties", &[&list, "plan=gold"]),
        ("refresh-claims", &[&list]),
    ] {
        let (code, told, errors) = run(&mut program(name, arguments));
        assert!(code == 0 && !told.is_empty() && errors.is_empty(), "{name}: {told} {errors}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn who_is_in_the_tenant_in_memory_is_told() {
    let told = |name, arguments: &[&str]| {
        String::from_utf8(program(name, arguments).output().unwrap().stderr).unwrap()
    };
    let errors = told("reset-mfa", &["unknown@example.com"]);
    assert!(
        errors.starts_with("Rehearsal on an in-memory tenant with user0@example.com to user9@example.com: "),
        "{errors}"
    );
}

#[test]
fn file_of_another_kind_is_named() {
    let folder = folder("seems");
    let file = text_of(&folder.join("users.csv"));
    for (text, expected) in [
        // A quote that is not closed makes one row of three.
        (
            "email,first_name\nada@example.com,\"Ada\nb@example.com,B\nc@example.com,C\n",
            "\n  line 2: first_name ",
        ),
        ("id,ada@example.com\n1,x\n", "\n  (a name that looks like a value): unknown field (1 line: 2)\n"),
        (
            "id,ada@example.com,ada@example.com\n1,x,x\n",
            &format!("error: {file}: columns 2 and 3 have the same name: rename one of them"),
        ),
    ] {
        fs::write(&file, text).unwrap();
        let (code, _, errors) = run(&mut program("import", &[&file]));
        assert!(code == 2 && errors.contains(expected), "{errors}");
        assert!(!errors.contains("ada@") && !errors.contains("b@"), "{errors}");
    }
    // Some programs begin a file with a mark.
    let file = text_of(&folder.join("users.ndjson"));
    fs::write(&file, "\u{feff}{\"email\":\"ada@example.com\"}\n").unwrap();
    assert_eq!(run(&mut program("import", &[&file])).0, 0);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_receipt_from_a_tenant_in_memory_says_so() {
    for name in ["erase", "suspend"] {
        let (_, told, _) = run(&mut program(name, &["user3@example.com", "--json"]));
        assert!(told.contains(r#""tenant":"in memory""#), "{told}");
    }
}

#[test]
fn half_named_tenant_is_an_error() {
    const ALL: [&str; 3] = ["KINDE_DOMAIN", "KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET"];
    let tenant = with_ada("halves");
    for missing in ALL {
        let mut command = tenant.program("erase", &["ada@example.com"]);
        // An empty one is none.
        let (code, told, errors) = run(command.env(missing, ""));
        assert_eq!((code, told.as_str()), (2, ""), "{errors}");
        assert!(errors.starts_with(&format!("error: {missing} is not set: set KINDE_DOMAIN, ")), "{errors}");
    }
    let mut command = command(&["find", "ada"]);
    let (code, _, errors) = run(command.env(ALL[0], "acme"));
    assert!(
        code == 2 && errors.contains(&format!("error: {} and {} are not set", ALL[1], ALL[2])),
        "{errors}"
    );
    assert_eq!(tenant.fake.users().len(), 1);
}

#[test]
fn unknown_arguments_are_refused() {
    let all = ["import", "export", "erase", "suspend", "reset-mfa", "set-properties", "refresh-claims"];
    for name in all {
        let (code, told, _) = run(&mut program(name, &["--help"]));
        assert!(
            code == 0 && told.contains("Exit codes:\n  0  ") && told.contains("Usage: "),
            "{name}: {told}"
        );
        let (code, _, errors) = run(&mut program(name, &["--no-such-thing"]));
        assert!(code == 2 && errors.starts_with("error: "), "{name}: {errors}");
    }
}

#[test]
fn error_is_one_line_with_the_code() {
    let tenant = Listening::start(FakeKinde::builder().scopes(["read:users"]), "error");
    tenant.fake.add_user(NewFakeUser::new().id(ADA).email("ada@example.com"));
    let (code, _, errors) = run(&mut tenant.program("suspend", &["ada@example.com", "--json"]));
    assert_eq!((code, errors.lines().count()), (1, 1));
    assert!(errors.starts_with("error: update_user: HTTP 403: SCOPE_MISSING"), "{errors}");
    assert!(errors.ends_with("(needs scope update:users)"), "{errors}");

    let mut nowhere = tenant.program("suspend", &[ADA, "--json"]);
    nowhere.env("KINDE_DOMAIN", "http://127.0.0.1:1").env("KINDE_CLOCK_SPEED", "1000");
    let (code, _, errors) = run(&mut nowhere);
    assert_eq!((code, errors.lines().count()), (1, 1));
    assert!(errors.starts_with("error: ") && errors.contains("no reply from the token endpoint"), "{errors}");
    let (code, _, errors) = run(tenant.program("suspend", &[ADA, "--json"]).env("KINDE_DOMAIN", "no domain"));
    assert!(code == 2 && errors.starts_with("error: KINDE_DOMAIN: "), "{errors}");
    for name in ["KINDE_DOMAIN", "KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET"] {
        for end in ["\r", "\n", " ", "\u{feff}"] {
            let (code, _, errors) =
                run(tenant.program("suspend", &[ADA, "--json"]).env(name, format!("acme-s3cret{end}")));
            assert!(code == 2 && errors.starts_with(&format!("error: {name}")), "{errors}");
            assert!(errors.contains("blank") || errors.contains("control character"), "{errors}");
            assert!(!errors.contains("s3cret"), "{errors}");
        }
    }
}

#[test]
fn a_tenant_on_loopback_wants_its_scheme() {
    let tenant = with_ada("scheme");
    let address = tenant.fake.origin().strip_prefix("http://").unwrap().to_owned();
    let port = address.rsplit(':').next().unwrap();
    for domain in
        [address.clone(), format!("localhost:{port}"), format!("[::1]:{port}"), "127.0.0.1".to_owned()]
    {
        for name in ["suspend", "erase"] {
            let (code, told, errors) = run(tenant.program(name, &[ADA]).env("KINDE_DOMAIN", &domain));
            let expected = format!(
                "error: KINDE_DOMAIN: {domain} is on this machine: write http://{domain}, or https://{domain} if it has a certificate"
            );
            assert_eq!((code, told.as_str(), errors), (2, "", expected), "{name}");
        }
    }
}

#[test]
fn long_reset_is_waited_for_and_reported() {
    let tenant = Listening::start(FakeKinde::builder(), "long-reset");
    let ids = tenant.fake.seed_users(20);
    let list = tenant.write("members.txt", &ids.join("\n"));
    tenant.fake.next("refresh_user_claims", Fault::rate_limited(20));
    let (code, told, errors) = run(&mut tenant.program("refresh-claims", &[&list]));
    assert_eq!((code, told.as_str()), (0, "done for 20 of 20 users\n"), "{errors}");
    assert!(errors.starts_with("rate limited; continues at ") && errors.ends_with(" UTC"), "{errors}");
    assert!(tenant.fake.users().iter().all(|user| user.claims_refreshed == 1));
}

#[test]
fn longest_wait_can_be_set() {
    let tenant = Listening::start(FakeKinde::builder(), "longest-wait");
    let id = tenant.fake.seed_users(1).remove(0);
    let list = tenant.write("members.txt", id.as_str());
    tenant.fake.fail("refresh_user_claims").always().with(Fault::rate_limited(600));
    for max_wait in ["--max-wait=0", "--max-wait=500"] {
        let (code, _, errors) = run(&mut tenant.program("refresh-claims", &[&list, max_wait]));
        assert!(code == 1 && errors.contains("HTTP 429"), "{max_wait}: {errors}");
        tenant.fake.advance(std::time::Duration::from_secs(600));
    }
}

#[test]
fn calls_of_a_job_are_counted() {
    let tenant = Listening::start(FakeKinde::builder(), "counted");
    let ids = tenant.fake.seed_users(20);
    let list = tenant.write("members.txt", &ids.join("\n"));
    tenant.fake.next("refresh_user_claims", Fault::rate_limited(4));
    let (code, told, _) = run(&mut tenant.program("refresh-claims", &["--json", &list]));
    assert_eq!(code, 0);
    let counts: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let refreshes = tenant.fake.requests().of("refresh_user_claims").len();
    assert_eq!(counts["requests"], json!({ "refresh_user_claims": refreshes, "token": 1 }));
    assert_eq!(counts["rate_limited"], 1);
    // The clocks are 20 times as fast.
    let waited = counts["seconds_rate_limited"].as_f64().unwrap();
    assert!((0.1..2.0).contains(&waited), "{waited}");
    assert!(counts["bytes_sent"].as_u64() > Some(0) && counts["bytes_received"].as_u64() > Some(0));
}

#[test]
fn refusals_without_a_reset_are_reported_and_end() {
    let tenant = Listening::start(FakeKinde::builder(), "no-reset");
    let ids = tenant.fake.seed_users(20);
    let list = tenant.write("members.txt", &ids.join("\n"));
    let refusal = || Fault::reply(Response::builder().status(429).body(Vec::new()).unwrap());
    for operation in ["refresh_user_claims", "token"] {
        tenant.fake.fail(operation).always().with(refusal());
        let (code, told, errors) =
            run(&mut tenant.program("refresh-claims", &["--json", "--max-wait=20", &list]));
        let note = "rate limited; the tenant accepts no calls at the moment";
        assert!(
            code == 1 && errors.lines().filter(|line| *line == note).count() == 1,
            "{operation} {told} {errors}"
        );
        let counts = told.lines().find(|line| line.contains("rate_limited")).unwrap();
        let counts: Value = serde_json::from_str(counts).unwrap();
        // The clocks are 20 times as fast.
        let waited = counts["seconds_rate_limited"].as_f64().unwrap();
        assert!((0.5..3.0).contains(&waited), "{waited}");
        let requests = counts["rate_limited"].as_u64().unwrap();
        assert!((3..100).contains(&requests), "{requests}");
    }
}

#[test]
fn limits_of_a_list_are_refused_for_one_user() {
    for command in ["suspend", "erase"] {
        for option in ["--max-wait=5", "--pace=3", "--at-once=2"] {
            let (code, told, errors) =
                run(&mut super::common::command(&[command, ADA, "--rehearse", option]));
            assert_eq!((code, told.as_str()), (2, ""), "{option}");
            assert!(errors.contains("cannot be used with") && errors.contains("[USER]"), "{errors}");
        }
    }
}
