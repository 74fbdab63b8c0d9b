//! What is measured, each beside its floor: the least that a program could do by hand for the same
//! result.
#![allow(dead_code, reason = "each bench uses a part of it")]

mod by_hand;
pub(crate) mod callgrind;
mod page;
mod plain;
pub(crate) mod row;

use std::cell::Cell;
use std::hint::black_box;
use std::io;
use std::task::Waker;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use kinde_users_core::models::User;
use kinde_users_core::operations::{GetUserData, GetUsers, UpdateUserProperties};
use kinde_users_core::{
    AccessToken, CallOptions, Client, Clock, Credentials, Domain, Exchange, Input, Instant, Operation, Reply,
    Step, Tenant, Text, Transport, build_request, transport_fn,
};
use serde::Deserialize;

use page::{page, token, user_data};
use row::{Limit, Target};

/// What is measured of one thing.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) ours: Work,
    /// What of `ours` is not the matter, and is taken off.
    pub(crate) less: Option<Work>,
    pub(crate) floor: Work,
    pub(crate) instructions: Limit,
    pub(crate) allocations: Limit,
    /// In nanoseconds where it is a difference.
    pub(crate) time: Target,
}

pub(crate) type Work = Box<dyn Fn()>;

/// Work whose result is dropped within it.
fn work<T>(work: impl Fn() -> T + 'static) -> Work {
    Box::new(move || drop(black_box(work())))
}

pub(crate) const ID: &str = "kp_c3143a4b50ad43c88e541d9077681782";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = by_hand::requests();
    cases.extend(pages());
    cases.extend([
        one_user(),
        token_reply(),
        one_error(),
        exchange(),
        limited_exchange(),
        retried_exchange(),
    ]);
    cases
}

/// A case of building a request, whose floor makes the very same one.
fn request<O: Operation + 'static>(
    operation: O,
    floor: impl Fn(&AccessToken) -> Request<Vec<u8>> + 'static,
) -> Case {
    let (domain, token) = (acme(), AccessToken::new(&token()).expect("a good token"));
    let built = build_request(&operation, &domain, &token).expect("good arguments");
    let by_hand = floor(&token);
    assert_eq!(
        (by_hand.method(), by_hand.uri(), by_hand.headers(), by_hand.body()),
        (built.method(), built.uri(), built.headers(), built.body())
    );
    let same_token = token.clone();
    Case {
        name: format!("build {}", O::META.name),
        ours: work(move || build_request(black_box(&operation), &domain, &token)),
        less: None,
        floor: work(move || floor(black_box(&same_token))),
        instructions: Target::Times(1.3).into(),
        allocations: Target::More(1.0).guarded(Target::More(0.0)),
        time: Target::Told,
    }
}

