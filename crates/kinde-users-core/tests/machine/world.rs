//! Drives the machine through a script, and checks each of its steps against a truth of its own.
//!
//! The truth is kept from what the documentation of `Exchange` and `Tenant` promises, and never
//! from their state. Where they may choose (jitter), it knows the earliest and the latest.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::Request;
use http::header::AUTHORIZATION;
use kinde_users_core::{
    AccessToken, BodyFailure, Credentials, Delivery, Domain, Effect, Error, Exchange, Input, Instant, Replay,
    Step, Tenant, Wait, request_timeout,
};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};

use super::script::{Action, Body, Call, ForEither, Kind, Line, News, Passing, REPEAT, Script, is_for_token};

/// What a server can ask to wait, at the most.
const LONGEST_RESET: Duration = Duration::from_secs(3600);
/// How long a token request may take.
const TOKEN_LIMIT: Duration = Duration::from_secs(30);
/// How long a call has the right to get a token.
const LEASE: Duration = Duration::from_secs(60);
/// How long a refusal of the token endpoint stands for calls that come after it.
const REFUSAL_STANDS: Duration = Duration::from_secs(1);
/// How long no refused token is replaced after the one that replaced another was refused too.
const DISTRUST: Duration = Duration::from_secs(10);
/// How long a 429 closes the gate that does not say how long.
const UNTOLD_RESET: Duration = Duration::from_secs(1);
/// Over how long those who wait for the gate leave, at the most.
const SPREAD: Duration = Duration::from_secs(1);
const SECOND: Duration = Duration::from_secs(1);
/// Retries are counted in tenths, as a success gives back a tenth of one.
const RETRY: u32 = 10;

/// A tenant and the calls made to it, and what is true of them.
pub(crate) struct World<'a> {
    script: &'a Script,
    now: Instant,
    tenant: Tenant,
    exchanges: Vec<Exchange>,
    calls: Vec<Truth>,
    common: Common,
    /// How many texts of tokens there were: no two tokens are alike.
    texts: u32,
    /// All that the machine said.
    pub(crate) steps: Vec<Step>,
    /// What happened, and how often.
    pub(crate) events: BTreeMap<&'static str, u32>,
}

/// What is true of a call.
struct Truth {
    call: Call,
    state: State,
    deadline: Instant,
    /// The generation of the token that it used last, or that was there when it began.
    seen: u64,
    /// Those that count: not a resend with a new token.
    attempts: u32,
    /// The next operation is such a resend.
    resends: bool,
    operations: u32,
    token_requests: u32,
    /// Token requests of its own that no attempt came of: for a token that it could not keep or
    /// use, or ahead of time.
    idle_token_requests: u32,
    reauthenticated: bool,
    effect: Effect,
    /// Why the last attempt failed.
    last: Option<Failure>,
    /// Whether sending the operation cannot do it twice.
    may_be_sent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Ready,
    Waiting(Wait, Reason),
    OwedToken,
    OwedReply,
    Ended,
    /// Its driver has given it up.
    Vanished,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    Api(u16),
    Unsent,
    Unknown,
    Body(BodyFailure),
    Auth,
}

impl Failure {
    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Api(error) => Some(Self::Api(error.status().as_u16())),
            Error::Unsent(_) => Some(Self::Unsent),
            Error::UnknownOutcome(_) => Some(Self::Unknown),
            Error::Body { failure, .. } => Some(Self::Body(*failure)),
            Error::Auth(_) => Some(Self::Auth),
            _ => None,
        }
    }
}

/// What is true for all calls of the tenant.
struct Common {
    kind: Kind,
    /// How often the credentials were replaced.
    version: u32,
    token: Option<Token>,
    /// How many tokens there were.
    generation: u64,
    lease: Option<Lease>,
    /// The call with the lease was cancelled while others waited for it.
    orphans: bool,
    trouble: Option<Trouble>,
    /// How often in a row no token came.
    failures: u32,
    /// Until when a refused token is not replaced, by the operation that met the refusal, and by
    /// all.
    distrust: BTreeMap<&'static str, Instant>,
    distrust_all: Instant,
    /// How many tokens that replaced refused ones were refused since the last success.
    refused: u8,
    /// The latest one of them.
    refused_last: u64,
    /// When the gate opens.
    gate: Instant,
    /// The tenths of retries that are left.
    budget: u32,
    /// Between two operations, where there is a pace.
    interval: Option<Duration>,
    next_slot: Instant,
    /// When an operation was sent last.
    last_sent: Option<Instant>,
}

struct Token {
    access: AccessToken,
    generation: u64,
    /// Whose token request it came of.
    got_by: Option<usize>,
    renew: Option<Instant>,
    end: Option<Instant>,
}

impl Token {
    fn lasts(&self, now: Instant) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

#[derive(Clone, Copy)]
struct Lease {
    who: usize,
    until: Instant,
}

/// Why there was no token, the last time that one was asked for.
struct Trouble {
    /// The tenant's epoch since then.
    epoch: u64,
    is_final: bool,
    /// Until when no other one is asked for.
    until: Span,
}

/// An instant, as far as it can be known: at the earliest, and at the latest.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    earliest: Instant,
    latest: Instant,
}

impl Span {
    fn at(instant: Instant) -> Self {
        Self { earliest: instant, latest: instant }
    }
}

/// What the machine has to do next.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// Nothing: this is the current wait.
    Nothing(Wait),
    /// To wait on, for the epoch that is now.
    WaitOn(Wait),
    /// Nothing: it has ended.
    Finished,
    /// To end with a reply of this status.
    Success(u16),
    /// To end with this error.
    Failure(Failure),
    /// To end as attempts or budget are spent.
    Exhausted,
    /// To end as there is no time left.
    OutOfTime,
    /// To go on to sending at a moment in this span, which costs so many tenths of a retry; or to
    /// end where it is too late.
    Retry { when: Span, cost: u32 },
    /// To go on to sending.
    Onward,
    /// To wait until a moment in this span.
    Wait(Span, Reason),
    /// To ask for a token.
    Token,
    /// To send the operation.
    Operation,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reason {
    Backoff,
    Gate,
    Token,
    Slot,
    /// For a slot or a gate that is no more.
    Freed,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    OutOfTime,
    Badly,
}

