//! The tenant as an HTTP server on the loopback interface, for programs in any language.
//!
//! ```
//! use std::io::{Read as _, Write as _};
//!
//! use kinde_users_fake::FakeKinde;
//! use kinde_users_fake::server::{Options, Server};
//!
//! let fake = FakeKinde::new();
//! let server = Server::start(&fake, &Options::new())?;
//! assert_eq!(fake.audience(), format!("{}/api", server.origin()));
//!
//! let mut socket = std::net::TcpStream::connect(server.address())?;
//! socket.write_all(b"GET /api/v1/users HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
//! let mut reply = String::new();
//! socket.read_to_string(&mut reply)?;
//! assert!(reply.starts_with("HTTP/1.1 401 "));
//! assert_eq!(fake.requests().of("get_users").len(), 1);
//!
//! server.shutdown();
//! # Ok::<(), std::io::Error>(())
//! ```

use core::convert::Infallible;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use core::pin::pin;
use core::time::Duration;
use std::io;
use std::thread::{self, JoinHandle};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::failure::reply;
use crate::fake_kinde::{FakeKinde, Served};
use crate::fault::Ending;

mod tls;
mod wire;

use tls::Tls;
use wire::{Line, ReplyBody, Socket, gzip};

/// The longest request body that is held in memory, in bytes. The reply to a longer one is 413.
const MAX_BODY: u64 = 4 * 1024 * 1024;

/// How many bytes of a body are read at most.
const MAX_READ: u64 = 32 * 1024 * 1024;

/// How long a client may take for its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long open requests may take when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// The pause after a connection could not be accepted, for example because file descriptors ran
/// out.
const BREATH: Duration = Duration::from_millis(50);

/// Where and how a [`Server`] listens.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    listen: SocketAddr,
    tls: bool,
    is_mutual: bool,
    speed: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Creates options for plain HTTP on any free port of 127.0.0.1.
    pub fn new() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls: false, is_mutual: false, speed: 1 }
    }

    /// Sets the address, which must be a loopback address. Port 0 is any free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Enables HTTPS with a certificate for `localhost` and the loopback addresses. It is signed by
    /// an authority that is created for this server: [`Server::ca_pem`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Enables HTTPS like [`tls`](Self::tls), and demands a certificate from clients:
    /// [`Server::client_certificate`].
    pub fn mutual_tls(self) -> Self {
        Self { is_mutual: true, ..self.tls() }
    }

    /// Lets the tenant's clock run this many times as fast as the machine's, but at least as fast.
    /// Tokens expire, limits reset and late replies arrive sooner. A client that is to see the same
    /// needs an equally fast clock.
    pub fn speed(mut self, times: u32) -> Self {
        self.speed = times.max(1);
        self
    }
}

