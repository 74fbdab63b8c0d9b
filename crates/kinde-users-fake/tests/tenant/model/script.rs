//! The scripts of steps for a tenant, and their generators. Values come from small pools, so that
//! they collide.

use core::time::Duration;

use proptest::collection::vec;
use proptest::option::{self, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::naive::OPERATIONS;

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) setup: Setup,
    pub(crate) actions: Vec<Action>,
}

/// The settings of the tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) identities_page: usize,
    pub(crate) token_lifetime: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Ask(Ask),
    /// Requests the next page of the walk with this number, or its first page. The filter is that
    /// of the first page.
    Walk {
        number: usize,
        size: usize,
        has_organization: Option<bool>,
    },
    Seed(Seed),
    Token(TokenRequest),
    RevokeTokens,
    RotateSecret(&'static str),
    Advance(Duration),
}

/// A request. What it refers to is resolved when the step runs.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) operation: usize,
    pub(crate) path: Vec<Word>,
    pub(crate) query: Vec<(&'static str, Word)>,
    pub(crate) body: Body,
    pub(crate) authorization: Authorization,
    pub(crate) bend: Option<Bend>,
    /// Whether letters, digits and dots are percent-encoded too.
    pub(crate) is_encoded_in_full: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Word {
    Text(&'static str),
    /// The id of any user, including deleted ones, modulo their number.
    User(usize),
    /// The id of an existing user, counted from the newest.
    Newest(usize),
    Users(Vec<usize>),
    /// The id of an identity or a factor of the user in the path, or of another user.
    Identity(usize),
    Factor(usize),
    /// A page token from an earlier reply.
    PageToken(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Nothing,
    Json(Value),
    Raw(&'static [u8]),
}

#[derive(Clone, Debug)]
pub(crate) enum Authorization {
    /// A current token for all scopes.
    Good,
    /// A token from an earlier reply.
    Kept(usize),
    Raw(&'static str),
    Nothing,
}

/// A change that makes a different path or method.
#[derive(Clone, Debug)]
pub(crate) enum Bend {
    Method(&'static str),
    OneMore(&'static str),
    OneLess,
    Version,
}

/// A user who is added without the API.
#[derive(Clone, Debug)]
pub(crate) struct Seed(pub(crate) Vec<Trait>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Trait {
    Id(&'static str),
    ProvidedId(&'static str),
    Name(&'static str, &'static str),
    Picture(&'static str),
    Suspended,
    CreatedAgo(Duration),
    SignedInAgo(Duration),
    Email(&'static str),
    Phone(&'static str),
    Username(&'static str),
    Connected(&'static str, &'static str, &'static str),
    Organization(&'static str),
    SignedInTo(&'static str, Duration),
    Property(&'static str, &'static str),
    FeatureFlag(&'static str, &'static str),
    Session,
    Mfa(&'static str, &'static str),
}

/// A request for a token, by its differences from the usual one.
#[derive(Clone, Debug)]
pub(crate) enum TokenRequest {
    Scopes(Vec<&'static str>),
    Client(&'static str),
    Secret(&'static str),
    Audience(Option<&'static str>),
    GrantType(Option<&'static str>),
    ContentType(Option<&'static str>),
}

// ---- Pools ------------------------------------------------------------------

pub(crate) const SECRETS: [&str; 2] = ["the secret", "s+2&=%41"];

const EMAILS: &[&str] =
    &["a@example.com", "A@Example.com", "b+c@example.com", "zoë@example.com", "ZOË@EXAMPLE.COM"];
const BAD_EMAILS: &[&str] = &["", "sally", "a@", "@example.com", "a@b@example.com", "a b@example.com"];
const PHONES: &[&str] = &["+61412345678", "+61412345679", "+15551234567"];
const BAD_PHONES: &[&str] =
    &["", "0412 345 678", "61412345678", "+", "+0412345678", "+1234567890123456", "+6141234567x"];
const USERNAMES: &[&str] = &["sally", "Sally", "a@example.com", "Ünal", "ünal"];
const NAMES: &[&str] = &["Sally", "Doe", "", "O'Neill \"\\\u{0}\u{1F600}"];
const ORGANIZATIONS: &[&str] = &["org_1ccfb819462", "org_2", ""];
const CONNECTIONS: &[&str] = &["conn_019289347f1193da6c0e4d49b97b4bd2", "conn_1"];
const KEYS: &[&str] = &["kp_town", "paid", "Paid", "a/b c", "é", "%41"];
const VALUES: &[&str] = &["true", "", "São Paulo, BR + 1 & 2 = 3%", "x"];
const OLD_IDS: &[&str] = &["kp:0", "kp:1,2"];
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const EXPANSIONS: &[&str] = &[
    "organizations",
    "identities",
    "billing",
    "billing,organizations",
    "identities,billing,identities,organizations",
];
const BAD_EXPANSIONS: &[&str] = &["", "everything", "identities,", "Billing", "identities, billing"];
const BAD_SIZES: &[&str] = &["", "0", "501", "-1", "ten", "2.0", "99999999999999999999"];
const EMAIL_LISTS: &[&str] = &[
    "",
    "a@example.com,b+c@example.com",
    "unknown@example.com, a@example.com",
    ",",
    "a@example.com,",
    "sally",
];
const WRONG_NAMES: &[&str] = &["kp_0", "kp:0", "", ".", "..", "a/b", "%2e", "KP_1 ?#", "ü"];

/// 2026-01-01, the start of a tenant's clock.
const START: u64 = 1_767_225_600;

/// Values for `active_since`, and their meaning in seconds since 1970.
pub(crate) const INSTANTS: &[(&str, Option<u64>)] = &[
    ("2026-01-01", Some(START)),
    ("2026-01-01T00:00:00Z", Some(START)),
    ("2026-01-01T00:00:00", Some(START)),
    ("2025-12-31T23:59:59Z", Some(START - 1)),
    ("2026-01-01T11:00:01+11:00", Some(START + 1)),
    ("2025-12-31T13:00:00-11", Some(START)),
    ("2026-01-01T01:00:00.000000+00:00", Some(START + 3_600)),
    ("1969-12-31", Some(0)),
    ("2999-01-01", Some(32_472_144_000)),
    ("yesterday", None),
    ("2026-13-01", None),
    ("1767225600", None),
];

const AGO: &[Duration] = &[
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3_600),
    Duration::from_secs(86_400),
    Duration::from_micros(337_802),
];

/// Returns bodies for `set_user_password`, which may be changed later. Methods with more rules are
/// more frequent.
fn passwords() -> Vec<Value> {
    let of = |method: &str, hash: &str| json!({ "hashing_method": method, "hashed_password": hash });
    let with = |mut body: Value, more: Value| {
        body.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        body
    };
    let pbkdf2 = json!({ "salt": "c2FsdA==", "variant": "salted-pbkdf2-hmac-sha256" });
    let pbkdf2 = with(of("pbkdf2", "x"), pbkdf2);
    let firebase = json!({ "signer_key": "a2V5", "salt_separator": "Bw==", "rounds": 8, "mem_cost": 14 });
    let firebase = with(with(of("firebase-scrypt", "x"), firebase), json!({ "salt": "c2FsdA" }));
    vec![
        json!({ "hashed_password": "$2a$10$hash" }),
        of("bcrypt", "$2a$10$hash"),
        of("crypt", "x"),
        with(of("crypt", "x"), json!({ "salt": "s" })),
        of("md5", "0cc175b9c0f1b6a831c399e269772661"),
        with(of("md5", "x"), json!({ "salt": "s", "salt_position": "prefix" })),
        of("sha256", HEX),
        with(of("sha256", HEX), json!({ "salt": "s", "salt_position": "suffix" })),
        of("wordpress", "$P$B"),
        pbkdf2.clone(),
        with(pbkdf2, json!({ "iterations": 1 })),
        firebase.clone(),
        firebase.clone(),
        firebase,
        of("aspnet-identity-v2", "AQAAAAEAACcQ"),
        of("aspnet-identity-v2", "AQAAAAEAACcQ"),
    ]
}

// ---- Generators -------------------------------------------------------------

/// Generates scripts of any steps for a few users.
pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    let action = prop_oneof![
        40 => ask().prop_map(Action::Ask),
        4 => walk(),
        4 => seed().prop_map(Action::Seed),
        4 => advance(),
        2 => token_request().prop_map(Action::Token),
        1 => prop_oneof![Just(Action::RevokeTokens), select(&SECRETS[..]).prop_map(Action::RotateSecret)],
    ];
    script(0..6, action.boxed(), 1..40)
}

/// Generates scripts with many users, who are added and deleted while lists are read.
pub(crate) fn crowds() -> impl Strategy<Value = Script> {
    let action = prop_oneof![
        6 => walk(),
        3 => of("create_user").prop_map(Action::Ask),
        2 => seed().prop_map(Action::Seed),
        4 => of("delete_user").prop_map(Action::Ask),
        1 => of("get_users").prop_map(Action::Ask),
    ];
    script(0..20, action.boxed(), 1..50)
}

fn script(
    seeds: core::ops::Range<usize>,
    action: BoxedStrategy<Action>,
    actions: core::ops::Range<usize>,
) -> impl Strategy<Value = Script> {
    let lifetimes = [Duration::from_secs(60), Duration::from_secs(86_399)];
    let setup = (select(vec![1, 2, 10]), select(lifetimes.to_vec()))
        .prop_map(|(identities_page, token_lifetime)| Setup { identities_page, token_lifetime });
    let seeds = vec(seed().prop_map(Action::Seed), seeds);
    // Two tokens with few scopes exist from the start.
    let tokens = [vec!["read:users"], vec!["create:users", "update:users"]];
    let tokens = tokens.map(|scopes| Action::Token(TokenRequest::Scopes(scopes)));
    (setup, seeds, vec(action, actions)).prop_map(move |(setup, seeds, actions)| Script {
        setup,
        actions: tokens.iter().cloned().chain(seeds).chain(actions).collect(),
    })
}

fn walk() -> impl Strategy<Value = Action> {
    let size = prop_oneof![6 => 1_usize..8, 1 => Just(500)];
    (0_usize..3, size, weighted(0.3, any::<bool>()))
        .prop_map(|(number, size, has_organization)| Action::Walk { number, size, has_organization })
}

fn advance() -> impl Strategy<Value = Action> {
    let by = [1, 59, 60, 3_600, 86_398, 86_399, 86_400, 86_400].map(Duration::from_secs);
    let by = by.into_iter().chain([Duration::from_micros(337_802), Duration::from_nanos(1)]);
    select(by.collect::<Vec<_>>()).prop_map(Action::Advance)
}

fn token_request() -> impl Strategy<Value = TokenRequest> {
    let scopes: Vec<&str> = OPERATIONS.iter().map(|operation| operation.scope).collect();
    prop_oneof![
        4 => vec(select(scopes), 0..6).prop_map(TokenRequest::Scopes),
        1 => Just(TokenRequest::Scopes(vec!["read:users", "read:nothing"])),
        3 => select(vec![SECRETS[0], SECRETS[1], "", "wrong"]).prop_map(TokenRequest::Secret),
        1 => option::of(select(vec!["", "https://acme.kinde.com", "https://acme.kinde.com/api/v1"]))
            .prop_map(TokenRequest::Audience),
        1 => select(vec!["", "other"]).prop_map(TokenRequest::Client),
        1 => option::of(select(vec!["", "password"])).prop_map(TokenRequest::GrantType),
        1 => option::of(select(vec!["", "application/json"])).prop_map(TokenRequest::ContentType),
    ]
}

fn seed() -> impl Strategy<Value = Seed> {
    let text = |pool: &'static [&'static str]| select(pool);
    let new = prop_oneof![
        1 => text(OLD_IDS).prop_map(Trait::Id),
        1 => text(NAMES).prop_map(Trait::ProvidedId),
        1 => (text(NAMES), text(NAMES)).prop_map(|(given, family)| Trait::Name(given, family)),
        1 => text(NAMES).prop_map(Trait::Picture),
        1 => Just(Trait::Suspended),
        1 => select(AGO).prop_map(Trait::CreatedAgo),
        2 => select(AGO).prop_map(Trait::SignedInAgo),
        6 => text(EMAILS).prop_map(Trait::Email),
        4 => text(PHONES).prop_map(Trait::Phone),
        4 => text(USERNAMES).prop_map(Trait::Username),
        1 => (select(vec!["oauth2:google", "enterprise", "passkey"]), text(EMAILS), text(CONNECTIONS))
            .prop_map(|(kind, value, id)| Trait::Connected(kind, value, id)),
        2 => text(ORGANIZATIONS).prop_map(Trait::Organization),
        2 => (text(ORGANIZATIONS), select(AGO)).prop_map(|(code, ago)| Trait::SignedInTo(code, ago)),
        1 => (text(KEYS), text(VALUES)).prop_map(|(key, value)| Trait::Property(key, value)),
        1 => (text(KEYS), text(VALUES)).prop_map(|(key, value)| Trait::FeatureFlag(key, value)),
        3 => Just(Trait::Session),
        3 => (select(vec!["email", "sms"]), text(NAMES)).prop_map(|(kind, name)| Trait::Mfa(kind, name)),
    ];
    vec(new, 0..8).prop_map(Seed)
}

fn ask() -> impl Strategy<Value = Ask> {
    let weight = |name| match name {
        "set_user_password" => 7,
        "create_user" | "get_users" | "update_user" => 5,
        "create_user_billing_customer" | "create_user_identity" => 4,
        "get_user_identities" => 3,
        _ => 2,
    };
    let operations = OPERATIONS.iter().map(|operation| (weight(operation.name), of(operation.name).boxed()));
    proptest::strategy::Union::new_weighted(operations.collect())
}

/// Generates requests, mostly for this operation.
fn of(name: &'static str) -> impl Strategy<Value = Ask> {
    let place = OPERATIONS.iter().position(|operation| operation.name == name).unwrap();
    let operation = &OPERATIONS[place];
    let path = operation.path.split('/').filter_map(|segment| match segment {
        "{user_id}" => Some(user().boxed()),
        "{factor_id}" => {
            Some(prop_oneof![6 => (0_usize..4).prop_map(Word::Factor), 1 => words(WRONG_NAMES)].boxed())
        }
        "{property_key}" | "{feature_flag_key}" => {
            Some(prop_oneof![12 => words(KEYS), 1 => words(WRONG_NAMES)].boxed())
        }
        _ => None,
    });
    let path: Vec<_> = path.collect();
    let authorization = prop_oneof![
        40 => Just(Authorization::Good),
        4 => (0_usize..6).prop_map(Authorization::Kept),
        1 => select(vec!["", "Bearer", "Bearer x.y.z", "Basic eDp5", "token"]).prop_map(Authorization::Raw),
        1 => Just(Authorization::Nothing),
    ];
    let bend = prop_oneof![
        select(vec!["GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "OPTIONS"]).prop_map(Bend::Method),
        select(vec!["", "users", "."]).prop_map(Bend::OneMore),
        Just(Bend::OneLess),
        Just(Bend::Version),
    ];
    (path, query(name), body(name), authorization, weighted(0.03, bend), any::<bool>()).prop_map(
        move |(path, query, body, authorization, bend, is_encoded_in_full)| Ask {
            operation: place,
            path,
            query,
            body,
            authorization,
            bend,
            is_encoded_in_full,
        },
    )
}

fn words(pool: &'static [&'static str]) -> BoxedStrategy<Word> {
    select(pool).prop_map(Word::Text).boxed()
}

fn user() -> BoxedStrategy<Word> {
    prop_oneof![
        20 => (0_usize..12).prop_map(Word::User),
        6 => (0_usize..3).prop_map(Word::Newest),
        1 => words(WRONG_NAMES),
        1 => words(OLD_IDS),
    ]
    .boxed()
}

/// Generates the query arguments, each with its probability in percent, and sometimes one of them
/// twice.
fn query(name: &str) -> BoxedStrategy<Vec<(&'static str, Word)>> {
    let flag = || mostly(words(&["true", "false"]), &["", "yes", "TRUE", "1"]);
    let expand = || mostly(words(EXPANSIONS), BAD_EXPANSIONS);
    let cursor = || mostly((0_usize..4).prop_map(Word::Identity).boxed(), &["", "x", "identity_0"]);
    let mut all = match name {
        "get_users" => {
            let token = (0_usize..10).prop_map(Word::PageToken).boxed();
            let users = vec(0_usize..12, 1..4).prop_map(Word::Users).boxed();
            let (good, bad): (Vec<_>, Vec<_>) = INSTANTS.iter().partition(|(_, instant)| instant.is_some());
            let since = prop_oneof![8 => select(good), 1 => select(bad)];
            vec![
                ("page_size", 50, mostly(words(&["1", "2", "3", "10", "500", "007"]), BAD_SIZES)),
                ("next_token", 25, mostly(token, &["", "!", "MTo6OmlkX2FzYw", "x"])),
                ("user_id", 10, mostly(users, &["", "kp_0", "kp:0", "kp:0,kp_0"])),
                ("email", 12, mostly(words(EMAILS), EMAIL_LISTS)),
                ("username", 12, mostly(words(USERNAMES), &["", "SALLY,unknown", "a@example.com", "ÜNAL"])),
                ("phone", 12, mostly(words(PHONES), &["", "+61412345678,+15551234567", "61412345678"])),
                ("has_organization", 12, flag()),
                ("active_since", 12, since.prop_map(|(text, _)| Word::Text(text)).boxed()),
                ("expand", 30, expand()),
            ]
        }
        "delete_user" => vec![("id", 95, user()), ("is_delete_profile", 40, flag())],
        "get_user_data" => vec![("id", 95, user()), ("expand", 60, expand())],
        "update_user" => vec![("id", 95, user())],
        "get_user_identities" => vec![("starting_after", 40, cursor()), ("ending_before", 30, cursor())],
        "update_user_property" | "update_user_feature_flag_override" => vec![("value", 95, words(VALUES))],
        _ => vec![],
    };
    all.push(("unknown", 5, words(VALUES)));
    let argument = |key: &'static str, percent: u32, word: BoxedStrategy<Word>| {
        weighted(f64::from(percent) / 100.0, word.prop_map(move |word| (key, word)))
    };
    let again: Vec<_> = all.iter().map(|(key, _, word)| argument(key, 5, word.clone())).collect();
    let first: Vec<_> = all.into_iter().map(|(key, percent, word)| argument(key, percent, word)).collect();
    (first, again).prop_map(|(first, again)| first.into_iter().chain(again).flatten().collect()).boxed()
}

fn mostly(good: BoxedStrategy<Word>, awkward: &'static [&'static str]) -> BoxedStrategy<Word> {
    prop_oneof![6 => good, 1 => words(awkward)].boxed()
}

// ---- Bodies -----------------------------------------------------------------

fn body(name: &str) -> BoxedStrategy<Body> {
    let raw = || {
        let raw: [&[u8]; 9] =
            [b"{", b"null", b"[]", b"7", b"\"{}\"", b"\xff", b" ", b"\xef\xbb\xbf{}", b" {}\n"];
        select(raw.to_vec()).prop_map(Body::Raw)
    };
    let json = match name {
        "create_user" => new_user(),
        "create_user_billing_customer" => object(vec![
            ("org_code", 95, texts(&["org_1ccfb819462", "org_d2d85014942"], &[""])),
            ("billing_email", 95, texts(EMAILS, BAD_EMAILS)),
            ("billing_plan_code", 50, texts(&["pro"], &[""])),
        ]),
        "create_user_identity" => new_identity(),
        "set_user_password" => new_password(),
        "update_user" => object(vec![
            ("given_name", 40, nullable(texts(NAMES, NAMES))),
            ("family_name", 40, nullable(texts(NAMES, NAMES))),
            ("picture", 30, nullable(texts(NAMES, NAMES))),
            ("provided_id", 30, nullable(texts(NAMES, NAMES))),
            ("is_suspended", 40, nullable(flag())),
            ("is_password_reset_requested", 40, nullable(flag())),
            ("unknown", 10, nullable(flag())),
        ]),
        "update_user_properties" => {
            let values = || nullable(texts(VALUES, VALUES));
            let keys = KEYS.iter().map(|key| (*key, 20, values())).chain([("", 5, values())]);
            let properties = prop_oneof![20 => object(keys.collect()), 1 => wrong()].boxed();
            object(vec![("properties", 93, properties)])
        }
        // The body of an operation that has none.
        _ => {
            let useless = Just(Body::Json(json!({ "value": "x" })));
            return prop_oneof![15 => Just(Body::Nothing), 1 => raw(), 1 => useless].boxed();
        }
    };
    prop_oneof![25 => json.prop_map(Body::Json), 1 => raw(), 1 => Just(Body::Nothing)].boxed()
}

/// Generates a value whose type may be wrong.
fn wrong() -> BoxedStrategy<Value> {
    let wrong = [
        json!(null),
        json!(7),
        json!(-1),
        json!(0.5),
        json!(true),
        json!([]),
        json!({}),
        json!("x"),
        json!([{}]),
    ];
    select(wrong.to_vec()).boxed()
}

fn nullable(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![3 => value, 1 => Just(Value::Null)].boxed()
}

fn texts(good: &'static [&'static str], bad: &'static [&'static str]) -> BoxedStrategy<Value> {
    let (good, bad) = (select(good).prop_map(Value::from), select(bad).prop_map(Value::from));
    prop_oneof![10 => good, 1 => bad, 1 => wrong()].boxed()
}

fn flag() -> BoxedStrategy<Value> {
    prop_oneof![12 => any::<bool>().prop_map(Value::from), 1 => wrong()].boxed()
}

/// Generates an object with these keys, each with its probability in percent.
fn object(fields: Vec<(&'static str, u32, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let field = |(key, percent, value): (&'static str, u32, BoxedStrategy<Value>)| {
        weighted(f64::from(percent) / 100.0, value.prop_map(move |value| (key.to_owned(), value)))
    };
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect())).boxed()
}

fn new_user() -> BoxedStrategy<Value> {
    let profile = object(vec![
        ("given_name", 70, texts(NAMES, NAMES)),
        ("family_name", 70, texts(NAMES, NAMES)),
        ("picture", 50, texts(NAMES, NAMES)),
        ("email", 10, texts(EMAILS, BAD_EMAILS)),
    ]);
    let of = |kind: &'static [&'static str], value: BoxedStrategy<Value>| {
        let details = object(vec![
            (kind[0], 94, value),
            ("phone_country_id", 20, texts(&["au"], &[""])),
            ("unknown", 10, wrong()),
        ]);
        object(vec![
            ("type", 98, texts(kind, &["passkey", "", "Email", "social"])),
            ("is_verified", 40, flag()),
            ("details", 98, prop_oneof![30 => details, 1 => wrong()].boxed()),
        ])
    };
    let identity = prop_oneof![
        12 => of(&["email"], texts(EMAILS, BAD_EMAILS)),
        8 => of(&["phone"], texts(PHONES, BAD_PHONES)),
        8 => of(&["username"], texts(USERNAMES, &[""])),
        1 => wrong(),
    ];
    let identities = prop_oneof![30 => vec(identity, 0..4).prop_map(Value::Array), 1 => wrong()].boxed();
    object(vec![
        ("profile", 70, prop_oneof![20 => profile, 1 => wrong()].boxed()),
        ("organization_code", 40, texts(ORGANIZATIONS, ORGANIZATIONS)),
        ("provided_id", 30, texts(NAMES, NAMES)),
        ("identities", 80, identities),
        ("unknown", 10, wrong()),
    ])
}

fn new_identity() -> BoxedStrategy<Value> {
    let of = |kind: &'static [&'static str], value: BoxedStrategy<Value>, country: u32, connection: u32| {
        object(vec![
            ("type", 98, texts(kind, &["passkey", "", "Email", "oauth2:google"])),
            ("value", 98, value),
            ("phone_country_id", country, texts(&["au"], &[""])),
            ("connection_id", connection, texts(CONNECTIONS, &[""])),
        ])
    };
    prop_oneof![
        3 => of(&["email"], texts(EMAILS, BAD_EMAILS), 10, 10),
        3 => of(&["phone"], texts(PHONES, BAD_PHONES), 90, 10),
        3 => of(&["username"], texts(USERNAMES, &[""]), 10, 10),
        3 => of(&["social", "enterprise"], texts(EMAILS, USERNAMES), 10, 90),
    ]
    .boxed()
}

fn new_password() -> BoxedStrategy<Value> {
    let numbers = || {
        let number = select(vec![0, 1, 8, 16, 17, 20, 21, -1]).prop_map(Value::from);
        nullable(prop_oneof![3 => number, 1 => wrong()].boxed())
    };
    let change = prop_oneof![
        texts(&["x", HEX, "AQAAAAEAACcQ"], &["", "$not"]).prop_map(|value| ("hashed_password", value)),
        texts(&["bcrypt", "md5", "sha256", "pbkdf2", "aspnet-identity-v2"], &["argon2", "BCRYPT", ""])
            .prop_map(|value| ("hashing_method", value)),
        nullable(texts(&["s", "c2FsdA=="], &["", "not base64"])).prop_map(|value| ("salt", value)),
        nullable(texts(&["prefix", "suffix"], &["", "mid"])).prop_map(|value| ("salt_position", value)),
        numbers().prop_map(|value| ("iterations", value)),
        nullable(texts(&["salted-pbkdf2-hmac-sha256-512", "salted-pbkdf2-hmac-sha512-512"], &["", "md5"]))
            .prop_map(|value| ("variant", value)),
        nullable(texts(&["a2V5"], &["", "not base64"])).prop_map(|value| ("signer_key", value)),
        nullable(texts(&["Bw=="], &["", "not base64"])).prop_map(|value| ("salt_separator", value)),
        numbers().prop_map(|value| ("rounds", value)),
        numbers().prop_map(|value| ("mem_cost", value)),
        flag().prop_map(|value| ("is_temporary_password", value)),
        wrong().prop_map(|value| ("unknown", value)),
    ];
    // One of the method's own fields is damaged.
    let spoil = (
        0_usize..8,
        select(vec![json!(null), json!(null), json!(""), json!([]), json!("not base64"), json!(99)]),
    );
    (select(passwords()), vec(change, 0..4), weighted(0.4, spoil))
        .prop_map(|(mut body, changes, spoil)| {
            if let Some((which, value)) = spoil {
                let fields = body.as_object_mut().unwrap();
                let which = which % fields.len();
                *fields.values_mut().nth(which).unwrap() = value;
            }
            for (key, value) in changes {
                body[key] = value;
            }
            body
        })
        .boxed()
}
