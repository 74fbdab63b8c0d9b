//! The protocol of the Users operations of Kinde's Management API, and nothing else: no socket, no clock, no thread.
//!
//! A typed operation becomes an `http::Request`, an `http::Response` becomes a typed result, and an [`Exchange`] says
//! what to do in between: get a token, send, wait, end. Who carries the messages is your choice; the crate
//! `kinde-users` brings a transport over ureq, and `kinde-users-fake` a whole tenant in memory.
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
//! - [`operations`]: a type for each of the 19 operations; [`OPERATIONS`] lists them, [`scopes_for`] tells the scopes
//!   that some of them need, and the trait [`Operation`] makes your own.
//! - [`Domain`], [`Credentials`], [`Tenant`]: whom to talk to, and as whom.
//! - [`Reply`], [`models`], [`Text`]: what came back, as owned or borrowing types.
//! - [`Job`]: what takes several calls, as [`FindUser`], [`Erase`], [`Suspend`] and those of the crate
//!   `kinde-users-import`, as a machine that any client [runs](Client::run); [`Pages`], and [`at_once`] for many async calls.
//! - [`Error`], and [`Effect`], which every error answers: did it happen all the same?
//!
//! # In scope, and not
//!
//! In scope is what a program that manages users needs from Kinde's Management API by a machine-to-machine token.
//! Not in scope: signing users in, verifying their tokens, and the API's other parts; an [`Operation`] of your own
//! reaches any endpoint.
//!
//! # What it promises
//!
//! - **No argument reaches another route.** Path arguments are one segment each, also behind a proxy that decodes a path
//!   and folds it. What no encoding protects is refused, however often it is encoded: empty segments, dot segments, `/`,
//!   `\`, `?`, `#`, `;` and control characters.
//! - **No reply costs a page.** Absent fields, `null`, new enum values and new fields are read; only the id of a user is
//!   needed. What is written in a broken way is repaired ([`Reply::parse_as`]). A value of a wrong type is an error with
//!   its path, and the reply is kept.
//! - **No error hides an effect.** [`Error::effect`] tells whether the operation may have taken place.
//! - **No secret in a log.** Secrets, e-mail addresses and phone numbers are in no `Debug` or `Display` form of this
//!   crate, nor are URIs and bodies in those of errors.
//! - **No I/O.** The crate is `no_std`: a clock, socket, thread or file in it does not compile. One file names `std`, for
//!   locks and to contain the panic of a waker.
//!
//! Request and reply buffers are not wiped from memory; client secret, password hash, salt and signer key are, where they
//! are kept.

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

// The layers: types, api, models, operations, error, protocol, jobs, client. A file imports from its own
// layer and from those before it only, by the path of the file that has the item.
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
pub use client::at_once::{AtOnce, at_once};
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
