//! What all subcommands share: how a tenant is named, what is confirmed, and what is printed.

use std::fs;

use assert_cmd::assert::OutputAssertExt;
use kinde_users_fake::server::{Options, Server};
use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use super::common::terminal;
use super::common::{Listening, command, program, run, text_of};

const ADA: &str = "kp_ada00000000000000000000000000000";

fn with_ada(name: &str) -> Listening {
    let tenant = Listening::start(FakeKinde::builder(), name);
    tenant.fake.add_user(NewFakeUser::new().id(ADA).email("ada@example.com").mfa("sms", "+61555111555"));
    tenant
}

/// The operations that were called, without those that only read.
fn changes(tenant: &Listening) -> Vec<String> {
    let requests = tenant.fake.requests();
    let changes = requests
        .iter()
        .filter(|request| request.method != "GET" && !request.path_and_query().contains("oauth2"));
    changes.map(|request| format!("{} {}", request.method, request.path_and_query())).collect()
}

#[test]
fn run_without_a_tenant_says_how_to_name_one() {
    let tenant = with_ada("none-named");
    let users = tenant.write("users.csv", "email\nada@example.com\n");
    let list = tenant.write("users.txt", "ada@example.com\n");
    let export = text_of(&tenant.file("export.csv"));
    for arguments in [
        &["import", &users] as &[&str],
        &["export", &export],
        &["find", "ada"],
        &["erase", "ada"],
        &["suspend", "ada"],
        &["reset-mfa", "ada"],
        &["set-properties", &list, "plan=gold"],
        &["refresh-claims", &list],
    ] {
        let how = "no tenant is named: set KINDE_DOMAIN, KINDE_MANAGEMENT_CLIENT_ID, KINDE_MANAGEMENT_CLIENT_SECRET, or give \
            --domain, --client-id, --client-secret-file; --rehearse runs the command on an in-memory tenant";
        let (code, _, errors) = run(&mut command(arguments));
        assert_eq!((code, errors), (2, format!("error: {how}")), "{arguments:?}");
    }
}

#[test]
fn secret_comes_from_a_file_or_stdin() {
    let tenant = with_ada("options");
    let secret = tenant.write("secret", &format!("{}\r\n", tenant.fake.client_secret()));
    let (domain, id) = (tenant.fake.origin(), tenant.fake.client_id());
    let named = ["find", ADA, "--domain", &domain, "--client-id", &id, "--client-secret-file"];
    for file in [secret.as_str(), "-"] {
        let mut command = command(&named);
        command.arg(file).stdin(fs::File::open(&secret).unwrap());
        let (code, told, errors) = run(&mut command);
        assert_eq!((code, errors.as_str()), (0, ""));
        assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["id"], ADA);
    }
    let (code, _, errors) = run(command(&named).arg(tenant.file("no-secret")));
    assert!(code == 2 && errors.ends_with("the file of --client-secret-file cannot be read"), "{errors}");
    let (code, _, errors) = run(command(&named).arg(&secret).arg("--rehearse"));
    assert!(code == 2 && errors.contains("cannot be used with"), "{errors}");
}

#[test]
fn api_key_replaces_the_client_id_and_secret() {
    let tenant = with_ada("api-key");
    let key = tenant.fake.issue_api_key(["read:users"]);
    let file = tenant.write("key", &format!("{key}\n"));
    let find = || {
        let mut command = command(&["find", ADA]);
        command.env("KINDE_DOMAIN", tenant.fake.origin());
        command
    };
    for command in [find().env("KINDE_API_KEY", &key), find().args(["--api-key-file", &file])] {
        assert_eq!(run(command).0, 0);
    }
    // No token was requested.
    assert!(tenant.fake.requests().iter().all(|request| request.operation != Some("token")));
    let (code, _, errors) = run(find().env("KINDE_API_KEY", "k_live_0"));
    assert!(code == 1 && errors.contains("401"), "{errors}");
    let (code, _, errors) = run(find().env("KINDE_API_KEY", "with a blank"));
    assert!(code == 2 && errors.starts_with("error: KINDE_API_KEY "), "{errors}");
    // Options for an application win over a key in the environment.
    let (code, _, errors) = run(find().env("KINDE_API_KEY", &key).args(["--client-id", "id"]));
    assert!(code == 2 && errors.contains("KINDE_MANAGEMENT_CLIENT_SECRET is not set"), "{errors}");
}

