//! Whatever the arguments hold, an operation becomes exactly the documented request, or is refused for a reason.
//!
//! The operations are described here a second time, by hand from Kinde's documentation, and percent-encoding is decoded
//! by a decoder of this file's own: nothing of the crate is checked against itself.

mod support;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use http::Request;
use http::header::{AUTHORIZATION, HeaderMap};
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{
    AccessToken, BuildError, CallOptions, Credentials, Domain, Exchange, Input, Instant, OPERATIONS,
    Operation, Problem, Step, Tenant, build_request,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value as Json, json};
use support::{Visit, with_operation};
use url::Url;

const ORIGIN: &str = "https://acme.kinde.example:8443";

/// The longest URI that HTTP stacks in Rust take.
const LONGEST_URI: usize = 65_534;

/// An operation, as Kinde documents it.
struct Documented {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static [Pair],
    /// Makes bodies, with their keys in the documented order.
    body: Option<fn() -> BoxedStrategy<Json>>,
}

/// A pair of a query.
enum Pair {
    /// Always there, and not empty.
    Id(&'static str),
    /// Always there, any text.
    Value(&'static str),
    /// One of these or none, and not empty.
    Cursor(&'static [&'static str]),
    /// Texts between commas, none of them empty.
    List(&'static str),
    Flag(&'static str),
    Number(&'static str, RangeInclusive<u32>),
    Time(&'static str),
}

use Pair::{Cursor, Flag, Id, List, Number, Time, Value};

/// Describes the operations, and makes a test of each.
macro_rules! operations {
    ($($name:ident: $method:ident $path:literal [$($pair:expr),*] $($body:ident)?;)+) => {
        const DOCUMENTED: &[Documented] = &[$(documented::$name),+];

        #[allow(non_upper_case_globals, reason = "operations have the names of the documentation")]
        mod documented {
            use super::*;

            $(pub(super) const $name: Documented = Documented {
                name: stringify!($name),
                method: stringify!($method),
                path: $path,
                query: &[$($pair),*],
                body: operations!(@body $($body)?),
            };)+
        }

        mod any_arguments_become_exactly_the_documented_request_or_are_refused_for_a_reason {
            use super::*;

            proptest! {
                #![proptest_config(config())]
                $(
                    #[test]
                    fn $name(arguments in arguments(&documented::$name), token in TOKEN) {
                        check(&documented::$name, &arguments, &token)?;
                    }
                )+
            }
        }
    };
    (@body) => { None };
    (@body $body:ident) => { Some($body) };
}

operations! {
    create_user: POST "/api/v1/user" [] new_user;
    create_user_billing_customer: POST "/api/v1/users/{user_id}/billing_customer" [] new_customer;
    create_user_identity: POST "/api/v1/users/{user_id}/identities" [] new_identity;
    delete_user: DELETE "/api/v1/user" [Id("id"), Flag("is_delete_profile")];
    delete_user_sessions: DELETE "/api/v1/users/{user_id}/sessions" [];
    get_user_data: GET "/api/v1/user" [Id("id"), List("expand")];
    get_user_identities: GET "/api/v1/users/{user_id}/identities" [Cursor(&["starting_after", "ending_before"])];
    get_user_property_values: GET "/api/v1/users/{user_id}/properties" [];
    get_user_sessions: GET "/api/v1/users/{user_id}/sessions" [];
    get_users: GET "/api/v1/users" [
        Number("page_size", 1..=500), List("user_id"), Cursor(&["next_token"]), List("email"), List("username"),
        List("phone"), List("expand"), Flag("has_organization"), Time("active_since")
    ];
    get_users_mfa: GET "/api/v1/users/{user_id}/mfa" [];
    refresh_user_claims: POST "/api/v1/users/{user_id}/refresh_claims" [];
    reset_users_mfa: DELETE "/api/v1/users/{user_id}/mfa/{factor_id}" [];
    reset_users_mfa_all: DELETE "/api/v1/users/{user_id}/mfa" [];
    set_user_password: PUT "/api/v1/users/{user_id}/password" [] password;
    update_user: PATCH "/api/v1/user" [Id("id")] changes;
    update_user_feature_flag_override: PATCH "/api/v1/users/{user_id}/feature_flags/{feature_flag_key}" [
        Value("value")
    ];
    update_user_properties: PATCH "/api/v1/users/{user_id}/properties" [] properties;
    update_user_property: PUT "/api/v1/users/{user_id}/properties/{property_key}" [Value("value")];
}

#[test]
fn every_operation_of_the_crate_is_documented_here() {
    assert!(DOCUMENTED.iter().map(|operation| operation.name).eq(OPERATIONS.iter().map(|meta| meta.name)));
}

fn config() -> ProptestConfig {
    let standard = ProptestConfig::default();
    // More where the environment asks for it, never fewer; and no files of failed cases.
    ProptestConfig { cases: standard.cases.max(256), failure_persistence: None, ..standard }
}

// ---- arguments

/// Texts that have broken some client, or would break a careless one.
const NASTY: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    "/",
    "//",
    "?",
    "#",
    "&",
    "=",
    "+",
    "%",
    "%2e",
    "%2e%2e",
    "%2E%2e",
    "%2F",
    "../../x",
    "..\\x",
    "a/b",
    "a,b",
    "a?b",
    "a#b",
    "a&id=b",
    "a;b",
    " ",
    " a ",
    "\u{0}",
    "\r\nX: y",
    "\r\nHost: evil.example\r\n\r\n",
    "@evil.example",
    "://evil.example/",
    "{user_id}",
    "null",
    "\"",
    "\\",
    "\u{7f}\u{80}\u{85}\u{a0}\u{ad}",
    "\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10ffff}",
    "\u{feff}\u{200b}\u{202e}\u{2028}",
    "e\u{301}é",
    "🦀👩‍👩‍👧",
    "kp:0123456789abcdef0123456789abcdef",
    "+61 412 345 678",
];

/// Visible ASCII, as a header can carry it.
const TOKEN: &str = "[!-~]{1,60}";

fn text() -> BoxedStrategy<String> {
    let chars = vec(any::<char>(), 0..16).prop_map(String::from_iter);
    let joined = vec(select(&[".", "/", "%2", "e", "?", "&", "#", "=", "\n", "🦀"][..]), 1..6);
    // On both sides of what fits into a URI, with what the rest of the URI takes.
    let long = (select(&["x", "/", "é", "🦀"][..]), 65_250..65_550_usize)
        .prop_map(|(piece, length)| piece.repeat(length / encoded_length(piece)));
    prop_oneof![
        30 => chars,
        30 => select(NASTY).prop_map(str::to_owned),
        20 => joined.prop_map(|pieces| pieces.concat()),
        20 => "[a-zA-Z0-9_.~:@-]{1,40}",
        1 => long,
    ]
    .boxed()
}

fn time() -> BoxedStrategy<String> {
    let right = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)\
                 (\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3])(:[0-5][0-9])?)";
    // Each with one part that may be wrong.
    let date = "[0-9]{4}-[01][0-9]-[0-9]{2}[T ]13:04:20Z";
    let clock = "2025-04-01T[0-2][0-9]:[0-9]{2}:[0-9]{2}[.,]?[0-9]{0,2}Z";
    let offset = "2025-04-01T13:04:20[+-][0-9]{1,2}(:[0-9]{2})?";
    let end = "2025-04-01T13:04:20(Z|z|[+-][0-9]{3,4})?(&a=b)?";
    prop_oneof![6 => right, 1 => date, 1 => clock, 1 => offset, 1 => end, 1 => text()].boxed()
}

/// The arguments of one call.
#[derive(Clone, Debug)]
struct Arguments {
    /// In the order of the path template.
    path: Vec<String>,
    /// One for each documented pair, `None` where it is left out.
    query: Vec<Option<(&'static str, Json)>>,
    body: Option<Json>,
}

fn arguments(operation: &Documented) -> impl Strategy<Value = Arguments> + use<> {
    let path = vec(text(), operation.places().count());
    let query: Vec<_> = operation.query.iter().map(Pair::any).collect();
    let body = operation.body.map_or(Just(None).boxed(), |body| body().prop_map(Some).boxed());
    (path, query, body).prop_map(|(path, query, body)| Arguments { path, query, body })
}

impl Pair {
    fn any(&self) -> BoxedStrategy<Option<(&'static str, Json)>> {
        fn maybe<T: Into<Json> + std::fmt::Debug>(
            name: &'static str,
            value: impl Strategy<Value = T> + 'static,
        ) -> BoxedStrategy<Option<(&'static str, Json)>> {
            option::of(value.prop_map(move |value| (name, value.into()))).boxed()
        }

        match *self {
            Id(name) | Value(name) => text().prop_map(move |value| Some((name, value.into()))).boxed(),
            Cursor(names) => option::of((select(names), text().prop_map(Json::from))).boxed(),
            List(name) => maybe(name, vec(text(), 0..3)),
            Flag(name) => maybe(name, any::<bool>()),
            Number(name, ref range) => {
                maybe(name, prop_oneof![8 => range.clone(), 1 => 0..1000_u32, 1 => any::<u32>()])
            }
            Time(name) => maybe(name, time()),
        }
    }
}

/// The object of those fields that are there, in this order.
fn object<const N: usize>(fields: [(&str, Option<Json>); N]) -> Json {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn maybe_text() -> impl Strategy<Value = Option<Json>> {
    option::of(text().prop_map(Json::from))
}

fn maybe_bool() -> impl Strategy<Value = Option<Json>> {
    option::of(any::<bool>().prop_map(Json::from))
}

fn new_user() -> BoxedStrategy<Json> {
    let profile =
        [maybe_text(), maybe_text(), maybe_text()].prop_map(|[given_name, family_name, picture]| {
            let any = given_name.is_some() || family_name.is_some() || picture.is_some();
            any.then(|| {
                object([("given_name", given_name), ("family_name", family_name), ("picture", picture)])
            })
        });
    let details = prop_oneof![
        text().prop_map(|email| ("email", json!({"email": email}))),
        text().prop_map(|phone| ("phone", json!({"phone": phone}))),
        (text(), text())
            .prop_map(|(phone, country)| { ("phone", json!({"phone": phone, "phone_country_id": country})) }),
        text().prop_map(|username| ("username", json!({"username": username}))),
    ];
    let identity = (details, maybe_bool()).prop_map(|((kind, details), is_verified)| {
        object([("type", Some(kind.into())), ("is_verified", is_verified), ("details", Some(details))])
    });
    let identities = vec(identity, 0..4).prop_map(|list| (!list.is_empty()).then(|| Json::from(list)));
    (profile, maybe_text(), maybe_text(), identities)
        .prop_map(|(profile, organization_code, provided_id, identities)| {
            object([
                ("profile", profile),
                ("organization_code", organization_code),
                ("provided_id", provided_id),
                ("identities", identities),
            ])
        })
        .boxed()
}

fn new_customer() -> BoxedStrategy<Json> {
    (text(), text(), option::of(text()))
        .prop_map(|(code, email, plan)| match plan {
            None => json!({"org_code": code, "billing_email": email}),
            Some(plan) => json!({"org_code": code, "billing_email": email, "billing_plan_code": plan}),
        })
        .boxed()
}

fn new_identity() -> BoxedStrategy<Json> {
    prop_oneof![
        (text(), select(&["email", "username"][..]))
            .prop_map(|(value, kind)| json!({"value": value, "type": kind})),
        (text(), text()).prop_map(|(value, country)| {
            json!({"value": value, "type": "phone", "phone_country_id": country})
        }),
        (text(), select(&["social", "enterprise"][..]), text()).prop_map(|(value, kind, connection)| {
            json!({"value": value, "type": kind, "connection_id": connection})
        }),
    ]
    .boxed()
}

fn password() -> BoxedStrategy<Json> {
    let alone = select(&["bcrypt", "crypt", "md5", "sha256", "wordpress", "aspnet-identity-v2"][..]);
    let number = || prop_oneof![8 => 1..=16_u32, 1 => 0..30_u32, 1 => any::<u32>()];
    let variant = prop_oneof![Just("salted-pbkdf2-hmac-sha256".to_owned()), text()];
    let body = prop_oneof![
        (text(), alone).prop_map(|(hash, method)| json!({"hashed_password": hash, "hashing_method": method})),
        (text(), select(&["crypt", "wordpress"][..]), text()).prop_map(|(hash, method, salt)| {
            json!({"hashed_password": hash, "hashing_method": method, "salt": salt})
        }),
        (text(), select(&["md5", "sha256"][..]), text(), select(&["prefix", "suffix"][..])).prop_map(
            |(hash, method, salt, position)| json!({
                "hashed_password": hash, "hashing_method": method, "salt": salt, "salt_position": position
            })
        ),
        (text(), text(), option::of(number()), variant).prop_map(|(hash, salt, iterations, variant)| {
            object([
                ("hashed_password", Some(hash.into())),
                ("hashing_method", Some("pbkdf2".into())),
                ("salt", Some(salt.into())),
                ("iterations", iterations.map(Json::from)),
                ("variant", Some(variant.into())),
            ])
        }),
        (text(), text(), text(), text(), number(), number()).prop_map(
            |(hash, salt, key, separator, rounds, mem_cost)| json!({
                "hashed_password": hash, "hashing_method": "firebase-scrypt", "salt": salt, "signer_key": key,
                "salt_separator": separator, "rounds": rounds, "mem_cost": mem_cost
            })
        ),
    ];
    (body, option::of(any::<bool>()))
        .prop_map(|(mut body, is_temporary)| {
            if let Some(is_temporary) = is_temporary {
                body["is_temporary_password"] = is_temporary.into();
            }
            body
        })
        .boxed()
}

fn changes() -> BoxedStrategy<Json> {
    // Set, cleared by `null`, or left out.
    let text = || option::of(option::weighted(0.7, text()).prop_map(Json::from));
    let flag = || option::of(option::weighted(0.7, any::<bool>()).prop_map(Json::from));
    (text(), text(), text(), flag(), flag(), text())
        .prop_map(|(given_name, family_name, picture, is_suspended, is_reset, provided_id)| {
            object([
                ("given_name", given_name),
                ("family_name", family_name),
                ("picture", picture),
                ("is_suspended", is_suspended),
                ("is_password_reset_requested", is_reset),
                ("provided_id", provided_id),
            ])
        })
        .boxed()
}

fn properties() -> BoxedStrategy<Json> {
    // A list, so that keys are in any order, and a map before it, so that each comes once.
    btree_map(text(), option::weighted(0.7, text()), 0..5)
        .prop_map(|map| map.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(|list| {
            let properties: Json = list.into_iter().map(|(key, value)| (key, Json::from(value))).collect();
            json!({"properties": properties})
        })
        .boxed()
}

// ---- what is asked of a request

impl Documented {
    /// The names of the arguments in the path.
    fn places(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// All arguments by name.
    fn by_name(&self, arguments: &Arguments) -> Json {
        let path = self.places().map(str::to_owned).zip(arguments.path.iter().cloned().map(Json::from));
        let query = arguments.query.iter().flatten().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let body = arguments.body.iter().filter_map(Json::as_object).flatten();
        let body = body.map(|(name, value)| (name.clone(), value.clone()));
        path.chain(query).chain(body).collect()
    }

    /// The length of the URI, everything but `A-Z a-z 0-9 - . _ ~` being encoded.
    fn uri_length(&self, arguments: &Arguments) -> usize {
        let literal: usize = self
            .path
            .split('/')
            .skip(1)
            .map(|segment| if segment.starts_with('{') { 1 } else { 1 + segment.len() })
            .sum();
        let places: usize = arguments.path.iter().map(|value| encoded_length(value)).sum();
        // With a `?` or `&` before it, and a `=` in it.
        let pairs: usize =
            arguments.pairs().map(|(name, value)| name.len() + 2 + encoded_length(&value)).sum();
        ORIGIN.len() + literal + places + pairs
    }

    /// Everything about the arguments that no request can carry.
    fn faults(&self, arguments: &Arguments) -> Vec<(&'static str, Problem)> {
        let mut faults = Vec::new();
        for (name, value) in self.places().zip(&arguments.path) {
            match value.as_str() {
                "" => faults.push((name, Problem::Empty)),
                "." | ".." => faults.push((name, Problem::DotSegment)),
                _ => {}
            }
        }
        for (pair, (name, value)) in
            self.query.iter().zip(&arguments.query).filter_map(|(pair, given)| Some((pair, given.as_ref()?)))
        {
            faults.extend(pair.faults(value).into_iter().map(|problem| (*name, problem)));
        }
        if let Some(body) = &arguments.body {
            faults.extend(body_faults(body));
        }
        if self.uri_length(arguments) > LONGEST_URI {
            // No argument by itself is to blame.
            faults.push(("request", Problem::TooLong { longest: LONGEST_URI }));
        }
        faults
    }
}

impl Pair {
    fn faults(&self, value: &Json) -> Vec<Problem> {
        match (self, value) {
            (Id(_) | Cursor(_), Json::String(text)) if text.is_empty() => vec![Problem::Empty],
            (List(_), Json::Array(values)) => values
                .iter()
                .filter_map(Json::as_str)
                .filter_map(|text| match text {
                    "" => Some(Problem::Empty),
                    text => text.contains(',').then_some(Problem::Comma),
                })
                .collect(),
            (Number(_, range), Json::Number(number)) => {
                out_of_range(number.as_u64(), range.clone()).into_iter().collect()
            }
            (Time(_), Json::String(text)) if !is_date_time(text) => vec![Problem::NotATimestamp],
            _ => vec![],
        }
    }
}

fn body_faults(body: &Json) -> Vec<(&'static str, Problem)> {
    let secrets = ["hashed_password", "salt", "signer_key", "salt_separator"].into_iter();
    let empty = secrets.filter(|name| body[name] == "").map(|name| (name, Problem::Empty));
    let numbers = [("iterations", 1..=u32::MAX), ("rounds", 1..=16), ("mem_cost", 1..=20)].into_iter();
    let numbers = numbers.filter_map(|(name, range)| Some((name, out_of_range(body[name].as_u64(), range)?)));
    let nameless = body["properties"].get("").map(|_| ("properties", Problem::Empty));
    empty.chain(numbers).chain(nameless).collect()
}

fn out_of_range(number: Option<u64>, range: RangeInclusive<u32>) -> Option<Problem> {
    let (least, most) = range.into_inner();
    let fits = (u64::from(least)..=u64::from(most)).contains(&number?);
    (!fits).then_some(Problem::OutOfRange { least, most })
}

/// Whether this is a date-time of RFC 3339, or one whose offset has no minutes, as Kinde writes them.
fn is_date_time(text: &str) -> bool {
    /// Whether these are numbers of two digits (a year: of four), in their ranges.
    fn numbers(text: &str, between: char, ranges: &[RangeInclusive<u32>]) -> bool {
        let numbers: Vec<&str> = text.split(between).collect();
        numbers.len() == ranges.len()
            && numbers.iter().zip(ranges).all(|(number, range)| {
                number.len() == if *range.end() > 99 { 4 } else { 2 }
                    && number.bytes().all(|byte| byte.is_ascii_digit())
                    && range.contains(&number.parse().unwrap())
            })
    }

    let parts = text.split_once('T').and_then(|(date, rest)| {
        let (clock, offset) = rest.split_at(rest.find(['Z', '+', '-'])?);
        Some((date, clock, offset))
    });
    let Some((date, clock, offset)) = parts else { return false };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    numbers(date, '-', &[0..=9999, 1..=12, 1..=31])
        && numbers(clock, ':', &[0..=23, 0..=59, 0..=60])
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (offset == "Z"
            || offset.strip_prefix(['+', '-']).is_some_and(|offset| {
                numbers(offset, ':', &[0..=23]) || numbers(offset, ':', &[0..=23, 0..=59])
            }))
}

impl Arguments {
    /// The query as it is to arrive.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.query.iter().flatten().filter_map(|(name, value)| {
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Array(list) if list.is_empty() => return None,
                Json::Array(list) => list.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            Some((*name, value))
        })
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn encoded_length(text: &str) -> usize {
    text.bytes().map(|byte| if is_unreserved(byte) { 1 } else { 3 }).sum()
}

/// Decodes percent-encoding; `None` where anything is encoded that need not be, or is not that must be.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || {
                let digit = bytes.next().filter(|digit| !digit.is_ascii_lowercase())?;
                char::from(digit).to_digit(16)
            };
            let encoded = u8::try_from(digit()? * 16 + digit()?).ok()?;
            decoded.push(Some(encoded).filter(|encoded| !is_unreserved(*encoded))?);
        } else {
            decoded.push(Some(byte).filter(|byte| is_unreserved(*byte))?);
        }
    }
    String::from_utf8(decoded).ok()
}

