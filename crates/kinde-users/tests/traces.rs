//! The same script through every driver gives the same trace: the bare machine, the blocking and
//! the async client in memory, ureq and hyper over sockets. A trace has what the tenant was sent
//! and when, and what came of each call.

mod sim;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kinde_users::contract::{Lost, Server};
use kinde_users::operations::{CreateUser, DeleteUser, GetUserData, GetUsers, UpdateUser};
use kinde_users::{
    AsyncClient, AsyncTransport, CallOptions, Client, Credentials, Delivery, Domain, Effect, Error, Exchange,
    HyperTransport, Input, Instant, Operation, Pages, Reply, RetryPolicy, Step, Tenant, Transport,
    UreqTransport,
};
use kinde_users_fake::{FakeError, FakeKinde, FakeKindeBuilder, Fault, NewFakeUser};
use sim::SimClock;

/// A tenant that notes what it is sent.
#[derive(Clone)]
struct Site {
    fake: FakeKinde,
    clock: SimClock,
    noted: Arc<Mutex<Noted>>,
    /// Over sockets, a lost connection is lost in the body of the reply.
    cuts_bodies: Arc<AtomicBool>,
}

#[derive(Default)]
struct Noted {
    lines: Vec<String>,
    tokens: Vec<String>,
}

impl Site {
    fn new(fake: FakeKinde) -> Self {
        for name in ["ada", "barbara", "grace", "katherine", "margaret"] {
            fake.add_user(NewFakeUser::new().id(format!("kp_{name}")).email(format!("{name}@example.com")));
        }
        let clock = SimClock::telling({
            let fake = fake.clone();
            move |passed| fake.advance(passed)
        });
        Self { fake, clock, noted: Arc::default(), cuts_bodies: Arc::default() }
    }

    fn handle(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        let mut noted = self.noted.lock().unwrap();
        let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let token = token.map_or_else(|| "-".to_owned(), |token| noted.number_of(token));
        let at = self.clock.time().since_start();
        let (method, target) = (request.method().clone(), request.uri().path_and_query().unwrap().clone());
        let body = request.body().len();
        let result = self.fake.handle(request);
        let answer = match &result {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => format!("{error:?}"),
        };
        noted.lines.push(format!("{at:?} {method} {target} token {token} body {body} -> {answer}"));
        result
    }
}

impl Noted {
    /// Tokens by the order in which they are seen: they hold the time and are long.
    fn number_of(&mut self, token: String) -> String {
        let known = self.tokens.iter().position(|known| *known == token);
        let index = known.unwrap_or_else(|| {
            self.tokens.push(token);
            self.tokens.len() - 1
        });
        (index + 1).to_string()
    }
}

impl Transport for Site {
    type Error = FakeError;

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.handle(request)
    }

    fn delivery(&self, _: &FakeError) -> Delivery {
        Delivery::Unknown
    }
}

impl AsyncTransport for Site {
    type Error = FakeError;

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FakeError> {
        self.handle(request)
    }
}

/// A way to make calls.
trait Driver {
    fn reply<O: Operation + Sync>(&self, operation: &O, options: CallOptions) -> Result<Reply, Error>;
    fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R;
}

/// The machine alone, by hand.
struct Bare {
    tenant: RefCell<Tenant>,
    site: Site,
}

impl Driver for Bare {
    fn reply<O: Operation + Sync>(&self, operation: &O, options: CallOptions) -> Result<Reply, Error> {
        let mut tenant = self.tenant.borrow_mut();
        let mut exchange = Exchange::new(operation, &tenant, options)?;
        let mut input = Input::Start;
        loop {
            input = match exchange.advance(&mut tenant, self.site.clock.time(), input) {
                Step::Send(request) => match self.site.handle(request) {
                    Ok(response) => Input::Response(response),
                    Err(_) => Input::Failed(Delivery::Unknown),
                },
                Step::Wait(wait) => {
                    self.site.clock.pass_to(wait.until);
                    Input::Woken
                }
                Step::Done(result) => return result,
            };
        }
    }

    fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        with(&mut self.tenant.borrow_mut())
    }
}

impl<T: Transport> Driver for Client<T, SimClock> {
    fn reply<O: Operation + Sync>(&self, operation: &O, options: CallOptions) -> Result<Reply, Error> {
        Ok(self.with_options(options).reply(operation)?)
    }

    fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        Client::with_tenant(self, with)
    }
}

