//! How a reply travels: late, in chunks, compressed, or broken off.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::fake_kinde::Flight;
use crate::fault::FakeError;

/// The number of bytes in each chunk of a chunked body.
const CHUNK: usize = 4096;

/// The body of a reply while it is sent.
pub(super) struct ReplyBody {
    left: Bytes,
    /// The length that the head announces, unless the body is sent in chunks.
    size: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
    breaks_off: bool,
    /// Whether the half of a body that breaks off was sent, which must happen before the break.
    has_left: bool,
    /// The request is in flight until the last byte is sent.
    _landing: Option<Landing>,
}

impl ReplyBody {
    pub(super) fn new(body: Vec<u8>, landing: Option<Landing>) -> Self {
        let left = Bytes::from(body);
        Self {
            size: Some(left.len() as u64),
            left,
            pause: None,
            breaks_off: false,
            has_left: false,
            _landing: landing,
        }
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.pause = (!delay.is_zero()).then(|| Box::pin(tokio::time::sleep(delay)));
        self
    }

    pub(super) fn chunked(mut self) -> Self {
        self.size = None;
        self
    }

    /// Sends half of the announced body and then ends the connection.
    pub(super) fn broken_off(mut self) -> Self {
        self.breaks_off = true;
        self.left.truncate(self.left.len() / 2);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = FakeError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FakeError>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.left.is_empty() {
            if self.breaks_off && !core::mem::replace(&mut self.has_left, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let breaks_off = core::mem::take(&mut self.breaks_off);
            return Poll::Ready(breaks_off.then_some(Err(FakeError::ConnectionLost)));
        }
        let part = if self.size.is_some() { self.left.len() } else { self.left.len().min(CHUNK) };
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.pause.is_none() && !self.breaks_off
    }

    fn size_hint(&self) -> SizeHint {
        self.size.map(SizeHint::with_exact).unwrap_or_default()
    }
}

pub(super) fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// A socket that can be reset. The other end then sees a broken connection instead of an orderly
/// end.
pub(super) struct Socket {
    inner: TcpStream,
    line: Line,
}

/// What a socket and the request that came over it know of each other.
#[derive(Clone, Default)]
pub(super) struct Line(Arc<(AtomicBool, Mutex<Option<Flight>>)>);

impl Line {
    pub(super) fn reset_when_closed(&self) {
        self.0.0.store(true, Ordering::Relaxed);
    }

    fn is_reset(&self) -> bool {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Keeps the request in flight until its reply is sent, or the client ends its side, because
    /// then it may have left.
    pub(super) fn keep(&self, flight: Flight) -> Landing {
        self.set(Some(flight));
        Landing(self.clone())
    }

    fn set(&self, flight: Option<Flight>) {
        *self.0.1.lock().unwrap_or_else(PoisonError::into_inner) = flight;
    }
}

/// Ends the flight when it is dropped.
pub(super) struct Landing(Line);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl Socket {
    pub(super) fn new(inner: TcpStream) -> (Self, Line) {
        let line = Line::default();
        (Self { inner, line: line.clone() }, line)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.is_reset() {
            // If this fails, the connection ends anyway.
            self.inner.set_zero_linger().unwrap_or_default();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper reads nothing while it has a whole request, so it does not notice that the client
        // ended its side. TLS has a message for this.
        if self.inner.poll_peek(cx, &mut ReadBuf::new(&mut [0])).is_ready() {
            self.line.set(None);
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.is_reset() {
            // Otherwise an orderly end would be sent first.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
