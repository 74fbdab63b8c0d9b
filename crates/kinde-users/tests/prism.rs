//! The client's whole surface through a mock server that checks requests against the description of the API: every request
//! vector is sent, and every reply is to be one that our models read. `.ci/prism` starts the server and runs this.

#[path = "../../kinde-users-core/tests/support/mod.rs"]
mod support;

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use kinde_users::ureq::UreqTransport;
use kinde_users::{
    AccessToken, CallOptions, Client, Credentials, Domain, Error, OPERATIONS, Operation, RetryPolicy,
    SystemClock, client_over,
};
use serde::Serialize;
use serde_json::Value as Json;
use support::{Visit, with_operation};

/// The mock server takes an argument that is there and empty for one that is missing, which the service does not.
const TAKEN_FOR_MISSING: &[(&str, &str)] =
    &[("update_user_feature_flag_override", "value"), ("update_user_property", "value")];

struct Send<'a>(&'a Client<UreqTransport, SystemClock>);

impl Visit for Send<'_> {
    type Out = Result<(), String>;

    fn visit<O>(self, operation: &O) -> Self::Out
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        self.0.send(operation).map(drop).map_err(|error| match error.error() {
            Error::Api(api) => format!("{error}: {}", String::from_utf8_lossy(api.reply().body())),
            _ => error.to_string(),
        })
    }
}

#[test]
#[ignore = "needs the mock server that .ci/prism starts"]
fn a_mock_server_takes_every_request_and_we_take_every_reply() {
    let origin = std::env::var("PRISM").expect("the address of the mock server");
    let token = Credentials::access_token(AccessToken::new("token").unwrap());
    let transport = UreqTransport::configured(|config| config.proxy(None));
    let client = client_over(transport, Domain::parse(&origin).unwrap(), token)
        .with_options(CallOptions::new().retry(RetryPolicy::never()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kinde-users-core/tests/vectors");
    let (mut accepted, mut for_missing, mut complaints) = (0, 0, Vec::new());
    for meta in OPERATIONS {
        let file = fs::read_to_string(folder.join(meta.name).with_extension("json")).unwrap();
        let vectors: Json = serde_json::from_str(&file).unwrap();
        for vector in vectors["requests"].as_array().unwrap() {
            if vector.get("refused").is_some() {
                continue;
            }
            let arguments = &vector["arguments"];
            let is_for_missing = TAKEN_FOR_MISSING
                .iter()
                .any(|&(name, argument)| name == meta.name && arguments[argument] == "");
            match with_operation(meta.name, arguments, Send(&client)) {
                Ok(()) => accepted += 1,
                Err(_) if is_for_missing => for_missing += 1,
                Err(error) => complaints.push(format!("{} {}: {error}", meta.name, vector["name"])),
            }
        }
    }
    println!(
        "{accepted} requests taken and replies read, {for_missing} with an empty value, {} complaints",
        complaints.len()
    );
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(accepted > 400 && for_missing == TAKEN_FOR_MISSING.len());
}
