//! Every user that is read from any file can be sent, and its import ends.

use http::Response;
use kinde_users_core::operations::CreateUser;
use kinde_users_core::{DynOperation, Job, Reply};
use kinde_users_import::{Import, ImportUser, Imported, Mapping, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

fn names() -> impl Strategy<Value = String> {
    let known = prop::sample::select(
        &[
            "email",
            "id",
            "first_name",
            "last_name",
            "username",
            "phone",
            "phone_verified",
            "email_verified",
            "role_key",
            "hashed_password",
            "hashing_method",
            "salt",
            "salt_position",
            "salt_format",
            "is_suspended",
            "variant",
            "iterations",
            "identities",
            "properties",
            "feature_flags",
            "password",
            "type",
            "identity",
            "key",
            "value",
            "is_verified",
            "hashing_algorithm",
            // Fields of other systems.
            "user_id",
            "_id",
            "$oid",
            "alt_id",
            "identifiers",
            "provider",
            "verified",
            "app_metadata",
            "localId",
            "passwordHash",
            "providerUserInfo",
            "customAttributes",
            "displayName",
            "verified_email_addresses",
            "password_digest",
            "password_hasher",
            "encrypted_password",
            "raw_user_meta_data",
            "banned_until",
            "encryption_scheme",
            "factor",
            "credentials",
            "secretData",
            "credentialData",
            "user_pass",
            "Attributes",
            "Name",
            "Value",
            "signInType",
            "issuerAssignedId",
        ][..],
    );
    prop_oneof![9 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn texts() -> impl Strategy<Value = String> {
    let likely = prop::sample::select(
        &[
            "ada@example.com",
            "+61555111555",
            "ada",
            "true",
            "FALSE",
            "md5",
            "sha256",
            "pbkdf2",
            "bcrypt",
            "prefix",
            "suffix",
            "hex",
            "base64",
            "string",
            "73616c74",
            "c2FsdA==",
            "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "900150983cd24fb0d6963f7d28e17f72",
            "salted-pbkdf2-hmac-sha256",
            "email",
            "phone",
            "username",
            "oauth2:google",
            "emailAddress",
            r#"{"value":"aGFzaA==","salt":"c2FsdA=="}"#,
            r#"{"algorithm":"pbkdf2-sha256","hashIterations":7}"#,
            "scrypt_firebase",
            "phpass-md5",
            "a$b$c$d$8$14",
            "2999-01-01 00:00:00",
            "NULL",
            "7",
            "",
            " ",
            "..",
            ",",
        ][..],
    );
    prop_oneof![4 => likely.prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => texts().prop_map(Value::String),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn import_ends(user: &ImportUser) {
    assert!(user.keys().next().is_some());
    let id = json!(user.provided_id());
    let identities: Vec<_> =
        user.keys().map(|(kind, name)| json!({"type": kind, "identity": name})).collect();
    let there =
        json!({ "users": [{ "id": "kp_7", "provided_id": id, "identities": identities }] }).to_string();
    for (import, users) in [
        (Import::new(user.clone()), "{}"),
        (Import::new(user.clone()).update(), &there),
        (Import::new(user.clone()).interrupted().found([""; 0]), &there),
    ] {
        let mut import = import;
        let mut calls = 0;
        while let Some(operation) = import.next_call() {
            calls += 1;
            assert!(calls < 100, "the import does not end");
            operation.check().unwrap();
            import.handle(Ok(answer(&operation, users))).unwrap();
        }
        assert!(
            matches!(import.output(), Imported::Created { .. } | Imported::Updated { .. }),
            "{:?}",
            import.output()
        );
    }
}

/// A user with more identities than any line has here.
const ALL: &str = r#"{"id":"kp_1","identities":[{"type":"email"},{"type":"username"},{"type":"phone"},
    {"type":"email"},{"type":"username"},{"type":"phone"},{"type":"email"},{"type":"username"},{"type":"phone"},
    {"type":"email"},{"type":"username"},{"type":"phone"},{"type":"email"},{"type":"username"},{"type":"phone"}]}"#;

fn answer(operation: &DynOperation, users: &str) -> Reply {
    let body = match operation.meta().name {
        "get_users" => users,
        "get_user_data" => ALL,
        _ => r#"{"id":"kp_1"}"#,
    };
    Reply::new::<CreateUser>(Response::new(body.as_bytes().to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_row_is_read_or_refused(columns in prop::collection::vec((names(), texts()), 0..8)) {
        let columns = columns.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        if let Ok(user) = Mapping::new(Source::Kinde).ignore_rest().row(columns) {
            import_ends(&user);
        }
    }

    #[test]
    fn any_line_is_read_or_refused(
        mut line in values(),
        email in any::<bool>(),
        source in prop::sample::select(&Source::ALL[..]),
    ) {
        if let (true, Some(fields)) = (email, line.as_object_mut()) {
            fields.insert("email".to_owned(), json!("ada@example.com"));
        }
        if let Ok(user) = Mapping::new(source).ignore_rest().line(&line.to_string()) {
            import_ends(&user);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        if let Ok(user) = Mapping::new(Source::Kinde).ignore_rest().line(&text) {
            import_ends(&user);
        }
    }

    #[test]
    fn any_file_is_read_or_refused(
        source in prop::sample::select(&Source::ALL[..]),
        lines in prop::collection::vec(prop_oneof![
            4 => values().prop_map(|value| value.to_string()),
            2 => "[a-z,;\"\t{}\\[\\]:@ =-]{0,20}",
            1 => ".{0,8}",
        ], 0..6),
        separator in prop::sample::select(&["\n", ",\n", "\r\n", "\r", ""][..]),
        around in prop::sample::select(&[("", ""), ("[", "]"), ("{\"users\":[", "]}"), ("\u{feff}", ""), ("id,email\n", "")][..]),
    ) {
        let file = around.0.to_owned() + &lines.join(separator) + around.1;
        let mapping = Mapping::new(source).ignore_rest().drop_unverifiable().clean();
        if let Ok(mut users) = mapping.users([file.as_bytes(), file.as_bytes()]) {
            for read in users.by_ref().flatten() {
                import_ends(&read.user);
            }
            let plan = users.plan();
            prop_assert!(plan.loses_nothing());
            prop_assert_eq!(plan.lines(), plan.users() + plan.rejected() + plan.merged());
            prop_assert!(plan.to_string().lines().next().is_some());
        }
    }
}
