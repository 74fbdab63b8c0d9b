//! Creates a user, lists users in pages, changes the new user, and deletes it.
//!
//! `cargo run --example quickstart` works on an in-memory tenant. With `KINDE_DOMAIN`,
//! `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET` set, it works on that tenant.

use std::env;
use std::error::Error;

use kinde_users::fake::FakeKinde;
use kinde_users::operations::{CreateUser, Expand, GetUserData, GetUsers, NewIdentity, UpdateUser};
use kinde_users::{Client, Clock, Credentials, Erase, Transport, UserId, client};

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name| env::var(name).map_err(|error| format!("{name}: {error}"));
    if env::var_os("KINDE_DOMAIN").is_none() {
        println!("This is an in-memory tenant. Set KINDE_DOMAIN for a real one.");
        let fake = FakeKinde::new();
        fake.seed_users(5);
        return run(&fake.client()?);
    }
    let credentials = Credentials::new(
        variable("KINDE_MANAGEMENT_CLIENT_ID")?,
        variable("KINDE_MANAGEMENT_CLIENT_SECRET")?,
    );
    run(&client(variable("KINDE_DOMAIN")?.parse()?, credentials))
}

fn run<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn Error>> {
    let email = format!("quickstart-{}@example.com", std::process::id());
    let new = CreateUser::new().given_name("Ada").identity(NewIdentity::email(email).is_verified(true));
    let id = client.send(&new)?.id;
    println!("created   {id}");

    // The user is deleted again even where a call in between fails.
    let result = read_and_change(client, &id);
    client.run(&mut Erase::new(id.clone()))?;
    println!("erased    {id} and its sessions");
    result
}

fn read_and_change<T: Transport, C: Clock>(client: &Client<T, C>, id: &UserId) -> Result<(), Box<dyn Error>> {
    for (number, page) in client.pages(GetUsers::new().page_size(2)).max_pages(3).enumerate() {
        let users = page?.users;
        let ids: Vec<_> = users.iter().map(|user| user.id.as_str()).collect();
        println!("page {}    {}", number + 1, ids.join(", "));
    }

    client.send(&UpdateUser::new(id).family_name("Example").is_suspended(true))?;
    let user = client.send(&GetUserData::new(id).expand(Expand::Identities))?;
    let name = [user.first_name.as_deref(), user.last_name.as_deref()].map(Option::unwrap_or_default);
    println!("changed   {}, suspended: {}", name.join(" "), user.is_suspended == Some(true));
    Ok(())
}
