//! What the fuzz targets do with their bytes.

use http::Response;
use kinde_users_core::operations::*;
use kinde_users_core::{
    AccessToken, CallOptions, Credentials, Domain, Effect, Error, Exchange, Input, Instant, Operation, Reply, RetryPolicy, Step, Tenant,
};

/// Bytes as a reply: the first two are the status, the rest is the body. Every type of reply reads it, and what comes of it
/// has to be consistent.
pub fn reply(data: &[u8]) {
    let Some((head, body)) = data.split_at_checked(2) else { return };
    let status = 100 + u16::from_le_bytes([head[0], head[1]]) % 900;
    let response = || {
        let mut response = Response::new(body.to_vec());
        *response.status_mut() = status.try_into().expect("a status is 100 to 999");
        response
    };
    answer(&GetUsers::new(), response());
    answer(&GetUserData::new("kp_1"), response());
    answer(&CreateUser::new(), response());
    answer(&UpdateUser::new("kp_1"), response());
    answer(&DeleteUser::new("kp_1"), response());
    answer(&CreateUserIdentity::email("kp_1", "a@example.com"), response());
    answer(&CreateUserBillingCustomer::new("kp_1", "org_1", "a@example.com"), response());
    answer(&GetUserIdentities::new("kp_1"), response());
    answer(&GetUserPropertyValues::new("kp_1"), response());
    answer(&GetUserSessions::new("kp_1"), response());
    answer(&GetUsersMfa::new("kp_1"), response());
    token(response());
}

fn answer<O: Operation>(operation: &O, response: Response<Vec<u8>>) {
    let credentials = Credentials::access_token(AccessToken::new("t").expect("a token"));
    let mut tenant = Tenant::new(Domain::parse("acme").expect("a domain"), credentials);
    let mut exchange = Exchange::new(operation, &tenant, CallOptions::new().retry(RetryPolicy::never())).expect("arguments that can be sent");
    let _ = exchange.advance(&mut tenant, Instant::START, Input::Start);
    let success = response.status().is_success();
    let body = response.body().clone();
    let Step::Done(result) = exchange.advance(&mut tenant, Instant::START, Input::Response(response)) else {
        return;
    };
    assert_eq!(result.is_ok(), success);
    match result.and_then(Reply::into_output::<O>) {
        Ok(_) => {}
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            assert!(!format!("{error:?}").is_empty());
            if let Error::Decode { error: decode, reply, .. } = &error {
                assert_eq!(error.effect(), Effect::Happened);
                assert_eq!(reply.body(), body);
                assert!(decode.line() >= 1);
                assert!(reply.unknown_fields::<O>().is_err());
            }
            if let Some(api) = error.as_api() {
                assert_eq!(api.reply().body(), body);
                let _ = (api.body(), api.reset(), api.request_ids().count());
            }
        }
    }
}

/// The same as the token endpoint's reply.
fn token(response: Response<Vec<u8>>) {
    let mut tenant = Tenant::new(Domain::parse("acme").expect("a domain"), Credentials::new("id", "secret"));
    let mut exchange = Exchange::new(&GetUsers::new(), &tenant, CallOptions::new().retry(RetryPolicy::never())).expect("no arguments");
    let _ = exchange.advance(&mut tenant, Instant::START, Input::Start);
    match exchange.advance(&mut tenant, Instant::START, Input::Response(response)) {
        Step::Send(request) => assert!(request.headers()["authorization"].is_sensitive()),
        Step::Done(Err(error)) => assert_eq!(error.effect(), Effect::No),
        Step::Done(Ok(reply)) => panic!("nothing was sent, and yet there is {reply:?}"),
        Step::Wait(_) => {}
    }
}
