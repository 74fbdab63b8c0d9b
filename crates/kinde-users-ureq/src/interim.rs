//! Corrects two errors in how ureq reads a connection.
//!
//! ureq treats a `100 Continue` with headers as a broken response, so this module drops interim
//! responses. ureq also treats a reset as the end of a body without a length, so this module wraps
//! the error in one of another kind.

use std::io;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// A connection that drops interim responses before ureq sees them. These are the statuses 1xx
/// except 101, which is the last response over HTTP. Errors within a response are wrapped in an
/// error of the kind [`Other`](io::ErrorKind::Other).
#[derive(Debug)]
pub(crate) struct WithoutInterim {
    transport: Box<dyn Transport>,
    /// Whether a request was sent and its final response has not begun.
    awaits_head: bool,
}

impl WithoutInterim {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport, awaits_head: false }
    }

    fn drop_interim(&mut self) {
        while self.awaits_head {
            let buffers = self.transport.buffers();
            match interim(buffers.input()) {
                Some(0) => return,
                Some(length) => buffers.input_consume(length),
                None => self.awaits_head = false,
            }
        }
    }
}

impl Transport for WithoutInterim {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.awaits_head = true;
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let has_progress = match self.transport.await_input(timeout) {
            // ureq treats some kinds of error, such as a reset, as the end of a body without a
            // length.
            Err(Error::Io(error)) if !self.awaits_head => return Err(Error::Io(io::Error::other(error))),
            result => result?,
        };
        self.drop_interim();
        Ok(has_progress)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

/// Returns the length of the interim response at the start of the input, including empty lines
/// before it. Returns 0 while its end is missing, and `None` if the input begins with anything
/// else.
fn interim(input: &[u8]) -> Option<usize> {
    let start = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let response = input.get(start..)?;
    let is_like = |(byte, like): (&u8, &u8)| *like == b'?' || byte == like;
    if !response.iter().zip(b"HTTP/1.? 1").all(is_like) || response.get(9..12) == Some(b"101") {
        return None;
    }
    // An empty line ends the response. The search stops there, because many more may follow.
    let end = |at: usize| {
        let ends = [b"\n\r\n".as_slice(), b"\n\n"];
        let found = ends.into_iter().find(|end| response.get(at..).is_some_and(|rest| rest.starts_with(end)));
        found.map(|end| start + at + end.len())
    };
    Some((0..response.len()).find_map(end).unwrap_or(0))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{ErrorKind, UreqError};
    use ureq::unversioned::transport::LazyBuffers;

    /// A connection that receives these pieces one at a time and is open after the last one.
    #[derive(Debug)]
    struct Pieces(LazyBuffers, Vec<&'static str>);

    impl Transport for Pieces {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            let piece = self.1.remove(0).as_bytes();
            self.0.input_append_buf()[..piece.len()].copy_from_slice(piece);
            self.0.input_appended(piece.len());
            Ok(true)
        }

        fn is_open(&mut self) -> bool {
            self.1.is_empty()
        }

        fn is_tls(&self) -> bool {
            true
        }
    }

    #[test]
    fn body_that_looks_like_an_interim_response_is_kept() {
        let interim = "HTTP/1.1 100 Continue\r\nx: y\r\n\r\n";
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        let pieces = Pieces(LazyBuffers::new(1024, 1024), vec![interim, head, interim, interim]);
        let mut transport = WithoutInterim::new(pieces.boxed());
        let limit = NextTimeout::default();
        let mut receive = |is_sent| {
            if is_sent {
                transport.transmit_output(0, limit).unwrap();
            }
            assert!(transport.is_tls() && !transport.is_open());
            assert!(transport.await_input(limit).unwrap());
            let input = transport.buffers().input().to_vec();
            transport.buffers().input_consume(input.len());
            String::from_utf8(input).unwrap()
        };
        assert_eq!(receive(true), "");
        assert_eq!(receive(false), head);
        assert_eq!(receive(false), interim);
        transport.await_input(limit).unwrap();
        assert!(transport.is_open());
    }

    /// A connection on which every read fails with an error of this kind.
    #[derive(Debug)]
    struct Broken(LazyBuffers, io::ErrorKind);

    impl Transport for Broken {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
            Ok(())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
            Err(Error::Io(io::Error::new(self.1, "cut off")))
        }

        fn is_open(&mut self) -> bool {
            false
        }
    }

    #[test]
    fn error_within_a_response_is_not_read_as_its_end() {
        use io::ErrorKind::*;
        for kind in [ConnectionReset, ConnectionAborted, UnexpectedEof, BrokenPipe] {
            let mut transport = WithoutInterim::new(Broken(LazyBuffers::new(64, 64), kind).boxed());
            assert!(!transport.is_tls());
            let limit = NextTimeout::default();
            let Err(Error::Io(within)) = transport.await_input(limit) else { panic!("{kind}") };
            let is_end = matches!(within.kind(), ConnectionReset | ConnectionAborted | UnexpectedEof);
            assert!(!is_end && within.to_string() == "cut off", "{within:?}");
            assert_eq!(UreqError::from(Error::Io(within)).kind(), ErrorKind::Io(kind));
            // Before the response begins, the error is not wrapped.
            transport.transmit_output(0, limit).unwrap();
            let Err(Error::Io(before)) = transport.await_input(limit) else { panic!("{kind}") };
            assert_eq!(before.kind(), kind);
        }
    }

    #[test]
    fn interim_response_is_distinguished_from_final() {
        for (input, expected) in [
            ("", Some(0)),
            ("HTTP/1.1 1", Some(0)),
            ("HTTP/1.1 10", Some(0)),
            ("HTTP/1.1 100 Continue\r\n", Some(0)),
            ("HTTP/1.1 100 Continue\r\n\r", Some(0)),
            ("HTTP/1.1 100 Continue\r\n\r\n", Some(25)),
            ("HTTP/1.1 100\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Some(16)),
            ("HTTP/1.0 100\r\nx: y\r\n\r\nHTTP", Some(22)),
            ("HTTP/1.1 103\nx: y\n\nHTTP/1.1 200 OK\r\n\r\n", Some(19)),
            ("HTTP/1.1 100 \n\r\r\n\r\n", Some(19)),
            // Empty lines before a response are skipped.
            ("\r\n", Some(0)),
            ("\r\nHTTP/1.1 1", Some(0)),
            ("\r\n\nHTTP/1.1 100\r\nx: y\r\n\r\nHTTP", Some(25)),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", None),
            ("\r\nHTTP/1.1 101 Switching\r\n\r\n", None),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", None),
            ("HTTP/1.1 101", None),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("HTTP/1.1 2", None),
            ("HTTP/2", None),
            ("\u{16}\u{3}", None),
        ] {
            assert_eq!(interim(input.as_bytes()), expected, "{input:?}");
        }
    }
}
