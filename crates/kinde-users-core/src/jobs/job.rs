//! What takes several calls, as machines: which call comes next, given what came of the last one.

use core::fmt;

use alloc::boxed::Box;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::api::reply::Reply;
use crate::client::blocking::CallError;
use crate::error::call::{DecodeCategory, DecodeError, Effect, Error};
use crate::operations::delete_user::DeleteUser;
use crate::operations::delete_user_sessions::DeleteUserSessions;
use crate::operations::update_user::{UpdateUser, UpdatedUser};
use crate::protocol::any_operation::AnyOperation;
use crate::types::ids::UserId;
use crate::types::lenient::Object;
use crate::types::text::Personal;

/// Several calls that are one thing to do, with no I/O: [`Erase`], [`Suspend`], `Import` of the crate `kinde-users-import`, or one of
/// your own.
///
/// [`Client::run`](crate::Client::run) and [`AsyncClient::run`](crate::AsyncClient::run) make the calls. By hand it is three
/// lines, which can write a journal in between:
///
/// ```
/// # use kinde_users_core::operations::{DeleteUser, DeleteUserSessions};
/// use kinde_users_core::{AnyOperation, Erase, Error, Gone, Job, Reply};
/// # fn call(_: &AnyOperation) -> Result<Reply, Error> {
/// #     Ok(Reply::new::<DeleteUser>(http::Response::new(br#"{"code":"OK"}"#.to_vec())))
/// # }
///
/// let mut erase = Erase::new("kp_1");
/// while let Some(operation) = erase.next_call() {
///     erase.called(call(&operation))?;
/// }
/// assert_eq!(erase.output().user, Some(Gone::Now));
/// # Ok::<(), Error>(())
/// ```
pub trait Job {
    /// What there is to tell.
    type Output;

    /// The call to make next; `None` at the end.
    ///
    /// What was handed out may have been made, even if [`called`](Self::called) is never told of it, as where a future was dropped.
    /// A job takes note of that where it matters.
    fn next_call(&mut self) -> Option<AnyOperation>;

    /// Takes in what came of the call.
    ///
    /// # Errors
    ///
    /// The error of the call, if the job cannot go on. Asked for the next call, it is for another try.
    fn called(&mut self, result: Result<Reply, Error>) -> Result<(), Error>;

    /// What came of it so far: all of it, if there is no next call.
    fn output(&self) -> Self::Output;
}

/// Tells the job of a call over a transport, whose own error goes with that of the protocol.
pub(crate) fn take_in<J: Job, E>(
    job: &mut J,
    result: Result<Reply, CallError<E>>,
) -> Result<(), CallError<E>> {
    let (result, transport) = match result {
        Ok(reply) => (Ok(reply), None),
        Err(error) => {
            let (error, transport) = error.into_parts();
            (Err(error), transport)
        }
    };
    job.called(result).map_err(|error| CallError::new(error, transport))
}

/// What became of something that was to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gone {
    /// It was there, and is gone by this.
    Now,
    /// It was not there: it was gone before, or never was.
    Before,
}

/// What the DELETE of a user answers, as far as it says whether it was done.
#[derive(Default, Deserialize)]
struct Receipt {
    code: Option<Personal>,
    message: Option<Personal>,
    errors: Option<IgnoredAny>,
}

impl Receipt {
    /// The field that does not confirm the success, or is missing for it.
    fn denial(&self) -> Option<&'static str> {
        let is = |text: &str, says: &str| text.eq_ignore_ascii_case(says);
        match (&self.errors, &self.code, &self.message) {
            (Some(_), ..) => Some("errors"),
            (None, Some(code), _) => (!is(code, "OK")).then_some("code"),
            (None, None, Some(message)) => (!is(message, "Success")).then_some("message"),
            (None, None, None) => Some("code"),
        }
    }
}

