//! One state of a tenant and of the calls made to it, and what can happen in it.

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::string::String;
use std::vec::Vec;

use http::Response;

use super::onlooker::{Common, Failure, Known, Onlooker, Owed};
use super::rules::{self, Broken, Move};
use super::{Call, NOW, Setup, halved_jitter};
use crate::api::meta::Replay;
use crate::api::operation::Operation;
use crate::api::prepared::Prepared;
use crate::error::call::Error;
use crate::operations::create_user::CreateUser;
use crate::operations::create_user_billing_customer::CreateUserBillingCustomer;
use crate::operations::delete_user::DeleteUser;
use crate::operations::get_users::GetUsers;
use crate::protocol::call_options::CallOptions;
use crate::protocol::credentials::Credentials;
use crate::protocol::exchange::{Exchange, Phase, Reason};
use crate::protocol::retry::RetryPolicy;
use crate::protocol::step::{Input, Step};
use crate::protocol::tenant::Tenant;
use crate::protocol::tokens::Tokens;
use crate::types::access_token::AccessToken;
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::domain::Domain;
use crate::types::time::Instant;

/// The token that the tenant holds is called so in every state, and one that has just come is
/// called otherwise.
pub(super) const HELD: &str = "held";
pub(super) const FRESH: &str = "fresh";

/// It is always [`NOW`]: other times are kept by how far ahead they are.
#[derive(Clone)]
pub(super) struct State {
    pub(super) tenant: Tenant,
    /// Those that are not over.
    pub(super) exchanges: Vec<Option<Exchange>>,
    pub(super) known: Onlooker,
    /// How often the program may still give the tenant other credentials or a token.
    pub(super) interventions: u8,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A call is told something.
    Tell(usize, Tell),
    /// The driver of a call goes away, and says so.
    Cancel(usize),
    /// The driver of a call goes away, and does not say so.
    Vanish(usize),
    /// Time passes.
    Pass(Duration),
    /// The tenant is given other credentials.
    ReplaceCredentials,
    /// The tenant is given a token that lasts so many seconds.
    SupplyToken(Option<u64>),
    /// The tenant is given another pace.
    SetPace(u32),
    /// The gate is opened by hand.
    OpenGate,
}

/// What a call is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tell {
    Start,
    Woken,
    Lost(Delivery),
    Came(Answer),
    /// The head of a reply came, and its body could not be read.
    HeadCame(Answer, BodyFailure),
}

/// A reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// How many seconds it asks to wait.
    pub(super) reset: Option<u64>,
    pub(super) body: Body,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    Unreadable,
    /// The error of a repeat, for operations that have one.
    Repeat,
    /// A token, and how many seconds it lasts, if that is told.
    Token(Option<u64>),
}

/// What can be told.
#[derive(Debug)]
pub(super) struct Alphabet {
    /// To a call that no reply is owed to.
    idle: &'static [Tell],
    /// To a call that asked for a token.
    token: &'static [Tell],
    /// To a call that sent its operation.
    operation: &'static [Tell],
    /// Whether things happen a little before each timer too, and not just at it, after it and long
    /// before it.
    before_timers: bool,
}