#[test]
fn root_certificates_of_a_file_are_trusted() {
    let tenant = with_ada("roots");
    let server = Server::start(&tenant.fake, &Options::new().tls()).unwrap();
    let roots = tenant.write("ca.pem", server.ca_pem().unwrap());
    let find = || {
        let mut command = command(&["find", ADA]);
        tenant.name_in(&mut command);
        command.env("KINDE_DOMAIN", server.origin());
        command
    };
    let (code, _, errors) = run(&mut find());
    assert!(code == 1 && errors.contains("TLS"), "{errors}");
    for command in [find().args(["--ca-file", &roots]), find().env("SSL_CERT_FILE", &roots)] {
        let (code, _, errors) = run(command);
        assert_eq!((code, errors.as_str()), (0, ""));
    }
    let (none, broken) = (tenant.write("none.pem", "no PEM"), tenant.write("broken.pem", BROKEN));
    let garbage = tenant.write("garbage.pem", &BROKEN.replace("!!!", "Z2FyYmFnZQ=="));
    for (file, what) in [
        ("missing.pem", "No such file"),
        (&none, "there is no certificate in PEM"),
        (&broken, "not valid PEM"),
        (&garbage, "one of the certificates is not valid"),
    ] {
        let (code, _, errors) = run(find().args(["--ca-file", file]));
        assert!(code == 2 && errors.contains("--ca-file: ") && errors.contains(what), "{errors}");
    }
    server.shutdown();
}

const BROKEN: &str = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";

#[test]
fn secret_is_in_no_output() {
    const SECRET: &str = "s3cret-of-the-application";
    let tenant = with_ada("secret");
    let file = tenant.write("secret", SECRET);
    for (more, domain) in [(&[] as &[&str], tenant.fake.origin()), (&["--json"], "http://127.0.0.1:1".into())]
    {
        for name in ["find", "erase", "suspend", "reset-mfa"] {
            let mut command = tenant.program(name, &[ADA, "--client-secret-file", &file]);
            command.args(more).env("KINDE_DOMAIN", &domain).env("KINDE_CLOCK_SPEED", "1000");
            let (code, told, errors) = run(&mut command);
            assert!(code == 1 && !errors.is_empty(), "{errors}");
            assert!(!told.contains(SECRET) && !errors.contains(SECRET), "{told} {errors}");
        }
    }
}

