//! Makes calls from async code: pages through users, and makes many calls at a time.
//!
//! `cargo run --example async` works on an in-memory tenant. For a real one, make the client with
//! `kinde_users::async_client(domain, credentials)` (feature `hyper`).

use std::error::Error;

use futures_util::{StreamExt as _, stream};
use kinde_users::fake::FakeKinde;
use kinde_users::operations::{GetUsers, RefreshUserClaims};
use kinde_users::{AsyncClient, AsyncClock, AsyncTransport, UserId};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let fake = FakeKinde::new();
    fake.seed_users(50);
    refresh_all(&fake.async_client()?).await
}

/// Has the claims of all users computed anew.
async fn refresh_all<T, C>(client: &AsyncClient<T, C>) -> Result<(), Box<dyn Error>>
where
    T: AsyncTransport,
    C: AsyncClock,
{
    let mut ids: Vec<UserId> = Vec::new();
    let mut pages = client.pages(GetUsers::new().page_size(20));
    while let Some(page) = pages.next_page().await {
        ids.extend(page?.users.into_iter().map(|user| user.id));
        println!("{} users so far", ids.len());
    }

    // At most eight calls are under way at a time. They share one token, and a 429 makes all wait.
    let refresh = async |id: UserId| (client.send(&RefreshUserClaims::new(&id)).await, id);
    let mut calls = stream::iter(ids).map(refresh).buffer_unordered(8);
    let (mut done, mut failed) = (0, 0);
    while let Some((result, id)) = calls.next().await {
        match result {
            Ok(_) => done += 1,
            Err(error) => {
                eprintln!("{id}: {error}");
                failed += 1;
            }
        }
    }
    println!("refreshed {done}, failed {failed}");
    Ok(())
}
