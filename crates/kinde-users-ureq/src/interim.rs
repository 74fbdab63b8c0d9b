//! Reading past interim responses: ureq takes a `100 Continue` that has headers for a broken
//! response.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// A connection on which interim responses (1xx, but not 101, which is the last over HTTP) are
/// dropped before ureq sees them.
#[derive(Debug)]
pub(crate) struct WithoutInterim {
    transport: Box<dyn Transport>,
    /// Something was sent, and the final response to it has not begun.
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

    fn maybe_await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.drop_interim();
        if self.buffers().can_use_input() { Ok(true) } else { self.await_input(timeout) }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let has_progress = self.transport.await_input(timeout)?;
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

/// The length of the interim response that the input begins with: 0 while its end is missing, and
/// none for anything else.
fn interim(input: &[u8]) -> Option<usize> {
    let is_like = |(byte, like): (&u8, &u8)| *like == b'?' || byte == like;
    if !input.iter().zip(b"HTTP/1.? 1").all(is_like) || input.get(9..12) == Some(b"101") {
        return None;
    }
    // An empty line ends it.
    let end_of = |end: &[u8]| Some(input.windows(end.len()).position(|bytes| bytes == end)? + end.len());
    let ends = [b"\n\r\n".as_slice(), b"\n\n"].into_iter().filter_map(end_of);
    Some(ends.min().filter(|_| input.len() >= 12).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_response_is_told_from_a_final_one() {
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
