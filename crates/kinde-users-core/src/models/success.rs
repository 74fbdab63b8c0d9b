use serde::{Deserialize, Serialize};

use crate::types::lenient::Object;
use crate::types::redacted::Redacted;

/// The reply of operations that only report success.
///
/// The body of the reply may also be empty, or `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Success {
    /// `OK`.
    pub code: Option<Redacted>,
    /// `Success`, or another text.
    pub message: Option<Redacted>,
}

impl<'de> Deserialize<'de> for Success {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        struct Fields {
            code: Option<Redacted>,
            message: Option<Redacted>,
        }
        let fields: Option<Object<Fields>> = Option::deserialize(deserializer)?;
        let Fields { code, message } = fields.map(|Object(fields)| fields).unwrap_or_default();
        Ok(Self { code, message })
    }
}
