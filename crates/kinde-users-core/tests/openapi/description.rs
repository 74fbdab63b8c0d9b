//! Reads as much of OpenAPI as `openapi.json` uses, and holds requests and replies to it. Schemas
//! are for the validator; what is left to do here is to take messages apart.

use std::collections::BTreeMap;

use http::{HeaderMap, Request, Response, header};
use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use url::form_urlencoded;

/// The name of each operation, and the operation.
pub(crate) type Description = BTreeMap<String, Described>;

#[derive(Deserialize)]
pub(crate) struct Described {
    #[serde(skip)]
    pub(crate) method: String,
    #[serde(skip)]
    pub(crate) path: String,
    #[serde(rename = "operationId")]
    pub(crate) name: String,
    security: Vec<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    pub(crate) parameters: Vec<Parameter>,
    #[serde(rename = "requestBody")]
    pub(crate) body: Option<Body>,
    #[serde(rename = "responses")]
    pub(crate) replies: BTreeMap<u16, Answer>,
}

#[derive(Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `path` or `query`.
    r#in: String,
    #[serde(flatten)]
    pub(crate) form: Form,
}

/// How an argument or a header looks.
#[derive(Deserialize)]
pub(crate) struct Form {
    #[serde(default)]
    required: bool,
    style: Option<String>,
    explode: Option<bool>,
    pub(crate) schema: Schema,
}

#[derive(Deserialize)]
pub(crate) struct Body {
    required: bool,
    pub(crate) content: BTreeMap<String, Media>,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    headers: BTreeMap<String, Form>,
    #[serde(default, rename = "x-body-may-be-empty")]
    may_be_empty: bool,
    pub(crate) content: BTreeMap<String, Media>,
}

#[derive(Deserialize)]
pub(crate) struct Media {
    pub(crate) schema: Schema,
    #[serde(default)]
    pub(crate) example: Json,
}

#[derive(Deserialize)]
#[serde(from = "Json")]
pub(crate) struct Schema {
    pub(crate) json: Json,
    validator: Validator,
}

impl From<Json> for Schema {
    fn from(json: Json) -> Self {
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.build(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        Self { json, validator }
    }
}

impl Schema {
    /// What it has against a value.
    pub(crate) fn against(&self, value: &Json) -> Vec<String> {
        let errors = self.validator.iter_errors(value);
        errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

/// The description, with each reference replaced by what it stands for.
pub(crate) fn read(json: &Json) -> Description {
    let whole = inlined(json, json);
    let mut description = Description::new();
    for (path, item) in whole["paths"].as_object().unwrap() {
        let mut methods = item.as_object().unwrap().clone();
        let shared = methods.remove("parameters").unwrap_or_else(|| Json::Array(Vec::new()));
        for (method, operation) in methods {
            let mut described: Described = serde_json::from_value(operation).unwrap();
            let shared: Vec<Parameter> = serde_json::from_value(shared.clone()).unwrap();
            described.parameters.splice(0..0, shared);
            (described.method, described.path) = (method.to_uppercase(), path.clone());
            assert!(description.insert(described.name.clone(), described).is_none());
        }
    }
    description
}

fn inlined(json: &Json, whole: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(|item| inlined(item, whole)).collect(),
        Json::Object(object) => match object.get("$ref") {
            Some(place) => {
                let place = place.as_str().unwrap();
                let found = whole.pointer(place.strip_prefix('#').unwrap());
                inlined(found.unwrap_or_else(|| panic!("nothing is at {place}")), whole)
            }
            None => object.iter().map(|(key, value)| (key.clone(), inlined(value, whole))).collect(),
        },
        other => other.clone(),
    }
}

impl Form {
    /// What it has against a text that stands in a path, a query or a header, or that should.
    fn against_text(&self, text: Option<&str>) -> Vec<String> {
        self.against(text.map(|text| self.value(text)).as_ref())
    }

    fn against(&self, value: Option<&Json>) -> Vec<String> {
        match value {
            Some(value) => self.schema.against(value),
            None if self.required => vec!["is missing".to_owned()],
            None => Vec::new(),
        }
    }

    /// The value that its schema makes of a text.
    fn value(&self, text: &str) -> Json {
        match self.schema.json["type"].as_str().unwrap_or("") {
            "array" => {
                assert_eq!((self.style.as_deref(), self.explode), (Some("form"), Some(false)));
                text.split(',').collect()
            }
            "integer" | "boolean" => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            _ => text.into(),
        }
    }
}

/// Says what each problem is with.
fn about(name: &str, problems: Vec<String>) -> impl Iterator<Item = String> {
    problems.into_iter().map(move |problem| format!("{name} {problem}"))
}

impl Described {
    pub(crate) fn scopes(&self) -> Vec<&str> {
        self.security.iter().flat_map(|scheme| &scheme["token"]).map(String::as_str).collect()
    }

