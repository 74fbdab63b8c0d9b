//! An in-memory Kinde tenant with the Users operations of the Management API and the token
//! endpoint, for tests without an account, a network or waiting.
//!
//! [`FakeKinde::handle`] answers any `http::Request` with an `http::Response`. Users can be
//! created, found, listed in pages, changed and deleted as in the live service. Tokens expire and
//! lack scopes, [faults](Fault) happen on demand, and all requests can be
//! [inspected](FakeKinde::requests) afterwards.
//! ```
//! use kinde_users_fake::{FakeKinde, Fault, NewFakeUser};
//!
//! let fake = FakeKinde::new();
//! let id = fake.add_user(NewFakeUser::new().email("sally@example.com"));
//! fake.next("get_user_data", Fault::rate_limited(3));
//!
//! let ask = || {
//!     let request = http::Request::get(format!("https://acme.kinde.com/api/v1/user?id={id}"))
//!         .header("authorization", format!("Bearer {}", fake.issue_token()));
//!     fake.handle(request.body(Vec::new()).unwrap()).unwrap()
//! };
//! assert_eq!(ask().status(), 429);
//! assert_eq!(ask().status(), 200);
//! assert_eq!(fake.requests().of("get_user_data").len(), 2);
//! ```
//!
//! A [client](FakeKinde::client) of the tenant waits on the tenant's clock, so that back-offs and
//! resets take no time. The example `testing` is a function with tests to copy. The folder
//! `sdks` has the same in Python and JavaScript, against the program.
//!
//! # As a program
//!
//! With the feature `server` the same tenant listens on the loopback interface, for programs in
//! any language. Start it from a test in Rust with `server::Server`, or as its own program. When
//! the program listens, it prints a line with its origin and what a client needs to get a token.
//! It then serves until Ctrl-C or SIGTERM. `--help` shows the arguments.
//!
//! ```text
//! $ cargo run -p kinde-users-fake --features server -- --users 10000 --seed 7
//! {"origin":"http://127.0.0.1:40123","audience":"http://127.0.0.1:40123/api","client_id":"…","client_secret":"…","ca":null}
//! ```
//!
//! The clock of the program runs as fast as the machine's, or a multiple of that. With the same
//! seed the users have the same ids, and their dates have the same distance from the start. Users
//! can be read from a file and written to one, in the form of Kinde's own
//! [export](FakeKinde::export).
//!
//! While the program runs, any language steers it under `/_fake/`: [`control`] shows a session and
//! lists the routes. Tests that run at the same time open a tenant each. `--no-control` switches
//! the routes off; then the program records no requests.
//!
//! # Limits
//!
//! A [`Limit`] makes the tenant refuse requests with 429 as a service does that is in use: in
//! windows, as a token bucket, or by the requests in flight, with or without a reset, and with a
//! [latency](FakeKindeBuilder::latency). A limit can change while the tenant runs. The program
//! takes `--limit`, `--latency` and `--latency-spread`, so any client can be tried:
//!
//! ```text
//! $ kinde-users-fake --users 1000 --latency 100 --latency-spread 50 \
//!     --limit bucket=50 --limit bucket=10@60
//! ```
//!
//! # Performance
//!
//! Measured on one core of a common server by `cargo bench -p kinde-users-fake`: seeding 100,000
//! users takes 0.25 s, and each takes 1.7 kB. A page of 500 of them takes 0.27 ms, and finding a
//! user by e-mail address takes 3 µs. Over loopback the program answers about 26,000 pages of 10
//! users a second (`.ci/load`).
//!
//! # Other behaviour
//!
//! A test can change the behaviour with a [choice](Choice) where no public source settles it, and
//! with a [strict](FakeKindeBuilder::strict) tenant, which refuses arguments that the live service
//! ignores.
//!
#![doc = include_str!("../docs/what-it-does.md")]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice
)]

// Runs the example in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod args;
mod builder;
mod choice;
pub mod control;
#[cfg(test)]
mod facts;
mod failure;
mod fake_kinde;
mod fault;
mod handlers;
mod head;
mod ids;
mod limit;
mod password;
mod random_faults;
mod reply_bodies;
mod request_log;
mod routes;
#[cfg(feature = "server")]
pub mod server;
mod settings;
mod snapshot;
mod state;
mod time;
mod token;
mod transport;
mod user;

pub use builder::FakeKindeBuilder;
pub use choice::{Choice, ChoiceError, Null, Refusal};
pub use fake_kinde::{Failing, FakeKinde};
pub use fault::{FakeError, Fault};
pub use head::FakeHead;
pub use limit::{Limit, LimitError};
pub use request_log::{Recorded, Requests};
pub use routes::{ROUTES, Route};
pub use snapshot::ImportError;
pub use user::{FakeFactor, FakeIdentity, FakePassword, FakeSession, FakeUser, NewFakeUser};
