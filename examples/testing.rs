//! Tests a function of an application against the in-memory tenant: no account, no network.
//!
//! `cargo test --example testing` runs the tests. They take no time: where the function would wait,
//! the tenant's clock jumps ahead.

use kinde_users::operations::{DeleteUserSessions, UpdateUser};
use kinde_users::{CallError, Client, Clock, FindUser, Found, Transport};

/// Suspends the user who has this address and ends the sessions. Returns whether there was one
/// user.
///
/// It takes any client, so that tests can bring their own.
fn lock_out<T: Transport, C: Clock>(client: &Client<T, C>, email: &str) -> Result<bool, CallError<T::Error>> {
    let Found::One(user) = client.run(&mut FindUser::by_email(email))? else { return Ok(false) };
    // The user is suspended first, and cannot sign in again between the two calls.
    client.send(&UpdateUser::new(&user.id).is_suspended(true))?;
    client.send(&DeleteUserSessions::new(&user.id))?;
    Ok(true)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fake = kinde_users::fake::FakeKinde::new();
    fake.seed_users(10);
    println!("locked out: {}", lock_out(&fake.client()?, "user3@example.com")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinde_users::Effect;
    use kinde_users::fake::{FakeKinde, Fault, NewFakeUser};

    #[test]
    fn user_is_suspended_and_has_no_session_left() {
        let fake = FakeKinde::new();
        let id = fake.add_user(NewFakeUser::new().email("ada@example.com").session().session());
        assert!(lock_out(&fake.client().unwrap(), "ada@example.com").unwrap());
        let user = fake.user(&id).unwrap();
        assert!(user.is_suspended && user.sessions.is_empty());
    }

    #[test]
    fn unknown_address_changes_nothing() {
        let fake = FakeKinde::new();
        fake.seed_users(3);
        assert!(!lock_out(&fake.client().unwrap(), "absent@example.com").unwrap());
        assert!(fake.requests().of("update_user").is_empty());
    }

    #[test]
    fn rate_limit_and_outage_are_waited_out() {
        let fake = FakeKinde::new();
        fake.seed_users(3);
        fake.next("get_users", Fault::rate_limited(30));
        fake.fail("update_user").times(2).with(Fault::unavailable());
        assert!(lock_out(&fake.client().unwrap(), "user1@example.com").unwrap());
    }

    #[test]
    fn missing_scope_is_named_by_the_error() {
        let fake = FakeKinde::builder().scopes(["read:users"]).build();
        fake.seed_users(3);
        let error = lock_out(&fake.client().unwrap(), "user1@example.com").unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        assert_eq!(error.error().as_api().unwrap().needed_scopes(), ["update:users"]);
    }
}
