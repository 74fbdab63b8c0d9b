//! The exchange in virtual time: one test a cell of the table in its documentation, and the rules
//! around it.

use core::time::Duration;
use std::mem::size_of;

use http::{Request, Response};
use kinde_users_core::operations::{
    CreateUser, CreateUserBillingCustomer, DeleteUser, DeleteUserSessions, GetUserData, GetUserIdentities,
    GetUserSessions, GetUsers, GetUsersMfa, RefreshUserClaims,
};
use kinde_users_core::{
    AccessToken, AuthProblem, BodyFailure, CallOptions, Credentials, Delivery, Domain, Effect, Error,
    Exchange, Input, Instant, Operation, Reply, RetryPolicy, Step, Tenant, Wait, request_timeout,
};

/// A tenant, and the time.
struct World {
    tenant: Tenant,
    now: Instant,
}

/// A call in that world.
struct Call {
    exchange: Exchange,
    told: u32,
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Back-off of exactly nothing, so that only resets are waited for.
fn eager() -> RetryPolicy {
    RetryPolicy::default().backoff(Duration::ZERO)
}

impl World {
    /// With a token that never ends.
    fn with_token() -> Self {
        let mut world = Self::new();
        world.tenant.supply_token(AccessToken::new("first").unwrap(), None, world.now);
        world
    }

    /// With no token.
    fn new() -> Self {
        let tenant = Tenant::new(Domain::parse("acme").unwrap(), Credentials::new("id", "secret"));
        Self { tenant, now: Instant::START }
    }

    fn call<O: Operation>(&self, operation: &O, options: CallOptions) -> Call {
        Call { exchange: Exchange::new(operation, &self.tenant, options).unwrap(), told: 0 }
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
    }

    fn tell(&mut self, call: &mut Call, input: Input) -> Step {
        call.told += 1;
        assert!(call.told < 100, "it never ends");
        call.exchange.advance(&mut self.tenant, self.now, input)
    }

    fn start(&mut self, call: &mut Call) -> Step {
        self.tell(call, Input::Start)
    }

    fn answer(&mut self, call: &mut Call, status: u16, headers: &[(&'static str, &str)], body: &str) -> Step {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.tell(call, Input::Response(response.body(body.as_bytes().to_vec()).unwrap()))
    }

    fn status(&mut self, call: &mut Call, status: u16) -> Step {
        self.answer(call, status, &[], r#"{"id":"kp_1","users":[]}"#)
    }

    /// The head of a response comes, and its body cannot be read.
    fn head(
        &mut self,
        call: &mut Call,
        status: u16,
        headers: &[(&'static str, &str)],
        failure: BodyFailure,
    ) -> Step {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.tell(call, Input::HeadOnly(response.body(failure).unwrap()))
    }

    fn issue(&mut self, call: &mut Call, token: &str, expires_in: &str) -> Step {
        let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{expires_in}}}"#);
        self.answer(call, 200, &[], &body)
    }

    /// Waits as long as the step says, and goes on.
    fn sit_out(&mut self, call: &mut Call, step: &Step) -> Step {
        self.now = waits(step).until;
        self.tell(call, Input::Woken)
    }

    /// Waits until the step is not to wait.
    fn sit_out_all(&mut self, call: &mut Call, mut step: Step) -> Step {
        while matches!(step, Step::Wait(_)) {
            step = self.sit_out(call, &step);
        }
        step
    }
}

#[track_caller]
fn sends(step: &Step) -> &Request<Vec<u8>> {
    match step {
        Step::Send(request) => request,
        other => panic!("{other:?} is no request"),
    }
}

/// The token that an operation is sent with.
#[track_caller]
fn sends_with(step: &Step) -> &str {
    sends(step).headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
}

#[track_caller]
fn asks_for_a_token(step: &Step) {
    assert_eq!(sends(step).uri(), "https://acme.kinde.com/oauth2/token");
}

#[track_caller]
fn waits(step: &Step) -> Wait {
    match step {
        Step::Wait(wait) => *wait,
        other => panic!("{other:?} is no wait"),
    }
}

#[track_caller]
fn fails(step: Step) -> Error {
    match step {
        Step::Done(Err(error)) => error,
        other => panic!("{other:?} is no error"),
    }
}

#[track_caller]
fn succeeds(step: Step) -> Reply {
    match step {
        Step::Done(Ok(reply)) => reply,
        other => panic!("{other:?} is no reply"),
    }
}

/// What an attempt can end in, but for what has tests of its own.
#[derive(Clone, Copy, Debug)]
enum Ends {
    NotSent,
    Unknown,
    Status(u16),
    HeadOnly(u16, BodyFailure),
}

/// What a call comes to whose first attempt ends like this, and whose second one, if there is one,
/// succeeds.
fn comes_to<O: Operation>(operation: &O, ends: Ends) -> Result<u32, Error> {
    let mut world = World::with_token();
    let mut call = world.call(operation, CallOptions::new().retry(eager()));
    let first = world.start(&mut call);
    sends(&first);
    let mut step = match ends {
        Ends::NotSent => world.tell(&mut call, Input::Failed(Delivery::NotSent)),
        Ends::Unknown => world.tell(&mut call, Input::Failed(Delivery::Unknown)),
        Ends::Status(status) => world.status(&mut call, status),
        Ends::HeadOnly(status, failure) => world.head(&mut call, status, &[], failure),
    };
    let mut sent = 1;
    loop {
        step = match step {
            Step::Wait(_) => world.sit_out(&mut call, &step),
            Step::Send(_) => {
                sent += 1;
                world.status(&mut call, 200)
            }
            Step::Done(result) => return result.map(|_| sent),
        }
    }
}

/// Checks one row of the table: whether each class of replay is retried, and the effect where it is
/// not.
fn row(ends: Ends, safe: Option<Effect>, idempotent: Option<Effect>, only_if_unsent: Option<Effect>) {
    let cells = [
        (comes_to(&GetUsers::new(), ends), safe),
        (comes_to(&DeleteUser::new("kp_1"), ends), idempotent),
        (comes_to(&CreateUser::new(), ends), only_if_unsent),
    ];
    for (column, (found, expected)) in cells.into_iter().enumerate() {
        match (found, expected) {
            (Ok(2), None) => {}
            (Err(error), Some(effect)) => assert_eq!(error.effect(), effect, "{ends:?}, column {column}"),
            other => panic!("{ends:?}, column {column}: {other:?}"),
        }
    }
}

#[test]
fn not_sent_is_retried_for_every_class() {
    row(Ends::NotSent, None, None, None);
}

#[test]
fn unknown_delivery_is_retried_if_safe() {
    row(Ends::Unknown, None, None, Some(Effect::Possible));
    let error = comes_to(&CreateUser::new(), Ends::Unknown).unwrap_err();
    assert!(matches!(error, Error::UnknownOutcome(_)), "{error:?}");
}

#[test]
fn passing_server_error_is_retried_if_safe() {
    for status in [408, 460, 499, 500, 502, 503, 504] {
        row(Ends::Status(status), None, None, Some(Effect::Possible));
    }
}

#[test]
fn throttled_call_of_any_class_is_retried() {
    row(Ends::Status(429), None, None, None);
}

#[test]
fn policy_can_forbid_retry_of_throttled_create() {
    let mut world = World::with_token();
    let options = CallOptions::new().retry(eager().throttled_creates(false));
    let mut call = world.call(&CreateUser::new(), options);
    world.start(&mut call);
    let step = world.answer(&mut call, 429, &[("ratelimit-reset", "5")], "");
    let error = fails(step);
    assert_eq!(error.as_api().unwrap().reset(), Some(seconds(5)));
    assert_eq!(error.effect(), Effect::None);
    // The gate is closed for others all the same.
    let mut other = world.call(&GetUsers::new(), options);
    let step = world.start(&mut other);
    assert!(waits(&step).until >= Instant::from_start(seconds(5)));
}

#[test]
fn other_refusals_end_the_call() {
    for status in [400, 402, 403, 404, 405, 409, 410, 413, 417, 421, 422, 423, 425, 426, 431, 444, 451, 498] {
        row(Ends::Status(status), Some(Effect::None), Some(Effect::None), Some(Effect::None));
    }
}

#[test]
fn other_server_error_ends_call_with_open_effect() {
    for status in [501, 505, 507, 511, 520, 521, 522, 524, 530, 561, 599, 600, 999, 101] {
        let open = Some(Effect::Possible);
        row(Ends::Status(status), open, open, open);
    }
}

#[test]
fn redirect_is_an_error_and_not_followed() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let open = Some(Effect::Possible);
        row(Ends::Status(status), open, open, open);
    }
}

#[test]
fn any_2xx_is_a_success() {
    for status in [200, 201, 202, 204, 206, 299] {
        let mut world = World::with_token();
        let mut call = world.call(&CreateUser::new(), CallOptions::new());
        world.start(&mut call);
        assert_eq!(succeeds(world.status(&mut call, status)).status().as_u16(), status);
    }
}

#[test]
fn unreadable_success_reports_its_effect() {
    fn unreadable<O: Operation>(operation: &O) -> Effect {
        let mut world = World::with_token();
        let mut call = world.call(operation, CallOptions::new());
        world.start(&mut call);
        let reply = succeeds(world.answer(&mut call, 200, &[], "<html>"));
        reply.into_output::<O>().err().map(|error| error.effect()).unwrap()
    }
    assert_eq!(unreadable(&GetUsers::new()), Effect::Happened);
    assert_eq!(unreadable(&DeleteUser::new("kp_1")), Effect::Happened);
    assert_eq!(unreadable(&CreateUser::new()), Effect::Happened);
}

// ---- 401 and 403
// ------------------------------------------------------------------------------------------

const BODY_FAILURES: [BodyFailure; 2] = [BodyFailure::Broken, BodyFailure::TooLarge];

#[test]
fn lost_success_body_is_retried_unless_create() {
    for status in [200, 201, 202, 299] {
        row(Ends::HeadOnly(status, BodyFailure::Broken), None, None, Some(Effect::Happened));
        let happened = Some(Effect::Happened);
        row(Ends::HeadOnly(status, BodyFailure::TooLarge), happened, happened, happened);
    }
    for failure in BODY_FAILURES {
        let error = comes_to(&CreateUser::new(), Ends::HeadOnly(201, failure)).unwrap_err();
        assert_eq!(
            error.to_string(),
            match failure {
                BodyFailure::TooLarge =>
                    "create_user: HTTP 201: the service reported success, but its body is larger than the \
                     transport allows",
                _ =>
                    "create_user: HTTP 201: the service reported success, but its body is broken or \
                     incomplete",
            }
        );
        let Error::Body { failure: kept, reply, .. } = error else { panic!("{error:?}") };
        assert_eq!((kept, reply.status().as_u16(), reply.body()), (failure, 201, &b""[..]));
    }
}

#[test]
fn lost_error_body_counts_as_empty() {
    for failure in BODY_FAILURES {
        for status in [400, 404, 409, 413] {
            let no = Some(Effect::None);
            row(Ends::HeadOnly(status, failure), no, no, no);
        }
        for status in [100, 302, 304, 501] {
            let possible = Some(Effect::Possible);
            row(Ends::HeadOnly(status, failure), possible, possible, possible);
        }
        for status in [408, 460, 499, 500, 502, 503, 504] {
            row(Ends::HeadOnly(status, failure), None, None, Some(Effect::Possible));
        }
        row(Ends::HeadOnly(429, failure), None, None, None);
        let error = comes_to(&CreateUser::new(), Ends::HeadOnly(404, failure)).unwrap_err();
        let reply = error.as_api().unwrap().reply();
        assert_eq!((reply.status().as_u16(), reply.body()), (404, &b""[..]));
    }
}

#[test]
fn throttle_without_body_holds_all_calls() {
    for failure in BODY_FAILURES {
        let mut world = World::with_token();
        let mut calls = [0, 1].map(|_| world.call(&CreateUser::new(), CallOptions::new()));
        world.start(&mut calls[0]);
        let wait = waits(&world.head(&mut calls[0], 429, &[("retry-after", "7")], failure));
        assert!(wait.until >= Instant::from_start(seconds(7)), "{wait:?}");
        assert!(waits(&world.start(&mut calls[1])).until >= Instant::from_start(seconds(7)));
    }
}

#[test]
fn refused_token_without_body_is_renewed() {
    for failure in BODY_FAILURES {
        let mut world = World::with_token();
        let mut call = world.call(&CreateUser::new(), CallOptions::new());
        world.start(&mut call);
        asks_for_a_token(&world.head(&mut call, 401, &[], failure));
        sends(&world.issue(&mut call, "second", "100"));
        succeeds(world.status(&mut call, 200));
    }
}

#[test]
fn exhausted_lost_success_reports_its_effect() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().retry(eager().attempts(2)));
    world.start(&mut call);
    sends(&world.head(&mut call, 200, &[], BodyFailure::Broken));
    let error = fails(world.tell(&mut call, Input::Failed(Delivery::NotSent)));
    assert_eq!(error.effect(), Effect::Happened, "{error:?}");
    // A DELETE that succeeded and then finds nothing has done its work.
    let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(eager()));
    world.start(&mut call);
    sends(&world.head(&mut call, 200, &[], BodyFailure::Broken));
    let not_there = r#"{"errors":[{"code":"USER_NOT_FOUND"}]}"#;
    let error = fails(world.answer(&mut call, 404, &[], not_there));
    assert!(error.is_already_gone() && error.effect() == Effect::Happened, "{error:?}");
}

