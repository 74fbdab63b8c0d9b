//! Recordings: what they contain, how they are replayed, and what a mismatch reports.

use std::collections::BTreeSet;

use http::{Request, Response};
use kinde_users::operations::{
    CreateUser, DeleteUser, Expand, GetUserData, GetUsers, NewIdentity, Password, SetUserPassword,
    UpdateUser, UpdateUserProperty,
};
use kinde_users::record::{Recorder, Recording, ReplayError, Replayer};
use kinde_users::{
    AsyncClient, AsyncTransport, CallOptions, Client, Delivery, FindUser, Found, RetryPolicy, Tenant,
    Transport, UserId,
};
use kinde_users_fake::{FakeKinde, Fault, NewFakeUser};
use proptest::prelude::*;

const HASH: &str = "$2b$10$EWECk2ENdf9q/a2IAzNezPJNH0HBWQAM107/E/891eYspSwJc9bzp";

/// A tenant in which much goes wrong.
fn fake() -> FakeKinde {
    let fake = FakeKinde::new();
    for n in 0..3 {
        fake.add_user(NewFakeUser::new().email(format!("old-{n}@example.com")).name("Greta", "Old"));
    }
    fake.next("get_users", Fault::rate_limited(2));
    fake.next("get_users", Fault::not_sent());
    fake.next("set_user_password", Fault::real_reply().broken_off());
    fake.next("update_user", Fault::connection_lost().after_the_effect());
    fake.next("update_user_property", Fault::status(502));
    fake
}

fn client<T: Transport>(fake: &FakeKinde, transport: T) -> Client<T, FakeKinde> {
    Client::new(Tenant::new(fake.domain().unwrap(), fake.credentials()), transport, fake.clone())
}

/// What a program does, and what it sees.
fn session<T: Transport>(client: &Client<T, FakeKinde>, email: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let new = CreateUser::new()
        .given_name("Ada")
        .family_name("Lovelace, \"Countess\"")
        .provided_id("4711-0815")
        .identity(NewIdentity::email(email).is_verified(true))
        .identity(NewIdentity::phone("+61412345678").phone_country_id("au"));
    let id = client.send(&new).unwrap().id;
    client.send(&SetUserPassword::new(&id, Password::bcrypt(HASH))).unwrap();
    client.send(&UpdateUser::new(&id).given_name("Augusta").is_suspended(true)).unwrap();
    client.send(&UpdateUserProperty::new(&id, "plan", "gold & more")).unwrap();
    let found = client.run(&mut FindUser::by_email(email)).unwrap();
    let Found::One(user) = found else { panic!("{found:?}") };
    seen.push(format!("{} {}", user.email().unwrap(), user.id == id));
    let all = client.pages(GetUsers::new().page_size(2).expand(Expand::Identities)).items();
    seen.extend(
        all.map(|user| user.map_or_else(|error| error.to_string(), |user| (user.id == id).to_string())),
    );
    client.send(&DeleteUser::new(&id)).unwrap();
    let gone = client.send(&GetUserData::new(&id)).unwrap_err();
    seen.push(format!("{gone}"));
    seen
}

fn recorded(email: &str) -> (Recording, Vec<String>) {
    let fake = fake();
    let recorder = Recorder::new(fake.clone());
    let seen = session(&client(&fake, &recorder), email);
    (recorder.recording(), seen)
}

#[test]
fn program_sees_the_same_from_a_recording() {
    let (recording, seen) = recorded("ada@example.com");
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/recording.json");
    std::fs::write(path, "another file").unwrap();
    recording.save(path).unwrap();
    let read = Recording::load(path).unwrap();
    assert_eq!(read, recording);
    // Other values than those that were recorded do, too.
    for email in ["ada@example.com", "grace@example.org"] {
        let replayer = Replayer::new(read.clone());
        let lines = session(&client(&FakeKinde::new(), &replayer), email);
        let expected: Vec<_> = seen.iter().map(|line| line.replace("ada@example.com", email)).collect();
        assert_eq!(lines, expected);
        assert_eq!(replayer.unused(), [""; 0]);
    }
}

