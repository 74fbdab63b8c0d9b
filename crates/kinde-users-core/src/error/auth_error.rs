//! The error of a call that has no token.

use alloc::boxed::Box;
use core::fmt;

use crate::api::meta::Meta;
use crate::error::hints::{mentions, write_redirect};
use crate::types::build_error::BuildError;
use crate::types::delivery::{BodyFailure, Delivery};
use crate::types::effect::Effect;

/// The error of a call that has no token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AuthError {
    pub(crate) operation: &'static Meta,
    pub(crate) problem: AuthProblem,
    pub(crate) effect: Effect,
}

impl AuthError {
    /// Returns what went wrong.
    pub fn problem(&self) -> &AuthProblem {
        &self.problem
    }
}

/// The reason why there is no token.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthProblem {
    /// The token endpoint refused the request: the credentials are wrong, or the audience or a
    /// scope is not allowed.
    #[non_exhaustive]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The OAuth error, such as `invalid_client`, if the reply contained one.
        error: Option<Box<str>>,
        /// The description of the OAuth error, if the reply contained one. The description may
        /// quote the credentials, so `Display` and `Debug` do not show it.
        description: Option<Box<str>>,
    },
    /// The token endpoint reported success, but the reply has no token that can be sent.
    Malformed,
    /// The token endpoint reported success, but the body of the reply could not be read.
    Body(BodyFailure),
    /// The credentials are not valid (see [`Credentials::check`](crate::Credentials::check)), or
    /// the audience is not valid. Nothing was sent.
    Unsendable(BuildError),
    /// The token endpoint is unavailable: it answered 408, 429, 460, 499, 5xx or a redirect.
    #[non_exhaustive]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// The host that a redirect leads to, if it is a name with at most five digits.
        redirect_host: Option<Box<str>>,
    },
    /// The token endpoint did not reply.
    Unreachable(Delivery),
    /// The supplied token has expired, and there are no credentials to request another token.
    Ended,
    /// The provider of the credentials failed (see
    /// [`Client::with_provider`](crate::Client::with_provider)). No token was requested.
    #[non_exhaustive]
    NotProvided {
        /// The text that the error of the provider displays. The text may quote the credentials, so
        /// `Display` and `Debug` do not show it.
        reason: Box<str>,
    },
}

impl AuthProblem {
    /// Returns whether another request would fail in the same way.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Unavailable { .. }
                | Self::Unreachable(_)
                | Self::Body(BodyFailure::Broken)
                | Self::NotProvided { .. }
        )
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: no access token: ", self.operation.name)?;
        match &self.problem {
            AuthProblem::Refused { status, error, description } => {
                write!(f, "HTTP {status}: {}", known_oauth_error(error.as_deref()))?;
                f.write_str(likely_cause(*status, error.as_deref(), description.as_deref()))
            }
            AuthProblem::Malformed => f.write_str(
                "the token endpoint's reply holds none (the domain has to be the tenant's kinde.com domain)",
            ),
            AuthProblem::Unsendable(error) => error.fmt(f),
            AuthProblem::Unavailable { status, redirect_host } => {
                write!(f, "the token endpoint answered HTTP {status}")?;
                let is_redirect = (300..400).contains(status);
                if is_redirect { write_redirect(f, redirect_host.as_deref()) } else { Ok(()) }
            }
            AuthProblem::Body(failure) => {
                write!(f, "the token endpoint reported success, but {failure}")
            }
            AuthProblem::Unreachable(_) => f.write_str("no reply from the token endpoint"),
            AuthProblem::Ended => f.write_str("the supplied one has ended"),
            AuthProblem::NotProvided { .. } => f.write_str("the provider of the credentials failed"),
        }
    }
}

/// Returns the most likely reason of a refusal, and what to do. The text quotes nothing of the
/// reply.
fn likely_cause(status: u16, error: Option<&str>, description: Option<&str>) -> &'static str {
    let mentions_audience = mentions(error, &["audience"]) || mentions(description, &["audience"]);
    match (status, error) {
        _ if mentions_audience => REFUSED_AUDIENCE,
        (403, Some("invalid_request")) | (_, Some("invalid_target")) => REFUSED_AUDIENCE,
        (_, Some("invalid_scope")) => {
            " (a scope that was asked for is not granted: grant it to the application, or ask for fewer)"
        }
        (_, Some("invalid_client")) => {
            " (the client id and secret are not those of an application at this domain)"
        }
        (_, Some("unauthorized_client" | "unsupported_grant_type")) => {
            " (the application has to be a machine-to-machine application)"
        }
        (404, _) => {
            " (the domain or the client id is likely wrong; the domain has to be the tenant's kinde.com domain)"
        }
        (_, None) => " (not in the form of OAuth; a firewall or proxy may have answered)",
        _ => "",
    }
}

const REFUSED_AUDIENCE: &str = " (the audience was refused: authorise the application for the Kinde Management API, and \
    use the tenant's kinde.com domain, not a custom one)";

impl fmt::Debug for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthError({self}; effect {:?})", self.effect)
    }
}

/// The error if it is one that OAuth defines (RFC 6749, section 5.2; RFC 8707). What the token
/// endpoint says beyond that may quote the credentials that it was sent, and is not shown.
fn known_oauth_error(error: Option<&str>) -> &'static str {
    const KNOWN: [&str; 7] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
    ];
    KNOWN.into_iter().find(|known| error == Some(known)).unwrap_or("refused")
}

impl fmt::Debug for AuthProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, error, .. } => f
                .debug_struct("Refused")
                .field("status", status)
                .field("error", &known_oauth_error(error.as_deref()))
                .finish_non_exhaustive(),
            Self::Malformed => f.write_str("Malformed"),
            Self::Body(failure) => f.debug_tuple("Body").field(failure).finish(),
            Self::Unsendable(error) => f.debug_tuple("Unsendable").field(error).finish(),
            Self::Unavailable { status, redirect_host } => {
                let mut shown = f.debug_struct("Unavailable");
                shown.field("status", status);
                if let Some(host) = redirect_host {
                    shown.field("redirect_host", host);
                }
                shown.finish()
            }
            Self::Unreachable(delivery) => f.debug_tuple("Unreachable").field(delivery).finish(),
            Self::Ended => f.write_str("Ended"),
            Self::NotProvided { .. } => f.write_str("NotProvided { .. }"),
        }
    }
}

impl core::error::Error for AuthError {}
