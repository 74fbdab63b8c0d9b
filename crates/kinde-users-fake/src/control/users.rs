//! Users, and the state of the tenant.

use kinde_users_core::UserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::routes::done;
use super::seed::{Seed, SeedUser, state};
use super::{Answer, Call, Control, Refusal};
use crate::snapshot;
use crate::state::Tenant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUsers {
    users: Vec<SeedUser>,
}

pub(super) fn get_users(control: &Control, _: &Call<'_>) -> Answer {
    let tenant = control.fake.lock();
    Ok(json!({ "users": tenant.users.after(0).map(|(_, user)| snapshot::write(user)).collect::<Value>() }))
}

pub(super) fn add(control: &Control, call: &Call<'_>) -> Answer {
    let NewUsers { users } = call.body()?;
    let mut tenant = control.fake.lock();
    let ids: Vec<_> = users.into_iter().map(|user| tenant.add(user.0)).collect();
    let added = ids.iter().filter_map(|id| tenant.users.get(id.as_ref())).map(snapshot::write);
    Ok(json!({ "users": added.collect::<Value>() }))
}

pub(super) fn forget(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.forget_users();
    done()
}

fn written(tenant: &Tenant, id: &str) -> Answer {
    let user = tenant.users.get(id).ok_or_else(|| Refusal::not_found("user", id))?;
    Ok(snapshot::write(user))
}

pub(super) fn get(control: &Control, call: &Call<'_>) -> Answer {
    written(&control.fake.lock(), call.id())
}

/// Changes the fields of the form that an export has.
pub(super) fn change(control: &Control, call: &Call<'_>) -> Answer {
    let change: Map<String, Value> = call.body()?;
    let mut tenant = control.fake.lock();
    let Value::Object(mut user) = written(&tenant, call.id())? else { return done() };
    if change.get("id").is_some_and(|id| *id != call.id()) {
        return Err(Refusal::invalid("the id of a user stays").at("id"));
    }
    // These fields are the first identity of a kind, so a new value replaces those of the kind.
    for kind in ["email", "phone", "username"] {
        user.remove(kind);
        if let (Some(_), Some(Value::Array(identities))) = (change.get(kind), user.get_mut("identities")) {
            identities.retain(|identity| identity["type"] != kind);
        }
    }
    if !change.contains_key("email") {
        user.remove("email_verified");
    }
    user.extend(change);
    let user = SeedUser::read(user).map_err(Refusal::invalid)?;
    tenant.change(user.0);
    written(&tenant, call.id())
}

pub(super) fn delete(control: &Control, call: &Call<'_>) -> Answer {
    let deleted = control.fake.lock().users.remove(&UserId::from(call.id()));
    deleted.map_or_else(|| Err(Refusal::not_found("user", call.id())), |_| done())
}

pub(super) fn get_state(control: &Control, _: &Call<'_>) -> Answer {
    Ok(state(&control.fake.lock()))
}

pub(super) fn put_state(control: &Control, call: &Call<'_>) -> Answer {
    let seed: Seed = call.body()?;
    let tenant = &mut *control.fake.lock();
    tenant.users.forget();
    tenant.properties.clear();
    tenant.tokens.clear();
    tenant.api_keys.clear();
    seed.apply(tenant);
    done()
}
