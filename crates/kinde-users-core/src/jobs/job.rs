//! Jobs, which are tasks that take several calls.

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::protocol::dyn_operation::DynOperation;

/// A task that takes several calls.
///
/// The jobs of this crate are [`Erase`](crate::Erase), [`Suspend`](crate::Suspend),
/// [`FindUser`](crate::FindUser) and [`FindUsers`](crate::FindUsers). The crate
/// `kinde-users-import` adds `Import`, and you can write your own jobs.
///
/// A job is a state machine without I/O. [`Client::run`](crate::Client::run) and
/// [`AsyncClient::run`](crate::AsyncClient::run) make the calls of a job. You can also make the
/// calls in a loop of your own, for instance to record each step of the job in a file. The loop
/// takes three lines:
///
/// ```
/// # use kinde_users::operations::{DeleteUser, DeleteUserSessions};
/// use kinde_users::{DynOperation, Erase, Error, Removal, Job, Reply};
/// # fn call(_: &DynOperation) -> Result<Reply, Error> {
/// #     Ok(Reply::new::<DeleteUser>(http::Response::new(br#"{"code":"OK"}"#.to_vec())))
/// # }
///
/// let mut erase = Erase::new("kp_1");
/// while let Some(operation) = erase.next_call() {
///     erase.handle(call(&operation))?;
/// }
/// assert_eq!(erase.output().user, Some(Removal::Deleted));
/// # Ok::<(), Error>(())
/// ```
pub trait Job {
    /// The result of the job.
    type Output;

    /// Returns the next call, or `None` if the job is complete.
    ///
    /// The call may have been made even if [`handle`](Self::handle) never receives its result, for
    /// instance because a future was dropped. If this case matters for a job that you write, its
    /// `next_call` must take the case into account.
    fn next_call(&mut self) -> Option<DynOperation>;

    /// Handles the result of the last call.
    ///
    /// # Errors
    ///
    /// Returns the error of the call if the job cannot continue. [`next_call`](Self::next_call)
    /// then returns the failed call again.
    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error>;

    /// Returns the result so far. The result is complete if [`next_call`](Self::next_call) returns
    /// `None`.
    fn output(&self) -> Self::Output;
}
