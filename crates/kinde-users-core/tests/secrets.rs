//! No secret and no personal data is in anything that the crate prints by itself: `Debug`,
//! `Display`, `source`.
//!
//! Every public type that can hold such a text is given one wherever it takes one, and what it
//! prints is searched for pieces of it, in the encodings in which bytes and URIs get into logs. Not
//! searched is what prints a text because that is what it is for: `Display` of ids and timestamps,
//! and what accessors return.

#[path = "support/leaks.rs"]
mod leaks;
mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::ready;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{Request, Response};
use kinde_users_core::models::IdentityType;
use kinde_users_core::operations::{
    Expand, FirebaseParameters, GetUserData, GetUserIdentities, GetUsers, Password, Pbkdf2Variant,
};
use kinde_users_core::{
    AccessToken, Answered, ApiError, AsyncClient, AsyncClock, Attempt, AuthProblem, BillingAgreementId,
    BillingCustomerId, CallError, CallOptions, Client, ClientId, Clock, ConnectionId, Credentials, Cursor,
    Delivery, Domain, Done, Erase, Error, ErrorBody, Exchange, FactorId, FeatureFlagKey, FindUser, FindUsers,
    IdentityId, Input, Instant, Job, OPERATIONS, Observer, Operation, OrganizationCode, Pages, Patch,
    PropertyId, PropertyKey, Redacted, Reply, RetryPolicy, SessionId, Step, Suspend, Tenant, Text, Timestamp,
    UserId, Value, async_transport_fn, build_request, transport_fn,
};
use leaks::*;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use proptest::sample::select;
use proptest::strategy::Strategy as _;
use serde::Serialize;
use serde_json::{Value as Json, json};
use support::{Visit, with_operation};

#[test]
fn leak_is_found_in_every_encoding() {
    for hidden in all() {
        for length in [1, 2, 3] {
            // In front of it, so that base64 has it at each of its three alignments, and with and
            // without padding.
            let around = format!("{}{hidden}{}", &"<><"[..length], &"<><"[..length]);
            let encoded = hex("%", around.as_bytes());
            for (printed, form) in [
                (around.clone(), "plain"),
                (format!("{around:?}"), "plain"),
                (encoded.clone(), "percent-encoded"),
                (encoded.to_uppercase(), "percent-encoded"),
                (STANDARD_NO_PAD.encode(&around), "base64"),
                (STANDARD.encode(&around), "base64"),
                (format!("{:?}", around.as_bytes()), "bytes"),
                (format!("{:#?}", around.as_bytes()), "bytes"),
                (hex("", around.as_bytes()).to_uppercase(), "hex"),
            ] {
                assert_eq!(leaks(&printed, hidden), Some(form), "{printed}");
            }
            assert!(leaks(&URL_SAFE_NO_PAD.encode(&around), hidden).is_some());
        }
        for part in [&hidden[..hidden.len() - 3], &hidden[3..]] {
            assert_eq!(leaks(part, hidden), Some("plain"));
        }
    }
    assert_eq!(leaks("a%40b", "ada@example.com"), None);
    assert_eq!(leaks("ada%40example%2Ecom", "ada@example.com"), Some("percent-encoded"));
    assert_eq!(leaks("q=correct+horse", WORDS[0]), Some("percent-encoded"));
    assert_eq!(leaks("a~b", "a?b~c?d>e~f?"), None);
    assert_eq!(leaks(&URL_SAFE_NO_PAD.encode("a?b~c?d>e~f?"), "a?b~c?d>e~f?"), Some("base64url"));
    assert_eq!(leaks("HTTP 200, 28 bytes", "ada@example.com"), None);
}

// ---- operations and their calls

