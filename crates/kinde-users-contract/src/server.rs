//! An HTTP/1.1 server on the loopback interface that follows a script and records what it saw.

use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use http::{Request, Response, header};
use rustls::{ServerConfig, ServerConnection};

use crate::read::{Stream, read_head, read_request, text};
use crate::script::{Answer, Pace, Script, Then};

/// A plain HTTP/1.1 server on `127.0.0.1`, for tests. The server and its connections end when it is
/// dropped.
///
/// # Examples
///
/// ```
/// use http::Response;
/// use kinde_users_contract::Server;
///
/// let server = Server::answering(|_| Response::new(br#"{"users":[]}"#.to_vec()))?;
/// println!("a tenant without users at {}", server.origin());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers each request with the return value of `answer`. Connections are
    /// kept open for a minute.
    ///
    /// # Errors
    ///
    /// If a server on the loopback interface cannot be started.
    pub fn answering<F>(answer: F) -> io::Result<Self>
    where
        F: Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send + Sync + 'static,
    {
        let script = Script::answers(move |_, request| Answer::of(&answer(request.clone())));
        Self::start(listen()?, script, None, Duration::from_secs(60))
    }

    /// Starts a server whose `answer` can also lose the connection.
    ///
    /// # Errors
    ///
    /// If a server on the loopback interface cannot be started.
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
        Self::start(listen()?, script, None, Duration::from_secs(60))
    }

    /// Starts a server that follows `script`. With `tls` it follows the script over TLS too.
    pub(crate) fn start(
        listener: TcpListener,
        script: Script,
        tls: Option<Tls>,
        patience: Duration,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let state = Mutex::default();
        let shared = Arc::new(Shared { script, tls, patience, state, changed: Condvar::new() });
        let acceptor = thread::Builder::new().spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        })?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Returns the origin of the server: `http://127.0.0.1:` and a port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns once a connection was closed.
    pub(crate) fn wait_for_close(&self) {
        drop(self.shared.wait_while(|state| state.closed == 0));
    }

    /// Lets the server send the replies that it holds back, and returns once they are sent.
    pub(crate) fn release(&self) {
        self.shared.lock().is_released = true;
        self.shared.changed.notify_all();
        drop(self.shared.wait_while(|state| state.held_back > 0));
    }

    /// Returns what the server has seen since the last call.
    pub(crate) fn take_seen(&self) -> Seen {
        std::mem::take(&mut self.shared.lock().seen)
    }

    /// Ends the server, and returns what it saw.
    pub(crate) fn stop(mut self) -> Seen {
        self.end();
        self.take_seen()
    }

    fn end(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        state.is_released = true;
        self.shared.changed.notify_all();
        for stream in state.streams.drain(..).filter_map(|stream| stream.upgrade()) {
            // A byte that the other end does not read turns its close into a reset, which frees the
            // port at once. Otherwise many servers in a row would use up the ports. All of this
            // fails if the client was faster.
            let _ = stream.set_nonblocking(true).and_then(|()| (&*stream).write(b"\n"));
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Only a connection ends the wait for connections. Its byte also frees the port at once.
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

/// Listens on a port of the loopback interface.
pub(crate) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0))
}

/// How a server speaks TLS.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// Whether the server announces that it closes a connection. Otherwise it seems to be cut.
    pub(crate) notifies: bool,
}

impl Tls {
    fn stream<'a>(
        &self,
        socket: &'a TcpStream,
    ) -> io::Result<rustls::StreamOwned<ServerConnection, &'a TcpStream>> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok(rustls::StreamOwned::new(connection, socket))
    }
}

/// How a [`Server`] loses a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Lost {
    /// The connection is lost after the request was read, before any byte of a reply.
    WithoutReply,
    /// The connection is lost after this reply, whose head announces a longer body.
    InTheBody(Box<Response<Vec<u8>>>),
}

/// What a server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// The requests with their targets as they came. [`Secure`] and [`Partial`] are among their
    /// extensions.
    pub(crate) requests: Vec<Request<Vec<u8>>>,
}

/// An extension of a request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;

/// An extension of a request for whose remaining body the server did not wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial;

