//! Many calls of some processes to one service, in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use http::Response;
use kinde_users::operations::DeleteUser;
use kinde_users::{
    AccessToken, CallOptions, Credentials, Domain, Exchange, Input, Instant, Step, Tenant, Wait,
};

use super::model::Service;

/// How long a request takes when the service accepts it: 100 ms, a fifth of that on the wire.
pub(crate) const LATENCY: f64 = 0.1;
const ONE_WAY: f64 = 0.01;
/// A 429 is quick.
const REFUSAL: f64 = 0.005;

pub(crate) struct Setup {
    pub(crate) service: Service,
    /// The calls of each process.
    pub(crate) calls: usize,
    /// How many calls a process makes at the same time.
    pub(crate) at_once: usize,
    /// When each process begins.
    pub(crate) begin: Vec<f64>,
    /// By which part of itself the latency is shorter or longer.
    pub(crate) spread: f64,
    pub(crate) seed: u64,
    /// For how long a call waits for limits.
    pub(crate) longest_wait: Duration,
    /// Whether the service refuses the first call of each process, however often it is sent.
    pub(crate) refuses_first: bool,
    /// The reset of these refusals.
    pub(crate) reset: Option<u64>,
}

impl Setup {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            service,
            calls: 10_000,
            at_once: 100,
            begin: vec![0.0],
            spread: 0.5,
            seed: 1,
            longest_wait: Duration::from_secs(3600),
            refuses_first: false,
            reset: None,
        }
    }
}

/// What became of the calls of a process: when they succeeded or failed, and when requests were
/// refused.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) done: Vec<f64>,
    pub(crate) refused: Vec<f64>,
    pub(crate) failed: Vec<f64>,
}

impl Outcome {
    pub(crate) fn end(&self) -> f64 {
        self.done.last().copied().unwrap_or(0.0)
    }

    /// Returns how many calls succeeded per second from `from` to `to`.
    pub(crate) fn rate(&self, from: f64, to: f64) -> f64 {
        count(&self.done, from, to) / (to - from)
    }
}

/// Returns how many of the times are from `from` to `to`.
pub(crate) fn count(times: &[f64], from: f64, to: f64) -> f64 {
    times.iter().filter(|time| (from..to).contains(*time)).map(|_| 1.0).sum()
}

struct Process {
    tenant: Tenant,
    /// The calls in progress, and what each waits for.
    calls: Vec<Option<(Exchange, Option<Wait>)>>,
    left: usize,
    /// The place of the call that is always refused, while it runs.
    refused: Option<usize>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start,
    Woken,
    Arrives,
    Ends,
    Answered,
    Refused(Option<u64>),
}

/// The time in nanoseconds, the order in which the event was added, the process, the call, and what
/// happens.
type Planned = (u64, u64, usize, usize, Event);

struct Sim {
    service: Service,
    processes: Vec<Process>,
    events: BinaryHeap<Reverse<Planned>>,
    added: u64,
    random: u64,
    spread: f64,
    /// The reset of the call that is always refused.
    reset: Option<u64>,
}

fn nanos(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hours")]
    let nanos = (seconds * 1e9).round() as u64;
    nanos
}

#[expect(clippy::cast_precision_loss, reason = "some hours")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// Makes all calls, and returns what became of those of each process.
pub(crate) fn run(setup: Setup) -> Vec<Outcome> {
    let domain = Domain::parse("acme").unwrap();
    let process = |number: usize| {
        let mut tenant = Tenant::new(domain.clone(), Credentials::new("id", "secret"))
            .with_seed(setup.seed + number as u64)
            .with_adaptive_rate(Some(setup.longest_wait));
        tenant.supply_token(AccessToken::new("token").unwrap(), None, Instant::START);
        let calls = vec![None; setup.at_once];
        let refused = setup.refuses_first.then_some(0);
        Process { tenant, calls, left: setup.calls, refused, outcome: Outcome::default() }
    };
    let mut sim = Sim {
        service: setup.service,
        processes: (0..setup.begin.len()).map(process).collect(),
        events: BinaryHeap::new(),
        added: 0,
        random: setup.seed,
        spread: setup.spread,
        reset: setup.reset,
    };
    for (process, begin) in setup.begin.iter().enumerate() {
        for call in 0..setup.at_once {
            let moment = 0.0005 * sim.fraction();
            sim.add(begin + moment, process, call, Event::Start);
        }
    }
    let exchange =
        Exchange::new(&DeleteUser::new("kp_1"), &sim.processes[0].tenant, CallOptions::new()).unwrap();
    while let Some(Reverse((at, _, process, call, event))) = sim.events.pop() {
        sim.happens(at, process, call, event, &exchange);
    }
    sim.processes.into_iter().map(|process| process.outcome).collect()
}

