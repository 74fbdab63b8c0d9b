//! How long an attempt may take, told to the transport by the request itself.

use core::time::Duration;

use http::Request;

use crate::protocol::call_options::CallOptions;

/// In the extensions of a request whose limit is another than [`CallOptions::ATTEMPT_TIMEOUT`]. Most have that one, and
/// extensions take three allocations for one value.
#[derive(Clone, Copy)]
struct TimeLimit(Duration);

/// How long this attempt may take, from the first byte sent to the last byte received: what a [`Transport`](crate::Transport)
/// asks of each request, and honours.
///
/// Of what an exchange sends it is the call's [`attempt_timeout`](CallOptions::attempt_timeout) or what is left to its deadline;
/// for a token request 30 seconds or what is left. A request that nothing was said of has [`CallOptions::ATTEMPT_TIMEOUT`].
///
/// ```
/// use core::time::Duration;
/// use kinde_users_core::{set_request_timeout, request_timeout};
///
/// let mut request = http::Request::new(Vec::<u8>::new());
/// assert_eq!(request_timeout(&request), Duration::from_secs(30));
/// set_request_timeout(&mut request, Duration::from_millis(2500));
/// assert_eq!(request_timeout(&request), Duration::from_millis(2500));
/// ```
pub fn request_timeout<B>(request: &Request<B>) -> Duration {
    request.extensions().get().map_or(CallOptions::ATTEMPT_TIMEOUT, |TimeLimit(limit)| *limit)
}

/// Has [`request_timeout`] tell `limit` of this request: for requests that no exchange made, and for transports around another
/// one that give it less time. Where the extensions of a request do not come along, its limit does not.
pub fn set_request_timeout<B>(request: &mut Request<B>, limit: Duration) {
    let extensions = request.extensions_mut();
    if limit == CallOptions::ATTEMPT_TIMEOUT {
        extensions.remove::<TimeLimit>();
    } else {
        extensions.insert(TimeLimit(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_limit_that_was_set_is_told() {
        let mut request = Request::new(());
        assert_eq!(request_timeout(&request), CallOptions::ATTEMPT_TIMEOUT);
        for limit in [Duration::ZERO, Duration::MAX, CallOptions::ATTEMPT_TIMEOUT, Duration::from_secs(1)] {
            set_request_timeout(&mut request, limit);
            assert_eq!(request_timeout(&request), limit);
        }
    }

    #[test]
    fn the_usual_limit_takes_no_room_in_the_request() {
        let mut request = Request::new(());
        set_request_timeout(&mut request, Duration::from_secs(1));
        set_request_timeout(&mut request, CallOptions::ATTEMPT_TIMEOUT);
        assert!(request.extensions().is_empty());
    }
}
