//! Access tokens.

use core::fmt;

use http::HeaderValue;

use crate::types::build_error::{BuildError, Problem};

/// An access token, in the form in which requests carry it.
///
/// It is kept once, and all requests share it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccessToken {
    authorization: HeaderValue,
}

impl AccessToken {
    const SCHEME: &'static str = "Bearer ";

    /// Takes a token that was got elsewhere.
    ///
    /// # Errors
    ///
    /// [`Problem::Empty`], or [`Problem::NotAHeader`] if it holds anything but visible ASCII characters.
    pub fn new(token: &str) -> Result<Self, BuildError> {
        let refuse = |problem| BuildError::new("access_token", "token", problem);
        if token.is_empty() {
            return Err(refuse(Problem::Empty));
        }
        // To the end in any case: compilers do many bytes at once then.
        if !token.bytes().fold(true, |is_visible, byte| is_visible & byte.is_ascii_graphic()) {
            return Err(refuse(Problem::NotAHeader));
        }
        let mut authorization =
            HeaderValue::try_from([Self::SCHEME, token].concat()).map_err(|_| refuse(Problem::NotAHeader))?;
        authorization.set_sensitive(true);
        Ok(Self { authorization })
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        self.authorization.to_str().ok().and_then(|text| text.strip_prefix(Self::SCHEME)).unwrap_or_default()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}
