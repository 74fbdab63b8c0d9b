//! What is shared and not copied: the `Authorization` header and the URI by all requests, and the
//! body of a response by all that is read of it.

use std::time::Duration;

use http::{Request, Response};
use kinde_users_core::operations::{GetUserData, GetUsers};
use kinde_users_core::{
    AccessToken, CallOptions, Credentials, Delivery, Domain, Exchange, Input, Instant, Step, Tenant, Text,
};
use serde::Deserialize;

fn sent(step: Step) -> Request<Vec<u8>> {
    match step {
        Step::Send(request) => request,
        other => panic!("{other:?}"),
    }
}

fn authorization(request: &Request<Vec<u8>>) -> &[u8] {
    request.headers()["authorization"].as_bytes()
}

#[test]
fn token_and_uri_are_not_copied() {
    let token = AccessToken::new("eyJhbGciOi...").unwrap();
    let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
    tenant.supply_token(token.clone(), None, Instant::START);
    let mut begin = |operation: &GetUserData| {
        let mut exchange = Exchange::new(operation, &tenant, CallOptions::new()).unwrap();
        let first = sent(exchange.advance(&mut tenant, Instant::START, Input::Start));
        let step = exchange.advance(&mut tenant, Instant::START, Input::Failed(Delivery::Unknown));
        assert!(matches!(step, Step::Wait(_)), "{step:?}");
        let later = Instant::from_start(Duration::from_secs(60));
        [first, sent(exchange.advance(&mut tenant, later, Input::Woken))]
    };
    let calls = [begin(&GetUserData::new("kp_1")), begin(&GetUserData::new("kp_2"))];

    for request in calls.iter().flatten() {
        assert_eq!(authorization(request).as_ptr(), token.authorization().as_bytes().as_ptr());
    }
    for [first, second] in &calls {
        assert_eq!(first.uri().query(), second.uri().query());
        assert_eq!(first.uri().query().unwrap().as_ptr(), second.uri().query().unwrap().as_ptr());
    }
}

#[test]
fn reply_is_read_where_the_response_left_it() {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        users: Vec<Row<'a>>,
    }
    #[derive(Deserialize)]
    struct Row<'a> {
        #[serde(borrow)]
        id: Text<'a>,
    }

    let body = br#"{"users":[{"id":"kp_1"}]}"#.to_vec();
    let place = body.as_ptr();
    let tenant = &mut Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
    tenant.supply_token(AccessToken::new("t").unwrap(), None, Instant::START);
    let mut exchange = Exchange::new(&GetUsers::new(), tenant, CallOptions::new()).unwrap();
    sent(exchange.advance(tenant, Instant::START, Input::Start));
    let step = exchange.advance(tenant, Instant::START, Input::Response(Response::new(body)));
    let Step::Done(Ok(reply)) = step else { panic!("{step:?}") };

    assert_eq!(reply.body().as_ptr(), place);
    let page: Page<'_> = reply.parse_as().unwrap();
    assert_eq!(page.users[0].id.as_str().as_ptr(), reply.body()[17..].as_ptr());
    let body = reply.into_body();
    assert_eq!(body.as_ptr(), place);
}
