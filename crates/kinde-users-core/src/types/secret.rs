//! Secrets in memory.

use alloc::string::String;
use core::hash::{Hash, Hasher};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};

/// A secret in memory. It is wiped when it is dropped, and never printed.
#[derive(Clone)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

/// Writes the secret into the body of a request.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use core::hash::BuildHasher as _;
    use std::hash::RandomState;

    use secrecy::zeroize::ZeroizeOnDrop;

    use super::*;

    /// Compiles only where the texts are of a type that is wiped when it is dropped.
    pub(crate) fn are_wiped<const COUNT: usize>(secrets: [&Secret; COUNT]) {
        fn is_wiped(_: &impl ZeroizeOnDrop) {}

        for Secret(text) in secrets {
            is_wiped(text);
        }
    }

    #[test]
    fn hash_is_that_of_the_text() {
        let state = RandomState::new();
        for text in ["", "a", "b"] {
            assert_eq!(state.hash_one(Secret::from(String::from(text))), state.hash_one(text));
        }
    }
}
