//! What jobs cost: their calls, and how long they take under a limit, as ratios to the floor.
//!
//! The tenant is in memory, and the time is virtual. So each figure is the same in each run. To see
//! the table of the page on performance:
//!
//! ```text
//! KINDE_JOB_USERS=10000 cargo test -p kinde-users --test job_costs -- --nocapture
//! ```

use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::{env, thread};

use http::{Request, Response};
use kinde_users::import::{Import, ImportUser, Imported, Mapping, Source};
use kinde_users::operations::{RefreshUserClaims, UpdateUserProperties};
use kinde_users::{
    CallError, Client, Clock, Delivery, Erase, FindUser, FindUsers, Found, Instant, Suspend, Transport,
    UserId,
};
use kinde_users_fake::{FakeError, FakeKinde, Limit, NewFakeUser};

/// How long a request takes. One call is made after the other, so it is short.
const LATENCY: Duration = Duration::from_millis(1);
const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// A thousand users, so that the test is quick.
fn users() -> usize {
    env::var("KINDE_JOB_USERS").map_or(1000, |users| users.parse().unwrap())
}

/// An address of 43 bytes.
fn address(n: usize) -> String {
    format!("{n:031}@example.com")
}

/// The tenant with its clock, which passes as calls wait.
#[derive(Clone)]
struct Timed {
    fake: FakeKinde,
    now: Arc<Mutex<Instant>>,
}

impl Timed {
    fn new(fake: FakeKinde) -> Self {
        Self { fake, now: Arc::default() }
    }

    fn client(&self) -> Client<Self, Self> {
        let (domain, credentials) = (self.fake.domain().unwrap(), self.fake.credentials());
        let tenant = kinde_users::Tenant::new(domain, credentials);
        let tenant = tenant.with_adaptive_rate(Some(Duration::from_secs(3600)));
        Client::new(tenant, self.clone(), self.clone())
    }

    fn pass(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.saturating_add(time);
        self.fake.advance(time);
    }
}

impl Clock for Timed {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn waker(&self) -> Waker {
        let thread = thread::current();
        Waker::from(Arc::new(Unpark(thread)))
    }

    fn wait_until(&self, until: Instant) {
        let left = until.saturating_since(self.now());
        self.pass(left);
    }
}

struct Unpark(thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Transport for Timed {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        let response = Transport::send(&self.fake, request);
        self.pass(LATENCY);
        response
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        Transport::delivery(&self.fake, error)
    }
}

type Done<T> = Result<T, CallError<FakeError>>;

/// Runs `work`, and returns the number of calls without those for a token, the 429s, and the time.
fn cost(fake: &FakeKinde, work: impl FnOnce(&Client<Timed, Timed>) -> Done<()>) -> (usize, usize, Duration) {
    fake.forget_requests();
    let timed = Timed::new(fake.clone());
    work(&timed.client()).unwrap();
    let requests = fake.requests();
    let refused = requests.iter().filter(|request| request.answer.as_ref().is_ok_and(|s| s.as_u16() == 429));
    (requests.len() - requests.of("token").len(), refused.count(), timed.now().since_start())
}

/// Prints a row, and checks it.
fn row(what: &str, unit: &str, ours: usize, floor: usize, most: usize) {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let ratio = ours as f64 / floor as f64;
    println!("| {what} | {unit} | {ours} | {floor} | {ratio:.3} | ≤ {most} |");
    assert!(ours <= most, "{what}: {ours} of {floor}");
}

fn records(column: &str, value: impl Fn(usize) -> String) -> Vec<ImportUser> {
    let mapping = Mapping::new(Source::Kinde);
    let record = |n| mapping.row([(column, value(n).as_str()), ("hashed_password", BCRYPT)]).unwrap();
    (0..users()).map(record).collect()
}

/// Imports the users as the command does: one job looks all of them up.
fn import(client: &Client<Timed, Timed>, records: &[ImportUser]) -> Done<()> {
    let mut find = FindUsers::new();
    for record in records {
        find = record.lookup().into_iter().fold(find, FindUsers::find);
        find = record.provided_id().into_iter().fold(find, FindUsers::provided_id);
    }
    let found = client.run(&mut find)?;
    for (record, found) in records.iter().zip(found) {
        let import = Import::new(record.clone());
        let mut import = match record.lookup() {
            Some(_) => import.searched(found),
            None => import.found(found.users().iter().map(|user| &user.id)),
        };
        assert!(matches!(client.run(&mut import)?, Imported::Created { .. }));
    }
    Ok(())
}

