//! Tenants on ports of their own.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

use super::routes::done;
use super::{Answer, Call, Control, Refusal};
use crate::fake_kinde::FakeKinde;
use crate::request_log::KEPT_BYTES;
use crate::state::Tenant;

/// How many tenants can be open at the same time, besides the first one.
pub(crate) const MOST: usize = 64;

/// An open port, which closes when it is dropped.
pub(crate) type Port = Box<dyn Send>;

/// Lets a tenant listen.
pub(crate) type Listen = Box<dyn Fn(&FakeKinde) -> io::Result<Port> + Send + Sync>;

/// The tenants that another one opened.
pub(crate) struct Tenants {
    listen: Listen,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    tenants: BTreeMap<u64, (FakeKinde, Port)>,
}

impl Tenants {
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "nothing opens a port"))]
    pub(crate) fn new(listen: Listen) -> Self {
        Self { listen, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tenants {
    /// Closes all ports at the same time, because each waits for its open requests.
    fn drop(&mut self) {
        let tenants = core::mem::take(&mut self.open().tenants);
        thread::scope(|scope| {
            for tenant in tenants.into_values() {
                scope.spawn(move || drop(tenant));
            }
        });
    }
}

impl Control {
    fn tenants(&self) -> Result<&Tenants, Refusal> {
        let words = "only the first tenant of a program opens other ones";
        self.tenants.as_ref().ok_or_else(|| Refusal::new(http::StatusCode::NOT_FOUND, words))
    }
}

fn describe((id, (fake, _)): (&u64, &(FakeKinde, Port))) -> Value {
    let settings = &fake.lock().settings;
    json!({
        "id": id.to_string(),
        "origin": settings.origin,
        "audience": settings.audience(),
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
    })
}

pub(super) fn list(control: &Control, _: &Call<'_>) -> Answer {
    let open = control.tenants()?.open();
    Ok(json!({ "tenants": open.tenants.iter().map(describe).collect::<Value>() }))
}

pub(super) fn open(control: &Control, call: &Call<'_>) -> Answer {
    let tenants = control.tenants()?;
    let mut tenant: Tenant = control.started(call.optional_body()?)?;
    // All logs together are as large as that of the first tenant.
    tenant.settings.log_bytes = tenant.settings.log_bytes.min(KEPT_BYTES / MOST);
    tenant.running = None;
    let fake = FakeKinde::with(tenant);

    let mut open = tenants.open();
    if open.tenants.len() >= MOST {
        return Err(Refusal::conflict(format!("{MOST} tenants are open: close one of them")));
    }
    let port = (tenants.listen)(&fake)
        .map_err(|error| Refusal::conflict(format!("the tenant cannot listen: {error}")))?;
    open.last += 1;
    let id = open.last;
    let opened = (fake, port);
    let described = describe((&id, &opened));
    open.tenants.insert(id, opened);
    Ok(described)
}

pub(super) fn close(control: &Control, call: &Call<'_>) -> Answer {
    let id = call.id().parse::<u64>().ok();
    let closed = id.and_then(|id| control.tenants().ok()?.open().tenants.remove(&id));
    // The port closes after the lock is released, because it waits for open requests.
    closed.map_or_else(|| Err(Refusal::not_found("tenant", call.id())), |_| done())
}
