//! Erasing a user.

use core::fmt;

use serde::Serialize;

use crate::api::reply::Reply;
use crate::error::call::Error;
use crate::jobs::job::Job;
use crate::jobs::removal::{Removal, SESSIONS, USER, gone};
use crate::operations::delete_user::DeleteUser;
use crate::operations::delete_user_sessions::DeleteUserSessions;
use crate::protocol::dyn_operation::DynOperation;
use crate::types::ids::UserId;

/// Erases a user. The job first ends the sessions of the user, and then deletes the user together
/// with the Kinde profile. The job is idempotent.
///
/// ```
/// use kinde_users::operations::{DeleteUser, DeleteUserSessions};
/// use kinde_users::{Erase, Job};
///
/// let mut erase = Erase::new("kp_1");
/// assert!(erase.next_call().is_some_and(|operation| operation.is::<DeleteUserSessions>()));
/// ```
///
/// If the user does not exist, for instance because the id is mistyped, the result is
/// [`Removal::AlreadyAbsent`] and not an error. Only an error in Kinde's own form proves that a
/// user is absent ([`ApiError::is_not_there`](crate::ApiError::is_not_there)). The 404 of a proxy
/// proves nothing. The error code must say that a user is absent, as `USER_NOT_FOUND` does. For
/// the call that ends the sessions, the job also accepts `SESSION_NOT_FOUND`.
///
/// The result is [`Removal::Deleted`] if the service answers 2xx with an empty body, with the code
/// `OK`, or with the message `Success` and no code. With any other body, the job fails with
/// [`Error::Decode`] and [`DecodeCategory::NotDone`](crate::DecodeCategory::NotDone).
#[derive(Clone, PartialEq, Eq)]
pub struct Erase(Erased);

/// The result of an [`Erase`]. It says what the job deleted. The fields `sessions` and `user` are
/// `None` as long as the job does not know the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Erased {
    /// The id of the user.
    pub user_id: UserId,
    /// Whether the job deleted the sessions of the user, or found them absent.
    pub sessions: Option<Removal>,
    /// Whether the job deleted the user and the profile, or found them absent.
    pub user: Option<Removal>,
}

impl Erase {
    /// Creates a job that erases the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self(Erased { user_id: user_id.into(), sessions: None, user: None })
    }
}

impl Job for Erase {
    type Output = Erased;

    fn next_call(&mut self) -> Option<DynOperation> {
        let Erased { user_id, sessions, user } = &self.0;
        match (sessions, user) {
            // The sessions end first, so that no session outlives its user.
            (None, _) => Some(DynOperation::new(DeleteUserSessions::new(user_id))),
            (Some(_), None) => Some(DynOperation::new(DeleteUser::new(user_id).is_delete_profile(true))),
            (Some(_), Some(_)) => None,
        }
    }

    fn handle(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        let Erased { sessions, user, .. } = &mut self.0;
        if sessions.is_none() {
            *sessions = Some(gone(result, &SESSIONS)?);
        } else {
            *user = Some(gone(result, &USER)?);
        }
        Ok(())
    }

    fn output(&self) -> Erased {
        self.0.clone()
    }
}

impl fmt::Debug for Erase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
