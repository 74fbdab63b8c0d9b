//! What takes several calls, as a machine: which call comes next, given what came of the last one.

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::protocol::dyn_operation::DynOperation;

/// Several calls that are one thing to do, with no I/O: [`Erase`](crate::Erase),
/// [`Suspend`](crate::Suspend), `Import` of the crate `kinde-users-import`, or one of your own.
///
/// [`Client::run`](crate::Client::run) and [`AsyncClient::run`](crate::AsyncClient::run) make the calls. By hand it is three
/// lines, which can write a journal in between:
///
/// ```
/// # use kinde_users_core::operations::{DeleteUser, DeleteUserSessions};
/// use kinde_users_core::{DynOperation, Erase, Error, Removal, Job, Reply};
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
    /// What there is to tell.
    type Output;

    /// The call to make next; `None` at the end.
    ///
    /// What was handed out may have been made, even if [`called`](Self::called) is never told of it, as where a future was dropped.
    /// A job takes note of that where it matters.
    fn next_call(&mut self) -> Option<DynOperation>;

    /// Takes in what came of the call.
    ///
    /// # Errors
    ///
    /// The error of the call, if the job cannot go on. Asked for the next call, it is for another try.
    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error>;

    /// What came of it so far: all of it, if there is no next call.
    fn output(&self) -> Self::Output;
}
