//! The operations, their requests and their replies against `openapi.json`: a description of the
//! API that was written by hand from the facts, and is read by a validator that knows nothing of
//! this crate.

mod support;

mod openapi {
    pub(crate) mod description;
}

use std::collections::BTreeSet;

use http::{Request, Response};
use kinde_users_core::{OPERATIONS, Operation, Reply};
use openapi::description::{Described, Description, Media, read};
use serde_json::Value as Json;
use support::{BEYOND, Build, Visit, each, expanded, minimal, response, vectors, with_operation};

/// Replies that are read all the same and that the description does not have, by the reason why
/// not. Those that cannot be read are not in it either, and need not be listed.
#[rustfmt::skip] // a table
const ODD: &[(&str, &[&str])] = &[
    ("no status that is documented", &[
        "accepted", "bad_gateway_html", "created", "error_not_kinde_shape", "gateway_message", "gateway_timeout_json",
        "html_503", "no_content", "not_allowed", "not_found_html", "not_modified", "ok_instead_of_created", "redirect",
        "redirect_empty", "request_timeout", "token/forbidden_empty", "too_large", "unavailable_empty",
        "unavailable_html", "unknown_code", "unknown_status",
    ]),
    ("null where nothing public has null", &[
        "all_null", "all_null_in_array", "all_null_inside", "code_null", "error_code_and_message_null", "error_null",
        "errors_null", "expires_in_null", "message_null", "null_element", "null_elements", "null_list",
        "object_with_nulls", "only_null_elements", "scope_null", "token/invalid_request",
    ]),
    ("nothing where every recording has something", &[
        "blank_code_and_message", "code_absent", "errors/empty_list", "empty_object", "expires_in_absent", "message_absent",
        "object_without_message", "throttled_empty_without_header", "token_type_absent",
    ]),
    ("another value, or another type of it", &[
        "array", "array_of_errors", "bearer_mixed_case", "bearer_upper_case", "error_oauth_shape", "errors_as_lists",
        "errors_is_a_boolean", "errors_is_a_number", "errors_is_a_string", "expires_in_0", "expires_in_digits",
        "expires_in_flag", "expires_in_fraction", "expires_in_list", "expires_in_negative", "expires_in_not_a_number",
        "expires_in_object", "get_user_data/wrong_type_connection_id", "json_null", "json_number", "json_string",
        "kinde_shape", "message_object", "oauth_shape",
        "refused_list_of_fields", "server_error_in_kinde_shape", "token_in_a_401", "token_in_a_500",
    ]),
    ("broken in a way that is repaired", &[
        "counters_out_of_range", "expires_in_out_of_range", "half_an_emoji", "refused_with_half_an_emoji",
    ]),
    ("another type of content, or none that is whole", &[
        "cut", "error_cut", "forbidden_empty_said_to_be_json", "form_encoded", "html_404", "no_content_type",
        "only_spaces", "problem_details", "refused_cut", "text_said_to_be_json", "two_documents",
    ]),
];

fn json() -> Json {
    serde_json::from_str(include_str!("openapi.json")).unwrap()
}

fn description() -> Description {
    read(&json())
}

#[test]
fn operations_are_those_of_the_description() {
    let mut described = description();
    described.remove("token").unwrap();
    let described: Vec<_> = described
        .values()
        .map(|it| {
            let success = it.replies.keys().copied().filter(|status| (200..300).contains(status)).collect();
            (it.name.as_str(), it.method.as_str(), it.path.as_str(), it.scopes(), success)
        })
        .collect();
    let known: Vec<_> = OPERATIONS
        .iter()
        .map(|meta| {
            (meta.name, meta.method.as_str(), meta.path.as_str(), meta.scopes.to_vec(), vec![meta.success])
        })
        .collect();
    assert_eq!(known, described);
    let scopes = &json()["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["scopes"];
    let scopes: BTreeSet<_> = scopes.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        scopes,
        OPERATIONS.iter().flat_map(|meta| meta.scopes).map(|&scope| scope.to_owned()).collect()
    );
}

/// The vectors of all operations and of the token endpoint, each with the operation.
fn all<'a>(
    description: &'a Description,
    part: &'a str,
) -> impl Iterator<Item = (&'a Described, String, Json)> {
    description.values().flat_map(move |described| {
        let list: Vec<Json> = each(&vectors(&described.name), part).cloned().collect();
        list.into_iter().map(move |vector| {
            let name = format!("{}/{}", described.name, vector["name"].as_str().unwrap());
            (described, name, vector)
        })
    })
}

