//! The description of the control routes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::routes::{ControlRoute, ROUTES};
use super::{Answer, Call, Control, PREFIX};
use crate::routes::names;

/// The schemas of bodies and replies, and the query arguments.
const COMPONENTS: &str = include_str!("components.json");

pub(super) fn get(_: &Control, _: &Call<'_>) -> Answer {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        let path = paths.entry(format!("{PREFIX}{}", route.path)).or_default();
        path.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Control of kinde-users-fake",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Steers an in-memory Kinde tenant. Kinde has none of these routes.",
        },
        "paths": paths,
        "components": components(),
    }))
}

fn components() -> Value {
    let names: Vec<_> = names().map(|name| format!("\"{name}\"")).collect();
    // A test reads the file.
    serde_json::from_str(&COMPONENTS.replace("\"OPERATIONS\"", &names.join(", "))).unwrap_or_default()
}

fn operation(route: &ControlRoute) -> Value {
    let reference = |kind: &str, name: &str| json!({ "$ref": format!("#/components/{kind}/{name}") });
    let body = |schema: &str| json!({ "application/json": { "schema": reference("schemas", schema) } });
    let mut parameters: Vec<_> = route.query.iter().map(|name| reference("parameters", name)).collect();
    if route.path.contains("{id}") {
        parameters.push(reference("parameters", "id"));
    }
    let success = json!({ "description": "Success", "content": body(route.gives) });
    let mut responses = Map::from_iter([(route.success.as_u16().to_string(), success)]);
    for status in [400, 403, 413].iter().chain(route.refusals) {
        responses.insert(status.to_string(), json!({ "description": "Refused", "content": body("Error") }));
    }
    let mut operation = Map::from_iter([
        ("operationId".to_owned(), json!(name(route))),
        ("summary".to_owned(), json!(route.summary)),
        ("parameters".to_owned(), json!(parameters)),
        ("responses".to_owned(), json!(responses)),
    ]);
    if let Some(schema) = route.takes {
        let taken = json!({ "required": !route.optional, "content": body(schema) });
        operation.insert("requestBody".to_owned(), taken);
    }
    operation.into()
}

/// Returns a name such as `post_tokens_revoke`.
fn name(route: &ControlRoute) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = route.method.as_str().to_ascii_lowercase();
    words.fold(method, |name, word| name + "_" + word)
}