/// Arguments that hold `text` wherever they hold text, and `id` for the names of things.
fn arguments(operation: &str, id: &str, text: &str) -> Vec<Json> {
    match operation {
        "create_user" => vec![json!({
            "profile": {"given_name": text, "family_name": text, "picture": text},
            "organization_code": id, "provided_id": text,
            "identities": [
                {"type": "email", "is_verified": true, "details": {"email": text}},
                {"type": "phone", "details": {"phone": text, "phone_country_id": text}},
                {"type": "username", "details": {"username": text}},
            ],
        })],
        "create_user_billing_customer" => {
            vec![json!({"user_id": id, "org_code": id, "billing_email": text, "billing_plan_code": text})]
        }
        "create_user_identity" => vec![
            json!({"user_id": id, "value": text, "type": "email"}),
            json!({"user_id": id, "value": text, "type": "username"}),
            json!({"user_id": id, "value": text, "type": "phone", "phone_country_id": text}),
            json!({"user_id": id, "value": text, "type": "social", "connection_id": id}),
            json!({"user_id": id, "value": text, "type": "enterprise", "connection_id": id}),
        ],
        "delete_user" => vec![json!({"id": id, "is_delete_profile": true})],
        "get_user_data" => vec![json!({"id": id, "expand": [text]})],
        "get_user_identities" => {
            vec![json!({"user_id": id, "starting_after": id}), json!({"user_id": id, "ending_before": id})]
        }
        "get_users" => vec![
            json!({"page_size": 1, "user_id": [id, id], "next_token": id, "email": [text, text], "username": [text],
                "phone": [text], "expand": [text], "has_organization": true}),
            // These are refused.
            json!({"active_since": text}),
            json!({"email": [format!("{text},{text}")]}),
            json!({"user_id": [id.repeat(10_000)]}),
        ],
        "set_user_password" => passwords(text)
            .into_iter()
            .map(|mut password| {
                password["user_id"] = id.into();
                password
            })
            .collect(),
        "update_user" => vec![json!({"id": id, "given_name": text, "family_name": text, "picture": text,
            "provided_id": text, "is_suspended": true})],
        "update_user_properties" => vec![json!({"user_id": id, "properties": {id: text}})],
        "update_user_property" => vec![json!({"user_id": id, "property_key": id, "value": text})],
        "update_user_feature_flag_override" => {
            vec![json!({"user_id": id, "feature_flag_key": id, "value": text})]
        }
        "reset_users_mfa" => vec![json!({"user_id": id, "factor_id": id})],
        _ => vec![json!({"user_id": id})],
    }
}

/// Hashes of all methods, which hold `text` as far as their forms have room for one.
fn passwords(text: &str) -> [Json; 8] {
    let (bcrypt, md5, sha256) = (bcrypt(text), "0".repeat(32), "0".repeat(64));
    // As many bytes as there have to be, the first of them 0.
    let hash = |length| {
        let mut bytes = [b"\0", text.as_bytes()].concat();
        bytes.resize(length, 0);
        STANDARD.encode(bytes)
    };
    let base64 = STANDARD.encode(text);
    [
        json!({"hashing_method": "bcrypt", "hashed_password": bcrypt}),
        json!({"hashing_method": "crypt", "hashed_password": bcrypt, "salt": text}),
        json!({"hashing_method": "md5", "hashed_password": md5, "salt": text, "salt_position": "prefix"}),
        json!({"hashing_method": "sha256", "hashed_password": sha256, "salt": text, "salt_position": "suffix"}),
        json!({"hashing_method": "wordpress", "hashed_password": bcrypt, "salt": text}),
        json!({"hashing_method": "pbkdf2", "hashed_password": base64, "salt": base64, "variant": text, "iterations": 7}),
        json!({"hashing_method": "firebase-scrypt", "hashed_password": hash(64), "salt": base64, "signer_key": base64,
            "salt_separator": base64, "rounds": 8, "mem_cost": 14}),
        json!({"hashing_method": "aspnet-identity-v2", "hashed_password": hash(49)}),
    ]
}

/// What stands for an id: an address that was taken for one by mistake, and otherwise an id, as ids
/// may be shown.
fn id_for(hidden: &str) -> &str {
    if ADDRESSES.contains(&hidden) { hidden } else { "kp_1" }
}

fn domain() -> Domain {
    Domain::parse("acme").unwrap()
}

fn response(status: u16, body: impl Into<Vec<u8>>, header: &str) -> Response<Vec<u8>> {
    let names = ["x-request-id", "location", "set-cookie", "www-authenticate", "x-own"];
    let response = names
        .iter()
        .fold(Response::builder().status(status), |response, name| response.header(*name, header));
    response.body(body.into()).unwrap()
}

/// A token that a program did not choose, and does not want to see either.
const ISSUED: &str = "token-of-no-meaning";

/// What the token endpoint says to everybody.
fn issued() -> Input {
    Input::Response(response(200, json!({"access_token": ISSUED}).to_string(), ISSUED))
}

/// Makes a call, with `answer` for the operation's requests or for those for a token, and looks at
/// all that there is at each step.
#[track_caller]
fn call<O: Operation>(
    operation: &O,
    client_secret: &str,
    hidden: &str,
    answer: impl Fn(&str) -> Input,
) -> Result<Reply, Error> {
    let mut tenant = Tenant::new(domain(), Credentials::new(hidden, client_secret));
    let mut exchange = Exchange::new(operation, &tenant, CallOptions::new())?;
    let (mut now, mut input) = (Instant::START, Input::Start);
    for _ in 0..100 {
        debug_hides(&input, hidden, "input");
        let step = exchange.advance(&mut tenant, now, input);
        for printing in [&exchange as &dyn Debug, &tenant, &step] {
            debug_hides(&printing, hidden, O::META.name);
            debug_hides(&printing, ISSUED, O::META.name);
        }
        input = match step {
            Step::Send(request) => answer(request.uri().path()),
            Step::Wait(wait) => {
                now = wait.until;
                Input::Woken
            }
            Step::Done(result) => {
                let after = exchange.advance(&mut tenant, now, Input::Start);
                assert!(matches!(after, Step::Done(Err(Error::Finished { .. }))));
                debug_hides(&after, hidden, "finished");
                return result;
            }
        };
    }
    panic!("it never ends");
}

