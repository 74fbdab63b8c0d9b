//! Tests the control routes in process.

mod description;
mod refusals;
mod steering;

use http::{Request, Response};
use kinde_users_fake::FakeKinde;
use kinde_users_fake::control::Control;
use serde_json::{Value, json};

/// A tenant and its control routes.
struct Steered {
    fake: FakeKinde,
    control: Control,
}

impl Steered {
    fn new() -> Self {
        Self::of(FakeKinde::new())
    }

    fn of(fake: FakeKinde) -> Self {
        Self { control: Control::new(&fake), fake }
    }

    /// Sends a control request. Null is no body.
    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_text(method, path, &body)
    }

    fn send_text(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request =
            Request::builder().method(method).uri(format!("/_fake{path}")).header("host", "localhost:1");
        reply(&self.control.handle(&request.body(body.as_bytes().to_vec()).unwrap()))
    }

    fn get(&self, path: &str) -> Value {
        self.done("GET", path, &Value::Null)
    }

    /// Sends a control request that succeeds.
    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, reply) = self.send(method, path, body);
        assert!(status < 300, "{method} {path}: {reply}");
        reply
    }

    /// Sends a request to Kinde with a token, and returns the status if there is a reply.
    fn ask(&self, method: &str, target: &str, body: &Value) -> Option<u16> {
        let token = format!("Bearer {}", self.fake.issue_token());
        let request = Request::builder().method(method).uri(target).header("authorization", token);
        let request = request.body(body.to_string().into_bytes()).unwrap();
        self.fake.handle(request).ok().map(|response| response.status().as_u16())
    }
}

fn reply(response: &Response<Vec<u8>>) -> (u16, Value) {
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
}

fn user(email: &str) -> Value {
    json!({ "identities": [{ "type": "email", "details": { "email": email } }] })
}
