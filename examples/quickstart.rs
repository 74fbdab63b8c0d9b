//! The main job: create a user, page through all, get it, change it, set a property, end its sessions, delete it.
//!
//! `cargo run --example quickstart` runs it against a Kinde in memory. With `KINDE_DOMAIN`,
//! `KINDE_MANAGEMENT_CLIENT_ID` and `KINDE_MANAGEMENT_CLIENT_SECRET` set, it runs against that tenant, over ureq, and deletes
//! what it created.

use std::error::Error;
use std::process::ExitCode;

use kinde_users::fake::NewFakeUser;
use kinde_users::operations::{
    CreateUser, DeleteUser, DeleteUserSessions, Expand, GetUserData, GetUserPropertyValues, GetUsers,
    NewIdentity, UpdateUser, UpdateUserProperty,
};
use kinde_users::{Client, Clock, Transport, UserId};
use kinde_users_examples::support::cli::{EXIT_CODES, no_arguments};
use kinde_users_examples::support::{connect, counted, end_of_example, say};

fn main() -> ExitCode {
    no_arguments("Create a user, page through all, change it, and delete it again.", EXIT_CODES);
    end_of_example(on_the_tenant())
}

/// On the one that the environment names, or on one in memory.
fn on_the_tenant() -> Result<(), Box<dyn Error>> {
    let tenant = connect(0)?;
    let Some(fake) = tenant.fake else { return run(&tenant.client) };
    for name in ["Ada", "Barbara", "Grace", "Katherine", "Margaret"] {
        let email = format!("{}@example.com", name.to_lowercase());
        fake.add_user(NewFakeUser::new().name(name, "Example").email(email));
    }
    run(&tenant.client)?;
    say(format_args!(
        "\nThe tenant was asked {}, {} of them for a token.",
        counted(fake.requests().len(), "time"),
        fake.token_requests()
    ));
    Ok(())
}

fn run<T: Transport, C: Clock>(client: &Client<T, C>) -> Result<(), Box<dyn Error>> {
    let email = format!("quickstart-{}@example.com", std::process::id());
    let new = CreateUser::new()
        .given_name("Mary")
        .family_name("Example")
        .identity(NewIdentity::email(&email).is_verified(true));
    let id = client.send(&new)?.id;
    say(format_args!("create_user            {id}"));

    // Whatever goes wrong from here on, the user is deleted again.
    let result = use_it(client, &id);
    let sessions = client.send(&DeleteUserSessions::new(&id));
    say(format_args!("delete_user_sessions   {}", if sessions.is_ok() { "all ended" } else { "failed" }));
    client.send(&DeleteUser::new(&id).is_delete_profile(true))?;
    say(format_args!("delete_user            {id} and its profile"));
    sessions?;
    result
}

fn use_it<T: Transport, C: Clock>(client: &Client<T, C>, id: &UserId) -> Result<(), Box<dyn Error>> {
    for (number, page) in client.pages(GetUsers::new().page_size(2)).max_pages(3).enumerate() {
        let page = page?;
        let names: Vec<&str> = page.users.iter().filter_map(|user| user.first_name.as_deref()).collect();
        say(format_args!("get_users              page {}: {}", number + 1, names.join(", ")));
    }

    let user = client.send(&GetUserData::new(id).expand(Expand::Identities))?;
    say(format_args!(
        "get_user_data          {} {}, {}, suspended: {}",
        user.first_name.as_deref().unwrap_or("?"),
        user.last_name.as_deref().unwrap_or("?"),
        counted(user.identities.len(), "identity"),
        user.is_suspended.unwrap_or_default(),
    ));

    let updated = client.send(&UpdateUser::new(id).family_name("Changed").is_suspended(true))?;
    say(format_args!(
        "update_user            {} {}, suspended: {}",
        updated.given_name.as_deref().unwrap_or("?"),
        updated.family_name.as_deref().unwrap_or("?"),
        updated.is_suspended.unwrap_or_default(),
    ));

    // Properties are set up per tenant; this key is one of Kinde's own.
    client.send(&UpdateUserProperty::new(id, "kp_usr_city", "London"))?;
    let values = client.send(&GetUserPropertyValues::new(id))?;
    say(format_args!(
        "update_user_property   kp_usr_city is {:?}",
        values.value_of("kp_usr_city").unwrap_or_default()
    ));
    Ok(())
}
