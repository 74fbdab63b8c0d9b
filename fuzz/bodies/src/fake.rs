//! Sends any requests to the in-memory tenant. Each request gets a reply in one of the possible
//! shapes, and a refusal changes nothing.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response};
use kinde_users_core::{Operation, Reply};
use kinde_users_fake::{Choice, FakeKinde, NewFakeUser, ROUTES};
use serde_json::Value as Json;

use crate::any_arguments;
use crate::message::Message;
use crate::support::documented::{DOCUMENTED, Documented};
use crate::support::{Visit, with_operation};

/// The bytes are messages, separated by a byte that text does not contain. The first line of each
/// is the method and the target. A header `authorization: good` stands for a valid token.
pub fn fake(data: &[u8]) {
    let fake = FakeKinde::builder().identities_page(2).choose(Choice::MfaAsArray(true)).build();
    let everything = NewFakeUser::new().id("kp_1").name("Ada", "Lovelace").email("a@example.com");
    let everything = everything.phone("+61412345678").username("ada").organization("org_1").provided_id("1");
    let everything = everything.property("p", "v").feature_flag("f", "true").session();
    fake.add_user(everything.mfa("mfa:email", "a@example.com").mfa("mfa:sms", "+61412345678"));
    fake.add_user(NewFakeUser::new().id("kp_2"));
    for message in data.split(|byte| *byte == 0xff).take(10) {
        let Some(mut request) = Message::read(message).and_then(request) else { continue };
        let token = request.headers_mut().get_mut(AUTHORIZATION).filter(|value| *value == "good");
        let is_good = token.is_some();
        if let Some(token) = token {
            *token = format!("Bearer {}", fake.issue_token()).parse().expect("a token");
        }
        check(&fake, request, is_good);
    }
}

pub(crate) fn request(message: Message<'_>) -> Option<Request<Vec<u8>>> {
    let (method, target) = message.first_line.split_once(' ')?;
    let mut request = Request::new(message.body.to_vec());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = target.parse().ok()?;
    *request.headers_mut() = message.headers;
    Some(request)
}

fn check(fake: &FakeKinde, request: Request<Vec<u8>>, is_good: bool) {
    let before = fake.users();
    let (method, uri, body) = (request.method().clone(), request.uri().clone(), request.body().clone());
    let response = fake.handle(request).expect("there are no faults");

    let requests = fake.requests();
    let recorded = requests.last().expect("a request");
    assert_eq!((&recorded.method, &recorded.uri, &recorded.body), (&method, &uri, &body));
    let meant = meant(&method, uri.path());
    assert!(meant.is_none() || meant == recorded.operation, "{method} {uri}");
    assert_eq!(recorded.status(), Some(response.status().as_u16()));
    assert_eq!(recorded.took_effect, response.status().is_success());

    // An unknown client or host gets no body.
    if recorded.operation == Some("token") && response.status() == 404 {
        assert!(response.body().is_empty() && !response.headers().contains_key(CONTENT_TYPE));
        return check_effect(None, &before, fake);
    }
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
    let json: Json = serde_json::from_slice(response.body()).expect("JSON");
    match recorded.operation {
        None => check_refusal(404, &response, &json),
        Some("token") => check_token(&response, &json),
        Some(name) => check_answer(name, is_good, &response, &json),
    }
    check_effect(recorded.operation.filter(|_| recorded.took_effect), &before, fake);
}

/// Returns the operation of a request whose path has nothing to decode or normalise.
fn meant(method: &Method, path: &str) -> Option<&'static str> {
    let fits = |(documented, segment): (&str, &str)| match documented.strip_prefix('{') {
        Some(_) => !["", ".", ".."].contains(&segment) && !segment.contains('%'),
        None => segment == documented,
    };
    let is_meant = |operation: &&Documented| {
        *method == operation.method
            && path.split('/').count() == operation.path.split('/').count()
            && operation.path.split('/').zip(path.split('/')).all(fits)
    };
    DOCUMENTED.iter().find(is_meant).map(|operation| operation.name)
}

/// Checks an error body: `errors` is an object on 404, and otherwise a list of at least one. Each
/// item has a code and a message.
fn check_refusal(status: u16, response: &Response<Vec<u8>>, json: &Json) {
    assert_eq!(response.status(), status);
    let is_item = |item: &Json| item["code"].is_string() && item["message"].is_string();
    match json["errors"].as_array() {
        Some(items) => assert!(status != 404 && !items.is_empty() && items.iter().all(is_item), "{json}"),
        None => assert!(status == 404 && is_item(&json["errors"]), "{json}"),
    }
}

fn check_token(response: &Response<Vec<u8>>, json: &Json) {
    match response.status().as_u16() {
        200 => assert!(json["access_token"].is_string() && json["token_type"] == "bearer", "{json}"),
        status => assert!([400, 401, 403].contains(&status) && json["error"].is_string(), "{json}"),
    }
}

fn check_answer(name: &'static str, is_good: bool, response: &Response<Vec<u8>>, json: &Json) {
    let route = ROUTES.iter().find(|route| route.name == name).expect("a route");
    let status = response.status().as_u16();
    match status {
        _ if status == route.success => {
            assert!(is_good, "without a valid token");
            assert!(json.get("errors").is_none(), "{json}");
            // The core can read the reply.
            with_operation(name, &any_arguments(), Read(response.clone()));
        }
        401 => {
            assert!(!is_good, "despite a valid token");
            check_refusal(401, response, json);
        }
        404 => {
            assert!(route.path.contains("/mfa") || route.path.contains("/sessions"), "{name}: {json}");
            assert!(json["errors"]["code"] != "ROUTE_NOT_FOUND", "{name}");
            check_refusal(404, response, json);
        }
        _ => check_refusal(400, response, json),
    }
}

struct Read(Response<Vec<u8>>);

impl Visit for Read {
    type Out = ();

    fn visit<O: Operation>(self, _: &O) {
        let reply = Reply::new::<O>(self.0);
        if let Err(error) = reply.parse::<O>() {
            panic!("{}: {error} in {}", O::META.name, String::from_utf8_lossy(reply.body()));
        }
        // The reply has no field that the core does not know.
        let unknown = reply.unknown_fields::<O>().expect("what was read");
        assert!(unknown.is_empty(), "{}: {unknown:?}", O::META.name);
    }
}

/// `done` is the operation that was carried out, if any.
fn check_effect(done: Option<&str>, before: &[kinde_users_fake::FakeUser], fake: &FakeKinde) {
    let after = fake.users();
    let created = usize::from(done == Some("create_user"));
    let deleted = usize::from(done == Some("delete_user"));
    assert_eq!(after.len(), before.len() + created - deleted);
    let changed = after.iter().filter(|user| !before.contains(user)).count();
    // A request changes at most one user, and none if it only reads or was refused.
    let may_change = done.is_some_and(|name| !name.starts_with("get_") && name != "token");
    assert!(changed <= usize::from(may_change), "{done:?}: {changed} users changed");
    let ids: std::collections::BTreeSet<_> = after.iter().map(|user| &user.id).collect();
    assert_eq!(ids.len(), after.len(), "an id twice");
}