#[test]
fn recording_holds_no_secret_and_no_personal_data() {
    let fake = fake();
    let recorder = Recorder::new(fake.clone());
    session(&client(&fake, &recorder), "ada@example.com");
    let recording = recorder.recording();
    let replayer = Replayer::new(recording.clone());
    session(&client(&FakeKinde::new(), &replayer), "ada@example.com");
    let text = format!("{recording}{recording:?}{recorder:?}{replayer:?}");
    let mut secrets: BTreeSet<String> =
        ["ada@", "Ada", "Lovelace", "Countess", "4711", "412345678", "Augusta", "gold", "Greta", "old-1"]
            .map(str::to_owned)
            .into();
    secrets.extend([HASH.to_owned(), fake.client_secret(), fake.client_id(), fake.audience(), fake.origin()]);
    secrets.extend(fake.users().iter().map(|user| user.id.to_string()));
    let tokens = fake.requests();
    secrets.extend(tokens.iter().filter_map(|request| {
        Some(request.headers.get("authorization")?.to_str().unwrap().replace("Bearer ", ""))
    }));
    assert!(secrets.len() > 18, "{secrets:?}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in {text}");
    }
    for word in [
        "create_user",
        "masked-1",
        "plan",
        "grant_type",
        "client_credentials",
        "/api/v1/users/kp_masked-",
        // `Debug` says how many texts have a mask.
        " texts)",
        " masks)",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}

/// This file shows it if the in-memory tenant begins to behave in another way. To write it anew,
/// delete it and run this test.
#[test]
fn tenant_behaves_as_in_the_recording() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/session.json");
    let (recording, _) = recorded("ada@example.com");
    if !std::fs::exists(path).unwrap() {
        recording.save(path).unwrap();
    }
    let before = Recording::load(path).unwrap();
    assert_eq!(before.differences(&recording), [""; 0]);
    assert_eq!(std::fs::read_to_string(path).unwrap(), recording.to_string());
}

#[test]
fn differences_name_the_place_and_no_value() {
    let (recording, _) = recorded("ada@example.com");
    let text = recording.to_string();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        recording.differences(&text.replacen(from, to, 1).parse().unwrap())
    };
    let codes = change("USER_INVALID", "OTHER");
    assert_eq!(codes, ["15 (get_user_data): response.body.errors[0].code is different"]);
    let status = change("\"status\": 502", "\"status\": 503");
    assert_eq!(status.len(), 1, "{status:?}");
    assert!(status[0].ends_with("(update_user_property): response.status is different"), "{status:?}");
    assert_eq!(recording.differences(&"[]".parse().unwrap()), ["there are 0 exchanges instead of 15"]);
    assert!("{}".parse::<Recording>().is_err() && "[{\"request\":1}]".parse::<Recording>().is_err());
}

