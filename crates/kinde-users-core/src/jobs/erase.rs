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

/// Erases a user: ends the sessions, then deletes the user with the profile, from all of Kinde. Done twice it is done once.
///
/// ```
/// use kinde_users_core::operations::{DeleteUser, DeleteUserSessions};
/// use kinde_users_core::{Erase, Job};
///
/// let mut erase = Erase::new("kp_1");
/// assert!(erase.next_call().is_some_and(|operation| operation.is::<DeleteUserSessions>()));
/// ```
///
/// A user that is not there is [`Removal::AlreadyAbsent`] and no error, which a mistyped id is too. Only an
/// error of Kinde's own says so ([`ApiError::is_not_there`](crate::ApiError::is_not_there)), and
/// not the 404 of a proxy. Its code has to name the user, or where it is about the sessions, them.
///
/// [`Removal::Deleted`] needs a success with an empty body, or with the code `OK`, or with the message
/// `Success` and no code. Another body is an [`Error::Decode`] with
/// [`DecodeCategory::NotDone`](crate::DecodeCategory::NotDone).
#[derive(Clone, PartialEq, Eq)]
pub struct Erase(Erased);

/// What became of an [`Erase`]; `None` for what was not reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Erased {
    /// The user.
    pub user_id: UserId,
    /// The user's sessions.
    pub sessions: Option<Removal>,
    /// The user, and the profile.
    pub user: Option<Removal>,
}

impl Erase {
    /// Of the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self(Erased { user_id: user_id.into(), sessions: None, user: None })
    }
}

impl Job for Erase {
    type Output = Erased;

    fn next_call(&mut self) -> Option<DynOperation> {
        let Erased { user_id, sessions, user } = &self.0;
        match (sessions, user) {
            // First, so that nobody is signed in as a user who is no more.
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