/// Reads a success, and makes an error of one whose body denies it: `denial` names the field.
fn confirm<T: DeserializeOwned>(
    result: Result<Reply, Error>,
    denial: impl FnOnce(&T) -> Option<&'static str>,
) -> Result<(), Error> {
    let reply = result?.into_result()?;
    let error = match reply.parse_as::<T>() {
        Ok(output) => match denial(&output) {
            Some(field) => {
                DecodeError { path: field.into(), line: 1, column: 0, category: DecodeCategory::NotDone }
            }
            None => return Ok(()),
        },
        Err(error) => error,
    };
    Err(Error::Decode { error: Box::new(error), reply: Box::new(reply) })
}

/// The success of a DELETE, or the failure that means as much: that one of `things` is not there.
fn gone(result: Result<Reply, Error>, things: &[&str]) -> Result<Gone, Error> {
    // An empty body is a success too.
    let denial =
        |receipt: &Option<Object<Receipt>>| receipt.as_ref().and_then(|Object(receipt)| receipt.denial());
    match confirm(result, denial) {
        Ok(()) => Ok(Gone::Now),
        Err(error) if error.as_api().is_some_and(|error| error.names_missing(things)) => {
            // An attempt before this one may have done it, and then most likely has.
            Ok(if error.effect() == Effect::No { Gone::Before } else { Gone::Now })
        }
        Err(error) => Err(error),
    }
}

/// What is missing where a user is gone, and where the user's sessions are.
const USER: [&str; 1] = ["USER"];
const SESSIONS: [&str; 3] = ["USER", "SESSION", "SESSIONS"];

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
/// A user that is not there is [`Gone::Before`] and no error, which a mistyped id is too. Only an
/// error of Kinde's own says so ([`ApiError::is_not_there`](crate::ApiError::is_not_there)), and
/// not the 404 of a proxy. Its code has to name the user, or where it is about the sessions, them.
///
/// [`Gone::Now`] needs a success with an empty body, or with the code `OK`, or with the message
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
    pub sessions: Option<Gone>,
    /// The user, and the profile.
    pub user: Option<Gone>,
}

impl Erase {
    /// Of the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self(Erased { user_id: user_id.into(), sessions: None, user: None })
    }
}

impl Job for Erase {
    type Output = Erased;

    fn next_call(&mut self) -> Option<AnyOperation> {
        let Erased { user_id, sessions, user } = &self.0;
        match (sessions, user) {
            // First, so that nobody is signed in as a user who is no more.
            (None, _) => Some(AnyOperation::new(DeleteUserSessions::new(user_id))),
            (Some(_), None) => Some(AnyOperation::new(DeleteUser::new(user_id).is_delete_profile(true))),
            (Some(_), Some(_)) => None,
        }
    }

    fn called(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
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

/// Suspends a user, and signs them out of everything. Done twice it is done once.
///
/// A success whose body has another user's id, or says that the user is not suspended, is an
/// [`Error::Decode`] with [`DecodeCategory::NotDone`](crate::DecodeCategory::NotDone).
///
/// ```
/// use kinde_users_core::operations::UpdateUser;
/// use kinde_users_core::{Job, Suspend};
///
/// let mut suspend = Suspend::new("kp_1");
/// assert!(suspend.next_call().is_some_and(|operation| operation.is::<UpdateUser>()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Suspend(Suspended);

/// What became of a [`Suspend`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Suspended {
    /// The user.
    pub user_id: UserId,
    /// Whether the user is suspended by this.
    pub is_suspended: bool,
    /// Whether there is no session left that was there before.
    pub is_signed_out: bool,
}

impl Suspend {
    /// Of the user with this id.
    pub fn new(user_id: impl Into<UserId>) -> Self {
        Self(Suspended { user_id: user_id.into(), is_suspended: false, is_signed_out: false })
    }
}

impl Job for Suspend {
    type Output = Suspended;

    fn next_call(&mut self) -> Option<AnyOperation> {
        let Suspended { user_id, is_suspended, is_signed_out } = &self.0;
        match (is_suspended, is_signed_out) {
            // First, so that nobody signs in again between the two.
            (false, _) => Some(AnyOperation::new(UpdateUser::new(user_id).is_suspended(true))),
            (true, false) => Some(AnyOperation::new(DeleteUserSessions::new(user_id))),
            (true, true) => None,
        }
    }

