use core::time::Duration;

use http::{Request, Response};
use kinde_users_fake::{FakeKinde, ROUTES};
use serde_json::{Value, json};

use crate::{codes, read};

fn post(fake: &FakeKinde, content_type: &str, body: &str) -> Response<Vec<u8>> {
    let request =
        Request::post(format!("{}/oauth2/token", fake.origin())).header("content-type", content_type);
    fake.handle(request.body(body.as_bytes().to_vec()).unwrap()).unwrap()
}

fn token(fake: &FakeKinde, form: &str) -> (u16, Value) {
    read(&post(fake, "application/x-www-form-urlencoded", form))
}

fn form(fake: &FakeKinde) -> String {
    let audience = fake.audience().replace(':', "%3A").replace('/', "%2F");
    let (id, secret) = (fake.client_id(), fake.client_secret());
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&audience={audience}")
}

fn users_with(fake: &FakeKinde, authorization: &str) -> (u16, Value) {
    let request = Request::get("/api/v1/users").header("authorization", authorization);
    read(&fake.handle(request.body(Vec::new()).unwrap()).unwrap())
}

fn bearer(body: &Value) -> String {
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

#[test]
fn client_credentials_get_a_token_for_the_api() {
    let fake = FakeKinde::new();
    let (status, body) = token(&fake, &form(&fake));
    assert_eq!(status, 200);
    assert_eq!((&body["expires_in"], &body["scope"]), (&json!(86_399), &json!("")));
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(users_with(&fake, &bearer(&body)).0, 200);
    assert_eq!(users_with(&fake, &bearer(&body).replace("Bearer", "bEARER")).0, 200);
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn token_is_a_jwt_with_claims() {
    use base64::Engine as _;
    let fake = FakeKinde::builder().host("demo").scopes(["read:users", "create:users"]).build();
    let token = fake.issue_token();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3);
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], json!(["https://demo.kinde.com/api"]));
    assert_eq!(
        (&claims["iss"], &claims["azp"]),
        (&json!("https://demo.kinde.com"), &json!(fake.client_id()))
    );
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 86_399);
    assert_eq!(claims["scope"], "read:users create:users");
    assert_ne!(token, fake.issue_token());
}

#[test]
fn token_expires_by_the_clock() {
    let fake = FakeKinde::builder().token_lifetime(Duration::from_secs(60)).build();
    let (_, body) = token(&fake, &form(&fake));
    assert_eq!(body["expires_in"], 60);
    fake.advance(Duration::from_secs(59));
    assert_eq!(users_with(&fake, &bearer(&body)).0, 200);
    fake.advance(Duration::from_secs(1));
    let (status, reply) = users_with(&fake, &bearer(&body));
    assert_eq!((status, codes(&reply)), (401, vec!["UNAUTHORIZED"]));
}

#[test]
fn missing_foreign_and_revoked_tokens_are_401() {
    let fake = FakeKinde::new();
    let token = fake.issue_token();
    for authorization in ["", "Bearer", "Bearer ", "Bearer x.y.z", "Basic eDp5", token.as_str()] {
        assert_eq!(users_with(&fake, authorization).0, 401, "{authorization}");
    }
    let bare = fake.handle(Request::get("/api/v1/users").body(Vec::new()).unwrap()).unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(users_with(&fake, &format!("Bearer {token}")).0, 200);
    fake.revoke_tokens();
    assert_eq!(users_with(&fake, &format!("Bearer {token}")).0, 401);
}

#[test]
fn every_operation_needs_its_scope_and_says_so() {
    let fake = FakeKinde::builder().scopes(["read:nothing"]).build();
    for route in ROUTES {
        let request = Request::builder()
            .method(route.method.clone())
            .uri(route.path.replace(['{', '}'], ""))
            .header("authorization", format!("Bearer {}", fake.issue_token()));
        let (status, body) = read(&fake.handle(request.body(Vec::new()).unwrap()).unwrap());
        let message = format!("Scope is missing: {}", route.scope);
        let expected = json!({ "errors": [{ "code": "SCOPE_MISSING", "message": message }] });
        assert_eq!((status, body), (403, expected), "{route:?}");
    }
}

#[test]
fn token_can_have_fewer_scopes_but_not_more() {
    let fake = FakeKinde::builder().scopes(["read:users", "create:users"]).build();
    let (status, body) = token(&fake, &(form(&fake) + "&scope=create%3Ausers"));
    assert_eq!((status, &body["scope"]), (200, &json!("create:users")));
    assert_eq!(users_with(&fake, &bearer(&body)).0, 403);
    let (status, body) = token(&fake, &(form(&fake) + "&scope=create%3Ausers+delete%3Ausers"));
    assert_eq!((status, &body["error"]), (403, &json!("invalid_scope")));
}