#[test]
fn token_endpoint_status_counts_without_body() {
    let asks = || {
        let mut world = World::new();
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        asks_for_a_token(&world.start(&mut call));
        (world, call)
    };
    for failure in BODY_FAILURES {
        for status in [400, 401, 403, 404] {
            let (mut world, mut call) = asks();
            let error = fails(world.head(&mut call, status, &[], failure));
            let Error::Auth(error) = error else { panic!("{error:?}") };
            assert!(
                matches!(error.problem(), AuthProblem::Refused { status: kept, .. } if *kept == status),
                "{error:?}"
            );
        }
        for status in [302, 408, 429, 460, 499, 500, 503] {
            let (mut world, mut call) = asks();
            let wait = waits(&world.head(&mut call, status, &[("retry-after", "7")], failure));
            assert!(wait.until >= Instant::from_start(seconds(7)), "{status}: {wait:?}");
        }
    }
}

#[test]
fn lost_token_body_is_retried_unless_too_large() {
    let mut world = World::new();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    let step = world.head(&mut call, 200, &[("retry-after", "7")], BodyFailure::Broken);
    assert!(waits(&step).until >= Instant::from_start(seconds(7)));
    asks_for_a_token(&world.sit_out(&mut call, &step));
    let error = fails(world.head(&mut call, 200, &[], BodyFailure::TooLarge));
    assert_eq!(
        error.to_string(),
        "get_users: no access token: the token endpoint reported success, but its body is larger than \
         the transport allows"
    );
    let Error::Auth(error) = error else { panic!("{error:?}") };
    assert_eq!(format!("{:?}", error.problem()), "Body(TooLarge)");
}

#[test]
fn token_cut_by_own_deadline_spares_others() {
    let mut world = World::new();
    let mut hurried = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(1)));
    world.start(&mut hurried);
    world.pass(seconds(1));
    fails(world.head(&mut hurried, 200, &[], BodyFailure::Broken));
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut other));
}

#[test]
fn refused_repeat_after_unknown_outcome_happened() {
    type Before = Option<fn() -> Input>;

    const EXISTS: &str = r#"{"errors":[{"code":"BILLING_CUSTOMER_EXISTS","message":"Exists"}]}"#;
    let operation = CreateUserBillingCustomer::new("kp_1", "org_1", "ada@example.com");
    for ends in [Ends::NotSent, Ends::Unknown, Ends::Status(503), Ends::Status(429), Ends::Status(408)] {
        assert_eq!(comes_to(&operation, ends).unwrap(), 2, "{ends:?}");
    }
    assert_eq!(comes_to(&operation, Ends::HeadOnly(200, BodyFailure::Broken)).unwrap(), 2);

    let attempts: [(Before, Effect); 4] = [
        (None, Effect::None),
        (Some(|| Input::Failed(Delivery::NotSent)), Effect::None),
        (Some(|| Input::Failed(Delivery::Unknown)), Effect::Happened),
        (Some(|| Input::Response(Response::builder().status(504).body(vec![]).unwrap())), Effect::Happened),
    ];
    for (before, effect) in attempts {
        let mut world = World::with_token();
        let mut call = world.call(&operation, CallOptions::new().retry(eager()));
        sends(&world.start(&mut call));
        if let Some(before) = before {
            sends(&world.tell(&mut call, before()));
        }
        let error = fails(world.answer(&mut call, 400, &[], EXISTS));
        assert_eq!(error.effect(), effect, "{error:?}");
        assert!(error.as_api().unwrap().has_code("BILLING_CUSTOMER_EXISTS"));
    }

    // Other refusals, and the code from another operation or with another status, prove nothing.
    let mut world = World::with_token();
    let mut call = world.call(&operation, CallOptions::new().retry(eager()));
    world.start(&mut call);
    world.tell(&mut call, Input::Failed(Delivery::Unknown));
    world.answer(&mut call, 503, &[], EXISTS);
    let error = fails(world.answer(&mut call, 400, &[], r#"{"errors":[{"code":"BILLING_PLAN_INVALID"}]}"#));
    assert_eq!(error.effect(), Effect::Possible);
    let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(eager()));
    world.start(&mut call);
    world.tell(&mut call, Input::Failed(Delivery::Unknown));
    assert_eq!(fails(world.answer(&mut call, 400, &[], EXISTS)).effect(), Effect::Possible);
}

#[test]
fn second_401_after_renewal_is_an_error() {
    fn refused_twice<O: Operation>(operation: &O) {
        let mut world = World::with_token();
        let mut call = world.call(operation, CallOptions::new().retry(RetryPolicy::never()));
        let step = world.start(&mut call);
        assert_eq!(sends_with(&step), "first");
        let step = world.status(&mut call, 401);
        asks_for_a_token(&step);
        let step = world.issue(&mut call, "second", "3600");
        assert_eq!(sends_with(&step), "second");
        let error = fails(world.status(&mut call, 401));
        assert!(matches!(error, Error::Api(_)), "{error:?}");
        assert_eq!(error.effect(), Effect::None);
    }
    refused_twice(&GetUsers::new());
    refused_twice(&DeleteUser::new("kp_1"));
    refused_twice(&CreateUser::new());
}

#[test]
fn user_agent_names_the_program_before_the_library() {
    let ours = concat!("kinde-users/", env!("CARGO_PKG_VERSION"));
    for (program, expected) in [(None, ours.to_owned()), (Some("my-sync/1.0"), format!("my-sync/1.0 {ours}"))]
    {
        let mut world = World::new();
        if let Some(program) = program {
            world.tenant = world.tenant.with_user_agent(&program.parse().unwrap());
        }
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        let step = world.start(&mut call);
        asks_for_a_token(&step);
        assert_eq!(sends(&step).headers()["user-agent"], expected);
        let step = world.issue(&mut call, "first", "3600");
        assert_eq!(sends(&step).headers()["user-agent"], expected);
    }
}

#[test]
fn late_401_keeps_a_newer_token() {
    let mut world = World::with_token();
    let (mut one, mut two) =
        (world.call(&GetUsers::new(), CallOptions::new()), world.call(&GetUsers::new(), CallOptions::new()));
    world.start(&mut one);
    world.start(&mut two);
    let step = world.status(&mut one, 401);
    asks_for_a_token(&step);
    world.issue(&mut one, "second", "3600");
    // The other one's 401 is for the token that is gone already.
    let step = world.status(&mut two, 401);
    assert_eq!(sends_with(&step), "second");
}

#[test]
fn refused_token_without_renewal_is_an_error() {
    let credentials = Credentials::access_token(AccessToken::new("only").unwrap());
    let tenant = Tenant::new(Domain::parse("acme").unwrap(), credentials);
    let mut world = World { tenant, now: Instant::START };
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let step = world.start(&mut call);
    assert_eq!(sends_with(&step), "only");
    assert!(matches!(fails(world.status(&mut call, 401)), Error::Api(_)));
}

#[test]
fn forbidden_names_scope_unless_policy_renews() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    let error = fails(world.answer(&mut call, 403, &[], ""));
    assert_eq!(error.as_api().unwrap().needed_scopes(), ["read:users"]);
    assert_eq!(error.to_string(), "get_users: HTTP 403 (needs scope read:users)");

    let options = CallOptions::new().retry(RetryPolicy::new().reauthenticate_on_403(true));
    let mut call = world.call(&GetUsers::new(), options);
    world.start(&mut call);
    let step = world.status(&mut call, 403);
    asks_for_a_token(&step);
    let step = world.issue(&mut call, "second", "3600");
    assert_eq!(sends_with(&step), "second");
    assert!(matches!(fails(world.status(&mut call, 403)), Error::Api(_)));
}

