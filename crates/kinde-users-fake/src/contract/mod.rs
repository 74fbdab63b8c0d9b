//! The contract of [`Transport`] as a test for any transport; [`check_async`] is for async ones.
//!
//! [`check`] sends about a thousand requests through the transport to servers on the loopback
//! interface. The servers answer, redirect, compress, fall silent, send slowly and close
//! connections. The check compares what went in at one end with what came out at the other. A
//! violation of the contract is *broken*. Behaviour that the contract allows, but that a good
//! transport improves on, is *weak*. Each [`Clause`] is one of the duties that [`Transport`] lists.
//!
//! ```
//! use kinde_users_core::Transport;
//! use kinde_users_fake::contract::{self, Options};
//!
//! fn my_transport_keeps_the_contract(transport: &(impl Transport + Sync)) -> std::io::Result<()> {
//!     let report = contract::check(transport, &Options::new().body_limit(64 * 1024))?;
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
//! use kinde_users_fake::contract::{self, Authority, Options};
//!
//! fn my_transport_checks_certificates<T: Transport + Sync>(
//!     trusting: impl FnOnce(&[u8]) -> T, // Root certificates in DER.
//! ) -> std::io::Result<()> {
//!     let authority = Authority::new()?;
//!     let transport = trusting(authority.certificate());
//!     contract::check(&transport, &Options::new().trusted(&authority))?.assert_kept();
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
//! # use kinde_users_core::Delivery;
//! # use kinde_users_fake::contract::{Failure, Options, Report, cases};
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

mod cases;
mod check_async;
mod report;
mod server;
mod trial;

use core::fmt;
use core::time::Duration;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use http::Request;
use kinde_users_core::Transport;

use crate::certificates;
pub use cases::{Case, cases};
pub use check_async::check_async;
pub use report::{Clause, Finding, Report};
pub use server::{Lost, Server};
pub use trial::{Failure, Outcome, Trial};

/// Checks a transport. The check takes about three seconds.
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

/// What the check needs to know about the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) authority: Option<Authority>,
}

/// A certificate authority that signs the certificates of the check's servers. A transport that
/// trusts it can be checked with certificates that are valid, expired, or for another name; see
/// [`Options::trusted`].
#[derive(Clone)]
pub struct Authority(pub(crate) Arc<certificates::Authority>);

impl Authority {
    /// Creates a new authority.
    ///
    /// # Errors
    ///
    /// If the system provides no randomness for the key.
    pub fn new() -> io::Result<Self> {
        certificates::Authority::new().map(|authority| Self(Arc::new(authority)))
    }

    /// Returns the certificate of the authority in DER, for the root certificates of the transport.
    pub fn certificate(&self) -> &[u8] {
        self.0.der()
    }
}

impl PartialEq for Authority {
    fn eq(&self, other: &Self) -> bool {
        self.certificate() == other.certificate()
    }
}

impl Eq for Authority {}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl Options {
    /// Creates options for a transport that accepts bodies of 16 MiB.
    pub fn new() -> Self {
        Self {
            body_limit: 16 * 1024 * 1024,
            request_timeout: Duration::from_millis(200),
            patience: Duration::from_secs(5),
            authority: None,
        }
    }

    /// Sets the exact limit of the transport for the body of a response, in bytes. The check is
    /// faster with a small limit.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets the time limit of the requests that are meant to reach it. The default is 200 ms. A
    /// request may end late by three quarters of its limit, or by 150 ms if that is more.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Sets the time after which a request counts as hanging. The default is 5 s. It is the time
    /// limit of all other requests. After this time the server closes the connection, so that the
    /// check ends whatever the transport does.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// States that the transport trusts the certificates of this authority. Without it, the cases
    /// that need such a transport are [skipped](Report::skipped).
    pub fn trusted(mut self, authority: &Authority) -> Self {
        self.authority = Some(authority.clone());
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
