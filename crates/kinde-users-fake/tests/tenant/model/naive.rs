//! A tenant in the plainest code that its documentation allows: a list of users, searched from the
//! front each time. It was written from the front page of the fake and the facts of the API, never
//! from the fake's code.
//!
//! Values that a tenant generates, such as ids, have a name here, such as `kp_<3>`. `names` maps
//! them to the values of the fake.

use core::time::Duration;
use std::collections::BTreeSet;

use kinde_users_core::{BillingCustomerId, OrganizationCode, UserId};
use kinde_users_fake::{FakeFactor, FakeIdentity, FakeSession, FakeUser};
use serde_json::{Map, Value, json};

use super::script::{INSTANTS, SECRETS, Seed, Setup, TokenRequest, Trait};
use super::{passwords, shown};
use crate::success;

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) scope: &'static str,
    success: u16,
}

const fn operation(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    scope: &'static str,
    success: u16,
) -> Operation {
    Operation { name, method, path, scope, success }
}

#[rustfmt::skip] // a table
pub(crate) static OPERATIONS: [Operation; 19] = [
    operation("create_user", "POST", "/api/v1/user", "create:users", 200),
    operation("create_user_billing_customer", "POST", "/api/v1/users/{user_id}/billing_customer", "create:user_billing_customers", 200),
    operation("create_user_identity", "POST", "/api/v1/users/{user_id}/identities", "create:user_identities", 201),
    operation("delete_user", "DELETE", "/api/v1/user", "delete:users", 200),
    operation("delete_user_sessions", "DELETE", "/api/v1/users/{user_id}/sessions", "delete:user_sessions", 200),
    operation("get_user_data", "GET", "/api/v1/user", "read:users", 200),
    operation("get_user_identities", "GET", "/api/v1/users/{user_id}/identities", "read:user_identities", 200),
    operation("get_user_property_values", "GET", "/api/v1/users/{user_id}/properties", "read:user_properties", 200),
    operation("get_user_sessions", "GET", "/api/v1/users/{user_id}/sessions", "read:user_sessions", 200),
    operation("get_users", "GET", "/api/v1/users", "read:users", 200),
    operation("get_users_mfa", "GET", "/api/v1/users/{user_id}/mfa", "read:user_mfa", 200),
    operation("refresh_user_claims", "POST", "/api/v1/users/{user_id}/refresh_claims", "update:user_refresh_claims", 200),
    operation("reset_users_mfa", "DELETE", "/api/v1/users/{user_id}/mfa/{factor_id}", "delete:user_mfa", 200),
    operation("reset_users_mfa_all", "DELETE", "/api/v1/users/{user_id}/mfa", "delete:user_mfa", 200),
    operation("set_user_password", "PUT", "/api/v1/users/{user_id}/password", "update:user_passwords", 200),
    operation("update_user", "PATCH", "/api/v1/user", "update:users", 200),
    operation("update_user_feature_flag_override", "PATCH", "/api/v1/users/{user_id}/feature_flags/{feature_flag_key}", "update:user_feature_flags", 200),
    operation("update_user_properties", "PATCH", "/api/v1/users/{user_id}/properties", "update:user_properties", 200),
    operation("update_user_property", "PUT", "/api/v1/users/{user_id}/properties/{property_key}", "update:user_properties", 200),
];

/// A request before encoding.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<String>,
}

