//! Tests that the events of an observer agree with the requests and answers, whatever happens.

mod sim;

use core::future::{pending, ready};
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kinde_users::operations::{CreateUser, ResetUsersMfa};
use kinde_users::{
    Answered, AsyncClient, Attempt, CallOptions, Client, Credentials, Domain, Done, DynOperation, Observer,
    RetryPolicy, Tenant, async_transport_fn, transport_fn,
};
use kinde_users_fake::{FakeKinde, Fault};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use proptest::test_runner::TestCaseError;
use sim::SimClock;

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Sent {
        target: String,
        is_token: bool,
        attempt: u32,
        resends: u32,
    },
    Answered {
        status: Option<u16>,
        error: Option<String>,
    },
    Limited(Option<Duration>),
    WillRetry,
    Waits,
    Renewed(Option<Duration>),
    Done {
        status: Option<u16>,
        attempts: u32,
        resends: u32,
        error: Option<String>,
        waited: Duration,
        elapsed: Duration,
    },
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Log {
    fn sent(&mut self, attempt: &Attempt<'_>) {
        assert_eq!((attempt.server_address(), attempt.server_port()), ("acme.kinde.com", 443));
        self.push(Event::Sent {
            target: format!("{} {}", attempt.method, attempt.url_template),
            is_token: attempt.is_token_request,
            attempt: attempt.number,
            resends: attempt.resend_count,
        });
    }

    fn answered(&mut self, _: &Attempt<'_>, answer: &Answered<'_>) {
        let status = answer.status.map(|status| status.as_u16());
        self.push(Event::Answered { status, error: answer.error_type().map(Into::into) });
    }

    fn rate_limited(&mut self, _: &Attempt<'_>, reset: Option<Duration>) {
        self.push(Event::Limited(reset));
    }

    fn will_retry(&mut self, attempt: &Attempt<'_>) {
        assert!(!attempt.is_token_request);
        self.push(Event::WillRetry);
    }

    fn waits(&mut self, _: Duration) {
        self.push(Event::Waits);
    }

    fn token_renewed(&mut self, lifetime: Option<Duration>) {
        self.push(Event::Renewed(lifetime));
    }

    fn done(&mut self, call: &Done<'_>) {
        self.push(Event::Done {
            status: call.status.map(|status| status.as_u16()),
            attempts: call.attempts,
            resends: call.resend_count,
            error: call.error_type().map(Into::into),
            waited: call.waited,
            elapsed: call.elapsed,
        });
    }
}

/// The method and the template of a request, and the status of its answer.
type Sent = (String, Option<u16>);

