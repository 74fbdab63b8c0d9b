//! What a call tells `tracing`: enough to see what went on, and nothing personal.

mod sim;

use core::future::pending;
use core::pin::pin;
use core::task;
use core::time::Duration;
use std::io::Write;
use std::sync::{Arc, Mutex};

use http::Response;
use kinde_users::operations::{CreateUser, GetUserData, GetUserSessions, GetUsers, NewIdentity};
use kinde_users::{AsyncClient, Client, Instant, Tenant, async_transport_fn};
use kinde_users_fake::{FakeKinde, Fault};
use sim::SimClock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

type Never = Result<Response<Vec<u8>>, std::io::Error>;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged, down to the last detail, while `calls` are made.
fn logged(fake: &FakeKinde, calls: impl FnOnce(&Client<FakeKinde, SimClock>)) -> String {
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
    let client = Client::new(tenant, fake.clone(), SimClock::default());
    told(|| calls(&client))
}

/// What is logged, down to the last detail, meanwhile.
fn told(what: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, what);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn span_has_the_facts_of_the_call() {
    let fake = FakeKinde::new();
    fake.next("get_user_data", Fault::rate_limited(7));
    let log = logged(&fake, |client| {
        client.send(&GetUserData::new("kp_unknown")).unwrap_err();
    });
    let closed: Vec<_> = log.lines().filter(|line| line.contains("close")).collect();
    let [token, first, second, call] = &closed[..] else { panic!("{closed:#?}") };
    let has = |line: &str, parts: &[&str]| {
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    };
    has(token, &["http.request.method=\"POST\"", "url.template=\"/oauth2/token\""]);
    has(
        first,
        &[
            "kinde_users.request",
            "otel.kind=\"client\"",
            "otel.name=GET /api/v1/user",
            "http.request.method=\"GET\"",
            "url.template=\"/api/v1/user\"",
            "server.address=\"acme.kinde.com\"",
            "server.port=443",
            "http.response.status_code=429",
            "error.type=\"429\"",
            "otel.status_code=\"ERROR\"",
        ],
    );
    assert!(!token.contains("error.type") && !first.contains("resend_count"), "{closed:#?}");
    has(second, &["http.request.resend_count=1", "http.response.status_code=400"]);
    has(
        call,
        &[
            "kinde_users.call",
            "otel.name=\"get_user_data\"",
            "attempts=2",
            "wait_ms=7",
            "error.type=\"400\"",
            "error=get_user_data: HTTP 400",
        ],
    );
}

/// Keeps the names of fields that are unsigned numbers.
#[derive(Clone, Default)]
struct Unsigned(Arc<Mutex<Vec<&'static str>>>);

impl Visit for Unsigned {
    fn record_u64(&mut self, field: &Field, _: u64) {
        self.0.lock().unwrap().push(field.name());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn core::fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Unsigned {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        span.record(&mut self.clone());
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

/// OpenTelemetry has no unsigned numbers. `tracing-opentelemetry` exports them as text.
#[test]
fn numbers_are_signed() {
    let unsigned = Unsigned::default();
    let subscriber = tracing_subscriber::registry().with(unsigned.clone());
    tracing::subscriber::with_default(subscriber, || {
        let fake = FakeKinde::new();
        fake.next("get_users", Fault::rate_limited(7));
        let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
        Client::new(tenant, fake, SimClock::default()).send(&GetUsers::new()).unwrap();
    });
    assert_eq!(*unsigned.0.lock().unwrap(), [""; 0]);
}

#[test]
fn span_has_dropped_call_and_length_of_wait() {
    let fake = FakeKinde::new();
    let clock = SimClock::default();
    let operation = GetUsers::new();
    let log = told(|| {
        let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials());
        let client = AsyncClient::new(tenant, async_transport_fn(|_| pending::<Never>()), clock.clone());
        let _under_way = (clock.under_way(), clock.under_way());
        let mut context = task::Context::from_waker(task::Waker::noop());
        let (mut gets, mut waits) = (pin!(client.reply(&operation)), Box::pin(client.reply(&operation)));
        assert!(gets.as_mut().poll(&mut context).is_pending());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        clock.pass_to(Instant::from_start(Duration::from_secs(2)));
        drop(waits);
    });
    let end = log.lines().find(|line| line.contains("close")).unwrap();
    for part in ["error.type=\"cancelled\"", "wait_ms=0", "attempts=0"] {
        assert!(end.contains(part), "{part} is not in {end}");
    }
}

#[test]
fn nothing_personal_and_no_secret_is_told() {
    let fake = FakeKinde::new();
    let log = logged(&fake, |client| {
        let ada = CreateUser::new().given_name("Augusta").identity(NewIdentity::email("ada@example.com"));
        let id = client.send(&ada).unwrap().id;
        client.send(&ada).unwrap_err();
        client.send(&GetUsers::new().email("ada@example.com")).unwrap();
        client.send(&GetUserData::new(&id)).unwrap();
        client.send(&GetUserSessions::new(&id)).unwrap();
    });
    assert!(log.lines().count() > 15, "{log}");
    let id = fake.users()[0].id.clone();
    for hidden in [
        "ada",
        "example.com",
        "Augusta",
        &fake.client_secret(),
        &fake.client_id(),
        "eyJ",
        "Bearer",
        id.as_str(),
    ] {
        assert!(!log.contains(hidden), "{hidden} is in {log}");
    }
}
