//! A Kinde tenant in memory: the Users operations of the Management API and the token endpoint, for tests
//! with no account, no network and no waiting.
//!
//! [`FakeKinde::handle`] answers any `http::Request` with an `http::Response`. Users are created, found,
//! paged through, changed and deleted as in life; tokens expire and lack scopes; [faults](Fault) come on
//! demand; and everything that was asked can be [looked at](FakeKinde::requests) afterwards.
//!
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
//! A [client](FakeKinde::client) of the tenant waits on its clock, so that back-offs and resets take no time. The
//! example `testing` is a function with its tests, to copy; the folder `sdks` has the same in Python and
//! JavaScript, against the program.
//!
//! # As a program
//!
//! With the feature `server` the same tenant listens on the loopback interface, for programs in any language:
//! from a test in Rust by `server::Server`, or by itself. Once it listens it prints a line that tells where it
//! is and how to get a token, and then serves until Ctrl-C or SIGTERM; `--help` shows the other arguments.
//!
//! ```text
//! $ cargo run -p kinde-users-fake --features server -- --users 10000 --seed 7
//! {"origin":"http://127.0.0.1:40123","audience":"http://127.0.0.1:40123/api","client_id":"…","client_secret":"…","ca":null}
//! ```
//!
//! Requests are many there and nobody looks at them, so that the program forgets them. Its clock is the
//! machine's, or so many times as fast; for the same seed the users have the same ids, and dates at the same distance
//! from the start. Users can come from a file and be left in one, in the form of Kinde's own
//! [export](FakeKinde::export).
//!
//! # What it costs
//!
//! On one core of a common server, by `cargo bench -p kinde-users-fake`: 100,000 users are seeded in 0.25 s and take 1.7 kB
//! each, a page of 500 of them takes 0.27 ms, and a user found by an e-mail address 3 µs. Over loopback the program
//! answers about 26,000 pages of 10 users a second (`.ci/load`).
//!
//! # Other ways
//!
//! A test can have what it needs the other way: by a [choice](Choice) where nothing public tells, and by a
//! [strict](FakeKindeBuilder::strict) tenant, which refuses what the live one ignores.
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

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod args;
mod builder;
#[cfg(any(feature = "contract", feature = "server"))]
mod certificates;
mod choice;
#[cfg(feature = "contract")]
pub mod contract;
#[cfg(test)]
mod facts;
mod failure;
mod fake_kinde;
mod fault;
mod handlers;
mod head;
mod ids;
mod luck;
mod password;
mod record;
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
mod views;

pub use builder::FakeKindeBuilder;
pub use choice::{Choice, ChoiceError, Null, Refusal};
pub use fake_kinde::{Failing, FakeKinde};
pub use fault::{FakeError, Fault};
pub use head::FakeHead;
pub use record::{Recorded, Requests};
pub use routes::{ROUTES, Route};
pub use snapshot::ImportError;
pub use user::{FakeFactor, FakeIdentity, FakePassword, FakeSession, FakeUser, NewFakeUser};
