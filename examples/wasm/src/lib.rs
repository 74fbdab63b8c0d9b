//! The async client in WebAssembly: creates users, reads one, lists all and meets an error.
//!
//! `host.rs` has the transport and the clock. `run.mjs` is the host, which runs the module in
//! Node.js. The program `kinde-users-fake` is the tenant:
//!
//! ```sh
//! cargo build -p kinde-users-fake --features server
//! cargo build --release --target wasm32-unknown-unknown --manifest-path examples/wasm/Cargo.toml
//! target/debug/kinde-users-fake > announced &
//! node examples/wasm/run.mjs examples/wasm/target/wasm32-unknown-unknown/release/*.wasm announced
//! kill %1
//! ```

mod host;

use std::error::Error;

use futures_util::future::try_join_all;
use kinde_users::operations::{CreateUser, GetUserData, GetUsers, NewIdentity};
use kinde_users::{AsyncClient, Credentials, Domain, Tenant};
use serde_json::Value;

use host::{Fetch, HostClock, print};

/// Starts the program. It goes on when the host calls `poll`.
#[unsafe(no_mangle)]
extern "C" fn start() {
    host::run(program());
}

async fn program() -> Result<(), Box<dyn Error>> {
    let settings: Value = serde_json::from_slice(&host::settings().await)?;
    let text = |name: &str| settings[name].as_str().ok_or_else(|| format!("{name} is missing"));
    let domain = Domain::parse(text("origin")?)?.with_audience(text("audience")?);
    let credentials = Credentials::new(text("client_id")?, text("client_secret")?);
    // The seed is for waits, which should differ between programs.
    let tenant = Tenant::new(domain, credentials).with_seed(host::random().to_bits());
    let client = AsyncClient::new(tenant, Fetch, HostClock);

    // All calls are under way at the same time, and share one token.
    let create = async |number: usize| {
        let ada = NewIdentity::email(format!("ada{number}@example.com"));
        client.send(&CreateUser::new().given_name("Ada").identity(ada)).await
    };
    let created = try_join_all((0..5).map(create)).await?;
    print(&format!("created {} users", created.len()));

    let user = client.send(&GetUserData::new(&created[3].id)).await?;
    print(&format!("the fourth has the address {}", user.email().unwrap_or("none")));

    let mut pages = client.pages(GetUsers::new().page_size(2));
    while let Some(page) = pages.next_page().await {
        print(&format!("a page of {} users", page?.users.len()));
    }

    match client.send(&GetUserData::new("kp_unknown")).await {
        Ok(_) => Err("a user that does not exist was read".into()),
        Err(error) => {
            print(&format!("kp_unknown: status {:?}, effect {:?}", error.status(), error.effect()));
            Ok(())
        }
    }
}
