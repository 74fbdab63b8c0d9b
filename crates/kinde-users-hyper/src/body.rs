//! The body of a request, which notes when it is wanted; and reading the body of a response: whole, decompressed, and no
//! longer than allowed.

use std::convert::Infallible;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use crate::error::{HyperError, Kind};

/// The body of a request, and whether anybody has looked at it. Nobody can write the first line of a request before: which
/// headers it has depends on whether a body follows. While it waits for a connection nobody needs to look.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Bytes,
    is_wanted: AtomicBool,
}

impl Message {
    /// One that is empty counts as none, so that GET and DELETE go without `Content-Length`.
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { bytes: bytes.into(), is_wanted: AtomicBool::new(false) })
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
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
    fn bytes(&self) -> &[u8] {
        self.message.is_wanted.store(true, Ordering::Relaxed);
        if self.is_taken { &[] } else { &self.message.bytes }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = (!self.is_end_stream()).then(|| Ok(Frame::data(self.message.bytes.clone())));
        self.is_taken = true;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // There is nothing of more than `u64::MAX` bytes.
        SizeHint::with_exact(self.bytes().len().try_into().unwrap_or(u64::MAX))
    }
}

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