type Built = Result<Request<Vec<u8>>, BuildError>;

/// Builds an operation's request by itself, and by way of an exchange.
struct Build<'a>(&'a str);

impl Visit for Build<'_> {
    type Out = (Built, Built);

    fn visit<O: Operation>(self, operation: &O) -> Self::Out {
        let domain = Domain::parse(ORIGIN).unwrap();
        let token = AccessToken::new(self.0).unwrap();
        let built = build_request(operation, &domain, &token);
        let mut tenant = Tenant::new(domain, Credentials::access_token(token));
        let exchange = Exchange::new(operation, &tenant, CallOptions::new());
        let sent =
            exchange.map(|mut exchange| match exchange.advance(&mut tenant, Instant::START, Input::Start) {
                Step::Send(request) => request,
                step => panic!("{step:?}"),
            });
        (built, sent)
    }
}

fn check(operation: &Documented, arguments: &Arguments, token: &str) -> TestCaseResult {
    let (built, sent) = with_operation(operation.name, &operation.by_name(arguments), Build(token));
    let faults = operation.faults(arguments);
    let request = match built {
        Ok(request) => request,
        Err(error) => {
            prop_assert_eq!(error.operation(), operation.name);
            prop_assert!(faults.contains(&(error.argument(), error.problem())), "{error}, not {faults:?}");
            prop_assert_eq!(sent.unwrap_err(), error);
            return Ok(());
        }
    };
    prop_assert!(faults.is_empty(), "built in spite of {faults:?}");
    prop_assert_eq!(request.method(), operation.method);
    check_uri(operation, arguments, request.uri())?;
    check_headers(operation, arguments, token, request.headers())?;
    let body = arguments.body.as_ref().map_or(String::new(), Json::to_string);
    prop_assert_eq!(std::str::from_utf8(request.body()), Ok(body.as_str()));

    let sent = sent.unwrap();
    prop_assert_eq!(sent.method(), request.method());
    prop_assert_eq!(sent.uri(), request.uri());
    prop_assert_eq!(sent.headers(), request.headers());
    prop_assert!(sent.headers()[AUTHORIZATION].is_sensitive());
    prop_assert_eq!(sent.body(), request.body());
    Ok(())
}

