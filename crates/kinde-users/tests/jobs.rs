//! What takes several calls, run by both clients against the tenant in memory.

use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use http::{Request, Response};
use kinde_users::import::{Import, ImportUser, Imported, Mapping, Source};
use kinde_users::operations::{CreateUser, DeleteUserSessions, RefreshUserClaims};
use kinde_users::{
    AsyncTransport, CallError, Client, Clock, Credentials, Delivery, DynOperation, Erase, Error, FindUser,
    FindUsers, Found, Job, Removal, Suspend, TokioClock, Transport, UserId, async_client_over,
    async_transport_fn, client_over, in_parallel, transport_fn,
};
use kinde_users_fake::{FakeError, FakeKinde, Fault, NewFakeUser};
use proptest::prelude::*;

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
fn erasing_twice_is_no_error() {
    let fakes = twice(with_ada);
    for (again, told) in [(false, Removal::Deleted), (true, Removal::AlreadyAbsent)] {
        for result in both(&Erase::new("kp_ada"), fakes.clone()) {
            let erased = result.unwrap();
            assert_eq!((erased.sessions, erased.user), (Some(told), Some(told)), "again: {again}");
        }
    }
    assert!(fakes.iter().all(|fake| fake.users().is_empty()));
}

#[test]
fn failed_job_goes_on_where_it_was() {
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
fn job_error_has_the_error_of_the_transport() {
    let fakes = twice(|fake| {
        with_ada(fake);
        fake.fail("delete_user_sessions").always().with(Fault::not_sent());
    });
    for result in both(&Erase::new("kp_ada"), fakes) {
        assert_eq!(result.unwrap_err().transport(), Some(&FakeError::NotSent));
    }
}

#[test]
fn import_survives_any_fault_of_the_create() {
    let form = Mapping::new(Source::Kinde);
    let line = r#"{"id":"42","email":"ada@example.com","is_suspended":true,"first_name":"Ada",
        "password":{"hashed_password":"0123456789abcdef0123456789abcdef","hashing_algorithm":"md5"},"properties":[{"key":"p","value":7}],
        "feature_flags":[{"key":"f","value":true}]}"#;
    for (fault, runs) in [
        (None, 1),
        // The outcome is unknown and there is no user: the first run does not create again.
        (Some(Fault::server_error()), 2),
        (Some(Fault::server_error().after_the_effect()), 1),
        (Some(Fault::connection_lost().after_the_effect()), 1),
        (Some(Fault::cut_body()), 1),
        (Some(Fault::rate_limited(9)), 1),
    ] {
        for is_async in [false, true] {
            let fake = FakeKinde::new();
            fault.clone().into_iter().for_each(|fault| fake.next("create_user", fault));
            let mut import = Import::new(form.line(line).unwrap());
            let mut run = || {
                if is_async {
                    let client = fake.async_client().unwrap();
                    runtime().block_on(client.run(&mut import))
                } else {
                    fake.client().unwrap().run(&mut import)
                }
            };
            for _ in 1..runs {
                assert_eq!(run().unwrap_err().to_string(), "create_user: HTTP 500", "{fault:?}");
                assert!(fake.users().is_empty());
            }
            let end = run().unwrap();
            let [user]: [_; 1] = fake.users().try_into().unwrap();
            assert!(matches!(end, Imported::Created { id, .. } if id == user.id), "{fault:?}");
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
fn stopped_import_makes_one_user_when_run_again() {
    let line = r#"{"email":"ada@example.com","password":{"hashed_password":"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"},"is_suspended":true}"#;
    let user = Mapping::new(Source::Kinde).line(line).unwrap();
    for (calls_made, is_told) in (0..4).flat_map(|calls| [(calls, false), (calls, true)]) {
        let fake = FakeKinde::new();
        let client = fake.client().unwrap();
        let (mut import, mut again) = (Import::new(user.clone()), Import::new(user.clone()));
        for _ in 0..calls_made {
            let operation = import.next_call().unwrap();
            if operation.is::<CreateUser>() {
                again = again.interrupted();
            }
            client.call_for(&mut import, &operation).unwrap();
        }
        // Here the program is killed, before or after it has written down what was created.
        if let (true, Some(id)) = (is_told, import.user_id()) {
            again = again.created(id, import.steps());
        }
        assert!(matches!(client.run(&mut again), Ok(Imported::Created { .. })), "after {calls_made}");
        let [user]: [_; 1] = fake.users().try_into().unwrap();
        assert!(user.is_suspended && user.password.is_some(), "after {calls_made}");
        let passwords = fake.requests().of("set_user_password").len();
        assert_eq!(passwords, if calls_made == 3 && !is_told { 2 } else { 1 }, "after {calls_made}");
        // The identities of the user that was created before.
        let asked = fake.requests().of("get_user_data").len();
        assert_eq!(asked, usize::from(calls_made > 1), "after {calls_made}");
    }
}

/// What a service is asked, and answers: a token, and else by what `answer` says of method and
/// path.
fn service(
    request: &Request<Vec<u8>>,
    answer: impl FnOnce(&str, &str) -> (u16, String),
) -> Response<Vec<u8>> {
    let (status, body) = match (request.method().as_str(), request.uri().path()) {
        (_, "/oauth2/token") => (200, r#"{"access_token":"t","expires_in":86399}"#.into()),
        (method, path) => answer(method, path),
    };
    Response::builder().status(status).body(body.into_bytes()).unwrap()
}

fn blocking(
    answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync,
) -> Client<impl Transport, impl Clock> {
    let transport = transport_fn(move |request| Ok::<_, FakeError>(service(&request, &answer)));
    client_over(transport, "acme".parse().unwrap(), Credentials::new("id", "secret"))
}

/// Ada as a service tells of her who has all her identities.
const ADA: &str = r#"{"id":"kp_1","preferred_email":"ada@example.com"}"#;

fn ada() -> ImportUser {
    Mapping::new(Source::Kinde)
        .row([
            ("email", "ada@example.com"),
            ("hashed_password", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"),
        ])
        .unwrap()
}

#[test]
fn dropped_import_makes_one_user_when_run_again() {
    let created = AtomicUsize::new(0);
    let transport = async_transport_fn(async |request| {
        let is_create = request.method() == "POST" && request.uri().path() == "/api/v1/user";
        let response = service(&request, |method, path| match (method, path, created.load(SeqCst)) {
            ("GET", "/api/v1/user", _) => (200, ADA.into()),
            ("GET", _, 0) => (200, r#"{"users":null}"#.into()),
            _ => (200, r#"{"id":"kp_1","users":[{"id":"kp_1","email":"ada@example.com"}]}"#.into()),
        });
        if is_create && created.fetch_add(1, SeqCst) == 0 {
            core::future::pending::<()>().await;
        }
        Ok::<_, FakeError>(response)
    });
    let (domain, credentials) = ("acme".parse().unwrap(), Credentials::new("id", "secret"));
    let client = async_client_over(transport, TokioClock::new(), domain, credentials);
    let mut import = Import::new(ada());
    let end = runtime().block_on(async {
        let soon = core::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, client.run(&mut import)).await.is_err());
        assert!(import.may_have_created());
        client.run(&mut import).await
    });
    assert!(matches!(end, Ok(Imported::Created { id, .. }) if id == *"kp_1"));
    assert_eq!(created.into_inner(), 1);
}

#[test]
fn late_create_is_found_by_the_next_run() {
    // The users who are there, and those who are on the way.
    let users = Mutex::new((0, 0));
    let client = blocking(|method, path| {
        let (there, on_the_way) = &mut *users.lock().unwrap();
        match (method, path) {
            ("POST", "/api/v1/user") => {
                *on_the_way += 1;
                (504, String::new())
            }
            ("GET", "/api/v1/user") => (200, ADA.into()),
            ("GET", _) => {
                let told = vec![r#"{"id":"kp_1","email":"ada@example.com"}"#; *there].join(",");
                *there += core::mem::take(on_the_way);
                (200, format!(r#"{{"users":[{told}]}}"#))
            }
            _ => (200, r#"{"id":"kp_1"}"#.into()),
        }
    });
    let mut import = Import::new(ada());
    assert_eq!(client.run(&mut import).unwrap_err().to_string(), "create_user: HTTP 504");
    assert!(matches!(client.run(&mut import), Ok(Imported::Created { .. })));
    assert_eq!(*users.lock().unwrap(), (1, 0));
}

#[test]
fn refused_password_creates_one_user() {
    let creates = AtomicUsize::new(0);
    let client = blocking(|method, path| match (method, path) {
        ("GET", _) => (200, r#"{"users":null}"#.into()),
        ("POST", "/api/v1/user") => {
            creates.fetch_add(1, SeqCst);
            let without =
                r#"{"id":"kp_1","created":true,"identities":[{"type":"email","result":{"created":false}}]}"#;
            (200, without.into())
        }
        _ => (403, String::new()),
    });
    let mut import = Import::new(ada());
    for _ in 0..5 {
        let error = client.run(&mut import).unwrap_err();
        assert_eq!(error.to_string(), "set_user_password: HTTP 403 (needs scope update:user_passwords)");
        import = Import::new(ada()).interrupted().created(import.user_id().unwrap(), import.steps());
    }
    assert_eq!(creates.load(SeqCst), 1);
}

#[test]
fn page_of_a_proxy_erases_and_imports_nobody() {
    let client = blocking(|_, _| (200, "<html>Please sign in</html>".into()));
    assert!(client.run(&mut Erase::new("kp_1")).is_err());
    assert!(client.run(&mut Suspend::new("kp_1")).is_err());
    assert!(client.run(&mut Import::new(ada()).created("kp_1", 0)).is_err());
}

#[test]
fn user_is_found_by_what_a_text_looks_like() {
    let fake = FakeKinde::new();
    let id = "kp_ada00000000000000000000000000000";
    let ada = NewFakeUser::new().id(id).email("ada@example.com").phone("+61555111555").username("kp_ada");
    fake.add_user(ada);
    fake.seed_users(3);
    for text in [id, "ada@example.com", "+61555111555", "kp_ada"] {
        let found = fake.client().unwrap().run(&mut FindUser::by(text)).unwrap();
        assert_eq!(found.one().unwrap().id, id, "{text}");
    }
}

#[test]
fn user_is_found_by_each_identity_in_one_call() {
    let fakes = twice(|fake| {
        let ada = NewFakeUser::new().id("kp_ada").email("ada@example.com").email("ada@example.org");
        fake.add_user(ada.phone("+61555111555").username("ada"));
        fake.add_user(NewFakeUser::new().email("grace@example.com"));
    });
    for (find, is_found) in [
        (FindUser::by_email("ADA@example.com"), true),
        (FindUser::by_email("ada@example.org"), true),
        (FindUser::by_phone("+61555111555"), true),
        (FindUser::by_username("Ada"), true),
        (FindUser::by_email("eve@example.com"), false),
    ] {
        for result in both(&find, fakes.clone()) {
            let found = result.unwrap();
            assert_eq!(found == Found::None, !is_found, "{find:?}");
            assert_eq!(found.one().is_some_and(|user| user.id == "kp_ada"), is_found, "{find:?}");
        }
    }
    assert!(fakes.iter().all(|fake| fake.requests().of("get_users").len() == 5));
}

#[test]
fn import_finds_a_user_after_an_empty_page() {
    let client = searching(|asked| {
        if asked.contains("next_token=more") {
            r#"{"users":[{"id":"kp_1","email":"ada@example.com"}]}"#
        } else {
            r#"{"users":[],"next_token":"more"}"#
        }
    });
    let found = client.run(&mut FindUser::by_email("ada@example.com")).unwrap();
    assert_eq!(found.one().unwrap().id, "kp_1");
    assert!(
        matches!(client.run(&mut Import::new(ada())), Ok(Imported::LeftAlone { id, .. }) if id == "kp_1")
    );
}

#[test]
fn search_that_returns_others_changes_no_user() {
    for (page, is_mismatch) in [
        (r#"{"users":[{"id":"kp_9","email":"joada@example.com"}]}"#, true),
        (r#"{"users":[{"id":"kp_9","email":"owner@example.com"},{"id":"kp_8"}]}"#, true),
        (r#"{"users":[{"id":"kp_9","email":null,"identities":[]}],"next_token":"for ever"}"#, true),
        (r#"{"users":null,"next_token":"for ever"}"#, false),
    ] {
        let client = searching(|_| page);
        for import in [Import::new(ada()), Import::new(ada()).update(), Import::new(ada()).interrupted()] {
            let end = client.run(&mut import.clone()).unwrap();
            assert_eq!(
                matches!(end, Imported::Mismatch { ref id, .. } if id == "kp_9"),
                is_mismatch,
                "{page}"
            );
            assert_eq!(end == Imported::Unfinished, !is_mismatch, "{page}");
        }
    }
}

/// A tenant that answers searches by what they ask, and in which nothing may be changed.
fn searching(answer: impl Fn(&str) -> &'static str + Send + Sync) -> Client<impl Transport, impl Clock> {
    let transport = transport_fn(move |request: Request<Vec<u8>>| {
        let asked = request.uri().query().unwrap_or_default().to_owned();
        Ok::<_, FakeError>(service(&request, |method, path| {
            assert_eq!((method, path), ("GET", "/api/v1/users"));
            (200, answer(&asked).into())
        }))
    });
    client_over(transport, "acme".parse().unwrap(), Credentials::new("id", "secret"))
}

#[test]
fn not_found_by_a_proxy_is_no_receipt() {
    let client = blocking(|method, _| match method {
        "PATCH" => (200, r#"{"id":"kp_1","is_suspended":true}"#.into()),
        _ => (404, "<html><center>nginx: no such route</center></html>".into()),
    });
    let mut suspend = Suspend::new("kp_1");
    assert!(client.run(&mut suspend).is_err());
    assert_eq!((suspend.output().is_suspended, suspend.output().is_signed_out), (true, false));
    let mut erase = Erase::new("kp_1");
    assert!(client.run(&mut erase).is_err());
    assert_eq!((erase.output().sessions, erase.output().user), (None, None));
}

/// Counts how many requests are under way.
struct Counting {
    fake: FakeKinde,
    under_way: Mutex<(usize, usize)>,
}

impl Counting {
    fn new(users: usize) -> (Arc<Self>, Vec<UserId>, FakeKinde) {
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
fn parallel_calls_of_threads_are_limited() {
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
fn parallel_calls_of_a_task_are_limited() {
    let (transport, ids, fake) = Counting::new(200);
    let done = runtime().block_on(async {
        let (domain, clock) = (fake.domain().unwrap(), TokioClock::new());
        let client = async_client_over(Arc::clone(&transport), clock, domain, fake.credentials());
        let calls = ids.iter().map(|id| {
            let client = client.clone();
            async move { client.run(&mut Erase::new(id)).await }
        });
        let (mut ended, mut done) = (stream::iter(calls).buffer_unordered(8), 0);
        while let Some(result) = ended.next().await {
            assert_eq!(result.unwrap().user, Some(Removal::Deleted));
            done += 1;
        }
        done
    });
    assert_eq!((done, fake.users().len(), fake.token_requests()), (200, 0, 1));
    assert!((2..=8).contains(&transport.most()), "{}", transport.most());
}

#[test]
fn dyn_operation_is_called_as_its_operation() {
    fn call<T: Transport, C: Clock>(client: &Client<T, C>, id: &str) -> u16 {
        client
            .call(&DynOperation::new(DeleteUserSessions::new(id)))
            .map_or(0, |reply| reply.status().as_u16())
    }
    let fake = FakeKinde::new();
    with_ada(&fake);
    assert_eq!(call(&fake.client().unwrap(), "kp_ada"), 200);
    assert_eq!(call(&fake.client().unwrap(), ".."), 0);
    assert_eq!(fake.requests().of("delete_user_sessions").len(), 1);
}

/// Texts that users have and searches ask for: in two cases, with commas, and with letters that
/// are not ASCII.
fn text() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["ada", "Ada", "ADA", "bob", "bo,b", "éve", "ÉVE", "x+y", "kp_1", ""]);
    (name, 0..2_usize).prop_map(|(name, n)| format!("{name}{}", ["", "1"][n]))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Email,
    Username,
    Phone,
    Id,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Email, Kind::Username, Kind::Phone, Kind::Id])
}

fn search(kind: Kind, text: &str) -> FindUser {
    match kind {
        Kind::Email => FindUser::by_email(format!("{text}@example.com")),
        Kind::Username => FindUser::by_username(text),
        Kind::Phone => FindUser::by_phone(format!("+6155511155{}", text.len())),
        Kind::Id => FindUser::by_id(text),
    }
}

fn user(identities: &[(Kind, String)]) -> NewFakeUser {
    identities.iter().fold(NewFakeUser::new(), |user, (kind, text)| match kind {
        Kind::Email => user.email(format!("{text}@example.com")),
        Kind::Username => user.username(text),
        Kind::Phone => user.phone(format!("+6155511155{}", text.len())),
        Kind::Id => user.id(text.as_str()).provided_id(text),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn many_searches_find_what_one_search_finds(
        users in prop::collection::vec((prop::collection::vec((kind(), text()), 0..4), any::<bool>()), 0..12),
        searches in prop::collection::vec((kind(), text()), 0..12),
        others in prop::sample::select(vec![0, 0, 0, 1100]),
        has_walk in any::<bool>(),
    ) {
        let fake = FakeKinde::new();
        fake.seed_users(others);
        let client = fake.client().unwrap();
        for (identities, is_deleted) in &users {
            let id = fake.add_user(user(identities));
            // No path can contain an empty id.
            if *is_deleted && !id.as_str().is_empty() {
                client.run(&mut Erase::new(&id)).unwrap();
            }
        }
        let mut find = searches.iter().fold(FindUsers::new(), |find, (kind, text)| find.find(search(*kind, text)));
        if has_walk {
            find = find.provided_id("ada");
        }
        let answers = client.run(&mut find).unwrap();
        prop_assert_eq!(answers.len(), searches.len() + usize::from(has_walk));
        for ((kind, text), answer) in searches.iter().zip(&answers) {
            match client.run(&mut search(*kind, text)) {
                Ok(found) => prop_assert_eq!(&found, answer, "{:?} {}", kind, text),
                Err(error) => {
                    prop_assert!(matches!(error.error(), Error::Build(_)), "{}", error);
                    prop_assert_eq!(answer, &Found::Unfinished, "{:?} {}", kind, text);
                }
            }
        }
        if has_walk {
            let with_id = fake.users().iter().filter(|user| user.provided_id.as_deref() == Some("ada")).count();
            prop_assert_eq!(answers[searches.len()].users().len(), with_id);
        }
    }
}

#[test]
fn repeated_user_of_a_batch_is_created_once() {
    let form = Mapping::new(Source::Kinde);
    let records = || {
        let record = |email| form.row([("email", email), ("first_name", "Ada")]).unwrap();
        ["ada@example.com", "ADA@example.com"].map(record)
    };
    for is_told_twice in [false, true] {
        let fake = FakeKinde::new();
        let client = fake.client().unwrap();
        let searches = records().into_iter().filter_map(|user| user.lookup());
        let found = client.run(&mut searches.fold(FindUsers::new(), FindUsers::find)).unwrap();
        assert_eq!(found, [Found::None, Found::None]);
        let [first, second] = records().map(Import::new);
        let Imported::Created { id: created, .. } = client.run(&mut first.searched(Found::None)).unwrap()
        else {
            panic!()
        };
        // Even with the old result, which the program should not pass, the refused create is
        // followed by a search.
        let mut second = if is_told_twice { second.searched(Found::None) } else { second };
        let Imported::LeftAlone { id, .. } = client.run(&mut second).unwrap() else { panic!() };
        assert_eq!((fake.users().len(), id), (1, created));
    }
}
