use core::time::Duration;

use kinde_users_core::{IdentityId, UserId};
use kinde_users_fake::{Choice, FakeKinde, NewFakeUser, ROUTES};
use serde_json::{Value, json};

use crate::{ask, codes, get, send, success};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn sally(fake: &FakeKinde) -> UserId {
    fake.add_user(NewFakeUser::new().name("Sally", "Doe").email("sally@example.com"))
}

// ---- get_users --------------------------------------------------------------

#[test]
fn empty_tenant_has_null_users_and_no_next_page() {
    let (status, body) = get(&FakeKinde::new(), "/api/v1/users");
    assert_eq!(status, 200);
    assert_eq!(body, json!({ "code": "OK", "message": "Success", "users": null, "next_token": null }));
}

#[test]
fn listed_user_has_null_only_as_recorded() {
    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new().created_on(Duration::from_micros(1_738_754_602_634_233)));
    let (_, body) = get(&fake, "/api/v1/users");
    let expected = json!({
        "id": id, "provided_id": null, "phone": null, "username": null, "last_name": null,
        "first_name": null, "is_suspended": false, "picture": null, "total_sign_ins": 0, "failed_sign_ins": 0,
        "last_signed_in": null, "created_on": "2025-02-05T11:23:22.634233+00:00",
        "last_organization_sign_ins": null,
    });
    assert_eq!(body["users"], json!([expected]));
    let hex = id.as_str().strip_prefix("kp_").unwrap();
    assert!(hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn parts_of_a_user_need_expand() {
    let fake = FakeKinde::new();
    let at = fake.now();
    fake.add_user(NewFakeUser::new().email("a@example.com").signed_in_to("org_1ccfb819462", at));
    let (_, body) = get(&fake, "/api/v1/users?expand=organizations%2Cidentities,billing");
    let user = &body["users"][0];
    assert_eq!(user["organizations"], json!(["org_1ccfb819462"]));
    assert_eq!(
        user["identities"],
        json!([{ "type": "email", "identity": "a@example.com", "connection_id": null }])
    );
    assert_eq!(user.get("billing"), None);
    let signed_in = "2026-01-01T00:00:00.000000+00:00";
    assert_eq!(user["last_signed_in"], signed_in);
    assert_eq!(
        user["last_organization_sign_ins"],
        json!([{ "org_code": "org_1ccfb819462", "last_signed_in": signed_in }])
    );
    assert_eq!(keys(user).len(), 16);
    let (_, body) = get(&fake, "/api/v1/users?expand=identities");
    assert_eq!(keys(&body["users"][0]).len(), 15);
}

#[test]
fn all_filters_match_one_of_their_values() {
    let fake = FakeKinde::new();
    let now = fake.now();
    let a =
        fake.add_user(NewFakeUser::new().email("A@example.com").phone("+61412345678").organization("org_1"));
    let b = fake.add_user(NewFakeUser::new().email("b+c@example.com").username("bee").signed_in(now));
    let c =
        fake.add_user(NewFakeUser::new().id("kp:c").signed_in(now.saturating_sub(Duration::from_secs(60))));
    let found = |query: &str| -> Vec<UserId> {
        let (status, body) = get(&fake, &format!("/api/v1/users?{query}"));
        assert_eq!(status, 200, "{query}: {body}");
        let users = body["users"].as_array().cloned().unwrap_or_default();
        users.iter().map(|user| user["id"].as_str().unwrap().into()).collect()
    };
    assert_eq!(found("email=a%40example.com%2Cb%2Bc@example.com"), [a.clone(), b.clone()]);
    // As on any server, an unencoded plus is a space.
    assert_eq!(found("email=b+c@example.com"), [""; 0]);
    assert_eq!(found("username=BEE,unknown"), [b.as_str()]);
    assert_eq!(found("phone=%2B61412345678"), [a.as_str()]);
    assert_eq!(found(&format!("user_id=kp%3Ac,{a}")), [a.clone(), c.clone()]);
    assert_eq!(found(&format!("user_id={a}&username=bee")), [""; 0]);
    assert_eq!(found("has_organization=true"), [a.as_str()]);
    assert_eq!(found("has_organization=false"), [b.clone(), c.clone()]);
    assert_eq!(found("active_since=2026-01-01"), [b.as_str()]);
    assert_eq!(found("active_since=2025-12-31T23:59:00Z"), [b.clone(), c.clone()]);
    assert_eq!(found("active_since=2026-01-01T10:59:30%2B11"), [b.as_str()]);
    assert_eq!(found("email=&unknown=1"), [a, b, c]);
}

#[test]
fn get_users_refuses_invalid_arguments() {
    let fake = FakeKinde::new();
    fake.seed_users(3);
    for (query, code) in [
        ("page_size=0", "PAGE_SIZE_INVALID"),
        ("page_size=501", "PAGE_SIZE_INVALID"),
        ("page_size=ten", "PAGE_SIZE_INVALID"),
        ("page_size=", "PAGE_SIZE_INVALID"),
        ("next_token=MTo6OmlkX2FzYw", "NEXT_TOKEN_INVALID"),
        ("next_token=!", "NEXT_TOKEN_INVALID"),
        ("has_organization=yes", "HAS_ORGANIZATION_INVALID"),
        ("active_since=yesterday", "ACTIVE_SINCE_INVALID"),
        ("expand=identities,everything", "EXPAND_INVALID"),
    ] {
        let (status, body) = get(&fake, &format!("/api/v1/users?{query}"));
        assert_eq!((status, codes(&body)), (400, vec![code]), "{query}");
    }
    assert_eq!(get(&fake, "/api/v1/users?page_size=500").0, 200);
}

// ---- One user ---------------------------------------------------------------

#[test]
fn get_user_data_has_no_envelope() {
    let fake = FakeKinde::new();
    let id =
        fake.add_user(NewFakeUser::new().name("Sally", "Doe").email("sally@example.com").username("sal"));
    let (status, body) = get(&fake, &format!("/api/v1/user?id={id}"));
    let expected = json!({
        "id": id, "provided_id": null, "preferred_email": "sally@example.com", "phone": null, "username": "sal",
        "last_name": "Doe", "first_name": "Sally", "is_suspended": false, "picture": null, "total_sign_ins": 0,
        "failed_sign_ins": 0, "last_signed_in": null, "created_on": "2026-01-01T00:00:00.000000+00:00",
    });
    assert_eq!((status, body), (200, expected));
    let (_, body) = get(&fake, &format!("/api/v1/user?id={id}&expand=organizations,billing"));
    assert_eq!((&body["organizations"], body.get("billing")), (&json!([]), None));
    assert!(body.get("identities").is_none());
    // In contrast to a list, the description has no `connection_id` here.
    let (_, body) = get(&fake, &format!("/api/v1/user?id={id}&expand=identities"));
    assert_eq!(body["identities"][1], json!({ "type": "username", "identity": "sal" }));
}

#[test]
fn bad_id_in_query_is_refused_as_recorded() {
    let fake = FakeKinde::new();
    for (method, body) in [("GET", Value::Null), ("PATCH", json!({})), ("DELETE", Value::Null)] {
        for target in ["/api/v1/user", "/api/v1/user?id="] {
            let (status, body) = ask(&fake, method, target, &body);
            assert_eq!((status, codes(&body)), (400, vec!["ID_REQUIRED", "USER_INVALID"]), "{method}");
        }
        let (status, body) = ask(&fake, method, "/api/v1/user?id=kp_0", &body);
        assert_eq!(status, 400);
        assert_eq!(body, json!({ "errors": [{ "code": "USER_INVALID", "message": "User invalid" }] }));
    }
}

#[test]
fn create_user_accepts_identities_or_no_body() {
    let fake = FakeKinde::new();
    let (status, body) = ask(&fake, "POST", "/api/v1/user", &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(body["identities"], json!([]));
    let request = json!({
        "profile": { "given_name": "Sally", "family_name": "Doe", "picture": null, "email": "not@example.com" },
        "organization_code": "org_1ccfb819462",
        "provided_id": "42",
        "identities": [
            { "type": "email", "is_verified": true, "details": { "email": "sally@example.com" } },
            { "type": "phone", "details": { "phone": "+61412345678", "phone_country_id": "au" } },
            { "type": "username", "details": { "username": "sally" } },
        ],
        "unknown": {},
    });
    let (status, body) = ask(&fake, "POST", "/api/v1/user", &request);
    assert_eq!(status, 200);
    let made = |kind: &str| json!({ "type": kind, "result": { "created": true } });
    assert_eq!(body["created"], true);
    assert_eq!(body["identities"], json!([made("email"), made("phone"), made("username")]));
    assert_eq!(keys(&body), ["created", "id", "identities"]);

    let user = fake.user(body["id"].as_str().unwrap()).unwrap();
    assert_eq!(user.given_name.as_deref(), Some("Sally"));
    assert_eq!(user.provided_id.as_deref(), Some("42"));
    assert_eq!(user.organizations, ["org_1ccfb819462"]);
    assert_eq!(user.email(), Some("sally@example.com"));
    assert_eq!((user.phone(), user.username()), (Some("+61412345678"), Some("sally")));
    assert_eq!(user.identities[0].is_confirmed, Some(true));
}

#[test]
fn create_user_refuses_taken_or_invalid_values() {
    let fake = FakeKinde::new();
    sally(&fake);
    let email = |address: &str| json!({ "type": "email", "details": { "email": address } });
    for (identities, expected) in [
        (json!([email("SALLY@example.com")]), vec!["USER_ALREADY_EXISTS"]),
        (json!([email("b@example.com"), email("B@example.com")]), vec!["USER_ALREADY_EXISTS"]),
        (json!([email("sally")]), vec!["EMAIL_INVALID"]),
        (json!([email("")]), vec!["EMAIL_REQUIRED"]),
        (json!([{ "type": "phone", "details": { "phone": "0412 345 678" } }]), vec!["PHONE_INVALID"]),
        (json!([{ "type": "username", "details": {} }]), vec!["USERNAME_REQUIRED"]),
        (json!([{ "type": "email" }]), vec!["DETAILS_REQUIRED"]),
        (json!([{ "type": "passkey", "details": {} }]), vec!["TYPE_INVALID"]),
        (json!([{ "details": {} }, 7]), vec!["TYPE_REQUIRED", "IDENTITIES_INVALID"]),
        (json!("email"), vec!["IDENTITIES_INVALID"]),
    ] {
        let (status, body) = ask(&fake, "POST", "/api/v1/user", &json!({ "identities": identities }));
        assert_eq!((status, codes(&body)), (400, expected), "{identities}");
    }
    let wrong = json!({ "provided_id": 7, "profile": { "given_name": [] } });
    let (status, body) = ask(&fake, "POST", "/api/v1/user", &wrong);
    assert_eq!((status, codes(&body)), (400, vec!["PROVIDED_ID_INVALID", "GIVEN_NAME_INVALID"]));
    for body in ["{", "null", "[]", "\u{feff}{}"] {
        assert_eq!(send(&fake, "POST", "/api/v1/user", body).status(), 400);
    }
    assert_eq!(fake.users().len(), 1);
}

#[test]
fn update_user_sets_given_and_clears_null_fields() {
    let fake = FakeKinde::new();
    let id = fake.add_user(
        NewFakeUser::new().name("Sally", "Doe").email("sally@example.com").provided_id("42").picture("p.png"),
    );
    let target = format!("/api/v1/user?id={id}");
    let change = json!({
        "given_name": "Sal", "family_name": null, "picture": null, "provided_id": null, "is_suspended": true,
        "is_password_reset_requested": true, "username": "ignored",
    });
    let (status, body) = ask(&fake, "PATCH", &target, &change);
    let expected = json!({
        "id": id, "email": "sally@example.com", "picture": null, "given_name": "Sal", "family_name": "Doe",
        "is_suspended": true, "is_password_reset_requested": true,
    });
    assert_eq!((status, body), (200, expected));
    assert_eq!(fake.user(&id).unwrap().provided_id, None);

    let before = fake.users();
    let wrong = json!({ "given_name": "X", "is_suspended": "no", "family_name": 1 });
    let (status, body) = ask(&fake, "PATCH", &target, &wrong);
    assert_eq!((status, codes(&body)), (400, vec!["FAMILY_NAME_INVALID", "IS_SUSPENDED_INVALID"]));
    assert_eq!(ask(&fake, "PATCH", &target, &Value::Null).0, 400);
    assert_eq!(fake.users(), before);
}

#[test]
fn update_reply_leaves_out_missing_values() {
    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new().suspended());
    let change = json!({ "given_name": null, "is_suspended": null });
    let (status, body) = ask(&fake, "PATCH", &format!("/api/v1/user?id={id}"), &change);
    let expected =
        json!({ "id": id, "picture": null, "is_suspended": false, "is_password_reset_requested": false });
    assert_eq!((status, body), (200, expected));
}

#[test]
fn deleted_user_leaves_the_address_free() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/user?id={id}");
    let bad = ask(&fake, "DELETE", &format!("{target}&is_delete_profile=1"), &Value::Null);
    assert_eq!((bad.0, codes(&bad.1)), (400, vec!["IS_DELETE_PROFILE_INVALID"]));
    let gone = ask(&fake, "DELETE", &format!("{target}&is_delete_profile=true"), &Value::Null);
    assert_eq!(gone, (200, success()));
    let (status, body) = get(&fake, &target);
    assert_eq!((status, codes(&body)), (400, vec!["USER_INVALID"]));
    let again = json!({ "identities": [{ "type": "email", "details": { "email": "sally@example.com" } }] });
    assert_eq!(ask(&fake, "POST", "/api/v1/user", &again).0, 200);
}