impl<'a> World<'a> {
    pub(crate) fn new(script: &'a Script) -> Self {
        let shared = script.shared;
        let tenant = Tenant::new(Domain::parse("acme").unwrap(), credentials(shared.credentials, 0))
            .with_seed(shared.seed)
            .with_rate_limit(shared.pace)
            .with_retry_budget(shared.budget);
        let exchanges = script.calls.iter().map(|call| call.exchange(&tenant).unwrap()).collect();
        let truth = |call: &Call| Truth {
            call: *call,
            state: State::Ready,
            deadline: Instant::START,
            seen: 0,
            attempts: 0,
            resends: false,
            operations: 0,
            token_requests: 0,
            idle_token_requests: 0,
            reauthenticated: false,
            effect: Effect::None,
            last: None,
            may_be_sent: true,
        };
        let mut common = Common {
            kind: shared.credentials,
            version: 0,
            token: None,
            generation: 0,
            lease: None,
            orphans: false,
            trouble: None,
            failures: 0,
            distrust: BTreeMap::new(),
            distrust_all: Instant::START,
            refused: 0,
            refused_last: 0,
            gate: Instant::START,
            budget: shared.budget.saturating_mul(RETRY),
            interval: interval(shared.pace),
            next_slot: Instant::START,
            last_sent: None,
        };
        common.hold_own();
        Self {
            script,
            now: Instant::START,
            tenant,
            exchanges,
            calls: script.calls.iter().map(truth).collect(),
            common,
            texts: 0,
            steps: Vec::new(),
            events: BTreeMap::new(),
        }
    }

    /// Does all that the script says.
    pub(crate) fn play(&mut self) -> TestCaseResult {
        for (number, action) in self.script.actions.iter().enumerate() {
            let done = self.act(action).and_then(|()| self.check_all());
            done.map_err(|error| within(&format!("action {number}"), error))?;
        }
        Ok(())
    }

    /// From here on all goes well: who is to be answered gets the best answer, and who waits is
    /// woken in time. Every call ends then, by its deadline, and in success unless that passes.
    pub(crate) fn finish(&mut self) -> TestCaseResult {
        let begun = self.now;
        // A token that could not be had before is news to who was waiting for it, and a supplied
        // token may end.
        let bad_news = self.common.trouble.is_some() || self.common.kind == Kind::Token;
        let mut turns = 40 * self.calls.len();
        while let Some(who) = self.turn() {
            prop_assert!(turns > 0, "nothing comes of all the serving");
            turns -= 1;
            let end = self.serve(who, &ForEither::good())?;
            self.check_all()?;
            let Some(end) = end else { continue };
            prop_assert!(self.now <= self.calls[who].deadline.max(begun), "call {who} outlived its deadline");
            prop_assert!(end != End::Badly || bad_news, "call {who} ended badly: {:?}", self.steps.last());
        }
        Ok(())
    }

    // ---- what happens

    fn act(&mut self, action: &Action) -> TestCaseResult {
        let calls = self.calls.len();
        match action {
            Action::Serve(who, news) => {
                let who = who.map(|who| who % calls).filter(|who| self.calls[*who].lives());
                if let Some(who) = who.or_else(|| self.turn()) {
                    self.serve(who, news)?;
                }
            }
            Action::Say(who, line) => {
                self.say(who % calls, line)?;
            }
            Action::Pass(passing) => self.pass(passing),
            Action::Cancel(who) => {
                if let Some(who) = self.victim(*who) {
                    self.cancel(who)?;
                }
            }
            Action::Vanish(who) => {
                if let Some(who) = self.victim(*who) {
                    self.calls[who].state = State::Vanished;
                }
            }
            Action::ReplaceCredentials(kind) => {
                self.common.kind = *kind;
                self.common.version += 1;
                self.lose_token();
                self.common.lease = None;
                self.common.trouble = None;
                self.common.failures = 0;
                self.common.distrust.clear();
                self.common.distrust_all = Instant::START;
                self.common.refused = 0;
                self.common.hold_own();
                self.move_epoch(|tenant, version| {
                    tenant.replace_credentials(credentials(*kind, version));
                })?;
            }
            Action::SetPace(pace) => {
                if interval(*pace) != self.common.interval {
                    self.common.interval = interval(*pace);
                    self.common.next_slot = Instant::START;
                    self.free(Reason::Slot);
                    self.move_epoch(|tenant, _| tenant.set_rate_limit(*pace))?;
                }
            }
            Action::OpenGate => {
                self.common.gate = Instant::START;
                self.free(Reason::Gate);
                self.move_epoch(|tenant, _| tenant.clear_throttle())?;
            }
            Action::SupplyToken(lifetime) => {
                let token = AccessToken::new(&self.new_text()).unwrap();
                self.common.lease = None;
                self.lose_token();
                self.common.hold(token.clone(), *lifetime, self.now, None);
                let now = self.now;
                self.move_epoch(|tenant, _| tenant.supply_token(token, *lifetime, now))?;
            }
        }
        Ok(())
    }

    /// What calls wait for is no more.
    fn free(&mut self, reason: Reason) {
        for truth in &mut self.calls {
            if let State::Waiting(_, waits_for) = &mut truth.state {
                if *waits_for == reason {
                    *waits_for = Reason::Freed;
                }
            }
        }
    }

