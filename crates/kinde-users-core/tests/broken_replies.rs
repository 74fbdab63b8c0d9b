//! Replies that are written in a broken way, to every operation, as errors and to token requests:
//! they are read as what they mean.

mod support;

use std::fmt::Debug;

use http::Response;
use kinde_users_core::operations::{DeleteUser, GetUserData, GetUserIdentities, GetUsers, GetUsersMfa};
use kinde_users_core::{
    AccessToken, ApiError, CallOptions, Credentials, DecodeCategory, Domain, Effect, Error, ErrorBody,
    Exchange, Input, Instant, OPERATIONS, Operation, Reply, Step, Tenant, Text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use support::{Visit, each, minimal, vectors, with_operation};

/// What is written inside of a string in place of U+FFFD.
const BROKEN: &[&[u8]] = &[
    br"\ud83d",
    br"\uD83D",
    br"\udc00",
    br"\uDFFF",
    b"\xff",
    b"\xed\xa0\xbd",
    // Both halves of a pair, which do not stand beside each other.
    br"\ud83d\u0020\ude00",
    br"\ude00\ud83d",
];

/// As [`BROKEN`] is to be read.
const MEANT: &[&str] = &[
    "\u{fffd}",
    "\u{fffd}",
    "\u{fffd}",
    "\u{fffd}",
    "\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd} \u{fffd}",
    "\u{fffd}\u{fffd}",
];

/// Puts `new` in the place of the mark, which occurs once.
fn put(text: &str, mark: &str, new: &[u8]) -> Vec<u8> {
    let (before, after) = text.split_once(mark).unwrap();
    assert!(!after.contains(mark), "{text}");
    [before.as_bytes(), new, after.as_bytes()].concat()
}

/// Copies of a value in each of which one leaf is what `change` makes of it.
fn with_a_leaf_changed(value: &Json, change: &impl Fn(&Json) -> Option<Json>) -> Vec<Json> {
    let mut changed: Vec<Json> = change(value).into_iter().collect();
    match value {
        Json::Object(fields) => {
            for (key, field) in fields {
                for field in with_a_leaf_changed(field, change) {
                    let mut copy = fields.clone();
                    copy[key] = field;
                    changed.push(copy.into());
                }
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for item in with_a_leaf_changed(item, change) {
                    let mut copy = items.clone();
                    copy[index] = item;
                    changed.push(copy.into());
                }
            }
        }
        _ => {}
    }
    changed
}

/// Reads a broken body, and the same body without its faults.
struct Same<'a> {
    broken: &'a [u8],
    meant: &'a Json,
}

impl Visit for Same<'_> {
    type Out = ();

    fn visit<O>(self, _: &O)
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let name = || format!("{}: {}", O::META.name, String::from_utf8_lossy(self.broken));
        let meant = Reply::new::<O>(Response::new(serde_json::to_vec(self.meant).unwrap()));
        let meant_output = serde_json::to_value(meant.parse::<O>().unwrap()).unwrap();
        let reply = Reply::new::<O>(Response::new(self.broken.to_vec()));
        for _ in 0..2 {
            let output = reply.parse::<O>().unwrap_or_else(|error| panic!("{}: {error}", name()));
            assert_eq!(serde_json::to_value(output).unwrap(), meant_output, "{}", name());
        }
        assert_eq!(reply.parse_as::<Json>().unwrap(), *self.meant, "{}", name());
        assert_eq!(reply.unknown_fields::<O>(), meant.unknown_fields::<O>(), "{}", name());
        assert_eq!(reply.body(), self.broken);
        assert!(reply == reply.clone() && reply == Reply::new::<O>(Response::new(self.broken.to_vec())));
        reply.into_output::<O>().unwrap();
    }
}

/// The bodies of the replies of every operation that are read.
fn good_bodies() -> impl Iterator<Item = (&'static str, Json)> {
    OPERATIONS.iter().flat_map(|meta| {
        let vectors = vectors(meta.name);
        let is_good = |vector: &&Json| vector["outcome"] == "ok" && vector["body"].is_object();
        let bodies: Vec<_> =
            each(&vectors, "replies").filter(is_good).map(|vector| vector["body"].clone()).collect();
        assert!(!bodies.is_empty(), "{}", meta.name);
        bodies.into_iter().map(|body| (meta.name, body))
    })
}