fn check_uri(operation: &Documented, arguments: &Arguments, uri: &http::Uri) -> TestCaseResult {
    let text = uri.to_string();
    let target = text.strip_prefix(ORIGIN);
    prop_assert!(target.is_some(), "{text}");
    let (path, query) = match target.unwrap().split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target.unwrap(), None),
    };

    // A segment for each one of the template: the literal ones as they are, and the arguments.
    let mut values = arguments.path.iter();
    let mut expected = Vec::new();
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for documented in operation.path.split('/') {
        let segment = segments.next();
        if documented.starts_with('{') {
            expected.push(values.next().cloned());
            found.push(segment.and_then(decode));
        } else {
            expected.push(Some(documented.to_owned()));
            found.push(segment.map(str::to_owned));
        }
    }
    prop_assert_eq!(found, expected);
    prop_assert_eq!(segments.next(), None);

    let pairs: Option<Vec<_>> = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decode(name)?, decode(value)?))
        })
        .collect();
    let expected: Vec<_> = arguments.pairs().map(|(name, value)| (name.to_owned(), value)).collect();
    prop_assert_eq!(query.is_some(), !expected.is_empty());
    prop_assert_eq!(pairs, Some(expected));

    // Two parsers read it in this way too, and find nothing to fold.
    prop_assert_eq!((uri.path(), uri.query()), (path, query));
    let parsed = Url::parse(&text).unwrap();
    prop_assert_eq!(parsed.as_str(), &text);
    prop_assert_eq!(text.len(), operation.uri_length(arguments));
    Ok(())
}