#[test]
fn claims_are_refreshed_and_counted() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/users/{id}/refresh_claims");
    assert_eq!(ask(&fake, "POST", &target, &Value::Null), (200, success()));
    assert_eq!(fake.user(&id).unwrap().claims_refreshed, 1);
}

// ---- Identities -------------------------------------------------------------

#[test]
fn identity_is_created_with_201_and_listed() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/users/{id}/identities");
    let connection = "conn_019289347f1193da6c0e4d49b97b4bd2";
    for (request, kind) in [
        (json!({ "type": "phone", "value": "+61412345678", "phone_country_id": "au" }), "phone"),
        (json!({ "type": "social", "value": "123456", "connection_id": connection }), "oauth2:google"),
    ] {
        let (status, body) = ask(&fake, "POST", &target, &request);
        assert_eq!((status, &body["code"], &body["message"]), (201, &json!("OK"), &json!("Success")));
        let made = fake.user(&id).unwrap().identities.pop().unwrap();
        assert_eq!(body["identity"], json!({ "id": made.id }));
        assert_eq!(made.kind, kind);
    }
    let (status, body) = get(&fake, &target);
    assert_eq!((status, &body["has_more"]), (200, &json!(false)));
    let identities = body["identities"].as_array().unwrap();
    let mut email = identities[0].clone();
    assert!(email["id"].take().as_str().unwrap().starts_with("identity_"));
    assert_eq!(
        email,
        json!({
            "id": null, "type": "email", "is_confirmed": true, "created_on": "2026-01-01T00:00:00Z",
            "last_login_on": null, "total_logins": 0, "name": "sally@example.com",
            "email": "sally@example.com", "connection_id": null, "is_primary": true,
        })
    );
    assert_eq!(identities[1]["is_primary"], Value::Null);
    assert_eq!(identities[1].get("email"), None);
    assert_eq!(identities[2]["connection_id"], connection);
}

