//! Jobs of several calls: imports of users, and the walk through a list.

use std::time::Duration;

use kinde_users::import::{Import, Imported, Mapping, Source};
use kinde_users::operations::GetUsers;
use kinde_users::{AsyncClient, CallOptions, HyperTransport, TokioClock};
use kinde_users_fake::{FakeKinde, FakeUser};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::Ends;
use crate::dice::Dice;
use crate::world::{BEGUN, Story, calm, client, simulate, tenant};

/// How many users a run imports.
const IMPORTS: usize = 4;
/// How many users the tenant has before.
const USERS: usize = 25;
/// How long a program waits after a job that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How many tokens may be issued. A connection over HTTP/2 whose replies are lost is closed after
/// 20 seconds, and until then the tenant issues a token for each request.
const TOKENS: usize = 20;

type Program = AsyncClient<HyperTransport, TokioClock>;

/// Imports users while a list is walked, each until it is complete. Returns what did not hold.
pub(crate) fn run(seed: u64, story: &Story, ends: &mut Ends) -> Vec<String> {
    let mut dice = Dice::new(seed ^ 4);
    let fake = tenant(seed, &mut dice);
    let before = fake.seed_users(USERS);
    let begins = [(); IMPORTS].map(|()| Duration::from_millis(dice.below(BEGUN)));
    let ended = simulate(seed, story, &fake, |transport| {
        program(fake.clone(), story.clone(), transport, seed, begins)
    });
    let (walked, imported) = match ended {
        Ok(ended) => ended,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    for id in before {
        let times = walked.iter().filter(|walked| *walked == id.as_str()).count();
        if times != 1 {
            wrong.push(format!("{id} is {times} times in the list"));
        }
    }
    let users = fake.users();
    for (number, (end, failed)) in imported.iter().enumerate() {
        *ends.entry("failed, and went on".to_owned()).or_default() += failed;
        let kind = format!("{end:?}").split(' ').next().unwrap_or_default().to_owned();
        *ends.entry(kind).or_default() += 1;
        let address = address(number);
        let same: Vec<_> = users.iter().filter(|user| user.email() == Some(&address)).collect();
        let is_complete = |user: &FakeUser| user.password.is_some() && user.is_suspended;
        let is_once = matches!(same[..], [user] if is_complete(user));
        if !is_once || !matches!(end, Imported::Created { .. }) {
            wrong.push(format!("import {number} ended with {end:?}, and there is {same:?}"));
        }
    }
    let tokens = fake.requests().of("token").that_took_effect().len();
    if tokens > TOKENS {
        wrong.push(format!("{tokens} tokens"));
    }
    wrong
}

async fn program(
    fake: FakeKinde,
    story: Story,
    transport: HyperTransport,
    seed: u64,
    begins: [Duration; IMPORTS],
) -> (Vec<String>, Vec<(Imported, u64)>) {
    let options = CallOptions::new().attempt_timeout(Duration::from_secs(5));
    let client = client(&fake, transport, seed).with_options(options.total_timeout(Duration::from_secs(15)));
    let mut tasks = Vec::new();
    for (number, begin) in begins.into_iter().enumerate() {
        let (client, story) = (client.clone(), story.clone());
        tasks.push(spawn_local(async move {
            sleep(begin).await;
            import(&client, number, &story).await
        }));
    }
    let walked = walk(&client, &story).await;
    let mut imported = Vec::new();
    for task in tasks {
        imported.push(task.await.unwrap());
    }
    calm().await;
    story.tell("end");
    (walked, imported)
}

fn address(number: usize) -> String {
    format!("ada{number}@example.net")
}

/// Imports a user, and goes on where the import failed. Returns how often it failed.
async fn import(client: &Program, number: usize, story: &Story) -> (Imported, u64) {
    let hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let (id, address) = (format!("id-{number}"), address(number));
    let row = [("id", &*id), ("email", &*address), ("hashed_password", hash), ("is_suspended", "true")];
    let mut job = Import::new(Mapping::new(Source::Kinde).row(row).unwrap());
    let mut failed = 0;
    loop {
        let result = client.run(&mut job).await;
        story.tell(&format!("import {number}: {result:?}"));
        match result {
            Ok(end) => return (end, failed),
            Err(_) => sleep(PAUSE).await,
        }
        failed += 1;
    }
}

/// Lists all users, and goes on where the list failed.
async fn walk(client: &Program, story: &Story) -> Vec<String> {
    let mut walked = Vec::new();
    let mut pages = client.pages(GetUsers::new().page_size(4));
    loop {
        let page = pages.next_page().await.transpose();
        let count = page.as_ref().map(|page| page.as_ref().map(|page| page.users.len()));
        story.tell(&format!("page: {count:?}"));
        match page {
            Ok(Some(page)) => walked.extend(page.users.into_iter().map(|user| user.id.into_string())),
            Ok(None) => return walked,
            Err(_) => {
                sleep(PAUSE).await;
                let cursor = pages.cursor().cloned();
                pages = client.pages(GetUsers::new().page_size(4));
                if let Some(cursor) = cursor {
                    pages = pages.resume_from(cursor);
                }
            }
        }
    }
}