    /// Changes the tenant; who waits for a token has to look again.
    fn move_epoch(&mut self, change: impl FnOnce(&mut Tenant, u32)) -> TestCaseResult {
        let epoch = self.tenant.epoch();
        change(&mut self.tenant, self.common.version);
        prop_assert_ne!(self.tenant.epoch(), epoch, "those who wait for a token are not told");
        Ok(())
    }

    /// The token is dropped, or another takes its place.
    fn lose_token(&mut self) {
        let Some(Token { generation, got_by: Some(who), .. }) = self.common.token.take() else { return };
        if self.calls[who].seen < generation {
            self.calls[who].idle_token_requests += 1;
        }
    }

    fn new_text(&mut self) -> String {
        self.texts += 1;
        format!("token-{}", self.texts)
    }

    fn pass(&mut self, passing: &Passing) {
        let nanosecond = Duration::from_nanos(1);
        let until = |who: usize| match self.calls[who % self.calls.len()].state {
            State::Waiting(wait, _) => wait.until,
            _ => self.now,
        };
        let then = match *passing {
            Passing::For(time) => self.now.saturating_add(time),
            Passing::ToWait(who) => until(who),
            Passing::JustBefore(who) => {
                Instant::from_start(until(who).since_start().saturating_sub(nanosecond))
            }
            Passing::JustAfter(who) => until(who).saturating_add(nanosecond),
            Passing::ToRenewal => {
                self.common.token.as_ref().and_then(|token| token.renew).unwrap_or(self.now)
            }
        };
        self.now = self.now.max(then);
    }

    /// The call that its driver gives up: this one, or the one that gets a token.
    fn victim(&self, who: Option<usize>) -> Option<usize> {
        let who = who.map(|who| who % self.calls.len());
        who.or(self.common.lease.map(|lease| lease.who))
            .filter(|who| self.calls[*who].state != State::Vanished)
    }

    fn cancel(&mut self, who: usize) -> TestCaseResult {
        let epoch = self.tenant.epoch();
        let before = (self.calls[who].state == State::Ended).then(|| self.tenant.clone());
        let others_wait = self.calls.iter().any(|call| call.waits_for_token(epoch));
        self.exchanges[who].cancel(&mut self.tenant);
        prop_assert!(before.is_none_or(|before| before == self.tenant), "it had ended");
        let truth = &mut self.calls[who];
        if truth.state == State::OwedReply {
            truth.effect = truth.effect.max(Effect::Possible);
        }
        if matches!(truth.state, State::Waiting(_, Reason::Slot)) {
            self.common.return_slot();
        }
        truth.state = State::Ended;
        if self.common.end_lease(who) {
            prop_assert_ne!(self.tenant.epoch(), epoch, "those who wait for its token are not told");
            self.common.orphans |= others_wait;
        }
        Ok(())
    }

    /// Whose turn it is, where drivers are fair.
    fn turn(&self) -> Option<usize> {
        let due = |truth: &Truth| match truth.state {
            State::Waiting(wait, _) if wait.epoch.is_none_or(|epoch| epoch == self.tenant.epoch()) => {
                Some(wait.until.max(self.now))
            }
            _ if !truth.lives() => None,
            _ => Some(self.now),
        };
        let who = 0..self.calls.len();
        who.filter_map(|who| Some((due(&self.calls[who])?, who))).min().map(|(_, who)| who)
    }

    /// Reacts to `news` as a driver does.
    fn serve(&mut self, who: usize, news: &ForEither) -> Result<Option<End>, TestCaseError> {
        let line = match self.calls[who].state {
            State::Waiting(wait, _) => {
                if wait.epoch.is_none_or(|epoch| epoch == self.tenant.epoch()) {
                    self.now = self.now.max(wait.until);
                }
                Line::Woken
            }
            State::OwedToken => Line::News(news.token.clone()),
            State::OwedReply => Line::News(news.operation.clone()),
            State::Ready | State::Ended | State::Vanished => Line::Start,
        };
        self.say(who, &line)
    }

    /// Tells a call something, and checks what it does.
    fn say(&mut self, who: usize, line: &Line) -> Result<Option<End>, TestCaseError> {
        if self.calls[who].state == State::Vanished {
            return Ok(None);
        }
        let text = self.new_text();
        let was = self.calls[who].state;
        let learnt = self.learn(who, line, &text);
        let mut twin = (self.exchanges[who].clone(), self.tenant.clone());
        let before = twin.clone();

        let step = self.exchanges[who].advance(&mut self.tenant, self.now, line.input(&text));
        let twin_step = twin.0.advance(&mut twin.1, self.now, line.input(&text));

        let now = self.now;
        let mut elsewhere =
            (before.0.clone(), Tenant::new(Domain::parse("other").unwrap(), credentials(Kind::Token, 0)));
        for input in [line.input(&text), Input::Woken] {
            let step = elsewhere.0.advance(&mut elsewhere.1, self.now, input);
            let hides = matches!(&step, Step::Done(Err(error)) if error.effect() < self.calls[who].effect);
            prop_assert!(!hides, "with another tenant, call {who} says {step:?}");
            prop_assert!(!matches!(step, Step::Send(_)), "it sends to {step:?}");
            elsewhere.0.cancel(&mut elsewhere.1);
        }
        let told = || format!("call {who}, {was:?}, was told {line:?} at {now:?} and said {step:?}");
        let is_same = |other: &(Exchange, Tenant)| other.0 == self.exchanges[who] && other.1 == self.tenant;
        prop_assert!(same(&step, &twin_step) && is_same(&twin), "clones differ: {}", told());
        prop_assert_eq!(
            hash(&twin),
            hash(&(&self.exchanges[who], &self.tenant)),
            "hashes differ: {}",
            told()
        );
        if matches!(learnt, Due::Nothing(_) | Due::Finished) {
            prop_assert!(is_same(&before), "something changed: {}", told());
        }
        let due = self.resolve(who, learnt, &step);
        let end = self.judge(who, due, &step).map_err(|error| within(&told(), error))?;
        prop_assert_eq!(self.exchanges[who].attempts(), self.calls[who].attempts, "attempts: {}", told());
        self.steps.push(step);
        Ok(end)
    }