/// Answers with one status after the other, and with success when they are used up. 0 is no answer.
#[derive(Clone)]
struct Script {
    statuses: Arc<Mutex<VecDeque<u16>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Script {
    fn new(statuses: &[u16]) -> Self {
        Self { statuses: Arc::new(Mutex::new(statuses.iter().copied().collect())), sent: Arc::default() }
    }

    fn handle(&self, request: &Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
        let target = format!("{} {}", request.method(), request.uri().path());
        let target = target.replace("kp_ada", "{user_id}").replace("mfa_ada", "{factor_id}");
        let status = self.statuses.lock().unwrap().pop_front().unwrap_or(200);
        self.sent.lock().unwrap().push((target, Some(status).filter(|status| *status != 0)));
        if status == 0 {
            return Err(io::Error::other("no answer"));
        }
        let body = if request.uri().path() == "/oauth2/token" && status == 200 {
            r#"{"access_token":"t","expires_in":3600}"#
        } else {
            r#"{"id":"kp_1"}"#
        };
        let response = Response::builder().status(status).header("ratelimit-reset", "3");
        Ok(response.body(body.into()).unwrap())
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

fn tenant() -> Tenant {
    Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"))
}

fn operation(creates: bool) -> DynOperation {
    if creates {
        DynOperation::new(CreateUser::new())
    } else {
        DynOperation::new(ResetUsersMfa::new("kp_ada", "mfa_ada"))
    }
}

/// Makes a call with the blocking client. Returns what was sent and told, and whether it succeeded.
fn blocking(statuses: &[u16], creates: bool) -> (Vec<Sent>, Vec<Event>, bool) {
    let (script, log) = (Script::new(statuses), Log::default());
    let transport = {
        let script = script.clone();
        transport_fn(move |request| script.handle(&request))
    };
    let observed = log.clone();
    let client =
        Client::new(tenant(), transport, SimClock::default()).with_observer(move |_| observed.clone());
    let is_ok = client.call(&operation(creates)).is_ok();
    (script.sent(), log.events(), is_ok)
}

fn in_async_code(statuses: &[u16], creates: bool) -> (Vec<Sent>, Vec<Event>, bool) {
    let (script, log) = (Script::new(statuses), Log::default());
    let transport = {
        let script = script.clone();
        async_transport_fn(move |request| ready(script.handle(&request)))
    };
    let observed = log.clone();
    let client =
        AsyncClient::new(tenant(), transport, SimClock::default()).with_observer(move |_| observed.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let is_ok = runtime.block_on(client.call(&operation(creates))).is_ok();
    (script.sent(), log.events(), is_ok)
}

/// Makes a call with each client, and compares the events with what was sent.
fn compare_events(statuses: &[u16], creates: bool) -> Result<Vec<Event>, TestCaseError> {
    let (sent, events, is_ok) = blocking(statuses, creates);
    prop_assert_eq!(in_async_code(statuses, creates), (sent.clone(), events.clone(), is_ok));

    let mut answers = sent.iter();
    let (mut operations, mut tokens, mut retries, mut renewed, mut limited) = (0, 0, 0, 0, 0);
    let (mut awaited, mut needs_new_token) = (None, false);
    for event in &events {
        match event {
            Event::Sent { target, is_token, resends, attempt } => {
                prop_assert!(awaited.is_none());
                let next = answers.next().unwrap();
                prop_assert_eq!(target, &next.0);
                awaited = Some((next.1, *is_token));
                let count = if *is_token { &mut tokens } else { &mut operations };
                prop_assert_eq!(resends, &*count);
                *count += 1;
                prop_assert!(*is_token || (*attempt >= 1 && *resends == retries));
            }
            Event::Answered { status, error } => {
                let (answer, is_token) = awaited.take().unwrap();
                prop_assert_eq!(*status, answer);
                let failed = status.is_none_or(|status| status >= 400);
                prop_assert_eq!(error.is_some(), failed);
                renewed += u32::from(is_token && answer == Some(200));
                limited += u32::from(answer == Some(429));
                if !is_token {
                    needs_new_token = answer == Some(401);
                }
            }
            Event::WillRetry => retries += 1,
            Event::Renewed(lifetime) => {
                prop_assert_eq!(*lifetime, Some(Duration::from_secs(3600)));
                renewed -= 1;
            }
            Event::Limited(reset) => {
                prop_assert_eq!(*reset, Some(Duration::from_secs(3)));
                limited -= 1;
            }
            Event::Waits => {}
            Event::Done { status, attempts, resends, error, waited, elapsed } => {
                prop_assert_eq!((*resends, waited), (u32::saturating_sub(operations, 1), elapsed));
                prop_assert_eq!(error.is_none(), is_ok);
                prop_assert!(!is_ok || *status == Some(200));
                let has_token = error.as_deref() != Some("no_token");
                let most = 5 + u32::from(needs_new_token);
                prop_assert!((u32::from(has_token)..=most).contains(attempts), "{attempts} attempts");
            }
        }
    }
    prop_assert!(answers.next().is_none() && awaited.is_none() && renewed == 0 && limited == 0);
    let ends = events.iter().filter(|event| matches!(event, Event::Done { .. })).count();
    let ends_last = matches!(events.last(), Some(Event::Done { .. }));
    prop_assert!(ends == 1 && ends_last);
    Ok(events)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn events_agree_with_what_was_sent(
        statuses in vec(select(&[0, 200, 200, 200, 302, 401, 404, 429, 503][..]), 0..8),
        creates in any::<bool>(),
    ) {
        compare_events(&statuses, creates)?;
    }
}

#[test]
fn token_request_for_the_last_attempt_fails() {
    let events = compare_events(&[302, 200, 429, 429, 429, 401, 429], false).unwrap();
    // One more than the policy allows.
    assert!(matches!(events.last(), Some(Event::Done { attempts: 6, .. })), "{events:?}");
}

#[test]
fn dropped_call_is_cancelled_for_its_observer() {
    type Never = Result<Response<Vec<u8>>, io::Error>;
    let log = Log::default();
    let observed = log.clone();
    let client = AsyncClient::new(tenant(), async_transport_fn(|_| pending::<Never>()), SimClock::default())
        .with_observer(move |_| observed.clone());
    let operation = operation(true);
    {
        let mut call = pin!(client.call(&operation));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let events = log.events();
    assert!(
        matches!(&events[..], [Event::Sent { is_token: true, .. }, Event::Done { error: Some(error), .. }] if error == "cancelled"),
        "{events:?}"
    );
}

#[test]
fn observer_may_use_the_client_and_panic() {
    struct Panics(Arc<AtomicUsize>);

    impl Observer for Panics {
        fn answered(&mut self, _: &Attempt<'_>, _: &Answered<'_>) {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
        }

        fn done(&mut self, _: &Done<'_>) {
            assert!(self.0.load(Ordering::Relaxed) > 1, "told after its panic");
        }
    }

    let script = Script::new(&[]);
    let transport = {
        let script = script.clone();
        transport_fn(move |request| script.handle(&request))
    };
    let count = Arc::new(AtomicUsize::new(0));
    let client = Client::new(tenant(), transport, SimClock::default());
    let other = client.clone();
    let observed = client.with_observer(move |_| {
        other.with_tenant(|tenant| tenant.set_rate_limit(5));
        Panics(Arc::clone(&count))
    });
    assert!(catch_unwind(AssertUnwindSafe(|| observed.call(&operation(true)))).is_err());
    // The lease of the call is free.
    observed.call(&operation(true)).unwrap();
    assert_eq!(script.sent().len(), 3);
}

#[test]
fn answer_has_the_ids_of_the_request() {
    struct Ids(Arc<Mutex<Vec<String>>>);

    impl Observer for Ids {
        fn answered(&mut self, _: &Attempt<'_>, answer: &Answered<'_>) {
            self.0.lock().unwrap().extend(answer.request_ids().map(|(name, id)| format!("{name}: {id}")));
        }
    }

    let ids = Arc::new(Mutex::default());
    let transport = transport_fn(|_| {
        let body = r#"{"access_token":"t","expires_in":3600}"#;
        Ok::<_, io::Error>(Response::builder().header("x-request-id", "r-1").body(body.into()).unwrap())
    });
    let observed = Arc::clone(&ids);
    let client = Client::new(tenant(), transport, SimClock::default())
        .with_observer(move |_| Ids(Arc::clone(&observed)));
    let reply = client.call(&operation(false)).unwrap();
    assert_eq!(reply.request_ids().collect::<Vec<_>>(), [("x-request-id", "r-1")]);
    assert_eq!(*ids.lock().unwrap(), ["x-request-id: r-1", "x-request-id: r-1"]);
}

#[test]
fn observer_without_methods_changes_nothing() {
    struct Idle;

    impl Observer for Idle {}

    let statuses = [200, 429, 500, 401, 200, 200];
    let requests = |is_observed: bool| {
        let script = Script::new(&statuses);
        let transport = {
            let script = script.clone();
            transport_fn(move |request| script.handle(&request))
        };
        let mut client = Client::new(tenant(), transport, SimClock::default());
        if is_observed {
            client = client.with_observer(|_| Idle);
        }
        let is_ok = client.call(&operation(false)).is_ok();
        (script.sent().len(), is_ok)
    };
    assert_eq!(requests(true), (statuses.len(), true));
    assert_eq!(requests(true), requests(false));
}

#[test]
fn debug_shows_no_header_and_no_host() {
    struct Shown(Arc<Mutex<Vec<String>>>);

    impl Observer for Shown {
        fn answered(&mut self, attempt: &Attempt<'_>, answer: &Answered<'_>) {
            self.0.lock().unwrap().push(format!("{attempt:?} {answer:?}"));
        }

        fn done(&mut self, call: &Done<'_>) {
            self.0.lock().unwrap().push(format!("{call:?}"));
        }
    }

    let shown = Arc::new(Mutex::default());
    let transport = transport_fn(|_| {
        Ok::<_, io::Error>(
            Response::builder().status(403).header("x-request-id", "r-1").body(Vec::new()).unwrap(),
        )
    });
    let observed = Arc::clone(&shown);
    let client = Client::new(tenant(), transport, SimClock::default())
        .with_observer(move |_| Shown(Arc::clone(&observed)));
    client.call(&operation(true)).unwrap_err();
    assert_eq!(
        *shown.lock().unwrap(),
        [
            "Attempt { operation: \"create_user\", method: POST, url_template: \"/oauth2/token\", number: 0, resend_count: 0, .. } \
             Answered { status: Some(403), elapsed: 0ns, error_type: Some(\"403\"), .. }",
            "Done { operation: \"create_user\", status: None, attempts: 0, resend_count: 0, elapsed: 0ns, waited: 0ns, error_type: Some(\"no_token\"), .. }",
        ]
    );
}

#[test]
fn failed_request_names_its_reason() {
    for (fault, reason) in [
        (Fault::not_sent(), "not_sent"),
        (Fault::connection_lost(), "no_reply"),
        (Fault::real_reply().broken_off(), "unreadable_body"),
    ] {
        let fake = FakeKinde::new();
        fake.next("create_user", fault);
        let log = Log::default();
        let observed = log.clone();
        let client = fake.client().unwrap().with_observer(move |_| observed.clone());
        let client = client.with_options(CallOptions::new().retry(RetryPolicy::never()));
        client.send(&CreateUser::new()).unwrap_err();
        let reasons = log.events().into_iter().filter_map(|event| match event {
            Event::Answered { error, .. } | Event::Done { error, .. } => Some(error),
            _ => None,
        });
        let reason = Some(reason.to_owned());
        assert_eq!(reasons.collect::<Vec<_>>(), [None, reason.clone(), reason]);
    }
}
