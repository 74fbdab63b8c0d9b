//! Every operation against hand-written wire vectors: its requests to the byte, its replies to the
//! field.

mod support;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use http::Method;
use kinde_users_core::{
    AccessToken, BuildError, CallOptions, Credentials, Delivery, Domain, Effect, Error, ErrorBody, Exchange,
    Input, Instant, OPERATIONS, Operation, Problem, Reply, RetryPolicy, Step, Tenant,
};
use serde::Serialize;
use serde_json::Value as Json;
use support::{Build, Visit, each, minimal, response, vectors, with_operation};

#[test]
fn operations_and_vector_files_match() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "errors" && name != "token")
        .collect();
    let operations: BTreeSet<String> = OPERATIONS.iter().map(|meta| meta.name.to_owned()).collect();
    assert_eq!(files, operations);
}

#[test]
fn requests_are_what_the_vectors_say() {
    for meta in OPERATIONS {
        for vector in each(&vectors(meta.name), "requests") {
            let name = format!("{}: {}", meta.name, vector["name"]);
            let built = with_operation(meta.name, &vector["arguments"], Build);
            if let Some(refused) = vector.get("refused") {
                check_refusal(&name, built.unwrap_err(), refused);
                continue;
            }
            let request = built.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(request.method().as_str(), vector["method"], "{name}");
            let target = format!("https://acme.kinde.com{}", vector["target"].as_str().unwrap());
            assert_eq!(request.uri().to_string(), target, "{name}");
            let mut headers: Vec<_> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            headers.sort_unstable();
            let mut expected = vec![("accept", "application/json"), ("authorization", "Bearer token")];
            if let Some(body) = vector.get("body") {
                expected.push(("content-type", "application/json"));
                // Key for key in the order of the vector, and with no white space.
                assert_eq!(as_text(request.body()), body.to_string(), "{name}");
            } else {
                if [Method::POST, Method::PUT, Method::PATCH].contains(request.method()) {
                    expected.push(("content-length", "0"));
                }
                assert_eq!(as_text(request.body()), "", "{name}");
            }
            assert_eq!(headers, expected, "{name}");
            assert!(request.headers()["authorization"].is_sensitive(), "{name}");
        }
    }
}

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn check_refusal(name: &str, error: BuildError, refused: &Json) {
    let (problem, whole) = match error.problem() {
        Problem::Empty => ("empty", false),
        Problem::DotSegment => ("dot_segment", false),
        Problem::NotASegment => ("not_a_segment", false),
        Problem::ControlCharacter => ("control_character", false),
        Problem::OuterBlank => ("outer_blank", false),
        Problem::Comma => ("comma", false),
        Problem::OutOfRange { .. } => ("out_of_range", false),
        Problem::NotATimestamp => ("not_a_timestamp", false),
        Problem::WrongType => ("wrong_type", false),
        Problem::NotAllowed => ("not_allowed", false),
        Problem::Missing => ("missing", false),
        // The request as a whole is too long; the vectors name the argument that makes it so.
        Problem::TooLong { .. } => ("too_long", true),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(problem, refused["problem"], "{name}");
    assert!(whole || error.argument() == refused["argument"], "{name}: {error}");
}

/// One attempt, so that its outcome is the call's.
fn once() -> CallOptions {
    CallOptions::new().retry(RetryPolicy::never())
}

struct Answer<'a>(&'a str, &'a Json);

impl Visit for Answer<'_> {
    type Out = ();

    /// Sends the vector's reply through a whole exchange.
    fn visit<O>(self, operation: &O)
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let Self(name, vector) = self;
        let token = AccessToken::new("token").unwrap();
        let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::access_token(token));
        let mut exchange = Exchange::new(operation, &tenant, once()).unwrap();
        let step = exchange.advance(&mut tenant, Instant::START, Input::Start);
        assert!(matches!(step, Step::Send(_)), "{name}");
        let step = exchange.advance(&mut tenant, Instant::START, Input::Response(response(vector)));
        let Step::Done(result) = step else { panic!("{name}: {step:?}") };
        let result = result.and_then(Reply::into_output::<O>);
        match vector["outcome"].as_str().unwrap() {
            "ok" => {
                let output = result.unwrap_or_else(|error| panic!("{name}: {error}"));
                check_fields(name, &serde_json::to_value(&output).unwrap(), &vector["fields"]);
            }
            "decode" => {
                let error = result.err().unwrap_or_else(|| panic!("{name}: no error"));
                assert_eq!(error.effect(), Effect::Happened, "{name}");
                let Error::Decode { error, reply, .. } = error else { panic!("{name}: {error}") };
                assert_eq!(reply.body(), response(vector).body(), "{name}");
                if let Some(path) = vector.get("path") {
                    assert_eq!(error.path(), path, "{name}");
                }
            }
            "api" => {
                let error = result.err().unwrap_or_else(|| panic!("{name}: no error"));
                let refused = (400..500).contains(&vector["status"].as_u64().unwrap());
                assert_eq!(error.effect(), if refused { Effect::None } else { Effect::Possible }, "{name}");
                check_api_error(name, &error, vector);
            }
            other => panic!("{name}: no outcome {other}"),
        }
    }
}

