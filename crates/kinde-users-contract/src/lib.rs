//! Tests whether an HTTP transport keeps the contract of [`Transport`]: [`check`] is for blocking
//! transports, [`check_async`] for async ones.
//!
//! The check sends about a thousand requests through the transport to servers on the loopback
//! interface. The servers answer, redirect, compress, fall silent, send slowly and close
//! connections. The check compares what went in at one end with what came out at the other. A
//! violation of the contract is *broken*. Behaviour that the contract allows, but that a good
//! transport improves on, is *weak*. Each [`Clause`] is one of the duties that [`Transport`] lists.
//!
//! ```
//! use kinde_users_contract::{Options, check};
//! use kinde_users_core::Transport;
//!
//! fn my_transport_keeps_the_contract(transport: &(impl Transport + Sync)) -> std::io::Result<()> {
//!     let report = check(transport, &Options::new().body_limit(64 * 1024))?;
//!     report.assert_kept();
//!     Ok(())
//! }
//! ```
//!
//! The transport must speak HTTP/1.1 to `127.0.0.1` directly, so turn off its proxies.
//!
//! # Certificates
//!
//! Every check includes servers whose certificate comes from an authority that the transport does
//! not trust. Whether the transport also checks the name and the dates of a certificate shows only
//! if it trusts the authority. Create an authority, build a transport that trusts it, and set it in
//! the options:
//!
//! ```
//! # use kinde_users_core::Transport;
//! use kinde_users_contract::{Authority, Options, check};
//!
//! fn my_transport_checks_certificates<T: Transport + Sync>(
//!     trusting: impl FnOnce(&[u8]) -> T, // Root certificates in DER.
//! ) -> std::io::Result<()> {
//!     let authority = Authority::new()?;
//!     let transport = trusting(authority.certificate());
//!     check(&transport, &Options::new().trusted(&authority))?.assert_kept();
//!     Ok(())
//! }
//! ```
//!
//! # Other kinds of transports
//!
//! The clauses are data: a [`Case`] holds the requests, the behaviour of the server and the
//! expected outcome. [`check`] and [`check_async`] are loops over [`cases`] that only send
//! requests. You can write your own loop:
//!
//! ```
//! # use http::{Request, Response};
//! # use kinde_users_contract::{Failure, Options, Report, cases};
//! # use kinde_users_core::Delivery;
//! # type Answer = Result<Response<Vec<u8>>, std::io::Error>;
//! fn check(send: impl Fn(Request<Vec<u8>>) -> Answer) -> std::io::Result<Report> {
//!     let options = Options::new();
//!     let mut report = Report::default();
//!     for case in cases(&options)? {
//!         let mut trial = case.start(&options)?;
//!         while let Some(requests) = trial.next_requests() {
//!             for request in requests {
//!                 // Several requests are meant to be under way at once: spawn or join them.
//!                 let result = send(request);
//!                 trial.came(result.map_err(|error| Failure::new(Delivery::Unknown, &error)));
//!             }
//!         }
//!         trial.judge(&mut report);
//!     }
//!     Ok(report)
//! }
//! ```
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

mod authority;
mod case;
mod cases;
mod check_async;
mod failure;
mod options;
mod read;
mod report;
mod script;
mod server;
mod trial;
mod verdict;

use std::io;
use std::panic::resume_unwind;
use std::thread;

use http::Request;
use kinde_users_core::Transport;

pub use authority::Authority;
pub use case::Case;
pub use cases::cases;
pub use check_async::check_async;
pub use failure::{Failure, Outcome};
pub use options::Options;
pub use report::{Clause, Finding, Report};
// The settings of `Authority::tls` are of this version.
pub use rustls;
pub use server::{Lost, Server};
pub use trial::Trial;

/// Checks a transport. The check takes a few seconds.
///
/// # Errors
///
/// If a server on the loopback interface cannot be started.
pub fn check<T: Transport + Sync + ?Sized>(transport: &T, options: &Options) -> io::Result<Report> {
    let send = |request: Request<Vec<u8>>| {
        transport.send(request).map_err(|error| {
            Failure::new(transport.delivery(&error), &error).with_head(transport.head(&error))
        })
    };
    let mut report = Report::default();
    for case in cases(options)? {
        let mut trial = case.start(options)?;
        while let Some(mut requests) = trial.next_requests() {
            thread::scope(|scope| {
                // One of them is sent from this thread, because a transport may keep its
                // connections by thread.
                let last = requests.pop();
                let others: Vec<_> =
                    requests.into_iter().map(|request| scope.spawn(|| send(request))).collect();
                let last = last.map(send);
                for other in others {
                    trial.came(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
                }
                if let Some(outcome) = last {
                    trial.came(outcome);
                }
            });
        }
        trial.judge(&mut report);
    }
    Ok(report)
}
