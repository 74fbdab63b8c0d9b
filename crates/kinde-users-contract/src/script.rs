//! What a server of the check does on its connections.

use core::time::Duration;

use http::{Request, Response, StatusCode, header};

/// What a server does on its connections.
pub(crate) enum Script {
    /// The server reads each request and answers it. The handler gets the number of the request,
    /// counted over all connections from 1.
    Answers(Handler),
    /// The server waits until the head of a request is whole, sends these bytes and closes the
    /// connection. The request is left unread, which turns the close into a reset.
    Reset(Vec<u8>),
    /// The server waits until the head of a request is whole, and reads nothing more.
    Deaf,
    /// The server reads the start of a TLS handshake and does this. It answers requests that come
    /// without TLS.
    Raw(Then),
}

pub(crate) type Handler = Box<dyn Fn(usize, &Request<Vec<u8>>) -> Answer + Send + Sync>;

impl Script {
    pub(crate) fn answers(
        answer: impl Fn(usize, &Request<Vec<u8>>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::Answers(Box::new(answer))
    }
}

impl core::fmt::Debug for Script {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Answers(_) => f.write_str("Answers"),
            Self::Reset(_) => f.write_str("Reset"),
            Self::Deaf => f.write_str("Deaf"),
            Self::Raw(then) => f.debug_tuple("Raw").field(then).finish(),
        }
    }
}

/// Some bytes, and what happens to the connection after them.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) pace: Pace,
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

/// When the bytes of an answer are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    AtOnce,
    /// All bytes are sent after this time.
    After(Duration),
    /// This many bytes are sent at once, and the rest when `Server::release` is called.
    HeldBack(usize),
    /// The bytes are sent one by one.
    ByteByByte,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// The server reads the next request.
    Keep,
    /// The server closes the connection.
    Close,
    /// The server stays silent until the client closes the connection.
    Hold,
    /// The server sends these bytes repeatedly until the client closes the connection.
    Drip(&'static [u8]),
}

impl Answer {
    /// Creates a response with its length in a header.
    pub(crate) fn of(response: &Response<Vec<u8>>) -> Self {
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
        let length = format!("content-length: {}\r\n", response.body().len());
        let mut bytes = head(response, if bodiless { "" } else { &length });
        bytes.extend_from_slice(response.body());
        Self::bytes(bytes, Then::Keep)
    }

    /// Creates a response in chunks of at most this many bytes.
    pub(crate) fn chunked(response: &Response<Vec<u8>>, size: usize) -> Self {
        let mut bytes = head(response, "transfer-encoding: chunked\r\n");
        for chunk in response.body().chunks(size.max(1)) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        Self::bytes(bytes, Then::Keep)
    }

    /// Creates a response that ends with the connection.
    pub(crate) fn until_close(response: &Response<Vec<u8>>) -> Self {
        let mut bytes = head(response, "connection: close\r\n");
        bytes.extend_from_slice(response.body());
        Self::bytes(bytes, Then::Close)
    }

    /// Creates the head of a response that announces this many bytes, with the shorter body of
    /// `response`.
    pub(crate) fn short(response: &Response<Vec<u8>>, told: usize, then: Then) -> Self {
        let mut bytes = head(response, &format!("content-length: {told}\r\n"));
        bytes.extend_from_slice(response.body());
        Self::bytes(bytes, then)
    }

    /// Creates an answer without any byte.
    pub(crate) fn nothing(then: Then) -> Self {
        Self::bytes(Vec::new(), then)
    }

    pub(crate) fn bytes(bytes: Vec<u8>, then: Then) -> Self {
        Self { pace: Pace::AtOnce, bytes, then }
    }
}

fn head(response: &Response<Vec<u8>>, framing: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    let framing_names = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    for (name, value) in response.headers().iter().filter(|(name, _)| !framing_names.contains(name)) {
        head.extend_from_slice(name.as_ref());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(framing.as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}
