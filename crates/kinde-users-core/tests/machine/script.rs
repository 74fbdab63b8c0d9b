//! What is done to the machine: scripts, and how they are made up.

use std::fmt;
use std::time::Duration;

use http::{Request, Response};
use kinde_users_core::operations::{CreateUser, CreateUserBillingCustomer, DeleteUser, GetUsers};
use kinde_users_core::{
    BodyFailure, BuildError, CallOptions, Delivery, Exchange, Input, Instant, Meta, Operation, Replay,
    RetryPolicy, Tenant,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A tenant, the calls made to it, and what happens to them.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) shared: Shared,
    pub(crate) calls: Vec<Call>,
    pub(crate) actions: Vec<Action>,
}

/// How the tenant is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared {
    pub(crate) credentials: Kind,
    pub(crate) seed: u64,
    /// Operations a second; none is no limit.
    pub(crate) pace: u32,
    pub(crate) budget: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Tokens can be asked for.
    Client,
    /// There is this token and no other.
    Token,
}

/// How one call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) replay: Replay,
    pub(crate) attempts: u32,
    pub(crate) backoff: Duration,
    pub(crate) longest_backoff: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) attempt_timeout: Duration,
    pub(crate) throttled_creates: bool,
    pub(crate) reauthenticate_on_403: bool,
}

impl Call {
    /// The operation that stands for all of its replay class.
    pub(crate) fn exchange(&self, tenant: &Tenant) -> Result<Exchange, BuildError> {
        let policy = RetryPolicy::new()
            .attempts(self.attempts)
            .backoff(self.backoff)
            .longest_backoff(self.longest_backoff)
            .throttled_creates(self.throttled_creates)
            .reauthenticate_on_403(self.reauthenticate_on_403);
        let options = CallOptions::new().attempt_timeout(self.attempt_timeout).retry(policy);
        let options = self.deadline.into_iter().fold(options, CallOptions::total_timeout);
        match self.replay {
            Replay::Safe => Exchange::new(&GetUsers::new().page_size(7), tenant, options),
            Replay::RefusesRepeat { .. } => Exchange::new(&customer(), tenant, options),
            Replay::Idempotent => Exchange::new(&DeleteUser::new("kp_1"), tenant, options),
            Replay::OnlyIfUnsent => Exchange::new(&CreateUser::new().given_name("Ada"), tenant, options),
        }
    }

    pub(crate) fn refuses_repeat(&self) -> bool {
        matches!(self.replay, Replay::RefusesRepeat { .. })
    }

    pub(crate) fn meta(&self) -> Meta {
        match self.replay {
            Replay::Safe => GetUsers::META,
            Replay::RefusesRepeat { .. } => CreateUserBillingCustomer::META,
            Replay::Idempotent => DeleteUser::META,
            Replay::OnlyIfUnsent => CreateUser::META,
        }
    }

    /// Method, path with query, and body, as each attempt has to carry them.
    pub(crate) fn wire(&self) -> (&'static str, &'static str, &'static str) {
        match self.replay {
            Replay::Safe => ("GET", "/api/v1/users?page_size=7", ""),
            Replay::RefusesRepeat { .. } => (
                "POST",
                "/api/v1/users/kp_1/billing_customer",
                r#"{"org_code":"org_1","billing_email":"a@b.c"}"#,
            ),
            Replay::Idempotent => ("DELETE", "/api/v1/user?id=kp_1", ""),
            Replay::OnlyIfUnsent => ("POST", "/api/v1/user", r#"{"profile":{"given_name":"Ada"}}"#),
        }
    }

    /// The longest back-off after this many attempts.
    pub(crate) fn longest_wait_after(&self, attempts: u32) -> Duration {
        self.backoff
            .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)))
            .min(self.longest_backoff)
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline.unwrap_or(CallOptions::TOTAL_TIMEOUT)
    }
}

fn customer() -> CreateUserBillingCustomer {
    CreateUserBillingCustomer::new("kp_1", "org_1", "a@b.c")
}