// ---- Waiting
// ----------------------------------------------------------------------------------------------

#[test]
fn back_off_doubles_and_is_spread() {
    check_back_off(World::with_token);
}

#[test]
fn so_is_that_of_the_token_endpoint() {
    check_back_off(World::new);
}

/// Checks how long a call waits whose requests are not sent.
fn check_back_off(world: fn() -> World) {
    let mut longest = [Duration::ZERO; 4];
    let mut shortest = [Duration::MAX; 4];
    for seed in 0..200 {
        let mut world = world();
        world.tenant = world.tenant.with_seed(seed);
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        world.start(&mut call);
        for attempt in 0..4 {
            let before = world.now;
            let step = world.tell(&mut call, Input::Failed(Delivery::NotSent));
            let wait = waits(&step).until.saturating_since(before);
            longest[attempt] = longest[attempt].max(wait);
            shortest[attempt] = shortest[attempt].min(wait);
            sends(&world.sit_out(&mut call, &step));
        }
    }
    for (attempt, most) in [500, 1000, 2000, 4000].into_iter().enumerate() {
        let most = Duration::from_millis(most);
        assert!(longest[attempt] <= most && longest[attempt] > most / 10 * 9, "{longest:?}");
        assert!(shortest[attempt] < most / 10, "{shortest:?}");
    }
}

#[test]
fn reset_holds_all_calls_and_frees_one_by_one() {
    let mut world = World::with_token();
    let mut first = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut first);
    let step = world.answer(&mut first, 429, &[("ratelimit-reset", "17")], "");
    let opens = Instant::from_start(seconds(17));
    let mut leaves = vec![waits(&step).until];
    for _ in 0..50 {
        let mut call = world.call(&CreateUser::new(), CallOptions::new());
        let step = world.start(&mut call);
        leaves.push(waits(&step).until);
    }
    assert!(leaves.iter().all(|at| *at >= opens && *at <= opens.saturating_add(seconds(1))), "{leaves:?}");
    leaves.sort_unstable();
    leaves.dedup();
    assert!(leaves.len() > 45, "{leaves:?}");
    // Over the whole of that second.
    let width = leaves[leaves.len() - 1].saturating_since(leaves[0]);
    assert!(width > Duration::from_millis(900), "{width:?}");
}

#[test]
fn retry_after_of_an_error_holds_one_call() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    let step = world.answer(&mut call, 503, &[("retry-after", "9")], "");
    assert_eq!(waits(&step).until, Instant::from_start(seconds(9)));
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    sends(&world.start(&mut other));
}

#[test]
fn reset_beyond_deadline_ends_call_at_once() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(10)));
    world.start(&mut call);
    let error = fails(world.answer(&mut call, 429, &[("ratelimit-reset", "60")], ""));
    assert!(matches!(&error, Error::Exhausted { attempts: 1, .. }), "{error:?}");
    let api = error.as_api().unwrap();
    assert_eq!((api.status().as_u16(), api.reset()), (429, Some(seconds(60))));
    // And the next call, which has nothing to show yet, too.
    let mut call = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(10)));
    assert!(matches!(fails(world.start(&mut call)), Error::TotalTimeout { effect: Effect::None, .. }));
}

#[test]
fn reset_holds_the_tenant_an_hour_at_most() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().total_timeout(Duration::MAX));
    world.start(&mut call);
    let step = world.answer(&mut call, 429, &[("ratelimit-reset", "86400")], "");
    assert!(waits(&step).until <= Instant::from_start(seconds(3601)));
}

#[test]
fn throttle_without_usable_reset_lasts_a_second() {
    for headers in [
        &[] as &[_],
        &[("ratelimit-reset", "86401")],
        &[("ratelimit-reset", "1795449000")],
        &[("retry-after", "1764360000")],
        &[("ratelimit-reset", "soon")],
    ] {
        let mut world = World::with_token();
        let mut first = world.call(&GetUsers::new(), CallOptions::new());
        world.start(&mut first);
        world.answer(&mut first, 429, headers, "");
        let mut other = world.call(&GetUsers::new(), CallOptions::new());
        let until = waits(&world.start(&mut other)).until.since_start();
        assert!((seconds(1)..=seconds(2)).contains(&until), "{headers:?}: {until:?}");
    }
}

#[test]
fn attempts_are_spent_and_the_last_error_is_kept() {
    let mut world = World::with_token();
    let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(eager().attempts(3)));
    world.start(&mut call);
    sends(&world.tell(&mut call, Input::Failed(Delivery::Unknown)));
    sends(&world.tell(&mut call, Input::Failed(Delivery::NotSent)));
    let error = fails(world.status(&mut call, 503));
    assert_eq!(error.to_string(), "delete_user: HTTP 503 (gave up after 3 attempts)");
    assert_eq!(error.effect(), Effect::Possible);
    let Error::Exhausted { attempts: 3, last, .. } = error else { panic!("{error:?}") };
    assert!(matches!(*last, Error::Api(_)));
}

#[test]
fn failed_token_request_for_the_last_attempt_counts_too() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().retry(eager().attempts(1)));
    world.start(&mut call);
    asks_for_a_token(&world.status(&mut call, 401));
    let error = fails(world.status(&mut call, 503));
    assert!(matches!(error, Error::Exhausted { attempts: 2, .. }), "{error:?}");
}

#[test]
fn shared_budget_is_refilled_by_success() {
    let mut world = World::with_token();
    world.tenant = world.tenant.with_retry_budget(1);
    let options = CallOptions::new().retry(eager());
    let mut one = world.call(&GetUsers::new(), options);
    world.start(&mut one);
    sends(&world.status(&mut one, 500));
    let mut two = world.call(&GetUsers::new(), options);
    world.start(&mut two);
    let error = fails(world.status(&mut two, 500));
    assert!(matches!(error, Error::Exhausted { attempts: 1, .. }), "{error:?}");
    for _ in 0..10 {
        let mut good = world.call(&GetUsers::new(), options);
        world.start(&mut good);
        succeeds(world.status(&mut good, 200));
    }
    let mut three = world.call(&GetUsers::new(), options);
    world.start(&mut three);
    sends(&world.status(&mut three, 500));
}

#[test]
fn deadline_in_a_wait_reports_the_last_error() {
    let mut world = World::with_token();
    let policy = RetryPolicy::new().backoff(seconds(1000)).longest_backoff(seconds(1000));
    let options = CallOptions::new().total_timeout(seconds(3)).retry(policy);
    let mut call = world.call(&GetUsers::new(), options);
    world.start(&mut call);
    let error = fails(world.status(&mut call, 500));
    assert!(matches!(error, Error::Exhausted { attempts: 1, effect: Effect::Possible, .. }), "{error:?}");
}

#[test]
fn default_timeouts_are_30_and_120_seconds() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().retry(eager()));
    assert_eq!(request_timeout(sends(&world.start(&mut call))), seconds(30));
    world.pass(seconds(119));
    assert_eq!(request_timeout(sends(&world.status(&mut call, 500))), seconds(1));
    world.pass(seconds(1));
    let error = fails(world.tell(&mut call, Input::Failed(Delivery::Unknown)));
    assert!(matches!(error, Error::Exhausted { attempts: 2, .. }), "{error:?}");
}

#[test]
fn attempt_has_at_most_the_time_left() {
    let mut world = World::with_token();
    let options = CallOptions::new().attempt_timeout(seconds(20)).total_timeout(seconds(30)).retry(eager());
    let mut call = world.call(&GetUsers::new(), options);
    let step = world.start(&mut call);
    assert_eq!(request_timeout(sends(&step)), seconds(20));
    world.pass(seconds(25));
    let step = world.status(&mut call, 500);
    assert_eq!(request_timeout(sends(&step)), seconds(5));
    world.pass(seconds(5));
    let error = fails(world.tell(&mut call, Input::Failed(Delivery::Unknown)));
    assert!(matches!(error, Error::Exhausted { attempts: 2, .. }), "{error:?}");
}

#[test]
fn pace_spaces_the_operations_of_all_calls() {
    let mut world = World::with_token();
    world.tenant = world.tenant.with_rate_limit(2);
    let mut calls: Vec<_> = (0..4).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    let steps: Vec<_> = calls.iter_mut().map(|call| world.start(call)).collect();
    sends(&steps[0]);
    for (index, millis) in [(1, 500), (2, 1000), (3, 1500)] {
        assert_eq!(waits(&steps[index]).until, Instant::from_start(Duration::from_millis(millis)));
    }
    for (call, step) in calls.iter_mut().zip(&steps).skip(1) {
        sends(&world.sit_out(call, step));
    }
}

