//! The timeout of an attempt, which the request carries to the transport.

use core::time::Duration;

use http::Request;

use crate::protocol::call_options::CallOptions;

/// The timeout in the extensions of a request. It is absent if it is
/// [`CallOptions::ATTEMPT_TIMEOUT`], because extensions take three allocations for one value.
#[derive(Clone, Copy)]
struct TimeLimit(Duration);

/// Returns how long the attempt with this request may take, from the first byte sent to the last
/// byte received. A [`Transport`](crate::Transport) applies this timeout to each request.
///
/// For an operation, the timeout is the [`attempt_timeout`](CallOptions::attempt_timeout) of the
/// call. For a token request, it is 30 seconds. If less time is left of the total timeout, the
/// timeout is the time that is left. For a request on which no timeout was set, it is
/// [`CallOptions::ATTEMPT_TIMEOUT`].
///
/// ```
/// use core::time::Duration;
/// use kinde_users::{set_request_timeout, request_timeout};
///
/// let mut request = http::Request::new(Vec::<u8>::new());
/// assert_eq!(request_timeout(&request), Duration::from_secs(30));
/// set_request_timeout(&mut request, Duration::from_millis(2500));
/// assert_eq!(request_timeout(&request), Duration::from_millis(2500));
/// ```
pub fn request_timeout<B>(request: &Request<B>) -> Duration {
    request.extensions().get().map_or(CallOptions::ATTEMPT_TIMEOUT, |TimeLimit(limit)| *limit)
}

/// Sets the [`request_timeout`] of a request. Use this function for requests that you made without
/// an exchange, and in a transport that wraps another transport and gives it less time. The timeout
/// is stored in the extensions of the request, and is lost if the extensions are lost.
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
    fn last_limit_that_was_set_is_told() {
        let mut request = Request::new(());
        assert_eq!(request_timeout(&request), CallOptions::ATTEMPT_TIMEOUT);
        for limit in [Duration::ZERO, Duration::MAX, CallOptions::ATTEMPT_TIMEOUT, Duration::from_secs(1)] {
            set_request_timeout(&mut request, limit);
            assert_eq!(request_timeout(&request), limit);
        }
    }

    #[test]
    fn usual_limit_takes_no_room_in_the_request() {
        let mut request = Request::new(());
        set_request_timeout(&mut request, Duration::from_secs(1));
        set_request_timeout(&mut request, CallOptions::ATTEMPT_TIMEOUT);
        assert!(request.extensions().is_empty());
    }
}
