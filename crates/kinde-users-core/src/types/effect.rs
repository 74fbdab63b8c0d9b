//! Whether an operation took effect.

use http::StatusCode;

/// Whether the operation of a failed call took effect in any of its attempts.
///
/// The error of a read reports an effect too. A read changes nothing, so its effect says only
/// whether the service carried out the read. The values are ordered: `None`, `Possible`,
/// `Happened`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The operation did not take effect: no request arrived, or the service refused the request.
    #[default]
    None,
    /// The operation may have taken effect. Look the user up before you try again.
    Possible,
    /// The operation took effect, but its result could not be read.
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
