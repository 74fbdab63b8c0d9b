//! Tests the choices and the strict tenant.

use kinde_users_fake::{Choice, FakeKinde, NewFakeUser, Null, Refusal};
use serde_json::{Value, json};

use crate::{ask, codes, get, send};

fn choosing(choice: Choice) -> FakeKinde {
    FakeKinde::builder().choose(choice).build()
}

fn create(fake: &FakeKinde, email: &str) -> (u16, Value) {
    let identity = json!({ "type": "email", "details": { "email": email } });
    ask(fake, "POST", "/api/v1/user", &json!({ "identities": [identity] }))
}

#[test]
fn duplicate_user_can_be_a_conflict() {
    let fake = choosing(Choice::DuplicateUser(Refusal::new(409, "USER_EXISTS")));
    assert_eq!(create(&fake, "ada@example.com").0, 200);
    let (status, body) = create(&fake, "ADA@example.com");
    assert_eq!((status, codes(&body)), (409, vec!["USER_EXISTS"]));
    // Together with another problem, the reply is a bad request.
    let identities = ["ada@example.com", "no address"]
        .map(|email| json!({ "type": "email", "details": { "email": email } }));
    let (status, body) = ask(&fake, "POST", "/api/v1/user", &json!({ "identities": identities }));
    assert_eq!((status, codes(&body)), (400, vec!["USER_EXISTS", "EMAIL_INVALID"]));
}

#[test]
fn duplicate_identity_refusal_can_be_chosen() {
    let fake = choosing(Choice::DuplicateIdentity(Refusal::new(422, "TAKEN")));
    let id = fake.add_user(NewFakeUser::new().username("ada"));
    let body = json!({ "type": "username", "value": "Ada" });
    let (status, body) = ask(&fake, "POST", &format!("/api/v1/users/{id}/identities"), &body);
    assert_eq!((status, codes(&body)), (422, vec!["TAKEN"]));
}

#[test]
fn missing_scope_can_have_an_empty_body() {
    let fake =
        FakeKinde::builder().scopes(["read:users"]).choose(Choice::MissingScope(Refusal::empty(403))).build();
    let refused = send(&fake, "POST", "/api/v1/user", "");
    assert_eq!((refused.status().as_u16(), refused.body().len()), (403, 0));
}

#[test]
fn deleted_user_can_differ_from_an_unknown_one() {
    let fake = choosing(Choice::DeletedUser(Refusal::new(404, "USER_NOT_FOUND")));
    let id = fake.add_user(NewFakeUser::new());
    ask(&fake, "DELETE", &format!("/api/v1/user?id={id}"), &Value::Null);
    let (status, body) = get(&fake, &format!("/api/v1/user?id={id}"));
    assert_eq!((status, &body["errors"]["code"]), (404, &json!("USER_NOT_FOUND")));
    assert_eq!(get(&fake, &format!("/api/v1/users/{id}/properties")).0, 404);
    assert_eq!(get(&fake, "/api/v1/user?id=kp_0").0, 400);
    // A user who is added again exists.
    fake.add_user(NewFakeUser::new().id(&id));
    assert_eq!(get(&fake, &format!("/api/v1/user?id={id}")).0, 200);
}

#[test]
fn rate_limit_body_can_be_chosen() {
    let limited = |choice, path: &str| {
        let fake = FakeKinde::builder().rate_limit(1).choose(Choice::TooManyRequests(choice)).build();
        get(&fake, "/api/v1/users");
        let limited = send(&fake, "GET", path, "");
        let reset = limited.headers()["ratelimit-reset"].to_str().unwrap().to_owned();
        (limited.status().as_u16(), reset, String::from_utf8(limited.into_body()).unwrap())
    };
    for path in ["/api/v1/users", "/api/v1/user?id=kp_1"] {
        let (status, reset, body) = limited(Refusal::new(429, "SLOW"), path);
        assert_eq!((status, reset.as_str()), (429, "1"));
        assert_eq!(codes(&serde_json::from_str(&body).unwrap()), ["SLOW"]);
        assert_eq!(limited(Refusal::empty(429), path), (429, "1".to_owned(), String::new()));
    }
}

