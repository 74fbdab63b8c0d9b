//! Layer 1: the values in requests and replies, and helpers that read and show them.

pub(crate) mod access_token;
pub(crate) mod build_error;
pub(crate) mod check_id;
pub(crate) mod delivery;
pub(crate) mod domain;
pub(crate) mod effect;
pub(crate) mod fold_case;
pub(crate) mod ids;
pub(crate) mod json;
pub(crate) mod lenient;
pub(crate) mod masking;
pub(crate) mod open_enum;
pub(crate) mod redacted;
pub(crate) mod reset_headers;
pub(crate) mod secret;
pub(crate) mod sync;
pub(crate) mod text;
pub(crate) mod text_type;
pub(crate) mod time;
pub(crate) mod timestamp;
pub(crate) mod values;
