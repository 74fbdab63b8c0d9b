//! Runs any sequence of events over a few calls of one tenant, against a model that knows only the
//! promises: there are never two token requests at once, nothing is sent twice that must not be,
//! nothing is sent too early, too late or too often, reported effects are true, and every call
//! ends.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};
use kinde_users_core::operations::{CreateUser, CreateUserBillingCustomer, DeleteUser, GetUsers};
use kinde_users_core::{
    BodyFailure, CallOptions, Credentials, Delivery, Domain, Effect, Error, Exchange, Input, Instant,
    RetryPolicy, Step, Tenant, Wait, request_timeout,
};

const SECOND: Duration = Duration::from_secs(1);

/// The first four bytes set the tenant and the number of calls. Then each call has one byte, and
/// each event has two.
pub fn exchange(data: &[u8]) {
    let Some(([seed, pace, budget, calls], rest)) = data.split_first_chunk() else { return };
    let Some((calls, rest)) = rest.split_at_checked(usize::from(1 + calls % 4)) else { return };
    let mut world = World::new(*seed, *pace, *budget, calls);
    for event in rest.chunks_exact(2).take(300) {
        world.happens(event[0], event[1]);
    }
    world.ends();
}

// ---- Events

/// The outcome of a request.
#[derive(Clone, Copy)]
enum News {
    Lost(Delivery),
    /// A status, and the number of seconds that the service asks to wait.
    Came(u16, Option<u64>),
    /// A status and a number of seconds, with a body that could not be read.
    Head(u16, Option<u64>, BodyFailure),
}

use BodyFailure::{Broken, TooLarge};
use News::{Came, Head, Lost};

const NEWS: [News; 32] = [
    Came(200, None),
    Came(401, None),
    Came(429, None),
    Came(503, None),
    Lost(Delivery::NotSent),
    Lost(Delivery::Unknown),
    Came(429, Some(0)),
    Came(429, Some(1)),
    Came(429, Some(17)),
    Came(429, Some(86_400)),
    Head(200, None, Broken),
    Came(503, Some(7)),
    Came(503, Some(5_000)),
    Came(500, None),
    Head(503, Some(7), Broken),
    Head(429, Some(17), TooLarge),
    Head(201, None, TooLarge),
    Came(204, Some(9)),
    Came(299, None),
    Head(401, None, Broken),
    Came(401, Some(3)),
    Came(403, None),
    Came(404, None),
    Came(408, None),
    Head(409, None, Broken),
    Came(410, None),
    Came(100, None),
    Came(304, None),
    Came(302, Some(2)),
    Came(501, None),
    Came(599, None),
    Came(999, None),
];

/// Values of the lifetime in the reply to a token request.
const LIFETIMES: [&str; 8] = ["86399", "0", "1", "100", "null", "-1", "1e300", "\"soon\""];

impl World {
    fn happens(&mut self, what: u8, how: u8) {
        let who = usize::from(what & 3) % self.calls.len();
        let (news, lifetime) = (NEWS[usize::from(how % 32)], LIFETIMES[usize::from(how / 32)]);
        match what >> 2 {
            0..32 => self.serve(who, news, lifetime),
            32..36 => self.say(who, Input::Start),
            36..40 => self.say(who, Input::Woken),
            40..46 => {
                let input = self.input(news, lifetime);
                self.say(who, input);
            }
            // The time advances by a millisecond to 6 days.
            46..56 => self.now = self.now.saturating_add(Duration::from_millis(1 << (how % 30))),
            56..60 => self.cancel(who),
            _ => self.calls[who].driven = false,
        }
    }

    /// Does what a driver does if its request has this outcome.
    fn serve(&mut self, who: usize, news: News, lifetime: &str) {
        let call = &self.calls[who];
        let input = match (call.owed, call.wait) {
            (Owed::Nothing, Some(_)) => {
                self.now = self.now.max(self.due(call));
                Input::Woken
            }
            (Owed::Nothing, None) => Input::Start,
            (Owed::Token | Owed::Reply, _) => self.input(news, lifetime),
        };
        self.say(who, input);
    }