    // ---- what it means

    /// Takes in what a call is told, before the call does.
    fn learn(&mut self, who: usize, line: &Line, text: &str) -> Due {
        let truth = &mut self.calls[who];
        // Being started or woken while a reply is owed is the loss of that reply.
        let lost = News::Lost(Delivery::Unknown);
        let (news, asked_for) = match line {
            Line::News(news) => (news, false),
            Line::Start | Line::Woken => (&lost, true),
        };
        match truth.state {
            State::Ended | State::Vanished => Due::Finished,
            State::Ready if asked_for => {
                truth.deadline = self.now.saturating_add(truth.call.deadline());
                truth.seen = self.common.generation;
                Due::Onward
            }
            State::Ready => Due::Nothing(Wait { until: self.now, epoch: None }),
            State::Waiting(wait, _) if asked_for => self.woken(who, wait),
            State::Waiting(wait, _) => Due::Nothing(wait),
            State::OwedToken => {
                let was = (truth.attempts, self.common.generation);
                let due = self.token_news(who, news, text);
                let truth = &mut self.calls[who];
                truth.idle_token_requests += u32::from(was == (truth.attempts, self.common.generation));
                due
            }
            State::OwedReply => self.operation_news(who, news),
        }
    }

    fn woken(&mut self, who: usize, wait: Wait) -> Due {
        if let Some(epoch) = wait.epoch.filter(|epoch| *epoch != self.tenant.epoch()) {
            return match (self.calls[who].state, &self.common.trouble) {
                (State::Waiting(_, Reason::Slot | Reason::Gate), _) if self.now < wait.until => {
                    Due::WaitOn(Wait { epoch: Some(self.tenant.epoch()), ..wait })
                }
                (State::Waiting(_, Reason::Token), Some(trouble)) if trouble.epoch > epoch => {
                    self.no_token(who, trouble.is_final)
                }
                _ => Due::Onward,
            };
        }
        if self.now < wait.until { Due::Nothing(wait) } else { Due::Onward }
    }

    fn token_news(&mut self, who: usize, news: &News, text: &str) -> Due {
        let now = self.now;
        let had_lease = self.common.end_lease(who);
        let (is_final, asked) = match *news {
            News::Came { status: 200..=299, body: Body::Token { lifetime, .. }, .. } => {
                if had_lease {
                    self.lose_token();
                    self.common.hold(AccessToken::new(text).unwrap(), *lifetime, now, Some(who));
                    self.count("a token was issued");
                }
                return Due::Onward;
            }
            // It had less time than a token request of another call has, and says nothing of the
            // endpoint.
            News::Lost(_) | News::HeadCame { status: 200..=299, .. }
                if now >= self.calls[who].deadline && !self.common.token_lasts(now) =>
            {
                return Due::Onward;
            }
            News::Lost(_) => (false, Duration::ZERO),
            News::HeadCame { status: 200..=299, reset, failure } => {
                (failure == BodyFailure::TooLarge, asked_for(reset.seconds))
            }
            News::Came { status, reset, .. } | News::HeadCame { status, reset, .. } => {
                let for_a_while = matches!(status, 100..=199 | 300..=399 | 408 | 429 | 460 | 499 | 500..);
                (!for_a_while, asked_for(reset.seconds))
            }
        };
        if had_lease {
            let until = if is_final {
                Span::at(now.saturating_add(REFUSAL_STANDS))
            } else {
                let doubled = (SECOND / 2).saturating_mul(2_u32.saturating_pow(self.common.failures));
                let least = asked.max(Duration::from_millis(1));
                let most = least.max(doubled.min(Duration::from_secs(30)));
                Span { earliest: now.saturating_add(least), latest: now.saturating_add(most) }
            };
            // Those who wait are told by the epoch that this begins.
            let epoch = self.tenant.epoch() + 1;
            self.common.trouble = Some(Trouble { epoch, is_final, until });
            self.common.failures += 1;
            self.count(if is_final { "a token was refused" } else { "the token endpoint was in trouble" });
        } else if is_final {
            // Other credentials were refused, or another call knows better.
            self.count("a refusal came for a lease that was lost");
            return Due::Onward;
        }
        self.no_token(who, is_final)
    }

    /// No token came, of a call's own request or of that of another call that it waited for.
    fn no_token(&mut self, who: usize, is_final: bool) -> Due {
        if self.common.token_lasts(self.now) {
            self.count("a token could not be renewed ahead of its end");
            return Due::Onward;
        }
        if is_final {
            return Due::Failure(Failure::Auth);
        }
        let truth = &mut self.calls[who];
        truth.attempts += 1;
        truth.last = Some(Failure::Auth);
        if truth.is_spent() {
            self.count("the attempts were spent");
            return Due::Exhausted;
        }
        Due::Onward
    }