/// Looks up the users of a list of addresses, and does `work` for each.
fn each(client: &Client<Timed, Timed>, work: impl Fn(UserId) -> Done<()>) -> Done<()> {
    let list: Vec<_> = (0..users()).map(address).collect();
    // A thousand lines at a time, as the command does.
    for lines in list.chunks(1000) {
        let mut find = lines.iter().map(FindUser::by_email).fold(FindUsers::new(), FindUsers::find);
        for found in client.run(&mut find)? {
            let Found::One(user) = found else { panic!("{found:?}") };
            work(user.id)?;
        }
    }
    Ok(())
}

#[test]
fn imports_make_few_calls() {
    let number = users();
    println!("| job | unit | ours | floor | ratio | target |\n|---|---|---|---|---|---|");
    for others in [0, 10, 100] {
        let fake = FakeKinde::new();
        fake.seed_users(number * others / 10);
        let walk = (number * others / 10).div_ceil(500).min(number.div_ceil(40));
        let (calls, ..) = cost(&fake, |client| import(client, &records("email", address)));
        let most = 2 * number + 2 * walk + 5;
        let what =
            format!("import of {number} addresses with passwords, {} other users", number * others / 10);
        row(&what, "calls", calls, 2 * number, most);
    }
    let fake = FakeKinde::new();
    fake.seed_users(number);
    let (calls, ..) = cost(&fake, |client| import(client, &records("id", |n| format!("id-{n}"))));
    let floor = 2 * number + number.div_ceil(500);
    row(
        &format!("import of {number} ids with passwords, {number} other users"),
        "calls",
        calls,
        floor,
        floor + 5,
    );
}

#[test]
fn lists_make_few_calls() {
    let number = users();
    let fake = FakeKinde::new();
    for n in 0..number {
        fake.add_user(NewFakeUser::new().email(address(n)));
    }
    let (calls, ..) = cost(&fake, |client| {
        each(client, |id| client.send(&UpdateUserProperties::new(id).property("plan", "gold")).map(drop))
    });
    row(&format!("properties of {number} addresses"), "calls", calls, number, number * 105 / 100);
    let (calls, ..) =
        cost(&fake, |client| each(client, |id| client.send(&RefreshUserClaims::new(id)).map(drop)));
    row(&format!("claims of {number} addresses"), "calls", calls, number, number * 105 / 100);
    let (calls, ..) = cost(&fake, |client| each(client, |id| client.run(&mut Suspend::new(id)).map(drop)));
    row(&format!("suspension of {number} addresses"), "calls", calls, 2 * number, number * 210 / 100);
    let (calls, ..) = cost(&fake, |client| each(client, |id| client.run(&mut Erase::new(id)).map(drop)));
    row(&format!("erasure of {number} addresses"), "calls", calls, 2 * number, number * 210 / 100);
}

#[test]
fn imports_take_little_longer_than_the_limit_allows() {
    let number = users();
    for (what, limit, rate, most) in [
        ("a bucket of 10 a second", Limit::bucket(10, 10), 10, 110),
        ("a bucket of 50 a second", Limit::bucket(50, 50), 50, 110),
        ("windows of a second, 50 each", Limit::windows(50, Duration::from_secs(1)), 50, 115),
        ("windows of a minute, 60 each", Limit::windows(60, Duration::from_secs(60)), 1, 115),
    ] {
        let fake = FakeKinde::builder().limit(limit).build();
        let (calls, refused, time) = cost(&fake, |client| import(client, &records("email", address)));
        let floor = (calls - refused) / rate;
        let seconds = usize::try_from(time.as_secs()).unwrap();
        row(&format!("import of {number} addresses, {what}"), "s", seconds, floor, floor * most / 100);
        assert!(refused * 50 <= calls + 1000, "{what}: {refused} of {calls}");
    }
}
