//! How replies show a user.

use core::time::Duration;

use jiff::Timestamp;
use kinde_users_fake::{FakeIdentity, FakeSession, FakeUser};
use serde_json::{Value, json};

pub(super) fn first<'a>(user: &'a FakeUser, kind: &str) -> Option<&'a String> {
    user.identities.iter().find(|identity| identity.kind == kind).map(|identity| &identity.value)
}

/// Adds a field only if it has a value.
pub(super) fn add(shown: &mut Value, key: &str, value: Option<&String>) {
    if let Some(value) = value {
        shown[key] = json!(value);
    }
}

/// Shows a user as `get_users` does.
pub(super) fn user(user: &FakeUser, expand: &[&str]) -> Value {
    let sign_ins: Vec<Value> = user
        .organization_sign_ins
        .iter()
        .map(|(code, at)| json!({ "org_code": code, "last_signed_in": utc(*at) }))
        .collect();
    let mut shown = json!({
        "id": user.id, "provided_id": user.provided_id,
        "phone": first(user, "phone"), "username": first(user, "username"), "last_name": user.family_name,
        "first_name": user.given_name, "is_suspended": user.is_suspended, "picture": user.picture,
        "total_sign_ins": user.total_sign_ins, "failed_sign_ins": user.failed_sign_ins,
        "last_signed_in": user.last_signed_in.map(utc), "created_on": utc(user.created_on),
        "last_organization_sign_ins": if sign_ins.is_empty() { Value::Null } else { Value::Array(sign_ins) },
    });
    add(&mut shown, "email", first(user, "email"));
    for part in expand {
        match *part {
            "organizations" => shown["organizations"] = json!(user.organizations),
            "identities" => {
                let of_one = |identity: &FakeIdentity| {
                    json!({
                        "type": identity.kind, "identity": identity.value,
                        "connection_id": identity.connection_id,
                    })
                };
                shown["identities"] = user.identities.iter().map(of_one).collect();
            }
            _ => {
                if let Some(id) = &user.billing_customer {
                    shown["billing"] = json!({ "customer_id": id });
                }
            }
        }
    }
    shown
}

pub(super) fn identity(user: &FakeUser, place: usize) -> Value {
    let identity = &user.identities[place];
    let is_email = identity.kind == "email";
    let preferred = user.identities.iter().position(|identity| identity.kind == "email");
    let signed_in = user.last_signed_in.filter(|_| is_email);
    let mut shown = json!({
        "id": identity.id, "type": identity.kind, "is_confirmed": identity.is_confirmed,
        "created_on": zulu(identity.created_on), "last_login_on": signed_in.map(zulu),
        "total_logins": if is_email { user.total_sign_ins } else { 0 }, "name": identity.value,
        "connection_id": identity.connection_id, "is_primary": is_email.then_some(preferred == Some(place)),
    });
    add(&mut shown, "email", Some(&identity.value).filter(|value| value.contains('@')));
    shown
}

pub(super) fn sessions(user: &FakeUser, now: Duration) -> Value {
    let sessions = user.sessions.iter().filter(|session| !is_over(session, now));
    let shown = sessions.map(|session| {
        json!({
            "user_id": user.id, "org_code": session.org_code, "client_id": session.client_id,
            "expires_on": sydney(session.started_on + DAY), "session_id": session.id,
            "started_on": sydney(session.started_on), "updated_on": sydney_short(session.started_on),
            "connection_id": session.connection_id,
            "last_ip_address": "192.0.2.1", "last_user_agent": "Mozilla/5.0",
            "initial_ip_address": "192.0.2.1", "initial_user_agent": "Mozilla/5.0",
        })
    });
    let shown: Vec<Value> = shown.collect();
    json!({ "code": "OK", "message": "Success", "has_more": false, "sessions": shown })
}

pub(super) fn factors(user: &FakeUser) -> Value {
    let mut shown = json!({ "code": "OK", "message": "Success" });
    if let Some(factor) = user.factors.first() {
        shown["mfa"] = json!({
            "id": factor.id, "type": factor.kind, "created_on": sydney(factor.created_on),
            "name": factor.name, "is_verified": true, "usage_count": 0,
        });
    }
    shown
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn is_over(session: &FakeSession, now: Duration) -> bool {
    session.started_on + DAY <= now
}

// ---- Timestamps -------------------------------------------------------------

fn at(instant: Duration, form: &str) -> String {
    let micros = i64::try_from(instant.as_micros()).unwrap();
    Timestamp::from_microsecond(micros).unwrap().strftime(form).to_string()
}

fn utc(instant: Duration) -> String {
    at(instant, "%Y-%m-%dT%H:%M:%S%.6f+00:00")
}

fn zulu(instant: Duration) -> String {
    at(instant, "%Y-%m-%dT%H:%M:%SZ")
}

/// Adds eleven hours.
fn sydney(instant: Duration) -> String {
    at(instant + Duration::from_secs(11 * 60 * 60), "%Y-%m-%dT%H:%M:%S%.6f+11:00")
}

fn sydney_short(instant: Duration) -> String {
    at(instant + Duration::from_secs(11 * 60 * 60), "%Y-%m-%dT%H:%M:%S+11")
}
