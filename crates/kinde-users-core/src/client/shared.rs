//! A call in progress, over the tenant that all clones of a client share.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::mem;
use core::task::Waker;
use core::time::Duration;

use crate::api::meta::Meta;
use crate::client::observer::NewObserver;
use crate::client::provider::{Asking, Provided};
use crate::client::watch::Watch;
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
    pub(crate) fn call(
        &self,
        mut exchange: Exchange,
        has_provider: bool,
        new_observer: Option<&NewObserver>,
    ) -> Call<'_, T, C> {
        exchange.has_provider = has_provider;
        let hooks = if has_provider || new_observer.is_some() || cfg!(feature = "tracing") {
            Hooks::new(has_provider, new_observer, exchange.operation(), &self.domain)
        } else {
            None
        };
        Call { shared: self, exchange, wait: None, hooks, ended: false }
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

/// What a call has beside its exchange, if its client has a provider or an observer.
struct Hooks<'a> {
    asking: Option<Asking>,
    watch: Option<Watch<'a>>,
}

impl<'a> Hooks<'a> {
    #[cold]
    fn new(
        has_provider: bool,
        new_observer: Option<&NewObserver>,
        operation: &'static Meta,
        domain: &'a Domain,
    ) -> Option<Box<Self>> {
        let asking = has_provider.then(Asking::default);
        let watch = Watch::new(new_observer, operation, domain);
        let needed = asking.is_some() || watch.is_some();
        needed.then(|| Box::new(Self { asking, watch }))
    }
}

/// What the exchange does next: it takes an input, or what the provider returned.
enum Act {
    Advance(Input),
    Provide(Provided),
}

/// An exchange in progress. If it is dropped before its end, by a panic or with its future, it is
/// cancelled.
pub(crate) struct Call<'a, T, C> {
    shared: &'a Shared<T, C>,
    exchange: Exchange,
    /// The number of the wait that may have a waker.
    wait: Option<u64>,
    hooks: Option<Box<Hooks<'a>>>,
    ended: bool,
}

impl<T, C> Call<'_, T, C> {
    pub(crate) fn advance(&mut self, now: Instant, input: Input) -> Step {
        self.deregister();
        if self.hooks.is_some() {
            return self.advance_with_hooks(now, input);
        }
        let step = self.shared.with_tenant(|tenant| self.exchange.advance(tenant, now, input));
        self.ended = matches!(step, Step::Done(_));
        step
    }

    /// Advances the exchange, unless the call asks the provider first, and tells the observers. If
    /// an observer panics, the call loses its hooks, so an observer sees no event twice.
    #[cold]
    fn advance_with_hooks(&mut self, now: Instant, input: Input) -> Step {
        let asks = Step::Wait(Wait { until: now, epoch: None });
        let Some(mut hooks) = self.hooks.take() else { return asks };
        if let Some(watch) = &mut hooks.watch {
            watch.input(now, &input);
        }
        let Some(act) = self.next_act(hooks.asking.as_mut(), input) else {
            self.hooks = Some(hooks);
            return asks;
        };
        let (step, renewed) = self.shared.with_tenant(|tenant| {
            let before = tenant.generation();
            let step = match act {
                Act::Advance(input) => self.exchange.advance(tenant, now, input),
                Act::Provide(provided) => self.exchange.provided(tenant, now, provided),
            };
            let is_renewed = tenant.generation() != before;
            (step, is_renewed.then(|| tenant.token(now).and_then(|(_, lifetime)| lifetime)))
        });
        self.ended = matches!(step, Step::Done(_));
        let (attempts, lease) = (self.exchange.attempts(), self.exchange.lease());
        let asks_first = hooks.asking.as_mut().is_some_and(|asking| asking.before_sending(lease));
        if let Some(watch) = &mut hooks.watch {
            if let Some(lifetime) = renewed {
                watch.token_renewed(lifetime);
            }
            if !asks_first {
                watch.step(now, &step, attempts, lease.is_some());
            }
        }
        self.hooks = Some(hooks);
        if asks_first { asks } else { step }
    }

    /// Returns what the exchange does next, or `None` if the call asks the provider first.
    fn next_act(&self, asking: Option<&mut Asking>, input: Input) -> Option<Act> {
        let Some(asking) = asking else { return Some(Act::Advance(input)) };
        Some(match asking.take() {
            None => Act::Advance(asking.keep(self.exchange.lease(), input)?),
            // There are no other credentials, so the refusal is the answer.
            Some((Err(_), Some(refusal))) => Act::Advance(refusal),
            Some((Ok(credentials), Some(refusal))) if !self.shared.is_new(&credentials) => {
                Act::Advance(refusal)
            }
            Some((provided, _)) => Act::Provide(provided),
        })
    }

    /// Returns whether the call asks the provider. The driver does that instead of a wait.
    pub(crate) fn asks(&self) -> bool {
        let asking = self.hooks.as_ref().and_then(|hooks| hooks.asking.as_ref());
        asking.is_some_and(Asking::asks)
    }

    /// Takes the answer of the provider. The driver then advances the call.
    pub(crate) fn answer(&mut self, provided: Provided) {
        if let Some(asking) = self.hooks.as_mut().and_then(|hooks| hooks.asking.as_mut()) {
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
            if let Some(watch) = self.hooks.as_mut().and_then(|hooks| hooks.watch.as_mut()) {
                // The thread may be panicking already.
                contained(|| watch.cancelled(self.exchange.attempts()));
            }
        }
        self.deregister();
    }
}
