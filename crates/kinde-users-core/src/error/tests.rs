//! What errors say, and what they hide.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::Response;
use http::header::LOCATION;

use crate::api::operation::MetaRef;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::auth_error::{AuthError, AuthProblem};
use crate::error::call::Error;
use crate::error::hints::redirect_host;
use crate::operations::get_users::GetUsers;
use crate::types::build_error::{BuildError, Problem};
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::effect::Effect;

fn api_error(status: u16, body: &str) -> ApiError {
    let response = Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap();
    ApiError::new(Reply::new::<GetUsers>(response), Effect::None)
}

#[test]
fn errors_report_at_least_the_effect() {
    let meta = GetUsers::META_REF;
    let reply = || Box::new(Reply::new::<GetUsers>(Response::new(Vec::new())));
    let errors: [fn() -> Error; 3] = [
        || BuildError::new("get_users", "tenant", Problem::OtherTenant).into(),
        || Error::Api(Box::new(api_error(404, ""))),
        || {
            let (operation, problem) = (GetUsers::META_REF, AuthProblem::Ended);
            Error::Auth(Box::new(AuthError { operation, problem, effect: Effect::None }))
        },
    ];
    let mut errors: Vec<_> = errors.into_iter().map(|error| error()).collect();
    errors.extend([
        Error::Decode { error: Box::new(reply().parse::<GetUsers>().unwrap_err()), reply: reply() },
        Error::Body { failure: BodyFailure::Broken, reply: reply() },
        Error::Unsent(meta),
        Error::UnknownOutcome(meta),
        Error::Exhausted { attempts: 2, effect: Effect::None, last: Box::new(Error::Unsent(meta)) },
        Error::TotalTimeout { operation: meta, effect: Effect::None },
        Error::CursorLoop(meta),
        Error::Finished { operation: meta, effect: Effect::None },
    ]);
    for error in errors {
        for effect in [Effect::None, Effect::Possible, Effect::Happened] {
            let raised = error.clone().with_at_least(effect, 3);
            assert_eq!(raised.effect(), error.effect().max(effect), "{error:?}");
            assert_eq!(raised.operation(), "get_users");
            assert_eq!(raised.as_api().is_some(), error.as_api().is_some());
            assert!(raised.to_string().starts_with(&error.to_string()), "{raised}");
            assert!(error.effect() < effect || raised == error, "{raised:?}");
        }
    }
}