#[test]
fn null_is_treated_as_chosen() {
    let body = json!({ "given_name": null, "is_suspended": null });
    for (null, status, name, suspended) in [
        (Null::Clears, 200, None, false),
        (Null::Ignored, 200, Some("Ada"), true),
        (Null::Refused, 400, Some("Ada"), true),
    ] {
        let fake = choosing(Choice::NullInUser(null));
        let id = fake.add_user(NewFakeUser::new().name("Ada", "L").suspended());
        assert_eq!(ask(&fake, "PATCH", &format!("/api/v1/user?id={id}"), &body).0, status, "{null:?}");
        let user = fake.user(&id).unwrap();
        assert_eq!((user.given_name.as_deref(), user.is_suspended), (name, suspended), "{null:?}");
    }
    for (null, status, left) in
        [(Null::Clears, 200, None), (Null::Ignored, 200, Some("1")), (Null::Refused, 400, Some("1"))]
    {
        let fake = choosing(Choice::NullInProperties(null));
        let id = fake.add_user(NewFakeUser::new().property("a", "1"));
        let body = json!({ "properties": { "a": null } });
        assert_eq!(
            ask(&fake, "PATCH", &format!("/api/v1/users/{id}/properties"), &body).0,
            status,
            "{null:?}"
        );
        assert_eq!(fake.user(&id).unwrap().properties.get("a").map(String::as_str), left, "{null:?}");
    }
}

#[test]
fn mfa_of_a_user_without_a_factor_can_be_null() {
    for (choice, expected) in [(Choice::NullMfa(true), Some(&Value::Null)), (Choice::NullMfa(false), None)] {
        let fake = choosing(choice);
        let id = fake.add_user(NewFakeUser::new());
        assert_eq!(get(&fake, &format!("/api/v1/users/{id}/mfa")).1.get("mfa"), expected);
    }
}

#[test]
fn session_can_have_full_offsets() {
    let updated_on = |fake: FakeKinde| {
        let id = fake.add_user(NewFakeUser::new().session());
        get(&fake, &format!("/api/v1/users/{id}/sessions")).1["sessions"][0]["updated_on"].clone()
    };
    assert_eq!(updated_on(FakeKinde::new()), "2026-01-01T11:00:00+11");
    assert_eq!(updated_on(choosing(Choice::ShortOffsets(false))), "2026-01-01T11:00:00.000000+11:00");
}

// ---- Strict -----------------------------------------------------------------

#[test]
fn strict_tenant_refuses_unknown_arguments() {
    let strict = FakeKinde::builder().strict().build();
    let lax = FakeKinde::new();
    let id = "kp_1";
    for fake in [&strict, &lax] {
        fake.add_user(NewFakeUser::new().id(id));
    }
    let path = |rest: &str| format!("/api/v1/users/{id}/{rest}");
    let misspelt = json!({ "properties": {}, "property": {} });
    for (method, target, body, code) in [
        ("GET", "/api/v1/users?pagesize=3".to_owned(), json!(null), "PAGESIZE_UNKNOWN"),
        ("GET", path("mfa?expand=billing"), json!(null), "EXPAND_UNKNOWN"),
        ("POST", "/api/v1/user".to_owned(), json!({ "org_code": "org_1" }), "ORG_CODE_UNKNOWN"),
        ("POST", "/api/v1/user".to_owned(), json!({ "profile": { "name": "Ada" } }), "NAME_UNKNOWN"),
        (
            "POST",
            "/api/v1/user".to_owned(),
            json!({ "identities": [{ "type": "username", "details": { "username": "a", "email": "b" } }] }),
            "EMAIL_UNKNOWN",
        ),
        ("PATCH", format!("/api/v1/user?id={id}"), json!({ "first_name": "Ada" }), "FIRST_NAME_UNKNOWN"),
        ("PATCH", path("properties"), misspelt, "PROPERTY_UNKNOWN"),
        ("PUT", path("password"), json!({ "hashed_password": "x", "hash": "y" }), "HASH_UNKNOWN"),
        ("POST", path("refresh_claims"), json!({}), "BODY_NOT_ALLOWED"),
    ] {
        let (status, reply) = ask(&strict, method, &target, &body);
        assert_eq!((status, codes(&reply)), (400, vec![code]), "{method} {target}");
        assert_eq!(ask(&lax, method, &target, &body).0, 200, "{method} {target}");
    }
    // Nothing took effect.
    assert_eq!(strict.users().len(), 1);
    assert_eq!(strict.user(id).unwrap().claims_refreshed, 0);
}
