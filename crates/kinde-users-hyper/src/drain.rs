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
/// that it did not process. h2 gives up a connection as soon as a write fails, and never reads
/// that. So a write that finds the connection closed stays pending, and the read side then reaches
/// the end or an error. If the connection is no longer read, the write fails: otherwise the task of
/// the connection would wait for ever and keep the socket.
#[derive(Debug)]
pub(crate) struct Drained<T> {
    pub(crate) inner: T,
    /// How a write found the connection closed.
    closed: Option<io::ErrorKind>,
    /// The writes since the last read of a closed connection.
    writes: u8,
}

/// The number of writes to a closed connection, with no read in between, that stay pending. h2
/// writes several times before it reads.
const MOST_WRITES: u8 = 16;

impl<T> Drained<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, closed: None, writes: 0 }
    }
}

impl<T: Unpin> Drained<T> {
    fn writing<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        if let Some(kind) = self.closed {
            self.writes = self.writes.saturating_add(1);
            if self.writes > MOST_WRITES {
                return Poll::Ready(Err(kind.into()));
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.inner), cx) {
            Poll::Ready(Err(error))
                if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) =>
            {
                self.closed = Some(error.kind());
                // The last read may have come too early to see the end, so the task is woken to
                // read again.
                cx.waker().wake_by_ref();
                Poll::Pending
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
        self.writes = 0;
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Drained<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writing(cx, |inner, cx| inner.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing(cx, T::poll_flush)
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
        self.writing(cx, |inner, cx| inner.poll_write_vectored(cx, slices))
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
        |io, cx| io.poll_flush(cx).map_ok(|()| 0),
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
                    assert!(write(Pin::new(&mut io), &mut cx).is_pending(), "{kind}");
                }
                assert_eq!(woken.0.load(Ordering::Relaxed), before + 2, "{kind}");
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
    fn closed_connection_that_is_not_read_fails_its_writes() {
        // A read starts the count again.
        for is_read in [false, true] {
            let mut io = Drained::new(Broken(io::ErrorKind::BrokenPipe, None));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut pending = 0;
            while io.writing(&mut cx, |inner, cx| inner.poll_write(cx, b"x")).is_pending() {
                pending += 1;
                if is_read && pending == 10 {
                    let mut room = [0; 16];
                    let mut buffer = ReadBuf::new(&mut room);
                    assert!(Pin::new(&mut io).poll_read(&mut cx, buffer.unfilled()).is_ready());
                }
                assert!(pending < 100);
            }
            assert_eq!(pending, usize::from(MOST_WRITES) + if is_read { 10 } else { 1 });
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