    fn operation_news(&mut self, who: usize, news: &News) -> Due {
        let (truth, now) = (&mut self.calls[who], self.now);
        let creates = truth.call.replay == Replay::OnlyIfUnsent;
        let asked = match news {
            News::Lost(_) => Duration::ZERO,
            News::Came { reset, .. } | News::HeadCame { reset, .. } => asked_for(reset.seconds),
        };
        let wait = truth.call.longest_wait_after(truth.attempts).max(asked);
        let mut when = Span { earliest: now.saturating_add(asked), latest: now.saturating_add(wait) };
        if let News::Came { status: 429, reset, .. } | News::HeadCame { status: 429, reset, .. } = news {
            let closed = if reset.seconds.is_some() { asked } else { UNTOLD_RESET };
            let opens = now.saturating_add(closed);
            self.common.gate = self.common.gate.max(opens);
            let leaves = truth.leaves(opens);
            when.earliest = when.earliest.max(leaves.earliest);
            when.latest = when.latest.max(leaves.latest);
            *self.events.entry("the gate was closed").or_default() += 1;
        }

        let (failure, effect) = match *news {
            News::Came { status: status @ 200..=299, .. } => {
                truth.effect = Effect::Happened;
                self.common.succeeded(truth.seen, self.script.shared.budget);
                return Due::Success(status);
            }
            News::Came { status: status @ 400..=499, body: Body::Text(REPEAT), .. }
                if truth.call.refuses_repeat() && truth.effect == Effect::Possible =>
            {
                *self.events.entry("a repeat was refused as such").or_default() += 1;
                (Failure::Api(status), Effect::Happened)
            }
            News::HeadCame { status: 200..=299, failure, .. } => (Failure::Body(failure), Effect::Happened),
            News::Came { status: status @ (408 | 460 | 499), .. }
            | News::HeadCame { status: status @ (408 | 460 | 499), .. } => {
                (Failure::Api(status), Effect::Possible)
            }
            News::Came { status: status @ 400..=499, .. }
            | News::HeadCame { status: status @ 400..=499, .. } => (Failure::Api(status), Effect::None),
            News::Came { status, .. } | News::HeadCame { status, .. } => {
                (Failure::Api(status), Effect::Possible)
            }
            News::Lost(Delivery::NotSent) => (Failure::Unsent, Effect::None),
            News::Lost(Delivery::Unknown) => (Failure::Unknown, Effect::Possible),
        };
        truth.effect = truth.effect.max(effect);
        truth.last = Some(failure);
        // Whatever the policy says: a create is not sent again unless nothing came of it.
        truth.may_be_sent = !creates || effect == Effect::None;

        let new_token = failure == Failure::Api(401)
            || (failure == Failure::Api(403) && truth.call.reauthenticate_on_403);
        let again = match failure {
            Failure::Unsent => true,
            Failure::Unknown
            | Failure::Body(BodyFailure::Broken)
            | Failure::Api(408 | 460 | 499 | 500 | 502 | 503 | 504) => !creates,
            Failure::Api(429) => !creates || truth.call.throttled_creates,
            _ => false,
        };
        if new_token
            && !truth.reauthenticated
            && self.common.can_replace(truth.seen, truth.call.meta().name, now)
        {
            truth.reauthenticated = true;
            truth.resends = true;
            if self.common.token.as_ref().is_some_and(|token| token.generation == truth.seen) {
                self.lose_token();
            }
            self.count("a call got a new token after 401 or 403");
            return Due::Onward;
        }
        let (is_spent, reauthenticated) = (truth.is_spent(), truth.reauthenticated);
        if new_token {
            if reauthenticated {
                self.common.fresh_refused(truth.seen, truth.call.meta().name, now);
                self.count("a fresh token was refused too");
            } else if self.common.kind == Kind::Client {
                self.count("a refused token was not replaced");
            }
        }
        if !again {
            return Due::Failure(failure);
        }
        if is_spent {
            self.count("the attempts were spent");
            return Due::Exhausted;
        }
        // The gate keeps everyone waiting, so that there is nothing to save.
        let cost = if failure == Failure::Api(429) { 0 } else { RETRY };
        if self.common.budget < cost {
            self.count("the budget was empty");
            return Due::Exhausted;
        }
        Due::Retry { when, cost }
    }

    // ---- what comes next on the way to sending

    /// What exactly is due. Where the machine may choose, its step tells what it chose.
    fn resolve(&mut self, who: usize, due: Due, step: &Step) -> Due {
        match due {
            Due::Onward => self.next(who, step),
            Due::Retry { when, cost } => {
                let deadline = self.calls[who].deadline;
                let gave_up = matches!(step, Step::Done(_));
                if when.earliest >= deadline || (gave_up && when.latest >= deadline) {
                    return Due::OutOfTime;
                }
                self.common.budget -= cost;
                let reason = if cost == 0 { Reason::Gate } else { Reason::Backoff };
                if when.latest <= self.now { self.next(who, step) } else { Due::Wait(when, reason) }
            }
            due => due,
        }
    }

    fn next(&mut self, who: usize, step: &Step) -> Due {
        let (truth, now) = (&self.calls[who], self.now);
        let (seen, deadline, gate) = (truth.seen, truth.deadline, self.common.gate);
        let had_slot = matches!(truth.state, State::Waiting(_, Reason::Slot));
        if now >= deadline {
            return Due::OutOfTime;
        }
        if now < gate {
            let leaves = truth.leaves(gate);
            return if gate < deadline { Due::Wait(leaves, Reason::Gate) } else { Due::OutOfTime };
        }
        if let Some(due) = self.next_for_token(seen, deadline, step) {
            return due;
        }
        let (slot, is_late) = self.common.slot(now, had_slot);
        if slot >= deadline {
            return Due::OutOfTime;
        }
        if !had_slot {
            self.common.next_slot = slot.saturating_add(self.common.interval.unwrap_or_default());
        }
        if is_late {
            self.count("a slot came too late");
        }
        if now < slot { Due::Wait(Span::at(slot), Reason::Slot) } else { Due::Operation }
    }

