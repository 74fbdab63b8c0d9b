//! Users, identities, sessions and factors as the replies show them.

use core::time::Duration;

use kinde_users_core::{ConnectionId, OrganizationCode, UserId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::time;
use crate::user::{FakeFactor, FakeIdentity, FakeSession, FakeUser};

/// The parts of a user that are shown on request.
#[derive(Default)]
pub(crate) struct Expand {
    pub(crate) organizations: bool,
    pub(crate) identities: bool,
    pub(crate) billing: bool,
}

/// A page of `get_users`. The list and the token are null rather than empty.
#[derive(Serialize)]
pub(crate) struct Page<'u> {
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) users: Option<Vec<User<'u>>>,
    pub(crate) next_token: Option<String>,
}

/// A user in a list.
#[derive(Serialize)]
pub(crate) struct User<'u> {
    id: &'u UserId,
    provided_id: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'u str>,
    phone: Option<&'u str>,
    username: Option<&'u str>,
    last_name: Option<&'u str>,
    first_name: Option<&'u str>,
    is_suspended: bool,
    picture: Option<&'u str>,
    total_sign_ins: u64,
    failed_sign_ins: u64,
    last_signed_in: Option<String>,
    created_on: String,
    last_organization_sign_ins: Option<Vec<SignIn<'u>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<&'u [OrganizationCode]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identities: Option<Vec<Identity<'u>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing: Option<Value>,
}

#[derive(Serialize)]
struct SignIn<'u> {
    org_code: &'u OrganizationCode,
    last_signed_in: String,
}

#[derive(Serialize)]
struct Identity<'u> {
    r#type: &'u str,
    #[serde(rename = "identity")]
    value: &'u str,
    connection_id: Option<&'u ConnectionId>,
}

impl<'u> User<'u> {
    pub(crate) fn new(user: &'u FakeUser, expand: &Expand) -> Self {
        let sign_ins = user.organization_sign_ins.iter();
        let identities = user.identities.iter().map(|identity| Identity {
            r#type: &identity.kind,
            value: &identity.value,
            connection_id: identity.connection_id.as_ref(),
        });
        Self {
            id: &user.id,
            provided_id: user.provided_id.as_deref(),
            email: user.email(),
            phone: user.phone(),
            username: user.username(),
            last_name: user.family_name.as_deref(),
            first_name: user.given_name.as_deref(),
            is_suspended: user.is_suspended,
            picture: user.picture.as_deref(),
            total_sign_ins: user.total_sign_ins,
            failed_sign_ins: user.failed_sign_ins,
            last_signed_in: user.last_signed_in.map(time::utc),
            created_on: time::utc(user.created_on),
            last_organization_sign_ins: (!user.organization_sign_ins.is_empty())
                .then(|| sign_ins.map(|(code, at)| SignIn::new(code, *at)).collect()),
            organizations: expand.organizations.then_some(user.organizations.as_slice()),
            identities: expand.identities.then(|| identities.collect()),
            billing: user
                .billing_customer
                .as_ref()
                .filter(|_| expand.billing)
                .map(|id| json!({ "customer_id": id })),
        }
    }

    /// Returns the user as `get_user_data` shows it: with another name for the address, without
    /// organisation sign-ins, connections and envelope.
    pub(crate) fn alone(&self) -> Value {
        let mut value = json!(self);
        if let Some(fields) = value.as_object_mut() {
            let email = fields.remove("email");
            fields.extend(email.map(|email| ("preferred_email".to_owned(), email)));
            fields.remove("last_organization_sign_ins");
            let identities = fields.get_mut("identities").and_then(Value::as_array_mut);
            for identity in identities.into_iter().flatten().filter_map(Value::as_object_mut) {
                identity.remove("connection_id");
            }
        }
        value
    }
}

impl<'u> SignIn<'u> {
    fn new(org_code: &'u OrganizationCode, at: Duration) -> Self {
        Self { org_code, last_signed_in: time::utc(at) }
    }
}

/// Removes those of the named fields that have no value. The service was never seen to send null
/// for them.
fn null_left_out(mut value: Value, names: &[&str]) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, value| !(value.is_null() && names.contains(&name.as_str())));
    }
    value
}

/// Returns the reply of `update_user`, which uses other names again and has no `provided_id`.
pub(crate) fn updated(user: &FakeUser) -> Value {
    let shown = json!({
        "id": user.id,
        "email": user.email(),
        "picture": user.picture,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "is_suspended": user.is_suspended,
        "is_password_reset_requested": user.is_password_reset_requested,
    });
    null_left_out(shown, &["email", "given_name", "family_name"])
}

pub(crate) fn identity(user: &FakeUser, identity: &FakeIdentity) -> Value {
    let is_email = identity.kind == "email";
    let logged_in = user.last_signed_in.filter(|_| is_email);
    let preferred = user.identities.iter().find(|identity| identity.kind == "email");
    let shown = json!({
        "id": identity.id,
        "type": identity.kind,
        "is_confirmed": identity.is_confirmed,
        "created_on": time::zulu(identity.created_on),
        "last_login_on": logged_in.map(time::zulu),
        "total_logins": if logged_in.is_some() { user.total_sign_ins } else { 0 },
        "name": identity.value,
        "email": identity.value.contains('@').then_some(&identity.value),
        "connection_id": identity.connection_id,
        "is_primary": is_email.then(|| preferred.is_some_and(|preferred| preferred.id == identity.id)),
    });
    null_left_out(shown, &["email"])
}

pub(crate) fn session(user_id: &UserId, session: &FakeSession, short_offsets: bool) -> Value {
    let updated_on = if short_offsets { time::sydney_short } else { time::sydney };
    let (address, agent) = ("192.0.2.1", "Mozilla/5.0");
    json!({
        "user_id": user_id,
        "org_code": session.org_code,
        "client_id": session.client_id,
        "expires_on": time::sydney(session.expires_on()),
        "session_id": session.id,
        "started_on": time::sydney(session.started_on),
        "updated_on": updated_on(session.started_on),
        "connection_id": session.connection_id,
        "last_ip_address": address,
        "last_user_agent": agent,
        "initial_ip_address": address,
        "initial_user_agent": agent,
    })
}

pub(crate) fn billing_customer(id: &str, agreement_id: Option<&str>) -> Value {
    null_left_out(json!({ "id": id, "agreement_id": agreement_id }), &["agreement_id"])
}

/// Returns a factor, which was never used.
pub(crate) fn factor(factor: &FakeFactor) -> Value {
    json!({
        "id": factor.id,
        "type": factor.kind,
        "created_on": time::sydney(factor.created_on),
        "name": factor.name,
        "is_verified": true,
        "usage_count": 0,
    })
}