    fn input(&mut self, news: News, lifetime: &str) -> Input {
        self.tokens += 1;
        let (status, reset, failure) = match news {
            Lost(delivery) => return Input::Failed(delivery),
            Came(status, reset) => (status, reset, None),
            Head(status, reset, failure) => (status, reset, Some(failure)),
        };
        let body = format!(r#"{{"access_token":"t{}","expires_in":{lifetime}}}"#, self.tokens);
        let mut response = Response::builder().status(status);
        if let Some(seconds) = reset {
            response = response.header("ratelimit-reset", seconds);
        }
        match failure {
            None => Input::Response(response.body(body.into_bytes()).expect("a response")),
            Some(failure) => Input::HeadOnly(response.body(failure).expect("a response")),
        }
    }

    /// Returns the time at which the driver of a call has something to do.
    fn due(&self, call: &Call) -> Instant {
        let told = |wait: &Wait| wait.epoch.is_some_and(|epoch| epoch != self.tenant.epoch());
        call.wait.filter(|wait| !told(wait)).map_or(self.now, |wait| wait.until)
    }

    /// Lets everything succeed from now on. Then every call must end, and by its deadline. A new
    /// call succeeds after all requested waits are over.
    fn ends(&mut self) {
        while let Some(who) = self.turn() {
            let late = self.now;
            self.serve(who, Came(200, None), "86399");
            let end = self.calls[who].deadline;
            assert!(end.is_none_or(|end| self.now <= end.max(late)), "{who} outlived its deadline");
        }
        self.now = self.now.saturating_add(SECOND * 7200);
        self.calls.push(Call::new(0, &self.tenant));
        while let Some(who) = self.turn() {
            self.serve(who, Came(200, None), "86399");
        }
        let effect = self.calls.last().map(|call| call.effect);
        assert_eq!(effect, Some(Effect::Happened), "a new call did not succeed");
    }

    /// Returns the call whose driver has something to do first.
    fn turn(&mut self) -> Option<usize> {
        self.turns += 1;
        assert!(self.turns < 200, "everything succeeds, but a call does not end");
        let living = (0..self.calls.len()).filter(|who| self.calls[*who].lives());
        living.min_by_key(|who| self.due(&self.calls[*who]))
    }
}

// ---- The model

struct World {
    now: Instant,
    tenant: Tenant,
    calls: Vec<Call>,
    tokens: u32,
    turns: u32,
    /// The call that requested a token, and the time at which the request counts as lost.
    asking: Option<(usize, Instant)>,
    /// The service asked to send nothing before this time.
    gate: Instant,
    pace: u32,
    last_sent: Option<Instant>,
}

struct Call {
    machine: Exchange,
    creates: bool,
    attempts: u32,
    limit: Duration,
    /// The deadline, which is set when the call begins.
    deadline: Option<Instant>,
    owed: Owed,
    wait: Option<Wait>,
    sends: u32,
    /// The token that the call sent last.
    token: Option<HeaderValue>,
    /// The token that was refused last.
    refused: Option<HeaderValue>,
    effect: Effect,
    ended: bool,
    driven: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Owed {
    Nothing,
    Token,
    Reply,
}

impl Call {
    fn lives(&self) -> bool {
        self.driven && !self.ended
    }
}

impl World {
    fn new(seed: u8, pace: u8, budget: u8, calls: &[u8]) -> Self {
        let pace = [0, 0, 1, 10][usize::from(pace % 4)];
        let budget = [100, 0, 1, 10][usize::from(budget % 4)];
        let tenant = Tenant::new(Domain::parse("acme").expect("a domain"), Credentials::new("id", "secret"))
            .with_seed(seed.into())
            .with_rate_limit(pace)
            .with_retry_budget(budget);
        let calls = calls.iter().map(|how| Call::new(*how, &tenant)).collect();
        Self {
            now: Instant::START,
            tenant,
            calls,
            tokens: 0,
            turns: 0,
            asking: None,
            gate: Instant::START,
            pace,
            last_sent: None,
        }
    }

    fn cancel(&mut self, who: usize) {
        let (call, epoch) = (&mut self.calls[who], self.tenant.epoch());
        call.machine.cancel(&mut self.tenant);
        if std::mem::replace(&mut call.owed, Owed::Nothing) == Owed::Reply {
            call.effect = call.effect.max(Effect::Possible);
        }
        call.ended = true;
        self.answered(who, epoch);
    }

    /// Handles the end of a call's token request. The tenant had this epoch before, and it must
    /// have changed, so that waiting calls notice.
    fn answered(&mut self, who: usize, epoch: u64) {
        if self.asking.take_if(|(by, _)| *by == who).is_some() {
            assert_ne!(self.tenant.epoch(), epoch, "waiting calls do not notice");
        }
    }