    /// What is due before there is a token to be used, if that is not now.
    fn next_for_token(&mut self, seen: u64, deadline: Instant, step: &Step) -> Option<Due> {
        let (common, now) = (&mut self.common, self.now);
        let is_fresh = |token: &Token| token.generation > seen || token.renew.is_none_or(|renew| now < renew);
        if common.token.as_ref().is_some_and(is_fresh) {
            return None;
        }
        let lease = common.lease.map(|lease| lease.until).filter(|until| now < *until);
        let asks = matches!(step, Step::Send(request) if is_for_token(request));
        let due = if let Some(until) = lease {
            Due::Wait(Span::at(until.min(deadline)), Reason::Token)
        } else if common.kind == Kind::Token {
            Due::Failure(Failure::Auth)
        } else if let Some(trouble) = common.trouble(now, asks) {
            let Span { earliest, latest } = trouble.until;
            let until = Span { earliest: earliest.min(deadline), latest: latest.min(deadline) };
            if trouble.is_final { Due::Failure(Failure::Auth) } else { Due::Wait(until, Reason::Token) }
        } else {
            return Some(Due::Token);
        };
        if common.token_lasts(now) {
            self.count("a token was used on that was due to be renewed");
            return None;
        }
        Some(due)
    }

    // ---- whether it does what it has to

    fn judge(&mut self, who: usize, due: Due, step: &Step) -> Result<Option<End>, TestCaseError> {
        match (due, step) {
            (Due::Nothing(wait), Step::Wait(current)) => prop_assert_eq!(wait, *current),
            (Due::WaitOn(wait), Step::Wait(current)) => {
                prop_assert_eq!(wait, *current);
                if let State::Waiting(kept, _) = &mut self.calls[who].state {
                    *kept = wait;
                }
                self.count("a call waited on in another epoch");
            }
            (Due::Token, Step::Send(request)) if is_for_token(request) => {
                self.check_token_request(who, request)?;
            }
            (Due::Operation, Step::Send(request)) if !is_for_token(request) => {
                self.check_operation(who, request)?;
            }
            (Due::Wait(when, reason), Step::Wait(wait)) => self.check_wait(who, when, reason, *wait)?,
            (Due::Success(status), Step::Done(Ok(reply))) => {
                prop_assert_eq!(reply.status(), status);
                prop_assert_eq!(reply.operation(), &self.calls[who].call.meta());
                self.calls[who].state = State::Ended;
                self.count("a call succeeded");
                return Ok(Some(End::Well));
            }
            (_, Step::Done(Err(error))) => return self.check_error(who, due, error).map(Some),
            _ => return Err(TestCaseError::fail(format!("but due was {due:?}"))),
        }
        Ok(None)
    }

    fn check_token_request(&mut self, who: usize, request: &Request<Vec<u8>>) -> TestCaseResult {
        let (truth, common, now) = (&mut self.calls[who], &mut self.common, self.now);
        prop_assert_eq!(request.method(), "POST");
        prop_assert!(!request.headers().contains_key(AUTHORIZATION));
        let client = format!("client_id=client-{}&", common.version);
        let body = String::from_utf8_lossy(request.body());
        prop_assert!(common.kind == Kind::Client && body.contains(&client), "old credentials: {body}");
        let left = truth.deadline.saturating_since(now);
        let left = if common.token_lasts(now) { left / 2 } else { left };
        check_limit(request, TOKEN_LIMIT.min(left))?;

        // Each one is billed.
        prop_assert!(common.lease.is_none_or(|lease| lease.until <= now), "two token requests at once");
        if let Some(token) = &common.token {
            let is_fresh = token.generation > truth.seen;
            let is_due = token.renew.is_some_and(|renew| renew <= now);
            prop_assert!(!is_fresh && is_due, "a token request, and there is a token");
        }
        if let Some(trouble) = &common.trouble {
            prop_assert!(trouble.until.earliest <= now, "a token request while the endpoint is in trouble");
        }
        truth.token_requests += 1;
        let most = truth.call.attempts + 1 + truth.idle_token_requests;
        prop_assert!(truth.token_requests <= most, "more token requests than attempts to make with them");

        let had = common.lease.replace(Lease { who, until: now.saturating_add(LEASE) });
        truth.state = State::OwedToken;
        let (orphans, gone) = (std::mem::take(&mut common.orphans), had.map(|lease| lease.who));
        if orphans {
            self.count("a lease was handed over");
        }
        if gone.is_some_and(|who| self.calls[who].state == State::Vanished) {
            self.count("a vanished call's lease ran out");
        }
        Ok(())
    }

    fn check_operation(&mut self, who: usize, request: &Request<Vec<u8>>) -> TestCaseResult {
        let (truth, common, now) = (&mut self.calls[who], &mut self.common, self.now);
        let (method, path, body) = truth.call.wire();
        prop_assert_eq!(request.method(), method);
        prop_assert_eq!(request.uri().to_string(), format!("https://acme.kinde.com{path}"));
        prop_assert_eq!(request.body(), body.as_bytes());
        let limit = truth.call.attempt_timeout.min(truth.deadline.saturating_since(now));
        prop_assert!(!limit.is_zero());
        check_limit(request, limit)?;

        let sent: Vec<_> = request.headers().get_all(AUTHORIZATION).iter().collect();
        let Some(token) = &common.token else {
            return Err(TestCaseError::fail(format!("there is no token, and sent was {sent:?}")));
        };
        prop_assert_eq!(&sent, &[token.access.authorization()], "another token than the tenant's");
        prop_assert!(sent[0].is_sensitive());
        // A fresh one is used at least once, whatever its lifetime is said to be.
        prop_assert!(token.lasts(now) || token.generation > truth.seen, "the token has ended");

        prop_assert!(truth.may_be_sent, "it may be done twice");
        prop_assert!(common.gate <= now, "the gate is closed");
        truth.attempts += u32::from(!std::mem::take(&mut truth.resends));
        truth.operations += 1;
        prop_assert!(truth.attempts <= truth.call.attempts, "too many attempts");
        prop_assert!(truth.operations <= truth.attempts + 1, "too many resends");
        let is_again = truth.operations > 1;
        let after = truth.last;
        let creates = truth.call.replay == Replay::OnlyIfUnsent;
        truth.seen = token.generation;
        truth.state = State::OwedReply;

        // Even with late wake-ups, no second has more of them than the rate limit allows.
        let since_last = common.last_sent.replace(now).map(|last| now.saturating_since(last));
        let interval = common.interval.unwrap_or_default();
        prop_assert!(since_last.is_none_or(|passed| passed >= interval), "faster than the pace allows");
        if is_again && matches!(after, Some(Failure::Api(500 | 502 | 503 | 504))) {
            self.count("a retry followed 500, 502, 503 or 504");
        }
        if is_again && creates {
            self.count("a create was sent again");
        }
        Ok(())
    }

