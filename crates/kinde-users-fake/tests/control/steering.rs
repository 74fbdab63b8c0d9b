//! What the routes do.

use std::time::Duration;

use http::Request;
use kinde_users_fake::FakeKinde;
use serde_json::{Value, json};

use crate::{Steered, user};

#[test]
fn failed_create_takes_effect_and_is_seen() {
    let steered = Steered::new();
    let fault = json!({
        "operation": "create_user",
        "fault": { "kind": "connection_lost" },
        "after_the_effect": true,
    });
    let scripted = steered.done("POST", "/faults", &fault);
    assert_eq!(scripted, json!({ "faults": [{ "operation": "create_user", "times": 1 }] }));
    assert_eq!(steered.ask("POST", "/api/v1/user", &user("a@example.com")), None);
    assert_eq!(steered.ask("POST", "/api/v1/user", &user("a@example.com")), Some(400));
    assert_eq!(steered.get("/faults"), json!({ "faults": [] }));

    let seen = steered.get("/requests?operation=create_user");
    assert_eq!((&seen["count"], &seen["dropped"]), (&json!(2), &json!(0)));
    let first = &seen["requests"][0];
    assert_eq!((&first["took_effect"], &first["status"]), (&json!(true), &Value::Null));
    assert_eq!(first["error"], "the connection was lost before a reply came");
    let refused = steered.get("/requests?status=400");
    assert_eq!(refused["requests"].as_array().unwrap(), &[seen["requests"][1].clone()]);

    // A control request is not recorded.
    assert_eq!(steered.fake.requests().len(), 2);
    steered.done("DELETE", "/requests", &Value::Null);
    assert_eq!(steered.get("/requests")["count"], 0);
}

#[test]
fn each_kind_of_fault_is_scripted() {
    let steered = Steered::new();
    let reply = json!({ "kind": "reply", "status": 418, "headers": { "x-tea": "green" }, "body": "short" });
    for (fault, status) in [
        (json!({ "kind": "real_reply" }), Some(200)),
        (reply, Some(418)),
        (json!({ "kind": "rate_limited", "reset_seconds": 3 }), Some(429)),
        (json!({ "kind": "rate_limited" }), Some(429)),
        (json!({ "kind": "forbidden" }), Some(403)),
        (json!({ "kind": "server_error" }), Some(500)),
        (json!({ "kind": "unavailable" }), Some(503)),
        (json!({ "kind": "cut_body" }), Some(200)),
        (json!({ "kind": "larger_by", "bytes": 1000 }), Some(200)),
        (json!({ "kind": "content_type", "media_type": "text/html" }), Some(200)),
        (json!({ "kind": "not_sent" }), None),
        (json!({ "kind": "connection_lost" }), None),
    ] {
        let new = json!({ "operation": "get_users", "fault": fault, "gzipped": true, "ending": "closed" });
        steered.done("POST", "/faults", &new);
        assert_eq!(steered.ask("GET", "/api/v1/users", &Value::Null), status, "{new}");
    }
    let always = json!({ "operation": "get_users", "fault": { "kind": "forbidden" }, "times": "always" });
    assert_eq!(steered.done("POST", "/faults", &always)["faults"][0]["times"], "always");
    for _ in 0..3 {
        assert_eq!(steered.ask("GET", "/api/v1/users", &Value::Null), Some(403));
    }
    steered.done("DELETE", "/faults", &Value::Null);
    assert_eq!(steered.ask("GET", "/api/v1/users", &Value::Null), Some(200));
}