/// All kinds of outcomes, with one status of each class. Resets are within the deadlines or beyond;
/// tokens last for a moment, for some time, or do not say how long.
pub(super) static ALL: Alphabet = Alphabet {
    idle: IDLE,
    token: &[
        Tell::Start,
        Tell::Woken,
        Tell::Lost(Delivery::NotSent),
        Tell::Lost(Delivery::Unknown),
        issued(Some(1)),
        issued(Some(10)),
        issued(None),
        // A success without a token.
        status(200),
        status(401),
        status(503),
        reset(429, 2),
        head(200, BodyFailure::Broken),
        head(200, BodyFailure::TooLarge),
        head(401, BodyFailure::Broken),
        head(503, BodyFailure::TooLarge),
    ],
    operation: &[
        Tell::Start,
        Tell::Woken,
        Tell::Lost(Delivery::NotSent),
        Tell::Lost(Delivery::Unknown),
        // It cannot be read.
        status(200),
        status(302),
        status(401),
        status(403),
        status(404),
        Tell::Came(Answer { status: 400, reset: None, body: Body::Repeat }),
        status(408),
        status(429),
        reset(429, 2),
        reset(429, 30),
        status(501),
        status(503),
        reset(503, 2),
        head(200, BodyFailure::Broken),
        head(200, BodyFailure::TooLarge),
        head(302, BodyFailure::Broken),
        head(401, BodyFailure::TooLarge),
        head(404, BodyFailure::Broken),
        head(429, BodyFailure::Broken),
        head(503, BodyFailure::TooLarge),
    ],
    before_timers: true,
};

/// One outcome of each kind that changes what calls share or how a call goes on.
pub(super) static FEW: Alphabet = Alphabet {
    idle: &[Tell::Woken],
    token: &[Tell::Woken, issued(Some(1)), issued(Some(10)), status(401), reset(503, 2)],
    operation: &[
        Tell::Woken,
        Tell::Lost(Delivery::NotSent),
        status(200),
        head(200, BodyFailure::Broken),
        status(401),
        reset(429, 2),
        status(503),
    ],
    before_timers: false,
};

/// For where the times to come or a pace make many states.
pub(super) static FEWEST: Alphabet = Alphabet {
    idle: &[Tell::Woken],
    token: &[issued(None), status(401), status(503)],
    operation: &[status(200), status(401), status(503)],
    before_timers: false,
};

/// For a call that is refused again and again, while others are accepted.
pub(super) static REFUSALS: Alphabet = Alphabet {
    idle: &[Tell::Woken],
    token: &[issued(None)],
    operation: &[reset(429, 1), status(503)],
    before_timers: false,
};

/// For a tenant that learns.
pub(super) static LIMITS: Alphabet = Alphabet {
    idle: &[Tell::Woken],
    token: &[issued(None)],
    operation: &[Tell::Lost(Delivery::Unknown), status(200), status(429), reset(429, 1), status(503)],
    before_timers: false,
};

const IDLE: &[Tell] =
    &[Tell::Start, Tell::Woken, Tell::Lost(Delivery::Unknown), status(200), head(429, BodyFailure::Broken)];

const fn status(status: u16) -> Tell {
    Tell::Came(Answer { status, reset: None, body: Body::Unreadable })
}

const fn head(status: u16, failure: BodyFailure) -> Tell {
    Tell::HeadCame(Answer { status, reset: None, body: Body::Unreadable }, failure)
}

const fn reset(status: u16, seconds: u64) -> Tell {
    Tell::Came(Answer { status, reset: Some(seconds), body: Body::Unreadable })
}

const fn issued(lifetime: Option<u64>) -> Tell {
    Tell::Came(Answer { status: 200, reset: None, body: Body::Token(lifetime) })
}

impl Answer {
    fn head(self) -> http::response::Builder {
        let mut response = Response::builder().status(self.status);
        if let Some(seconds) = self.reset {
            response = response.header("ratelimit-reset", seconds);
        }
        response
    }
}

