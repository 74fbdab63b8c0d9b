//! The reply of the token endpoint.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::error::auth_error::AuthProblem;
use crate::error::hints::redirect_host;
use crate::protocol::step::Input;
use crate::types::access_token::AccessToken;
use crate::types::effect::stopped_waiting;
use crate::types::json::{self, Repaired};
use crate::types::lenient::{Object, if_it_fits};
use crate::types::text::Text;

/// A token that was issued.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: AccessToken,
    /// How long it lasts, at least a second. `None` if the reply does not say.
    pub(crate) lifetime: Option<Duration>,
}

/// The OAuth error reply (RFC 6749, section 5.2). It differs from Kinde's own errors.
#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default, deserialize_with = "if_it_fits")]
    error: Option<Box<str>>,
    #[serde(default, deserialize_with = "if_it_fits")]
    error_description: Option<Box<str>>,
}

/// Reads the reply of the token endpoint.
pub(crate) fn read_token(response: &Response<Vec<u8>>) -> Result<Issued, AuthProblem> {
    let status = response.status();
    if status.is_success() {
        return read_issued(response.body()).ok_or(AuthProblem::Malformed);
    }
    let status_code = status.as_u16();
    let for_a_while = status == StatusCode::TOO_MANY_REQUESTS || stopped_waiting(status);
    if !status.is_client_error() || for_a_while {
        let redirect_host = redirect_host(status, response.headers());
        return Err(AuthProblem::Unavailable { status: status_code, redirect_host });
    }
    let repaired = Repaired::default();
    let refusal = json::read(response.body(), &repaired, serde_json::from_str::<Object<Refusal>>);
    let Refusal { error, error_description } = refusal.map(|Object(refusal)| refusal).unwrap_or_default();
    Err(AuthProblem::Refused { status: status_code, error, description: error_description })
}

fn read_issued(body: &[u8]) -> Option<Issued> {
    let repaired = Repaired::default();
    let reply = json::read(body, &repaired, serde_json::from_str::<IssuedReply<'_>>).ok()?;
    // `bearer` and `Bearer` both occur.
    let bearer = reply.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = AccessToken::new(&reply.access_token?).ok().filter(|_| bearer)?;
    // A lifetime that is over at once would make every call request another token.
    let lifetime = reply.expires_in.filter(|lifetime| *lifetime >= Duration::from_secs(1));
    Some(Issued { token, lifetime })
}

/// A reply with a token. It is not derived, because a repeated field would then lose the token.
#[derive(Default)]
struct IssuedReply<'a> {
    access_token: Option<Text<'a>>,
    token_type: Option<Text<'a>>,
    expires_in: Option<Duration>,
}

impl<'de> Deserialize<'de> for IssuedReply<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Lifetime(#[serde(deserialize_with = "lifetime")] Option<Duration>);

        #[derive(Deserialize)]
        struct Kind<'a>(#[serde(borrow, deserialize_with = "if_it_fits")] Option<Text<'a>>);

        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = IssuedReply<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut reply = IssuedReply::default();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    match name.as_str() {
                        "access_token" => reply.access_token = Some(map.next_value()?),
                        "token_type" => reply.token_type = map.next_value::<Kind<'de>>()?.0,
                        "expires_in" => {
                            reply.expires_in = map.next_value::<Lifetime>()?.0.or(reply.expires_in);
                        }
                        _ => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(reply)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Reads a number of seconds in any form. Anything else counts as absent: a token with a strange
/// lifetime is still a token, and was paid for.
fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds<'a> {
        Number(f64),
        #[serde(borrow)]
        Digits(Text<'a>),
        Other(IgnoredAny),
    }

    let seconds = match Seconds::deserialize(deserializer)? {
        Seconds::Number(seconds) => Some(seconds),
        Seconds::Digits(text) => text.trim().parse().ok().filter(|seconds: &f64| !seconds.is_nan()),
        Seconds::Other(_) => None,
    };
    // A number that is too large means for ever.
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
}

