//! The recorded requests.

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::routes::done;
use super::{Answer, Call, Control, Refusal};
use crate::request_log::Recorded;
use crate::routes::names;

/// How many requests a reply shows, unless the request says otherwise, and at most.
const SHOWN: usize = 1_000;
const MOST: usize = 10_000;

/// What stands in the place of a value that is masked.
const MASK: &str = "***";

/// The headers whose values are not masked.
const PLAIN: [&str; 7] =
    ["accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"];

pub(super) fn get(control: &Control, call: &Call<'_>) -> Answer {
    let operation = call.query::<String>("operation", "a text")?;
    if let Some(unknown) = operation.as_ref().filter(|operation| !names().any(|name| name == *operation)) {
        let words = format!("{unknown:?} is none of {}", names().collect::<Vec<_>>().join(", "));
        return Err(Refusal::invalid(words).at("operation"));
    }
    let status = call.query::<StatusCode>("status", "an HTTP status")?;
    let limit = call.query::<usize>("limit", "a number")?.unwrap_or(SHOWN);
    if !(1..=MOST).contains(&limit) {
        return Err(Refusal::invalid(format!("it must be from 1 to {MOST}")).at("limit"));
    }
    let is_masked = call.query::<bool>("masked", "true or false")?.unwrap_or(true);

    let requests = control.fake.requests();
    let is_meant = |request: &&std::sync::Arc<Recorded>| {
        operation.as_deref().is_none_or(|operation| request.operation == Some(operation))
            && status.is_none_or(|status| request.answer.as_ref().is_ok_and(|given| *given == status))
    };
    let meant: Vec<_> = requests.iter().filter(is_meant).collect();
    let shown = meant.iter().skip(meant.len().saturating_sub(limit));
    Ok(json!({
        "requests": shown.map(|request| describe(request, is_masked)).collect::<Value>(),
        "count": meant.len(),
        "dropped": control.fake.requests_dropped(),
    }))
}

pub(super) fn forget(control: &Control, _: &Call<'_>) -> Answer {
    control.fake.forget_requests();
    done()
}

fn describe(request: &Recorded, is_masked: bool) -> Value {
    let query = request.uri.query().unwrap_or("");
    json!({
        "operation": request.operation,
        "method": request.method.as_str(),
        "path": request.uri.path(),
        "query": if is_masked { masked_form(query) } else { query.to_owned() },
        "headers": headers(&request.headers, is_masked),
        "body": if is_masked { masked_body(request) } else { request.body_text() },
        "status": request.status(),
        "error": request.answer.as_ref().err().map(ToString::to_string),
        "took_effect": request.took_effect,
    })
}

/// Returns the headers. The values of one that is repeated are joined.
fn headers(headers: &HeaderMap, is_masked: bool) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let values = headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(", ");
        let is_plain = !is_masked || PLAIN.contains(&name.as_str());
        shown.insert(name.to_string(), if is_plain { values } else { MASK.to_owned() }.into());
    }
    shown.into()
}

/// Returns a body whose texts are masked. Names, numbers, true, false and null stay.
fn masked_body(request: &Recorded) -> String {
    fn mask(value: &mut Value) {
        match value {
            Value::String(text) => MASK.clone_into(text),
            Value::Array(items) => items.iter_mut().for_each(mask),
            Value::Object(object) => object.values_mut().for_each(mask),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    if request.operation == Some("token") {
        return masked_form(&request.body_text());
    }
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(mut value) => {
            mask(&mut value);
            value.to_string()
        }
        Err(_) if request.body.is_empty() => String::new(),
        Err(_) => MASK.to_owned(),
    }
}

/// Returns a form or a query whose values are masked, unless they are empty.
fn masked_form(form: &str) -> String {
    let mask = |part: &str| match part.split_once('=') {
        Some((name, value)) if !value.is_empty() => format!("{name}={MASK}"),
        _ => part.to_owned(),
    };
    form.split('&').map(mask).collect::<Vec<_>>().join("&")
}