impl Tell {
    fn input(self) -> Input {
        match self {
            Self::Start => Input::Start,
            Self::Woken => Input::Woken,
            Self::Lost(delivery) => Input::Failed(delivery),
            Self::HeadCame(answer, failure) => Input::HeadOnly(answer.head().body(failure).unwrap()),
            Self::Came(answer) => {
                let body = match answer.body {
                    Body::Unreadable => String::from("<html>"),
                    Body::Repeat => r#"{"errors":[{"code":"BILLING_CUSTOMER_EXISTS"}]}"#.into(),
                    Body::Token(None) => format!(r#"{{"access_token":"{FRESH}"}}"#),
                    Body::Token(Some(lifetime)) => {
                        format!(r#"{{"access_token":"{FRESH}","expires_in":{lifetime}}}"#)
                    }
                };
                Input::Response(answer.head().body(body.into_bytes()).unwrap())
            }
        }
    }
}

fn token(text: &str) -> AccessToken {
    AccessToken::new(text).unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("id", "secret")
}

impl Call {
    pub(super) fn operation(&self) -> &'static str {
        match self.replay {
            Replay::Safe => "get_users",
            Replay::Idempotent => "delete_user",
            Replay::RefusesRepeat { .. } => "create_user_billing_customer",
            Replay::OnlyIfUnsent => "create_user",
        }
    }

    fn exchange(&self, tenant: &Tenant) -> Exchange {
        fn of<O: Operation>(operation: &O, tenant: &Tenant, options: CallOptions) -> Exchange {
            Exchange::new(operation, tenant, options).unwrap()
        }
        let policy = RetryPolicy::new()
            .attempts(self.attempts)
            .backoff(self.backoff)
            .throttled_creates(self.throttled_creates)
            .reauthenticate_on_403(self.reauthenticate_on_403);
        let options = CallOptions::new()
            .attempt_timeout(self.attempt_timeout)
            .total_timeout(self.deadline)
            .retry(policy);
        match self.replay {
            Replay::Safe => of(&GetUsers::new(), tenant, options),
            Replay::Idempotent => of(&DeleteUser::new("kp_1"), tenant, options),
            Replay::RefusesRepeat { .. } => {
                of(&CreateUserBillingCustomer::new("kp_1", "org_1", "a@b.c"), tenant, options)
            }
            Replay::OnlyIfUnsent => of(&CreateUser::new(), tenant, options),
        }
    }
}

impl State {
    /// No call has begun, and there is no token.
    pub(super) fn first(setup: &Setup) -> Self {
        let tenant = Tenant::new(Domain::parse("acme").unwrap(), credentials())
            .with_rate_limit(setup.pace)
            .with_retry_budget(setup.retries)
            .with_adaptive_rate(setup.learns);
        let exchanges = setup.calls.iter().map(|call| Some(call.exchange(&tenant))).collect();
        let interval = Duration::from_secs(1).checked_div(setup.pace).unwrap_or_default();
        let known = Onlooker {
            calls: setup
                .calls
                .iter()
                .map(|_| Some(Known { learns: setup.learns, ..Known::default() }))
                .collect(),
            common: Common { interval, ..Common::default() },
        };
        let mut state = Self { tenant, exchanges, known, interventions: setup.interventions };
        state.normalise(setup, Duration::ZERO);
        state
    }

    pub(super) fn is_over(&self) -> bool {
        self.exchanges.iter().all(Option::is_none)
    }

    /// In what phase each call is, as the diagram in the README names them.
    pub(super) fn phases(&self) -> impl Iterator<Item = &'static str> {
        self.exchanges.iter().map(|exchange| match exchange.as_ref().map(|exchange| exchange.phase) {
            Some(Phase::Ready) => "[*]",
            Some(Phase::Waiting(..)) => "Waiting",
            Some(Phase::AwaitingToken { .. }) => "AwaitingToken",
            Some(Phase::AwaitingReply) => "AwaitingReply",
            Some(Phase::Finished) | None => "Done",
        })
    }