#[test]
fn taken_or_incomplete_identity_is_refused() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/users/{id}/identities");
    for (request, expected) in [
        (Value::Null, vec!["TYPE_REQUIRED", "VALUE_REQUIRED"]),
        (json!({ "type": "email", "value": "sally@example.com" }), vec!["IDENTITY_ALREADY_EXISTS"]),
        (json!({ "type": "email", "value": 5 }), vec!["VALUE_INVALID"]),
        (json!({ "type": "phone", "value": "+61412345678" }), vec!["PHONE_COUNTRY_ID_REQUIRED"]),
        (json!({ "type": "social", "value": "1" }), vec!["CONNECTION_ID_REQUIRED"]),
        (json!({ "type": "passkey", "value": "1" }), vec!["TYPE_INVALID"]),
    ] {
        let (status, body) = ask(&fake, "POST", &target, &request);
        assert_eq!((status, codes(&body)), (400, expected), "{request}");
    }
    assert_eq!(fake.user(&id).unwrap().identities.len(), 1);
}

#[test]
fn identities_page_in_both_directions() {
    let fake = FakeKinde::builder().identities_page(2).build();
    let user = (0..5).fold(NewFakeUser::new(), |user, n| user.email(format!("{n}@example.com")));
    let id = fake.add_user(user);
    let all: Vec<_> = fake.user(&id).unwrap().identities.into_iter().map(|i| i.id).collect();
    let page = |query: &str| {
        let (status, body) = get(&fake, &format!("/api/v1/users/{id}/identities{query}"));
        assert_eq!(status, 200, "{body}");
        let items = body["identities"].as_array().unwrap();
        let ids: Vec<IdentityId> = items.iter().map(|i| i["id"].as_str().unwrap().into()).collect();
        (ids, body["has_more"].as_bool().unwrap())
    };
    assert_eq!(page(""), (all[..2].to_vec(), true));
    assert_eq!(page(&format!("?starting_after={}", all[1])), (all[2..4].to_vec(), true));
    assert_eq!(page(&format!("?starting_after={}", all[3])), (all[4..].to_vec(), false));
    assert_eq!(page(&format!("?starting_after={}", all[4])), (Vec::new(), false));
    assert_eq!(page(&format!("?ending_before={}", all[4])), (all[2..4].to_vec(), true));
    assert_eq!(page(&format!("?ending_before={}", all[2])), (all[..2].to_vec(), false));
    assert_eq!(page(&format!("?ending_before={}", all[0])), (Vec::new(), false));
    for query in ["starting_after=x".to_owned(), format!("starting_after={0}&ending_before={0}", all[0])] {
        assert_eq!(get(&fake, &format!("/api/v1/users/{id}/identities?{query}")).0, 400);
    }
}