struct InRuntime<T>(AsyncClient<T, SimClock>, tokio::runtime::Runtime);

impl<T: AsyncTransport> Driver for InRuntime<T> {
    fn reply<O: Operation + Sync>(&self, operation: &O, options: CallOptions) -> Result<Reply, Error> {
        Ok(self.1.block_on(self.0.with_options(options).reply(operation))?)
    }

    fn with_tenant<R>(&self, with: impl FnOnce(&mut Tenant) -> R) -> R {
        self.0.with_tenant(with)
    }
}

/// A script under way: it makes calls, and notes what came of them.
struct Run<'a, D> {
    driver: &'a D,
    site: &'a Site,
}

impl<D: Driver> Run<'_, D> {
    fn call<O: Operation + Sync>(&self, operation: &O) -> Result<O::Output, Error> {
        self.call_with(operation, CallOptions::new())
    }

    fn call_with<O: Operation + Sync>(
        &self,
        operation: &O,
        options: CallOptions,
    ) -> Result<O::Output, Error> {
        let result = self.driver.reply(operation, options).and_then(Reply::into_output::<O>);
        let line = match &result {
            Ok(_) => format!("{}: ok", O::META.name),
            Err(error) => format!("{error} ({:?})", error.effect()),
        };
        self.site.noted.lock().unwrap().lines.push(line);
        result
    }

    /// Pages through all users, and does something between two pages.
    fn page_through(&self, between: impl Fn()) -> Result<Vec<String>, Error> {
        let mut pages = Pages::new(GetUsers::new().page_size(2));
        let mut ids = Vec::new();
        while let Some(operation) = pages.next_operation()? {
            let page = self.call(&operation)?;
            pages.received(&page);
            ids.extend(page.users.into_iter().map(|user| user.id.into_string()));
            between();
        }
        Ok(ids)
    }

    fn pass(&self, duration: Duration) {
        self.site.clock.pass_to(self.site.clock.time().saturating_add(duration));
    }

    fn fake(&self) -> &FakeKinde {
        &self.site.fake
    }
}

/// Runs a script through every driver, compares the traces, and returns the one that they share.
fn through_all(tenant: fn() -> FakeKindeBuilder, script: &impl Script) -> Vec<String> {
    let fresh = || {
        let site = Site::new(tenant().build());
        let tenant = Tenant::new(site.fake.domain().unwrap(), site.fake.credentials()).with_seed(7);
        (site, tenant)
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = || {
        let (site, _) = fresh();
        let server = Server::losing({
            let site = site.clone();
            move |request| {
                site.handle(request).map_err(|_| {
                    let cut = Response::new(br#"{"users":[{"id":"kp_"#.to_vec());
                    if site.cuts_bodies.load(Ordering::Relaxed) {
                        Lost::InTheBody(Box::new(cut))
                    } else {
                        Lost::WithoutReply
                    }
                })
            }
        });
        let server = server.unwrap();
        let domain = Domain::parse(&server.origin()).unwrap().with_audience(&site.fake.audience());
        let tenant = Tenant::new(domain, site.fake.credentials()).with_seed(7);
        (site, tenant, server)
    };

    let (site, tenant) = fresh();
    let bare = traced(script, &Bare { tenant: RefCell::new(tenant), site: site.clone() }, &site);

    let (site, tenant) = fresh();
    let blocking = traced(script, &Client::new(tenant, site.clone(), site.clock.clone()), &site);
    assert_eq!(blocking, bare, "the blocking client in memory");

    let (site, tenant) = fresh();
    let client = AsyncClient::new(tenant, site.clone(), site.clock.clone());
    assert_eq!(traced(script, &InRuntime(client, runtime()), &site), bare, "the async client in memory");

    let (site, tenant, _server) = served();
    let transport = UreqTransport::configured(|config| config.proxy(None));
    let client = Client::new(tenant, transport, site.clock.clone());
    assert_eq!(traced(script, &client, &site), bare, "ureq");

    let (site, tenant, _server) = served();
    let client = AsyncClient::new(tenant, HyperTransport::new(), site.clock.clone());
    assert_eq!(traced(script, &InRuntime(client, runtime()), &site), bare, "hyper");
    bare
}

fn traced<D: Driver>(script: &impl Script, driver: &D, site: &Site) -> Vec<String> {
    script.run(&Run { driver, site });
    std::mem::take(&mut site.noted.lock().unwrap().lines)
}

/// What to do, with any driver.
trait Script {
    fn run<D: Driver>(&self, run: &Run<'_, D>);
}

/// A test that runs a script through every driver, and looks at what the trace holds.
macro_rules! trace {
    ($name:ident, $tenant:expr, |$run:ident| $script:block, |$lines:ident| $check:block) => {
        #[test]
        fn $name() {
            struct This;

            impl Script for This {
                fn run<D: Driver>(&self, $run: &Run<'_, D>) $script
            }

            let $lines = through_all(|| $tenant, &This);
            $check
        }
    };
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|line| line.contains(text)).count()
}

trace!(
    trace_token_expires_in_mid_paging,
    FakeKinde::builder().token_lifetime(Duration::from_secs(100)),
    |run| {
        let ids = run.page_through(|| run.pass(Duration::from_secs(60))).unwrap();
        assert_eq!(ids.len(), 5);
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 2, "{lines:#?}");
        assert_eq!(count(&lines, "401"), 0, "{lines:#?}");
    }
);

trace!(
    trace_429_then_200,
    FakeKinde::builder(),
    |run| {
        run.fake().next("create_user", Fault::rate_limited(17));
        run.call(&CreateUser::new()).unwrap();
        assert!(run.site.clock.time() >= Instant::from_start(Duration::from_secs(17)));
    },
    |lines| {
        assert_eq!(count(&lines, "POST /api/v1/user "), 2, "{lines:#?}");
    }
);

trace!(
    trace_500_500_200,
    FakeKinde::builder(),
    |run| {
        run.fake().fail("get_users").times(2).with(Fault::server_error());
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "-> 500"), 2, "{lines:#?}");
    }
);

