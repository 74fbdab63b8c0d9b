//! The form of requests and responses in a recording.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Request, Response};
use kinde_users_core::OPERATIONS;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::mask::{Mask, is_short};

/// The parts that the paths of Kinde have in common.
const FIXED: [&str; 6] = ["api", "v1", "oauth2", "token", "user", "users"];

/// How deep a body may be nested. A deeper one could not be read from a file again.
const DEEPEST: usize = 100;

/// The headers of responses that a recording has.
const HEADERS: [&str; 5] =
    ["content-type", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"];

/// Returns the form of a request.
pub(super) fn request(request: &Request<Vec<u8>>, mask: &mut impl Mask) -> Value {
    let mut form = Map::new();
    let path: Vec<_> = request.uri().path().split('/').map(decoded).collect();
    let operation = OPERATIONS.iter().find(|operation| {
        let template: Vec<_> = operation.path.as_str().split('/').collect();
        operation.method == *request.method()
            && template.len() == path.len()
            && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
    });
    let parts = path.iter().enumerate().map(|(at, given)| {
        let template = operation.and_then(|operation| operation.path.as_str().split('/').nth(at));
        match template.map(|part| part.trim_matches(['{', '}'])) {
            Some(part) if part == given => given.clone(),
            // A slash within an argument is not one of the path.
            Some(parameter) => mask.text(parameter, given).replace('/', "%2F"),
            None if given.is_empty() || FIXED.contains(&given.as_str()) => given.clone(),
            None => mask.hide(given).replace('/', "%2F"),
        }
    });
    form.insert("path".to_owned(), parts.collect::<Vec<_>>().join("/").into());
    form.insert("method".to_owned(), request.method().as_str().into());
    if let Some(operation) = operation {
        form.insert("operation".to_owned(), operation.name.into());
    }
    if let Some(query) = request.uri().query() {
        form.insert("query".to_owned(), pairs(query, mask));
    }
    let body = request.body().as_slice();
    if is_form(request.headers()) {
        form.insert("form".to_owned(), pairs(&String::from_utf8_lossy(body).replace('+', " "), mask));
    } else if !body.is_empty() {
        let (name, body) = any_body(body, mask);
        form.insert(name.to_owned(), body);
    }
    Value::Object(form)
}

/// Returns the form of a response.
pub(super) fn response(response: &Response<Vec<u8>>, mask: &mut impl Mask) -> Value {
    let mut form = head(response);
    if !response.body().is_empty() {
        let (name, body) = any_body(response.body(), mask);
        form.insert(name.to_owned(), body);
    }
    Value::Object(form)
}

/// Returns the form of the status and the headers of a response.
pub(super) fn head<B>(response: &Response<B>) -> Map<String, Value> {
    let mut form = Map::new();
    form.insert("status".to_owned(), response.status().as_u16().into());
    for name in HEADERS {
        let values = response.headers().get_all(name).iter();
        // A parameter of the media type may be anything.
        let value = |value: &HeaderValue| value.to_str().ok()?.split(';').next().map(str::to_owned);
        let values: Vec<_> =
            values.filter_map(value).filter(|value| value.len() <= 40 && !value.contains('@')).collect();
        if !values.is_empty() {
            form.insert(name.to_owned(), values.join(", ").into());
        }
    }
    form
}

/// Returns the response of a recording, with `text` in the place of its texts.
pub(super) fn to_response(form: &Value, text: &impl Fn(&str) -> String) -> Option<Response<Vec<u8>>> {
    let status = u16::try_from(form.get("status")?.as_u64()?).ok()?;
    let body = match (form.get("body"), form.get("text")) {
        (Some(body), _) => {
            let mut body = body.clone();
            each_text(&mut body, text);
            body.to_string().into_bytes()
        }
        (None, Some(text)) => text.as_str()?.as_bytes().to_vec(),
        (None, None) => Vec::new(),
    };
    let mut builder = Response::builder().status(status);
    for name in HEADERS {
        if let Some(value) = form.get(name).and_then(Value::as_str) {
            builder = builder.header(name, value);
        }
    }
    builder.body(body).ok()
}

fn each_text(value: &mut Value, text: &impl Fn(&str) -> String) {
    match value {
        Value::String(old) => *old = text(old),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, text)),
        Value::Object(members) => members.values_mut().for_each(|member| each_text(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns a body and the name under which a recording has it.
fn any_body(bytes: &[u8], mask: &mut impl Mask) -> (&'static str, Value) {
    match serde_json::from_slice(bytes) {
        Ok(value) if is_flat(&value, DEEPEST) => ("body", masked(value, "", mask)),
        _ => ("text", mask.message(&String::from_utf8_lossy(bytes)).into()),
    }
}

fn is_flat(value: &Value, deepest: usize) -> bool {
    deepest > 0
        && match value {
            Value::Array(items) => items.iter().all(|item| is_flat(item, deepest - 1)),
            Value::Object(members) => members.values().all(|member| is_flat(member, deepest - 1)),
            _ => true,
        }
}

fn masked(value: Value, field: &str, mask: &mut impl Mask) -> Value {
    match value {
        Value::String(text) => mask.text(field, &text).into(),
        Value::Number(number) if !is_short(&number) => 0.into(),
        Value::Array(items) => items.into_iter().map(|item| masked(item, field, mask)).collect(),
        Value::Object(mut members) => {
            // The numbers of masks do not depend on the order of the members.
            members.sort_keys();
            let member = |(name, value): (String, Value)| {
                // The keys of properties are not fields of the API.
                let kind = if field == "properties" { "" } else { &name };
                let value = masked(value, kind, mask);
                (mask.name(&name), value)
            };
            members.into_iter().map(member).collect()
        }
        other => other,
    }
}

/// Returns the pairs of a query or form. A value that is a list becomes an array.
fn pairs(text: &str, mask: &mut impl Mask) -> Value {
    let mut form: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        let values = value.split(',').map(|value| mask.text(&name, value).into());
        let values: Vec<Value> = values.collect();
        form.entry(mask.name(&name)).or_default().extend(values);
    }
    let one_or_all = |mut all: Vec<Value>| if all.len() == 1 { all.remove(0) } else { all.into() };
    form.into_iter().map(|(name, all)| (name, one_or_all(all))).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| value.as_bytes() == b"application/x-www-form-urlencoded")
}
