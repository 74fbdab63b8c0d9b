//! Many calls of all operations, judged as in the soak test over sockets.

use std::collections::HashMap;
use std::time::Duration;

use kinde_users::operations::GetUsers;
use kinde_users::{CallOptions, FactorId, HyperTransport, OPERATIONS};
use kinde_users_fake::{FakeKinde, Requests};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use crate::Ends;
use crate::call::{Caller, Ended, Outcome, Plan, claim, make, user};
use crate::dice::Dice;
use crate::judge::Judge;
use crate::wire::{Tokens, Wire};
use crate::world::{BEGUN, Story, TICK, calm, client, simulate, tenant};

/// How many calls a run makes.
const CALLS: u64 = 20;

/// How many token requests may fail.
const FAILED: u64 = 20;

/// What a run comes to.
struct Found {
    outcomes: Vec<Outcome>,
    wire: Wire<HyperTransport>,
    requests: Requests,
    /// The ids of all users, as a client lists them after all troubles.
    listed: Result<Vec<String>, String>,
}

/// Makes the calls of a seed. Returns what did not hold.
pub(crate) fn run(seed: u64, story: &Story, ends: &mut Ends) -> Vec<String> {
    let mut dice = Dice::new(seed ^ 2);
    let fake = tenant(seed, &mut dice);
    let plans: Vec<_> = (0..CALLS).map(|slot| plan(&fake, &mut dice, slot)).collect();
    // However many replies the network loses, they are not seen.
    let lost: HashMap<_, _> = plans.iter().map(|(_, plan)| (plan.id.clone(), usize::MAX / 2)).collect();
    let revoked = dice.one_in(4).then(|| Duration::from_millis(dice.below(BEGUN)));
    let found = simulate(seed, story, &fake, |transport| {
        program(fake.clone(), story.clone(), transport, seed, plans, revoked)
    });
    let Found { outcomes, wire, requests, listed } = match found {
        Ok(found) => found,
        Err(error) => return vec![error],
    };
    let mut judge = Judge::new(None);
    judge.take_in(&fake, outcomes, wire.take_attempts(), lost, requests);
    judge.end(&fake, Requests::default());
    let (judged, latest) = (judge.calls, judge.latest);
    judge.rule(judged == CALLS, || format!("{judged} calls were judged"));
    judge.rule(latest <= TICK, || format!("a call ended {latest:?} after its deadline"));
    // The tenant sends nothing that cannot be read.
    let is_readable = judge.ends.keys().all(|end| !end.starts_with("cannot be read"));
    judge.rule(is_readable, || "a part of a reply was taken for the whole".to_owned());
    let Tokens { got, failed, at_once, .. } = wire.tokens();
    judge.rule(got <= 1 + u64::from(revoked.is_some()), || format!("{got} tokens"));
    judge.rule(at_once == 0, || format!("{at_once} token requests at once"));
    judge.rule(failed <= FAILED, || format!("{failed} failed token requests"));
    judge.rule(wire.early() == 0, || format!("{} requests before a reset", wire.early()));
    let there: Vec<_> = fake.users().iter().map(|user| user.id.as_str().to_owned()).collect();
    judge.rule(listed.as_ref() == Ok(&there), || format!("the list after all is {listed:?}"));
    let wrong = judge.violations(0).to_vec();
    for (end, count) in judge.ends {
        *ends.entry(end).or_default() += count;
    }
    wrong
}

/// A call, and when it begins.
fn plan(fake: &FakeKinde, dice: &mut Dice, slot: u64) -> (Duration, Plan) {
    let operation = if dice.one_in(2) { "create_user" } else { dice.pick(OPERATIONS).name };
    let id = format!("kp_{slot:032x}");
    let mut factor = FactorId::from("");
    if operation != "create_user" {
        fake.add_user(user(&id));
        factor.clone_from(&fake.user(&id).unwrap().factors[0].id);
    }
    let options = CallOptions::new()
        .attempt_timeout(Duration::from_secs(*dice.pick(&[2, 5, 30])))
        .total_timeout(Duration::from_secs(*dice.pick(&[3, 10, 30])));
    let dropped_after = dice.one_in(20).then(|| Duration::from_millis(dice.below(2000)));
    let begin = Duration::from_millis(dice.below(BEGUN));
    (begin, Plan { operation, id, factor, options, dropped_after })
}

/// Makes the calls, each in a task of its own, and lists all users when all is well again.
async fn program(
    fake: FakeKinde,
    story: Story,
    transport: HyperTransport,
    seed: u64,
    plans: Vec<(Duration, Plan)>,
    revoked: Option<Duration>,
) -> Found {
    let wire = Wire::new(transport.clone(), Dice::new(seed ^ 3));
    let caller = client(&fake, wire.clone(), seed);
    let call = |(begin, plan): (Duration, Plan)| {
        let (caller, story) = (caller.clone(), story.clone());
        spawn_local(async move {
            sleep(begin).await;
            made(&caller, plan, &story).await
        })
    };
    let tasks: Vec<_> = plans.into_iter().map(call).collect();
    if let Some(at) = revoked {
        sleep(at).await;
        fake.revoke_tokens();
        story.tell("tokens revoked");
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    calm().await;
    fake.clear_faults();
    let requests = fake.requests();
    let mut users = client(&fake, transport, seed).pages(GetUsers::new().page_size(10)).items();
    let mut listed = Ok(Vec::new());
    while let (Some(user), Ok(ids)) = (users.next_item().await, &mut listed) {
        match user {
            Ok(user) => ids.push(user.id.into_string()),
            Err(error) => listed = Err(error.to_string()),
        }
    }
    story.tell("end");
    Found { outcomes, wire, requests, listed }
}

/// Makes a call, to its end or until it is dropped.
async fn made(caller: &impl Caller, plan: Plan, story: &Story) -> Outcome {
    story.tell(&format!("{} {} begins", plan.operation, plan.id));
    let began = Instant::now();
    let call = async { make(caller, &plan).await.map_or_else(Ended::Failed, Ended::Ok) };
    let result = timeout(plan.dropped_after.unwrap_or(Duration::MAX), call).await.unwrap_or(Ended::Dropped);
    let outcome = Outcome { plan, result, took: began.elapsed() };
    let (id, effect) = (&outcome.plan.id, claim(&outcome.result));
    story.tell(&format!("{id} ends, {effect:?}: {:?}", outcome.result));
    outcome
}
