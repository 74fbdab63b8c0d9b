//! Tests an async function of an application against the in-memory tenant: no account, no network.
//!
//! `cargo test --example testing_async` runs the tests.

use kinde_users::operations::{DeleteUserSessions, UpdateUser};
use kinde_users::{AsyncClient, AsyncClock, AsyncTransport, CallError, FindUser, Found};

/// Suspends the user who has this address and ends the sessions. Returns whether there was one
/// user.
///
/// It takes any client, so that tests can bring their own.
async fn lock_out<T, C>(client: &AsyncClient<T, C>, email: &str) -> Result<bool, CallError<T::Error>>
where
    T: AsyncTransport,
    C: AsyncClock,
{
    let Found::One(user) = client.run(&mut FindUser::by_email(email)).await? else { return Ok(false) };
    // The user is suspended first, and cannot sign in again between the two calls.
    client.send(&UpdateUser::new(&user.id).is_suspended(true)).await?;
    client.send(&DeleteUserSessions::new(&user.id)).await?;
    Ok(true)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = kinde_users::fake::FakeKinde::new();
    fake.seed_users(10);
    println!("locked out: {}", lock_out(&fake.async_client()?, "user3@example.com").await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinde_users::Effect;
    use kinde_users::fake::{FakeKinde, Fault, NewFakeUser};

    #[tokio::test]
    async fn user_is_suspended_and_has_no_session_left() {
        let fake = FakeKinde::new();
        let id = fake.add_user(NewFakeUser::new().email("ada@example.com").session().session());
        assert!(lock_out(&fake.async_client().unwrap(), "ada@example.com").await.unwrap());
        let user = fake.user(&id).unwrap();
        assert!(user.is_suspended && user.sessions.is_empty());
    }

    #[tokio::test]
    async fn lost_reply_leaves_the_effect_possible() {
        let fake = FakeKinde::new();
        fake.seed_users(3);
        // The replies to all attempts are lost.
        fake.fail("update_user").times(10).with(Fault::connection_lost().after_the_effect());
        let error = lock_out(&fake.async_client().unwrap(), "user1@example.com").await.unwrap_err();
        assert_eq!(error.effect(), Effect::Possible);
    }
}