fn check_headers(
    operation: &Documented,
    arguments: &Arguments,
    token: &str,
    headers: &HeaderMap,
) -> TestCaseResult {
    let authorization = format!("Bearer {token}");
    let mut expected = vec![("accept", "application/json"), ("authorization", &authorization)];
    if arguments.body.is_some() {
        expected.push(("content-type", "application/json"));
    } else if ["POST", "PUT", "PATCH"].contains(&operation.method) {
        expected.push(("content-length", "0"));
    }
    let mut found: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    found.sort_unstable();
    prop_assert_eq!(found, expected);
    prop_assert!(headers[AUTHORIZATION].is_sensitive());
    Ok(())
}

// ---- times, tokens and domains

/// Pieces of what people write for a domain, and of what they should not.
const PIECES: &[&str] = &[
    "http",
    "https",
    "HTTPS",
    "ftp",
    "://",
    ":",
    "//",
    "/",
    "\\",
    "@",
    "?",
    "#",
    "%2e",
    ".",
    "-",
    " ",
    "\t",
    "acme",
    "ACME",
    "acme.kinde.com",
    ".kinde.com",
    "bücher",
    "xn--bcher-kva",
    "localhost",
    "127.0.0.1",
    "127.1",
    "10.0.0.1",
    "0x7f",
    "1",
    "[::1]",
    "[::2]",
    "[",
    "]",
    ":8080",
    ":443",
    ":80",
    ":0",
    ":99999",
    "user:pw",
];

