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
use std::sync::Arc;
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

use crate::control::tenants::Tenants;
use crate::control::{self, Control};
use crate::failure::reply;
use crate::fake_kinde::{FakeKinde, Served};
use crate::fault::Ending;

mod tls;
mod wire;

use tls::Tls;
use wire::{Line, ReplyBody, Socket, gzip};

/// The longest body of a request to Kinde that is held in memory, in bytes. The reply to a longer
/// one is 413.
const MAX_BODY: usize = 4 * 1024 * 1024;

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
    control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Creates options for plain HTTP on any free port of 127.0.0.1.
    pub fn new() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { listen, tls: false, is_mutual: false, speed: 1, control: false }
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

    /// Serves the [control routes](crate::control) under `/_fake/`, which let programs in other
    /// languages steer the tenant.
    pub fn control(mut self) -> Self {
        self.control = true;
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
    tls: Option<Tls>,
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
        let tls = options.tls.then(|| Tls::new(options.is_mutual)).transpose()?;
        let opens = options.control.then(|| {
            let mut own = options.clone();
            own.listen.set_port(0);
            let tls = tls.clone();
            Tenants::new(Box::new(move |fake: &FakeKinde| {
                let server = Self::listen(fake, &own, tls.clone(), Control::new)?;
                Ok(Box::new(server))
            }))
        });
        Self::listen(fake, options, tls, |fake| {
            let control = Control::new(fake);
            if let Some(opens) = opens { control.with_tenants(opens) } else { control }
        })
    }

    fn listen(
        fake: &FakeKinde,
        options: &Options,
        tls: Option<Tls>,
        control: impl FnOnce(&FakeKinde) -> Control,
    ) -> io::Result<Self> {
        let &Options { listen, speed, .. } = options;
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
        let scheme = if tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{address}");

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        // This happens before the first request, which may already wait at the port.
        fake.go_live(origin.clone(), speed);
        let control = options.control.then(|| Arc::new(control(fake)));
        let desk = Desk { tenant: fake.clone(), control };
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        let serve = move || {
            runtime.block_on(serve(listener, acceptor, desk, stopped));
            // Connections that are still open break off here.
            drop(runtime);
        };
        let thread = thread::Builder::new().name("kinde-users-fake".to_owned()).spawn(serve)?;
        Ok(Self { address, origin, tls, stop: Some(stop), thread: Some(thread) })
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
        Some(&self.tls.as_ref()?.ca)
    }

    /// Returns a client certificate that the server accepts and its private key, both in PEM, or
    /// `None` if the server demands none.
    pub fn client_certificate(&self) -> Option<(&str, &str)> {
        let (certificate, key) = self.tls.as_ref()?.client.as_ref()?;
        Some((certificate, key))
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
    control: Option<Arc<Control>>,
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
    let control = desk.control.filter(|_| Control::has(head.uri.path()));
    let most = if control.is_some() { control::MAX_BODY } else { MAX_BODY };
    let body = match read(body, most).await {
        Ok(body) => body,
        Err(refusal) => {
            let response = if control.is_some() { refusal.for_control() } else { refusal.for_kinde() };
            return Ok(response.map(|body| ReplyBody::new(body, None)));
        }
    };
    if let Some(control) = control {
        // It may take long: a tenant closes only when its open requests end.
        let request = Request::from_parts(head, body);
        let response = tokio::task::spawn_blocking(move || control.handle(&request)).await?;
        return Ok(response.map(|body| ReplyBody::new(body, None)));
    }
    let takes_gzip = takes_gzip(&head.headers);
    let Served { reply, wire, flight, .. } = desk.tenant.serve(Request::from_parts(head, body), None);
    let response = reply.inspect_err(|_| line.reset_when_closed())?;
    let landing = line.keep(flight);
    let speed = desk.tenant.speed();
    if !wire.head_after.is_zero() {
        tokio::time::sleep(wire.head_after / speed).await;
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
    let mut body = ReplyBody::new(body, Some(landing)).after(wire.body_after / speed);
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

/// Reads the body, of which at most `most` bytes are kept. Some of a body that is too large is read
/// as well, because many clients look for a reply only after they have sent everything, and would
/// find a broken connection.
async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut length = body.size_hint().exact().filter(|length| *length > MAX_READ).unwrap_or_default();
    while length <= MAX_READ {
        let data = match body.frame().await.map(|frame| frame.map(Frame::into_data)) {
            None => break,
            Some(Ok(data)) => data.unwrap_or_default(),
            Some(Err(_)) => return Err(Unread { most: None, is_last: true }),
        };
        length += data.len() as u64;
        if length <= most as u64 {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
        }
    }
    if length <= most as u64 {
        Ok(bytes)
    } else {
        Err(Unread { most: Some(most), is_last: length > MAX_READ })
    }
}

/// Why a body was not read: it has more than so many bytes, or it is not valid.
struct Unread {
    most: Option<usize>,
    /// Whether the reply ends the connection.
    is_last: bool,
}

impl Unread {
    fn status(&self) -> StatusCode {
        self.most.map_or(StatusCode::BAD_REQUEST, |_| StatusCode::PAYLOAD_TOO_LARGE)
    }

    fn words(&self) -> String {
        let too_large = |most| format!("The body is larger than {most} bytes");
        self.most.map_or_else(|| "The body is not valid, or it ends too early".to_owned(), too_large)
    }

    /// Refuses a request before the tenant sees it.
    fn for_kinde(&self) -> Response<Vec<u8>> {
        self.closing(reply(self.status(), "text/plain", self.words().into_bytes()))
    }

    fn for_control(&self) -> Response<Vec<u8>> {
        self.closing(control::Refusal::new(self.status(), self.words()).respond())
    }

    fn closing(&self, mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
        if self.is_last {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
