//! The protocol of the Users operations of the Kinde Management API, without I/O.
//!
//! A typed operation becomes an `http::Request`, and an `http::Response` becomes a typed result.
//! Between them, an [`Exchange`] decides what happens next: get a token, send, wait, or finish. You
//! choose the transport that sends the requests. The crate `kinde-users` adds transports over ureq
//! and hyper. The crate `kinde-users-fake` is an in-memory Kinde tenant for tests.
//!
//! ```text
//!  your program                      kinde-users-core
//!  ────────────                      ────────────────────────────────────────────────────────────
//!  GetUsers::new().page_size(500) ─▶ Operation ──write──▶ method · URI · body   (BuildError before any I/O)
//!                                        │
//!                                        ▼
//!             Input ───────────────▶ Exchange::advance(&mut Tenant, now, Input)
//!   (Start│Response│HeadOnly│            │
//!    Failed│Woken)                       │
//!                                        ▼
//!             Step  ◀─────────────── Send(http::Request) │ Wait(Wait) │ Done(Result<Reply, Error>)
//!               │                                                            └─▶ Reply::parse / parse_as::<T>
//!    ureq · hyper · reqwest · curl · a closure · the in-memory fake
//! ```
//!
//! # The loop of a call
//!
//! This loop makes a call, over any function `post` that sends a request and returns the response:
//!
//! ```
//! use kinde_users_core::operations::GetUserData;
//! use kinde_users_core::{
//!     CallOptions, Credentials, Delivery, Domain, Exchange, Input, Instant, Step, Tenant,
//! };
//! # fn post(request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, std::io::Error> {
//! #     Ok(http::Response::new(match request.uri().path() {
//! #         "/oauth2/token" => br#"{"access_token":"t","expires_in":86399}"#.to_vec(),
//! #         _ => br#"{"id":"kp_1","preferred_email":"ada@example.com"}"#.to_vec(),
//! #     }))
//! # }
//!
//! let mut tenant = Tenant::new(Domain::parse("acme")?, Credentials::new("client-id", "client-secret"));
//! let started = std::time::Instant::now();
//!
//! let mut exchange = Exchange::new(&GetUserData::new("kp_1"), &tenant, CallOptions::new())?;
//! let mut input = Input::Start;
//! let reply = loop {
//!     input = match exchange.advance(&mut tenant, Instant::from_start(started.elapsed()), input) {
//!         Step::Send(request) => match post(request) {
//!             Ok(response) => Input::Response(response),
//!             Err(_) => Input::Failed(Delivery::Unknown),
//!         },
//!         Step::Wait(wait) => {
//!             std::thread::sleep(wait.until.since_start().saturating_sub(started.elapsed()));
//!             Input::Woken
//!         }
//!         Step::Done(result) => break result?,
//!     };
//! };
//! let user = reply.parse::<GetUserData>()?;
//! assert_eq!(user.email(), Some("ada@example.com"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Client`] runs this loop over a [`Transport`] and a [`Clock`].
//!
//! # Where to look
//!
//! The examples on the other pages are those of an application. They name the crate `kinde-users`,
//! which has all items of this crate under the same paths.
//!
//! - [`operations`] has a type for each of the 19 operations. [`OPERATIONS`] lists the operations,
//!   and [`scopes_for`] returns the scopes that they need. To define your own operation, implement
//!   the trait [`Operation`].
//! - [`Domain`], [`Credentials`] and [`Tenant`] say which tenant to call, and with which
//!   credentials. A **tenant** is a Kinde business, or one of its environments, with its own domain
//!   and users.
//! - [`Reply`], [`models`] and [`Text`] are replies, as owned or borrowing types.
//! - A [`Job`] is a task that takes several calls, such as [`FindUser`], [`FindUsers`], [`Erase`]
//!   and [`Suspend`]. The crate `kinde-users-import` adds jobs that import users. Any client
//!   [runs](Client::run) a job.
//! - [`Pages`] is a walk through the pages of a list.
//! - [`Error`] and [`Effect`] say why a call failed, and whether the operation took effect.
//!
//! # Scope
//!
//! The crate covers what a program needs to manage users with a machine-to-machine token. The crate
//! does not sign users in, verify the tokens of users, or cover other parts of the API. With your
//! own [`Operation`], you can call any endpoint.
//!
//! # Promises
//!
//! - **An argument cannot change which endpoint is called.** A path argument is one segment, even
//!   behind a proxy that decodes and normalizes paths. Values that no encoding protects are
//!   refused, however often they are encoded: empty segments, dot segments, `/`, `\`, `?`, `#`, `;`
//!   and control characters.
//! - **Unusual replies are accepted.** Fields may be missing, `null` or new, and enums may have new
//!   values. Only the id of a user is required. Malformed text is repaired ([`Reply::parse_as`]). A
//!   value of a wrong type is an error that has the path of the value, and the reply is kept.
//! - **Every error says whether the operation took effect.** See [`Error::effect`].
//! - **Secrets are not logged.** The `Debug` and `Display` forms of this crate do not show secrets,
//!   e-mail addresses or phone numbers. Errors do not show URIs or bodies.
//! - **The crate does no I/O and reads no clock.** A clock, socket, thread or file in this crate
//!   does not compile, because the crate is `#![no_std]`. One file uses `std`, for locks and to
//!   contain the panic of a waker. (The dependency `http` needs `std`, so the crate needs `std` to
//!   run.)
//!
//! The client secret, password hashes, salts and signer keys are wiped from memory when they are
//! dropped. The buffers of requests and replies are not wiped.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