/// Calls at a pace of one a second, all but the first of which wait for their slots.
fn paced_calls(world: &mut World, count: usize) -> Vec<Call> {
    world.tenant.set_rate_limit(1);
    let options = CallOptions::new().total_timeout(Duration::MAX);
    let mut calls: Vec<_> = (0..count).map(|_| world.call(&GetUsers::new(), options)).collect();
    sends(&world.start(&mut calls[0]));
    for (number, call) in calls.iter_mut().enumerate().skip(1) {
        let wait = waits(&world.start(call));
        assert_eq!(wait.until.since_start(), seconds(u64::try_from(number).unwrap()));
        assert_eq!(wait.epoch, Some(world.tenant.epoch()));
    }
    calls
}

/// Wakes the calls that wait, each when it is to be, until all are sent, and says when they were.
fn sent_at(world: &mut World, calls: &mut [Call]) -> Vec<Duration> {
    let mut waiting: Vec<_> = calls.iter_mut().map(|call| (world.now, call)).collect();
    let mut sent = Vec::new();
    while !waiting.is_empty() {
        waiting.sort_by_key(|(until, _)| *until);
        let (until, call) = waiting.remove(0);
        world.now = world.now.max(until);
        match world.tell(call, Input::Woken) {
            Step::Send(_) => sent.push(world.now.since_start()),
            Step::Wait(wait) => waiting.push((wait.until, call)),
            done @ Step::Done(_) => panic!("{done:?}"),
        }
    }
    sent
}

#[test]
fn removed_pace_frees_waiting_and_new_calls() {
    let mut world = World::with_token();
    let mut calls = paced_calls(&mut world, 50);
    let epoch = world.tenant.epoch();
    world.tenant.set_rate_limit(0);
    assert_ne!(world.tenant.epoch(), epoch, "waiting calls are woken");
    let mut new = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(1)));
    sends(&world.start(&mut new));
    assert_eq!(sent_at(&mut world, &mut calls[1..]), vec![Duration::ZERO; 49]);
}

#[test]
fn changed_pace_spaces_waiting_and_new_calls() {
    for (pace, interval) in [(10, 100), (3, 334), (1_000, 1)] {
        let mut world = World::with_token();
        let mut calls = paced_calls(&mut world, 30);
        world.pass(Duration::from_millis(500));
        world.tenant.set_rate_limit(pace);
        calls.push(world.call(&GetUsers::new(), CallOptions::new().total_timeout(Duration::MAX)));
        let sent = sent_at(&mut world, &mut calls[1..]);
        assert_eq!(sent.len(), 30);
        assert!(sent[0] <= Duration::from_millis(500 + interval), "{sent:?}");
        for pair in sent.windows(2) {
            let passed = pair[1].saturating_sub(pair[0]);
            assert!(passed >= seconds(1) / pace && passed <= Duration::from_millis(interval), "{sent:?}");
        }
    }
    // A slower one, and one where there was none: the last operation counts.
    let mut world = World::with_token();
    let mut calls = paced_calls(&mut world, 10);
    world.tenant.set_rate_limit(2);
    world.tenant.set_rate_limit(1);
    assert_eq!(sent_at(&mut world, &mut calls[1..]), (1..10).map(seconds).collect::<Vec<_>>());
    let mut world = World::with_token();
    let mut calls = [0, 1].map(|_| world.call(&GetUsers::new(), CallOptions::new()));
    sends(&world.start(&mut calls[0]));
    world.tenant.set_rate_limit(1);
    assert_eq!(waits(&world.start(&mut calls[1])).until, Instant::from_start(seconds(1)));
}

#[test]
fn same_pace_set_again_changes_nothing() {
    let mut world = World::with_token();
    let mut calls = paced_calls(&mut world, 5);
    let before = world.tenant.clone();
    world.tenant.set_rate_limit(1);
    assert!(world.tenant == before);
    assert_eq!(sent_at(&mut world, &mut calls[1..]), (1..5).map(seconds).collect::<Vec<_>>());
}

#[test]
fn cancelled_call_of_old_pace_returns_no_slot() {
    let mut world = World::with_token();
    let mut calls = paced_calls(&mut world, 3);
    world.tenant.set_rate_limit(2);
    let mut first = world.call(&GetUsers::new(), CallOptions::new());
    assert_eq!(waits(&world.start(&mut first)).until.since_start(), Duration::from_millis(500));
    calls[1].exchange.cancel(&mut world.tenant);
    let mut second = world.call(&GetUsers::new(), CallOptions::new());
    assert_eq!(waits(&world.start(&mut second)).until.since_start(), seconds(1));
}

#[test]
fn token_news_leave_other_waits_alone() {
    let mut world = World::with_token();
    let mut calls = paced_calls(&mut world, 3);
    let before = waits(&world.tell(&mut calls[1], Input::Woken));
    world.tenant.supply_token(AccessToken::new("another").unwrap(), None, world.now);
    let after = waits(&world.tell(&mut calls[1], Input::Woken));
    assert_eq!((after.until, after.epoch), (before.until, Some(world.tenant.epoch())));
    assert_eq!(sent_at(&mut world, &mut calls[1..]), [seconds(1), seconds(2)]);
}

#[test]
fn replaced_tenant_lets_waiting_calls_go_on() {
    let mut world = World::with_token();
    world.tenant.clear_throttle();
    world.tenant = world.tenant.with_rate_limit(1);
    let mut calls = paced_calls(&mut world, 2);
    waits(&world.answer(&mut calls[0], 429, &[("retry-after", "60")], ""));
    world.tenant = World::with_token().tenant;
    for call in &mut calls {
        sends(&world.tell(call, Input::Woken));
    }
}

#[test]
fn opened_gate_lets_waiting_calls_go_on() {
    let mut world = World::with_token();
    let mut calls = [0, 1, 2].map(|_| world.call(&GetUsers::new(), CallOptions::new()));
    world.start(&mut calls[0]);
    waits(&world.answer(&mut calls[0], 429, &[("retry-after", "60")], ""));
    let wait = waits(&world.start(&mut calls[1]));
    assert_eq!(wait.epoch, Some(world.tenant.epoch()));
    world.tenant.clear_throttle();
    assert_ne!(wait.epoch, Some(world.tenant.epoch()), "waiting calls are woken");
    for call in &mut calls {
        sends(&world.tell(call, Input::Woken));
    }
    // A call that waits for its back-off still does.
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    let wait = waits(&world.answer(&mut call, 503, &[("retry-after", "60")], ""));
    world.tenant.clear_throttle();
    assert_eq!(waits(&world.tell(&mut call, Input::Woken)), wait);
}

#[test]
fn delete_may_find_nothing_on_a_retry() {
    let unknown = r#"{"errors":{"code":"USER_NOT_FOUND"}}"#;
    let no_route = r#"{"errors":{"code":"ROUTE_NOT_FOUND"}}"#;
    let mut world = World::with_token();
    for (body, is_gone) in
        [(unknown, true), ("", false), ("<html>Not Found</html>", false), (no_route, false)]
    {
        let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(eager()));
        world.start(&mut call);
        sends(&world.tell(&mut call, Input::Failed(Delivery::Unknown)));
        let error = fails(world.answer(&mut call, 404, &[], body));
        assert_eq!((error.is_already_gone(), error.effect()), (is_gone, Effect::Possible), "{body}");
    }

    let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new());
    world.start(&mut call);
    let error = fails(world.answer(&mut call, 404, &[], unknown));
    assert!(!error.is_already_gone());
    assert_eq!(error.effect(), Effect::None);
}

#[test]
fn cancelled_calls_return_their_slots() {
    let mut world = World::with_token();
    world.tenant = world.tenant.with_rate_limit(2);
    let mut first = world.call(&GetUsers::new(), CallOptions::new());
    sends(&world.start(&mut first));
    for _ in 0..300 {
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        waits(&world.start(&mut call));
        call.exchange.cancel(&mut world.tenant);
    }
    let mut next = world.call(&GetUsers::new(), CallOptions::new());
    let step = world.start(&mut next);
    assert_eq!(waits(&step).until, Instant::from_start(Duration::from_millis(500)));
}

// ---- Tokens
// -----------------------------------------------------------------------------------------------

#[test]
fn one_call_gets_the_token_for_all() {
    let mut world = World::new();
    let mut calls: Vec<_> = (0..100).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    let steps: Vec<_> = calls.iter_mut().map(|call| world.start(call)).collect();
    asks_for_a_token(&steps[0]);
    assert_eq!(request_timeout(sends(&steps[0])), seconds(30));
    let epoch = world.tenant.epoch();
    for step in &steps[1..] {
        assert_eq!(waits(step), Wait { until: Instant::from_start(seconds(60)), epoch: Some(epoch) });
    }
    let (leader, others) = calls.split_first_mut().unwrap();
    // Whatever its lifetime is said to be, each of them uses it once.
    let step = world.issue(leader, "token", "1");
    assert_eq!(sends_with(&step), "token");
    assert_ne!(world.tenant.epoch(), epoch);
    world.pass(seconds(5));
    for call in others {
        let step = world.tell(call, Input::Woken);
        assert_eq!(sends_with(&step), "token");
    }
    let mut later = world.call(&GetUsers::new(), CallOptions::new());
    let step = world.start(&mut later);
    asks_for_a_token(&step);
}

#[test]
fn token_of_any_lifetime_is_used() {
    for (expires_in, is_kept) in [
        ("1", false),
        ("0", true),
        ("-1", true),
        ("\"-1\"", true),
        ("1e-9", true),
        ("null", true),
        ("1e300", true),
        ("86399", true),
    ] {
        let mut world = World::new();
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        world.start(&mut call);
        let step = world.issue(&mut call, "token", expires_in);
        assert_eq!(sends_with(&step), "token", "{expires_in}");
        succeeds(world.status(&mut call, 200));
        world.pass(seconds(1));
        let mut next = world.call(&GetUsers::new(), CallOptions::new());
        let step = world.start(&mut next);
        assert_eq!(sends(&step).method() == "GET", is_kept, "{expires_in}");
    }
}

