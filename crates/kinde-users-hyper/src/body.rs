//! The body of a request, which records whether hyper has looked at it; and the reader of the body
//! of a response: whole, decompressed, and no longer than the limit.

use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use kinde_users_core::{ContentCoding, Delivery};
use tokio::time::Sleep;

use crate::error::{ErrorKind, HyperError};

/// The body of a request, and whether it may still be withdrawn. hyper cannot write the first line
/// of a request before it looks at the body: the headers depend on whether a body follows. While
/// the request waits for a connection, hyper does not look at it.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Bytes,
    state: AtomicU8,
}

const WAITING: u8 = 0;
const WANTED: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Message {
    /// Creates a message. An empty body counts as none, so that GET and DELETE go out without
    /// `Content-Length`.
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes: bytes.into(), state: AtomicU8::new(WAITING) })
    }

    /// Withdraws the message, so that it can no longer be sent as a whole. Returns `false` if hyper
    /// has already looked at it.
    pub(crate) fn withdraw(&self) -> bool {
        self.leave(WITHDRAWN) == WITHDRAWN
    }

    /// Changes the state from `WAITING` to `state`, and returns the state afterwards.
    fn leave(&self, state: u8) -> u8 {
        let left = self.state.compare_exchange(WAITING, state, Ordering::Relaxed, Ordering::Relaxed);
        left.map_or_else(|other| other, |_| state)
    }
}

/// A message for hyper. It is small, because hyper moves a request, including its body, a dozen
/// times.
#[derive(Debug)]
pub(crate) struct RequestBody {
    message: Arc<Message>,
    is_taken: bool,
}

impl RequestBody {
    pub(crate) fn new(message: Arc<Message>) -> Self {
        Self { message, is_taken: false }
    }

    /// Returns the bytes that are not taken yet.
    fn bytes(&self) -> Result<&[u8], HyperError> {
        match self.message.leave(WANTED) {
            // The time limit passed before hyper looked at the body.
            WITHDRAWN => Err(HyperError::plain(ErrorKind::Timeout, Delivery::NotSent)),
            _ if self.is_taken => Ok(&[]),
            _ => Ok(&self.message.bytes),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HyperError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HyperError>>> {
        let is_left = self.bytes().map(|bytes| !bytes.is_empty());
        self.is_taken = true;
        let frame = || Frame::data(self.message.bytes.clone());
        Poll::Ready(is_left.map(|is_left| is_left.then(frame)).transpose())
    }

    /// Returns `false` for a withdrawn message: it seems to have a body of any length, so that what
    /// goes out never counts as a whole request.
    fn is_end_stream(&self) -> bool {
        self.bytes().is_ok_and(<[u8]>::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        // No body is longer than `u64::MAX` bytes.
        let exact = |bytes: &[u8]| SizeHint::with_exact(bytes.len().try_into().unwrap_or(u64::MAX));
        self.bytes().map_or_else(|_| SizeHint::new(), exact)
    }
}

/// Reads the body of a response until `over` completes. An error has the head of the response.
///
/// This is not an `async fn`, because its future would hold the response twice: whole and in parts.
pub(crate) fn read(
    response: Response<Incoming>,
    limit: u64,
    over: Pin<&mut Sleep>,
) -> impl Future<Output = Result<Response<Vec<u8>>, HyperError>> + Send {
    let (mut head, mut incoming) = response.into_parts();
    async move {
        let is_http_2 = head.version == Version::HTTP_2;
        let body = until(over, pin!(collect(&mut head.headers, &mut incoming, limit, is_http_2))).await;
        match body.unwrap_or_else(|| Err(of_response(ErrorKind::Timeout))) {
            Ok(bytes) => Ok(Response::from_parts(head, bytes)),
            Err(error) => Err(error.with_head(head)),
        }
    }
}

/// Returns the output of `future`, or `None` if `over` completes first.
pub(crate) fn until<F: Future>(
    mut over: Pin<&mut Sleep>,
    mut future: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    poll_fn(move |cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => over.as_mut().poll(cx).map(|()| None),
    })
}

async fn collect(
    headers: &mut HeaderMap,
    incoming: &mut Incoming,
    limit: u64,
    is_http_2: bool,
) -> Result<Vec<u8>, HyperError> {
    let told = incoming.size_hint().lower();
    let mut body = match ContentCoding::of(headers) {
        ContentCoding::Identity if told > limit => {
            return Err(of_response(ErrorKind::BodyTooLong(limit)));
        }
        ContentCoding::Identity => Sink::Plain(Capped::new(told, limit)),
        ContentCoding::Gzip => Sink::Gzip(Box::new(MultiGzDecoder::new(Capped::new(0, limit)))),
        ContentCoding::Other => Sink::Unreadable,
    };
    let mut is_empty = true;
    while let Some(frame) = incoming.frame().await {
        // A frame without data holds trailers, which are not used.
        let Ok(data) = frame?.into_data() else { continue };
        if !data.is_empty() {
            is_empty = false;
            body.write(&data)?;
        }
    }
    // A server may reset a stream without an error, which hyper reports as the end of the body. The
    // body is whole only if the server ended it or all of the announced bytes arrived.
    if is_http_2 && !incoming.is_end_stream() && incoming.size_hint().exact() != Some(0) {
        return Err(of_response(ErrorKind::Closed));
    }
    match body {
        Sink::Plain(body) => Ok(body.bytes),
        Sink::Gzip(decoder) if !is_empty => {
            let bytes = decoder.finish().map_err(failed)?.bytes;
            // These headers described the body before decompression.
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            Ok(bytes)
        }
        // A response without a byte, such as a 204, has an empty body whatever its encoding is
        // called.
        Sink::Gzip(_) | Sink::Unreadable => Ok(Vec::new()),
    }
}

fn of_response(kind: ErrorKind) -> HyperError {
    HyperError::plain(kind, Delivery::Unknown)
}

enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
    Unreadable,
}

impl Sink {
    fn write(&mut self, data: &[u8]) -> Result<(), HyperError> {
        match self {
            Self::Plain(body) => body.write_all(data).map_err(failed),
            Self::Gzip(decoder) => decoder.write_all(data).map_err(failed),
            // Returning the bytes as they came would pass encoded data off as plain data.
            Self::Unreadable => Err(of_response(ErrorKind::Protocol)),
        }
    }
}

/// Returns the error of the buffer, or an error of the decoder.
fn failed(error: io::Error) -> HyperError {
    error.downcast().unwrap_or_else(|_| of_response(ErrorKind::Protocol))
}

/// A buffer that fails once it would pass its limit. Its errors hold a [`HyperError`].
struct Capped {
    bytes: Vec<u8>,
    limit: u64,
}

impl Capped {
    /// The most bytes that are reserved before any arrive, whatever the limit is. Otherwise a
    /// header could decide how much memory is reserved.
    const ROOM: usize = 1024 * 1024;

