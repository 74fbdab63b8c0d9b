//! Judges each call by what the tenant recorded and by what the client saw of each attempt.

use core::fmt::Write as _;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use kinde_users::{Effect, Error, OPERATIONS, Replay};
use kinde_users_fake::{FakeKinde, Requests};

use crate::call::{Ended, Outcome, claim, deadline, is_done};
use crate::wire::{Seen, tag};

/// The attempts of a call: five, and one with a new token.
const MOST_ATTEMPTS: usize = 6;

/// How much later than its deadline a call may end, in the machine's time: less than the silence of
/// the server that some calls meet, and more than threads are kept waiting for their turn.
const SLACK: Duration = Duration::from_secs(2);

/// A request that reached the tenant.
struct Served {
    operation: &'static str,
    is_answered: bool,
    took_effect: bool,
}

/// This rule may be broken for a few calls: a connection may end while a reply is on the way.
const SEES_HEADS: &str = "was answered with a head that it did not see";

/// What has come of the run so far.
#[derive(Default)]
pub(crate) struct Judge {
    /// For how long calls wait for limits beyond their deadlines, in the machine's time, if their
    /// tenants learn the rate.
    learns: Option<Duration>,
    /// The requests of calls that are not judged yet.
    served: HashMap<String, Vec<Served>>,
    sent: HashMap<String, Vec<Seen>>,
    /// How many answers about each id the gateway did not pass on.
    lost: HashMap<String, usize>,
    /// Calls of the last batch: what they left on the way may still arrive.
    waiting: Vec<Outcome>,
    /// Users who were created and not deleted.
    pub(crate) created: Vec<String>,
    pub(crate) calls: u64,
    pub(crate) ok: u64,
    /// How many calls ended how.
    pub(crate) ends: BTreeMap<String, u64>,
    /// How many attempts ended how, as the client saw it.
    pub(crate) seen: BTreeMap<String, u64>,
    /// How many requests got which answer, and whether they took effect.
    pub(crate) answers: BTreeMap<String, u64>,
    pub(crate) requests: u64,
    /// How many of them were for a token.
    pub(crate) token_requests: u64,
    /// By how much the latest call ended after its deadline.
    pub(crate) latest: Duration,
    /// Calls that broke the rule about heads.
    unseen: Vec<String>,
    violations: Vec<String>,
}

impl Judge {
    pub(crate) fn new(learns: Option<Duration>) -> Self {
        Self { learns, ..Self::default() }
    }

    /// Takes in a batch that has ended, and judges the one before.
    pub(crate) fn take_in(
        &mut self,
        fake: &FakeKinde,
        batch: Vec<Outcome>,
        sent: impl IntoIterator<Item = (String, Vec<Seen>)>,
        lost: HashMap<String, usize>,
        requests: Requests,
    ) {
        self.sent.extend(sent);
        for (tag, count) in lost {
            *self.lost.entry(tag).or_default() += count;
        }
        for request in requests {
            let answer = match request.answer {
                Ok(status) => status.as_u16().to_string(),
                Err(_) => "no reply".to_owned(),
            };
            let operation = request.operation.unwrap_or("?");
            self.requests += 1;
            let effect =
                if request.took_effect && answer != "200" && answer != "201" { ", done" } else { "" };
            *self.answers.entry(format!("{answer}{effect}")).or_default() += 1;
            if operation == "token" {
                self.token_requests += 1;
                continue;
            }
            let is_answered = request.answer.is_ok();
            let served = Served { operation, is_answered, took_effect: request.took_effect };
            match tag(&request.uri, &request.body) {
                Some(tag) => self.served.entry(tag).or_default().push(served),
                None => self.violations.push(format!("{operation}: a request that names no user")),
            }
        }
        let before = core::mem::replace(&mut self.waiting, batch);
        for outcome in before {
            self.judge(fake, outcome);
        }
    }