trace!(
    trace_401_once,
    FakeKinde::builder(),
    |run| {
        run.call(&GetUsers::new()).unwrap();
        run.fake().revoke_tokens();
        run.call(&UpdateUser::new("kp_ada").given_name("Ada")).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "-> 401"), 1, "{lines:#?}");
        assert_eq!(count(&lines, "token 2 body"), 1, "{lines:#?}");
    }
);

trace!(
    trace_401_twice,
    FakeKinde::builder(),
    |run| {
        run.fake().fail("get_users").times(2).with(Fault::status(401));
        let error = run.call(&GetUsers::new()).unwrap_err();
        assert!(matches!(error, Error::Api(_)), "{error:?}");
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 2, "{lines:#?}");
        assert_eq!(count(&lines, "-> 401"), 2, "{lines:#?}");
    }
);

trace!(
    trace_reset_on_a_create,
    FakeKinde::builder(),
    |run| {
        run.fake().next("create_user", Fault::connection_lost().after_the_effect());
        let error = run.call(&CreateUser::new().given_name("Mary")).unwrap_err();
        assert_eq!(error.effect(), Effect::Possible);
        assert_eq!(run.fake().users().len(), 6);
    },
    |lines| {
        assert_eq!(count(&lines, "POST /api/v1/user "), 1, "{lines:#?}");
    }
);

trace!(
    trace_lost_reply_on_a_list,
    FakeKinde::builder(),
    |run| {
        run.fake().next("get_users", Fault::connection_lost().after_the_effect());
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "GET /api/v1/users"), 2, "{lines:#?}");
    }
);

trace!(
    trace_cut_body_on_a_list,
    FakeKinde::builder(),
    |run| {
        run.site.cuts_bodies.store(true, Ordering::Relaxed);
        run.fake().next("get_users", Fault::connection_lost().after_the_effect());
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "GET /api/v1/users"), 2, "{lines:#?}");
    }
);

trace!(
    trace_cut_json_on_a_list,
    FakeKinde::builder(),
    |run| {
        run.fake().next("get_users", Fault::cut_body());
        let error = run.call(&GetUsers::new()).unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    },
    |lines| {
        assert_eq!(count(&lines, "GET /api/v1/users"), 1, "{lines:#?}");
    }
);