    /// All that can happen.
    pub(super) fn events(&self, setup: &Setup) -> Vec<Event> {
        if self.is_over() {
            return Vec::new();
        }
        let mut events = Vec::new();
        for (who, known) in self.known.calls.iter().enumerate() {
            let Some(known) = known else { continue };
            let tells = match known.owed {
                Owed::Nothing => setup.alphabet.idle,
                Owed::Token => setup.alphabet.token,
                Owed::Operation => setup.alphabet.operation,
            };
            events.extend(tells.iter().map(|tell| Event::Tell(who, *tell)));
            events.push(Event::Cancel(who));
            let is_counted = known.learns.is_some() && known.owed == Owed::Operation;
            if known.has_lease || known.waits_for_slot || is_counted {
                // Elsewhere it is the same.
                events.push(Event::Vanish(who));
            }
        }
        if let Some(next) = self.next_timer() {
            let before = Some(next.saturating_sub(setup.grid)).filter(|time| !time.is_zero());
            events.push(Event::Pass(next));
            events.extend(before.filter(|_| setup.alphabet.before_timers).map(Event::Pass));
        }
        if self.interventions > 0 {
            events.extend([
                Event::ReplaceCredentials,
                Event::SupplyToken(None),
                Event::SupplyToken(Some(10)),
                Event::SetPace(0),
                Event::SetPace(1),
                Event::OpenGate,
            ]);
        }
        events
    }

    /// How long it is to the next instant that anything depends on.
    fn next_timer(&self) -> Option<Duration> {
        let common = &self.known.common;
        let paced = common.last_sent.map(|last| last.saturating_add(common.interval));
        let mut timers: Vec<_> = paced.into_iter().collect();
        let mut state = self.clone();
        state.known.hold(&mut |deadline, left| {
            // While a call waits for a limit, its deadline comes no nearer.
            *deadline = NOW;
            timers.push(NOW.saturating_add(left));
        });
        for exchange in state.exchanges.iter_mut().flatten() {
            if exchange.patience.as_ref().is_some_and(|patience| patience.since.is_some()) {
                exchange.deadline = NOW;
            }
        }
        state.instants(&mut |instant| timers.push(*instant));
        timers.into_iter().filter(|instant| NOW < *instant).min().map(|next| next.saturating_since(NOW))
    }

    /// What comes of an event, in a word and whole; or the rule that is broken.
    pub(super) fn after(&self, setup: &Setup, event: Event) -> Result<(&'static str, Self), Broken> {
        let mut state = self.clone();
        let mut passed = Duration::ZERO;
        let mut word = "other";
        match event {
            Event::Tell(who, tell) => word = self.tell(&mut state, setup, who, tell)?,
            Event::Cancel(who) => self.cancel(&mut state, who)?,
            Event::Vanish(who) => state.leave(who),
            Event::Pass(time) => passed = time,
            Event::ReplaceCredentials => {
                state.interventions -= 1;
                state.tenant.replace_credentials(credentials());
                state.known.credentials_replaced();
            }
            Event::SupplyToken(lifetime) => {
                state.interventions -= 1;
                state.tenant.supply_token(token(FRESH), lifetime.map(Duration::from_secs), NOW);
                state.known.token_supplied(lifetime);
            }
            Event::SetPace(pace) => {
                state.interventions -= 1;
                let interval = Duration::from_secs(1).checked_div(pace).unwrap_or_default();
                if interval != state.known.common.interval {
                    state.known.pace_set(interval);
                }
                state.tenant.set_rate_limit(pace);
            }
            Event::OpenGate => {
                state.interventions -= 1;
                state.tenant.clear_throttle();
                state.known.gate_opened();
            }
        }
        if matches!(event, Event::ReplaceCredentials | Event::SupplyToken(_) | Event::OpenGate)
            && state.tenant.epoch() == self.tenant.epoch()
        {
            return Err(Broken::from("those who wait for a token are not told of a change"));
        }
        rules::check_state(&state)?;
        state.normalise(setup, passed);
        Ok((word, state))
    }

