//! What takes several calls, run by both clients against the tenant in memory.

use core::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kinde_users::operations::{CreateUser, DeleteUserSessions, RefreshUserClaims};
use kinde_users::{
    AnyOperation, AsyncTransport, CallError, Client, Clock, Delivery, Erase, FindUser, Gone, Import,
    ImportForm, Imported, Job, Suspend, TokioClock, Transport, UserId, async_client_over, at_once,
    client_over, in_parallel,
};
use kinde_users_fake::{FakeError, FakeKinde, Fault, NewFakeUser};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Runs a job by each client in turn, each on a tenant of its own.
fn both<J: Job + Clone>(job: &J, fakes: [FakeKinde; 2]) -> [Result<J::Output, CallError<FakeError>>; 2] {
    let [one, other] = fakes;
    let blocking = one.client().unwrap().run(&mut job.clone());
    let client = other.async_client().unwrap();
    let from_async = runtime().block_on(client.run(&mut job.clone()));
    [blocking, from_async]
}

fn twice(fill: impl Fn(&FakeKinde)) -> [FakeKinde; 2] {
    let fakes = [FakeKinde::new(), FakeKinde::new()];
    fakes.iter().for_each(fill);
    fakes
}

fn with_ada(fake: &FakeKinde) {
    fake.add_user(NewFakeUser::new().id("kp_ada").email("ada@example.com").session());
}

#[test]
fn an_erased_user_is_gone_and_erasing_again_is_no_error() {
    let fakes = twice(with_ada);
    for (again, told) in [(false, Gone::Now), (true, Gone::Before)] {
        for result in both(&Erase::new("kp_ada"), fakes.clone()) {
            let erased = result.unwrap();
            assert_eq!((erased.sessions, erased.user), (Some(told), Some(told)), "again: {again}");
        }
    }
    assert!(fakes.iter().all(|fake| fake.users().is_empty()));
}

#[test]
fn a_job_that_failed_tells_how_far_it_came_and_goes_on_from_there() {
    let fake = FakeKinde::new();
    with_ada(&fake);
    fake.next("delete_user_sessions", Fault::forbidden());
    let client = fake.client().unwrap();
    let mut suspend = Suspend::new("kp_ada");
    let error = client.run(&mut suspend).unwrap_err();
    assert_eq!(error.to_string(), "delete_user_sessions: HTTP 403 (needs scope delete:user_sessions)");
    let told = suspend.output();
    assert_eq!((told.is_suspended, told.is_signed_out), (true, false));
    assert!(client.run(&mut suspend).unwrap().is_signed_out);
    assert_eq!(fake.requests().of("update_user").len(), 1);
    let user = fake.user("kp_ada").unwrap();
    assert!(user.is_suspended && user.sessions.is_empty());
}

#[test]
fn the_error_of_the_transport_goes_with_that_of_the_job() {
    let fakes = twice(|fake| {
        with_ada(fake);
        fake.fail("delete_user_sessions").always().with(Fault::not_sent());
    });
    for result in both(&Erase::new("kp_ada"), fakes) {
        assert_eq!(result.unwrap_err().transport(), Some(&FakeError::NotSent));
    }
}

#[test]
fn a_user_is_brought_over_whatever_goes_wrong_with_the_create() {
    let form = ImportForm::new();
    let line = r#"{"id":"42","email":"ada@example.com","is_suspended":true,"first_name":"Ada",
        "password":{"hashed_password":"h","hashing_algorithm":"md5"},"properties":[{"key":"p","value":7}],
        "feature_flags":[{"key":"f","value":true}]}"#;
    let import = Import::new(form.line(line).unwrap());
    for fault in [
        None,
        Some(Fault::server_error()),
        Some(Fault::server_error().after_the_effect()),
        Some(Fault::connection_lost().after_the_effect()),
        Some(Fault::cut_body()),
        Some(Fault::rate_limited(9)),
    ] {
        let fakes = twice(|fake| fault.clone().into_iter().for_each(|fault| fake.next("create_user", fault)));
        for (result, fake) in both(&import, fakes.clone()).into_iter().zip(fakes) {
            let [user]: [_; 1] = fake.users().try_into().unwrap();
            assert_eq!(result.unwrap(), Imported::Created(UserId::from(&user.id)), "{fault:?}");
            assert_eq!((user.email(), user.provided_id.as_deref()), (Some("ada@example.com"), Some("42")));
            assert!(
                user.is_suspended && user.password.is_some_and(|password| password.hashing_method == "md5")
            );
            assert_eq!((user.properties["p"].as_str(), user.feature_flags["f"].as_str()), ("7", "true"));
            assert_eq!(fake.faults_left(), 0);
        }
    }
}

