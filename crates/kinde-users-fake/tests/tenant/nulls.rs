//! Tests that replies have null only if the description allows it or a recording shows it.

use std::collections::BTreeSet;

use kinde_users_fake::{FakeKinde, NewFakeUser, ROUTES};
use serde_json::{Value, json};

use crate::ask;

/// The operation, the field, and the source that describes or shows null for it.
const NULLS: &[(&str, &str, &str)] = &[
    ("get_user_data", "first_name", "recorded"),
    ("get_user_data", "last_name", "recorded"),
    ("get_user_data", "last_signed_in", "description"),
    ("get_user_data", "phone", "recorded"),
    ("get_user_data", "picture", "recorded"),
    ("get_user_data", "provided_id", "recorded"),
    ("get_user_data", "username", "recorded"),
    ("get_user_identities", "identities.connection_id", "description"),
    ("get_user_identities", "identities.is_confirmed", "Go client of nxt-fwd"),
    ("get_user_identities", "identities.is_primary", "description"),
    ("get_user_identities", "identities.last_login_on", "Go client of nxt-fwd"),
    ("get_user_property_values", "properties.description", "description"),
    ("get_user_property_values", "properties.value", "description"),
    ("get_user_sessions", "sessions.org_code", "description"),
    ("get_users", "next_token", "recorded"),
    ("get_users", "users", "recorded"),
    ("get_users", "users.first_name", "recorded"),
    ("get_users", "users.identities.connection_id", "description"),
    ("get_users", "users.last_name", "recorded"),
    ("get_users", "users.last_organization_sign_ins", "description"),
    ("get_users", "users.last_signed_in", "description"),
    ("get_users", "users.phone", "recorded"),
    ("get_users", "users.picture", "recorded"),
    ("get_users", "users.provided_id", "recorded"),
    ("get_users", "users.username", "recorded"),
    ("update_user", "picture", "description"),
];

/// Records the path of each null. The items of a list share a path.
fn nulls_in(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Null => {
            found.insert(path.to_owned());
        }
        Value::Array(items) => items.iter().for_each(|item| nulls_in(item, path, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                nulls_in(value, &format!("{path}{dot}{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn replies_have_only_described_or_recorded_nulls() {
    let fake = FakeKinde::new();
    let (mut found, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let mut look = |name: &str, target: &str, body: &Value| {
        asked.insert(name.to_owned());
        let route = ROUTES.iter().find(|route| route.name == name).unwrap();
        let (status, reply) = ask(&fake, route.method.as_str(), target, body);
        assert_eq!(status, route.success, "{name}: {reply}");
        let mut nulls = BTreeSet::new();
        nulls_in(&reply, "", &mut nulls);
        found.extend(nulls.into_iter().map(|path| (name.to_owned(), path)));
    };
    look("get_users", "/api/v1/users", &Value::Null);
    fake.seed_users(60);
    fake.add_user(NewFakeUser::new());
    let social = NewFakeUser::new().connected("oauth2:google", "123456", "conn_1").property("a", "1");
    let social = fake.add_user(social.session().mfa("sms", "+61412345678"));
    let factor = format!("mfa/{}", fake.user(&social).unwrap().factors[0].id);
    let customer = json!({ "org_code": "org_1", "billing_email": "a@example.com" });
    look("create_user", "/api/v1/user", &json!({ "profile": { "given_name": null } }));
    for user in fake.users() {
        let of_user = |rest: &str| format!("/api/v1/users/{}/{rest}", user.id);
        look("get_user_identities", &of_user("identities"), &Value::Null);
        look("get_user_property_values", &of_user("properties"), &Value::Null);
        look("get_user_sessions", &of_user("sessions"), &Value::Null);
        look("get_users_mfa", &of_user("mfa"), &Value::Null);
        look("update_user", &format!("/api/v1/user?id={}", user.id), &json!({}));
        // The reply is checked before and after the user becomes a customer.
        for billing in [&json!(null), &customer] {
            let all = "expand=organizations,identities,billing";
            look("get_user_data", &format!("/api/v1/user?id={}&{all}", user.id), &Value::Null);
            look("get_users", &format!("/api/v1/users?page_size=500&{all}"), &Value::Null);
            if !billing.is_null() {
                look("create_user_billing_customer", &of_user("billing_customer"), billing);
            }
        }
    }
    for (name, rest, body) in [
        ("create_user_identity", "identities", json!({ "type": "username", "value": "a" })),
        ("set_user_password", "password", json!({ "hashed_password": "x" })),
        ("refresh_user_claims", "refresh_claims", Value::Null),
        ("update_user_property", "properties/b?value=1", Value::Null),
        ("update_user_properties", "properties", json!({ "properties": { "b": null } })),
        ("update_user_feature_flag_override", "feature_flags/b?value=1", Value::Null),
        ("delete_user_sessions", "sessions", Value::Null),
        ("reset_users_mfa", &factor, Value::Null),
        ("reset_users_mfa_all", "mfa", Value::Null),
    ] {
        look(name, &format!("/api/v1/users/{social}/{rest}"), &body);
    }
    look("delete_user", &format!("/api/v1/user?id={social}"), &Value::Null);
    let expected: BTreeSet<_> =
        NULLS.iter().map(|(name, path, _)| ((*name).to_owned(), (*path).to_owned())).collect();
    assert_eq!(found, expected);
    assert_eq!(asked.len(), ROUTES.len());
}
