//! The fake as a transport of the client. This is the only file that knows the core.

use http::{Request, Response};
use kinde_users_core::{AsyncTransport, Credentials, Delivery, Domain, DomainError, Transport};

use crate::{FakeError, FakeKinde};

impl FakeKinde {
    /// Where the tenant is, for a client.
    ///
    /// # Errors
    ///
    /// A [`DomainError`], where the fake was built with a host that is none.
    pub fn domain(&self) -> Result<Domain, DomainError> {
        Domain::parse(&self.origin()).map(|domain| domain.with_audience(&self.audience()))
    }

    /// The credentials of the application, for a client.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(self.client_id(), self.client_secret())
    }
}

/// Over no socket: the tenant answers in this process.
impl Transport for FakeKinde {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.handle(request)
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        delivery(*error)
    }
}

/// Its futures are ready at once.
impl AsyncTransport for FakeKinde {
    type Error = FakeError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.handle(request)
    }

    fn delivery(&self, error: &FakeError) -> Delivery {
        delivery(*error)
    }
}

fn delivery(error: FakeError) -> Delivery {
    match error {
        FakeError::NotSent => Delivery::NotSent,
        FakeError::ConnectionLost => Delivery::Unknown,
    }
}
