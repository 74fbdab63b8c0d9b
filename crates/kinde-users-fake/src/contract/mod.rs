//! The contract of [`Transport`], as a test that any transport can be put to; [`check_async`] is for async ones.
//!
//! [`check`] sends some thousand requests through the transport to servers on the loopback interface that answer,
//! redirect, compress, fall silent, drip and hang up, and compares what went in at one end with what came out
//! at the other. What the contract does not allow is *broken*; what it allows but a good transport does better is
//! *weak*. Each [`Clause`] is one of the duties that [`Transport`] lists.
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
//! The transport must speak HTTP/1.1 to `127.0.0.1` directly: take it out of the way of proxies.
//!
//! # Certificates
//!
//! Servers whose certificate is from an authority that the transport does not know are part of every check. Whether the
//! transport looks at the name and the dates of a certificate as well shows only where it trusts the authority. Make
//! one, build the transport so that it trusts it, and say so:
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
//! # Transports of another shape
//!
//! The clauses are data: a [`Case`] holds the requests, the server's part, and what is to come of it. [`check`] and
//! [`check_async`] are loops over [`cases`] that do nothing but send; so is one of your own:
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

/// Puts a transport to the test. It takes about three seconds.
///
/// # Errors
///
/// If there can be no server on the loopback interface.
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
                // One of them goes from this thread, because a transport may keep its connections by thread.
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

/// What the check needs to know of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) authority: Option<Authority>,
}

/// A certificate authority that signs the certificates of the check's servers. A transport that trusts it can be tried
/// with certificates that are good, expired, and of another name; see [`Options::trusted`].
#[derive(Clone)]
pub struct Authority(pub(crate) Arc<certificates::Authority>);

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    ///
    /// If there is no randomness for its key.
    pub fn new() -> io::Result<Self> {
        certificates::Authority::new().map(|authority| Self(Arc::new(authority)))
    }

    /// Returns its certificate in DER, for the root certificates of the transport.
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
    /// For a transport that takes bodies of 16 MiB.
    pub fn new() -> Self {
        Self {
            body_limit: 16 * 1024 * 1024,
            request_timeout: Duration::from_millis(200),
            patience: Duration::from_secs(5),
            authority: None,
        }
    }

    /// The most bytes that the transport takes as the body of a response, to the byte. With a small limit the check is
    /// quicker.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The time limit of the requests that are to run into it; 200 ms unless set. A request may end later by three
    /// quarters of the limit, and by 150 ms at least.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// After what time a request counts as hanging; 5 s unless set. It is the time limit of all other requests. The
    /// server hangs up then, so that the check ends whatever the transport does.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The transport trusts the certificates of this authority. Unless it is set, the cases that need such a transport
    /// are [skipped](Report::skipped).
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
