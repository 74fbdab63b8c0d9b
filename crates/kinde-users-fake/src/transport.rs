//! The fake as a transport and a clock for the client. Only this file and `head.rs` use the core.

use core::task::Waker;

use http::{Request, Response};
use kinde_users_core::{
    AsyncClient, AsyncClock, AsyncTransport, BodyFailure, Client, Clock, Credentials, Delivery, Domain,
    DomainError, Instant, Tenant, Transport, request_timeout,
};

use crate::fake_kinde::FakeKinde;
use crate::fault::FakeError;
use crate::head::FakeHead;

impl FakeKinde {
    /// Returns the domain of the tenant, for a client.
    ///
    /// # Errors
    ///
    /// Returns a [`DomainError`] if the fake was built with a host that is not valid.
    pub fn domain(&self) -> Result<Domain, DomainError> {
        Domain::parse(&self.origin()).map(|domain| domain.with_audience(&self.audience()))
    }

    /// Returns the credentials of the application, for a client.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.client_id(), self.client_secret())
    }
}

impl FakeKinde {
    /// Creates a client of the tenant, in process and on its [clock](#impl-Clock-for-FakeKinde).
    /// The client never really waits.
    ///
    /// # Errors
    ///
    /// Returns a [`DomainError`] if the fake was built with a host that is not valid.
    pub fn client(&self) -> Result<Client<Self, Self>, DomainError> {
        Ok(Client::new(Tenant::new(self.domain()?, self.credentials()), self.clone(), self.clone()))
    }

    /// Creates an async client of the tenant, in process and on its clock.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`client`](Self::client).
    pub fn async_client(&self) -> Result<AsyncClient<Self, Self>, DomainError> {
        Ok(AsyncClient::new(Tenant::new(self.domain()?, self.credentials()), self.clone(), self.clone()))
    }
}

/// Uses no socket: the tenant answers in this process.
impl Transport for FakeKinde {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        within_limit(self, request)
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        delivery(error)
    }

    fn head<'e>(&self, error: &'e FakeError) -> Option<&'e Response<BodyFailure>> {
        head(error)
    }
}

/// The futures are ready at once.
impl AsyncTransport for FakeKinde {
    type Error = FakeError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        within_limit(self, request)
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        delivery(error)
    }

    fn head<'e>(&self, error: &'e FakeError) -> Option<&'e Response<BodyFailure>> {
        head(error)
    }
}

/// Applies the time limit of the request by the tenant's clock, which a late reply moves.
fn within_limit(fake: &FakeKinde, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
    let limit = request_timeout(&request);
    fake.serve(request, Some(limit)).in_process()
}

fn delivery(error: &FakeError) -> Delivery {
    match error {
        FakeError::NotSent => Delivery::NotSent,
        FakeError::ConnectionLost | FakeError::TimedOut | FakeError::HeadOnly(_) => Delivery::Unknown,
    }
}

fn head(error: &FakeError) -> Option<&Response<BodyFailure>> {
    match error {
        FakeError::HeadOnly(FakeHead(head)) => Some(head),
        FakeError::NotSent | FakeError::ConnectionLost | FakeError::TimedOut => None,
    }
}

/// The tenant's own clock. A wait moves the clock and ends at once.
///
/// With this clock, a client that backs off or waits for a reset or its pace takes no time, and the
/// tenant sees the time pass. Use it in tests that make their calls on one thread, or as tasks of
/// one thread. On several threads, a call that waits would move the clock while another is under
/// way. If a [server](crate::FakeKindeBuilder) listens, time also passes by itself.
///
/// # Examples
///
/// ```
/// use kinde_users::operations::GetUsers;
/// use kinde_users_fake::{FakeKinde, Fault};
///
/// let fake = FakeKinde::new();
/// fake.next("get_users", Fault::rate_limited(60));
/// let client = fake.client().unwrap();
/// let before = fake.now();
/// client.send(&GetUsers::new()).unwrap();
/// assert!((fake.now() - before).as_secs() >= 60);
/// ```
impl Clock for FakeKinde {
    fn now(&self) -> Instant {
        Instant::from_start(FakeKinde::now(self))
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn wait_until(&self, until: Instant) {
        self.advance(until.since_start().saturating_sub(FakeKinde::now(self)));
    }
}

/// The same clock for async code.
impl AsyncClock for FakeKinde {
    fn now(&self) -> Instant {
        Clock::now(self)
    }

    async fn sleep_until(&self, until: Instant) {
        self.wait_until(until);
    }
}
