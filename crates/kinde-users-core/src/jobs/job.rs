//! Jobs: tasks of several calls.

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::protocol::dyn_operation::DynOperation;

/// A task that takes several calls: [`Erase`](crate::Erase), [`Suspend`](crate::Suspend),
/// [`FindUser`](crate::FindUser), `Import` of the crate `kinde-users-import`, or one of your own.
///
/// A job is a state machine without I/O. [`Client::run`](crate::Client::run) and
/// [`AsyncClient::run`](crate::AsyncClient::run) make its calls. A loop of your own takes three
/// lines, and can write a journal in between:
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

    /// Returns the next call. `None` at the end.
    ///
    /// The call may have been made even if [`handle`](Self::handle) never receives its result, for
    /// instance if a future was dropped. A job takes that into account if it matters.
    fn next_call(&mut self) -> Option<DynOperation>;

    /// Takes the result of the call.
    ///
    /// # Errors
    ///
    /// Returns the error of the call if the job cannot continue. The next call that the job returns
    /// then repeats the failed one.
    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error>;

    /// Returns the result so far. It is complete if there is no next call.
    fn output(&self) -> Self::Output;
}
