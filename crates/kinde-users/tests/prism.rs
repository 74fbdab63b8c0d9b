//! The client against Prism: a mock of the API that strangers' code makes of its description, and
//! that validates each request it gets. `.ci/prism` starts it, says in `PRISM_ORIGIN` where it is,
//! and runs these tests.
//!
//! It overlooks arguments of a query that are not described; the test `openapi` of the core does
//! not.

#[path = "../../kinde-users-core/tests/support/mod.rs"]
mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request};
use kinde_users::ureq::UreqTransport;
use kinde_users::{
    CallOptions, Client, Credentials, Domain, OPERATIONS, Operation, RetryPolicy, SystemClock, Transport,
    client_over, transport_fn,
};
use serde::Serialize;
use serde_json::Value as Json;
use support::{BEYOND, Visit, each, minimal, vectors, with_operation};

/// Vectors of requests that are valid, and that the mock finds fault with: it takes a blank
/// argument for a missing one.
const BLANK: &str = "value_blank";

/// What the mock had against requests.
type Violations = Arc<Mutex<Vec<String>>>;

/// A client that asks the mock for replies of a kind: `dynamic=true` are made up from the schema,
/// `dynamic=false` are the examples, `code=404` are those of that status. It tries once.
fn client(prefer: &str, violations: &Violations) -> Client<impl Transport + use<>, SystemClock> {
    let origin = std::env::var("PRISM_ORIGIN").expect("PRISM_ORIGIN says where the mock is");
    let (prefer, violations) = (HeaderValue::from_str(prefer).unwrap(), Arc::clone(violations));
    let ureq = UreqTransport::configured(|config| config.proxy(None));
    let transport = transport_fn(move |mut request: Request<Vec<u8>>| {
        let is_for_token = request.uri().path() == "/oauth2/token";
        if !is_for_token || prefer == "dynamic=true" {
            request.headers_mut().insert("prefer", prefer.clone());
        }
        let response = ureq.send(request)?;
        if let Some(found) = response.headers().get("sl-violations") {
            violations.lock().unwrap().push(String::from_utf8_lossy(found.as_bytes()).into_owned());
        }
        Ok::<_, <UreqTransport as Transport>::Error>(response)
    });
    let domain = Domain::parse(&origin).unwrap();
    client_over(transport, domain, Credentials::new("client-id", "client-secret"))
        .with_options(CallOptions::new().retry(RetryPolicy::never()))
}

/// Calls an operation, and says what goes wrong.
struct Call<'a, T>(&'a Client<T, SystemClock>);

impl<T: Transport> Visit for Call<'_, T> {
    type Out = Result<(), String>;

    fn visit<O>(self, operation: &O) -> Self::Out
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let reply = self.0.reply(operation).map_err(|error| error.to_string())?;
        if reply.status() != O::META.success {
            return Err(format!("the status is {}", reply.status()));
        }
        let body = String::from_utf8_lossy(reply.body());
        reply.parse::<O>().map(drop).map_err(|error| format!("{error}: {body}"))
    }
}

/// All requests that can be made, by the name of the operation and of the vector.
fn requests() -> impl Iterator<Item = (&'static str, String, Json)> {
    OPERATIONS.iter().flat_map(|meta| {
        let all = vectors(meta.name);
        let made = each(&all, "requests").filter(|vector| vector.get("refused").is_none());
        made.map(|vector| {
            (meta.name, vector["name"].as_str().unwrap().to_owned(), vector["arguments"].clone())
        })
        .collect::<Vec<_>>()
    })
}

#[test]
#[ignore = ".ci/prism runs it"]
fn requests_are_valid_and_replies_are_read() {
    // Replies that are made up are others each time.
    for prefer in ["dynamic=false", "dynamic=true", "dynamic=true", "dynamic=true"] {
        let violations = Violations::default();
        let client = client(prefer, &violations);
        let (mut sent, mut problems) = (0, Vec::new());
        for (operation, name, arguments) in requests() {
            let outcome = with_operation(operation, &arguments, Call(&client));
            let found = std::mem::take(&mut *violations.lock().unwrap());
            sent += 1;
            if BEYOND.contains(&name.as_str()) {
                assert_ne!(found, [""; 0], "{operation}/{name}: the mock does not look at its requests");
            } else if name == BLANK {
                assert!(
                    found.len() == 1 && found[0].contains("must have required property 'value'"),
                    "{found:?}"
                );
            } else if outcome.is_err() || !found.is_empty() {
                problems.push(format!("{operation}/{name}: {outcome:?} {found:?}"));
            }
        }
        println!("{prefer}: {sent} requests, {} of them or of their replies bad", problems.len());
        assert_eq!(problems, [""; 0]);
        assert!(sent > 350, "{sent}");
    }
}

#[test]
#[ignore = ".ci/prism runs it"]
fn every_error_of_the_description_is_understood() {
    let mut answered = 0;
    for meta in OPERATIONS {
        let arguments = minimal(meta.name);
        // Not 500: the mock has no text for a client that asks for JSON.
        for status in [400, 401, 403, 404, 429] {
            let name = format!("{} {status}", meta.name);
            let violations = Violations::default();
            let client = client(&format!("code={status}, dynamic=true"), &violations);
            let error = with_operation(meta.name, &arguments, Fail(&client));
            assert_eq!(*violations.lock().unwrap(), [""; 0], "{name}");
            assert_eq!(error, Some(status), "{name}");
            answered += 1;
        }
    }
    println!("{answered} errors, all of them understood");
}

/// Calls an operation that fails: the status, if the errors in it are understood.
struct Fail<'a, T>(&'a Client<T, SystemClock>);

impl<T: Transport> Visit for Fail<'_, T> {
    type Out = Option<u16>;

    fn visit<O>(self, operation: &O) -> Self::Out
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let error = self.0.send(operation).err()?;
        let api = error.as_api()?;
        let is_understood = api.errors().iter().any(|item| item.code.is_some() && item.message.is_some());
        is_understood.then_some(api.status().as_u16())
    }
}