// ---- Properties and flags ---------------------------------------------------

#[test]
fn properties_are_set_and_cleared_with_null() {
    let fake = FakeKinde::new();
    let (id, other) = (sally(&fake), fake.add_user(NewFakeUser::new()));
    let one = format!("/api/v1/users/{id}/properties/kp_town?value=S%C3%A3o+Paulo%2C%20BR");
    assert_eq!(ask(&fake, "PUT", &one, &Value::Null), (200, success()));
    let many = format!("/api/v1/users/{id}/properties");
    let body = json!({ "properties": { "paid": "true", "kp_town": null } });
    assert_eq!(fake.user(&id).unwrap().properties["kp_town"], "São Paulo, BR");
    assert_eq!(ask(&fake, "PATCH", &many, &body), (200, success()));
    assert_eq!(fake.user(&id).unwrap().properties.len(), 1);

    let (status, body) = get(&fake, &many);
    assert_eq!((status, body.get("next_token"), &body["code"]), (200, None, &json!("OK")));
    let properties = body["properties"].as_array().unwrap();
    let values: Vec<_> = properties.iter().map(|p| (p["key"].as_str().unwrap(), &p["value"])).collect();
    assert_eq!(values, [("kp_town", &Value::Null), ("paid", &json!("true"))]);
    assert_eq!(keys(&properties[0]), ["description", "id", "key", "name", "value"]);
    assert!(properties[0]["id"].as_str().unwrap().starts_with("prop_"));
    assert_eq!(
        get(&fake, &format!("/api/v1/users/{other}/properties")).1["properties"][1]["value"],
        Value::Null
    );
}

