//! What the benches need.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod bare;
#[path = "../../../kinde-users-core/benches/cases/page.rs"]
pub(crate) mod page;
#[path = "../../../kinde-users-core/benches/cases/plain.rs"]
pub(crate) mod plain;
pub(crate) mod process;
#[path = "../../../kinde-users-core/benches/cases/row.rs"]
pub(crate) mod row;
pub(crate) mod server;

use std::io;

use kinde_users::{AccessToken, Credentials};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

/// Has this process and those that it starts run on one core. Whether client and server happen to
/// share one makes a call take twice the time or half of it, for as long as a connection lasts.
pub(crate) fn stay_on_one_core() -> io::Result<()> {
    let mut core = CpuSet::new();
    core.set(sched_getcpu());
    Ok(sched_setaffinity(None, &core)?)
}

/// A token that is there already.
pub(crate) fn credentials() -> Credentials {
    Credentials::access_token(AccessToken::new(&page::token()).expect("a good token"))
}
