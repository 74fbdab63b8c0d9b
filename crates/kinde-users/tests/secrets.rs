//! Tests what the clients and their HTTP stacks print and log of secrets and personal data, on each
//! way to the tenant. There is only one test, because a process has one logger.

#[path = "../../kinde-users-core/tests/support/leaks.rs"]
#[expect(dead_code, reason = "other tests use all of it")]
mod leaks;
mod ways;

use std::fmt::{Debug, Write as _};
use std::mem;
use std::sync::Mutex;

use kinde_users::hyper::{mozilla_roots, tls_builder};
use kinde_users::operations::{CreateUser, GetUsers, NewIdentity, Password, SetUserPassword};
use kinde_users::ureq::ureq::tls::TlsConfig;
use kinde_users::{
    AsyncClient, AsyncClock, AsyncTransport, CallError, CallOptions, Client, Clock, RetryPolicy, SystemClock,
    TokioClock, Transport, tenant,
};
use kinde_users_fake::{FakeKinde, Fault};
use leaks::{hex, leaks};
use log::{LevelFilter, Log, Metadata, Record};
use ways::{LOGIN, Road, Way};

struct Lines(Mutex<String>);

static LINES: Lines = Lines(Mutex::new(String::new()));

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        writeln!(self.0.lock().unwrap(), "{}", record.args()).unwrap();
    }

    fn flush(&self) {}
}

const EMAIL: &str = "ada+billing@lovelace.example";
const NAME: &str = "Augusta Ada";
const HASH: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

fn create() -> CreateUser {
    CreateUser::new().given_name(NAME).identity(NewIdentity::email(EMAIL))
}

/// What can be printed of an error: all of it, and what caused it.
fn texts(error: &CallError<impl std::error::Error + 'static>) -> String {
    let mut texts = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        write!(texts, "{error} {error:?} {error:#?}").unwrap();
        next = error.source();
    }
    texts + &format!("{:?}", error.transport())
}

/// Makes calls of which some fail, and returns what can be printed of them.
fn call<T: Transport + Debug, C: Clock>(fake: &FakeKinde, client: &Client<T, C>, transport: &T) -> String {
    let hurried = client.with_options(CallOptions::new().retry(RetryPolicy::never()));
    let id = hurried.send(&create()).unwrap().id;
    hurried.send(&SetUserPassword::new(id, Password::bcrypt(HASH))).unwrap();
    let refused = hurried.send(&create()).unwrap_err();
    fake.next("get_users", Fault::connection_lost());
    let lost = hurried.send(&GetUsers::new().email(EMAIL)).unwrap_err();
    fake.next("get_users", Fault::real_reply().broken_off());
    let broken_off = hurried.send(&GetUsers::new().email(EMAIL)).unwrap_err();
    [refused, lost, broken_off].iter().map(texts).collect::<String>() + &format!("{transport:?}")
}

/// As [`call`].
async fn call_async<T: AsyncTransport + Debug + Sync, C: AsyncClock + Sync>(
    fake: &FakeKinde,
    client: &AsyncClient<T, C>,
    transport: &T,
) -> String {
    let hurried = client.with_options(CallOptions::new().retry(RetryPolicy::never()));
    let id = hurried.send(&create()).await.unwrap().id;
    hurried.send(&SetUserPassword::new(id, Password::bcrypt(HASH))).await.unwrap();
    let refused = hurried.send(&create()).await.unwrap_err();
    fake.next("get_users", Fault::connection_lost());
    let lost = hurried.send(&GetUsers::new().email(EMAIL)).await.unwrap_err();
    fake.next("get_users", Fault::real_reply().broken_off());
    let broken_off = hurried.send(&GetUsers::new().email(EMAIL)).await.unwrap_err();
    [refused, lost, broken_off].iter().map(texts).collect::<String>() + &format!("{transport:?}")
}

/// Calls the tenant over both transports. Returns what could be printed and was logged.
fn printed(fake: &FakeKinde, road: &Road) -> String {
    let tenant = || tenant(fake.domain().unwrap(), fake.credentials());
    let (ureq, hyper) = (road.ureq(), road.hyper());
    let client = Client::new(tenant(), ureq.clone(), SystemClock::new());
    let mut printed = call(fake, &client, &ureq);
    fake.forget_users();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = AsyncClient::new(tenant(), hyper.clone(), TokioClock::new());
    printed += &runtime.block_on(call_async(fake, &client, &hyper));
    // These transports do not trust a custom root.
    let hurried = CallOptions::new().retry(RetryPolicy::never());
    if road.server.ca_pem().is_some() {
        let stranger = road.over_ureq(TlsConfig::default());
        let client = Client::new(tenant(), stranger, SystemClock::new()).with_options(hurried);
        printed += &texts(&client.send(&create()).unwrap_err());
        let tls = tls_builder().with_root_certificates(mozilla_roots()).with_no_client_auth();
        let stranger = road.over_hyper(tls);
        let client = AsyncClient::new(tenant(), stranger, TokioClock::new()).with_options(hurried);
        printed += &texts(&runtime.block_on(client.send(&create())).unwrap_err());
    }
    printed + &mem::take(&mut *LINES.0.lock().unwrap())
}

#[test]
fn ureq_logs_secrets_at_trace_only() {
    log::set_logger(&LINES).unwrap();
    for way in Way::ALL {
        let fake = FakeKinde::builder().credentials("the-client-id", "Zk9!qTx-vLw~mRb4$hYc_pNd").build();
        let road = way.open(&fake, 1);
        let key = road.server.client_certificate().and_then(|(_, key)| key.lines().nth(1));
        let token = fake.issue_token();
        // All tokens begin like this one.
        let issuer = token.split('.').next().unwrap();
        let hidden = [&fake.client_secret(), EMAIL, NAME, HASH, issuer, LOGIN[0], LOGIN[1]];
        log::set_max_level(LevelFilter::Debug);
        let text = printed(&fake, &road);
        assert!(text.contains("POST"), "{text}");
        for hidden in hidden.into_iter().chain(key) {
            assert_eq!(leaks(&text, hidden), None, "{way:?}: {hidden} is in {text}");
        }
        road.check_proxy();
        fake.forget_users();
        // The documentation advises capping the level for this reason.
        log::set_max_level(LevelFilter::Trace);
        let text = printed(&fake, &road);
        let digits = |line: &str| line.chars().take(39).filter(char::is_ascii_hexdigit).collect::<String>();
        let bytes: String = text.lines().map(digits).collect();
        assert!(
            bytes.to_lowercase().contains(&hex("", EMAIL.as_bytes())),
            "{way:?}: {EMAIL} is not in {text}"
        );
    }
}
