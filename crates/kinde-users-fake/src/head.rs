//! The head of a reply whose body did not arrive.

use core::fmt;

use http::{HeaderMap, Response, StatusCode};
use kinde_users_core::BodyFailure;

/// The head of a reply whose body did not arrive.
#[derive(Clone)]
pub struct FakeHead(pub(crate) Box<Response<BodyFailure>>);

impl FakeHead {
    pub(crate) fn of(reply: Response<Vec<u8>>) -> Self {
        Self(Box::new(reply.map(|_| BodyFailure::Broken)))
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }
}

impl PartialEq for FakeHead {
    fn eq(&self, other: &Self) -> bool {
        (self.status(), self.headers()) == (other.status(), other.headers())
    }
}

impl Eq for FakeHead {}

impl fmt::Debug for FakeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeHead(HTTP {}, {} headers)", self.status().as_u16(), self.headers().len())
    }
}
