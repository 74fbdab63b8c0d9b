//! The request for a token.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use url::form_urlencoded;

use crate::error::auth_error::AuthProblem;
use crate::protocol::credentials::check_credentials;
use crate::types::build_error::BuildError;
use crate::types::check_id::check_id;
use crate::types::domain::Domain;
use crate::types::secret::Secret;

/// Creates the request for a token with client credentials. It always names the audience, because
/// without it the token of Kinde is for no API. Here `+` is a space, unlike in the queries of
/// operations.
pub(crate) fn token_request(
    domain: &Domain,
    client_id: &str,
    secret: &Secret,
    scopes: &[Box<str>],
) -> Result<Request<Vec<u8>>, AuthProblem> {
    check_credentials(client_id, secret).map_err(AuthProblem::Unsendable)?;
    let refuse_audience =
        |problem| AuthProblem::Unsendable(BuildError::new("credentials", "audience", problem));
    check_id(domain.audience()).map_err(refuse_audience)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client_id)
        .append_pair("client_secret", secret.expose())
        .append_pair("audience", domain.audience());
    if !scopes.is_empty() {
        form.append_pair("scope", &scopes.join(" "));
    }
    let mut request = Request::new(form.finish().into_bytes());
    *request.method_mut() = Method::POST;
    // A `Domain` always is a valid origin.
    *request.uri_mut() =
        Uri::try_from(format!("{}/oauth2/token", domain.origin())).map_err(|_| AuthProblem::Malformed)?;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    #[test]
    fn token_requests_are_what_the_vectors_say() {
        let vectors: Json = serde_json::from_str(include_str!("../../tests/vectors/token.json")).unwrap();
        for vector in vectors["requests"].as_array().unwrap() {
            let name = &vector["name"];
            let mut domain = Domain::parse(vector["domain"].as_str().unwrap()).unwrap();
            if let Some(audience) = vector["audience"].as_str() {
                domain = domain.with_audience(audience);
            }
            let secret = Secret::from(String::from(vector["client_secret"].as_str().unwrap()));
            let scopes: Vec<Box<str>> = vector["scopes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|scope| scope.as_str().unwrap().into())
                .collect();
            let request =
                token_request(&domain, vector["client_id"].as_str().unwrap(), &secret, &scopes).unwrap();
            assert_eq!(request.method(), Method::POST, "{name}");
            assert_eq!(*request.uri(), *format!("{}/oauth2/token", domain.origin()), "{name}");
            assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded", "{name}");
            assert_eq!(request.headers()["accept"], "application/json", "{name}");
            assert_eq!(core::str::from_utf8(request.body()).unwrap(), vector["body"], "{name}");
        }
    }
}
