//! What is answered when an operation refuses: Kinde's error bodies.

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

/// The body of a success, or the refusal.
pub(crate) type Handled = Result<Vec<u8>, Failure>;

/// One `{code, message}` of an error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    code: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    fn about(field: &str, suffix: &str, words: &str) -> Self {
        Self::new(format!("{}_{suffix}", field.to_ascii_uppercase()), format!("{field} {words}"))
    }

    pub(crate) fn required(field: &str) -> Self {
        Self::about(field, "REQUIRED", "is required")
    }

    pub(crate) fn invalid(field: &str) -> Self {
        Self::about(field, "INVALID", "invalid")
    }

    pub(crate) fn not_allowed(field: &str) -> Self {
        Self::about(field, "NOT_ALLOWED", "is not allowed here")
    }

    fn json(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}

/// A refusal. `errors` is an array everywhere but on 404, where it is a single object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    List(StatusCode, Vec<Problem>),
    NotFound(Problem),
}

impl Failure {
    /// Fails with 400 unless there is nothing to complain about.
    pub(crate) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::List(StatusCode::BAD_REQUEST, problems)) }
    }

    /// Recorded for an id that is absent or empty.
    pub(crate) fn id_required() -> Self {
        Self::List(
            StatusCode::BAD_REQUEST,
            vec![Problem::new("ID_REQUIRED", "ID is required"), user_invalid()],
        )
    }

    /// Recorded for an id that names no user.
    pub(crate) fn user_invalid() -> Self {
        user_invalid().into()
    }

    pub(crate) fn route_not_found() -> Self {
        Self::NotFound(Problem::new("ROUTE_NOT_FOUND", "There is no such API route"))
    }

    pub(crate) fn respond(&self) -> Response<Vec<u8>> {
        match self {
            Self::List(status, problems) => {
                let items: Vec<Value> = problems.iter().map(Problem::json).collect();
                respond(*status, to_bytes(&json!({ "errors": items })))
            }
            Self::NotFound(problem) => {
                respond(StatusCode::NOT_FOUND, to_bytes(&json!({ "errors": problem.json() })))
            }
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::List(StatusCode::BAD_REQUEST, vec![problem])
    }
}

fn user_invalid() -> Problem {
    Problem::new("USER_INVALID", "User invalid")
}

/// The content type has the parameter that the live service sends, and that naive comparisons trip over.
pub(crate) fn respond(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    reply(status, "application/json; charset=utf-8", body)
}

pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

pub(crate) fn to_bytes(body: &impl serde::Serialize) -> Vec<u8> {
    // Texts, numbers and maps with text keys: this cannot fail.
    serde_json::to_vec(body).unwrap_or_default()
}
