//! Steers the in-memory tenant by any control requests, with requests to Kinde in between. Each
//! control request gets a documented reply, a refusal changes nothing, and the state can be put
//! back.

use http::Method;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use kinde_users_fake::control::Control;
use kinde_users_fake::{FakeKinde, NewFakeUser};
use serde_json::{Value as Json, json};

use crate::fake::request;
use crate::message::Message;

/// With more users than this, the state is too long to compare after each request.
const FEW: usize = 100;

/// The bytes are messages, separated by a byte that text does not contain. The first line of each
/// is the method and the target.
pub fn control(data: &[u8]) {
    let fake = FakeKinde::new();
    fake.add_user(NewFakeUser::new().id("kp_1").email("a@example.com").session().mfa("sms", "+61412345678"));
    let control = Control::new(&fake);
    for message in data.split(|byte| *byte == 0xff).take(10) {
        let Some(mut request) = Message::read(message).and_then(request) else { continue };
        if !Control::has(request.uri().path()) {
            if let Ok(token) = HeaderValue::from_str(&format!("Bearer {}", fake.issue_token())) {
                request.headers_mut().insert(AUTHORIZATION, token);
            }
            // A fault may leave it without a reply.
            fake.handle(request).ok();
            continue;
        }
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        let before = state(&control);
        let requests = fake.requests().len();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let response = control.handle(&request);
        let status = response.status().as_u16();
        let body: Json = serde_json::from_slice(response.body()).expect("JSON");
        assert!(matches!(status, 200 | 201 | 400 | 403 | 404 | 405 | 409), "{method} {uri}: {status}");
        if status >= 300 {
            assert!(body["error"]["message"].is_string(), "{body}");
        }
        if status >= 300 || method == Method::GET {
            assert_eq!(state(&control), before, "{method} {uri}: {status}");
        }
        // A control request is not recorded.
        assert!(fake.requests().len() <= requests);
        if fake.users().len() > FEW {
            return;
        }
    }
    let state = state(&control);
    assert_eq!(send(&control, "PUT", "/_fake/state", &state).0, 200, "{state}");
    assert_eq!(self::state(&control), state);
}

fn state(control: &Control) -> Json {
    send(control, "GET", "/_fake/state", &Json::Null).1
}

fn send(control: &Control, method: &str, path: &str, body: &Json) -> (u16, Json) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path).body(body).expect("a request");
    let response = control.handle(&request);
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or(json!(null)))
}