#[test]
fn only_a_code_of_kinde_means_not_found() {
    let coded = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"It is not there"}}]}}"#);
    let is_not_there = |status: u16, body: &str| api_error(status, body).is_not_there();
    for code in [
        "USER_INVALID",
        "USER_NOT_FOUND",
        "SESSION_NOT_FOUND",
        "SESSIONS_NOT_FOUND",
        "USER_SESSION_NOT_FOUND",
        "MFA_NOT_FOUND",
        "MFA_FACTOR_NOT_FOUND",
        "FEATURE_FLAG_NOT_FOUND",
    ] {
        for status in [400, 404, 410] {
            assert!(is_not_there(status, &coded(code)), "{status} {code}");
        }
        for status in [200, 301, 401, 403, 409, 429, 500, 503] {
            assert!(!is_not_there(status, &coded(code)), "{status} {code}");
        }
    }
    assert!(is_not_there(404, r#"{"errors":{"code":"USER_NOT_FOUND"}}"#));
    assert!(is_not_there(400, r#"{"errors":[{"code":"ID_REQUIRED"},{"code":"USER_INVALID"}]}"#));
    let others = [
        "ROUTE_NOT_FOUND",
        "NOT_FOUND",
        "_NOT_FOUND",
        "not_found",
        "user_not_found",
        "404",
        "",
        "USER",
        "USER_NOT_IN_ORGANIZATION",
        "USER_EXISTS",
        "USER_ROUTE_NOT_FOUND",
        "ORGANIZATION_NOT_FOUND",
        "ENVIRONMENT_NOT_FOUND",
        "MFA_INVALID",
    ];
    for body in others.map(coded).iter().map(String::as_str).chain([
        "",
        "null",
        "<html><center>nginx: 404 Not Found</center></html>",
        "USER_NOT_FOUND",
        "404 page not found\n",
        "{}",
        "[]",
        r#"{"error":"not found"}"#,
        r#"{"code":"USER_NOT_FOUND","message":"There is no such user"}"#,
        r#"{"message":"no Route matched with those values"}"#,
        r#"{"error":{"code":"USER_NOT_FOUND"}}"#,
        r#"{"errors":null}"#,
        r#"{"errors":[]}"#,
        r#"{"errors":["USER_NOT_FOUND"]}"#,
        r#"{"errors":[{"code":404,"message":"USER_NOT_FOUND"}]}"#,
        r#"{"errors":[{"message":"User not found"}]}"#,
        r#"{"errors":{"code":"ROUTE_NOT_FOUND","message":"The requested API route does not exist"}}"#,
        r#"{"errors":[{"code":"USER_NOT_FOUND"}]} <html>"#,
    ]) {
        for status in [400, 404, 410] {
            assert!(!is_not_there(status, body), "{status} {body}");
        }
    }
}

#[test]
fn build_error_names_argument_and_problem() {
    for (problem, says) in [
        (Problem::Empty, "must not be empty"),
        (Problem::DotSegment, "must not be `.` or `..`"),
        (
            Problem::NotASegment,
            "must be one path segment: no `/`, `\\`, `?`, `#` or `;`, and no encoded form of them",
        ),
        (Problem::OuterBlank, "must not begin or end with a blank or an invisible character"),
        (Problem::Comma, "must not hold a comma"),
        (Problem::OutOfRange { least: 1, most: 500 }, "must be 1 to 500"),
        (Problem::NotATimestamp, "must be a date-time as in RFC 3339"),
        (Problem::Missing, "is missing"),
        (Problem::NotAllowed, "does not go with the rest"),
        (Problem::WrongType, "has the wrong type or form"),
        (Problem::TooLong { longest: 9 }, "must not be longer than 9 bytes"),
        (Problem::NotJson, "must have a JSON form"),
        (Problem::NotAHeader, "must hold visible ASCII characters only"),
        (Problem::NotAUri, "must form a URI"),
        (Problem::ControlCharacter, "must not hold a line break or another control character"),
        (Problem::OtherTenant, "is another one than the request was written for"),
        (Problem::Misplaced, "is not where the path template has it"),
    ] {
        let error = BuildError::new("get_users", "page_size", problem);
        assert_eq!(error.to_string(), format!("get_users: page_size {says}"));
        assert_eq!(Error::from(error).to_string(), error.to_string());
    }
}

#[test]
fn api_error_has_exactly_the_codes_of_its_body() {
    let error = api_error(400, r#"{"errors":[{"code":"A"},{"message":"m"},{"code":"B","message":"m"}]}"#);
    assert!(error.has_code("A") && error.has_code("B"));
    assert!(!error.has_code("C") && !error.has_code("m"));
    assert!(!api_error(400, "").has_code(""));
}

#[test]
fn odd_item_costs_no_code_of_the_others() {
    for odd in [r#"{"code":400}"#, "\"x\"", "400", "[]", "true", "null", r#"["A","m"]"#, "{}"] {
        for body in [
            format!(r#"{{"errors":[{{"code":"USER_INVALID"}},{odd}]}}"#),
            format!(r#"{{"errors":[{odd},{{"code":"USER_INVALID"}}]}}"#),
        ] {
            let error = api_error(400, &body);
            assert!(error.has_code("USER_INVALID") && !error.is_foreign(), "{body}");
            assert!(!error.has_code("A"), "{body}");
            assert!(!error.to_string().contains("firewall"), "{error}");
        }
    }
    let numbered = api_error(400, r#"{"errors":[{"code":400,"message":"m"}]}"#);
    assert_eq!(
        (numbered.errors()[0].code.as_deref(), numbered.errors()[0].message.as_deref()),
        (None, Some("m"))
    );
    for body in [r#"{"errors":["x"]}"#, r#"{"errors":[1,[]]}"#, r#"{"errors":"x"}"#] {
        assert!(api_error(400, body).is_foreign(), "{body}");
    }
}

#[test]
fn error_item_masks_personal_data() {
    for (body, says) in [
        (r#"{"code":"A","message":"is sally@example.com"}"#, "A: is […]"),
        (r#"{"code":"A"}"#, "A"),
        (r#"{"message":"m"}"#, "m"),
        ("{}", "no code or message"),
    ] {
        let error = api_error(400, &format!(r#"{{"errors":[{body}]}}"#));
        assert_eq!(error.errors()[0].to_string(), says);
        assert_eq!(error.to_string(), format!("get_users: HTTP 400: {says}"));
        assert_eq!(
            format!("{error:?}"),
            format!(
                "ApiError {{ reply: Reply(get_users: HTTP 400, 0 headers, {} bytes), errors: [{says}], effect: None }}",
                error.reply().body().len()
            )
        );
        assert_eq!(format!("{:?}", error.body()), format!("Kinde([{says}])"));
    }
}

#[test]
fn other_bodies_are_shown_by_their_length() {
    assert_eq!(format!("{:?}", api_error(500, r#"{"a":1}"#).body()), "Json(7 bytes)");
    assert_eq!(format!("{:?}", api_error(500, "<html>").body()), "Other(6 bytes)");
}

#[test]
fn missing_scopes_are_read_from_the_message() {
    let item = |code: &str, message: &str| {
        serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string()
    };
    let of_operation: &[&str] = &["read:users"];
    for (body, scopes) in [
        (String::new(), of_operation),
        (r#"{"errors":[]}"#.into(), of_operation),
        (r#"{"errors":null}"#.into(), of_operation),
        (item("SCOPE_MISSING", "Scope is missing: read:organizations"), &["read:organizations"]),
        (
            item("SCOPE_MISSING", "Scopes are missing: 'read:users', \"read:user_mfa\"."),
            &["read:users", "read:user_mfa"],
        ),
        (item("SCOPE_MISSING", "read:users,update:users;read:users"), &["read:users", "update:users"]),
        (item("MISSING_SCOPES", "(delete:users|read:users)"), &["delete:users", "read:users"]),
        (item("scope_missing", "needs impersonate:users"), &["impersonate:users"]),
        (item("SCOPE_MISSING", "Scope is missing"), of_operation),
        (
            item("SCOPE_MISSING", "missing: Read:Users, ada:x@example.com, :, a:, :b, a:b:c, kp:1"),
            of_operation,
        ),
        (item("FORBIDDEN", "Access denied for read:things"), of_operation),
        (item("", "No."), of_operation),
        (r#"{"errors":[{"message":"No."}]}"#.into(), of_operation),
        (item("USER_NOT_IN_ORGANIZATION", "Not a member"), &[]),
        ("<html>Sorry, you have been blocked</html>".into(), &[]),
        ("Forbidden".into(), &[]),
        ("\"SCOPE_MISSING\"".into(), &[]),
        (r#"{"message":"Forbidden"}"#.into(), &[]),
        (r#"{"errors":"read:users"}"#.into(), &[]),
    ] {
        let error = api_error(403, &body);
        assert_eq!(error.needed_scopes(), scopes, "{body}");
        assert_eq!(api_error(404, &body).needed_scopes(), [""; 0], "{body}");
        let says = format!("(needs scope {})", scopes.join(", "));
        assert_eq!(error.to_string().contains("needs scope"), !scopes.is_empty(), "{error}");
        assert!(scopes.is_empty() || error.to_string().ends_with(&says), "{error}");
    }
    let many = (0..100).map(|_| "a:b c:d ").collect::<String>();
    assert_eq!(api_error(403, &item("SCOPE", &many)).needed_scopes(), ["a:b", "c:d"]);
}

#[test]
fn foreign_body_is_attributed_to_a_proxy() {
    let says = "not in Kinde's form";
    for status in [400, 401, 403, 404, 429] {
        for body in ["<html>", "Forbidden", r#"{"message":"Forbidden"}"#, "{", "\u{fffd}"] {
            assert!(api_error(status, body).to_string().contains(says), "{status} {body}");
        }
        for body in ["", r#"{"errors":[]}"#, r#"{"errors":{"code":"ROUTE_NOT_FOUND"}}"#] {
            assert!(!api_error(status, body).to_string().contains(says), "{status} {body}");
        }
    }
    // Kinde's own servers answer 500 in plain text.
    assert!(!api_error(500, "INTERNAL SERVER ERROR").to_string().contains(says));
}

#[test]
fn redirect_tells_its_host_and_no_more() {
    let host_of = |location: &str| {
        let location = http::HeaderValue::from_str(location).unwrap();
        let response = Response::builder().status(302).header(LOCATION, location).body(Vec::new()).unwrap();
        let host = redirect_host(response.status(), response.headers()).map(String::from);
        let error = ApiError::new(Reply::new::<GetUsers>(response), Effect::None).to_string();
        assert!(
            error.contains(&format!("(a redirect to {}, ", host.as_deref().unwrap_or("another place"))),
            "{error}"
        );
        assert!(!error.contains("s3cret"), "{error}");
        host
    };
    for location in [
        "https://acme.kinde.com/api/v1/users?token=s3cret#s3cret",
        "https://s3cret:s3cret@acme.kinde.com:8443/s3cret",
        "//acme.kinde.com/s3cret",
        "HTTP://ACME.kinde.com",
        "custom://acme.kinde.com/s3cret",
    ] {
        assert_eq!(host_of(location).unwrap().to_ascii_lowercase(), "acme.kinde.com", "{location}");
    }
    for location in [
        "",
        "/s3cret",
        "s3cret",
        "mailto:s3cret@acme.kinde.com",
        "https://",
        "https://s3cret(.example",
        "//[",
        "?s3cret",
        "https://14155550123.example",
        // A parser reads these numbers as addresses.
        "https:14155550",
        "https:16909060",
        "https://10.0.0.1",
    ] {
        assert_eq!(host_of(location), None, "{location}");
    }
    assert!(!api_error(304, "").to_string().contains("redirect"));
}

#[test]
fn auth_error_names_cause_and_remedy() {
    let says = |status, error: Option<&str>, description: Option<&str>| {
        let (error, description) = (error.map(Box::from), description.map(Box::from));
        let problem = AuthProblem::Refused { status, error, description };
        AuthError { operation: GetUsers::META_REF, problem, effect: Effect::None }.to_string()
    };
    let fosite =
        "Requested audience 'https://auth.example.com/api' has not been whitelisted by the OAuth 2.0 Client.";
    for (status, error, description, part) in [
        (400, Some("invalid_request"), Some(fosite), "the audience was refused"),
        (401, Some("invalid_client"), Some("The AUDIENCE is unknown"), "the audience was refused"),
        (403, Some("invalid_request"), None, "the audience was refused"),
        (400, Some("invalid_target"), None, "the audience was refused"),
        (400, Some("audience_not_allowed"), None, "the audience was refused"),
        (403, Some("invalid_scope"), None, "a scope that was asked for is not granted"),
        (400, Some("invalid_scope"), None, "a scope that was asked for is not granted"),
        (401, Some("invalid_client"), None, "client id and secret"),
        (400, Some("unauthorized_client"), None, "machine-to-machine"),
        (404, None, None, "the domain or the client id is likely wrong"),
        (404, Some("not_found"), None, "the domain or the client id is likely wrong"),
        (403, None, None, "a firewall or proxy"),
    ] {
        let says = says(status, error, description);
        assert!(says.contains(part), "{says}");
        assert!(!says.contains("example.com"), "{says}");
    }
    assert_eq!(
        says(400, Some("invalid_request"), None),
        "get_users: no access token: HTTP 400: invalid_request"
    );
    for part in ["Management API", "kinde.com domain", "custom"] {
        assert!(says(403, Some("invalid_request"), None).contains(part));
    }
}

#[test]
fn auth_error_quotes_no_unknown_text() {
    let refused = |error: &str| AuthProblem::Refused {
        status: 401,
        error: Some(error.into()),
        description: Some("the secret was s3cret".into()),
    };
    for (problem, says, shows) in [
        (
            refused("invalid_client"),
            "HTTP 401: invalid_client (the client id and secret are not those of an application at this domain)",
            r#"Refused { status: 401, error: "invalid_client", .. }"#,
        ),
        (refused("s3cret"), "HTTP 401: refused", r#"Refused { status: 401, error: "refused", .. }"#),
        (
            AuthProblem::Malformed,
            "the token endpoint's reply holds none (the domain has to be the tenant's kinde.com domain)",
            "Malformed",
        ),
        (
            AuthProblem::Unsendable(BuildError::new("credentials", "client_secret", Problem::OuterBlank)),
            "credentials: client_secret must not begin or end with a blank or an invisible character",
            r#"Unsendable(BuildError { operation: "credentials", argument: "client_secret", problem: OuterBlank })"#,
        ),
        (
            AuthProblem::Unavailable { status: 301, redirect_host: Some("acme.kinde.com".into()) },
            "the token endpoint answered HTTP 301 (a redirect to acme.kinde.com, which is not followed; the domain has \
             to be the tenant's kinde.com domain, not a custom one)",
            r#"Unavailable { status: 301, redirect_host: "acme.kinde.com" }"#,
        ),
        (
            AuthProblem::Unavailable { status: 503, redirect_host: None },
            "the token endpoint answered HTTP 503",
            "Unavailable { status: 503 }",
        ),
        (
            AuthProblem::Unreachable(Delivery::NotSent),
            "no reply from the token endpoint",
            "Unreachable(NotSent)",
        ),
        (AuthProblem::Ended, "the supplied one has ended", "Ended"),
        (
            AuthProblem::NotProvided { reason: "the secret was s3cret".into() },
            "the provider of the credentials failed",
            "NotProvided { .. }",
        ),
    ] {
        assert_eq!(format!("{problem:?}"), shows);
        let error = AuthError { operation: GetUsers::META_REF, problem, effect: Effect::Possible };
        assert_eq!(error.to_string(), format!("get_users: no access token: {says}"));
        assert_eq!(
            format!("{error:?}"),
            format!("AuthError(get_users: no access token: {says}; effect Possible)")
        );
    }
}

#[test]
fn error_has_the_request_ids_of_its_reply() {
    let response = Response::builder().status(404).header("cf-ray", "8f1c-MEL").body(Vec::new()).unwrap();
    let error = ApiError::new(Reply::new::<GetUsers>(response), Effect::None);
    assert_eq!(error.request_ids().collect::<Vec<_>>(), [("cf-ray", "8f1c-MEL")]);
}
