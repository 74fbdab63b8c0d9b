//! What the routes refuse.

use http::Request;
use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::{Value, json};

use crate::{Steered, reply};

/// A method and a path, a body, the status, and the place and a part of the message.
type Refused = (&'static str, &'static str, u16, &'static str, &'static str);

#[rustfmt::skip] // a table
const REFUSED: &[Refused] = &[
    ("GET /nothing", "", 404, "", "there is no control route /_fake/nothing"),
    ("GET ", "", 404, "", "GET /_fake/openapi.json lists them"),
    ("GET /users/kp_2", "", 404, "", "there is no user \"kp_2\""),
    ("GET /tenants", "", 404, "", "only the first tenant"),
    ("PUT /users", "{}", 405, "", "/_fake/users has only GET, POST, DELETE"),
    ("GET /health", "{}", 400, "", "takes no body"),
    ("PUT /state", "", 400, "", "requires a body"),
    ("POST /users", "[[]]", 400, "", "must be a JSON object"),
    ("POST /users", "{} {}", 400, "", "missing field `users`"),
    ("POST /reset", "{} {}", 400, "", "trailing characters"),
    ("POST /users", r#"{"users": [{}, {"emial": "x"}]}"#, 400, "users[1]", "emial is unknown"),
    ("POST /users", r#"{"users": [{"mfa": [{}, 7]}]}"#, 400, "users[0]", "mfa[0].type is required, mfa invalid"),
    ("POST /users", r#"{"users": [{"password": {}}]}"#, 400, "users[0]", "password.hashed_password is required"),
    ("PATCH /users/kp_1", r#"{"id": "kp_2"}"#, 400, "id", "stays"),
    ("PATCH /users/kp_1", r#"{"sessions": 7}"#, 400, "", "sessions invalid"),
    ("GET /requests?operation=x", "", 400, "operation", "create_user"),
    ("GET /requests?status=ok", "", 400, "status", "an HTTP status"),
    ("GET /requests?limit=0", "", 400, "limit", "from 1 to"),
    ("GET /requests?limit=10001", "", 400, "limit", "from 1 to 10000"),
    ("GET /requests?masked=no", "", 400, "masked", "true or false"),
    ("GET /requests?mask=no", "", 400, "mask", "no such argument"),
    ("POST /faults", r#"{"operation": "x", "fault": {"kind": "forbidden"}}"#, 400, "operation", "create_user"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "forbidden"}, "times": 0}"#, 400, "times", "from 1 to 1000000"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "forbidden"}, "time": 1}"#, 400, "time", "unknown field `time`"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "x"}}"#, 400, "fault.kind", "unknown variant `x`"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "forbidden", "a": 1}}"#, 400, "fault", "unknown field `a`"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "reply", "status": 100}}"#, 400, "fault.status", "from 200"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "reply", "status": 200, "headers": {"a b": ""}}}"#, 400, "fault.headers.a b", "not valid"),
    ("POST /faults", r#"{"operation": "token", "fault": {"kind": "larger_by", "bytes": 99999999}}"#, 400, "fault.bytes", "at most"),
    ("POST /limits", r#"{"limit": "x"}"#, 400, "limit", "it must be windows="),
    ("POST /clock", r#"{"advance_seconds": -1}"#, 400, "advance_seconds", "invalid value"),
    ("POST /reset", r#"{"choices": ["x=1"]}"#, 400, "choices[0]", "no choice with this name"),
    ("POST /reset", r#"{"chaos": 2}"#, 400, "chaos", "from 0 to 1"),
    ("POST /reset", r#"{"samples": 10001}"#, 400, "samples", "at most 10000"),
    ("POST /reset", r#"{"now": "soon"}"#, 400, "now", "2026-01-01T00:00:00Z"),
    ("POST /reset", r#"{"ids": "x"}"#, 400, "ids", "hexadecimal"),
];

#[test]
fn refusal_says_what_was_wrong_and_where() {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new().id("kp_1"));
    let steered = Steered::of(fake);
    let before = steered.get("/state");
    for (route, body, status, place, told) in REFUSED {
        let (method, path) = route.split_once(' ').unwrap();
        let (given, reply) = steered.send_text(method, path, body);
        let message = reply["error"]["message"].as_str().unwrap();
        let said = reply["error"].get("path").map_or("", |path| path.as_str().unwrap());
        assert_eq!((given, said), (*status, *place), "{route} {body}: {message}");
        assert!(message.contains(told), "{route} {body}: {message}");
        assert_eq!(steered.get("/state"), before);
    }
}

#[test]
fn body_that_is_too_large_is_refused() {
    let steered = Steered::new();
    let request = Request::post("/_fake/reset").body(vec![b' '; 33 * 1024 * 1024]).unwrap();
    assert_eq!(reply(&steered.control.handle(&request)).0, 413);
}

#[test]
fn scripted_faults_are_bounded() {
    let steered = Steered::new();
    let fault = json!({ "operation": "token", "fault": { "kind": "forbidden" }, "times": 1_000_000 });
    for _ in 0..1000 {
        steered.done("POST", "/faults", &fault);
    }
    assert_eq!(steered.send("POST", "/faults", &fault).0, 409);
    steered.done("DELETE", "/faults", &Value::Null);
    steered.done("POST", "/faults", &fault);
}

#[test]
fn bytes_of_scripted_replies_are_bounded() {
    let steered = Steered::new();
    let body = "x".repeat(16 * 1024 * 1024);
    let reply = json!({ "operation": "token", "fault": { "kind": "reply", "status": 200, "body": body } });
    let fault = json!({ "operation": "token", "fault": { "kind": "forbidden" } });
    for _ in 0..3 {
        steered.done("POST", "/faults", &reply);
    }
    // With its head, the fourth reply is larger than what is left.
    assert_eq!(steered.send("POST", "/faults", &reply).0, 409);
    steered.done("POST", "/faults", &fault);
    steered.done("DELETE", "/faults", &Value::Null);
    steered.done("POST", "/faults", &reply);
}

#[test]
fn number_of_scripted_headers_is_bounded() {
    let headers = (0..40_000).map(|number| (format!("x-{number}"), json!(""))).collect::<Value>();
    let fault = json!({ "kind": "reply", "status": 200, "headers": headers });
    let body = json!({ "operation": "token", "fault": fault });
    assert_eq!(Steered::new().send("POST", "/faults", &body).0, 400);
}

#[test]
fn number_of_scopes_is_bounded() {
    let steered = Steered::new();
    let scopes = |from: usize, count: usize| {
        (from..from + count).map(|number| format!("scope:{number}")).collect::<Value>()
    };
    let before = steered.get("/credentials");
    let given = before["scopes"].as_array().unwrap().len();
    for (body, status) in [
        (json!({ "grant": scopes(0, 401) }), 400),
        (json!({ "take": scopes(0, 401) }), 400),
        (json!({ "client_secret": "other", "grant": scopes(0, 401 - given) }), 409),
    ] {
        assert_eq!(steered.send("POST", "/credentials", &body).0, status);
    }
    assert_eq!(steered.send("POST", "/tokens", &json!({ "scopes": scopes(0, 401) })).0, 400);
    assert_eq!(steered.send("POST", "/api-keys", &json!({ "scopes": scopes(0, 401) })).0, 400);
    assert_eq!(steered.get("/credentials"), before);
    steered.done("POST", "/credentials", &json!({ "grant": scopes(0, 400 - given) }));
    let taken = json!({ "grant": scopes(1000, 100), "take": scopes(0, 400) });
    let after = steered.done("POST", "/credentials", &taken);
    assert_eq!(after["scopes"].as_array().unwrap().len(), given + 100);
    steered.done("POST", "/tokens", &json!({ "scopes": scopes(0, 400) }));
}

#[test]
fn wrong_method_is_told_the_right_ones() {
    let steered = Steered::new();
    let response = steered.control.handle(&Request::put("/_fake/clock").body(Vec::new()).unwrap());
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &"GET, POST".parse().unwrap())
    );
}

#[test]
fn page_in_a_browser_is_refused() {
    let steered = Steered::new();
    let status = |host: &str, origin: Option<&str>| {
        let mut request = Request::get("/_fake/health").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        reply(&steered.control.handle(&request.body(Vec::new()).unwrap())).0
    };
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.9.9.9", "[::1]:80"] {
        assert_eq!(status(host, None), 200, "{host}");
        assert_eq!(status(host, Some(&format!("http://{host}"))), 200, "{host}");
    }
    for host in
        ["example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "[::2]", "", "a b"]
    {
        assert_eq!(status(host, None), 403, "{host}");
        assert_eq!(status("localhost", Some(&format!("https://{host}"))), 403, "{host}");
    }
    assert_eq!(status("localhost", Some("null")), 403);
    for origin in [
        "http://localhost:3000",
        "http://127.0.0.1:80",
        "http://localhost:80@localhost:3000",
        "ftp://localhost",
    ] {
        assert_eq!(status("localhost:80", Some(origin)), 403, "{origin}");
    }
    // A page of the tenant itself.
    assert_eq!(status("localhost:80", Some("http://localhost")), 200);
    assert_eq!(status("localhost", Some("http://LOCALHOST:80")), 200);
    assert_eq!(status("localhost:443", Some("https://localhost")), 200);
}

#[test]
fn request_from_another_site_is_refused() {
    let steered = Steered::new();
    for (site, status) in
        [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403)]
    {
        let request = Request::post("/_fake/reset").header("host", "localhost:1");
        let request = request.header("sec-fetch-site", site).header("content-type", "text/plain");
        assert_eq!(reply(&steered.control.handle(&request.body(Vec::new()).unwrap())).0, status, "{site}");
    }
}