#[test]
fn refused_token_fails_all_waiters() {
    let mut world = World::new();
    let mut calls: Vec<_> = (0..10).map(|_| world.call(&CreateUser::new(), CallOptions::new())).collect();
    for call in &mut calls {
        world.start(call);
    }
    let (leader, others) = calls.split_first_mut().unwrap();
    let step =
        world.answer(leader, 401, &[], r#"{"error":"invalid_client","error_description":"no such client"}"#);
    let error = fails(step);
    assert!(
        error
            .to_string()
            .starts_with("create_user: no access token: HTTP 401: invalid_client (the client id")
    );
    assert_eq!(error.effect(), Effect::None);
    // However late they look.
    world.pass(seconds(30));
    for call in others {
        assert_eq!(fails(world.tell(call, Input::Woken)), error);
    }
    let mut later = world.call(&CreateUser::new(), CallOptions::new());
    let step = world.start(&mut later);
    asks_for_a_token(&step);
    world.answer(&mut later, 401, &[], "");
    let mut soon = world.call(&CreateUser::new(), CallOptions::new());
    assert!(matches!(fails(world.start(&mut soon)), Error::Auth(_)));
    world.pass(seconds(1));
    let mut later = world.call(&CreateUser::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut later));
}

#[test]
fn failing_token_endpoint_is_shared_back_off() {
    for trouble in [None, Some(429), Some(500), Some(503), Some(408), Some(302)] {
        let mut world = World::new();
        let mut calls: Vec<_> = (0..5).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
        for call in &mut calls {
            world.start(call);
        }
        let (leader, others) = calls.split_first_mut().unwrap();
        let step = match trouble {
            None => world.tell(leader, Input::Failed(Delivery::NotSent)),
            Some(status) => world.answer(leader, status, &[("retry-after", "3")], "busy"),
        };
        let until = waits(&step).until;
        assert!(trouble.is_none() || until == Instant::from_start(seconds(3)), "{trouble:?}");
        for call in others.iter_mut() {
            assert_eq!(waits(&world.tell(call, Input::Woken)).until, until, "{trouble:?}");
        }
        world.now = until;
        asks_for_a_token(&world.tell(leader, Input::Woken));
        for call in others {
            assert_eq!(waits(&world.tell(call, Input::Woken)).epoch, Some(world.tenant.epoch()));
        }
    }
}

#[test]
fn token_endpoint_waits_are_capped_unless_asked() {
    let mut world = World::new();
    let options = CallOptions::new().total_timeout(Duration::MAX).retry(RetryPolicy::new().attempts(100));
    let mut call = world.call(&GetUsers::new(), options);
    let mut step = world.start(&mut call);
    let mut longest = Duration::ZERO;
    for _ in 0..40 {
        asks_for_a_token(&step);
        step = world.tell(&mut call, Input::Failed(Delivery::NotSent));
        longest = longest.max(waits(&step).until.saturating_since(world.now));
        step = world.sit_out(&mut call, &step);
    }
    assert!(longest <= seconds(30) && longest > seconds(27), "{longest:?}");
    let step = world.answer(&mut call, 429, &[("retry-after", "600")], "");
    assert_eq!(waits(&step).until.saturating_since(world.now), seconds(600));
}

#[test]
fn absent_token_endpoint_exhausts_all_calls() {
    let mut world = World::new();
    let options = CallOptions::new().retry(RetryPolicy::new().attempts(3));
    let mut calls: Vec<_> = (0..5).map(|_| Some(world.call(&GetUsers::new(), options))).collect();
    let mut requests = 0;
    let mut steps: Vec<_> = calls.iter_mut().flatten().map(|call| world.start(call)).collect();
    while calls.iter().any(Option::is_some) {
        let next = steps.iter().filter_map(|step| match step {
            Step::Wait(wait) => Some(wait.until),
            _ => None,
        });
        let next = next.min();
        let asking = steps.iter().position(|step| matches!(step, Step::Send(_)));
        if let Some(index) = asking {
            requests += 1;
            let call = calls[index].as_mut().unwrap();
            steps[index] = world.tell(call, Input::Failed(Delivery::Unknown));
        } else if let Some(next) = next {
            world.now = world.now.max(next);
        }
        for (call, step) in calls.iter_mut().zip(&mut steps) {
            if let (Some(waiting), Step::Wait(_)) = (call.as_mut(), &*step) {
                *step = world.tell(waiting, Input::Woken);
            }
            if let Step::Done(result) = step {
                let error = result.as_ref().unwrap_err();
                let Error::Exhausted { attempts: 3, last, .. } = error else { panic!("{error:?}") };
                assert!(matches!(**last, Error::Auth(_)), "{last:?}");
                *call = None;
            }
        }
    }
    assert_eq!(requests, 3);
}

#[test]
fn cancelled_leader_hands_token_request_on() {
    let mut world = World::new();
    let mut leader = world.call(&GetUsers::new(), CallOptions::new());
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut leader));
    let wait = waits(&world.start(&mut other));
    leader.exchange.cancel(&mut world.tenant);
    assert_ne!(wait.epoch, Some(world.tenant.epoch()));
    asks_for_a_token(&world.tell(&mut other, Input::Woken));
    // A reply to the cancelled call changes nothing.
    assert!(matches!(fails(world.issue(&mut leader, "late", "3600")), Error::Finished { .. }));
}

#[test]
fn lost_leader_is_replaced_after_its_lease() {
    let mut world = World::new();
    let mut leader = world.call(&GetUsers::new(), CallOptions::new());
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut leader);
    let step = world.start(&mut other);
    asks_for_a_token(&world.sit_out(&mut other, &step));
    // A token that comes after that is not kept, and the one who got it waits for the other.
    assert!(waits(&world.issue(&mut leader, "late", "3600")).epoch.is_some());
    let step = world.issue(&mut other, "token", "3600");
    assert_eq!(sends_with(&step), "token");
}

#[test]
fn late_leader_does_not_fail_the_others() {
    let mut world = World::new();
    let mut leader = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(1)));
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut leader);
    world.start(&mut other);
    world.pass(seconds(1));
    let error = fails(world.tell(&mut leader, Input::Failed(Delivery::Unknown)));
    assert!(matches!(error, Error::TotalTimeout { .. }), "{error:?}");
    asks_for_a_token(&world.tell(&mut other, Input::Woken));
}

#[test]
fn one_call_renews_while_others_use_the_token() {
    let mut world = World::new();
    let mut first = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut first);
    world.issue(&mut first, "old", "1000");
    world.pass(seconds(945));
    let mut renews = world.call(&GetUsers::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut renews));
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    assert_eq!(sends_with(&world.start(&mut other)), "old");
    // Where that fails, the old one is still good.
    assert_eq!(sends_with(&world.tell(&mut renews, Input::Failed(Delivery::Unknown))), "old");
    world.pass(seconds(55));
    let mut last = world.call(&GetUsers::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut last));
}

#[test]
fn credentials_can_be_replaced_while_calls_run() {
    let mut world = World::new();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let mut waiting = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    world.start(&mut waiting);
    world.tenant.replace_credentials(Credentials::new("id", "rotated"));
    // What was asked for with the old secret is not kept, and those who waited ask with the new
    // one.
    let step = world.tell(&mut waiting, Input::Woken);
    asks_for_a_token(&step);
    let body = String::from_utf8(sends(&step).body().clone()).unwrap();
    assert!(body.contains("client_secret=rotated"), "{body}");
    waits(&world.issue(&mut call, "old", "3600"));
    world.issue(&mut waiting, "new", "3600");
    assert_eq!(sends_with(&world.tell(&mut call, Input::Woken)), "new");
}

#[test]
fn credentials_that_cannot_be_sent_fail_the_call() {
    for (id, audience, argument) in [("", "a", "client_id"), ("id", "", "audience")] {
        let domain = Domain::parse("acme").unwrap().with_audience(audience);
        let mut world = World { tenant: Tenant::new(domain, Credentials::new(id, "secret")), ..World::new() };
        let mut call = world.call(&GetUsers::new(), CallOptions::default());
        let error = fails(world.start(&mut call));
        let Error::Auth(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.problem(), AuthProblem::Unsendable(error) if error.argument() == argument));
    }
}

#[test]
fn supplied_token_that_has_ended_says_so() {
    let credentials = Credentials::access_token(AccessToken::new("t").unwrap());
    let mut tenant = Tenant::new(Domain::parse("acme").unwrap(), credentials);
    tenant.supply_token(AccessToken::new("t").unwrap(), Some(seconds(10)), Instant::START);
    let mut world = World { tenant, now: Instant::from_start(seconds(10)) };
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let Error::Auth(error) = fails(world.start(&mut call)) else { panic!() };
    assert_eq!(*error.problem(), AuthProblem::Ended);
}

#[test]
fn hanging_renewal_spares_calls_with_a_token() {
    let mut world = World::new();
    let mut first = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut first);
    world.issue(&mut first, "old", "3600");
    world.pass(seconds(3541));
    for _ in 0..5 {
        let mut call = world.call(&GetUsers::new(), CallOptions::new().total_timeout(seconds(5)));
        let mut step = world.start(&mut call);
        if sends(&step).method() == "POST" {
            // It leaves time to go on with the token that lasts.
            let limit = request_timeout(sends(&step));
            assert_eq!(limit, Duration::from_millis(2500));
            world.pass(limit);
            step = world.tell(&mut call, Input::Failed(Delivery::Unknown));
        }
        assert_eq!(sends_with(&step), "old");
        succeeds(world.status(&mut call, 200));
    }
}