fn check_fields(name: &str, output: &Json, fields: &Json) {
    for (pointer, expected) in fields.as_object().into_iter().flatten() {
        // A user tells its e-mail address under the name under which it came.
        let preferred = pointer.strip_suffix("/email").map(|parent| format!("{parent}/preferred_email"));
        let found = output.pointer(pointer).or_else(|| output.pointer(&preferred?)).unwrap_or(&Json::Null);
        assert_eq!(found, expected, "{name}: {pointer}");
    }
}

fn check_api_error(name: &str, error: &Error, vector: &Json) {
    let api = error.as_api().unwrap_or_else(|| panic!("{name}: {error}"));
    assert_eq!(u64::from(api.status().as_u16()), vector["status"], "{name}");
    let found: Json = api
        .errors()
        .iter()
        .map(|item| serde_json::json!([item.code.as_deref(), item.message.as_deref()]))
        .collect();
    assert_eq!(found, vector["errors"], "{name}");
    if let Some(tier) = vector.get("tier") {
        let found = match api.body() {
            ErrorBody::Kinde(_) => "kinde",
            ErrorBody::Json(_) => "json",
            ErrorBody::Other(_) => "other",
        };
        assert_eq!(found, tier, "{name}");
    }
    assert_eq!(error.to_string().lines().count(), 1, "{name}");
}

#[test]
fn replies_are_read_as_the_vectors_say() {
    for meta in OPERATIONS {
        let arguments = minimal(meta.name);
        for vector in each(&vectors(meta.name), "replies") {
            let name = format!("{}: {}", meta.name, vector["name"]);
            with_operation(meta.name, &arguments, Answer(&name, vector));
        }
    }
}

#[test]
fn error_replies_are_read_alike() {
    let vectors = vectors("errors");
    for meta in OPERATIONS {
        let arguments = minimal(meta.name);
        for vector in each(&vectors, "replies") {
            let name = format!("{}: {}", meta.name, vector["name"]);
            let mut vector = vector.clone();
            vector["outcome"] = "api".into();
            with_operation(meta.name, &arguments, Answer(&name, &vector));
        }
    }
}

#[test]
fn failed_delivery_has_the_effect_of_its_kind() {
    struct Fail(Delivery);

    impl Visit for Fail {
        type Out = Effect;

        fn visit<O: Operation>(self, operation: &O) -> Effect {
            let credentials = Credentials::access_token(AccessToken::new("token").unwrap());
            let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), credentials);
            let mut exchange = Exchange::new(operation, &tenant, once()).unwrap();
            exchange.advance(&mut tenant, Instant::START, Input::Start);
            match exchange.advance(&mut tenant, Instant::START, Input::Failed(self.0)) {
                Step::Done(Err(error)) => error.effect(),
                other => panic!("{other:?}"),
            }
        }
    }

    for meta in OPERATIONS {
        let arguments = minimal(meta.name);
        assert_eq!(with_operation(meta.name, &arguments, Fail(Delivery::NotSent)), Effect::None);
        assert_eq!(with_operation(meta.name, &arguments, Fail(Delivery::Unknown)), Effect::Possible);
    }
}
