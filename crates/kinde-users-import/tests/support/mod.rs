//! Returns the requests that import a user.

use std::cell::RefCell;

use http::{Request, Response};
use kinde_users_core::{Client, Clock, Credentials, Domain, Instant, Tenant, transport_fn};
use kinde_users_import::{Import, ImportUser};
use serde_json::{Map, Value, json};

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        Instant::START
    }

    fn waker(&self) -> std::task::Waker {
        std::task::Waker::noop().clone()
    }

    fn wait_until(&self, _: Instant) {}
}

/// Returns the bodies of the requests that import a user, without its searches.
pub(crate) fn sent(user: ImportUser) -> Value {
    let sent = RefCell::new(Map::new());
    let answer = |request: Request<Vec<u8>>| {
        let path = request.uri().path();
        let what = match (request.method().as_str(), path) {
            ("POST", "/api/v1/user") => "create_user",
            ("PUT", path) if path.ends_with("/password") => "set_user_password",
            ("PATCH", path) if path.ends_with("/properties") => "update_user_properties",
            ("PATCH", "/api/v1/user") => "update_user",
            ("PATCH", _) => "update_user_feature_flag_override",
            _ => "",
        };
        if !what.is_empty() {
            let body = if request.body().is_empty() {
                json!(request.uri().to_string().rsplit('/').next())
            } else {
                serde_json::from_slice(request.body()).unwrap()
            };
            assert!(sent.borrow_mut().insert(what.into(), body).is_none());
        }
        let body = match what {
            _ if path == "/oauth2/token" => r#"{"access_token":"t","expires_in":3600}"#,
            "create_user" => r#"{"id":"kp_1","created":true}"#,
            "" => r#"{"users":[]}"#,
            _ => r#"{"id":"kp_1"}"#,
        };
        Ok::<_, std::io::Error>(Response::new(body.as_bytes().to_vec()))
    };
    let domain = Domain::parse("acme").unwrap();
    let tenant = Tenant::new(domain, Credentials::new("id", "secret"));
    let client = Client::new(tenant, transport_fn(answer), Still);
    client.run(&mut Import::new(user)).unwrap();
    drop(client);
    Value::Object(sent.into_inner())
}