#[test]
fn what_cannot_be_undone_is_refused_without_a_terminal() {
    let tenant = with_ada("refused");
    let users = tenant.write("users.csv", "email\nada@example.com\n");
    let shows_all = ", and --dry-run shows what it would do";
    for (arguments, shows) in [
        (&["erase", ADA] as &[&str], shows_all),
        (&["erase", "--journal", "j"], shows_all),
        (&["reset-mfa", ADA], ", and --list shows the factors"),
        (&["import", "--update", &users], ""),
    ] {
        let mut command = command(arguments);
        tenant.name_in(&mut command);
        let (code, _, errors) = run(&mut command);
        let refused = format!(
            "error: this cannot be undone, and there is no terminal to ask on: --yes confirms it{shows}"
        );
        assert_eq!((code, errors), (2, refused), "{arguments:?}");
    }
    assert!(tenant.fake.requests().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn secret_is_not_read_from_a_terminal() {
    let tenant = with_ada("secret-of-a-terminal");
    let secret = tenant.write("secret", &tenant.fake.client_secret());
    let (_person, program) = terminal();
    for (file, expected) in [("-", 2), (secret.as_str(), 0)] {
        let mut command = tenant.program("find", &[ADA, "--client-secret-file", file]);
        let (code, _, errors) = run(command.stdin(program.try_clone().unwrap()));
        assert_eq!(code, expected, "{errors}");
        assert_eq!(errors.contains("reads a file or a pipe, and not a terminal"), file == "-", "{errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn terminal_is_asked_and_only_yes_goes_on() {
    use std::io::{Read, Write};
    let tenant = with_ada("asked");
    let file = tenant.write("users.csv", "email,first_name\nada@example.com,Changed\n");
    let update = ["import", "--update", &file];
    let into = format!("Import 1 user into {}, and overwrite those that exist?", tenant.fake.origin());
    let erase = format!("Erase {ADA} on {}?", tenant.fake.origin());
    let name = || tenant.fake.users().first().map(|user| user.given_name.clone());
    for (arguments, question, answer, expected) in [
        (update.as_slice(), &into, "\n", (2, Some(None))),
        (&update, &into, "y\n", (0, Some(Some("Changed".to_owned())))),
        (&["erase", ADA], &erase, "\n", (2, Some(Some("Changed".to_owned())))),
        (&["erase", ADA], &erase, "no\n", (2, Some(Some("Changed".to_owned())))),
        (&["erase", ADA], &erase, "Yes\n", (0, None)),
    ] {
        let (mut terminal, other) = terminal();
        terminal.write_all(answer.as_bytes()).unwrap();
        let mut command = command(arguments);
        tenant.name_in(&mut command);
        let status = command.stdin(other.try_clone().unwrap()).stderr(other).status().unwrap();
        assert_eq!((status.code().unwrap(), name()), expected, "{answer}");
        // With it the other end of the terminal closes, so reading ends.
        drop(command);
        let (mut shown, mut some) = (String::new(), [0; 512]);
        let question = format!("{question} This cannot be undone. [y/N] ");
        while !shown.contains(&question) {
            let read = terminal.read(&mut some).unwrap();
            shown.push_str(std::str::from_utf8(&some[..read]).unwrap());
        }
    }
}

#[test]
fn dry_run_sends_nothing_that_changes() {
    let tenant = with_ada("dry-run");
    let users = tenant.write("users.csv", "email\nnew@example.com\n");
    let list = tenant.write("users.txt", "ada@example.com\n");
    for (arguments, expected) in [
        (
            &["import", &users] as &[&str],
            "1 record of a file in Kinde's form: 1 user can be imported.\n\nThe fields become:\n  email  the email address (1 line)\n\n\
             Passwords: 0 of 1 user; without a password: 1 (line 2)\n",
        ),
        (&["erase", "ada@example.com"], &format!("{ADA}: to be erased\n")),
        (&["suspend", "ada@example.com"], &format!("{ADA}: to be suspended and signed out\n")),
        (&["set-properties", &list, "plan=gold"], "to be done for 1 of 1 user\n"),
        (&["refresh-claims", &list], "to be done for 1 of 1 user\n"),
    ] {
        let mut command = command(arguments);
        tenant.name_in(&mut command);
        let (code, told, errors) = run(command.arg("--dry-run"));
        assert_eq!((code, told.as_str(), errors.as_str()), (0, expected, ""), "{arguments:?}");
    }
    let (code, told, _) = run(&mut tenant.program("reset-mfa", &[ADA, "--dry-run"]));
    assert!(code == 0 && told.ends_with(" sms\n"), "{told}");
    assert_eq!(changes(&tenant), [""; 0]);
    assert!(!tenant.file("users.csv.journal").exists());
}

#[test]
fn json_is_an_object_on_each_line() {
    let tenant = with_ada("json");
    let users = tenant.write("users.csv", "email\nada@example.com\n");
    let list = tenant.write("users.txt", "ada@example.com\nnobody@example.com\n");
    let export = text_of(&tenant.file("export.csv"));
    // Commands with many calls add an object with the counts of calls.
    for (name, arguments, lines) in [
        ("import", &[users.as_str()] as &[&str], 3),
        ("export", &[&export], 2),
        ("find", &[ADA], 1),
        ("reset-mfa", &[ADA, "--list"], 1),
        ("reset-mfa", &[ADA], 1),
        ("set-properties", &[&list, "plan=gold"], 3),
        ("refresh-claims", &[&list], 3),
        ("suspend", &[ADA], 1),
        ("erase", &[ADA, "--dry-run"], 1),
        ("erase", &[ADA], 1),
    ] {
        // However quiet it is: who asks for JSON reads it.
        let mut command = tenant.program(name, arguments);
        let (_, told, errors) = run(command.args(["--json", "--quiet"]));
        assert_eq!(told.lines().count(), lines, "{name}: {told} {errors}");
        let objects: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(objects.iter().all(Value::is_object), "{told}");
        if lines == 3 && name != "import" {
            assert!(objects.contains(&json!({ "error": "there is no such user", "line": 2 })), "{told}");
        }
    }
}

#[test]
fn quiet_run_prints_results_and_errors_only() {
    let tenant = with_ada("quiet");
    let quiet = |name: &str, arguments: &[&str]| {
        let output = tenant.program(name, arguments).arg("-q").output().unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    assert_eq!(quiet("suspend", &[ADA]), ["", ""]);
    assert_eq!(quiet("suspend", &["absent"]), ["", "error: there is no such user\n"]);
    let [found, errors] = quiet("find", &[ADA]);
    assert!(found.contains(ADA) && errors.is_empty(), "{found} {errors}");
}

#[test]
fn user_is_found_by_whatever_names_the_user() {
    let tenant = Listening::start(FakeKinde::builder(), "find");
    let ada = NewFakeUser::new().id(ADA).email("ada@example.com").username("ada").phone("+61555111555");
    tenant.fake.add_user(ada);
    for text in [ADA, "ada@example.com", "ada", "+61555111555"] {
        let (code, told, _) = run(&mut tenant.program("find", &[text]));
        let user: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((code, &user["id"], &user["email"]), (0, &ADA.into(), &"ada@example.com".into()));
    }
    for absent in ["absent@example.com", "kp_0123456789abcdef0123456789abcdef"] {
        let nothing = (1, String::new(), "error: there is no such user".to_owned());
        assert_eq!(run(&mut tenant.program("find", &[absent])), nothing);
    }
}

#[test]
fn rehearsal_ignores_the_tenant_of_the_environment() {
    let tenant = with_ada("rehearsal");
    let mut command = program("erase", &["user3@example.com"]);
    tenant.name_in(&mut command);
    let output = command.assert().success().get_output().clone();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with("Rehearsal on an in-memory tenant") && errors.lines().count() == 1,
        "{errors}"
    );
    assert!(tenant.fake.requests().is_empty());
}

#[test]
fn completions_and_man_pages_name_every_subcommand() {
    let names =
        ["import", "export", "find", "erase", "suspend", "reset-mfa", "set-properties", "refresh-claims"];
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, told, errors) = run(&mut command(&["completions", shell]));
        assert_eq!((code, errors.as_str()), (0, ""));
        assert!(names.iter().all(|name| told.contains(name)), "{shell}");
    }
    let (code, told, _) = run(&mut command(&["man"]));
    assert!(code == 0 && told.contains(".TH kinde"), "{told}");
    for name in names {
        assert!(told.contains(&name.replace('-', "\\-")), "{name}");
        let (code, page, _) = run(&mut command(&["man", name]));
        assert!(code == 0 && page.contains("\\-\\-rehearse") && page.contains("Example"), "{page}");
    }
    // They make no call, so they have no options for the tenant.
    for name in ["completions", "man"] {
        let (_, help, _) = run(&mut command(&[name, "--help"]));
        assert!(help.contains("Example") && !help.contains("--rehearse") && !help.contains("-q"), "{help}");
    }
    let (code, _, errors) = run(&mut command(&["man", "nothing"]));
    assert_eq!((code, errors.as_str()), (2, "error: there is no subcommand nothing"));
}

#[test]
fn help_of_map_lists_all_targets() {
    let (_, help, _) = run(&mut command(&["import", "--help"]));
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let targets = kinde_users::import::UnknownTarget.to_string();
    for target in targets.trim_start_matches("unknown target: expected ").split(", ") {
        for target in target.split(" or ") {
            let (_, listed) = help.split_once("A field can become").unwrap();
            assert!(listed.contains(&format!("`{target}`")), "{target}");
        }
    }
}

#[test]
fn readme_lists_the_scopes_of_each_command() {
    use kinde_users::operations::{
        CreateUser, DeleteUser, DeleteUserSessions, GetUserData, GetUsers, GetUsersMfa, RefreshUserClaims,
        ResetUsersMfa, ResetUsersMfaAll, SetUserPassword, UpdateUser, UpdateUserFeatureFlagOverride,
        UpdateUserProperties,
    };
    use kinde_users::{Meta, Operation as _, scopes_for};

    let import = [
        GetUsers::META,
        GetUserData::META,
        CreateUser::META,
        SetUserPassword::META,
        UpdateUserProperties::META,
        UpdateUserFeatureFlagOverride::META,
        UpdateUser::META,
    ];
    let commands: [(&str, &[Meta]); 8] = [
        ("import", &import),
        ("export", &[GetUsers::META]),
        ("find", &[GetUsers::META]),
        ("suspend", &[GetUsers::META, UpdateUser::META, DeleteUserSessions::META]),
        ("erase", &[GetUsers::META, DeleteUserSessions::META, DeleteUser::META]),
        ("reset-mfa", &[GetUsers::META, GetUsersMfa::META, ResetUsersMfa::META, ResetUsersMfaAll::META]),
        ("set-properties", &[GetUsers::META, UpdateUserProperties::META]),
        ("refresh-claims", &[GetUsers::META, RefreshUserClaims::META]),
    ];
    let readme = include_str!("../../README.md");
    for (command, operations) in commands {
        let scopes: Vec<_> = scopes_for(operations).iter().map(|scope| format!("`{scope}`")).collect();
        let row = format!("| `{command}` | {} |\n", scopes.join(", "));
        assert!(readme.contains(&row), "{row}");
    }
}
