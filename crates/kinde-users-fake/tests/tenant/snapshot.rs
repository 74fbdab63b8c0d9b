//! Tests the export and import of users as lines of JSON.

use std::collections::HashSet;
use std::time::Duration;

use kinde_users_core::UserId;
use kinde_users_fake::{FakeKinde, NewFakeUser};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ask;

/// Adds a user with a value in every field, set by the API if it can be.
fn full(fake: &FakeKinde) -> UserId {
    let at = fake.now();
    let id = fake.add_user(
        NewFakeUser::new()
            .id("kp_full")
            .provided_id("external")
            .name("Zoë", "O'Neill")
            .picture("https://example.com/p.png")
            .suspended()
            .email("zoe@example.com")
            .phone("+61412345678")
            .username("zoe")
            .connected("oauth2:google", "zoe@example.com", "conn_1")
            .signed_in_to("org_1", at)
            .session()
            .mfa("sms", "+61412345678"),
    );
    fake.advance(Duration::from_micros(1_234_567));
    let path = |rest: &str| format!("/api/v1/users/{id}/{rest}");
    let firebase = json!({
        "hashed_password": "aGFzaA==", "hashing_method": "firebase-scrypt", "salt": "c2FsdA==",
        "signer_key": "a2V5", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14, "is_temporary_password": true,
    });
    let customer = json!({ "org_code": "org_1", "billing_email": "zoe@example.com" });
    for (method, target, body, status) in [
        ("PUT", path("password"), firebase, 200),
        ("PATCH", path("properties"), json!({ "properties": { "a": "1", "b": "" } }), 200),
        ("PATCH", path("feature_flags/beta?value=true"), json!(null), 200),
        ("POST", path("billing_customer"), customer, 200),
        ("POST", path("identities"), json!({ "type": "email", "value": "second@example.com" }), 201),
        ("POST", path("refresh_claims"), json!(null), 200),
        ("PATCH", format!("/api/v1/user?id={id}"), json!({ "is_password_reset_requested": true }), 200),
    ] {
        assert_eq!(ask(fake, method, &target, &body).0, status, "{target}");
    }
    id
}

#[test]
fn import_of_an_export_gives_the_same_users() {
    let fake = FakeKinde::new();
    fake.seed_users(60);
    full(&fake);
    fake.seed_users(3);
    let copy = FakeKinde::builder().seed(9).build();
    assert_eq!(copy.import(&fake.export()), Ok(64));
    assert!(copy.users() == fake.users());
    assert_eq!(copy.export(), fake.export());
}

#[test]
fn tenant_with_imported_users_assigns_no_id_twice() {
    let before = FakeKinde::new();
    before.seed_users(20);
    // The same seed would assign the same ids again.
    let fake = FakeKinde::new();
    fake.import(&before.export()).unwrap();
    fake.seed_users(20);
    let users = fake.users();
    let ids: HashSet<_> = users.iter().map(|user| &user.id).collect();
    let identities: HashSet<_> =
        users.iter().flat_map(|user| &user.identities).map(|identity| &identity.id).collect();
    let count = users.iter().map(|user| user.identities.len()).sum::<usize>();
    assert_eq!((users.len(), ids.len(), identities.len()), (40, 40, count));
}