#[test]
fn properties_and_flags_need_text_values() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let many = format!("/api/v1/users/{id}/properties");
    for (body, code) in [
        (json!({}), "PROPERTIES_REQUIRED"),
        (json!({ "properties": null }), "PROPERTIES_REQUIRED"),
        (json!({ "properties": [] }), "PROPERTIES_INVALID"),
        (json!({ "properties": { "ok": "x", "paid": true } }), "PROPERTIES_INVALID"),
        (json!({ "properties": { "ok": "x", "": "y" } }), "PROPERTIES_INVALID"),
        (json!({ "properties": { "": null } }), "PROPERTIES_INVALID"),
    ] {
        let (status, reply) = ask(&fake, "PATCH", &many, &body);
        assert_eq!((status, codes(&reply)), (400, vec![code]), "{body}");
    }
    assert!(fake.user(&id).unwrap().properties.is_empty());
    for (method, target) in [("PUT", "properties/a"), ("PATCH", "feature_flags/a")] {
        let target = format!("/api/v1/users/{id}/{target}");
        let (status, body) = ask(&fake, method, &target, &json!({ "value": "in the body" }));
        assert_eq!((status, codes(&body)), (400, vec!["VALUE_REQUIRED"]));
        assert_eq!(ask(&fake, method, &format!("{target}?value="), &Value::Null), (200, success()));
    }
}

#[test]
fn flag_is_overridden_under_its_decoded_key() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/users/{id}/feature_flags/a%2Fb%20c?value=true");
    assert_eq!(ask(&fake, "PATCH", &target, &Value::Null), (200, success()));
    assert_eq!(fake.user(&id).unwrap().feature_flags["a/b c"], "true");
}