#[test]
fn differences_of_bodies_name_the_field() {
    let recording = |body: &str| {
        let text = format!(r#"[{{"request":{{"method":"PUT","body":{body}}},"response":null}}]"#);
        text.parse::<Recording>().unwrap()
    };
    for (recorded, given, difference) in [
        ("[1,2]", "[1]", "request.body has 1 items instead of 2"),
        (r#"{"a":1}"#, "{}", "request.body.a is missing"),
        // The same text had the same mask.
        (r#"["masked-1","masked-1"]"#, r#"["Ada","Bob"]"#, "request.body[1] is different"),
        // So had the same part of a path.
        (
            r#"["/users/kp_masked-1/mfa","/users/kp_masked-1/sessions"]"#,
            r#"["/users/kp_1/mfa","/users/kp_2/sessions"]"#,
            "request.body[1] is different",
        ),
        (r#"["/users/kp_masked-1"]"#, r#"["/roles/kp_1"]"#, "request.body[0] is different"),
        (r#"["/users/kp_masked-1"]"#, r#"["/users/kp_1/mfa"]"#, "request.body[0] is different"),
        // A message is no mask, even if it ends with one.
        (r#"["no user masked-1"]"#, r#"["not found"]"#, "request.body[0] is different"),
    ] {
        let found = recording(recorded).differences(&recording(given));
        assert_eq!(found, [format!("1 (PUT): {difference}")]);
    }
}

#[test]
fn file_that_is_no_recording_is_refused() {
    let error = Recording::load(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().starts_with("this is not a recording: expected a JSON array"), "{error}");
}

/// A client that does not send anything again.
fn once<T: Transport>(transport: T) -> Client<T, FakeKinde> {
    client(&FakeKinde::new(), transport).with_options(CallOptions::new().retry(RetryPolicy::never()))
}

#[test]
fn request_that_was_not_recorded_is_reported() {
    let fake = FakeKinde::new();
    let recorder = Recorder::new(fake.clone());
    let create =
        |name: &str| CreateUser::new().given_name(name).identity(NewIdentity::email("ada@example.com"));
    client(&fake, &recorder).send(&create("Ada")).unwrap();
    let replayer = Replayer::new(recorder.recording());
    let client = once(&replayer);
    // Bob gets no mask by this request, so it remains free for Ada.
    let error = client.send(&create("Bob").family_name("Lovelace")).unwrap_err();
    let error: &ReplayError = error.transport().unwrap();
    assert_eq!(
        error.to_string(),
        "the recording has no such exchange for create_user; compared with exchange 2: \
         body.profile.family_name is not in the recording"
    );
    // The two names were different when they were recorded.
    let error = client.send(&create("ada@example.com")).unwrap_err();
    assert!(error.transport().unwrap().to_string().contains("is different"), "{error}");
    let error = client.send(&GetUsers::new()).unwrap_err();
    assert_eq!(error.transport().unwrap().to_string(), "the recording has no further exchange for get_users");
    assert_eq!(replayer.unused(), ["2 (create_user)"]);
    client.send(&create("Ada")).unwrap();
    let error = client.send(&create("Ada")).unwrap_err();
    assert_eq!(
        error.transport().unwrap().to_string(),
        "the recording has no further exchange for create_user"
    );
    assert_eq!(replayer.unused(), [""; 0]);
}

#[test]
fn request_is_compared_with_the_most_similar_exchange() {
    let bodies = [r#"{"a":1,"b":1}"#, r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#];
    let exchanges = bodies
        .map(|body| format!(r#"{{"request":{{"method":"PUT","path":"/","body":{body}}},"response":null}}"#));
    let replayer = Replayer::new(format!("[{}]", exchanges.join(",")).parse().unwrap());
    let request = Request::put("https://acme.kinde.com/").body(br#"{"a":2,"b":2}"#.to_vec());
    assert_eq!(
        Transport::send(&replayer, request.unwrap()).unwrap_err().to_string(),
        "the recording has no such exchange for a request; compared with exchange 2: body.a is different"
    );
}

#[test]
fn request_that_was_not_recorded_binds_no_mask() {
    let fake = FakeKinde::new();
    let id = fake.seed_users(1).remove(0);
    let recorder = Recorder::new(fake.clone());
    let program = client(&fake, &recorder);
    let users = program.send(&GetUsers::new()).unwrap().users;
    program.send(&UpdateUser::new(&id).is_suspended(true)).unwrap();
    assert_eq!(users[0].id, id);
    let replayer = Replayer::new(recorder.recording());
    let client = once(&replayer);
    // The mask of the id now stands for itself.
    let seen = client.send(&GetUsers::new()).unwrap().users.remove(0).id;
    client.send(&UpdateUser::new("kp_other").is_suspended(false)).unwrap_err();
    client.send(&UpdateUser::new(&seen).is_suspended(true)).unwrap();
}

#[test]
fn failures_are_replayed() {
    fn statuses<T: Transport, A: AsyncTransport<Error = T::Error>>(
        transport: &T,
        same: &A,
        error: &T::Error,
    ) -> [Option<u16>; 2] {
        [transport.head(error), same.head(error)].map(|head| head.map(|head| head.status().as_u16()))
    }
    for (fault, message, delivery, status) in [
        (Fault::not_sent(), "as recorded, the request was not sent", Delivery::NotSent, None),
        (Fault::connection_lost(), "as recorded, there was no response", Delivery::Unknown, None),
        (
            Fault::real_reply().broken_off(),
            "as recorded, a response with status 200 OK, but its body is broken or incomplete",
            Delivery::Unknown,
            Some(200),
        ),
    ] {
        let fake = FakeKinde::new();
        fake.next("get_users", fault);
        let recorder = Recorder::new(fake.clone());
        let program = client(&fake, &recorder).with_options(CallOptions::new().retry(RetryPolicy::never()));
        let error = program.send(&GetUsers::new()).unwrap_err();
        assert_eq!(statuses(&recorder, &recorder, error.transport().unwrap()), [status; 2]);
        let replayer = Replayer::new(recorder.recording());
        let error = once(&replayer).send(&GetUsers::new()).unwrap_err();
        let error: &ReplayError = error.transport().unwrap();
        assert_eq!((error.to_string().as_str(), Transport::delivery(&replayer, error)), (message, delivery));
        assert_eq!(statuses(&replayer, &replayer, error), [status; 2]);
    }
}

#[test]
fn calls_in_another_order_get_their_own_answers() {
    let fake = FakeKinde::new();
    let recorder = Recorder::new(fake.clone());
    let create = |name: &str| {
        let address = format!("{name}@example.com");
        CreateUser::new().given_name(name).identity(NewIdentity::email(address))
    };
    let program = client(&fake, &recorder);
    let ids = ["ada", "bob"].map(|name| program.send(&create(name)).unwrap().id);
    for id in &ids {
        program.send(&GetUserData::new(id)).unwrap();
    }
    let replayer = Replayer::new(recorder.recording());
    let client = once(&replayer);
    let [ada, bob] = ["ada", "bob"].map(|name| client.send(&create(name)).unwrap().id);
    for (id, name) in [(bob, "bob"), (ada, "ada")] {
        let user = client.send(&GetUserData::new(&id)).unwrap();
        assert_eq!((user.id, user.first_name.as_deref()), (id, Some(name)));
    }
}

/// Records one exchange with this answer.
fn exchange(target: &str, body: &str, answer: Response<Vec<u8>>) -> Recording {
    let answer = std::sync::Mutex::new(Some(answer));
    let recorder = Recorder::new(kinde_users::transport_fn(move |_| {
        Ok::<_, std::io::Error>(answer.lock().unwrap().take().unwrap_or_default())
    }));
    let request = Request::patch(format!("https://acme.kinde.com{target}")).body(body.as_bytes().to_vec());
    Transport::send(&recorder, request.unwrap()).unwrap();
    recorder.recording()
}

#[test]
fn names_headers_and_messages_hide_what_they_can() {
    let properties =
        r#"{"properties":{"type":"Ada Lovelace","code":"SWORDFISH","scope":"sk_live_Ab","plan":"gold"}}"#;
    let message = r#"{"message":"The plan Ada Lovelace is gold","errors":{"ada@example.com":"taken"}}"#;
    let answer = Response::builder().header("content-type", "text/plain; name=ada@example.com");
    let answer = answer.header("retry-after", "ada@example.com").header("ratelimit-reset", "9".repeat(41));
    let answer = answer.body(message.as_bytes().to_vec()).unwrap();
    let path = "/api/v1/users/kp_1/properties?ada@example.com";
    let file = exchange(path, properties, answer).to_string();
    for text in ["Ada", "SWORDFISH", "sk_live", "gold", "ada@", "kp_1\"", "kp_1/", "999"] {
        assert!(!file.contains(text), "{text} is in {file}");
    }
    assert!(file.contains("\"plan\"") && file.contains("text/plain\""), "{file}");
    assert!(!exchange("/lovelace/ada", "", Response::default()).to_string().contains("lovelace"));
}

#[test]
fn whatever_is_recorded_is_read_again() {
    let target = "/api/v1/users/kp_1/properties/a%2Fb";
    let recorded = |answer: String| {
        let recording = exchange(target, "no JSON", Response::new(answer.into_bytes()));
        assert_eq!(recording.to_string().parse::<Recording>().unwrap(), recording);
        recording
    };
    // The most that can be read. Within a recording, it would be too deep.
    let deep = |open: &str, close: &str| open.repeat(126) + "7" + &close.repeat(126);
    recorded(deep(r#"{"a":"#, "}"));
    let recording = recorded(deep("[", "]"));
    let replayer = Replayer::new(recording);
    let request = Request::patch(format!("https://acme.kinde.com{target}")).body(b"no JSON".to_vec());
    Transport::send(&replayer, request.unwrap()).unwrap();
    for response in ["7", r#"{"status":20000}"#, r#"{"status":"200"}"#] {
        let text = format!(r#"[{{"request":{{}},"response":{response}}}]"#);
        assert!(text.parse::<Recording>().is_err() || response == "7", "{response}");
    }
}

#[tokio::test]
async fn async_client_records_and_replays() {
    async fn run<T: AsyncTransport + Sync>(fake: &FakeKinde, transport: T) -> (UserId, usize) {
        let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
        let client = AsyncClient::new(tenant, transport, fake.clone());
        let new = |n| CreateUser::new().identity(NewIdentity::email(format!("user-{n}@example.com")));
        let id = client.send(&new(1)).await.unwrap().id;
        client.send(&new(2)).await.unwrap();
        (id, client.send(&GetUsers::new()).await.unwrap().users.len())
    }
    let fake = FakeKinde::new();
    fake.next("create_user", Fault::not_sent());
    fake.next("get_users", Fault::real_reply().broken_off());
    let recorder = Recorder::new(fake.clone());
    assert_eq!(run(&fake, recorder.clone()).await.1, 2);
    let replayer = Replayer::new(recorder.recording());
    let (id, users) = run(&FakeKinde::new(), replayer.clone()).await;
    assert!(users == 2 && id.as_str().starts_with("kp_masked-"), "{id:?}");
    assert_eq!(replayer.unused(), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is sent and answered, no text of it is in the recording, unless it is like a word.
    #[test]
    fn any_text_is_masked(
        texts in proptest::collection::vec("[A-Z0-9]{2}[0-9][a-z0-9@+._%&=/,-]{5,20}", 6),
        is_json in any::<bool>(),
    ) {
        let texts: Vec<String> = texts.into_iter().map(|text| text.replace("masked", "x")).collect();
        let answer = if is_json {
            serde_json::json!({ "id": texts[0], "a": [{ "b": texts[1] }], "message": texts[2], "error": texts[2], "code": texts[1], "scope": format!("x@{}", texts[0]) }).to_string()
        } else {
            format!("<p>{} {}", texts[0], texts[1])
        };
        let recorder = Recorder::new(kinde_users::transport_fn(move |_| {
            Ok::<_, std::io::Error>(Response::new(answer.clone().into_bytes()))
        }));
        let query: String = url::form_urlencoded::byte_serialize(texts[3].as_bytes()).collect();
        let body = serde_json::json!({ "profile": { "given_name": texts[4] }, "number": 123_456_789 }).to_string();
        let request = Request::post(format!("https://acme.kinde.com/api/v1/user?email={query}"));
        let request = request.header("authorization", format!("Bearer {}", texts[5].replace(',', "")));
        Transport::send(&recorder, request.body(body.into_bytes()).unwrap()).unwrap();
        let file = recorder.recording().to_string();
        for text in &texts {
            prop_assert!(!file.contains(text.as_str()) && !file.contains("123456789") && !file.contains("acme"), "{}", file);
        }
        prop_assert_eq!(file.parse::<Recording>().unwrap(), recorder.recording());
    }
}
