//! The body of a request, which notes when it is wanted; and reading the body of a response: whole, decompressed, and no
//! longer than allowed.

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

/// The body of a request, and whether it may still be taken back. Nobody can write the first line of a request before looking
/// at its body: which headers it has depends on whether one follows. While it waits for a connection nobody needs to look.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Bytes,
    state: AtomicU8,
}

const WAITING: u8 = 0;
const WANTED: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Message {
    /// One that is empty counts as none, so that GET and DELETE go without `Content-Length`.
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes: bytes.into(), state: AtomicU8::new(WAITING) })
    }

    /// Takes it back, so that nobody can send it as a whole from here on; `false` where somebody has looked at it.
    pub(crate) fn withdraw(&self) -> bool {
        self.leave(WITHDRAWN) == WITHDRAWN
    }

    /// Leaves the first state for this one, unless it is left. Gives the one that it is in.
    fn leave(&self, state: u8) -> u8 {
        let left = self.state.compare_exchange(WAITING, state, Ordering::Relaxed, Ordering::Relaxed);
        left.map_or_else(|other| other, |_| state)
    }
}

/// A message for hyper, which moves a request a dozen times, its body along with it: so this is small.
#[derive(Debug)]
pub(crate) struct RequestBody {
    message: Arc<Message>,
    is_taken: bool,
}

impl RequestBody {
    pub(crate) fn new(message: Arc<Message>) -> Self {
        Self { message, is_taken: false }
    }

    /// What is still to be taken.
    fn bytes(&self) -> Result<&[u8], Withdrawn> {
        match self.message.leave(WANTED) {
            WITHDRAWN => Err(Withdrawn),
            _ if self.is_taken => Ok(&[]),
            _ => Ok(&self.message.bytes),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Withdrawn;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Withdrawn>>> {
        let is_left = self.bytes().map(|bytes| !bytes.is_empty());
        self.is_taken = true;
        let frame = || Frame::data(self.message.bytes.clone());
        Poll::Ready(is_left.map(|is_left| is_left.then(frame)).transpose())
    }

    /// What was withdrawn seems to have a body of any length, so that nobody takes what comes of it for a whole request.
    fn is_end_stream(&self) -> bool {
        self.bytes().is_ok_and(<[u8]>::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        // There is nothing of more than `u64::MAX` bytes.
        let exact = |bytes: &[u8]| SizeHint::with_exact(bytes.len().try_into().unwrap_or(u64::MAX));
        self.bytes().map_or_else(|_| SizeHint::new(), exact)
    }
}

/// The time was over before anybody had looked at the request.
#[derive(Debug)]
pub(crate) struct Withdrawn;

impl std::fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request was withdrawn")
    }
}

impl std::error::Error for Withdrawn {}

/// Reads the body of a response, until `over` is over. An error has the head of the response.
///
/// No `async fn`, whose future would hold the response twice: as it came, and in parts.
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

/// What `future` comes to, or `None` where `over` is over first.
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
        // What is not data is trailers, which nobody reads.
        let Ok(data) = frame?.into_data() else { continue };
        if !data.is_empty() {
            is_empty = false;
            body.write(&data)?;
        }
    }
    // A server may take back a stream without an error, and hyper calls that the end of the body. It is
    // one where the server said so, or where all came that it had announced.
    if is_http_2 && !incoming.is_end_stream() && incoming.size_hint().exact() != Some(0) {
        return Err(of_response(ErrorKind::Closed));
    }
    match body {
        Sink::Plain(body) => Ok(body.bytes),
        Sink::Gzip(decoder) if !is_empty => {
            let bytes = decoder.finish().map_err(|error| failed(&error))?.bytes;
            // They were about the body as it came.
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            Ok(bytes)
        }
        // No byte at all is no body: of a 204, say.
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
            Self::Plain(body) => body.write_all(data).map_err(|error| failed(&error)),
            Self::Gzip(decoder) => decoder.write_all(data).map_err(|error| failed(&error)),
            // To hand it on as it is would be to call it plain.
            Self::Unreadable => Err(of_response(ErrorKind::Protocol)),
        }
    }
}

/// What went wrong between one buffer and another: the limit, or else the decompression.
fn failed(error: &io::Error) -> HyperError {
    let too_long = error.get_ref().and_then(|error| error.downcast_ref());
    of_response(match too_long {
        Some(TooLong(limit)) => ErrorKind::BodyTooLong(*limit),
        None => ErrorKind::Protocol,
    })
}

/// Bytes, up to a limit.
struct Capped {
    bytes: Vec<u8>,
    limit: u64,
}

impl Capped {
    /// The most room that is taken before bytes come, whatever the limit is: a header must not decide
    /// how much that is.
    const ROOM: usize = 1024 * 1024;

    /// With room for a body that is said to be that long.
    fn new(told: u64, limit: u64) -> Self {
        let room = usize::try_from(told).map_or(Self::ROOM, |told| told.min(Self::ROOM));
        Self { bytes: Vec::with_capacity(room), limit }
    }
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len().saturating_add(data.len());
        if u64::try_from(length).map_or(true, |length| length > self.limit) {
            return Err(io::Error::other(TooLong(self.limit)));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct TooLong(u64);

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {} bytes", self.0)
    }
}

impl std::error::Error for TooLong {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn poll(body: &mut RequestBody) -> Poll<Option<Result<Vec<u8>, Withdrawn>>> {
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
    fn what_somebody_has_looked_at_cannot_be_taken_back() {
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
    fn what_was_taken_back_in_time_can_be_sent_by_nobody() {
        for bytes in [&b"{}"[..], b""] {
            let message = Message::new(bytes.to_vec());
            let mut body = RequestBody::new(Arc::clone(&message));
            assert!(message.withdraw() && message.withdraw());
            assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
            for _ in 0..2 {
                assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(Withdrawn)))));
            }
        }
    }
}