#[test]
fn requests_are_masked_unless_asked() {
    let steered = Steered::new();
    let form = "grant_type=client_credentials&client_secret=hidden&scope=";
    let token = Request::post("https://acme.kinde.com/oauth2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-trace", "hidden");
    steered.fake.handle(token.body(form.into()).unwrap()).unwrap();
    let created = json!({ "profile": { "given_name": "hidden" }, "is": [true, 7, null, "hidden"] });
    steered.ask("POST", "/api/v1/user", &created);
    steered.ask("GET", "/api/v1/users?email=hidden%40example.com&page_size=&x", &Value::Null);
    let broken = Request::post("/api/v1/user").body(b"{\"given_name\": \"hidden".to_vec()).unwrap();
    steered.fake.handle(broken).unwrap();

    let masked = steered.get("/requests");
    assert!(!masked.to_string().contains("hidden"), "{masked}");
    let seen = &masked["requests"];
    assert_eq!(seen[0]["headers"]["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(seen[0]["headers"]["x-trace"], "***");
    assert_eq!(seen[0]["body"], "grant_type=***&client_secret=***&scope=");
    assert_eq!(seen[1]["headers"]["authorization"], "***");
    let body: Value = serde_json::from_str(seen[1]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "is": [true, 7, null, "***"], "profile": { "given_name": "***" } }));
    assert_eq!(seen[2]["query"], "email=***&page_size=&x");
    assert_eq!(seen[3]["body"], "***");

    let plain = steered.get("/requests?masked=false&limit=3");
    assert_eq!((&plain["count"], plain["requests"].as_array().unwrap().len()), (&json!(4), 3));
    assert_eq!(plain["requests"][0]["body"], created.to_string());
    assert_eq!(plain["requests"][1]["query"], "email=hidden%40example.com&page_size=&x");
}

#[test]
fn users_are_added_read_and_changed() {
    let steered = Steered::new();
    let sally = json!({
        "id": "kp_sally",
        "email": "sally@example.com",
        "organizations": ["org_1"],
        "sessions": [{}],
        "mfa": [{ "type": "sms", "name": "+61412345678" }],
    });
    let added = steered.done("POST", "/users", &json!({ "users": [sally, {}] }));
    assert_eq!(added["users"].as_array().unwrap().len(), 2);
    assert_eq!(added, steered.get("/users"));
    assert_eq!(added["users"][0], steered.get("/users/kp_sally"));
    assert_eq!(added["users"][0]["identities"][0]["identity"], "sally@example.com");

    // The change leaves the rest and the place in the list as it is.
    let change =
        json!({ "mfa": [], "organizations": ["org_2"], "email": "new@example.com", "first_name": "S" });
    let changed = steered.done("PATCH", "/users/kp_sally", &change);
    assert_eq!(changed["sessions"], added["users"][0]["sessions"]);
    assert_eq!(changed, steered.get("/users")["users"][0]);
    let user = steered.fake.user("kp_sally").unwrap();
    assert_eq!((user.email(), user.identities.len()), (Some("new@example.com"), 1));
    assert!(user.factors.is_empty() && user.organizations == ["org_2"]);
    // The old address is free again, and the new one is taken.
    assert_eq!(steered.ask("POST", "/api/v1/user", &crate::user("sally@example.com")), Some(200));
    assert_eq!(steered.ask("POST", "/api/v1/user", &crate::user("new@example.com")), Some(400));
    // An identity that is given with its fields stays the same.
    let identity = json!([changed["identities"][0], { "type": "username", "identity": "sally" }]);
    let changed = steered.done("PATCH", "/users/kp_sally", &json!({ "identities": identity }));
    assert_eq!((&changed["username"], &changed["identities"][0]), (&json!("sally"), &identity[0]));

    steered.done("DELETE", "/users/kp_sally", &Value::Null);
    assert_eq!(steered.send("GET", "/users/kp_sally", &Value::Null).0, 404);
    steered.done("DELETE", "/users", &Value::Null);
    assert_eq!(steered.get("/users"), json!({ "users": [] }));
}

#[test]
fn change_without_an_effect_changes_nothing() {
    let steered = Steered::new();
    steered.fake.seed_users(60);
    let before = steered.fake.users();
    for user in &before {
        steered.done("PATCH", &format!("/users/{}", user.id), &json!({}));
    }
    assert!(steered.fake.users() == before);
}