// The example in the README is a test too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// The layers: types, api, models, operations, error, protocol, jobs, client. A file imports from
// its own layer and from those before it only, by the path of the file that has the item.
mod api;
mod client;
mod error;
mod jobs;
pub mod models;
pub mod operations;
mod protocol;
mod types;

pub use api::content_encoding::ContentCoding;
pub use api::decode_error::{DecodeCategory, DecodeError};
pub use api::meta::{Meta, Replay};
pub use api::operation::Operation;
pub use api::paginated::Paginated;
pub use api::path::PathTemplate;
pub use api::prepared::build_request;
pub use api::proxy_env::ProxyVariables;
pub use api::reply::Reply;
pub use api::request_writer::RequestWriter;
pub use client::async_client::{AsyncClient, AsyncItems, AsyncPages};
pub use client::blocking_client::{Client, PageIter};
pub use client::call_error::CallError;
pub use client::clock::{AsyncClock, Clock};
pub use client::observer::{Answered, Attempt, Done, Observer};
pub use client::transport::{AsyncTransport, Transport, TransportFn, async_transport_fn, transport_fn};
pub use error::api_error::ApiError;
pub use error::auth_error::{AuthError, AuthProblem};
pub use error::call::Error;
pub use error::error_body::{ErrorBody, ErrorItem};
pub use jobs::erase::{Erase, Erased};
pub use jobs::find::{FindUser, Found};
pub use jobs::find_users::FindUsers;
pub use jobs::job::Job;
pub use jobs::pages::Pages;
pub use jobs::removal::Removal;
pub use jobs::suspend::{Suspend, Suspended};
pub use operations::scopes::scopes_for;
pub use operations::table::OPERATIONS;
pub use protocol::call_options::CallOptions;
pub use protocol::credentials::Credentials;
pub use protocol::dyn_operation::DynOperation;
pub use protocol::exchange::Exchange;
pub use protocol::request_timeout::{request_timeout, set_request_timeout};
pub use protocol::retry::RetryPolicy;
pub use protocol::step::{Input, Step, Wait};
pub use protocol::tenant::Tenant;
pub use types::access_token::AccessToken;
pub use types::build_error::{BuildError, Problem};
pub use types::delivery::{BodyFailure, Delivery};
pub use types::domain::{Domain, DomainError};
pub use types::effect::Effect;
pub use types::fold_case::fold_case;
pub use types::ids::{
    BillingAgreementId, BillingCustomerId, ClientId, ConnectionId, Cursor, FactorId, FeatureFlagKey,
    IdentityId, OrganizationCode, PropertyId, PropertyKey, SessionId, UserId,
};
pub use types::masking::masked_text;
pub use types::redacted::Redacted;
pub use types::text::Text;
pub use types::time::Instant;
pub use types::timestamp::Timestamp;
pub use types::values::{Patch, Value};