#[derive(Debug)]
struct Shared {
    script: Script,
    tls: Option<Tls>,
    patience: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    is_released: bool,
    /// The number of replies that are held back.
    held_back: usize,
    closed: usize,
    /// These are weak references, because a connection closes when its thread drops the stream.
    streams: Vec<Weak<TcpStream>>,
    seen: Seen,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `condition` holds, but no longer than the patience.
    fn wait_while(&self, mut condition: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let condition = |state: &mut State| condition(state);
        let waited = self.changed.wait_timeout_while(self.lock(), self.patience, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
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
                // If no thread can be started, the stream is dropped and the client sees it closed.
                let _ = thread::Builder::new().spawn_scoped(scope, move || {
                    // An error means that the client closed the connection, which it may do.
                    let _ = self.converse(&stream);
                    drop(stream);
                    self.lock().closed += 1;
                    self.changed.notify_all();
                });
            }
        });
    }

    fn converse(&self, socket: &TcpStream) -> io::Result<()> {
        /// The first byte of a TLS connection.
        const HANDSHAKE: u8 = 22;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(self.patience))?;
        socket.set_write_timeout(Some(self.patience))?;
        let mut stream = socket;
        let mut first = [0];
        let is_tls = socket.peek(&mut first)? > 0 && first == [HANDSHAKE];
        match (&self.script, &self.tls) {
            (Script::Answers(answer), Some(tls)) if is_tls => {
                let mut secure = tls.stream(socket)?;
                self.answer_all(&mut secure, socket, true, answer)?;
                if tls.notifies {
                    secure.conn.send_close_notify();
                    secure.flush()?;
                }
                Ok(())
            }
            (Script::Reset(bytes), Some(tls)) if is_tls => {
                let mut secure = tls.stream(socket)?;
                let Some(mut request) = read_request(&mut secure)? else { return Ok(()) };
                request.extensions_mut().insert(Secure);
                self.saw(&request);
                // No notice follows, so the connection counts as cut.
                secure.write_all(bytes)?;
                secure.flush()
            }
            (Script::Answers(answer), _) => self.answer_all(&mut stream, socket, false, answer),
            (Script::Reset(bytes), _) => {
                self.see_head(socket)?;
                stream.write_all(bytes)
            }
            (Script::Deaf, _) => {
                self.see_head(socket)?;
                drop(self.wait_while(|state| !state.is_over));
                Ok(())
            }
            (Script::Raw(then), _) if is_tls => {
                let _ = stream.read(&mut [0; 16 * 1024])?;
                self.finish(&mut stream, socket, *then)
            }
            (Script::Raw(_), _) => {
                let answer = |_, _: &_| Answer::of(&Response::default());
                self.answer_all(&mut stream, socket, false, &answer)
            }
        }
    }

    fn answer_all(
        &self,
        stream: &mut dyn Stream,
        socket: &TcpStream,
        is_secure: bool,
        answer: &dyn Fn(usize, &Request<Vec<u8>>) -> Answer,
    ) -> io::Result<()> {
        while let Some(mut request) = read_request(stream)? {
            if is_secure {
                request.extensions_mut().insert(Secure);
            }
            let Answer { pace, bytes, then } = answer(self.saw(&request), &request);
            self.write(stream, &bytes, pace)?;
            match then {
                Then::Keep if is_last(&request) => break,
                Then::Keep => {}
                then => return self.finish(stream, socket, then),
            }
        }
        Ok(())
    }

    fn write(&self, stream: &mut dyn Stream, bytes: &[u8], pace: Pace) -> io::Result<()> {
        let mut write = |bytes: &[u8]| stream.write_all(bytes).and_then(|()| stream.flush());
        match pace {
            Pace::AtOnce => write(bytes),
            Pace::After(time) => {
                thread::sleep(time);
                write(bytes)
            }
            Pace::HeldBack(at_once) => {
                let (at_once, late) = bytes.split_at(at_once.min(bytes.len()));
                write(at_once)?;
                self.lock().held_back += 1;
                drop(self.wait_while(|state| !state.is_released));
                let written = write(late);
                self.lock().held_back -= 1;
                self.changed.notify_all();
                written
            }
            Pace::ByteByByte => bytes.chunks(1).try_for_each(|byte| {
                // Without the pause, the bytes would arrive together.
                thread::sleep(Duration::from_micros(50));
                write(byte)
            }),
        }
    }

    /// Records a request whose head is whole, and leaves all of it unread.
    fn see_head(&self, stream: &TcpStream) -> io::Result<()> {
        let mut bytes = vec![0; 64 * 1024];
        let start = Instant::now();
        while start.elapsed() < self.patience {
            let length = stream.peek(&mut bytes)?;
            let mut rest = bytes.get(..length).unwrap_or_default();
            if length == 0 {
                break;
            }
            if let Ok(Some(head)) = read_head(&mut rest) {
                let mut request = head.map(|()| rest.to_vec());
                request.extensions_mut().insert(Partial);
                self.saw(&request);
                break;
            }
            // `peek` does not wait for more bytes while some are unread.
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Records a request and returns its number.
    fn saw(&self, request: &Request<Vec<u8>>) -> usize {
        let mut state = self.lock();
        state.seen.requests.push(request.clone());
        state.seen.requests.len()
    }

    fn finish(&self, stream: &mut dyn Stream, socket: &TcpStream, then: Then) -> io::Result<()> {
        match then {
            Then::Keep | Then::Close => {}
            Then::Hold => while stream.read(&mut [0; 1024])? > 0 {},
            Then::Drip(bytes) => {
                let start = Instant::now();
                // Between two sends, the server waits for the client to close the connection.
                socket.set_read_timeout(Some(Duration::from_millis(20)))?;
                while start.elapsed() < self.patience {
                    stream.write_all(bytes)?;
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

/// Returns whether the client wants the connection to close.
fn is_last(request: &Request<Vec<u8>>) -> bool {
    text(request, &header::CONNECTION).is_some_and(|text| text.to_ascii_lowercase().contains("close"))
}

fn is_timeout(error: &io::Error) -> bool {
    [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind())
}