    /// What is wrong with a request; `None` if it is none for this operation.
    pub(crate) fn against_request(&self, request: &Request<Vec<u8>>) -> Option<Vec<String>> {
        if self.method != request.method().as_str() {
            return None;
        }
        let mut arguments = path_arguments(&self.path, request.uri().path())?;
        let query = request.uri().query().unwrap_or("");
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        arguments.extend(query.map(|(name, value)| ("query", name, value)));

        let mut problems = Vec::new();
        for parameter in &self.parameters {
            let place = arguments
                .iter()
                .position(|(part, name, _)| *part == parameter.r#in && *name == parameter.name);
            let value = place.map(|place| arguments.remove(place).2);
            problems.extend(about(&parameter.name, parameter.form.against_text(value.as_deref())));
        }
        problems
            .extend(arguments.iter().map(|(part, name, _)| format!("{name} in the {part} is one too many")));
        problems.extend(about("the body", self.against_body(request)));
        let token = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
        if token.is_some_and(|token| token.starts_with("Bearer ")) == self.security.is_empty() {
            problems.push(format!("the token is {token:?}"));
        }
        Some(problems)
    }

    fn against_body(&self, request: &Request<Vec<u8>>) -> Vec<String> {
        match (&self.body, media_type(request.headers())) {
            (None, None) if request.body().is_empty() => Vec::new(),
            (Some(body), None) if request.body().is_empty() && !body.required => Vec::new(),
            (Some(body), Some(kind)) => against_content(&body.content, kind, request.body()),
            (_, kind) => vec![format!("is of type {kind:?}")],
        }
    }

    /// What is wrong with arguments as they are given, before they are written anywhere: those that
    /// are no parameters make up the body.
    pub(crate) fn against_arguments(&self, arguments: &Json) -> Vec<String> {
        let mut rest = arguments.as_object().unwrap().clone();
        let mut problems = Vec::new();
        for parameter in &self.parameters {
            let value = rest.shift_remove(&parameter.name);
            problems.extend(about(&parameter.name, parameter.form.against(value.as_ref())));
        }
        match &self.body {
            Some(body) => problems.extend(body.content["application/json"].schema.against(&rest.into())),
            None => assert_eq!(rest, Map::new()),
        }
        problems
    }

    /// What is wrong with a reply.
    pub(crate) fn against_reply(&self, reply: &Response<Vec<u8>>) -> Vec<String> {
        let Some(answer) = self.replies.get(&reply.status().as_u16()) else {
            return vec![format!("the status is {}", reply.status())];
        };
        let mut problems = Vec::new();
        for (name, form) in &answer.headers {
            let value = reply.headers().get(name).map(|value| value.to_str().unwrap());
            problems.extend(about(name, form.against_text(value)));
        }
        match media_type(reply.headers()) {
            None if answer.may_be_empty && reply.body().is_empty() => {}
            None => problems.push("there is no type of content".to_owned()),
            Some(kind) => problems.extend(against_content(&answer.content, kind, reply.body())),
        }
        problems
    }
}

fn against_content(content: &BTreeMap<String, Media>, kind: &str, body: &[u8]) -> Vec<String> {
    let Some(media) = content.get(kind) else { return vec![format!("is of type {kind}")] };
    let value = match kind {
        "application/json" => serde_json::from_slice(body),
        "application/x-www-form-urlencoded" => Ok(form_urlencoded::parse(body)
            .into_owned()
            .map(|(key, value)| (key, Json::from(value)))
            .collect()),
        _ => Ok(Json::from(std::str::from_utf8(body).unwrap())),
    };
    value.map_or_else(|error| vec![error.to_string()], |value| media.schema.against(&value))
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(header::CONTENT_TYPE)?.to_str().unwrap().split(';').next().unwrap().trim())
}

/// The arguments in a path, decoded, if it has the form of the template.
fn path_arguments(template: &str, path: &str) -> Option<Vec<(&'static str, String, String)>> {
    let mut arguments = Vec::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => {
                let value = percent_decode_str(segment).decode_utf8().unwrap();
                arguments.push(("path", name.to_owned(), value.into_owned()));
            }
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(arguments)
}
