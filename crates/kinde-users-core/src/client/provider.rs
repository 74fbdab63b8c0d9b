//! Providers of credentials, and when a call asks one.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use core::fmt;
use core::pin::Pin;

use crate::protocol::credentials::Credentials;
use crate::protocol::step::Input;
use crate::protocol::token_reply::is_refusal;

/// What a provider returned: the credentials, or what its error displays.
pub(crate) type Provided = Result<Credentials, Box<str>>;

pub(crate) type Provider = dyn Fn() -> Provided + Send + Sync;

pub(crate) type AsyncProvider = dyn Fn() -> Pin<Box<dyn Future<Output = Provided> + Send>> + Send + Sync;

/// Returns the error of a provider as text, so that all waiting calls can share it.
pub(crate) fn shared<E: fmt::Display>(result: Result<Credentials, E>) -> Provided {
    result.map_err(|error| error.to_string().into())
}

/// When a call asks the provider: when it has got a lease, and once more if the token endpoint
/// refuses its request. The call has the lease meanwhile, so the others wait.
#[derive(Default)]
pub(crate) struct Asking {
    /// Whether the call asks now.
    asks: bool,
    /// The lease for which the call asked last.
    lease: Option<u64>,
    /// Whether it asked again after a refusal.
    again: bool,
    /// The refusal after which it asks again.
    refusal: Option<Input>,
    provided: Option<Provided>,
}

impl Asking {
    pub(crate) fn asks(&self) -> bool {
        self.asks
    }

    /// Takes the answer of the provider.
    pub(crate) fn answer(&mut self, provided: Provided) {
        self.asks = false;
        self.provided = Some(provided);
    }

    /// Returns the answer of the provider and the refusal after which the call asked, if it did.
    pub(crate) fn take(&mut self) -> Option<(Provided, Option<Input>)> {
        self.provided.take().map(|provided| (provided, self.refusal.take()))
    }

    /// Notes that the call has this lease. Returns whether it asks now.
    pub(crate) fn before_sending(&mut self, lease: Option<u64>) -> bool {
        if lease != self.lease {
            self.lease = lease;
            self.asks = lease.is_some();
            self.again = false;
        }
        self.asks
    }

    /// Keeps the answer of the token endpoint if it is a refusal after which the call asks again.
    pub(crate) fn keep(&mut self, lease: Option<u64>, answer: Input) -> Option<Input> {
        if lease.is_none() || self.again || !is_refusal(&answer) {
            return Some(answer);
        }
        self.again = true;
        self.asks = true;
        self.refusal = Some(answer);
        None
    }
}
