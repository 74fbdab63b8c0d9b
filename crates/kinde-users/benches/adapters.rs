//! How often a call over each adapter allocates, and how much, beside the HTTP stack by itself with
//! `serde_json`: `cargo bench -p kinde-users --features hyper --bench adapters`. The server is
//! another process.

mod client;

use std::alloc::System;
use std::error::Error;
use std::process::ExitCode;

use client::bare::{ID, USER, agent, bare, bare_hyper, bare_ureq, write_hyper, write_ureq};
use client::row::{Table, Target};
use client::server::{Server, serve_if_told};
use client::{credentials, plain};
use kinde_users::operations::{GetUserData, UpdateUserProperties};
use kinde_users::{Domain, async_client, client as blocking_client};
use serde::Serialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: u32 = 100;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    if serve_if_told()? {
        return Ok(ExitCode::SUCCESS);
    }
    let server = Server::start()?;
    let origin = &server.origin;
    let domain = Domain::parse(origin)?;
    let mut table = Table::default();

    let get = GetUserData::new(ID);
    let write = UpdateUserProperties::new(ID).property("kp_usr_city", "Bendigo");
    let same = Body { properties: Properties { kp_usr_city: "Bendigo" } };

    let (client, agent) = (blocking_client(domain.clone(), credentials()), agent());
    let ours = || drop(client.send(&get).expect("a user"));
    let floor = || drop(bare_ureq::<plain::User>(&agent, origin, USER));
    // One more is too much: a lookup of the name in a thread of its own, say, as ureq makes for
    // each call with a time limit. Ours asks for gzip, which costs one, and the floor does not.
    compare("get_user_data over loopback, ureq", &ours, &floor, -8.0, &mut table);
    let ours = || drop(client.send(&write).expect("done"));
    let floor = || drop(write_ureq(&agent, origin, &same));
    compare("update_user_properties over loopback, ureq", &ours, &floor, -3.0, &mut table);

    let runtime = Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(async { async_client(domain, credentials()) });
    let (bare, writer) = (bare(), client::bare::bare());
    let ours = || runtime.block_on(async { drop(client.send(&get).await.expect("a user")) });
    let floor = || runtime.block_on(async { drop(bare_hyper::<plain::User>(&bare, origin, USER).await) });
    // hyper keeps up to 100 headers of a response on the stack. Ours allows more, which costs two.
    compare("get_user_data over loopback, hyper", &ours, &floor, 0.0, &mut table);
    let ours = || runtime.block_on(async { drop(client.send(&write).await.expect("done")) });
    let floor = || runtime.block_on(async { drop(write_hyper(&writer, origin, &same).await) });
    compare("update_user_properties over loopback, hyper", &ours, &floor, 1.0, &mut table);
    Ok(table.end())
}

#[derive(Serialize)]
struct Body {
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    kp_usr_city: &'static str,
}

/// `most` is how many more allocations ours may make.
fn compare(name: &str, ours: &dyn Fn(), floor: &dyn Fn(), most: f64, table: &mut Table) {
    let limit = Target::Told.guarded(Target::More(most));
    let [(count, bytes), (floor_count, floor_bytes)] = [ours, floor].map(allocations);
    table.counted(name, "allocations", [count, floor_count], limit);
    table.counted(name, "bytes allocated", [bytes, floor_bytes], Target::Told.into());
}

/// How many there are in a call, and of how many bytes in all.
#[expect(clippy::cast_precision_loss, reason = "they are few")]
fn allocations(call: &dyn Fn()) -> (f64, f64) {
    // The first ones make a connection.
    (0..CALLS).for_each(|_| call());
    let region = Region::new(ALLOCATOR);
    (0..CALLS).for_each(|_| call());
    let change = region.change();
    let count = change.allocations + change.reallocations;
    ((count as f64) / f64::from(CALLS), (change.bytes_allocated as f64) / f64::from(CALLS))
}