/// A service that issues tokens, and a route of it.
struct Service<'a> {
    world: World,
    tokens: u32,
    /// Whether the token of this number is good for the operation of this name.
    accepts: &'a dyn Fn(u32, &str) -> bool,
}

impl Service<'_> {
    fn makes<O: Operation>(&mut self, operation: &O) -> bool {
        let mut call = self.world.call(operation, CallOptions::new());
        let mut step = self.world.start(&mut call);
        loop {
            step = match &step {
                Step::Send(request) if request.uri().path() == "/oauth2/token" => {
                    self.tokens += 1;
                    self.world.issue(&mut call, &self.tokens.to_string(), "86399")
                }
                Step::Send(_) => {
                    let token = sends_with(&step).parse().unwrap();
                    let is_good = (self.accepts)(token, O::META.name);
                    self.world.status(&mut call, if is_good { 200 } else { 401 })
                }
                Step::Wait(_) => panic!("{step:?}"),
                Step::Done(result) => return result.is_ok(),
            }
        }
    }
}

#[test]
fn bad_route_costs_one_token_in_ten_seconds() {
    // Of two routes that are always refused, and of tokens that are revoked one after the other.
    let good = core::cell::Cell::new(1);
    let accepts =
        |token, name: &str| !["get_users_mfa", "delete_user"].contains(&name) && token >= good.get();
    let mut service = Service { world: World::new(), tokens: 0, accepts: &accepts };
    assert!(service.makes(&GetUserData::new("kp_1")));
    for round in 0..6 {
        let before = service.tokens;
        for _ in 0..20 {
            assert!(!service.makes(&GetUsersMfa::new("kp_1")));
            assert!(!service.makes(&DeleteUser::new("kp_1")));
            if round % 2 == 0 {
                assert!(service.makes(&GetUserData::new("kp_1")));
            }
        }
        assert_eq!(service.tokens, before + 2, "one for each bad route");
        good.set(service.tokens + 1);
        assert!(service.makes(&GetUserData::new("kp_1")), "after a revocation");
        assert!(service.makes(&GetUsers::new()));
        assert_eq!(service.tokens, before + 3);
        service.world.pass(seconds(10));
    }
}

#[test]
fn tokens_that_every_route_refuses_are_few() {
    for accepted_before in [false, true] {
        let bad = core::cell::Cell::new(!accepted_before);
        let accepts = |_, _: &str| !bad.get();
        let mut service = Service { world: World::new(), tokens: 0, accepts: &accepts };
        assert_eq!(service.makes(&GetUsers::new()), accepted_before);
        bad.set(true);
        let mut per_window = Vec::new();
        for _ in 0..4 {
            let before = service.tokens;
            for _ in 0..20 {
                service.makes(&GetUsers::new());
                service.makes(&GetUserData::new("kp_1"));
                service.makes(&GetUsersMfa::new("kp_1"));
                service.makes(&DeleteUser::new("kp_1"));
                service.makes(&CreateUser::new());
                service.makes(&GetUserIdentities::new("kp_1"));
            }
            per_window.push(service.tokens - before);
            service.world.pass(seconds(10));
        }
        assert!(per_window[0] <= 4 && per_window[1..] == [1, 1, 1], "{per_window:?}");
        bad.set(false);
        service.world.pass(seconds(10));
        assert!(service.makes(&GetUsers::new()));
    }
}

#[test]
fn success_turns_renewal_on_again() {
    let good = core::cell::Cell::new(0);
    let accepts = |token, name: &str| name == "get_users" && token >= good.get();
    let mut service = Service { world: World::new(), tokens: 0, accepts: &accepts };
    service.makes(&GetUserData::new("kp_1"));
    service.makes(&GetUsersMfa::new("kp_1"));
    service.makes(&DeleteUser::new("kp_1"));
    service.makes(&CreateUser::new());
    service.world.pass(seconds(1));
    assert!(service.makes(&GetUsers::new()));
    good.set(service.tokens + 1);
    service.world.pass(seconds(1));
    assert!(service.makes(&GetUsers::new()));
    assert_eq!(service.tokens, good.get());
}

#[test]
fn success_of_an_old_token_leaves_renewal_off() {
    let accepts = |_, _: &str| false;
    let mut service = Service { world: World::new(), tokens: 0, accepts: &accepts };
    service.world.tenant.supply_token(AccessToken::new("0").unwrap(), None, Instant::START);
    let mut old = service.world.call(&GetUsers::new(), CallOptions::new());
    service.world.start(&mut old);
    service.makes(&GetUserData::new("kp_1"));
    service.makes(&GetUsersMfa::new("kp_1"));
    service.makes(&DeleteUser::new("kp_1"));
    service.makes(&CreateUser::new());
    assert_eq!(service.tokens, 4);
    succeeds(service.world.status(&mut old, 200));
    assert!(!service.makes(&GetUserIdentities::new("kp_1")));
    assert_eq!(service.tokens, 4);
}

#[test]
fn bad_routes_and_revocations_spare_good_calls() {
    let good = core::cell::Cell::new(0);
    let accepts = |token, name: &str| name == "get_users" && token >= good.get();
    let mut service = Service { world: World::new(), tokens: 0, accepts: &accepts };
    for second in 0..300 {
        if second % 7 == 0 {
            good.set(service.tokens + 1);
        }
        service.makes(&GetUserData::new("kp_1"));
        service.makes(&GetUsersMfa::new("kp_1"));
        service.makes(&GetUserIdentities::new("kp_1"));
        service.makes(&GetUserSessions::new("kp_1"));
        service.makes(&DeleteUser::new("kp_1"));
        service.makes(&DeleteUserSessions::new("kp_1"));
        service.makes(&RefreshUserClaims::new("kp_1"));
        service.makes(&CreateUser::new());
        assert!(service.makes(&GetUsers::new()), "after {second} s");
        service.world.pass(seconds(1));
    }
    // One for each bad route in ten seconds, one for each revocation, and the first.
    assert!(service.tokens <= 8 * 30 + 300_u32.div_ceil(7) + 1, "{} tokens", service.tokens);
}

#[test]
fn revoked_token_of_many_calls_is_replaced_once() {
    let mut world = World::with_token();
    let mut calls: Vec<_> = (0..50).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    for call in &mut calls {
        assert_eq!(sends_with(&world.start(call)), "first");
    }
    asks_for_a_token(&world.status(&mut calls[0], 401));
    for call in &mut calls[1..] {
        waits(&world.status(call, 401));
    }
    world.issue(&mut calls[0], "second", "86399");
    for call in &mut calls[1..] {
        assert_eq!(sends_with(&world.tell(call, Input::Woken)), "second");
    }
    // The second one is refused as well: one token for all, and the other operations go on.
    for call in &mut calls {
        assert!(matches!(fails(world.status(call, 401)), Error::Api(_)));
    }
    let mut other = world.call(&DeleteUser::new("kp_1"), CallOptions::new());
    world.start(&mut other);
    asks_for_a_token(&world.status(&mut other, 401));
    // A call of the distrusted operation that meets 401 meanwhile waits for that token.
    let mut same = world.call(&GetUsers::new(), CallOptions::new());
    waits(&world.start(&mut same));
}

#[test]
fn refused_fresh_tokens_end_renewal() {
    let mut world = World::new();
    let mut requests = 0;
    for _ in 0..20 {
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        let mut step = world.start(&mut call);
        loop {
            step = match &step {
                Step::Send(request) if request.method() == "POST" => {
                    requests += 1;
                    world.issue(&mut call, "token", "3600")
                }
                Step::Send(_) => world.status(&mut call, 401),
                _ => break,
            };
        }
        assert!(matches!(fails(step), Error::Api(_)));
    }
    assert_eq!(requests, 2);
    world.pass(seconds(10));
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    asks_for_a_token(&world.status(&mut call, 401));
}

#[test]
fn short_deadline_of_one_call_spares_others() {
    let mut world = World::with_token();
    let patient = RetryPolicy::new().backoff(seconds(40_000)).longest_backoff(seconds(40_000));
    let mut call =
        world.call(&GetUsers::new(), CallOptions::new().total_timeout(Duration::MAX).retry(patient));
    world.start(&mut call);
    world.answer(&mut call, 429, &[("ratelimit-reset", "1")], "");
    let mut other = world.call(&GetUsers::new(), CallOptions::new());
    let step = world.start(&mut other);
    assert!(waits(&step).until <= Instant::from_start(seconds(2)));
    world.tenant.clear_throttle();
    let mut third = world.call(&GetUsers::new(), CallOptions::new());
    sends(&world.start(&mut third));
}

#[test]
fn reset_within_the_deadline_is_waited_for() {
    for seed in 0..200 {
        let mut world = World::with_token();
        world.tenant = world.tenant.with_seed(seed);
        let mut first = world.call(&GetUsers::new(), CallOptions::new());
        world.start(&mut first);
        world.answer(&mut first, 429, &[("ratelimit-reset", "10")], "");
        let options = CallOptions::new().total_timeout(Duration::from_millis(10_500));
        let mut call = world.call(&GetUsers::new(), options);
        let step = world.start(&mut call);
        sends(&world.sit_out(&mut call, &step));
    }
}

#[test]
fn token_of_another_tenant_is_not_sent() {
    let world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let mut other = World::new();
    other.tenant = Tenant::new(Domain::parse("other").unwrap(), Credentials::new("id", "secret"));
    other.tenant.supply_token(AccessToken::new("theirs").unwrap(), None, Instant::START);
    assert!(matches!(fails(other.start(&mut call)), Error::Build(_)));
}