#[test]
fn clock_is_advanced_past_the_end_of_a_token() {
    let steered = Steered::new();
    let token = steered.done("POST", "/tokens", &Value::Null)["access_token"].as_str().unwrap().to_owned();
    let status = || {
        let request = Request::get("/api/v1/users").header("authorization", format!("Bearer {token}"));
        steered.fake.handle(request.body(Vec::new()).unwrap()).unwrap().status().as_u16()
    };
    assert_eq!(status(), 200);
    let clock = steered.done("POST", "/clock", &json!({ "advance_seconds": 86_400 }));
    assert_eq!(clock, json!({ "now": "2026-01-02T00:00:00Z", "speed": 0 }));
    assert_eq!(status(), 401);
    // In process the clock stands still.
    let (status, reply) = steered.send("POST", "/clock", &json!({ "speed": 2 }));
    assert_eq!((status, reply["error"]["path"].as_str()), (409, Some("speed")));
    // The end of time is an end.
    steered.done("POST", "/clock", &json!({ "advance_seconds": u64::MAX }));
    assert_eq!(steered.ask("GET", "/api/v1/users", &Value::Null), Some(401));
}

#[test]
fn credentials_and_scopes_change() {
    let steered = Steered::new();
    let change =
        json!({ "client_secret": "new", "take": ["read:users", "delete:users"], "grant": ["read:users"] });
    let credentials = steered.done("POST", "/credentials", &change);
    assert_eq!(
        (credentials["client_secret"].as_str(), steered.fake.client_secret().as_str()),
        (Some("new"), "new")
    );
    assert_eq!(credentials, steered.get("/credentials"));
    assert_eq!(steered.ask("GET", "/api/v1/users", &Value::Null), Some(200));
    assert_eq!(steered.ask("DELETE", "/api/v1/user?id=x", &Value::Null), Some(403));

    let key = steered.done("POST", "/api-keys", &json!({ "scopes": ["read:users"] }));
    steered.done("POST", "/api-keys/revoke", &key);
    assert_eq!(steered.send("POST", "/api-keys/revoke", &key).0, 404);
    let token = steered.fake.issue_token();
    steered.done("POST", "/tokens/revoke", &Value::Null);
    assert!(!steered.get("/state").to_string().contains(&token));
}

#[test]
fn limits_are_set_and_cleared() {
    let steered = Steered::new();
    steered.done("POST", "/limits", &json!({ "limit": "windows=1/60s" }));
    let ask = || steered.ask("GET", "/api/v1/users", &Value::Null);
    assert_eq!([ask(), ask()], [Some(200), Some(429)]);
    steered.done("DELETE", "/limits", &Value::Null);
    assert_eq!(ask(), Some(200));
}

#[test]
fn reset_returns_to_the_seed() {
    let steered = Steered::of(FakeKinde::builder().rate_limit(1000).build());
    steered.done("POST", "/reset", &json!({ "samples": 3, "client_secret": "seed", "strict": true }));
    let seeded = steered.get("/state");
    assert_eq!(seeded["users"].as_array().unwrap().len(), 3);
    assert_eq!(steered.ask("GET", "/api/v1/users?pagesize=1", &Value::Null), Some(400));

    for _ in 0..2 {
        let id = steered.ask("POST", "/api/v1/user", &user("a@example.com"));
        assert_eq!(id, Some(200));
        steered.done("POST", "/credentials", &json!({ "client_secret": "x" }));
        steered.done("POST", "/clock", &json!({ "advance_seconds": 100_000 }));
        let fault = json!({ "operation": "token", "fault": { "kind": "forbidden" } });
        steered.done("POST", "/faults", &fault);
        steered.done("POST", "/reset", &Value::Null);
        assert_eq!(steered.get("/state"), seeded);
        assert_eq!(steered.get("/faults"), json!({ "faults": [] }));
        assert_eq!(steered.get("/requests")["count"], 0);
    }
    // A seed in the body is from now on the seed.
    steered.done("POST", "/reset", &json!({}));
    steered.done("POST", "/users", &json!({ "users": [{}] }));
    steered.done("POST", "/reset", &Value::Null);
    assert_eq!(steered.get("/users"), json!({ "users": [] }));
}

