//! `POST /oauth2/token`, and the check of tokens and API keys.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::failure::{Failure, Problem, empty, respond, to_bytes};
use crate::state::{Grant, Tenant};

pub(crate) fn answer(tenant: &mut Tenant, head: &Parts, body: &[u8]) -> Response<Vec<u8>> {
    // If a server listens, the request names the server's address, in any form.
    let host = head.uri.authority().filter(|_| tenant.running.is_none());
    let own = tenant.settings.origin.split_once("://").map_or("", |(_, host)| host);
    if host.is_some_and(|host| !host.as_str().eq_ignore_ascii_case(own)) {
        return empty(StatusCode::NOT_FOUND);
    }
    match grant(tenant, &head.headers, body) {
        Ok(reply) => respond(StatusCode::OK, to_bytes(&reply)),
        Err(Refusal { status: StatusCode::NOT_FOUND, .. }) => empty(StatusCode::NOT_FOUND),
        Err(refusal) => {
            let body = json!({ "error": refusal.error, "error_description": refusal.description });
            respond(refusal.status, to_bytes(&body))
        }
    }
}

/// This text was recorded.
const WRONG_SECRET: &str = "Client authentication failed (e.g., unknown client, no client authentication included, or \
                            unsupported authentication method).";

/// A refused token request. With status 404 there is no body.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

fn refuse(status: StatusCode, error: &'static str, description: impl Into<String>) -> Refusal {
    Refusal { status, error, description: description.into() }
}

fn grant(tenant: &mut Tenant, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_request", "The body must be a form"));
    }
    let form: Vec<_> = url::form_urlencoded::parse(body).collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_ref());

    if field("grant_type") != "client_credentials" {
        let words = "grant_type must be client_credentials";
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid_request", words));
    }
    let settings = &tenant.settings;
    if field("client_id") != settings.client_id {
        return Err(refuse(StatusCode::NOT_FOUND, "", ""));
    }
    if field("client_secret") != settings.client_secret {
        return Err(refuse(StatusCode::UNAUTHORIZED, "invalid_client", WRONG_SECRET));
    }
    if field("audience") != settings.audience() {
        let words = "The application is not authorised for this audience";
        return Err(refuse(StatusCode::FORBIDDEN, "invalid_request", words));
    }
    let mut asked: Vec<String> = field("scope").split_ascii_whitespace().map(str::to_owned).collect();
    if let Some(scope) = asked.iter().find(|scope| !settings.scopes.contains(scope)) {
        let words = format!("The application was not granted {scope}");
        return Err(refuse(StatusCode::FORBIDDEN, "invalid_scope", words));
    }
    let mut known = HashSet::new();
    asked.retain(|scope| known.insert(scope.clone()));
    // Recorded: an empty `scope` in the reply to a request that named none.
    let scope = asked.join(" ");
    let scopes = if asked.is_empty() { settings.scopes.clone() } else { asked };
    let expires_in = settings.token_lifetime.as_secs();
    Ok(json!({
        "access_token": issue(tenant, scopes),
        "expires_in": expires_in,
        "scope": scope,
        "token_type": "bearer",
    }))
}

/// Creates a JWT with the claims of Kinde's. It has random bytes in place of a signature.
pub(crate) fn issue(tenant: &mut Tenant, scopes: Vec<String>) -> String {
    let now = tenant.now;
    // Looking at all tokens each time would make many token requests slow.
    if tenant.tokens.len() > tenant.tokens_to_keep {
        tenant.tokens.retain(|_, grant| grant.expires > now);
        tenant.tokens_to_keep = 2 * tenant.tokens.len() + 50;
    }
    let settings = &tenant.settings;
    let expires = now.saturating_add(settings.token_lifetime);
    let claims = json!({
        "aud": [settings.audience()],
        "azp": settings.client_id,
        "exp": expires.as_secs(),
        "gty": ["client_credentials"],
        "iat": now.as_secs(),
        "iss": settings.origin,
        "jti": tenant.ids.make("", 32),
        "scope": scopes.join(" "),
        "scp": scopes,
    });
    let header = json!({ "alg": "RS256", "kid": "fake", "typ": "JWT" });
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let noise = tenant.ids.make("", 32);
    let token = [part(&to_bytes(&header)), part(&to_bytes(&claims)), part(noise.as_bytes())].join(".");
    tenant.tokens.insert(token.clone(), Grant { expires, scopes });
    token
}

/// Fails with 401 if the token or key is not valid now, and with 403 if it lacks the scope.
pub(crate) fn authorise(tenant: &Tenant, headers: &HeaderMap, scope: &str) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message).into());
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return refuse("An access token is required"),
    };
    let grant = tenant.tokens.get(token).filter(|grant| grant.expires > tenant.now);
    let Some(scopes) = grant.map(|grant| &grant.scopes).or_else(|| tenant.api_keys.get(token)) else {
        return refuse("The access token is expired, revoked or unknown");
    };
    if scopes.iter().any(|granted| granted == scope) {
        return Ok(());
    }
    let message = format!("Scope is missing: {scope}");
    Err(Problem::chosen(&tenant.settings.choices.missing_scope, message).into())
}