/// Takes an operation through its life.
struct Watch<'a>(&'a str);

impl Visit for Watch<'_> {
    type Out = ();

    fn visit<O>(self, operation: &O)
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let (hidden, name) = (self.0, O::META.name);
        debug_hides(operation, hidden, name);
        let result = call(operation, hidden, hidden, |path| match path {
            "/oauth2/token" => issued(),
            _ => Input::Response(response(200, json!({"id": hidden, "message": hidden}).to_string(), hidden)),
        });
        if let Err(error) = result {
            assert!(matches!(error, Error::Build(_)));
            return error_hides(&error, hidden, name);
        }

        // A program may print the request by itself; the URI is in it then, and the token is not.
        let request = build_request(operation, &domain(), &AccessToken::new(ISSUED).unwrap()).unwrap();
        let printed = format!("{request:?}");
        assert!(printed.contains("\"authorization\": Sensitive"), "{printed}");
        assert_silent(&printed, ISSUED, name);
    }
}

#[test]
fn operations_and_exchanges_hide_arguments() {
    for hidden in all() {
        for meta in OPERATIONS {
            for arguments in arguments(meta.name, id_for(hidden), hidden) {
                with_operation(meta.name, &arguments, Watch(hidden));
            }
        }
    }
}

/// What never got in is easily hidden.
#[test]
fn hidden_arguments_are_in_their_requests() {
    /// How often the request holds a text.
    struct Count<'a>(&'a str);

    impl Visit for Count<'_> {
        /// `None` where the arguments are refused.
        type Out = Option<usize>;

        fn visit<O: Operation>(self, operation: &O) -> Option<usize> {
            let request = build_request(operation, &domain(), &AccessToken::new("t").unwrap()).ok()?;
            let body = std::str::from_utf8(request.body()).unwrap();
            let uri = percent_decoded(&request.uri().to_string());
            Some(uri.matches(self.0).count() + body.matches(self.0).count())
        }
    }

    for hidden in ADDRESSES {
        for meta in OPERATIONS {
            for arguments in arguments(meta.name, hidden, hidden) {
                let given = arguments.to_string().matches(hidden).count();
                let found = with_operation(meta.name, &arguments, Count(hidden));
                assert!(found.is_none_or(|found| found == given), "{found:?}: {arguments}");
                assert!(found.is_some() || meta.name == "get_users", "{arguments}");
            }
        }
    }
}

// ---- credentials, tokens, clients

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Instant {
        Instant::START
    }

    fn waker(&self) -> std::task::Waker {
        std::task::Waker::noop().clone()
    }

    fn wait_until(&self, _: Instant) {}
}

impl AsyncClock for Standing {
    fn now(&self) -> Instant {
        Instant::START
    }

    async fn sleep_until(&self, _: Instant) {}
}

