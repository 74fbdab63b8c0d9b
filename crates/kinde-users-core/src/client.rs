//! The blocking client: a tenant under a lock, a transport, a clock.
//!
//! This is the one file of the core that names `std`, for the lock.

extern crate std;

use alloc::sync::Arc;
use core::error::Error as StdError;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;

use crate::error::{Effect, Error};
use crate::exchange::{CallOptions, Exchange, Input, Step};
use crate::operation::Operation;
use crate::reply::Reply;
use crate::tenant::Tenant;
use crate::transport::{Clock, Transport};

/// Calls operations of one tenant, over any transport.
///
/// It is cheap to clone, and all clones share the tenant's token. It can be used by many threads at once; no lock is held
/// while a message is under way.
///
/// The crate `kinde-users` makes one with a transport and a clock in a line.
///
/// ```
/// use kinde_users_core::operations::GetUsers;
/// use kinde_users_core::{Client, Clock, Credentials, Domain, Instant, Tenant, transport_fn};
///
/// # struct Standing;
/// # impl Clock for Standing {
/// #     fn now(&self) -> Instant { Instant::START }
/// #     fn waker(&self) -> core::task::Waker { core::task::Waker::noop().clone() }
/// #     fn wait_until(&self, _: Instant) {}
/// # }
/// let transport = transport_fn(|request: http::Request<Vec<u8>>| {
///     // Your own HTTP stack here.
///     Ok::<_, std::io::Error>(http::Response::new(match request.uri().path() {
///         "/oauth2/token" => br#"{"access_token":"t","token_type":"bearer","expires_in":86399}"#.to_vec(),
///         _ => br#"{"users":[{"id":"kp_1","email":"ada@example.com"}]}"#.to_vec(),
///     }))
/// });
/// let tenant = Tenant::new(Domain::parse("acme")?, Credentials::new("id", "secret"));
/// let client = Client::new(tenant, transport, Standing);
///
/// let page = client.send(&GetUsers::new())?;
/// assert_eq!(page.users[0].email(), Some("ada@example.com"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Client<T, C> {
    shared: Arc<Shared<T, C>>,
    options: CallOptions,
}

struct Shared<T, C> {
    tenant: Mutex<Tenant>,
    transport: T,
    clock: C,
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// A client of `tenant`.
    pub fn new(tenant: Tenant, transport: T, clock: C) -> Self {
        let shared = Shared { tenant: Mutex::new(tenant), transport, clock };
        Self { shared: Arc::new(shared), options: CallOptions::new() }
    }

    /// This client with other options for the calls made through it.
    #[must_use]
    pub fn with_options(&self, options: CallOptions) -> Self {
        Self { shared: Arc::clone(&self.shared), options }
    }

    /// Calls an operation, and reads the reply as the operation's own type.
    ///
    /// # Errors
    ///
    /// A [`CallError`], whose [`effect`](CallError::effect) tells whether the operation took place all the same.
    pub fn send<O: Operation>(&self, operation: &O) -> Result<O::Output, CallError<T::Error>> {
        self.reply(operation)?.into_output::<O>().map_err(CallError::from)
    }

    /// Calls an operation, and reads the reply as a type of your choice.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_as<R: DeserializeOwned>(&self, operation: &impl Operation) -> Result<R, CallError<T::Error>> {
        let reply = self.reply(operation)?;
        reply.into_parsed().map_err(CallError::from)
    }

    /// Calls an operation, and leaves the reply as it came: [`Reply::parse_as`] borrows from it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), but never [`Error::Decode`].
    pub fn reply<O: Operation>(&self, operation: &O) -> Result<Reply, CallError<T::Error>> {
        let exchange = Exchange::new(operation, &self.lock(), self.options).map_err(Error::from)?;
        self.drive(exchange)
    }

    /// The loop: do what each step says, and tell what came of it.
    fn drive(&self, mut exchange: Exchange) -> Result<Reply, CallError<T::Error>> {
        let Shared { transport, clock, .. } = &*self.shared;
        let (mut input, mut failure) = (Input::Start, None);
        loop {
            let step = exchange.advance(&mut self.lock(), clock.now(), input);
            input = match step {
                Step::Send(request) => match transport.send(request) {
                    Ok(response) => Input::Response(response),
                    Err(error) => Input::Failed(transport.delivery(failure.insert(error))),
                },
                Step::Wait(wait) => {
                    clock.wait_until(wait.until);
                    Input::Woken
                }
                Step::Done(result) => return result.map_err(|error| CallError { error, transport: failure }),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tenant> {
        // The tenant is whole between any two calls on it, whatever another thread's panic was about.
        self.shared.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, C> Clone for Client<T, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), options: self.options }
    }
}

impl<T, C> fmt::Debug for Client<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Why a call over a transport has no result: the protocol's error, and the transport's if its failing came to it.
#[derive(Clone, Debug)]
pub struct CallError<E> {
    error: Error,
    transport: Option<E>,
}

impl<E> CallError<E> {
    /// The protocol's error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The protocol's error, owned.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// The last error of the transport in this call, if there was one.
    pub fn transport(&self) -> Option<&E> {
        self.transport.as_ref()
    }

    /// Whether the service carried out the operation; see [`Error::effect`].
    pub fn effect(&self) -> Effect {
        self.error.effect()
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(error: Error) -> Self {
        Self { error, transport: None }
    }
}

impl<E> From<CallError<E>> for Error {
    fn from(error: CallError<E>) -> Self {
        error.error
    }
}

impl<E> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: StdError + 'static> StdError for CallError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.transport {
            Some(error) => Some(error),
            None => self.error.source(),
        }
    }
}
