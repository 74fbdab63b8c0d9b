//! Makes many calls from a few threads, which share a client and its token.
//!
//! `cargo run --example parallel` works on an in-memory tenant. For a real one, make the client
//! with `kinde_users::client(domain, credentials)`.

use std::error::Error;
use std::ops::ControlFlow;

use kinde_users::fake::{FakeKinde, Fault};
use kinde_users::in_parallel;
use kinde_users::models::User;
use kinde_users::operations::{GetUsers, RefreshUserClaims};

fn main() -> Result<(), Box<dyn Error>> {
    let fake = FakeKinde::new();
    fake.seed_users(100);
    // All threads wait for the reset of a 429, here on the tenant's clock.
    fake.next("refresh_user_claims", Fault::rate_limited(30));
    let client = fake.client()?;

    // The pace that all threads keep together, in calls per second.
    client.with_tenant(|tenant| tenant.set_rate_limit(50));

    let users: Vec<User> = client.pages(GetUsers::new().page_size(50)).items().collect::<Result<_, _>>()?;
    let refresh = |user: User| (client.send(&RefreshUserClaims::new(&user.id)), user.id);
    let (mut done, mut failed) = (0, 0);
    let ended = in_parallel(8, users, refresh, |(result, id)| {
        match result {
            Ok(_) => done += 1,
            Err(error) => {
                eprintln!("{id}: {error}");
                failed += 1;
            }
        }
        if failed < 10 { ControlFlow::Continue(()) } else { ControlFlow::Break("too many calls failed") }
    });
    println!("refreshed {done}, failed {failed}");
    match ended {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(reason) => Err(reason.into()),
    }
}
