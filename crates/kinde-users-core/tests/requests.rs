//! Whatever the arguments hold, an operation becomes exactly the documented request, or is refused
//! for a reason.
//!
//! What is asked of them is in `support/documented.rs`; here are the arguments.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use kinde_users_core::operations::GetUsers;
use kinde_users_core::{AccessToken, Domain, OPERATIONS, Problem, build_request};
use proptest::collection::{SizeRange, btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};
use support::documented::Pair::{Cursor, Flag, Id, List, Number, Time, Value};
use support::documented::{
    Arguments, DOCUMENTED, Documented, ORIGIN, Pair, check, documented, encoded_length, reaches,
};

/// Makes a test of each operation, by its name and by what makes its bodies, with their keys in the
/// documented order.
macro_rules! operations {
    ($($name:ident $(with $body:ident)?;)+) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];

        mod any_arguments_become_exactly_the_documented_request_or_are_refused_for_a_reason {
            use super::*;

            proptest! {
                #![proptest_config(config())]
                $(
                    #[test]
                    fn $name(
                        arguments in arguments(documented(stringify!($name)), operations!(@body $($body)?)),
                        token in TOKEN,
                    ) {
                        let request = check(documented(stringify!($name)), &arguments, &token);
                        // Key for key in the documented order.
                        let body = arguments.body.map(|body| body.to_string()).unwrap_or_default();
                        prop_assert!(request.is_none_or(|request| request.body() == body.as_bytes()));
                    }
                )+
            }
        }
    };
    (@body) => { Just(None).boxed() };
    (@body $body:ident) => { $body().prop_map(Some).boxed() };
}

operations! {
    create_user with new_user;
    create_user_billing_customer with new_customer;
    create_user_identity with new_identity;
    delete_user;
    delete_user_sessions;
    get_user_data;
    get_user_identities;
    get_user_property_values;
    get_user_sessions;
    get_users;
    get_users_mfa;
    refresh_user_claims;
    reset_users_mfa;
    reset_users_mfa_all;
    set_user_password with password;
    update_user with changes;
    update_user_feature_flag_override;
    update_user_properties with properties;
    update_user_property;
}

#[test]
fn operations_are_documented_and_tested() {
    let all: Vec<_> = OPERATIONS.iter().map(|meta| meta.name).collect();
    let documented: Vec<_> = DOCUMENTED.iter().map(|operation| operation.name).collect();
    assert_eq!(documented, all);
    assert_eq!(TESTED, all);
}

