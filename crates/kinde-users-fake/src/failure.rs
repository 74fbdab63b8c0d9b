//! Kinde's error bodies, which answer an operation that is refused.

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::choice::Refusal;

/// The body of a success, or a failure.
pub(crate) type Handled = Result<Vec<u8>, Failure>;

/// One `{code, message}` of an error body, and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    /// Where in the body, if not at the top.
    place: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), place: String::new() }
    }

    /// Creates a problem from a [choice](crate::Choice).
    pub(crate) fn chosen(refusal: &Refusal, message: impl Into<String>) -> Self {
        Self::new(refusal.status, refusal.code.as_deref().unwrap_or_default(), message)
    }

    fn about(field: &str, suffix: &str, words: &str) -> Self {
        let code = format!("{}_{suffix}", field.to_ascii_uppercase());
        Self::new(StatusCode::BAD_REQUEST, code, format!("{field} {words}"))
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

    /// Creates the problem that only a strict tenant reports.
    pub(crate) fn unknown(field: &str) -> Self {
        Self::about(field, "UNKNOWN", "is unknown")
    }

    /// Creates the recorded problem for an id of no user.
    pub(crate) fn user_invalid() -> Self {
        Self::about("user", "INVALID", "invalid").with_message("User invalid")
    }

    pub(crate) fn not_found(code: &str, message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    fn with_message(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    fn json(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}

/// How many problems of a request are listed.
const LISTED: usize = 100;

/// What is wrong with a request. Only the first problems are kept, because a request can have
/// millions. The others are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems {
    listed: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.listed.len() < LISTED {
            self.listed.push(problem);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.extend(other.listed);
        self.more += other.more;
    }

    pub(crate) fn len(&self) -> usize {
        self.listed.len() + self.more
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(crate) fn contains(&self, problem: &Problem) -> bool {
        self.listed.contains(problem)
    }

    /// Says that the problems are inside `key`.
    pub(crate) fn place(&mut self, key: &str) {
        for problem in &mut self.listed {
            problem.place = format!("{key}.{}", problem.place);
        }
    }

    /// Returns the messages, with their places.
    pub(crate) fn words(self) -> String {
        let words = |problem: Problem| format!("{}{}", problem.place, problem.message);
        self.listed.into_iter().map(words).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn into_codes(self) -> Vec<String> {
        self.listed.into_iter().map(|problem| problem.code).collect()
    }

    /// Fails if there are any problems.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.is_empty() { Ok(()) } else { Err(Failure(self)) }
    }
}

impl Extend<Problem> for Problems {
    fn extend<P: IntoIterator<Item = Problem>>(&mut self, problems: P) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }
}

impl<const N: usize> From<[Problem; N]> for Problems {
    fn from(problems: [Problem; N]) -> Self {
        Self { listed: problems.into(), more: 0 }
    }
}

/// A refusal, with what is wrong with a request. `errors` is an array, except on 404, where it is a
/// single object. The body is empty if no problem has a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(Problems);

impl Failure {
    /// Creates the recorded failure for an id that is absent or empty.
    pub(crate) fn id_required() -> Self {
        let required = Problem::required("id").with_message("ID is required");
        Self([required, Problem::user_invalid()].into())
    }

    pub(crate) fn route_not_found() -> Self {
        Problem::not_found("ROUTE_NOT_FOUND", "The requested API route does not exist").into()
    }

    /// Returns the status of the problems if they agree, and 400 otherwise.
    fn status(&self) -> StatusCode {
        match self.0.listed.as_slice() {
            [first, others @ ..] if others.iter().all(|other| other.status == first.status) => first.status,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn respond(&self) -> Response<Vec<u8>> {
        let status = self.status();
        let Problems { listed, more } = &self.0;
        if listed.iter().all(|problem| problem.code.is_empty()) {
            return empty(status);
        }
        let more = (*more > 0).then(|| json!({ "code": "MORE_ERRORS", "message": format!("{more} more") }));
        let mut errors: Value = listed.iter().map(Problem::json).chain(more).collect();
        if status == StatusCode::NOT_FOUND {
            errors = errors.get_mut(0).map(Value::take).unwrap_or_default();
        }
        respond(status, to_bytes(&json!({ "errors": errors })))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self([problem].into())
    }
}

/// Creates a response. Its content type has the parameter that the live service sends, which naive
/// comparisons do not expect.
pub(crate) fn respond(status: StatusCode, body: Vec<u8>) -> Response<Vec<u8>> {
    reply(status, "application/json; charset=utf-8", body)
}

pub(crate) fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

pub(crate) fn to_bytes(body: &impl serde::Serialize) -> Vec<u8> {
    // Texts, numbers and maps with text keys always serialize.
    serde_json::to_vec(body).unwrap_or_default()
}
