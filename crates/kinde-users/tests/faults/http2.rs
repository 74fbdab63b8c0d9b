//! An HTTP/2 server in front of the tenant, which refuses streams and breaks off bodies.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use h2::Reason;
use http::header::CONTENT_LENGTH;
use http::uri::Authority;
use http::{Request, Response, Uri, Version, request, response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kinde_users::{AsyncTransport as _, Delivery, HyperTransport, set_request_timeout};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::dice::Dice;
use crate::ways::Road;
use crate::wire::tag;

#[path = "../../../kinde-users-hyper/tests/tls/mod.rs"]
mod tls;

/// How long a connection takes requests before it is closed, as servers do now and then. The GOAWAY
/// for this is above the streams that the server has seen.
const LIFE: Duration = Duration::from_millis(50);
/// How long the head of a reply has to leave before its body breaks off.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a closed connection may take until the client closes it too.
const LINGER: Duration = Duration::from_secs(5);
/// One connection in so many refuses all its streams by GOAWAY.
const REFUSING: u64 = 10;

type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, h2::Error>> + Send>>>;

/// The server. It stops when it is dropped.
pub(crate) struct Gateway {
    pub(crate) authority: Authority,
    /// A transport that trusts the server.
    pub(crate) transport: HyperTransport,
    desk: Desk,
    _runtime: Runtime,
}

/// How many requests about each id ended with no head of a response.
type Headless = HashMap<String, usize>;

/// Who answers.
#[derive(Clone)]
struct Desk {
    /// The origin of the tenant.
    tenant: Uri,
    inner: HyperTransport,
    limit: Duration,
    dice: Arc<Mutex<Dice>>,
    headless: Arc<Mutex<Headless>>,
}

impl Gateway {
    /// Passes requests on to the tenant at the end of this road, which has so long to answer. The
    /// gateway's own transport goes through the proxy of the road too.
    pub(crate) fn start(road: &Road, limit: Duration, dice: Dice) -> Self {
        let (config, certificate) = tls::server(&["h2"]);
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let authority = listener.local_addr().unwrap().to_string().parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let dice = Arc::new(Mutex::new(dice));
        let tenant = road.server.origin().parse().unwrap();
        let inner = road.hyper();
        let desk = Desk { tenant, inner, limit, dice, headless: Arc::default() };
        let at_door = desk.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, desk) = (acceptor.clone(), at_door.clone());
                // An error is the client's hanging up, which is its right.
                tokio::spawn(async move {
                    socket.set_nodelay(true)?;
                    let socket = socket.into_std()?;
                    let twin = TcpStream::from_std(socket.try_clone()?)?;
                    let socket = acceptor.accept(TcpStream::from_std(socket)?).await?;
                    if desk.throw(REFUSING) == 0 {
                        refuse(socket).await?;
                    } else {
                        serve(socket, desk).await;
                    }
                    linger(twin).await;
                    std::io::Result::Ok(())
                });
            }
        });
        Self { authority, transport: road.over_hyper(tls::client(certificate)), desk, _runtime: runtime }
    }
}

impl Gateway {
    /// The requests that ended with no head since this was last asked: because the tenant did not
    /// answer in time, or because the connection to the client was closed.
    pub(crate) fn take_headless(&self) -> Headless {
        core::mem::take(&mut self.desk.headless.lock().unwrap())
    }
}

/// Reads until the client closes the connection. A system that closes a connection with bytes left
/// to read resets it, and then drops what it has not sent yet.
async fn linger(mut socket: TcpStream) {
    let rest = async { tokio::io::copy(&mut socket, &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// Answers the first request by a GOAWAY that says that no stream was processed.
async fn refuse(mut socket: TlsStream<TcpStream>) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    socket.write_all(&SETTINGS).await?;
    // The client's preface.
    socket.read_exact(&mut [0; 24]).await?;
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let [a, b, c, kind, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await?;
        if kind == HEADERS {
            break;
        }
    }
    socket.write_all(&GOAWAY).await?;
    tokio::io::copy(&mut socket, &mut tokio::io::sink()).await?;
    Ok(())
}

async fn serve(socket: TlsStream<TcpStream>, desk: Desk) {
    let service = service_fn(move |request| answer(desk.clone(), request));
    let connection =
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    if tokio::time::timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        connection.await.unwrap_or_default();
    }
}

/// Notes that a request ended with no head, unless a head was sent.
struct Open<'a> {
    headless: &'a Mutex<Headless>,
    tag: Option<String>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(tag) = self.tag.take() {
            *self.headless.lock().unwrap().entry(tag).or_default() += 1;
        }
    }
}

/// An error resets the stream.
async fn answer(desk: Desk, request: Request<Incoming>) -> Result<Response<Body>, h2::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Reason::CANCEL)?.to_bytes();
    let mut open = Open { headless: &desk.headless, tag: tag(&head.uri, &body) };
    let reply = pass_on(&desk, head, body).await?;
    open.tag = None;
    Ok(reply)
}

async fn pass_on(desk: &Desk, mut head: request::Parts, body: Bytes) -> Result<Response<Body>, h2::Error> {
    let fate = desk.throw(100);
    if fate < 3 {
        return Err(Reason::REFUSED_STREAM.into());
    }
    let mut uri = desk.tenant.clone().into_parts();
    uri.path_and_query = head.uri.path_and_query().cloned();
    head.uri = Uri::from_parts(uri).unwrap();
    head.version = Version::HTTP_11;
    head.headers.remove(CONTENT_LENGTH);
    let mut request = Request::from_parts(head, body.into());
    set_request_timeout(&mut request, desk.limit);
    match desk.inner.send(request).await {
        Ok(reply) => {
            let (head, body) = reply.into_parts();
            let codes = [Reason::REFUSED_STREAM, Reason::CANCEL, Reason::INTERNAL_ERROR, Reason::NO_ERROR];
            // Also where the refusal is untrue: a request with a reply was processed.
            let broken_off = fate.checked_sub(3).and_then(|nth| codes.get(usize::try_from(nth).ok()?));
            Ok(respond(head, body, broken_off.copied()))
        }
        Err(error) => match (desk.inner.head(&error), desk.inner.delivery(&error)) {
            (Some(head), _) => {
                let head = head.clone().into_parts().0;
                Ok(respond(head, b"{".to_vec(), Some(Reason::INTERNAL_ERROR)))
            }
            (None, Delivery::NotSent) => Err(Reason::REFUSED_STREAM.into()),
            (None, Delivery::Unknown) => Err(Reason::INTERNAL_ERROR.into()),
        },
    }
}

/// A reply, or the beginning of one and then a reset for the reason given.
fn respond(mut head: response::Parts, mut body: Vec<u8>, broken_off: Option<Reason>) -> Response<Body> {
    head.headers.remove(CONTENT_LENGTH);
    head.version = Version::HTTP_2;
    if broken_off.is_some() {
        body.truncate(body.len() / 2);
    }
    let data = stream::iter([Ok(Frame::data(body.into()))]);
    let end = stream::iter(broken_off).then(|reason| async move {
        tokio::time::sleep(PAUSE).await;
        Err(reason.into())
    });
    Response::from_parts(head, StreamBody::new(Box::pin(data.chain(end))))
}

impl Desk {
    fn throw(&self, sides: u64) -> u64 {
        self.dice.lock().unwrap().below(sides)
    }
}