    fn tell(&self, state: &mut Self, setup: &Setup, who: usize, tell: Tell) -> Result<&'static str, Broken> {
        let call = &setup.calls[who];
        let exchange = state.exchanges[who].as_mut().unwrap();
        let step = exchange.advance(&mut state.tenant, NOW, tell.input());
        let due = state.known.hear(call, who, tell, self.tenant.epoch(), exchange.is_alone());
        let a_move = Move { call, before: self, after: state, who, due, step: &step };
        a_move.check()?;
        let word = a_move.word();
        state.known.said(who, due, &step);
        if matches!(step, Step::Done(_)) {
            state.check_finished(who)?;
            state.leave(who);
        }
        Ok(word)
    }

    fn cancel(&self, state: &mut Self, who: usize) -> Result<(), Broken> {
        state.exchanges[who].as_mut().unwrap().cancel(&mut state.tenant);
        let had_lease = state.known.cancelled(who);
        if had_lease && state.tenant.epoch() == self.tenant.epoch() {
            return Err(Broken::from("those who wait for its token are not told that it is gone"));
        }
        state.check_finished(who)?;
        state.leave(who);
        Ok(())
    }

    /// After the end comes `Finished`, and nothing else.
    fn check_finished(&self, who: usize) -> Result<(), Broken> {
        let effect = self.known.call(who).effect;
        let mut exchange = self.exchanges[who].clone().unwrap();
        let mut tenant = self.tenant.clone();
        for tell in IDLE {
            let step = exchange.advance(&mut tenant, NOW, tell.input());
            let is_finished = matches!(
                &step,
                Step::Done(Err(error @ Error::Finished { .. })) if error.effect() == effect
            );
            exchange.cancel(&mut tenant);
            if !is_finished {
                return Err(Broken(format!("after its end, told {tell:?}, it says {step:?}")));
            }
        }
        if tenant == self.tenant { Ok(()) } else { Err(Broken::from("it changes the tenant after its end")) }
    }

    /// Told anything while another tenant stands in the place of its own, a call ends, changes
    /// nothing there and keeps its effect.
    pub(super) fn check_elsewhere(&self) -> Result<(), Broken> {
        let elsewhere = Tenant::new(Domain::parse("other").unwrap(), credentials());
        for (exchange, known) in self.exchanges.iter().zip(&self.known.calls) {
            let (Some(exchange), Some(known)) = (exchange, known) else { continue };
            for tell in [Tell::Woken, status(401), status(429), issued(None)] {
                let mut exchange = exchange.clone();
                let mut tenant = elsewhere.clone();
                let step = exchange.advance(&mut tenant, NOW, tell.input());
                exchange.cancel(&mut tenant);
                let finished = exchange.advance(&mut tenant, NOW, Input::Woken);
                let hides = |step: &Step| {
                    matches!(step, Step::Done(Err(error)) if error.effect() < known.effect)
                        || matches!(step, Step::Send(_))
                };
                if hides(&step) || hides(&finished) || tenant != elsewhere {
                    return Err(Broken(format!("with another tenant, told {tell:?}, it says {step:?}")));
                }
            }
        }
        Ok(())
    }

    fn leave(&mut self, who: usize) {
        self.exchanges[who] = None;
        self.known.calls[who] = None;
    }

    // ---- the normal form

    /// Makes states equal that will do the same from now on. `passed` is how much time has gone by.
    fn normalise(&mut self, setup: &Setup, passed: Duration) {
        self.rebase(setup.grid, passed);
        self.tenant.tidy(NOW);
        self.known.common.distrust.retain(|_, until| NOW < *until);
        self.renumber_epochs();
        let had = self.tenant.renumber(&token(HELD), halved_jitter());
        if let Some(token) = &mut self.known.common.token {
            token.text = HELD;
        }
        for exchange in self.exchanges.iter_mut().flatten() {
            exchange.seen = Tokens::GENERATION - u64::from(exchange.seen != had.generation);
            if let Phase::AwaitingToken { lease } = &mut exchange.phase {
                *lease = Tokens::CURRENT_LEASE - u64::from(Some(*lease) != had.lease);
            }
            if !setup.keeps_last {
                exchange.last = exchange.last.take().map(|_| Error::Unsent(exchange.prepared.meta));
            }
        }
        if !setup.keeps_last {
            self.known.blank_last();
        }
    }

    /// Counts time from now on: what is past is now. Rounded down, which jitter may do by itself.
    fn rebase(&mut self, grid: Duration, passed: Duration) {
        let now = NOW.saturating_add(passed);
        // What a call has waited so far is taken off at once.
        for exchange in self.exchanges.iter_mut().flatten() {
            let Some(patience) = &mut exchange.patience else { continue };
            if let Some(since) = &mut patience.since {
                patience.left = patience.left.saturating_sub(now.saturating_since(*since));
                exchange.deadline = exchange.deadline.saturating_add(now.saturating_since(*since));
                *since = now;
            }
        }
        self.known.wait(passed);
        self.instants(&mut |instant| {
            let ahead = instant.saturating_since(now).as_nanos() / grid.as_nanos();
            *instant = NOW.saturating_add(grid * u32::try_from(ahead).unwrap());
        });
        for past in self.exchanges.iter_mut().flatten().filter_map(|exchange| exchange.patience.as_mut()) {
            for past in past.instants() {
                *past = Instant::from_start(past.since_start().saturating_sub(passed));
            }
        }
        self.tenant.rebase_pace(passed);
        let interval = self.known.common.interval.max(self.tenant.learned_spacing());
        for last_sent in [self.tenant.last_sent(), &mut self.known.common.last_sent] {
            *last_sent = last_sent
                .filter(|last| now < last.saturating_add(interval))
                .map(|last| Instant::from_start(last.since_start().saturating_sub(passed)));
        }
    }

    fn instants(&mut self, visit: &mut impl FnMut(&mut Instant)) {
        self.tenant.instants(visit);
        for exchange in self.exchanges.iter_mut().flatten() {
            if exchange.phase != Phase::Ready {
                visit(&mut exchange.deadline);
            }
            if let Phase::Waiting(until, _) = &mut exchange.phase {
                visit(until);
            }
        }
        self.known.instants(visit);
    }

    /// Keeps the order of the epochs, and makes them small.
    fn renumber_epochs(&mut self) {
        let mut epochs = Vec::new();
        self.epochs(&mut |epoch| epochs.push(*epoch));
        epochs.sort_unstable();
        epochs.dedup();
        self.epochs(&mut |epoch| {
            // The tenant's own is the last of them, and always the same.
            let later = epochs.len() - epochs.binary_search(epoch).unwrap();
            *epoch = 20 - u64::try_from(later).unwrap();
        });
    }

    fn epochs(&mut self, visit: &mut impl FnMut(&mut u64)) {
        self.tenant.epochs(visit);
        for exchange in self.exchanges.iter_mut().flatten() {
            if let Phase::Waiting(
                _,
                Reason::Token { epoch }
                | Reason::Throttle { epoch }
                | Reason::Slot { epoch }
                | Reason::Room { epoch },
            ) = &mut exchange.phase
            {
                visit(epoch);
            }
        }
        self.known.epochs(visit);
    }

    /// Equal for states that are the same. It does not matter which of two calls is which where
    /// they are alike. What never changes is left out: hashing it would take most of the time.
    pub(super) fn fingerprint(&self) -> u64 {
        if self.is_over() {
            return 0;
        }
        let calls = self.exchanges.iter().zip(&self.known.calls);
        let mut calls: Vec<_> =
            calls.map(|(exchange, known)| hash(&(exchange.as_ref().map(changing), known))).collect();
        calls.sort_unstable();
        hash(&(self.tenant.changing(), &self.known.common, self.interventions, calls))
    }
}

fn changing(exchange: &Exchange) -> impl Hash {
    let Exchange {
        prepared: Prepared { meta, .. },
        options: _,
        deadline,
        phase,
        last,
        seen,
        attempts,
        effect,
        reauthenticated,
        resends,
        patience,
        // No call of the walk has one.
        has_provider: _,
    } = exchange;
    let last = last.as_ref().map(Failure::of);
    (meta.replay, deadline, phase, last, seen, attempts, effect, reauthenticated, resends, patience)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