    fn check_wait(&mut self, who: usize, when: Span, reason: Reason, wait: Wait) -> TestCaseResult {
        let (truth, common, now) = (&mut self.calls[who], &mut self.common, self.now);
        let for_token = reason == Reason::Token;
        truth.state = State::Waiting(wait, reason);
        prop_assert_eq!(wait.epoch, (reason != Reason::Backoff).then(|| self.tenant.epoch()));
        prop_assert!(when.earliest <= wait.until && wait.until <= when.latest, "but due was {when:?}");
        prop_assert!(now < wait.until, "a wait that is over");
        prop_assert!(wait.until < truth.deadline || for_token, "a wait that leaves no time for more");
        match reason {
            Reason::Backoff | Reason::Freed => {}
            Reason::Gate => self.count("a call waited for the gate"),
            Reason::Slot => self.count("a call waited for its slot"),
            Reason::Token => {
                if common.lease.is_none_or(|lease| lease.until <= now) {
                    common.learn_trouble(wait.until, truth.deadline);
                }
                self.count("a call waited for a token");
            }
        }
        Ok(())
    }

    fn check_error(&mut self, who: usize, due: Due, error: &Error) -> Result<End, TestCaseError> {
        let truth = &self.calls[who];
        prop_assert_eq!(error.effect(), truth.effect);
        prop_assert_eq!(error.operation(), truth.call.meta().name);
        let is_gone = error.as_api().is_some_and(|error| {
            let says_so = error.reply().body().windows(14).any(|part| part == b"USER_NOT_FOUND");
            says_so && [400, 404, 410].contains(&error.status().as_u16())
        });
        let gone_by_us = is_gone && truth.call.replay == Replay::Idempotent && truth.effect != Effect::None;
        prop_assert_eq!(error.is_already_gone(), gone_by_us);

        let (name, end) = match (due, error) {
            (Due::Finished, Error::Finished { .. }) => ("Finished", End::Badly),
            (Due::Failure(failure), error) if Some(failure) == Failure::of(error) => {
                let name = match failure {
                    Failure::Api(_) => "Api",
                    Failure::Auth => "Auth",
                    Failure::Unsent => "Unsent",
                    Failure::Unknown => "UnknownOutcome",
                    Failure::Body(_) => "Body",
                };
                (name, End::Badly)
            }
            (Due::Exhausted, Error::Exhausted { .. }) => ("Exhausted", End::Badly),
            (Due::OutOfTime, Error::Exhausted { .. }) => ("Exhausted by the deadline", End::OutOfTime),
            (Due::OutOfTime, Error::TotalTimeout { .. }) => {
                prop_assert_eq!(truth.last, None, "and hides why");
                ("Deadline", End::OutOfTime)
            }
            _ => return Err(TestCaseError::fail(format!("but due was {due:?}"))),
        };
        if let Error::Exhausted { attempts, last, .. } = error {
            prop_assert_eq!(Failure::of(last), truth.last);
            prop_assert_eq!(*attempts, truth.attempts);
            prop_assert!(*attempts > 0, "nothing was tried, and that did not help");
            // Getting the token for a resend may fail when all attempts were made.
            prop_assert!(*attempts <= truth.call.attempts + u32::from(truth.resends));
            self.count(match last.as_ref() {
                Error::Api(_) => "Exhausted: Api",
                Error::Auth(_) => "Exhausted: Auth",
                Error::Unsent(_) => "Exhausted: Unsent",
                Error::Body { .. } => "Exhausted: Body",
                _ => "Exhausted: UnknownOutcome",
            });
        }
        self.count(name);
        self.calls[who].state = State::Ended;
        Ok(end)
    }

    /// What is true after every action.
    fn check_all(&mut self) -> TestCaseResult {
        let token = self.common.token.as_ref().filter(|token| token.lasts(self.now));
        let left = |token: &Token| token.end.map(|end| end.saturating_since(self.now));
        prop_assert_eq!(self.tenant.token(self.now), token.map(|token| (&token.access, left(token))));
        if self.common.lease.is_none() && self.common.trouble.is_none() {
            let stranded = self.calls.iter().position(|call| call.waits_for_token(self.tenant.epoch()));
            prop_assert_eq!(stranded, None, "a call waits for a token, and no call gets one");
        }
        Ok(())
    }

    fn count(&mut self, event: &'static str) {
        *self.events.entry(event).or_default() += 1;
    }
}

impl Truth {
    /// Whether it is driven and has not ended.
    fn lives(&self) -> bool {
        !matches!(self.state, State::Ended | State::Vanished)
    }

    fn is_spent(&self) -> bool {
        self.attempts >= self.call.attempts
    }

    /// Whether it waits for a token and has not been told to look again.
    fn waits_for_token(&self, epoch: u64) -> bool {
        matches!(self.state, State::Waiting(wait, Reason::Token) if wait.epoch == Some(epoch))
    }

    /// When it leaves the gate: a little after that opens, and not so late as to miss the deadline.
    fn leaves(&self, opens: Instant) -> Span {
        let left = self.deadline.saturating_since(opens);
        Span { earliest: opens, latest: opens.saturating_add(SPREAD.min(left / 2)) }
    }
}

