//! What jobs call, and what they make of replies.

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use http::Response;

use crate::api::decode_error::DecodeCategory;
use crate::api::operation::Operation;
use crate::api::reply::Reply;
use crate::error::api_error::ApiError;
use crate::error::call::Error;
use crate::jobs::erase::Erase;
use crate::jobs::job::Job;
use crate::jobs::removal::Removal;
use crate::jobs::suspend::Suspend;
use crate::operations::delete_user::DeleteUser;
use crate::operations::delete_user_sessions::DeleteUserSessions;
use crate::operations::update_user::UpdateUser;
use crate::protocol::dyn_operation::DynOperation;
use crate::types::effect::Effect;

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
    mut call: impl FnMut(&DynOperation) -> Result<Reply, Error>,
) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(operation) = job.next_call() {
        names.push(operation.meta().name.into());
        if let Err(error) = job.handle(call(&operation)) {
            names.push(std::format!("{error}"));
            break;
        }
    }
    names
}

#[expect(clippy::unnecessary_wraps, reason = "as a call answers")]
fn ok(_: &DynOperation) -> Result<Reply, Error> {
    Ok(answer::<DeleteUser>(200, r#"{"id":"kp_1","code":"OK"}"#))
}

#[test]
fn user_is_erased_after_the_sessions_are_ended() {
    let mut erase = Erase::new("kp_1");
    assert_eq!(names(&mut erase, ok), ["delete_user_sessions", "delete_user"]);
    let erased = erase.output();
    assert_eq!((erased.sessions, erased.user), (Some(Removal::Deleted), Some(Removal::Deleted)));
    assert_eq!(
        serde_json::to_string(&erased).unwrap(),
        r#"{"user_id":"kp_1","sessions":"deleted","user":"deleted"}"#
    );
}

#[test]
fn missing_user_was_gone_before_unless_retried() {
    let unknown = r#"{"errors":[{"code":"USER_INVALID"}]}"#;
    let no_sessions = r#"{"errors":{"code":"SESSION_NOT_FOUND"}}"#;
    for (effect, told) in [(Effect::None, Removal::AlreadyAbsent), (Effect::Possible, Removal::Deleted)] {
        let mut erase = Erase::new("kp_1");
        names(&mut erase, |operation| {
            if operation.is::<DeleteUser>() {
                refusal::<DeleteUser>(400, unknown, effect)
            } else {
                refusal::<DeleteUserSessions>(404, no_sessions, Effect::None)
            }
        });
        assert_eq!(
            (erase.output().sessions, erase.output().user),
            (Some(Removal::AlreadyAbsent), Some(told))
        );
    }
}

#[test]
fn failed_sign_out_keeps_the_user_and_resumes() {
    let mut erase = Erase::new("kp_1");
    let refused = |_: &DynOperation| refusal::<DeleteUserSessions>(403, "", Effect::None);
    let told = "delete_user_sessions: HTTP 403 (needs scope delete:user_sessions)";
    assert_eq!(names(&mut erase, refused), ["delete_user_sessions", told]);
    assert_eq!((erase.output().sessions, erase.output().user), (None, None));
    assert_eq!(names(&mut erase, ok), ["delete_user_sessions", "delete_user"]);
}

#[test]
fn what_is_no_reply_of_kinde_certifies_nothing() {
    for (status, body) in [(200, "<html>Please sign in</html>"), (403, ""), (302, "{}")] {
        let page = |_: &DynOperation| Ok(answer::<DeleteUser>(status, body));
        let mut erase = Erase::new("kp_1");
        assert_eq!(names(&mut erase, page).len(), 2, "{status}");
        assert_eq!((erase.output().sessions, erase.output().user), (None, None), "{status}");
        let operation = erase.next_call().unwrap();
        erase.handle(ok(&operation)).unwrap();
        assert_eq!(names(&mut erase, page).len(), 2, "{status}");
        assert_eq!(erase.output().user, None, "{status}");
        let mut suspend = Suspend::new("kp_1");
        names(&mut suspend, page);
        assert!(!suspend.output().is_suspended, "{status}");
        suspend.handle(Ok(answer::<UpdateUser>(200, r#"{"id":"kp_1"}"#))).unwrap();
        names(&mut suspend, page);
        assert!(!suspend.output().is_signed_out, "{status}");
    }
}

#[test]
fn success_denied_by_its_body_proves_nothing() {
    for (body, field) in [
        (r#"{"id":"kp_1","is_suspended":false}"#, "is_suspended"),
        (r#"{"id":"kp_2","is_suspended":true}"#, "id"),
        (r#"{"id":"kp_2"}"#, "id"),
    ] {
        let mut suspend = Suspend::new("kp_1");
        let error = suspend.handle(Ok(answer::<UpdateUser>(200, body))).unwrap_err();
        assert_eq!(error.effect(), Effect::Possible, "{body}");
        let says = std::format!(
            "update_user: HTTP 200: the reply does not confirm what was asked for at {field} (line 1, column 0)"
        );
        assert_eq!(std::format!("{error}"), says);
        assert!(!suspend.output().is_suspended, "{body}");
        suspend.handle(Ok(answer::<UpdateUser>(200, r#"{"id":"kp:1","is_suspended":true}"#))).unwrap();
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
            let error = erase.handle(Ok(answer::<DeleteUser>(200, body))).unwrap_err();
            let Error::Decode { error: why, .. } = &error else { panic!("{error:?}") };
            assert_eq!(why.category(), DecodeCategory::NotDone, "{body}");
            assert_eq!(error.effect(), Effect::Possible, "{body}");
            assert_eq!((erase.output().sessions.is_some(), erase.output().user), (stage == 1, None));
            erase.handle(Ok(answer::<DeleteUser>(204, ""))).unwrap();
        }
        assert_eq!(erase.output().user, Some(Removal::Deleted));
    }
    for body in ["", "null", r#"{"code":"OK","errors":null}"#, r#"{"message":"Success"}"#] {
        let mut erase = Erase::new("kp_1");
        assert_eq!(names(&mut erase, |_| Ok(answer::<DeleteUser>(200, body))).len(), 2);
        assert_eq!(
            (erase.output().sessions, erase.output().user),
            (Some(Removal::Deleted), Some(Removal::Deleted))
        );
    }
}

#[test]
fn code_about_another_thing_proves_no_deletion() {
    let refused = |code: &str| {
        let body = std::format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
        refusal::<DeleteUser>(404, &body, Effect::None)
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
        assert_eq!(erase.handle(refused(code)).is_ok(), of_sessions, "{code}");
        if !of_sessions {
            erase.handle(Ok(answer::<DeleteUser>(204, ""))).unwrap();
        }
        assert_eq!(erase.handle(refused(code)).is_ok(), of_user, "{code}");
        assert_eq!(erase.output().user, of_user.then_some(Removal::AlreadyAbsent), "{code}");
    }
}

#[test]
fn not_found_by_proxy_or_route_proves_nothing() {
    for (status, body) in [
        (404, "<html><center>nginx: no such route</center></html>"),
        (404, ""),
        (410, ""),
        (404, r#"{"message":"no Route matched with those values"}"#),
        (404, r#"{"errors":{"code":"ROUTE_NOT_FOUND","message":"The requested API route does not exist"}}"#),
        (400, r#"{"errors":[{"code":"ID_REQUIRED"}]}"#),
    ] {
        for effect in [Effect::None, Effect::Possible] {
            let page = |_: &DynOperation| refusal::<DeleteUser>(status, body, effect);
            let mut erase = Erase::new("kp_1");
            assert_eq!(names(&mut erase, page).len(), 2, "{status} {body}");
            assert_eq!((erase.output().sessions, erase.output().user), (None, None), "{status} {body}");
            let operation = erase.next_call().unwrap();
            erase.handle(ok(&operation)).unwrap();
            assert_eq!(names(&mut erase, page).len(), 2, "{status} {body}");
            assert_eq!(erase.output().user, None, "{status} {body}");
            let mut suspend = Suspend::new("kp_1");
            let operation = suspend.next_call().unwrap();
            suspend.handle(ok(&operation)).unwrap();
            assert_eq!(names(&mut suspend, page).len(), 2, "{status} {body}");
            assert!(!suspend.output().is_signed_out, "{status} {body}");
        }
    }
}

#[test]
fn another_refusal_of_a_400_is_an_error() {
    let mut erase = Erase::new("kp_1");
    let refused = |_: &DynOperation| refusal::<DeleteUserSessions>(400, r#"{"errors":[]}"#, Effect::None);
    assert_eq!(names(&mut erase, refused), ["delete_user_sessions", "delete_user_sessions: HTTP 400"]);
}

#[test]
fn suspend_reports_suspension_and_sign_out() {
    let mut suspend = Suspend::new("kp_1");
    let names_of = names(&mut suspend, |operation| {
        if operation.is::<UpdateUser>() {
            ok(operation)
        } else {
            refusal::<DeleteUserSessions>(403, "", Effect::None)
        }
    });
    assert_eq!(names_of.len(), 3);
    let told = suspend.output();
    assert_eq!((told.is_suspended, told.is_signed_out), (true, false));
    assert_eq!(names(&mut suspend, ok), ["delete_user_sessions"]);
    assert!(suspend.output().is_signed_out);
}

#[test]
fn suspend_needs_a_user_but_no_sessions() {
    let body = r#"{"errors":{"code":"USER_NOT_FOUND"}}"#;
    let not_there = |_: &DynOperation| refusal::<DeleteUserSessions>(404, body, Effect::None);
    let mut suspend = Suspend::new("kp_1");
    assert_eq!(names(&mut suspend, not_there).len(), 2);
    assert!(!suspend.output().is_suspended);
    let operation = suspend.next_call().unwrap();
    suspend.handle(ok(&operation)).unwrap();
    assert_eq!(names(&mut suspend, not_there), ["delete_user_sessions"]);
    assert!(suspend.output().is_signed_out);
}
