//! What a call costs the client over the loopback interface, beside the HTTP stack by itself with
//! `serde_json`, in turns: `cargo bench -p kinde-users --features hyper --bench loopback`. The
//! server is another process, on the same core. The ratio is the middle one of many rounds; in
//! parentheses, where the middle half of them lies.

mod client;

use std::error::Error;
use std::hint::black_box;

use client::bare::{ID, PAGE, USER, agent, bare, bare_hyper, bare_ureq};
use client::process::cpu_of;
use client::row::{Target, in_turns};
use client::server::{Server, serve_if_told};
use client::{credentials, plain, stay_on_one_core};
use kinde_users::operations::{GetUserData, GetUsers};
use kinde_users::{Domain, HyperClient, async_client, client as blocking_client};
use tokio::runtime::{Builder, Runtime};

const ROUNDS: usize = 101;

fn main() -> Result<(), Box<dyn Error>> {
    if serve_if_told()? {
        return Ok(());
    }
    stay_on_one_core()?;
    let server = Server::start()?;
    with_ureq(&server.origin);
    with_hyper(&server.origin)
}

fn with_ureq(origin: &str) {
    let ours = blocking_client(Domain::parse(origin).expect("a loopback origin"), credentials());
    let agent = agent();
    compare(
        "get_user_data over loopback, ureq",
        400,
        1.05,
        |calls| (0..calls).for_each(|_| drop(black_box(ours.send(&GetUserData::new(ID)).expect("a user")))),
        |calls| (0..calls).for_each(|_| drop(black_box(bare_ureq::<plain::User>(&agent, origin, USER)))),
    );
    compare(
        "a page of 500 over loopback, ureq",
        20,
        0.9,
        |calls| {
            let list = GetUsers::new().page_size(500);
            (0..calls).for_each(|_| drop(black_box(ours.send(&list).expect("a page"))));
        },
        |calls| (0..calls).for_each(|_| drop(black_box(bare_ureq::<plain::Page>(&agent, origin, PAGE)))),
    );
}

fn with_hyper(origin: &str) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ours = runtime
        .block_on(async { async_client(Domain::parse(origin).expect("a loopback origin"), credentials()) });
    let bare = bare();
    // With many in flight, rounds have to be long for their ratios to be alike.
    for (flights, calls) in [(1, 640), (64, 5120)] {
        compare(
            &format!("get_user_data over loopback, hyper, {flights} in flight"),
            calls,
            1.05,
            |calls| ours_in_flight(&runtime, &ours, calls, flights),
            |calls| {
                in_flight(&runtime, flights, || {
                    let (bare, origin) = (bare.clone(), origin.to_owned());
                    async move {
                        for _ in 0..calls / flights {
                            black_box(bare_hyper::<plain::User>(&bare, &origin, USER).await);
                        }
                    }
                });
            },
        );
    }
    compare(
        "a page of 500 over loopback, hyper",
        20,
        0.9,
        |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    black_box(ours.send(&GetUsers::new().page_size(500)).await.expect("a page"));
                }
            });
        },
        |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    black_box(bare_hyper::<plain::Page>(&bare, origin, PAGE).await);
                }
            });
        },
    );
    Ok(())
}

fn ours_in_flight(runtime: &Runtime, client: &HyperClient, calls: usize, flights: usize) {
    in_flight(runtime, flights, || {
        let client = client.clone();
        async move {
            for _ in 0..calls / flights {
                black_box(client.send(&GetUserData::new(ID)).await.expect("a user"));
            }
        }
    });
}

/// Runs that many at once, to the end of all.
fn in_flight<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    flights: usize,
    work: impl Fn() -> F,
) {
    runtime.block_on(async {
        let all: Vec<_> = (0..flights).map(|_| tokio::spawn(work())).collect();
        for one in all {
            one.await.expect("no panic");
        }
    });
}

fn compare(name: &str, calls: usize, most: f64, ours: impl Fn(usize), floor: impl Fn(usize)) {
    ours(calls);
    floor(calls);
    let one =
        |work: &dyn Fn(usize)| cpu_of(|| work(calls)) / f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
    let rounds: Vec<_> = (0..ROUNDS)
        // Each is first in every other round.
        .map(|round| {
            if round % 2 == 0 {
                return (one(&ours), one(&floor));
            }
            let floor = one(&floor);
            (one(&ours), floor)
        })
        .collect();
    in_turns(name, "ns of CPU", &rounds, Target::Times(most));
}
