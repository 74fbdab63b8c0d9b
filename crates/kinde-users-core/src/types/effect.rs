//! Whether an operation took place, and what a status says of it.

use http::StatusCode;

/// Whether the service carried out the operation of a call that failed, over all attempts of the call.
///
/// For a read, carrying it out changes nothing; the answer is given all the same.
///
/// They are ordered by how much happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The operation did not happen: nothing arrived, or the service refused it.
    #[default]
    None,
    /// The operation may have happened. Look at the user before you try again.
    Possible,
    /// The operation happened, but its result could not be read.
    Happened,
}

/// Whether the status says that the service, or a proxy before it, stopped waiting: for the rest of a request (408), or
/// because it took its caller for gone (460 of AWS, 499 of nginx and others). A proxy that says so may have passed the
/// request on.
pub(crate) fn stopped_waiting(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 460 | 499)
}

/// What a reply with this status says about the operation; see [`Exchange`](crate::Exchange) for why.
pub(crate) fn effect_of(status: StatusCode) -> Effect {
    if status.is_success() {
        Effect::Happened
    } else if status.is_client_error() && !stopped_waiting(status) {
        Effect::None
    } else {
        Effect::Possible
    }
}