    /// Judges what is left.
    pub(crate) fn end(&mut self, fake: &FakeKinde, requests: Requests) {
        self.take_in(fake, Vec::new(), [], HashMap::new(), requests);
        for tag in self.served.keys().chain(self.sent.keys()) {
            self.violations.push(format!("{tag}: requests of no call, or long after its end"));
        }
    }

    /// Notes what does not hold for the run as a whole.
    pub(crate) fn rule(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(what());
        }
    }

    /// What did not hold, if up to `most_unseen` calls may miss a head.
    pub(crate) fn violations(&mut self, most_unseen: usize) -> &[String] {
        if self.unseen.len() > most_unseen {
            self.violations.append(&mut self.unseen);
        }
        &self.violations
    }

    fn judge(&mut self, fake: &FakeKinde, outcome: Outcome) {
        let served = self.served.remove(&outcome.plan.id).unwrap_or_default();
        let sent = self.sent.remove(&outcome.plan.id).unwrap_or_default();
        let lost = self.lost.remove(&outcome.plan.id).unwrap_or_default();
        self.calls += 1;
        self.ok += u64::from(matches!(outcome.result, Ended::Ok(_)));
        *self.ends.entry(kind(&outcome.result)).or_default() += 1;
        for seen in &sent {
            *self.seen.entry(seen.to_string()).or_default() += 1;
        }
        self.latest = self.latest.max(outcome.took.saturating_sub(deadline(outcome.plan.options)));

        let mut wrong = Vec::new();
        let mut rule = |holds: bool, what: &'static str| {
            if !holds {
                wrong.push(what);
            }
        };
        in_time_and_by_the_rules(&mut rule, &outcome, &sent, self.learns);
        true_to_the_record(&mut rule, &outcome, &sent, (&served, lost), is_done(fake, &outcome));

        let Outcome { plan, result, took } = outcome;
        for what in wrong {
            let mut story = format!("{} {}: {what}\n    sent:", plan.operation, plan.id);
            for seen in &sent {
                write!(story, " {seen}").unwrap();
            }
            let effects: Vec<_> = served.iter().map(|served| served.took_effect).collect();
            write!(story, "\n    took effect: {effects:?}\n    ended after {took:?}: {result:?}").unwrap();
            let broken = if what == SEES_HEADS { &mut self.unseen } else { &mut self.violations };
            broken.push(story);
        }
        if let Ended::Ok(answer) = result {
            self.created.extend(answer.created);
        }
    }
}

