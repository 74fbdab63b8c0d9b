//! The table of control routes.

use http::{Method, StatusCode};
use serde_json::json;

use super::{Answer, Call, Control};
use super::{clock, credentials, faults, openapi, requests, tenants, users};

/// A control route. The table is also what `GET /_fake/openapi.json` is made of.
pub(super) struct ControlRoute {
    pub(super) method: Method,
    /// The path after `/_fake`, with its argument in braces.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
    /// The names of the query arguments.
    pub(super) query: &'static [&'static str],
    /// The name of the schema of the body, if it takes one.
    pub(super) takes: Option<&'static str>,
    /// Whether the body may be left out.
    pub(super) optional: bool,
    pub(super) success: StatusCode,
    /// The name of the schema of the reply.
    pub(super) gives: &'static str,
    /// The statuses of refusals besides 400, 403, 405 and 413.
    pub(super) refusals: &'static [u16],
    pub(super) handler: fn(&Control, &Call<'_>) -> Answer,
}

impl ControlRoute {
    /// Returns the argument of the path, if this is the path of the route.
    pub(super) fn arguments(&self, path: &[String]) -> Option<Vec<String>> {
        crate::routes::arguments(self.path, path)
    }

    const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    const fn takes(mut self, schema: &'static str) -> Self {
        self.takes = Some(schema);
        self
    }

    const fn may_take(mut self, schema: &'static str) -> Self {
        self.optional = true;
        self.takes(schema)
    }

    const fn created(mut self) -> Self {
        self.success = StatusCode::CREATED;
        self
    }

    const fn or(mut self, refusals: &'static [u16]) -> Self {
        self.refusals = refusals;
        self
    }
}

type Handler = fn(&Control, &Call<'_>) -> Answer;

const fn route(
    method: Method,
    path: &'static str,
    gives: &'static str,
    handler: Handler,
    summary: &'static str,
) -> ControlRoute {
    ControlRoute {
        method,
        path,
        summary,
        query: &[],
        takes: None,
        optional: false,
        success: StatusCode::OK,
        gives,
        refusals: &[],
        handler,
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

#[rustfmt::skip] // a table
pub(super) static ROUTES: &[ControlRoute] = &[
    route(GET, "/health", "Health", health, "Says that the tenant listens"),
    route(GET, "/openapi.json", "Any", openapi::get, "Describes these routes"),
    route(POST, "/reset", "Done", reset, "Returns to the seed: users, credentials, clock, faults and recorded requests. A seed in the body replaces the old one").may_take("Seed"),
    route(GET, "/state", "State", users::get_state, "Returns users, tokens, credentials and the clock, as a seed"),
    route(PUT, "/state", "Done", users::put_state, "Replaces users, tokens, credentials and the clock by those of a seed. Faults and recorded requests stay").takes("Seed"),
    route(GET, "/users", "Users", users::get_users, "Returns all users in the order of their creation"),
    route(POST, "/users", "Users", users::add, "Adds users without a check, and returns them. A user with the same id is replaced").takes("NewUsers").created(),
    route(DELETE, "/users", "Done", users::forget, "Removes all users, as if they had never existed"),
    route(GET, "/users/{id}", "User", users::get, "Returns one user").or(&[404]),
    route(PATCH, "/users/{id}", "User", users::change, "Changes fields of a user, and returns the user").takes("UserChange").or(&[404]),
    route(DELETE, "/users/{id}", "Done", users::delete, "Deletes a user").or(&[404]),
    route(GET, "/requests", "Requests", requests::get, "Returns the last requests for routes of Kinde, oldest first, with their secrets and values masked").query(&["operation", "status", "limit", "masked"]),
    route(DELETE, "/requests", "Done", requests::forget, "Forgets all recorded requests"),
    route(GET, "/faults", "Faults", faults::get, "Returns the scripted faults that have not happened yet"),
    route(POST, "/faults", "Faults", faults::add, "Scripts a fault for the next requests of an operation, after those that are already scripted").takes("Fault").created().or(&[409]),
    route(DELETE, "/faults", "Done", faults::clear, "Removes the scripted faults"),
    route(POST, "/limits", "Done", faults::set_limit, "Sets a limit on requests, in the place of one of the same kind").takes("Limit"),
    route(DELETE, "/limits", "Done", faults::clear_limits, "Removes all limits on requests"),
    route(GET, "/clock", "Clock", clock::get, "Returns the time of the tenant's clock, and how fast it runs"),
    route(POST, "/clock", "Clock", clock::set, "Moves the clock forward, and sets how fast it runs").takes("ClockChange").or(&[409]),
    route(POST, "/tokens", "Token", credentials::issue, "Issues an access token without a token request").may_take("Scopes"),
    route(POST, "/tokens/revoke", "Done", credentials::revoke, "Revokes all access tokens that were issued so far"),
    route(GET, "/credentials", "Credentials", credentials::get, "Returns what a client needs to get a token"),
    route(POST, "/credentials", "Credentials", credentials::change, "Replaces the client secret, and changes the scopes of the application").takes("CredentialsChange").or(&[409]),
    route(POST, "/api-keys", "ApiKey", credentials::issue_key, "Issues an environment API key").may_take("Scopes").created(),
    route(POST, "/api-keys/revoke", "Done", credentials::revoke_key, "Revokes an environment API key").takes("ApiKey").or(&[404]),
    route(GET, "/tenants", "Tenants", tenants::list, "Returns the tenants that this one opened").or(&[404]),
    route(POST, "/tenants", "Tenant", tenants::open, "Opens a tenant on a port of its own, with its own users, clock, faults, requests and credentials. Without a body it starts from the seed of this one").may_take("Seed").created().or(&[404, 409]),
    route(DELETE, "/tenants/{id}", "Done", tenants::close, "Closes a tenant and its port").or(&[404]),
];

fn health(control: &Control, _: &Call<'_>) -> Answer {
    let version = env!("CARGO_PKG_VERSION");
    Ok(json!({ "status": "ok", "version": version, "users": control.fake.lock().users.len() }))
}

fn reset(control: &Control, call: &Call<'_>) -> Answer {
    let seed = call.optional_body()?;
    let start = control.started(seed)?;
    control.fake.lock().restart(&start);
    *control.start() = start;
    done()
}

/// Returns the reply of a route that has nothing to tell.
pub(super) fn done() -> Answer {
    Ok(json!({ "status": "done" }))
}
