//! Whether an operation took effect.

use http::StatusCode;

/// Whether the operation of a failed call took effect in any of its attempts.
///
/// A read changes nothing, but its errors have an effect as well. The values are ordered.
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

/// Whether the status says that the service or a proxy stopped waiting: for the rest of a request
/// (408), or because it thought that the client was gone (460 of AWS, 499 of nginx and others). A
/// proxy that sends such a status may have passed the request on.
pub(crate) fn stopped_waiting(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 460 | 499)
}

/// Returns what a status says about the operation; see [`Exchange`](crate::Exchange) for the
/// reasons.
pub(crate) fn effect_of(status: StatusCode) -> Effect {
    if status.is_success() {
        Effect::Happened
    } else if status.is_client_error() && !stopped_waiting(status) {
        Effect::None
    } else {
        Effect::Possible
    }
}