    /// Creates a buffer with room for a body of the announced length.
    fn new(told: u64, limit: u64) -> Self {
        let room = usize::try_from(told).map_or(Self::ROOM, |told| told.min(Self::ROOM));
        Self { bytes: Vec::with_capacity(room), limit }
    }
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len().saturating_add(data.len());
        if u64::try_from(length).map_or(true, |length| length > self.limit) {
            return Err(io::Error::other(of_response(ErrorKind::BodyTooLong(self.limit))));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn poll(body: &mut RequestBody) -> Poll<Option<Result<Vec<u8>, HyperError>>> {
        let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.into_data().unwrap().to_vec())))
    }

    #[test]
    fn at_most_a_mebibyte_is_reserved_before_bytes_come() {
        for (told, room) in
            [(0, 0), (1000, 1000), (1 << 20, 1 << 20), (1 << 34, 1 << 20), (u64::MAX, 1 << 20)]
        {
            assert_eq!(Capped::new(told, u64::MAX).bytes.capacity(), room, "{told}");
        }
    }

    #[test]
    fn message_cannot_be_withdrawn_after_a_look() {
        let looks: [fn(&mut RequestBody); 3] = [
            |body| assert!(!body.is_end_stream()),
            |body| assert_eq!(body.size_hint().exact(), Some(2)),
            |body| assert!(matches!(poll(body), Poll::Ready(Some(Ok(bytes))) if bytes == b"{}")),
        ];
        for look in looks {
            let message = Message::new(b"{}".to_vec());
            let mut body = RequestBody::new(Arc::clone(&message));
            look(&mut body);
            assert!(!message.withdraw());
            assert!(body.is_end_stream() || matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
            assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
            assert!(matches!(poll(&mut body), Poll::Ready(None)));
        }
    }

    #[test]
    fn withdrawn_message_cannot_be_sent() {
        for bytes in [&b"{}"[..], b""] {
            let message = Message::new(bytes.to_vec());
            let mut body = RequestBody::new(Arc::clone(&message));
            assert!(message.withdraw() && message.withdraw());
            assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
            for _ in 0..2 {
                assert!(
                    matches!(poll(&mut body), Poll::Ready(Some(Err(error))) if error.delivery() == Delivery::NotSent)
                );
            }
        }
    }
}
