//! Credentials for access tokens.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;

use crate::types::access_token::AccessToken;
use crate::types::build_error::BuildError;
use crate::types::check_id::check_id;
use crate::types::secret::Secret;

/// The client id and secret of a machine-to-machine application, with which access tokens are
/// requested.
///
/// The secret is wiped from memory when its last copy is dropped, and `Debug` does not show it. The
/// bytes of a token request are not wiped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials(pub(crate) Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Client { id: Box<str>, secret: Secret, scopes: Vec<Box<str>> },
    Token(AccessToken),
}

impl Credentials {
    /// Creates credentials from the client id and secret of a machine-to-machine application that
    /// is authorized for the Management API.
    ///
    /// Use [`check`](Self::check) for credentials from a file or the environment.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let id = client_id.into().into();
        Self(Kind::Client { id, secret: Secret::from(client_secret.into()), scopes: Vec::new() })
    }

    /// Creates credentials from an access token. The token cannot be renewed, so calls fail after
    /// it has expired.
    pub fn access_token(token: AccessToken) -> Self {
        Self(Kind::Token(token))
    }

    /// Creates credentials from an environment API key of Kinde, such as `k_live_…`. The key is
    /// sent in place of an access token, so no token is requested. A key has its own scopes and
    /// does not expire. If the service refuses the key with 401, the call fails, unless a
    /// [provider](crate::Client::with_provider) returns another key.
    ///
    /// ```
    /// use kinde_users::{AccessToken, Credentials};
    ///
    /// let credentials = Credentials::api_key(AccessToken::new("k_live_0123456789")?);
    /// # Ok::<(), kinde_users::BuildError>(())
    /// ```
    pub fn api_key(key: AccessToken) -> Self {
        Self(Kind::Token(key))
    }

    /// Checks that the client id and secret are not empty, contain no control character, and do not
    /// begin or end with a blank. Texts that were copied or read from a file often have such
    /// defects. If the credentials do not pass this check, a call fails with the same error, and
    /// nothing is sent.
    ///
    /// ```
    /// use kinde_users::{Credentials, Problem};
    ///
    /// let error = Credentials::new("client", "secret\r\n").check().unwrap_err();
    /// assert_eq!((error.argument(), error.problem()), ("client_secret", Problem::ControlCharacter));
    /// ```
    ///
    /// # Errors
    ///
    /// The [`argument`](BuildError::argument) is `client_id` or `client_secret`. The problem is
    /// [`Problem::Empty`](crate::Problem::Empty),
    /// [`Problem::ControlCharacter`](crate::Problem::ControlCharacter) or
    /// [`Problem::OuterBlank`](crate::Problem::OuterBlank).
    pub fn check(&self) -> Result<(), BuildError> {
        match &self.0 {
            Kind::Client { id, secret, .. } => check_credentials(id, secret),
            // `AccessToken` has checked it.
            Kind::Token(_) => Ok(()),
        }
    }

    /// Requests tokens with only these scopes. Without this method, a token has all scopes of the
    /// application. [`scopes_for`](crate::scopes_for) returns the scopes of operations. This method
    /// has no effect on credentials that were created from an access token or an API key.
    ///
    /// ```
    /// use kinde_users::operations::GetUsers;
    /// use kinde_users::{Credentials, Operation, scopes_for};
    ///
    /// let credentials = Credentials::new("client", "secret").with_scopes(scopes_for(&[GetUsers::META]));
    /// ```
    #[must_use]
    pub fn with_scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        if let Kind::Client { scopes: kept, .. } = &mut self.0 {
            *kept = scopes.into_iter().map(|scope| scope.as_ref().into()).collect();
        }
        self
    }
}

pub(crate) fn check_credentials(id: &str, secret: &Secret) -> Result<(), BuildError> {
    [("client_id", id), ("client_secret", secret.expose())].into_iter().try_for_each(|(argument, text)| {
        check_id(text).map_err(|problem| BuildError::new("credentials", argument, problem))
    })
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Client { .. } => "Credentials(client)",
            Kind::Token(_) => "Credentials(token)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::build_error::Problem;

    #[test]
    fn malformed_credentials_are_refused() {
        for (text, problem) in [
            ("", Problem::Empty),
            ("\u{feff}secret", Problem::OuterBlank),
            ("secret\u{200b}", Problem::OuterBlank),
            (" secret", Problem::OuterBlank),
            ("secret\u{a0}", Problem::OuterBlank),
            ("secret\r", Problem::ControlCharacter),
            ("secret\n", Problem::ControlCharacter),
            ("\tsecret", Problem::ControlCharacter),
            ("sec\0ret", Problem::ControlCharacter),
            ("sec\u{7f}ret", Problem::ControlCharacter),
        ] {
            let refused = |argument| Err(BuildError::new("credentials", argument, problem));
            assert_eq!(Credentials::new(text, "secret").check(), refused("client_id"));
            assert_eq!(Credentials::new("id", text).check(), refused("client_secret"));
        }
        assert_eq!(Credentials::new("id", "a secret of words").check(), Ok(()));
        assert_eq!(Credentials::access_token(AccessToken::new("t").unwrap()).check(), Ok(()));
    }

    #[test]
    fn scopes_do_not_change_a_token() {
        let token = Credentials::access_token(AccessToken::new("t").unwrap());
        assert_eq!(token.clone().with_scopes(["read:users"]), token);
    }

    #[test]
    fn debug_says_which_kind_they_are() {
        let token = Credentials::access_token(AccessToken::new("t").unwrap());
        assert_eq!(
            format!("{:?} {token:?}", Credentials::new("id", "s")),
            "Credentials(client) Credentials(token)"
        );
    }

    #[test]
    fn client_secret_is_wiped_when_it_is_dropped() {
        let Credentials(Kind::Client { id: _, secret, scopes: _ }) = Credentials::new("id", "secret") else {
            panic!("it has a secret")
        };
        crate::types::secret::tests::are_wiped([&secret]);
    }
}
