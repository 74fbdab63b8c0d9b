//! Tests the tenant over plain HTTP messages, each built by hand.

mod choices;
mod faults;
mod life;
mod luck;
mod model;
mod nulls;
mod operations;
mod paging;
mod passwords;
mod snapshot;
mod tokens;
mod total;

use http::{Method, Request, Response};
use kinde_users_fake::FakeKinde;
use serde_json::{Value, json};

/// Sends one request with a valid token.
fn send(fake: &FakeKinde, method: &str, target: &str, body: &str) -> Response<Vec<u8>> {
    let request = Request::builder()
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .uri(format!("{}{target}", fake.origin()))
        .header("authorization", format!("Bearer {}", fake.issue_token()))
        .body(body.as_bytes().to_vec())
        .unwrap();
    fake.handle(request).unwrap()
}

/// Sends one request with a valid token, and reads the reply.
fn ask(fake: &FakeKinde, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    read(&send(fake, method, target, &body))
}

fn read(response: &Response<Vec<u8>>) -> (u16, Value) {
    let is_json = response.headers()["content-type"].to_str().unwrap().starts_with("application/json");
    assert!(is_json, "{:?}", response.headers());
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn get(fake: &FakeKinde, target: &str) -> (u16, Value) {
    ask(fake, "GET", target, &Value::Null)
}

/// Returns the codes of an error body whose `errors` is an array.
fn codes(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect()
}

fn success() -> Value {
    json!({ "code": "OK", "message": "Success" })
}