/// Checks every event that an observer sees.
struct Hiding(&'static str);

impl Hiding {
    fn attempt(&self, attempt: &Attempt<'_>) {
        debug_hides(attempt, self.0, "attempt");
        let named = (attempt.method, attempt.url_template, attempt.server_address(), attempt.server_port());
        debug_hides(&named, self.0, "attempt");
    }
}

impl Observer for Hiding {
    fn sent(&mut self, attempt: &Attempt<'_>) {
        self.attempt(attempt);
    }

    fn answered(&mut self, attempt: &Attempt<'_>, answer: &Answered<'_>) {
        self.attempt(attempt);
        debug_hides(answer, self.0, "answer");
        debug_hides(&answer.error_type(), self.0, "answer");
    }

    fn will_retry(&mut self, attempt: &Attempt<'_>) {
        self.attempt(attempt);
    }

    fn done(&mut self, call: &Done<'_>) {
        debug_hides(call, self.0, "done");
        debug_hides(&call.error_type(), self.0, "done");
        if let Some(error) = call.error() {
            display_hides(&error, self.0, "done");
        }
    }
}

#[test]
fn observers_are_told_nothing_secret_or_personal() {
    // Plain words of a message are shown.
    for hidden in [ADDRESSES, TOKENS].concat() {
        for (status, token_status) in [(200, 200), (302, 200), (400, 200), (401, 200), (0, 200), (200, 401)] {
            let transport = transport_fn(move |request: Request<Vec<u8>>| {
                let token = hidden.replace(' ', "-");
                let (status, body) = match request.uri().path() {
                    "/oauth2/token" => (
                        token_status,
                        json!({"access_token": token, "error": hidden, "error_description": hidden}),
                    ),
                    _ => (status, json!({"errors": [{"code": hidden, "message": hidden}], "id": hidden})),
                };
                if status == 0 {
                    return Err(std::io::Error::other("no answer"));
                }
                Ok(response(status, body.to_string(), hidden))
            });
            // Time stands still, so each client has a tenant of its own: none waits for another.
            let client = || {
                let tenant = Tenant::new(domain(), Credentials::new(hidden, hidden));
                Client::new(tenant, &transport, Standing)
                    .with_options(CallOptions::new().retry(RetryPolicy::never()))
                    .with_observer(move |_| Hiding(hidden))
            };
            let failing = client().with_provider(move || Err::<Credentials, _>(hidden));
            error_hides(&failing.send(&GetUserData::new("kp_1")).unwrap_err(), hidden, "provider");
            debug_hides(&failing, hidden, "client");
            let client = client();
            let _ = client.reply(&GetUserIdentities::new(id_for(hidden)));
            let _ = client.reply(&GetUsers::new().email(hidden));
        }
    }
}

#[test]
fn credentials_tenants_and_clients_hide_secrets() {
    for hidden in all() {
        let credentials = Credentials::new(hidden, hidden).with_scopes([hidden]);
        debug_hides(&credentials, hidden, "credentials");
        let domain = domain().with_audience(hidden);
        debug_hides(&domain, hidden, "domain");
        let tenant = Tenant::new(domain, credentials);
        debug_hides(&tenant, hidden, "tenant");
        let transport = transport_fn(|request: Request<Vec<u8>>| {
            let body = match request.uri().path() {
                "/oauth2/token" => json!({"access_token": hidden.replace(' ', "-"), "expires_in": 60}),
                _ => json!({"id": id_for(hidden), "first_name": hidden}),
            };
            Ok::<_, std::io::Error>(response(200, body.to_string(), hidden))
        });
        debug_hides(&transport, hidden, "transport");
        let client = Client::new(tenant, transport, Standing);
        let user = client.send(&GetUserData::new(id_for(hidden))).unwrap();
        assert_eq!(user.first_name.as_deref(), Some(hidden));
        debug_hides(&user, hidden, "user");
        debug_hides(&client, hidden, "client");
        debug_hides(&client, &hidden.replace(' ', "-"), "client");
    }
}

/// `Debug` that prints nothing would hide everything.
#[test]
fn debug_shows_what_is_no_secret() {
    let (options, list) = (CallOptions::new(), GetUsers::new().email("ada@example.com"));
    let tenant = || Tenant::new(domain(), Credentials::new("id", "secret"));
    let transport = transport_fn(|_| Ok::<_, std::io::Error>(response(200, "", "")));
    let client = Client::new(tenant(), transport, Standing);
    let async_transport = async_transport_fn(|_| ready(Ok::<_, std::io::Error>(response(200, "", ""))));
    let async_client = AsyncClient::new(tenant(), async_transport, Standing);
    let values: [(&dyn Debug, &str); 10] = [
        (&domain(), "Domain(https://acme.kinde.com)"),
        (&Instant::from_start(Duration::from_millis(1500)), "start+1.5s"),
        (&transport, "TransportFn"),
        (&client, &format!("Client {{ options: {options:?}, .. }}")),
        (&client.pages(list.clone()), "Pages(get_users, 0 cursors seen)"),
        (&async_client, &format!("AsyncClient {{ options: {options:?}, .. }}")),
        (&async_client.pages(list.clone()), "Pages(get_users, 0 cursors seen)"),
        (&async_client.pages(list).items(), "Pages(get_users, 0 cursors seen)"),
        (&Erase::new("kp_1"), "Erased { user_id: UserId(\"kp_1\"), sessions: None, user: None }"),
        (
            &Suspend::new("kp_1"),
            "Suspended { user_id: UserId(\"kp_1\"), is_suspended: false, is_signed_out: false }",
        ),
    ];
    for (value, shown) in values {
        assert_eq!(format!("{value:?}"), shown);
    }
}

#[test]
fn searches_hide_their_keys_and_cursors() {
    for hidden in ADDRESSES {
        for search in [
            FindUser::by_email(*hidden),
            FindUser::by_phone(*hidden),
            FindUser::by_username(*hidden),
            FindUser::by_id(*hidden),
            FindUser::by(hidden),
        ] {
            debug_hides(&search, hidden, "search");
            debug_hides(&FindUsers::new().find(search).provided_id(*hidden), hidden, "searches");
        }
        for users in 0..4 {
            let user = |n: usize| json!({"id": if n % 2 == 0 { hidden } else { "kp_2" }, "email": if n < 2 { hidden } else { "x" }});
            let page = json!({"users": (0..users).map(user).collect::<Vec<_>>(), "next_token": null});
            for mut search in [FindUser::by_email(*hidden), FindUser::by_email("ida@example.com")] {
                debug_hides(&search.output(), hidden, "found");
                let page = response(200, page.to_string(), hidden);
                search.handle(Ok(Reply::new::<GetUsers>(page))).unwrap();
                debug_hides(&search, hidden, "search with users");
                debug_hides(&search.output(), hidden, "found");
            }
        }

        let list = GetUsers::new().email(*hidden);
        debug_hides(&Pages::new(list.clone()).resume_from(*hidden), hidden, "pages");
        let tenant = || Tenant::new(domain(), Credentials::new(*hidden, *hidden));
        let page = || response(200, json!({"users": [], "access_token": ISSUED}).to_string(), hidden);
        let transport = transport_fn(move |_| Ok::<_, std::io::Error>(page()));
        let client = Client::new(tenant(), transport, Standing);
        debug_hides(&client.pages(list.clone()).resume_from(*hidden), hidden, "pages of a client");
        let transport = async_transport_fn(move |_| ready(Ok::<_, std::io::Error>(page())));
        let client = AsyncClient::new(tenant(), transport, Standing);
        debug_hides(&client, hidden, "async client");
        debug_hides(&client.pages(list.clone()).resume_from(*hidden), hidden, "pages of an async client");
        debug_hides(&client.pages(list).resume_from(*hidden).items(), hidden, "items of an async client");
    }
}

#[test]
fn access_tokens_hide_themselves() {
    for hidden in all() {
        let token = match AccessToken::new(hidden) {
            Ok(token) => token,
            Err(error) => {
                error_hides(&error, hidden, "refused token");
                continue;
            }
        };
        debug_hides(&token, hidden, "token");
        debug_hides(token.authorization(), hidden, "header");
        debug_hides(&Credentials::access_token(token.clone()), hidden, "credentials");
        debug_hides(&Tenant::new(domain(), Credentials::access_token(token.clone())), hidden, "tenant");
        let request = build_request(&GetUsers::new(), &domain(), &token).unwrap();
        debug_hides(&request, hidden, "request");
        debug_hides(&Step::Send(request), hidden, "step");
    }
}

#[test]
fn refused_domains_are_not_repeated() {
    for hidden in all() {
        for text in
            [hidden.to_owned(), format!("https://{hidden}"), format!("https://user:{hidden}@acme.kinde.com")]
        {
            // A long number is a subdomain as good as any.
            if let Err(error) = Domain::parse(&text) {
                error_hides(&error, hidden, "domain");
            }
        }
    }
}

// ---- values

#[test]
fn values_hide_their_text() {
    for hidden in all() {
        let json = Json::from(hidden).to_string();
        let escaped = json.replace('a', "\\u0061");
        debug_hides(&serde_json::from_str::<Text<'_>>(&json).unwrap(), hidden, "borrowing text");
        debug_hides(&serde_json::from_str::<Text<'_>>(&escaped).unwrap(), hidden, "owning text");
        debug_hides(&Redacted::from(hidden), hidden, "personal");
        debug_hides(&Value::from(hidden), hidden, "value");
        debug_hides(&Patch::from(hidden), hidden, "patch");
        debug_hides(&Patch::<Value>::set_or_leave(Some(hidden)), hidden, "patch of a value");
        debug_hides(&Timestamp::from(hidden), hidden, "timestamp");
        debug_hides(&Expand::from(hidden), hidden, "expand");
        debug_hides(&IdentityType::from(hidden), hidden, "identity type");
        debug_hides(&Pbkdf2Variant::from(hidden), hidden, "variant");
        let parameters = FirebaseParameters::new(hidden, hidden, 8, 14);
        debug_hides(&parameters, hidden, "parameters");
        debug_hides(&Password::firebase_scrypt(hidden, hidden, &parameters), hidden, "password");
    }
}

// ---- jobs

#[test]
fn jobs_hide_whom_they_are_about() {
    for hidden in ADDRESSES {
        debug_hides(&Erase::new(*hidden), hidden, "erase");
        debug_hides(&Erase::new(*hidden).output(), hidden, "erased");
        debug_hides(&Suspend::new(*hidden), hidden, "suspend");
    }
}

/// Addresses in the forms in which they are taken for an id by mistake.
#[test]
fn ids_hide_addresses() {
    let encoded =
        ["ada%2Bbilling%40lovelace.example", "ada+billing%40lovelace.example", "mailto:ada@lovelace.example"];
    let phones = ["0412 345 678", "(04) 1234-5678", "+61-412-345-678", "+61\u{a0}412\u{a0}345\u{a0}678"];
    for hidden in ADDRESSES.iter().copied().chain(encoded).chain(phones) {
        ids_hide(hidden, hidden);
    }
}

#[test]
fn ids_hide_encoded_or_marked_phone_numbers() {
    for (id, hidden) in [
        ("%2B61412345678", "61412345678"),
        ("tel:+61412345678", "+61412345678"),
        ("%2B61%20412%20345%20678", "+61 412 345 678"),
    ] {
        ids_hide(id, hidden);
    }
}

#[track_caller]
fn ids_hide(id: &str, hidden: &str) {
    let ids: [&dyn Debug; 13] = [
        &UserId::from(id),
        &FactorId::from(id),
        &IdentityId::from(id),
        &ConnectionId::from(id),
        &SessionId::from(id),
        &OrganizationCode::from(id),
        &PropertyId::from(id),
        &PropertyKey::from(id),
        &FeatureFlagKey::from(id),
        &BillingCustomerId::from(id),
        &BillingAgreementId::from(id),
        &ClientId::from(id),
        &Cursor::from(id),
    ];
    for debug in ids {
        debug_hides(&debug, hidden, "id");
    }
}

// ---- replies

/// A reply with all fields that there are, `text` in those of text and `id` in those of ids.
fn full_reply(operation: &str, id: &str, text: &str) -> Json {
    let user = json!({
        "id": id, "provided_id": text, "email": text, "preferred_email": text, "phone": text, "username": text,
        "last_name": text, "first_name": text, "is_suspended": true, "picture": text, "total_sign_ins": 1,
        "failed_sign_ins": 0, "last_signed_in": text, "created_on": text,
        "last_organization_sign_ins": [{"org_code": id, "last_signed_in": text}], "organizations": [id],
        "identities": [{"type": text, "identity": text, "connection_id": id}], "billing": {"customer_id": id},
    });
    let (name, content) = match operation {
        "create_user" => {
            return json!({"id": id, "created": true, "identities": [{"type": text, "result": {"created": true}}]});
        }
        "get_user_data" => return user,
        "update_user" => {
            return json!({"id": id, "given_name": text, "family_name": text, "email": text, "is_suspended": true,
                "is_password_reset_requested": true, "picture": text});
        }
        "get_users" => {
            return json!({"code": text, "message": text, "users": [user], "next_token": id});
        }
        "create_user_billing_customer" => ("billing_customer", json!({"id": id, "agreement_id": id})),
        "create_user_identity" => ("identity", json!({"id": id})),
        "get_user_identities" => (
            "identities",
            json!([{"id": id, "type": text, "is_confirmed": true, "created_on": text, "last_login_on": text,
                "total_logins": 1, "name": text, "email": text, "connection_id": id, "is_primary": true}]),
        ),
        "get_user_property_values" => {
            ("properties", json!([{"id": id, "name": text, "description": text, "key": id, "value": text}]))
        }
        "get_user_sessions" => (
            "sessions",
            json!([{"user_id": id, "org_code": id, "client_id": id, "expires_on": text, "session_id": id,
                "started_on": text, "updated_on": text, "connection_id": id, "last_ip_address": text,
                "last_user_agent": text, "initial_ip_address": text, "initial_user_agent": text}]),
        ),
        "get_users_mfa" => (
            "mfa",
            json!([{"id": id, "type": text, "created_on": text, "name": text, "is_verified": true, "usage_count": 1,
                "last_used_on": text}]),
        ),
        _ => ("anything", Json::Null),
    };
    json!({"code": text, "message": text, name: content, "has_more": false, "next_token": id})
}

/// Reads a reply in every way.
struct Read<'a>(&'a str);

impl Visit for Read<'_> {
    type Out = ();

    fn visit<O>(self, _: &O)
    where
        O: Operation + Debug,
        O::Output: Serialize + Debug,
    {
        let (hidden, name) = (self.0, O::META.name);
        let full = full_reply(name, id_for(hidden), hidden);
        let reply = Reply::new::<O>(response(200, full.to_string(), hidden));
        debug_hides(&reply, hidden, name);
        let output = reply.parse::<O>().unwrap();
        let fields = serde_json::to_value(&output).unwrap();
        assert!(no_field_is_empty(&fields), "{name}: the test leaves out a field: {fields}");
        debug_hides(&output, hidden, name);

        // And with each of its texts where none belongs.
        for body in [
            json!(hidden).to_string(),
            json!({hidden: hidden, "id": [hidden], "users": hidden, "code": [hidden]}).to_string(),
            json!({"id": "kp_1", "users": [{"id": "kp_1", "is_suspended": hidden}], "message": {hidden: 1}})
                .to_string(),
            hidden.to_owned(),
            format!("{{\"id\":\"{hidden}"),
        ] {
            let reply = Reply::new::<O>(response(200, body, hidden));
            match reply.into_output::<O>() {
                Ok(output) => debug_hides(&output, hidden, name),
                Err(error) => error_hides(&error, hidden, name),
            }
        }
    }
}

fn no_field_is_empty(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Array(list) => !list.is_empty() && list.iter().all(no_field_is_empty),
        Json::Object(object) => object.values().all(no_field_is_empty),
        _ => true,
    }
}

