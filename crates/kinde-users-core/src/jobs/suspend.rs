//! Suspending a user.

use core::fmt;

use serde::Serialize;

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::jobs::job::Job;
use crate::jobs::removal::{SESSIONS, confirm, gone};
use crate::operations::delete_user_sessions::DeleteUserSessions;
use crate::operations::update_user::{UpdateUser, UpdatedUser};
use crate::protocol::dyn_operation::DynOperation;
use crate::types::ids::UserId;

/// Suspends a user and ends all sessions of the user. The job is idempotent.
///
/// If the service answers 2xx, but the body names another user or says that the user is not
/// suspended, the job fails with [`Error::Decode`] and
/// [`DecodeCategory::NotDone`](crate::DecodeCategory::NotDone).
///
/// ```
/// use kinde_users::operations::UpdateUser;
/// use kinde_users::{Job, Suspend};
///
/// let mut suspend = Suspend::new("kp_1");
/// assert!(suspend.next_call().is_some_and(|operation| operation.is::<UpdateUser>()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Suspend(Suspended);

/// The result of a [`Suspend`]. It says what the job did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Suspended {
    /// The id of the user.
    pub user_id: UserId,
    /// Whether the job suspended the user.
    pub is_suspended: bool,
    /// Whether all sessions that the user had before the suspension have ended.
    pub is_signed_out: bool,
}

impl Suspend {
    /// Creates a job that suspends the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self(Suspended { user_id: user_id.into(), is_suspended: false, is_signed_out: false })
    }
}

impl Job for Suspend {
    type Output = Suspended;

    fn next_call(&mut self) -> Option<DynOperation> {
        let Suspended { user_id, is_suspended, is_signed_out } = &self.0;
        match (is_suspended, is_signed_out) {
            // The user is suspended first, so that no session begins between the two calls.
            (false, _) => Some(DynOperation::new(UpdateUser::new(user_id).is_suspended(true))),
            (true, false) => Some(DynOperation::new(DeleteUserSessions::new(user_id))),
            (true, true) => None,
        }
    }

    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        if self.0.is_suspended {
            // The user existed a moment ago. If it has no sessions, it is signed out.
            gone(result, &SESSIONS)?;
            self.0.is_signed_out = true;
        } else {
            let user_id = &self.0.user_id;
            confirm(result, |updated: &UpdatedUser| match updated.is_suspended {
                _ if !is_same_id(&updated.id, user_id) => Some("id"),
                Some(false) => Some("is_suspended"),
                _ => None,
            })?;
            self.0.is_suspended = true;
        }
        Ok(())
    }

    fn output(&self) -> Suspended {
        self.0.clone()
    }
}

/// Whether two ids belong to one user. Old ids have a colon (`kp:…`) in the place of `_`.
fn is_same_id(one: &UserId, other: &UserId) -> bool {
    one.as_str().replace(':', "_") == other.as_str().replace(':', "_")
}

impl fmt::Debug for Suspend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