/// A tenant that listens. The server stops when it is dropped.
///
/// The server speaks HTTP/1.1 on its own thread. If a [`Fault`](crate::Fault) leaves a request
/// without a reply, the server closes the connection, so a client cannot tell a request that was
/// not sent from one that was lost.
///
/// The body of a request may have 4 MiB. A client that ends its side of the connection after its
/// request gets the reply, but the request no longer counts as
/// [in flight](crate::FakeKindeBuilder::in_flight_limit), because the client may have left.
pub struct Server {
    address: SocketAddr,
    origin: String,
    ca_pem: Option<String>,
    client: Option<(String, String)>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Server {
    /// Lets the tenant listen.
    ///
    /// From now on the tenant's origin is the server's, and so is its audience unless it was
    /// [set](crate::FakeKindeBuilder::audience). The tenant's clock moves to the machine's if it is
    /// behind, and runs by itself; [`FakeKinde::advance`] still moves it further.
    ///
    /// # Errors
    ///
    /// If the address is not a loopback address, or the server cannot listen on it.
    pub fn start(fake: &FakeKinde, options: &Options) -> io::Result<Self> {
        let &Options { listen, tls, is_mutual, speed } = options;
        if !listen.ip().is_loopback() {
            let message = format!(
                "{} is not a loopback address: the fake is for programs on this machine",
                listen.ip()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (scheme, tls, ca_pem, client) = if tls {
            let Tls { acceptor, ca, client } = Tls::new(is_mutual)?;
            ("https", Some(acceptor), Some(ca), client)
        } else {
            ("http", None, None, None)
        };
        let origin = format!("{scheme}://{address}");

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let desk = Desk { tenant: fake.clone(), speed };
        let serve = move || {
            runtime.block_on(serve(listener, tls, desk, stopped));
            // Connections that are still open break off here.
            drop(runtime);
        };
        // This happens before the first request, which may already wait at the port.
        fake.go_live(origin.clone(), speed);
        let thread = thread::Builder::new().name("kinde-users-fake".to_owned()).spawn(serve)?;
        Ok(Self { address, origin, ca_pem, client, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the scheme, the address and the port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the certificate of the authority that clients have to trust, in PEM, or `None`
    /// without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Returns a client certificate that the server accepts and its private key, both in PEM, or
    /// `None` if the server demands none.
    pub fn client_certificate(&self) -> Option<(&str, &str)> {
        self.client.as_ref().map(|(certificate, key)| (certificate.as_str(), key.as_str()))
    }

    /// Stops listening, lets open requests finish for at most 2 seconds, and closes all
    /// connections. Blocks until then.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dropping the sender signals the other end.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

/// What answers the requests.
#[derive(Clone)]
struct Desk {
    tenant: FakeKinde,
    speed: u32,
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    desk: Desk,
    stopped: oneshot::Receiver<Infallible>,
) {
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        tokio::spawn(greet(socket, tls.clone(), desk.clone(), connections.watcher()));
    }
    drop(listener);
    // Requests that are not finished by then break off.
    tokio::time::timeout(GRACE, connections.shutdown()).await.unwrap_or_default();
}

async fn greet(socket: TcpStream, tls: Option<TlsAcceptor>, desk: Desk, watcher: Watcher) {
    // Replies are written whole, so waiting for more data would only delay them. If this call
    // fails, they are delayed.
    socket.set_nodelay(true).unwrap_or_default();
    let (socket, line) = Socket::new(socket);
    match tls {
        None => converse(socket, line, desk, watcher).await,
        Some(tls) => {
            // If a client does not speak TLS or does not trust the certificate, it notices that
            // itself.
            if let Ok(Ok(socket)) = tokio::time::timeout(HANDSHAKE, tls.accept(socket)).await {
                converse(socket, line, desk, watcher).await;
            }
        }
    }
}

async fn converse(
    socket: impl AsyncRead + AsyncWrite + Unpin + 'static,
    line: Line,
    desk: Desk,
    watcher: Watcher,
) {
    let service = service_fn(move |request| answer(desk.clone(), line.clone(), request));
    // Some clients end their side when they have sent everything, and wait for the reply.
    let mut http = http1::Builder::new();
    let connection =
        http.half_close(true).timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service);
    // The connection ends with an error if the client breaks it off, or a fault makes this side do
    // so.
    watcher.watch(connection).await.unwrap_or_default();
}

/// Answers a request. An error closes the connection without a reply.
async fn answer(
    desk: Desk,
    line: Line,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Box<dyn core::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(refusal) => return Ok(refusal.map(|body| ReplyBody::new(body, None))),
    };
    let takes_gzip = takes_gzip(&head.headers);
    let Served { reply, wire, flight, .. } = desk.tenant.serve(Request::from_parts(head, body), None);
    let response = reply.inspect_err(|_| line.reset_when_closed())?;
    let landing = line.keep(flight);
    if !wire.head_after.is_zero() {
        tokio::time::sleep(wire.head_after / desk.speed).await;
    }

    let (mut head, mut body) = response.into_parts();
    // hyper sets the length of the body, because a fault may have changed it.
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::TRANSFER_ENCODING);
    if wire.gzipped && takes_gzip {
        body = gzip(&body)?;
        head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if wire.ending == Ending::Closed {
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let mut body = ReplyBody::new(body, Some(landing)).after(wire.body_after / desk.speed);
    if wire.chunked {
        body = body.chunked();
    }
    if wire.ending == Ending::BrokenOff {
        body = body.broken_off();
    }
    Ok(Response::from_parts(head, body))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    accepted.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).any(|item| {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        coding.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// Reads the body, or returns the reply to one that is too large or not valid. Some of a body that
/// is too large is read as well, because many clients look for a reply only after they have sent
/// everything, and would find a broken connection.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Response<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut length = body.size_hint().exact().filter(|length| *length > MAX_READ).unwrap_or_default();
    while length <= MAX_READ {
        let data = match body.frame().await.map(|frame| frame.map(Frame::into_data)) {
            None => break,
            Some(Ok(data)) => data.unwrap_or_default(),
            Some(Err(_)) => {
                let words = "The body is not valid, or it ends too early";
                return Err(refused(StatusCode::BAD_REQUEST, words.to_owned(), true));
            }
        };
        length += data.len() as u64;
        if length <= MAX_BODY {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
    }
    if length <= MAX_BODY {
        return Ok(bytes);
    }
    let words = format!("The body is larger than {MAX_BODY} bytes");
    Err(refused(StatusCode::PAYLOAD_TOO_LARGE, words, length > MAX_READ))
}

/// Refuses a request before the tenant sees it. The last reply ends the connection.
fn refused(status: StatusCode, words: String, is_last: bool) -> Response<Vec<u8>> {
    let mut response = reply(status, "text/plain", words.into_bytes());
    if is_last {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