#[test]
fn replies_and_their_errors_hide_all_fields() {
    for hidden in all() {
        for meta in OPERATIONS {
            let arguments = &arguments(meta.name, "kp_1", "text")[0];
            with_operation(meta.name, arguments, Read(hidden));
        }
    }
}

#[test]
fn decode_error_hides_keys_of_a_map() {
    for hidden in all() {
        let body = json!({"map": {hidden: "no number"}}).to_string();
        let reply = Reply::new::<GetUsers>(response(200, body, hidden));
        let error = reply.into_parsed::<BTreeMap<String, BTreeMap<String, u8>>>().unwrap_err();
        error_hides(&error, hidden, "map");
    }
}

// ---- errors

/// How a server may quote what it was sent.
fn quotations(hidden: &str) -> Vec<String> {
    vec![
        hidden.to_owned(),
        format!("{hidden} is taken"),
        format!("The value '{hidden}' is taken."),
        format!("value={hidden}"),
        format!("value:\"{hidden}\", taken"),
        format!("<b>{hidden}</b>\r\n{hidden}"),
        format!("({hidden}),({hidden})"),
        format!("{}{hidden}", "word ".repeat(36)),
        hidden.replace('@', "%40").replace('+', "%2B").replace(' ', "%20"),
    ]
}

