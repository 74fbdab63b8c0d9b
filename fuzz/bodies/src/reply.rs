//! Checks that any reply to any operation is read or refused, that the reported effect is true, and
//! that nothing of the reply gets into a log.

use std::fmt::Debug;

use http::{Response, StatusCode};
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{
    AccessToken, ApiError, CallOptions, Credentials, Domain, Effect, Error, ErrorBody, Exchange, Input,
    Instant, OPERATIONS, Operation, Reply, RetryPolicy, Step, Tenant,
};
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::any_arguments;
use crate::message::Message;
use crate::support::{Visit, with_operation};

/// The bytes are a message whose first line is the status. It answers each operation and a token
/// request.
pub fn reply(data: &[u8]) {
    let Some(message) = Message::read(data) else { return };
    let Ok(status) = message.first_line.parse::<StatusCode>() else { return };
    let mut response = Response::new(message.body.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = message.headers;
    // A second reader of the same bytes, which repairs nothing.
    let unrepaired: Option<Json> = serde_json::from_slice(message.body).ok();
    let parsed = Reply::new::<GetUsers>(response.clone()).parse_as::<Json>().ok();
    assert!(unrepaired.is_none() || parsed == unrepaired);
    assert!(!message.body.is_empty() || parsed == Some(Json::Null));
    let json = parsed.filter(|_| !message.body.is_empty());
    let arguments = any_arguments();
    for meta in OPERATIONS {
        with_operation(meta.name, &arguments, Answer(&response, json.as_ref()));
    }
    answer_token_request(&response, json.as_ref());
}

/// Returns the step after a reply to the first request of a call with one attempt.
fn step_after(operation: &impl Operation, credentials: Credentials, response: Response<Vec<u8>>) -> Step {
    let mut tenant = Tenant::new(Domain::parse("acme").expect("a domain"), credentials);
    let once = CallOptions::new().retry(RetryPolicy::never());
    let mut exchange = Exchange::new(operation, &tenant, once).expect("arguments that can be sent");
    let step = exchange.advance(&mut tenant, Instant::START, Input::Start);
    assert!(matches!(step, Step::Send(_)), "{step:?}");
    exchange.advance(&mut tenant, Instant::START, Input::Response(response))
}

/// A reply, and its body if that is JSON.
struct Answer<'a>(&'a Response<Vec<u8>>, Option<&'a Json>);

impl Visit for Answer<'_> {
    type Out = ();

    fn visit<O>(self, operation: &O)
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let token = AccessToken::new("t").expect("a token");
        let step = step_after(operation, Credentials::access_token(token), self.0.clone());
        let Step::Done(result) = step else { panic!("the call must end after one attempt: {step:?}") };
        let status = self.0.status();
        assert_eq!(result.is_ok(), status.is_success());
        match result {
            Ok(reply) => check_success::<O>(&reply, self.1),
            Err(error) => {
                let refused =
                    (400..500).contains(&status.as_u16()) && ![408, 460, 499].contains(&status.as_u16());
                assert_eq!(error.effect(), if refused { Effect::None } else { Effect::Possible });
                assert_eq!(error.operation(), O::META.name);
                check_api_error(self.0, self.1, error.as_api().expect("an error of the service"));
                check_line(&error.to_string());
            }
        }
    }
}

fn check_success<O>(reply: &Reply, json: Option<&Json>)
where
    O: Operation,
    O::Output: Serialize + Debug,
{
    let parsed = reply.parse::<O>();
    assert_eq!(parsed.as_ref().err(), reply.unknown_fields::<O>().err().as_ref());
    match (parsed, reply.clone().into_output::<O>()) {
        (Ok(output), Ok(_)) => check_output::<O>(json, &output),
        (Err(decode), Err(error)) => {
            assert_eq!(error.effect(), Effect::Happened);
            assert!(decode.line() >= 1);
            // The text contains nothing of the body except names of fields.
            let path = decode.path();
            assert!(
                path.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.?[]".contains(&b))
            );
            let shown = error.to_string().replace(path, "");
            assert!(shown.is_ascii() && shown.lines().count() == 1, "{shown}");
            let Error::Decode { error, reply: kept, .. } = error else { panic!("{error}") };
            assert_eq!((*error, *kept), (decode, reply.clone()));
        }
        (parsed, output) => panic!("{parsed:?} is not {output:?}"),
    }
}

/// Checks that the output has the values of the body, and that it is the same after writing and
/// reading it again.
fn check_output<O>(json: Option<&Json>, output: &O::Output)
where
    O: Operation,
    O::Output: Serialize + Debug,
{
    let mut value = serde_json::to_value(output).expect("a JSON form");
    let sign_ins = "last_organization_sign_ins";
    if O::META.name == "get_user_data" && value[sign_ins] == Json::Array(Vec::new()) {
        // These belong to listed users, and are ignored here if they have another form.
        value[sign_ins] = json.map_or(Json::Null, |json| json[sign_ins].clone());
    }
    if O::META.name == "get_user_data" {
        // The same holds for the connections of the identities.
        for identity in value["identities"].as_array_mut().into_iter().flatten() {
            let fields = identity.as_object_mut().expect("an identity");
            fields.retain(|name, value| name != "connection_id" || !value.is_null());
        }
    }
    assert!(json.is_none_or(|json| is_said(&value, json)), "{}: {value} was read of {json:?}", O::META.name);
    let written = serde_json::to_vec(output).expect("a JSON form");
    let again = Reply::new::<O>(Response::new(written.clone())).parse::<O>();
    let again = again.unwrap_or_else(|error| panic!("{}: cannot be read again: {error}", O::META.name));
    assert_eq!(serde_json::to_vec(&again).expect("a JSON form"), written);
}