/// What happens next. Calls are named by number, modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// The driver does what a call asks for: starts it, sends and comes back with news, or waits
    /// for it. No number, or that of a call that has ended, is the call whose turn it is.
    Serve(Option<usize>, ForEither),
    /// A call is told something, whether it makes sense or not.
    Say(usize, Line),
    /// Time goes by.
    Pass(Passing),
    /// The driver of a call gives up on it. No number is the call that gets a token for all.
    Cancel(Option<usize>),
    /// The same, and the driver does not say so.
    Vanish(Option<usize>),
    /// The secret is rotated.
    ReplaceCredentials(Kind),
    /// A token comes from elsewhere.
    SupplyToken(Option<Duration>),
    /// The pace is set, in operations a second.
    SetPace(u32),
    /// The gate is opened by hand.
    OpenGate,
}

/// What comes of a request, depending on which it is.
#[derive(Clone, Debug)]
pub(crate) struct ForEither {
    pub(crate) token: News,
    pub(crate) operation: News,
}

#[derive(Clone, Debug)]
pub(crate) enum Passing {
    For(Duration),
    /// To just the end of a call's wait.
    ToWait(usize),
    /// To one nanosecond before the end of a call's wait.
    JustBefore(usize),
    /// To one nanosecond after the end of a call's wait.
    JustAfter(usize),
    /// To when the token is due to be renewed.
    ToRenewal,
}

/// What a call is told.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    Start,
    Woken,
    News(News),
}

/// What came of a request.
#[derive(Clone)]
pub(crate) enum News {
    Lost(Delivery),
    Came {
        status: u16,
        reset: &'static Reset,
        body: &'static Body,
    },
    /// The head came, and the body could not be read.
    HeadCame {
        status: u16,
        reset: &'static Reset,
        failure: BodyFailure,
    },
}

impl Line {
    /// `token` is the one that the reply issues, if it issues one.
    pub(crate) fn input(&self, token: &str) -> Input {
        match self {
            Self::Start => Input::Start,
            Self::Woken => Input::Woken,
            Self::News(News::Lost(delivery)) => Input::Failed(*delivery),
            Self::News(News::Came { status, reset, body }) => {
                let body = body.text(token).into_bytes();
                Input::Response(reset.with(*status).body(body).expect("what can be sent"))
            }
            Self::News(News::HeadCame { status, reset, failure }) => {
                Input::HeadOnly(reset.with(*status).body(*failure).expect("what can be sent"))
            }
        }
    }
}

/// On one line: scripts are printed where they fail.
impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(delivery) => write!(f, "Lost({delivery:?})"),
            Self::Came { status, reset, body } => {
                write!(f, "Came({status}, {:?}, {:?})", reset.headers, body.text("…"))
            }
            Self::HeadCame { status, reset, failure } => {
                write!(f, "HeadCame({status}, {:?}, {failure:?})", reset.headers)
            }
        }
    }
}

/// Headers that ask to wait, in the forms that occur and in some that should not.
#[derive(Debug)]
pub(crate) struct Reset {
    headers: &'static [(&'static str, &'static str)],
    /// How long they ask for, in seconds.
    pub(crate) seconds: Option<u64>,
}

impl Reset {
    /// The head of a response that asks for this.
    fn with(&self, status: u16) -> http::response::Builder {
        let response = Response::builder().status(status);
        self.headers.iter().fold(response, |response, (name, value)| response.header(*name, *value))
    }
}

const fn reset(headers: &'static [(&'static str, &'static str)], seconds: Option<u64>) -> Reset {
    Reset { headers, seconds }
}

