//! `POST /oauth2/token`, and whether a token lets a request through.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::failure::{Failure, Problem, respond, to_bytes};
use crate::state::{Grant, Tenant};

pub(crate) fn answer(tenant: &mut Tenant, headers: &HeaderMap, body: &[u8]) -> Response<Vec<u8>> {
    match grant(tenant, headers, body) {
        Ok(reply) => respond(StatusCode::OK, to_bytes(&reply)),
        Err(refusal) => {
            let body = json!({ "error": refusal.error, "error_description": refusal.description });
            respond(refusal.status, to_bytes(&body))
        }
    }
}

struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

fn refuse(error: &'static str, description: impl Into<String>) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, error, description: description.into() }
}

fn grant(tenant: &mut Tenant, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(refuse("invalid_request", "The body has to be a form"));
    }
    let form: Vec<_> = url::form_urlencoded::parse(body).collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_ref());

    if field("grant_type") != "client_credentials" {
        return Err(refuse("invalid_request", "grant_type has to be client_credentials"));
    }
    let settings = &tenant.settings;
    if field("client_id") != settings.client_id || field("client_secret") != settings.client_secret {
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            ..refuse("invalid_client", "Client authentication failed")
        });
    }
    if field("audience").is_empty() {
        return Err(refuse("invalid_request", "audience is missing"));
    }
    if field("audience") != settings.audience() {
        return Err(refuse("unauthorized_client", "The application is not authorised for this audience"));
    }
    let asked: Vec<String> = field("scope").split_ascii_whitespace().map(str::to_owned).collect();
    if let Some(scope) = asked.iter().find(|scope| !settings.scopes.contains(scope)) {
        return Err(refuse("invalid_scope", format!("The application was not granted {scope}")));
    }
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

/// A JWT with the claims of Kinde's. Nobody signed it: its last part is noise.
pub(crate) fn issue(tenant: &mut Tenant, scopes: Vec<String>) -> String {
    let now = tenant.now;
    tenant.tokens.retain(|_, grant| grant.expires > now);
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

/// 401 without a token that is good now, 403 if it lacks the scope.
pub(crate) fn authorise(tenant: &Tenant, headers: &HeaderMap, scope: &str) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message).into());
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => return refuse("An access token is required"),
    };
    let Some(grant) = tenant.tokens.get(token).filter(|grant| grant.expires > tenant.now) else {
        return refuse("The access token is expired, revoked or unknown");
    };
    if grant.scopes.iter().any(|granted| granted == scope) {
        return Ok(());
    }
    let message = format!("The access token lacks the scope {scope}");
    Err(Problem::chosen(&tenant.settings.choices.missing_scope, message).into())
}