impl Call {
    /// Returns the first value of a query argument, because a repeated argument counts once.
    pub(crate) fn argument(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| *other == key).map(|(_, value)| value.as_str())
    }

    /// Returns the operation and its arguments from the path.
    pub(crate) fn operation(&self) -> Option<(&'static Operation, Vec<&str>)> {
        OPERATIONS.iter().find_map(|operation| {
            let template: Vec<&str> = operation.path.split('/').skip(1).collect();
            if operation.method != self.method || template.len() != self.path.len() {
                return None;
            }
            let mut arguments = Vec::new();
            for (wanted, segment) in template.into_iter().zip(&self.path) {
                if wanted.starts_with('{') && !["", ".", ".."].contains(&segment.as_str()) {
                    arguments.push(segment.as_str());
                } else if wanted != segment {
                    return None;
                }
            }
            Some((operation, arguments))
        })
    }
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Done(u16, Value),
    /// The codes of an error body whose `errors` is a list. Their order is not documented.
    List(u16, Vec<String>),
    /// The code of an error body whose `errors` is an object.
    Object(u16, &'static str),
    /// An error of the token endpoint.
    OAuth(u16, &'static str),
    Empty(u16),
}

impl Answer {
    pub(crate) fn unauthorized() -> Self {
        Self::List(401, vec!["UNAUTHORIZED".to_owned()])
    }
}

fn refuse(codes: &[&str]) -> Answer {
    Answer::List(400, codes.iter().map(|code| (*code).to_owned()).collect())
}

pub(super) fn code(argument: &str, ending: &str) -> String {
    format!("{}_{ending}", argument.to_uppercase())
}

fn invalid(argument: &str) -> Answer {
    refuse(&[&code(argument, "INVALID")])
}

type Outcome = Result<Value, Answer>;

pub(crate) struct Member {
    pub(crate) user: FakeUser,
    /// Deleted users stay in the list, so that a position in it never changes its meaning.
    pub(crate) is_deleted: bool,
}

struct Token {
    name: String,
    scopes: Vec<String>,
    expires: Duration,
    is_revoked: bool,
}

impl Token {
    fn is_in(&self, call: &Call) -> bool {
        let header = call.authorization.as_deref().unwrap_or_default();
        header.strip_prefix("Bearer ") == Some(&self.name)
    }
}

pub(crate) struct Model {
    pub(crate) now: Duration,
    pub(crate) members: Vec<Member>,
    secret: &'static str,
    setup: Setup,
    client_id: String,
    /// The keys of all properties that were ever set.
    properties: BTreeSet<String>,
    tokens: Vec<Token>,
    names: usize,
}

impl Model {
    pub(crate) fn new(setup: Setup, client_id: String, now: Duration) -> Self {
        let (members, properties, tokens) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { now, members, secret: SECRETS[0], setup, client_id, properties, tokens, names: 0 }
    }

    /// Creates a name for a new value. The fake's value must begin with the prefix.
    fn name<Id: From<String>>(&mut self, prefix: &str) -> Id {
        self.names += 1;
        format!("{prefix}<{}>", self.names).into()
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &FakeUser> {
        self.members.iter().filter(|member| !member.is_deleted).map(|member| &member.user)
    }

    // ---- Tokens -------------------------------------------------------------

    pub(crate) fn issue(&mut self, scopes: &[&str]) -> String {
        let name: String = self.name("access");
        let all = || OPERATIONS.iter().map(|operation| operation.scope.to_owned()).collect();
        let scopes = if scopes.is_empty() { all() } else { scopes.iter().map(|s| (*s).to_owned()).collect() };
        let expires = self.now + self.setup.token_lifetime;
        self.tokens.push(Token { name: name.clone(), scopes, expires, is_revoked: false });
        name
    }

    pub(crate) fn revoke_tokens(&mut self) {
        for token in &mut self.tokens {
            token.is_revoked = true;
        }
    }

    pub(crate) fn rotate_secret(&mut self, secret: &'static str) {
        self.secret = secret;
    }

    pub(crate) fn token(&mut self, request: &TokenRequest) -> Answer {
        let is_granted = |scope: &&str| OPERATIONS.iter().any(|operation| operation.scope == *scope);
        let scopes = match request {
            TokenRequest::ContentType(_) | TokenRequest::GrantType(_) => {
                return Answer::OAuth(400, "invalid_request");
            }
            TokenRequest::Client(_) => return Answer::Empty(404),
            TokenRequest::Audience(_) => return Answer::OAuth(403, "invalid_request"),
            TokenRequest::Secret(secret) if *secret != self.secret => {
                return Answer::OAuth(401, "invalid_client");
            }
            TokenRequest::Scopes(scopes) if !scopes.iter().all(is_granted) => {
                return Answer::OAuth(403, "invalid_scope");
            }
            TokenRequest::Scopes(scopes) => {
                let is_first = |n: &usize| !scopes[..*n].contains(&scopes[*n]);
                (0..scopes.len()).filter(is_first).map(|n| scopes[n]).collect()
            }
            TokenRequest::Secret(_) => Vec::new(),
        };
        let body = json!({
            "access_token": self.issue(&scopes), "expires_in": self.setup.token_lifetime.as_secs(),
            "scope": scopes.join(" "), "token_type": "bearer",
        });
        Answer::Done(200, body)
    }

    fn authorise(&self, call: &Call, scope: &str) -> Result<(), Answer> {
        match self.tokens.iter().find(|token| token.is_in(call)) {
            None => Err(Answer::unauthorized()),
            Some(token) if token.is_revoked || token.expires <= self.now => Err(Answer::unauthorized()),
            Some(token) if !token.scopes.iter().any(|granted| granted == scope) => {
                Err(Answer::List(403, vec!["SCOPE_MISSING".to_owned()]))
            }
            Some(_) => Ok(()),
        }
    }

    // ---- All operations -----------------------------------------------------

    pub(crate) fn answer(&mut self, call: &Call) -> Answer {
        let Some((operation, path)) = call.operation() else {
            return Answer::Object(404, "ROUTE_NOT_FOUND");
        };
        let outcome =
            self.authorise(call, operation.scope).and_then(|()| self.carry_out(call, operation, &path));
        match outcome {
            Ok(body) => Answer::Done(operation.success, body),
            Err(refusal) => refusal,
        }
    }

    fn carry_out(&mut self, call: &Call, operation: &Operation, path: &[&str]) -> Outcome {
        match operation.name {
            "create_user" => return self.create_user(call),
            "get_users" => return self.get_users(call),
            _ => {}
        }
        let place = match path.first() {
            Some(id) => self.place(id).ok_or_else(|| {
                if operation.path.contains("/sessions") || operation.path.contains("/mfa") {
                    Answer::Object(404, "USER_NOT_FOUND")
                } else {
                    refuse(&["USER_INVALID"])
                }
            })?,
            None => match call.argument("id") {
                None | Some("") => return Err(refuse(&["ID_REQUIRED", "USER_INVALID"])),
                Some(id) => self.place(id).ok_or_else(|| refuse(&["USER_INVALID"]))?,
            },
        };
        match operation.name {
            "create_user_billing_customer" => return self.create_user_billing_customer(call, place),
            "create_user_identity" => return self.create_user_identity(call, place),
            "delete_user" => return self.delete_user(call, place),
            "get_user_identities" => return self.get_user_identities(call, place),
            "get_user_property_values" => return Ok(self.get_user_property_values(place)),
            "update_user_properties" => return self.update_user_properties(call, place),
            "update_user_property" => return self.update_user_property(call, place, path[1]),
            _ => {}
        }
        let now = self.now;
        let user = &mut self.members[place].user;
        match operation.name {
            "delete_user_sessions" => user.sessions.clear(),
            "get_user_data" => return get_user_data(call, user),
            "get_user_sessions" => return Ok(shown::sessions(user, now)),
            "get_users_mfa" => return Ok(shown::factors(user)),
            "refresh_user_claims" => user.claims_refreshed += 1,
            "reset_users_mfa" => {
                let factor = user.factors.iter().position(|factor| factor.id == path[1]);
                user.factors.remove(factor.ok_or(Answer::Object(404, "MFA_NOT_FOUND"))?);
            }
            "reset_users_mfa_all" => user.factors.clear(),
            "set_user_password" => user.password = Some(Box::new(passwords::read(Body::read(call, false)?)?)),
            "update_user" => return update_user(call, user),
            "update_user_feature_flag_override" => {
                let value = call.argument("value").ok_or_else(|| refuse(&["VALUE_REQUIRED"]))?;
                user.feature_flags.insert(path[1].into(), value.to_owned());
            }
            other => unreachable!("{other}"),
        }
        Ok(success())
    }

    /// Returns the position of the user with this id in the list.
    fn place(&self, id: &str) -> Option<usize> {
        self.members.iter().position(|member| !member.is_deleted && member.user.id == id)
    }

    // ---- Events of the scripts ----------------------------------------------------------------

    pub(crate) fn why_unauthorized(&self, call: &Call) -> &'static str {
        match self.tokens.iter().find(|token| token.is_in(call)) {
            None => "a token was unknown",
            Some(token) if token.is_revoked => "a token was revoked",
            Some(_) => "a token had expired",
        }
    }

    /// Returns whether the newest identity of all is one that a deleted user had.
    pub(crate) fn has_one_that_was_deleted(&self) -> bool {
        let newest = self.users().flat_map(|user| &user.identities).max_by_key(|i| number_in(i.id.as_str()));
        let deleted = self.members.iter().filter(|member| member.is_deleted);
        newest.is_some_and(|newest| deleted.clone().any(|member| is_among(newest, &member.user.identities)))
    }

    pub(crate) fn is_after_a_deleted_user(&self, page_token: &str) -> bool {
        number_in(page_token).and_then(|place| self.members.get(place)).is_some_and(|last| last.is_deleted)
    }

    // ---- Users --------------------------------------------------------------

    fn get_users(&self, call: &Call) -> Outcome {
        let mut codes = Vec::new();
        let size = call.argument("page_size").map_or(Some(10), |text| text.parse().ok());
        let size = size.filter(|size| (1..=500).contains(size));
        // A token is named after the last position of its page.
        let first = given(call, "next_token").map_or(Some(0), |token| Some(1 + number_in(token)?));
        let has_organization = call.argument("has_organization");
        let active_since = given(call, "active_since").map(|text| {
            let known = INSTANTS.iter().find(|(other, _)| *other == text);
            known.and_then(|(_, seconds)| *seconds).map(Duration::from_secs)
        });
        let expand = expand(call);
        for (is_wrong, argument) in [
            (size.is_none(), "page_size"),
            (first.is_none(), "next_token"),
            (!matches!(has_organization, None | Some("true" | "false")), "has_organization"),
            (active_since == Some(None), "active_since"),
            (expand.is_err(), "expand"),
        ] {
            if is_wrong {
                codes.push(code(argument, "INVALID"));
            }
        }
        let (Some(size), Some(first), Ok(expand), true) = (size, first, expand, codes.is_empty()) else {
            return Err(Answer::List(400, codes));
        };
        let matches = |user: &FakeUser| {
            let has = |argument: &str, kind: &str| {
                given(call, argument).is_none_or(|wanted| {
                    wanted.split(',').any(|wanted| {
                        let same = |i: &FakeIdentity| i.kind == kind && equal(kind, &i.value, wanted);
                        user.identities.iter().any(same)
                    })
                })
            };
            given(call, "user_id").is_none_or(|ids| ids.split(',').any(|id| user.id == id))
                && has("email", "email")
                && has("username", "username")
                && has("phone", "phone")
                && has_organization.is_none_or(|has| (has == "true") != user.organizations.is_empty())
                && active_since.is_none_or(|since| user.last_signed_in >= since)
        };
        let members = self.members.iter().enumerate().skip(first);
        let mut found: Vec<_> = members.filter(|(_, m)| !m.is_deleted && matches(&m.user)).collect();
        let has_more = found.len() > size;
        found.truncate(size);
        let next_token = found.last().filter(|_| has_more).map(|(place, _)| format!("token<{place}>"));
        let users: Vec<Value> = found.into_iter().map(|(_, m)| shown::user(&m.user, &expand)).collect();
        let users = if users.is_empty() { Value::Null } else { Value::Array(users) };
        Ok(json!({ "code": "OK", "message": "Success", "users": users, "next_token": next_token }))
    }

    fn create_user(&mut self, call: &Call) -> Outcome {
        let mut body = Body::read(call, true)?;
        let mut user = self.new_user();
        if let Some(mut profile) = body.object("profile") {
            user.given_name = profile.text("given_name");
            user.family_name = profile.text("family_name");
            user.picture = profile.text("picture");
            body.codes.append(&mut profile.codes);
        }
        user.organizations.extend(body.text("organization_code").map(Into::into));
        user.provided_id = body.text("provided_id");
        match body.value("identities") {
            None => {}
            Some(Value::Array(items)) => {
                for item in items {
                    let Value::Object(fields) = item else {
                        body.codes.push("IDENTITIES_INVALID".to_owned());
                        continue;
                    };
                    let mut item = Body { fields, codes: Vec::new() };
                    if let Some(identity) = self.new_identity(&mut item) {
                        let is_good = item.codes.is_empty();
                        if is_good && (self.is_taken(&identity) || is_among(&identity, &user.identities)) {
                            item.codes.push("USER_ALREADY_EXISTS".to_owned());
                        }
                        user.identities.push(identity);
                    }
                    body.codes.append(&mut item.codes);
                }
            }
            Some(_) => body.codes.push("IDENTITIES_INVALID".to_owned()),
        }
        body.end()?;
        let made = |identity: &FakeIdentity| json!({ "type": identity.kind, "result": { "created": true } });
        let made: Vec<Value> = user.identities.iter().map(made).collect();
        let id = self.add(user);
        Ok(json!({ "id": id, "created": true, "identities": made }))
    }

    /// Reads an identity of `create_user`, or records what is wrong with it.
    fn new_identity(&self, item: &mut Body) -> Option<FakeIdentity> {
        let is_confirmed = item.flag("is_verified");
        let kind = item.required("type");
        let details = item.object("details");
        let kind = kind?;
        if !["email", "phone", "username"].contains(&kind.as_str()) {
            item.wrong("type", "INVALID");
            return None;
        }
        if item.value("details").is_none() {
            item.wrong("details", "REQUIRED");
        }
        let mut details = details?;
        let value = details.required(&kind);
        if value.as_ref().is_some_and(|value| !is_good(&kind, value)) {
            details.wrong(&kind, "INVALID");
        }
        let is_good = details.codes.is_empty();
        item.codes.append(&mut details.codes);
        let value = value.filter(|_| is_good)?;
        let mut identity = self.identity(&kind, &value);
        identity.is_confirmed = is_confirmed;
        Some(identity)
    }

    fn new_user(&self) -> FakeUser {
        let mut user = FakeUser::default();
        user.created_on = self.now;
        user
    }

    fn identity(&self, kind: &str, value: &str) -> FakeIdentity {
        let mut identity = FakeIdentity::default();
        kind.clone_into(&mut identity.kind);
        value.clone_into(&mut identity.value);
        identity.created_on = self.now;
        identity
    }

    fn is_taken(&self, identity: &FakeIdentity) -> bool {
        self.users().any(|user| is_among(identity, &user.identities))
    }

    /// Adds a user, and creates names for missing ids.
    fn add(&mut self, mut user: FakeUser) -> UserId {
        if user.id == "" {
            user.id = self.name("kp_");
        }
        for identity in &mut user.identities {
            identity.id = self.name("identity_");
        }
        for session in &mut user.sessions {
            session.id = self.name("session_0x");
            session.connection_id = self.name("conn_");
        }
        for factor in &mut user.factors {
            factor.id = self.name("mfa_");
        }
        self.properties.extend(user.properties.keys().map(ToString::to_string));
        let id = user.id.clone();
        // A user who had the id is replaced.
        if let Some(place) = self.place(id.as_str()) {
            self.members[place].is_deleted = true;
        }
        self.members.push(Member { user, is_deleted: false });
        id
    }

    /// Adds a user without the API, so nothing is checked.
    pub(crate) fn seed(&mut self, seed: &Seed) -> UserId {
        let now = self.now;
        let mut user = self.new_user();
        let identity = |kind: &str, value: &str, is_confirmed| {
            let mut identity = self.identity(kind, value);
            identity.is_confirmed = is_confirmed;
            identity
        };
        for new in &seed.0 {
            match *new {
                Trait::Id(id) => user.id = id.into(),
                Trait::ProvidedId(id) => user.provided_id = Some(id.to_owned()),
                Trait::Name(given, family) => {
                    user.given_name = Some(given.to_owned());
                    user.family_name = Some(family.to_owned());
                }
                Trait::Picture(picture) => user.picture = Some(picture.to_owned()),
                Trait::Suspended => user.is_suspended = true,
                Trait::CreatedAgo(ago) => user.created_on = now.saturating_sub(ago),
                Trait::SignedInAgo(ago) => {
                    user.last_signed_in = Some(now.saturating_sub(ago));
                    user.total_sign_ins += 1;
                }
                Trait::Email(value) => user.identities.push(identity("email", value, Some(true))),
                Trait::Phone(value) => user.identities.push(identity("phone", value, None)),
                Trait::Username(value) => user.identities.push(identity("username", value, None)),
                Trait::Connected(kind, value, id) => {
                    let mut identity = identity(kind, value, Some(true));
                    identity.connection_id = Some(id.into());
                    user.identities.push(identity);
                }
                Trait::Organization(code) => user.organizations.push(code.into()),
                Trait::SignedInTo(code, ago) => {
                    user.organizations.push(code.into());
                    user.organization_sign_ins.push((code.into(), now.saturating_sub(ago)));
                    user.last_signed_in = Some(now.saturating_sub(ago));
                    user.total_sign_ins += 1;
                }
                Trait::Property(key, value) => {
                    user.properties.insert(key.into(), value.to_owned());
                }
                Trait::FeatureFlag(key, value) => {
                    user.feature_flags.insert(key.into(), value.to_owned());
                }
                Trait::Session => {
                    let mut session = FakeSession::default();
                    session.client_id = self.client_id.as_str().into();
                    session.started_on = now;
                    user.sessions.push(session);
                }
                Trait::Mfa(kind, name) => {
                    let mut factor = FakeFactor::default();
                    kind.clone_into(&mut factor.kind);
                    name.clone_into(&mut factor.name);
                    user.factors.push(factor);
                }
            }
        }
        for identity in &mut user.identities {
            identity.created_on = user.created_on;
        }
        for factor in &mut user.factors {
            factor.created_on = user.created_on;
        }
        self.add(user)
    }

    fn delete_user(&mut self, call: &Call, place: usize) -> Outcome {
        if !matches!(call.argument("is_delete_profile"), None | Some("true" | "false")) {
            return Err(invalid("is_delete_profile"));
        }
        self.members[place].is_deleted = true;
        Ok(success())
    }

    // ---- Identities ---------------------------------------------------------

    fn get_user_identities(&self, call: &Call, place: usize) -> Outcome {
        let user = &self.members[place].user;
        let identities = &user.identities;
        let size = self.setup.identities_page;
        let cursor = |argument: &str| match given(call, argument) {
            None => Ok(None),
            Some(id) => {
                let place = identities.iter().position(|identity| identity.id == id);
                place.map(Some).ok_or_else(|| invalid(argument))
            }
        };
        let (page, has_more) = match (cursor("starting_after")?, cursor("ending_before")?) {
            (Some(_), Some(_)) => return Err(refuse(&["ENDING_BEFORE_NOT_ALLOWED"])),
            (None, Some(end)) => {
                let start = end.saturating_sub(size);
                (start..end, start > 0)
            }
            (after, None) => {
                let start = after.map_or(0, |after| after + 1);
                let end = identities.len().min(start + size);
                (start..end, end < identities.len())
            }
        };
        let shown: Vec<Value> = page.map(|place| shown::identity(user, place)).collect();
        Ok(json!({ "code": "OK", "message": "Success", "identities": shown, "has_more": has_more }))
    }

    fn create_user_identity(&mut self, call: &Call, place: usize) -> Outcome {
        let mut body = Body::read(call, true)?;
        let kind = body.required("type");
        let value = body.required("value");
        let mut identity = self.identity("", "");
        if kind.as_deref() == Some("phone") {
            body.required("phone_country_id");
        } else {
            body.text("phone_country_id");
        }
        if matches!(kind.as_deref(), Some("social" | "enterprise")) {
            identity.connection_id = body.required("connection_id").map(Into::into);
        } else {
            body.text("connection_id");
        }
        let kinds = ["email", "username", "phone", "enterprise", "social"];
        if kind.as_ref().is_some_and(|kind| !kinds.contains(&kind.as_str())) {
            body.wrong("type", "INVALID");
        }
        let kind = kind.unwrap_or_default();
        identity.kind = if kind == "social" { "oauth2:google".to_owned() } else { kind };
        if let Some(value) = value {
            if !is_good(&identity.kind, &value) {
                body.wrong("value", "INVALID");
            }
            identity.value = value;
        }
        if body.codes.is_empty() && self.is_taken(&identity) {
            body.codes.push("IDENTITY_ALREADY_EXISTS".to_owned());
        }
        body.end()?;
        identity.id = self.name("identity_");
        let id = identity.id.clone();
        self.members[place].user.identities.push(identity);
        Ok(json!({ "code": "OK", "message": "Success", "identity": { "id": id } }))
    }

    // ---- Properties ---------------------------------------------------------

    fn get_user_property_values(&self, place: usize) -> Value {
        let values = &self.members[place].user.properties;
        let listed = |key: &String| {
            json!({
                "id": format!("prop_<{key}>"), "name": key, "description": null, "key": key,
                "value": values.get(key.as_str()),
            })
        };
        let listed: Vec<Value> = self.properties.iter().map(listed).collect();
        json!({ "code": "OK", "message": "Success", "properties": listed })
    }

    fn update_user_property(&mut self, call: &Call, place: usize, key: &str) -> Outcome {
        let value = call.argument("value").ok_or_else(|| refuse(&["VALUE_REQUIRED"]))?;
        self.properties.insert(key.to_owned());
        self.members[place].user.properties.insert(key.into(), value.to_owned());
        Ok(success())
    }

    fn update_user_properties(&mut self, call: &Call, place: usize) -> Outcome {
        let body = Body::read(call, false)?;
        let properties = match body.value("properties") {
            None => return Err(refuse(&["PROPERTIES_REQUIRED"])),
            Some(Value::Object(properties)) => properties,
            Some(_) => return Err(invalid("properties")),
        };
        let is_good = |key: &str, value: &Value| !key.is_empty() && (value.is_string() || value.is_null());
        if !properties.iter().all(|(key, value)| is_good(key, value)) {
            return Err(invalid("properties"));
        }
        for (key, value) in properties {
            let user = &mut self.members[place].user;
            match value {
                Value::String(value) => {
                    self.properties.insert(key.clone());
                    user.properties.insert(key.into(), value);
                }
                _ => {
                    user.properties.remove(key.as_str());
                }
            }
        }
        Ok(success())
    }

    // ---- Billing ------------------------------------------------------------

    fn create_user_billing_customer(&mut self, call: &Call, place: usize) -> Outcome {
        let mut body = Body::read(call, false)?;
        let organization = body.required("org_code");
        let email = body.required("billing_email");
        if email.is_some_and(|email| !is_good("email", &email)) {
            body.wrong("billing_email", "INVALID");
        }
        let plan = body.text("billing_plan_code");
        body.end()?;
        let organization = OrganizationCode::from(organization.unwrap_or_default());
        let id: BillingCustomerId = self.name("customer_");
        let user = &mut self.members[place].user;
        if user.billing_organizations.contains(&organization) {
            return Err(refuse(&["BILLING_CUSTOMER_EXISTS"]));
        }
        user.billing_organizations.push(organization);
        user.billing_customer = Some(id.clone());
        let mut customer = json!({ "id": id });
        if plan.is_some() {
            customer["agreement_id"] = json!(self.name::<String>("agreement_"));
        }
        Ok(json!({ "code": "OK", "message": "Success", "billing_customer": customer }))
    }
}

// ---- Operations on one user -------------------------------------------------

fn get_user_data(call: &Call, user: &FakeUser) -> Outcome {
    let expand = expand(call)?;
    let mut shown = shown::user(user, &expand);
    let fields = shown.as_object_mut().unwrap();
    if let Some(email) = fields.remove("email") {
        fields.insert("preferred_email".to_owned(), email);
    }
    fields.remove("last_organization_sign_ins");
    for identity in fields.get_mut("identities").and_then(Value::as_array_mut).into_iter().flatten() {
        identity.as_object_mut().unwrap().remove("connection_id");
    }
    Ok(shown)
}

fn update_user(call: &Call, user: &mut FakeUser) -> Outcome {
    let mut body = Body::read(call, false)?;
    let mut changed = user.clone();
    for (key, field) in [
        ("given_name", &mut changed.given_name),
        ("family_name", &mut changed.family_name),
        ("picture", &mut changed.picture),
        ("provided_id", &mut changed.provided_id),
    ] {
        let is_name = key != "picture" && key != "provided_id";
        let is_kept = is_name && body.fields.get(key).is_some_and(Value::is_null);
        if body.fields.contains_key(key) && !is_kept {
            *field = body.text(key);
        }
    }
    for (key, field) in [
        ("is_suspended", &mut changed.is_suspended),
        ("is_password_reset_requested", &mut changed.is_password_reset_requested),
    ] {
        if body.fields.contains_key(key) {
            *field = body.flag(key) == Some(true);
        }
    }
    body.end()?;
    *user = changed;
    let mut shown = json!({
        "id": user.id, "picture": user.picture, "is_suspended": user.is_suspended,
        "is_password_reset_requested": user.is_password_reset_requested,
    });
    shown::add(&mut shown, "email", shown::first(user, "email"));
    shown::add(&mut shown, "given_name", user.given_name.as_ref());
    shown::add(&mut shown, "family_name", user.family_name.as_ref());
    Ok(shown)
}

// ---- Reading ----------------------------------------------------------------

/// A JSON object, and everything that is wrong with it.
pub(super) struct Body {
    fields: Map<String, Value>,
    pub(super) codes: Vec<String>,
}

impl Body {
    fn read(call: &Call, is_optional: bool) -> Result<Self, Answer> {
        let fields = match serde_json::from_slice(&call.body) {
            _ if call.body.is_empty() && is_optional => Map::new(),
            Ok(Value::Object(fields)) => fields,
            _ => return Err(invalid("body")),
        };
        Ok(Self { fields, codes: Vec::new() })
    }

    pub(super) fn end(self) -> Result<(), Answer> {
        if self.codes.is_empty() { Ok(()) } else { Err(Answer::List(400, self.codes)) }
    }

    pub(super) fn wrong(&mut self, key: &str, ending: &str) {
        self.codes.push(code(key, ending));
    }

    /// Returns a value, unless it is null: null counts as absent.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        self.fields.get(key).filter(|value| !value.is_null()).cloned()
    }

    fn typed<T>(&mut self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let read = read(&value);
        if read.is_none() {
            self.wrong(key, "INVALID");
        }
        read
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.typed(key, |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.typed(key, Value::as_bool)
    }

    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        self.typed(key, Value::as_u64)
    }

    fn object(&mut self, key: &str) -> Option<Body> {
        let fields = self.typed(key, |value| value.as_object().cloned())?;
        Some(Body { fields, codes: Vec::new() })
    }

    /// Reads a required text that is not empty.
    pub(super) fn required(&mut self, key: &str) -> Option<String> {
        if self.value(key).is_none_or(|value| value == "") {
            self.wrong(key, "REQUIRED");
            return None;
        }
        self.text(key)
    }
}