/// The check of the route can fail: these are paths that earlier versions sent.
#[test]
fn paths_that_proxies_fold_are_found() {
    let (factor, template) = ("/api/v1/users/kp_1/mfa/", "/api/v1/users/{user_id}/mfa/{factor_id}");
    assert!(reaches(template, &format!("{factor}mfa%3A1")));
    for argument in [
        "x%2F..%2F..%2Fsessions",
        "%2F",
        "%252F",
        "%2e",
        ".%252e",
        "%5C..",
        "%3Fx",
        "%23",
        "%00",
        "%3Bx",
        "..%3Bx",
        "%20",
    ] {
        assert!(!reaches(template, &format!("{factor}{argument}")), "{argument}");
    }
    assert!(!reaches("/api/v1/users/{user_id}/mfa", "/api/v1/users/x%2Fmfa/mfa"));
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
    "%252f",
    "%25252E.",
    ".%2e",
    "%2%35c",
    "x%5c..%5C..",
    "x%2F..%2f..",
    "%c0%af",
    "%c0%25ae",
    "%00",
    "%0d%0a",
    "%3Fx",
    "%23",
    ";x",
    "..;x",
    "%3b",
    "100%",
    "%zz%4",
    "%41%c3%a9",
    "%u002f",
    "x%20",
    "%E2%80%8B",
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
    let joined = vec(
        select(
            &[
                ".", "/", "%2", "%25", "2", "5", "e", "f", "F", "%5c", "%c0", "?", "&", "#", ";", "=", "\n",
                "🦀",
            ][..],
        ),
        1..6,
    );
    // On both sides of what fits into a URI, with what the rest of the URI takes.
    let long = (select(&["x", "+", "é", "🦀"][..]), 65_250..65_550_usize)
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

fn arguments(
    operation: &Documented,
    body: BoxedStrategy<Option<Json>>,
) -> impl Strategy<Value = Arguments> + use<> {
    let path = vec(text(), operation.places().count());
    let query: Vec<_> = operation.query.iter().map(any_pair).collect();
    (path, query, body).prop_map(|(path, query, body)| Arguments { path, query, body })
}

fn any_pair(pair: &Pair) -> BoxedStrategy<Option<(&'static str, Json)>> {
    fn maybe<T: Into<Json> + std::fmt::Debug>(
        name: &'static str,
        value: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<Option<(&'static str, Json)>> {
        option::of(value.prop_map(move |value| (name, value.into()))).boxed()
    }

    match *pair {
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

/// Base64 of some bytes, mostly with the right padding.
fn base64(lengths: impl Into<SizeRange>) -> BoxedStrategy<String> {
    let bytes = vec(any::<u8>(), lengths);
    let url_safe = bytes.prop_flat_map(|bytes| {
        select(vec![STANDARD.encode(&bytes), URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)])
    });
    prop_oneof![9 => url_safe.clone(), 1 => (url_safe, "[=+-]{0,3}").prop_map(|(text, more)| text + &more)]
        .boxed()
}

/// One of the methods and a hash that has its form, or nearly, most of the time.
fn hash_of(methods: &'static [&'static str]) -> BoxedStrategy<(&'static str, String)> {
    let hash = |method| match method {
        "bcrypt" => "\\$2[abxy]?\\$[0-3][0-9]\\$[./0-9A-Za-z]{53}".boxed(),
        "crypt" => prop_oneof![
            "\\$(1|apr1)\\$[!-#%-~]{7,9}\\$[./0-9A-Za-z]{22}",
            "\\$5\\$(rounds=[0-9]{0,2}\\$)?[!-#%-~]{16,17}\\$[./0-9A-Za-z]{43}",
            "\\$6\\$(rounds=[0-9]{1,2}\\$)?[!-#%-~]{0,16}\\$[./0-9A-Za-z]{86}",
            "\\$(y|gy)\\$[./0-9A-Za-z]{3}\\$[!-#%-~]{0,20}\\$[./0-9A-Za-z]{43}",
            "\\$7\\$[./0-9A-Za-z]{20,30}\\$[./0-9A-Za-z]{43}",
            "\\$sha1\\$[0-9]{0,2}\\$[!-#%-~]{4}\\$[./0-9A-Za-z]{28}",
            "\\$md5(,rounds=[0-9]{0,2})?\\$[!-#%-~]{4}\\${1,2}[./0-9A-Za-z]{22}",
            "\\$3\\${1,2}[0-9a-f]{32}",
            "_?[./0-9A-Za-z]{19}",
            "[./0-9A-Za-z]{11,14}",
            "[./0-9A-Za-z]{24}",
        ]
        .boxed(),
        "md5" => {
            prop_oneof![4 => "[0-9a-fA-F]{32}", 1 => "[0-9a-g]{31,33}", 1 => "[A-Za-z0-9+/]{21,23}=="].boxed()
        }
        "sha256" => prop_oneof![4 => "[0-9a-fA-F]{64}", 1 => "[0-9a-g]{63,65}"].boxed(),
        "wordpress" => prop_oneof![
            "\\$[PHS]\\$[./0-9A-Za-z]{31}",
            "\\$(wp\\$)?2y\\$10\\$[./0-9A-Za-z]{53}",
            "[0-9a-f]{32}",
            "[./0-9A-Za-z]{21,22}",
        ]
        .boxed(),
        "pbkdf2" => prop_oneof![base64(32), base64(64), base64(0..80)].boxed(),
        "firebase-scrypt" => prop_oneof![3 => base64(64), 1 => base64(60..70)].boxed(),
        "aspnet-identity-v2" => (0..2_u8, vec(any::<u8>(), 47..50))
            .prop_map(|(first, rest)| STANDARD.encode([&[first], &rest[..]].concat()))
            .boxed(),
        method => panic!("{method}"),
    };
    // One digit more or less, or another one at the end.
    let bent = move |method| {
        (hash(method), select(&["", "+", ".", "a", " "][..])).prop_map(|(mut hash, end)| {
            hash.pop();
            hash + end
        })
    };
    let any_hash =
        move |method| prop_oneof![6 => hash(method), 1 => bent(method), 1 => hash("crypt"), 1 => text()];
    select(methods).prop_flat_map(move |method| (Just(method), any_hash(method))).boxed()
}

fn password() -> BoxedStrategy<Json> {
    let alone = hash_of(&["bcrypt", "crypt", "md5", "sha256", "wordpress", "aspnet-identity-v2"]);
    let position = || select(&["prefix", "suffix"][..]).prop_map(Json::from);
    let number = || prop_oneof![8 => 1..=16_u32, 1 => 0..30_u32, 1 => any::<u32>()];
    let known =
        ["salted-pbkdf2-hmac-sha256", "salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"];
    let variant = prop_oneof![2 => select(known.to_vec()).prop_map(str::to_owned), 1 => text()];
    let key = || prop_oneof![8 => base64(0..20), 1 => text()];
    let body = prop_oneof![
        (alone, option::weighted(0.1, position())).prop_map(|((method, hash), position)| {
            object([
                ("hashed_password", Some(hash.into())),
                ("hashing_method", Some(method.into())),
                ("salt_position", position),
            ])
        }),
        (hash_of(&["crypt", "wordpress"]), text(), option::of(position())).prop_map(
            |((method, hash), salt, position)| {
                object([
                    ("hashed_password", Some(hash.into())),
                    ("hashing_method", Some(method.into())),
                    ("salt", Some(salt.into())),
                    ("salt_position", position),
                ])
            }
        ),
        (hash_of(&["md5", "sha256"]), text(), position()).prop_map(
            |((method, hash), salt, position)| json!({
                "hashed_password": hash, "hashing_method": method, "salt": salt, "salt_position": position
            })
        ),
        (hash_of(&["pbkdf2"]), key(), option::of(position()), option::of(number()), variant).prop_map(
            |((_, hash), salt, position, iterations, variant)| object([
                ("hashed_password", Some(hash.into())),
                ("hashing_method", Some("pbkdf2".into())),
                ("salt", Some(salt.into())),
                ("salt_position", position),
                ("iterations", iterations.map(Json::from)),
                ("variant", Some(variant.into())),
            ])
        ),
        (hash_of(&["firebase-scrypt"]), key(), key(), key(), number(), number()).prop_map(
            |((_, hash), salt, key, separator, rounds, mem_cost)| json!({
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
    fn any_text_as_timestamp_is_kept_or_refused(text in time()) {
        let operation = documented("get_users");
        let query = operation.query.iter().map(|pair| match pair {
            Time(name) => Some((*name, text.as_str().into())),
            _ => None,
        });
        check(operation, &Arguments { path: Vec::new(), query: query.collect(), body: None }, "t");
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
        support::domain::check(&text);
    }
}