trace!(
    trace_delete_then_404_after_an_unknown_delivery,
    FakeKinde::builder(),
    |run| {
        run.fake().next("delete_user", Fault::connection_lost().after_the_effect());
        let gone = http::Response::builder().status(404);
        let gone = gone.body(br#"{"errors":{"code":"USER_NOT_FOUND"}}"#.to_vec()).unwrap();
        run.fake().next("delete_user", Fault::reply(gone));
        let error = run.call(&DeleteUser::new("kp_ada")).unwrap_err();
        assert!(error.is_already_gone());
        assert!(run.fake().user("kp_ada").is_none());
    },
    |lines| {
        assert_eq!(count(&lines, "DELETE"), 2, "{lines:#?}");
    }
);

trace!(
    trace_deadline_in_a_wait,
    FakeKinde::builder(),
    |run| {
        run.fake().next("get_users", Fault::rate_limited(500));
        let error = run.call(&GetUsers::new()).unwrap_err();
        assert!(matches!(error, Error::Exhausted { attempts: 1, .. }), "{error:?}");
        let error = run.call(&GetUserData::new("kp_ada")).unwrap_err();
        assert!(matches!(error, Error::TotalTimeout { .. }), "{error:?}");
    },
    |lines| {
        assert_eq!(count(&lines, "GET"), 1, "{lines:#?}");
    }
);

trace!(
    trace_repeated_cursor,
    FakeKinde::builder(),
    |run| {
        let page = br#"{"users":[{"id":"kp_ada"}],"next_token":"again"}"#;
        run.fake().fail("get_users").always().with(Fault::reply(Response::new(page.to_vec())));
        assert!(matches!(run.page_through(|| {}), Err(Error::CursorLoop(_))));
    },
    |lines| {
        assert_eq!(count(&lines, "GET"), 2, "{lines:#?}");
    }
);

trace!(
    trace_secret_rotation,
    FakeKinde::builder(),
    |run| {
        run.call(&GetUsers::new()).unwrap();
        run.fake().rotate_secret("rotated");
        run.fake().revoke_tokens();
        let error = run.call(&GetUsers::new()).unwrap_err();
        assert!(matches!(error, Error::Auth(_)), "{error:?}");
        let id = run.fake().client_id();
        run.driver.with_tenant(|tenant| tenant.replace_credentials(Credentials::new(id, "rotated")));
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 3, "{lines:#?}");
    }
);

trace!(
    trace_token_lifetime_below_the_margin,
    FakeKinde::builder().token_lifetime(Duration::from_secs(1)),
    |run| {
        run.call(&GetUsers::new()).unwrap();
        run.call(&GetUsers::new()).unwrap();
        run.pass(Duration::from_millis(950));
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 2, "{lines:#?}");
    }
);

trace!(
    trace_token_endpoint_refusing,
    FakeKinde::builder(),
    |run| {
        run.fake().rotate_secret("other");
        let error = run.call(&CreateUser::new()).unwrap_err();
        assert_eq!(error.effect(), Effect::None);
        // For a second the answer stands.
        run.call(&CreateUser::new()).unwrap_err();
        run.pass(Duration::from_secs(1));
        run.call(&CreateUser::new()).unwrap_err();
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 2, "{lines:#?}");
        assert_eq!(count(&lines, "POST /api"), 0, "{lines:#?}");
    }
);

trace!(
    trace_token_endpoint_failing_for_a_while,
    FakeKinde::builder(),
    |run| {
        run.fake().fail("token").times(2).with(Fault::unavailable());
        run.fake().next("token", Fault::connection_lost());
        run.call(&GetUsers::new()).unwrap();
    },
    |lines| {
        assert_eq!(count(&lines, "POST /oauth2/token"), 4, "{lines:#?}");
    }
);

trace!(
    trace_redirect_not_followed,
    FakeKinde::builder(),
    |run| {
        let elsewhere = Response::builder().status(307).header("location", "/api/v1/users?page_size=1");
        run.fake().next("get_user_data", Fault::reply(elsewhere.body(Vec::new()).unwrap()));
        let error = run.call(&GetUserData::new("kp_ada")).unwrap_err();
        assert_eq!(error.as_api().unwrap().status(), 307);
    },
    |lines| {
        assert_eq!(count(&lines, "GET"), 1, "{lines:#?}");
    }
);

trace!(
    trace_attempts_spent,
    FakeKinde::builder(),
    |run| {
        run.fake().fail("update_user").always().with(Fault::connection_lost());
        let options = CallOptions::new().retry(RetryPolicy::new().attempts(3));
        let error = run.call_with(&UpdateUser::new("kp_ada").is_suspended(true), options).unwrap_err();
        assert!(matches!(error, Error::Exhausted { attempts: 3, effect: Effect::Possible, .. }), "{error:?}");
    },
    |lines| {
        assert_eq!(count(&lines, "PATCH"), 3, "{lines:#?}");
    }
);