#[test]
fn state_is_put_back_with_its_tokens_and_ids() {
    let steered = Steered::new();
    steered.fake.seed_users(60);
    let key = steered.fake.issue_api_key(["read:users"]);
    steered.ask("PATCH", "/api/v1/users/x/properties", &json!({ "properties": { "p": "v" } }));
    let gone = steered.fake.users()[0].id.clone();
    steered.ask("DELETE", &format!("/api/v1/user?id={gone}"), &Value::Null);
    steered.done("POST", "/credentials", &json!({ "take": ["read:user_mfa"] }));
    let state = steered.get("/state");
    let create = |email: &str| {
        assert_eq!(steered.ask("POST", "/api/v1/user", &user(email)), Some(200));
        steered.fake.users().last().unwrap().id.clone()
    };
    let next = create("a@example.com");
    steered.done("POST", "/clock", &json!({ "advance_seconds": 1_000_000 }));
    steered.fake.forget_users();
    steered.fake.revoke_api_key(&key);
    let requests = steered.get("/requests")["count"].clone();

    steered.done("PUT", "/state", &state);
    assert_eq!(steered.get("/state"), state);
    assert_eq!(steered.get("/requests")["count"], requests);
    // What comes next is the same as the first time.
    assert_eq!(create("a@example.com"), next);

    // Another tenant can start from it.
    let other = Steered::new();
    other.done("POST", "/reset", &state);
    assert_eq!(other.get("/state"), state);
}

#[test]
fn state_has_the_first_instant_too() {
    let steered = Steered::new();
    let user = json!({
        "last_signed_in": "1970-01-01T00:00:00Z",
        "identities": [{ "type": "email", "identity": "a@example.com" }],
        "sessions": [{}],
        "mfa": [{ "type": "sms", "name": "n" }],
    });
    steered.done("PUT", "/state", &json!({ "now": "1970-01-01T00:00:00Z", "users": [user] }));
    steered.done("POST", "/clock", &json!({ "advance_seconds": 1 }));
    let state = steered.get("/state");
    let user = &state["users"][0];
    for created in [&user["created_on"], &user["sessions"][0]["started_on"], &user["mfa"][0]["created_on"]] {
        assert_eq!(created, "1970-01-01T00:00:00Z");
    }
    steered.done("PUT", "/state", &state);
    assert_eq!(steered.get("/state"), state);
    assert_eq!(steered.fake.users()[0].last_signed_in, Some(Duration::ZERO));
}

#[test]
fn seed_sets_everything() {
    let steered = Steered::of(FakeKinde::builder().choose("null-mfa=true".parse().unwrap()).build());
    let seed = json!({
        "seed": 7, "audience": "https://a.example/api", "client_id": "id", "client_secret": "secret",
        "scopes": ["read:users"], "token_lifetime_seconds": 60, "identities_page": 1, "strict": false,
        "choices": ["missing-scope=418:TEAPOT"], "limits": ["windows=5/60s"], "latency_ms": 10,
        "latency_spread_ms": 20, "chaos": 0, "now": "2026-06-01T00:00:00Z",
        "users": [{ "id": "kp_1", "properties": { "p": "v" } }], "samples": 1, "deleted_users": ["kp_0"],
        "properties": { "q": "prop_1" }, "api_keys": { "k_live_1": ["read:users"] },
        "tokens": [{ "token": "t", "expires_on": "2026-06-02T00:00:00Z", "scopes": [] }], "ids": "00ff",
    });
    steered.done("POST", "/reset", &seed);
    assert_eq!(
        (steered.fake.audience().as_str(), steered.fake.client_id().as_str()),
        ("https://a.example/api", "id")
    );
    assert_eq!(steered.fake.users().len(), 2);
    let status = |target: &str, token: &str| {
        let request = Request::get(target).header("authorization", format!("Bearer {token}"));
        steered.fake.handle(request.body(Vec::new()).unwrap()).unwrap().status().as_u16()
    };
    assert_eq!(status("/api/v1/users", "t"), 418);
    assert_eq!(status("/api/v1/users", "k_live_1"), 200);
    assert!(steered.get("/clock")["now"].as_str().unwrap().starts_with("2026-06-01T00:00:00.0"));
    assert_eq!(steered.get("/state")["properties"].as_object().unwrap().len(), 2);
    let statuses: Vec<_> = (0..4).map(|_| status("/api/v1/users", "k_live_1")).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
}
