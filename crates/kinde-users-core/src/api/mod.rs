//! Layer 2: operations, their requests and their replies.

pub(crate) mod content_encoding;
pub(crate) mod decode_error;
pub(crate) mod meta;
pub(crate) mod operation;
pub(crate) mod paginated;
pub(crate) mod path;
pub(crate) mod prepared;
pub(crate) mod proxy_env;
pub(crate) mod reply;
pub(crate) mod request_writer;
