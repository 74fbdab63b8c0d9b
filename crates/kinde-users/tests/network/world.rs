//! The world of a run: a program, a tenant, the network between them, and what goes wrong.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use kinde_users::hyper::rustls::RootCertStore;
use kinde_users::hyper::tls_builder;
use kinde_users::{AsyncClient, AsyncTransport, HyperTransport, OPERATIONS, Tenant, TokioClock};
use kinde_users_fake::{FakeKinde, Fault};
use tokio::time::sleep;
use turmoil::Sim;

use crate::dice::Dice;
use crate::net::{Connector, Desk, LATEST, TENANT};

/// The name of the program in the network.
const PROGRAM: &str = "program";
/// By when all that the program does has begun, in milliseconds.
pub(crate) const BEGUN: u64 = 10_000;
/// When the network and the server are well for good.
const CALM: Duration = Duration::from_secs(15);
/// How long a run may take.
const LONGEST: Duration = Duration::from_secs(600);
/// How long a message may take.
const LATENCY: Duration = Duration::from_millis(200);
/// How many times as long it may take in a slow network.
const SLOWER: u32 = 20;
/// How much time passes between two looks at the network.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// What happened in a run, in its order.
#[derive(Clone, Default, Debug, PartialEq)]
pub(crate) struct Story(Rc<RefCell<Vec<String>>>);

impl Story {
    fn tell_at(&self, at: Duration, what: &str) {
        self.0.borrow_mut().push(format!("{:9.3} {what}", at.as_secs_f64()));
    }

    /// Tells it from inside of the simulation.
    pub(crate) fn tell(&self, what: &str) {
        self.tell_at(now(), what);
    }

    pub(crate) fn text(&self) -> String {
        self.0.borrow().join("\n")
    }
}

/// The time since the start of the run.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap()
}

/// What happens to the network or the server.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Parted,
    RequestsLost,
    RepliesLost,
    Held,
    Slow,
    Restart,
    Down,
}

const TROUBLES: [Trouble; 7] = [
    Trouble::Parted,
    Trouble::RequestsLost,
    Trouble::RepliesLost,
    Trouble::Held,
    Trouble::Slow,
    Trouble::Restart,
    Trouble::Down,
];

impl Trouble {
    fn begin(self, sim: &mut Sim<'_>) {
        match self {
            Self::Parted => sim.partition(PROGRAM, TENANT),
            Self::RequestsLost => sim.partition_oneway(PROGRAM, TENANT),
            Self::RepliesLost => sim.partition_oneway(TENANT, PROGRAM),
            Self::Held => sim.hold(PROGRAM, TENANT),
            Self::Slow => sim.set_link_max_message_latency(PROGRAM, TENANT, LATENCY * SLOWER),
            Self::Restart => sim.bounce(TENANT),
            Self::Down => sim.crash(TENANT),
        }
    }
}

/// Ends all troubles. What was lost stays lost, and what was held arrives.
fn mend(sim: &mut Sim<'_>) {
    sim.release(PROGRAM, TENANT);
    sim.set_link_max_message_latency(PROGRAM, TENANT, LATENCY);
    if !sim.is_host_running(TENANT) {
        sim.bounce(TENANT);
    }
}

/// When troubles begin, and when all of them end.
fn troubles(dice: &mut Dice) -> Vec<(Duration, Option<Trouble>)> {
    let mut troubles = vec![(CALM, None)];
    for _ in 0..dice.below(8) {
        let begin = Duration::from_millis(dice.below(13_000));
        let longest = if dice.one_in(3) { 10_000 } else { 1000 };
        let end = begin + Duration::from_millis(20 + dice.below(longest));
        troubles.extend([(begin, Some(*dice.pick(&TROUBLES))), (end.min(CALM), None)]);
    }
    troubles.sort_by_key(|(at, _)| *at);
    troubles
}

/// Lets the program run in the network of the seed. Returns its output, or why it did not end.
pub(crate) fn simulate<F: Future<Output: 'static> + 'static>(
    seed: u64,
    story: &Story,
    fake: &FakeKinde,
    program: impl FnOnce(HyperTransport) -> F,
) -> Result<F::Output, String> {
    let mut dice = Dice::new(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(LONGEST)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(LATENCY)
        .tick_duration(TICK)
        .tcp_capacity(1024)
        .build();
    let is_http_2 = dice.one_in(3);
    let piece = *dice.pick(&[usize::MAX, 400, 60]);
    story.tell_at(Duration::ZERO, &format!("HTTP/2: {is_http_2}, messages of up to {piece} bytes"));
    let desk = Desk::new(fake, Dice::new(seed ^ 1), is_http_2, CALM);
    sim.host(TENANT, move || desk.clone().serve());
    let tls = tls_builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let program = program(HyperTransport::with_connector(Connector { is_http_2, piece }, tls));
    let output = Rc::new(RefCell::new(None));
    let ended = Rc::clone(&output);
    sim.client(PROGRAM, async move {
        *ended.borrow_mut() = Some(program.await);
        Ok(())
    });
    let mut troubles = troubles(&mut dice).into_iter().peekable();
    loop {
        while let Some((at, trouble)) = troubles.next_if(|(at, _)| *at <= sim.elapsed()) {
            if let Some(trouble) = trouble {
                story.tell_at(at, &format!("{trouble:?}"));
                trouble.begin(&mut sim);
            } else {
                story.tell_at(at, "all is well");
                mend(&mut sim);
            }
        }
        if sim.step().map_err(|error| error.to_string())? {
            return Ok(output.take().unwrap());
        }
    }
}

/// Waits until nothing goes wrong and nothing is on its way any more.
pub(crate) async fn calm() {
    sleep(CALM.saturating_sub(now())).await;
    sleep(LATEST + LATENCY * SLOWER).await;
}

/// A tenant whose time is that of the simulation, and some of whose answers are errors.
pub(crate) fn tenant(seed: u64, dice: &mut Dice) -> FakeKinde {
    let fake = FakeKinde::builder().seed(seed).origin("http://127.0.0.1").start(1_700_000_000);
    let fake = if dice.one_in(4) { fake.rate_limit(8) } else { fake }.build();
    for _ in 0..dice.below(4) {
        let any = dice.pick(OPERATIONS).name;
        let operation = *dice.pick(&["token", "create_user", "get_users", any]);
        let fault = match dice.below(5) {
            0 => Fault::rate_limited(1 + dice.below(4)),
            1 => Fault::server_error(),
            2 => Fault::server_error().after_the_effect(),
            3 => Fault::connection_lost().after_the_effect(),
            _ => Fault::unavailable(),
        };
        fake.next(operation, fault);
    }
    fake
}

/// A client with a token of its own.
pub(crate) fn client<T: AsyncTransport>(
    fake: &FakeKinde,
    transport: T,
    seed: u64,
) -> AsyncClient<T, TokioClock> {
    let tenant = Tenant::new(fake.domain().unwrap(), fake.credentials()).with_seed(seed);
    AsyncClient::new(tenant, transport, TokioClock::new())
}