/// The request of a vector, as this crate builds it.
fn request(operation: &str, vector: &Json) -> Request<Vec<u8>> {
    if operation != "token" {
        return with_operation(operation, &vector["arguments"], Build).unwrap();
    }
    // Other tests see to it that this is what is sent for a token.
    let body = vector["body"].as_str().unwrap().as_bytes().to_vec();
    let request = Request::post("https://acme.kinde.com/oauth2/token");
    request.header("content-type", "application/x-www-form-urlencoded").body(body).unwrap()
}

#[test]
fn every_request_is_one_of_the_description() {
    let description = description();
    for (described, name, vector) in all(&description, "requests") {
        if vector.get("refused").is_some() {
            continue;
        }
        let request = request(&described.name, &vector);
        // It is a request for one operation, and for no other.
        let found: Vec<_> =
            description.values().filter_map(|it| Some((&it.name, it.against_request(&request)?))).collect();
        let [(operation, problems)] = &found[..] else { panic!("{name}: {found:?}") };
        assert_eq!(*operation, &described.name, "{name}");
        let is_beyond = BEYOND.contains(&vector["name"].as_str().unwrap());
        assert_eq!(!problems.is_empty(), is_beyond, "{name}: {problems:?}");
    }
}

#[test]
fn request_with_anything_else_is_found_out() {
    let found = |method: &str, target: &str, token: &str, body: &str| {
        let request = Request::builder().method(method).uri(target).header("authorization", token);
        let request =
            if body.is_empty() { request } else { request.header("content-type", "application/json") };
        description()["update_user"].against_request(&request.body(body.as_bytes().to_vec()).unwrap())
    };
    let (method, target, token, body) =
        ("PATCH", "/api/v1/user?id=kp_1", "Bearer token", r#"{"given_name":"Ada"}"#);
    assert_eq!(found(method, target, token, body), Some(vec![]));
    assert_eq!(found("PUT", target, token, body), None);
    assert_eq!(found(method, "/api/v1/users?id=kp_1", token, body), None);
    assert_eq!(found(method, "/api/v1/user/?id=kp_1", token, body), None);
    for (target, token, body, told) in [
        ("/api/v1/user", token, body, "id is missing"),
        ("/api/v1/user?id=", token, body, "id : \"\" is shorter than 1 character"),
        ("/api/v1/user?id=a&id=b", token, body, "id in the query is one too many"),
        ("/api/v1/user?id=a&user=b", token, body, "user in the query is one too many"),
        (target, "token", body, "the token is Some(\"token\")"),
        (target, token, "", "the body is of type None"),
        (target, token, r#"{"first_name":"Ada"}"#, "the body : Additional properties are not allowed"),
        (target, token, r#"{"is_suspended":"true"}"#, "the body /is_suspended: \"true\" is not of types"),
    ] {
        let problems = found(method, target, token, body).unwrap();
        assert!(matches!(&problems[..], [only] if only.starts_with(told)), "{told}: {problems:?}");
    }
}

#[test]
fn refused_arguments_are_not_in_description() {
    let description = description();
    for (described, name, vector) in all(&description, "requests") {
        // The limit of a URI's length is that of the message types, and of a hash the description
        // says no more than that it is a text. Nor does it say what a proxy makes of a path or an
        // id, or that a position needs a salt.
        let ours = ["too_long", "wrong_type", "not_a_segment", "control_character", "outer_blank"];
        let is_of_ours = |refused: &Json| {
            ours.iter().any(|problem| refused["problem"] == *problem)
                || (refused["problem"] == "dot_segment" && name.contains("encoded"))
                || (refused["argument"] == "salt" && name.contains("position"))
        };
        if vector.get("refused").is_some_and(|refused| !is_of_ours(refused)) {
            let problems = described.against_arguments(&expanded(&vector["arguments"]));
            assert_ne!(problems, [""; 0], "{name}");
        }
    }
}

#[test]
fn described_arguments_can_be_sent() {
    for described in description().values().filter(|described| described.name != "token") {
        let mut known = BTreeSet::new();
        for parameter in &described.parameters {
            known.insert(parameter.name.clone());
            add_words(&parameter.form.schema.json, &mut known);
        }
        for media in described.body.iter().flat_map(|body| body.content.values()) {
            add_words(&media.schema.json, &mut known);
        }
        let mut sent = BTreeSet::new();
        for vector in
            each(&vectors(&described.name), "requests").filter(|vector| vector.get("refused").is_none())
        {
            add_all(&vector["arguments"], &mut sent);
        }
        let missing: Vec<_> = known.difference(&sent).collect();
        assert_eq!(missing, [""; 0], "{}", described.name);
    }
}

/// The properties and the listed values of a schema.
fn add_words(schema: &Json, words: &mut BTreeSet<String>) {
    let Json::Object(keywords) = schema else {
        return schema.as_array().into_iter().flatten().for_each(|schema| add_words(schema, words));
    };
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("properties", Json::Object(properties)) => {
                words.extend(properties.keys().cloned());
                properties.values().for_each(|schema| add_words(schema, words));
            }
            ("enum" | "const", values) => add_all(values, words),
            (_, schemas) => add_words(schemas, words),
        }
    }
}

/// Every key and every text of a value.
fn add_all(value: &Json, words: &mut BTreeSet<String>) {
    match value {
        Json::Object(object) => {
            words.extend(object.keys().cloned());
            object.values().for_each(|value| add_all(value, words));
        }
        Json::Array(items) => items.iter().for_each(|item| add_all(item, words)),
        Json::String(text) => drop(words.insert(text.clone())),
        _ => {}
    }
}

/// The replies of every operation and of the token endpoint, and for every operation those of
/// `errors`.
fn replies(description: &Description) -> impl Iterator<Item = (&Described, String, Json)> {
    let errors: Vec<Json> = each(&vectors("errors"), "replies").cloned().collect();
    let of_errors = description.values().filter(|it| it.name != "token").flat_map(move |described| {
        let named =
            move |vector: Json| (described, format!("errors/{}", vector["name"].as_str().unwrap()), vector);
        errors.clone().into_iter().map(named)
    });
    all(description, "replies").chain(of_errors)
}

#[test]
fn described_replies_are_read() {
    let description = description();
    let odd: Vec<&str> = ODD.iter().flat_map(|(_, names)| *names).copied().collect();
    let (mut met, mut surprises) = (BTreeSet::new(), Vec::new());
    for (described, name, vector) in replies(&description) {
        let is_read = !matches!(vector["outcome"].as_str(), Some("decode" | "malformed"));
        // By the whole name, or by the name that it has among the vectors of every operation.
        let entry = odd.iter().find(|entry| is_read && (**entry == name || vector["name"] == **entry));
        met.extend(entry);
        let problems = described.against_reply(&response(&vector));
        if problems.is_empty() != (is_read && entry.is_none()) {
            surprises.push(format!("{name}: {problems:?}"));
        }
    }
    assert_eq!(surprises, [""; 0]);
    assert_eq!(met, odd.iter().copied().collect());
}

/// The fields of a reply that its type does not know.
struct Unknown(Response<Vec<u8>>);

impl Visit for Unknown {
    type Out = Vec<String>;

    fn visit<O: Operation>(self, _: &O) -> Self::Out {
        Reply::new::<O>(self.0).unknown_fields::<O>().unwrap()
    }
}

#[test]
fn every_field_of_the_description_is_known() {
    // Where each field is required, an example has to show it.
    let mut json = json();
    require_all(&mut json);
    let (whole, description) = (read(&json), description());
    for described in description.values() {
        for (status, answer) in &described.replies {
            let Some(Media { example, .. }) = answer.content.get("application/json") else { continue };
            if example.is_null() {
                continue;
            }
            let media = &whole[&described.name].replies[status].content["application/json"];
            let name = format!("{} {status}", described.name);
            assert_eq!(media.schema.against(example), [""; 0], "{name}");
            if *status < 300 && described.name != "token" {
                let reply =
                    Response::builder().status(*status).body(serde_json::to_vec(example).unwrap()).unwrap();
                let unknown = with_operation(&described.name, &minimal(&described.name), Unknown(reply));
                assert_eq!(unknown, [""; 0], "{name}");
            }
        }
        let success = described.replies.iter().find(|(status, _)| (200..300).contains(*status)).unwrap().1;
        assert!(!success.content["application/json"].example.is_null(), "{}", described.name);
    }
}

/// Makes every property of every schema required.
fn require_all(json: &mut Json) {
    match json {
        Json::Object(object) => {
            if let (Some(Json::Object(properties)), Some(_)) = (object.get("properties"), object.get("type"))
            {
                let names: Json = properties.keys().map(String::as_str).collect();
                object.insert("required".to_owned(), names);
            }
            object.values_mut().for_each(require_all);
        }
        Json::Array(items) => items.iter_mut().for_each(require_all),
        _ => {}
    }
}