/// Returns whether each value that was read is in the reply at the same place.
fn is_said(read: &Json, reply: &Json) -> bool {
    match (read, reply) {
        // serde also reads a list of all the fields as an object.
        (Json::Object(_), Json::Array(_)) => true,
        (Json::Object(fields), _) => fields.iter().all(|(name, value)| is_said(value, &reply[name])),
        (Json::Array(items), Json::Array(all)) => {
            let all: Vec<_> = all.iter().filter(|item| !item.is_null()).collect();
            items.len() == all.len() && items.iter().zip(all).all(|(item, in_reply)| is_said(item, in_reply))
        }
        (Json::Array(items), Json::Null) => items.is_empty(),
        (Json::Array(items), one) => items.len() == 1 && is_said(&items[0], one),
        // An integer may be written as a fraction. An integer that is out of range counts as null.
        (Json::Number(read), Json::Number(written)) => read.as_f64() == written.as_f64(),
        (Json::Null, Json::Number(written)) => {
            written.as_i64().is_none() && written.as_f64().is_some_and(|number| number.abs() >= 9.2e18)
        }
        _ => read == reply,
    }
}

fn check_api_error(response: &Response<Vec<u8>>, json: Option<&Json>, error: &ApiError) {
    assert_eq!(error.status(), response.status());
    assert_eq!(error.reply().headers(), response.headers());
    assert_eq!(error.reply().body(), response.body());
    let is_forbidden = response.status() == StatusCode::FORBIDDEN;
    let scopes = error.needed_scopes();
    if is_forbidden
        && error.errors().is_empty()
        && (matches!(error.body(), ErrorBody::Kinde(_)) || response.body().is_empty())
    {
        assert_eq!(scopes, error.operation().scopes);
    }
    assert!(scopes.is_empty() || is_forbidden);
    assert!(
        scopes
            .iter()
            .all(|scope| scope.bytes().all(|byte| byte.is_ascii_lowercase() || b"_:".contains(&byte)))
    );
    for (name, value) in error.request_ids() {
        assert_eq!(Some(value), response.headers().get(name).and_then(|value| value.to_str().ok()));
    }

    let texts = |item: &Json| ["code", "message"].map(|key| item[key].as_str().map(str::to_owned));
    match (error.body(), json) {
        (ErrorBody::Kinde(items), Some(json)) => {
            let expected: Vec<_> = match &json["errors"] {
                Json::Array(items) => items.iter().filter(|item| !item.is_null()).map(texts).collect(),
                Json::Null => vec![],
                item => vec![texts(item)],
            };
            let found: Vec<_> = items
                .iter()
                .map(|item| {
                    [item.code.as_deref(), item.message.as_deref()].map(|text| text.map(str::to_owned))
                })
                .collect();
            assert_eq!(found, expected);
        }
        (ErrorBody::Json(text), _) => {
            let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
            assert!(is_json(text));
            let body = std::str::from_utf8(response.body());
            assert!(body.map_or(true, |body| body == text || !is_json(body)));
        }
        (ErrorBody::Other(body), None) => assert_eq!(body, response.body()),
        // A body that no code has looked into is not checked as strictly.
        (ErrorBody::Kinde(_), None) => {}
        (ErrorBody::Other(_), Some(json)) => panic!("{json} is JSON"),
    }
    if error.errors().is_empty() {
        let bare = format!("{}: HTTP {}", error.operation().name, error.status().as_u16());
        let shown = error.to_string();
        let rest = shown.strip_prefix(&bare).expect("operation and status");
        let causes = ["needs scope ", "retry in ", "not in Kinde's form; ", "a redirect to "];
        let names_a_cause = |cause: &str| rest.strip_prefix(" (").is_some_and(|rest| rest.starts_with(cause));
        assert!(rest.is_empty() || causes.into_iter().any(names_a_cause), "{shown}");
    }
}

/// Checks that the text is one line, in which no word can be an address, a phone number, an id or a
/// secret.
fn check_line(line: &str) {
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.chars().count() < 2_000, "{line}");
    // The time to wait and the number of attempts do not come from the reply.
    let shown = line.split(" (retry in ").next().unwrap_or_default();
    for word in shown.split_whitespace() {
        let digits = word.chars().filter(|character| character.is_numeric()).count();
        assert!(!word.contains('@') && !word.contains("%40") && digits <= 5, "{line}");
        // The length includes a colon or semicolon after the word. The host of a redirect may be
        // longer.
        let is_host = shown.contains(&format!("(a redirect to {word} "));
        assert!(word.chars().count() <= if is_host { 254 } else { 34 }, "{line}");
    }
}

fn answer_token_request(response: &Response<Vec<u8>>, json: Option<&Json>) {
    match step_after(&GetUsers::new(), Credentials::new("id", "the-secret"), response.clone()) {
        Step::Send(request) => {
            assert!(response.status().is_success());
            assert!(request.headers()["authorization"].is_sensitive());
            let token = json.map(|json| json["access_token"].as_str().expect("a token"));
            let sent = &request.headers()["authorization"];
            assert!(token.is_none_or(|token| *sent == format!("Bearer {token}")));
        }
        Step::Done(Err(error)) => {
            assert_eq!(error.effect(), Effect::None);
            let shown = error.to_string();
            // The text contains nothing of the reply except the host of a redirect.
            assert!(shown.is_ascii() && shown.lines().count() == 1 && shown.len() < 512, "{shown}");
        }
        step => panic!("only a token was requested, but the step is {step:?}"),
    }
}
