//! The body of a request, which notes when it is wanted; and reading the body of a response: whole, decompressed, and no
//! longer than allowed.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use crate::error::{HyperError, Kind};

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

/// No `async fn`, whose future would hold the response twice: as it came, and in parts.
pub(crate) fn read(
    response: Response<Incoming>,
    limit: u64,
) -> impl Future<Output = Result<Response<Vec<u8>>, HyperError>> + Send {
    let (mut head, mut incoming) = response.into_parts();
    async move {
        let told = incoming.size_hint().lower();
        let mut body = match encoding(&head.headers) {
            Some(Encoding::Plain) if told > limit => {
                return Err(HyperError::of_response(Kind::BodyTooLong(limit)));
            }
            Some(Encoding::Plain) => Sink::Plain(Capped::new(told, limit)),
            Some(Encoding::Gzip) => Sink::Gzip(Box::new(MultiGzDecoder::new(Capped::new(0, limit)))),
            None => Sink::Unreadable,
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
        let bytes = match body {
            Sink::Plain(body) => body.bytes,
            Sink::Gzip(decoder) if !is_empty => {
                // They were about the body as it came.
                head.headers.remove(CONTENT_ENCODING);
                head.headers.remove(CONTENT_LENGTH);
                decoder.finish().map_err(|error| failed(&error))?.bytes
            }
            // No byte at all is no body: of a 204, say.
            Sink::Gzip(_) | Sink::Unreadable => Vec::new(),
        };
        Ok(Response::from_parts(head, bytes))
    }
}

enum Encoding {
    Plain,
    Gzip,
}

/// How the body is encoded; `None` for what was not asked for.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    match (encodings.next(), encodings.next()) {
        (None, _) => Some(Encoding::Plain),
        (Some(encoding), None) if encoding.eq_ignore_ascii_case(b"identity") => Some(Encoding::Plain),
        (Some(encoding), None) if encoding.eq_ignore_ascii_case(b"gzip") => Some(Encoding::Gzip),
        _ => None,
    }
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
            Self::Unreadable => Err(HyperError::of_response(Kind::Protocol)),
        }
    }
}

/// What went wrong between one buffer and another: the limit, or else the decompression.
fn failed(error: &io::Error) -> HyperError {
    let too_long = error.get_ref().and_then(|error| error.downcast_ref());
    HyperError::of_response(match too_long {
        Some(TooLong(limit)) => Kind::BodyTooLong(*limit),
        None => Kind::Protocol,
    })
}

/// Bytes, up to a limit.
struct Capped {
    bytes: Vec<u8>,
    limit: u64,
}

impl Capped {
    /// With room for a body that is said to be that long, which is not above the limit.
    fn new(told: u64, limit: u64) -> Self {
        Self { bytes: Vec::with_capacity(usize::try_from(told).unwrap_or_default()), limit }
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