/// The same page read into models of four kinds; the floor is what generated clients do.
fn pages() -> [Case; 4] {
    #[derive(Deserialize)]
    struct Slim<'a> {
        #[serde(borrow)]
        users: Vec<SlimUser<'a>>,
    }
    #[derive(Deserialize)]
    struct SlimUser<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(borrow)]
        email: Option<Text<'a>>,
    }

    let page = page();
    let reply = Reply::new::<GetUsers>(Response::new(page.clone()));
    let (borrowing, bare, slim) = (reply.clone(), reply.clone(), reply.clone());
    let plain: plain::Page = serde_json::from_slice(&page).expect("a page");
    let ours = reply.parse::<GetUsers>().expect("a page");
    assert!(ours.users.iter().map(|user| user.id.as_str()).eq(plain.users.iter().map(|user| &*user.id)));
    let few: Slim<'_> = reply.parse_as().expect("a page");
    assert!(
        few.users.iter().map(|user| user.email.as_deref()).eq(ours.users.iter().map(|user| user.email()))
    );
    assert!(few.users.iter().all(|user| user.id.is_borrowed()));

    let case = |name: &str, target: Target, ours| {
        let page = page.clone();
        Case {
            name: format!("parse a page of 500 users, {name}"),
            ours,
            less: None,
            floor: work(move || serde_json::from_slice::<plain::Page>(black_box(&page)).expect("a page")),
            instructions: target.into(),
            allocations: Target::Times(1.0).into(),
            time: target,
        }
    };
    [
        case(
            "owned",
            Target::Times(0.85),
            work(move || black_box(&reply).parse::<GetUsers>().expect("a page")),
        ),
        case(
            "borrowing",
            Target::Times(0.6),
            Box::new(move || {
                drop(black_box(
                    black_box(&borrowing).parse_as::<plain::BorrowingPage<Text<'_>>>().expect("a page"),
                ));
            }),
        ),
        // As little as `serde_json` can do for a whole model. It fails where a text holds an
        // escape.
        case(
            "borrowing, of bare &str",
            Target::Told,
            Box::new(move || {
                drop(black_box(black_box(&bare).parse_as::<plain::BorrowingPage<&str>>().expect("a page")));
            }),
        ),
        case(
            "slim",
            Target::Times(0.42),
            Box::new(move || drop(black_box(black_box(&slim).parse_as::<Slim<'_>>().expect("a page")))),
        ),
    ]
}

fn one_user() -> Case {
    let body = user_data();
    let reply = Reply::new::<GetUserData>(Response::new(body.clone()));
    Case {
        name: "parse one user".to_owned(),
        ours: work(move || black_box(&reply).parse::<GetUserData>().expect("a user")),
        less: None,
        floor: work(move || serde_json::from_slice::<plain::User>(black_box(&body)).expect("a user")),
        instructions: Target::Times(1.0).into(),
        allocations: Target::Times(1.0).into(),
        time: Target::Times(1.0),
    }
}

/// From the reply of the token endpoint to the token in the tenant. What comes next in the same
/// step, the operation's request, is taken off by a step that begins with a token.
fn token_reply() -> Case {
    let body =
        format!(r#"{{"access_token":"{}","expires_in":86399,"scope":"","token_type":"bearer"}}"#, token());
    let mut tenant = Tenant::new(acme(), Credentials::new("client", "secret"));
    let begun = Exchange::new(&GetUserData::new(ID), &tenant, CallOptions::new()).expect("good arguments");
    let mut waiting = begun.clone();
    assert!(matches!(waiting.advance(&mut tenant, Instant::START, Input::Start), Step::Send(_)));
    let tenant_with_token = with_token();
    let floor_body = body.clone().into_bytes();
    let step = move |tenant: &Tenant, exchange: &Exchange, body: &str, is_reply: bool| {
        let (mut tenant, mut exchange) = (tenant.clone(), exchange.clone());
        let response = Response::new(body.as_bytes().to_vec());
        let input = if is_reply {
            Input::Response(response)
        } else {
            drop(black_box(response));
            Input::Start
        };
        let step = exchange.advance(&mut tenant, Instant::START, input);
        assert!(matches!(&step, Step::Send(request) if request.uri().path() == "/api/v1/user"));
        (tenant, exchange, step)
    };
    let other_body = body.clone();
    Case {
        name: "parse a token reply".to_owned(),
        ours: work(move || step(&tenant, &waiting, &body, true)),
        less: Some(work(move || step(&tenant_with_token, &begun, &other_body, false))),
        floor: work(move || {
            let reply: plain::Token = serde_json::from_slice(black_box(&floor_body)).expect("a token");
            let mut value =
                http::HeaderValue::try_from(format!("Bearer {}", reply.access_token)).expect("a token");
            value.set_sensitive(true);
            (value, reply)
        }),
        instructions: Target::Times(1.0).into(),
        allocations: Target::Times(1.0).into(),
        time: Target::Told,
    }
}

/// From the reply that is an error to the error, its reply kept.
fn one_error() -> Case {
    let body = br#"{"errors":[{"code":"USER_NOT_FOUND","message":"User not found"}]}"#.to_vec();
    let response = |body: &[u8]| {
        let mut response = Response::new(black_box(body).to_vec());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    };
    let same_body = body.clone();
    Case {
        name: "parse one error".to_owned(),
        ours: work(move || Reply::new::<GetUserData>(response(&body)).into_result().expect_err("an error")),
        less: None,
        floor: work(move || {
            let response = response(&same_body);
            let errors: plain::Errors = serde_json::from_slice(response.body()).expect("errors");
            (response, errors)
        }),
        instructions: Target::Told.into(),
        allocations: Target::Told.into(),
        time: Target::Told,
    }
}

/// A whole call of a client over a transport that has the reply at hand, beside the request and the
/// parsing alone.
fn exchange() -> Case {
    let usual = CallOptions::new();
    Case {
        // The target is one of time. This is what was counted, and some to spare.
        instructions: Target::Told.guarded(Target::More(3000.0)),
        allocations: Target::More(2.0).guarded(Target::More(0.0)),
        time: Target::More(300.0),
        ..exchange_with("a whole exchange in memory", usual)
    }
}

/// The request has to carry what the limit is, where it is not the usual one.
fn limited_exchange() -> Case {
    let limited = CallOptions::new().attempt_timeout(Duration::from_secs(10));
    let allocations = Target::Told.guarded(Target::More(3.0));
    Case { allocations, ..exchange_with("a whole exchange with a time limit of its own", limited) }
}

fn exchange_with(name: &str, options: CallOptions) -> Case {
    let body = user_data();
    let same_body = body.clone();
    let client = client(with_token(), move |request| answer(request, StatusCode::OK, &body));
    let client = client.with_options(options);
    let operation = GetUserData::new(ID);
    let same_operation = operation.clone();
    let (domain, token) = (acme(), AccessToken::new(&token()).expect("a good token"));
    Case {
        name: name.to_owned(),
        ours: work(move || client.send(black_box(&operation)).expect("a user")),
        less: None,
        floor: work(move || {
            let request = build_request(black_box(&same_operation), &domain, &token).expect("good arguments");
            let response = answer(request, StatusCode::OK, &same_body);
            let text = std::str::from_utf8(response.body()).expect("text");
            serde_json::from_str::<User>(text).expect("a user")
        }),
        instructions: Target::Told.into(),
        allocations: Target::Told.into(),
        time: Target::Told,
    }
}

/// A call with a body that is answered 503 and then well, beside one that is answered well at once.
/// Each has a tenant of its own: one tenant would soon have spent what it may retry.
fn retried_exchange() -> Case {
    let call = |first: StatusCode| {
        let operation = UpdateUserProperties::new(ID).property("kp_usr_city", "Bendigo");
        let tenant = with_token();
        work(move || {
            let is_first = Cell::new(true);
            let client = client(tenant.clone(), |request| {
                let status = if is_first.take() { first } else { StatusCode::OK };
                answer(request, status, if status.is_success() { b"{}" } else { b"" })
            });
            client.send(black_box(&operation)).expect("done")
        })
    };
    Case {
        name: "an exchange with a retry, against one without".to_owned(),
        ours: call(StatusCode::SERVICE_UNAVAILABLE),
        less: None,
        floor: call(StatusCode::OK),
        instructions: Target::Told.into(),
        // Headers take 2, the body 1. The error that is kept while it is retried takes 1. The URI
        // and `Authorization` are shared.
        allocations: Target::Told.guarded(Target::More(4.0)),
        time: Target::Told,
    }
}

/// A client over a transport that has the reply at hand, with a clock that is always where it has
/// to be.
fn client(
    tenant: Tenant,
    answer: impl Fn(Request<Vec<u8>>) -> Response<Vec<u8>>,
) -> Client<impl Transport<Error = io::Error>, impl Clock> {
    struct Leaping(Cell<Instant>);

    impl Clock for Leaping {
        fn now(&self) -> Instant {
            self.0.get()
        }

        fn waker(&self) -> Waker {
            Waker::noop().clone()
        }

        fn wait_until(&self, until: Instant) {
            self.0.set(until);
        }
    }

    let transport = transport_fn(move |request| Ok::<_, io::Error>(answer(request)));
    Client::new(tenant, transport, Leaping(Cell::new(Instant::START)))
}

fn answer(request: Request<Vec<u8>>, status: StatusCode, body: &[u8]) -> Response<Vec<u8>> {
    drop(black_box(request));
    let mut response = Response::new(body.to_vec());
    *response.status_mut() = status;
    response
}

fn acme() -> Domain {
    Domain::parse("acme").expect("a good domain")
}

fn with_token() -> Tenant {
    let mut tenant = Tenant::new(acme(), Credentials::new("client", "secret"));
    tenant.supply_token(AccessToken::new(&token()).expect("a good token"), None, Instant::START);
    tenant
}