#[test]
fn an_import_that_stopped_before_any_of_its_calls_is_begun_again_and_makes_one_user() {
    let line = r#"{"email":"ada@example.com","password":{"hashed_password":"h"},"is_suspended":true}"#;
    let user = ImportForm::new().line(line).unwrap();
    for calls_made in 0..4 {
        let fake = FakeKinde::new();
        let client = fake.client().unwrap();
        let (mut import, mut was_to_be_created) = (Import::new(user.clone()), false);
        for _ in 0..calls_made {
            let operation = import.next_call().unwrap();
            was_to_be_created |= operation.is::<CreateUser>();
            import.called(client.call(&operation).map_err(CallError::into_error)).unwrap();
        }
        // Here the program is killed.
        let mut again = Import::new(user.clone());
        if was_to_be_created {
            again = again.interrupted();
        }
        assert!(matches!(client.run(&mut again), Ok(Imported::Created(_))), "after {calls_made}");
        let [user]: [_; 1] = fake.users().try_into().unwrap();
        assert!(user.is_suspended && user.password.is_some(), "after {calls_made}");
    }
}

#[test]
fn a_user_is_found_by_what_a_text_looks_like() {
    let fake = FakeKinde::new();
    let id = "kp_ada00000000000000000000000000000";
    let ada = NewFakeUser::new().id(id).email("ada@example.com").phone("+61555111555").username("kp_ada");
    fake.add_user(ada);
    fake.seed_users(3);
    for text in [id, "ada@example.com", "+61555111555", "kp_ada"] {
        let found = fake.client().unwrap().send(&FindUser::by(text)).unwrap();
        assert_eq!(found.one().unwrap().id, id, "{text}");
    }
}

/// Counts how many requests are under way.
struct Counting {
    fake: FakeKinde,
    under_way: Mutex<(usize, usize)>,
}

impl Counting {
    fn new(users: usize) -> (Arc<Self>, Vec<String>, FakeKinde) {
        let fake = FakeKinde::new();
        let ids = fake.seed_users(users);
        (Arc::new(Self { fake: fake.clone(), under_way: Mutex::default() }), ids, fake)
    }

    fn count(&self, by: isize) {
        let (now, most) = &mut *self.under_way.lock().unwrap();
        *now = now.checked_add_signed(by).unwrap();
        *most = (*most).max(*now);
    }

    fn most(&self) -> usize {
        self.under_way.lock().unwrap().1
    }
}

impl Transport for Counting {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.count(1);
        std::thread::sleep(core::time::Duration::from_millis(1));
        self.count(-1);
        self.fake.handle(request)
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        Transport::delivery(&self.fake, error)
    }
}

impl AsyncTransport for Counting {
    type Error = FakeError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.count(1);
        tokio::task::yield_now().await;
        self.count(-1);
        self.fake.handle(request)
    }
}

#[test]
fn many_calls_from_threads_are_made_once_each_and_a_few_at_a_time() {
    let (transport, ids, fake) = Counting::new(200);
    let client = client_over(Arc::clone(&transport), fake.domain().unwrap(), fake.credentials());
    let mut done = 0;
    let ended = in_parallel(
        8,
        &ids,
        |id| client.send(&RefreshUserClaims::new(id)),
        |result| {
            result.unwrap();
            done += 1;
            ControlFlow::<()>::Continue(())
        },
    );
    assert!(ended.is_continue());
    assert_eq!((done, fake.requests().of("refresh_user_claims").len(), fake.token_requests()), (200, 200, 1));
    assert!(fake.users().iter().all(|user| user.claims_refreshed == 1));
    assert!((2..=8).contains(&transport.most()), "{}", transport.most());
}

#[test]
fn many_calls_from_one_task_are_made_once_each_and_a_few_at_a_time() {
    let (transport, ids, fake) = Counting::new(200);
    let done = runtime().block_on(async {
        let (domain, clock) = (fake.domain().unwrap(), TokioClock::new());
        let client = async_client_over(Arc::clone(&transport), clock, domain, fake.credentials());
        let calls = ids.iter().map(|id| {
            let client = client.clone();
            async move { client.run(&mut Erase::new(id)).await }
        });
        let (mut ended, mut done) = (at_once(8, calls), 0);
        while let Some(result) = ended.next_item().await {
            assert_eq!(result.unwrap().user, Some(Gone::Now));
            done += 1;
        }
        done
    });
    assert_eq!((done, fake.users().len(), fake.token_requests()), (200, 0, 1));
    assert!((2..=8).contains(&transport.most()), "{}", transport.most());
}

#[test]
fn an_operation_of_any_type_is_called_as_the_operation_itself_is() {
    fn call<T: Transport, C: Clock>(client: &Client<T, C>, id: &str) -> u16 {
        client
            .call(&AnyOperation::new(DeleteUserSessions::new(id)))
            .map_or(0, |reply| reply.status().as_u16())
    }
    let fake = FakeKinde::new();
    with_ada(&fake);
    assert_eq!(call(&fake.client().unwrap(), "kp_ada"), 200);
    assert_eq!(call(&fake.client().unwrap(), ".."), 0);
    assert_eq!(fake.requests().of("delete_user_sessions").len(), 1);
}