#[test]
fn broken_text_in_any_field_costs_no_reply() {
    const MARK: &str = "<broken>";
    let (mut at, mut tried) = (0, 0);
    for (name, body) in good_bodies() {
        let arguments = minimal(name);
        let marked = |leaf: &Json| Some(format!("{}{MARK}", leaf.as_str()?).into());
        for marked in with_a_leaf_changed(&body, &marked) {
            // Each fault in turn, as there are many fields.
            at = (at + 1) % BROKEN.len();
            let text = marked.to_string();
            let meant = serde_json::from_str(&text.replace(MARK, MEANT[at])).unwrap();
            let broken = put(&text, MARK, BROKEN[at]);
            with_operation(name, &arguments, Same { broken: &broken, meant: &meant });
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn what_is_around_the_fields_costs_no_reply() {
    let nested = |depth: usize| format!("{}1{}", r#"{"a":["#.repeat(depth), "]}".repeat(depth));
    let within = serde_json::from_str::<Json>(&format!("{}null{}", r#"{"a":["#.repeat(63), "]}".repeat(63)));
    for (name, body) in good_bodies() {
        let arguments = minimal(name);
        let text = body.to_string();
        let open = text.strip_suffix('}').unwrap();
        let comma = if open == "{" { "" } else { "," };
        for (broken, key, meant) in [
            (format!("\u{feff}{text}"), "", Json::Null),
            (format!(r#"{open}{comma}"added":1e999}}"#), "added", Json::Null),
            (format!(r#"{open}{comma}"added":-Infinity}}"#), "added", Json::Null),
            (format!(r#"{open}{comma}"added":"a{}b"}}"#, '\n'), "added", "a\nb".into()),
            (format!(r#"{open}{comma}"added\ud83d":"\ude00"}}"#), "added\u{fffd}", "\u{fffd}".into()),
            (format!(r#"{open}{comma}"added":{}}}"#, nested(300)), "added", within.as_ref().unwrap().clone()),
        ] {
            let mut whole = body.clone();
            if !key.is_empty() {
                whole[key] = meant;
            }
            with_operation(name, &arguments, Same { broken: broken.as_bytes(), meant: &whole });
        }
    }
}

#[test]
fn integers_are_read_in_any_notation() {
    #[track_caller]
    fn total(read: Option<i64>, expected: Option<i64>, number: &str) {
        assert_eq!(read, expected, "{number}");
    }

    for (number, expected) in [
        ("3.0", Some(3)),
        ("2e1", Some(20)),
        ("-0", Some(0)),
        ("99999999999999999999", None),
        ("-1e30", None),
        ("1e999", None),
        ("null", None),
    ] {
        let reply = |body: String| Reply::new::<GetUsers>(Response::new(body.into_bytes()));
        let user = format!(r#"{{"id":"kp_1","total_sign_ins":{number},"failed_sign_ins":{number}}}"#);
        let alone = reply(user.clone()).parse_as::<<GetUserData as Operation>::Output>().unwrap();
        let listed = reply(format!(r#"{{"users":[{user}]}}"#)).parse::<GetUsers>().unwrap();
        for user in [&alone, &listed.users[0]] {
            total(user.total_sign_ins, expected, number);
            total(user.failed_sign_ins, expected, number);
        }
        let identities = reply(format!(r#"{{"identities":[{{"total_logins":{number}}}]}}"#));
        let identities: <GetUserIdentities as Operation>::Output = identities.parse_as().unwrap();
        total(identities.identities[0].total_logins, expected, number);
        let mfa = reply(format!(r#"{{"mfa":{{"usage_count":{number}}}}}"#));
        let mfa: <GetUsersMfa as Operation>::Output = mfa.parse_as().unwrap();
        total(mfa.mfa[0].usage_count, expected, number);
    }
}

/// Values of every type, and broken ones.
const ANYTHING: &[&str] = &[
    "null",
    "true",
    "0",
    "-7",
    "1.5",
    "1e999",
    "NaN",
    r#""""#,
    r#""\ud83d""#,
    "[]",
    "{}",
    r#"["a"]"#,
    r#"{"a":[{}]}"#,
];

#[test]
fn undescribed_fields_are_harmless() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for value in ANYTHING.iter().copied().chain([deep.as_str()]) {
        let user = format!(
            r#"{{"id":"kp_1","email":{value},"last_organization_sign_ins":{value},
                "identities":[{{"type":"email","identity":"a@example.com","connection_id":{value}}}],"x":{value}}}"#
        );
        let reply = Reply::new::<GetUserData>(Response::new(user.into_bytes()));
        let user = reply.parse::<GetUserData>().unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(user.identities[0].identity.as_deref(), Some("a@example.com"), "{value}");

        let page = format!(r#"{{"users":[{{"id":"kp_1","preferred_email":{value}}}],"x":{value}}}"#);
        let reply = Reply::new::<GetUsers>(Response::new(page.into_bytes()));
        assert!(reply.parse::<GetUsers>().is_ok(), "{value}");
    }
    let body = br#"{"id":"kp_1","identities":[{"connection_id":"conn_1"},{"connection_id":null}]}"#;
    let user = Reply::new::<GetUserData>(Response::new(body.to_vec())).parse::<GetUserData>().unwrap();
    assert_eq!(user.identities[0].connection_id.as_ref().unwrap(), &"conn_1");
    // `get_users` has it, so a wrong type is an error there, with its path.
    let body = br#"{"users":[{"id":"kp_1","identities":[{"connection_id":7}]}]}"#;
    let error = Reply::new::<GetUsers>(Response::new(body.to_vec())).parse::<GetUsers>().unwrap_err();
    assert_eq!(error.path(), "users[0].identities[0].connection_id");
}

#[test]
fn own_models_borrow_from_the_repaired_text() {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        users: Vec<Row<'a>>,
    }
    #[derive(Deserialize)]
    struct Row<'a> {
        id: &'a str,
        #[serde(borrow)]
        first_name: Option<Text<'a>>,
    }

    let body = b"{\"users\":[{\"id\":\"kp_\\ud83d\xff\",\"first_name\":\"Ada \\ud83d\"}],\"x\":1e999}";
    let reply = Reply::new::<GetUsers>(Response::new(body.to_vec()));
    let (first, second): (Page<'_>, Page<'_>) = (reply.parse_as().unwrap(), reply.parse_as().unwrap());
    assert_eq!(first.users[0].id, "kp_\u{fffd}\u{fffd}");
    assert_eq!(first.users[0].first_name.as_deref(), Some("Ada \u{fffd}"));
    assert!(first.users[0].first_name.as_ref().unwrap().is_borrowed());
    // It is repaired once.
    assert_eq!(first.users[0].id.as_ptr(), second.users[0].id.as_ptr());
}

#[test]
fn missing_ids_are_named_in_the_path() {
    fn path<O: Operation>(body: &str) -> String {
        let error = Reply::new::<O>(Response::new(body.into())).parse::<O>().err().unwrap();
        assert_eq!(error.category(), DecodeCategory::Data);
        assert_eq!(Reply::new::<O>(Response::new(body.into())).unknown_fields::<O>().as_ref(), Err(&error));
        error.path().into()
    }

    use kinde_users_core::operations::{CreateUser, UpdateUser};
    for path in [path::<GetUserData>("{}"), path::<CreateUser>("{}"), path::<UpdateUser>("{}")] {
        assert_eq!(path, "id");
    }
    let users = r#"{"id":"a"},{"id":"b"},null,{"id":"c"},{"email":"a@example.com"}"#;
    assert_eq!(path::<GetUsers>(&format!(r#"{{"users":[{users}]}}"#)), "users[4].id");
    // Also where something else was repaired on the way.
    assert_eq!(path::<GetUsers>(r#"{"users":[{"id":"\ud83d"},{"email":"\ud83d"}]}"#), "users[1].id");
    assert_eq!(
        path::<GetUsers>(r#"{"users":[{"id":"\ud83d","is_suspended":"no"}]}"#),
        "users[0].is_suspended"
    );
}

fn api_error(status: u16, body: &[u8]) -> ApiError {
    let response = Response::builder().status(status).body(body.to_vec()).unwrap();
    let error = Reply::new::<DeleteUser>(response).into_result().unwrap_err();
    assert_eq!(error.effect(), Effect::None);
    error.as_api().unwrap().clone()
}

#[test]
fn broken_errors_keep_their_codes() {
    for (broken, meant) in BROKEN.iter().zip(MEANT) {
        let body = put(r#"{"errors":[{"code":"USER_INVALID","message":"no <x>"}]}"#, "<x>", broken);
        let error = api_error(400, &body);
        assert!(error.has_code("USER_INVALID") && error.is_not_there());
        assert_eq!(error.errors()[0].message.as_deref(), Some(format!("no {meant}").as_str()));
        let body = put(r#"{"errors":{"message":"<x>","code":"USER_INVALID"}}"#, "<x>", broken);
        assert!(api_error(400, &body).has_code("USER_INVALID"));
    }
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for value in ANYTHING.iter().copied().chain([deep.as_str()]) {
        for body in [
            format!(r#"{{"errors":[{{"code":"USER_INVALID","message":{value}}}]}}"#),
            format!(r#"{{"errors":[{{"message":"m","code":"USER_INVALID","x":{value}}}],"x":{value}}}"#),
            format!("\u{feff}{{\"x\":{value},\"errors\":{{\"code\":\"USER_INVALID\",\"x\":{value}}}}}"),
        ] {
            let error = api_error(400, body.as_bytes());
            assert!(error.has_code("USER_INVALID"), "{body}");
            assert_eq!(error.reply().body(), body.as_bytes());
        }
    }
}

#[test]
fn broken_json_is_read_and_other_text_is_not() {
    let body = |error: &ApiError| match error.body() {
        ErrorBody::Json(text) => format!("JSON {text}"),
        ErrorBody::Other(bytes) => format!("other {}", bytes.len()),
        ErrorBody::Kinde(errors) => format!("Kinde {errors:?}"),
    };
    for (bytes, expected) in [
        (&b"\xef\xbb\xbf{\"detail\":\"gone\"}"[..], r#"JSON {"detail":"gone"}"#),
        (b"{\"detail\":\"caf\xe9\"}", "JSON {\"detail\":\"caf\u{fffd}\"}"),
        // Nothing has to read this one.
        (br#"{"detail":"\ud83d"}"#, r#"JSON {"detail":"\ud83d"}"#),
        (b"<p>caf\xe9</p>", "other 11"),
        (b"\xff\xfe{\0}\0", "other 6"),
        (br#"{"errors":[{"code":"\ud83d"#, "other 26"),
        (b"", "other 0"),
    ] {
        assert_eq!(body(&api_error(404, bytes)), expected);
    }
}

/// The reply that the token request of a call gets, and the step that comes of it.
fn step_after_token_reply(status: u16, body: &[u8]) -> Step {
    let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
    let mut exchange = Exchange::new(&GetUsers::new(), &tenant, CallOptions::new()).unwrap();
    let step = exchange.advance(&mut tenant, Instant::START, Input::Start);
    assert!(matches!(step, Step::Send(_)), "{step:?}");
    let response = Response::builder().status(status).body(body.to_vec()).unwrap();
    exchange.advance(&mut tenant, Instant::START, Input::Response(response))
}

#[test]
fn token_is_used_whatever_else_its_reply_holds() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let words = [
        r#""3600""#,
        r#""abc""#,
        r#""-1""#,
        r#""1e999""#,
        "-3600",
        "3600.0",
        "36e2",
        "-0",
        "1e400",
        "-1e400",
        "Infinity",
        "1e-400",
        "18446744073709551615",
        "99999999999999999999",
        "false",
    ];
    let values = ANYTHING.iter().copied().chain(words).chain([deep.as_str()]);
    for value in values {
        for body in [
            format!(r#"{{"access_token":"t","token_type":"bearer","expires_in":{value}}}"#),
            format!(r#"{{"expires_in":{value},"access_token":"t"}}"#),
            format!(r#"{{"scope":{value},"x":{value},"access_token":"t","expires_in":60}}"#),
            format!("\u{feff}{{\"access_token\":\"t\",\"expires_in\":{value},\"x\":\"\\ud83d\"}}"),
        ] {
            match step_after_token_reply(200, body.as_bytes()) {
                Step::Send(request) => {
                    assert_eq!(
                        request.headers()["authorization"],
                        AccessToken::new("t").unwrap().authorization(),
                        "{body}"
                    );
                }
                step => panic!("{body}: {step:?}"),
            }
        }
    }
}

#[test]
fn broken_refusal_of_a_token_keeps_its_error() {
    fn check(body: &[u8]) {
        match step_after_token_reply(401, body) {
            Step::Done(Err(error @ Error::Auth(_))) => {
                assert!(error.to_string().contains("invalid_client"), "{error}");
            }
            step => panic!("{}: {step:?}", String::from_utf8_lossy(body)),
        }
    }

    for broken in BROKEN {
        let body = put(r#"{"error":"invalid_client","error_description":"<x>"}"#, "<x>", broken);
        check(&body);
    }
    for value in ANYTHING {
        check(format!(r#"{{"error_description":{value},"error":"invalid_client","x":{value}}}"#).as_bytes());
    }
}

#[test]
fn body_that_is_no_json_is_an_error_as_it_came() {
    for (body, category, line, column) in [
        (&b"<p title=\"caf\xe9\">\n\xe9"[..], DecodeCategory::NotUtf8, 1, 14),
        (b"{\"id\":\"\\ud83d", DecodeCategory::Eof, 1, 10),
        (b"{\"id\":\"\\ud83d\"} x", DecodeCategory::Syntax, 1, 14),
        (b"{\"id\":\"\\x\"}", DecodeCategory::Syntax, 1, 9),
    ] {
        let reply = Reply::new::<GetUserData>(Response::new(body.to_vec()));
        let error = reply.parse::<GetUserData>().unwrap_err();
        assert_eq!((error.category(), error.line(), error.column()), (category, line, column), "{body:?}");
        assert_eq!(reply.unknown_fields::<GetUserData>(), Err(error));
    }
}

#[test]
fn replies_are_shared_between_threads_as_before() {
    fn is_shared<
        T: Send + Sync + Clone + Eq + std::hash::Hash + std::panic::UnwindSafe + std::panic::RefUnwindSafe,
    >() {
    }
    is_shared::<Reply>();
    is_shared::<Error>();
}
