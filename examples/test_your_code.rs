//! A function of an application, and its tests against a Kinde in memory: no account, no network, no waiting.
//!
//! `cargo test --example test_your_code` runs the tests; `cargo run --example test_your_code` shows the function at work.

use std::error::Error;
use std::process::ExitCode;

use kinde_users::operations::{DeleteUserSessions, UpdateUser};
use kinde_users::{CallError, Client, Clock, FindUser, Found, Transport, UserId};
use kinde_users_examples::support::cli::no_arguments;
use kinde_users_examples::support::{end_of_example, say};

/// What became of [`suspend`].
#[derive(Debug, PartialEq)]
enum Outcome {
    Suspended(UserId),
    Nobody,
    /// Nothing was done: a person has to choose.
    Several(usize),
    /// Nothing was done: the search found others, or did not end.
    Unclear,
}

/// Suspends the user with this address, and signs them out. It may be called again, whatever became of it.
///
/// It takes any client, so that tests can bring their own.
fn suspend<T: Transport, C: Clock>(
    client: &Client<T, C>,
    email: &str,
) -> Result<Outcome, CallError<T::Error>> {
    let user = match client.run(&mut FindUser::by_email(email))? {
        Found::One(user) => user,
        Found::None => return Ok(Outcome::Nobody),
        Found::Several(users) => return Ok(Outcome::Several(users.len())),
        Found::Mismatch { .. } | Found::Unfinished => return Ok(Outcome::Unclear),
    };
    // First suspended, so that nobody signs in again between the two.
    client.send(&UpdateUser::new(&user.id).is_suspended(true))?;
    client.send(&DeleteUserSessions::new(&user.id))?;
    Ok(Outcome::Suspended(user.id))
}

fn main() -> ExitCode {
    no_arguments(
        "Suspend a user of a Kinde in memory by address, and one who is not there.",
        "Exit codes: 0 all is done; 1 something failed, as stderr says; 2 what was asked for is wrong.",
    );
    end_of_example(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let fake = kinde_users::fake::FakeKinde::new();
    fake.seed_users(10);
    say(format_args!("{:?}", suspend(&fake.client()?, "user3@example.com")?));
    say(format_args!("{:?}", suspend(&fake.client()?, "nobody@example.com")?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use kinde_users::fake::{Choice, FakeKinde, Fault, NewFakeUser, Refusal};
    use kinde_users::{Effect, UserId};

    use super::*;

    fn ada() -> (FakeKinde, String) {
        let fake = FakeKinde::builder().strict().build();
        let id = fake.add_user(NewFakeUser::new().email("ada@example.com").session().session());
        (fake, id)
    }

    #[test]
    fn a_user_is_suspended_and_has_no_session_left() {
        let (fake, id) = ada();
        let outcome = suspend(&fake.client().unwrap(), "ada@example.com").unwrap();
        assert_eq!(outcome, Outcome::Suspended(UserId::from(id.clone())));
        let user = fake.user(&id).unwrap();
        assert!(user.is_suspended && user.sessions.is_empty());
    }

    #[test]
    fn where_it_is_not_clear_who_is_meant_nothing_is_done() {
        let (fake, _) = ada();
        let client = fake.client().unwrap();
        assert_eq!(suspend(&client, "eve@example.com").unwrap(), Outcome::Nobody);
        fake.add_user(NewFakeUser::new().email("ADA@example.com"));
        assert_eq!(suspend(&client, "ada@example.com").unwrap(), Outcome::Several(2));
        assert!(fake.requests().of("update_user").is_empty());
    }

    #[test]
    fn no_other_user_is_suspended_where_the_search_ignores_its_argument() {
        let (fake, _) = ada();
        let ignored = br#"{"users":[{"id":"kp_1","email":"grace@example.com"}]}"#.to_vec();
        fake.next("get_users", Fault::reply(http::Response::new(ignored)));
        assert_eq!(suspend(&fake.client().unwrap(), "eve@example.com").unwrap(), Outcome::Unclear);
        assert!(fake.requests().of("update_user").is_empty());
    }

    #[test]
    fn a_limit_and_a_server_in_trouble_are_waited_out() {
        let (fake, id) = ada();
        fake.next("get_users", Fault::rate_limited(30));
        fake.fail("update_user").times(2).with(Fault::unavailable());
        let before = fake.now();
        suspend(&fake.client().unwrap(), "ada@example.com").unwrap();
        assert!(fake.user(&id).unwrap().is_suspended);
        // On the tenant's clock, that is.
        assert!(fake.now().saturating_sub(before).as_secs() >= 30);
        assert_eq!(fake.faults_left(), 0);
    }

    #[test]
    fn a_missing_scope_is_told_and_changed_nothing() {
        let granted = ["read:users", "update:users"];
        let choice = Choice::MissingScope(Refusal::empty(403));
        let fake = FakeKinde::builder().scopes(granted).choose(choice).build();
        fake.add_user(NewFakeUser::new().email("ada@example.com"));
        let error = suspend(&fake.client().unwrap(), "ada@example.com").unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        assert_eq!(error.as_api().unwrap().needed_scopes(), ["delete:user_sessions"]);
    }
}