impl Common {
    fn hold(&mut self, access: AccessToken, lifetime: Option<Duration>, now: Instant, got_by: Option<usize>) {
        // "By a tenth of its lifetime and at most 60 seconds".
        let early = |lifetime: Duration| (lifetime / 10).min(Duration::from_secs(60));
        let renew = |lifetime: Duration| lifetime.saturating_sub(early(lifetime));
        self.generation += 1;
        self.token = Some(Token {
            access,
            generation: self.generation,
            got_by,
            renew: lifetime.map(|lifetime| now.saturating_add(renew(lifetime))),
            end: lifetime.map(|lifetime| now.saturating_add(lifetime)),
        });
        self.trouble = None;
        self.failures = 0;
    }

    /// Holds the token that the credentials are, if they are one.
    fn hold_own(&mut self) {
        if self.kind == Kind::Token {
            self.hold(own_token(self.version), None, Instant::START, None);
        }
    }

    /// Says whether `who` had it.
    fn end_lease(&mut self, who: usize) -> bool {
        self.lease.take_if(|lease| lease.who == who).is_some()
    }

    fn token_lasts(&self, now: Instant) -> bool {
        self.token.as_ref().is_some_and(|token| token.lasts(now))
    }

    /// Whether there is a newer token than the refused one, or can be.
    fn can_replace(&self, refused: u64, operation: &str, now: Instant) -> bool {
        let of_operation = self.distrust.get(operation).is_none_or(|until| *until <= now);
        let is_trusted = of_operation && now >= self.distrust_all;
        match &self.token {
            Some(token) if token.generation > refused => true,
            Some(_) => self.kind == Kind::Client && is_trusted,
            None => self.kind == Kind::Client,
        }
    }

    /// A token that had replaced a refused one was refused too.
    fn fresh_refused(&mut self, token: u64, operation: &'static str, now: Instant) {
        let until = now.saturating_add(DISTRUST);
        self.distrust.insert(operation, until);
        if token == self.generation && self.refused_last != token {
            self.refused_last = token;
            self.refused = self.refused.saturating_add(1);
        }
        if self.refused >= 4 {
            self.distrust_all = until;
        }
    }

    /// Why no token is asked for. Where it cannot be known whether that is over, it is if one is
    /// asked for.
    fn trouble(&mut self, now: Instant, asks: bool) -> Option<&Trouble> {
        let trouble = self.trouble.as_mut()?;
        let Span { earliest, latest } = &mut trouble.until;
        if *earliest <= now && now < *latest {
            let just_after = now.saturating_add(Duration::from_nanos(1));
            if asks { *latest = now } else { *earliest = just_after }
        }
        Some(&*trouble).filter(|trouble| now < trouble.until.latest)
    }

    /// A call waits for the end of the trouble, and no longer than to its deadline.
    fn learn_trouble(&mut self, until: Instant, deadline: Instant) {
        if let Some(trouble) = &mut self.trouble {
            trouble.until.earliest = until;
            if until < deadline {
                trouble.until.latest = until;
            }
        }
    }

    fn succeeded(&mut self, token: u64, most: u32) {
        if token == self.generation {
            self.refused = 0;
            self.distrust_all = Instant::START;
        }
        self.budget = self.budget.saturating_add(1).min(most.saturating_mul(RETRY));
    }

    /// A call that had a slot does not need it.
    fn return_slot(&mut self) {
        let interval = self.interval.unwrap_or_default();
        self.next_slot = Instant::from_start(self.next_slot.since_start().saturating_sub(interval));
    }

    /// When a call sends that is ready now, and whether that is later than in the slot that it had.
    fn slot(&self, now: Instant, had_slot: bool) -> (Instant, bool) {
        let Some(interval) = self.interval else { return (now, false) };
        let paced = self.last_sent.map_or(now, |last| now.max(last.saturating_add(interval)));
        let slot = if had_slot { paced } else { paced.max(self.next_slot) };
        (slot, had_slot && now < slot)
    }
}

/// The time between two operations.
fn interval(pace: u32) -> Option<Duration> {
    let nanos = 1_000_000_000_u64;
    (pace > 0).then(|| Duration::from_nanos(nanos.div_ceil(pace.into())))
}

/// Says where an error came up.
fn within(place: &str, error: TestCaseError) -> TestCaseError {
    match error {
        TestCaseError::Fail(why) => TestCaseError::fail(format!("{place}: {why}")),
        rejected @ TestCaseError::Reject(_) => rejected,
    }
}

fn check_limit(request: &Request<Vec<u8>>, limit: Duration) -> TestCaseResult {
    prop_assert_eq!(request_timeout(request), limit);
    Ok(())
}

fn credentials(kind: Kind, version: u32) -> Credentials {
    match kind {
        Kind::Client => Credentials::new(format!("client-{version}"), "secret"),
        Kind::Token => Credentials::access_token(own_token(version)),
    }
}

fn own_token(version: u32) -> AccessToken {
    AccessToken::new(&format!("own-token-{version}")).unwrap()
}

/// What a server asks to wait, within reason.
fn asked_for(seconds: Option<u64>) -> Duration {
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_RESET)
}

/// Whether two steps are the same in all that a driver can see.
pub(crate) fn same(one: &Step, other: &Step) -> bool {
    match (one, other) {
        (Step::Send(one), Step::Send(other)) => {
            one.method() == other.method()
                && one.uri() == other.uri()
                && one.headers() == other.headers()
                && one.body() == other.body()
                && request_timeout(one) == request_timeout(other)
        }
        (Step::Wait(one), Step::Wait(other)) => one == other,
        (Step::Done(one), Step::Done(other)) => one == other,
        _ => false,
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
