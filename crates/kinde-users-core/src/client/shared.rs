//! A call in progress, over the tenant that all clones of a client share.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::mem;
use core::task::Waker;
use core::time::Duration;

use crate::client::provider::{Asking, Provided};
use crate::client::trace::CallSpan;
use crate::protocol::credentials::Credentials;
use crate::protocol::exchange::Exchange;
use crate::protocol::step::{Input, Step, Wait};
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
    /// The wakers of calls that wait for the epoch of the tenant to change, by the number of the
    /// wait.
    wakers: BTreeMap<u64, Sleeper>,
    /// The number of waits so far.
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

    /// Starts a call. Its request was written outside of the lock.
    pub(crate) fn call(&self, exchange: Exchange, has_provider: bool) -> Call<'_, T, C> {
        let span = CallSpan::new(exchange.operation());
        let asking = has_provider.then(Box::default);
        Call { shared: self, exchange, wait: None, asking, span, ended: false }
    }

    /// Runs `with` on the tenant. If the epoch changed, wakes the calls that wait for it.
    pub(crate) fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        // It is dropped after the lock, so no call is woken under the lock. If `with` panics, they
        // are woken to be sure.
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

    /// Returns whether `credentials` are others than those of the tenant.
    fn is_new(&self, credentials: &Credentials) -> bool {
        self.lock().tenant.has_other(credentials)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No panic leaves the tenant half changed: each call on it is complete.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of a call that waits.
///
/// A waker is code of the executor of its call, and usually another call wakes it. So a panic of
/// the waker ends here, after the panic hook has reported it. It must not end the call that wakes
/// it, keep other wakers from being woken, or abort a thread that is already panicking.
struct Sleeper(Option<Waker>);

impl Sleeper {
    fn wake(self) {
        // Waking and dropping are separate steps, because both may panic.
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
        // Dropping the payload of the panic could panic too.
        mem::forget(panic);
    }
}

/// Wakes the calls that wait for the epoch of the tenant to change.
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

/// An exchange in progress. If it is dropped before its end, by a panic or with its future, it is
/// cancelled.
pub(crate) struct Call<'a, T, C> {
    shared: &'a Shared<T, C>,
    exchange: Exchange,
    /// The number of the wait that may have a waker.
    wait: Option<u64>,
    /// When the call asks the provider of credentials, if the client has one.
    asking: Option<Box<Asking>>,
    span: CallSpan,
    ended: bool,
}

impl<T, C> Call<'_, T, C> {
    pub(crate) fn advance(&mut self, now: Instant, input: Input) -> Step {
        self.span.input(now, &input);
        self.deregister();
        if self.asking.is_some() {
            return self.advance_with_provider(now, input);
        }
        self.act(now, |exchange, tenant| exchange.advance(tenant, now, input))
    }

    /// Advances the exchange, unless the call asks the provider first, or has just asked it.
    fn advance_with_provider(&mut self, now: Instant, mut input: Input) -> Step {
        let lease = self.exchange.lease();
        if let Some(asking) = &mut self.asking {
            match asking.take() {
                None => match asking.keep(lease, input) {
                    Some(answer) => input = answer,
                    None => return Step::Wait(Wait { until: now, epoch: None }),
                },
                // The refusal applies to the same credentials, and there are no others.
                Some((Err(_), Some(refusal))) => input = refusal,
                Some((Ok(credentials), Some(refusal))) if !self.shared.is_new(&credentials) => {
                    input = refusal;
                }
                Some((provided, _)) => {
                    return self.act(now, |exchange, tenant| exchange.provided(tenant, now, provided));
                }
            }
        }
        self.act(now, |exchange, tenant| exchange.advance(tenant, now, input))
    }

    fn act(&mut self, now: Instant, act: impl FnOnce(&mut Exchange, &mut Tenant) -> Step) -> Step {
        let step = self.shared.with_tenant(|tenant| act(&mut self.exchange, tenant));
        self.ended = matches!(step, Step::Done(_));
        let asks = self.asking.as_mut().is_some_and(|asking| asking.before_sending(self.exchange.lease()));
        if !asks {
            self.span.step(self.exchange.attempts(), now, &step);
        }
        step
    }

    /// Returns whether the driver asks the provider now, instead of carrying out the step.
    pub(crate) fn asks(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.asks())
    }

    /// Takes the answer of the provider. The driver then advances the call.
    pub(crate) fn answer(&mut self, provided: Provided) {
        if let Some(asking) = &mut self.asking {
            asking.answer(provided);
        }
    }

    /// Registers `waker` to be woken when the epoch is no longer `epoch`. Returns `false` if it
    /// already is another one. A call has one waker, the last one.
    pub(crate) fn register(&mut self, epoch: Option<u64>, waker: impl FnOnce() -> Waker) -> bool {
        let Some(epoch) = epoch else { return true };
        // Creating and dropping a waker can run foreign code, so neither happens under the lock.
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