/// Returns whether the token endpoint refused the request.
pub(crate) fn is_refusal(input: &Input) -> bool {
    match input {
        Input::Response(response) => matches!(read_token(response), Err(AuthProblem::Refused { .. })),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::build_error::Problem;
    use serde_json::Value as Json;

    fn vectors(part: &str) -> Vec<Json> {
        let vectors: Json = serde_json::from_str(include_str!("../../tests/vectors/token.json")).unwrap();
        vectors[part].as_array().unwrap().clone()
    }

    #[test]
    fn token_replies_are_read_as_the_vectors_say() {
        for vector in vectors("replies") {
            let name = &vector["name"];
            let body = match (&vector["text"], &vector["body"]) {
                (Json::String(text), _) => text.clone().into_bytes(),
                (_, Json::Null) => Vec::new(),
                (_, body) => serde_json::to_vec(body).unwrap(),
            };
            let status = u16::try_from(vector["status"].as_u64().unwrap()).unwrap();
            let read = read_token(&Response::builder().status(status).body(body).unwrap());
            let (outcome, expires_in, error) = match &read {
                Ok(issued) => ("token", issued.lifetime.map(|lifetime| lifetime.as_secs()), None),
                Err(AuthProblem::Malformed) => ("malformed", None, None),
                Err(AuthProblem::Refused { error, .. }) => ("refused", None, error.as_deref()),
                Err(AuthProblem::Unavailable { .. }) => ("unavailable", None, None),
                Err(other) => panic!("{name}: {other:?}"),
            };
            assert_eq!(outcome, vector["outcome"], "{name}");
            assert_eq!(expires_in, vector["expires_in"].as_u64(), "{name}");
            assert_eq!(error, vector["error"].as_str(), "{name}");
        }
    }

    #[test]
    fn only_client_errors_are_refusals() {
        let refused = |status: u16| {
            let body = br#"{"error":"invalid_client"}"#.to_vec();
            is_refusal(&Input::Response(Response::builder().status(status).body(body).unwrap()))
        };
        assert!([400, 401, 403, 404].into_iter().all(refused));
        assert!(![200, 302, 408, 429, 500, 503].into_iter().any(refused));
        assert!(!is_refusal(&Input::Start));
    }

    #[test]
    fn strange_fields_beside_a_token_do_not_lose_it() {
        for (fields, seconds) in [
            (r#""expires_in":0"#, None),
            (r#""expires_in":-0.0"#, None),
            (r#""expires_in":"-1""#, None),
            (r#""expires_in":"0""#, None),
            (r#""expires_in":1e-9"#, None),
            (r#""expires_in":0.5"#, None),
            (r#""expires_in":-1e300"#, None),
            (r#""expires_in":1"#, Some(1)),
            (r#""expires_in":60,"expires_in":90"#, Some(90)),
            (r#""expires_in":60,"expires_in":null"#, Some(60)),
            (r#""expires_in":60,"token_type":["bearer"]"#, Some(60)),
            (r#""expires_in":60,"token_type":5"#, Some(60)),
            (r#""expires_in":60,"token_type":{"a":"b"}"#, Some(60)),
            (r#""expires_in":60,"token_type":null"#, Some(60)),
            (r#""expires_in":60,"token_type":"Bearer","token_type":"bearer""#, Some(60)),
        ] {
            let body = format!(r#"{{{fields},"access_token":"t"}}"#);
            let issued = read_token(&Response::new(body.into_bytes())).expect(fields);
            assert_eq!(issued.lifetime.map(|lifetime| lifetime.as_secs()), seconds, "{fields}");
        }
    }

    #[test]
    fn token_is_kept_as_a_sensitive_header() {
        let token = AccessToken::new("a.b-c_d~e+f/g=").unwrap();
        assert_eq!(token.authorization(), "Bearer a.b-c_d~e+f/g=");
        assert!(token.authorization().is_sensitive());
        assert_eq!(token.expose(), "a.b-c_d~e+f/g=");
        assert_eq!(format!("{token:?}"), "AccessToken");
    }

    #[test]
    fn token_that_no_header_can_carry_is_refused() {
        assert_eq!(AccessToken::new("").unwrap_err().problem(), Problem::Empty);
        for text in ["a b", "a\nb", "a\u{0}", "\u{7f}", "é", "a\r\nx-evil: 1", " a", "a\t"] {
            assert_eq!(AccessToken::new(text).unwrap_err().problem(), Problem::NotAHeader, "{text:?}");
        }
    }
}
