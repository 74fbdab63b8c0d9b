//! An HTTP/1.1 server on the loopback interface, which does what a script says and keeps what it saw.

use core::time::Duration;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

/// A plain HTTP/1.1 server on `127.0.0.1`, for tests. It ends when it is dropped, and its connections with it.
///
/// ```
/// use kinde_users_fake::FakeKinde;
/// use kinde_users_fake::contract::Server;
///
/// let fake = FakeKinde::new();
/// let server = Server::answering(move |request| fake.handle(request).unwrap())?;
/// println!("a tenant at {}", server.origin());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers each request with what `answer` makes of it. Connections are kept open for a
    /// minute.
    ///
    /// # Errors
    ///
    /// If there can be no server on the loopback interface.
    pub fn answering<F>(answer: F) -> io::Result<Self>
    where
        F: Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static,
    {
        let script = Script::answers(move |_, request| Answer::of(&answer(request.clone())));
        Self::start(script, Duration::from_secs(60))
    }

    /// Starts a server whose `answer` may also be to lose the connection.
    ///
    /// # Errors
    ///
    /// If there can be no server on the loopback interface.
    pub fn losing<F>(answer: F) -> io::Result<Self>
    where
        F: Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Lost> + Send + Sync + 'static,
    {
        let script = Script::answers(move |_, request| match answer(request.clone()) {
            Ok(response) => Answer::of(&response),
            Err(Lost::WithoutReply) => Answer::nothing(Then::Close),
            Err(Lost::InTheBody(response)) => {
                Answer::short(&response, response.body().len().saturating_add(1), Then::Close)
            }
        });
        Self::start(script, Duration::from_secs(60))
    }

    pub(crate) fn start(script: Script, patience: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { script, patience, state: Mutex::default(), closed: Condvar::new() });
        let acceptor = thread::Builder::new().spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        })?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens: `http://127.0.0.1:` and a port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns once a connection was closed.
    pub(crate) fn wait_for_close(&self) {
        let state = self.shared.lock();
        let waited =
            self.shared.closed.wait_timeout_while(state, self.shared.patience, |state| state.closed == 0);
        drop(waited);
    }

    /// Ends it, and tells what it saw.
    pub(crate) fn stop(mut self) -> Seen {
        self.end();
        std::mem::take(&mut self.shared.lock().seen)
    }

    fn end(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        for stream in state.streams.drain(..).filter_map(|stream| stream.upgrade()) {
            // A byte that the other end does not read makes its close a reset, which frees the port at once. Else many
            // servers in a row use up the ports. All of it fails where the client was quicker.
            let _ = stream.set_nonblocking(true).and_then(|()| (&*stream).write(b"\n"));
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Nothing but a connection ends the wait for one. Its byte is for the same.
        let wake =
            TcpStream::connect(self.address).and_then(|mut stream| stream.write(b"\n").map(|_| stream));
        if let (Some(acceptor), Ok(_wake)) = (self.acceptor.take(), wake) {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a [`Server`] loses a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Lost {
    /// After the request was read, before a byte of a reply.
    WithoutReply,
    /// After this much of a reply that was announced as longer.
    InTheBody(Box<Response<Vec<u8>>>),
}

/// What a server does on its connections.
pub(crate) enum Script {
    /// Reads each request, and answers the nth of all, from 1.
    Answers(Handler),
    /// Reads a request but for the last byte of its body, and closes the connection: an unread byte makes it a reset.
    Reset,
    /// Reads what comes first, whatever it is, and does this.
    Raw(Then),
}

type Handler = Box<dyn Fn(usize, &Request<Vec<u8>>) -> Answer + Send + Sync>;

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
            Self::Reset => f.write_str("Reset"),
            Self::Raw(then) => f.debug_tuple("Raw").field(then).finish(),
        }
    }
}

/// Some bytes, and what comes of the connection after them.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Reads the next request.
    Keep,
    /// Closes the connection.
    Close,
    /// Says nothing more, until the client closes the connection.
    Hold,
    /// Sends a byte now and then, until the client closes the connection.
    Drip,
}

impl Answer {
    /// A response whose length is told.
    pub(crate) fn of(response: &Response<Vec<u8>>) -> Self {
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status());
        let length = format!("content-length: {}\r\n", response.body().len());
        let mut bytes = head(response, if bodiless { "" } else { &length });
        bytes.extend_from_slice(response.body());
        Self { bytes, then: Then::Keep }
    }

    /// A response in chunks of at most that many bytes.
    pub(crate) fn chunked(response: &Response<Vec<u8>>, size: usize) -> Self {
        let mut bytes = head(response, "transfer-encoding: chunked\r\n");
        for chunk in response.body().chunks(size.max(1)) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        Self { bytes, then: Then::Keep }
    }

    /// A response that ends with the connection.
    pub(crate) fn until_close(response: &Response<Vec<u8>>) -> Self {
        let mut bytes = head(response, "connection: close\r\n");
        bytes.extend_from_slice(response.body());
        Self { bytes, then: Then::Close }
    }

    /// The head of a response with a body of that many bytes, and as much of the body as there is.
    pub(crate) fn short(response: &Response<Vec<u8>>, told: usize, then: Then) -> Self {
        let mut bytes = head(response, &format!("content-length: {told}\r\n"));
        bytes.extend_from_slice(response.body());
        Self { bytes, then }
    }

    /// No byte at all.
    pub(crate) fn nothing(then: Then) -> Self {
        Self { bytes: Vec::new(), then }
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

/// What a server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Their targets are as they came.
    pub(crate) requests: Vec<Request<Vec<u8>>>,
}