    /// Passes an input to a call, and checks the step that follows.
    fn say(&mut self, who: usize, input: Input) {
        if !self.calls[who].driven {
            return;
        }
        let (call, now) = (&mut self.calls[who], self.now);
        let was = std::mem::replace(&mut call.owed, Owed::Nothing);
        let mut succeeded = false;
        let came = match &input {
            Input::Response(response) => Some((response.status().as_u16(), response.headers(), true)),
            Input::HeadOnly(head) => Some((head.status().as_u16(), head.headers(), false)),
            _ => None,
        };
        // The call has ended, the input was not requested, or it comes too early.
        let mut changes_nothing = call.ended;
        match (was, &input) {
            (Owed::Reply, Input::Response(_) | Input::HeadOnly(_)) => {
                let Some((status, headers, has_body)) = came else { unreachable!() };
                succeeded = has_body && (200..300).contains(&status);
                if status == 401 {
                    call.refused = call.token.clone();
                }
                call.effect = call.effect.max(match status {
                    200..300 => Effect::Happened,
                    408 | 460 | 499 => Effect::Possible,
                    400..500 => Effect::None,
                    _ => Effect::Possible,
                });
                if status == 429 {
                    let reset = headers.get("ratelimit-reset");
                    let seconds = reset.map_or(1, |reset| reset.to_str().unwrap().parse().unwrap());
                    self.gate = self.gate.max(now.saturating_add(SECOND * 3600.min(seconds)));
                }
            }
            (Owed::Reply, Input::Failed(Delivery::NotSent)) | (Owed::Token, _) => {}
            (Owed::Reply, _) => call.effect = call.effect.max(Effect::Possible),
            (Owed::Nothing, Input::Start | Input::Woken) => {
                call.deadline.get_or_insert(now.saturating_add(call.limit));
                let told = call.wait.is_some_and(|wait| wait.epoch.is_some_and(|e| e != self.tenant.epoch()));
                changes_nothing |= call.wait.is_some_and(|wait| now < wait.until && !told);
            }
            (Owed::Nothing, _) => changes_nothing = true,
        }
        let epoch = self.tenant.epoch();
        let step = self.calls[who].machine.advance(&mut self.tenant, now, input);
        if was == Owed::Token {
            self.answered(who, epoch);
        }
        match step {
            Step::Send(request) => {
                assert!(!changes_nothing, "sent unasked");
                self.sends(who, &request);
            }
            Step::Wait(wait) => {
                let call = &mut self.calls[who];
                assert!(!call.ended, "the call had ended");
                assert!(!changes_nothing || call.wait.is_none_or(|current| current == wait), "another wait");
                let in_time = now < wait.until && call.deadline.is_some_and(|end| wait.until <= end);
                assert!(changes_nothing || in_time, "{wait:?}");
                assert!(wait.epoch.is_none_or(|epoch| changes_nothing || epoch == self.tenant.epoch()));
                call.wait = call.deadline.map(|_| wait);
            }
            Step::Done(result) => {
                let call = &mut self.calls[who];
                assert_eq!(result.is_ok(), succeeded);
                if let Err(error) = &result {
                    assert_eq!(error.effect(), call.effect, "{error:?}");
                    assert_eq!(matches!(error, Error::Finished { .. }), call.ended, "{error:?}");
                    assert!(call.ended || !changes_nothing, "ended unasked: {error:?}");
                }
                call.ended = true;
            }
        }
    }

    fn sends(&mut self, who: usize, request: &Request<Vec<u8>>) {
        let (call, now) = (&mut self.calls[who], self.now);
        assert!(!call.ended, "sent after its end");
        let left = call.deadline.map_or(Duration::ZERO, |end| end.saturating_since(now));
        assert!(self.gate <= now, "sent before the gate opens");
        let limit = request_timeout(request);
        assert!(!left.is_zero(), "sent after its deadline");
        assert!(!limit.is_zero() && limit <= left.min(SECOND * 30), "{limit:?}");
        if request.uri().path() == "/oauth2/token" {
            assert!(self.asking.is_none_or(|(_, until)| until <= now), "two token requests at once");
            self.asking = Some((who, now.saturating_add(SECOND * 60)));
            call.owed = Owed::Token;
            return;
        }
        assert!(!call.creates || call.effect == Effect::None, "created twice, perhaps");
        let token = request.headers().get(AUTHORIZATION).cloned();
        assert!(token.is_some() && token != call.refused, "with a token that was refused");
        call.token = token;
        call.sends += 1;
        // One of them may be sent again with another token, which does not count as another
        // attempt.
        assert!(call.sends <= call.attempts + 1, "sent too often");
        assert!(call.sends <= call.machine.attempts() + 1 && call.machine.attempts() <= call.attempts);
        let last = self.last_sent.replace(now).map(|last| now.saturating_since(last));
        assert!(self.pace == 0 || last.is_none_or(|passed| passed * self.pace >= SECOND), "too fast");
        call.owed = Owed::Reply;
    }
}

impl Call {
    fn new(how: u8, tenant: &Tenant) -> Self {
        let attempts = [5, 1, 2, 3][usize::from(how / 4 % 4)];
        let limit = [SECOND * 120, SECOND * 10, SECOND * 7200, Duration::MAX][usize::from(how / 16 % 4)];
        let policy = RetryPolicy::new()
            .attempts(attempts)
            .throttled_creates(how / 64 % 2 == 0)
            .reauthenticate_on_403(how / 128 == 1);
        let options = CallOptions::new().total_timeout(limit).retry(policy);
        let machine = match how % 4 {
            0 => Exchange::new(&GetUsers::new(), tenant, options),
            1 => Exchange::new(&DeleteUser::new("kp_1"), tenant, options),
            2 => Exchange::new(&CreateUser::new(), tenant, options),
            _ => Exchange::new(&CreateUserBillingCustomer::new("kp_1", "org_1", "a@b.c"), tenant, options),
        };
        Self {
            machine: machine.expect("arguments that can be sent"),
            creates: how % 4 == 2,
            attempts,
            limit,
            deadline: None,
            owed: Owed::Nothing,
            wait: None,
            sends: 0,
            token: None,
            refused: None,
            effect: Effect::None,
            ended: false,
            driven: true,
        }
    }
}