impl Sim {
    fn add(&mut self, at: f64, process: usize, call: usize, event: Event) {
        self.added += 1;
        self.events.push(Reverse((nanos(at), self.added, process, call, event)));
    }

    /// Returns a random number from 0 to 1 (splitmix64).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        f64::from(u32::try_from(bits >> 32).unwrap()) / 4_294_967_296.0
    }

    fn happens(&mut self, at: u64, process: usize, call: usize, event: Event, exchange: &Exchange) {
        let now = seconds(at);
        let answer = |status: u16, reset: Option<u64>| {
            let mut response = Response::builder().status(status);
            if let Some(reset) = reset {
                response = response.header("ratelimit-reset", reset);
            }
            Input::Response(response.body(b"{}".to_vec()).unwrap())
        };
        let input = match event {
            Event::Arrives if self.processes[process].refused == Some(call) => {
                return self.add(now + ONE_WAY + REFUSAL, process, call, Event::Refused(self.reset));
            }
            Event::Arrives => {
                match self.service.take(now) {
                    Ok(()) => {
                        let part = 1.0 + self.spread * (2.0 * self.fraction() - 1.0);
                        self.add(now + (LATENCY - 2.0 * ONE_WAY) * part, process, call, Event::Ends);
                    }
                    Err(reset) => {
                        let reset = reset.map(|reset| nanos(reset) / 1_000_000_000);
                        self.add(now + ONE_WAY + REFUSAL, process, call, Event::Refused(reset));
                    }
                }
                return;
            }
            Event::Ends => {
                self.service.ends();
                return self.add(now + ONE_WAY, process, call, Event::Answered);
            }
            Event::Start => Input::Start,
            Event::Woken => {
                // It may have been woken already, by a change of the epoch.
                let wait = self.processes[process].calls[call].as_ref().and_then(|(_, wait)| *wait);
                if wait.is_none_or(|wait| u128::from(at) != wait.until.since_start().as_nanos()) {
                    return;
                }
                Input::Woken
            }
            Event::Answered => answer(200, None),
            Event::Refused(reset) => {
                self.processes[process].outcome.refused.push(now);
                answer(429, reset)
            }
        };
        self.advance(at, process, call, input, exchange);
    }

    /// Advances a call, then starts the next one if it ended, and wakes those that wait for the
    /// epoch to change.
    fn advance(&mut self, at: u64, number: usize, call: usize, input: Input, exchange: &Exchange) {
        let now = Instant::from_start(Duration::from_nanos(at));
        let mut inputs = VecDeque::from([(call, input)]);
        while let Some((call, input)) = inputs.pop_front() {
            let process = &mut self.processes[number];
            if matches!(input, Input::Start) {
                if process.left == 0 {
                    continue;
                }
                process.left -= 1;
                process.calls[call] = Some((exchange.clone(), None));
            }
            let Some((running, wait)) = &mut process.calls[call] else { continue };
            let epoch = process.tenant.epoch();
            let step = running.advance(&mut process.tenant, now, input);
            *wait = None;
            match step {
                Step::Send(_) => self.add(seconds(at) + ONE_WAY, number, call, Event::Arrives),
                Step::Wait(until) => {
                    *wait = Some(until);
                    let until = u64::try_from(until.until.since_start().as_nanos()).unwrap();
                    self.added += 1;
                    self.events.push(Reverse((until, self.added, number, call, Event::Woken)));
                }
                Step::Done(result) => {
                    process.calls[call] = None;
                    process.refused = process.refused.filter(|refused| *refused != call);
                    match result {
                        Ok(_) => process.outcome.done.push(seconds(at)),
                        Err(_) => process.outcome.failed.push(seconds(at)),
                    }
                    inputs.push_back((call, Input::Start));
                }
            }
            let process = &mut self.processes[number];
            if process.tenant.epoch() != epoch {
                for (call, running) in process.calls.iter_mut().enumerate() {
                    if let Some((_, wait)) = running
                        && wait.is_some_and(|wait| wait.epoch.is_some_and(|waits| waits <= epoch))
                    {
                        *wait = None;
                        inputs.push_back((call, Input::Woken));
                    }
                }
            }
        }
    }
}
