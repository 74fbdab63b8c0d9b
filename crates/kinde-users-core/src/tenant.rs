//! What all calls to one tenant share.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use http::Request;

use crate::credentials::{Credentials, Kind};
use crate::domain::Domain;
use crate::error::AuthProblem;
use crate::time::Instant;
use crate::token::{AccessToken, Issued, token_request};

/// What all calls to one tenant share: its domain, the credentials, and the token that was got with them.
///
/// It is plain state: no lock, no clock, no connection. A [`Client`](crate::Client) keeps one behind a lock; a loop of
/// your own keeps it where it likes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    domain: Domain,
    credentials: Credentials,
    held: Option<Held>,
}

/// A token, and until when to use it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Held {
    token: AccessToken,
    /// When to get another; never where its lifetime is not known.
    renew: Option<Instant>,
    /// A fresh token is used at least once, whatever its lifetime is said to be: another would be no better.
    used: bool,
}

impl Tenant {
    /// A tenant with no token yet.
    pub fn new(domain: Domain, credentials: Credentials) -> Self {
        Self { domain, credentials, held: None }
    }

    /// Where the tenant is.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The token to send with now, if there is one that lasts.
    pub(crate) fn usable_token(&mut self, now: Instant) -> Option<AccessToken> {
        if let Kind::Token(token) = &self.credentials.0 {
            return Some(token.clone());
        }
        let held =
            self.held.as_mut().filter(|held| !held.used || held.renew.is_none_or(|renew| now < renew))?;
        held.used = true;
        Some(held.token.clone())
    }

    /// The request that gets a token.
    pub(crate) fn token_request(&self) -> Result<Request<Vec<u8>>, AuthProblem> {
        match &self.credentials.0 {
            Kind::Client { id, secret, scopes } => token_request(&self.domain, id, secret, scopes),
            Kind::Token(_) => Err(AuthProblem::Ended),
        }
    }

    /// Keeps a token that was just issued. It is renewed a little before its end: by a tenth of its lifetime, at most
    /// 60 seconds.
    pub(crate) fn keep(&mut self, issued: Issued, now: Instant) {
        let renew = issued.lifetime.map(|lifetime| {
            let margin = (lifetime / 10).min(Duration::from_secs(60));
            now.saturating_add(lifetime.saturating_sub(margin))
        });
        self.held = Some(Held { token: issued.token, renew, used: false });
    }
}

impl Tenant {
    /// Drops the token, which the service refused.
    pub(crate) fn forget_token(&mut self) {
        self.held = None;
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("domain", &self.domain)
            .field("credentials", &self.credentials)
            .field("has_token", &self.held.is_some())
            .finish_non_exhaustive()
    }
}