/// What a call ends with where the operation is answered so.
#[track_caller]
fn answered(status: u16, body: &str, hidden: &str) -> Error {
    let error = call(&GetUserData::new("kp_1"), "secret", hidden, |path| match path {
        "/oauth2/token" => issued(),
        _ => Input::Response(response(status, body, hidden)),
    });
    let error = error.unwrap_err();
    error_hides(&error, hidden, "error");
    api_error_hides(error.as_api().unwrap(), hidden);
    error
}

#[test]
fn what_a_server_quotes_in_an_error_is_hidden() {
    for hidden in [ADDRESSES, TOKENS].concat() {
        for quoted in quotations(hidden) {
            for body in [
                json!({"errors": [{"code": "TAKEN", "message": quoted}]}).to_string(),
                json!({"errors": [{"code": quoted, "message": quoted}, {"message": quoted}]}).to_string(),
                json!({"errors": {"code": quoted}}).to_string(),
                json!({"errors": []}).to_string(),
                json!({"message": quoted}).to_string(),
                quoted.clone(),
            ] {
                let error = answered(400, &body, hidden);
                error_hides(&CallError::<std::io::Error>::from(error), hidden, "call error");
            }
        }
        for status in [302, 403, 404, 429, 500, 503] {
            let body = json!({"errors": [{"code": "TAKEN", "message": format!("{hidden} is taken")}]});
            answered(status, &body.to_string(), hidden);
        }
    }
}