#[test]
fn reply_leaves_another_tenant_as_it_is() {
    type Reply = fn(&mut World, &mut Call) -> Step;

    let replies: [(Reply, Effect); 11] = [
        (|world, call| world.status(call, 401), Effect::None),
        (|world, call| world.status(call, 403), Effect::None),
        (|world, call| world.status(call, 429), Effect::None),
        (|world, call| world.answer(call, 429, &[("retry-after", "60")], ""), Effect::None),
        (|world, call| world.status(call, 503), Effect::Possible),
        (|world, call| world.head(call, 401, &[], BodyFailure::Broken), Effect::None),
        (|world, call| world.head(call, 429, &[], BodyFailure::TooLarge), Effect::None),
        (|world, call| world.head(call, 200, &[], BodyFailure::Broken), Effect::Happened),
        (|world, call| world.tell(call, Input::Failed(Delivery::NotSent)), Effect::None),
        (|world, call| world.tell(call, Input::Failed(Delivery::Unknown)), Effect::Possible),
        (|world, call| world.tell(call, Input::Woken), Effect::Possible),
    ];
    let bravo = || {
        let mut tenant = Tenant::new(Domain::parse("bravo").unwrap(), Credentials::new("id", "secret"));
        tenant.supply_token(AccessToken::new("theirs").unwrap(), None, Instant::START);
        tenant
    };
    let policy = RetryPolicy::new().reauthenticate_on_403(true);
    for (number, (reply, effect)) in replies.into_iter().enumerate() {
        let mut world = World::with_token();
        let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(policy));
        sends(&world.start(&mut call));
        world.tenant = bravo();
        let error = fails(reply(&mut world, &mut call));
        assert_eq!(error.effect(), effect, "{number}: {error:?}");
        assert!(error.to_string().contains("is another one"), "{number}: {error}");
        assert!(world.tenant == bravo(), "{number}");
    }
    // What is the last word on the call is still its result.
    for status in [200, 404] {
        let mut world = World::with_token();
        let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new());
        sends(&world.start(&mut call));
        world.tenant = bravo();
        let found = match world.status(&mut call, status) {
            Step::Done(Ok(reply)) => reply.status(),
            Step::Done(Err(error)) => error.as_api().unwrap().status(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, status);
        assert!(world.tenant == bravo(), "{status}");
    }
}

#[test]
fn unknown_user_after_unknown_delivery_is_gone() {
    let mut world = World::with_token();
    let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new().retry(eager()));
    world.start(&mut call);
    world.tell(&mut call, Input::Failed(Delivery::Unknown));
    let body = r#"{"errors":[{"code":"USER_INVALID","message":"User invalid"}]}"#;
    assert!(fails(world.answer(&mut call, 400, &[], body)).is_already_gone());
}

