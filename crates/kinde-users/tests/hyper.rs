//! The async client, over hyper and a socket, and on tokio's clock.

use std::time::Duration;

use kinde_users::contract::Server;
use kinde_users::operations::{CreateUser, DeleteUser, GetUserData, GetUsers, NewIdentity, UpdateUser};
use kinde_users::{
    AsyncClock, Domain, HyperClient, HyperTransport, Instant, TokioClock, async_client, async_client_over,
};
use kinde_users_fake::{FakeKinde, Fault};

/// The tenant behind a socket, and a client of it.
fn tenant() -> (FakeKinde, Server, HyperClient) {
    let fake = FakeKinde::new();
    let server = Server::answering({
        let fake = fake.clone();
        move |request| fake.handle(request).unwrap()
    })
    .unwrap();
    let domain = Domain::parse(&server.origin()).unwrap().with_audience(&fake.audience());
    let client = async_client(domain, fake.credentials());
    (fake, server, client)
}

#[tokio::test]
async fn user_is_managed_over_a_socket() {
    let (fake, _server, client) = tenant();
    fake.seed_users(5);
    let new = CreateUser::new().given_name("Ada").identity(NewIdentity::email("ada@example.com"));
    let id = client.send(&new).await.unwrap().id;
    client.send(&UpdateUser::new(&id).family_name("Example")).await.unwrap();
    let user = client.send(&GetUserData::new(&id)).await.unwrap();
    assert_eq!((user.email(), user.last_name.as_deref()), (Some("ada@example.com"), Some("Example")));

    let mut users = client.pages(GetUsers::new().page_size(2)).items();
    let mut ids = Vec::new();
    while let Some(user) = users.next_item().await {
        ids.push(user.unwrap().id);
    }
    assert_eq!((ids.len(), ids.last()), (6, Some(&id)));

    client.send(&DeleteUser::new(&id)).await.unwrap();
    assert_eq!((fake.users().len(), fake.token_requests()), (5, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_make_one_token_request() {
    let (fake, _server, client) = tenant();
    let id = fake.seed_users(1).remove(0);
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let (client, get) = (client.clone(), GetUserData::new(&id));
            tokio::spawn(async move { client.send(&get).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((fake.requests().of("get_user_data").len(), fake.token_requests()), (64, 1));
}

#[tokio::test(start_paused = true)]
async fn reset_is_waited_for_on_tokios_clock() {
    let fake = FakeKinde::new();
    fake.next("get_users", Fault::rate_limited(30));
    let clock = TokioClock::new();
    let client = async_client_over(fake.clone(), clock, fake.domain().unwrap(), fake.credentials());
    client.send(&GetUsers::new()).await.unwrap();
    let waited = clock.now().since_start();
    assert!((Duration::from_secs(30)..Duration::from_secs(60)).contains(&waited), "{waited:?}");
    assert_eq!(fake.requests().of("get_users").len(), 2);
}

#[test]
fn client_is_made_without_a_runtime() {
    let (fake, _server, client) = tenant();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.send(&GetUsers::new())).unwrap();
    assert_eq!(fake.token_requests(), 1);
}

#[test]
fn calls_can_be_spawned() {
    fn is_send<T: Send + 'static>(_: T) {}
    let (_, _, client) = tenant();
    is_send(client.pages(GetUsers::new()).items());
    is_send(async move {
        let _ = client.send(&GetUsers::new()).await;
        TokioClock::new().sleep_until(Instant::START).await;
    });
    is_send(HyperTransport::new());
}