/// Returns a filter, unless it is empty.
fn given<'a>(call: &'a Call, key: &str) -> Option<&'a str> {
    call.argument(key).filter(|value| !value.is_empty())
}

fn expand(call: &Call) -> Result<Vec<&str>, Answer> {
    let parts: Vec<&str> = given(call, "expand").map_or(Vec::new(), |parts| parts.split(',').collect());
    let is_known = |part: &&str| ["organizations", "identities", "billing"].contains(part);
    if parts.iter().all(is_known) { Ok(parts) } else { Err(invalid("expand")) }
}

/// Returns the number in `token<3>`.
fn number_in(name: &str) -> Option<usize> {
    name.split_once('<')?.1.strip_suffix('>')?.parse().ok()
}

/// Compares without regard to letter case for addresses and names.
fn equal(kind: &str, one: &str, other: &str) -> bool {
    if kind == "email" || kind == "username" {
        one.to_lowercase() == other.to_lowercase()
    } else {
        one == other
    }
}

/// Returns whether one of them is the same address, name or number. Other kinds may be repeated.
fn is_among(identity: &FakeIdentity, others: &[FakeIdentity]) -> bool {
    let is_unique = ["email", "username", "phone"].contains(&identity.kind.as_str());
    let is_same = |other: &FakeIdentity| {
        other.kind == identity.kind && equal(&identity.kind, &other.value, &identity.value)
    };
    is_unique && others.iter().any(is_same)
}

fn is_good(kind: &str, value: &str) -> bool {
    match kind {
        "email" => value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
        "phone" => {
            let digits = value.strip_prefix('+').unwrap_or_default();
            (7..=15).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.starts_with('0')
        }
        _ => true,
    }
}