#[test]
fn log_line_is_short_for_any_reply() {
    let mut world = World::with_token();
    for body in [
        format!(r#"{{"errors":[{{"code":"C","message":"{}"}}]}}"#, "1 ".repeat(1_000_000)),
        format!(r#"{{"errors":[{}{{}}]}}"#, "{},".repeat(500_000)),
    ] {
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        world.start(&mut call);
        let error = fails(world.answer(&mut call, 400, &[], &body));
        assert!(error.to_string().len() < 1000);
        assert!(format!("{error:?}").len() < 2000);
    }
}

#[test]
fn replaced_tenant_hides_no_earlier_effect() {
    type Attempt = fn(&mut World, &mut Call) -> Step;

    let elsewhere = || Tenant::new(Domain::parse("other").unwrap(), Credentials::new("id", "secret"));
    let attempts: [(Attempt, Effect); 4] = [
        (|world, call| world.tell(call, Input::Failed(Delivery::NotSent)), Effect::None),
        (|world, call| world.tell(call, Input::Failed(Delivery::Unknown)), Effect::Possible),
        (|world, call| world.status(call, 503), Effect::Possible),
        (|world, call| world.head(call, 200, &[], BodyFailure::Broken), Effect::Happened),
    ];
    for (attempt, effect) in attempts {
        let mut world = World::with_token();
        let mut call = world.call(&DeleteUser::new("kp_1"), CallOptions::new());
        world.start(&mut call);
        waits(&attempt(&mut world, &mut call));
        world.tenant = elsewhere();
        world.pass(seconds(60));
        let error = fails(world.tell(&mut call, Input::Woken));
        assert_eq!((error.effect(), error.operation()), (effect, "delete_user"), "{error:?}");
        let error = fails(world.tell(&mut call, Input::Woken));
        assert!(matches!(error, Error::Finished { effect: found, .. } if found == effect), "{error:?}");
    }
}

#[test]
fn token_of_one_tenant_is_not_kept_by_another() {
    let mut world = World::new();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    asks_for_a_token(&world.start(&mut call));
    let mut other = World::new();
    other.tenant = Tenant::new(Domain::parse("other").unwrap(), Credentials::new("id", "secret"));
    let mut others = other.call(&GetUsers::new(), CallOptions::new());
    sends(&other.start(&mut others));
    assert!(matches!(fails(other.issue(&mut call, "first", "100")), Error::Build(_)));
    assert_eq!(other.tenant.token(other.now), None);
}

// ---- Every input has an answer
// -----------------------------------------------------------------------------

#[test]
fn early_wake_is_an_unknown_delivery() {
    for again in [|| Input::Start, || Input::Woken] {
        let mut world = World::with_token();
        let mut call = world.call(&CreateUser::new(), CallOptions::new());
        world.start(&mut call);
        assert!(matches!(fails(world.tell(&mut call, again())), Error::UnknownOutcome(_)));

        let mut world = World::new();
        let mut call = world.call(&CreateUser::new(), CallOptions::new());
        asks_for_a_token(&world.start(&mut call));
        waits(&world.tell(&mut call, again()));
    }
}

#[test]
fn unexpected_input_returns_the_current_wait() {
    let mut world = World::with_token();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let before = (call.exchange.clone(), world.tenant.clone());
    assert_eq!(waits(&world.status(&mut call, 200)), Wait { until: world.now, epoch: None });
    let step = world.head(&mut call, 429, &[], BodyFailure::Broken);
    assert_eq!(waits(&step), Wait { until: world.now, epoch: None });
    assert!((call.exchange.clone(), world.tenant.clone()) == before);

    world.start(&mut call);
    let step = world.tell(&mut call, Input::Failed(Delivery::NotSent));
    let wait = waits(&step);
    let before = (call.exchange.clone(), world.tenant.clone());
    assert_eq!(waits(&world.status(&mut call, 200)), wait);
    assert_eq!(waits(&world.tell(&mut call, Input::Failed(Delivery::Unknown))), wait);
    assert_eq!(waits(&world.head(&mut call, 429, &[], BodyFailure::Broken)), wait);
    assert_eq!(waits(&world.tell(&mut call, Input::Woken)), wait);
    assert!((call.exchange.clone(), world.tenant.clone()) == before);
}

#[test]
fn input_after_the_end_returns_finished() {
    let mut world = World::with_token();
    let mut call = world.call(&CreateUser::new(), CallOptions::new());
    world.start(&mut call);
    world.status(&mut call, 500);
    for input in [Input::Start, Input::Woken, Input::Failed(Delivery::NotSent)] {
        let error = fails(world.tell(&mut call, input));
        assert!(matches!(error, Error::Finished { effect: Effect::Possible, .. }), "{error:?}");
    }
    let error = fails(world.head(&mut call, 200, &[], BodyFailure::Broken));
    assert!(matches!(error, Error::Finished { effect: Effect::Possible, .. }), "{error:?}");
}

#[test]
fn sizes_are_what_they_are_meant_to_be() {
    assert!(size_of::<Exchange>() <= 264, "{}", size_of::<Exchange>());
    assert!(size_of::<Error>() <= 24, "{}", size_of::<Error>());
    assert!(size_of::<Wait>() <= 32, "{}", size_of::<Wait>());
    assert!(size_of::<Step>() <= size_of::<Request<Vec<u8>>>(), "{}", size_of::<Step>());
}

#[test]
fn debug_shows_state_and_hides_contents() {
    let mut world = World::new();
    let mut call = world.call(&CreateUser::new().given_name("Sally"), CallOptions::new());
    assert_eq!(format!("{:?}", call.exchange), "Exchange(create_user: Ready, 0 attempts, effect None)");
    let step = world.start(&mut call);
    let body = sends(&step).body().len();
    assert_eq!(format!("{step:?}"), format!("Send(POST, {body} bytes)"));
    world.issue(&mut call, "secret", "3600");
    let shown = format!("{:?}", call.exchange);
    assert_eq!(shown, "Exchange(create_user: AwaitingReply, 1 attempts, effect None)");
    let step = world.tell(&mut call, Input::Failed(Delivery::NotSent));
    assert_eq!(format!("{step:?}"), format!("{:?}", waits(&step)));
    call.exchange.cancel(&mut world.tenant);
    let step = world.tell(&mut call, Input::Woken);
    let shown = format!("{step:?}");
    assert!(shown.starts_with("Done(Err(Finished {"), "{shown}");

    let response = Response::builder().status(201).body(b"Sally".to_vec()).unwrap();
    assert_eq!(format!("{:?}", Input::Response(response)), "Response(HTTP 201, 5 bytes)");
    let head = Response::builder().status(201).body(BodyFailure::TooLarge).unwrap();
    assert_eq!(format!("{:?}", Input::HeadOnly(head)), "HeadOnly(HTTP 201, TooLarge)");
    assert_eq!(format!("{:?}", Input::Failed(Delivery::Unknown)), "Failed(Unknown)");
    assert_eq!(format!("{:?} {:?}", Input::Start, Input::Woken), "Start Woken");
}

// ---- a tenant that learns

/// A world whose tenant learns, and lets calls wait for an hour.
fn learning() -> World {
    let mut world = World::with_token();
    world.tenant.set_adaptive_rate(Some(seconds(3600)));
    world
}

#[test]
fn learning_call_outlasts_many_resets() {
    let mut world = learning();
    let options = CallOptions::new().retry(RetryPolicy::never());
    let mut call = world.call(&CreateUser::new(), options);
    let mut step = world.start(&mut call);
    for _ in 0..10 {
        sends(&step);
        step = world.answer(&mut call, 429, &[("ratelimit-reset", "300")], "");
        let wait = waits(&step).until.saturating_since(world.now);
        assert!(wait >= seconds(300) && wait < seconds(301), "{wait:?}");
        step = world.sit_out_all(&mut call, step);
    }
    assert_eq!(call.exchange.attempts(), 1);
    assert!(matches!(world.status(&mut call, 200), Step::Done(Ok(_))));
}

#[test]
fn learning_call_counts_failures_that_are_no_429() {
    let mut world = learning();
    let mut call = world.call(&GetUsers::new(), CallOptions::new().retry(eager().attempts(3)));
    let mut step = world.start(&mut call);
    for attempt in 1..3 {
        assert_eq!(call.exchange.attempts(), attempt);
        sends(&step);
        step = world.status(&mut call, 503);
        step = world.sit_out_all(&mut call, step);
    }
    let error = fails(world.status(&mut call, 503));
    assert!(matches!(error, Error::Exhausted { attempts: 3, .. }), "{error:?}");
}

#[test]
fn reset_beyond_the_longest_wait_fails() {
    let mut world = learning();
    world.tenant.set_adaptive_rate(Some(seconds(60)));
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    let step = world.answer(&mut call, 429, &[("ratelimit-reset", "50")], "");
    sends(&world.sit_out(&mut call, &step));
    // 50 seconds of the 60 are over.
    let error = fails(world.answer(&mut call, 429, &[("ratelimit-reset", "10")], ""));
    let Error::Exhausted { attempts: 1, last, .. } = error else { panic!("{error:?}") };
    assert_eq!(last.as_api().unwrap().status(), 429);
}

#[test]
fn waits_for_limits_do_not_use_the_timeout() {
    let mut world = learning();
    let options = CallOptions::new().total_timeout(seconds(10));
    let mut call = world.call(&GetUsers::new(), options);
    world.start(&mut call);
    let step = world.answer(&mut call, 429, &[("ratelimit-reset", "600")], "");
    let step = world.sit_out(&mut call, &step);
    assert_eq!(request_timeout(sends(&step)), seconds(10));
    world.pass(seconds(10));
    let error = fails(world.tell(&mut call, Input::Failed(Delivery::NotSent)));
    assert!(matches!(error, Error::Exhausted { .. }), "{error:?}");
}

#[test]
fn untold_reset_narrows_the_window_and_closes_no_gate() {
    let mut world = learning();
    let mut calls: Vec<_> = (0..5).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    for call in &mut calls[..3] {
        sends(&world.start(call));
    }
    // Two others are in flight, so two may be.
    let step = world.status(&mut calls[2], 429);
    assert_eq!(world.tenant.throttled_until(world.now), None);
    assert_eq!(waits(&step).epoch, Some(world.tenant.epoch()));
    let wait = waits(&world.start(&mut calls[3]));
    // When a request ends, the waiting calls wake, and the first of them is sent.
    assert!(matches!(world.status(&mut calls[0], 200), Step::Done(Ok(_))));
    assert_ne!(wait.epoch, Some(world.tenant.epoch()));
    sends(&world.tell(&mut calls[2], Input::Woken));
    waits(&world.tell(&mut calls[3], Input::Woken));
    // A call that is given up makes room too.
    calls[1].exchange.cancel(&mut world.tenant);
    sends(&world.tell(&mut calls[3], Input::Woken));
}

#[test]
fn lone_refused_call_is_slowed_down() {
    let mut world = learning();
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    world.start(&mut call);
    for _ in 0..20 {
        world.pass(Duration::from_millis(5));
        let refused = world.now;
        let step = world.status(&mut call, 429);
        sends(&world.sit_out_all(&mut call, step));
        let wait = world.now.saturating_since(refused);
        assert!(wait > Duration::from_millis(900) && wait < seconds(3), "{wait:?}");
    }
}

#[test]
fn place_of_a_lost_call_is_taken_over() {
    let mut world = learning();
    let mut calls: Vec<_> = (0..2).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    sends(&world.start(&mut calls[0]));
    sends(&world.start(&mut calls[1]));
    // The driver of the other call went away without a word.
    let step = world.status(&mut calls[1], 429);
    assert_eq!(waits(&step).until, world.now.saturating_add(seconds(30)));
    sends(&world.sit_out(&mut calls[1], &step));
    assert!(matches!(world.status(&mut calls[1], 200), Step::Done(Ok(_))));
}

#[test]
fn limited_token_endpoint_costs_no_attempt() {
    let mut world = World::new();
    world.tenant.set_adaptive_rate(Some(seconds(3600)));
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let mut step = world.start(&mut call);
    for _ in 0..10 {
        asks_for_a_token(&step);
        step = world.answer(&mut call, 429, &[("ratelimit-reset", "60")], "");
        step = world.sit_out(&mut call, &step);
    }
    asks_for_a_token(&step);
    assert_eq!(sends_with(&world.issue(&mut call, "late", "3600")), "late");
}

#[test]
fn refusals_of_one_call_slow_no_other() {
    let mut world = learning();
    let mut refused = world.call(&GetUsers::new(), CallOptions::new());
    let mut step = world.start(&mut refused);
    for number in 1..=6 {
        sends(&world.sit_out_all(&mut refused, step));
        world.pass(Duration::from_millis(5));
        step = world.answer(&mut refused, 429, &[("ratelimit-reset", "1")], "");
        // The first two look as if they were about all calls.
        assert_eq!(world.tenant.throttled_until(world.now).is_some(), number <= 2, "{number}");
        assert_eq!(world.tenant.refused_since(world.now), Some(world.now));
        let wait = waits(&step).until.saturating_since(world.now);
        let backoff = [0, 250, 250, 500, 1000, 2000][number - 1];
        let shortest = seconds(1) + Duration::from_millis(backoff);
        assert!(shortest <= wait && wait <= shortest + Duration::from_millis(backoff), "{number}: {wait:?}");
        world.pass(seconds(1));
        let mut other = world.call(&GetUsers::new(), CallOptions::new());
        let step = world.start(&mut other);
        sends(&world.sit_out_all(&mut other, step));
        assert!(matches!(world.status(&mut other, 200), Step::Done(Ok(_))));
        assert_eq!(world.tenant.refused_since(world.now), None);
    }
    // Once it is accepted, it counts again.
    sends(&world.sit_out_all(&mut refused, step));
    world.status(&mut refused, 200);
    let mut call = world.call(&GetUsers::new(), CallOptions::new());
    let step = world.start(&mut call);
    sends(&world.sit_out_all(&mut call, step));
    world.answer(&mut call, 429, &[("ratelimit-reset", "1")], "");
    assert!(world.tenant.throttled_until(world.now).is_some());
}

#[test]
fn service_that_refuses_all_fails_later_calls_soon() {
    let mut world = learning();
    world.tenant.set_adaptive_rate(Some(seconds(20)));
    let refuse = |world: &mut World, headers: &[(&'static str, &str)]| {
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        let mut step = world.start(&mut call);
        for requests in 0.. {
            step = world.sit_out_all(&mut call, step);
            if let Step::Done(result) = step {
                return (requests, result.unwrap_err());
            }
            step = world.answer(&mut call, 429, headers, "");
        }
        unreachable!()
    };
    for headers in [&[][..], &[("ratelimit-reset", "0")], &[("ratelimit-reset", "7")]] {
        let began = world.now;
        let (_, error) = refuse(&mut world, headers);
        assert!(matches!(error, Error::Exhausted { attempts: 1, .. }), "{error:?}");
        let waited = world.now.saturating_since(began);
        assert!(waited >= seconds(12) && waited <= seconds(21), "{waited:?}");
        // What is left of the wait is for the next one.
        refuse(&mut world, headers);
        let (requests, error) = refuse(&mut world, headers);
        assert!(requests == 1 && matches!(error, Error::Exhausted { attempts: 1, .. }), "{error:?}");
        // A refusal much later begins anew.
        world.pass(seconds(3600));
        assert_eq!(world.tenant.refused_since(world.now), None);
    }
}

#[test]
fn token_endpoint_that_refuses_all_is_asked_seldom() {
    for headers in [&[][..], &[("retry-after", "0")]] {
        let mut world = World::new();
        world.tenant.set_adaptive_rate(Some(seconds(600)));
        let mut call = world.call(&GetUsers::new(), CallOptions::new());
        let mut step = world.start(&mut call);
        let mut requests = 0;
        let error = loop {
            match step {
                Step::Send(_) => {
                    requests += 1;
                    step = world.answer(&mut call, 429, headers, "");
                    assert_eq!(world.tenant.refused_since(world.now), Some(Instant::START));
                }
                Step::Wait(_) => step = world.sit_out(&mut call, &step),
                Step::Done(result) => break result.unwrap_err(),
            }
        };
        assert!(matches!(error, Error::Exhausted { attempts: 0, .. }), "{error:?}");
        assert!(world.now <= Instant::from_start(seconds(601)));
        assert!(requests < 60, "{requests}");
        // Later calls give up after their first request.
        let mut later = world.call(&GetUsers::new(), CallOptions::new());
        let step = world.start(&mut later);
        asks_for_a_token(&world.sit_out_all(&mut later, step));
        let error = fails(world.answer(&mut later, 429, headers, ""));
        assert!(matches!(error, Error::Exhausted { attempts: 0, .. }), "{error:?}");
    }
}

#[test]
fn learning_can_be_ended_while_calls_wait() {
    let mut world = learning();
    let mut calls: Vec<_> = (0..2).map(|_| world.call(&GetUsers::new(), CallOptions::new())).collect();
    sends(&world.start(&mut calls[0]));
    sends(&world.start(&mut calls[1]));
    waits(&world.status(&mut calls[1], 429));
    world.tenant.set_adaptive_rate(None);
    sends(&world.tell(&mut calls[1], Input::Woken));
    // From now on a 429 is as without: all calls wait for a second.
    waits(&world.status(&mut calls[1], 429));
    assert!(world.tenant.throttled_until(world.now).is_some());
}
