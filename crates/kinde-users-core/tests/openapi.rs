//! `OPERATIONS` and the vectors against an OpenAPI description, by a validator that is not ours.
//!
//! The description, `openapi.json`, is written from public facts in the project's own words. Requests have no key that it
//! does not list; replies are described as the reader takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use kinde_users_core::OPERATIONS;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

/// Replies that the description does not allow, and that are read all the same: a page is not lost over them.
const READ_ALL_THE_SAME: &[&str] = &["null_elements", "only_null_elements"];

fn read(file: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The description, and its parts as schemas of their own.
struct Description(Json);

impl Description {
    fn read() -> Self {
        Self(read("openapi.json"))
    }

    /// Method, path and description of every operation but the token request.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Json)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        });
        operations.filter(|(_, path, _)| path.starts_with("/api/"))
    }

    fn operation(&self, name: &str) -> (&str, &str, &Json) {
        self.operations().find(|(_, _, operation)| operation["operationId"] == name).unwrap()
    }

    /// A schema can name those of the components.
    fn validator(&self, schema: &Json) -> Validator {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    /// What an operation answers with this status; the default is that of success.
    fn reply(&self, operation: &Json, status: u64) -> Option<Validator> {
        let success =
            operation["responses"].as_object().unwrap().keys().find(|key| key.starts_with('2')).unwrap();
        let status = if (200..300).contains(&status) { success.clone() } else { status.to_string() };
        let mut reply = operation["responses"].get(&status)?;
        if let Some(name) = reply["$ref"].as_str() {
            reply = self.0.pointer(name.strip_prefix('#').unwrap()).unwrap();
        }
        Some(self.validator(reply.get("content")?.get("application/json")?.get("schema")?))
    }
}

fn vectors(name: &str, part: &str) -> Vec<Json> {
    read(&format!("vectors/{name}.json"))[part].as_array().unwrap().clone()
}

#[test]
fn the_description_and_the_table_of_operations_say_the_same() {
    let description = Description::read();
    let described: BTreeMap<&str, _> = description
        .operations()
        .map(|(method, path, operation)| {
            let scopes = operation["security"][0]["token"].as_array().unwrap().iter();
            let success =
                operation["responses"].as_object().unwrap().keys().find(|key| key.starts_with('2')).unwrap();
            (
                operation["operationId"].as_str().unwrap(),
                (
                    method.to_uppercase(),
                    path.to_owned(),
                    scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect::<Vec<_>>(),
                    success.parse::<u16>().unwrap(),
                ),
            )
        })
        .collect();
    let table: BTreeMap<&str, _> = OPERATIONS
        .iter()
        .map(|meta| {
            let scopes = meta.scopes.iter().map(|&scope| scope.to_owned()).collect::<Vec<_>>();
            (meta.name, (meta.method.to_string(), meta.path.as_str().to_owned(), scopes, meta.success))
        })
        .collect();
    assert_eq!(described, table);
    let scopes =
        &description.0["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["scopes"];
    let scopes: BTreeSet<&str> = scopes.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(scopes, OPERATIONS.iter().flat_map(|meta| meta.scopes).copied().collect());
}

/// Text of a query or a path in the type that the schema asks for.
fn typed(text: &str, schema: &Json) -> Json {
    match schema["type"].as_str() {
        Some("integer") => text.parse::<u64>().map_or_else(|_| json!(text), Json::from),
        Some("boolean") => text.parse::<bool>().map_or_else(|_| json!(text), Json::from),
        Some("array") => text.split(',').collect(),
        _ => json!(text),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// What a request has that the description does not allow.
fn complaint(description: &Description, name: &str, vector: &Json) -> Option<String> {
    let (method, template, operation) = description.operation(name);
    if vector["method"] != method.to_uppercase() {
        return Some("another method".to_owned());
    }
    let target = vector["target"].as_str().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut given: BTreeMap<(&str, String), String> = BTreeMap::new();
    let (found, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
    if found.len() != wanted.len() {
        return Some("another path".to_owned());
    }
    for (found, wanted) in found.into_iter().zip(wanted) {
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => drop(given.insert(("path", name.to_owned()), decoded(found))),
            None if found == wanted => {}
            None => return Some("another path".to_owned()),
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap();
        if given.insert(("query", decoded(name)), decoded(value)).is_some() {
            return Some(format!("{name} twice"));
        }
    }
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let place = if parameter["in"] == "path" { "path" } else { "query" };
        let name = parameter["name"].as_str().unwrap();
        match given.remove(&(place, name.to_owned())) {
            Some(text) => {
                let schema = &parameter["schema"];
                if let Err(error) = description.validator(schema).validate(&typed(&text, schema)) {
                    return Some(format!("{name}: {error}"));
                }
            }
            None if parameter["required"] == true => return Some(format!("no {name}")),
            None => {}
        }
    }
    if let Some((_, name)) = given.into_keys().next() {
        return Some(format!("{name} is not described"));
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    match vector.get("body") {
        Some(_) if schema.is_null() => Some("a body".to_owned()),
        Some(body) => description.validator(schema).validate(body).err().map(|error| error.to_string()),
        None if operation["requestBody"]["required"] == true => Some("no body".to_owned()),
        None => None,
    }
}

#[test]
fn every_request_is_one_that_the_description_allows() {
    let description = Description::read();
    let mut count = 0;
    for meta in OPERATIONS {
        for vector in vectors(meta.name, "requests").iter().filter(|vector| vector.get("refused").is_none()) {
            let complaint = complaint(&description, meta.name, vector);
            assert_eq!(complaint, None, "{} {}", meta.name, vector["name"]);
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
}

#[test]
fn a_request_with_anything_else_is_found_out() {
    let description = Description::read();
    let good =
        json!({ "method": "PATCH", "target": "/api/v1/user?id=kp_1", "body": { "given_name": "Ada" } });
    assert_eq!(complaint(&description, "update_user", &good), None);
    for (key, value, told) in [
        ("method", json!("PUT"), "another method"),
        ("target", json!("/api/v1/users?id=kp_1"), "another path"),
        ("target", json!("/api/v1/user"), "no id"),
        ("target", json!("/api/v1/user?id="), "id: "),
        ("target", json!("/api/v1/user?id=a&id=b"), "id twice"),
        ("target", json!("/api/v1/user?id=a&user=b"), "user is not described"),
        ("body", json!({ "first_name": "Ada" }), "Additional properties"),
        ("body", json!({ "is_suspended": "true" }), "\"true\" is not"),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let found = complaint(&description, "update_user", &bad).unwrap_or_default();
        assert!(found.starts_with(told), "{bad}: {found}");
    }
    let mut bodiless = good;
    bodiless.as_object_mut().map(|vector: &mut Map<String, Json>| vector.remove("body"));
    assert_eq!(complaint(&description, "update_user", &bodiless).as_deref(), Some("no body"));
}

/// Our reader takes what the description allows, and nothing else.
#[test]
fn every_reply_is_read_if_and_only_if_the_description_allows_it() {
    let description = Description::read();
    let (mut read, mut refused, mut errors) = (0, 0, 0);
    for meta in OPERATIONS {
        let (_, _, operation) = description.operation(meta.name);
        let success = description.reply(operation, u64::from(meta.success)).unwrap();
        for vector in vectors(meta.name, "replies") {
            let name = format!("{}: {}", meta.name, vector["name"]);
            // Texts are cut, empty or no JSON: nothing that a schema could tell.
            let Some(body) = vector.get("body") else { continue };
            match vector["outcome"].as_str().unwrap() {
                "ok" if READ_ALL_THE_SAME.iter().any(|odd| vector["name"] == *odd) => {
                    assert!(!success.is_valid(body), "{name}");
                }
                "ok" => {
                    success.validate(body).unwrap_or_else(|error| panic!("{name}: {error}"));
                    read += 1;
                }
                "decode" => {
                    assert!(!success.is_valid(body), "{name}");
                    refused += 1;
                }
                _ => {
                    // Of errors, those in Kinde's shape are described.
                    let schema = description.reply(operation, vector["status"].as_u64().unwrap());
                    if let (Some(schema), Some(_)) = (schema, body.get("errors")) {
                        schema.validate(body).unwrap_or_else(|error| panic!("{name}: {error}"));
                        errors += 1;
                    }
                }
            }
        }
    }
    assert!(read > 100 && refused > 50 && errors > 50, "{read} {refused} {errors}");
}