#[derive(Debug)]
struct Shared {
    script: Script,
    patience: Duration,
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    closed: usize,
    /// Not the streams themselves: a connection closes when its thread drops it.
    streams: Vec<Weak<TcpStream>>,
    seen: Seen,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            for stream in listener.incoming() {
                let Ok(stream) = stream.map(Arc::new) else { continue };
                let mut state = self.lock();
                if state.is_over {
                    break;
                }
                state.seen.connections += 1;
                state.streams.retain(|stream| stream.strong_count() > 0);
                state.streams.push(Arc::downgrade(&stream));
                drop(state);
                // Where there can be no thread, the stream is dropped, and the client sees it closed.
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    // An error is the client's hanging up, which is its right.
                    let _ = self.converse(&stream);
                    drop(stream);
                    self.lock().closed += 1;
                    self.closed.notify_all();
                });
            }
        });
    }

    fn converse(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        match &self.script {
            Script::Answers(answer) => {
                while let Some(request) = read_request(stream, 0)? {
                    let Answer { bytes, then } = answer(self.saw(&request), &request);
                    stream.write_all(&bytes)?;
                    match then {
                        Then::Keep if is_last(&request) => break,
                        Then::Keep => {}
                        then => return self.finish(stream, then),
                    }
                }
                Ok(())
            }
            Script::Reset => {
                if let Some(request) = read_request(stream, 1)? {
                    self.saw(&request);
                }
                Ok(())
            }
            Script::Raw(then) => {
                let _ = stream.read(&mut [0; 16 * 1024])?;
                self.finish(stream, *then)
            }
        }
    }

    /// Keeps a request, and tells the how manieth it is.
    fn saw(&self, request: &Request<Vec<u8>>) -> usize {
        let mut state = self.lock();
        state.seen.requests.push(request.clone());
        state.seen.requests.len()
    }

    fn finish(&self, mut stream: &TcpStream, then: Then) -> io::Result<()> {
        match then {
            Then::Keep | Then::Close => {}
            Then::Hold => while stream.read(&mut [0; 1024])? > 0 {},
            Then::Drip => {
                let start = Instant::now();
                // The wait between two bytes is one for the client's hanging up.
                stream.set_read_timeout(Some(Duration::from_millis(20)))?;
                while start.elapsed() < self.patience {
                    stream.write_all(b" ")?;
                    match stream.read(&mut [0; 1024]) {
                        Ok(0) => break,
                        Err(error) if !is_timeout(&error) => return Err(error),
                        Ok(_) | Err(_) => {}
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the client wants the connection closed.
fn is_last(request: &Request<Vec<u8>>) -> bool {
    let connection = request.headers().get(header::CONNECTION).and_then(|value| value.to_str().ok());
    connection.is_some_and(|connection| connection.to_ascii_lowercase().contains("close"))
}

fn is_timeout(error: &io::Error) -> bool {
    [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind())
}

/// Reads a request, and leaves that many of the bytes of its body, which it has seen, unread.
fn read_request(stream: &TcpStream, unread: u64) -> io::Result<Option<Request<Vec<u8>>>> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let line = read_line(stream)?;
    if line.is_empty() {
        return Ok(None);
    }
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(b"HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    let mut request = Request::builder().method(method).uri(target);
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return Err(malformed()) };
        let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).map_err(io::Error::other)?;
        request = request.header(name, value);
    }
    let mut request = request.body(Vec::new()).map_err(io::Error::other)?;
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_chunked = text(header::TRANSFER_ENCODING).is_some_and(|coding| coding.contains("chunked"));
    let length: u64 = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = request.body_mut();
    if is_chunked {
        loop {
            let size = read_line(stream)?;
            let size = size.split(|byte| *byte == b';').next().and_then(|hex| std::str::from_utf8(hex).ok());
            let size = size.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or_else(malformed)?;
            read_exactly(stream, size, body)?;
            // After the last chunk it ends the trailers, of which there are none.
            read_line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        let unread = unread.min(length);
        read_exactly(stream, length.saturating_sub(unread), body)?;
        if unread > 0 {
            let mut last = [0; 1];
            stream.peek(&mut last)?;
            body.extend_from_slice(&last);
        }
    }
    Ok(Some(request))
}

fn read_exactly(stream: &TcpStream, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(into)?;
    if u64::try_from(read).is_ok_and(|read| read == length) {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A line without its end; empty at the end of the stream too.
fn read_line(stream: &TcpStream) -> io::Result<Vec<u8>> {
    const LONGEST: u64 = 64 * 1024;
    let mut line = Vec::new();
    // A larger buffer would take in what comes after the line.
    BufReader::with_capacity(1, stream).take(LONGEST).read_until(b'\n', &mut line)?;
    line.truncate(line.trim_ascii_end().len());
    Ok(line)
}
