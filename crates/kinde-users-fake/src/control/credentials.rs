//! Tokens, the client secret, scopes and API keys.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::routes::done;
use super::{Answer, Call, Control, Refusal};
use crate::token;

/// How many scopes a request can name, and how many it can leave the application with.
const MOST_SCOPES: usize = 400;

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
    let CredentialsChange { client_secret, grant, take } = call.body()?;
    let (grant, take) = (bounded("grant", grant)?, bounded("take", take)?);
    let take = BTreeSet::from_iter(take);
    {
        let settings = &mut control.fake.lock().settings;
        let mut scopes: BTreeSet<_> = settings.scopes.iter().cloned().collect();
        scopes.retain(|scope| !take.contains(scope));
        if !grant.is_empty() {
            scopes.extend(grant);
            if scopes.len() > MOST_SCOPES {
                let words = format!("the application would have more than {MOST_SCOPES} scopes");
                return Err(Refusal::conflict(words));
            }
        }
        settings.scopes = scopes.into_iter().collect();
        if let Some(secret) = client_secret {
            settings.client_secret = secret;
        }
    }
    get(control, call)
}

fn bounded(place: &str, scopes: Vec<String>) -> Result<Vec<String>, Refusal> {
    if scopes.len() > MOST_SCOPES {
        return Err(Refusal::invalid(format!("at most {MOST_SCOPES} scopes")).at(place));
    }
    Ok(scopes)
}

/// Reads the scopes in the body. Without a body they are those of the application.
fn scopes(control: &Control, call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    match call.optional_body::<Scopes>()? {
        Some(given) => bounded("scopes", given.scopes),
        None => Ok(control.fake.lock().settings.scopes.clone()),
    }
}

pub(super) fn issue(control: &Control, call: &Call<'_>) -> Answer {
    let scopes = scopes(control, call)?;
    Ok(json!({ "access_token": token::issue(&mut control.fake.lock(), scopes) }))
}

pub(super) fn revoke(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.revoke_tokens();
    done()
}

pub(super) fn issue_key(control: &Control, call: &Call<'_>) -> Answer {
    Ok(json!({ "api_key": control.fake.issue_api_key(scopes(control, call)?) }))
}

pub(super) fn revoke_key(control: &Control, call: &Call<'_>) -> Answer {
    let ApiKey { api_key } = call.body()?;
    if control.fake.revoke_api_key(&api_key) { done() } else { Err(Refusal::not_found("API key", &api_key)) }
}