/// What can be said without the tenant.
fn in_time_and_by_the_rules(
    rule: &mut impl FnMut(bool, &'static str),
    Outcome { plan, result, took }: &Outcome,
    sent: &[Seen],
    learns: Option<Duration>,
) {
    let latest = deadline(plan.options) + learns.unwrap_or_default() + SLACK;
    rule(*took <= latest, "ended long after its deadline");
    // A tenant that learns does not count them.
    let is_free = |seen: &&Seen| learns.is_some() && matches!(seen, Seen::Status(429) | Seen::HeadOnly(429));
    let attempts = sent.len() - sent.iter().filter(is_free).count();
    rule(attempts <= MOST_ATTEMPTS, "was attempted too often");
    let meta = OPERATIONS.iter().find(|meta| meta.name == plan.operation).unwrap();
    let may_follow = |seen: &Seen| match seen {
        Seen::NotSent | Seen::Status(401 | 429) | Seen::HeadOnly(401 | 429) => true,
        Seen::Unknown
        | Seen::Late
        | Seen::Status(408 | 500 | 502 | 503 | 504)
        | Seen::HeadOnly(200..=299 | 408 | 500 | 502 | 503 | 504) => meta.replay != Replay::OnlyIfUnsent,
        Seen::Status(_) | Seen::HeadOnly(_) | Seen::Nothing => false,
    };
    let repeated = sent.split_last().map_or(sent, |(_, before)| before);
    rule(repeated.iter().all(may_follow), "was sent again after an attempt that forbids it");
    let known = sent.iter().map(|seen| seen.effect()).max().unwrap_or_default();
    match result {
        Ended::Ok(answer) => {
            rule(answer.is_right, "has a wrong result");
            rule(known == Effect::Happened, "is a success that no reply reported");
        }
        Ended::Failed(error) => {
            rule(tells_the_last(error, sent), "does not tell what came of the last attempt");
            let proves = matches!(meta.replay, Replay::RefusesRepeat { code }
                if known == Effect::Possible && error.as_api().is_some_and(|error| error.has_code(code)));
            let known = if proves { Effect::Happened } else { known };
            rule(error.effect() == known, "does not tell the effect that its attempts had");
            rule(error.operation() == plan.operation, "names another operation");
        }
        Ended::Dropped => rule(plan.dropped_after.is_some(), "was dropped"),
    }
}

fn true_to_the_record(
    rule: &mut impl FnMut(bool, &'static str),
    Outcome { plan, result, .. }: &Outcome,
    sent: &[Seen],
    (served, lost): (&[Served], usize),
    is_done: Option<bool>,
) {
    let count = |is: fn(&Seen) -> bool| sent.iter().filter(|seen| is(seen)).count();
    let answered = count(|seen| matches!(seen, Seen::Status(_) | Seen::HeadOnly(_)));
    let left = sent.len() - count(|seen| *seen == Seen::NotSent);
    rule((answered..=left).contains(&served.len()), "was not served as often as it was sent");
    // Whatever becomes of the body, the client is to learn of the head: unless it waits no longer.
    let unseen = count(|seen| matches!(seen, Seen::Late | Seen::Nothing));
    let heads = served.iter().filter(|served| served.is_answered).count();
    rule(heads <= answered + unseen + lost, SEES_HEADS);
    rule(served.iter().all(|served| served.operation == plan.operation), "asked for another operation");
    let effects = served.iter().filter(|served| served.took_effect).count();
    match claim(result) {
        Effect::None => {
            rule(effects == 0, "took effect, and says that it did not");
            rule(is_done != Some(true), "left its traces, and says that it took no effect");
        }
        Effect::Possible => {}
        Effect::Happened => {
            rule(effects > 0, "took no effect, and says that it did");
            rule(is_done != Some(false), "left no traces, and says that it took effect");
        }
    }
    if plan.operation.starts_with("create_") {
        rule(effects <= 1, "took effect twice");
    }
}

/// Whether the error is about what was seen last.
fn tells_the_last(error: &Error, sent: &[Seen]) -> bool {
    match (error, sent.last()) {
        (Error::Exhausted { last, .. }, _) => tells_the_last(last, sent),
        (Error::Api(error), Some(Seen::Status(status) | Seen::HeadOnly(status))) => {
            error.status().as_u16() == *status
        }
        (Error::Decode { .. }, Some(Seen::Status(status)))
        | (Error::Body { .. }, Some(Seen::HeadOnly(status))) => (200..300).contains(status),
        (Error::UnknownOutcome(_), Some(Seen::Unknown | Seen::Late))
        | (Error::Unsent(_), Some(Seen::NotSent))
        | (Error::TotalTimeout { .. }, None)
        // The token endpoint is not logged by call.
        | (Error::Auth(_), _) => true,
        _ => false,
    }
}

/// The kind of an end, for the summary.
fn kind(result: &Ended) -> String {
    fn of(error: &Error) -> String {
        match error {
            Error::Api(error) => format!("HTTP {}", error.status().as_u16()),
            Error::Decode { .. } => "cannot be read".to_owned(),
            Error::Body { .. } => "body lost".to_owned(),
            Error::Auth(_) => "no token".to_owned(),
            Error::Unsent(_) => "not sent".to_owned(),
            Error::UnknownOutcome(_) => "outcome unknown".to_owned(),
            Error::Exhausted { last, .. } => format!("gave up: {}", of(last)),
            Error::TotalTimeout { .. } => "deadline".to_owned(),
            _ => format!("{error:?}"),
        }
    }
    match result {
        Ended::Ok(_) => "ok".to_owned(),
        Ended::Failed(error) => format!("{} ({:?})", of(error), error.effect()),
        Ended::Dropped => "dropped".to_owned(),
    }
}