// ---- Sessions and factors ---------------------------------------------------

#[test]
fn ended_and_expired_sessions_are_not_listed() {
    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new().session().session());
    let target = format!("/api/v1/users/{id}/sessions");
    let (status, body) = get(&fake, &target);
    assert_eq!((status, &body["has_more"], &body["code"]), (200, &json!(false), &json!("OK")));
    let mut session = body["sessions"][0].clone();
    assert!(session["session_id"].take().as_str().unwrap().starts_with("session_0x"));
    assert!(session["connection_id"].take().as_str().unwrap().starts_with("conn_"));
    assert_eq!(
        session,
        json!({
            "user_id": id, "org_code": null, "client_id": fake.client_id(), "session_id": null,
            "expires_on": "2026-01-02T11:00:00.000000+11:00", "started_on": "2026-01-01T11:00:00.000000+11:00",
            "updated_on": "2026-01-01T11:00:00+11", "connection_id": null,
            "last_ip_address": "192.0.2.1", "last_user_agent": "Mozilla/5.0",
            "initial_ip_address": "192.0.2.1", "initial_user_agent": "Mozilla/5.0",
        })
    );
    assert_eq!(body["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(ask(&fake, "DELETE", &target, &Value::Null), (200, success()));
    assert_eq!(get(&fake, &target).1["sessions"], json!([]));

    let id = fake.add_user(NewFakeUser::new().session());
    fake.advance(Duration::from_secs(86_400));
    assert_eq!(get(&fake, &format!("/api/v1/users/{id}/sessions")).1["sessions"], json!([]));
}

#[test]
fn factors_are_reset_one_by_one_or_together() {
    let fake = FakeKinde::new();
    let id = fake.add_user(NewFakeUser::new().mfa("email", "sally@example.com").mfa("sms", "+61412345678"));
    let target = format!("/api/v1/users/{id}/mfa");
    let first = fake.user(&id).unwrap().factors[0].id.clone();
    let (status, body) = get(&fake, &target);
    assert_eq!(status, 200);
    let factor = json!({
        "id": first, "type": "email", "created_on": "2026-01-01T11:00:00.000000+11:00",
        "name": "sally@example.com", "is_verified": true, "usage_count": 0,
    });
    assert_eq!(body, json!({ "code": "OK", "message": "Success", "mfa": factor }));
    assert_eq!(ask(&fake, "DELETE", &format!("{target}/{first}"), &Value::Null), (200, success()));
    let (status, body) = ask(&fake, "DELETE", &format!("{target}/{first}"), &Value::Null);
    assert_eq!((status, &body["errors"]["code"]), (404, &json!("MFA_NOT_FOUND")));
    assert_eq!(get(&fake, &target).1["mfa"]["type"], "sms");
    assert_eq!(ask(&fake, "DELETE", &target, &Value::Null), (200, success()));
    assert_eq!(get(&fake, &target).1, success());
}

#[test]
fn several_factors_can_be_an_array() {
    let fake = FakeKinde::builder().choose(Choice::MfaAsArray(true)).build();
    let two = fake.add_user(NewFakeUser::new().mfa("email", "a").mfa("sms", "b"));
    let one = fake.add_user(NewFakeUser::new().mfa("email", "a"));
    assert_eq!(get(&fake, &format!("/api/v1/users/{two}/mfa")).1["mfa"].as_array().unwrap().len(), 2);
    assert_eq!(get(&fake, &format!("/api/v1/users/{one}/mfa")).1["mfa"]["name"], "a");
}

// ---- Billing ----------------------------------------------------------------

#[test]
fn organization_has_one_billing_customer() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    let target = format!("/api/v1/users/{id}/billing_customer");
    let (status, body) = ask(&fake, "POST", &target, &json!({ "org_code": "org_1" }));
    assert_eq!((status, codes(&body)), (400, vec!["BILLING_EMAIL_REQUIRED"]));
    let request =
        json!({ "org_code": "org_1", "billing_email": "a@example.com", "billing_plan_code": "pro" });
    let (status, body) = ask(&fake, "POST", &target, &request);
    assert_eq!((status, &body["code"]), (200, &json!("OK")));
    assert_eq!(keys(&body["billing_customer"]), ["agreement_id", "id"]);
    let customer = json!({ "customer_id": body["billing_customer"]["id"] });
    assert_eq!(get(&fake, &format!("/api/v1/user?id={id}&expand=billing")).1["billing"], customer);
    let (status, body) = ask(&fake, "POST", &target, &request);
    assert_eq!((status, codes(&body)), (400, vec!["BILLING_CUSTOMER_EXISTS"]));
    let other = json!({ "org_code": "org_2", "billing_email": "a@example.com" });
    let (status, body) = ask(&fake, "POST", &target, &other);
    assert_eq!((status, keys(&body["billing_customer"])), (200, vec!["id"]));
    assert_eq!(fake.user(&id).unwrap().billing_organizations, ["org_1", "org_2"]);
}