#[test]
fn token_requests_are_refused_with_oauth_errors() {
    let fake = FakeKinde::new();
    let good = form(&fake);
    for (form, expected) in [
        (good.replace("grant_type=client_credentials&", ""), (400, "invalid_request")),
        (good.replace("client_credentials", "password"), (400, "invalid_request")),
        (good.replace(&fake.client_secret(), ""), (401, "invalid_client")),
        (good.replace(&fake.client_secret(), "wrong") + "&scope=none", (401, "invalid_client")),
        (good.split("&audience").next().unwrap().to_owned(), (403, "invalid_request")),
        (good.replace("%2Fapi", ""), (403, "invalid_request")),
        (good.replace("%2Fapi", "%2Fother"), (403, "invalid_request")),
        (good.clone() + "&scope=read%3Anothing", (403, "invalid_scope")),
        (String::new(), (400, "invalid_request")),
    ] {
        let (status, body) = token(&fake, &form);
        assert_eq!((status, body["error"].as_str().unwrap()), expected, "{form}");
        assert!(body["error_description"].is_string());
    }
    let response = post(&fake, "application/json", "{}");
    assert_eq!((response.status().as_u16(), &read(&response).1["error"]), (400, &json!("invalid_request")));
    assert!(fake.requests().that_took_effect().is_empty());
}

#[test]
fn only_the_rotated_secret_works() {
    let fake = FakeKinde::new();
    let old = form(&fake);
    fake.rotate_secret("s 2&=");
    assert_eq!(token(&fake, &old).0, 401);
    let new = old.replace("fake-client-secret", "s+2%26%3D");
    assert_eq!(token(&fake, &new).0, 200);
}

#[test]
fn wrong_secret_gets_the_recorded_message() {
    let fake = FakeKinde::new();
    let (status, body) = token(&fake, &form(&fake).replace(&fake.client_secret(), "wrong"));
    let words = "Client authentication failed (e.g., unknown client, no client authentication included, or \
                 unsupported authentication method).";
    assert_eq!((status, body), (401, json!({ "error": "invalid_client", "error_description": words })));
}

#[test]
fn unknown_client_or_domain_gets_an_empty_404() {
    let fake = FakeKinde::new();
    let form = form(&fake);
    let post = |uri: &str, form: &str| {
        let request = Request::post(uri).header("content-type", "application/x-www-form-urlencoded");
        let response = fake.handle(request.body(form.as_bytes().to_vec()).unwrap()).unwrap();
        (response.status().as_u16(), response.body().len(), response.headers().contains_key("content-type"))
    };
    let here = "https://acme.kinde.com/oauth2/token";
    for client_id in ["client_id=unknown", "client_id=", "client=unknown"] {
        let form = form.replace(&format!("client_id={}", fake.client_id()), client_id);
        assert_eq!(post(here, &form), (404, 0, false), "{client_id}");
    }
    for origin in ["https://other.kinde.com", "https://acme.kinde.com.au", "https://login.acme.com"] {
        assert_eq!(post(&format!("{origin}/oauth2/token"), &form), (404, 0, false), "{origin}");
    }
    // A request without a host, as a server receives it, is meant for this tenant.
    for uri in [here, "https://ACME.kinde.com/oauth2/token", "/oauth2/token"] {
        let (status, length, _) = post(uri, &form);
        assert!(status == 200 && length > 0, "{uri}: {status}");
    }
}

#[test]
fn api_key_works_for_its_scopes_until_revoked() {
    let fake = FakeKinde::builder().scopes(["read:nothing"]).token_lifetime(Duration::from_secs(60)).build();
    let [key, other] = [["read:users"], ["create:users"]].map(|scopes| fake.issue_api_key(scopes));
    assert!(key.starts_with("k_live_") && key.len() > 32 && key != other, "{key}");
    let users = |key: &str| users_with(&fake, &format!("Bearer {key}"));
    assert_eq!(users(&key).0, 200);
    let (status, body) = users(&other);
    assert_eq!((status, codes(&body)), (403, vec!["SCOPE_MISSING"]));
    // A key does not expire, and is not a token of the application.
    fake.advance(Duration::from_secs(1_000_000_000));
    fake.revoke_tokens();
    fake.rotate_secret("new");
    assert_eq!(users(&key).0, 200);
    assert_eq!(fake.token_requests(), 0);

    assert!(fake.revoke_api_key(&key));
    for key in [key.as_str(), "k_live_", "k_live_0123456789abcdef0123456789abcdef"] {
        assert!(!fake.revoke_api_key(key));
        let (status, body) = users(key);
        assert_eq!((status, codes(&body)), (401, vec!["UNAUTHORIZED"]), "{key}");
    }
    assert_eq!(users(&other).0, 403);
}