#[track_caller]
fn api_error_hides(error: &ApiError, hidden: &str) {
    error_hides(error, hidden, "API error");
    debug_hides(error.reply(), hidden, "reply");
    debug_hides(&error.body(), hidden, "body");
    for item in error.errors() {
        debug_hides(item, hidden, "item");
        display_hides(item, hidden, "item");
    }
    assert!(matches!(error.body(), ErrorBody::Kinde(_) | ErrorBody::Json(_) | ErrorBody::Other(_)));
}

#[test]
fn grouped_phone_number_beside_a_word_is_hidden() {
    for (quoted, hidden) in [
        ("phone=412 34 567 is taken", "412 34 567"),
        ("phone:4123 4567 is taken", "4123 4567"),
        ("phone +4123 4567, taken", "+4123 4567"),
    ] {
        let body = json!({"errors": [{"code": "TAKEN", "message": quoted}]});
        answered(400, &body.to_string(), hidden);
    }
}

#[test]
fn quotes_of_the_token_endpoint_are_hidden() {
    for hidden in [ADDRESSES, TOKENS].concat() {
        for quoted in quotations(hidden) {
            refusal_hides(hidden, &quoted);
        }
    }
}

/// What is left of a text without what may be put between its letters: small letters, and digits of
/// any script.
fn bare(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What an address or a number may have around it.
const MESSAGES: &[(&str, &str)] = &[
    ("", ""),
    ("User ", " is taken"),
    ("value=", ", which is taken."),
    ("The value '", "' is taken"),
    ("(", ")"),
    ("<b>", "</b>"),
    ("phone: ", "; email unknown"),
    ("mailto:", ""),
    ("\u{1b}[31m", "\r\n"),
    ("Key (email)=(", ") exists"),
];

const ATS: &[&str] = &[
    "@",
    "＠",
    "﹫",
    "%40",
    "%2540",
    "%252540",
    "&#64;",
    "&#064;",
    "&#x40;",
    "&#X0040;",
    "&commat;",
    "&amp;#64;",
    "\\u0040",
    "\\x40",
    "\\100",
    "=40",
    "(at)",
    "[at]",
    "{AT}",
    "_at_",
    "*at*",
    " (at) ",
    " [At] ",
    " <at> ",
    " -at- ",
    " @ ",
    " @",
    "@ ",
    " %40 ",
    " &#64; ",
    " U+0040 ",
    " \u{ff20} ",
    "\u{200b}@\u{200b}",
    "%u0040",
];

const DOTS: &[&str] = &[
    ".", "．", "。", "%2e", "%252E", "&#46;", "&period;", "\\u002e", "=2E", "(dot)", "[dot]", " dot ",
    " (DOT) ", " . ", " ․ ",
];

const SEPARATORS: &[&str] = &[
    "", " ", "  ", ".", "-", " - ", "–", "\u{a0}", "\u{202f}", "\u{2009}", "/", " / ", ")(", ") ", " (", "_",
    ",", "~", "%20", "%2520", "&nbsp;", "+", "\u{200b}", "\t", "\r\n", " ext ", "*", ":", "|", "=20",
    "\\u0020",
];

const PREFIXES: &[&str] =
    &["", "+", "00", "＋", "%2B", "%252B", "&#43;", "&plus;", "tel:", "tel:+", "\\u002b", "(+", "+ "];

/// Digits of Latin, full-width, Arabic, Persian and Devanagari script, and in boxes of mathematics.
const ZEROS: &[char] = &['0', '０', '٠', '۰', '०', '𝟘'];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn address_in_any_disguise_is_masked(
        local in "[a-z]{7,11}([._+-][a-z0-9]{3,9})?",
        host in "[a-z]{7,11}(-[a-z0-9]{2,6})?",
        end in select(&["com", "example", "co.uk", "museum"][..]),
        at in select(ATS),
        dot in select(DOTS),
        (before, after) in select(MESSAGES),
        shout in any::<bool>(),
    ) {
        let address = format!("{local}{at}{host}{dot}{end}");
        let address = if shout { address.to_uppercase() } else { address };
        let message = format!("{before}{address}{after}");
        let shown = bare(&shown(&message));
        for part in [&local, &host] {
            prop_assert!(!shown.contains(&bare(part)), "{:?} is {:?}", message, shown);
        }
    }

    #[test]
    fn phone_number_in_any_disguise_is_masked(
        groups in vec("[0-9]{1,4}", 3..6).prop_filter("it has six digits", |groups| groups.concat().len() > 5),
        prefix in select(PREFIXES),
        separators in vec(select(SEPARATORS), 6),
        zero in select(ZEROS),
        (before, after) in select(MESSAGES),
    ) {
        let mut number = prefix.to_owned();
        for (group, separator) in groups.iter().zip(&separators) {
            let digits = group.chars().map(|digit| char::from_u32(u32::from(zero) + digit.to_digit(10).unwrap()).unwrap());
            number.extend(digits);
            number.push_str(separator);
        }
        let shown = shown(&format!("{before}{number}{after}"));
        prop_assert!(!shown.contains(char::is_numeric), "{:?} is {:?}", number, shown);
    }
}

