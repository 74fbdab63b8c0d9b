//! A call under way, over the tenant that all clones of a client share.

use alloc::collections::BTreeMap;
use core::mem;
use core::task::Waker;
use core::time::Duration;

use crate::client::trace::CallSpan;
use crate::protocol::exchange::Exchange;
use crate::protocol::step::{Input, Step};
use crate::protocol::tenant::Tenant;
use crate::types::access_token::AccessToken;
use crate::types::domain::Domain;
use crate::types::sync::{AssertUnwindSafe, Mutex, MutexGuard, PoisonError, catch_unwind};
use crate::types::time::Instant;

/// What all clones of a client share.
pub(crate) struct Shared<T, C> {
    pub(crate) transport: T,
    pub(crate) clock: C,
    pub(crate) domain: Domain,
    state: Mutex<State>,
}

struct State {
    tenant: Tenant,
    /// Who waits for the tenant's epoch to move, by the number of the wait.
    wakers: BTreeMap<u64, Sleeper>,
    /// How many waits there were.
    waits: u64,
}

impl<T, C> Shared<T, C> {
    pub(crate) fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        let domain = tenant.domain().clone();
        Self {
            transport,
            clock,
            domain,
            state: Mutex::new(State { tenant, wakers: BTreeMap::new(), waits: 0 }),
        }
    }

    /// Begins a call, whose request was written outside of the lock.
    pub(crate) fn call(&self, exchange: Exchange) -> Call<'_, T, C> {
        let span = CallSpan::new(exchange.operation());
        Call { shared: self, exchange, wait: None, span, ended: false }
    }

    /// Works on the tenant, and then wakes those who wait for its epoch to move, if it has.
    pub(crate) fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        // Dropped after the lock: nobody is woken under it. Where `with` panics, they are woken to be sure.
        let mut wakes = Wakes { shared: self, needed: true };
        let mut state = self.lock();
        let epoch = state.tenant.epoch();
        let result = with(&mut state.tenant);
        wakes.needed = state.tenant.epoch() != epoch;
        result
    }

    pub(crate) fn token(&self, now: Instant) -> Option<(AccessToken, Option<Duration>)> {
        self.lock().tenant.token(now).map(|(token, left)| (token.clone(), left))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The tenant is whole between any two calls on it, whatever another thread's panic was about.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of a call that waits.
///
/// A waker is code of its call's executor, and most of the time another call wakes it. So a panic of
/// it ends here, where the panic hook has reported it: it must not end the call that wakes it, keep
/// the wakers behind it from being woken, or abort a thread that is panicking already.
struct Sleeper(Option<Waker>);

impl Sleeper {
    fn wake(self) {
        // It is dropped in a step of its own, so that it may panic in both.
        contained(|| self.0.as_ref().map(Waker::wake_by_ref));
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        contained(|| self.0 = None);
    }
}

fn contained<R>(run: impl FnOnce() -> R) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        // Dropping what it panicked with could panic too.
        mem::forget(panic);
    }
}

/// Wakes those who wait for the tenant's epoch to move.
struct Wakes<'a, T, C> {
    shared: &'a Shared<T, C>,
    needed: bool,
}

impl<T, C> Drop for Wakes<'_, T, C> {
    fn drop(&mut self) {
        if self.needed {
            let wakers = mem::take(&mut self.shared.lock().wakers);
            wakers.into_values().for_each(Sleeper::wake);
        }
    }
}

/// An exchange under way. Dropped before its end, by a panic or with the future that it is in, it is cancelled.
pub(crate) struct Call<'a, T, C> {
    shared: &'a Shared<T, C>,
    exchange: Exchange,
    /// The number of the wait that it may have a waker for.
    wait: Option<u64>,
    span: CallSpan,
    ended: bool,
}

impl<T, C> Call<'_, T, C> {
    pub(crate) fn advance(&mut self, now: Instant, input: Input) -> Step {
        self.span.input(now, &input);
        self.deregister();
        let step = self.shared.with_tenant(|tenant| self.exchange.advance(tenant, now, input));
        self.span.step(self.exchange.attempts(), now, &step);
        self.ended = matches!(step, Step::Done(_));
        step
    }

    /// Has `waker` woken when the epoch is no longer `epoch`; `false` if it is so already, and there is nothing to wait for. A call
    /// has one waker, the last one.
    pub(crate) fn register(&mut self, epoch: Option<u64>, waker: impl FnOnce() -> Waker) -> bool {
        let Some(epoch) = epoch else { return true };
        // Making and dropping a waker can run anybody's code, so neither is done under the lock.
        let waker = Sleeper(Some(waker()));
        let mut state = self.shared.lock();
        if state.tenant.epoch() != epoch {
            return false;
        }
        let wait = *self.wait.get_or_insert_with(|| {
            state.waits = state.waits.wrapping_add(1);
            state.waits
        });
        let before = state.wakers.insert(wait, waker);
        drop(state);
        drop(before);
        true
    }

    fn deregister(&mut self) {
        if let Some(wait) = self.wait.take() {
            let waker = self.shared.lock().wakers.remove(&wait);
            drop(waker);
        }
    }
}

impl<T, C> Drop for Call<'_, T, C> {
    fn drop(&mut self) {
        if !self.ended {
            self.shared.with_tenant(|tenant| self.exchange.cancel(tenant));
            self.span.cancelled(self.exchange.attempts());
        }
        self.deregister();
    }
}
