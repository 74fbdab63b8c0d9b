//! The way of a program into the simulated network, and the server at its other end.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use http::header::CONTENT_LENGTH;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulConnection;
use kinde_users_fake::FakeKinde;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use turmoil::net::{TcpListener, TcpStream};

use crate::dice::Dice;
use crate::world::now;

/// The name of the server in the network.
pub(crate) const TENANT: &str = "tenant";

/// How long an answer takes at most: two times of work, and two pauses.
pub(crate) const LATEST: Duration = Duration::from_secs(8);

/// Connects to the server in the network, whatever host a URI names.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) is_http_2: bool,
    /// How many bytes a message of the network has at most.
    pub(crate) piece: usize,
}

impl Service<Uri> for Connector {
    type Response = Line;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Line>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { is_http_2, piece } = *self;
        let port = uri.port_u16().unwrap_or(80);
        Box::pin(async move {
            let inner = TokioIo::new(TcpStream::connect((TENANT, port)).await?);
            Ok(Line { inner, is_http_2, piece })
        })
    }
}

/// A connection of the program.
pub(crate) struct Line {
    inner: TokioIo<TcpStream>,
    is_http_2: bool,
    piece: usize,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        // Without TLS there is no negotiation.
        if self.is_http_2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let piece = bytes.len().min(self.piece);
        Pin::new(&mut self.inner).poll_write(cx, &bytes[..piece])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Spawns the tasks of HTTP/2 as the server's own, which a crash ends in their order. It ends those
/// of `tokio::spawn` in an order that depends on what the process did before.
#[derive(Clone)]
struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// What stands between the network and the tenant: it loses requests and replies, is late, and
/// sends replies in pieces.
#[derive(Clone)]
pub(crate) struct Desk {
    fake: FakeKinde,
    /// The tenant's time at the start of the simulation.
    start: Duration,
    dice: Rc<RefCell<Dice>>,
    is_http_2: bool,
    /// When nothing goes wrong any more.
    calm: Duration,
}

type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, io::Error>>>>>;

impl Desk {
    pub(crate) fn new(fake: &FakeKinde, dice: Dice, is_http_2: bool, calm: Duration) -> Self {
        let dice = Rc::new(RefCell::new(dice));
        Self { start: fake.now(), fake: fake.clone(), dice, is_http_2, calm }
    }

    /// Listens until the server crashes.
    pub(crate) async fn serve(self) -> turmoil::Result {
        let listener = TcpListener::bind(("0.0.0.0", 80)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn_local(self.clone().talk(TokioIo::new(stream)));
        }
    }

    async fn talk(self, stream: TokioIo<TcpStream>) {
        let life = (self.one_in(2)).then(|| self.millis(8000));
        let (is_http_2, desk) = (self.is_http_2, self);
        let service = service_fn(move |request| desk.clone().answer(request));
        // A date is the machine's.
        if is_http_2 {
            let mut server = http2::Builder::new(Local);
            keep(server.auto_date_header(false).serve_connection(stream, service), life).await;
        } else {
            let mut server = http1::Builder::new();
            keep(server.auto_date_header(false).serve_connection(stream, service), life).await;
        }
    }

    /// Whether one of so many things goes wrong now.
    fn one_in(&self, times: u64) -> bool {
        self.dice.borrow_mut().one_in(times) && now() < self.calm
    }

    fn millis(&self, below: u64) -> Duration {
        Duration::from_millis(self.dice.borrow_mut().below(below))
    }

    /// Works for a while.
    async fn work(&self) {
        let latest = if self.one_in(30) { 3000 } else { 100 };
        sleep(self.millis(latest)).await;
    }

    /// Answers the request. An error closes the connection, or over HTTP/2 resets the stream.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let lost = || io::Error::other("lost");
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.work().await;
        if self.one_in(30) {
            return Err(lost());
        }
        self.fake.advance((self.start + now()).saturating_sub(self.fake.now()));
        let reply = self.fake.handle(Request::from_parts(head, body.to_vec())).map_err(io::Error::other)?;
        self.work().await;
        if self.one_in(30) {
            return Err(lost());
        }
        let (mut head, body) = reply.into_parts();
        if self.dice.borrow_mut().one_in(2) {
            head.headers.remove(CONTENT_LENGTH);
        }
        // The end of the body, or where it breaks off.
        let end =
            if self.one_in(20) { self.dice.borrow_mut().below(body.len() as u64 + 1) } else { u64::MAX };
        Ok(Response::from_parts(head, StreamBody::new(Box::pin(self.pieces(body.into(), end)))))
    }

    /// The body in up to a few pieces with pauses between them, broken off after `end` bytes.
    fn pieces(self, body: Bytes, end: u64) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> {
        let whole = body.len();
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        stream::unfold((self, body, false), move |(desk, mut left, is_broken)| async move {
            if is_broken || left.is_empty() {
                return None;
            }
            let sent = whole - left.len();
            if sent > 0 {
                let latest = if desk.one_in(30) { 1000 } else { 50 };
                sleep(desk.millis(latest)).await;
            }
            if sent >= end {
                return Some((Err(io::Error::other("broken off")), (desk, left, true)));
            }
            let size = whole / 3 + 1;
            let piece = left.split_to(size.min(left.len()).min(end - sent));
            Some((Ok(Frame::data(piece)), (desk, left, false)))
        })
    }
}

/// Serves the connection, and closes it in an orderly way after its life.
async fn keep<C: GracefulConnection>(connection: C, life: Option<Duration>) {
    let mut connection = pin!(connection);
    // An error is a broken connection, which is what this is about.
    if timeout(life.unwrap_or(Duration::MAX), connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
