//! A connection that is read to its end even if it can no longer be written to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// A connection that reports its end only when it is read.
///
/// If a server closes a connection without having read everything, the next write fails. What the
/// server sent before still waits to be read: a response, or the GOAWAY that names the requests
/// that it did not process. h2 gives up a connection as soon as a write fails, and does not read
/// while a write is pending. So a write that finds the connection closed counts as done, as if the
/// bytes were lost on the way. The read side then reaches the end or an error.
#[derive(Debug)]
pub(crate) struct Drained<T> {
    pub(crate) inner: T,
    is_closed: bool,
}

impl<T> Drained<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, is_closed: false }
    }
}

impl<T: Unpin> Drained<T> {
    /// Writes, and returns `all` if the connection is closed.
    fn writing<R>(
        &mut self,
        cx: &mut Context<'_>,
        all: R,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        if self.is_closed {
            return Poll::Ready(Ok(all));
        }
        match write(Pin::new(&mut self.inner), cx) {
            Poll::Ready(Err(error))
                if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) =>
            {
                self.is_closed = true;
                // The last read may have come too early to see the end, so the task is woken to
                // read again.
                cx.waker().wake_by_ref();
                Poll::Ready(Ok(all))
            }
            written => written,
        }
    }
}

impl<T: Read + Unpin> Read for Drained<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Drained<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writing(cx, bytes.len(), |inner, cx| inner.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing(cx, (), T::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        self.writing(cx, all, |inner, cx| inner.poll_write_vectored(cx, slices))
    }
}

impl<T: Connection> Connection for Drained<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use hyper::rt::ReadBuf;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection that has one thing to read and whose writes fail.
    struct Broken(io::ErrorKind, Option<&'static [u8]>);

    impl Read for Broken {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut buffer: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            buffer.put_slice(self.1.take().unwrap_or_default());
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Broken {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(self.0.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(self.0.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    type Writes = fn(Pin<&mut Drained<Broken>>, &mut Context<'_>) -> Poll<io::Result<usize>>;
    const WRITES: [Writes; 3] = [
        |io, cx| io.poll_write(cx, b"x"),
        |io, cx| io.poll_write_vectored(cx, &[io::IoSlice::new(b"x")]),
        |io, cx| io.poll_flush(cx).map_ok(|()| 1),
    ];

    #[test]
    fn data_before_a_failed_write_is_read() {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        let woken = Arc::new(Count::default());
        for kind in [BrokenPipe, ConnectionAborted, ConnectionReset] {
            for write in WRITES {
                let waker = woken.clone().into();
                let mut cx = Context::from_waker(&waker);
                let before = woken.0.load(Ordering::Relaxed);
                let mut io = Drained::new(Broken(kind, Some(b"GOAWAY")));
                for _ in 0..2 {
                    let written = write(Pin::new(&mut io), &mut cx);
                    assert!(matches!(written, Poll::Ready(Ok(1))), "{kind}: {written:?}");
                }
                assert_eq!(woken.0.load(Ordering::Relaxed), before + 1, "{kind}");
                for expected in [&b"GOAWAY"[..], b""] {
                    let mut room = [0; 16];
                    let mut buffer = ReadBuf::new(&mut room);
                    assert!(Pin::new(&mut io).poll_read(&mut cx, buffer.unfilled()).is_ready());
                    assert_eq!(buffer.filled(), expected, "{kind}");
                }
                assert!(Pin::new(&mut io).poll_shutdown(&mut cx).is_ready());
            }
        }
    }

    #[test]
    fn other_failures_of_a_write_are_errors_at_once() {
        for write in WRITES {
            let mut io = Drained::new(Broken(io::ErrorKind::InvalidData, None));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(Err(error)) = write(Pin::new(&mut io), &mut cx) else { panic!("no error") };
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
