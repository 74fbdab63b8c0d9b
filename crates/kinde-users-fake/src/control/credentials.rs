//! Tokens, the client secret, scopes and API keys.

use serde::Deserialize;
use serde_json::json;

use super::routes::done;
use super::{Answer, Call, Control, Refusal};
use crate::token;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Scopes {
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKey {
    api_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct CredentialsChange {
    client_secret: Option<String>,
    grant: Vec<String>,
    take: Vec<String>,
}

pub(super) fn get(control: &Control, _: &Call<'_>) -> Answer {
    let settings = &control.fake.lock().settings;
    Ok(json!({
        "origin": settings.origin,
        "audience": settings.audience(),
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "scopes": settings.scopes,
    }))
}

pub(super) fn change(control: &Control, call: &Call<'_>) -> Answer {
    let change: CredentialsChange = call.body()?;
    {
        let tenant = &mut *control.fake.lock();
        if let Some(secret) = change.client_secret {
            tenant.settings.client_secret = secret;
        }
        let scopes = &mut tenant.settings.scopes;
        scopes.retain(|scope| !change.take.contains(scope));
        let new: Vec<_> = change.grant.into_iter().filter(|scope| !scopes.contains(scope)).collect();
        scopes.extend(new);
        scopes.sort();
        scopes.dedup();
    }
    get(control, call)
}

pub(super) fn issue(control: &Control, call: &Call<'_>) -> Answer {
    let scopes = call.optional_body::<Scopes>()?.map(|given| given.scopes);
    let mut tenant = control.fake.lock();
    let scopes = scopes.unwrap_or_else(|| tenant.settings.scopes.clone());
    Ok(json!({ "access_token": token::issue(&mut tenant, scopes) }))
}

pub(super) fn revoke(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.revoke_tokens();
    done()
}

pub(super) fn issue_key(control: &Control, call: &Call<'_>) -> Answer {
    let scopes = call.optional_body::<Scopes>()?.map(|given| given.scopes);
    let scopes = scopes.unwrap_or_else(|| control.fake.lock().settings.scopes.clone());
    Ok(json!({ "api_key": control.fake.issue_api_key(scopes) }))
}

pub(super) fn revoke_key(control: &Control, call: &Call<'_>) -> Answer {
    let ApiKey { api_key } = call.body()?;
    if control.fake.revoke_api_key(&api_key) { done() } else { Err(Refusal::not_found("API key", &api_key)) }
}