/// What the error of a reply with this message prints, without what the library says itself.
fn shown(message: &str) -> String {
    let body = json!({"errors": [{"message": message}]});
    let error = Reply::new::<GetUsers>(response(400, body.to_string(), "")).into_result().unwrap_err();
    let item = error.as_api().unwrap().errors()[0].to_string();
    assert!(error.to_string().ends_with(&item) && format!("{error:?}").contains(&item));
    item
}

/// Nothing tells such a secret by its looks, so that no word that may be it can be shown.
#[test]
fn quoted_secret_of_words_is_hidden() {
    for hidden in ["correct horse battery staple", "a-short-secret-word"] {
        refusal_hides(hidden, &format!("unknown secret {hidden} of client"));
    }
}

#[track_caller]
fn refusal_hides(client_secret: &str, quoted: &str) {
    let bodies = [
        json!({"error": "invalid_client", "error_description": quoted}),
        json!({"error": quoted}),
        json!({"message": quoted}),
        json!(quoted),
    ];
    for status in [200, 400, 401, 429, 500] {
        for body in &bodies {
            let answer = |path: &str| {
                assert_eq!(path, "/oauth2/token");
                Input::Response(response(status, body.to_string(), client_secret))
            };
            let error = call(&GetUserData::new("kp_1"), client_secret, client_secret, answer).unwrap_err();
            error_hides(&error, client_secret, "refusal");
            if let Error::Auth(error) = &error {
                error_hides(&**error, client_secret, "refusal");
                debug_hides(error.problem(), client_secret, "problem");
                let refused = matches!(error.problem(), AuthProblem::Refused { .. });
                assert_eq!(refused, [400, 401].contains(&status));
            }
        }
    }
}

#[test]
fn errors_without_a_reply_hide_the_arguments() {
    for hidden in all() {
        let operation = GetUsers::new().user_id(id_for(hidden)).email(hidden);
        for delivery in [Delivery::NotSent, Delivery::Unknown] {
            // Of the request for a token, or of the one after it.
            for failing in ["/oauth2/token", "/api/v1/users"] {
                let result = call(&operation, hidden, hidden, |path| match path {
                    path if path == failing => Input::Failed(delivery),
                    _ => issued(),
                });
                error_hides(&result.unwrap_err(), hidden, "error");
            }
        }
    }
}