#[test]
fn line_has_the_fields_of_kindes_export() {
    let fake = FakeKinde::new();
    full(&fake);
    let line: Value = serde_json::from_str(fake.export().trim_end()).unwrap();
    for (key, value) in [
        ("id", json!("kp_full")),
        ("email", json!("zoe@example.com")),
        ("phone", json!("+61412345678")),
        ("username", json!("zoe")),
        ("first_name", json!("Zoë")),
        ("last_name", json!("O'Neill")),
        ("created_on", json!("2026-01-01T00:00:00Z")),
        ("external_id", json!("external")),
        ("business_code", json!(null)),
        ("organizations", json!(["org_1"])),
        ("email_verified", json!(true)),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    let google = &line["identities"][3];
    assert_eq!(
        (&google["type"], &google["identity"], &google["provider"]),
        (&json!("oauth2:google"), &json!("zoe@example.com"), &json!("google"))
    );
    assert_eq!(line["password"]["hashing_algorithm"], "firebase-scrypt");
    assert_eq!(line["password"]["hashing_config"]["mem_cost"], 14);
}

#[test]
fn short_lines_of_other_programs_are_read() {
    let fake = FakeKinde::new();
    let lines = concat!(
        "{\"id\":\"kp_1\",\"email\":\"ada@example.com\",\"email_verified\":true,\"phone\":null,\"username\":\"\",\"new\":[1]}\r\n",
        "\n",
        "{\"username\":\"grace\",\"identities\":[{\"type\":\"social\",\"identity\":\"g\",\"provider\":\"github\"}],",
        "\"properties\":[{\"key\":\"a\",\"value\":true}],\"organizations\":[{\"code\":\"org_2\"}],",
        "\"password\":{\"hashed_password\":\"x\",\"salt\":\"s\",\"hashing_algorithm\":\"md5\"}}",
    );
    assert_eq!(fake.import(lines), Ok(2));
    let [ada, grace] = <[_; 2]>::try_from(fake.users()).unwrap();
    assert_eq!(
        (ada.id.as_str(), ada.email(), ada.identities[0].is_confirmed),
        ("kp_1", Some("ada@example.com"), Some(true))
    );
    // An empty text is no identity.
    assert_eq!((ada.identities.len(), ada.created_on), (1, fake.now()));
    assert_eq!((grace.identities[0].kind.as_str(), grace.username()), ("oauth2:github", Some("grace")));
    assert_eq!((grace.properties["a"].as_str(), grace.organizations[0].as_str()), ("true", "org_2"));
    assert_eq!(grace.password.unwrap().salt.as_deref(), Some("s"));
}

#[test]
fn invalid_line_refuses_import_and_is_not_shown() {
    let fake = FakeKinde::new();
    for (line, codes) in [
        ("no json", "LINE_INVALID"),
        ("[]", "LINE_INVALID"),
        ("{\"id\":\"kp_1\"}", "ID_INVALID"),
        ("{\"id\":3,\"is_suspended\":\"secret\"}", "ID_INVALID, IS_SUSPENDED_INVALID"),
        ("{\"created_on\":\"1969-12-31T00:00:00Z\"}", "CREATED_ON_INVALID"),
        ("{\"created_on\":\"yesterday\"}", "CREATED_ON_INVALID"),
        ("{\"identities\":[3]}", "IDENTITIES_INVALID"),
        ("{\"identities\":[{\"identity\":\"secret\"}]}", "TYPE_REQUIRED"),
        ("{\"properties\":{\"a\":[\"secret\"]}}", "PROPERTIES_INVALID"),
        ("{\"organizations\":[3]}", "ORGANIZATIONS_INVALID"),
        ("{\"password\":{\"salt\":\"secret\"}}", "HASHED_PASSWORD_REQUIRED"),
    ] {
        let error = fake.import(&format!("{{\"id\":\"kp_1\"}}\n\n{line}\n")).unwrap_err();
        assert_eq!(error.to_string(), format!("line 3: {codes}"), "{line}");
        assert!(!format!("{error:?}").contains("secret"));
    }
    assert!(fake.users().is_empty());
}

#[test]
fn existing_user_is_replaced() {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new().id("kp_1").email("old@example.com"));
    fake.import("{\"id\":\"kp_1\",\"email\":\"new@example.com\"}").unwrap();
    assert_eq!(fake.users().len(), 1);
    assert_eq!(fake.user("kp_1").unwrap().email(), Some("new@example.com"));
}

proptest! {
    /// Any imported text gives users or an error, and an export of the users gives the same users
    /// back.
    #[test]
    fn any_text_is_imported_or_refused(
        keys in prop::collection::vec((prop::sample::select(vec![
            "id", "email", "identities", "organizations", "password", "properties", "created_on", "sessions", "mfa",
            "total_sign_ins", "last_organization_sign_ins",
        ]), prop::sample::select(vec![
            "null", "3", "\"x\"", "\"\"", "[]", "{}", "[{}]", "[\"x\"]", "{\"hashed_password\":\"h\"}", "[{\"type\":\"t\",\"identity\":\"i\"}]",
            "\"2026-01-01\"", "[{\"org_code\":\"o\",\"last_signed_in\":\"2026-01-01T00:00:00.5+11\"}]", "-1", "[{\"type\":\"sms\"}]",
        ])), 0..6),
    ) {
        let fields: Vec<_> = keys.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let fake = FakeKinde::new();
        if fake.import(&format!("{{{}}}", fields.join(","))).is_ok() {
            let copy = FakeKinde::new();
            prop_assert_eq!(copy.import(&fake.export()), Ok(1));
            prop_assert!(copy.users() == fake.users());
        }
    }
}
