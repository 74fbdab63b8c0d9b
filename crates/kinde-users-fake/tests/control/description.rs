//! The description of the routes is true.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::{Value, json};

use crate::Steered;

/// Returns the names between backticks.
fn quoted(message: &str) -> BTreeSet<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Every route with a body, and the name of its schema.
fn bodies(description: &Value) -> Vec<(String, String, String)> {
    let mut bodies = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            if let Some(name) = schema.as_str().map(|name| name.rsplit('/').next().unwrap()) {
                let path = path.strip_prefix("/_fake").unwrap().replace("{id}", "kp_1");
                bodies.push((method.to_ascii_uppercase(), path, name.to_owned()));
            }
        }
    }
    bodies
}

#[test]
fn described_fields_are_those_that_are_read() {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new().id("kp_1"));
    let steered = Steered::of(fake);
    let description = steered.get("/openapi.json");
    let bodies = bodies(&description);
    assert!(bodies.len() > 9, "{bodies:?}");
    for (method, path, schema) in bodies {
        // Users are read by other code, and the routes for tenants are in the first one only.
        if schema == "UserChange" || path == "/tenants" {
            continue;
        }
        let (status, reply) = steered.send(&method, &path, &json!({ "#": 0 }));
        let message = reply["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{method} {path}: {message}");
        let mut read = quoted(message);
        assert!(read.remove("#"), "{message}");
        assert_eq!(read, keys(&description["components"]["schemas"][&schema]["properties"]), "{schema}");
    }
}

#[test]
fn described_user_is_the_one_that_is_shown() {
    let steered = Steered::new();
    let full = json!({
        "email": "a@example.com", "organizations": ["org_1"], "sessions": [{}], "mfa": [{ "type": "sms" }],
        "password": { "hashed_password": "x" },
        "last_organization_sign_ins": [{ "org_code": "org_1" }],
    });
    let shown = &steered.done("POST", "/users", &json!({ "users": [full] }))["users"][0];
    let description = steered.get("/openapi.json");
    let schemas = &description["components"]["schemas"];
    let user = &schemas["User"]["properties"];
    assert_eq!(keys(shown), keys(user));
    assert_eq!(keys(&shown["identities"][0]), keys(&schemas["Identity"]["properties"]));
    assert_eq!(keys(&shown["sessions"][0]), keys(&schemas["Session"]["properties"]));
    assert_eq!(keys(&shown["mfa"][0]), keys(&schemas["Factor"]["properties"]));
    assert_eq!(keys(&shown["password"]), keys(&user["password"]["properties"]));
    // What is shown can be read.
    steered.done("POST", "/users", &json!({ "users": [shown] }));
    let state = steered.get("/state");
    assert_eq!(keys(&state), keys(&schemas["State"]["properties"]));
    assert!(keys(&schemas["State"]["properties"]).is_subset(&keys(&schemas["Seed"]["properties"])));
}

#[test]
fn references_and_components_match() {
    let description = Steered::new().get("/openapi.json");
    let text = description.to_string();
    let mut targets = BTreeSet::new();
    for kind in ["schemas", "parameters"] {
        for name in keys(&description["components"][kind]) {
            targets.insert(format!("#/components/{kind}/{name}"));
        }
    }
    let named: BTreeSet<_> =
        text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(named, targets);
}

#[test]
fn seed_of_the_page_is_read() {
    let page = include_str!("../../docs/control.md");
    let (seed, _) = page.split_once("```json\n").unwrap().1.split_once("```").unwrap();
    let steered = Steered::new();
    assert_eq!(steered.send_text("POST", "/reset", seed).0, 200);
    assert_eq!(steered.fake.users().len(), 26);
    let (refusal, _) = page.rsplit_once("```json\n").unwrap().1.split_once("```").unwrap();
    let wrong = r#"{"users": [{"mfa": [{}]}]}"#;
    let refused = steered.send_text("POST", "/users", wrong);
    assert_eq!(refused, (400, serde_json::from_str(refusal).unwrap()));
}

#[test]
fn page_lists_the_routes() {
    let description = Steered::new().get("/openapi.json");
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            routes.push((path, method.to_ascii_uppercase(), operation["summary"].as_str().unwrap()));
        }
    }
    routes.sort_unstable();
    let mut table = String::from("| Route | What it does |\n|---|---|\n");
    for (path, method, summary) in routes {
        writeln!(table, "| `{method} {path}` | {summary}. |").unwrap();
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/control.md");
    let text = std::fs::read_to_string(page).unwrap();
    let start = text.find("| Route |").unwrap();
    let end = text[start..].find("\n\n").map_or(text.len(), |at| start + at + 1);
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(page, format!("{}{table}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert!(text[start..end] == table, "set WRITE=1 to write {page}");
    }
}
