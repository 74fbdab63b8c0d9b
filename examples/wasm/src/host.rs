//! The host of the module, as a transport, a clock and a runtime. `run.mjs` is the other side.
//!
//! The client needs futures that are `Send`, which promises of JavaScript are not. So no promise
//! gets into the module: each call of the host has a number, and the host puts its answer into a
//! table under this number.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kinde_users::http::{Request, Response};
use kinde_users::{AsyncClock, AsyncTransport, Instant, request_timeout};
use serde_json::json;

// SAFETY: `run.mjs` has these functions, with these types. What a pointer points to is read before
// the function returns.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Returns milliseconds from an arbitrary start.
    safe fn now() -> f64;
    /// Returns a random number from 0 to 1.
    pub safe fn random() -> f64;
    /// Calls `poll` soon, but after this function has returned.
    safe fn wake();
    /// Ends the program with a message.
    safe fn fail(text: *const u8, length: usize);
    /// Prints a line.
    #[link_name = "print"]
    safe fn print_line(text: *const u8, length: usize);
    // These functions start a call, which ends with the export `answer`.
    #[link_name = "settings"]
    safe fn get_settings(call: u32);
    safe fn sleep(call: u32, milliseconds: f64);
    safe fn fetch(call: u32, head: *const u8, head_length: usize, body: *const u8, body_length: usize);
    /// Ends a call without an answer, if it has not ended.
    safe fn cancel(call: u32);
}

/// A call of the host that was started.
enum State {
    Pending(Waker),
    Answered(Vec<u8>),
}

static CALLS: Mutex<BTreeMap<u32, State>> = Mutex::new(BTreeMap::new());
static LAST_CALL: AtomicU32 = AtomicU32::new(0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Completes with the answer. The call is cancelled if it is dropped before.
struct Call(u32);

impl Call {
    fn start(start: impl FnOnce(u32)) -> Self {
        let call = LAST_CALL.fetch_add(1, Ordering::Relaxed);
        start(call);
        Self(call)
    }
}

impl Future for Call {
    type Output = Vec<u8>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        match lock(&CALLS).insert(self.0, State::Pending(context.waker().clone())) {
            Some(State::Answered(answer)) => Poll::Ready(answer),
            Some(State::Pending(_)) | None => Poll::Pending,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        cancel(self.0);
        lock(&CALLS).remove(&self.0);
    }
}

/// Makes room for the answer to a call and returns where it is. The host writes the answer there
/// before it does anything else.
#[unsafe(no_mangle)]
extern "C" fn answer(call: u32, length: usize) -> *mut u8 {
    let mut answer = vec![0; length];
    let room = answer.as_mut_ptr();
    let before = lock(&CALLS).insert(call, State::Answered(answer));
    if let Some(State::Pending(waker)) = before {
        waker.wake();
    }
    room
}

type Program = Pin<Box<dyn Future<Output = ()> + Send>>;

static PROGRAM: Mutex<Option<Program>> = Mutex::new(None);

/// Runs a program. If it returns an error or panics, the host fails with the message.
pub fn run(program: impl Future<Output = Result<(), Box<dyn Error>>> + Send + 'static) {
    let fail = |text: String| fail(text.as_ptr(), text.len());
    std::panic::set_hook(Box::new(move |panic| fail(panic.to_string())));
    let program = async move { program.await.unwrap_or_else(|error| fail(error.to_string())) };
    *lock(&PROGRAM) = Some(Box::pin(program));
    wake();
}

struct WakeHost;

impl Wake for WakeHost {
    fn wake(self: Arc<Self>) {
        wake();
    }
}

/// Continues the program until it waits.
#[unsafe(no_mangle)]
extern "C" fn poll() {
    let waker = Waker::from(Arc::new(WakeHost));
    let mut program = lock(&PROGRAM);
    let running = program.as_mut();
    if running.is_some_and(|running| running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()) {
        *program = None;
    }
}

/// Prints a line.
pub fn print(line: &str) {
    print_line(line.as_ptr(), line.len());
}

/// Returns the domain and the credentials, as JSON.
pub async fn settings() -> Vec<u8> {
    Call::start(|call| get_settings(call)).await
}

/// The clock of the host.
pub struct HostClock;

impl AsyncClock for HostClock {
    fn now(&self) -> Instant {
        Instant::from_start(Duration::from_secs_f64(now() / 1000.0))
    }

    async fn sleep_until(&self, until: Instant) {
        let left = until.saturating_since(self.now());
        Call::start(|call| sleep(call, left.as_secs_f64() * 1000.0)).await;
    }
}

/// A transport over `fetch`, which does not say whether a request that failed was sent. So the
/// delivery is [`Unknown`](kinde_users::Delivery::Unknown), the default.
pub struct Fetch;

impl AsyncTransport for Fetch {
    type Error = io::Error;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, io::Error> {
        let headers: Result<Vec<_>, _> =
            request.headers().iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?))).collect();
        let head = json!({
            "method": request.method().as_str(),
            "url": request.uri().to_string(),
            "headers": headers.map_err(io::Error::other::<kinde_users::http::header::ToStrError>)?,
            "timeout": request_timeout(&request).as_secs_f64() * 1000.0,
        });
        let (head, body) = (head.to_string(), request.body());
        let call = Call::start(|call| fetch(call, head.as_ptr(), head.len(), body.as_ptr(), body.len()));
        // One line of JSON, then the body.
        let answer = call.await;
        let end = answer.iter().position(|byte| *byte == b'\n').unwrap_or(answer.len());
        let result: Result<(u16, Vec<(String, String)>), String> = serde_json::from_slice(&answer[..end])?;
        let (status, headers) = result.map_err(io::Error::other)?;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response.body(answer[end + 1..].to_vec()).map_err(io::Error::other)
    }
}