fn domain_text() -> impl Strategy<Value = String> {
    let scheme = select(&["", "", "http://", "https://"][..]);
    prop_oneof![
        1 => text(),
        2 => vec(select(PIECES), 1..6).prop_map(|pieces| pieces.concat()),
        3 => (scheme, vec(select(PIECES), 1..3)).prop_map(|(scheme, pieces)| scheme.to_owned() + &pieces.concat()),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_a_point_in_time_as_it_is_or_refused(text in time()) {
        let operation = &documented::get_users;
        let query = operation.query.iter().map(|pair| match pair {
            Time(name) => Some((*name, text.as_str().into())),
            _ => None,
        });
        check(operation, &Arguments { path: Vec::new(), query: query.collect(), body: None }, "t")?;
    }

    #[test]
    fn any_text_is_a_token_as_it_is_or_refused(
        text in prop_oneof![text(), TOKEN, "[ -~]{1,20}"],
    ) {
        let fits = !text.is_empty() && text.chars().all(|character| ('!'..='~').contains(&character));
        match AccessToken::new(&text) {
            Ok(token) => {
                prop_assert!(fits);
                prop_assert_eq!(token.expose(), &text);
                let domain = Domain::parse(ORIGIN).unwrap();
                let request = build_request(&GetUsers::new(), &domain, &token).unwrap();
                let headers: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
                prop_assert_eq!(&headers, &[&format!("Bearer {text}")]);
                prop_assert!(headers[0].is_sensitive());
            }
            Err(error) => {
                prop_assert!(!fits);
                let problem = if text.is_empty() { Problem::Empty } else { Problem::NotAHeader };
                prop_assert_eq!((error.argument(), error.problem()), ("token", problem));
            }
        }
    }

    #[test]
    fn any_text_is_a_domain_as_it_is_or_refused(text in domain_text()) {
        let Ok(domain) = Domain::parse(&text) else { return Ok(()) };
        let written = text.strip_suffix('/').unwrap_or(&text);
        let readings = [written.to_owned(), format!("https://{written}"), format!("https://{written}.kinde.com")];
        prop_assert!(readings.iter().any(|reading| reading == domain.origin()), "{domain:?}");

        let (scheme, authority) = domain.origin().split_once("://").unwrap();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        prop_assert!(port.is_none_or(|port| port.parse::<u16>().is_ok()));
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
        prop_assert!(is_name || address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()));
        let is_loopback = host == "localhost"
            || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || host == "[::1]";
        prop_assert!(scheme == "https" || (scheme == "http" && is_loopback), "{domain:?}");

        let request = build_request(&GetUsers::new(), &domain, &AccessToken::new("t").unwrap()).unwrap();
        prop_assert_eq!(request.uri().scheme_str(), Some(scheme));
        prop_assert_eq!(request.uri().authority().map(http::uri::Authority::as_str), Some(authority));
        prop_assert_eq!(request.uri().path(), "/api/v1/users");
        prop_assert_eq!(request.uri().query(), None);
    }
}