// ---- All operations ---------------------------------------------------------

#[test]
fn unknown_user_in_path_is_404_or_400() {
    let fake = FakeKinde::new();
    for route in ROUTES.iter().filter(|route| route.path.contains("{user_id}")) {
        let (status, body) = ask(&fake, route.method.as_str(), route.path, &json!({}));
        if route.path.contains("/sessions") || route.path.contains("/mfa") {
            assert_eq!((status, &body["errors"]["code"]), (404, &json!("USER_NOT_FOUND")), "{route:?}");
        } else {
            assert_eq!((status, codes(&body)), (400, vec!["USER_INVALID"]), "{route:?}");
        }
    }
}

#[test]
fn unknown_route_is_404_with_an_object() {
    let fake = FakeKinde::new();
    let id = sally(&fake);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/api/v2/users"),
        ("PUT", "/api/v1/user"),
        ("DELETE", "/api/v1/users"),
        ("HEAD", "/api/v1/users"),
        ("GET", "/oauth2/token"),
        ("DELETE", "/api/v1/users/%2e%2e/sessions"),
        ("GET", &format!("/api/v1/users/{id}/mfa/")),
        ("GET", &format!("/api/v1/users/{id}%2Fmfa")),
    ] {
        let (status, body) = ask(&fake, method, target, &Value::Null);
        let expected = json!({ "errors": {
            "code": "ROUTE_NOT_FOUND", "message": "The requested API route does not exist",
        } });
        assert_eq!((status, body), (404, expected), "{method} {target}");
    }
    assert!(fake.requests().iter().all(|request| request.operation.is_none() && !request.took_effect));
    assert_eq!(fake.requests().last().unwrap().path_and_query(), format!("/api/v1/users/{id}%2Fmfa"));
}

#[test]
fn nothing_printed_tells_about_users_or_secrets() {
    let fake = FakeKinde::builder().credentials("the-client", "the-secret").build();
    let token = fake.issue_token();
    let new = || NewFakeUser::new().name("Sally", "Doe").email("sally@example.com").phone("+61412345678");
    let id = fake.add_user(new().session().mfa("email", "sally@example.com"));
    let password = json!({ "hashed_password": "$2a$10$hash" });
    ask(&fake, "PUT", &format!("/api/v1/users/{id}/password"), &password);
    get(&fake, "/api/v1/users?email=sally@example.com");
    let user = fake.user(&id).unwrap();
    let parts = (&user.identities, &user.sessions, &user.factors, &user.password);
    let printed = format!(
        "{fake:?} {:?} {:?} {:?} {user:?} {parts:?} {:?}",
        FakeKinde::builder().credentials("the-client", "the-secret"),
        fake.requests(),
        new(),
        fake.fail("token"),
    );
    for secret in ["sally", "Sally", "Doe", "614", "the-secret", "$2a", token.as_str(), "Bearer", "192.0.2"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert!(printed.contains("get_users"));
}

#[test]
fn first_100_problems_are_listed_and_the_others_counted() {
    let fake = FakeKinde::new();
    let refused = |count: usize| {
        let (status, body) = ask(&fake, "POST", "/api/v1/user", &json!({ "identities": vec![0; count] }));
        assert_eq!(status, 400);
        body
    };
    assert_eq!(codes(&refused(100)), ["IDENTITIES_INVALID"; 100]);
    let many = refused(103);
    assert_eq!(codes(&many)[..100], ["IDENTITIES_INVALID"; 100]);
    assert_eq!(many["errors"][100], json!({ "code": "MORE_ERRORS", "message": "3 more" }));
    assert_eq!(codes(&many).len(), 101);
}
