use kinde_users_fake::{Choice, FakeKinde, Refusal};
use serde_json::{Value, json};

use crate::{ask, get};

#[test]
fn whole_life_of_a_user() {
    let fake = FakeKinde::builder().host("life").seed(7).build();
    let email = json!({ "type": "email", "details": { "email": "sally@example.com" } });
    let (_, created) = ask(&fake, "POST", "/api/v1/user", &json!({ "identities": [email] }));
    let id = created["id"].as_str().unwrap();
    let of_user = |rest: &str| format!("/api/v1/users/{id}/{rest}");
    let done = |method: &str, target: &str, body: Value| {
        let (status, reply) = ask(&fake, method, target, &body);
        assert!(status == 200 || status == 201, "{method} {target}: {reply}");
        reply
    };

    let found = done("GET", "/api/v1/users?email=sally%40example.com", Value::Null);
    assert_eq!(found["users"][0]["id"], id);
    done("PATCH", &format!("/api/v1/user?id={id}"), json!({ "given_name": "Sally" }));
    let phone = json!({ "type": "phone", "value": "+61412345678", "phone_country_id": "au" });
    done("POST", &of_user("identities"), phone);
    done("PUT", &of_user("password"), json!({ "hashed_password": "$2a$10$hash" }));
    done("PUT", &of_user("properties/kp_town?value=Perth"), Value::Null);
    done("PATCH", &of_user("properties"), json!({ "properties": { "paid": "true" } }));
    done("PATCH", &of_user("feature_flags/beta?value=on"), Value::Null);
    done("POST", &of_user("refresh_claims"), Value::Null);
    let customer = json!({ "org_code": "org_1ccfb819462", "billing_email": "sally@example.com" });
    done("POST", &of_user("billing_customer"), customer);
    done("DELETE", &of_user("mfa"), Value::Null);
    done("DELETE", &of_user("sessions"), Value::Null);

    let shown = done("GET", &format!("/api/v1/user?id={id}&expand=identities,billing"), Value::Null);
    assert_eq!((&shown["first_name"], &shown["phone"]), (&json!("Sally"), &json!("+61412345678")));
    assert_eq!(shown["identities"].as_array().unwrap().len(), 2);
    assert!(shown["billing"]["customer_id"].is_string());
    let user = fake.user(id).unwrap();
    assert_eq!((user.properties.len(), user.feature_flags["beta"].as_str()), (2, "on"));
    assert_eq!((user.claims_refreshed, user.password.is_some()), (1, true));

    done("DELETE", &format!("/api/v1/user?id={id}&is_delete_profile=true"), Value::Null);
    assert_eq!(get(&fake, &of_user("identities")).0, 400);
    assert!(fake.users().is_empty());
    assert_eq!(fake.requests().that_took_effect().len(), fake.requests().len() - 1);
    assert_eq!(fake.requests().of("update_user")[0].body_text(), r#"{"given_name":"Sally"}"#);
}

#[test]
fn same_seed_gives_the_same_tenant() {
    let tenant = |seed| {
        let fake = FakeKinde::builder().seed(seed).build();
        fake.seed_users(120);
        ask(&fake, "POST", "/api/v1/user", &Value::Null);
        fake.users()
    };
    assert_eq!(tenant(1), tenant(1));
    assert_ne!(tenant(1), tenant(2));
}

#[test]
fn clone_is_the_same_tenant_on_any_thread() {
    fn is_shared<T: Clone + Send + Sync>(_: &T) {}
    let fake = FakeKinde::new();
    is_shared(&fake);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let fake = fake.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(ask(&fake, "POST", "/api/v1/user", &Value::Null).0, 200);
                }
            });
        }
    });
    let mut ids: Vec<_> = fake.users().into_iter().map(|user| user.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200);
}

#[test]
fn users_can_be_forgotten() {
    let fake = FakeKinde::builder().choose(Choice::DeletedUser(Refusal::new(410, "GONE"))).build();
    let ids = fake.seed_users(3);
    let page = get(&fake, "/api/v1/users?page_size=2").1;
    fake.forget_users();
    assert_eq!(get(&fake, &format!("/api/v1/user?id={}", ids[0])).0, 400);
    // An address is free again, and the position of the page is before the new users.
    fake.seed_users(1);
    let next = page["next_token"].as_str().unwrap().replace('=', "%3D");
    let rest = get(&fake, &format!("/api/v1/users?next_token={next}")).1;
    assert_eq!(rest["users"][0]["email"], "user0@example.com");
}
