//! The same check for async transports, on any runtime.

use core::future::poll_fn;
use core::task::Poll;
use std::io;

use http::Request;
use kinde_users_core::AsyncTransport;

use crate::cases::cases;
use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::report::Report;

/// Checks an async transport, as [`check`](crate::check) checks a blocking one.
///
/// The check runs in the task that awaits it, and blocks the task for a moment when it waits for
/// the server. Give it its own runtime with one thread. On several threads it is a matter of luck
/// whether the transport has noticed in time that the server closed a connection, and
/// [`Clause::Reuse`](crate::Clause::Reuse) may be weak.
///
/// # Errors
///
/// If a server on the loopback interface cannot be started.
///
/// # Examples
///
/// ```
/// use kinde_users_contract::{Options, check_async};
/// use kinde_users_core::AsyncTransport;
///
/// async fn my_transport_keeps_the_contract<T: AsyncTransport>(transport: &T) -> std::io::Result<()> {
///     let report = check_async(transport, &Options::new().body_limit(64 * 1024)).await?;
///     report.assert_kept();
///     Ok(())
/// }
/// ```
pub async fn check_async<T: AsyncTransport>(transport: &T, options: &Options) -> io::Result<Report> {
    let send = async |request: Request<Vec<u8>>| {
        let result = transport.send(request).await;
        result.map_err(|error| {
            Failure::new(transport.delivery(&error), &error).with_head(transport.head(&error))
        })
    };
    let mut report = Report::default();
    for case in cases(options)? {
        let mut trial = case.start(options)?;
        while let Some(requests) = trial.next_requests() {
            take_turns().await;
            join(requests.into_iter().map(&send), |outcome| trial.came(outcome)).await;
        }
        trial.judge(&mut report);
    }
    Ok(report)
}

/// Lets the runtime see what the server did while this task was blocked, and lets the transport's
/// own tasks act on it. The transport can then notice that a connection was closed.
async fn take_turns() {
    let mut turns = 0..16;
    poll_fn(|cx| match turns.next() {
        Some(_) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        None => Poll::Ready(()),
    })
    .await;
}

/// Waits for all futures at once, and passes on their outcomes in their order.
async fn join(sends: impl Iterator<Item = impl Future<Output = Outcome>>, came: impl FnMut(Outcome)) {
    let mut sends: Vec<_> = sends.map(|send| (Box::pin(send), None)).collect();
    poll_fn(|cx| {
        for (send, outcome) in sends.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            if let Poll::Ready(came) = send.as_mut().poll(cx) {
                *outcome = Some(came);
            }
        }
        if sends.iter().all(|(_, outcome)| outcome.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    sends.into_iter().filter_map(|(_, outcome)| outcome).for_each(came);
}
