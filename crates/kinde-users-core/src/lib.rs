//! The protocol of the Users operations of the Kinde Management API, without I/O.
//!
//! A typed operation becomes an `http::Request`, and an `http::Response` becomes a typed result.
//! Between them an [`Exchange`] decides what happens next: get a token, send, wait, or finish. You
//! choose the transport. The crate `kinde-users` adds one over ureq, and `kinde-users-fake` an
//! in-memory tenant.
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
//! # By hand
//!
//! The whole loop, over anything that turns a request into a response:
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
//! [`Client`] is this loop over a [`Transport`] and a [`Clock`].
//!
//! # Where to look
//!
//! The examples on the other pages are those of an application. They name the crate `kinde-users`,
//! which has all items of this crate under the same paths.
//!
//! - [`operations`]: a type for each of the 19 operations. [`OPERATIONS`] lists them,
//!   [`scopes_for`] returns the scopes that they need, and the trait [`Operation`] defines your
//!   own.
//! - [`Domain`], [`Credentials`], [`Tenant`]: which tenant to call, and with which credentials.
//! - [`Reply`], [`models`], [`Text`]: replies, as owned or borrowing types.
//! - [`Job`]: a task of several calls that any client [runs](Client::run), such as [`FindUser`],
//!   [`Erase`], [`Suspend`] and those of the crate `kinde-users-import`. [`Pages`]: a walk through
//!   a list.
//! - [`Error`] and [`Effect`]: every error says whether the operation took effect.
//!
//! # Scope
//!
//! The crate covers what a program needs to manage users with a machine-to-machine token. It does
//! not sign users in, verify their tokens, or cover other parts of the API. An [`Operation`] of
//! your own reaches any endpoint.
//!
//! # Promises
//!
//! - **No argument reaches another route.** A path argument is one segment, even behind a proxy
//!   that decodes and folds paths. Values that no encoding protects are refused, however often they
//!   are encoded: empty segments, dot segments, `/`, `\`, `?`, `#`, `;` and control characters.
//! - **No reply costs a page.** Absent fields, `null`, new enum values and new fields are read.
//!   Only the id of a user is needed. Broken text is repaired ([`Reply::parse_as`]). A value of a
//!   wrong type is an error with its path, and the reply is kept.
//! - **No error hides an effect.** [`Error::effect`] says whether the operation may have taken
//!   effect.
//! - **No secret in a log.** No `Debug` or `Display` of this crate shows secrets, e-mail addresses
//!   or phone numbers. Errors show no URIs and no bodies.
//! - **No I/O and no clock.** A clock, socket, thread or file in this crate does not compile,
//!   because it is `#![no_std]`. One file uses `std`, for locks and to contain the panic of a
//!   waker. (Its dependency `http` needs `std`, so the crate does not run without it.)
//!
//! The client secret, password hashes, salts and signer keys are wiped from memory when they are
//! dropped. The buffers of requests and replies are not.

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

pub use api::coding::ContentCoding;
pub use api::decode_error::{DecodeCategory, DecodeError};
pub use api::meta::{Meta, Replay};
pub use api::operation::Operation;
pub use api::paginated::Paginated;
pub use api::path::PathTemplate;
pub use api::prepared::build_request;
pub use api::proxy::ProxyVariables;
pub use api::reply::Reply;
pub use api::request_writer::RequestWriter;
pub use client::async_client::{AsyncClient, AsyncItems, AsyncPages};
pub use client::blocking::{Client, PageIter};
pub use client::call_error::CallError;
pub use client::clock::{AsyncClock, Clock};
pub use client::transport::{AsyncTransport, Transport, TransportFn, async_transport_fn, transport_fn};
pub use error::api_error::ApiError;
pub use error::auth_error::{AuthError, AuthProblem};
pub use error::call::Error;
pub use error::error_body::{ErrorBody, ErrorItem};
pub use jobs::erase::{Erase, Erased};
pub use jobs::find::{FindUser, Found};
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
pub use protocol::limit::{request_timeout, set_request_timeout};
pub use protocol::retry::RetryPolicy;
pub use protocol::step::{Input, Step, Wait};
pub use protocol::tenant::Tenant;
pub use types::access_token::AccessToken;
pub use types::build_error::{BuildError, Problem};
pub use types::delivery::{BodyFailure, Delivery};
pub use types::domain::{Domain, DomainError};
pub use types::effect::Effect;
pub use types::ids::{
    BillingAgreementId, BillingCustomerId, ClientId, ConnectionId, Cursor, FactorId, FeatureFlagKey,
    IdentityId, OrganizationCode, PropertyId, PropertyKey, SessionId, UserId,
};
pub use types::redacted::Redacted;
pub use types::text::Text;
pub use types::time::Instant;
pub use types::timestamp::Timestamp;
pub use types::values::{Patch, Value};
