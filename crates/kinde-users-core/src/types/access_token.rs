//! Access tokens.

use core::fmt;

use http::HeaderValue;

use crate::types::build_error::{BuildError, Problem};

/// An access token.
///
/// All requests share one copy of the token. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccessToken {
    authorization: HeaderValue,
}

impl AccessToken {
    const SCHEME: &'static str = "Bearer ";

    /// Creates an access token from its text.
    ///
    /// # Errors
    ///
    /// Returns [`Problem::Empty`] for an empty text, and [`Problem::NotAHeader`] if the text
    /// contains anything but visible ASCII characters.
    pub fn new(token: &str) -> Result<Self, BuildError> {
        let refuse = |problem| BuildError::new("access_token", "token", problem);
        if token.is_empty() {
            return Err(refuse(Problem::Empty));
        }
        // It always reads to the end, because compilers then check many bytes at once.
        if !token.bytes().fold(true, |is_visible, byte| is_visible & byte.is_ascii_graphic()) {
            return Err(refuse(Problem::NotAHeader));
        }
        let mut authorization =
            HeaderValue::try_from([Self::SCHEME, token].concat()).map_err(|_| refuse(Problem::NotAHeader))?;
        authorization.set_sensitive(true);
        Ok(Self { authorization })
    }

    /// Returns the value of the `Authorization` header, marked as sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Returns the token.
    pub fn expose(&self) -> &str {
        self.authorization.to_str().ok().and_then(|text| text.strip_prefix(Self::SCHEME)).unwrap_or_default()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}
