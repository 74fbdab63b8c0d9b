use serde::{Deserialize, Serialize};

use crate::serde_with::or_default;
use crate::text::Personal;

/// The reply of operations that have nothing to tell but that they succeeded.
///
/// The body may also be empty, or `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Success {
    /// `OK`.
    pub code: Option<Personal>,
    /// `Success`, or other words.
    pub message: Option<Personal>,
}

impl<'de> Deserialize<'de> for Success {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        struct Object {
            code: Option<Personal>,
            message: Option<Personal>,
        }
        let Object { code, message } = or_default(deserializer)?;
        Ok(Self { code, message })
    }
}