static NO_RESET: Reset = reset(&[], None);
static RESETS: [Reset; 22] = [
    reset(&[("ratelimit-reset", "1"), ("ratelimit-reset", "9")], Some(9)),
    reset(&[("ratelimit-reset", "11, 2"), ("retry-after", "3")], Some(11)),
    reset(
        &[("retry-after", "3, Mon, 23 Nov 2026 12:00:30 GMT"), ("date", "Mon, 23 Nov 2026 12:00:00 GMT")],
        Some(30),
    ),
    reset(&[("ratelimit-reset", "0")], Some(0)),
    reset(&[("ratelimit-reset", "1")], Some(1)),
    reset(&[("ratelimit-reset", "17")], Some(17)),
    reset(&[("ratelimit-reset", "1.5")], Some(2)),
    reset(&[("ratelimit-reset", "86400")], Some(86_400)),
    // What is more than a day is no wait.
    reset(&[("ratelimit-reset", "86401")], None),
    reset(&[("ratelimit-reset", "99999999999999999999999")], None),
    reset(&[("ratelimit-reset", "1795449000"), ("retry-after", "4")], Some(4)),
    reset(&[("ratelimit-reset", "-1")], None),
    reset(&[("ratelimit-reset", "soon")], None),
    reset(&[("ratelimit-reset", "")], None),
    reset(&[("retry-after", "3")], Some(3)),
    reset(&[("retry-after", "18446744073709551615")], None),
    reset(&[("retry-after", "86401")], None),
    reset(&[("retry-after", "5"), ("ratelimit-reset", "2")], Some(5)),
    reset(&[("retry-after", "5"), ("ratelimit-reset", "1e3")], Some(5)),
    reset(
        &[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT"), ("date", "Mon, 23 Nov 2026 12:00:00 GMT")],
        Some(30),
    ),
    reset(
        &[("retry-after", "Mon, 23 Nov 2026 11:00:00 GMT"), ("date", "Mon, 23 Nov 2026 12:00:00 GMT")],
        Some(0),
    ),
    // Without a clock of its own, the core cannot tell how far off that is.
    reset(&[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT")], None),
];

/// What is in a reply.
#[derive(Debug)]
pub(crate) enum Body {
    /// A token, and what is said of its lifetime.
    Token {
        expires_in: &'static str,
        lifetime: Option<Duration>,
    },
    Text(&'static str),
}

impl Body {
    fn text(&self, token: &str) -> String {
        match self {
            Self::Token { expires_in: "", .. } => format!(r#"{{"access_token":"{token}"}}"#),
            Self::Token { expires_in, .. } => {
                format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{expires_in}}}"#)
            }
            Self::Text(text) => (*text).into(),
        }
    }
}

const fn token(expires_in: &'static str, lifetime: Option<Duration>) -> Body {
    Body::Token { expires_in, lifetime }
}

static DAY: Body = token("86399", Some(Duration::from_secs(86_399)));
static TOKENS: [Body; 14] = [
    token("", None),
    token("null", None),
    token("true", None),
    token("[1,{}]", None),
    token("\"soon\"", None),
    token("0", None),
    token("-1", None),
    token("\"600\"", Some(Duration::from_secs(600))),
    token("1", Some(Duration::from_secs(1))),
    token("0.5", None),
    token("20", Some(Duration::from_secs(20))),
    token("100", Some(Duration::from_secs(100))),
    token("1e300", Some(Duration::MAX)),
    token("99999999999999999999999", Some(Duration::MAX)),
];
/// The error of a repeat, for operations that have one.
pub(crate) const REPEAT: &str = r#"{"errors":[{"code":"BILLING_CUSTOMER_EXISTS","message":"No."}]}"#;

static TEXTS: [Body; 7] = [
    Body::Text(REPEAT),
    Body::Text(""),
    Body::Text("<html>Bad Gateway</html>"),
    Body::Text(r#"{"code":"OK","users":[{"id":"kp_1"}],"next_token":null}"#),
    Body::Text(r#"{"errors":[{"code":"USER_NOT_FOUND","message":"No."}]}"#),
    Body::Text(r#"{"error":"invalid_client","error_description":"No."}"#),
    Body::Text("{\"access_token\":\"two words\"}"),
];

impl ForEither {
    /// What a healthy service answers.
    pub(crate) fn good() -> Self {
        let came = |body| News::Came { status: 200, reset: &NO_RESET, body };
        Self { token: came(&DAY), operation: came(&TEXTS[3]) }
    }
}

/// Whether this is a request for a token.
pub(crate) fn is_for_token(request: &Request<Vec<u8>>) -> bool {
    request.uri().path() == "/oauth2/token"
}

// ---- making them up

pub(crate) fn scripts() -> impl Strategy<Value = Script> {
    // Some services refuse most of what they are asked.
    let actions = prop_oneof![2 => vec(action(4), 1..=60), 1 => vec(action(120), 1..=60), 1 => vec(action(900), 60..=150)];
    (shared(), vec(call(), 1..=8), actions).prop_map(|(shared, calls, actions)| Script {
        shared,
        calls,
        actions,
    })
}

fn shared() -> impl Strategy<Value = Shared> {
    let pace = prop_oneof![3 => Just(0), 1 => 1_u32..=5, 1 => 1_u32..=50];
    let budget = prop_oneof![2 => Just(100), 2 => 0_u32..4, 1 => Just(u32::MAX)];
    let credentials = prop_oneof![6 => Just(Kind::Client), 1 => Just(Kind::Token)];
    (credentials, any::<u64>(), pace, budget).prop_map(|(credentials, seed, pace, budget)| Shared {
        credentials,
        seed,
        pace,
        budget,
    })
}

fn call() -> impl Strategy<Value = Call> {
    let classes = Vec::from([
        Replay::Safe,
        Replay::Idempotent,
        CreateUserBillingCustomer::META.replay,
        CreateUserBillingCustomer::META.replay,
        Replay::OnlyIfUnsent,
    ]);
    let replay = select(classes);
    let backoff = select(&[0, 500, 60_000, 4_294_967_295][..]).prop_map(Duration::from_millis);
    let longest = select(&[0, 2_000, 30_000, 4_294_967_295][..]).prop_map(Duration::from_millis);
    let deadline = prop_oneof![
        4 => Just(None),
        3 => select(&[3600, 100_000_000][..]).prop_map(Duration::from_secs).prop_map(Some),
        1 => Just(Some(Duration::MAX)),
        1 => (0_u64..30).prop_map(Duration::from_secs).prop_map(Some),
        1 => select(&[0, 1, 1_000_000][..]).prop_map(|nanos| Some(Duration::from_nanos(nanos))),
    ];
    let attempt_timeout = prop_oneof![
        3 => Just(Duration::from_secs(30)),
        1 => Just(Duration::from_nanos(1)),
        1 => Just(Duration::MAX),
    ];
    let policy = (1_u32..=5, backoff, longest, any::<bool>(), any::<bool>());
    (replay, policy, deadline, attempt_timeout).prop_map(|(replay, policy, deadline, attempt_timeout)| {
        let (attempts, backoff, longest_backoff, throttled_creates, reauthenticate_on_403) = policy;
        Call {
            replay,
            attempts,
            backoff,
            longest_backoff,
            deadline,
            attempt_timeout,
            throttled_creates,
            reauthenticate_on_403,
        }
    })
}

/// `refusals` is how likely 401 and 403 are.
fn action(refusals: u32) -> impl Strategy<Value = Action> {
    let who = || 0_usize..8;
    let kind = prop_oneof![3 => Just(Kind::Client), 1 => Just(Kind::Token)];
    prop_oneof![
        30 => (option::of(who()), for_either(refusals)).prop_map(|(who, news)| Action::Serve(who, news)),
        6 => (who(), line(refusals)).prop_map(|(who, line)| Action::Say(who, line)),
        5 => passing().prop_map(Action::Pass),
        2 => option::of(who()).prop_map(Action::Cancel),
        2 => option::of(who()).prop_map(Action::Vanish),
        1 => kind.prop_map(Action::ReplaceCredentials),
        1 => option::of(select(&[0, 20, 100, 86_399][..]).prop_map(Duration::from_secs))
            .prop_map(Action::SupplyToken),
        1 => prop_oneof![Just(0), 1_u32..=5].prop_map(Action::SetPace),
        1 => Just(Action::OpenGate),
    ]
}

fn line(refusals: u32) -> impl Strategy<Value = Line> {
    let news = prop_oneof![token_news(), operation_news(refusals)];
    prop_oneof![Just(Line::Start), Just(Line::Woken), news.prop_map(Line::News)]
}

/// Who is told what, and when: at any time, in no order.
pub(crate) fn hostile_lines() -> impl Strategy<Value = Vec<(usize, Line, Instant)>> {
    let now = prop_oneof![
        5 => (0_u64..300_000).prop_map(|millis| Instant::from_start(Duration::from_millis(millis))),
        1 => Just(Instant::from_start(Duration::MAX)),
    ];
    vec((0_usize..8, line(3), now), 1..=60)
}

fn passing() -> impl Strategy<Value = Passing> {
    let who = || 0_usize..8;
    prop_oneof![
        4 => (0_u64..5_000).prop_map(|millis| Passing::For(Duration::from_millis(millis))),
        2 => (0_u64..200).prop_map(|seconds| Passing::For(Duration::from_secs(seconds))),
        1 => who().prop_map(Passing::ToWait),
        1 => who().prop_map(Passing::JustBefore),
        1 => who().prop_map(Passing::JustAfter),
        5 => Just(Passing::ToRenewal),
        // Longer than any token lasts, and than most deadlines.
        1 => select(&[600, 3_600, 90_000, u64::MAX / 2][..])
            .prop_map(|seconds| Passing::For(Duration::from_secs(seconds))),
    ]
}

fn for_either(refusals: u32) -> impl Strategy<Value = ForEither> {
    (token_news(), operation_news(refusals)).prop_map(|(token, operation)| ForEither { token, operation })
}

fn token_news() -> impl Strategy<Value = News> {
    let issued = prop_oneof![2 => Just(&DAY), 3 => bodies(&TOKENS)];
    prop_oneof![
        8 => came(select(&[200, 201, 299][..]), issued),
        1 => came(Just(200), bodies(&TEXTS)),
        1 => came(select(&[400, 401, 403][..]), bodies(&TEXTS)),
        2 => came(select(&[408, 429, 460, 499, 500, 503, 302][..]), bodies(&TEXTS)),
        2 => delivery().prop_map(News::Lost),
        2 => head_came(select(&[200, 201, 401, 408, 429, 503][..])),
    ]
    .boxed()
}

fn operation_news(refusals: u32) -> impl Strategy<Value = News> {
    prop_oneof![
        4 => came(select(&[200, 201, 204][..]), bodies(&TEXTS)),
        4 => came(select(&[408, 460, 499, 500, 502, 503, 504][..]), bodies(&TEXTS)),
        refusals => came(select(&[401, 403][..]), bodies(&TEXTS)),
        3 => came(Just(429), bodies(&TEXTS)),
        2 => came(100_u16..=999, bodies(&TEXTS)),
        1 => came(select(&[404, 410][..]), bodies(&TEXTS)),
        12 => came(Just(400), bodies(&TEXTS[..1])),
        4 => delivery().prop_map(News::Lost),
        4 => head_came(select(&[200, 201, 204][..])),
        2 => head_came(select(&[302, 401, 403, 404, 429, 500, 501, 503][..])),
    ]
    .boxed()
}

fn head_came(status: impl Strategy<Value = u16>) -> impl Strategy<Value = News> {
    let failure = select(&[BodyFailure::Broken, BodyFailure::TooLarge][..]);
    (status, any_reset(), failure).prop_map(|(status, reset, failure)| News::HeadCame {
        status,
        reset,
        failure,
    })
}

fn any_reset() -> impl Strategy<Value = &'static Reset> {
    prop_oneof![2 => Just(&NO_RESET), 1 => (0..RESETS.len()).prop_map(|at| &RESETS[at])]
}

fn came(
    status: impl Strategy<Value = u16>,
    body: impl Strategy<Value = &'static Body>,
) -> impl Strategy<Value = News> {
    (status, any_reset(), body).prop_map(|(status, reset, body)| News::Came { status, reset, body })
}

fn bodies(from: &'static [Body]) -> impl Strategy<Value = &'static Body> {
    (0..from.len()).prop_map(|at| &from[at])
}

fn delivery() -> impl Strategy<Value = Delivery> {
    select(&[Delivery::NotSent, Delivery::Unknown][..])
}