    fn called(&mut self, result: Result<Reply, Error>) -> Result<(), Error> {
        if self.0.is_suspended {
            // A user who was there a moment ago and has no sessions is signed out.
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

/// Whether two ids are of one user. Old ids have a colon (`kp:…`) where new ones have `_`.
fn is_same_id(one: &UserId, other: &UserId) -> bool {
    one.as_str().replace(':', "_") == other.as_str().replace(':', "_")
}

/// `Debug` by what there is to tell.
macro_rules! debug_by_output {
    ($($job:ty),+) => {$(
        impl fmt::Debug for $job {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

debug_by_output!(Erase, Suspend);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::api::operation::Operation;
    use crate::error::call::ApiError;
    use http::Response;
    use std::boxed::Box;
    use std::string::String;
    use std::vec::Vec;

    pub(crate) fn answer<O: Operation>(status: u16, body: &str) -> Reply {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = status.try_into().unwrap();
        Reply::new::<O>(response)
    }

    pub(crate) fn refusal<O: Operation>(status: u16, body: &str, effect: Effect) -> Result<Reply, Error> {
        Err(Error::Api(Box::new(ApiError::new(answer::<O>(status, body), effect))))
    }

    pub(crate) fn names<J: Job>(
        job: &mut J,
        mut call: impl FnMut(&AnyOperation) -> Result<Reply, Error>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(operation) = job.next_call() {
            names.push(operation.meta().name.into());
            if let Err(error) = job.called(call(&operation)) {
                names.push(std::format!("{error}"));
                break;
            }
        }
        names
    }

    #[expect(clippy::unnecessary_wraps, reason = "as a call answers")]
    fn ok(_: &AnyOperation) -> Result<Reply, Error> {
        Ok(answer::<DeleteUser>(200, r#"{"id":"kp_1","code":"OK"}"#))
    }

    #[test]
    fn a_user_is_erased_after_the_sessions_are_ended() {
        let mut erase = Erase::new("kp_1");
        assert_eq!(names(&mut erase, ok), ["delete_user_sessions", "delete_user"]);
        let erased = erase.output();
        assert_eq!((erased.sessions, erased.user), (Some(Gone::Now), Some(Gone::Now)));
        assert_eq!(
            serde_json::to_string(&erased).unwrap(),
            r#"{"user_id":"kp_1","sessions":"now","user":"now"}"#
        );
    }

    #[test]
    fn who_is_not_there_was_gone_before_unless_an_attempt_of_this_call_may_have_done_it() {
        let unknown = r#"{"errors":[{"code":"USER_INVALID"}]}"#;
        let no_sessions = r#"{"errors":{"code":"SESSION_NOT_FOUND"}}"#;
        for (effect, told) in [(Effect::No, Gone::Before), (Effect::Possible, Gone::Now)] {
            let mut erase = Erase::new("kp_1");
            names(&mut erase, |operation| {
                if operation.is::<DeleteUser>() {
                    refusal::<DeleteUser>(400, unknown, effect)
                } else {
                    refusal::<DeleteUserSessions>(404, no_sessions, Effect::No)
                }
            });
            assert_eq!((erase.output().sessions, erase.output().user), (Some(Gone::Before), Some(told)));
        }
    }

    #[test]
    fn sessions_that_cannot_be_ended_keep_the_user_and_the_job_goes_on_where_it_was() {
        let mut erase = Erase::new("kp_1");
        let refused = |_: &AnyOperation| refusal::<DeleteUserSessions>(403, "", Effect::No);
        let told = "delete_user_sessions: HTTP 403 (needs scope delete:user_sessions)";
        assert_eq!(names(&mut erase, refused), ["delete_user_sessions", told]);
        assert_eq!((erase.output().sessions, erase.output().user), (None, None));
        assert_eq!(names(&mut erase, ok), ["delete_user_sessions", "delete_user"]);
    }

    #[test]
    fn what_is_no_reply_of_kinde_certifies_nothing() {
        for (status, body) in [(200, "<html>Please sign in</html>"), (403, ""), (302, "{}")] {
            let page = |_: &AnyOperation| Ok(answer::<DeleteUser>(status, body));
            let mut erase = Erase::new("kp_1");
            assert_eq!(names(&mut erase, page).len(), 2, "{status}");
            assert_eq!((erase.output().sessions, erase.output().user), (None, None), "{status}");
            let operation = erase.next_call().unwrap();
            erase.called(ok(&operation)).unwrap();
            assert_eq!(names(&mut erase, page).len(), 2, "{status}");
            assert_eq!(erase.output().user, None, "{status}");
            let mut suspend = Suspend::new("kp_1");
            names(&mut suspend, page);
            assert!(!suspend.output().is_suspended, "{status}");
            suspend.called(Ok(answer::<UpdateUser>(200, r#"{"id":"kp_1"}"#))).unwrap();
            names(&mut suspend, page);
            assert!(!suspend.output().is_signed_out, "{status}");
        }
    }

    #[test]
    fn a_success_that_its_body_denies_certifies_nothing() {
        for (body, field) in [
            (r#"{"id":"kp_1","is_suspended":false}"#, "is_suspended"),
            (r#"{"id":"kp_2","is_suspended":true}"#, "id"),
            (r#"{"id":"kp_2"}"#, "id"),
        ] {
            let mut suspend = Suspend::new("kp_1");
            let error = suspend.called(Ok(answer::<UpdateUser>(200, body))).unwrap_err();
            assert_eq!(error.effect(), Effect::Possible, "{body}");
            let says = std::format!(
                "update_user: HTTP 200: the reply does not confirm what was asked for at {field} (line 1, column 0)"
            );
            assert_eq!(std::format!("{error}"), says);
            assert!(!suspend.output().is_suspended, "{body}");
            suspend.called(Ok(answer::<UpdateUser>(200, r#"{"id":"kp:1","is_suspended":true}"#))).unwrap();
            assert!(suspend.output().is_suspended);
        }
        for body in [
            r#"{"errors":[{"code":"USER_INVALID"}]}"#,
            r#"{"code":"OK","errors":[{"code":"USER_INVALID"}]}"#,
            r#"{"errors":{"code":"ROUTE_NOT_FOUND"}}"#,
            r#"{"errors":[]}"#,
            r#"{"code":"ERROR"}"#,
            r#"{"code":"ERROR","message":"Success"}"#,
            r#"{"message":"no Route matched with those values"}"#,
            r#"{"status":"ok"}"#,
            r#"{"code":null,"message":null}"#,
            r#"{"id":"kp_1"}"#,
            "{}",
        ] {
            let mut erase = Erase::new("kp_1");
            for stage in 0..2 {
                let error = erase.called(Ok(answer::<DeleteUser>(200, body))).unwrap_err();
                let Error::Decode { error: why, .. } = &error else { panic!("{error:?}") };
                assert_eq!(why.category(), DecodeCategory::NotDone, "{body}");
                assert_eq!(error.effect(), Effect::Possible, "{body}");
                assert_eq!((erase.output().sessions.is_some(), erase.output().user), (stage == 1, None));
                erase.called(Ok(answer::<DeleteUser>(204, ""))).unwrap();
            }
            assert_eq!(erase.output().user, Some(Gone::Now));
        }
        for body in ["", "null", r#"{"code":"OK","errors":null}"#, r#"{"message":"Success"}"#] {
            let mut erase = Erase::new("kp_1");
            assert_eq!(names(&mut erase, |_| Ok(answer::<DeleteUser>(200, body))).len(), 2);
            assert_eq!((erase.output().sessions, erase.output().user), (Some(Gone::Now), Some(Gone::Now)));
        }
    }

    #[test]
    fn a_code_about_another_thing_certifies_no_deletion() {
        let refused = |code: &str| {
            let body = std::format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
            refusal::<DeleteUser>(404, &body, Effect::No)
        };
        for (code, of_sessions, of_user) in [
            ("USER_NOT_FOUND", true, true),
            ("USER_INVALID", true, true),
            ("SESSION_NOT_FOUND", true, false),
            ("SESSIONS_NOT_FOUND", true, false),
            ("USER_SESSION_NOT_FOUND", true, false),
            ("FEATURE_FLAG_NOT_FOUND", false, false),
            ("USER_PROPERTY_NOT_FOUND", false, false),
            ("MFA_NOT_FOUND", false, false),
            ("IDENTITY_NOT_FOUND", false, false),
        ] {
            let mut erase = Erase::new("kp_1");
            assert_eq!(erase.called(refused(code)).is_ok(), of_sessions, "{code}");
            if !of_sessions {
                erase.called(Ok(answer::<DeleteUser>(204, ""))).unwrap();
            }
            assert_eq!(erase.called(refused(code)).is_ok(), of_user, "{code}");
            assert_eq!(erase.output().user, of_user.then_some(Gone::Before), "{code}");
        }
    }

    #[test]
    fn a_not_found_that_is_none_of_kinde_or_of_a_route_certifies_nothing() {
        for (status, body) in [
            (404, "<html><center>nginx: no such route</center></html>"),
            (404, ""),
            (410, ""),
            (404, r#"{"message":"no Route matched with those values"}"#),
            (
                404,
                r#"{"errors":{"code":"ROUTE_NOT_FOUND","message":"The requested API route does not exist"}}"#,
            ),
            (400, r#"{"errors":[{"code":"ID_REQUIRED"}]}"#),
        ] {
            for effect in [Effect::No, Effect::Possible] {
                let page = |_: &AnyOperation| refusal::<DeleteUser>(status, body, effect);
                let mut erase = Erase::new("kp_1");
                assert_eq!(names(&mut erase, page).len(), 2, "{status} {body}");
                assert_eq!((erase.output().sessions, erase.output().user), (None, None), "{status} {body}");
                let operation = erase.next_call().unwrap();
                erase.called(ok(&operation)).unwrap();
                assert_eq!(names(&mut erase, page).len(), 2, "{status} {body}");
                assert_eq!(erase.output().user, None, "{status} {body}");
                let mut suspend = Suspend::new("kp_1");
                let operation = suspend.next_call().unwrap();
                suspend.called(ok(&operation)).unwrap();
                assert_eq!(names(&mut suspend, page).len(), 2, "{status} {body}");
                assert!(!suspend.output().is_signed_out, "{status} {body}");
            }
        }
    }

    #[test]
    fn another_refusal_of_a_400_is_an_error() {
        let mut erase = Erase::new("kp_1");
        let refused = |_: &AnyOperation| refusal::<DeleteUserSessions>(400, r#"{"errors":[]}"#, Effect::No);
        assert_eq!(names(&mut erase, refused), ["delete_user_sessions", "delete_user_sessions: HTTP 400"]);
    }

    #[test]
    fn a_user_is_suspended_and_then_signed_out_and_both_are_told() {
        let mut suspend = Suspend::new("kp_1");
        let names_of = names(&mut suspend, |operation| {
            if operation.is::<UpdateUser>() {
                ok(operation)
            } else {
                refusal::<DeleteUserSessions>(403, "", Effect::No)
            }
        });
        assert_eq!(names_of.len(), 3);
        let told = suspend.output();
        assert_eq!((told.is_suspended, told.is_signed_out), (true, false));
        assert_eq!(names(&mut suspend, ok), ["delete_user_sessions"]);
        assert!(suspend.output().is_signed_out);
    }

    #[test]
    fn who_has_no_sessions_is_signed_out_and_who_is_not_there_cannot_be_suspended() {
        let body = r#"{"errors":{"code":"USER_NOT_FOUND"}}"#;
        let not_there = |_: &AnyOperation| refusal::<DeleteUserSessions>(404, body, Effect::No);
        let mut suspend = Suspend::new("kp_1");
        assert_eq!(names(&mut suspend, not_there).len(), 2);
        assert!(!suspend.output().is_suspended);
        let operation = suspend.next_call().unwrap();
        suspend.called(ok(&operation)).unwrap();
        assert_eq!(names(&mut suspend, not_there), ["delete_user_sessions"]);
        assert!(suspend.output().is_signed_out);
    }
}
